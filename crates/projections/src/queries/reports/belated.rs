//! Who did not pay for the month that was closed last (E3).

use super::super::Snapshot;
use super::consumer_rows::{COLUMNS, list};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;

pub(super) const REPORT: Report = Report {
    name: "belated",
    about: "Belated consumers, with the last day on which they pay before supply may be cut.",
    takes: &[Takes::Scheme],
    columns: &[&COLUMNS, &OWN],
    run,
};

const OWN: [Column; 1] = [column(
    "payable_to",
    Kind::Date,
    "last day on which it is paid before supply may be cut",
)];

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    list(snapshot, question, "c.status = 'BLTD'", &|row| {
        let scheme = question.scheme_named(&row.scheme);
        let payable_to = scheme.and_then(|scheme| row.belated_until(scheme));
        Some(row.values(question, vec![Value::date(payable_to)]))
    })
}
