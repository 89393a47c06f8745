//! The thin driver of one [`Core`]: carries its effects to the store and their outcomes back.
//!
//! One task a shard. Each round takes what is waiting, completes what is ready, flushes, and starts what
//! the core asks for; every future is polled once at once, so that a store that answers from memory costs
//! no detour. Absent on purpose: decisions, retries, order – all of that is the core's.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use super::answer::{AccountState, Failure};
use super::config::SHUTDOWN_WAIT_MS;
use super::core::{Core, Effect, Outcome, Request, Work};
use super::domain::Domain;
use super::service::{Job, Replies, Reply, Shared};
use crate::port::EventStore;
use crate::snapshot::SnapshotStore;

/// Rounds before the task lets others run: a shard with endless work must not starve the connections
/// that bring it.
const ROUNDS_MAX: usize = 16;

/// Jobs taken from the queue in one round, while the core is hungry.
const JOBS_PER_ROUND: usize = 4_096;

/// Snapshots handed over at the end before their writing is awaited; below what the writer's queue holds.
const CLOSING_SNAPSHOTS: usize = 1_024;

/// Who waits for the tickets of one job.
enum Waiter<D: Domain> {
    One(oneshot::Sender<Reply<D>>),
    Many {
        replies: Replies<D>,
        places: Vec<usize>,
        left: usize,
        reply: oneshot::Sender<Replies<D>>,
    },
    State(oneshot::Sender<Result<AccountState<D::State>, Failure>>),
}

/// Waiters by number, with numbers used again.
struct Waiters<D: Domain> {
    places: Vec<Option<Waiter<D>>>,
    free: Vec<usize>,
}

impl<D: Domain> Waiters<D> {
    fn add(&mut self, waiter: Waiter<D>) -> u64 {
        let place = self.free.pop().unwrap_or(self.places.len());
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(waiter);
        } else {
            self.places.push(Some(waiter));
        }
        (place as u64) << TICKET_INDEX_BITS
    }

    fn take(&mut self, place: usize) -> Option<Waiter<D>> {
        let taken = self.places.get_mut(place).and_then(Option::take);
        if taken.is_some() {
            self.free.push(place);
        }
        taken
    }
}

/// A ticket is a waiter's number and, in these low bits, the command's index in its job.
const TICKET_INDEX_BITS: u32 = 32;

fn split_ticket(ticket: u64) -> (usize, usize) {
    let index = ticket & ((1 << TICKET_INDEX_BITS) - 1);
    let place = ticket >> TICKET_INDEX_BITS;
    (
        usize::try_from(place).unwrap_or(usize::MAX),
        usize::try_from(index).unwrap_or(usize::MAX),
    )
}

type Io = BoxFuture<'static, (u64, Outcome)>;

/// Drives one core.
pub(super) struct Shell<D: Domain> {
    core: Core<D>,
    store: Arc<dyn EventStore>,
    snapshots: Option<Arc<dyn SnapshotStore>>,
    inbox: mpsc::UnboundedReceiver<Job<D>>,
    inbox_open: bool,
    jobs: Vec<Job<D>>,
    effects: Vec<Effect<D>>,
    shared: Arc<Shared>,
    waiters: Waiters<D>,
    under_way: FuturesUnordered<Io>,
    /// Outcomes of futures that were ready at once.
    ready: VecDeque<(u64, Outcome)>,
    /// Set when the shard is to end: then it waits no longer than this.
    patience: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl<D: Domain> Shell<D> {
    pub(super) fn new(
        core: Core<D>,
        store: Arc<dyn EventStore>,
        snapshots: Option<Arc<dyn SnapshotStore>>,
        inbox: mpsc::UnboundedReceiver<Job<D>>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            core,
            store,
            snapshots,
            inbox,
            inbox_open: true,
            jobs: Vec::new(),
            effects: Vec::new(),
            shared,
            waiters: Waiters {
                places: Vec::new(),
                free: Vec::new(),
            },
            under_way: FuturesUnordered::new(),
            ready: VecDeque::new(),
            patience: None,
        }
    }

    /// Runs until told to end or until nobody is left to ask, and nothing is under way.
    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.turn(cx)).await;
        if let Some(snapshots) = self.snapshots.take() {
            for (count, snapshot) in self.core.closing_snapshots().enumerate() {
                snapshots.save(snapshot);
                if count % CLOSING_SNAPSHOTS == CLOSING_SNAPSHOTS - 1 {
                    snapshots.flush().await;
                }
            }
            snapshots.flush().await;
        }
        self.publish();
    }

    /// Goes round until nothing is ready.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            let mut moved = self.take_jobs(cx);
            moved |= self.take_outcomes(cx);
            self.core.flush();
            // Before the answers leave, so that whoever has one finds it counted.
            self.publish();
            moved |= self.carry_out(cx);
            if !self.inbox_open && self.core.idle() {
                return Poll::Ready(());
            }
            if let Some(patience) = &mut self.patience
                && patience.as_mut().poll(cx).is_ready()
            {
                tracing::error!(
                    waiting = self.core.stats().waiting,
                    "shard ended with commits still in doubt"
                );
                return Poll::Ready(());
            }
            if !moved {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn take_jobs(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while self.inbox_open && self.core.hungry() {
            let mut jobs = std::mem::take(&mut self.jobs);
            let taken = self.inbox.poll_recv_many(cx, &mut jobs, JOBS_PER_ROUND);
            for job in jobs.drain(..) {
                self.take_job(job);
            }
            self.jobs = jobs;
            match taken {
                Poll::Pending => break,
                Poll::Ready(0) => {
                    self.inbox_open = false;
                    self.lose_patience();
                }
                Poll::Ready(_) => moved = true,
            }
        }
        moved
    }

    fn lose_patience(&mut self) {
        if self.patience.is_none() {
            self.patience = Some(Box::pin(tokio::time::sleep(Duration::from_millis(
                SHUTDOWN_WAIT_MS,
            ))));
        }
    }

    fn take_job(&mut self, job: Job<D>) {
        match job {
            Job::One {
                stream,
                command,
                reply,
            } => {
                let ticket = self.waiters.add(Waiter::One(reply));
                self.core.submit(ticket, stream, Work::Command(command));
            }
            Job::Many { commands, reply } => {
                let places: Vec<usize> = commands.iter().map(|(place, ..)| *place).collect();
                let left = places.len();
                let replies = Vec::with_capacity(left);
                let first = self.waiters.add(Waiter::Many {
                    replies,
                    places,
                    left,
                    reply,
                });
                for (ticket, (_, stream, command)) in (first..).zip(commands) {
                    self.core.submit(ticket, stream, Work::Command(command));
                }
            }
            Job::State { stream, reply } => {
                let ticket = self.waiters.add(Waiter::State(reply));
                self.core.submit(ticket, stream, Work::State);
            }
            // What was handed over before is still taken; the queue then reads as ended.
            Job::End => {
                self.inbox.close();
                self.lose_patience();
            }
        }
    }

    fn take_outcomes(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while let Some((op, outcome)) = self.ready.pop_front() {
            self.core.complete(op, outcome);
            moved = true;
        }
        while let Poll::Ready(Some((op, outcome))) = self.under_way.poll_next_unpin(cx) {
            self.core.complete(op, outcome);
            moved = true;
        }
        moved
    }

    fn carry_out(&mut self, cx: &mut Context<'_>) -> bool {
        let mut effects = std::mem::take(&mut self.effects);
        self.core.swap_effects(&mut effects);
        let moved = !effects.is_empty();
        let mut answered = 0;
        for effect in effects.drain(..) {
            match effect {
                Effect::Io { op, request } => self.start(cx, op, request),
                Effect::Answer { ticket, result } => {
                    answered += 1;
                    self.answer(ticket, result);
                }
                Effect::State { ticket, result } => {
                    answered += 1;
                    if let Some(Waiter::State(reply)) = self.waiters.take(split_ticket(ticket).0) {
                        // Whoever asked may have gone away.
                        drop(reply.send(result));
                    }
                }
                Effect::Save(snapshot) => {
                    if let Some(snapshots) = &self.snapshots {
                        snapshots.save(*snapshot);
                    }
                }
            }
        }
        self.effects = effects;
        self.shared.waiting.fetch_sub(answered, Ordering::AcqRel);
        moved
    }

    fn start(&mut self, cx: &mut Context<'_>, op: u64, request: Request) {
        let mut io = self.io(op, request);
        match io.as_mut().poll(cx) {
            Poll::Ready(done) => self.ready.push_back(done),
            Poll::Pending => self.under_way.push(io),
        }
    }

    fn io(&self, op: u64, request: Request) -> Io {
        match request {
            Request::Append(commits) => {
                let append = self.store.append(commits);
                Box::pin(async move { (op, Outcome::Appended(append.await)) })
            }
            Request::ReadStream {
                stream,
                from,
                direction,
                max,
            } => {
                let read = self.store.read_stream(&stream, from, direction, max);
                Box::pin(async move { (op, Outcome::Events(read.await)) })
            }
            Request::Head(stream) => {
                let head = self.store.head(&stream);
                Box::pin(async move { (op, Outcome::Head(head.await)) })
            }
            Request::LoadSnapshot(stream) => {
                let load = self
                    .snapshots
                    .as_ref()
                    .map(|snapshots| snapshots.load(&stream));
                Box::pin(async move {
                    let found = match load {
                        Some(load) => load.await,
                        None => None,
                    };
                    (op, Outcome::Snapshot(found))
                })
            }
            Request::Delay { ms } => Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                (op, Outcome::Elapsed)
            }),
        }
    }

    fn answer(&mut self, ticket: u64, result: Reply<D>) {
        let (place, index) = split_ticket(ticket);
        match self.waiters.places.get_mut(place) {
            Some(Some(Waiter::Many {
                replies,
                places,
                left,
                ..
            })) => {
                *left -= 1;
                if let Some(in_call) = places.get(index) {
                    replies.push((*in_call, result));
                }
                if *left > 0 {
                    return;
                }
                if let Some(Waiter::Many { replies, reply, .. }) = self.waiters.take(place) {
                    // Whoever asked may have gone away.
                    drop(reply.send(replies));
                }
            }
            Some(Some(Waiter::One(_))) => {
                if let Some(Waiter::One(reply)) = self.waiters.take(place) {
                    // Whoever asked may have gone away.
                    drop(reply.send(result));
                }
            }
            Some(Some(Waiter::State(_)) | None) | None => {
                unreachable!("each ticket is answered once, in its own kind");
            }
        }
    }

    fn publish(&self) {
        let mut stats = self
            .shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *stats = self.core.stats();
    }
}
