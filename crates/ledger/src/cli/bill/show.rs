//! `ledger bill list|show`: bills as they were made, paid, or served.

use clap::Args;
use command_api::pb;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::cli::client::{Connected, ServerArgs, account_named, connect, instant, told, zone_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::csv::csv;
use crate::output::local::local_time;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table, facts};

/// Rows asked for at once; the server's largest page.
const PAGE_ROWS: u32 = 1_000;

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A bill is `raised` at a reading, or `paid`, where it is made at the payment; a
`notice` is the bill before a disconnection.

Examples:
  ledger bill list L-1001
  ledger bill list meter:L0001 --csv > bills.csv")]
pub(super) struct ListArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// As comma-separated values, a line of a bill in a row.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill show L-1001                       the newest
  ledger bill show L-1001 --number 3            a bill raised at a reading
  ledger bill show L-1001 --receipt L-1001-000002")]
pub(super) struct ShowArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// The raised bill of this number.
    #[arg(long, conflicts_with = "receipt")]
    number: Option<u32>,
    /// The bill that this receipt paid.
    #[arg(long)]
    receipt: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

async fn all(connected: &Connected, account: &str) -> Result<(String, Vec<pb::Bill>), Failure> {
    let mut request = pb::ListBillsRequest {
        account: Some(account_named(account)),
        page_size: PAGE_ROWS,
        ..Default::default()
    };
    let (mut client, mut rows) = (connected.client.billing(), Vec::new());
    loop {
        let page = client.list_bills(request.clone()).await?.into_inner();
        rows.extend(page.bills);
        if page.next_page_token.is_empty() {
            return Ok((page.account_id, rows));
        }
        request.page_token = page.next_page_token;
    }
}

/// A local time in the account's own scheme.
async fn zone(connected: &Connected, account: &str) -> Result<ledger_core::time::Zone, Failure> {
    let ask = pb::GetAccountRequest {
        account: Some(account_named(account)),
        at_least: String::new(),
    };
    let found = connected.client.queries().get_account(ask).await?;
    zone_of(&connected.settings, &found.into_inner().scheme)
}

pub(super) async fn list(args: &ListArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let (account, rows) = all(&connected, &args.account).await?;
    if args.csv {
        globals.console.line(&as_csv(&account, &rows))?;
        return Ok(Exit::Done);
    }
    let zone = zone(&connected, &args.account).await?;
    globals
        .console
        .answer(|| text(&rows, &zone), || rows.iter().map(value).collect())?;
    Ok(Exit::Done)
}

fn text(rows: &[pb::Bill], zone: &ledger_core::time::Zone) -> String {
    let made = format!("made ({})", zone.name());
    let mut table = Table::new(
        &[
            (made.as_str(), Set::Left),
            ("kind", Set::Left),
            ("no", Set::Right),
            ("month", Set::Left),
            ("due", Set::Left),
            ("amount", Set::Point),
            ("left", Set::Point),
            ("receipt", Set::Left),
        ],
        "no bills",
    );
    for bill in rows {
        let at = bill.at.as_ref().and_then(instant);
        let number = if bill.number == 0 {
            String::new()
        } else {
            bill.number.to_string()
        };
        table.row(vec![
            at.map_or_else(String::new, |at| local_time(zone, at)),
            bill.kind.clone(),
            number,
            bill.month.clone(),
            bill.due.clone(),
            with_decimals(&bill.amount, 2),
            with_decimals(&bill.left, 2),
            bill.receipt.clone(),
        ]);
    }
    table.text()
}

fn as_csv(account: &str, rows: &[pb::Bill]) -> String {
    let heads = [
        "account",
        "made_at",
        "kind",
        "number",
        "bill_month",
        "due",
        "bill_amount",
        "left",
        "receipt",
        "line_month",
        "line_kind",
        "line",
        "units",
        "amount",
    ];
    let cells = rows.iter().flat_map(|bill| {
        bill.lines.iter().map(move |line| {
            let made = told(bill.at.as_ref());
            vec![
                account.to_owned(),
                made.as_str().unwrap_or_default().to_owned(),
                bill.kind.clone(),
                bill.number.to_string(),
                bill.month.clone(),
                bill.due.clone(),
                bill.amount.clone(),
                bill.left.clone(),
                bill.receipt.clone(),
                line.month.clone(),
                line.kind.clone(),
                line.text.clone(),
                line.units.clone(),
                line.amount.clone(),
            ]
        })
    });
    csv(&heads, cells)
}

fn value(bill: &pb::Bill) -> Value {
    json!({
        "kind": bill.kind,
        "number": bill.number,
        "month": bill.month,
        "at": told(bill.at.as_ref()),
        "due": bill.due,
        "amount": bill.amount,
        "left": bill.left,
        "receipt": bill.receipt,
        "lines": bill.lines.iter().map(line_value).collect::<Vec<_>>(),
    })
}

pub(super) async fn show(args: &ShowArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let (account, rows) = all(&connected, &args.account).await?;
    let is_asked = |bill: &&pb::Bill| match (&args.number, &args.receipt) {
        (Some(number), _) => bill.kind == "raised" && bill.number == *number,
        (None, Some(receipt)) => bill.receipt == *receipt,
        (None, None) => true,
    };
    let Some(bill) = rows.iter().find(is_asked) else {
        return Err(Failure::refused("NO_SUCH_BILL", "there is no such bill")
            .advise("`ledger bill list ACCOUNT` shows those there are"));
    };
    globals
        .console
        .answer(|| bill_text(&account, bill), || value(bill))?;
    Ok(Exit::Done)
}

fn bill_text(account: &str, bill: &pb::Bill) -> String {
    let mut head = vec![
        ("account", account.to_owned()),
        ("bill", format!("{} {}", bill.kind, bill.month)),
    ];
    for (name, value) in [("due", &bill.due), ("receipt", &bill.receipt)] {
        if !value.is_empty() {
            head.push((name, value.clone()));
        }
    }
    let mut foot = vec![("amount", with_decimals(&bill.amount, 2))];
    if !bill.left.is_empty() {
        foot.push(("left to pay", with_decimals(&bill.left, 2)));
    }
    format!(
        "{}\n\n{}\n\n{}",
        facts(&head),
        line_table(&bill.lines),
        facts(&foot)
    )
}

/// The lines of a bill under each other.
pub(super) fn line_table(lines: &[pb::BillLine]) -> String {
    let mut table = Table::new(
        &[
            ("month", Set::Left),
            ("line", Set::Left),
            ("", Set::Left),
            ("units", Set::Point),
            ("price", Set::Point),
            ("amount", Set::Point),
        ],
        "nothing is billed",
    );
    for line in lines {
        table.row(vec![
            line.month.clone(),
            line.kind.clone(),
            line.text.clone(),
            line.units.clone(),
            line.price.clone(),
            with_decimals(&line.amount, 2),
        ]);
    }
    table.text()
}

/// A line of a bill in JSON.
pub(super) fn line_value(line: &pb::BillLine) -> Value {
    json!({
        "month": line.month,
        "kind": line.kind,
        "text": line.text,
        "units": line.units,
        "price": line.price,
        "amount": line.amount,
    })
}
