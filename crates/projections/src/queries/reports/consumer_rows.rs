//! What the lists of postpaid consumers share: going through consumers of some statuses, keeping those that
//! belong on the list, summing what they owe.

use ledger_core::account::Billing;
use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::status::Status;
use ledger_core::time::{LocalDate, Month, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::tie::Tie;
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, SchemeLocal, add_total};
use crate::error::ReadModelError;
use crate::models::consumers::state;
use crate::models::trial::BILLS_RECEIVABLE;
use crate::sql::Cells;

/// Consumers looked at in one statement.
const CHUNK_ROWS: usize = 1_000;

/// A postpaid consumer.
pub(super) struct ConsumerRow {
    no: i64,
    pub(super) account: AccountId,
    pub(super) scheme: String,
    class: String,
    utility: Utility,
    pub(super) status: Option<Status>,
    since: Timestamp,
    pub(super) next_close: Option<Month>,
    pub(super) cut_in: Option<Month>,
    /// Exactly; below zero is credit.
    pub(super) dues: Money,
    deposit: Money,
    oldest: Option<Month>,
    pub(super) billing: Billing,
}

const SQL: &str = "SELECT c.account_no, a.account, a.scheme, a.class, c.utility, c.status, c.status_ms,
    c.next_close, c.cut_in, c.dues_micro, c.dues_rest, c.deposit_micro, c.deposit_rest, c.oldest_month, c.state
  FROM consumers c JOIN accounts a USING (account_no)
  WHERE c.account_no > ?1 AND (?2 IS NULL OR a.scheme = ?2)";

/// The columns of every list of consumers.
pub(super) const COLUMNS: [Column; 9] = [
    column("account", Kind::Text, "account"),
    column("scheme", Kind::Text, "scheme by name"),
    column("class", Kind::Text, "customer class"),
    column("utility", Kind::Text, "utility that is billed"),
    column(
        "status",
        Kind::Text,
        "status; empty where the scheme has no statuses",
    ),
    column("since", Kind::Time, "since when it has this status"),
    column(
        "oldest_month",
        Kind::Month,
        "oldest month that is not paid whole",
    ),
    column(
        "dues",
        Kind::Money,
        "what is owed, exactly; below zero is credit",
    ),
    column("deposit", Kind::Money, "security deposit held"),
];

impl ConsumerRow {
    /// The values of the common columns, then the list's own.
    pub(super) fn values(&self, question: &Question, own: Vec<Value>) -> Vec<Value> {
        let mut values = vec![
            Value::text(&self.account),
            Value::text(&self.scheme),
            Value::text(&self.class),
            Value::text(self.utility),
            Value::text_opt(self.status.map(Status::code)),
            Value::time(question.zone(&self.scheme), self.since),
            Value::month(self.oldest),
            Value::Money(self.dues),
            Value::Money(self.deposit),
        ];
        values.extend(own);
        values
    }

    /// The last day on which a belated bill is paid before supply may be cut (E5).
    pub(super) fn belated_until(&self, scheme: &SchemeLocal) -> Option<LocalDate> {
        let day = i32::try_from(scheme.belated_to_day?).ok()?;
        Some(self.next_close?.first_day().plus_days(day - 1))
    }
}

/// The consumers under a condition in SQL that `keep` gives a row for. The first page sums all of them and
/// ties the sum to what all customers owe.
pub(super) fn list(
    snapshot: &Snapshot,
    question: &Question,
    condition: &str,
    keep: &dyn Fn(&ConsumerRow) -> Option<Vec<Value>>,
) -> Result<Answer, ReadModelError> {
    let sql = format!("{SQL} AND {condition} ORDER BY c.account_no LIMIT ?3");
    let enough = usize::try_from(question.page.limit).unwrap_or(usize::MAX);
    let (mut rows, mut totals, mut listed) = (Vec::new(), Vec::new(), Money::ZERO);
    let mut after = question.page.after.unwrap_or(0);
    loop {
        let bounds = params![
            after,
            question.scheme,
            i64::try_from(CHUNK_ROWS).unwrap_or(i64::MAX)
        ];
        let chunk = snapshot.all(&sql, bounds, consumer)?;
        let is_last = chunk.len() < CHUNK_ROWS;
        after = chunk.last().map_or(after, |row| row.no);
        for row in &chunk {
            let Some(values) = keep(row) else { continue };
            if rows.len() <= enough {
                rows.push((row.no, values));
            }
            if question.is_first() {
                add_total(
                    &mut totals,
                    "dues",
                    &question.currency(&row.scheme),
                    row.dues,
                );
                listed += row.dues;
            }
        }
        if is_last || (rows.len() > enough && !question.is_first()) {
            break;
        }
    }
    let mut answer = Answer::rows(page_of(rows, question.page));
    if question.is_first() {
        let all = snapshot.money_of(
            "SELECT ifnull(sum(dues_micro), 0), ifnull(sum(dues_rest), 0) FROM consumers",
            [],
        )?;
        answer.totals = totals;
        answer.ties = vec![Tie {
            ledger_account: BILLS_RECEIVABLE.to_owned(),
            in_report: listed,
            elsewhere: all - listed,
            in_ledger: snapshot.debit_of(BILLS_RECEIVABLE)?,
        }];
    }
    Ok(answer)
}

fn consumer(row: &Row<'_>) -> rusqlite::Result<ConsumerRow> {
    let mut cells = Cells::of(row);
    Ok(ConsumerRow {
        no: cells.get()?,
        account: cells.name(AccountId::parse)?,
        scheme: cells.get()?,
        class: cells.get()?,
        utility: cells.utility()?,
        status: cells.status_opt()?,
        since: cells.time()?,
        next_close: cells.month_opt()?,
        cut_in: cells.month_opt()?,
        dues: cells.money()?,
        deposit: cells.money()?,
        oldest: cells.month_opt()?,
        billing: state(&mut cells)?,
    })
}
