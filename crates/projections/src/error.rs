//! What can go wrong with read models, each with a stable code and what to do about it.

use event_store::{Position, ReadError};

/// Why a projection stopped: an event it could not understand or fold. Nothing is ever skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the read models stopped at position {}/{} on {kind}: {reason}", position.commit, position.prepare)]
pub struct Stopped {
    /// Position of the event that stopped it.
    pub position: Position,
    /// Its kind as stored; `-` when no single event is to blame.
    pub kind: String,
    /// What was wrong and what to do.
    pub reason: String,
}

/// Anything that keeps a read model from answering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadModelError {
    /// An event stopped the fold.
    #[error(
        "{0}; the log is whole: use the version that wrote it or a newer one, then start again"
    )]
    Stopped(Stopped),
    /// The file was folded from another store.
    #[error(
        "the read model was folded from store {found}, this is store {wanted}: point it at its own log, or rebuild it with `ledger projections rebuild`"
    )]
    OtherStore {
        /// Store named by the checkpoint.
        found: String,
        /// The store at hand.
        wanted: String,
    },
    /// The store was restored from an older state since.
    #[error(
        "the read model was folded in epoch {found} of the store, which is now in epoch {wanted} (it was restored): rebuild it with `ledger projections rebuild`"
    )]
    OtherEpoch {
        /// Epoch of the checkpoint.
        found: u64,
        /// The store's epoch.
        wanted: u64,
    },
    /// The checkpoint lies beyond the end of the log.
    #[error(
        "the read model stands at {}, beyond the end of the log ({}): the log lost events that were durable; restore it, or rebuild the read model with `ledger projections rebuild` once the loss is understood",
        place(*.checkpoint), place(*.tail)
    )]
    BeyondTail {
        /// Where the read model stands.
        checkpoint: Option<Position>,
        /// Where the log ends.
        tail: Option<Position>,
    },
    /// A projection's rows have another shape than this version writes.
    #[error(
        "projection {projection} is stored in schema version {found}, this version writes {wanted}: rebuild with `ledger projections rebuild`"
    )]
    OtherSchema {
        /// Which projection.
        projection: String,
        /// Version in the file, 0 when it is not there.
        found: i64,
        /// Version of this program.
        wanted: i64,
    },
    /// A rebuilt read model is not what is there.
    #[error(
        "at position {}/{} the rebuilt rows of {accounts} accounts differ from those in place ({named}); nothing was switched: keep both files and report this, or remove the old file to take the new",
        position.commit, position.prepare
    )]
    Differs {
        /// Where both were compared.
        position: Position,
        /// How many differ.
        accounts: usize,
        /// The first of them.
        named: String,
    },
    /// Another process moved the checkpoint.
    #[error("another process writes this read model: stop it, or give each process its own file")]
    InUse,
    /// All reading connections are taken.
    #[error("all {readers} reading connections are busy: try again; a retry is safe")]
    Busy {
        /// How many there are.
        readers: usize,
    },
    /// The awaited position was not reached in time.
    #[error(
        "the read model stands at {}, {} was not reached within the deadline: try again; a retry is safe",
        place(*.reached), place(Some(*.wanted))
    )]
    DeadlineExceeded {
        /// What was waited for.
        wanted: Position,
        /// How far it got.
        reached: Option<Position>,
    },
    /// SQLite refused.
    #[error("the read model's database failed while {doing}: {reason}")]
    Database {
        /// What was being done.
        doing: String,
        /// SQLite's words.
        reason: String,
    },
    /// A file could not be moved or removed.
    #[error("{doing}: {reason}")]
    File {
        /// What was being done, with the path.
        doing: String,
        /// The system's words.
        reason: String,
    },
    /// The store could not be read.
    #[error("{0}")]
    Store(#[from] ReadError),
    /// A page or a range is outside what a query takes.
    #[error("{field}: {reason}")]
    BadQuery {
        /// Which argument.
        field: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// It was stopped on purpose.
    #[error("the read models are closed")]
    Closed,
}

impl ReadModelError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stopped(_) => "READ_MODEL_STOPPED",
            Self::OtherStore { .. } => "READ_MODEL_OTHER_STORE",
            Self::OtherEpoch { .. } => "READ_MODEL_OTHER_EPOCH",
            Self::BeyondTail { .. } => "READ_MODEL_BEYOND_TAIL",
            Self::OtherSchema { .. } => "READ_MODEL_REBUILD_NEEDED",
            Self::Differs { .. } => "READ_MODEL_DIFFERS",
            Self::InUse => "READ_MODEL_IN_USE",
            Self::Busy { .. } => "READ_MODEL_BUSY",
            Self::DeadlineExceeded { .. } => "READ_MODEL_BEHIND",
            Self::Database { .. } => "READ_MODEL_DATABASE",
            Self::File { .. } => "READ_MODEL_FILE",
            Self::Store(_) => "READ_MODEL_STORE",
            Self::BadQuery { .. } => "READ_MODEL_BAD_QUERY",
            Self::Closed => "READ_MODEL_CLOSED",
        }
    }

    /// Whether the same call may simply be made again.
    #[must_use]
    pub const fn safe_to_retry(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::DeadlineExceeded { .. }
                | Self::Store(ReadError::Unavailable(_))
        )
    }

    /// An error of SQLite, with what was being done.
    pub(crate) fn sql(doing: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let doing = doing.into();
        move |error| Self::Database {
            doing,
            reason: error.to_string(),
        }
    }
}

fn place(position: Option<Position>) -> String {
    position.map_or_else(
        || "the beginning".to_owned(),
        |p| format!("{}/{}", p.commit, p.prepare),
    )
}

/// Why one event could not be folded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoldError {
    /// It contradicts what came before it in its stream.
    #[error("{0}")]
    Contradiction(String),
    /// A row it needs could not be read.
    #[error("reading a row: {0}")]
    Sql(#[from] rusqlite::Error),
}
