//! The operations a core has under way: starting them within their bound, routing their outcomes to the
//! part that waits, trying again after a pause, and giving up.
//!
//! Group appends are not here; they belong to their batch.

use super::slot::Phase;
use super::{Core, Domain, Effect, Failure, Outcome, Request};
use crate::port::ReadError;
use crate::transact::config::{READ_ATTEMPTS_MAX, retry_delay_ms};
use crate::transact::walk::{Next, Walk};

/// What an operation's outcome is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Snapshot,
    Page,
    Evidence,
    Search,
    Past,
    Head,
    /// Settles the plan that the account is locked for.
    Lock,
    Resend,
    /// Reads the stream of append number `append` of the commit in doubt.
    Verify {
        append: usize,
    },
}

pub(super) struct Op {
    pub(super) slot: usize,
    /// An outcome for an older reading of the slot is ignored.
    pub(super) reading: u32,
    pub(super) awaited: Awaited,
    pub(super) request: Request,
    pub(super) tries: u32,
    /// A pause is under way, after which the request is sent again.
    pub(super) pausing: bool,
    /// What the request is a step of.
    pub(super) walk: Option<Box<Walk>>,
}

impl<D: Domain> Core<D> {
    /// Starts an operation for an account in its present epoch.
    pub(super) fn issue(&mut self, s: usize, awaited: Awaited, request: Request) {
        let reading = self.slots.at(s).reading;
        self.start(Op {
            slot: s,
            reading,
            awaited,
            request,
            tries: 1,
            pausing: false,
            walk: None,
        });
    }

    /// Starts a walk to the newest event that counts, or to the end of a lock.
    pub(super) fn begin_walk(&mut self, s: usize, awaited: Awaited, walk: Walk) {
        let reading = self.slots.at(s).reading;
        self.start(Op {
            slot: s,
            reading,
            awaited,
            request: walk.request(),
            tries: 1,
            pausing: false,
            walk: Some(Box::new(walk)),
        });
    }

    /// A step of a walk is done.
    pub(super) fn walk_on(&mut self, op: Op, mut walk: Box<Walk>, outcome: Outcome) {
        let s = op.slot;
        match walk.take(outcome) {
            Next::Ask(request) => self.start(Op {
                request,
                tries: 1,
                walk: Some(walk),
                ..op
            }),
            Next::Again if op.tries < READ_ATTEMPTS_MAX => self.pause(Op {
                walk: Some(walk),
                ..op
            }),
            Next::Again => {
                let text = "what became of an earlier command is not known yet".to_owned();
                self.give_up_reading(s, Failure::Unavailable(text));
            }
            Next::Found(settled) => {
                if op.awaited == Awaited::Lock {
                    self.lock_settled(s);
                } else {
                    self.evidence_settled(s, walk.into_stream(), settled);
                }
            }
            Next::Damaged(reason) if op.awaited == Awaited::Lock => self.condemn(s, reason),
            Next::Damaged(reason) => self.give_up_reading(s, Failure::Damaged(reason)),
            Next::Refused(reason) => self.give_up_reading(s, Failure::Unavailable(reason)),
        }
    }

    pub(super) fn start(&mut self, op: Op) {
        if op.request.is_read() {
            if self.reads_flying >= self.config.reads_max {
                return self.reads_waiting.push_back(op);
            }
            self.reads_flying += 1;
        }
        let number = self.op_number();
        self.effects.push(Effect::Io {
            op: number,
            request: op.request.clone(),
        });
        self.ops.insert(number, op);
    }

    /// The same request again after a pause that grows with the tries. The pause itself is an operation
    /// that remembers the request.
    pub(super) fn pause(&mut self, op: Op) {
        let number = self.op_number();
        let ms = retry_delay_ms(op.tries);
        self.effects.push(Effect::Io {
            op: number,
            request: Request::Delay { ms },
        });
        self.ops.insert(
            number,
            Op {
                pausing: true,
                ..op
            },
        );
    }

    /// Gives an outcome to the part that waits for it.
    pub(super) fn route(&mut self, mut op: Op, outcome: Outcome) {
        let s = op.slot;
        let failed = matches!(outcome, Outcome::Events(Err(_)) | Outcome::Head(Err(_)));
        if !failed && let Some(walk) = op.walk.take() {
            return self.walk_on(op, walk, outcome);
        }
        match (op.awaited, outcome) {
            (Awaited::Snapshot, Outcome::Snapshot(found)) => self.snapshot_loaded(s, found),
            (Awaited::Resend, Outcome::Appended(results)) => self.resent(op, results),
            (_, Outcome::Events(Err(error)) | Outcome::Head(Err(error))) => {
                self.read_failed(op, error);
            }
            (Awaited::Page, Outcome::Events(Ok(events))) => self.page_loaded(s, &events),
            (Awaited::Evidence, Outcome::Events(Ok(events))) => self.evidence_read(op, events),
            (Awaited::Search, Outcome::Events(Ok(events))) => self.search_read(s, events),
            (Awaited::Past, Outcome::Events(Ok(events))) => self.past_read(s, events),
            (Awaited::Head, Outcome::Head(Ok(head))) => self.head_read(s, head),
            (Awaited::Verify { append }, Outcome::Events(Ok(events))) => {
                self.verified(op, append, &events);
            }
            (
                Awaited::Snapshot
                | Awaited::Resend
                | Awaited::Page
                | Awaited::Evidence
                | Awaited::Search
                | Awaited::Past
                | Awaited::Head
                | Awaited::Lock
                | Awaited::Verify { .. },
                Outcome::Snapshot(_)
                | Outcome::Events(_)
                | Outcome::Head(_)
                | Outcome::Appended(_)
                | Outcome::Elapsed,
            ) => unreachable!("the driver answers each request with its own kind of outcome"),
        }
    }

    /// A read failed: again after a pause, unless it was tried often enough. What became of a commit in
    /// doubt must be found out, so that read is tried without end.
    pub(super) fn read_failed(&mut self, op: Op, error: ReadError) {
        let s = op.slot;
        let must_know = matches!(op.awaited, Awaited::Verify { .. });
        match error {
            ReadError::Damaged(reason)
                if must_know || matches!(op.awaited, Awaited::Page | Awaited::Lock) =>
            {
                self.condemn(s, reason);
            }
            // Another stream, or a page of history that this command alone asked for.
            ReadError::Damaged(reason) => self.give_up_reading(s, Failure::Damaged(reason)),
            ReadError::Unavailable(_) if must_know || op.tries < READ_ATTEMPTS_MAX => {
                self.pause(op);
            }
            ReadError::Unavailable(reason) => self.give_up_reading(s, Failure::Unavailable(reason)),
        }
    }

    /// Ends what waited for a read with a failure; the rest of the account's commands go on.
    pub(super) fn give_up_reading(&mut self, s: usize, failure: Failure) {
        // Other reads of the same account that are still out must not disturb what comes next.
        self.slots.at(s).next_reading();
        match self.slots.at(s).take_phase() {
            Phase::Gathering(gathering) => self.fail(gathering.pending, failure),
            Phase::Held(held) => self.fail(held.pending, failure),
            Phase::Loading(_) => {
                self.slots.at(s).phase = Phase::Cold;
                return self.refuse_queue(s, &failure);
            }
            other @ (Phase::Cold
            | Phase::Damaged(_)
            | Phase::Ready
            | Phase::Parked(_)
            | Phase::Draining(_)
            | Phase::Staged
            | Phase::Settling
            | Phase::Doubt) => {
                self.slots.at(s).phase = other;
                return;
            }
        }
        self.advance(s);
    }

    /// From now on the account refuses everything. Nothing of it is in flight: it was being folded, or a
    /// commit in doubt was looked up.
    pub(super) fn condemn(&mut self, s: usize, reason: String) {
        let slot = self.slots.at(s);
        tracing::error!(stream = %slot.stream, %reason, "account refused: what is stored about it is damaged");
        slot.next_reading();
        slot.state = None;
        slot.phase = Phase::Damaged(reason.clone().into_boxed_str());
        let failure = Failure::Damaged(reason);
        let trouble = self.slots.at(s).trouble.take().unwrap_or_default();
        for flight in trouble.doubts {
            self.release_claims(&flight.claims);
            self.fail(flight.pending, failure.clone());
        }
        for pending in trouble.redo {
            self.fail(pending, failure.clone());
        }
        self.refuse_queue(s, &failure);
    }
}
