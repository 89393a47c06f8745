//! What must be known before a command is decided: newest events of other streams, the search of the
//! account's own history, and its newest part page by page.
//!
//! Nothing is read while a commit that could change it is in flight in this shard: the command waits for
//! that commit, so that a crowd of equal commands gives one append and equal answers. Across shards and
//! processes the expected revisions decide.

use super::ops::{Awaited, Op};
use super::slot::Phase;
use super::{Core, Domain, Evidence, Failure, Outcome, Pending, Request, Sabotage, Work};
use crate::port::{Direction, RecordedEvent, StreamName};
use crate::transact::config::{PAST_PAGE_EVENTS, SEARCH_PAGE_EVENTS};
use crate::transact::domain::{History, NEEDS_ROUNDS_MAX, Probe};
use crate::transact::plan;
use crate::transact::walk::{Settled, Walk};

/// A command with what is known for it so far.
pub(super) struct Gathering<D: Domain> {
    pub(super) pending: Pending<D>,
    pub(super) evidence: Evidence,
    /// How often reads were begun for it; waiting does not count.
    rounds: u32,
    /// Reads still out.
    outstanding: usize,
    search: Option<Search>,
}

impl<D: Domain> Gathering<D> {
    pub(super) const fn new(pending: Pending<D>, evidence: Evidence) -> Self {
        Self {
            pending,
            evidence,
            rounds: 0,
            outstanding: 0,
            search: None,
        }
    }
}

/// The range of revisions that may hold what is sought; both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Search {
    low: u64,
    high: u64,
    /// Where the present step began to read.
    middle: u64,
    /// Where its next page begins.
    next: u64,
}

/// What a page of events tells a search.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Found(RecordedEvent),
    Absent,
    Read(Search),
}

impl Search {
    /// A search of `low..=high`, or `None` when that is empty.
    const fn over(low: u64, high: u64) -> Option<Self> {
        if low > high {
            return None;
        }
        let short = high - low < SEARCH_PAGE_EVENTS as u64;
        let middle = if short { low } else { low + (high - low) / 2 };
        Some(Self {
            low,
            high,
            middle,
            next: middle,
        })
    }

    fn page(&self) -> usize {
        let left = (self.high - self.next).saturating_add(1);
        usize::try_from(left).map_or(SEARCH_PAGE_EVENTS, |left| left.min(SEARCH_PAGE_EVENTS))
    }

    /// What a page says. Unrelated events are passed over; the first related one halves the range.
    fn step(
        self,
        events: Vec<RecordedEvent>,
        mut probe: impl FnMut(&RecordedEvent) -> Probe,
    ) -> Step {
        let mut seen_before = false;
        let mut next = self.next;
        for event in events {
            if event.revision > self.high {
                break;
            }
            next = event.revision + 1;
            match probe(&event) {
                Probe::Found => return Step::Found(event),
                Probe::Before => seen_before = true,
                // Everything from the last event before it up to here was looked at.
                Probe::After if seen_before => return Step::Absent,
                Probe::After => return self.below(),
                Probe::Unrelated => {}
            }
        }
        if seen_before {
            return Self::over(next, self.high).map_or(Step::Absent, Step::Read);
        }
        if next > self.high {
            return self.below();
        }
        Step::Read(Self { next, ..self })
    }

    /// What is sought can only lie before the middle.
    fn below(self) -> Step {
        let high = self.middle.checked_sub(1);
        high.and_then(|high| Self::over(self.low, high))
            .map_or(Step::Absent, Step::Read)
    }
}

impl<D: Domain> Core<D> {
    /// Asks the domain what it needs, and decides or goes and gets it.
    pub(super) fn consider(&mut self, s: usize, mut gathering: Gathering<D>) {
        let slot = self.slots.at(s);
        gathering.evidence.revision = slot.revision;
        let (Some(state), Work::Command(command)) = (slot.state.as_ref(), &gathering.pending.work)
        else {
            unreachable!("commands are considered on a folded account");
        };
        let needs = self.domain.needs(state, command, &gathering.evidence);
        let mut missing = needs.streams;
        missing.retain(|stream| !gathering.evidence.has_read(stream));
        let search = needs
            .search_from
            .filter(|_| gathering.evidence.history == History::NotSearched);
        let older = gathering.evidence.older_than_past().filter(|_| needs.older);
        if missing.is_empty() && search.is_none() && older.is_none() {
            return self.decide(s, gathering);
        }
        if let Some(stream) = missing
            .iter()
            .find(|stream| self.stream_is_in_flight(stream))
        {
            self.parked.entry(stream.clone()).or_default().push(s);
            self.slots.at(s).phase = Phase::Parked(Box::new(gathering));
        } else if gathering.rounds == NEEDS_ROUNDS_MAX {
            let text = format!("the decision asked for more evidence {NEEDS_ROUNDS_MAX} times");
            self.fail(gathering.pending, Failure::Invalid(text));
        } else if !missing.is_empty() {
            self.read_evidence(s, gathering, missing);
        } else if let Some(from) = search {
            self.begin_search(s, gathering, from);
        } else if let Some(from) = older {
            self.read_past_page(s, gathering, from);
        }
    }

    fn stream_is_in_flight(&mut self, stream: &StreamName) -> bool {
        self.claims.contains_key(stream)
            || self
                .slots
                .find(stream)
                .is_some_and(|slot| slot.in_flight > 0)
    }

    fn read_evidence(&mut self, s: usize, mut gathering: Gathering<D>, missing: Vec<StreamName>) {
        gathering.rounds += 1;
        gathering.outstanding = missing.len();
        self.slots.at(s).phase = Phase::Gathering(Box::new(gathering));
        for stream in missing {
            let request = Request::ReadStream {
                stream,
                from: u64::MAX,
                direction: Direction::Backwards,
                max: 1,
            };
            self.issue(s, Awaited::Evidence, request);
        }
    }

    pub(super) fn evidence_read(&mut self, op: Op, events: Vec<RecordedEvent>) {
        let s = op.slot;
        let Request::ReadStream { stream, .. } = op.request.clone() else {
            unreachable!("evidence is read from a stream");
        };
        let newest = events.into_iter().next();
        if newest.as_ref().is_some_and(plan::may_not_count) && self.sabotage != Sabotage::TrustClaim
        {
            let walk = Box::new(Walk::newest(stream));
            return self.walk_on(op, walk, Outcome::Events(Ok(Vec::from_iter(newest))));
        }
        let settled = Settled {
            head: newest.as_ref().map(|event| event.revision),
            rest: newest.as_ref().map(|event| event.position),
            newest,
        };
        self.evidence_settled(s, stream, settled);
    }

    /// What a stream says is known.
    pub(super) fn evidence_settled(&mut self, s: usize, stream: StreamName, settled: Settled) {
        let Phase::Gathering(gathering) = &mut self.slots.at(s).phase else {
            unreachable!("evidence arrives only for a command that waits for it");
        };
        gathering.evidence.streams.push((stream, settled));
        gathering.outstanding -= 1;
        if gathering.outstanding == 0 {
            self.consider_again(s);
        }
    }

    /// After reads: the domain is asked again.
    fn consider_again(&mut self, s: usize) {
        if let Phase::Gathering(gathering) = self.slots.at(s).take_phase() {
            self.consider(s, *gathering);
            self.advance(s);
        }
    }

    fn begin_search(&mut self, s: usize, mut gathering: Gathering<D>, from: u64) {
        let slot = self.slots.at(s);
        if slot.in_flight > 0 && self.sabotage != Sabotage::SearchWhileInFlight {
            slot.phase = Phase::Draining(Box::new(gathering));
            return;
        }
        let Some(search) = slot.revision.and_then(|high| Search::over(from, high)) else {
            gathering.evidence.history = History::Absent;
            return self.consider(s, gathering);
        };
        self.read_search_page(s, gathering, search);
    }

    fn read_search_page(&mut self, s: usize, mut gathering: Gathering<D>, search: Search) {
        gathering.search = Some(search);
        let slot = self.slots.at(s);
        slot.phase = Phase::Gathering(Box::new(gathering));
        let stream = slot.stream.clone();
        let (from, max) = (search.next, search.page());
        self.issue(
            s,
            Awaited::Search,
            Request::ReadStream {
                stream,
                from,
                direction: Direction::Forwards,
                max,
            },
        );
    }

    /// Reads backwards, once everything that was decided before is durable.
    fn read_past_page(&mut self, s: usize, gathering: Gathering<D>, from: u64) {
        let slot = self.slots.at(s);
        if slot.in_flight > 0 {
            slot.phase = Phase::Draining(Box::new(gathering));
            return;
        }
        slot.phase = Phase::Gathering(Box::new(gathering));
        let stream = slot.stream.clone();
        self.issue(
            s,
            Awaited::Past,
            Request::ReadStream {
                stream,
                from,
                direction: Direction::Backwards,
                max: PAST_PAGE_EVENTS,
            },
        );
    }

    pub(super) fn past_read(&mut self, s: usize, events: Vec<RecordedEvent>) {
        let slot = self.slots.at(s);
        let Phase::Gathering(gathering) = &mut slot.phase else {
            unreachable!("a page of the past arrives only for a command that asked for it");
        };
        let expected = gathering.evidence.older_than_past();
        if events.first().map(|event| event.revision) != expected {
            let text = "a look at the past found other events than were read before".to_owned();
            return self.give_up_reading(s, Failure::Unavailable(text));
        }
        gathering.evidence.past.extend(events);
        self.consider_again(s);
    }

    pub(super) fn search_read(&mut self, s: usize, events: Vec<RecordedEvent>) {
        if events.is_empty() && self.sabotage != Sabotage::SearchWhileInFlight {
            let text = "a search of history found less than was read before".to_owned();
            return self.give_up_reading(s, Failure::Unavailable(text));
        }
        let Phase::Gathering(mut gathering) = self.slots.at(s).take_phase() else {
            unreachable!("a search page arrives only for a command that searches");
        };
        let (Some(search), Work::Command(command)) = (gathering.search, &gathering.pending.work)
        else {
            unreachable!("only commands search");
        };
        let ended = events.is_empty();
        let step = search.step(events, |event| self.domain.probe(command, event));
        gathering.evidence.history = match step {
            Step::Read(search) if !ended => return self.read_search_page(s, *gathering, search),
            Step::Read(_) | Step::Absent => History::Absent,
            Step::Found(event) => History::Found(event),
        };
        gathering.search = None;
        self.consider(s, *gathering);
        self.advance(s);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::port::Position;

    /// An event whose position says what it is: `None` unrelated, else its place in the order.
    fn event(revision: u64, place: Option<u64>) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new("account-1").unwrap(),
            revision,
            position: Position {
                commit: place.map_or(0, |p| p + 1),
                prepare: 0,
            },
            id: Uuid::nil(),
            kind: Arc::from("x.v1"),
            data: Bytes::new(),
            meta: Bytes::new(),
            recorded_at_ms: 0,
        }
    }

    fn run(history: &[Option<u64>], from: u64, sought: u64) -> (Option<u64>, usize) {
        let mut reads = 0;
        let mut search = Search::over(from, history.len() as u64 - 1);
        while let Some(at) = search {
            reads += 1;
            let page = (at.next..)
                .take(at.page())
                .map(|r| event(r, history[usize::try_from(r).unwrap()]))
                .collect();
            let step = at.step(page, |event| match event.position.commit.checked_sub(1) {
                None => Probe::Unrelated,
                Some(place) if place < sought => Probe::Before,
                Some(place) if place > sought => Probe::After,
                Some(_) => Probe::Found,
            });
            search = match step {
                Step::Found(event) => return (Some(event.revision), reads),
                Step::Absent => None,
                Step::Read(next) => Some(next),
            };
        }
        (None, reads)
    }

    proptest! {
        #[test]
        fn a_search_finds_an_event_exactly_when_history_has_it(
            gaps in prop::collection::vec((0..4_u64, 0..30_usize), 1..60),
            sought in 0..120_u64,
            from in 0..40_u64,
        ) {
            // Ordered places with gaps between, and runs of unrelated events between those.
            let mut history = Vec::new();
            let mut place = 0;
            for (gap, unrelated) in gaps {
                place += gap + 1;
                history.push(Some(place));
                history.extend(std::iter::repeat_n(None, unrelated));
            }
            let from = from.min(history.len() as u64 - 1);
            let there = history.iter().skip(usize::try_from(from).unwrap()).position(|p| *p == Some(sought));
            let there = there.map(|i| i as u64 + from);
            prop_assert_eq!(run(&history, from, sought).0, there);
        }

        #[test]
        fn unrelated_events_are_all_looked_at_once_at_most(len in 1..2_000_usize) {
            let history = vec![None; len];
            let (found, reads) = run(&history, 0, 5);
            prop_assert_eq!(found, None);
            prop_assert!(reads <= len / SEARCH_PAGE_EVENTS + 16, "{} reads", reads);
        }
    }

    #[test]
    fn a_long_history_is_searched_in_few_reads() {
        let history: Vec<_> = (0..1_000_000).map(Some).collect();
        let (found, reads) = run(&history, 0, 765_432);
        assert_eq!(found, Some(765_432));
        assert!(reads <= 20, "{reads} reads");
    }
}
