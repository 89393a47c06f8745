//! `ledger report`: every report of a running ledger as a table, CSV or JSON, all pages of it.
//!
//! Reports describe themselves over the API, so that nothing here knows any of them: another report is
//! listed, asked and printed without a change. What it is as of stands in every output.

mod show;

use clap::{Args, ValueEnum};
use command_api::pb;
use command_api::pb::report_service_client::ReportServiceClient;

use crate::cli::client::{ServerArgs, connect};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

/// Rows asked for at once; the server's largest page.
const PAGE_ROWS: u32 = 1_000;

/// Which report.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without a name it lists the reports with what each takes. Rows are exact:
money and quantities are decimals, dates and times are local to each row's
scheme. Below a table stand its totals, and how they tie to the trial
balance. Exit code 1: something does not tie.

Examples:
  ledger report
  ledger report due-for-disconnection --as-of 2026-03-21
  ledger report aged-debt --scheme ebcm --csv > aged.csv
  ledger report revenue --from 2026-01 --to 2026-03 --json | jq .totals
  ledger report receipts --from 2026-03-01 --to 2026-03-31 --channel incomm --csv
  ledger report legacy-credit --everything")]
pub(crate) struct ReportArgs {
    /// Name of the report; none lists them.
    name: Option<String>,
    /// The local date it is as of; today when left out, never an earlier one.
    #[arg(long, value_name = "DATE")]
    as_of: Option<String>,
    /// From this date (2026-03-01) or month (2026-03) on.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Up to this date or month, inclusive.
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Only this scheme.
    #[arg(long)]
    scheme: Option<String>,
    /// Only this utility.
    #[arg(long)]
    utility: Option<UtilityName>,
    /// Only this channel.
    #[arg(long)]
    channel: Option<String>,
    /// Only this account.
    #[arg(long)]
    account: Option<String>,
    /// Also what needs nobody any more: settled, cleared, ended.
    #[arg(long)]
    everything: bool,
    /// Only rows that are as new as this token, such as that of a write.
    #[arg(long, value_name = "TOKEN")]
    at_least: Option<String>,
    /// As comma-separated values (RFC 4180) with a heading.
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UtilityName {
    /// Electricity.
    Electricity,
    /// Water.
    Water,
}

impl From<UtilityName> for pb::Utility {
    fn from(name: UtilityName) -> Self {
        match name {
            UtilityName::Electricity => Self::Electricity,
            UtilityName::Water => Self::Water,
        }
    }
}

/// A whole report, page by page.
struct Whole {
    first: pb::GetReportResponse,
    rows: Vec<pb::ReportRow>,
    /// State that the last page showed, where it is another than the first one's.
    went_on_to: Option<String>,
}

pub(crate) fn run(args: &ReportArgs, globals: &Globals) -> Result<Exit, Failure> {
    let answered = block_on(async {
        let connected = connect(&args.server, globals).await?;
        let mut client = connected.client.reports();
        let Some(name) = &args.name else {
            let listed = client.list_reports(pb::ListReportsRequest {}).await?;
            show::list(&listed.into_inner().reports, globals)?;
            return Ok(Exit::Done);
        };
        let whole = whole(&mut client, question(args, name)).await?;
        show::report(&whole, args.csv, globals)?;
        let all_tie = whole.first.ties.iter().all(|tie| tie.ties);
        Ok(if all_tie { Exit::Done } else { Exit::Found })
    });
    answered.map_err(Failure::of_a_question)
}

/// A month where the text is as long as one, else a date; the server says what is wrong with it.
fn split(text: Option<&String>) -> (String, String) {
    match text {
        Some(text) if text.len() == "2026-03".len() => (String::new(), text.clone()),
        Some(text) => (text.clone(), String::new()),
        None => (String::new(), String::new()),
    }
}

fn question(args: &ReportArgs, name: &str) -> pb::GetReportRequest {
    let (from_date, from_month) = split(args.from.as_ref());
    let (to_date, to_month) = split(args.to.as_ref());
    let utility = args
        .utility
        .map_or(pb::Utility::Unspecified, pb::Utility::from);
    pb::GetReportRequest {
        name: name.to_owned(),
        as_of: args.as_of.clone().unwrap_or_default(),
        from_date,
        to_date,
        from_month,
        to_month,
        scheme: args.scheme.clone().unwrap_or_default(),
        utility: utility.into(),
        channel: args.channel.clone().unwrap_or_default(),
        account_id: args.account.clone().unwrap_or_default(),
        everything: args.everything,
        page_size: PAGE_ROWS,
        page_token: String::new(),
        at_least: args.at_least.clone().unwrap_or_default(),
    }
}

async fn whole(
    client: &mut ReportServiceClient<command_api::client::Wire>,
    mut question: pb::GetReportRequest,
) -> Result<Whole, Failure> {
    let mut first = client.get_report(question.clone()).await?.into_inner();
    let mut rows = std::mem::take(&mut first.rows);
    let mut next = first.next_page_token.clone();
    // No page may be older than the first.
    question.at_least.clone_from(&first.token);
    let mut newest = first.token.clone();
    while !next.is_empty() {
        question.page_token = next;
        let page = client.get_report(question.clone()).await?.into_inner();
        rows.extend(page.rows);
        newest = page.token;
        next = page.next_page_token;
    }
    let went_on_to = (newest != first.token).then_some(newest);
    Ok(Whole {
        first,
        rows,
        went_on_to,
    })
}
