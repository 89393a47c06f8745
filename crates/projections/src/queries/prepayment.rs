//! Those who have joined a scheme with arrears (P1–P5).

use ledger_core::ids::{AccountId, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use serde::Serialize;

use super::Snapshot;
use crate::error::ReadModelError;
use crate::sql::Cells;

/// One who has joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrepaymentView {
    /// Utility that is prepaid.
    pub utility: Utility,
    /// Opaque reference of the person.
    pub person: OpaqueRef,
    /// When the person joined.
    pub joined_at: Timestamp,
    /// Arrears as moved in.
    pub arrears_moved_in: Money,
    /// What is left of them.
    pub arrears_left: Money,
    /// Credit the utility granted to begin with.
    pub initial_credit: Money,
    /// Emergency credit that is lent now, a part of the wallet's credit.
    pub emergency_lent: Money,
    /// When emergency credit was last drawn.
    pub emergency_drawn_at: Option<Timestamp>,
}

impl Snapshot {
    /// How one who has joined stands; `None` for an account that has not.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn prepayment(
        &self,
        account: &AccountId,
    ) -> Result<Option<PrepaymentView>, ReadModelError> {
        self.one(
            "SELECT utility, person, joined_ms, moved_in_micro, moved_in_rest, arrears_micro, arrears_rest,
                    granted_micro, granted_rest, lent_micro, lent_rest, drawn_ms
             FROM prepayment JOIN accounts USING (account_no) WHERE account = ?1",
            [account.as_str()],
            |row| {
                let mut cells = Cells::of(row);
                Ok(PrepaymentView {
                    utility: cells.utility()?,
                    person: cells.name(OpaqueRef::parse)?,
                    joined_at: cells.time()?,
                    arrears_moved_in: cells.money()?,
                    arrears_left: cells.money()?,
                    initial_credit: cells.money()?,
                    emergency_lent: cells.money()?,
                    emergency_drawn_at: cells.time_opt()?,
                })
            },
        )
    }
}
