//! `ledger statement …`: documents that a person can print, beside `ledger account statement`.

mod bill;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ledger_core::time::{LocalDate, Zone};
use ledger_service::TimeSource;

use crate::cli::client::{Connected, ServerArgs, connect};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::statement::{Period, Statement, named, pdf, read, statement, text};

/// Which document.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatementArgs {
    #[command(subcommand)]
    command: StatementCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum StatementCommand {
    /// Prints the bill of a month: balance forward, tariff lines, payments, what is to pay and by when.
    Bill(bill::BillArgs),
}

pub(crate) fn run(args: &StatementArgs, globals: &Globals) -> Result<Exit, Failure> {
    let printed = block_on(async {
        match &args.command {
            StatementCommand::Bill(args) => bill::run(args, globals).await,
        }
    });
    printed.map_err(Failure::of_a_question)
}

/// How a document comes out.
#[derive(Debug, Clone, Args)]
pub(crate) struct PrintArgs {
    /// Writes a PDF to this file instead of text to standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) pdf: Option<PathBuf>,
    /// With the name of who is responsible for payments; the key must be one that may see persons.
    #[arg(long)]
    pub(crate) with_person: bool,
}

/// What a document is about.
pub(crate) struct Wanted<'a> {
    /// Account id, or meter:NUMBER.
    pub(crate) account: &'a str,
    /// Whether it is a bill.
    pub(crate) is_bill: bool,
    /// Its period, once the scheme's zone and today are known.
    pub(crate) period: &'a (dyn Fn(&Zone, LocalDate) -> Result<Period, Failure> + Sync),
}

/// Folds a document and prints it.
pub(crate) async fn print(
    wanted: &Wanted<'_>,
    (server, args): (&ServerArgs, &PrintArgs),
    globals: &Globals,
) -> Result<Exit, Failure> {
    let connected = connect(server, globals).await?;
    let document = folded(&connected, wanted).await?;
    let document = if args.with_person {
        named(&connected, document).await?
    } else {
        document
    };
    match &args.pdf {
        Some(file) => write_pdf(file, &document, globals)?,
        None => globals.console.line(&text(&document))?,
    }
    Ok(Exit::Done)
}

async fn folded(connected: &Connected, wanted: &Wanted<'_>) -> Result<Statement, Failure> {
    let (account, stored, policy) = read(connected, wanted.account).await?;
    let newest = stored.last().map(|one| one.stamp.at);
    // A simulated ledger may be ahead of this machine, or far behind it; its newest fact tells.
    let now = TimeSource::system().now();
    let today = policy
        .zone()
        .date_of(newest.map_or(now, |newest| newest.max(now)));
    let period = (wanted.period)(policy.zone(), today)?;
    if period.to < period.from {
        let what = format!("{} lies before {}", period.to, period.from);
        return Err(Failure::usage("PERIOD", what).advise("give the first day with --from"));
    }
    let is_billed = stored.iter().any(|one| {
        matches!(
            &one.event,
            ledger_core::event::AccountEvent::Billing(
                ledger_core::event::BillingEvent::ConsumerListed(_)
            )
        )
    });
    if wanted.is_bill && !is_billed {
        let what = format!("account {account} is prepaid: it has no bills");
        return Err(Failure::refused("NOT_BILLED", what)
            .advise("print `ledger account statement --text` instead"));
    }
    Ok(statement(
        &account,
        &stored,
        policy,
        (period, wanted.is_bill),
    ))
}

/// Written beside and renamed, so that nobody opens half of it.
fn write_pdf(file: &Path, document: &Statement, globals: &Globals) -> Result<(), Failure> {
    let bytes = pdf(document);
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, &bytes)
        .and_then(|()| std::fs::rename(&beside, file))
        .map_err(|error| Failure::file("writing", file, &error))?;
    globals.console.answer(
        || format!("written: {}", file.display()),
        || serde_json::json!({"pdf": file.display().to_string(), "bytes": bytes.len()}),
    )
}
