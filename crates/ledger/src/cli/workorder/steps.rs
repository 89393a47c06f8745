//! `ledger workorder issue|appoint|…`: one step of a swap each.

use clap::{Args, Subcommand, ValueEnum};
use command_api::pb;

use crate::cli::Globals;
use crate::cli::client::{Connected, ServerArgs, connect, instant_in};
use crate::cli::legacy::{UtilityName, done};
use crate::exit::Exit;
use crate::failure::Failure;

/// A step.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Step {
    /// Issues a work order for an account.
    Issue(IssueArgs),
    /// Makes an appointment.
    Appoint(AtArgs),
    /// Moves the appointment, with the scheme's notice.
    Move(AtArgs),
    /// Records what kept the installer from installing.
    Prevent(PreventArgs),
    /// Records the old meter's last reading with its photograph.
    Read(ReadArgs),
    /// Installs the new meter with its first reading.
    Install(InstallArgs),
    /// Activates the new meter.
    Activate(OrderArgs),
    /// Enters credit and debt of the old account, or names its final bill.
    Settle(SettleArgs),
    /// Takes the old meter back.
    Return(ReturnArgs),
    /// Calls the work order off.
    Cancel(CancelArgs),
}

/// Which work order.
#[derive(Debug, Clone, Args)]
pub(super) struct OrderArgs {
    /// Id of the work order.
    work_order: String,
    /// The sender's own reference of this command.
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder issue WO-1 A-1001 electricity prepaid --old-account OLD-77 --old-meter M-4711 --reference W-1")]
pub(super) struct IssueArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// Account that gets the new meter.
    account: String,
    /// Which utility.
    utility: UtilityName,
    /// How the old meter was paid for.
    before: Before,
    /// The old account's own reference; no name.
    #[arg(long)]
    old_account: String,
    /// The old meter, as the older system names it.
    #[arg(long)]
    old_meter: String,
    /// Installer it is assigned to; no name.
    #[arg(long)]
    installer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Before {
    /// Remaining credit is entered.
    Prepaid,
    /// The department makes a final bill.
    Postpaid,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder appoint WO-1 \"2026-03-10 09:00\" --reference W-2")]
pub(super) struct AtArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// When the installer comes.
    at: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder prevent WO-1 rain --reference W-3")]
pub(super) struct PreventArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// What was in the way.
    obstacle: ObstacleName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ObstacleName {
    /// The mobile network does not reach the place.
    NoCoverage,
    /// Rain.
    Rain,
    /// Flood.
    Flood,
    /// Nobody was at home.
    NobodyHome,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder read WO-1 48211.4 --at \"2026-03-10 09:05\" --credit-units 120.5 --photo PH-9 --reference W-4")]
pub(super) struct ReadArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// What the register showed.
    value: String,
    /// When it was read.
    #[arg(long)]
    at: String,
    /// Credit that a prepaid meter showed, in units.
    #[arg(long, conflicts_with = "credit_amount", value_name = "UNITS")]
    credit_units: Option<String>,
    /// Credit that a prepaid meter showed, in money.
    #[arg(long, value_name = "AMOUNT")]
    credit_amount: Option<String>,
    /// Reference of the photograph that shows it.
    #[arg(long)]
    photo: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder install WO-1 E10006414 0 --at \"2026-03-10 09:30\" --reference W-5")]
pub(super) struct InstallArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// Number of the new meter.
    meter: String,
    /// What it showed.
    first_value: String,
    /// When it was installed.
    #[arg(long)]
    at: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder settle WO-1 --reference W-7
  ledger workorder settle WO-2 --final-bill B-9 --principal 240 --instalment 20 --start 2026-04 --reference W-8")]
pub(super) struct SettleArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The department's final bill, where the old meter was postpaid.
    #[arg(long)]
    final_bill: Option<String>,
    /// The customer wants the credit refunded.
    #[arg(long)]
    refund: bool,
    /// Debt of the old account.
    #[arg(long, requires_all = ["instalment", "start"])]
    principal: Option<String>,
    /// Monthly instalment.
    #[arg(long, requires = "principal")]
    instalment: Option<String>,
    /// First month of the instalments.
    #[arg(long, requires = "principal", value_name = "MONTH")]
    start: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder return WO-1 --document GRF-31 --reference W-9")]
pub(super) struct ReturnArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// The signed goods return form.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  ledger workorder cancel WO-1 --reason \"the premises were given up\" --reference W-10")]
pub(super) struct CancelArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// Why; no names.
    #[arg(long)]
    reason: String,
}

pub(super) async fn run(step: &Step, globals: &Globals) -> Result<Exit, Failure> {
    let connected = connect(&order_of(step).server, globals).await?;
    let (what, outcome) = send(step, &connected).await?;
    done(what, outcome, globals)
}

const fn order_of(step: &Step) -> &OrderArgs {
    match step {
        Step::Issue(args) => &args.order,
        Step::Appoint(args) | Step::Move(args) => &args.order,
        Step::Prevent(args) => &args.order,
        Step::Read(args) => &args.order,
        Step::Install(args) => &args.order,
        Step::Activate(args) => args,
        Step::Settle(args) => &args.order,
        Step::Return(args) => &args.order,
        Step::Cancel(args) => &args.order,
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm a step: the table of what each sends"
)]
async fn send(
    step: &Step,
    connected: &Connected,
) -> Result<(&'static str, Option<pb::Outcome>), Failure> {
    let mut client = connected.client.work_orders();
    let at = |text: &str| instant_in(connected, None, text);
    Ok(match step {
        Step::Issue(args) => {
            let answer = client.issue_work_order(issue(args)).await?.into_inner();
            ("issued", answer.outcome)
        }
        Step::Appoint(args) => {
            let request = pb::AppointInstallationRequest {
                reference: args.order.reference.clone(),
                work_order: args.order.work_order.clone(),
                at: Some(at(&args.at)?),
            };
            let answer = client.appoint_installation(request).await?.into_inner();
            ("appointed", answer.outcome)
        }
        Step::Move(args) => {
            let request = pb::MoveAppointmentRequest {
                reference: args.order.reference.clone(),
                work_order: args.order.work_order.clone(),
                at: Some(at(&args.at)?),
            };
            let answer = client.move_appointment(request).await?.into_inner();
            ("moved", answer.outcome)
        }
        Step::Prevent(args) => {
            let answer = client.prevent_installation(prevent(args)).await?;
            ("recorded", answer.into_inner().outcome)
        }
        Step::Read(args) => {
            let request = read(args, at(&args.at)?);
            let answer = client.read_old_meter(request).await?.into_inner();
            ("read", answer.outcome)
        }
        Step::Install(args) => {
            let request = install(args, at(&args.at)?);
            let answer = client.install_new_meter(request).await?.into_inner();
            ("installed", answer.outcome)
        }
        Step::Activate(args) => {
            let request = pb::ActivateNewMeterRequest {
                reference: args.reference.clone(),
                work_order: args.work_order.clone(),
            };
            let answer = client.activate_new_meter(request).await?.into_inner();
            ("activated", answer.outcome)
        }
        Step::Settle(args) => {
            let answer = client.settle_old_account(settle(args)).await?.into_inner();
            ("settled", answer.outcome)
        }
        Step::Return(args) => {
            let request = pb::ReturnOldMeterRequest {
                reference: args.order.reference.clone(),
                work_order: args.order.work_order.clone(),
                document: args.document.clone(),
            };
            let answer = client.return_old_meter(request).await?.into_inner();
            ("returned", answer.outcome)
        }
        Step::Cancel(args) => {
            let request = pb::CancelWorkOrderRequest {
                reference: args.order.reference.clone(),
                work_order: args.order.work_order.clone(),
                reason: args.reason.clone(),
            };
            let answer = client.cancel_work_order(request).await?.into_inner();
            ("cancelled", answer.outcome)
        }
    })
}

fn issue(args: &IssueArgs) -> pb::IssueWorkOrderRequest {
    let before = match args.before {
        Before::Prepaid => pb::PaidBefore::Prepaid,
        Before::Postpaid => pb::PaidBefore::Postpaid,
    };
    pb::IssueWorkOrderRequest {
        reference: args.order.reference.clone(),
        work_order: args.order.work_order.clone(),
        account_id: args.account.clone(),
        utility: pb::Utility::from(args.utility).into(),
        paid_before: before.into(),
        old_account: args.old_account.clone(),
        old_meter: args.old_meter.clone(),
        installer: args.installer.clone().unwrap_or_default(),
    }
}

fn prevent(args: &PreventArgs) -> pb::PreventInstallationRequest {
    let obstacle = match args.obstacle {
        ObstacleName::NoCoverage => pb::Obstacle::NoCoverage,
        ObstacleName::Rain => pb::Obstacle::Rain,
        ObstacleName::Flood => pb::Obstacle::Flood,
        ObstacleName::NobodyHome => pb::Obstacle::NobodyHome,
    };
    pb::PreventInstallationRequest {
        reference: args.order.reference.clone(),
        work_order: args.order.work_order.clone(),
        obstacle: obstacle.into(),
    }
}

fn read(args: &ReadArgs, at: prost_types::Timestamp) -> pb::ReadOldMeterRequest {
    use pb::read_old_meter_request::Credit;
    let units = args.credit_units.clone().map(Credit::Units);
    pb::ReadOldMeterRequest {
        reference: args.order.reference.clone(),
        work_order: args.order.work_order.clone(),
        read_at: Some(at),
        value: args.value.clone(),
        credit: units.or(args.credit_amount.clone().map(Credit::Amount)),
        photo: args.photo.clone(),
    }
}

fn install(args: &InstallArgs, at: prost_types::Timestamp) -> pb::InstallNewMeterRequest {
    pb::InstallNewMeterRequest {
        reference: args.order.reference.clone(),
        work_order: args.order.work_order.clone(),
        meter: args.meter.clone(),
        register: None,
        installed_at: Some(at),
        first_value: args.first_value.clone(),
    }
}

fn settle(args: &SettleArgs) -> pb::SettleOldAccountRequest {
    let debt = args.principal.clone().map(|principal| pb::DebtTerms {
        principal,
        instalment: args.instalment.clone().unwrap_or_default(),
        start_month: args.start.clone().unwrap_or_default(),
    });
    pb::SettleOldAccountRequest {
        reference: args.order.reference.clone(),
        work_order: args.order.work_order.clone(),
        final_bill: args.final_bill.clone().unwrap_or_default(),
        refund: args.refund,
        debt,
    }
}
