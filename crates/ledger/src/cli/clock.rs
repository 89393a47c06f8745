//! `ledger clock …`: what is due, and letting it act on a stopped ledger.
//!
//! A running ledger has its own clock. This shows what waits for it, and works off what is due before an
//! instant where no server runs: after days of downtime, or to close a month at a time of one's choosing.

mod run;
mod status;

use clap::{Args, Subcommand};
use ledger_core::time::Timestamp;

use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do with the clock.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClockArgs {
    #[command(subcommand)]
    command: ClockCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ClockCommand {
    /// Shows what is due: how many of each kind, since when, what comes next.
    Status(status::StatusArgs),
    /// Lets everything act that is due before an instant, on a stopped ledger.
    Run(run::RunArgs),
}

pub(crate) fn run(args: &ClockArgs, globals: &Globals) -> Result<Exit, Failure> {
    match &args.command {
        ClockCommand::Status(args) => status::run(args, globals),
        ClockCommand::Run(args) => run::run(args, globals),
    }
}

/// An instant of a flag, with its offset.
fn instant(flag: &str, text: &str) -> Result<Timestamp, Failure> {
    Timestamp::parse(text).map_err(|error| {
        Failure::usage("INSTANT", format!("{flag} {text:?}: {error}"))
            .advise("give an instant with its offset, such as 2026-04-01T00:00:00+05:30")
    })
}
