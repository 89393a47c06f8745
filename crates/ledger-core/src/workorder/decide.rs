//! From a step to the fact it makes, and to the account's commands that must be carried out before it.
//!
//! Guards in order: the table, the input, the policy.

use super::{
    Issued, OldReading, ReadOldMeter, SettleOldAccount, Stage, WorkOrder, WorkOrderCommand, next,
};
use crate::command::{Command, InstallMeter, RegisterLegacy, RegisterMeter};
use crate::event::{
    InstallationAppointed, InstallationPrevented, NewMeterActivated, NewMeterInstalled,
    OldAccountSettled, OldMeterRead, OldMeterReturned, PaidBefore, WorkOrderCancelled,
    WorkOrderEvent, WorkOrderIssued,
};
use crate::rejection::Rejection;
use crate::scheme::{LegacyBalance, SchemePolicy, SwapPolicy};
use crate::time::{LocalDate, Timestamp};

/// Decides a step at the time it was received; none before the newest event counts.
///
/// # Errors
/// The refusal: the step does not come next, its input is wrong, or the policy is against it.
pub fn decide(
    order: &WorkOrder,
    policy: &SchemePolicy,
    received_at: Timestamp,
    command: &WorkOrderCommand,
) -> Result<WorkOrderEvent, Rejection> {
    must_come_next(order, command)?;
    let desk = Desk {
        order,
        policy,
        swap: policy.swap().ok_or_else(|| {
            bad_input(
                "account_id",
                "its scheme does not swap meters by work order",
            )
        })?,
        now: received_at.max(order.newest_at),
    };
    match command {
        WorkOrderCommand::Issue(issue) => Ok(WorkOrderEvent::Issued(WorkOrderIssued {
            account: issue.account.clone(),
            scheme: policy.name().to_owned(),
            u: issue.utility,
            before: issue.before,
            from: issue.from.clone(),
            old: issue.old_meter.clone(),
            to: issue.installer.clone(),
        })),
        WorkOrderCommand::Appoint { at } => desk.appointment(*at).map(WorkOrderEvent::Appointed),
        WorkOrderCommand::Move { at } => desk.moved(*at),
        WorkOrderCommand::Prevent { why } => Ok(WorkOrderEvent::Prevented(InstallationPrevented {
            why: *why,
            d: policy.zone().date_of(desk.now),
        })),
        WorkOrderCommand::Read(read) => desk.read(read),
        WorkOrderCommand::Install(install) => desk.install(install),
        WorkOrderCommand::Activate => desk.activate(),
        WorkOrderCommand::Settle(settle) => desk.settle(settle),
        WorkOrderCommand::Return { document } => {
            Ok(WorkOrderEvent::OldMeterReturned(OldMeterReturned {
                doc: document.clone(),
            }))
        }
        WorkOrderCommand::Cancel { why } => Ok(WorkOrderEvent::Cancelled(WorkOrderCancelled {
            why: why.clone(),
        })),
    }
}

/// The account's commands that a step needs carried out first, in order, each with the name under which
/// its key is derived. A step that is refused needs none.
#[must_use]
pub fn drives(order: &WorkOrder, command: &WorkOrderCommand) -> Vec<(&'static str, Command)> {
    let Some(issued) = order.issued() else {
        return Vec::new();
    };
    match command {
        WorkOrderCommand::Install(install) => {
            let RegisterMeter {
                meter,
                register,
                at,
                first_value,
            } = install.clone();
            let install = InstallMeter {
                utility: issued.utility,
                meter,
                register,
                at,
                first_value,
            };
            vec![("install", Command::InstallMeter(install))]
        }
        WorkOrderCommand::Activate => {
            let meter = order.meter.clone();
            let activate = meter.map(|meter| ("activate", Command::ActivateMeter { meter }));
            activate.into_iter().collect()
        }
        WorkOrderCommand::Settle(settle) => settling(order, issued, settle),
        WorkOrderCommand::Issue(_)
        | WorkOrderCommand::Appoint { .. }
        | WorkOrderCommand::Move { .. }
        | WorkOrderCommand::Prevent { .. }
        | WorkOrderCommand::Read(_)
        | WorkOrderCommand::Return { .. }
        | WorkOrderCommand::Cancel { .. } => Vec::new(),
    }
}

fn settling(
    order: &WorkOrder,
    issued: &Issued,
    settle: &SettleOldAccount,
) -> Vec<(&'static str, Command)> {
    let mut commands = Vec::with_capacity(2);
    if let Some((balance, photo)) = credit_of(order) {
        commands.push((
            "credit",
            Command::RegisterLegacyCredit(RegisterLegacy {
                utility: issued.utility,
                from: issued.from.clone(),
                balance,
                photo: Some(photo.clone()),
                refund: settle.refund,
            }),
        ));
    }
    if let Some(debt) = &settle.debt {
        commands.push((
            "debt",
            Command::AgreeDebt {
                utility: issued.utility,
                principal: debt.principal,
                instalment: debt.instalment,
                start: debt.start,
            },
        ));
    }
    commands
}

/// Credit that the old meter showed, with its photograph.
fn credit_of(order: &WorkOrder) -> Option<(LegacyBalance, &crate::ids::OpaqueRef)> {
    let read = order.read.as_ref()?;
    read.credit.map(|credit| (credit, &read.photo))
}

/// The table comes first: what stands at a stage takes only that stage's steps.
fn must_come_next(order: &WorkOrder, command: &WorkOrderCommand) -> Result<(), Rejection> {
    let step = command.step();
    if next(order.stage, step).is_some() {
        return Ok(());
    }
    Err(match (order.stage, command) {
        (Stage::Unissued, _) => Rejection::UnknownWorkOrder,
        (_, WorkOrderCommand::Issue(_)) => Rejection::WorkOrderExists,
        (stage, _) => Rejection::WrongWorkOrderStep {
            stage: stage.code().to_owned(),
            step: step.word().to_owned(),
        },
    })
}

/// What every step looks at.
struct Desk<'a> {
    order: &'a WorkOrder,
    policy: &'a SchemePolicy,
    swap: &'a SwapPolicy,
    now: Timestamp,
}

impl Desk<'_> {
    fn appointment(&self, at: Timestamp) -> Result<InstallationAppointed, Rejection> {
        if at <= self.now {
            return Err(bad_input("at", "an appointment lies ahead"));
        }
        let d = self.policy.zone().date_of(at);
        self.must_be_open(d)?;
        Ok(InstallationAppointed { t: at, d })
    }

    fn moved(&self, at: Timestamp) -> Result<WorkOrderEvent, Rejection> {
        let moved = self.appointment(at)?;
        let appointed = self.order.appointment.unwrap_or(self.now);
        // Exactly so many hours before is still in time.
        if self.now + self.swap.move_notice > appointed {
            return Err(Rejection::NoticeTooShort {
                appointment: appointed,
                hours: self.swap.move_notice_hours(),
            });
        }
        Ok(WorkOrderEvent::AppointmentMoved(moved))
    }

    fn read(&self, read: &ReadOldMeter) -> Result<WorkOrderEvent, Rejection> {
        self.must_have_been(read.at)?;
        self.must_be_open(self.policy.zone().date_of(read.at))?;
        if read.value.is_negative() {
            return Err(bad_input("value", "must not be below zero"));
        }
        let before = self.order.issued.as_ref().map(|issued| issued.before);
        if before == Some(PaidBefore::Postpaid) && read.credit.is_some() {
            return Err(bad_input("credit", "a postpaid meter holds no credit"));
        }
        let (q, a) = match read.credit {
            Some(LegacyBalance::Units(units)) => (Some(units), None),
            Some(LegacyBalance::Amount(amount)) => (None, Some(amount)),
            None => (None, None),
        };
        self.must_be_creditable(read.credit)?;
        Ok(WorkOrderEvent::OldMeterRead(OldMeterRead {
            t: read.at,
            v: read.value,
            q,
            a,
            photo: read.photo.clone(),
        }))
    }

    /// What is photographed must be what can be entered later: the meter is gone by then.
    fn must_be_creditable(&self, credit: Option<LegacyBalance>) -> Result<(), Rejection> {
        let Some((credit, issued)) = credit.zip(self.order.issued.as_ref()) else {
            return Ok(());
        };
        let Some(legacy) = self.policy.legacy(issued.utility) else {
            return Err(bad_input(
                "credit",
                "the scheme takes over no credit of this utility's older system",
            ));
        };
        match (credit, legacy.in_units()) {
            (LegacyBalance::Units(units), true) if units.is_positive() => Ok(()),
            (LegacyBalance::Amount(amount), false) if amount.is_positive() => Ok(()),
            (LegacyBalance::Units(_), true) | (LegacyBalance::Amount(_), false) => {
                Err(bad_input("credit", "is above zero, or left out"))
            }
            (LegacyBalance::Units(_), false) => Err(bad_input(
                "credit",
                "old balances of this utility are in money",
            )),
            (LegacyBalance::Amount(_), true) => Err(bad_input(
                "credit",
                "old balances of this utility are in units",
            )),
        }
    }

    fn install(&self, install: &RegisterMeter) -> Result<WorkOrderEvent, Rejection> {
        self.must_have_been(install.at)?;
        self.must_be_open(self.policy.zone().date_of(install.at))?;
        let read_at = self.order.read.as_ref().map(|OldReading { at, .. }| *at);
        if read_at.is_some_and(|read| install.at < read) {
            return Err(bad_input(
                "installed_at",
                "lies before the old meter's last reading",
            ));
        }
        Ok(WorkOrderEvent::NewMeterInstalled(NewMeterInstalled {
            m: install.meter.clone(),
            t: install.at,
            v: install.first_value,
        }))
    }

    fn activate(&self) -> Result<WorkOrderEvent, Rejection> {
        let meter = self.order.meter.clone();
        let meter = meter.ok_or(Rejection::UnknownWorkOrder)?;
        Ok(WorkOrderEvent::NewMeterActivated(NewMeterActivated {
            m: meter,
        }))
    }

    fn settle(&self, settle: &SettleOldAccount) -> Result<WorkOrderEvent, Rejection> {
        let before = self.order.issued.as_ref().map(|issued| issued.before);
        match (before, &settle.bill) {
            (Some(PaidBefore::Postpaid), None) => {
                return Err(bad_input(
                    "final_bill",
                    "a postpaid meter's final bill must be named",
                ));
            }
            (Some(PaidBefore::Prepaid), Some(_)) => {
                return Err(bad_input("final_bill", "a prepaid meter has no final bill"));
            }
            (Some(PaidBefore::Postpaid), Some(_)) | (Some(PaidBefore::Prepaid) | None, _) => {}
        }
        let credit = credit_of(self.order).is_some();
        if settle.refund && !credit {
            return Err(bad_input("refund", "the old meter showed no credit"));
        }
        Ok(WorkOrderEvent::OldAccountSettled(OldAccountSettled {
            credit,
            bill: settle.bill.clone(),
            debt: settle.debt.as_ref().map(|debt| debt.principal),
        }))
    }

    /// No installation on the scheme's days without, and on public holidays.
    fn must_be_open(&self, date: LocalDate) -> Result<(), Rejection> {
        let closed = |why: String| Rejection::NoInstallationDay {
            date: date.to_string(),
            why,
        };
        if let Some(holiday) = self.policy.calendar().holiday(date)
            && !self.swap.on_public_holidays
        {
            return Err(closed(holiday.name.clone()));
        }
        match self
            .swap
            .no_installation_on
            .iter()
            .find(|day| day.is_of(date))
        {
            Some(day) => Err(closed(format!("a {}", day.as_str()))),
            None => Ok(()),
        }
    }

    fn must_have_been(&self, at: Timestamp) -> Result<(), Rejection> {
        if at > self.now + self.policy.readings().future_tolerance {
            return Err(bad_input("at", "lies in the future"));
        }
        Ok(())
    }
}

fn bad_input(field: &str, reason: &str) -> Rejection {
    Rejection::BadInput {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
