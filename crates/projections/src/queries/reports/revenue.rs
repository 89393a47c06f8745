//! Revenue and what is taken for others, by utility and month, by the chart of accounts (C2).

use ledger_core::num::Money;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::tie::Tie;
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes, add_total};
use crate::error::ReadModelError;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "revenue",
    about: "Income, levies, taxes, surcharges, fees and rounding by scheme, utility and month.",
    takes: &[Takes::Months, Takes::Scheme, Takes::Utility],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 7] = [
    column("scheme", Kind::Text, "scheme by name"),
    column(
        "month",
        Kind::Month,
        "month of consumption, or the one it was billed in",
    ),
    column("utility", Kind::Text, "utility"),
    column("ledger_account", Kind::Text, "account of the chart"),
    column(
        "line",
        Kind::Text,
        "energy, standing, pass-through, adjustment, levy, tax, surcharge, fee or rounding",
    ),
    column(
        "amount",
        Kind::Money,
        "credits less debits: what was earned or is owed to others",
    ),
    column("events", Kind::Count, "events that posted it"),
];

/// The question but its page: `?1` to `?4`.
const WANTED: &str = "month >= ifnull(?1, month) AND month <= ifnull(?2, month)
  AND (?3 IS NULL OR scheme = ?3) AND (?4 IS NULL OR utility = ?4)";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let skip = question.page.after.unwrap_or(0).max(0);
    let from = question.from_month.map(|month| month.to_string());
    let to = question.to_month.map(|month| month.to_string());
    let rows = snapshot.all(
        &format!(
            "SELECT scheme, month, utility, ledger_account, line, amount_micro, amount_rest, events
             FROM revenue_monthly WHERE {WANTED}
             ORDER BY scheme, month, utility, ledger_account, line LIMIT ?5 OFFSET ?6"
        ),
        params![
            from,
            to,
            question.scheme,
            question.utility_code(),
            i64::from(question.page.limit) + 1,
            skip
        ],
        earned,
    )?;
    let mut answer = Answer::rows(page_of((skip + 1..).zip(rows).collect(), question.page));
    if !question.is_first() {
        return Ok(answer);
    }
    let sql = format!(
        "SELECT ledger_account, scheme, sum(iif({WANTED}, amount_micro, 0)), sum(iif({WANTED}, amount_rest, 0)),
                sum(iif({WANTED}, 0, amount_micro)), sum(iif({WANTED}, 0, amount_rest))
         FROM revenue_monthly GROUP BY ledger_account, scheme ORDER BY ledger_account, scheme"
    );
    let bounds = params![from, to, question.scheme, question.utility_code()];
    for (account, scheme, inside, outside) in snapshot.all(&sql, bounds, sums)? {
        add_total(
            &mut answer.totals,
            &account,
            &question.currency(&scheme),
            inside,
        );
        match answer.ties.last_mut() {
            Some(tie) if tie.ledger_account == account => {
                tie.in_report += inside;
                tie.elsewhere += outside;
            }
            Some(_) | None => answer.ties.push(Tie {
                in_report: inside,
                elsewhere: outside,
                in_ledger: -snapshot.debit_of(&account)?,
                ledger_account: account,
            }),
        }
    }
    Ok(answer)
}

fn sums(row: &Row<'_>) -> rusqlite::Result<(String, String, Money, Money)> {
    let mut cells = Cells::of(row);
    Ok((cells.get()?, cells.get()?, cells.money()?, cells.money()?))
}

fn earned(row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
    let mut cells = Cells::of(row);
    Ok(vec![
        Value::Text(cells.get()?),
        Value::Month(cells.month()?),
        Value::text(cells.utility()?),
        Value::Text(cells.get()?),
        Value::Text(cells.get()?),
        Value::Money(cells.money()?),
        Value::Count(cells.count()?),
    ])
}
