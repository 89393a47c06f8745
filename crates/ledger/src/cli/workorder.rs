//! `ledger workorder …`: the swap of an old meter for a new one, step by step.

mod list;
mod steps;

use clap::{Args, Subcommand};

use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do with work orders.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A swap goes: issue, appoint (or move, prevent and appoint again), read,
install, activate, settle, return. A step that was cut short is finished by
sending it again. Times are local to the scheme, such as \"2026-03-10 09:00\",
or RFC 3339 with an offset. The key in LEDGER_API_KEY must have the role staff;
to list, also operator or analyst.")]
pub(crate) struct WorkOrderArgs {
    #[command(subcommand)]
    command: WorkOrderCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WorkOrderCommand {
    /// Lists work orders by their appointments.
    List(list::ListArgs),
    #[command(flatten)]
    Step(steps::Step),
}

pub(crate) fn run(args: &WorkOrderArgs, globals: &Globals) -> Result<Exit, Failure> {
    block_on(async {
        match &args.command {
            WorkOrderCommand::List(args) => list::run(args, globals).await,
            WorkOrderCommand::Step(step) => steps::run(step, globals).await,
        }
    })
}
