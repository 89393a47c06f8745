//! `ledger bill post|adjust|cut|…`: one act of the office each.

use clap::{Args, Subcommand, ValueEnum};
use command_api::pb;

use super::{Asked, ReadingArgs, connections};
use crate::cli::Globals;
use crate::cli::client::{Connected, ServerArgs, connect, instant_in};
use crate::cli::legacy::done;
use crate::exit::Exit;
use crate::failure::Failure;

/// An act.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Act {
    /// Opens a general connection.
    Open(connections::OpenArgs),
    /// Opens a temporary connection.
    OpenTemporary(connections::OpenTemporaryArgs),
    /// Takes a consumer over with arrears from an older system.
    Import(connections::ImportArgs),
    /// Posts a bill outside consumption; it is paid with the next bill.
    Post(PostArgs),
    /// Posts a difference that the next bill counts.
    Adjust(AdjustArgs),
    /// Cuts supply of a belated consumer after its last day to pay.
    Cut(CutArgs),
    /// Cuts one account of a disconnection run, unless it has paid since the run began.
    CutForDues(RunArgs),
    /// Connects again what is paid.
    Reconnect(ActArgs),
    /// Stops billing on request; supply goes off and may come back.
    Stop(CutArgs),
    /// Reactivates after a stop-bill; supply follows with the deposit.
    Reactivate(ActArgs),
    /// Extends a temporary connection, once.
    Extend(ExtendArgs),
    /// Ends the connection on request.
    End(EndArgs),
    /// Uses the deposit against dues of a consumer that is cut off or has ended.
    UseDeposit(ActArgs),
    /// Returns deposit and credit of a consumer that has ended and owes nothing.
    PayOut(PayOutArgs),
    /// Raises a query.
    RaiseQuery(RaiseArgs),
    /// Answers a query.
    AnswerQuery(AnswerArgs),
}

/// For which account, under which reference.
#[derive(Debug, Clone, Args)]
pub(super) struct ActArgs {
    /// Account id.
    pub(super) account: String,
    /// The sender's own reference of this command.
    #[arg(long)]
    pub(super) reference: String,
    #[command(flatten)]
    pub(super) server: ServerArgs,
}

/// What a miscellaneous bill is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindName {
    /// Rent of the meter.
    MeterRent,
    /// Testing of the meter or the installation.
    Testing,
    /// Shifting, resealing and other work.
    Work,
    /// Anything else.
    Other,
}

impl From<KindName> for pb::MiscellaneousKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::MeterRent => Self::MeterRent,
            KindName::Testing => Self::Testing,
            KindName::Work => Self::Work,
            KindName::Other => Self::Other,
        }
    }
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill post L-1001 meter-rent 12.50 --document RENT-7 --reference M-1")]
pub(super) struct PostArgs {
    #[command(flatten)]
    act: ActArgs,
    /// What for.
    kind: KindName,
    /// Amount.
    amount: String,
    /// Its document; no text.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill adjust L-1001 -30 --document COMPLAINT-7 --reference M-2       owed less
  ledger bill adjust L-1001 4.20 --document AUDIT-3 --reference M-3          owed more")]
pub(super) struct AdjustArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Above zero is owed more, below zero less.
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// Complaint or document; no text.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without a reading the month is billed by the approximate method.

Examples:
  ledger bill cut L-1001 --reference J-1
  ledger bill stop L-1001 --meter L0001 --value 812.4 --read-at \"2026-05-14 10:00\" --scheme ebcm --reference S-1")]
pub(super) struct CutArgs {
    #[command(flatten)]
    act: ActArgs,
    #[command(flatten)]
    reading: ReadingArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Exit code 3 with PAID_SINCE_RUN for who has paid since the run began.

Examples:
  ledger consumer list --set owing --csv                       who may be overdue
  ledger bill cut-for-dues K-1001 --run-began 2026-03-16T06:00:00+03:00 --reference RUN-7-K-1001")]
pub(super) struct RunArgs {
    #[command(flatten)]
    act: ActArgs,
    /// When the run began.
    #[arg(long, value_name = "TIME")]
    run_began: String,
    /// Scheme whose local time --run-began is in [default: the first one].
    #[arg(long)]
    scheme: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill extend L-2001 2026-09-30 --reference X-1")]
pub(super) struct ExtendArgs {
    #[command(flatten)]
    act: ActArgs,
    /// New last local day.
    until: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill end L-1001 --meter L0001 --value 900 --reference E-1
  ledger bill end L-1001 --reference E-2                       supply is off already")]
pub(super) struct EndArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Final value of the register; needed while supply is on.
    #[arg(long, value_name = "UNITS", requires = "meter")]
    value: Option<String>,
    /// The meter.
    #[arg(long, requires = "value")]
    meter: Option<String>,
    /// Why the value is right although implausible.
    #[arg(long, value_name = "REASON", requires = "value")]
    force: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill pay-out L-1001 --by office --reference P-1")]
pub(super) struct PayOutArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Channel that pays it out.
    #[arg(long, value_name = "CHANNEL")]
    by: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill raise-query K-1001 --document LETTER-7 --reference Q-1")]
pub(super) struct RaiseArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Its text or bill, by document.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger bill answer-query K-1001 1 --document REPLY-7 --settled --reference Q-2")]
pub(super) struct AnswerArgs {
    #[command(flatten)]
    act: ActArgs,
    /// Number of the query.
    query: u32,
    /// The answer, by document.
    #[arg(long)]
    document: String,
    /// It is settled; otherwise more is to come.
    #[arg(long)]
    settled: bool,
}

/// Sends one message to the billing service and tells its outcome.
macro_rules! send {
    ($act:expr, $globals:expr, $what:literal, $call:ident, $request:expr) => {{
        let connected = connect(&$act.server, $globals).await?;
        let answer = connected.client.billing().$call($request).await?;
        done($what, answer.into_inner().outcome, $globals)
    }};
}

pub(super) use send;

/// The same for a message that holds nothing but its account.
macro_rules! plain {
    ($act:expr, $globals:expr, $what:literal, $call:ident, $request:ident) => {{
        let request = pb::$request {
            reference: $act.reference.clone(),
            account_id: $act.account.clone(),
        };
        send!($act, $globals, $what, $call, request)
    }};
}

pub(super) async fn run(act: &Act, globals: &Globals) -> Result<Exit, Failure> {
    match act {
        Act::Open(args) => connections::open(args, globals).await,
        Act::OpenTemporary(args) => connections::open_temporary(args, globals).await,
        Act::Import(args) => connections::import(args, globals).await,
        Act::Post(args) => post(args, globals).await,
        Act::Adjust(args) => adjust(args, globals).await,
        Act::Cut(args) => cut(args, globals).await,
        Act::CutForDues(args) => cut_for_dues(args, globals).await,
        Act::Stop(args) => stop(args, globals).await,
        Act::Extend(args) => extend(args, globals).await,
        Act::End(args) => end(args, globals).await,
        Act::PayOut(args) => pay_out(args, globals).await,
        Act::RaiseQuery(args) => raise(args, globals).await,
        Act::AnswerQuery(args) => answer(args, globals).await,
        Act::Reconnect(args) => {
            plain!(
                args,
                globals,
                "reconnected",
                reconnect_consumer,
                ReconnectConsumerRequest
            )
        }
        Act::Reactivate(args) => {
            plain!(
                args,
                globals,
                "reactivated",
                reactivate_consumer,
                ReactivateConsumerRequest
            )
        }
        Act::UseDeposit(args) => {
            plain!(
                args,
                globals,
                "deposit used",
                use_deposit,
                UseDepositRequest
            )
        }
    }
}

async fn post(args: &PostArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::PostMiscellaneousBillRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        kind: pb::MiscellaneousKind::from(args.kind).into(),
        amount: args.amount.clone(),
        document: args.document.clone(),
    };
    send!(
        args.act,
        globals,
        "posted",
        post_miscellaneous_bill,
        request
    )
}

async fn adjust(args: &AdjustArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::AdjustBillRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        amount: args.amount.clone(),
        document: args.document.clone(),
    };
    send!(args.act, globals, "adjusted", adjust_bill, request)
}

async fn reading_of(
    args: &CutArgs,
    globals: &Globals,
) -> Result<(Connected, Option<pb::SelfReading>), Failure> {
    let connected = connect(&args.act.server, globals).await?;
    let reading = args
        .reading
        .message(&connected, &args.act.account, Asked::Command)?;
    Ok((connected, reading))
}

async fn cut(args: &CutArgs, globals: &Globals) -> Result<Exit, Failure> {
    let (connected, reading) = reading_of(args, globals).await?;
    let request = pb::CutConsumerRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        reading,
    };
    let answer = connected.client.billing().cut_consumer(request).await?;
    done("cut", answer.into_inner().outcome, globals)
}

async fn stop(args: &CutArgs, globals: &Globals) -> Result<Exit, Failure> {
    let (connected, reading) = reading_of(args, globals).await?;
    let request = pb::StopBillRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        reading,
    };
    let answer = connected.client.billing().stop_bill(request).await?;
    done("stopped", answer.into_inner().outcome, globals)
}

async fn cut_for_dues(args: &RunArgs, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&args.act.server, globals).await?;
    let began = instant_in(&connected, args.scheme.as_deref(), &args.run_began)?;
    let request = pb::CutForDuesRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        run_began_at: Some(began),
    };
    let answer = connected.client.billing().cut_for_dues(request).await?;
    done("cut", answer.into_inner().outcome, globals)
}

async fn extend(args: &ExtendArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::ExtendTemporaryConnectionRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        until: args.until.clone(),
    };
    send!(
        args.act,
        globals,
        "extended",
        extend_temporary_connection,
        request
    )
}

async fn end(args: &EndArgs, globals: &Globals) -> Result<Exit, Failure> {
    let last = args.meter.as_ref().map(|meter| pb::FinalReading {
        meter: meter.clone(),
        value: args.value.clone().unwrap_or_default(),
        force_reason: args.force.clone().unwrap_or_default(),
    });
    let request = pb::EndConnectionRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        last,
    };
    send!(args.act, globals, "ended", end_connection, request)
}

async fn pay_out(args: &PayOutArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::PayOutConsumerRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        pay_out_by: args.by.clone(),
    };
    send!(args.act, globals, "paid out", pay_out_consumer, request)
}

async fn raise(args: &RaiseArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::RaiseQueryRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        document: args.document.clone(),
    };
    send!(args.act, globals, "raised", raise_query, request)
}

async fn answer(args: &AnswerArgs, globals: &Globals) -> Result<Exit, Failure> {
    let request = pb::AnswerQueryRequest {
        reference: args.act.reference.clone(),
        account_id: args.act.account.clone(),
        query: args.query,
        document: args.document.clone(),
        settled: args.settled,
    };
    send!(args.act, globals, "answered", answer_query, request)
}
