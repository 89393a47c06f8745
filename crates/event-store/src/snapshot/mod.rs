//! Snapshots of accounts: folded states beside the log, which bound how much a cold load must fold.
//!
//! They are a cache and never a source: each names the store, the schema, the revision and the event it
//! stands on, and carries a digest; one that does not fit is ignored and logged. The whole store of
//! snapshots may be deleted at any time. Absent on purpose: any promise of durability.

mod memory;
mod sqlite;

use bytes::Bytes;
use futures::future::BoxFuture;
use uuid::Uuid;

pub use memory::MemorySnapshots;
pub use sqlite::{SnapshotFileError, SqliteSnapshots};

use crate::port::{StoreId, StreamName};

/// Largest state kept as a snapshot, in bytes; a larger one is folded instead.
pub const SNAPSHOT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a snapshot stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotAt {
    /// The store the events are in.
    pub store: StoreId,
    /// [`schema_hash`](crate::transact::Domain::schema_hash) of the code that made it.
    pub schema: [u8; 32],
    /// The account's stream.
    pub stream: StreamName,
    /// Revision of the newest event folded.
    pub revision: u64,
    /// Id of that event: the stream must still have it there.
    pub event: Uuid,
}

/// A folded state and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it stands on.
    pub at: SnapshotAt,
    /// The state as the domain wrote it.
    pub state: Bytes,
    /// BLAKE3 over all of the above.
    pub digest: [u8; 32],
}

impl Snapshot {
    /// Seals a state with its digest.
    #[must_use]
    pub fn seal(at: SnapshotAt, state: Bytes) -> Self {
        let digest = digest(&at, &state);
        Self { at, state, digest }
    }

    /// Whether it is whole and made by this schema for this stream of this store; says what is wrong.
    ///
    /// # Errors
    /// A text naming the first thing that does not fit.
    pub fn check(
        &self,
        store: StoreId,
        schema: &[u8; 32],
        stream: &StreamName,
    ) -> Result<(), &'static str> {
        if self.digest != digest(&self.at, &self.state) {
            return Err("its digest differs: the snapshot file is damaged");
        }
        if self.at.stream != *stream {
            return Err("it belongs to another stream");
        }
        if self.at.store != store {
            return Err("it was made from another store or epoch");
        }
        if self.at.schema != *schema {
            return Err("it was made by another version of the state");
        }
        Ok(())
    }
}

fn digest(at: &SnapshotAt, state: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(at.store.id.as_bytes())
        .update(&at.store.epoch.to_le_bytes())
        .update(&at.schema);
    // The name's length keeps the boundary between name and what follows it.
    hasher
        .update(&(at.stream.as_str().len() as u64).to_le_bytes())
        .update(at.stream.as_str().as_bytes());
    hasher
        .update(&at.revision.to_le_bytes())
        .update(at.event.as_bytes());
    hasher.update(state);
    *hasher.finalize().as_bytes()
}

/// Keeps the newest snapshot of each stream.
pub trait SnapshotStore: Send + Sync + 'static {
    /// The newest snapshot of a stream; `None` also when it cannot be read (which is logged).
    fn load(&self, stream: &StreamName) -> BoxFuture<'static, Option<Snapshot>>;
    /// Keeps a snapshot, in the background; it may be dropped when the writer is behind.
    fn save(&self, snapshot: Snapshot);
    /// Resolves when everything saved before has been written or dropped.
    fn flush(&self) -> BoxFuture<'static, ()>;
}
