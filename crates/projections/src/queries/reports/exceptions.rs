//! What was out of the ordinary with readings: conflicting, implausible, late, gaps, suspected exchanges
//! (C8–C10).

use ledger_core::ids::AccountId;
use ledger_core::num::Quantity;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "exceptions",
    about: "Readings that wait for a person: implausible spells and suspected exchanges; with everything, conflicts, late readings and gaps too.",
    takes: &[
        Takes::Scheme,
        Takes::Utility,
        Takes::Account,
        Takes::Everything,
    ],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 14] = [
    column("account", Kind::Text, "account"),
    column("scheme", Kind::Text, "scheme by name"),
    column("utility", Kind::Text, "utility"),
    column("meter", Kind::Text, "meter"),
    column(
        "number",
        Kind::Count,
        "number within the meter's exceptions",
    ),
    column(
        "kind",
        Kind::Text,
        "conflicting, late, gap, quarantined or suspected-exchange",
    ),
    column("why", Kind::Text, "why, in a stable word"),
    column(
        "from",
        Kind::Time,
        "when the first reading concerned was read",
    ),
    column("to", Kind::Time, "when the last was"),
    column("readings", Kind::Count, "readings concerned"),
    column("first_value", Kind::Quantity, "register value of the first"),
    column("last_value", Kind::Quantity, "register value of the last"),
    column("recorded", Kind::Time, "when it was recorded"),
    column(
        "ended_by",
        Kind::Text,
        "what ended it; empty while it is open",
    ),
];

const SQL: &str =
    "SELECT a.account, a.scheme, m.utility, m.meter, e.n, e.kind, e.why, e.from_ms, e.to_ms, e.readings,
         e.first_micro, e.last_micro, e.recorded_ms, e.ended_by
  FROM exceptions e JOIN meters m USING (meter_no) JOIN accounts a USING (account_no)
  WHERE (?1 IS NULL OR a.scheme = ?1) AND (?2 IS NULL OR m.utility = ?2) AND (?3 IS NULL OR a.account = ?3)
    AND (?4 OR e.ended_ms IS NULL)
  ORDER BY e.meter_no, e.n LIMIT ?5 OFFSET ?6";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let skip = question.page.after.unwrap_or(0).max(0);
    let bounds = params![
        question.scheme,
        question.utility_code(),
        question.account.as_ref().map(AccountId::as_str),
        question.everything,
        i64::from(question.page.limit) + 1,
        skip
    ];
    let rows = snapshot.all(SQL, bounds, |row| exception(row, question))?;
    Ok(Answer::rows(page_of(
        (skip + 1..).zip(rows).collect(),
        question.page,
    )))
}

fn exception(row: &Row<'_>, question: &Question) -> rusqlite::Result<Vec<Value>> {
    let mut cells = Cells::of(row);
    let (account, scheme): (String, String) = (cells.get()?, cells.get()?);
    let zone = question.zone(&scheme);
    let value = |micro: Option<i64>| {
        micro.map_or(Value::Empty, |micro| {
            Value::Quantity(Quantity::from_micro(micro))
        })
    };
    Ok(vec![
        Value::Text(account),
        Value::Text(scheme.clone()),
        Value::text(cells.utility()?),
        Value::Text(cells.get()?),
        Value::Count(cells.count()?),
        Value::Text(cells.get()?),
        Value::Text(cells.get()?),
        Value::time(zone, cells.time()?),
        Value::time(zone, cells.time()?),
        Value::Count(cells.count()?),
        value(cells.get()?),
        value(cells.get()?),
        Value::time(zone, cells.time()?),
        Value::text_opt(cells.get::<Option<String>>()?),
    ])
}
