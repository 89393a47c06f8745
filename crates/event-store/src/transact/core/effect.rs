//! What goes into the core and what comes out, as data.
//!
//! Absent on purpose: anything that carries it out.

use crate::port::{
    AppendError, Commit, Committed, Direction, ReadError, RecordedEvent, StreamName,
};
use crate::snapshot::Snapshot;
use crate::transact::answer::{AccountState, Answered, Failure};
use crate::transact::domain::Domain;

/// What is asked of an account.
pub enum Work<D: Domain> {
    /// Decide a command.
    Command(D::Command),
    /// Tell the durable state.
    State,
}

/// What a driver does for the core. Each is answered once, by [`Core::complete`](super::Core::complete).
#[derive(Debug, Clone)]
pub enum Request {
    /// Load the newest snapshot of a stream.
    LoadSnapshot(StreamName),
    /// Read events of a stream.
    ReadStream {
        /// Which stream.
        stream: StreamName,
        /// From this revision, inclusive; `u64::MAX` backwards means the newest.
        from: u64,
        /// Which way.
        direction: Direction,
        /// At most so many.
        max: usize,
    },
    /// Newest revision of a stream.
    Head(StreamName),
    /// Append, in one call.
    Append(Vec<Commit>),
    /// Wait.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
}

impl Request {
    pub(super) const fn is_read(&self) -> bool {
        match self {
            Self::LoadSnapshot(_) | Self::ReadStream { .. } | Self::Head(_) => true,
            Self::Append(_) | Self::Delay { .. } => false,
        }
    }
}

/// What came of a [`Request`].
#[derive(Debug)]
pub enum Outcome {
    /// Of [`Request::LoadSnapshot`].
    Snapshot(Option<Snapshot>),
    /// Of [`Request::ReadStream`].
    Events(Result<Vec<RecordedEvent>, ReadError>),
    /// Of [`Request::Head`].
    Head(Result<Option<u64>, ReadError>),
    /// Of [`Request::Append`], one answer a commit.
    Appended(Vec<Result<Committed, AppendError>>),
    /// Of [`Request::Delay`].
    Elapsed,
}

/// What the driver has to carry out, in order.
pub enum Effect<D: Domain> {
    /// Start this and give its outcome to [`Core::complete`](super::Core::complete) under the same number.
    Io {
        /// Number of the operation.
        op: u64,
        /// What to do.
        request: Request,
    },
    /// Answer a command.
    Answer {
        /// As submitted.
        ticket: u64,
        /// The answer.
        result: Result<Answered<D::Answer>, Failure>,
    },
    /// Answer a request for a state.
    State {
        /// As submitted.
        ticket: u64,
        /// The state.
        result: Result<AccountState<D::State>, Failure>,
    },
    /// Keep a snapshot, in the background.
    Save(Box<Snapshot>),
}
