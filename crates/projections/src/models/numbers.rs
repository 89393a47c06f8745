//! Numbers that accounts were given after their first (K1).

use ledger_core::event::AccountNumberGiven;
use ledger_core::time::Timestamp;
use rusqlite::{Transaction, params};

use crate::sql::Table;

pub(crate) const TABLE: Table = Table {
    projection: "numbers",
    version: 1,
    create: "
CREATE TABLE account_numbers (
  number TEXT PRIMARY KEY, account TEXT NOT NULL, given_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_numbers_by_account ON account_numbers (account, given_ms);
",
    digests: &["SELECT n.account, n.* FROM account_numbers n ORDER BY n.number"],
};

/// Rows that wait to be written; each is written once.
#[derive(Default)]
pub(crate) struct Numbers {
    rows: Vec<(AccountNumberGiven, Timestamp)>,
}

impl Numbers {
    pub(crate) fn fold(&mut self, at: Timestamp, event: &AccountNumberGiven) {
        self.rows.push((event.clone(), at));
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached("INSERT INTO account_numbers VALUES (?1,?2,?3)")?;
        for (given, at) in self.rows.drain(..) {
            statement.execute(params![
                given.n.as_str(),
                given.account.as_str(),
                at.as_millis()
            ])?;
        }
        Ok(())
    }
}
