//! `ledger bill …`: bills of postpaid accounts, and what the office does with a consumer.

mod acts;
mod connections;
mod pay;
mod show;

use clap::{Args, Subcommand};
use command_api::pb;

use crate::cli::client::{Connected, instant_in};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do with bills.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A bill is made from the consumer's own reading: `quote` shows it, each line
explained, `pay` pays it. A reference names one command for ever: sent again
with the same content it gets the same answer and takes nothing twice. Times
are RFC 3339, or local to --scheme, such as \"2026-02-10 10:00\". The key in
LEDGER_API_KEY must have the role channel to pay, channel or staff to quote,
staff for the rest; to look, also operator or analyst.")]
pub(crate) struct BillArgs {
    #[command(subcommand)]
    command: BillCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum BillCommand {
    /// Shows the bill as it would be now, each line explained; nothing is recorded.
    Quote(pay::QuoteArgs),
    /// Pays the bill or the dues, and prints the receipt.
    Pay(pay::PayArgs),
    /// Pays the security deposit.
    Deposit(pay::DepositArgs),
    /// Lists bills of an account, newest first.
    List(show::ListArgs),
    /// Shows one bill with its lines.
    Show(show::ShowArgs),
    #[command(flatten)]
    Act(acts::Act),
}

/// What a reading is brought to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// A question.
    Quote,
    /// A command, which may have to be sent again with the same content.
    Command,
}

/// The reading that is brought along.
#[derive(Debug, Clone, Args)]
struct ReadingArgs {
    /// What the register showed.
    #[arg(long, value_name = "UNITS")]
    value: Option<String>,
    /// The meter that was read; not needed where the account is named by it.
    #[arg(long, requires = "value")]
    meter: Option<String>,
    /// When it was read; only for a quote it may be left out [default: now].
    #[arg(long, value_name = "TIME", requires = "value")]
    read_at: Option<String>,
    /// Scheme whose local time --read-at is in [default: the first one].
    #[arg(long, requires = "read_at")]
    scheme: Option<String>,
}

impl ReadingArgs {
    /// The reading as a message, where there is one.
    fn message(
        &self,
        connected: &Connected,
        account: &str,
        what: Asked,
    ) -> Result<Option<pb::SelfReading>, Failure> {
        let Some(value) = &self.value else {
            return Ok(None);
        };
        let named = self.meter.as_deref().or(account.strip_prefix("meter:"));
        let Some(meter) = named else {
            return Err(
                Failure::usage("METER_MISSING", "--value needs the meter that was read")
                    .advise("add --meter NUMBER, or name the account as meter:NUMBER"),
            );
        };
        let read_at = match (&self.read_at, what) {
            (Some(text), _) => instant_in(connected, self.scheme.as_deref(), text)?,
            (None, Asked::Quote) => prost_types::Timestamp::from(rounded_now()),
            (None, Asked::Command) => {
                let why = "--value needs the time of the reading: sent again, it must be the same";
                return Err(Failure::usage("READ_AT_MISSING", why).advise("add --read-at TIME"));
            }
        };
        Ok(Some(pb::SelfReading {
            meter: meter.to_owned(),
            read_at: Some(read_at),
            value: value.clone(),
        }))
    }
}

/// This moment, in whole seconds: the contract takes nothing finer than a millisecond.
fn rounded_now() -> std::time::SystemTime {
    let now = std::time::SystemTime::now();
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs())
}

pub(crate) fn run(args: &BillArgs, globals: &Globals) -> Result<Exit, Failure> {
    block_on(async {
        match &args.command {
            BillCommand::Quote(args) => pay::quote(args, globals).await,
            BillCommand::Pay(args) => pay::pay(args, globals).await,
            BillCommand::Deposit(args) => pay::deposit(args, globals).await,
            BillCommand::List(args) => show::list(args, globals).await,
            BillCommand::Show(args) => show::show(args, globals).await,
            BillCommand::Act(act) => acts::run(act, globals).await,
        }
    })
}
