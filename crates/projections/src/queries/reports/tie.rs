//! How a report's money stands against the trial balance (C2): what it shows, and what of the same account
//! of the chart it leaves out, are together what is posted there.

use ledger_core::num::Money;
use rusqlite::Params;

use super::super::Snapshot;
use crate::error::ReadModelError;
use crate::sql::Cells;

/// A report's figure against an account of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    /// Account of the chart, as the trial balance names it.
    pub ledger_account: String,
    /// Sum over the report's rows.
    pub in_report: Money,
    /// What of the account is in no row of this report.
    pub elsewhere: Money,
    /// By the trial balance, on the side of the report's rows.
    pub in_ledger: Money,
}

impl Tie {
    /// Whether all of the account is accounted for.
    #[must_use]
    pub fn ties(&self) -> bool {
        self.in_report + self.elsewhere == self.in_ledger
    }
}

impl Snapshot {
    /// Debits less credits of an account of the chart.
    pub(super) fn debit_of(&self, ledger_account: &str) -> Result<Money, ReadModelError> {
        self.money_of(
            "SELECT debit_micro - credit_micro, debit_rest - credit_rest FROM trial_balance WHERE ledger_account = ?1",
            [ledger_account],
        )
    }

    /// One amount; zero where there is no row.
    pub(super) fn money_of(&self, sql: &str, params: impl Params) -> Result<Money, ReadModelError> {
        let found = self.one(sql, params, |row| Cells::of(row).money())?;
        Ok(found.unwrap_or(Money::ZERO))
    }
}
