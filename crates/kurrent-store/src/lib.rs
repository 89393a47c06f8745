//! The ledger's event store on KurrentDB: the port of `event-store` over its gRPC protocol.
//!
//! [`KurrentStore::connect`] takes the connection string that the official clients take. Appends go over one
//! `BatchAppend` call with many requests in flight; reads are pages; subscriptions survive the server. It is
//! a client of its own on the stubs of `kurrent-wire` (ADR 0013 says why).
//!
//! Absent on purpose: commits over several streams, reads from other nodes than the leader, system
//! projections, persistent subscriptions, link events, deletes.

mod answer;
mod appender;
mod call;
mod follow;
mod identity;
mod link;
pub mod options;
mod read;
mod session;
pub mod settings;
mod stats;
mod store;
mod tls;
mod trouble;
mod wire;

use std::time::Duration;

pub use options::Options;
pub use settings::{Settings, SettingsError};
pub use stats::Stats;
pub use store::KurrentStore;

use crate::trouble::Trouble;
use crate::wire::IDENTITY_STREAM;

/// Why a store could not be connected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The connection string cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// No server answered as it should.
    #[error("no event store can be reached: {0}")]
    Unreachable(String),
    /// The server answered and said no.
    #[error("{0}")]
    Denied(String),
    /// Nothing was ever written there, and nothing was to be begun.
    #[error(
        "the server holds no ledger: stream {IDENTITY_STREAM} has no event; check the connection string, or \
         begin a ledger there first"
    )]
    NoLedger,
    /// The server does not hold a ledger's store.
    #[error("the server's store cannot be identified: {0}")]
    Identity(String),
}

impl ConnectError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// With the time that was waited, where waiting was what was done.
    fn after(self, wait: Duration) -> Self {
        match self {
            Self::Unreachable(why) => {
                let ms = wait.as_millis();
                Self::Unreachable(format!(
                    "{why} (waited {ms} ms; check that the server runs, and host, port and tls of the \
                     connection string)"
                ))
            }
            other @ (Self::Settings(_) | Self::Denied(_) | Self::NoLedger | Self::Identity(_)) => {
                other
            }
        }
    }
}

impl From<Trouble> for ConnectError {
    fn from(trouble: Trouble) -> Self {
        match &trouble {
            Trouble::Denied(_) => Self::Denied(trouble.text()),
            Trouble::Deleted(_) | Trouble::Broken(_) => Self::Identity(trouble.text()),
            Trouble::NotLeader(_)
            | Trouble::Refused(_)
            | Trouble::Passing { .. }
            | Trouble::Closed => Self::Unreachable(trouble.text()),
        }
    }
}
