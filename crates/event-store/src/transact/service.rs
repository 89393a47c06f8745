//! [`Transact`]: the front of the shards – routing, bounded queues, completions.
//!
//! Absent on purpose: deadlines. A caller that no longer waits drops its future; the command goes on and
//! is recognised when it comes again.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use rustc_hash::FxHasher;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::answer::{AccountState, Answered, Failure, Stats};
use super::config::TransactConfig;
use super::core::{Core, StoreFacts};
use super::domain::Domain;
use super::shell;
use crate::port::{EventStore, StreamName};
use crate::snapshot::SnapshotStore;

/// What a caller gets for one command.
pub(super) type Reply<D> = Result<Answered<<D as Domain>::Answer>, Failure>;

/// Completion of the commands of one call in one shard, each with its place in the call.
pub(super) type Replies<D> = Vec<(usize, Reply<D>)>;

/// What is handed to a shard.
pub(super) enum Job<D: Domain> {
    One {
        stream: StreamName,
        command: D::Command,
        reply: oneshot::Sender<Reply<D>>,
    },
    Many {
        commands: Vec<Routed<D>>,
        reply: oneshot::Sender<Replies<D>>,
    },
    State {
        stream: StreamName,
        reply: oneshot::Sender<Result<AccountState<D::State>, Failure>>,
    },
    /// Finish what is under way and end.
    End,
}

/// A command with its place in the call and its stream.
pub(super) type Routed<D> = (usize, StreamName, <D as Domain>::Command);

/// What a shard's front and its task share.
pub(super) struct Shared {
    /// Commands handed over and not yet answered.
    pub(super) waiting: AtomicUsize,
    pub(super) busy: AtomicUsize,
    /// As of the task's last round.
    pub(super) stats: Mutex<Stats>,
}

struct Shard<D: Domain> {
    jobs: mpsc::UnboundedSender<Job<D>>,
    shared: Arc<Shared>,
}

struct Inner<D: Domain> {
    domain: Arc<D>,
    shards: Vec<Shard<D>>,
    queue_max: usize,
    ending: AtomicBool,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Serves a [`Domain`] on an [`EventStore`]. Cheap to clone; the shards end when the last clone is gone
/// or after [`Transact::shutdown`].
pub struct Transact<D: Domain>(Arc<Inner<D>>);

impl<D: Domain> Clone for Transact<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: Domain> std::fmt::Debug for Transact<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transact")
            .field("shards", &self.0.shards.len())
            .field("stats", &self.stats())
            .finish()
    }
}

impl<D: Domain> Transact<D> {
    /// Starts the shards, each a task of the present tokio runtime.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "each shard keeps its own share; callers hand theirs over"
    )]
    pub fn start(
        domain: Arc<D>,
        store: Arc<dyn EventStore>,
        snapshots: Option<Arc<dyn SnapshotStore>>,
        config: TransactConfig,
    ) -> Self {
        let config = config.bounded();
        let facts = StoreFacts {
            id: store.store_id(),
            capabilities: store.capabilities(),
            snapshots: snapshots.is_some(),
        };
        let mut shards = Vec::with_capacity(config.shards);
        let mut tasks = Vec::with_capacity(config.shards);
        for _ in 0..config.shards {
            let (jobs, inbox) = mpsc::unbounded_channel();
            let shared = Arc::new(Shared {
                waiting: AtomicUsize::new(0),
                busy: AtomicUsize::new(0),
                stats: Mutex::new(Stats::default()),
            });
            let core = Core::new(Arc::clone(&domain), facts, config);
            let shell = shell::Shell::new(
                core,
                Arc::clone(&store),
                snapshots.clone(),
                inbox,
                Arc::clone(&shared),
            );
            tasks.push(tokio::spawn(shell.run()));
            shards.push(Shard { jobs, shared });
        }
        Self(Arc::new(Inner {
            domain,
            shards,
            queue_max: config.queue_max,
            ending: AtomicBool::new(false),
            tasks: Mutex::new(tasks),
        }))
    }

    /// Decides one command and waits until what the answer rests on is durable. Dropping the future does
    /// not undo the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn execute(&self, command: D::Command) -> Result<Answered<D::Answer>, Failure> {
        let stream = self.0.domain.stream(&command);
        let (reply, answer) = oneshot::channel();
        let shard = self.shard(&stream)?;
        self.admit(shard, 1)?;
        hand_over(
            shard,
            Job::One {
                stream,
                command,
                reply,
            },
            1,
        )?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Decides many commands; the answers are in the order of the commands. Commands of one account are
    /// decided in that order. When a shard's queue has room for some only, the later ones are `Busy`.
    pub async fn execute_many(
        &self,
        commands: Vec<D::Command>,
    ) -> Vec<Result<Answered<D::Answer>, Failure>> {
        let mut answers: Vec<Reply<D>> = Vec::with_capacity(commands.len());
        let mut parts: Vec<Vec<Routed<D>>> = self.0.shards.iter().map(|_| Vec::new()).collect();
        for (place, command) in commands.into_iter().enumerate() {
            let stream = self.0.domain.stream(&command);
            answers.push(Err(Failure::Busy));
            if let Some(part) = parts.get_mut(self.shard_number(&stream)) {
                part.push((place, stream, command));
            }
        }
        let mut waiting = Vec::with_capacity(parts.len());
        for (shard, mut part) in self.0.shards.iter().zip(parts) {
            if part.is_empty() {
                continue;
            }
            part.truncate(self.admit_some(shard, part.len()));
            let places: Vec<usize> = part.iter().map(|(place, ..)| *place).collect();
            if places.is_empty() {
                continue;
            }
            let (reply, completion) = oneshot::channel();
            // A shard that has ended drops the completion, which is seen below.
            drop(hand_over(
                shard,
                Job::Many {
                    commands: part,
                    reply,
                },
                places.len(),
            ));
            waiting.push(async move {
                completion.await.unwrap_or_else(|_| {
                    places
                        .into_iter()
                        .map(|place| (place, Err(ended())))
                        .collect()
                })
            });
        }
        for (place, reply) in join_all(waiting).await.into_iter().flatten() {
            if let Some(answer) = answers.get_mut(place) {
                *answer = reply;
            }
        }
        answers
    }

    /// The durable state of an account, after everything handed over before. An account without events
    /// has the domain's initial state.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn state(&self, stream: StreamName) -> Result<AccountState<D::State>, Failure> {
        let (reply, answer) = oneshot::channel();
        let shard = self.shard(&stream)?;
        self.admit(shard, 1)?;
        hand_over(shard, Job::State { stream, reply }, 1)?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Counts over all shards.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for Shard { shared, .. } in &self.0.shards {
            sum.add(&shared.stats.lock().unwrap_or_else(PoisonError::into_inner));
            sum.busy += shared.busy.load(Ordering::Relaxed) as u64;
        }
        sum
    }

    /// Takes no more commands, finishes what is under way (at most
    /// [`SHUTDOWN_WAIT_MS`](super::SHUTDOWN_WAIT_MS)), keeps snapshots, and ends the shards. Further
    /// commands get [`Failure::Stopped`].
    pub async fn shutdown(&self) {
        self.0.ending.store(true, Ordering::SeqCst);
        for shard in &self.0.shards {
            // A shard that has ended needs no word.
            drop(shard.jobs.send(Job::End));
        }
        let tasks =
            std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for ended in join_all(tasks).await {
            if let Err(error) = ended {
                tracing::error!(%error, "a shard ended by a broken invariant");
            }
        }
    }

    fn shard_number(&self, stream: &StreamName) -> usize {
        let mut hasher = FxHasher::default();
        stream.hash(&mut hasher);
        // The low and the top bits serve the hash maps inside the shards.
        let bits = usize::try_from((hasher.finish() >> 20) & 0xFFFF).unwrap_or(0);
        bits % self.0.shards.len().max(1)
    }

    fn shard(&self, stream: &StreamName) -> Result<&Shard<D>, Failure> {
        self.0
            .shards
            .get(self.shard_number(stream))
            .ok_or_else(ended)
    }

    fn admit(&self, shard: &Shard<D>, wanted: usize) -> Result<(), Failure> {
        if self.0.ending.load(Ordering::SeqCst) {
            return Err(ended());
        }
        if self.admit_some(shard, wanted) == wanted {
            Ok(())
        } else {
            Err(Failure::Busy)
        }
    }

    /// Takes places in the queue: as many as are free, up to `wanted`.
    fn admit_some(&self, shard: &Shard<D>, wanted: usize) -> usize {
        let waiting = &shard.shared.waiting;
        let before = waiting.fetch_add(wanted, Ordering::AcqRel);
        let taken = wanted.min(self.0.queue_max.saturating_sub(before));
        if taken < wanted {
            waiting.fetch_sub(wanted - taken, Ordering::AcqRel);
            shard
                .shared
                .busy
                .fetch_add(wanted - taken, Ordering::Relaxed);
        }
        taken
    }
}

fn hand_over<D: Domain>(shard: &Shard<D>, job: Job<D>, places: usize) -> Result<(), Failure> {
    shard.jobs.send(job).map_err(|_| {
        shard.shared.waiting.fetch_sub(places, Ordering::AcqRel);
        ended()
    })
}

fn ended() -> Failure {
    Failure::Stopped(
        "this service is ending; the outcome will be known when the command is sent again"
            .to_owned(),
    )
}
