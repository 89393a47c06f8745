//! Consumption of everybody by utility and month, against the month before and the year before (U18).

use ledger_core::num::Quantity;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::consumption_trends::{CHANGES, changes};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "consumption-totals",
    about: "Consumption by scheme, utility and month, with the change to the month before and to the year before.",
    takes: &[Takes::Months, Takes::Scheme, Takes::Utility],
    columns: &[&COLUMNS, &CHANGES],
    run,
};

const COLUMNS: [Column; 4] = [
    column("scheme", Kind::Text, "scheme by name"),
    column("utility", Kind::Text, "utility"),
    column("month", Kind::Month, "billing month"),
    column(
        "accounts",
        Kind::Count,
        "accounts with consumption or a reading in the month",
    ),
];

const SQL: &str = "WITH used AS (
    SELECT a.scheme, m.utility, c.month, count(DISTINCT m.account_no) AS accounts, sum(c.quantity_micro) AS quantity
    FROM consumption_monthly c JOIN meters m USING (meter_no) JOIN accounts a USING (account_no)
    GROUP BY a.scheme, m.utility, c.month)
  SELECT u.scheme, u.utility, u.month, u.accounts, u.quantity, b.quantity, y.quantity
  FROM used u
  LEFT JOIN used b ON b.scheme = u.scheme AND b.utility = u.utility
    AND b.month = strftime('%Y-%m', u.month || '-01', '-1 month')
  LEFT JOIN used y ON y.scheme = u.scheme AND y.utility = u.utility
    AND y.month = strftime('%Y-%m', u.month || '-01', '-1 year')
  WHERE u.month >= ifnull(?1, u.month) AND u.month <= ifnull(?2, u.month)
    AND (?3 IS NULL OR u.scheme = ?3) AND (?4 IS NULL OR u.utility = ?4)
  ORDER BY u.scheme, u.utility, u.month LIMIT ?5 OFFSET ?6";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let skip = question.page.after.unwrap_or(0).max(0);
    let bounds = params![
        question.from_month.map(|month| month.to_string()),
        question.to_month.map(|month| month.to_string()),
        question.scheme,
        question.utility_code(),
        i64::from(question.page.limit) + 1,
        skip
    ];
    let rows = snapshot.all(SQL, bounds, usage)?;
    Ok(Answer::rows(page_of(
        (skip + 1..).zip(rows).collect(),
        question.page,
    )))
}

fn usage(row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
    let mut cells = Cells::of(row);
    let mut values = vec![
        Value::Text(cells.get()?),
        Value::text(cells.utility()?),
        Value::Month(cells.month()?),
        Value::Count(cells.count()?),
    ];
    let quantity = cells.quantity()?;
    let month_before = cells.get::<Option<i64>>()?.map(Quantity::from_micro);
    let year_before = cells.get::<Option<i64>>()?.map(Quantity::from_micro);
    values.extend(changes(quantity, month_before, year_before));
    Ok(values)
}
