//! What the adapter counts, for operators who ask how the way to the server is. Absent on purpose: times, which
//! whoever calls measures better.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Counts since the store was connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commits written.
    pub appends: u64,
    /// Commits refused since a stream stood elsewhere.
    pub conflicts: u64,
    /// Commits whose outcome is not known.
    pub in_doubt: u64,
    /// Commits that were not sent, or refused for another reason.
    pub refused: u64,
    /// Commits sent again, because the server said it did not take them or they never left.
    pub resends: u64,
    /// Commits handed over and not answered, now.
    pub in_flight: u64,
    /// Reads answered.
    pub reads: u64,
    /// Reads asked again within one read.
    pub read_retries: u64,
    /// Connections opened.
    pub connects: u64,
    /// Connections given up, since they broke or another node leads.
    pub disconnects: u64,
    /// Attempts to connect that failed.
    pub connect_failures: u64,
    /// Subscriptions opened again after they broke.
    pub resubscriptions: u64,
    /// Events of streams that cannot be the ledger's, left out of what is read of the whole store. The ledger's
    /// own identity is left out too and not counted.
    pub foreign_events: u64,
    /// The newest trouble.
    pub last_error: Option<String>,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) appends: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) in_doubt: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) resends: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) read_retries: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) disconnects: AtomicU64,
    pub(crate) connect_failures: AtomicU64,
    pub(crate) resubscriptions: AtomicU64,
    pub(crate) foreign_events: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counters {
    pub(crate) fn error(&self, text: &str) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
    }

    pub(crate) fn snapshot(&self, in_flight: u64) -> Stats {
        Stats {
            appends: self.appends.load(Relaxed),
            conflicts: self.conflicts.load(Relaxed),
            in_doubt: self.in_doubt.load(Relaxed),
            refused: self.refused.load(Relaxed),
            resends: self.resends.load(Relaxed),
            in_flight,
            reads: self.reads.load(Relaxed),
            read_retries: self.read_retries.load(Relaxed),
            connects: self.connects.load(Relaxed),
            disconnects: self.disconnects.load(Relaxed),
            connect_failures: self.connect_failures.load(Relaxed),
            resubscriptions: self.resubscriptions.load(Relaxed),
            foreign_events: self.foreign_events.load(Relaxed),
            last_error: self
                .last_error
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
