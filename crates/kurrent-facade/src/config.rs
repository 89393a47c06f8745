//! How to serve, and what bounds it.

use std::net::SocketAddr;
use std::time::Duration;

use event_store::{COMMIT_BYTES_MAX, EVENT_BYTES_MAX};

use crate::faults::Faults;
use crate::tls::Identity;

/// Whether clients may append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Appends {
    /// Every append is refused: the history is written by the ledger only.
    #[default]
    Refused,
    /// Appends are taken. Only on a loopback address: for tests and trials on one machine.
    Allowed,
}

/// Where clients reach the server, when that is not where they reached it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// Name or address of the host; an IPv6 address with or without its brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What bounds the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; more wait in the system's queue. Analysts hold one or two each.
    pub connections_max: usize,
    /// Calls under way on one connection; the client's library holds back more by itself.
    pub calls_per_connection_max: u32,
    /// Subscriptions under way at once; more are answered `RESOURCE_EXHAUSTED`. Each holds a page while it
    /// catches up.
    pub subscriptions_max: usize,
    /// Reads by count under way at once; more are answered `RESOURCE_EXHAUSTED`. Each holds a page.
    pub reads_max: usize,
    /// Largest append, bytes of payload, metadata and twice the kinds; never above the store's own limit.
    pub append_bytes_max: usize,
    /// Largest event, bytes of payload and metadata; never above the store's own limit.
    pub event_bytes_max: usize,
}

impl Advertised {
    /// As the protocol says it: an IPv6 address without brackets, which clients add themselves.
    pub(crate) fn plain(mut self) -> Self {
        let inner = self.host.strip_prefix('[');
        if let Some(inner) = inner.and_then(|rest| rest.strip_suffix(']')) {
            self.host = inner.to_owned();
        }
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            calls_per_connection_max: 1_024,
            subscriptions_max: 1_024,
            reads_max: 256,
            append_bytes_max: COMMIT_BYTES_MAX,
            event_bytes_max: EVENT_BYTES_MAX,
        }
    }
}

/// Longest wait for the store's answer to an append unless told; clients wait ten seconds themselves.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// What gossip says; `None` for the address a client reached the server on.
    pub advertised: Option<Advertised>,
    /// Whether clients may append.
    pub appends: Appends,
    /// What bounds it.
    pub limits: Limits,
    /// Longest wait for the store's answer to an append; it is then answered as timed out, which says
    /// neither yes nor no.
    pub write_timeout: Duration,
    /// Secures connections; `None` where a proxy does, or on one machine.
    pub tls: Option<Identity>,
    /// Positions that belong to no event are refused, for tests of clients: one that only hands back what it was
    /// given never sends any. Otherwise a read begins at the next event.
    pub strict_positions: bool,
    /// What goes wrong on demand; nothing by default. Keep a clone to change it while serving.
    pub faults: Faults,
}

impl Config {
    /// A read-only server on an address, with the usual limits.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            advertised: None,
            appends: Appends::Refused,
            limits: Limits::default(),
            write_timeout: WRITE_TIMEOUT,
            tls: None,
            strict_positions: false,
            faults: Faults::none(),
        }
    }

    /// With appends taken.
    #[must_use]
    pub fn allow_appends(mut self) -> Self {
        self.appends = Appends::Allowed;
        self
    }

    /// With faults that the caller keeps a clone of.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }
}
