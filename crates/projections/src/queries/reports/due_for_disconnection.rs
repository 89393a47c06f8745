//! Who is due for disconnection as of a day: belated consumers after the last day to pay (E5), temporary
//! connections that owe (E14), customers with a bill past its day (K4).

use ledger_core::status::Status;
use ledger_core::time::LocalDate;

use super::super::Snapshot;
use super::consumer_rows::{COLUMNS, ConsumerRow, list};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, SchemeLocal, Takes};
use crate::error::ReadModelError;

pub(super) const REPORT: Report = Report {
    name: "due-for-disconnection",
    about: "Consumers whose supply may be cut for dues as of a day, with the last day on which they could pay.",
    takes: &[Takes::AsOf, Takes::Scheme],
    columns: &[&COLUMNS, &OWN],
    run,
};

const OWN: [Column; 2] = [
    column(
        "payable_to",
        Kind::Date,
        "last day on which it could be paid",
    ),
    column("why", Kind::Text, "belated, temporary or bill-overdue"),
];

/// Who may be on the list at all; the day decides.
const MAY_BE_CUT: &str = "(c.status = 'BLTD' OR ((c.status IS NULL OR c.status IN ('NEW', 'EXTN'))
       AND (c.dues_micro > 0 OR (c.dues_micro = 0 AND c.dues_rest > 0))))";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    question.must_not_look_back()?;
    list(snapshot, question, MAY_BE_CUT, &|row| {
        let scheme = question.scheme_named(&row.scheme)?;
        let (payable_to, why) = judged(row, scheme)?;
        let is_due = question.date(&row.scheme)? > payable_to;
        let own = vec![Value::Date(payable_to), Value::text(why)];
        is_due.then(|| row.values(question, own))
    })
}

/// The last day to pay, and why it matters.
fn judged(row: &ConsumerRow, scheme: &SchemeLocal) -> Option<(LocalDate, &'static str)> {
    match row.status {
        Some(Status::Bltd) => Some((row.belated_until(scheme)?, "belated")),
        Some(_) => Some((row.belated_until(scheme)?, "temporary")),
        None => Some((row.billing.oldest_due()?, "bill-overdue")),
    }
}
