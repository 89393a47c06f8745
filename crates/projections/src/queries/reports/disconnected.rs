//! Who is cut off for dues and may still pay, with the month whose close cut supply where the JE did not
//! (E5, E6).

use super::super::Snapshot;
use super::consumer_rows::{COLUMNS, list};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;

pub(super) const REPORT: Report = Report {
    name: "disconnected",
    about: "Consumers cut off for dues, with the month whose close cut them where the JE did not.",
    takes: &[Takes::Scheme],
    columns: &[&COLUMNS, &OWN],
    run,
};

const OWN: [Column; 2] = [
    column(
        "cut_in",
        Kind::Month,
        "month whose close cut supply; empty where the JE did",
    ),
    column(
        "next_close",
        Kind::Month,
        "the month that is closed next; unpaid in DIS5 it is final",
    ),
];

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let cut_off = "c.status IN ('DIS1', 'DIS2', 'DIS3', 'DIS4', 'DIS5')";
    list(snapshot, question, cut_off, &|row| {
        let own = vec![Value::month(row.cut_in), Value::month(row.next_close)];
        Some(row.values(question, own))
    })
}
