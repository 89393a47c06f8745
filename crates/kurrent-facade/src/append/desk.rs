//! The desk: one task that all appends pass.
//!
//! Whatever has arrived goes to the store as one group, in order of arrival, while the group before is still
//! being synced; nobody's append waits for the answer to another. Appends without an expected revision are
//! looked up among the ids seen lately first. An append with one that the store finds wrong is compared with
//! what stands there: the same ids mean that it was written before.

use std::sync::Arc;
use std::time::Duration;

use event_store::{
    AppendError, Commit, Committed, Direction, EventStore, NewEvent, StreamAppend, StreamName,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use super::recent::{Recent, Seen};
use super::{Outcome, Wanted};

/// Bytes of all appends at the desk, answered ones not counted; who brings more waits at the door.
const DESK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What an append counts beyond its payload; with [`DESK_BYTES_MAX`] it bounds their number.
const APPEND_OVERHEAD_BYTES: usize = 2 * 1024;
/// Appends that lie on the desk before it looks up: no more fit through the door.
const DESK_APPENDS_MAX: usize = DESK_BYTES_MAX / APPEND_OVERHEAD_BYTES;
/// Most appends of one group.
const GROUP_APPENDS_MAX: usize = 4_096;
/// Groups at the store at once: the next is staged while the last is synced.
const GROUPS_MAX: usize = 2;
/// How often late appends are looked for.
const SWEEP: Duration = Duration::from_millis(50);

/// One append at the desk.
pub(super) struct Append {
    pub(super) stream: StreamName,
    pub(super) wanted: Wanted,
    pub(super) events: Vec<NewEvent>,
    pub(super) deadline: Instant,
    pub(super) reply: Box<dyn FnOnce(Outcome) + Send>,
    room: Option<OwnedSemaphorePermit>,
}

impl Append {
    pub(super) fn new(
        stream: StreamName,
        wanted: Wanted,
        events: Vec<NewEvent>,
        deadline: Instant,
        reply: Box<dyn FnOnce(Outcome) + Send>,
    ) -> Self {
        Self {
            stream,
            wanted,
            events,
            deadline,
            reply,
            room: None,
        }
    }
}

enum Order {
    Append(Append),
    Forget,
}

/// The way to the desk; the task ends when all of these are gone and everything is answered.
#[derive(Clone)]
pub(crate) struct Desk {
    orders: mpsc::Sender<Order>,
    room: Arc<Semaphore>,
}

impl Desk {
    pub(crate) fn open(store: &Arc<dyn EventStore>) -> Self {
        let (orders, inbox) = mpsc::channel(DESK_APPENDS_MAX);
        let clerk = Clerk {
            store: Arc::clone(store),
            recent: Recent::default(),
            open: FxHashMap::default(),
            next: 0,
            groups: FuturesUnordered::new(),
            checks: FuturesUnordered::new(),
            parked: Vec::new(),
        };
        tokio::spawn(clerk.run(inbox));
        Self {
            orders,
            room: Arc::new(Semaphore::new(DESK_BYTES_MAX)),
        }
    }

    /// Brings an append; waits for room. Its reply is called once, unless the desk is gone.
    pub(super) async fn bring(&self, mut append: Append) {
        let bytes: usize = append
            .events
            .iter()
            .map(|event| event.data.len().saturating_add(event.meta.len()))
            .sum();
        let bytes = bytes
            .saturating_add(APPEND_OVERHEAD_BYTES)
            .min(DESK_BYTES_MAX);
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        match self.enter(bytes, append.deadline).await {
            Some(room) => {
                append.room = Some(room);
                // It is never closed while there is a desk; a dropped reply ends its call.
                let _ = self.orders.send(Order::Append(append)).await;
            }
            None => {
                tracing::warn!(stream = %append.stream, "an append found no room");
                let why = "too many appends wait for the store; send it again";
                (append.reply)(Outcome::NotReady(why.to_owned()));
            }
        }
    }

    /// Room for so many bytes; `None` when there is none in time.
    async fn enter(&self, bytes: u32, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        // Most find room at once and need no timer.
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(bytes) {
            return Some(room);
        }
        let room = Arc::clone(&self.room).acquire_many_owned(bytes);
        tokio::time::timeout_at(deadline, room).await.ok()?.ok()
    }

    /// Forgets ids seen lately, as a process that starts anew.
    pub(crate) fn forget(&self) {
        if self.orders.try_send(Order::Forget).is_err() {
            tracing::warn!("the desk is full; ids seen before the restart are still remembered");
        }
    }
}

/// An append that has no final answer yet.
struct Open {
    stream: StreamName,
    wanted: Wanted,
    ids: Vec<Uuid>,
    deadline: Instant,
    /// `None` once it was answered as late.
    reply: Option<Box<dyn FnOnce(Outcome) + Send>>,
    _room: Option<OwnedSemaphorePermit>,
}

type Answered = Vec<Result<Committed, AppendError>>;

struct Clerk {
    store: Arc<dyn EventStore>,
    recent: Recent,
    open: FxHashMap<u64, Open>,
    next: u64,
    groups: FuturesUnordered<BoxFuture<'static, (Vec<u64>, Answered)>>,
    /// Reads that tell a repetition from a conflict, and questions that write nothing.
    checks: FuturesUnordered<BoxFuture<'static, (u64, Verdict)>>,
    /// What depends on an append under way waits for its end.
    parked: Vec<(u64, Vec<NewEvent>)>,
}

/// What a check found.
enum Verdict {
    Answer(Outcome),
    /// The stream exists: write.
    Write(Vec<NewEvent>),
}

impl Clerk {
    async fn run(mut self, mut inbox: mpsc::Receiver<Order>) {
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut arrived = Vec::new();
        let mut closed = false;
        while !(closed && self.open.is_empty()) {
            tokio::select! {
                Some((keys, answers)) = self.groups.next() => self.settle(keys, answers),
                Some((key, verdict)) = self.checks.next() => self.conclude(key, verdict),
                count = inbox.recv_many(&mut arrived, GROUP_APPENDS_MAX),
                    if !closed && self.groups.len() < GROUPS_MAX =>
                {
                    closed = count == 0;
                    self.take(&mut arrived);
                }
                _ = sweep.tick(), if !self.open.is_empty() => self.sweep(),
            }
        }
    }

    fn take(&mut self, arrived: &mut Vec<Order>) {
        let mut group = Vec::new();
        for order in arrived.drain(..) {
            match order {
                Order::Append(append) => {
                    let (key, events) = self.register(append);
                    self.judge(key, events, &mut group);
                }
                Order::Forget => self.recent.forget(),
            }
        }
        self.hand_over(group);
    }

    fn register(&mut self, append: Append) -> (u64, Vec<NewEvent>) {
        let key = self.next;
        self.next = self.next.wrapping_add(1);
        let ids = append.events.iter().map(|event| event.id).collect();
        self.open.insert(
            key,
            Open {
                stream: append.stream,
                wanted: append.wanted,
                ids,
                deadline: append.deadline,
                reply: Some(append.reply),
                _room: append.room,
            },
        );
        (key, append.events)
    }

    fn judge(&mut self, key: u64, events: Vec<NewEvent>, group: &mut Vec<(u64, Commit)>) {
        let Some(open) = self.open.get(&key) else {
            return;
        };
        if events.is_empty() {
            let check = nothing_to_write(&self.store, open);
            self.checks.push(check.map(move |v| (key, v)).boxed());
            return;
        }
        if open.wanted.strict().is_some() {
            self.write(key, events, group);
            return;
        }
        match self.recent.look(&open.stream, &open.ids) {
            Seen::UnderWay => self.parked.push((key, events)),
            Seen::All(revision) => {
                let check = written_before(&self.store, open, revision);
                self.checks.push(check.map(move |v| (key, v)).boxed());
            }
            Seen::Some => {
                let check = conflict(&self.store, open);
                self.checks.push(check.map(move |v| (key, v)).boxed());
            }
            // What is under way may be what makes the stream.
            Seen::New if open.wanted == Wanted::StreamExists && self.recent.grows(&open.stream) => {
                self.parked.push((key, events));
            }
            Seen::New if open.wanted == Wanted::StreamExists => {
                let check = must_exist(&self.store, open, events);
                self.checks.push(check.map(move |v| (key, v)).boxed());
            }
            Seen::New => self.write(key, events, group),
        }
    }

    fn write(&mut self, key: u64, events: Vec<NewEvent>, group: &mut Vec<(u64, Commit)>) {
        let Some(open) = self.open.get(&key) else {
            return;
        };
        self.recent.begin(&open.stream, &open.ids);
        let append = StreamAppend {
            stream: open.stream.clone(),
            expected: open.wanted.expected(),
            events,
        };
        group.push((
            key,
            Commit {
                appends: vec![append],
            },
        ));
    }

    fn hand_over(&mut self, group: Vec<(u64, Commit)>) {
        if group.is_empty() {
            return;
        }
        let (keys, commits): (Vec<u64>, Vec<Commit>) = group.into_iter().unzip();
        let answers = self.store.append(commits);
        self.groups
            .push(answers.map(move |answers| (keys, answers)).boxed());
    }

    fn settle(&mut self, keys: Vec<u64>, answers: Answered) {
        let mut answers = answers.into_iter();
        for key in keys {
            let answer = answers.next().unwrap_or_else(|| {
                let why = "the store did not answer for this append".to_owned();
                Err(AppendError::InDoubt(why))
            });
            self.settle_one(key, answer);
        }
        self.unpark();
    }

    fn settle_one(&mut self, key: u64, answer: Result<Committed, AppendError>) {
        let Some(open) = self.open.get(&key) else {
            return;
        };
        let written = answer.as_ref().ok().and_then(|committed| {
            let revision = committed.revisions.first().copied()?;
            Some((revision, committed.position))
        });
        let last = written.map(|(revision, _)| revision);
        self.recent.end(&open.stream, &open.ids, last);
        let outcome = match answer {
            Ok(_) => match written {
                Some((revision, position)) => Outcome::Written {
                    revision: Some(revision),
                    position: Some(position),
                },
                None => Outcome::TimedOut,
            },
            Err(AppendError::WrongExpectedRevision { actual, .. }) => {
                let asked = open.wanted.strict();
                if asked.is_some_and(|asked| actual > asked) {
                    let check = repeated(&self.store, open, actual);
                    self.checks.push(check.map(move |v| (key, v)).boxed());
                    return;
                }
                Outcome::WrongVersion { actual }
            }
            Err(AppendError::Invalid(text)) => Outcome::Invalid(text),
            Err(AppendError::Stopped(text)) => Outcome::NotReady(text),
            Err(AppendError::InDoubt(text)) => {
                tracing::warn!(stream = %open.stream, %text, "an append of a KurrentDB client is in doubt");
                Outcome::TimedOut
            }
        };
        self.answer(key, outcome);
    }

    fn conclude(&mut self, key: u64, verdict: Verdict) {
        match verdict {
            Verdict::Answer(outcome) => self.answer(key, outcome),
            Verdict::Write(events) => {
                let mut group = Vec::new();
                self.write(key, events, &mut group);
                self.hand_over(group);
            }
        }
    }

    fn unpark(&mut self) {
        if self.parked.is_empty() {
            return;
        }
        let mut group = Vec::new();
        for (key, events) in std::mem::take(&mut self.parked) {
            self.judge(key, events, &mut group);
        }
        self.hand_over(group);
    }

    fn answer(&mut self, key: u64, outcome: Outcome) {
        if let Some(open) = self.open.remove(&key)
            && let Some(reply) = open.reply
        {
            reply(outcome);
        }
    }

    /// Answers who waited too long; what was handed over goes on.
    fn sweep(&mut self) {
        let now = Instant::now();
        for open in self.open.values_mut() {
            if open.deadline <= now
                && let Some(reply) = open.reply.take()
            {
                tracing::warn!(stream = %open.stream, "an append of a KurrentDB client timed out");
                reply(Outcome::TimedOut);
            }
        }
    }
}

type Check = BoxFuture<'static, Verdict>;

fn not_ready(error: &event_store::ReadError) -> Verdict {
    Verdict::Answer(Outcome::NotReady(error.to_string()))
}

/// What may have been written before cannot be looked up: neither yes nor no.
fn not_known(error: &event_store::ReadError) -> Verdict {
    tracing::warn!(%error, "whether an append was written before cannot be looked up");
    Verdict::Answer(Outcome::TimedOut)
}

/// An append without events: says where the stream stands, if it stands where it is wanted.
fn nothing_to_write(store: &Arc<dyn EventStore>, open: &Open) -> Check {
    let wanted = open.wanted;
    let head = store.head(&open.stream);
    async move {
        let actual = match head.await {
            Ok(actual) => actual,
            Err(error) => return not_ready(&error),
        };
        let stands = match wanted {
            Wanted::Any => true,
            Wanted::StreamExists => actual.is_some(),
            // Nothing of no events is missing further up.
            Wanted::NoStream => true,
            Wanted::Revision(revision) => actual >= Some(revision),
        };
        Verdict::Answer(if stands {
            Outcome::Written {
                revision: actual,
                position: None,
            }
        } else {
            Outcome::WrongVersion { actual }
        })
    }
    .boxed()
}

/// All ids were written lately: gives the place of the last.
fn written_before(store: &Arc<dyn EventStore>, open: &Open, revision: u64) -> Check {
    let read = store.read_stream(&open.stream, revision, Direction::Forwards, 1);
    async move {
        Verdict::Answer(match read.await {
            Ok(events) => Outcome::Written {
                revision: Some(revision),
                position: events.first().map(|event| event.position),
            },
            Err(error) => return not_known(&error),
        })
    }
    .boxed()
}

/// Some ids were written, others not: that is no repetition.
fn conflict(store: &Arc<dyn EventStore>, open: &Open) -> Check {
    let head = store.head(&open.stream);
    async move {
        match head.await {
            Ok(actual) => Verdict::Answer(Outcome::WrongVersion { actual }),
            Err(error) => not_ready(&error),
        }
    }
    .boxed()
}

fn must_exist(store: &Arc<dyn EventStore>, open: &Open, events: Vec<NewEvent>) -> Check {
    let head = store.head(&open.stream);
    async move {
        match head.await {
            Ok(Some(_)) => Verdict::Write(events),
            Ok(None) => Verdict::Answer(Outcome::WrongVersion { actual: None }),
            Err(error) => not_ready(&error),
        }
    }
    .boxed()
}

/// The stream stands further than asked: whether exactly these events stand there.
fn repeated(store: &Arc<dyn EventStore>, open: &Open, actual: Option<u64>) -> Check {
    let begin = match open.wanted {
        Wanted::Revision(revision) => revision.saturating_add(1),
        Wanted::NoStream | Wanted::Any | Wanted::StreamExists => 0,
    };
    let ids = open.ids.clone();
    let read = store.read_stream(&open.stream, begin, Direction::Forwards, ids.len());
    async move {
        let events = match read.await {
            Ok(events) => events,
            Err(error) => return not_known(&error),
        };
        let same = events.iter().map(|event| event.id).eq(ids);
        Verdict::Answer(match events.last() {
            Some(last) if same => Outcome::Written {
                revision: Some(last.revision),
                position: Some(last.position),
            },
            Some(_) | None => Outcome::WrongVersion { actual },
        })
    }
    .boxed()
}
