//! A report as people and programs read it: a table with its totals, CSV, or JSON.

use command_api::pb;
use serde_json::{Map, Value, json};

use super::Whole;
use crate::cli::Globals;
use crate::cli::client::told;
use crate::failure::Failure;
use crate::output::csv::csv;
use crate::output::local::grouped;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table};

/// The reports there are.
pub(super) fn list(reports: &[pb::ReportDescription], globals: &Globals) -> Result<(), Failure> {
    globals.console.answer(
        || {
            let heads = [
                ("report", Set::Left),
                ("takes", Set::Left),
                ("shows", Set::Left),
            ];
            let mut table = Table::new(&heads, "no reports");
            for report in reports {
                let takes = report.takes.iter().map(|field| flag(field));
                let mut takes: Vec<&str> = takes.collect();
                takes.dedup();
                table.row(vec![
                    report.name.clone(),
                    takes.join(" "),
                    report.about.clone(),
                ]);
            }
            table.text()
        },
        || reports.iter().map(described).collect(),
    )
}

/// The flag that gives a field of the question.
fn flag(field: &str) -> &str {
    match field {
        "as_of" => "--as-of",
        "from_date" | "to_date" | "from_month" | "to_month" => "--from/--to",
        "scheme" => "--scheme",
        "utility" => "--utility",
        "channel" => "--channel",
        "account_id" => "--account",
        "everything" => "--everything",
        other => other,
    }
}

fn described(report: &pb::ReportDescription) -> Value {
    let columns: Vec<Value> = report
        .columns
        .iter()
        .map(|column| json!({"name": column.name, "kind": kind(column), "about": column.about}))
        .collect();
    json!({
        "name": report.name,
        "about": report.about,
        "takes": report.takes,
        "columns": columns,
    })
}

fn kind(column: &pb::ReportColumn) -> &'static str {
    match column.kind() {
        pb::ReportColumnKind::Text | pb::ReportColumnKind::Unspecified => "text",
        pb::ReportColumnKind::Count => "count",
        pb::ReportColumnKind::Money => "money",
        pb::ReportColumnKind::Quantity => "quantity",
        pb::ReportColumnKind::Percent => "percent",
        pb::ReportColumnKind::Date => "date",
        pb::ReportColumnKind::Month => "month",
        pb::ReportColumnKind::Time => "time",
        pb::ReportColumnKind::YesNo => "yes-no",
    }
}

/// A whole report in the form that was asked for.
pub(super) fn report(whole: &Whole, as_csv: bool, globals: &Globals) -> Result<(), Failure> {
    if as_csv {
        globals.console.line(&comma_separated(whole))?;
        globals.console.note(&about(whole));
        for tie in whole.first.ties.iter().filter(|tie| !tie.ties) {
            globals.console.note(&tie_line(tie));
        }
        return Ok(());
    }
    globals.console.answer(|| text(whole), || value(whole))
}

/// What it is as of.
fn about(whole: &Whole) -> String {
    let asked = told(whole.first.asked_at.as_ref());
    let mut text = format!(
        "{}: {} rows, asked at {}, state {}",
        whole.first.name,
        grouped(whole.rows.len() as u64),
        asked.as_str().unwrap_or("an unknown time"),
        whole.first.token
    );
    if let Some(newest) = &whole.went_on_to {
        text.push_str(&format!(
            "; the ledger went on while it was read: the last rows are of state {newest}, the totals of the first"
        ));
    }
    text
}

fn comma_separated(whole: &Whole) -> String {
    let heads: Vec<&str> = whole
        .first
        .columns
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    csv(&heads, whole.rows.iter().map(|row| row.cells.clone()))
}

fn text(whole: &Whole) -> String {
    let set = |column: &pb::ReportColumn| match column.kind() {
        pb::ReportColumnKind::Money
        | pb::ReportColumnKind::Quantity
        | pb::ReportColumnKind::Percent => Set::Point,
        pb::ReportColumnKind::Count => Set::Right,
        pb::ReportColumnKind::Text
        | pb::ReportColumnKind::Date
        | pb::ReportColumnKind::Month
        | pb::ReportColumnKind::Time
        | pb::ReportColumnKind::YesNo
        | pb::ReportColumnKind::Unspecified => Set::Left,
    };
    let columns = &whole.first.columns;
    let heads: Vec<(String, Set)> = columns
        .iter()
        .map(|column| (column.name.replace('_', " "), set(column)))
        .collect();
    let heads: Vec<(&str, Set)> = heads
        .iter()
        .map(|(name, set)| (name.as_str(), *set))
        .collect();
    let mut table = Table::new(&heads, "no rows");
    for row in &whole.rows {
        let shown = |(cell, column): (&String, &pb::ReportColumn)| {
            if column.kind() == pb::ReportColumnKind::Money {
                with_decimals(cell, 2)
            } else {
                cell.clone()
            }
        };
        table.row(row.cells.iter().zip(columns).map(shown).collect());
    }
    let mut parts = vec![table.text()];
    if !whole.first.totals.is_empty() {
        parts.push(totals(&whole.first.totals));
    }
    if !whole.first.ties.is_empty() {
        let lines: Vec<String> = whole.first.ties.iter().map(tie_line).collect();
        parts.push(lines.join("\n"));
    }
    parts.push(about(whole));
    parts.join("\n\n")
}

fn totals(totals: &[pb::ReportTotal]) -> String {
    let heads = [
        ("total", Set::Left),
        ("currency", Set::Left),
        ("amount", Set::Point),
    ];
    let mut table = Table::new(&heads, "no totals");
    for total in totals {
        table.row(vec![
            total.name.clone(),
            total.currency.clone(),
            with_decimals(&total.value, 2),
        ]);
    }
    table.text()
}

fn tie_line(tie: &pb::ReportTie) -> String {
    let mark = if tie.ties { "ties " } else { "DIFFERS" };
    format!(
        "{mark} {}: {} here and {} elsewhere, {} in the ledger",
        tie.ledger_account, tie.in_report, tie.elsewhere, tie.in_ledger
    )
}

/// A cell in JSON: counts are numbers, yes and no are booleans, what is not said is null; exact figures
/// stay text.
fn cell(text: &str, column: &pb::ReportColumn) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    match column.kind() {
        pb::ReportColumnKind::Count => text
            .parse::<u64>()
            .map_or_else(|_| Value::from(text), Value::from),
        pb::ReportColumnKind::YesNo => Value::from(text == "yes"),
        pb::ReportColumnKind::Text
        | pb::ReportColumnKind::Money
        | pb::ReportColumnKind::Quantity
        | pb::ReportColumnKind::Percent
        | pb::ReportColumnKind::Date
        | pb::ReportColumnKind::Month
        | pb::ReportColumnKind::Time
        | pb::ReportColumnKind::Unspecified => Value::from(text),
    }
}

fn value(whole: &Whole) -> Value {
    let first = &whole.first;
    let rows: Vec<Value> = whole
        .rows
        .iter()
        .map(|row| {
            let cells = row.cells.iter().zip(&first.columns);
            let fields = cells.map(|(text, column)| (column.name.clone(), cell(text, column)));
            Value::Object(fields.collect::<Map<String, Value>>())
        })
        .collect();
    let totals: Vec<Value> = first
        .totals
        .iter()
        .map(|t| json!({"name": t.name, "currency": t.currency, "value": t.value}))
        .collect();
    let ties: Vec<Value> = first
        .ties
        .iter()
        .map(|tie| {
            json!({
                "ledger_account": tie.ledger_account,
                "in_report": tie.in_report,
                "elsewhere": tie.elsewhere,
                "in_ledger": tie.in_ledger,
                "ties": tie.ties,
            })
        })
        .collect();
    json!({
        "report": first.name,
        "asked_at": told(first.asked_at.as_ref()),
        "token": first.token,
        "last_token": whole.went_on_to.as_deref().unwrap_or(&first.token),
        "rows": rows,
        "totals": totals,
        "ties": ties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: pb::ReportColumnKind) -> pb::ReportColumn {
        pb::ReportColumn {
            name: name.to_owned(),
            kind: kind.into(),
            about: String::new(),
        }
    }

    fn whole() -> Whole {
        let row = |cells: [&str; 4]| pb::ReportRow {
            cells: cells.map(str::to_owned).to_vec(),
        };
        Whole {
            first: pb::GetReportResponse {
                name: "belated".to_owned(),
                columns: vec![
                    column("account", pb::ReportColumnKind::Text),
                    column("payable_to", pb::ReportColumnKind::Date),
                    column("dues", pb::ReportColumnKind::Money),
                    column("ties", pb::ReportColumnKind::YesNo),
                ],
                totals: vec![pb::ReportTotal {
                    name: "dues".to_owned(),
                    currency: "INR".to_owned(),
                    value: "130.123".to_owned(),
                }],
                ties: vec![pb::ReportTie {
                    ledger_account: "bills-receivable".to_owned(),
                    in_report: "130.123".to_owned(),
                    elsewhere: "-4".to_owned(),
                    in_ledger: "126.123".to_owned(),
                    ties: true,
                }],
                asked_at: Some(prost_types::Timestamp {
                    seconds: 1_783_908_000,
                    nanos: 0,
                }),
                token: "t41".to_owned(),
                ..pb::GetReportResponse::default()
            },
            rows: vec![
                row(["A-1", "2026-03-20", "102.123", "yes"]),
                row(["A-2, rear", "", "28", "no"]),
            ],
            went_on_to: None,
        }
    }

    #[test]
    fn a_report_lines_up_and_says_what_it_is_as_of_and_that_it_ties() {
        insta::assert_snapshot!(text(&whole()));
    }

    #[test]
    fn a_report_is_csv_with_a_heading_and_exact_figures() {
        assert_eq!(
            comma_separated(&whole()),
            "account,payable_to,dues,ties\nA-1,2026-03-20,102.123,yes\n\"A-2, rear\",,28,no"
        );
    }

    #[test]
    fn what_a_report_does_not_say_is_null_in_json() {
        let value = value(&whole());
        assert_eq!(value["rows"][1]["payable_to"], Value::Null);
        assert_eq!(value["rows"][1]["ties"], false);
        assert_eq!(value["rows"][0]["dues"], "102.123");
        assert_eq!(value["ties"][0]["ties"], true);
    }

    #[test]
    fn pages_of_a_ledger_that_went_on_say_so() {
        let mut moved = whole();
        moved.went_on_to = Some("t42".to_owned());
        assert!(about(&moved).contains("state t42"));
    }
}
