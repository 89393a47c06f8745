//! The debt agreement of an account (U12–U15): its figures in cells, its plan beside them.
//!
//! What is due, months left and debt period depend on the month that is asked about and are computed
//! from the plan by the core's own module.

use ledger_core::debt::DebtPlan;
use ledger_core::event::AccountEvent;
use ledger_core::num::Money;
use ledger_core::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::FoldError;
use crate::fact::AccountFact;
use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table, parts};

pub(crate) const TABLE: Table = Table {
    projection: "debts",
    version: 1,
    create: "
CREATE TABLE debts (
  account_no INTEGER PRIMARY KEY,
  utility TEXT NOT NULL,
  principal_micro INTEGER NOT NULL, principal_rest INTEGER NOT NULL,
  instalment_micro INTEGER NOT NULL, instalment_rest INTEGER NOT NULL,
  start_month TEXT NOT NULL, plan_start_month TEXT NOT NULL,
  balance_micro INTEGER NOT NULL, balance_rest INTEGER NOT NULL,
  paid_micro INTEGER NOT NULL, paid_rest INTEGER NOT NULL,
  agreed_ms INTEGER NOT NULL, plan TEXT NOT NULL
) STRICT;
",
    digests: &[
        "SELECT a.account, d.* FROM debts d JOIN accounts a USING (account_no) ORDER BY a.account_no",
    ],
};

/// The newest agreement of an account.
#[derive(Debug, Clone)]
pub(crate) struct Debt {
    plan: DebtPlan,
    agreed: Timestamp,
    /// Paid since the agreement, by payments and at closing.
    paid: Money,
}

impl Debt {
    /// What is left.
    pub(crate) fn balance(&self) -> Money {
        self.plan.balance()
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "five kinds of event concern the debt"
)]
pub(crate) fn fold(sheet: &mut Sheet, fact: &AccountFact) -> Result<(), FoldError> {
    match &fact.event {
        AccountEvent::DebtAgreed(e) => {
            let plan = DebtPlan::agreed(e.u, e.a, e.inst, e.start);
            sheet.debt = Some(Part::fresh(Debt {
                plan,
                agreed: fact.at,
                paid: Money::ZERO,
            }));
        }
        AccountEvent::DebtPaid(e) => {
            let debt = open_debt(sheet)?;
            debt.plan.pay(e.a, e.b);
            debt.paid += e.a;
        }
        AccountEvent::DebtRescheduled(e) => open_debt(sheet)?.plan.reschedule(e.inst, e.start),
        AccountEvent::AccountClosed(e) => {
            let taken: Money = e.w.iter().map(|wallet| wallet.debt).sum();
            if taken.is_positive() {
                let debt = open_debt(sheet)?;
                debt.plan.pay(taken, e.b);
                debt.paid += taken;
            }
        }
        _ => {}
    }
    Ok(())
}

fn open_debt(sheet: &mut Sheet) -> Result<&mut Debt, FoldError> {
    let debt = sheet.debt.as_mut().map(Part::edit);
    debt.ok_or_else(|| {
        FoldError::Contradiction("a debt is paid or rescheduled that was never agreed".to_owned())
    })
}

/// Reads a stored plan.
pub(crate) fn plan(cells: &mut Cells<'_, '_>) -> rusqlite::Result<DebtPlan> {
    let text: String = cells.get()?;
    serde_json::from_str(&text).map_err(|e| cells.bad(Type::Text, &e.to_string()))
}

pub(crate) fn load(conn: &Connection, account_no: i64) -> rusqlite::Result<Option<Debt>> {
    conn.prepare_cached(
        "SELECT plan, agreed_ms, paid_micro, paid_rest FROM debts WHERE account_no = ?1",
    )?
    .query_row([account_no], |row| {
        let mut cells = Cells::of(row);
        Ok(Debt {
            plan: plan(&mut cells)?,
            agreed: cells.time()?,
            paid: cells.money()?,
        })
    })
    .optional()
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO debts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    )?;
    for sheet in sheets {
        let no = sheet.no;
        let Some(row) = sheet.debt.as_mut().and_then(Part::take_changed) else {
            continue;
        };
        let plan = serde_json::to_string(&row.plan)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        let (principal_micro, principal_rest) = parts(row.plan.principal);
        let (instalment_micro, instalment_rest) = parts(row.plan.instalment);
        let (balance_micro, balance_rest) = parts(row.plan.balance());
        let (paid_micro, paid_rest) = parts(row.paid);
        statement.execute(params![
            no,
            row.plan.utility.code(),
            principal_micro,
            principal_rest,
            instalment_micro,
            instalment_rest,
            row.plan.start.to_string(),
            row.plan.plan_start().to_string(),
            balance_micro,
            balance_rest,
            paid_micro,
            paid_rest,
            row.agreed.as_millis(),
            plan,
        ])?;
    }
    Ok(())
}
