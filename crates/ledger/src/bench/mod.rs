//! `ledger bench`: measures the ledger on this machine, each figure beside a reference taken in the same run.
//!
//! Machines are shared and noisy, so what counts is the ratio between ours and a reference that does the
//! same work, both run in turn ([`pairs`]). Every measurement says what was durable and on which machine
//! it was taken ([`machine`]). Absent on purpose: timed unit tests, and figures without a reference where
//! one can be had.

mod append;
mod args;
mod bytes;
mod calls;
mod echo;
mod events;
mod explicit;
mod figures;
mod house;
mod household;
mod ingest;
mod machine;
mod pairs;
mod raw;
mod remote;
mod report;
mod scratch;
mod servers;
mod topup;

pub(crate) use args::BenchArgs;

use crate::bench::args::Bench;
use crate::bench::report::Report;
use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// Runs a measurement and prints it.
///
/// # Errors
/// When the machine lacks something that the measurement needs, or ours fails under it.
pub(crate) fn run(args: &BenchArgs, globals: &Globals) -> Result<Exit, Failure> {
    let console = globals.console;
    let report: Report = match &args.what {
        Bench::Append(common) => match globals.event_store() {
            None | Some("embedded") => append::run(common, console)?,
            Some(url) => remote::run(common, url, console)?,
        },
        Bench::Ingest(common) => ingest::run(common, console)?,
        Bench::Topup(common) => topup::unary(common, console)?,
        Bench::TopupStream(common) => topup::stream(common, console)?,
        Bench::Bytes(args) => bytes::run(args, console)?,
        Bench::Echo => return echo::serve(console),
    };
    console.answer(|| report.text(), || report.json())?;
    Ok(Exit::Done)
}
