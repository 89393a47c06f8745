//! How many consumers stood where at each month's close, and where they stand now (E17).

use ledger_core::status::Status;
use ledger_core::time::Month;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "consumer-counts",
    about: "Consumers by status at each month's close, and by status now.",
    takes: &[Takes::Months],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 5] = [
    column("at", Kind::Text, "close (of the month) or now"),
    column(
        "month",
        Kind::Month,
        "the month that was closed; none in a row of now",
    ),
    column("status", Kind::Text, "status"),
    column("meaning", Kind::Text, "what it means"),
    column("consumers", Kind::Count, "how many"),
];

/// Closes by month, then the present.
const SQL: &str = "SELECT 'close', month, status, n FROM status_counts
  WHERE month >= ifnull(?1, month) AND month <= ifnull(?2, month)
  UNION ALL
  SELECT 'now', NULL, status, count(*) FROM consumers
  WHERE status IS NOT NULL AND ?1 IS NULL AND ?2 IS NULL GROUP BY status
  ORDER BY 1, 2, 3 LIMIT ?3 OFFSET ?4";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let skip = question.page.after.unwrap_or(0).max(0);
    let bounds = params![
        question.from_month.map(|month| month.to_string()),
        question.to_month.map(|month| month.to_string()),
        i64::from(question.page.limit) + 1,
        skip
    ];
    let rows = snapshot.all(SQL, bounds, counted)?;
    Ok(Answer::rows(page_of(
        (skip + 1..).zip(rows).collect(),
        question.page,
    )))
}

fn counted(row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
    let mut cells = Cells::of(row);
    let at: String = cells.get()?;
    let month: Option<Month> = cells.month_opt()?;
    let status: Status = cells.status()?;
    Ok(vec![
        Value::Text(at),
        Value::month(month),
        Value::text(status.code()),
        Value::text(status.meaning()),
        Value::Count(cells.count()?),
    ])
}
