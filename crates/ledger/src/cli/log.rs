//! `ledger log …`: the log as a whole, beside what is folded from it.

mod compare;
mod copy;
mod run;

use clap::{Args, Subcommand};

use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do with a log.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum LogCommand {
    /// Copies a log into an empty one of either kind: embedded, or in a KurrentDB.
    Copy(run::CopyArgs),
}

pub(crate) fn run(args: &LogArgs, globals: &Globals) -> Result<Exit, Failure> {
    match &args.command {
        LogCommand::Copy(args) => run::run(args, globals),
    }
}
