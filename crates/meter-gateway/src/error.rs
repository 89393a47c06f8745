//! What stops the gateway, and what only makes it wait.
//!
//! A missing NATS server, a busy ledger and a lost answer are waited out and retried where they happen
//! and appear in the status alone. A [`GatewayError`] that leaves the gateway needs a person. Absent on
//! purpose: refusals of readings, which are outcomes and go to the dead letters.

use event_store::{Position, ReadError};
use ledger_core::event::DecodeError;
use ledger_service::ServiceError;

/// Why the gateway stopped, or a request to it failed.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// NATS or JetStream failed at something; repeated by the gateway, reported by the CLI.
    #[error("NATS, while {doing}: {source}")]
    Nats {
        /// What was being done.
        doing: String,
        /// The client's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The URL or the file of credentials cannot be used.
    #[error("the NATS connection {url:?} cannot be made: {reason}")]
    Connection {
        /// As configured.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A name in the configuration cannot be used.
    #[error("partition {0:?} is not 1 to 16 lower-case letters, digits or '-'")]
    BadPartition(String),
    /// Another process owns the consumer.
    #[error(
        "readings of partition {partition:?} are consumed by {owner} already; stop that process, or give this \
         one a partition of its own"
    )]
    OwnedByAnother {
        /// Which partition.
        partition: String,
        /// Who owns it.
        owner: String,
    },
    /// Another process has recorded deliveries of this gateway.
    #[error(
        "another process has recorded deliveries of gateway {gateway} up to {recorded_up_to}; run one process \
         a partition"
    )]
    RecordedByAnother {
        /// Which gateway.
        gateway: String,
        /// How far.
        recorded_up_to: u64,
    },
    /// Another process publishes into the same output stream.
    #[error(
        "another process ({publisher}) publishes to stream {stream}; run one ledger process with its outbox"
    )]
    PublishedByAnother {
        /// Which stream.
        stream: &'static str,
        /// By which process.
        publisher: String,
    },
    /// An existing stream has settings that cannot work.
    #[error("stream {stream} cannot be used: {reason}")]
    StreamUnfit {
        /// Which stream.
        stream: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The output stream does not say how far it is complete, or for which log.
    #[error(
        "stream {stream} does not continue this log: {reason}. If it should, start once with the position after \
         which to continue (outbox_continue_after)"
    )]
    CheckpointUnusable {
        /// Which stream.
        stream: &'static str,
        /// What was found.
        reason: String,
    },
    /// The output stream is ahead of the log: the log was restored from an older state.
    #[error(
        "stream {stream} is complete up to {published:?}, but the log ends at {tail:?}: the log is older than what \
         was published from it; restore the newer log"
    )]
    LogBehindStream {
        /// Which stream.
        stream: &'static str,
        /// Position of its newest message.
        published: Position,
        /// End of the log.
        tail: Option<Position>,
    },
    /// The ledger takes nothing more.
    #[error("the ledger: {0}")]
    Ledger(#[from] ServiceError),
    /// The log cannot be read.
    #[error("the log: {0}")]
    Log(#[from] ReadError),
    /// An event of the log is not understood.
    #[error("the log: {0}")]
    Event(#[from] DecodeError),
    /// An event of the log lacks what every event has.
    #[error("event {id} at {position:?}: {reason}")]
    OddEvent {
        /// Its id.
        id: uuid::Uuid,
        /// Its position.
        position: Position,
        /// What is missing.
        reason: String,
    },
    /// A dead letter that cannot be replayed.
    #[error("dead letter {sequence} cannot be replayed: {reason}")]
    NotReplayable {
        /// Its sequence.
        sequence: u64,
        /// Why not.
        reason: String,
    },
    /// A task of the gateway ended without a reason: a fault of this program.
    #[error("a task of the gateway stopped unexpectedly: {0}")]
    TaskEnded(String),
}

impl GatewayError {
    /// A failure of NATS at something.
    pub(crate) fn nats(
        doing: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Nats {
            doing: doing.into(),
            source: source.into(),
        }
    }

    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nats { .. } => "NATS_FAILED",
            Self::Connection { .. } => "NATS_CONNECTION",
            Self::BadPartition(_) => "BAD_PARTITION",
            Self::OwnedByAnother { .. } => "READINGS_OWNED_BY_ANOTHER",
            Self::RecordedByAnother { .. } => "READINGS_RECORDED_BY_ANOTHER",
            Self::PublishedByAnother { .. } => "OUTBOX_OWNED_BY_ANOTHER",
            Self::StreamUnfit { .. } => "STREAM_UNFIT",
            Self::CheckpointUnusable { .. } => "OUTBOX_CHECKPOINT_UNUSABLE",
            Self::LogBehindStream { .. } => "LOG_BEHIND_OUTBOX",
            Self::Ledger(_) => "LEDGER",
            Self::Log(_) => "LOG",
            Self::Event(_) | Self::OddEvent { .. } => "EVENT_NOT_UNDERSTOOD",
            Self::NotReplayable { .. } => "NOT_REPLAYABLE",
            Self::TaskEnded(_) => "TASK_ENDED",
        }
    }

    /// Whether waiting may cure it, so that the gateway goes on by itself.
    pub(crate) const fn passes(&self) -> bool {
        match self {
            Self::Nats { .. } | Self::Log(ReadError::Unavailable(_)) => true,
            Self::Ledger(error) => passes(error),
            Self::Connection { .. }
            | Self::BadPartition(_)
            | Self::OwnedByAnother { .. }
            | Self::RecordedByAnother { .. }
            | Self::PublishedByAnother { .. }
            | Self::StreamUnfit { .. }
            | Self::CheckpointUnusable { .. }
            | Self::LogBehindStream { .. }
            | Self::Log(ReadError::Damaged(_))
            | Self::Event(_)
            | Self::OddEvent { .. }
            | Self::NotReplayable { .. }
            | Self::TaskEnded(_) => false,
        }
    }
}

/// Whether the identical request may be sent again in this process.
pub(crate) const fn passes(error: &ServiceError) -> bool {
    match error {
        ServiceError::Busy | ServiceError::Conflict | ServiceError::Unavailable(_) => true,
        ServiceError::Stopped(_) | ServiceError::Damaged(_) | ServiceError::Invalid(_) => false,
    }
}
