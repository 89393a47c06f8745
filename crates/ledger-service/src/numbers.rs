//! Numbers that accounts were given later (K1): which account a number is, for ever.
//!
//! A fold of `account-number-given`. The number an account was opened under is its id and is not here.

use ledger_core::ids::AccountId;
use rustc_hash::FxHashMap;

/// Every number that was given later, with its account's id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Numbers(FxHashMap<AccountId, AccountId>);

impl Numbers {
    /// Takes in that a number was given. It is given once, so that hearing of it again changes nothing.
    pub(crate) fn give(&mut self, number: &AccountId, account: &AccountId) {
        self.0.insert(number.clone(), account.clone());
    }

    /// The account of a number.
    pub(crate) fn of(&self, number: &AccountId) -> Option<&AccountId> {
        self.0.get(number)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&AccountId, &AccountId)> {
        self.0.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
