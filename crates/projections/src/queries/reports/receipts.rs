//! The register of receipts, in the order in which they were given (C13, C14, E1).

use ledger_core::ids::{AccountId, ChannelId};
use ledger_core::num::Money;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::channel_settlement::channels;
use super::tie::Tie;
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes, add_total};
use crate::error::ReadModelError;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "receipts",
    about: "The register of receipts: every payment and void with its channel and reference.",
    takes: &[
        Takes::Days,
        Takes::Scheme,
        Takes::Utility,
        Takes::Channel,
        Takes::Account,
    ],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 14] = [
    column(
        "receipt",
        Kind::Text,
        "number; a void has that of what it undoes",
    ),
    column(
        "kind",
        Kind::Text,
        "top-up, debt, arrears, bill, deposit or void",
    ),
    column("date", Kind::Date, "local day on which the money was taken"),
    column("time", Kind::Time, "when it counts"),
    column("account", Kind::Text, "account"),
    column("scheme", Kind::Text, "scheme by name"),
    column("utility", Kind::Text, "utility"),
    column("meter", Kind::Text, "meter named by the payer"),
    column("channel", Kind::Text, "who took the money"),
    column("reference", Kind::Text, "the channel's reference"),
    column("amount", Kind::Money, "amount; below zero for a void"),
    column(
        "balance",
        Kind::Money,
        "credit, or what is owed, right after it",
    ),
    column(
        "from_suspense",
        Kind::YesNo,
        "it was allocated from suspense",
    ),
    column("voided", Kind::YesNo, "it was voided since"),
];

/// The question but its page: `?1` to `?6`.
const WANTED: &str = "r.day >= ifnull(?1, r.day) AND r.day <= ifnull(?2, r.day)
  AND (?3 IS NULL OR r.channel = ?3) AND (?4 IS NULL OR a.account = ?4)
  AND (?5 IS NULL OR a.scheme = ?5) AND (?6 IS NULL OR r.utility = ?6)";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let from = question.from_day.map(|day| day.to_string());
    let to = question.to_day.map(|day| day.to_string());
    let channel = question.channel.as_ref().map(ChannelId::as_str);
    let account = question.account.as_ref().map(AccountId::as_str);
    let rows = snapshot.all(
        &format!(
            "SELECT r.receipt_id, a.scheme, r.receipt, r.kind, r.day, r.at_ms, a.account, r.utility, r.meter,
                    r.channel, r.reference, r.amount_micro, r.amount_rest, r.balance_micro, r.balance_rest,
                    r.from_suspense, r.voided
             FROM receipts r JOIN accounts a USING (account_no)
             WHERE {WANTED} AND r.receipt_id > ?7 ORDER BY r.receipt_id LIMIT ?8"
        ),
        params![
            from,
            to,
            channel,
            account,
            question.scheme,
            question.utility_code(),
            question.page.after.unwrap_or(0),
            i64::from(question.page.limit) + 1
        ],
        |row| receipt(row, question),
    )?;
    let mut answer = Answer::rows(page_of(rows, question.page));
    if question.is_first() {
        let bounds = params![
            from,
            to,
            channel,
            account,
            question.scheme,
            question.utility_code()
        ];
        let sums = snapshot.all(
            &format!(
                "SELECT r.kind, a.scheme, sum(r.amount_micro), sum(r.amount_rest)
                 FROM receipts r JOIN accounts a USING (account_no) WHERE {WANTED}
                 GROUP BY r.kind, a.scheme ORDER BY r.kind, a.scheme"
            ),
            bounds,
            |row| {
                let mut cells = Cells::of(row);
                Ok((
                    cells.get::<String>()?,
                    cells.get::<String>()?,
                    cells.money()?,
                ))
            },
        )?;
        for (kind, scheme, amount) in sums {
            let name = format!("amount, {kind}");
            add_total(
                &mut answer.totals,
                &name,
                &question.currency(&scheme),
                amount,
            );
        }
        for channel in channels(snapshot)? {
            answer.ties.push(tie(snapshot, question, &channel)?);
        }
    }
    Ok(answer)
}

/// What a channel's receipts brought in, and the rest of its receivable: receipts that were not asked for,
/// and lines without a receipt, such as money in suspense or paid out.
fn tie(snapshot: &Snapshot, question: &Question, channel: &str) -> Result<Tie, ReadModelError> {
    let from = question.from_day.map(|day| day.to_string());
    let to = question.to_day.map(|day| day.to_string());
    let receipts = |wanted: bool| {
        snapshot.money_of(
            &format!(
                "SELECT ifnull(sum(r.amount_micro), 0), ifnull(sum(r.amount_rest), 0)
                 FROM receipts r JOIN accounts a USING (account_no)
                 WHERE r.channel = ?8 AND NOT r.from_suspense AND ({WANTED}) = ?7"
            ),
            params![
                from,
                to,
                question.channel.as_ref().map(ChannelId::as_str),
                question.account.as_ref().map(AccountId::as_str),
                question.scheme,
                question.utility_code(),
                wanted,
                channel
            ],
        )
    };
    let without: Money = snapshot.money_of(
        "SELECT ifnull(sum(amount_micro), 0), ifnull(sum(amount_rest), 0) FROM settlement_lines
         WHERE channel = ?1 AND receipt IS NULL",
        [channel],
    )?;
    let name = format!("channel-receivable:{channel}");
    Ok(Tie {
        in_report: receipts(true)?,
        elsewhere: receipts(false)? + without,
        in_ledger: snapshot.debit_of(&name)?,
        ledger_account: name,
    })
}

fn receipt(row: &Row<'_>, question: &Question) -> rusqlite::Result<(i64, Vec<Value>)> {
    let mut cells = Cells::of(row);
    let (id, scheme): (i64, String) = (cells.get()?, cells.get()?);
    let values = vec![
        Value::Text(cells.get()?),
        Value::Text(cells.get()?),
        Value::Date(cells.date()?),
        Value::time(question.zone(&scheme), cells.time()?),
        Value::Text(cells.get()?),
        Value::Text(scheme.clone()),
        Value::text(cells.utility()?),
        Value::text_opt(cells.get::<Option<String>>()?),
        Value::Text(cells.get()?),
        Value::Text(cells.get()?),
        Value::Money(cells.money()?),
        Value::Money(cells.money()?),
        Value::YesNo(cells.get()?),
        Value::YesNo(cells.get()?),
    ];
    Ok((id, values))
}
