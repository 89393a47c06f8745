//! Consumption of each account by month, against the month before and the year before (K6, U18).

use ledger_core::ids::AccountId;
use ledger_core::num::Quantity;
use ledger_core::time::Month;
use ledger_core::utility::Utility;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes};
use crate::error::ReadModelError;
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "consumption-trends",
    about: "Consumption of each account by month, with the change to the month before and to the year before.",
    takes: &[Takes::Months, Takes::Scheme, Takes::Utility, Takes::Account],
    columns: &[&COLUMNS, &CHANGES],
    run,
};

const COLUMNS: [Column; 6] = [
    column("account", Kind::Text, "account"),
    column("scheme", Kind::Text, "scheme by name"),
    column("utility", Kind::Text, "utility"),
    column("meters", Kind::Text, "the meters it was measured by"),
    column("month", Kind::Month, "billing month"),
    column("readings", Kind::Count, "readings charged"),
];

/// The columns of a quantity against those before it.
pub(super) const CHANGES: [Column; 7] = [
    column("quantity", Kind::Quantity, "consumption, kWh or m³"),
    column(
        "month_before",
        Kind::Quantity,
        "that of the month before; empty where there was none",
    ),
    column(
        "change",
        Kind::Quantity,
        "more or less than the month before",
    ),
    column("change_percent", Kind::Percent, "the same in per cent"),
    column(
        "year_before",
        Kind::Quantity,
        "that of the same month of the year before",
    ),
    column(
        "year_change",
        Kind::Quantity,
        "more or less than the year before",
    ),
    column("year_change_percent", Kind::Percent, "the same in per cent"),
];

/// The values of [`CHANGES`].
pub(super) fn changes(
    now: Quantity,
    month_before: Option<Quantity>,
    year_before: Option<Quantity>,
) -> Vec<Value> {
    let against = |before: Option<Quantity>| {
        let Some(before) = before else {
            return [Value::Empty, Value::Empty, Value::Empty];
        };
        [
            Value::Quantity(before),
            Value::Quantity(now - before),
            Value::change_percent(now, before),
        ]
    };
    let mut values = vec![Value::Quantity(now)];
    values.extend(against(month_before));
    values.extend(against(year_before));
    values
}

/// Accounts looked at in one statement: a page of months of a few dozen each.
const CHUNK_ACCOUNTS: i64 = 200;
/// A cursor is an account, a utility and a month since year 0.
const ACCOUNT: i64 = 1 << 20;
/// See [`ACCOUNT`].
const UTILITY: i64 = 1 << 18;

fn cursor(account_no: i64, utility: Utility, month: Month) -> i64 {
    let (year, number) = month.parts();
    let months = i64::from(year) * 12 + i64::from(number);
    let utility = match utility {
        Utility::Electricity => 0,
        Utility::Water => 1,
    };
    account_no * ACCOUNT + utility * UTILITY + months
}

/// The months of a few accounts, each with the same account's and utility's months before it.
const SQL: &str = "WITH used AS (
    SELECT m.account_no, m.utility, c.month, group_concat(DISTINCT m.meter) AS meters,
           sum(c.readings) AS readings, sum(c.quantity_micro) AS quantity
    FROM meters m JOIN consumption_monthly c USING (meter_no)
    WHERE m.account_no BETWEEN ?1 AND ?2 GROUP BY m.account_no, m.utility, c.month)
  SELECT u.account_no, a.account, a.scheme, u.utility, u.meters, u.month, u.readings, u.quantity,
         b.quantity, y.quantity
  FROM used u JOIN accounts a USING (account_no)
  LEFT JOIN used b ON b.account_no = u.account_no AND b.utility = u.utility
    AND b.month = strftime('%Y-%m', u.month || '-01', '-1 month')
  LEFT JOIN used y ON y.account_no = u.account_no AND y.utility = u.utility
    AND y.month = strftime('%Y-%m', u.month || '-01', '-1 year')
  WHERE u.month >= ifnull(?3, u.month) AND u.month <= ifnull(?4, u.month)
    AND (?5 IS NULL OR a.scheme = ?5) AND (?6 IS NULL OR u.utility = ?6) AND (?7 IS NULL OR a.account = ?7)
  ORDER BY u.account_no, u.utility, u.month";

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    let after = question.page.after.unwrap_or(0).max(0);
    let enough = usize::try_from(question.page.limit).unwrap_or(usize::MAX);
    let sql = "SELECT ifnull(max(account_no), 0) FROM accounts";
    let last: i64 = snapshot.one(sql, [], |row| row.get(0))?.unwrap_or(0);
    let (mut first, mut rows) = (after / ACCOUNT, Vec::new());
    if let Some(account) = &question.account {
        first = first.max(snapshot.number_of(account)?.unwrap_or(last + 1));
    }
    while first <= last && rows.len() <= enough {
        let until = match question.account {
            Some(_) => first,
            None => first + CHUNK_ACCOUNTS - 1,
        };
        let bounds = params![
            first,
            until,
            question.from_month.map(|month| month.to_string()),
            question.to_month.map(|month| month.to_string()),
            question.scheme,
            question.utility_code(),
            question.account.as_ref().map(AccountId::as_str),
        ];
        let chunk = snapshot.all(SQL, bounds, usage)?;
        rows.extend(chunk.into_iter().filter(|(at, _)| *at > after));
        first = if question.account.is_some() {
            last + 1
        } else {
            until + 1
        };
    }
    Ok(Answer::rows(page_of(rows, question.page)))
}

fn usage(row: &Row<'_>) -> rusqlite::Result<(i64, Vec<Value>)> {
    let mut cells = Cells::of(row);
    let no: i64 = cells.get()?;
    let (account, scheme): (String, String) = (cells.get()?, cells.get()?);
    let utility = cells.utility()?;
    let meters: String = cells.get()?;
    let (month, readings) = (cells.month()?, cells.count()?);
    let quantity = cells.quantity()?;
    let month_before = cells.get::<Option<i64>>()?.map(Quantity::from_micro);
    let year_before = cells.get::<Option<i64>>()?.map(Quantity::from_micro);
    let mut values = vec![
        Value::Text(account),
        Value::Text(scheme),
        Value::text(utility),
        Value::Text(meters.replace(',', " ")),
        Value::Month(month),
        Value::Count(readings),
    ];
    values.extend(changes(quantity, month_before, year_before));
    Ok((cursor(no, utility, month), values))
}
