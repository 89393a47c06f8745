//! From a step to the fact it makes, and to the opening of the account that the last one needs.
//!
//! Guards in order: the table, the role, the input, the policy.

use serde::{Deserialize, Serialize};

use super::{Application, ApplicationCommand, ApplyFor, Kind, Officer, PayCharge, Stage, next};
use crate::command::{BillingCommand, Command, OpenAccount, OpeningDeposit};
use crate::event::{
    ApplicationAccepted, ApplicationDocument, ApplicationEvent, ApplicationForm, ApplicationReason,
    ApplicationStep, ConnectionChargePaid, DemandNoteServed, EstimateSubmitted, Payment,
};
use crate::ids::{AccountId, ApplicationId, CommandKey, ReceiptNumber};
use crate::num::Money;
use crate::rejection::{DeskRefusal, Rejection};
use crate::scheme::{SchemePolicy, StatusPolicy};
use crate::time::Timestamp;

/// Longest reason, in characters.
const WHY_CHARS_MAX: usize = 200;

/// What is demanded before a connection is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Held as the consumer's deposit; the advance of a temporary connection is, too.
    pub deposit: Money,
    /// Connection charges.
    pub charges: Money,
}

impl Charge {
    /// What is paid.
    #[must_use]
    pub fn total(&self) -> Money {
        self.deposit + self.charges
    }
}

/// What comes with a step.
#[derive(Debug, Clone)]
pub struct StepFacts<'a> {
    /// Which application.
    pub id: &'a ApplicationId,
    /// Roles of whoever takes it.
    pub by: &'a [Officer],
    /// When it was received.
    pub received_at: Timestamp,
    /// The sender's key.
    pub key: &'a CommandKey,
}

/// Decides a step at the time it was received; none before the newest event counts.
///
/// # Errors
/// The refusal: the step does not come next, is another officer's, its input is wrong, or the policy is
/// against it.
pub fn decide(
    application: &Application,
    policy: &SchemePolicy,
    facts: &StepFacts<'_>,
    command: &ApplicationCommand,
) -> Result<ApplicationEvent, Rejection> {
    must_come_next(application, facts.by, command)?;
    let desk = Desk {
        application,
        policy,
        facts,
        now: facts.received_at.max(application.newest_at()),
    };
    Ok(match command {
        ApplicationCommand::Save(form) => ApplicationEvent::Saved(desk.form(form, None)?),
        ApplicationCommand::Update(form) => ApplicationEvent::Updated(desk.updated(form)?),
        ApplicationCommand::Enter { form, advance } => {
            ApplicationEvent::Entered(desk.form(form, desk.advance(form.kind, *advance)?)?)
        }
        ApplicationCommand::Accept { advance } => {
            let kind = application.form().map_or(Kind::General, |form| form.k);
            let adv = desk.advance(kind, *advance)?;
            ApplicationEvent::Accepted(ApplicationAccepted { adv })
        }
        ApplicationCommand::Submit => ApplicationEvent::Submitted(desk.bare()),
        ApplicationCommand::Return { why } => ApplicationEvent::Returned(reason(why)?),
        ApplicationCommand::Reject { why } => ApplicationEvent::Rejected(reason(why)?),
        ApplicationCommand::Redirect { why } => ApplicationEvent::EstimateRedirected(reason(why)?),
        ApplicationCommand::Refuse { why } => ApplicationEvent::Refused(reason(why)?),
        ApplicationCommand::ServeInspection { letter } => {
            ApplicationEvent::InspectionIntimated(document(letter))
        }
        ApplicationCommand::SubmitEstimate {
            charges,
            recommended,
            document,
        } => {
            desk.must_be_money("charges", *charges, true)?;
            ApplicationEvent::EstimateSubmitted(EstimateSubmitted {
                a: *charges,
                ok: *recommended,
                doc: document.clone(),
            })
        }
        ApplicationCommand::Sanction => ApplicationEvent::Sanctioned(desk.bare()),
        ApplicationCommand::ServeDemandNote { note, lateral } => {
            ApplicationEvent::DemandNoteServed(DemandNoteServed {
                doc: note.clone(),
                lat: *lateral,
                dep: desk.deposit(),
                fee: application.charges,
            })
        }
        ApplicationCommand::PayCharge(pay) => {
            ApplicationEvent::ConnectionChargePaid(desk.pay(pay)?)
        }
        ApplicationCommand::IssueOrder { order } => ApplicationEvent::OrderIssued(document(order)),
        ApplicationCommand::Execute { report } => ApplicationEvent::Executed(document(report)),
    })
}

/// The account that an execution opens, with its opening: carried out before the step is recorded.
#[must_use]
pub fn opening(
    application: &Application,
    policy: &SchemePolicy,
    command: &ApplicationCommand,
) -> Option<(AccountId, Command)> {
    if !matches!(command, ApplicationCommand::Execute { .. }) {
        return None;
    }
    let (form, paid) = (application.form()?, application.paid.as_ref()?);
    let open = OpenAccount {
        scheme: Some(form.scheme.clone()),
        class: form.class.clone(),
        dwelling_units: form.dwelling_units,
        contracted_kva: form.contracted_kva,
        customer: Some(form.person.clone()),
    };
    if status_of(policy).is_none() {
        return Some((paid.n.clone(), Command::OpenAccount(open)));
    }
    let deposit = OpeningDeposit::OnRecord(paid.dep);
    let billing = match form.until {
        Some(until) => BillingCommand::OpenTemporary {
            open,
            until,
            deposit,
        },
        None => BillingCommand::OpenConnection { open, deposit },
    };
    Some((paid.n.clone(), Command::billing(billing)))
}

/// The table comes first: what stands at a stage takes only that stage's steps, each from its officer.
fn must_come_next(
    application: &Application,
    by: &[Officer],
    command: &ApplicationCommand,
) -> Result<(), Rejection> {
    let (stage, step) = (application.stage(), command.step());
    match next(stage, step) {
        Some((officer, _)) if by.contains(&officer) => Ok(()),
        Some((officer, _)) => Err(DeskRefusal::WrongOfficer {
            step: step.code().to_owned(),
            officer: officer.code().to_owned(),
        }
        .into()),
        None if stage == Stage::None => Err(DeskRefusal::UnknownApplication.into()),
        None if next(Stage::None, step).is_some() => Err(DeskRefusal::ApplicationExists.into()),
        None => Err(DeskRefusal::WrongApplicationStep {
            stage: stage.code().to_owned(),
            step: step.code().to_owned(),
        }
        .into()),
    }
}

/// What every step looks at.
struct Desk<'a> {
    application: &'a Application,
    policy: &'a SchemePolicy,
    facts: &'a StepFacts<'a>,
    now: Timestamp,
}

impl Desk<'_> {
    fn bare(&self) -> ApplicationStep {
        ApplicationStep {
            d: self.policy.zone().date_of(self.now),
        }
    }

    fn form(&self, form: &ApplyFor, adv: Option<Money>) -> Result<ApplicationForm, Rejection> {
        if form.kind == Kind::Temporary && status_of(self.policy).is_none() {
            return Err(Rejection::NotOffered {
                what: "temporary connections".to_owned(),
            });
        }
        if !self.policy.has_class(&form.class) {
            return Err(Rejection::NoTariff {
                what: format!("class {:?}", form.class),
            });
        }
        if form.dwelling_units == 0 {
            return Err(bad_input("dwelling_units", "at least 1"));
        }
        match (form.kind, form.until) {
            (Kind::Temporary, None) => {
                return Err(bad_input("until", "a temporary connection has a last day"));
            }
            (Kind::General | Kind::Accommodation, Some(_)) => {
                return Err(bad_input(
                    "until",
                    "only a temporary connection has a last day",
                ));
            }
            (Kind::Temporary, Some(until)) if until < self.policy.zone().date_of(self.now) => {
                return Err(bad_input("until", "lies in the past"));
            }
            (Kind::Temporary, Some(_)) | (Kind::General | Kind::Accommodation, None) => {}
        }
        Ok(ApplicationForm {
            k: form.kind,
            scheme: self.policy.name().to_owned(),
            class: form.class.clone(),
            dwelling_units: form.dwelling_units,
            contracted_kva: form.contracted_kva,
            person: form.applicant.clone(),
            doc: form.document.clone(),
            until: form.until,
            adv,
        })
    }

    /// A changed form is of the same kind and scheme.
    fn updated(&self, form: &ApplyFor) -> Result<ApplicationForm, Rejection> {
        let before = self.application.form();
        if before.is_some_and(|before| before.k != form.kind) {
            return Err(bad_input("kind", "a form does not change its kind"));
        }
        if before.is_some_and(|before| before.scheme != form.scheme) {
            return Err(bad_input("scheme", "a form does not change its scheme"));
        }
        self.form(form, None)
    }

    /// A temporary connection has an advance, others have none.
    fn advance(&self, kind: Kind, advance: Option<Money>) -> Result<Option<Money>, Rejection> {
        match (kind, advance) {
            (Kind::Temporary, Some(advance)) => {
                self.must_be_money("advance", advance, false)?;
                Ok(Some(advance))
            }
            (Kind::Temporary, None) => Err(bad_input(
                "advance",
                "a temporary connection is made against an advance",
            )),
            (Kind::General | Kind::Accommodation, Some(_)) => Err(bad_input(
                "advance",
                "only a temporary connection has an advance",
            )),
            (Kind::General | Kind::Accommodation, None) => Ok(None),
        }
    }

    /// The scheme's deposit; none where its consumers have no status.
    fn deposit(&self) -> Money {
        status_of(self.policy).map_or(Money::ZERO, |status| status.deposit)
    }

    fn pay(&self, pay: &PayCharge) -> Result<ConnectionChargePaid, Rejection> {
        let Some(charge) = self.application.demand() else {
            return Err(DeskRefusal::UnknownApplication.into());
        };
        self.must_be_money("amount", pay.amount, charge.total().is_zero())?;
        if pay.amount != charge.total() {
            return Err(DeskRefusal::NotTheCharge {
                charge: charge.total(),
            }
            .into());
        }
        let number = ReceiptNumber::parse(&format!("{}-charge", self.facts.id));
        let rc = number.map_err(|error| bad_input("application", &error.to_string()))?;
        Ok(ConnectionChargePaid {
            a: pay.amount,
            dep: charge.deposit,
            n: pay.number.clone(),
            rc,
            pay: Payment {
                ch: self.facts.key.channel.clone(),
                rf: self.facts.key.reference.clone(),
                d: self.policy.zone().date_of(self.now),
                sus: false,
            },
        })
    }

    fn must_be_money(&self, field: &str, amount: Money, zero: bool) -> Result<(), Rejection> {
        let decimals = self.policy.currency().decimals;
        if amount.is_negative() || (amount.is_zero() && !zero) {
            return Err(bad_input(field, "must be above zero"));
        }
        if !amount.has_decimals_at_most(u32::from(decimals)) {
            return Err(Rejection::TooFine { amount, decimals });
        }
        let most = self.policy.limits().amount_max;
        if amount > most {
            return Err(bad_input(field, &format!("must be at most {most}")));
        }
        Ok(())
    }
}

/// What the scheme decides about consumers' statuses.
fn status_of(policy: &SchemePolicy) -> Option<&StatusPolicy> {
    policy.billing().and_then(|billing| billing.status.as_ref())
}

/// Whether a command comes from the execution of this application: only that opens the account whose number
/// was reserved for it.
#[must_use]
pub fn is_execution(key: &CommandKey, id: &ApplicationId) -> bool {
    key.channel.as_str() == "ledger" && key.reference.as_str() == opening_reference(id)
}

/// Reference of the opening, in the ledger's own channel.
#[must_use]
pub fn opening_reference(id: &ApplicationId) -> String {
    format!("application-{id}-open")
}

fn reason(why: &str) -> Result<ApplicationReason, Rejection> {
    let why = why.trim();
    if why.is_empty() || why.chars().count() > WHY_CHARS_MAX {
        let rule = format!("1 to {WHY_CHARS_MAX} characters, without names");
        return Err(bad_input("reason", &rule));
    }
    Ok(ApplicationReason {
        why: why.to_owned(),
    })
}

fn document(doc: &crate::ids::OpaqueRef) -> ApplicationDocument {
    ApplicationDocument { doc: doc.clone() }
}

fn bad_input(field: &str, reason: &str) -> Rejection {
    Rejection::BadInput {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
