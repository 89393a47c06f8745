//! `ledger account renumber`: gives one account another number.

use clap::Args;
use command_api::pb;

use crate::cli::Globals;
use crate::cli::client::{ServerArgs, connect};
use crate::cli::legacy::done;
use crate::cli::renumber::reference_of;
use crate::exit::Exit;
use crate::failure::Failure;

/// Which account, and the number it gets.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Both numbers find the account for ever, payments included; the customer is
told. A number is given once: one that is or was any account's is refused.
The key in LEDGER_API_KEY must have the role staff. For a whole region see
`ledger renumber`.

Examples:
  ledger account renumber 2001-77 22-004711")]
pub(crate) struct RenumberArgs {
    /// Any number of the account.
    old: String,
    /// The number it gets.
    new: String,
    /// The sender's own reference of this command [default: made of both numbers].
    #[arg(long)]
    reference: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) async fn run(args: &RenumberArgs, globals: &Globals) -> Result<Exit, Failure> {
    let reference = args.reference.clone();
    let request = pb::RenumberAccountRequest {
        reference: reference.unwrap_or_else(|| reference_of(&args.old, &args.new)),
        account_id: args.old.clone(),
        new_number: args.new.clone(),
    };
    let mut client = connect(&args.server, globals).await?.client.accounts();
    let answer = client.renumber_account(request).await?.into_inner();
    done("renumbered", answer.outcome, globals)
}
