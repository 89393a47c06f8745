//! The trial balance and the control accounts (C2).

use ledger_core::num::Money;
use ledger_core::utility::Utility;
use rusqlite::Row;
use serde::Serialize;

use super::Snapshot;
use crate::error::ReadModelError;
use crate::models::trial::{
    BILLS_RECEIVABLE, DEBT_RECEIVABLE, EMERGENCY_LENT, SECURITY_DEPOSITS, customer_credit,
};
use crate::sql::Cells;

/// A line of the trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialLine {
    /// Account of the chart, customers' own summed.
    pub ledger_account: String,
    /// Sum of all debits, zero or more.
    pub debit: Money,
    /// Sum of all credits, zero or more.
    pub credit: Money,
    /// Number of postings.
    pub postings: u64,
}

/// The trial balance over the whole log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialBalance {
    /// By name.
    pub lines: Vec<TrialLine>,
    /// Sum of all debits.
    pub debit: Money,
    /// Sum of all credits.
    pub credit: Money,
    /// Both are equal, as they must be.
    pub balanced: bool,
}

/// A control account: the chart's figure against what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlAccount {
    /// Account of the chart.
    pub ledger_account: String,
    /// By the trial balance, on the account's own side.
    pub in_ledger: Money,
    /// What it is made of, in words.
    pub made_of: String,
    /// The sum of that.
    pub in_detail: Money,
    /// `in_ledger` − `in_detail`: zero, as it must be.
    pub difference: Money,
}

impl ControlAccount {
    /// Whether both figures agree.
    #[must_use]
    pub fn ties(&self) -> bool {
        self.difference.is_zero()
    }
}

impl Snapshot {
    /// Debits and credits of every account of the chart.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn trial_balance(&self) -> Result<TrialBalance, ReadModelError> {
        let lines = self.all(
            "SELECT ledger_account, debit_micro, debit_rest, credit_micro, credit_rest, postings
             FROM trial_balance ORDER BY ledger_account",
            [],
            trial_line,
        )?;
        let debit = lines.iter().map(|line| line.debit).sum::<Money>();
        let credit = lines.iter().map(|line| line.credit).sum::<Money>();
        Ok(TrialBalance {
            lines,
            debit,
            credit,
            balanced: debit == credit,
        })
    }

    /// The accounts of the chart that stand for many smaller ones, against the sum of these.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn control_accounts(&self) -> Result<Vec<ControlAccount>, ReadModelError> {
        let trial = self.trial_balance()?;
        let mut controls = Vec::new();
        for utility in Utility::ALL {
            let name = customer_credit(utility);
            let sql = "SELECT ifnull(sum(credit_micro), 0), ifnull(sum(credit_rest), 0) FROM balances WHERE utility = ?1";
            let detail = self.sum(sql, utility.code())?;
            controls.push(control(
                &trial,
                name,
                Side::Credit,
                "credit of every wallet",
                detail,
            ));
        }
        let sql = "SELECT ifnull(sum(balance_micro), 0), ifnull(sum(balance_rest), 0) FROM debts WHERE ?1 = ?1";
        let debts = self.sum(sql, "")?;
        let sql = "SELECT ifnull(sum(arrears_micro), 0), ifnull(sum(arrears_rest), 0) FROM prepayment WHERE ?1 = ?1";
        let detail = debts + self.sum(sql, "")?;
        controls.push(control(
            &trial,
            DEBT_RECEIVABLE.to_owned(),
            Side::Debit,
            "balance of every debt and of all arrears",
            detail,
        ));
        let sql = "SELECT ifnull(sum(lent_micro), 0), ifnull(sum(lent_rest), 0) FROM prepayment WHERE ?1 = ?1";
        let detail = self.sum(sql, "")?;
        controls.push(control(
            &trial,
            EMERGENCY_LENT.to_owned(),
            Side::Debit,
            "emergency credit of everyone who has drawn it",
            detail,
        ));
        controls.extend(self.control_of_consumers(&trial)?);
        controls.extend(self.control_of_channels(&trial)?);
        Ok(controls)
    }

    /// What postpaid consumers owe, and their deposits.
    fn control_of_consumers(
        &self,
        trial: &TrialBalance,
    ) -> Result<Vec<ControlAccount>, ReadModelError> {
        let mut controls = Vec::new();
        for (line, side, columns, made_of) in [
            (
                BILLS_RECEIVABLE,
                Side::Debit,
                "dues",
                "dues of every consumer",
            ),
            (
                SECURITY_DEPOSITS,
                Side::Credit,
                "deposit",
                "deposit of every consumer, and those paid with applications",
            ),
        ] {
            let sql = format!(
                "SELECT ifnull(sum({columns}_micro), 0), ifnull(sum({columns}_rest), 0) FROM consumers WHERE ?1 = ?1"
            );
            let mut detail = self.sum(&sql, "")?;
            if line == SECURITY_DEPOSITS {
                // Paid with an application whose account is not open yet (E14).
                let sql = "SELECT ifnull(sum(held_micro), 0), ifnull(sum(held_rest), 0) FROM applications WHERE ?1 = ?1";
                detail += self.sum(sql, "")?;
            }
            controls.push(control(trial, line.to_owned(), side, made_of, detail));
        }
        Ok(controls)
    }

    /// Money that channels hold, and what waits in suspense.
    fn control_of_channels(
        &self,
        trial: &TrialBalance,
    ) -> Result<Vec<ControlAccount>, ReadModelError> {
        let mut controls = Vec::new();
        let named: Vec<String> = trial
            .lines
            .iter()
            .map(|line| line.ledger_account.clone())
            .collect();
        for name in named {
            if let Some(channel) = name.strip_prefix("channel-receivable:") {
                let sql = "SELECT ifnull(sum(amount_micro), 0), ifnull(sum(amount_rest), 0) FROM settlement_lines WHERE channel = ?1";
                let detail = self.sum(sql, channel)?;
                controls.push(control(
                    trial,
                    name.clone(),
                    Side::Debit,
                    "unsettled lines of the channel",
                    detail,
                ));
            } else if let Some(channel) = name.strip_prefix("suspense:") {
                let sql =
                    "SELECT ifnull(sum(amount_micro), 0), ifnull(sum(amount_rest), 0) FROM suspense
                           WHERE state = 'waiting' AND channel = ?1";
                let detail = self.sum(sql, channel)?;
                controls.push(control(
                    trial,
                    name.clone(),
                    Side::Credit,
                    "waiting payments of the channel",
                    detail,
                ));
            }
        }
        Ok(controls)
    }

    fn sum(&self, sql: &str, of: &str) -> Result<Money, ReadModelError> {
        let found = self.one(sql, [of], |row| Cells::of(row).money())?;
        Ok(found.unwrap_or(Money::ZERO))
    }
}

#[derive(Clone, Copy)]
enum Side {
    Debit,
    Credit,
}

fn control(
    trial: &TrialBalance,
    name: String,
    side: Side,
    made_of: &str,
    in_detail: Money,
) -> ControlAccount {
    let line = trial.lines.iter().find(|line| line.ledger_account == name);
    let net = line.map_or(Money::ZERO, |line| line.debit - line.credit);
    let in_ledger = match side {
        Side::Debit => net,
        Side::Credit => -net,
    };
    let difference = in_ledger - in_detail;
    ControlAccount {
        ledger_account: name,
        in_ledger,
        made_of: made_of.to_owned(),
        in_detail,
        difference,
    }
}

fn trial_line(row: &Row<'_>) -> rusqlite::Result<TrialLine> {
    let mut cells = Cells::of(row);
    Ok(TrialLine {
        ledger_account: cells.get()?,
        debit: cells.money()?,
        credit: cells.money()?,
        postings: cells.count()?,
    })
}
