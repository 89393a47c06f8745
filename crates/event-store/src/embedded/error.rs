//! What can go wrong when a log is opened or read: each error says what, where, and what to do.

use std::io;

use crate::port::ReadError;

/// Why a log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error(
        "{dir}: the store is open in another process ({holder}); one process at a time may have it: stop that one first"
    )]
    Locked {
        /// The directory.
        dir: String,
        /// Who has it, as far as known.
        holder: String,
    },
    /// The directory holds something else.
    #[error("{dir}: holds {found:?} but no store; give an empty directory or that of a store")]
    Foreign {
        /// The directory.
        dir: String,
        /// One of the names found there.
        found: String,
    },
    /// The store was written by a newer program.
    #[error(
        "{dir}: {file} has format {version}, this program reads format {known}; use the newer program, or a backup from before it"
    )]
    Newer {
        /// The directory.
        dir: String,
        /// Which file.
        file: String,
        /// Its format.
        version: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// Stored bytes are not what was written.
    #[error("{dir}: {damage}")]
    Damaged {
        /// The directory.
        dir: String,
        /// Where and what.
        damage: Damage,
    },
    /// Someone has seen events that the log does not have.
    #[error(
        "{dir}: {witness} has seen position {seen}, but the log ends at {end}: acknowledged events are missing. \
         Restore the newest backup that has them, or open this older state on purpose, which begins a new epoch"
    )]
    WitnessBeyond {
        /// The directory.
        dir: String,
        /// Who has seen it.
        witness: String,
        /// What it has seen.
        seen: u64,
        /// Newest position of the log, or `nothing`.
        end: String,
    },
    /// A setting out of range.
    #[error("setting {name} is {value}, it must be {must}")]
    BadSetting {
        /// Which one.
        name: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        must: &'static str,
    },
    /// The disk refused.
    #[error("{dir}: {doing}: {source}")]
    Io {
        /// The directory.
        dir: String,
        /// What was being done.
        doing: String,
        /// What the disk said.
        source: io::Error,
    },
}

/// Bytes that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} is damaged at byte {offset}: {what}. {remedy}")]
pub struct Damage {
    /// Which file.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

/// What to do about a damaged segment.
pub(crate) const REMEDY_SEGMENT: &str = "Nothing was changed. Copy the directory aside, then restore this file, or the whole store, from a backup";
/// What to do about a damaged index.
pub(crate) const REMEDY_INDEX: &str =
    "Stop the store, remove this file and open the store again: it is built anew";

/// Errors inside the log, before it is known whom to tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("{0}")]
    Damage(#[from] Damage),
    #[error("{file} has format {version}")]
    Newer { file: String, version: u32 },
    #[error("{doing}: {source}")]
    Io { doing: String, source: io::Error },
}

impl LogError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    pub(crate) fn segment(file: &str, offset: u64, what: impl Into<String>) -> Self {
        Self::Damage(Damage {
            file: file.to_owned(),
            offset,
            what: what.into(),
            remedy: REMEDY_SEGMENT,
        })
    }

    pub(crate) fn index(file: &str, offset: u64, what: impl Into<String>) -> Self {
        Self::Damage(Damage {
            file: file.to_owned(),
            offset,
            what: what.into(),
            remedy: REMEDY_INDEX,
        })
    }

    /// Whether the disk had no room.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => {
                matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                )
            }
            Self::Damage(_) | Self::Newer { .. } => false,
        }
    }

    pub(crate) fn into_open(self, dir: &str, known: u32) -> OpenError {
        let dir = dir.to_owned();
        match self {
            Self::Damage(damage) => OpenError::Damaged { dir, damage },
            Self::Newer { file, version } => OpenError::Newer {
                dir,
                file,
                version,
                known,
            },
            Self::Io { doing, source } => OpenError::Io { dir, doing, source },
        }
    }
}

impl From<LogError> for ReadError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Damage(damage) => Self::Damaged(damage.to_string()),
            LogError::Newer { .. } => Self::Damaged(error.to_string()),
            LogError::Io { ref source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Damaged(format!(
                    "{error}: the file ends too early; restore it from a backup"
                ))
            }
            LogError::Io { .. } => Self::Unavailable(error.to_string()),
        }
    }
}
