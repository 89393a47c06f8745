//! `ledger account statement`: what moved the credit or the debt, with the balance after each line.

use clap::{Args, ValueEnum};
use command_api::pb;
use ledger_core::time::{LocalDate, Zone};
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::cli::client::{ServerArgs, account_named, connect, shown, told, zone_of};
use crate::cli::statement::{PrintArgs, Wanted, print};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table};
use crate::statement::Period;

/// Lines asked for at once; the server's largest page.
const PAGE_LINES: u32 = 1_000;

/// Which lines of which account.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger account statement A-1001
  ledger account statement A-1001 --book water --from 2026-03-01 --to 2026-03-31
  ledger account statement A-1001 --json | jq -r '.[] | [.at, .amount] | @csv'
  ledger account statement A-1001 --from 2026-03-01 --to 2026-03-31 --text | lp
  ledger account statement A-1001 --from 2026-03-01 --to 2026-03-31 --pdf march.pdf

With --text or --pdf it is a document for the customer: meters, balances
brought forward and carried, the tariff lines of what was used, payments, the
debt with its period, what is to pay. It covers the month so far where no
dates are given, and whole local days.")]
pub(crate) struct StatementArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    /// Only this book.
    #[arg(long)]
    book: Option<BookName>,
    /// From this local date on.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Up to this local date, inclusive.
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// As a document to print, instead of a table.
    #[arg(long, conflicts_with_all = ["book", "limit"])]
    text: bool,
    #[command(flatten)]
    print: PrintArgs,
    /// Lines at most; 0 means all.
    #[arg(long, default_value_t = 0, value_name = "LINES")]
    limit: usize,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BookName {
    /// Electricity credit.
    Electricity,
    /// Water credit.
    Water,
    /// The debt.
    Debt,
}

impl From<BookName> for pb::Book {
    fn from(name: BookName) -> Self {
        match name {
            BookName::Electricity => Self::Electricity,
            BookName::Water => Self::Water,
            BookName::Debt => Self::Debt,
        }
    }
}

/// The statement as a document.
async fn printed(args: &StatementArgs, globals: &Globals) -> Result<Exit, Failure> {
    let date = |flag: &str, text: Option<&String>| {
        let read = text.map(|text| {
            LocalDate::parse(text)
                .map_err(|error| Failure::usage("DATE", format!("{flag} {text:?}: {error}")))
        });
        read.transpose()
    };
    let (from, to) = (
        date("--from", args.from.as_ref())?,
        date("--to", args.to.as_ref())?,
    );
    let period = move |_: &Zone, today: LocalDate| {
        let to = to.unwrap_or(today);
        Ok(Period {
            from: from.unwrap_or_else(|| to.month().first_day()),
            to,
        })
    };
    let wanted = Wanted {
        account: &args.account,
        is_bill: false,
        period: &period,
    };
    print(&wanted, (&args.server, &args.print), globals).await
}

pub(super) async fn run(args: &StatementArgs, globals: &Globals) -> Result<Exit, Failure> {
    if args.text || args.print.pdf.is_some() {
        return printed(args, globals).await;
    }
    if args.print.with_person {
        return Err(
            Failure::usage("NO_DOCUMENT", "--with-person is for a document")
                .advise("add --text or --pdf FILE"),
        );
    }
    let connected = connect(&args.server, globals).await?;
    let mut queries = connected.client.queries();
    let account = pb::GetAccountRequest {
        account: Some(account_named(&args.account)),
        at_least: String::new(),
    };
    let account = queries.get_account(account).await?.into_inner();
    let zone = zone_of(&connected.settings, &account.scheme)?;
    let mut request = pb::GetStatementRequest {
        account: Some(account_named(&account.account_id)),
        book: args
            .book
            .map_or(pb::Book::Unspecified, pb::Book::from)
            .into(),
        from: start_of(&zone, "--from", args.from.as_deref(), 0)?,
        to: start_of(&zone, "--to", args.to.as_deref(), 1)?,
        page_size: PAGE_LINES,
        page_token: String::new(),
        at_least: String::new(),
    };
    let mut lines = Vec::new();
    loop {
        let page = queries.get_statement(request.clone()).await?.into_inner();
        lines.extend(page.lines);
        let has_enough = args.limit > 0 && lines.len() >= args.limit;
        if page.next_page_token.is_empty() || has_enough {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if args.limit > 0 {
        lines.truncate(args.limit);
    }
    globals
        .console
        .answer(|| text(&lines, &zone), || lines.iter().map(value).collect())?;
    Ok(Exit::Done)
}

/// The beginning of a local date, or of the day so many days after it.
fn start_of(
    zone: &Zone,
    flag: &str,
    date: Option<&str>,
    days: i32,
) -> Result<Option<prost_types::Timestamp>, Failure> {
    let Some(date) = date else { return Ok(None) };
    let date = LocalDate::parse(date)
        .map_err(|error| Failure::usage("DATE", format!("{flag} {date:?}: {error}")))?;
    let millis = zone.start_of_day(date.plus_days(days)).as_millis();
    Ok(Some(prost_types::Timestamp {
        seconds: millis.div_euclid(1_000),
        nanos: 0,
    }))
}

fn book_name(book: i32) -> &'static str {
    match pb::Book::try_from(book) {
        Ok(pb::Book::Electricity) => "electricity",
        Ok(pb::Book::Water) => "water",
        Ok(pb::Book::Debt) => "debt",
        Ok(pb::Book::Bills) => "bills",
        Ok(pb::Book::Unspecified) | Err(_) => "unknown",
    }
}

fn text(lines: &[pb::StatementLine], zone: &Zone) -> String {
    let time = format!("time ({})", zone.name());
    let mut table = Table::new(
        &[
            (time.as_str(), Set::Left),
            ("book", Set::Left),
            ("what", Set::Left),
            ("amount", Set::Point),
            ("balance", Set::Point),
            ("readings", Set::Right),
            ("receipt", Set::Left),
        ],
        "no lines",
    );
    for line in lines {
        let readings = if line.readings == 0 {
            String::new()
        } else {
            line.readings.to_string()
        };
        table.row(vec![
            shown(zone, line.at.as_ref()),
            book_name(line.book).to_owned(),
            line.kind.clone(),
            with_decimals(&line.amount, 2),
            with_decimals(&line.balance, 2),
            readings,
            line.receipt.clone(),
        ]);
    }
    table.text()
}

fn value(line: &pb::StatementLine) -> Value {
    json!({
        "book": book_name(line.book),
        "line": line.line,
        "at": told(line.at.as_ref()),
        "date": line.date,
        "kind": line.kind,
        "amount": line.amount,
        "balance": line.balance,
        "readings": line.readings,
        "receipt": line.receipt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_lines_up_on_the_points_and_states_its_zone() {
        let zone = Zone::named("Asia/Brunei").unwrap();
        let line = |seconds: i64, kind: &str, amount: &str, balance: &str| pb::StatementLine {
            book: pb::Book::Electricity.into(),
            at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            kind: kind.to_owned(),
            amount: amount.to_owned(),
            balance: balance.to_owned(),
            ..pb::StatementLine::default()
        };
        let lines = [
            line(1_772_330_400, "credit-topped-up.v1", "20", "20"),
            line(
                1_772_334_000,
                "consumption-charged.v1",
                "-0.00237",
                "19.99763",
            ),
        ];
        insta::assert_snapshot!(text(&lines, &zone));
    }

    #[test]
    fn c7_a_date_begins_at_local_midnight() {
        let zone = Zone::named("Asia/Brunei").unwrap();
        let at = start_of(&zone, "--from", Some("2026-03-01"), 0)
            .unwrap()
            .unwrap();
        assert_eq!(at.seconds, 1_772_294_400, "16:00 UTC on the day before");
        assert!(start_of(&zone, "--from", Some("1.3.2026"), 0).is_err());
    }
}
