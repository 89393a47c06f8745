//! `ledger consumer …`: how postpaid consumers stand, one by one, in lists, and counted by status.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand, ValueEnum};
use command_api::pb;
use serde_json::{Value, json};

use crate::cli::client::{ServerArgs, account_named, connect, told, utility_name};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::csv::csv;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table, facts};

/// Rows asked for at once; the server's largest page.
const PAGE_ROWS: u32 = 1_000;

/// What to look at.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The key in LEDGER_API_KEY must have the role staff, operator or analyst.")]
pub(crate) struct ConsumerArgs {
    #[command(subcommand)]
    command: ConsumerCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ConsumerCommand {
    /// Shows how a consumer stands: status, dues item by item, deposit, next close.
    Show(ShowArgs),
    /// Lists consumers.
    List(ListArgs),
    /// Counts consumers by their status at the close of each month.
    Counts(CountsArgs),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger consumer show L-1001
  ledger consumer show meter:L0001 --json")]
struct ShowArgs {
    /// Account id, or meter:NUMBER.
    account: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Belated consumers are due for disconnection once their last day to pay is over.

Examples:
  ledger consumer list --set belated
  ledger consumer list --set due-for-reconnection
  ledger consumer list --status DIS3 --csv > dis3.csv")]
struct ListArgs {
    /// Which of them [default: all].
    #[arg(long, value_enum, conflicts_with = "status")]
    set: Option<SetName>,
    /// In this status only, by its code.
    #[arg(long, value_name = "CODE")]
    status: Option<String>,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SetName {
    /// Last month's bill is unpaid.
    Belated,
    /// Disconnected for non-payment, unpaid.
    Disconnected,
    /// Paid, and waiting to be connected again.
    DueForReconnection,
    /// Permanently disconnected with dues.
    Recovery,
    /// Owing anything.
    Owing,
    /// With an open query.
    Queried,
}

impl From<SetName> for pb::ConsumerSet {
    fn from(name: SetName) -> Self {
        match name {
            SetName::Belated => Self::Belated,
            SetName::Disconnected => Self::Disconnected,
            SetName::DueForReconnection => Self::DueForReconnection,
            SetName::Recovery => Self::Recovery,
            SetName::Owing => Self::Owing,
            SetName::Queried => Self::Queried,
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger consumer counts --from 2026-01 --to 2026-06
  ledger consumer counts --from 2026-01 --to 2026-06 --csv > counts.csv")]
struct CountsArgs {
    /// First month.
    #[arg(long, value_name = "MONTH")]
    from: String,
    /// Last month, at most ten years on.
    #[arg(long, value_name = "MONTH")]
    to: String,
    /// As comma-separated values.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &ConsumerArgs, globals: &Globals) -> Result<Exit, Failure> {
    block_on(async {
        match &args.command {
            ConsumerCommand::Show(args) => show(args, globals).await,
            ConsumerCommand::List(args) => list(args, globals).await,
            ConsumerCommand::Counts(args) => counts(args, globals).await,
        }
    })
}

async fn show(args: &ShowArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::GetConsumerRequest {
        account: Some(account_named(&args.account)),
        at_least: String::new(),
    };
    let mut client = connect(&args.server, globals).await?.client.billing();
    let found = client.get_consumer(request).await?.into_inner();
    let consumer = found.consumer.unwrap_or_default();
    globals
        .console
        .answer(|| consumer_text(&consumer), || consumer_value(&consumer))?;
    Ok(Exit::Done)
}

fn consumer_text(c: &pb::Consumer) -> String {
    let status = if c.status.is_empty() {
        "none in its scheme".to_owned()
    } else {
        format!("{} ({})", c.status, c.status_text)
    };
    let mut pairs = vec![
        ("account", c.account_id.clone()),
        ("listed as", c.listing.clone()),
        ("status", status),
        ("connected on", c.connected_on.clone()),
        ("dues", with_decimals(&c.dues, 2)),
        ("deposit", with_decimals(&c.deposit, 2)),
        ("open queries", c.open_queries.to_string()),
    ];
    for (name, value) in [
        ("next close", &c.next_close),
        ("cut by close of", &c.cut_by_close_of),
        ("oldest bill due", &c.oldest_due),
    ] {
        if !value.is_empty() {
            pairs.push((name, value.clone()));
        }
    }
    let mut table = Table::new(
        &[
            ("month", Set::Left),
            ("for", Set::Left),
            ("left", Set::Point),
        ],
        "nothing is open",
    );
    for item in &c.open_items {
        table.row(vec![
            item.month.clone(),
            item.kind.clone(),
            with_decimals(&item.left, 2),
        ]);
    }
    format!("{}\n\n{}", facts(&pairs), table.text())
}

fn consumer_value(c: &pb::Consumer) -> Value {
    let open: Vec<Value> = c
        .open_items
        .iter()
        .map(|item| json!({"month": item.month, "kind": item.kind, "left": item.left}))
        .collect();
    json!({
        "account": c.account_id,
        "utility": utility_name(c.utility),
        "listing": c.listing,
        "status": c.status,
        "status_since": told(c.status_since.as_ref()),
        "connected_on": c.connected_on,
        "next_close": c.next_close,
        "cut_by_close_of": c.cut_by_close_of,
        "dues": c.dues,
        "deposit": c.deposit,
        "open": open,
        "open_queries": c.open_queries,
        "oldest_due": c.oldest_due,
    })
}

async fn list(args: &ListArgs, globals: &Globals) -> Result<Exit, Failure> {
    let mut client = connect(&args.server, globals).await?.client.billing();
    let mut request = pb::ListConsumersRequest {
        set: args
            .set
            .map_or(pb::ConsumerSet::Unspecified, pb::ConsumerSet::from)
            .into(),
        status: args.status.clone().unwrap_or_default(),
        page_size: PAGE_ROWS,
        ..Default::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = client.list_consumers(request.clone()).await?.into_inner();
        rows.extend(page.consumers);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if args.csv {
        globals.console.line(&list_csv(&rows))?;
        return Ok(Exit::Done);
    }
    globals.console.answer(
        || list_text(&rows),
        || rows.iter().map(consumer_value).collect(),
    )?;
    Ok(Exit::Done)
}

fn oldest(c: &pb::Consumer) -> String {
    c.open_items
        .first()
        .map(|item| item.month.clone())
        .unwrap_or_default()
}

fn list_text(rows: &[pb::Consumer]) -> String {
    let mut table = Table::new(
        &[
            ("account", Set::Left),
            ("status", Set::Left),
            ("dues", Set::Point),
            ("oldest month", Set::Left),
            ("bill due", Set::Left),
            ("deposit", Set::Point),
            ("queries", Set::Right),
            ("next close", Set::Left),
        ],
        "no consumers",
    );
    for c in rows {
        table.row(vec![
            c.account_id.clone(),
            c.status.clone(),
            with_decimals(&c.dues, 2),
            oldest(c),
            c.oldest_due.clone(),
            with_decimals(&c.deposit, 2),
            c.open_queries.to_string(),
            c.next_close.clone(),
        ]);
    }
    table.text()
}

fn list_csv(rows: &[pb::Consumer]) -> String {
    let heads = [
        "account",
        "listing",
        "status",
        "status_since",
        "dues",
        "oldest_month",
        "oldest_due",
        "deposit",
        "open_queries",
        "next_close",
        "cut_by_close_of",
        "connected_on",
    ];
    let cells = rows.iter().map(|c| {
        let since = told(c.status_since.as_ref());
        vec![
            c.account_id.clone(),
            c.listing.clone(),
            c.status.clone(),
            since.as_str().unwrap_or_default().to_owned(),
            c.dues.clone(),
            oldest(c),
            c.oldest_due.clone(),
            c.deposit.clone(),
            c.open_queries.to_string(),
            c.next_close.clone(),
            c.cut_by_close_of.clone(),
            c.connected_on.clone(),
        ]
    });
    csv(&heads, cells)
}

async fn counts(args: &CountsArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::CountConsumersRequest {
        from_month: args.from.clone(),
        to_month: args.to.clone(),
        at_least: String::new(),
    };
    let mut client = connect(&args.server, globals).await?.client.billing();
    let counts = client.count_consumers(request).await?.into_inner().counts;
    if args.csv {
        let cells = counts
            .iter()
            .map(|c| vec![c.month.clone(), c.status.clone(), c.consumers.to_string()]);
        globals
            .console
            .line(&csv(&["month", "status", "consumers"], cells))?;
        return Ok(Exit::Done);
    }
    globals.console.answer(
        || counts_text(&counts),
        || {
            let rows = counts.iter();
            rows.map(|c| json!({"month": c.month, "status": c.status, "consumers": c.consumers}))
                .collect()
        },
    )?;
    Ok(Exit::Done)
}

/// A row a month, a column for each status that occurs.
pub(crate) fn counts_text(counts: &[pb::StatusCount]) -> String {
    let codes: BTreeSet<&str> = counts.iter().map(|c| c.status.as_str()).collect();
    let mut months: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for c in counts {
        let month = months.entry(c.month.as_str()).or_default();
        month.insert(c.status.as_str(), c.consumers);
    }
    let mut heads = vec![("month", Set::Left)];
    heads.extend(codes.iter().map(|code| (*code, Set::Right)));
    heads.push(("all", Set::Right));
    let mut table = Table::new(&heads, "no month was closed");
    for (month, by_status) in months {
        let mut row = vec![month.to_owned()];
        for code in &codes {
            let count = by_status.get(code).copied();
            row.push(count.map_or_else(String::new, |count| count.to_string()));
        }
        row.push(by_status.values().sum::<u64>().to_string());
        table.row(row);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer() -> pb::Consumer {
        let item = |month: &str, kind: &str, left: &str| pb::OpenItem {
            month: month.to_owned(),
            kind: kind.to_owned(),
            left: left.to_owned(),
        };
        pb::Consumer {
            account_id: "L-1001".to_owned(),
            listing: "general".to_owned(),
            status: "DIS1".to_owned(),
            status_text: "disconnected for non-payment, by month".to_owned(),
            dues: "102.003".to_owned(),
            deposit: "1000".to_owned(),
            next_close: "2026-02".to_owned(),
            connected_on: "2024-07-01".to_owned(),
            open_items: vec![
                item("2025-12", "estimate", "100.003"),
                item("2025-12", "surcharge", "2"),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn e5_how_a_consumer_stands_is_seen_at_a_glance() {
        insta::assert_snapshot!(consumer_text(&consumer()));
    }

    #[test]
    fn e5_a_list_of_consumers_lines_up_and_is_a_table_for_spreadsheets_too() {
        let other = pb::Consumer {
            account_id: "L-2".to_owned(),
            status: "LIVE".to_owned(),
            dues: "0".to_owned(),
            deposit: "0".to_owned(),
            ..Default::default()
        };
        let rows = [consumer(), other];
        insta::assert_snapshot!(list_text(&rows));
        assert_eq!(list_csv(&rows).lines().count(), 3);
    }

    #[test]
    fn e17_counts_are_a_row_a_month_and_a_column_a_status() {
        let count = |month: &str, status: &str, consumers| pb::StatusCount {
            month: month.to_owned(),
            status: status.to_owned(),
            consumers,
        };
        let counts = [
            count("2026-01", "LIVE", 12),
            count("2026-02", "BLTD", 2),
            count("2026-02", "LIVE", 10),
        ];
        insta::assert_snapshot!(counts_text(&counts), @r"
        month    BLTD  LIVE  all
        2026-01          12   12
        2026-02     2    10   12
        ");
    }
}
