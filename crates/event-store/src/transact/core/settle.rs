//! What the store said: landings, failures, and finding out what became of a commit in doubt.
//!
//! The three outcomes are never blurred. Refused (too large, store closed): the command fails. Conflict:
//! the state is dropped and the command decided again, a bounded number of times. In doubt: the identical
//! commit again until the store accepts it or says wrong revision; then a read of the stream tells by
//! event ids whose events stand there. A read that shows nothing proves nothing and is repeated.

use super::ops::{Awaited, Op};
use super::slot::Phase;
use super::{Core, Domain, Entry, EntryKind, Failure, Flight, Pending, Request, Sabotage};
use crate::port::{
    AppendError, Commit, Committed, Direction, Expected, Position, RecordedEvent, StreamAppend,
    StreamName,
};
use crate::transact::plan::{Standing, compare};

impl<D: Domain> Core<D> {
    /// Takes the store's answers for one batch, in order.
    pub(super) fn settle_batch(
        &mut self,
        entries: Vec<Entry<D>>,
        results: Vec<Result<Committed, AppendError>>,
    ) {
        let mut results = results.into_iter();
        for Entry {
            slot: s,
            epoch,
            kind,
        } in entries
        {
            let stale = self.slots.at(s).epoch != epoch;
            match kind {
                EntryKind::Flight(flight) => {
                    let result = results.next();
                    let result = result
                        .unwrap_or_else(|| Err(AppendError::InDoubt("no answer came".to_owned())));
                    self.settle_flight(s, stale, flight, result);
                }
                EntryKind::Rider {
                    pending,
                    answer,
                    rest,
                } if !stale => {
                    let token = self.slots.at(s).position.max(rest);
                    self.answer(&pending, answer, token, false);
                }
                EntryKind::Rider { pending, .. } => self.slots.at(s).trouble().redo.push(pending),
            }
            self.landed_one(s);
        }
    }

    /// One of the account's entries is back; goes on when it was the last.
    fn landed_one(&mut self, s: usize) {
        let slot = self.slots.at(s);
        slot.in_flight -= 1;
        if slot.in_flight > 0 {
            return;
        }
        match slot.take_phase() {
            Phase::Settling => {
                slot.phase = Phase::Settling;
                self.resolve(s);
                self.advance(s);
            }
            Phase::Draining(gathering) => {
                self.consider(s, *gathering);
                self.advance(s);
            }
            Phase::Held(held) => {
                slot.phase = Phase::Held(held);
                self.proceed_held(s);
                self.advance(s);
            }
            Phase::Staged => {
                self.keep_snapshot_if_due(s);
                self.advance(s);
            }
            Phase::Ready => self.keep_snapshot_if_due(s),
            other @ (Phase::Cold
            | Phase::Loading(_)
            | Phase::Gathering(_)
            | Phase::Parked(_)
            | Phase::Doubt
            | Phase::Damaged(_)) => slot.phase = other,
        }
        if !self.parked.is_empty() {
            let stream = self.slots.at(s).stream.clone();
            self.wake(&stream);
        }
    }

    fn settle_flight(
        &mut self,
        s: usize,
        stale: bool,
        flight: Flight<D>,
        result: Result<Committed, AppendError>,
    ) {
        match result {
            Ok(committed) => self.landed(s, flight, committed.position),
            // Others may have carried the plan on with the very same events.
            Err(AppendError::WrongExpectedRevision { .. }) if flight.begun => {
                if !stale {
                    self.drop_state(s);
                }
                self.slots.at(s).trouble().doubts.push_back(flight);
            }
            Err(AppendError::WrongExpectedRevision { .. }) => {
                if !stale {
                    self.drop_state(s);
                }
                self.refused(s, flight, !stale);
            }
            Err(AppendError::InDoubt(reason)) => {
                let stream = &self.slots.at(s).stream;
                tracing::warn!(%stream, %reason, "commit in doubt; it is sent again unchanged");
                self.stats.in_doubt += 1;
                if !stale {
                    self.drop_state(s);
                }
                if self.sabotage == Sabotage::DecideAnewInDoubt {
                    return self.refused(s, flight, true);
                }
                self.slots.at(s).trouble().doubts.push_back(flight);
            }
            Err(AppendError::Invalid(reason)) => {
                self.rejected(s, stale, flight, Failure::Invalid(reason));
            }
            Err(AppendError::Stopped(reason)) => {
                let failure = self.takes_no_more(reason);
                self.rejected(s, stale, flight, failure);
            }
        }
    }

    /// The store took the commit: answer, or write the next part.
    fn landed(&mut self, s: usize, mut flight: Flight<D>, position: Position) {
        if let Some(next) = flight.later.pop_front() {
            flight.commit = next;
            flight.begun = true;
            flight.rest = flight.rest.max(Some(position));
            return self.board(s, flight);
        }
        let slot = self.slots.at(s);
        if flight
            .commit
            .appends
            .last()
            .is_some_and(|append| append.stream == slot.stream)
        {
            slot.position = slot.position.max(Some(position));
        }
        let token = Some(position).max(flight.rest);
        self.release_claims(&flight.claims);
        self.answer(&flight.pending, flight.answer, token, true);
    }

    /// Others wrote first: decide again, unless that happened too often. Only the first failure counts as
    /// an attempt; those behind it failed for its sake.
    fn refused(&mut self, s: usize, flight: Flight<D>, counts: bool) {
        self.release_claims(&flight.claims);
        let mut pending = flight.pending;
        self.stats.redecided += 1;
        pending.attempts += u32::from(counts);
        self.slots.at(s).trouble().redo.push(pending);
    }

    /// A store in this process that takes no more has stopped for good; a server may take the next again.
    const fn takes_no_more(&self, reason: String) -> Failure {
        if self.facts.capabilities.shared_with_others {
            Failure::Unavailable(reason)
        } else {
            Failure::Stopped(reason)
        }
    }

    fn rejected(&mut self, s: usize, stale: bool, flight: Flight<D>, failure: Failure) {
        if !stale {
            self.drop_state(s);
        }
        self.release_claims(&flight.claims);
        self.fail(flight.pending, failure);
    }

    /// Drops the speculative state and what waited on it. Goes on in [`Core::resolve`] once nothing of the
    /// account is in flight.
    pub(super) fn drop_state(&mut self, s: usize) {
        let slot = self.slots.at(s);
        slot.next_epoch();
        if self.sabotage != Sabotage::KeepStateAfterFailure {
            slot.state = None;
        }
        let waiting = match std::mem::replace(&mut slot.phase, Phase::Settling) {
            Phase::Draining(gathering) | Phase::Parked(gathering) | Phase::Gathering(gathering) => {
                Some(gathering.pending)
            }
            Phase::Held(held) => Some(held.pending),
            Phase::Cold
            | Phase::Loading(_)
            | Phase::Ready
            | Phase::Staged
            | Phase::Settling
            | Phase::Doubt
            | Phase::Damaged(_) => None,
        };
        slot.trouble().redo.extend(waiting);
    }

    /// Everything of a failed account is back: settles what is in doubt, one commit after the other, then
    /// lets the account be folded anew with its commands in their old order. The caller then advances it.
    pub(super) fn resolve(&mut self, s: usize) {
        let slot = self.slots.at(s);
        assert!(
            slot.in_flight == 0,
            "an account is put right only when nothing of it is in flight"
        );
        if let Some(first) = slot.trouble().doubts.front() {
            let commit = first.commit.clone();
            slot.phase = Phase::Doubt;
            if self.sabotage == Sabotage::TrustEmptyRead {
                let last = commit.appends.len().saturating_sub(1);
                return self.look_up(s, &commit, last);
            }
            return self.issue(s, Awaited::Resend, Request::Append(vec![commit]));
        }
        slot.phase = Phase::Cold;
        let mut redo = slot.trouble.take().unwrap_or_default().redo;
        redo.sort_by_key(|pending| std::cmp::Reverse(pending.seq));
        for pending in redo {
            if let Some(pending) = self.within_attempts(s, pending) {
                self.slots.at(s).queue.push_front(pending);
            }
        }
    }

    fn within_attempts(&mut self, s: usize, pending: Pending<D>) -> Option<Pending<D>> {
        if pending.attempts < self.config.attempts_max {
            return Some(pending);
        }
        let stream = self.slots.at(s).stream.as_str().to_owned();
        let failure = Failure::Conflict {
            stream,
            attempts: pending.attempts,
        };
        self.fail(pending, failure);
        None
    }

    /// The store's answer to a commit sent again.
    pub(super) fn resent(&mut self, op: Op, results: Vec<Result<Committed, AppendError>>) {
        let s = op.slot;
        let result = results.into_iter().next();
        let result =
            result.unwrap_or_else(|| Err(AppendError::InDoubt("no answer came".to_owned())));
        if matches!(result, Err(AppendError::InDoubt(_))) {
            return self.pause(op);
        }
        let Some(flight) = self.slots.at(s).trouble().doubts.pop_front() else {
            unreachable!("only commits in doubt are sent again");
        };
        match result {
            Ok(committed) => self.landed(s, flight, committed.position),
            Err(AppendError::WrongExpectedRevision { stream, actual, .. }) => {
                let (append, before) = find_append(&flight.commit, &stream, actual);
                if !before {
                    let commit = flight.commit.clone();
                    self.slots.at(s).trouble().doubts.push_front(flight);
                    return self.look_up(s, &commit, append);
                }
                self.refused(s, flight, true);
            }
            Err(
                AppendError::Stopped(reason)
                | AppendError::Invalid(reason)
                | AppendError::InDoubt(reason),
            ) => {
                self.release_claims(&flight.claims);
                let text = format!(
                    "{reason}; whether this command was written will be known when it is sent again"
                );
                let failure = self.takes_no_more(text);
                self.fail(flight.pending, failure);
            }
        }
        self.doubt_settled(s);
    }

    /// One commit in doubt is known; on to the next, or to its own later parts.
    fn doubt_settled(&mut self, s: usize) {
        let slot = self.slots.at(s);
        slot.phase = Phase::Settling;
        if slot.in_flight == 0 {
            self.resolve(s);
            self.advance(s);
        }
    }

    /// Reads what stands where the events of append number `append` would stand.
    fn look_up(&mut self, s: usize, commit: &Commit, append: usize) {
        let Some(StreamAppend {
            stream,
            expected,
            events,
        }) = commit.appends.get(append)
        else {
            unreachable!("a commit in doubt is looked up in one of its own streams");
        };
        let from = match expected {
            Expected::Exact(revision) => revision + 1,
            Expected::NoStream | Expected::Any => 0,
        };
        let (stream, max) = (stream.clone(), events.len());
        let request = Request::ReadStream {
            stream,
            from,
            direction: Direction::Forwards,
            max,
        };
        self.issue(s, Awaited::Verify { append }, request);
    }

    /// Whose events stand there.
    pub(super) fn verified(&mut self, op: Op, append: usize, found: &[RecordedEvent]) {
        let s = op.slot;
        let Some(flight) = self.slots.at(s).trouble().doubts.pop_front() else {
            unreachable!("only commits in doubt are looked up");
        };
        let ours = flight
            .commit
            .appends
            .get(append)
            .map_or(&[][..], |append| &append.events);
        let last = flight.commit.appends.len().saturating_sub(1);
        match (compare(ours, found), found.last()) {
            (Standing::Ours, Some(newest)) if append == last => {
                self.landed(s, flight, newest.position);
            }
            (Standing::Ours, _) => {
                // Atomic: the rest is there too. The last stream gives the position of the whole.
                let commit = flight.commit.clone();
                self.slots.at(s).trouble().doubts.push_front(flight);
                return self.look_up(s, &commit, last);
            }
            (Standing::Unknown, _) if self.sabotage != Sabotage::TrustEmptyRead => {
                // What it was refused for may be gone: a leader that died before others had it.
                let request = Request::Append(vec![flight.commit.clone()]);
                self.slots.at(s).trouble().doubts.push_front(flight);
                return self.pause(Op {
                    awaited: Awaited::Resend,
                    request,
                    ..op
                });
            }
            (Standing::Unknown | Standing::Others, _) => self.refused(s, flight, true),
        }
        self.doubt_settled(s);
    }

    pub(super) fn release_claims(&mut self, claims: &[StreamName]) {
        for claim in claims {
            if let Some(count) = self.claims.get_mut(claim) {
                *count -= 1;
                if *count == 0 {
                    self.claims.remove(claim);
                    self.wake(claim);
                }
            }
        }
    }

    /// Goes on with accounts that waited for a stream: they look again before anything else is decided.
    fn wake(&mut self, stream: &StreamName) {
        for s in self.parked.remove(stream).unwrap_or_default() {
            self.resume(s);
        }
    }
}

/// Which append of a commit names `stream`, and whether the stream stands before the place of its events,
/// so that they cannot be there.
fn find_append(commit: &Commit, stream: &StreamName, actual: Option<u64>) -> (usize, bool) {
    let found = commit
        .appends
        .iter()
        .enumerate()
        .find(|(_, append)| append.stream == *stream);
    let Some((place, append)) = found else {
        return (commit.appends.len().saturating_sub(1), false);
    };
    let before = match append.expected {
        Expected::Exact(revision) => actual.is_none_or(|actual| actual < revision),
        Expected::NoStream | Expected::Any => false,
    };
    (place, before)
}
