//! The core of `transact`, without I/O, tasks or clock: inputs in, effects out.
//!
//! A driver (`shell` in production, the simulation in tests) feeds [`Core::submit`] and
//! [`Core::complete`], calls [`Core::flush`], and carries out what [`Core::take_effects`] gives. One
//! core is one shard: it alone decides for its accounts in this process.
//!
//! The rules it keeps:
//!
//! * Commands of one account are decided in the order they came.
//! * An answer leaves only when every commit it was decided on is durable. Where other processes write
//!   too, an answer that appends nothing to the account is checked against the stream's head first.
//! * A decision that writes nothing to its account is not tied to the account's revision by the store,
//!   so its claims are written only after what it was decided on is durable.
//! * An expected revision is a number, not an identity: when a foreign event has taken the place of ours,
//!   a commit behind ours would fit by accident. So decisions run ahead of the store only where nobody
//!   else writes; on a shared store an account waits for its commit.
//! * Where the store commits one stream at a time, a decision over several goes by a plan
//!   (the module `plan`): the claim first, which names the rest. Whoever reads a claim, or folds an
//!   account under a lock, settles its plan first.
//! * A failed commit drops the account's state and everything decided on it. A commit in doubt is sent
//!   again unchanged until the store says yes or wrong revision; until then the account decides nothing.
//!
//! Relied upon: an adapter that is not shared with others never writes a commit after it has answered
//! `InDoubt` for it, unless it is sent again.

mod decide;
mod effect;
mod gather;
mod load;
mod ops;
mod sabotage;
mod settle;
mod slot;

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use self::gather::Gathering;
use self::ops::Op;
use self::slot::{Phase, Slots};
use super::answer::{AccountState, Answered, Failure, Stats};
use super::config::{APPENDS_IN_FLIGHT_MAX, GROUP_BYTES_MAX, TransactConfig};
use super::domain::{Domain, Evidence};
use crate::port::{COMMIT_BYTES_MAX, Capabilities, Commit, Position, StoreId, StreamName};
use crate::snapshot::Snapshot;

pub use effect::{Effect, Outcome, Request, Work};
pub use sabotage::Sabotage;

/// What the core knows about the store.
#[derive(Debug, Clone, Copy)]
pub struct StoreFacts {
    /// Which store.
    pub id: StoreId,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether snapshots are kept.
    pub snapshots: bool,
}

/// A command or state request until it is answered.
struct Pending<D: Domain> {
    /// Order of arrival.
    seq: u64,
    ticket: u64,
    /// How often its decision failed because others wrote.
    attempts: u32,
    work: Work<D>,
}

/// A decision whose commit is with the store.
struct Flight<D: Domain> {
    pending: Pending<D>,
    answer: D::Answer,
    /// Kept, because in doubt the identical commit is sent again.
    commit: Commit,
    /// What follows it on a store that is not atomic over streams: the steps of its plan.
    later: VecDeque<Commit>,
    /// It is one step of a decision whose claim is written: others may carry it on.
    begun: bool,
    /// Streams claimed; others who need them wait.
    claims: Vec<StreamName>,
    /// Newest position of the evidence.
    rest: Option<Position>,
}

enum EntryKind<D: Domain> {
    /// A commit of this batch.
    Flight(Flight<D>),
    /// An answer without commit, which waits for the flights before it.
    Rider {
        pending: Pending<D>,
        answer: D::Answer,
        rest: Option<Position>,
    },
}

struct Entry<D: Domain> {
    slot: usize,
    epoch: u32,
    kind: EntryKind<D>,
}

/// Commits that go to the store in one call, with those who wait for it.
struct Batch<D: Domain> {
    id: u64,
    entries: Vec<Entry<D>>,
    commits: Vec<Commit>,
    bytes: usize,
}

impl<D: Domain> Batch<D> {
    /// An empty batch with room for as much as the last one held.
    fn new(id: u64, entries: usize, commits: usize) -> Self {
        Self {
            id,
            entries: Vec::with_capacity(entries),
            commits: Vec::with_capacity(commits),
            bytes: 0,
        }
    }
}

/// One shard. See the module's text.
pub struct Core<D: Domain> {
    domain: Arc<D>,
    schema: [u8; 32],
    config: TransactConfig,
    facts: StoreFacts,
    sabotage: Sabotage,
    slots: Slots<D>,
    building: Batch<D>,
    flying: FxHashMap<u64, Vec<Entry<D>>>,
    /// Claimed streams with a commit in flight or in doubt, and how many.
    claims: FxHashMap<StreamName, u32>,
    /// Accounts parked until a stream is no longer in flight.
    parked: FxHashMap<StreamName, Vec<usize>>,
    /// Accounts that wait for room in the batch.
    runnable: VecDeque<usize>,
    ops: FxHashMap<u64, Op>,
    next_op: u64,
    next_seq: u64,
    reads_flying: usize,
    reads_waiting: VecDeque<Op>,
    effects: Vec<Effect<D>>,
    stats: Stats,
}

impl<D: Domain> Core<D> {
    /// A core without any account in memory.
    #[must_use]
    pub fn new(domain: Arc<D>, facts: StoreFacts, config: TransactConfig) -> Self {
        Self::with_sabotage(domain, facts, config, Sabotage::None)
    }

    /// A core with a planted bug, for tests that show the simulation finds it.
    #[doc(hidden)]
    #[must_use]
    pub fn with_sabotage(
        domain: Arc<D>,
        facts: StoreFacts,
        config: TransactConfig,
        sabotage: Sabotage,
    ) -> Self {
        let schema = domain.schema_hash();
        Self {
            domain,
            schema,
            config: config.bounded(),
            facts,
            sabotage,
            slots: Slots::default(),
            building: Batch::new(0, 0, 0),
            flying: FxHashMap::default(),
            claims: FxHashMap::default(),
            parked: FxHashMap::default(),
            runnable: VecDeque::new(),
            ops: FxHashMap::default(),
            next_op: 1,
            next_seq: 0,
            reads_flying: 0,
            reads_waiting: VecDeque::new(),
            effects: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Takes a command or a state request for the account of `stream`. The ticket comes back with the
    /// answer; it may not be `u64::MAX`.
    pub fn submit(&mut self, ticket: u64, stream: StreamName, work: Work<D>) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.stats.waiting += 1;
        let s = self.slots.find_or_make(stream, self.config.accounts_max);
        let pending = Pending {
            seq,
            ticket,
            attempts: 0,
            work,
        };
        let room = self.has_room();
        let slot = self.slots.at(s);
        slot.used = true;
        if room && slot.queue.is_empty() && matches!(slot.phase, Phase::Ready) {
            self.attempt(s, pending);
        } else {
            slot.queue.push_back(pending);
            self.advance(s);
        }
    }

    /// Takes the outcome of an operation.
    pub fn complete(&mut self, op: u64, outcome: Outcome) {
        if let Some(entries) = self.flying.remove(&op) {
            let Outcome::Appended(results) = outcome else {
                return;
            };
            self.settle_batch(entries, results);
            return;
        }
        let Some(op) = self.ops.remove(&op) else {
            return;
        };
        if op.request.is_read() && !op.pausing {
            self.reads_flying -= 1;
            if let Some(next) = self.reads_waiting.pop_front() {
                self.start(next);
            }
        }
        if self.slots.at(op.slot).reading != op.reading {
            return;
        }
        if op.pausing {
            return self.start(Op {
                pausing: false,
                tries: op.tries.saturating_add(1),
                ..op
            });
        }
        self.route(op, outcome);
    }

    /// Hands over what was decided, as far as the store may have more under way. Call it after feeding
    /// whatever was ready.
    pub fn flush(&mut self) {
        loop {
            if !self.building.commits.is_empty() && self.flying.len() < APPENDS_IN_FLIGHT_MAX {
                let next = self.op_number();
                let (entries, commits) = (self.building.entries.len(), self.building.commits.len());
                let empty = Batch::new(next, entries, commits);
                let batch = std::mem::replace(&mut self.building, empty);
                self.stats.group_appends += 1;
                self.effects.push(Effect::Io {
                    op: batch.id,
                    request: Request::Append(batch.commits),
                });
                self.flying.insert(batch.id, batch.entries);
            }
            if !self.has_room() {
                return;
            }
            let Some(s) = self.runnable.pop_front() else {
                return;
            };
            self.resume(s);
        }
    }

    /// What the driver has to do now, in order.
    pub fn take_effects(&mut self) -> Vec<Effect<D>> {
        std::mem::take(&mut self.effects)
    }

    /// The same, with an empty vector given in exchange, so that its room is used again.
    pub fn swap_effects(&mut self, effects: &mut Vec<Effect<D>>) {
        effects.clear();
        std::mem::swap(&mut self.effects, effects);
    }

    /// Whether more may be submitted: false while decided work waits for the store.
    #[must_use]
    pub fn hungry(&self) -> bool {
        self.has_room() && self.runnable.is_empty()
    }

    /// Whether nothing waits for an answer.
    #[must_use]
    pub const fn idle(&self) -> bool {
        self.stats.waiting == 0
    }

    /// Counts of this shard.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            accounts: self.slots.len() as u64,
            ..self.stats
        }
    }

    /// Snapshots worth keeping when the shard ends: of idle accounts with at least a quarter of the usual
    /// distance since their last one.
    pub fn closing_snapshots(&mut self) -> impl Iterator<Item = Snapshot> {
        let distance = (self.config.snapshot_every / 4).max(1);
        (0..self.slots.capacity()).filter_map(move |s| self.snapshot_if_due(s, distance))
    }

    fn has_room(&self) -> bool {
        self.building.commits.len() < self.config.batch_max
            && self.building.bytes + COMMIT_BYTES_MAX <= GROUP_BYTES_MAX
    }

    const fn op_number(&mut self) -> u64 {
        let op = self.next_op;
        self.next_op += 1;
        op
    }

    /// Decides what waits for an account, as far as it can go now.
    fn advance(&mut self, s: usize) {
        loop {
            let room = self.has_room();
            let slot = self.slots.at(s);
            if slot.queue.is_empty() {
                return;
            }
            match &slot.phase {
                Phase::Cold => return self.begin_load(s),
                Phase::Damaged(reason) => {
                    let reason = reason.as_ref().to_owned();
                    return self.refuse_queue(s, &Failure::Damaged(reason));
                }
                Phase::Ready if !room => return self.runnable.push_back(s),
                Phase::Ready => {
                    if let Some(pending) = slot.queue.pop_front() {
                        self.attempt(s, pending);
                    }
                }
                Phase::Loading(_)
                | Phase::Draining(_)
                | Phase::Gathering(_)
                | Phase::Parked(_)
                | Phase::Held(_)
                | Phase::Staged
                | Phase::Settling
                | Phase::Doubt => return,
            }
        }
    }

    /// Goes on with an account that waited for room or for another stream.
    fn resume(&mut self, s: usize) {
        match self.slots.at(s).take_phase() {
            Phase::Parked(gathering) => {
                self.consider(s, *gathering);
                self.advance(s);
            }
            Phase::Held(held) => {
                self.slots.at(s).phase = Phase::Held(held);
                self.proceed_held(s);
            }
            other @ (Phase::Cold
            | Phase::Damaged(_)
            | Phase::Ready
            | Phase::Loading(_)
            | Phase::Draining(_)
            | Phase::Gathering(_)
            | Phase::Staged
            | Phase::Settling
            | Phase::Doubt) => {
                self.slots.at(s).phase = other;
                self.advance(s);
            }
        }
    }

    /// First look at a command whose account is loaded and has nothing before it.
    fn attempt(&mut self, s: usize, pending: Pending<D>) {
        match pending.work {
            Work::State => self.hold(s, decide::Held::state(pending)),
            Work::Command(_) => {
                let gathering = Gathering::new(pending, Evidence::default());
                let wait = self.facts.capabilities.shared_with_others
                    && self.slots.at(s).in_flight > 0
                    && self.sabotage != Sabotage::RunAheadOnSharedStore;
                if wait {
                    self.slots.at(s).phase = Phase::Draining(Box::new(gathering));
                } else {
                    self.consider(s, gathering);
                }
            }
        }
    }

    fn refuse_queue(&mut self, s: usize, failure: &Failure) {
        while let Some(pending) = self.slots.at(s).queue.pop_front() {
            self.fail(pending, failure.clone());
        }
    }

    fn fail(&mut self, pending: Pending<D>, failure: Failure) {
        let Pending { ticket, work, .. } = pending;
        if ticket == ANSWERED {
            return;
        }
        self.stats.waiting -= 1;
        self.stats.failures += 1;
        self.effects.push(match work {
            Work::Command(_) => Effect::Answer {
                ticket,
                result: Err(failure),
            },
            Work::State => Effect::State {
                ticket,
                result: Err(failure),
            },
        });
    }

    fn answer(
        &mut self,
        pending: &Pending<D>,
        answer: D::Answer,
        token: Option<Position>,
        appended: bool,
    ) {
        if pending.ticket == ANSWERED {
            return;
        }
        self.stats.waiting -= 1;
        self.stats.answers += 1;
        self.stats.appended += u64::from(appended);
        let result = Ok(Answered {
            answer,
            token,
            appended,
        });
        self.effects.push(Effect::Answer {
            ticket: pending.ticket,
            result,
        });
    }
}

/// Ticket of a command that a planted bug has answered too early.
const ANSWERED: u64 = u64::MAX;
