//! The four kinds of no, and how each looks on the wire.
//!
//! * malformed: the call itself is wrong → `INVALID_ARGUMENT` with the fields that are;
//! * refusal: the rules of the trade say no → `FAILED_PRECONDITION` (a reference used for other content:
//!   `ALREADY_EXISTS`);
//! * operational: not now, or not by this caller → the status its entry states;
//! * bug: a fault of the ledger → `INTERNAL`.
//!
//! Each carries `google.rpc.ErrorInfo` with a stable reason, the domain `ledger.v1`, the command's
//! reference, what to do with cash in hand, and whether a retry is safe. There is no catch-all.

use std::collections::HashMap;

use event_store::ReadError;
use ledger_core::rejection::{CashInHand, DeskRefusal, Entry, Rejection};
use ledger_service::ServiceError;
use projections::ReadModelError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::pb;
use crate::person_errors::PersonNo;

/// `domain` of every `google.rpc.ErrorInfo`.
pub const ERROR_DOMAIN: &str = "ledger.v1";
/// Most fields of a call that are reported at once: more help nobody, and the status stays small.
const VIOLATIONS_MAX: usize = 16;
/// What a counter does when an outcome is unknown.
const KEEP_CASH: &str =
    "keep the cash until FindCommand, or the same reference sent again, has told the outcome";
/// What a counter does when the call had no effect.
const TRY_OR_HAND_BACK: &str = "nothing was taken: send it again, or hand the cash back";
/// What a counter does when no money is concerned.
pub(crate) const NO_CASH: &str = "no cash is involved";
/// What a counter does with cash whose payment waits in suspense.
const IN_SUSPENSE: &str =
    "keep the cash: the payment waits in suspense until staff allocate or return it";
/// What staff do when money in suspense cannot be allocated as they asked.
const STAYS_IN_SUSPENSE: &str =
    "no cash is involved: the money stays in suspense; allocate it otherwise, or return it";

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It must be given.
    FieldMissing,
    /// It cannot be read.
    FieldMalformed,
    /// It can be read but lies outside what is taken.
    FieldOutOfRange,
    /// `ledger-received-at` was sent, but the server's clock is the machine's.
    ReceivedAtNotTaken,
}

/// Why something cannot be done now, or not by this caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operational {
    /// No key, or not a known one.
    Unauthenticated,
    /// The key lacks the role.
    RoleMissing,
    /// It belongs to another channel.
    OtherChannel,
    /// There is no such thing to read.
    NotFound,
    /// Too many calls are under way.
    TooManyCalls,
    /// The queue to the accounts is full.
    QueueFull,
    /// The message is larger than what is taken.
    MessageTooLarge,
    /// Others kept changing the same account.
    Contended,
    /// This server takes no more commands.
    Stopped,
    /// What is stored cannot be understood.
    Damaged,
    /// The store or the read models cannot be reached now.
    Unavailable,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// The read models do not follow the log.
    ReadModelDown,
    /// The read model has not come as far as the token says.
    ReadModelBehind,
}

/// A code that is not a business refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Stable code, the `reason` of `google.rpc.ErrorInfo`.
    pub code: &'static str,
    /// gRPC status it comes with.
    pub status: Code,
    /// What it means.
    pub meaning: &'static str,
    /// Whether the identical call may be sent again without harm.
    pub retry_is_safe: bool,
    /// What to do with cash in hand.
    pub cash: &'static str,
}

impl Malformed {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Self; 4] = [
        Self::FieldMissing,
        Self::FieldMalformed,
        Self::FieldOutOfRange,
        Self::ReceivedAtNotTaken,
    ];

    /// Its line of the catalogue.
    #[must_use]
    pub const fn line(self) -> Line {
        let (code, meaning) = match self {
            Self::FieldMissing => (
                "FIELD_MISSING",
                "A field that must be given is empty or absent.",
            ),
            Self::FieldMalformed => ("FIELD_MALFORMED", "A field cannot be read."),
            Self::FieldOutOfRange => ("FIELD_OUT_OF_RANGE", "A field lies outside what is taken."),
            Self::ReceivedAtNotTaken => (
                "RECEIVED_AT_NOT_TAKEN",
                "A time of receipt was sent to a server that runs by the machine's clock.",
            ),
        };
        Line {
            code,
            status: Code::InvalidArgument,
            meaning,
            retry_is_safe: true,
            cash: TRY_OR_HAND_BACK,
        }
    }
}

impl Operational {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Self; 14] = [
        Self::Unauthenticated,
        Self::RoleMissing,
        Self::OtherChannel,
        Self::NotFound,
        Self::TooManyCalls,
        Self::QueueFull,
        Self::MessageTooLarge,
        Self::Contended,
        Self::Stopped,
        Self::Damaged,
        Self::Unavailable,
        Self::DeadlineExceeded,
        Self::ReadModelDown,
        Self::ReadModelBehind,
    ];

    /// Its line of the catalogue.
    #[must_use]
    #[expect(
        clippy::too_many_lines,
        reason = "one entry a code: the published table"
    )]
    pub const fn line(self) -> Line {
        let (code, status, meaning, cash) = match self {
            Self::Unauthenticated => (
                "UNAUTHENTICATED",
                Code::Unauthenticated,
                "The call carries no known API key.",
                TRY_OR_HAND_BACK,
            ),
            Self::RoleMissing => (
                "ROLE_MISSING",
                Code::PermissionDenied,
                "The API key lacks the role for this call.",
                TRY_OR_HAND_BACK,
            ),
            Self::OtherChannel => (
                "OTHER_CHANNEL",
                Code::PermissionDenied,
                "A channel sees only what is its own.",
                NO_CASH,
            ),
            Self::NotFound => (
                "NOT_FOUND",
                Code::NotFound,
                "There is nothing under this name to read.",
                NO_CASH,
            ),
            Self::TooManyCalls => (
                "TOO_MANY_CALLS",
                Code::ResourceExhausted,
                "Too many calls are under way.",
                TRY_OR_HAND_BACK,
            ),
            Self::QueueFull => (
                "QUEUE_FULL",
                Code::ResourceExhausted,
                "Too many commands are waiting.",
                TRY_OR_HAND_BACK,
            ),
            Self::MessageTooLarge => (
                "MESSAGE_TOO_LARGE",
                Code::ResourceExhausted,
                "The message is larger than what is taken.",
                NO_CASH,
            ),
            Self::Contended => (
                "CONTENDED",
                Code::Aborted,
                "Other commands kept changing the same account; nothing was done.",
                TRY_OR_HAND_BACK,
            ),
            Self::Stopped => (
                "STOPPED",
                Code::Unavailable,
                "The ledger takes no more commands until it has been restarted.",
                KEEP_CASH,
            ),
            Self::Damaged => (
                "DAMAGED",
                Code::DataLoss,
                "What is stored cannot be understood; it refuses everything until it is repaired.",
                KEEP_CASH,
            ),
            Self::Unavailable => (
                "UNAVAILABLE",
                Code::Unavailable,
                "The ledger cannot be reached or read now.",
                KEEP_CASH,
            ),
            Self::DeadlineExceeded => (
                "DEADLINE_EXCEEDED",
                Code::DeadlineExceeded,
                "No answer came in time; a command may have been carried out: ask FindCommand.",
                KEEP_CASH,
            ),
            Self::ReadModelDown => (
                "READ_MODEL_DOWN",
                Code::Unavailable,
                "The read models cannot answer until someone looks at them; payments go on.",
                NO_CASH,
            ),
            Self::ReadModelBehind => (
                "READ_MODEL_BEHIND",
                Code::Unavailable,
                "The read model has not come as far as the token asks.",
                NO_CASH,
            ),
        };
        Line {
            code,
            status,
            meaning,
            retry_is_safe: !matches!(self, Self::Damaged),
            cash,
        }
    }
}

/// The line of our own faults.
pub const BUG: Line = Line {
    code: "BUG",
    status: Code::Internal,
    meaning: "The ledger has a fault; its log says more.",
    retry_is_safe: true,
    cash: KEEP_CASH,
};

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `old.value`.
    pub field: String,
    /// What kind of wrong.
    pub code: Malformed,
    /// What is wrong and what would be right.
    pub text: String,
}

/// A no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum No {
    /// The call itself is wrong.
    Malformed(Vec<Violation>),
    /// The rules of the trade refuse it.
    Refused(Rejection),
    /// The rules of the trade refuse what money in suspense was meant for; it stays there.
    StaysInSuspense(Rejection),
    /// Not now, or not by this caller; with what happened and what to do.
    Operational(Operational, String),
    /// A person's record says no; with what happened, and its values by name.
    Person(PersonNo, String, Vec<(&'static str, String)>),
    /// A fault of the ledger, told to the log only.
    Bug(String),
}

impl No {
    /// One field is wrong.
    #[must_use]
    pub fn field(field: &str, code: Malformed, text: impl Into<String>) -> Self {
        Self::Malformed(vec![Violation {
            field: field.to_owned(),
            code,
            text: text.into(),
        }])
    }

    /// gRPC status code it comes with.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::InvalidArgument,
            Self::Refused(rejection) | Self::StaysInSuspense(rejection) => status_of(rejection),
            Self::Operational(which, _) => which.line().status,
            Self::Person(which, ..) => which.line().status,
            Self::Bug(_) => BUG.status,
        }
    }

    /// The status, for the command with this reference (empty: none).
    #[must_use]
    pub fn status(self, reference: &str) -> Status {
        let code = self.code();
        let told = self.refusal();
        let mut details = ErrorDetails::new();
        if let Self::Malformed(violations) = &self {
            let fields = violations.iter().take(VIOLATIONS_MAX);
            let listed: Vec<FieldViolation> = fields
                .map(|v| FieldViolation::new(v.field.clone(), v.text.clone()))
                .collect();
            details.set_bad_request(listed);
        }
        let mut metadata: HashMap<String, String> = told.fields;
        if !reference.is_empty() {
            metadata.insert("reference".to_owned(), reference.to_owned());
        }
        metadata.insert("retry_is_safe".to_owned(), told.retry_is_safe.to_string());
        metadata.insert("cash".to_owned(), told.cash);
        details.set_error_info(told.code, ERROR_DOMAIN, metadata);
        Status::with_error_details(code, told.message, details)
    }

    /// The same as a part of an answer.
    #[must_use]
    pub fn refusal(&self) -> pb::Refusal {
        match self {
            Self::Malformed(violations) => {
                let line = violations
                    .first()
                    .map_or(Malformed::FieldMalformed, |v| v.code)
                    .line();
                told(line, violations_text(violations))
            }
            Self::Refused(rejection) => refusal_of(rejection),
            Self::StaysInSuspense(rejection) => staying(rejection),
            Self::Operational(which, text) => told(which.line(), text.clone()),
            Self::Person(which, text, values) => {
                let fields = values.iter();
                let fields = fields.map(|(name, value)| ((*name).to_owned(), value.clone()));
                pb::Refusal {
                    fields: fields.collect(),
                    ..told(which.line(), text.clone())
                }
            }
            Self::Bug(text) => {
                tracing::error!(fault = %text, "the ledger has a fault");
                told(BUG, BUG.meaning.to_owned())
            }
        }
    }
}

impl From<ServiceError> for No {
    fn from(error: ServiceError) -> Self {
        let text = error.to_string();
        match error {
            ServiceError::Busy => Self::Operational(Operational::QueueFull, text),
            ServiceError::Conflict => Self::Operational(Operational::Contended, text),
            ServiceError::Unavailable(_) => Self::Operational(Operational::Unavailable, text),
            ServiceError::Stopped(_) => Self::Operational(Operational::Stopped, text),
            ServiceError::Damaged(_) => Self::Operational(Operational::Damaged, text),
            ServiceError::Invalid(_) => Self::field("request", Malformed::FieldOutOfRange, text),
        }
    }
}

impl From<ReadModelError> for No {
    fn from(error: ReadModelError) -> Self {
        use ReadModelError as E;
        let text = error.to_string();
        match error {
            E::BadQuery { field, reason } => Self::field(field, Malformed::FieldOutOfRange, reason),
            E::Busy { .. } => Self::Operational(Operational::TooManyCalls, text),
            E::DeadlineExceeded { .. } => Self::Operational(Operational::ReadModelBehind, text),
            E::Store(error) => Self::from(error),
            E::Stopped(_)
            | E::OtherStore { .. }
            | E::OtherEpoch { .. }
            | E::BeyondTail { .. }
            | E::OtherSchema { .. }
            | E::Differs { .. }
            | E::InUse
            | E::Database { .. }
            | E::File { .. }
            | E::Closed => {
                tracing::error!(code = error.code(), error = %text, "the read models cannot answer");
                Self::Operational(Operational::ReadModelDown, text)
            }
        }
    }
}

impl From<ReadError> for No {
    fn from(error: ReadError) -> Self {
        let text = error.to_string();
        match error {
            ReadError::Damaged(_) => Self::Operational(Operational::Damaged, text),
            ReadError::Unavailable(_) => Self::Operational(Operational::Unavailable, text),
        }
    }
}

fn told(line: Line, message: String) -> pb::Refusal {
    pb::Refusal {
        code: line.code.to_owned(),
        message,
        fields: HashMap::new(),
        cash: line.cash.to_owned(),
        retry_is_safe: line.retry_is_safe,
    }
}

fn violations_text(violations: &[Violation]) -> String {
    let parts: Vec<String> = violations
        .iter()
        .take(VIOLATIONS_MAX)
        .map(|v| format!("{}: {}", v.field, v.text))
        .collect();
    parts.join("; ")
}

/// gRPC status of a business refusal.
#[must_use]
pub fn status_of(rejection: &Rejection) -> Code {
    if matches!(rejection, Rejection::KeyConflict) {
        Code::AlreadyExists
    } else if matches!(rejection, Rejection::Desk(DeskRefusal::WrongOfficer { .. })) {
        Code::PermissionDenied
    } else {
        Code::FailedPrecondition
    }
}

/// A business refusal as a part of an answer.
#[must_use]
pub fn refusal_of(rejection: &Rejection) -> pb::Refusal {
    let Entry {
        code,
        retry_is_safe,
        cash,
        ..
    } = rejection.entry();
    pb::Refusal {
        code: code.to_owned(),
        message: rejection.to_string(),
        fields: fields_of(rejection),
        cash: cash.instruction().to_owned(),
        retry_is_safe,
    }
}

/// The refusal that sent money to suspense: its cash is not to be handed back, or it would be paid twice.
#[must_use]
pub fn suspended_by(rejection: &Rejection) -> pb::Refusal {
    pb::Refusal {
        cash: IN_SUSPENSE.to_owned(),
        ..refusal_of(rejection)
    }
}

/// The refusal of an allocation: the cash was taken long ago and must not be handed back beside it.
fn staying(rejection: &Rejection) -> pb::Refusal {
    let refusal = refusal_of(rejection);
    let cash = match rejection.entry().cash {
        CashInHand::HandBack | CashInHand::SendAsTaken => STAYS_IN_SUSPENSE.to_owned(),
        CashInHand::Nothing | CashInHand::AskFirst => refusal.cash,
    };
    pb::Refusal { cash, ..refusal }
}

/// The values of a refusal by name. Its stored form is what names them; a field called `reference` names
/// another command than the refused one and is called `named_reference`.
fn fields_of(rejection: &Rejection) -> HashMap<String, String> {
    let Ok(serde_json::Value::Object(stored)) = serde_json::to_value(rejection) else {
        return HashMap::new();
    };
    let fields = stored.into_iter().filter(|(name, _)| name != "code");
    fields
        .map(|(name, value)| {
            let name = if name == "reference" {
                "named_reference".to_owned()
            } else {
                name
            };
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name, text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::num::Money;

    #[test]
    fn a_refusal_names_its_code_its_values_and_what_to_do_with_the_cash() {
        let rejection = Rejection::TopUpBelowMinimum {
            minimum: Money::parse("2").unwrap(),
        };
        let status = No::Refused(rejection).status("till-7");
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), "a top-up is at least 2");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            ("TOP_UP_BELOW_MINIMUM", ERROR_DOMAIN)
        );
        assert_eq!(info.metadata["minimum"], "2");
        assert_eq!(info.metadata["reference"], "till-7");
        assert_eq!(info.metadata["retry_is_safe"], "true");
        assert_eq!(info.metadata["cash"], "hand the cash back");
    }

    #[test]
    fn c4_a_key_conflict_is_already_exists_and_not_to_be_retried() {
        let status = No::Refused(Rejection::KeyConflict).status("till-7");
        assert_eq!(status.code(), Code::AlreadyExists);
        let details = status.get_error_details();
        assert_eq!(
            details.error_info().unwrap().metadata["retry_is_safe"],
            "false"
        );
    }

    #[test]
    fn a_malformed_call_lists_every_field_that_is_wrong() {
        let violation = |field: &str, code| Violation {
            field: field.to_owned(),
            code,
            text: "why".to_owned(),
        };
        let no = No::Malformed(vec![
            violation("amount", Malformed::FieldMalformed),
            violation("meter", Malformed::FieldMissing),
        ]);
        let status = no.status("");
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let fields: Vec<&str> = details
            .bad_request()
            .unwrap()
            .field_violations
            .iter()
            .map(|v| v.field.as_str())
            .collect();
        assert_eq!(fields, ["amount", "meter"]);
        assert_eq!(details.error_info().unwrap().reason, "FIELD_MALFORMED");
        assert!(
            !details
                .error_info()
                .unwrap()
                .metadata
                .contains_key("reference")
        );
    }

    #[test]
    fn a_bug_tells_the_caller_nothing_of_its_cause() {
        let status = No::Bug("index 7 of 3".to_owned()).status("r");
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("index 7"));
    }
}
