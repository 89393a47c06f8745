//! Folding an account: snapshot if one fits, then the tail of its stream, page by page; and making
//! snapshots of accounts that rest.
//!
//! A snapshot is believed only when its digest, schema, store and stream fit and the stream still has,
//! at the snapshot's revision, the very event it was made after. Otherwise the stream is folded from the
//! beginning.

use bytes::Bytes;
use uuid::Uuid;

use super::ops::Awaited;
use super::slot::Phase;
use super::{Core, Domain, Request, Sabotage};
use crate::port::{Direction, Position, RecordedEvent};
use crate::snapshot::{SNAPSHOT_BYTES_MAX, Snapshot, SnapshotAt};
use crate::transact::config::LOAD_PAGE_EVENTS;
use crate::transact::domain::PastEvent;
use crate::transact::plan::{BEGUN, is_bookkeeping};
use crate::transact::walk::Walk;

/// An account half folded.
pub(super) struct Loading<D: Domain> {
    /// `None` until the fold begins.
    state: Option<D::State>,
    revision: Option<u64>,
    last_event: Uuid,
    position: Option<Position>,
    snapshot_events: u64,
    /// The event the snapshot was made after, until it has been seen in the stream.
    stands_on: Option<(u64, Uuid)>,
    /// The newest event, when it locks the account.
    locked: Option<Box<RecordedEvent>>,
}

impl<D: Domain> Loading<D> {
    const fn empty() -> Self {
        Self {
            state: None,
            revision: None,
            last_event: Uuid::nil(),
            position: None,
            snapshot_events: 0,
            stands_on: None,
            locked: None,
        }
    }
}

/// Why a fold stopped.
enum Broken {
    /// The snapshot and the stream do not fit together.
    Snapshot(&'static str),
    /// History cannot be folded.
    History(String),
}

impl<D: Domain> Core<D> {
    pub(super) fn begin_load(&mut self, s: usize) {
        self.stats.loads += 1;
        let slot = self.slots.at(s);
        slot.phase = Phase::Loading(Box::new(Loading::empty()));
        if self.facts.snapshots {
            let stream = slot.stream.clone();
            self.issue(s, Awaited::Snapshot, Request::LoadSnapshot(stream));
        } else {
            self.fold_from_start(s);
        }
    }

    pub(super) fn snapshot_loaded(&mut self, s: usize, found: Option<Snapshot>) {
        let Some(snapshot) = found else {
            return self.fold_from_start(s);
        };
        match self.restore(s, &snapshot) {
            Ok(state) => {
                let at = snapshot.at;
                let loading = Loading {
                    state: Some(state),
                    snapshot_events: at.revision + 1,
                    stands_on: Some((at.revision, at.event)),
                    ..Loading::empty()
                };
                self.read_page(s, loading, at.revision);
            }
            Err(reason) => {
                self.ignore_snapshot(s, reason);
                self.fold_from_start(s);
            }
        }
    }

    fn restore(&mut self, s: usize, snapshot: &Snapshot) -> Result<D::State, &'static str> {
        let stream = &self.slots.at(s).stream;
        if self.sabotage != Sabotage::TrustSnapshot {
            snapshot.check(self.facts.id, &self.schema, stream)?;
        }
        self.domain
            .restore(stream, &snapshot.state)
            .ok_or("its bytes are not a state")
    }

    fn ignore_snapshot(&mut self, s: usize, reason: &str) {
        self.stats.snapshots_ignored += 1;
        let stream = &self.slots.at(s).stream;
        tracing::warn!(%stream, %reason, "snapshot ignored; the account is folded from its stream");
    }

    fn fold_from_start(&mut self, s: usize) {
        let slot = self.slots.at(s);
        let left = if self.sabotage == Sabotage::KeepStateAfterFailure {
            slot.state.take()
        } else {
            None
        };
        let state = left.unwrap_or_else(|| self.domain.initial(&slot.stream));
        self.read_page(
            s,
            Loading {
                state: Some(state),
                ..Loading::empty()
            },
            0,
        );
    }

    fn read_page(&mut self, s: usize, loading: Loading<D>, from: u64) {
        let slot = self.slots.at(s);
        slot.phase = Phase::Loading(Box::new(loading));
        let stream = slot.stream.clone();
        let request = Request::ReadStream {
            stream,
            from,
            direction: Direction::Forwards,
            max: LOAD_PAGE_EVENTS,
        };
        self.issue(s, Awaited::Page, request);
    }

    pub(super) fn page_loaded(&mut self, s: usize, events: &[RecordedEvent]) {
        let Phase::Loading(mut loading) = self.slots.at(s).take_phase() else {
            unreachable!("a page arrives only while its account is being folded");
        };
        match self.fold_page(&mut loading, events) {
            Err(Broken::Snapshot(reason)) => {
                self.ignore_snapshot(s, reason);
                self.fold_from_start(s);
            }
            Err(Broken::History(reason)) => {
                self.slots.at(s).phase = Phase::Loading(loading);
                self.condemn(s, reason);
            }
            Ok(()) if events.len() < LOAD_PAGE_EVENTS => match loading.locked.take() {
                Some(begun) => self.settle_lock(s, loading, &begun),
                None => self.loaded(s, *loading),
            },
            Ok(()) => {
                let next = loading.revision.map_or(0, |revision| revision + 1);
                self.read_page(s, *loading, next);
            }
        }
    }

    fn fold_page(&self, loading: &mut Loading<D>, events: &[RecordedEvent]) -> Result<(), Broken> {
        let mut events = events;
        if let Some((revision, id)) = loading.stands_on.take() {
            let Some((first, rest)) = events.split_first() else {
                return Err(Broken::Snapshot("the stream ends before its revision"));
            };
            if first.revision != revision
                || (first.id != id && self.sabotage != Sabotage::TrustSnapshot)
            {
                return Err(Broken::Snapshot(
                    "the stream has another event at its revision",
                ));
            }
            loading.note(first);
            events = rest;
        }
        let Some(state) = loading.state.as_mut() else {
            return Ok(());
        };
        let (mut revision, mut last) = (loading.revision, None);
        for event in events {
            let next = revision.map_or(0, |revision| revision + 1);
            if event.revision != next {
                let text = format!(
                    "{} has revision {} where {next} should be",
                    event.stream, event.revision
                );
                return Err(Broken::History(text));
            }
            revision = Some(next);
            last = Some(event);
            if is_bookkeeping(&event.kind) {
                continue;
            }
            self.domain
                .evolve(state, PastEvent::from(event))
                .map_err(|reason| {
                    if loading.snapshot_events > 0 {
                        return Broken::Snapshot("the stream does not go on from its state");
                    }
                    Broken::History(format!(
                        "{} revision {} ({}): {reason}",
                        event.stream, event.revision, event.kind
                    ))
                })?;
        }
        if let Some(last) = last {
            loading.note(last);
        }
        Ok(())
    }

    /// The account ends with a lock: its plan is settled first, and the fold goes on behind it.
    fn settle_lock(&mut self, s: usize, loading: Box<Loading<D>>, begun: &RecordedEvent) {
        let ignored = self.sabotage == Sabotage::IgnoreLock;
        match Walk::lock(begun) {
            Ok(_) if ignored => self.loaded(s, *loading),
            Ok(walk) => {
                self.slots.at(s).phase = Phase::Loading(loading);
                self.begin_walk(s, Awaited::Lock, walk);
            }
            Err(reason) => {
                self.slots.at(s).phase = Phase::Loading(loading);
                self.condemn(s, reason);
            }
        }
    }

    pub(super) fn lock_settled(&mut self, s: usize) {
        let Phase::Loading(loading) = self.slots.at(s).take_phase() else {
            unreachable!("a lock is settled only while its account is being folded");
        };
        let next = loading.revision.map_or(0, |revision| revision + 1);
        self.read_page(s, *loading, next);
    }

    fn loaded(&mut self, s: usize, loading: Loading<D>) {
        let slot = self.slots.at(s);
        slot.state = loading.state;
        slot.revision = loading.revision;
        slot.last_event = loading.last_event;
        slot.position = loading.position;
        slot.snapshot_events = loading.snapshot_events;
        slot.phase = Phase::Ready;
        self.keep_snapshot_if_due(s);
        self.advance(s);
    }

    pub(super) fn keep_snapshot_if_due(&mut self, s: usize) {
        if let Some(snapshot) = self.snapshot_if_due(s, self.config.snapshot_every) {
            self.effects.push(super::Effect::Save(Box::new(snapshot)));
        }
    }

    /// A snapshot of an account with nothing in flight, when its newest one is at least `distance` events
    /// old.
    pub(super) fn snapshot_if_due(&mut self, s: usize, distance: u64) -> Option<Snapshot> {
        let slot = self.slots.at(s);
        let rests = matches!(slot.phase, Phase::Ready) && slot.in_flight == 0;
        let (revision, state) = (slot.revision?, slot.state.as_ref()?);
        if !self.facts.snapshots
            || !rests
            || slot.events().saturating_sub(slot.snapshot_events) < distance
        {
            return None;
        }
        let bytes = self.domain.snapshot(state);
        // Also when there is none: the domain is not asked again at every event.
        slot.snapshot_events = slot.events();
        let bytes = bytes.filter(|bytes| bytes.len() <= SNAPSHOT_BYTES_MAX)?;
        self.stats.snapshots_saved += 1;
        let at = SnapshotAt {
            store: self.facts.id,
            schema: self.schema,
            stream: slot.stream.clone(),
            revision,
            event: slot.last_event,
        };
        Some(Snapshot::seal(at, Bytes::from(bytes)))
    }
}

impl<D: Domain> Loading<D> {
    /// Remembers the newest event seen.
    fn note(&mut self, event: &RecordedEvent) {
        self.revision = Some(event.revision);
        self.last_event = event.id;
        self.position = Some(event.position);
        self.locked = (&*event.kind == BEGUN).then(|| Box::new(event.clone()));
    }
}
