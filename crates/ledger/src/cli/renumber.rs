//! `ledger renumber`: new numbers for a whole region, as one job that can be started again (K1).
//!
//! The file is judged whole before anything is done. Each line's reference is made of its two numbers, so
//! that a job that was cut short is run again as it was: what is done is answered as it was, and the report
//! is the same to the last byte. Nothing is decided here.

mod list;
mod report;
mod send;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::client::{ServerArgs, connect};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::local::grouped;
use crate::output::progress::Progress;
use crate::output::table::facts;

pub(crate) use send::reference_of;

use list::Pair;
use report::{Became, Report};

/// Lines under way together: several windows of the stream.
const BATCH_LINES: usize = 1_024;

/// Which accounts get which numbers.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The file is CSV, plain or gzip, with a header line that names the columns old
and new, in any order; others may be there. It is judged whole first: a line
that is no pair of numbers, a number given twice, an account named twice, or a
number that is both old and new stops the job before anything is done.

The report has a line for each line of the file, in its order:
  renumbered  the account goes by the new number; both find it for ever
  refused     with code and message: unknown or closed account, number taken
  in-doubt    no answer came: run the job again

The job may be killed at any point and run again with the same file: nothing
is done twice, and the report comes out the same. The key in LEDGER_API_KEY
must have the role staff. Exit code 0 when every line was renumbered, now or
before; 1 when lines were refused; 4 when any is in doubt.

Examples:
  ledger renumber nairobi.csv
  ledger renumber nairobi.csv.gz --report nairobi-done.csv --json")]
pub(crate) struct RenumberArgs {
    /// The file of old and new numbers.
    file: PathBuf,
    /// Where the report goes [default: FILE.report.csv].
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &RenumberArgs, globals: &Globals) -> Result<Exit, Failure> {
    let pairs = list::read(&args.file)?;
    block_on(job(args, &pairs, globals))
}

async fn job(args: &RenumberArgs, pairs: &[Pair], globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.server, globals).await?;
    let path = report_path(args);
    let mut report = Report::create(&path)?;
    let total = u64::try_from(pairs.len()).unwrap_or(u64::MAX);
    let progress = Progress::begin(globals.console, "renumbering", "accounts", total);
    for batch in pairs.chunks(BATCH_LINES) {
        let outcomes = send::all(&connected.client, batch).await?;
        for (pair, outcome) in batch.iter().zip(&outcomes) {
            report.write(pair, outcome)?;
        }
        report.flush()?;
        progress.add(u64::try_from(batch.len()).unwrap_or(0));
    }
    progress.end();
    let tally = report.finish()?;
    let of = |became: Became| tally.of(became);
    globals.console.answer(
        || {
            facts(&[
                ("file", args.file.display().to_string()),
                ("report", path.display().to_string()),
                ("renumbered", grouped(of(Became::Renumbered))),
                ("refused", grouped(of(Became::Refused))),
                ("in doubt", grouped(of(Became::InDoubt))),
            ])
        },
        || {
            json!({
                "file": args.file.display().to_string(),
                "report": path.display().to_string(),
                "renumbered": of(Became::Renumbered),
                "refused": of(Became::Refused),
                "in_doubt": of(Became::InDoubt),
            })
        },
    )?;
    Ok(tally.exit())
}

fn report_path(args: &RenumberArgs) -> PathBuf {
    args.report.clone().unwrap_or_else(|| {
        let mut name = args.file.clone().into_os_string();
        name.push(".report.csv");
        PathBuf::from(name)
    })
}
