//! Debt agreements with what is left, due, and for how long (U12–U15).

use ledger_core::debt::DebtPlan;
use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Timestamp};
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::tie::Tie;
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes, add_total};
use crate::error::ReadModelError;
use crate::models::debts::plan;
use crate::models::trial::DEBT_RECEIVABLE;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "debt-periods",
    about: "Debt agreements: principal, instalment, what is left and due, months left and the debt period.",
    takes: &[
        Takes::AsOf,
        Takes::Scheme,
        Takes::Utility,
        Takes::Everything,
    ],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 13] = [
    column("account", Kind::Text, "account"),
    column("scheme", Kind::Text, "scheme by name"),
    column("utility", Kind::Text, "utility whose department is owed"),
    column("agreed", Kind::Time, "when it was agreed"),
    column("principal", Kind::Money, "principal of the agreement"),
    column("instalment", Kind::Money, "monthly instalment now"),
    column("start_month", Kind::Month, "first month of the agreement"),
    column(
        "plan_start_month",
        Kind::Month,
        "first month of the plan in force",
    ),
    column("paid", Kind::Money, "paid so far"),
    column("balance", Kind::Money, "what is left"),
    column(
        "due",
        Kind::Money,
        "what is due, missed instalments included",
    ),
    column(
        "months_left",
        Kind::Count,
        "months left at the present instalment",
    ),
    column(
        "debt_period",
        Kind::Count,
        "months from the start to the month in which it will be cleared",
    ),
];

struct Agreement {
    no: i64,
    account: AccountId,
    scheme: String,
    plan: DebtPlan,
    agreed: Timestamp,
    paid: Money,
}

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    question.must_not_look_back()?;
    let found = snapshot.all(
        "SELECT d.account_no, a.account, a.scheme, d.plan, d.agreed_ms, d.paid_micro, d.paid_rest
         FROM debts d JOIN accounts a USING (account_no)
         WHERE d.account_no > ?1 AND (?2 IS NULL OR a.scheme = ?2) AND (?3 IS NULL OR d.utility = ?3)
           AND (?4 OR d.balance_micro <> 0 OR d.balance_rest <> 0)
         ORDER BY d.account_no LIMIT ?5",
        params![
            question.page.after.unwrap_or(0),
            question.scheme,
            question.utility_code(),
            question.everything,
            i64::from(question.page.limit) + 1
        ],
        agreement,
    )?;
    let rows = found.iter().map(|a| (a.no, row(a, question))).collect();
    let mut answer = Answer::rows(page_of(rows, question.page));
    if question.is_first() {
        let shown = sums(snapshot, question, &mut answer)?;
        let all = snapshot.money_of(
            "SELECT (SELECT ifnull(sum(balance_micro), 0) FROM debts) + (SELECT ifnull(sum(arrears_micro), 0) FROM prepayment),
                    (SELECT ifnull(sum(balance_rest), 0) FROM debts) + (SELECT ifnull(sum(arrears_rest), 0) FROM prepayment)",
            [],
        )?;
        answer.ties = vec![Tie {
            ledger_account: DEBT_RECEIVABLE.to_owned(),
            in_report: shown,
            elsewhere: all - shown,
            in_ledger: snapshot.debit_of(DEBT_RECEIVABLE)?,
        }];
    }
    Ok(answer)
}

/// Balances of all rows by currency; gives their sum.
fn sums(
    snapshot: &Snapshot,
    question: &Question,
    answer: &mut Answer,
) -> Result<Money, ReadModelError> {
    let by_scheme = snapshot.all(
        "SELECT a.scheme, sum(d.balance_micro), sum(d.balance_rest)
         FROM debts d JOIN accounts a USING (account_no)
         WHERE (?1 IS NULL OR a.scheme = ?1) AND (?2 IS NULL OR d.utility = ?2) GROUP BY a.scheme ORDER BY a.scheme",
        params![question.scheme, question.utility_code()],
        |row| {
            let mut cells = Cells::of(row);
            Ok((cells.get::<String>()?, cells.money()?))
        },
    )?;
    let mut shown = Money::ZERO;
    for (scheme, balance) in by_scheme {
        add_total(
            &mut answer.totals,
            "balance",
            &question.currency(&scheme),
            balance,
        );
        shown += balance;
    }
    Ok(shown)
}

fn row(agreement: &Agreement, question: &Question) -> Vec<Value> {
    let Agreement {
        account,
        scheme,
        plan,
        agreed,
        paid,
        ..
    } = agreement;
    let month = question
        .date(scheme)
        .map_or_else(|| plan.plan_start(), LocalDate::month);
    vec![
        Value::text(account),
        Value::text(scheme),
        Value::text(plan.utility),
        Value::time(question.zone(scheme), *agreed),
        Value::Money(plan.principal),
        Value::Money(plan.instalment),
        Value::Month(plan.start),
        Value::Month(plan.plan_start()),
        Value::Money(*paid),
        Value::Money(plan.balance()),
        Value::Money(plan.due(month)),
        Value::Count(u64::from(plan.months_left())),
        Value::Count(u64::from(plan.period(month))),
    ]
}

fn agreement(row: &Row<'_>) -> rusqlite::Result<Agreement> {
    let mut cells = Cells::of(row);
    Ok(Agreement {
        no: cells.get()?,
        account: cells.name(AccountId::parse)?,
        scheme: cells.get()?,
        plan: plan(&mut cells)?,
        agreed: cells.time()?,
        paid: cells.money()?,
    })
}
