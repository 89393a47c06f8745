//! The trial balance: debits and credits of every account of the chart (C2).
//!
//! Customers' own accounts are summed into one line a kind (and utility); each customer's is a row of
//! `balances` or `debts`, and the control accounts say whether both agree.

use std::collections::BTreeMap;

use ledger_core::num::Money;
use ledger_core::postings::{LedgerAccount, Posting};
use ledger_core::utility::Utility;
use rusqlite::{Connection, Transaction, params};
use rustc_hash::FxHashMap;

use crate::sheet::Part;
use crate::sql::{Cells, Table, count, parts};

pub(crate) const TABLE: Table = Table {
    projection: "trial-balance",
    version: 2,
    create: "
CREATE TABLE trial_balance (
  ledger_account TEXT PRIMARY KEY,
  debit_micro INTEGER NOT NULL, debit_rest INTEGER NOT NULL,
  credit_micro INTEGER NOT NULL, credit_rest INTEGER NOT NULL,
  postings INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
",
    digests: &["SELECT '', t.* FROM trial_balance t ORDER BY t.ledger_account"],
};

/// Line of all wallets of a utility.
pub(crate) fn customer_credit(utility: Utility) -> String {
    format!("customer-credit:{utility}")
}

/// Line of all dues of postpaid customers.
pub(crate) const BILLS_RECEIVABLE: &str = "bills-receivable";

/// Line of all security deposits.
pub(crate) const SECURITY_DEPOSITS: &str = "security-deposits";

/// Line of all debts.
pub(crate) const DEBT_RECEIVABLE: &str = "debt-receivable";

/// Line of all emergency credit lent.
pub(crate) const EMERGENCY_LENT: &str = "emergency-credit-lent";

/// The line of the trial balance that a posting belongs to.
fn line_of(account: &LedgerAccount) -> String {
    match account {
        LedgerAccount::CustomerCredit(_, utility) => customer_credit(*utility),
        LedgerAccount::DebtReceivable(_) => DEBT_RECEIVABLE.to_owned(),
        LedgerAccount::EmergencyLent(..) => EMERGENCY_LENT.to_owned(),
        LedgerAccount::BillsReceivable(_) => BILLS_RECEIVABLE.to_owned(),
        LedgerAccount::SecurityDeposit(_) => SECURITY_DEPOSITS.to_owned(),
        LedgerAccount::ChannelReceivable(_)
        | LedgerAccount::Surcharge
        | LedgerAccount::Fees
        | LedgerAccount::Revenue(_)
        | LedgerAccount::TaxPayable(_)
        | LedgerAccount::LevyPayable(_)
        | LedgerAccount::LegacyClearing(_)
        | LedgerAccount::DebtOpening(_)
        | LedgerAccount::Suspense(_)
        | LedgerAccount::CreditInTransit
        | LedgerAccount::Rounding
        | LedgerAccount::InitialCreditGranted(_) => account.to_string(),
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    debit: Money,
    credit: Money,
    postings: u64,
}

impl Sums {
    fn add(&mut self, amount: Money) {
        if amount.is_negative() {
            self.credit -= amount;
        } else {
            self.debit += amount;
        }
        self.postings += 1;
    }

    fn merge(&mut self, other: Self) {
        self.debit += other.debit;
        self.credit += other.credit;
        self.postings += other.postings;
    }
}

/// The trial balance in memory. Consumption, nearly all of the log, goes to four fixed places; the rest
/// is found by name.
#[derive(Default)]
pub(crate) struct Trial {
    lines: BTreeMap<String, Part<Sums>>,
    hot: FxHashMap<(bool, Utility), Sums>,
}

impl Trial {
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut statement = conn.prepare(
            "SELECT ledger_account, debit_micro, debit_rest, credit_micro, credit_rest, postings FROM trial_balance",
        )?;
        let mut rows = statement.query([])?;
        let mut trial = Self::default();
        while let Some(row) = rows.next()? {
            let mut cells = Cells::of(row);
            let name = cells.get()?;
            let sums = Sums {
                debit: cells.money()?,
                credit: cells.money()?,
                postings: cells.count()?,
            };
            trial.lines.insert(name, Part::stored(sums));
        }
        Ok(trial)
    }

    pub(crate) fn fold(&mut self, postings: &[Posting]) {
        for posting in postings {
            let hot = match &posting.account {
                LedgerAccount::CustomerCredit(_, utility) => Some((true, *utility)),
                LedgerAccount::Revenue(utility) => Some((false, *utility)),
                LedgerAccount::ChannelReceivable(_)
                | LedgerAccount::DebtReceivable(_)
                | LedgerAccount::TaxPayable(_)
                | LedgerAccount::LevyPayable(_)
                | LedgerAccount::BillsReceivable(_)
                | LedgerAccount::SecurityDeposit(_)
                | LedgerAccount::Surcharge
                | LedgerAccount::Fees
                | LedgerAccount::LegacyClearing(_)
                | LedgerAccount::DebtOpening(_)
                | LedgerAccount::Suspense(_)
                | LedgerAccount::CreditInTransit
                | LedgerAccount::Rounding
                | LedgerAccount::EmergencyLent(..)
                | LedgerAccount::InitialCreditGranted(_) => None,
            };
            match hot {
                Some(key) => self.hot.entry(key).or_default().add(posting.amount),
                None => self.line_mut(line_of(&posting.account)).add(posting.amount),
            }
        }
    }

    fn line_mut(&mut self, name: String) -> &mut Sums {
        self.lines
            .entry(name)
            .or_insert_with(|| Part::fresh(Sums::default()))
            .edit()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for ((is_credit, utility), sums) in std::mem::take(&mut self.hot) {
            let name = if is_credit {
                customer_credit(utility)
            } else {
                format!("revenue:{utility}")
            };
            self.line_mut(name).merge(sums);
        }
        let mut statement =
            tx.prepare_cached("INSERT OR REPLACE INTO trial_balance VALUES (?1,?2,?3,?4,?5,?6)")?;
        for (name, part) in &mut self.lines {
            let Some(row) = part.take_changed() else {
                continue;
            };
            let (debit_micro, debit_rest) = parts(row.debit);
            let (credit_micro, credit_rest) = parts(row.credit);
            let postings = count(row.postings);
            statement.execute(params![
                name,
                debit_micro,
                debit_rest,
                credit_micro,
                credit_rest,
                postings
            ])?;
        }
        Ok(())
    }
}
