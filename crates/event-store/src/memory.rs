//! The memory adapter: a whole event store in a few vectors.
//!
//! It exists for tests and for trying things out; what it "writes" is durable at once and gone with the
//! process. A fault hook lets a test make any single commit answer "in doubt" (written or not) or
//! "stopped", which no healthy store does on demand. There is no file, no thread and no bound on its
//! size other than memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use rustc_hash::FxHashMap;
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::{Clock, SystemClock};
use crate::limits::{check_commit, expectation_holds};
use crate::port::{
    AppendError, Capabilities, Commit, Committed, Direction, EventStore, Expected, Position,
    ReadError, RecordedEvent, Revisions, StoreId, StreamAppend, StreamName, Subscription,
};

/// Most events of one subscription batch.
const SUBSCRIPTION_BATCH_MAX: usize = 4_096;

/// What a fault hook does to one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the commit is judged and written as usual.
    None,
    /// Answers "in doubt" and writes nothing.
    InDoubtBeforeCommit,
    /// Judges the commit as usual and, if it was written, answers "in doubt" all the same.
    InDoubtAfterCommit,
    /// Answers "stopped" with this reason and writes nothing.
    Stopped(String),
}

/// Decides the fault of each commit, in order. Called under the store's lock: it must not call the
/// store.
pub type FaultHook = Arc<dyn Fn(&Commit) -> Fault + Send + Sync>;

/// An event store in memory. Clones share one store.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    id: StoreId,
    capabilities: Capabilities,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    events: Vec<RecordedEvent>,
    streams: FxHashMap<StreamName, Vec<u64>>,
    last_ms: i64,
    hook: Option<FaultHook>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("events", &self.shared.state().events.len())
            .finish()
    }
}

impl MemoryStore {
    /// An empty store on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty store on a clock.
    #[must_use]
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::with_capabilities(
            clock,
            Capabilities {
                atomic_over_streams: true,
                shared_with_others: false,
            },
        )
    }

    /// An empty store that claims these capabilities. Without `atomic_over_streams` it refuses a commit
    /// over several streams, as KurrentDB's adapter does, and recognises a repeated append by the ids of its
    /// events alone, as KurrentDB does.
    #[must_use]
    pub fn with_capabilities(clock: Arc<dyn Clock>, capabilities: Capabilities) -> Self {
        let id = StoreId {
            id: fresh_id(clock.now_ms()),
            epoch: 0,
        };
        let (count, _) = watch::channel(0);
        Self {
            shared: Arc::new(Shared {
                id,
                capabilities,
                clock,
                state: Mutex::default(),
                count,
            }),
        }
    }

    /// Sets or removes the fault hook.
    pub fn set_fault_hook(&self, hook: Option<FaultHook>) {
        self.shared.state().hook = hook;
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.state().events.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An id no other store of this process or start has.
fn fresh_id(now_ms: i64) -> Uuid {
    use std::hash::{BuildHasher, RandomState};
    let seed = format!(
        "{now_ms}-{}-{}",
        RandomState::new().hash_one(now_ms),
        std::process::id()
    );
    Uuid::new_v5(&Uuid::NAMESPACE_OID, seed.as_bytes())
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a hook leaves the vectors whole: they are only touched after it returned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_one(&self, state: &mut State, commit: &Commit) -> Result<Committed, AppendError> {
        let fault = state.hook.as_ref().map_or(Fault::None, |hook| hook(commit));
        match fault {
            Fault::None => self.write(state, commit),
            Fault::InDoubtBeforeCommit => Err(AppendError::InDoubt(
                "the answer was lost on its way".to_owned(),
            )),
            Fault::InDoubtAfterCommit => match self.write(state, commit) {
                Ok(_) => Err(AppendError::InDoubt(
                    "the answer was lost on its way".to_owned(),
                )),
                Err(error) => Err(error),
            },
            Fault::Stopped(why) => Err(AppendError::Stopped(why)),
        }
    }

    fn write(&self, state: &mut State, commit: &Commit) -> Result<Committed, AppendError> {
        check_commit(commit)?;
        if commit.appends.len() > 1 && !self.capabilities.atomic_over_streams {
            return Err(AppendError::Invalid(
                "this store writes one stream a commit; split the commit by stream".to_owned(),
            ));
        }
        for append in &commit.appends {
            let actual = head_of(state, &append.stream);
            if !expectation_holds(append.expected, actual) {
                if let Some(before) = self.repeated(state, append) {
                    return Ok(before);
                }
                return Err(AppendError::WrongExpectedRevision {
                    stream: append.stream.clone(),
                    expected: append.expected,
                    actual,
                });
            }
        }
        let recorded_at_ms = self.clock.now_ms().max(state.last_ms);
        state.last_ms = recorded_at_ms;
        Ok(state.push(commit, recorded_at_ms))
    }
}

impl Shared {
    /// As KurrentDB does: an append of one stream is taken for one that was written when the ids of its
    /// events stand in its place, whatever else they say.
    fn repeated(&self, state: &State, append: &StreamAppend) -> Option<Committed> {
        if self.capabilities.atomic_over_streams {
            return None;
        }
        let first = match append.expected {
            Expected::Exact(revision) => revision.checked_add(1)?,
            Expected::NoStream => 0,
            Expected::Any => return None,
        };
        let wanted = append.events.len();
        let found = state.read_stream(&append.stream, first, Direction::Forwards, wanted);
        let same =
            found.len() == wanted && found.iter().zip(&append.events).all(|(a, b)| a.id == b.id);
        let last = found.last().filter(|_| same)?;
        Some(Committed {
            position: last.position,
            revisions: std::iter::once(last.revision).collect(),
            recorded_at_ms: Some(last.recorded_at_ms),
        })
    }
}

impl State {
    fn push(&mut self, commit: &Commit, recorded_at_ms: i64) -> Committed {
        let mut revisions = Revisions::with_capacity(commit.appends.len());
        for append in &commit.appends {
            let places = self.streams.entry(append.stream.clone()).or_default();
            for event in &append.events {
                let at = self.events.len() as u64;
                self.events.push(RecordedEvent {
                    stream: append.stream.clone(),
                    revision: places.len() as u64,
                    position: Position {
                        commit: at,
                        prepare: at,
                    },
                    id: event.id,
                    kind: Arc::clone(&event.kind),
                    data: event.data.clone(),
                    meta: event.meta.clone(),
                    recorded_at_ms,
                });
                places.push(at);
            }
            revisions.push((places.len() as u64).saturating_sub(1));
        }
        let last = (self.events.len() as u64).saturating_sub(1);
        Committed {
            position: Position {
                commit: last,
                prepare: last,
            },
            revisions,
            recorded_at_ms: Some(recorded_at_ms),
        }
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> Vec<RecordedEvent> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        match direction {
            Direction::Forwards => self.gather(places.iter().skip(from).take(max)),
            Direction::Backwards => {
                let end = places.len().min(from.saturating_add(1));
                self.gather(places.iter().take(end).rev().take(max))
            }
        }
    }

    fn gather<'a>(&self, places: impl Iterator<Item = &'a u64>) -> Vec<RecordedEvent> {
        places
            .filter_map(|at| self.events.get(usize::try_from(*at).ok()?))
            .cloned()
            .collect()
    }

    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> Vec<RecordedEvent> {
        let bound = after.map(|p| usize::try_from(p.commit).unwrap_or(usize::MAX));
        match direction {
            Direction::Forwards => {
                let start = bound.map_or(0, |b| b.saturating_add(1));
                self.events.iter().skip(start).take(max).cloned().collect()
            }
            Direction::Backwards => {
                let end = bound.map_or(self.events.len(), |b| b.min(self.events.len()));
                self.events
                    .iter()
                    .take(end)
                    .rev()
                    .take(max)
                    .cloned()
                    .collect()
            }
        }
    }
}

fn head_of(state: &State, stream: &StreamName) -> Option<u64> {
    state
        .streams
        .get(stream)
        .map(|places| (places.len() as u64).saturating_sub(1))
}

impl EventStore for MemoryStore {
    fn store_id(&self) -> StoreId {
        self.shared.id
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.capabilities
    }

    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        let mut state = self.shared.state();
        let answers = commits
            .iter()
            .map(|commit| self.shared.append_one(&mut state, commit))
            .collect();
        let count = state.events.len() as u64;
        drop(state);
        self.shared.count.send_replace(count);
        future::ready(answers).boxed()
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        let events = self
            .shared
            .state()
            .read_stream(stream, from, direction, max);
        future::ready(Ok(events)).boxed()
    }

    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>> {
        let head = head_of(&self.shared.state(), stream);
        future::ready(Ok(head)).boxed()
    }

    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        let events = self.shared.state().read_all(after, direction, max);
        future::ready(Ok(events)).boxed()
    }

    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>> {
        let tail = self.shared.state().events.last().map(|e| e.position);
        future::ready(Ok(tail)).boxed()
    }

    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription> {
        Box::new(MemorySubscription {
            shared: Arc::clone(&self.shared),
            count: self.shared.count.subscribe(),
            after,
        })
    }
}

struct MemorySubscription {
    shared: Arc<Shared>,
    count: watch::Receiver<u64>,
    after: Option<Position>,
}

impl Subscription for MemorySubscription {
    fn next_batch(&mut self) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        async move {
            loop {
                self.count.borrow_and_update();
                let batch = self.shared.state().read_all(
                    self.after,
                    Direction::Forwards,
                    SUBSCRIPTION_BATCH_MAX,
                );
                if let Some(last) = batch.last() {
                    self.after = Some(last.position);
                    return Ok(batch);
                }
                if self.count.changed().await.is_err() {
                    return Err(ReadError::Unavailable("the store was closed".to_owned()));
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::{Expected, NewEvent, StreamAppend};
    use bytes::Bytes;

    fn one(stream: &str, expected: Expected) -> Commit {
        Commit {
            appends: vec![StreamAppend {
                stream: StreamName::new(stream).unwrap(),
                expected,
                events: vec![NewEvent {
                    id: Uuid::from_u128(7),
                    kind: Arc::from("noted.v1"),
                    data: Bytes::from_static(b"{}"),
                    meta: Bytes::new(),
                }],
            }],
        }
    }

    #[tokio::test]
    async fn a_fault_hook_blurs_the_answer_but_not_what_was_written() {
        let store = MemoryStore::new();
        store.set_fault_hook(Some(Arc::new(|c| match c.appends[0].stream.as_str() {
            "before" => Fault::InDoubtBeforeCommit,
            "after" => Fault::InDoubtAfterCommit,
            "stop" => Fault::Stopped("full".to_owned()),
            _ => Fault::None,
        })));
        let names = ["before", "after", "stop", "plain"];
        let answers = store
            .append(names.iter().map(|n| one(n, Expected::NoStream)).collect())
            .await;
        assert!(matches!(answers[0], Err(AppendError::InDoubt(_))));
        assert!(matches!(answers[1], Err(AppendError::InDoubt(_))));
        assert!(matches!(answers[2], Err(AppendError::Stopped(_))));
        assert!(answers[3].is_ok());
        let written: Vec<String> = store
            .read_all(None, Direction::Forwards, 10)
            .await
            .unwrap()
            .iter()
            .map(|e| e.stream.to_string())
            .collect();
        assert_eq!(written, ["after", "plain"]);
    }

    #[tokio::test]
    async fn a_store_without_atomicity_refuses_commits_over_several_streams() {
        let caps = Capabilities {
            atomic_over_streams: false,
            shared_with_others: true,
        };
        let store = MemoryStore::with_capabilities(Arc::new(SystemClock), caps);
        let mut two = one("a", Expected::Any);
        two.appends.extend(one("b", Expected::Any).appends);
        let answers = store.append(vec![two]).await;
        assert!(matches!(answers[0], Err(AppendError::Invalid(_))));
        assert!(store.is_empty());
    }
}
