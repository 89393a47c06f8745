//! Messages about work orders: the steps in, the rows out.

use ledger_core::command::RegisterMeter;
use ledger_core::event::{Obstacle, PaidBefore};
use ledger_core::ids::{ChannelId, CommandKey, WorkOrderId};
use ledger_core::scheme::LegacyBalance;
use ledger_core::workorder::{
    DebtTerms, IssueWorkOrder, ReadOldMeter, SettleOldAccount, Stage, WorkOrderCommand,
};
use projections::queries::{PageOf, WorkOrderFilter, WorkOrderView};

use super::answers::{to_instant, to_utility};
use super::commands::register;
use super::fields::Fields;
use super::questions::{if_given, page};
use crate::errors::{Malformed, No};
use crate::pb;

/// A step of a work order with the key of its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedStep {
    /// The sender's key.
    pub key: CommandKey,
    /// Which work order.
    pub order: WorkOrderId,
    /// What is done with it.
    pub command: WorkOrderCommand,
}

/// Reads what every step has: its reference and its work order.
fn step(
    mut f: Fields,
    (channel, reference, order): (&ChannelId, &str, &str),
    command: Option<WorkOrderCommand>,
) -> Result<AskedStep, No> {
    let key = f.key(channel, reference);
    let order = f.name("work_order", order, WorkOrderId::parse);
    let asked = (|| {
        Some(AskedStep {
            key: key?,
            order: order?,
            command: command?,
        })
    })();
    f.finish(asked)
}

/// One conversion a message: the channel's reference, the work order, and the command the block reads.
macro_rules! steps {
    ($($message:ident => |$f:ident, $m:ident| $command:expr;)+) => {$(
        impl TryFrom<(&ChannelId, &pb::$message)> for AskedStep {
            type Error = No;

            fn try_from((channel, $m): (&ChannelId, &pb::$message)) -> Result<Self, No> {
                let mut fields = Fields::new();
                let $f = &mut fields;
                let command: Option<WorkOrderCommand> = $command;
                step(fields, (channel, &$m.reference, &$m.work_order), command)
            }
        }
    )+};
}

steps! {
    IssueWorkOrderRequest => |f, m| issue(f, m);
    AppointInstallationRequest => |f, m| {
        f.instant("at", m.at).map(|at| WorkOrderCommand::Appoint { at })
    };
    MoveAppointmentRequest => |f, m| {
        f.instant("at", m.at).map(|at| WorkOrderCommand::Move { at })
    };
    PreventInstallationRequest => |f, m| {
        obstacle(f, m.obstacle).map(|why| WorkOrderCommand::Prevent { why })
    };
    ReadOldMeterRequest => |f, m| read(f, m);
    InstallNewMeterRequest => |f, m| install(f, m);
    ActivateNewMeterRequest => |_f, m| Some(WorkOrderCommand::Activate);
    SettleOldAccountRequest => |f, m| settle(f, m);
    ReturnOldMeterRequest => |f, m| {
        f.opaque("document", &m.document).map(|document| WorkOrderCommand::Return { document })
    };
    CancelWorkOrderRequest => |f, m| {
        f.text_given("reason", &m.reason).map(|why| WorkOrderCommand::Cancel { why })
    };
}

fn issue(f: &mut Fields, m: &pb::IssueWorkOrderRequest) -> Option<WorkOrderCommand> {
    let account = f.account("account_id", &m.account_id);
    let utility = f.utility("utility", m.utility);
    let before = match pb::PaidBefore::try_from(m.paid_before) {
        Ok(pb::PaidBefore::Prepaid) => Some(PaidBefore::Prepaid),
        Ok(pb::PaidBefore::Postpaid) => Some(PaidBefore::Postpaid),
        Ok(pb::PaidBefore::Unspecified) | Err(_) => {
            f.note(
                "paid_before",
                Malformed::FieldMissing,
                "prepaid or postpaid",
            );
            None
        }
    };
    let from = f.opaque("old_account", &m.old_account);
    let old_meter = f.opaque("old_meter", &m.old_meter);
    let installer = if_given(&m.installer, |text| f.opaque("installer", text));
    Some(WorkOrderCommand::Issue(IssueWorkOrder {
        account: account?,
        utility: utility?,
        before: before?,
        from: from?,
        old_meter: old_meter?,
        installer,
    }))
}

fn obstacle(f: &mut Fields, number: i32) -> Option<Obstacle> {
    match pb::Obstacle::try_from(number) {
        Ok(pb::Obstacle::NoCoverage) => Some(Obstacle::NoCoverage),
        Ok(pb::Obstacle::Rain) => Some(Obstacle::Rain),
        Ok(pb::Obstacle::Flood) => Some(Obstacle::Flood),
        Ok(pb::Obstacle::NobodyHome) => Some(Obstacle::NobodyHome),
        Ok(pb::Obstacle::Unspecified) | Err(_) => {
            f.note("obstacle", Malformed::FieldMissing, "it must be given");
            None
        }
    }
}

fn read(f: &mut Fields, m: &pb::ReadOldMeterRequest) -> Option<WorkOrderCommand> {
    use pb::read_old_meter_request::Credit;
    let at = f.instant("read_at", m.read_at);
    let value = f.quantity("value", &m.value);
    let credit = match &m.credit {
        None => Some(None),
        Some(Credit::Units(units)) => f
            .quantity("units", units)
            .map(|units| Some(LegacyBalance::Units(units))),
        Some(Credit::Amount(amount)) => f
            .money("amount", amount)
            .map(|amount| Some(LegacyBalance::Amount(amount))),
    };
    let photo = f.opaque("photo", &m.photo);
    Some(WorkOrderCommand::Read(ReadOldMeter {
        at: at?,
        value: value?,
        credit: credit?,
        photo: photo?,
    }))
}

fn install(f: &mut Fields, m: &pb::InstallNewMeterRequest) -> Option<WorkOrderCommand> {
    let meter = f.meter("meter", &m.meter);
    let register = m.register.as_ref().map(|r| register(f, r));
    let at = f.instant("installed_at", m.installed_at);
    let first_value = f.quantity("first_value", &m.first_value);
    let register = match register {
        Some(read) => Some(read?),
        None => None,
    };
    Some(WorkOrderCommand::Install(RegisterMeter {
        meter: meter?,
        register,
        at: at?,
        first_value: first_value?,
    }))
}

fn settle(f: &mut Fields, m: &pb::SettleOldAccountRequest) -> Option<WorkOrderCommand> {
    let bill = if_given(&m.final_bill, |text| f.opaque("final_bill", text));
    let debt = match &m.debt {
        None => Some(None),
        Some(terms) => debt(f, terms).map(Some),
    };
    Some(WorkOrderCommand::Settle(SettleOldAccount {
        bill,
        refund: m.refund,
        debt: debt?,
    }))
}

fn debt(f: &mut Fields, terms: &pb::DebtTerms) -> Option<DebtTerms> {
    let principal = f.money("debt.principal", &terms.principal);
    let instalment = f.money("debt.instalment", &terms.instalment);
    let start = f.month("debt.start_month", &terms.start_month);
    Some(DebtTerms {
        principal: principal?,
        instalment: instalment?,
        start: start?,
    })
}

/// A question for work orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrdersQuestion {
    /// Which.
    pub filter: WorkOrderFilter,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListWorkOrdersRequest> for WorkOrdersQuestion {
    type Error = No;

    fn try_from(m: &pb::ListWorkOrdersRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let stage = Stage::parse(&m.stage);
        if stage.is_none() && !m.stage.is_empty() {
            let known: Vec<&str> = Stage::ALL.into_iter().skip(1).map(Stage::code).collect();
            f.note(
                "stage",
                Malformed::FieldOutOfRange,
                format!("it is one of {}", known.join(", ")),
            );
        }
        let filter = WorkOrderFilter {
            work_order: if_given(&m.work_order, |text| {
                f.name("work_order", text, WorkOrderId::parse)
            }),
            account: if_given(&m.account_id, |text| f.account("account_id", text)),
            stage,
            day: f.date_if_given("day", &m.day),
        };
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self { filter, page }))
    }
}

impl From<WorkOrderView> for pb::WorkOrder {
    fn from(v: WorkOrderView) -> Self {
        fn text<T: ToString>(value: Option<T>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        let before = match v.before {
            PaidBefore::Prepaid => pb::PaidBefore::Prepaid,
            PaidBefore::Postpaid => pb::PaidBefore::Postpaid,
        };
        let obstacle = v.obstacle.map(|obstacle| match obstacle {
            Obstacle::NoCoverage => "no-coverage",
            Obstacle::Rain => "rain",
            Obstacle::Flood => "flood",
            Obstacle::NobodyHome => "nobody-home",
        });
        Self {
            work_order: v.work_order.to_string(),
            account_id: v.account.to_string(),
            utility: to_utility(v.utility).into(),
            paid_before: before.into(),
            old_account: v.old_account.to_string(),
            old_meter: v.old_meter.to_string(),
            installer: text(v.installer),
            stage: v.stage.code().to_owned(),
            appointment: v.appointment.map(to_instant),
            appointment_day: text(v.appointment_day),
            prevented: v.prevented,
            obstacle: text(obstacle),
            meter: text(v.meter),
            photo: text(v.photo),
            document: text(v.document),
            issued_at: Some(to_instant(v.issued_at)),
            changed_at: Some(to_instant(v.changed_at)),
        }
    }
}
