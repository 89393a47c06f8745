//! `ledger complaint …`: complaints, their registers and what is pending (E16).

mod list;

use clap::{Args, Subcommand, ValueEnum};
use command_api::pb;

use crate::cli::application::told;
use crate::cli::client::{ServerArgs, connect};
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;

/// What to do with complaints.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A complaint is recorded, acted on as often as needed, and rectified. The key in
LEDGER_API_KEY must have the role ccc; to record also bcc.

Examples:
  ledger complaint record C-17 --kind supply --account L-77 --document call-17 --reference R-1
  ledger complaint act C-17 \"line staff sent\" --reference R-2
  ledger complaint list --pending
  ledger complaint list --day 2026-03-02        the daily register")]
pub(crate) struct ComplaintArgs {
    #[command(subcommand)]
    command: ComplaintCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ComplaintCommand {
    /// Lists complaints: the register of a day, or what is pending by age.
    List(list::ListArgs),
    /// Records a complaint.
    Record(RecordArgs),
    /// Records something that was done about it.
    Act(ActArgs),
    /// Records that it is rectified.
    Rectify(ActArgs),
}

/// What a complaint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Supply is off or bad.
    Supply,
    /// The meter.
    Meter,
    /// A bill or a payment.
    Bill,
    /// Anything else.
    Other,
}

#[derive(Debug, Clone, Args)]
struct RecordArgs {
    /// Id of the complaint.
    complaint: String,
    /// What it is about.
    #[arg(long, value_enum)]
    kind: Kind,
    /// Whose it is.
    #[arg(long)]
    account: Option<String>,
    /// Reference of the letter or the note of the call.
    #[arg(long)]
    document: String,
    /// The sender's own reference of this command.
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
struct ActArgs {
    /// Id of the complaint.
    complaint: String,
    /// What was done; no names.
    what: String,
    /// The sender's own reference of this command.
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) fn run(args: &ComplaintArgs, globals: &Globals) -> Result<Exit, Failure> {
    block_on(async {
        match &args.command {
            ComplaintCommand::List(args) => list::run(args, globals).await,
            ComplaintCommand::Record(args) => record(args, globals).await,
            ComplaintCommand::Act(args) => act(args, globals).await,
            ComplaintCommand::Rectify(args) => rectify(args, globals).await,
        }
    })
}

async fn record(args: &RecordArgs, globals: &Globals) -> Result<Exit, Failure> {
    let kind = match args.kind {
        Kind::Supply => "supply",
        Kind::Meter => "meter",
        Kind::Bill => "bill",
        Kind::Other => "other",
    };
    let request = pb::RecordComplaintRequest {
        reference: args.reference.clone(),
        complaint: args.complaint.clone(),
        kind: kind.to_owned(),
        account_id: args.account.clone().unwrap_or_default(),
        document: args.document.clone(),
    };
    let mut client = connect(&args.server, globals).await?.client.complaints();
    let answer = client.record_complaint(request).await?.into_inner();
    told(&answer.outcome.unwrap_or_default(), globals)
}

async fn act(args: &ActArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::ActOnComplaintRequest {
        reference: args.reference.clone(),
        complaint: args.complaint.clone(),
        what: args.what.clone(),
    };
    let mut client = connect(&args.server, globals).await?.client.complaints();
    let answer = client.act_on_complaint(request).await?.into_inner();
    told(&answer.outcome.unwrap_or_default(), globals)
}

async fn rectify(args: &ActArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::RectifyComplaintRequest {
        reference: args.reference.clone(),
        complaint: args.complaint.clone(),
        what: args.what.clone(),
    };
    let mut client = connect(&args.server, globals).await?.client.complaints();
    let answer = client.rectify_complaint(request).await?.into_inner();
    told(&answer.outcome.unwrap_or_default(), globals)
}
