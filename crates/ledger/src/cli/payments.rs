//! `ledger payments import`: a file of payments through the bulk stream, with a result for each line.
//!
//! The file's references are the channel's keys, so that the file may be sent again whenever it was cut short:
//! what was applied is answered again and credited once (C4). Nothing is decided here.

pub(crate) mod csv;
mod results;
mod send;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use command_api::Client;
use serde_json::{Value, json};

use crate::cli::client::{ServerArgs, connect};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::import::lines::{Line, Lines};
use crate::output::local::grouped;
use crate::output::progress::Progress;
use crate::output::table::{Set, Table, facts};

use csv::{Columns, Payment};
use results::{Outcome, Results, Tally};

/// Lines handled together: several windows of the stream, a few megabytes of memory.
const BATCH_LINES: usize = 4_096;

/// What to do with payments.
#[derive(Debug, Clone, Args)]
pub(crate) struct PaymentsArgs {
    #[command(subcommand)]
    command: PaymentsCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum PaymentsCommand {
    /// Applies a file of payments, with a result for each line.
    #[command(after_help = "\
The file is CSV, plain or gzip, with a header line that names the columns
reference, meter and amount, in any order; paid_at (RFC 3339) and others may be
there. The references are the channel's own, unique for ever: after anything
that went wrong, import the same file again; nothing is credited twice.

FILE.results.csv gets one line for each line of the file, in its order:
  applied     credited; with the receipt        suspended  waits for staff (--taken)
  duplicate   credited before; same receipt     in-doubt   no answer: import again
  refused     for good; with code and message   conflict   the reference was used
  malformed   nothing was sent or taken                    for another payment

Exit code 0 when every line was applied, before or now; 1 when lines were
refused, in conflict, malformed or suspended; 4 when any is in doubt.

Examples:
  ledger payments import 2026-03-02.csv
  ledger payments import bank.csv.gz --taken --results out.csv --json")]
    Import(ImportArgs),
}

#[derive(Debug, Clone, Args)]
struct ImportArgs {
    /// The file.
    file: PathBuf,
    /// The money has been taken already: what cannot be credited waits in suspense.
    #[arg(long)]
    taken: bool,
    /// Where the results go [default: FILE.results.csv].
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Send paid_at as the time of receipt; only a server with the simulated clock takes it.
    #[arg(long)]
    state_times: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &PaymentsArgs, globals: &Globals) -> Result<Exit, Failure> {
    let PaymentsCommand::Import(args) = &args.command;
    block_on(import(args, globals))
}

async fn import(args: &ImportArgs, globals: &Globals) -> Result<Exit, Failure> {
    let mut lines = Lines::open(&args.file)?;
    let columns = match lines.next() {
        Some(header) => Columns::of(&header?)?,
        None => return Err(csv::bad_header("it is empty")),
    };
    let connected = connect(&args.server, globals).await?;
    let path = results_path(args);
    let mut results = Results::create(&path)?;
    let size = std::fs::metadata(&args.file).map_or(0, |about| about.len());
    let progress = Progress::begin(globals.console, "paying", "bytes of the file", size);
    let mut batch: Vec<Line> = Vec::with_capacity(BATCH_LINES);
    loop {
        let next = lines.next().transpose()?;
        let is_over = next.is_none();
        batch.extend(next.filter(|line| !line.text.trim().is_empty()));
        if batch.len() < BATCH_LINES && !is_over {
            continue;
        }
        one_batch(args, &connected.client, (&columns, &batch), &mut results).await?;
        batch.clear();
        progress.set(lines.bytes_read().get());
        if is_over {
            break;
        }
    }
    progress.end();
    let tally = results.finish()?;
    let (text, value) = (text(args, &path, &tally), value(args, &path, &tally));
    globals.console.answer(|| text, || value)?;
    Ok(tally.exit())
}

async fn one_batch(
    args: &ImportArgs,
    client: &Client,
    (columns, batch): (&Columns, &[Line]),
    results: &mut Results,
) -> Result<(), Failure> {
    let read: Vec<Result<Payment, String>> =
        batch.iter().map(|line| columns.payment(line)).collect();
    let payments: Vec<&Payment> = read.iter().filter_map(|one| one.as_ref().ok()).collect();
    let how = send::How {
        taken: args.taken,
        state_times: args.state_times,
    };
    let mut outcomes = send::all(client, &payments, how).await?.into_iter();
    for (line, one) in batch.iter().zip(&read) {
        let outcome = match one {
            Ok(_) => outcomes.next().unwrap_or_else(Outcome::in_doubt),
            Err(why) => Outcome::malformed(why),
        };
        results.write(line.number, one.as_ref().ok(), &outcome)?;
    }
    Ok(())
}

fn results_path(args: &ImportArgs) -> PathBuf {
    args.results.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".results.csv");
        PathBuf::from(name)
    })
}

fn text(args: &ImportArgs, path: &Path, tally: &Tally) -> String {
    let mut table = Table::new(
        &[
            ("result", Set::Left),
            ("lines", Set::Right),
            ("amount", Set::Point),
        ],
        "no payments",
    );
    for (became, lines, amount) in tally.rows() {
        table.row(vec![
            became.as_str().to_owned(),
            grouped(lines),
            amount.to_string(),
        ]);
    }
    let files = facts(&[
        ("file", args.file.display().to_string()),
        ("results", path.display().to_string()),
    ]);
    format!("{files}\n\n{}", table.text())
}

fn value(args: &ImportArgs, path: &Path, tally: &Tally) -> Value {
    let rows = tally.rows();
    let rows = rows.iter().map(|(became, lines, amount)| {
        let about = json!({"lines": lines, "amount": amount.to_string()});
        (became.as_str().to_owned(), about)
    });
    let results: serde_json::Map<String, Value> = rows.collect();
    json!({
        "file": args.file.display().to_string(),
        "results_file": path.display().to_string(),
        "results": results,
    })
}
