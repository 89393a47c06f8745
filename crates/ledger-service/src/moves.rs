//! Credit on its way from a closed account to another (C16): known until it has arrived.
//!
//! The closing and the arrival are two commits, each whole; what a crash leaves in between is found here
//! and finished. A fold of `account-closed` and `credit-moved-in`. Taking the same events in again, in
//! the order of the log, leads to the same moves.

use std::collections::BTreeMap;

use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::utility::Utility;

use crate::task::Mark;

/// Where credit is going.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Move {
    pub(crate) to: AccountId,
    pub(crate) credit: Vec<(Utility, Money)>,
}

/// Moves under way, by the closed account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Moves(BTreeMap<AccountId, Move>);

impl Moves {
    /// Takes in what a decision or the log says.
    pub(crate) fn apply(&mut self, mark: &Mark) {
        match mark {
            Mark::MovedOut { from, to, credit } => {
                self.insert(
                    from.clone(),
                    Move {
                        to: to.clone(),
                        credit: credit.clone(),
                    },
                );
            }
            Mark::MovedIn { from } => {
                self.0.remove(from);
            }
            Mark::Meter { .. } | Mark::Numbered { .. } => {}
        }
    }

    /// Puts a move back as it was.
    pub(crate) fn insert(&mut self, from: AccountId, on_its_way: Move) {
        self.0.insert(from, on_its_way);
    }

    /// The move from a closed account, while it is under way.
    pub(crate) fn of(&self, from: &AccountId) -> Option<&Move> {
        self.0.get(from)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&AccountId, &Move)> {
        self.0.iter()
    }
}
