//! `ledger account …`: what a running ledger knows of an account, as tables or JSON.

mod consumption;
mod history;
mod hourly;
mod renumber;
mod show;
mod statement;

use clap::{Args, Subcommand};

use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

/// Which question about an account.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
ACCOUNT is any number the account has or had, or meter:NUMBER for the account that holds that
meter now. The server is that of the configuration (--server), the key is in
LEDGER_API_KEY.")]
pub(crate) struct AccountArgs {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum AccountCommand {
    /// Shows an account at a glance: wallets, meters, supply, debt.
    Show(show::ShowArgs),
    /// Lists what moved the credit or the debt, with the balance after each line.
    Statement(statement::StatementArgs),
    /// Prints the account's events as they are stored, one JSON object a line.
    History(history::HistoryArgs),
    /// Lists consumption and charge of the account's meters by day or month.
    Consumption(consumption::ConsumptionArgs),
    /// Gives the account another number; every number it had finds it.
    Renumber(renumber::RenumberArgs),
}

pub(crate) fn run(args: &AccountArgs, globals: &Globals) -> Result<Exit, Failure> {
    let answered = block_on(async {
        match &args.command {
            AccountCommand::Show(args) => show::run(args, globals).await,
            AccountCommand::Statement(args) => statement::run(args, globals).await,
            AccountCommand::History(args) => history::run(args, globals).await,
            AccountCommand::Consumption(args) => consumption::run(args, globals).await,
            AccountCommand::Renumber(args) => renumber::run(args, globals).await,
        }
    });
    answered.map_err(Failure::of_a_question)
}
