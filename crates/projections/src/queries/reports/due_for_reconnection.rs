//! Who has paid and waits for the JE to connect again (E7).

use super::super::Snapshot;
use super::consumer_rows::{COLUMNS, list};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;

pub(super) const REPORT: Report = Report {
    name: "due-for-reconnection",
    about: "Consumers who have paid all dues while cut off and wait for the JE to connect them.",
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
        "the month that is closed next; after PNR5 it ends the connection",
    ),
];

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let waiting = "c.status IN ('PNR1', 'PNR2', 'PNR3', 'PNR4', 'PNR5')";
    list(snapshot, question, waiting, &|row| {
        let own = vec![Value::month(row.cut_in), Value::month(row.next_close)];
        Some(row.values(question, own))
    })
}
