//! Connections that are over and still owe: for recovery (E8, E9, E14).

use ledger_core::status::Status;

use super::super::Snapshot;
use super::consumer_rows::{COLUMNS, list};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;

pub(super) const REPORT: Report = Report {
    name: "permanently-disconnected",
    about: "Permanently disconnected consumers with dues, for recovery.",
    takes: &[Takes::Scheme],
    columns: &[&COLUMNS, &OWN],
    run,
};

const OWN: [Column; 1] = [column("meaning", Kind::Text, "what the status means")];

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let over = "c.status IN ('PDNP', 'PDOR', 'DISP') AND (c.dues_micro > 0 OR (c.dues_micro = 0 AND c.dues_rest > 0))";
    list(snapshot, question, over, &|row| {
        let meaning = Value::text_opt(row.status.map(Status::meaning));
        Some(row.values(question, vec![meaning]))
    })
}
