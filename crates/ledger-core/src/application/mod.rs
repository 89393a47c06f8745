//! An application for a connection (E14), from the saved form to the connection that is in service.
//!
//! Where it stands, what may come next and who may do it is one table ([`EDGES`]); the steps are plain
//! records. What changes an account (its opening) is the account's own command, named by [`opening`], which
//! whoever runs the application sends first, under a key derived from it. So a step cut short between the
//! two is finished by sending it again.
//!
//! Deliberately absent: any engine that interprets workflows, and what the form says of a person, which is
//! kept where it can be erased (C17).

mod decide;
mod table;

pub use decide::{Charge, StepFacts, decide, is_execution, opening, opening_reference};
pub use table::{EDGES, Kind, Officer, Stage, Step, drawing, next};

use serde::{Deserialize, Serialize};

use crate::command::Source;
use crate::event::{ApplicationEvent, ApplicationForm, ConnectionChargePaid, DemandNoteServed};
use crate::ids::{AccountId, OpaqueRef};
use crate::num::Money;
use crate::time::{LocalDate, Timestamp};

/// What can be asked of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationCommand {
    /// The portal saves a new form.
    Save(ApplyFor),
    /// The portal changes a saved or returned form.
    Update(ApplyFor),
    /// The portal submits it.
    Submit,
    /// The JE enters a form that came on paper; of a temporary connection with its advance.
    Enter {
        /// The form.
        form: ApplyFor,
        /// Advance of a temporary connection.
        advance: Option<Money>,
    },
    /// The AE accepts it; of a temporary connection with its advance.
    Accept {
        /// Advance of a temporary connection.
        advance: Option<Money>,
    },
    /// The AE sends it back to be changed.
    Return {
        /// Why; no names.
        why: String,
    },
    /// The AE rejects it.
    Reject {
        /// Why; no names.
        why: String,
    },
    /// The JE serves the letter that announces the inspection.
    ServeInspection {
        /// The letter.
        letter: OpaqueRef,
    },
    /// The JE submits the estimate for sanction, with a recommendation.
    SubmitEstimate {
        /// Connection charges.
        charges: Money,
        /// Recommended to be accepted.
        recommended: bool,
        /// The estimate.
        document: OpaqueRef,
    },
    /// The AE sanctions it.
    Sanction,
    /// The AE sends the estimate back to the JE.
    Redirect {
        /// Why; no names.
        why: String,
    },
    /// The AE, or at the demand note the JE, refuses the connection.
    Refuse {
        /// Why; no names.
        why: String,
    },
    /// The JE serves the demand note.
    ServeDemandNote {
        /// The note.
        note: OpaqueRef,
        /// Of a connection that is made from another one.
        lateral: bool,
    },
    /// The BCC takes what is demanded, and gives the consumer's number.
    PayCharge(PayCharge),
    /// The AE issues the connection order.
    IssueOrder {
        /// The order.
        order: OpaqueRef,
    },
    /// The JE executes it: the connection is in service.
    Execute {
        /// The report.
        report: OpaqueRef,
    },
}

/// What is applied for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyFor {
    /// Kind of connection.
    pub kind: Kind,
    /// Scheme by name.
    pub scheme: String,
    /// Customer class.
    pub class: String,
    /// Dwelling units, at least 1.
    pub dwelling_units: u32,
    /// Contracted kVA.
    pub contracted_kva: Option<u32>,
    /// The applicant's record.
    pub applicant: OpaqueRef,
    /// The form, as it is kept.
    pub document: OpaqueRef,
    /// Last day of a temporary connection.
    pub until: Option<LocalDate>,
}

/// Pays what is demanded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayCharge {
    /// Amount: exactly what is demanded.
    pub amount: Money,
    /// Where the money stands.
    pub source: Source,
    /// The consumer's number, never an account's before.
    pub number: AccountId,
}

impl ApplicationCommand {
    /// The step it is.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Save(form) => match form.kind {
                Kind::General => Step::Save,
                Kind::Temporary => Step::SaveTemporary,
                Kind::Accommodation => Step::SubmitAccommodation,
            },
            Self::Update(_) => Step::Update,
            Self::Submit => Step::Submit,
            Self::Enter { form, .. } => match form.kind {
                Kind::General | Kind::Accommodation => Step::Enter,
                Kind::Temporary => Step::EnterTemporary,
            },
            Self::Accept { .. } => Step::Accept,
            Self::Return { .. } => Step::Return,
            Self::Reject { .. } => Step::Reject,
            Self::ServeInspection { .. } => Step::ServeInspection,
            Self::SubmitEstimate { .. } => Step::SubmitEstimate,
            Self::Sanction => Step::Sanction,
            Self::Redirect { .. } => Step::Redirect,
            Self::Refuse { .. } => Step::Refuse,
            Self::ServeDemandNote { lateral: false, .. } => Step::ServeDemandNote,
            Self::ServeDemandNote { lateral: true, .. } => Step::ServeLateralDemandNote,
            Self::PayCharge(_) => Step::PayCharge,
            Self::IssueOrder { .. } => Step::IssueOrder,
            Self::Execute { .. } => Step::Execute,
        }
    }

    /// Amount and source, where it is a payment.
    #[must_use]
    pub const fn payment(&self) -> Option<(Money, &Source)> {
        if let Self::PayCharge(pay) = self {
            Some((pay.amount, &pay.source))
        } else {
            None
        }
    }
}

/// The folded state of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    stage: Stage,
    form: Option<ApplicationForm>,
    charges: Money,
    demand: Option<Charge>,
    paid: Option<ConnectionChargePaid>,
    newest_at: Timestamp,
}

impl Default for Application {
    fn default() -> Self {
        Self {
            stage: Stage::None,
            form: None,
            charges: Money::ZERO,
            demand: None,
            paid: None,
            newest_at: Timestamp::MIN,
        }
    }
}

impl Application {
    /// Where it stands.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// What is applied for; none before the first event.
    #[must_use]
    pub const fn form(&self) -> Option<&ApplicationForm> {
        self.form.as_ref()
    }

    /// What is demanded, once it is.
    #[must_use]
    pub const fn demand(&self) -> Option<Charge> {
        self.demand
    }

    /// The consumer's number, once it is given.
    #[must_use]
    pub fn number(&self) -> Option<&AccountId> {
        self.paid.as_ref().map(|paid| &paid.n)
    }

    /// Time of its newest event.
    #[must_use]
    pub const fn newest_at(&self) -> Timestamp {
        self.newest_at
    }

    /// Folds one fact; never refuses history.
    pub fn evolve(&mut self, event: &ApplicationEvent, at: Timestamp) {
        assert!(
            at >= self.newest_at,
            "an application's events never run backwards in time"
        );
        self.newest_at = at;
        let step = event.step();
        self.fold(event);
        let to = next(self.stage, step);
        assert!(
            to.is_some(),
            "an application takes only the ways of its table"
        );
        self.stage = to.map_or(self.stage, |(_, to)| to);
    }

    fn fold(&mut self, event: &ApplicationEvent) {
        match event {
            ApplicationEvent::Saved(form)
            | ApplicationEvent::Updated(form)
            | ApplicationEvent::Entered(form) => {
                self.demand = form.adv.map(Charge::advance);
                self.form = Some(form.clone());
            }
            ApplicationEvent::Accepted(e) => self.demand = e.adv.map(Charge::advance),
            ApplicationEvent::EstimateSubmitted(e) => self.charges = e.a,
            ApplicationEvent::DemandNoteServed(e) => self.demand = Some(Charge::of_note(e)),
            ApplicationEvent::ConnectionChargePaid(e) => self.paid = Some(e.clone()),
            ApplicationEvent::Submitted(_)
            | ApplicationEvent::Returned(_)
            | ApplicationEvent::Rejected(_)
            | ApplicationEvent::InspectionIntimated(_)
            | ApplicationEvent::Sanctioned(_)
            | ApplicationEvent::EstimateRedirected(_)
            | ApplicationEvent::Refused(_)
            | ApplicationEvent::OrderIssued(_)
            | ApplicationEvent::Executed(_) => {}
        }
    }
}

impl Charge {
    const fn advance(amount: Money) -> Self {
        Self {
            deposit: amount,
            charges: Money::ZERO,
        }
    }

    const fn of_note(e: &DemandNoteServed) -> Self {
        Self {
            deposit: e.dep,
            charges: e.fee,
        }
    }
}
