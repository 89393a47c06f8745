//! `ledger legacy …`: credit of older systems, as staff handle it.

mod list;

use clap::{Args, Subcommand, ValueEnum};
use command_api::pb;
use serde_json::json;

use crate::cli::client::{ServerArgs, connect};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::facts;

/// What to do with credit of older systems.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Credit of an old account is registered, which starts its term, then credited
or refunded, which ends it: once for ever for each old account and utility. A
reference names one command for ever: sent again with the same content it gets
the same answer. The key in LEDGER_API_KEY must have the role staff; to list,
also operator or analyst.")]
pub(crate) struct LegacyArgs {
    #[command(subcommand)]
    command: LegacyCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum LegacyCommand {
    /// Lists credit of old accounts by the last day of its term.
    List(list::ListArgs),
    /// Registers the balance of an old account: its term starts.
    Register(RegisterArgs),
    /// Records whether the customer wants a refund or a transfer.
    Choose(ChooseArgs),
    /// Credits it at a rate or an amount: the term ends.
    Credit(CreditArgs),
    /// Pays it out through a channel: the term ends.
    Refund(RefundArgs),
}

/// Which old account.
#[derive(Debug, Clone, Args)]
struct OldAccount {
    /// Account id.
    account: String,
    /// Which utility.
    utility: UtilityName,
    /// The old account's own reference; no name.
    old_account: String,
    /// The sender's own reference of this command.
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// A utility by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UtilityName {
    /// Electricity.
    Electricity,
    /// Water.
    Water,
}

impl From<UtilityName> for pb::Utility {
    fn from(name: UtilityName) -> Self {
        match name {
            UtilityName::Electricity => Self::Electricity,
            UtilityName::Water => Self::Water,
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger legacy register A-1001 electricity OLD-77 --units 120.5 --photo PH-9 --reference L-1
  ledger legacy register A-1001 water OLD-77 --amount 8.40 --refund --reference L-2")]
struct RegisterArgs {
    #[command(flatten)]
    old: OldAccount,
    /// Balance in units, where the old meter counted those.
    #[arg(long, conflicts_with = "amount", required_unless_present = "amount")]
    units: Option<String>,
    /// Balance in money.
    #[arg(long)]
    amount: Option<String>,
    /// Reference of the photograph that shows it.
    #[arg(long)]
    photo: Option<String>,
    /// The customer wants it refunded.
    #[arg(long)]
    refund: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger legacy choose A-1001 water OLD-77 refund --reference L-3")]
struct ChooseArgs {
    #[command(flatten)]
    old: OldAccount,
    /// What the customer wants.
    choice: Choice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// The money back.
    Refund,
    /// Credit on the new meter.
    Transfer,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger legacy credit A-1001 electricity OLD-77 --rate 0.08 --reference L-4
  ledger legacy credit A-1001 water OLD-77 --reference L-5            as it was registered")]
struct CreditArgs {
    #[command(flatten)]
    old: OldAccount,
    /// So much a unit.
    #[arg(long, conflicts_with = "amount")]
    rate: Option<String>,
    /// This amount.
    #[arg(long)]
    amount: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger legacy refund A-1001 water OLD-77 --by office --reference L-6")]
struct RefundArgs {
    #[command(flatten)]
    old: OldAccount,
    /// Channel that pays it out.
    #[arg(long, value_name = "CHANNEL")]
    by: String,
}

pub(crate) fn run(args: &LegacyArgs, globals: &Globals) -> Result<Exit, Failure> {
    block_on(async {
        match &args.command {
            LegacyCommand::List(args) => list::run(args, globals).await,
            LegacyCommand::Register(args) => register(args, globals).await,
            LegacyCommand::Choose(args) => choose(args, globals).await,
            LegacyCommand::Credit(args) => credit(args, globals).await,
            LegacyCommand::Refund(args) => refund(args, globals).await,
        }
    })
}

async fn register(args: &RegisterArgs, globals: &Globals) -> Result<Exit, Failure> {
    use pb::register_legacy_credit_request::Balance;
    let units = args.units.clone().map(Balance::Units);
    let request = pb::RegisterLegacyCreditRequest {
        reference: args.old.reference.clone(),
        account_id: args.old.account.clone(),
        utility: pb::Utility::from(args.old.utility).into(),
        old_account: args.old.old_account.clone(),
        balance: units.or(args.amount.clone().map(Balance::Amount)),
        photo: args.photo.clone().unwrap_or_default(),
        refund: args.refund,
    };
    let mut client = connect(&args.old.server, globals).await?.client.legacy();
    let answer = client.register_legacy_credit(request).await?.into_inner();
    done("registered", answer.outcome, globals)
}

async fn choose(args: &ChooseArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::ChooseLegacyCreditRequest {
        reference: args.old.reference.clone(),
        account_id: args.old.account.clone(),
        utility: pb::Utility::from(args.old.utility).into(),
        old_account: args.old.old_account.clone(),
        refund: args.choice == Choice::Refund,
    };
    let mut client = connect(&args.old.server, globals).await?.client.legacy();
    let answer = client.choose_legacy_credit(request).await?.into_inner();
    done("chosen", answer.outcome, globals)
}

async fn credit(args: &CreditArgs, globals: &Globals) -> Result<Exit, Failure> {
    use pb::credit_legacy_credit_request::Value;
    let rate = args.rate.clone().map(Value::Rate);
    let request = pb::CreditLegacyCreditRequest {
        reference: args.old.reference.clone(),
        account_id: args.old.account.clone(),
        utility: pb::Utility::from(args.old.utility).into(),
        old_account: args.old.old_account.clone(),
        value: rate.or(args.amount.clone().map(Value::Amount)),
    };
    let mut client = connect(&args.old.server, globals).await?.client.legacy();
    let answer = client.credit_legacy_credit(request).await?.into_inner();
    done("credited", answer.outcome, globals)
}

async fn refund(args: &RefundArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::RefundLegacyCreditRequest {
        reference: args.old.reference.clone(),
        account_id: args.old.account.clone(),
        utility: pb::Utility::from(args.old.utility).into(),
        old_account: args.old.old_account.clone(),
        pay_out_by: args.by.clone(),
    };
    let mut client = connect(&args.old.server, globals).await?.client.legacy();
    let answer = client.refund_legacy_credit(request).await?.into_inner();
    done("refunded", answer.outcome, globals)
}

/// What a command that moves no money of its own is answered.
pub(crate) fn done(
    what: &'static str,
    outcome: Option<pb::Outcome>,
    globals: &Globals,
) -> Result<Exit, Failure> {
    let outcome = outcome.unwrap_or_default();
    globals.console.answer(
        || {
            let again = if outcome.duplicate {
                " (answered before; nothing was done again)"
            } else {
                ""
            };
            facts(&[
                (what, format!("yes{again}")),
                ("account", outcome.account_id.clone()),
            ])
        },
        || {
            json!({
                "result": what,
                "account": outcome.account_id,
                "duplicate": outcome.duplicate,
                "token": outcome.token,
            })
        },
    )?;
    Ok(Exit::Done)
}
