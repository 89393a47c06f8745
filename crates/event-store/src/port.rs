//! The port: what every event store promises, in prose and in types.
//!
//! A store is an append-only sequence of events. Each event stands in one **stream** at a dense
//! **revision** (0, 1, 2, …) and in the whole store at a **position** that grows with every event
//! (dense in the embedded log; with gaps in KurrentDB).
//!
//! What an adapter promises:
//!
//! * **Atomic.** A [`Commit`] is written whole or not at all, over all its streams. An adapter that
//!   cannot do that over several streams says so ([`Capabilities::atomic_over_streams`]).
//! * **Expected revisions.** A commit is refused with [`AppendError::WrongExpectedRevision`] when any of
//!   its streams is not where [`Expected`] says, and then nothing of it is written. Commits handed over
//!   in one call are judged in order, each seeing the ones before it; one refused commit does not
//!   disturb its neighbours. Where commits are not atomic over streams, commits of different streams may
//!   be written in another order than they were handed over.
//! * **Durable.** An append answers `Ok` only after its bytes survive a power cut. Readers and
//!   subscribers see durable events only, so what was read once is never unread.
//! * **In doubt.** [`AppendError::InDoubt`] is neither yes nor no: the same commit (same ids, same
//!   expected revisions) may be sent again until it succeeds or is refused. A read that shows nothing
//!   proves nothing.
//! * **Order.** `read_all` and subscriptions give events in position order, without holes.
//! * **Time.** `recorded_at_ms` never runs backwards along the positions. On a store that is shared
//!   with others it is its server's clock, which may step back when another server takes the lead.
//!
//! Absent on purpose: delete, truncate, update, server-side projections, persistent subscriptions.

use std::hash::Hasher;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use rustc_hash::FxHasher;
use uuid::Uuid;

/// Longest stream name, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 200;
/// Largest payload plus metadata of one event, in bytes.
pub const EVENT_BYTES_MAX: usize = 512 * 1024;
/// Largest commit, in [counted bytes](crate::limits::counted_bytes): payload, metadata and kinds. It is
/// the limit of one KurrentDB append, and is counted as that server counts.
pub const COMMIT_BYTES_MAX: usize = 1024 * 1024;

/// Name of a stream: 1 to [`STREAM_NAME_BYTES_MAX`] bytes of printable ASCII without spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamName {
    text: Arc<str>,
    /// Follows from the text. It lies beside the pointer, so that looking a name up does not begin with
    /// fetching it from somewhere else in memory.
    tag: u32,
}

/// A stream name that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "stream name {0:?} is not 1 to {STREAM_NAME_BYTES_MAX} printable ASCII characters without spaces"
)]
pub struct BadStreamName(pub String);

impl StreamName {
    /// Parses a name.
    ///
    /// # Errors
    /// When it is empty, too long, or has a character that is not printable ASCII.
    pub fn new(name: &str) -> Result<Self, BadStreamName> {
        let fits = (1..=STREAM_NAME_BYTES_MAX).contains(&name.len());
        if fits && name.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self {
                text: Arc::from(name),
                tag: tag_of(name),
            })
        } else {
            Err(BadStreamName(name.to_owned()))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A hash of the name, for tables in memory; another version of this program may have another one.
    pub(crate) fn tag(&self) -> u32 {
        self.tag
    }
}

fn tag_of(name: &str) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(name.as_bytes());
    let hash = hasher.finish();
    let folded = (hash ^ (hash >> 32)) & u64::from(u32::MAX);
    u32::try_from(folded).unwrap_or_default()
}

impl std::hash::Hash for StreamName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl std::fmt::Debug for StreamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::fmt::Display for StreamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where a stream must stand for a commit to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The stream has no event.
    NoStream,
    /// The newest event has this revision.
    Exact(u64),
    /// Anything; for streams where order does not matter.
    Any,
}

/// An event to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Derived id: the same for the same fact, also when sent again.
    pub id: Uuid,
    /// Kind with version: `consumption-charged.v1`.
    pub kind: Arc<str>,
    /// JSON payload.
    pub data: Bytes,
    /// JSON metadata; empty means `{}`.
    pub meta: Bytes,
}

/// Events for one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAppend {
    /// Which stream.
    pub stream: StreamName,
    /// Where it must stand.
    pub expected: Expected,
    /// At least one event.
    pub events: Vec<NewEvent>,
}

/// What is written whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Distinct streams, at least one.
    pub appends: Vec<StreamAppend>,
}

/// Place in the whole store. `commit == prepare` in the embedded log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Position of the commit.
    pub commit: u64,
    /// Position of the event within it.
    pub prepare: u64,
}

/// A revision for each append of a commit. Most commits have one, which needs no memory of its own: an
/// answer is made for every commit.
#[derive(Clone)]
pub struct Revisions(Kept);

#[derive(Clone)]
enum Kept {
    One(u64),
    Several(Vec<u64>),
}

impl Revisions {
    /// None yet, with room for so many.
    #[must_use]
    pub fn with_capacity(appends: usize) -> Self {
        let room = if appends > 1 { appends } else { 0 };
        Self(Kept::Several(Vec::with_capacity(room)))
    }

    /// Adds the revision of the next append.
    pub fn push(&mut self, revision: u64) {
        match &mut self.0 {
            Kept::Several(several) if several.capacity() > 0 => several.push(revision),
            Kept::Several(_) => self.0 = Kept::One(revision),
            Kept::One(first) => self.0 = Kept::Several(vec![*first, revision]),
        }
    }
}

impl std::ops::Deref for Revisions {
    type Target = [u64];

    fn deref(&self) -> &[u64] {
        match &self.0 {
            Kept::One(revision) => std::slice::from_ref(revision),
            Kept::Several(several) => several,
        }
    }
}

impl FromIterator<u64> for Revisions {
    fn from_iter<I: IntoIterator<Item = u64>>(revisions: I) -> Self {
        let mut all = Self::with_capacity(0);
        for revision in revisions {
            all.push(revision);
        }
        all
    }
}

impl PartialEq for Revisions {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Revisions {}

impl std::fmt::Debug for Revisions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A written commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Position of its last event.
    pub position: Position,
    /// Revision of the last event of each append, in the commit's order.
    pub revisions: Revisions,
    /// When it was recorded, milliseconds since 1970 UTC, when the store says so in its answer. A reader
    /// finds it in [`RecordedEvent::recorded_at_ms`] in any case.
    pub recorded_at_ms: Option<i64>,
}

/// An event read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: u64,
    /// Its place in the store.
    pub position: Position,
    /// Its id.
    pub id: Uuid,
    /// Its kind.
    pub kind: Arc<str>,
    /// JSON payload.
    pub data: Bytes,
    /// JSON metadata; empty means `{}`.
    pub meta: Bytes,
    /// When it was recorded, milliseconds since 1970 UTC.
    pub recorded_at_ms: i64,
}

/// Why an append was not, or perhaps not, written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A stream stands elsewhere; nothing was written.
    #[error("stream {stream} is at {actual:?}, expected {expected:?}")]
    WrongExpectedRevision {
        /// The first stream that differs.
        stream: StreamName,
        /// What was asked.
        expected: Expected,
        /// Newest revision, `None` for no stream.
        actual: Option<u64>,
    },
    /// The commit breaks a limit of this port; nothing was written.
    #[error("commit refused: {0}")]
    Invalid(String),
    /// The store takes nothing more (full disk, failed sync, closing); nothing of this was written.
    #[error("the store takes no more appends: {0}")]
    Stopped(String),
    /// The outcome is unknown: send the identical commit again.
    #[error("outcome unknown: {0}")]
    InDoubt(String),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// What is stored is damaged; says where and what to do.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store cannot be reached or read now; a retry is safe.
    #[error("the store cannot be read now: {0}")]
    Unavailable(String),
}

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forwards,
    /// Newest first.
    Backwards,
}

/// Identity of a store: checkpoints of another store or epoch are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId {
    /// Made once when the store is created.
    pub id: Uuid,
    /// Grows when a store is restored from an older state.
    pub epoch: u64,
}

/// What an adapter can do beyond the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Commits over several streams are atomic.
    pub atomic_over_streams: bool,
    /// Other processes may append too, so an answer without an append must check the head first.
    pub shared_with_others: bool,
}

/// Follows the store live: durable events in position order, in batches.
pub trait Subscription: Send {
    /// The next batch (never empty). Waits when there is nothing new.
    fn next_batch(&mut self) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>>;
}

/// An event store. See the module's text for what is promised.
pub trait EventStore: Send + Sync + 'static {
    /// Which store this is.
    fn store_id(&self) -> StoreId;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// Appends each commit, in order; one answer a commit. The future may be dropped: the append
    /// goes on.
    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>>;
    /// Up to `max` events of a stream from `from` (inclusive; `u64::MAX` backwards means the newest).
    /// A stream that does not exist is empty.
    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>>;
    /// Newest revision of a stream, `None` for no stream.
    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>>;
    /// Up to `max` events after `after` (exclusive; `None` from the beginning), or before it when
    /// reading backwards (`None` from the end).
    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>>;
    /// Position of the newest durable event, `None` when empty.
    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>>;
    /// Follows from after `after` (exclusive; `None` from the beginning).
    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_kept_in_order_however_many_and_whatever_room_was_made() {
        for count in 0..5u64 {
            let wanted: Vec<u64> = (0..count).map(|n| n * 7).collect();
            let collected: Revisions = wanted.iter().copied().collect();
            assert_eq!(collected[..], wanted[..]);
            for room in 0..5 {
                let mut pushed = Revisions::with_capacity(room);
                wanted.iter().for_each(|revision| pushed.push(*revision));
                assert_eq!(pushed, collected, "{count} with room for {room}");
            }
        }
    }
}
