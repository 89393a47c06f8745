//! Why something could not be done with a person's record. No text here ever holds personal data.

use std::path::PathBuf;

use ledger_core::ids::OpaqueRef;
use ledger_core::time::Timestamp;

use crate::answers::ErasureReason;
use crate::form::Problem;
use crate::master::MasterId;

/// A no of the store.
#[derive(Debug, thiserror::Error)]
pub enum PersonsError {
    /// What was given is not well formed; every field that is wrong.
    #[error("{}", crate::form::problems_text(.0))]
    Invalid(Vec<Problem>),
    /// No person has this reference.
    #[error("there is no person {0}")]
    Unknown(OpaqueRef),
    /// The person was erased: there is nothing left to show or change.
    #[error("person {person} was erased at {at} ({}); nothing of the data is left", reason.as_str())]
    Erased {
        /// Who.
        person: OpaqueRef,
        /// When, UTC.
        at: Timestamp,
        /// Why.
        reason: ErasureReason,
    },
    /// The record was changed since the caller read it.
    #[error(
        "person {person} was changed meanwhile and is at revision {revision}; show it and decide again"
    )]
    Changed {
        /// Who.
        person: OpaqueRef,
        /// The newest revision.
        revision: u64,
    },
    /// The sender's reference was used for other content.
    #[error(
        "the reference was used for another person's data already; a new command needs a new reference"
    )]
    KeyConflict,
    /// Another process has the records open.
    #[error("{path} is in use by another process", path = .0.display())]
    InUse(PathBuf),
    /// The master keys given do not open this store.
    #[error(
        "none of the master keys given is {needed}, under which these persons' keys are sealed"
    )]
    WrongMasterKey {
        /// The one that is needed.
        needed: MasterId,
    },
    /// A master key, or the file of them, cannot be used.
    #[error("{what}")]
    BadMasterKeys {
        /// What is wrong and what would be right; never the key.
        what: String,
    },
    /// One of the two files is missing while the other is there.
    #[error("{missing} is missing although {there} exists; restore its newest copy", missing = missing.display(), there = there.display())]
    HalfThere {
        /// The one that is missing.
        missing: PathBuf,
        /// The one that is there.
        there: PathBuf,
    },
    /// The two files are not of one store.
    #[error("the records and the keys in {folder} do not belong together; restore both from the same ledger", folder = .0.display())]
    Mismatch(PathBuf),
    /// A newer version wrote it.
    #[error("the persons' records have format {found}, this program knows up to {known}")]
    Newer {
        /// Format found.
        found: u32,
        /// Newest one known.
        known: u32,
    },
    /// The record is there, its data key is not: the file of keys is older than the records.
    #[error("the data key of person {0} is missing; restore the newest copy of the persons' keys")]
    KeyMissing(OpaqueRef),
    /// Stored bytes are not what was written.
    #[error("what is stored of {what} was changed or damaged")]
    Damaged {
        /// Of what.
        what: String,
    },
    /// The database refused.
    #[error("the persons' database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A file refused.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    NoRandom(String),
}

impl PersonsError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "PERSON_MALFORMED",
            Self::Unknown(_) => "PERSON_UNKNOWN",
            Self::Erased { .. } => "PERSON_ERASED",
            Self::Changed { .. } => "PERSON_CHANGED",
            Self::KeyConflict => "KEY_CONFLICT",
            Self::InUse(_) => "PERSONS_IN_USE",
            Self::WrongMasterKey { .. } => "PERSONS_OTHER_MASTER_KEY",
            Self::BadMasterKeys { .. } => "PERSONS_MASTER_KEY",
            Self::HalfThere { .. } => "PERSONS_FILE_MISSING",
            Self::Mismatch(_) => "PERSONS_FILES_DIFFER",
            Self::Newer { .. } => "PERSONS_NEWER",
            Self::KeyMissing(_) => "PERSON_KEY_MISSING",
            Self::Damaged { .. } => "PERSONS_DAMAGED",
            Self::Database(_) => "PERSONS_DATABASE",
            Self::File { .. } => "PERSONS_FILE",
            Self::NoRandom(_) => "NO_RANDOM",
        }
    }
}
