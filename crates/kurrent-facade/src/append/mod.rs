//! Appends: both ways to ask for one, and the desk all of them pass.
//!
//! `request` turns messages into events and judges their sizes; `single` and `batch` are the two calls; the
//! [`Desk`] hands whatever has arrived to the store as one group, remembers ids it has seen (`recent`), and
//! tells a repeated append from a conflict.

mod batch;
mod desk;
mod recent;
mod request;
mod single;

use event_store::{Expected, Position};

pub(crate) use batch::{BatchAnswers, batch_append};
pub(crate) use desk::Desk;
pub(crate) use request::Refusal;
pub(crate) use single::append;

/// Where a client wants a stream to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The newest event has this revision.
    Revision(u64),
    /// There is no event.
    NoStream,
    /// Anything.
    Any,
    /// There is an event.
    StreamExists,
}

impl Wanted {
    /// The revision that is asked for, `None` in it for no stream; `None` when none is.
    fn strict(self) -> Option<Option<u64>> {
        match self {
            Self::Revision(revision) => Some(Some(revision)),
            Self::NoStream => Some(None),
            Self::Any | Self::StreamExists => None,
        }
    }

    fn expected(self) -> Expected {
        match self {
            Self::Revision(revision) => Expected::Exact(revision),
            Self::NoStream => Expected::NoStream,
            Self::Any | Self::StreamExists => Expected::Any,
        }
    }
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Written, now or before.
    Written {
        /// Revision of its last event; `None` when nothing was asked to be written and there is no stream.
        revision: Option<u64>,
        /// Position of its last event; `None` when nothing was asked to be written.
        position: Option<Position>,
    },
    /// The stream stands elsewhere.
    WrongVersion {
        /// Its newest revision.
        actual: Option<u64>,
    },
    /// Not known.
    TimedOut,
    /// The store cannot hold it.
    Invalid(String),
    /// Nothing was written: the store takes nothing or cannot be read.
    NotReady(String),
}
