//! What each channel owes for each local day it took money on (C14).

use ledger_core::ids::ChannelId;
use ledger_core::num::Money;
use ledger_core::time::LocalDate;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::tie::Tie;
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes, Total};
use crate::error::ReadModelError;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "channel-settlement",
    about: "What each channel owes for each day: lines, their sum, and what the ledger posted.",
    takes: &[Takes::Days, Takes::Channel],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 6] = [
    column("channel", Kind::Text, "channel"),
    column("date", Kind::Date, "local day on which the money was taken"),
    column(
        "lines",
        Kind::Count,
        "payments, voids, returns and the like",
    ),
    column(
        "total",
        Kind::Money,
        "sum of the lines: what the channel owes",
    ),
    column(
        "posted",
        Kind::Money,
        "posted to the channel's receivable for the day",
    ),
    column("ties", Kind::YesNo, "both are equal, as they must be"),
];

/// The question's days and channel: `?1` to `?3`.
const WANTED: &str =
    "day >= ifnull(?1, day) AND day <= ifnull(?2, day) AND (?3 IS NULL OR channel = ?3)";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let skip = question.page.after.unwrap_or(0).max(0);
    let from = question.from_day.map(|day| day.to_string());
    let to = question.to_day.map(|day| day.to_string());
    let channel = question.channel.as_ref().map(ChannelId::as_str);
    let rows = snapshot.all(
        &format!(
            "SELECT channel, day, lines,
                    (SELECT ifnull(sum(amount_micro), 0) FROM settlement_lines l
                     WHERE l.channel = d.channel AND l.day = d.day),
                    (SELECT ifnull(sum(amount_rest), 0) FROM settlement_lines l
                     WHERE l.channel = d.channel AND l.day = d.day),
                    posted_micro, posted_rest
             FROM settlement_days d WHERE {WANTED} ORDER BY channel, day LIMIT ?4 OFFSET ?5"
        ),
        params![from, to, channel, i64::from(question.page.limit) + 1, skip],
        row,
    )?;
    let mut answer = Answer::rows(page_of((skip + 1..).zip(rows).collect(), question.page));
    if !question.is_first() {
        return Ok(answer);
    }
    let sum = |wanted: bool, channel: &str| {
        snapshot.money_of(
            &format!(
                "SELECT ifnull(sum(amount_micro), 0), ifnull(sum(amount_rest), 0) FROM settlement_lines
                 WHERE channel = ?5 AND ({WANTED}) = ?4"
            ),
            params![from, to, question.channel.as_ref().map(ChannelId::as_str), wanted, channel],
        )
    };
    for channel in channels(snapshot)? {
        let (inside, outside) = (sum(true, &channel)?, sum(false, &channel)?);
        let name = format!("channel-receivable:{channel}");
        answer.totals.push(Total {
            name: format!("total, {channel}"),
            currency: String::new(),
            value: Value::Money(inside),
        });
        answer.ties.push(Tie {
            in_report: inside,
            elsewhere: outside,
            in_ledger: snapshot.debit_of(&name)?,
            ledger_account: name,
        });
    }
    Ok(answer)
}

/// Every channel that ever took money.
pub(super) fn channels(snapshot: &Snapshot) -> Result<Vec<String>, ReadModelError> {
    let sql = "SELECT DISTINCT channel FROM settlement_days ORDER BY channel";
    snapshot.all(sql, [], |row| row.get(0))
}

fn row(row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
    let mut cells = Cells::of(row);
    let (channel, day): (String, LocalDate) = (cells.get()?, cells.date()?);
    let lines = cells.count()?;
    let (total, posted): (Money, Money) = (cells.money()?, cells.money()?);
    Ok(vec![
        Value::Text(channel),
        Value::Date(day),
        Value::Count(lines),
        Value::Money(total),
        Value::Money(posted),
        Value::YesNo(total == posted),
    ])
}
