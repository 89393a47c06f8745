//! Payloads of an application's facts, in `application-<id>` (E14). Keys as in `account`; the applicant and
//! the papers are named by opaque references (C17).

use serde::{Deserialize, Serialize};

use super::account::Payment;
use crate::application::{Kind, Step};
use crate::ids::{AccountId, ApplicationId, OpaqueRef, ReceiptNumber};
use crate::num::Money;
use crate::time::LocalDate;

/// A fact of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationEvent {
    /// A form was saved; one for accommodation of the government is submitted by that.
    Saved(ApplicationForm),
    /// It was changed.
    Updated(ApplicationForm),
    /// A form on paper was entered.
    Entered(ApplicationForm),
    /// It was submitted.
    Submitted(ApplicationStep),
    /// It was sent back to be changed.
    Returned(ApplicationReason),
    /// It was rejected.
    Rejected(ApplicationReason),
    /// It was accepted.
    Accepted(ApplicationAccepted),
    /// The inspection was announced.
    InspectionIntimated(ApplicationDocument),
    /// The estimate was submitted for sanction.
    EstimateSubmitted(EstimateSubmitted),
    /// It was sanctioned.
    Sanctioned(ApplicationStep),
    /// The estimate was sent back.
    EstimateRedirected(ApplicationReason),
    /// The connection was refused.
    Refused(ApplicationReason),
    /// The demand note was served.
    DemandNoteServed(DemandNoteServed),
    /// What is demanded was paid, and the consumer's number given.
    ConnectionChargePaid(ConnectionChargePaid),
    /// The connection order was issued.
    OrderIssued(ApplicationDocument),
    /// It was executed: the account is open.
    Executed(ApplicationDocument),
}

impl ApplicationEvent {
    /// The step it records.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Saved(form) => match form.k {
                Kind::General => Step::Save,
                Kind::Temporary => Step::SaveTemporary,
                Kind::Accommodation => Step::SubmitAccommodation,
            },
            Self::Updated(_) => Step::Update,
            Self::Entered(form) => match form.k {
                Kind::General | Kind::Accommodation => Step::Enter,
                Kind::Temporary => Step::EnterTemporary,
            },
            Self::Submitted(_) => Step::Submit,
            Self::Returned(_) => Step::Return,
            Self::Rejected(_) => Step::Reject,
            Self::Accepted(_) => Step::Accept,
            Self::InspectionIntimated(_) => Step::ServeInspection,
            Self::EstimateSubmitted(_) => Step::SubmitEstimate,
            Self::Sanctioned(_) => Step::Sanction,
            Self::EstimateRedirected(_) => Step::Redirect,
            Self::Refused(_) => Step::Refuse,
            Self::DemandNoteServed(e) => {
                if e.lat {
                    Step::ServeLateralDemandNote
                } else {
                    Step::ServeDemandNote
                }
            }
            Self::ConnectionChargePaid(_) => Step::PayCharge,
            Self::OrderIssued(_) => Step::IssueOrder,
            Self::Executed(_) => Step::Execute,
        }
    }
}

/// `application-saved.v1`, `application-updated.v1`, `application-entered.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationForm {
    /// Kind of connection.
    pub k: Kind,
    /// Scheme by name.
    pub scheme: String,
    /// Customer class.
    pub class: String,
    /// Dwelling units, at least 1.
    pub dwelling_units: u32,
    /// Contracted kVA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contracted_kva: Option<u32>,
    /// The applicant's record.
    pub person: OpaqueRef,
    /// The form, as it is kept.
    pub doc: OpaqueRef,
    /// Last day of a temporary connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalDate>,
    /// Advance of a temporary connection that was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adv: Option<Money>,
}

/// `application-submitted.v1`, `connection-sanctioned.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationStep {
    /// Local date.
    pub d: LocalDate,
}

/// `application-returned.v1`, `application-rejected.v1`, `estimate-redirected.v1`, `connection-refused.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationReason {
    /// Why; no names.
    pub why: String,
}

/// `application-accepted.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationAccepted {
    /// Advance of a temporary connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adv: Option<Money>,
}

/// `inspection-intimated.v1`, `connection-ordered.v1`, `connection-executed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationDocument {
    /// Letter, order or report.
    pub doc: OpaqueRef,
}

/// `estimate-submitted.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimateSubmitted {
    /// Connection charges.
    pub a: Money,
    /// Recommended to be accepted.
    pub ok: bool,
    /// The estimate.
    pub doc: OpaqueRef,
}

/// `demand-note-served.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandNoteServed {
    /// The note.
    pub doc: OpaqueRef,
    /// Of a lateral connection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lat: bool,
    /// Security deposit demanded.
    pub dep: Money,
    /// Connection charges demanded.
    pub fee: Money,
}

/// `connection-charge-paid.v1`: the deposit is the consumer's, what is beyond it are connection charges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionChargePaid {
    /// Amount paid.
    pub a: Money,
    /// What of it is the deposit.
    pub dep: Money,
    /// The consumer's number.
    pub n: AccountId,
    /// Receipt.
    pub rc: ReceiptNumber,
    /// Who took it.
    pub pay: Payment,
}

/// `account-number-reserved.v1`, the first event of stream `account-<number>`: the account is opened by the
/// execution of this application and by nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountNumberReserved {
    /// The number.
    pub n: AccountId,
    /// The application.
    pub application: ApplicationId,
}
