//! Snapshots in memory: for tests and for short-lived processes. Lost with the process, which is allowed.

use std::sync::{Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use rustc_hash::FxHashMap;

use super::{Snapshot, SnapshotStore};
use crate::port::StreamName;

/// Keeps the newest snapshot of each stream in a map.
#[derive(Debug, Default)]
pub struct MemorySnapshots {
    newest: Mutex<FxHashMap<StreamName, Snapshot>>,
}

impl MemorySnapshots {
    /// How many streams have a snapshot.
    #[must_use]
    pub fn len(&self) -> usize {
        self.newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl SnapshotStore for MemorySnapshots {
    fn load(&self, stream: &StreamName) -> BoxFuture<'static, Option<Snapshot>> {
        let found = self
            .newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(stream)
            .cloned();
        ready(found).boxed()
    }

    fn save(&self, snapshot: Snapshot) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.insert(snapshot.at.stream.clone(), snapshot);
    }

    fn flush(&self) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}
