//! Decisions of cases (E14, E16): the key first, then the core's table, roles, input and policy; last, for a
//! consumer's number, what the number's own stream says.

use std::sync::Arc;

use bytes::Bytes;
use event_store::transact::{Decision, Evidence, Needs};
use event_store::{Expected, NewEvent, StreamAppend};
use ledger_core::answer::{Answer, StepTaken};
use ledger_core::application::{Application, ApplicationCommand, StepFacts};
use ledger_core::command::Source;
use ledger_core::complaint::Complaint;
use ledger_core::event::{AccountNumberReserved, ApplicationEvent, Event, encode, kind_of};
use ledger_core::ids::{AccountId, ApplicationId, CommandKey};
use ledger_core::rejection::{DeskRefusal, Rejection};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;
use ledger_core::{application, complaint, suspense};

use super::encode::Beside;
use super::meters::ClaimError;
use super::{LedgerDomain, keys, numbers};
use crate::ids::Ids;
use crate::meta::{Cause, MetaLine};
use crate::task::{CaseTask, CaseWork, Verdict, account_stream};

/// The key first; only a new key of a payment needs more: the number that is given.
pub(super) fn needs(task: &CaseTask, known: &Evidence) -> Needs {
    if !known.has_read(&task.claim.stream) {
        return Needs::stream(task.claim.stream.clone());
    }
    match given(&task.work) {
        Some(number) if known.newest(&task.claim.stream).is_none() => {
            Needs::stream(account_stream(number))
        }
        Some(_) | None => Needs::nothing(),
    }
}

/// The number that a payment gives.
fn given(work: &CaseWork) -> Option<&AccountId> {
    if let CaseWork::Application(_, ApplicationCommand::PayCharge(pay)) = work {
        Some(&pay.number)
    } else {
        None
    }
}

/// A fact, with what its answer says.
struct Taken {
    event: Event,
    answer: StepTaken,
}

impl LedgerDomain {
    pub(super) fn decide_application(
        &self,
        state: &mut Application,
        task: &CaseTask,
        evidence: &Evidence,
    ) -> Decision<Verdict> {
        if let Some(verdict) = keys::remembered(&task.claim, evidence) {
            return Decision::answer(verdict);
        }
        let CaseWork::Application(id, command) = &task.work else {
            return Decision::answer(Verdict::Damaged("no step of an application".to_owned()));
        };
        let policy = match self.policy_of_application(state, command) {
            Ok(policy) => policy,
            Err(refusal) => return refuse(refusal),
        };
        let policy = policy.in_force_at(task.received_at);
        let facts = StepFacts {
            id,
            by: &task.by,
            received_at: task.received_at,
            key: &task.claim.key,
        };
        let at = task.received_at.max(state.newest_at());
        let decided = application::decide(state, policy, &facts, command);
        let decided =
            decided.and_then(
                |event| match self.reserve(id, &event, (task, at), evidence) {
                    Ok(claims) => Ok((event, claims)),
                    Err(ClaimError::Refused(refusal)) => Err(refusal),
                    Err(ClaimError::Damaged(damage)) => Err(Rejection::BadInput {
                        field: "number".to_owned(),
                        reason: damage,
                    }),
                },
            );
        let (event, claims) = match decided {
            Ok(decided) => decided,
            Err(refusal) => return self.refuse_step(task, command, policy, refusal),
        };
        state.evolve(&event, at);
        let receipt = if let ApplicationEvent::ConnectionChargePaid(paid) = &event {
            Some(paid.rc.clone())
        } else {
            None
        };
        let answer = StepTaken {
            case: id.to_string(),
            stage: state.stage().code().to_owned(),
            number: state.number().cloned(),
            receipt,
        };
        let event = Event::Application(event);
        self.record(task, at, Taken { event, answer }, claims)
    }

    pub(super) fn decide_complaint(
        &self,
        state: &mut Complaint,
        task: &CaseTask,
        evidence: &Evidence,
    ) -> Decision<Verdict> {
        if let Some(verdict) = keys::remembered(&task.claim, evidence) {
            return Decision::answer(verdict);
        }
        let CaseWork::Complaint(command) = &task.work else {
            return Decision::answer(Verdict::Damaged("no step of a complaint".to_owned()));
        };
        let at = task.received_at.max(state.newest_at());
        let today = self.policies().default_policy().zone().date_of(at);
        let event = match complaint::decide(state, &task.by, today, command) {
            Ok(event) => event,
            Err(refusal) => return refuse(refusal),
        };
        state.evolve(&event, at);
        let case = task.stream.as_str().strip_prefix("complaint-");
        let answer = StepTaken {
            case: case.unwrap_or_default().to_owned(),
            stage: state.stage().code().to_owned(),
            number: None,
            receipt: None,
        };
        let event = Event::Complaint(event);
        self.record(task, at, Taken { event, answer }, Vec::new())
    }

    /// The scheme that the form names, or named.
    fn policy_of_application(
        &self,
        state: &Application,
        command: &ApplicationCommand,
    ) -> Result<Arc<SchemePolicy>, Rejection> {
        let asked = if let ApplicationCommand::Save(form) | ApplicationCommand::Enter { form, .. } =
            command
        {
            Some(form.scheme.as_str())
        } else {
            None
        };
        let name = state.form().map(|form| form.scheme.as_str()).or(asked);
        match name {
            None => Ok(self.policies().default_policy()),
            Some(name) => self
                .policies()
                .named(name)
                .ok_or_else(|| Rejection::UnknownScheme {
                    scheme: name.to_owned(),
                }),
        }
    }

    /// The claim of the consumer's number, where the fact gives one.
    fn reserve(
        &self,
        id: &ApplicationId,
        event: &ApplicationEvent,
        (task, at): (&CaseTask, Timestamp),
        evidence: &Evidence,
    ) -> Result<Vec<StreamAppend>, ClaimError> {
        let ApplicationEvent::ConnectionChargePaid(paid) = event else {
            return Ok(Vec::new());
        };
        let stream = account_stream(&paid.n);
        if let Some(holder) = numbers::holder(evidence, &stream, &paid.n)? {
            let number = paid.n.clone();
            let taken = DeskRefusal::NumberTaken { number, holder };
            return Err(ClaimError::Refused(taken.into()));
        }
        let reserved = AccountNumberReserved {
            n: paid.n.clone(),
            application: id.clone(),
        };
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids, at);
        let stored = self
            .kinds
            .beside(stream.as_str(), &Event::Reserved(reserved), &origin);
        Ok(vec![StreamAppend {
            stream,
            expected: Expected::NoStream,
            events: vec![stored],
        }])
    }

    /// A refused payment binds its key, and what was taken waits in suspense (C4, C13); malformed calls and
    /// those without the role bind nothing.
    fn refuse_step(
        &self,
        task: &CaseTask,
        command: &ApplicationCommand,
        policy: &SchemePolicy,
        refusal: Rejection,
    ) -> Decision<Verdict> {
        let no_role = matches!(refusal, Rejection::Desk(DeskRefusal::WrongOfficer { .. }));
        let Some((amount, source)) = command
            .payment()
            .filter(|_| !no_role && !keys::is_malformed(&refusal))
        else {
            return refuse(refusal);
        };
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids, task.received_at);
        let mut claims = Vec::with_capacity(2);
        let answer = match source {
            Source::Taken => {
                let day = policy.zone().date_of(task.received_at);
                let named = task.stream.as_str();
                let (event, answer) =
                    suspense::suspend(&task.claim.key, day, amount, named, refusal);
                claims.push(self.suspension(&task.claim.key, event, &origin));
                Answer::Suspended(answer)
            }
            Source::NotTaken | Source::Suspense(_) => Answer::Refused(refusal),
        };
        let decided_by = task.stream.as_str();
        claims.push(keys::bind(
            &self.kinds,
            &task.claim,
            decided_by,
            &answer,
            &origin,
        ));
        Decision {
            answer: Verdict::fresh(answer),
            events: Vec::new(),
            claims,
        }
    }

    /// Writes the fact, binds the key.
    fn record(
        &self,
        task: &CaseTask,
        at: Timestamp,
        taken: Taken,
        mut claims: Vec<StreamAppend>,
    ) -> Decision<Verdict> {
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids, at);
        let Taken { event, answer } = taken;
        let answer = Answer::Step(answer);
        let decided_by = task.stream.as_str();
        claims.push(keys::bind(
            &self.kinds,
            &task.claim,
            decided_by,
            &answer,
            &origin,
        ));
        let stored = NewEvent {
            id: ids.nth(0),
            kind: self.kinds.get(kind_of(&event)),
            data: Bytes::from(encode(&event)),
            meta: MetaLine {
                at,
                received_at: task.received_at,
                by: origin.by,
                policy: None,
                cause: origin.cause,
            }
            .encode(),
        };
        Decision {
            answer: Verdict::fresh(answer),
            events: vec![stored],
            claims,
        }
    }
}

fn beside<'a>(task: &'a CaseTask, ids: &'a Ids, at: Timestamp) -> Beside<'a> {
    let CommandKey { channel, reference } = &task.claim.key;
    Beside {
        ids,
        at,
        received_at: task.received_at,
        by: task.actor.as_str(),
        cause: Cause::Key(channel.as_str(), reference.as_str()),
    }
}

fn refuse(refusal: Rejection) -> Decision<Verdict> {
    Decision::answer(Verdict::fresh(Answer::Refused(refusal)))
}
