//! Which numbers an account was given after its first (K1).

use ledger_core::ids::AccountId;
use ledger_core::time::Timestamp;
use serde::Serialize;

use super::Snapshot;
use crate::error::ReadModelError;
use crate::sql::Cells;

/// A number that an account was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NumberView {
    /// The number.
    pub number: AccountId,
    /// Since when.
    pub given_at: Timestamp,
}

impl Snapshot {
    /// The numbers an account was given after its first, oldest first; the last is the one it goes by.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn numbers_of(&self, account: &AccountId) -> Result<Vec<NumberView>, ReadModelError> {
        self.all(
            "SELECT number, given_ms FROM account_numbers WHERE account = ?1 ORDER BY given_ms, number",
            [account.as_str()],
            |row| {
                let mut cells = Cells::of(row);
                Ok(NumberView {
                    number: cells.name(AccountId::parse)?,
                    given_at: cells.time()?,
                })
            },
        )
    }
}
