//! What a person's record says no with: codes of their own, so that an erased person is told from an unknown
//! one. No text here ever holds personal data.

use ledger_core::rejection::Rejection;
use persons::{PersonsError, Problem};
use tonic::Code;

use crate::errors::{Line, Malformed, NO_CASH, No, Operational, Violation};
use crate::pb;

/// Why a person's record cannot be shown or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonNo {
    /// The person was erased.
    Erased,
    /// The record was changed since the caller read it.
    Changed,
    /// This server keeps no persons.
    NotKept,
    /// The record cannot be opened.
    Unreadable,
    /// The records cannot be reached now.
    Unavailable,
}

impl PersonNo {
    /// All of them, in the order of the catalogue.
    pub const ALL: [Self; 5] = [
        Self::Erased,
        Self::Changed,
        Self::NotKept,
        Self::Unreadable,
        Self::Unavailable,
    ];

    /// Which kind of no it is.
    #[must_use]
    pub const fn kind(self) -> pb::ErrorKind {
        match self {
            Self::Erased | Self::Changed => pb::ErrorKind::Refusal,
            Self::NotKept | Self::Unreadable | Self::Unavailable => pb::ErrorKind::Operational,
        }
    }

    /// Its line of the catalogue.
    #[must_use]
    pub const fn line(self) -> Line {
        let (code, status, meaning) = match self {
            Self::Erased => (
                "PERSON_ERASED",
                Code::FailedPrecondition,
                "The person was erased; nothing of the data is left.",
            ),
            Self::Changed => (
                "PERSON_CHANGED",
                Code::Aborted,
                "The person's record was changed since it was shown; show it and decide again.",
            ),
            Self::NotKept => (
                "PERSONS_NOT_KEPT",
                Code::FailedPrecondition,
                "This server keeps no persons' records: no master key is configured.",
            ),
            Self::Unreadable => (
                "PERSON_UNREADABLE",
                Code::DataLoss,
                "The person's record cannot be opened: its key is missing, or what is stored was damaged.",
            ),
            Self::Unavailable => (
                "PERSONS_UNAVAILABLE",
                Code::Unavailable,
                "The persons' records cannot be reached now.",
            ),
        };
        Line {
            code,
            status,
            meaning,
            retry_is_safe: true,
            cash: NO_CASH,
        }
    }
}

fn violation(problem: Problem) -> Violation {
    Violation {
        field: problem.field,
        code: if problem.is_missing {
            Malformed::FieldMissing
        } else {
            Malformed::FieldMalformed
        },
        text: problem.rule,
    }
}

impl From<PersonsError> for No {
    fn from(error: PersonsError) -> Self {
        use PersonsError as E;
        let text = error.to_string();
        match error {
            E::Invalid(problems) => Self::Malformed(problems.into_iter().map(violation).collect()),
            E::Unknown(_) => Self::Operational(Operational::NotFound, text),
            E::Erased { person, at, reason } => {
                let values = vec![
                    ("person", person.to_string()),
                    ("erased_at", at.to_string()),
                    ("reason", reason.as_str().to_owned()),
                ];
                Self::Person(PersonNo::Erased, text, values)
            }
            E::Changed { person, revision } => {
                let values = vec![
                    ("person", person.to_string()),
                    ("revision", revision.to_string()),
                ];
                Self::Person(PersonNo::Changed, text, values)
            }
            E::KeyConflict => Self::Refused(Rejection::KeyConflict),
            E::KeyMissing(_) | E::Damaged { .. } => {
                tracing::error!(error = %text, "a person's record cannot be opened");
                Self::Person(PersonNo::Unreadable, text, Vec::new())
            }
            E::Database(_) | E::File { .. } | E::NoRandom(_) => {
                tracing::error!(error = %text, "the persons' records cannot be reached");
                Self::Person(PersonNo::Unavailable, text, Vec::new())
            }
            E::InUse(_)
            | E::WrongMasterKey { .. }
            | E::BadMasterKeys { .. }
            | E::HalfThere { .. }
            | E::Mismatch(_)
            | E::Newer { .. } => Self::Bug(text),
        }
    }
}
