//! The accounts of a shard in memory: one slot each, with the speculative state, and the bound on how
//! many there are.
//!
//! Eviction is second chance: a hand goes round and takes the first idle slot that was not used since it
//! last came by. Absent on purpose: any decision.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::decide::Held;
use super::gather::Gathering;
use super::load::Loading;
use super::{Domain, Flight, Pending};
use crate::port::{Expected, Position, StreamName};

/// What an account is doing.
pub(super) enum Phase<D: Domain> {
    /// No state in memory; the next command loads it.
    Cold,
    /// Being folded.
    Loading(Box<Loading<D>>),
    /// The state stands at `revision`; commands are decided at once.
    Ready,
    /// The first command waits until everything in flight is durable.
    Draining(Box<Gathering<D>>),
    /// The first command waits for reads.
    Gathering(Box<Gathering<D>>),
    /// The first command waits for another stream's commit, or for room in the batch.
    Parked(Box<Gathering<D>>),
    /// A decision waits until what it was decided on is durable, or for a look at the stream's head.
    Held(Box<Held<D>>),
    /// A decision is being written in several commits; nothing else is decided.
    Staged,
    /// A commit failed; the state is dropped and the rest of what is in flight is awaited.
    Settling,
    /// A commit is in doubt and being sent again or looked up.
    Doubt,
    /// History is damaged; refuses everything.
    Damaged(Box<str>),
}

/// What is left to put right after a failure.
pub(super) struct Trouble<D: Domain> {
    /// Commands to decide again.
    pub(super) redo: Vec<Pending<D>>,
    /// Commits whose outcome is unknown, in order.
    pub(super) doubts: VecDeque<Flight<D>>,
}

impl<D: Domain> Default for Trouble<D> {
    fn default() -> Self {
        Self {
            redo: Vec::new(),
            doubts: VecDeque::new(),
        }
    }
}

/// One account.
pub(super) struct Slot<D: Domain> {
    pub(super) stream: StreamName,
    /// With everything decided so far, durable or not.
    pub(super) state: Option<D::State>,
    /// Newest revision in `state`.
    pub(super) revision: Option<u64>,
    /// Id of the event at `revision`.
    pub(super) last_event: Uuid,
    /// Newest durable position known for this account.
    pub(super) position: Option<Position>,
    /// Events up to the newest snapshot.
    pub(super) snapshot_events: u64,
    /// Flights and riders that have not landed.
    pub(super) in_flight: u32,
    /// Grows when the state is dropped: what was decided before is then void.
    pub(super) epoch: u32,
    /// Grows when reads under way have lost their meaning.
    pub(super) reading: u32,
    /// Batch of the newest flight.
    pub(super) last_batch: u64,
    /// Since the hand last came by.
    pub(super) used: bool,
    pub(super) phase: Phase<D>,
    pub(super) queue: VecDeque<Pending<D>>,
    pub(super) trouble: Option<Box<Trouble<D>>>,
}

impl<D: Domain> Slot<D> {
    const fn new(stream: StreamName, epoch: u32, reading: u32) -> Self {
        Self {
            stream,
            state: None,
            revision: None,
            last_event: Uuid::nil(),
            position: None,
            snapshot_events: 0,
            in_flight: 0,
            epoch,
            reading,
            last_batch: 0,
            used: true,
            phase: Phase::Cold,
            queue: VecDeque::new(),
            trouble: None,
        }
    }

    /// Takes the phase out; the slot is `Ready` until another is set.
    pub(super) const fn take_phase(&mut self) -> Phase<D> {
        std::mem::replace(&mut self.phase, Phase::Ready)
    }

    pub(super) const fn next_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.next_reading();
    }

    pub(super) const fn next_reading(&mut self) {
        self.reading = self.reading.wrapping_add(1);
    }

    pub(super) fn trouble(&mut self) -> &mut Trouble<D> {
        self.trouble.get_or_insert_default()
    }

    /// Events in the stream with everything decided so far.
    pub(super) const fn events(&self) -> u64 {
        match self.revision {
            Some(revision) => revision + 1,
            None => 0,
        }
    }

    /// Where the stream must stand for the next decision.
    pub(super) const fn expected(&self) -> Expected {
        match self.revision {
            Some(revision) => Expected::Exact(revision),
            None => Expected::NoStream,
        }
    }

    /// Whether nothing is under way for it.
    pub(super) fn idle(&self) -> bool {
        let resting = match self.phase {
            Phase::Cold | Phase::Ready | Phase::Damaged(_) => true,
            Phase::Loading(_)
            | Phase::Draining(_)
            | Phase::Gathering(_)
            | Phase::Parked(_)
            | Phase::Held(_)
            | Phase::Staged
            | Phase::Settling
            | Phase::Doubt => false,
        };
        resting && self.in_flight == 0 && self.queue.is_empty() && self.trouble.is_none()
    }
}

/// All slots of a shard.
pub(super) struct Slots<D: Domain> {
    slots: Vec<Slot<D>>,
    by_name: FxHashMap<StreamName, usize>,
    hand: usize,
}

impl<D: Domain> Default for Slots<D> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            by_name: FxHashMap::default(),
            hand: 0,
        }
    }
}

impl<D: Domain> Slots<D> {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// The slot with this number.
    #[expect(
        clippy::indexing_slicing,
        reason = "numbers are given out by this table, which never shrinks"
    )]
    pub(super) fn at(&mut self, s: usize) -> &mut Slot<D> {
        &mut self.slots[s]
    }

    /// The slot of a stream, if it is in memory.
    pub(super) fn find(&mut self, stream: &StreamName) -> Option<&mut Slot<D>> {
        let s = *self.by_name.get(stream)?;
        Some(self.at(s))
    }

    /// The slot of a stream, made cold if it is not in memory; another is given up when there are `max`.
    pub(super) fn find_or_make(&mut self, stream: StreamName, max: usize) -> usize {
        if let Some(s) = self.by_name.get(&stream) {
            return *s;
        }
        let s = if self.slots.len() < max {
            None
        } else {
            self.give_up_one()
        };
        let s = if let Some(s) = s {
            let slot = self.at(s);
            slot.next_epoch();
            let (epoch, reading) = (slot.epoch, slot.reading);
            *slot = Slot::new(stream.clone(), epoch, reading);
            s
        } else {
            self.slots.push(Slot::new(stream.clone(), 0, 0));
            self.slots.len() - 1
        };
        self.by_name.insert(stream, s);
        s
    }

    /// Second chance; `None` when every account is busy (then there is one more than the limit, and the
    /// number of busy ones is bounded by the queue).
    fn give_up_one(&mut self) -> Option<usize> {
        for _ in 0..2 * self.slots.len() {
            self.hand = if self.hand + 1 < self.slots.len() {
                self.hand + 1
            } else {
                0
            };
            let hand = self.hand;
            let slot = self.at(hand);
            if slot.used {
                slot.used = false;
            } else if slot.idle() {
                let stream = slot.stream.clone();
                self.by_name.remove(&stream);
                return Some(hand);
            }
        }
        None
    }
}
