//! A document as text: lines of one width, for paper, a till's printer, or a letter.
//!
//! Nothing is cut: a text that is too long goes on in the next line, and figures are exact.

use ledger_core::num::Money;
use ledger_core::tariff::LineSource;
use ledger_core::utility::Utility;

use super::{Agreement, Charges, Kept, MeterRead, Statement, ToPay, charges, words};
use crate::output::local::{grouped, local_time};
use crate::output::money::{align_points, with_decimals};

/// Characters of a line: a page of A4 in a fixed type of nine points has room for them.
pub(super) const WIDTH: usize = 92;
/// Fewest characters that a column of words keeps, however long the figures beside it are.
const WORDS_MIN: usize = 16;

/// The document, without the last line end.
pub(crate) fn text(statement: &Statement) -> String {
    let mut lines = head(statement);
    section(&mut lines, "Meters", meters(statement));
    for kept in &statement.books {
        let heading = words::heading(kept.book);
        section(&mut lines, &heading, book(statement, kept));
    }
    if !statement.charges.lines.is_empty() || !statement.charges.unexplained.is_empty() {
        section(
            &mut lines,
            "What the consumption cost",
            charged(statement, &statement.charges),
        );
    }
    if let Some(agreement) = &statement.agreement {
        section(&mut lines, "Debt agreement", agreed(statement, agreement));
    }
    if let Some(to_pay) = &statement.to_pay {
        section(&mut lines, "To pay", owed(statement, to_pay));
    }
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, heading: &str, body: Vec<String>) {
    lines.push(String::new());
    lines.push(heading.to_owned());
    lines.push("-".repeat(WIDTH));
    lines.extend(body);
}

fn money(statement: &Statement, amount: Money) -> String {
    let decimals = usize::from(statement.policy.currency().decimals);
    with_decimals(&amount.to_string(), decimals)
}

fn head(statement: &Statement) -> Vec<String> {
    let policy = &statement.policy;
    let title = if statement.is_bill {
        "BILL"
    } else {
        "STATEMENT OF ACCOUNT"
    };
    let scheme = format!("{}, {}", policy.name(), policy.currency().code);
    let gap = WIDTH
        .saturating_sub(title.len())
        .saturating_sub(scheme.len());
    let mut lines = vec![
        format!("{title}{}{scheme}", " ".repeat(gap)),
        "=".repeat(WIDTH),
    ];
    let mut facts = vec![
        ("account", statement.account.to_string()),
        ("class", statement.class.clone()),
    ];
    if let Some(name) = &statement.name {
        facts.push(("name", name.clone()));
    } else if let Some(customer) = &statement.customer {
        facts.push(("customer", customer.to_string()));
    }
    facts.push((
        "period",
        format!("{} to {}", statement.period.from, statement.period.to),
    ));
    facts.push(("amounts", format!("{}, exact", policy.currency().code)));
    facts.push(("times", format!("local, {}", policy.zone().name())));
    facts.push((
        "made from",
        format!("the account's first {} entries", grouped(statement.events)),
    ));
    for (name, value) in facts {
        for (place, line) in wrapped(&value, WIDTH - 11).into_iter().enumerate() {
            let label = if place == 0 { name } else { "" };
            lines.push(format!("{label:<11}{line}").trim_end().to_owned());
        }
    }
    lines
}

const fn unit(utility: Utility) -> &'static str {
    match utility {
        Utility::Electricity => "kWh",
        Utility::Water => "m³",
    }
}

fn meters(statement: &Statement) -> Vec<String> {
    let zone = statement.policy.zone();
    let row = |m: &MeterRead| {
        vec![
            format!("{} {}", m.utility, m.meter),
            format!("{} {}", local_time(zone, m.from.0), m.from.1),
            format!("{} {}", local_time(zone, m.to.0), m.to.1),
            format!("{} {}", m.used, unit(m.utility)),
        ]
    };
    let rows: Vec<Vec<String>> = statement.meters.iter().map(row).collect();
    if rows.is_empty() {
        return vec!["no meter in place".to_owned()];
    }
    let heads = [
        ("meter", Side::Words),
        ("from", Side::Right),
        ("to", Side::Right),
        ("used", Side::Right),
    ];
    table(&heads, rows)
}

fn book(statement: &Statement, kept: &Kept) -> Vec<String> {
    let period = statement.period;
    let mut rows = vec![vec![
        period.from.to_string(),
        "balance brought forward".to_owned(),
        String::new(),
        money(statement, kept.forward),
    ]];
    for line in &kept.movements {
        let mut what = line.what.clone();
        if line.readings > 1 {
            what.push_str(&format!(" ({} readings)", grouped(line.readings)));
        }
        if let Some(receipt) = &line.receipt {
            what.push_str(&format!(", receipt {receipt}"));
        }
        rows.push(vec![
            line.date.to_string(),
            what,
            money(statement, line.amount),
            money(statement, line.balance),
        ]);
    }
    rows.push(vec![
        period.to.to_string(),
        "balance carried".to_owned(),
        String::new(),
        money(statement, kept.carried),
    ]);
    let heads = [
        ("date", Side::Left),
        ("what", Side::Words),
        ("amount", Side::Point),
        ("balance", Side::Point),
    ];
    table(&heads, rows)
}

fn charged(statement: &Statement, charges: &Charges) -> Vec<String> {
    let mut rows = Vec::new();
    for (utility, line) in &charges.lines {
        let units = charges::units(line).map_or_else(String::new, |q| q.to_string());
        let price = match &line.source {
            LineSource::Energy { price, .. } | LineSource::PassThrough { price, .. } => {
                price.to_string()
            }
            LineSource::Standing { each, .. } => each.to_string(),
            LineSource::Percentage { .. } | LineSource::Minimum { .. } => String::new(),
        };
        rows.push(vec![
            line.month.to_string(),
            format!("{utility}: {}", line.source),
            units,
            price,
            money(statement, line.amount),
        ]);
    }
    for (utility, month, what, amount) in &charges.unexplained {
        rows.push(vec![
            month.to_string(),
            format!("{utility}: {what}"),
            String::new(),
            String::new(),
            money(statement, *amount),
        ]);
    }
    rows.push(vec![
        String::new(),
        "all of it".to_owned(),
        String::new(),
        String::new(),
        money(statement, charges.total()),
    ]);
    let heads = [
        ("month", Side::Left),
        ("line of the tariff", Side::Words),
        ("units", Side::Point),
        ("price", Side::Point),
        ("amount", Side::Point),
    ];
    table(&heads, rows)
}

fn agreed(statement: &Statement, agreement: &Agreement) -> Vec<String> {
    let plan = &agreement.plan;
    let rows = [
        ("principal", money(statement, plan.principal)),
        ("monthly instalment", money(statement, plan.instalment)),
        ("first month", plan.start.to_string()),
        ("balance", money(statement, plan.balance())),
        ("due now", money(statement, plan.due(agreement.month))),
        ("months left", plan.months_left().to_string()),
        (
            "debt period",
            format!("{} months", plan.period(agreement.month)),
        ),
    ];
    let line = |(name, value): (&str, String)| format!("{name:<20}{value}");
    rows.into_iter().map(line).collect()
}

fn owed(statement: &Statement, to_pay: &ToPay) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(status) = to_pay.status {
        lines.extend(wrapped(&format!("status: {status}"), WIDTH));
    }
    if !to_pay.open.is_empty() {
        let row = |item: &super::OpenItem| {
            vec![
                item.month.to_string(),
                item.what.to_owned(),
                money(statement, item.left),
            ]
        };
        let heads = [
            ("month", Side::Left),
            ("open item", Side::Words),
            ("left to pay", Side::Point),
        ];
        lines.extend(table(&heads, to_pay.open.iter().map(row).collect()));
    }
    let payable = money(statement, to_pay.payable);
    let code = &statement.policy.currency().code;
    if to_pay.payable.is_positive() {
        lines.push(format!("TO PAY: {code} {payable}"));
    } else if to_pay.payable.is_negative() {
        lines.push(format!(
            "nothing to pay; credit: {code} {}",
            money(statement, -to_pay.payable)
        ));
    } else {
        lines.push("nothing to pay".to_owned());
    }
    if let Some(due) = to_pay.due {
        let was = if due < statement.period.to {
            "was "
        } else {
            ""
        };
        lines.push(format!("{was}to be paid by {due}"));
    }
    lines
}

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Point,
    /// Takes what the others leave; goes on in the next line. One a table.
    Words,
}

/// A table of at most [`WIDTH`] characters a line, as long as its figures let it be.
fn table(heads: &[(&str, Side)], mut rows: Vec<Vec<String>>) -> Vec<String> {
    for (place, (_, side)) in heads.iter().enumerate() {
        if *side == Side::Point {
            let mut column: Vec<String> = rows
                .iter()
                .filter_map(|row| row.get(place).cloned())
                .collect();
            align_points(&mut column);
            for (row, text) in rows.iter_mut().zip(column) {
                if let Some(cell) = row.get_mut(place) {
                    *cell = text;
                }
            }
        }
    }
    rows.insert(
        0,
        heads.iter().map(|(head, _)| (*head).to_owned()).collect(),
    );
    let widest = |place: usize| {
        let cells = rows.iter().filter_map(|row| row.get(place));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..heads.len()).map(widest).collect();
    let gaps = 2 * heads.len().saturating_sub(1);
    let words = heads.iter().position(|(_, side)| *side == Side::Words);
    if let Some(words) = words {
        let others: usize = widths
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != words)
            .map(|(_, width)| width)
            .sum();
        let left = WIDTH.saturating_sub(gaps).saturating_sub(others);
        if let Some(width) = widths.get_mut(words) {
            *width = left.max(WORDS_MIN);
        }
    }
    rows.iter()
        .flat_map(|row| set(heads, row, &widths))
        .collect()
}

/// A row, over as many lines as its words need.
fn set(heads: &[(&str, Side)], row: &[String], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<String>> = row
        .iter()
        .zip(heads)
        .zip(widths)
        .map(|((cell, (_, side)), width)| match side {
            Side::Words => wrapped(cell, *width),
            Side::Left | Side::Right | Side::Point => vec![cell.clone()],
        })
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |n: usize| {
        let parts = cells
            .iter()
            .zip(heads)
            .zip(widths)
            .map(|((cell, (_, side)), width)| {
                let text = cell.get(n).map_or("", String::as_str);
                match side {
                    Side::Left | Side::Words => format!("{text:<width$}"),
                    Side::Right | Side::Point => format!("{text:>width$}"),
                }
            });
        let line = parts.collect::<Vec<_>>().join("  ");
        line.replace('\u{a0}', " ").trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// A text in lines of at most `width` characters, broken at spaces where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let room = |line: &str| width.saturating_sub(line.chars().count());
        if !line.is_empty() && word.len() + 1 > room(&line) {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_goes_on_in_the_next_line_and_nothing_is_cut() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn figures_keep_their_place_beside_words_of_many_lines() {
        let heads = [
            ("date", Side::Left),
            ("what", Side::Words),
            ("amount", Side::Point),
        ];
        let long = "word ".repeat(30);
        let rows = vec![
            vec!["2026-03-01".to_owned(), long, "-1.00237".to_owned()],
            vec![
                "2026-03-02".to_owned(),
                "short".to_owned(),
                "20.00".to_owned(),
            ],
        ];
        let lines = table(&heads, rows);
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{lines:#?}"
        );
        assert_eq!(lines.len(), 5, "{lines:#?}");
        assert_eq!(lines[1].find("-1.00"), lines[4].find("20.00"));
    }
}
