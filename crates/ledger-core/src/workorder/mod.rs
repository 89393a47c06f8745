//! A work order: the swap of an old meter for a new one (U16), from its issue to the goods return.
//!
//! Where it stands and what may come next is one table ([`EDGES`]). It decides alone about appointments
//! and what the installer finds; the steps that change the account (installation, activation, credit and
//! debt) are the account's own commands, named by [`drives`], which whoever runs the work order sends
//! first, under keys derived from it. So a step cut short between the two is finished by sending it again.
//!
//! Deliberately absent: the stock of meters and the installers' calendars.

mod decide;

pub use decide::{decide, drives};

use serde::{Deserialize, Serialize};

use crate::command::RegisterMeter;
use crate::event::{Obstacle, PaidBefore, WorkOrderEvent};
use crate::ids::{AccountId, MeterNumber, OpaqueRef};
use crate::num::{Money, Quantity};
use crate::scheme::LegacyBalance;
use crate::time::{Month, Timestamp};
use crate::utility::Utility;

/// Where a work order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// No event yet.
    Unissued,
    /// Issued, without an appointment.
    Open,
    /// The installer comes at a known time.
    Appointed,
    /// The installer could not install; a new appointment is needed.
    Prevented,
    /// The old meter was read for the last time.
    Read,
    /// The new meter is in place.
    Installed,
    /// The new meter is active.
    Activated,
    /// Credit, debt or final bill of the old account are entered.
    Settled,
    /// The old meter is back: done.
    Returned,
    /// Called off.
    Cancelled,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 10] = [
        Self::Unissued,
        Self::Open,
        Self::Appointed,
        Self::Prevented,
        Self::Read,
        Self::Installed,
        Self::Activated,
        Self::Settled,
        Self::Returned,
        Self::Cancelled,
    ];

    /// Its stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unissued => "unissued",
            Self::Open => "open",
            Self::Appointed => "appointed",
            Self::Prevented => "prevented",
            Self::Read => "read",
            Self::Installed => "installed",
            Self::Activated => "activated",
            Self::Settled => "settled",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }

    /// The stage of a stable word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.code() == text)
    }
}

/// What is done with a work order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Issued.
    Issue,
    /// Given an appointment.
    Appoint,
    /// Its appointment is moved.
    Move,
    /// The installer could not install.
    Prevent,
    /// The old meter is read.
    Read,
    /// The new meter is installed.
    Install,
    /// The new meter is activated.
    Activate,
    /// The old account is settled.
    Settle,
    /// The old meter is returned.
    Return,
    /// Called off.
    Cancel,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 10] = [
        Self::Issue,
        Self::Appoint,
        Self::Move,
        Self::Prevent,
        Self::Read,
        Self::Install,
        Self::Activate,
        Self::Settle,
        Self::Return,
        Self::Cancel,
    ];

    /// Its word, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Issue => "issued",
            Self::Appoint => "given an appointment",
            Self::Move => "moved to another appointment",
            Self::Prevent => "prevented",
            Self::Read => "read",
            Self::Install => "installed",
            Self::Activate => "activated",
            Self::Settle => "settled",
            Self::Return => "returned",
            Self::Cancel => "cancelled",
        }
    }
}

/// From where, by which step, to where: the whole life of a work order, and no other way.
pub const EDGES: &[(Stage, Step, Stage)] = &[
    (Stage::Unissued, Step::Issue, Stage::Open),
    (Stage::Open, Step::Appoint, Stage::Appointed),
    (Stage::Appointed, Step::Move, Stage::Appointed),
    (Stage::Appointed, Step::Prevent, Stage::Prevented),
    (Stage::Prevented, Step::Appoint, Stage::Appointed),
    (Stage::Appointed, Step::Read, Stage::Read),
    (Stage::Read, Step::Install, Stage::Installed),
    (Stage::Installed, Step::Activate, Stage::Activated),
    (Stage::Activated, Step::Settle, Stage::Settled),
    (Stage::Settled, Step::Return, Stage::Returned),
    (Stage::Open, Step::Cancel, Stage::Cancelled),
    (Stage::Appointed, Step::Cancel, Stage::Cancelled),
    (Stage::Prevented, Step::Cancel, Stage::Cancelled),
];

/// Where a step leads; none where the table has no such edge.
#[must_use]
pub fn next(from: Stage, step: Step) -> Option<Stage> {
    let edge = EDGES
        .iter()
        .find(|(stage, by, _)| *stage == from && *by == step);
    edge.map(|(_, _, to)| *to)
}

/// What can be asked of a work order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkOrderCommand {
    /// Issues it for an account.
    Issue(IssueWorkOrder),
    /// Makes an appointment.
    Appoint {
        /// When the installer comes.
        at: Timestamp,
    },
    /// Moves the appointment, with notice.
    Move {
        /// When the installer comes instead.
        at: Timestamp,
    },
    /// The installer could not install.
    Prevent {
        /// What was in the way.
        why: Obstacle,
    },
    /// Reads the old meter for the last time.
    Read(ReadOldMeter),
    /// Installs the new meter.
    Install(RegisterMeter),
    /// Activates the new meter.
    Activate,
    /// Enters credit and debt of the old account, or names its final bill.
    Settle(SettleOldAccount),
    /// Takes the old meter back.
    Return {
        /// The signed goods return form.
        document: OpaqueRef,
    },
    /// Calls it off.
    Cancel {
        /// Why; no names.
        why: String,
    },
}

impl WorkOrderCommand {
    /// The step it is.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Issue(_) => Step::Issue,
            Self::Appoint { .. } => Step::Appoint,
            Self::Move { .. } => Step::Move,
            Self::Prevent { .. } => Step::Prevent,
            Self::Read(_) => Step::Read,
            Self::Install(_) => Step::Install,
            Self::Activate => Step::Activate,
            Self::Settle(_) => Step::Settle,
            Self::Return { .. } => Step::Return,
            Self::Cancel { .. } => Step::Cancel,
        }
    }
}

/// Issues a work order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueWorkOrder {
    /// Account that gets the new meter.
    pub account: AccountId,
    /// Utility.
    pub utility: Utility,
    /// How the old meter was paid for.
    pub before: PaidBefore,
    /// Old account.
    pub from: OpaqueRef,
    /// Old meter, as the older system names it.
    pub old_meter: OpaqueRef,
    /// Installer it is assigned to.
    pub installer: Option<OpaqueRef>,
}

/// Reads the old meter for the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOldMeter {
    /// When.
    pub at: Timestamp,
    /// What the register showed.
    pub value: Quantity,
    /// Credit that a prepaid meter showed; none where it showed zero or less.
    pub credit: Option<LegacyBalance>,
    /// Photograph that shows it.
    pub photo: OpaqueRef,
}

/// Settles the old account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleOldAccount {
    /// The department's final bill; needed where the old meter was postpaid.
    pub bill: Option<OpaqueRef>,
    /// The customer chose to have the credit refunded.
    pub refund: bool,
    /// The agreement about what the old account owes.
    pub debt: Option<DebtTerms>,
}

/// An agreement about the debt of an old account (U12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebtTerms {
    /// Principal.
    pub principal: Money,
    /// Monthly instalment.
    pub instalment: Money,
    /// First month.
    pub start: Month,
}

/// The folded state of a work order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkOrder {
    stage: Stage,
    issued: Option<Issued>,
    appointment: Option<Timestamp>,
    read: Option<OldReading>,
    meter: Option<MeterNumber>,
    newest_at: Timestamp,
}

/// What it was issued for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Account.
    pub account: AccountId,
    /// Its scheme by name.
    pub scheme: String,
    /// Utility.
    pub utility: Utility,
    /// How the old meter was paid for.
    pub before: PaidBefore,
    /// Old account.
    pub from: OpaqueRef,
}

/// The old meter's last reading, as far as later steps need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OldReading {
    at: Timestamp,
    credit: Option<LegacyBalance>,
    photo: OpaqueRef,
}

impl Default for WorkOrder {
    fn default() -> Self {
        Self {
            stage: Stage::Unissued,
            issued: None,
            appointment: None,
            read: None,
            meter: None,
            newest_at: Timestamp::MIN,
        }
    }
}

impl WorkOrder {
    /// Where it stands.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// What it was issued for; none before.
    #[must_use]
    pub const fn issued(&self) -> Option<&Issued> {
        self.issued.as_ref()
    }

    /// Time of its newest event.
    #[must_use]
    pub const fn newest_at(&self) -> Timestamp {
        self.newest_at
    }

    /// Folds one fact; never refuses history.
    pub fn evolve(&mut self, event: &WorkOrderEvent, at: Timestamp) {
        assert!(
            at >= self.newest_at,
            "a work order's events never run backwards in time"
        );
        self.newest_at = at;
        let step = self.fold(event);
        let to = next(self.stage, step);
        assert!(
            to.is_some(),
            "a work order takes only the ways of its table"
        );
        self.stage = to.unwrap_or(self.stage);
    }

    fn fold(&mut self, event: &WorkOrderEvent) -> Step {
        match event {
            WorkOrderEvent::Issued(e) => {
                self.issued = Some(Issued {
                    account: e.account.clone(),
                    scheme: e.scheme.clone(),
                    utility: e.u,
                    before: e.before,
                    from: e.from.clone(),
                });
                Step::Issue
            }
            WorkOrderEvent::Appointed(e) => {
                self.appointment = Some(e.t);
                Step::Appoint
            }
            WorkOrderEvent::AppointmentMoved(e) => {
                self.appointment = Some(e.t);
                Step::Move
            }
            WorkOrderEvent::Prevented(_) => {
                self.appointment = None;
                Step::Prevent
            }
            WorkOrderEvent::OldMeterRead(e) => {
                let units = e.q.map(LegacyBalance::Units);
                self.read = Some(OldReading {
                    at: e.t,
                    credit: units.or(e.a.map(LegacyBalance::Amount)),
                    photo: e.photo.clone(),
                });
                Step::Read
            }
            WorkOrderEvent::NewMeterInstalled(e) => {
                self.meter = Some(e.m.clone());
                Step::Install
            }
            WorkOrderEvent::NewMeterActivated(_) => Step::Activate,
            WorkOrderEvent::OldAccountSettled(_) => Step::Settle,
            WorkOrderEvent::OldMeterReturned(_) => Step::Return,
            WorkOrderEvent::Cancelled(_) => Step::Cancel,
        }
    }
}
