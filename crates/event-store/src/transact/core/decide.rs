//! Deciding on the speculative state, and what a decision must wait for before it may be written or
//! answered.

use std::collections::VecDeque;

use uuid::Uuid;

use super::gather::Gathering;
use super::ops::Awaited;
use super::slot::{Phase, Slot};
use super::{
    ANSWERED, AccountState, Core, Domain, Effect, Entry, EntryKind, Failure, Flight, Pending,
    Request, Sabotage, Work,
};
use crate::limits::counted_bytes;
use crate::port::{
    COMMIT_BYTES_MAX, Commit, EVENT_BYTES_MAX, Expected, NewEvent, Position, StreamAppend,
    StreamName,
};
use crate::transact::domain::Decision;
use crate::transact::plan::{self, Plan, first_revision};

/// A decision that waits until everything it was decided on is durable.
pub(super) struct Held<D: Domain> {
    pub(super) pending: Pending<D>,
    what: What<D>,
    look: Look,
}

/// Whether the stream's head is looked at first, because others write too and no expected revision of
/// the account guards the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    NotNeeded,
    Needed,
    UnderWay,
}

enum What<D: Domain> {
    /// The state as it stands.
    State,
    /// An answer that writes nothing.
    Answer {
        answer: D::Answer,
        rest: Option<Position>,
    },
    /// Commits.
    Write(Box<Writing<D>>),
}

/// A decision as commits.
struct Writing<D: Domain> {
    answer: D::Answer,
    commit: Commit,
    later: VecDeque<Commit>,
    claims: Vec<StreamName>,
    rest: Option<Position>,
}

/// The commits of a decision.
struct Parts {
    commit: Commit,
    later: VecDeque<Commit>,
}

impl Parts {
    /// Everything at once.
    fn whole<D: Domain>(
        slot: &mut Slot<D>,
        mut appends: Vec<StreamAppend>,
        events: Vec<NewEvent>,
    ) -> Self {
        appends.extend(own_append(slot, events));
        Self {
            commit: Commit { appends },
            later: VecDeque::new(),
        }
    }

    /// One after the other.
    fn one_by_one(appends: Vec<StreamAppend>) -> Self {
        let alone = |append| Commit {
            appends: vec![append],
        };
        let mut later: VecDeque<Commit> = appends.into_iter().map(alone).collect();
        let first = later.pop_front();
        Self {
            commit: first.unwrap_or(Commit {
                appends: Vec::new(),
            }),
            later,
        }
    }
}

/// The account's own events behind what was decided before.
fn own_append<D: Domain>(slot: &mut Slot<D>, events: Vec<NewEvent>) -> Option<StreamAppend> {
    slot.last_event = events.last()?.id;
    let expected = slot.expected();
    slot.revision = Some(slot.events() + events.len() as u64 - 1);
    Some(StreamAppend {
        stream: slot.stream.clone(),
        expected,
        events,
    })
}

impl<D: Domain> Held<D> {
    pub(super) const fn state(pending: Pending<D>) -> Self {
        Self {
            pending,
            what: What::State,
            look: Look::Needed,
        }
    }
}

impl<D: Domain> Core<D> {
    /// Decides a command of which everything needed is known.
    pub(super) fn decide(&mut self, s: usize, gathering: Gathering<D>) {
        if !self.has_room() {
            self.slots.at(s).phase = Phase::Parked(Box::new(gathering));
            self.runnable.push_back(s);
            return;
        }
        let Gathering {
            pending, evidence, ..
        } = gathering;
        let slot = self.slots.at(s);
        let (Some(state), Work::Command(command)) = (slot.state.as_mut(), &pending.work) else {
            unreachable!("commands are decided on a folded account");
        };
        let decision = self.domain.decide(state, command, &evidence);
        let rest = evidence.position();
        if let Err(reason) = check(&decision, &slot.stream) {
            self.fail(pending, Failure::Invalid(reason));
            return self.abandon_state(s);
        }
        let Decision {
            answer,
            mut events,
            mut claims,
        } = decision;
        let named = self.names_by_content();
        if named {
            let claimed = claims.iter_mut().flat_map(|claim| &mut claim.events);
            for event in events.iter_mut().chain(claimed) {
                event.id = plan::id_by_content(event);
            }
        }
        for claim in &mut claims {
            if evidence.newest(&claim.stream).is_none() && claim.expected == Expected::NoStream {
                // Behind what stands there and does not count.
                claim.expected = evidence.expected(&claim.stream);
            }
        }
        if self.sabotage == Sabotage::DropClaim && !events.is_empty() {
            claims.clear();
        }
        if events.is_empty() && claims.is_empty() {
            return self.answer_only(s, pending, answer, rest);
        }
        self.write(
            s,
            pending,
            Decision {
                answer,
                events,
                claims,
            },
            rest,
        );
    }

    /// Drops a state that a decision has moved although nothing of it will be written.
    fn abandon_state(&mut self, s: usize) {
        self.drop_state(s);
        if self.slots.at(s).in_flight == 0 {
            self.resolve(s);
        }
    }

    fn answer_only(
        &mut self,
        s: usize,
        pending: Pending<D>,
        answer: D::Answer,
        rest: Option<Position>,
    ) {
        let shared = self.facts.capabilities.shared_with_others;
        let slot = self.slots.at(s);
        let epoch = slot.epoch;
        if shared {
            return self.hold(
                s,
                Held {
                    pending,
                    what: What::Answer { answer, rest },
                    look: Look::Needed,
                },
            );
        }
        if slot.in_flight == 0 || self.sabotage == Sabotage::RiderDoesNotWait {
            let token = slot.position.max(rest);
            return self.answer(&pending, answer, token, false);
        }
        let batch = slot.last_batch;
        let entries = if self.building.id == batch {
            Some(&mut self.building.entries)
        } else {
            self.flying.get_mut(&batch)
        };
        // The newest flight may have landed before an older one; then nothing is left to ride on.
        let Some(entries) = entries else {
            return self.hold(
                s,
                Held {
                    pending,
                    what: What::Answer { answer, rest },
                    look: Look::NotNeeded,
                },
            );
        };
        entries.push(Entry {
            slot: s,
            epoch,
            kind: EntryKind::Rider {
                pending,
                answer,
                rest,
            },
        });
        self.slots.at(s).in_flight += 1;
    }

    fn write(
        &mut self,
        s: usize,
        pending: Pending<D>,
        decision: Decision<D::Answer>,
        rest: Option<Position>,
    ) {
        let Decision {
            answer,
            events,
            claims,
        } = decision;
        let own = !events.is_empty();
        let names: Vec<StreamName> = claims.iter().map(|claim| claim.stream.clone()).collect();
        let parts = claims.len() + usize::from(own);
        let staged = !self.facts.capabilities.atomic_over_streams && parts > 1;
        let parts = if staged {
            self.stage(s, claims, events)
        } else {
            Ok(Parts::whole(self.slots.at(s), claims, events))
        };
        let Parts { commit, later } = match parts {
            Ok(parts) => parts,
            Err(reason) => {
                self.fail(pending, Failure::Invalid(reason));
                return self.abandon_state(s);
            }
        };
        let writing = Writing {
            answer,
            commit,
            later,
            claims: names,
            rest,
        };
        let unguarded = !own && self.sabotage != Sabotage::ClaimDoesNotWait;
        if staged || unguarded {
            let look = if own { Look::NotNeeded } else { Look::Needed };
            self.hold(
                s,
                Held {
                    pending,
                    what: What::Write(Box::new(writing)),
                    look,
                },
            );
        } else {
            self.launch(s, pending, writing);
        }
    }

    /// Whether the store may take another process's events for ours.
    fn names_by_content(&self) -> bool {
        self.facts.capabilities.shared_with_others && self.sabotage != Sabotage::IdsWithoutContent
    }

    /// A decision over several streams as a claim with its plan, and the plan's steps.
    fn stage(
        &mut self,
        s: usize,
        mut claims: Vec<StreamAppend>,
        events: Vec<NewEvent>,
    ) -> Result<Parts, String> {
        let (sabotage, named) = (self.sabotage, self.names_by_content());
        let slot = self.slots.at(s);
        let Some(mut claim) = claims.pop() else {
            return Err("a decision over several streams needs a claim".to_owned());
        };
        let mut steps = Vec::with_capacity(claims.len() + 2);
        let beside = !claims.is_empty() && sabotage != Sabotage::SkipLock;
        if beside && !events.is_empty() {
            steps.extend(plan::lock(&slot.stream, slot.expected(), &claim));
            slot.revision = Some(first_revision(slot.expected()));
        }
        steps.extend(claims);
        steps.extend(own_append(slot, events));
        if sabotage == Sabotage::ClaimAfterEvents {
            steps.push(claim);
            steps.reverse();
            return Ok(Parts::one_by_one(steps));
        }
        let plan = Plan { steps };
        if let Some(event) = claim.events.first_mut() {
            if let Expected::Exact(revision) = claim.expected {
                event.id = Uuid::new_v5(&event.id, format!("again {revision}").as_bytes());
            }
            plan.attach(event)?;
            if named {
                event.id = plan::id_by_content(event);
            }
            let size = event_bytes(event);
            if size > EVENT_BYTES_MAX {
                return Err(format!(
                    "the claim of {} has {size} bytes with what it names, at most {EVENT_BYTES_MAX} fit",
                    claim.stream
                ));
            }
        }
        let mut all = vec![claim];
        all.extend(plan.steps);
        Ok(Parts::one_by_one(all))
    }

    /// Keeps a decision until nothing of the account is in flight.
    pub(super) fn hold(&mut self, s: usize, mut held: Held<D>) {
        let shared = self.facts.capabilities.shared_with_others;
        if !shared || self.sabotage == Sabotage::SkipHeadCheck {
            held.look = Look::NotNeeded;
        }
        self.slots.at(s).phase = Phase::Held(Box::new(held));
        self.proceed_held(s);
    }

    /// Goes on with a held decision if it may. The caller then advances the account.
    pub(super) fn proceed_held(&mut self, s: usize) {
        let room = self.has_room();
        let slot = self.slots.at(s);
        if slot.in_flight > 0 {
            return;
        }
        let mut held = match slot.take_phase() {
            Phase::Held(held) => held,
            other @ (Phase::Cold
            | Phase::Loading(_)
            | Phase::Ready
            | Phase::Draining(_)
            | Phase::Gathering(_)
            | Phase::Parked(_)
            | Phase::Staged
            | Phase::Settling
            | Phase::Doubt
            | Phase::Damaged(_)) => {
                slot.phase = other;
                return;
            }
        };
        match held.look {
            Look::NotNeeded => {}
            Look::UnderWay => {
                slot.phase = Phase::Held(held);
                return;
            }
            Look::Needed => {
                held.look = Look::UnderWay;
                slot.phase = Phase::Held(held);
                let stream = slot.stream.clone();
                return self.issue(s, Awaited::Head, Request::Head(stream));
            }
        }
        let Held { pending, what, .. } = *held;
        match what {
            What::State => self.answer_state(s, &pending),
            What::Answer { answer, rest } => {
                let token = slot.position.max(rest);
                self.answer(&pending, answer, token, false);
            }
            What::Write(writing) if !room => {
                slot.phase = Phase::Held(Box::new(Held {
                    pending,
                    what: What::Write(writing),
                    look: Look::NotNeeded,
                }));
                self.runnable.push_back(s);
            }
            What::Write(writing) => {
                slot.phase = if writing.later.is_empty() {
                    Phase::Ready
                } else {
                    Phase::Staged
                };
                self.launch(s, pending, *writing);
            }
        }
    }

    /// The stream's head, asked for a decision that no expected revision guards.
    pub(super) fn head_read(&mut self, s: usize, head: Option<u64>) {
        let slot = self.slots.at(s);
        let current = head == slot.revision;
        let Phase::Held(held) = &mut slot.phase else {
            unreachable!("the head is read only for a held decision");
        };
        if current {
            held.look = Look::NotNeeded;
            self.proceed_held(s);
        } else {
            held.pending.attempts += 1;
            self.stats.redecided += 1;
            self.drop_state(s);
            self.resolve(s);
        }
        self.advance(s);
    }

    fn answer_state(&mut self, s: usize, pending: &Pending<D>) {
        let slot = self.slots.at(s);
        let Some(state) = slot.state.clone() else {
            unreachable!("a state is told only of a folded account");
        };
        let result = Ok(AccountState {
            state,
            revision: slot.revision,
            token: slot.position,
        });
        self.stats.waiting -= 1;
        self.stats.answers += 1;
        self.effects.push(Effect::State {
            ticket: pending.ticket,
            result,
        });
    }

    /// Puts a commit into the batch.
    fn launch(&mut self, s: usize, mut pending: Pending<D>, writing: Writing<D>) {
        let Writing {
            answer,
            commit,
            later,
            claims,
            rest,
        } = writing;
        if self.sabotage == Sabotage::AnswerBeforeDurable {
            self.answer(&pending, answer.clone(), rest, true);
            pending.ticket = ANSWERED;
        }
        for claim in &claims {
            *self.claims.entry(claim.clone()).or_insert(0) += 1;
        }
        self.board(
            s,
            Flight {
                pending,
                answer,
                commit,
                later,
                begun: false,
                claims,
                rest,
            },
        );
    }

    /// Puts a flight's present commit into the batch.
    pub(super) fn board(&mut self, s: usize, flight: Flight<D>) {
        let building = &mut self.building;
        let slot = self.slots.at(s);
        slot.in_flight += 1;
        slot.last_batch = building.id;
        building.bytes += commit_bytes(&flight.commit);
        building.commits.push(flight.commit.clone());
        building.entries.push(Entry {
            slot: s,
            epoch: slot.epoch,
            kind: EntryKind::Flight(flight),
        });
    }
}

fn event_bytes(event: &NewEvent) -> usize {
    event.data.len() + event.meta.len()
}

fn commit_bytes(commit: &Commit) -> usize {
    commit
        .appends
        .iter()
        .flat_map(|append| &append.events)
        .map(event_bytes)
        .sum()
}

/// Whether a decision can be written: limits of the port, and streams that can be recognised in doubt.
fn check<A>(decision: &Decision<A>, own: &StreamName) -> Result<(), String> {
    let claimed = || decision.claims.iter().flat_map(|claim| &claim.events);
    let mut bytes = 0;
    for event in decision.events.iter().chain(claimed()) {
        let size = event_bytes(event);
        bytes += counted_bytes(event);
        if size > EVENT_BYTES_MAX {
            return Err(format!(
                "event {} has {size} bytes, at most {EVENT_BYTES_MAX} fit",
                event.kind
            ));
        }
    }
    if bytes > COMMIT_BYTES_MAX {
        return Err(format!(
            "the decision has {bytes} bytes (kinds count double), at most {COMMIT_BYTES_MAX} fit into one commit"
        ));
    }
    for (i, claim) in decision.claims.iter().enumerate() {
        let again = decision
            .claims
            .iter()
            .skip(i + 1)
            .any(|other| other.stream == claim.stream);
        if claim.stream == *own || again {
            return Err(format!(
                "stream {} is written twice by one decision",
                claim.stream
            ));
        }
        if claim.expected == Expected::Any || claim.events.is_empty() {
            return Err(format!(
                "the claim of {} needs an event and an expected revision",
                claim.stream
            ));
        }
    }
    Ok(())
}
