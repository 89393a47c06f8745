//! `ledger application …`: applications for a connection, step by step (E14).

mod list;
mod steps;

use clap::{Args, Subcommand};

use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) use steps::told;

/// What to do with applications.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A general connection goes: save, submit, accept (or enter, where the form is on
paper), serve-inspection, estimate, sanction, demand, pay, order, execute. A
temporary one goes: save, submit, accept with its advance (or enter), pay,
order, execute. docs/applications.md draws the table: which role takes which
step, and how forms and estimates are sent back. A step that was cut short is
finished by sending it again. The key in LEDGER_API_KEY needs the step's role;
a portal of the consumers has the role channel.")]
pub(crate) struct ApplicationArgs {
    #[command(subcommand)]
    command: ApplicationCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ApplicationCommand {
    /// Lists applications, the oldest first.
    List(list::ListArgs),
    #[command(flatten)]
    Step(steps::Step),
}

pub(crate) fn run(args: &ApplicationArgs, globals: &Globals) -> Result<Exit, Failure> {
    block_on(async {
        match &args.command {
            ApplicationCommand::List(args) => list::run(args, globals).await,
            ApplicationCommand::Step(step) => steps::run(step, globals).await,
        }
    })
}
