//! Decisions that no account makes: money for a meter that nobody holds, and returns from suspense (C13).

use event_store::transact::{Decision, Evidence};
use event_store::{Expected, StreamAppend, StreamName};
use ledger_core::answer::{Answer, Published};
use ledger_core::command::Source;
use ledger_core::event::{Event, SchemePublished, SuspenseEvent, decode};
use ledger_core::ids::{CommandKey, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::rejection::Rejection;
use ledger_core::scheme::{Publication, SchemePolicy, judge_publication};
use ledger_core::suspense;

use super::encode::Beside;
use super::{LedgerDomain, evidence as known, keys};
use crate::ids::Ids;
use crate::meta::Cause;
use crate::task::{DeskTask, DeskWork, Publishing, Verdict, stream};

impl LedgerDomain {
    pub(super) fn decide_at_desk(&self, task: &DeskTask, evidence: &Evidence) -> Decision<Verdict> {
        if let Some(verdict) = keys::remembered(&task.claim, evidence) {
            return Decision::answer(verdict);
        }
        match &task.work {
            DeskWork::Payment {
                amount,
                source,
                named,
                refusal,
            } => self.refuse_payment(task, (*amount, source), named, refusal),
            DeskWork::Other { refusal } => refuse(refusal.clone()),
            DeskWork::Publish(work) => match published(evidence, &work.stream) {
                Ok(newest) => {
                    let expected = evidence.expected(&work.stream);
                    self.publish(task, work, (newest.as_ref(), expected))
                }
                Err(damage) => Decision::answer(Verdict::Damaged(damage)),
            },
            DeskWork::Return {
                item,
                item_stream,
                document,
            } => match known::item(evidence, item_stream) {
                Ok(found) => {
                    let expected = evidence.expected(item_stream);
                    self.give_back(task, item, &found, (document, expected))
                }
                Err(damage) => Decision::answer(Verdict::Damaged(damage)),
            },
        }
    }

    /// A payment that no account can take: refused and remembered, or, when the money was taken already,
    /// suspended.
    fn refuse_payment(
        &self,
        task: &DeskTask,
        (amount, source): (Money, &Source),
        named: &str,
        refusal: &Rejection,
    ) -> Decision<Verdict> {
        if let Some(malformed) = malformed_amount(&self.policies().default_policy(), amount) {
            return refuse(malformed);
        }
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids);
        let mut claims = Vec::with_capacity(2);
        let answer = match source {
            Source::Taken => {
                let day = self
                    .policies()
                    .default_policy()
                    .zone()
                    .date_of(task.received_at);
                let (event, answer) =
                    suspense::suspend(&task.claim.key, day, amount, named, refusal.clone());
                claims.push(self.suspension(&task.claim.key, event, &origin));
                Answer::Suspended(answer)
            }
            Source::NotTaken | Source::Suspense(_) => Answer::Refused(refusal.clone()),
        };
        claims.push(keys::bind(
            &self.kinds,
            &task.claim,
            task.stream.as_str(),
            &answer,
            &origin,
        ));
        Decision {
            answer: Verdict::fresh(answer),
            events: Vec::new(),
            claims,
        }
    }

    /// The event that suspends a payment, in the same commit as its key.
    pub(super) fn suspension(
        &self,
        key: &CommandKey,
        event: ledger_core::event::PaymentSuspended,
        origin: &Beside<'_>,
    ) -> StreamAppend {
        let item_stream = stream(&suspense::stream_of(key));
        let event = Event::Suspense(SuspenseEvent::PaymentSuspended(event));
        let events = vec![self.kinds.beside(item_stream.as_str(), &event, origin)];
        StreamAppend {
            stream: item_stream,
            expected: Expected::NoStream,
            events,
        }
    }

    /// A version of a scheme goes on record, once.
    fn publish(
        &self,
        task: &DeskTask,
        work: &Publishing,
        (newest, expected): (Option<&SchemePublished>, Expected),
    ) -> Decision<Verdict> {
        let (name, version) = (work.policy.name(), work.policy.version());
        let Some(known) = self.policies().named(name) else {
            return refuse(Rejection::UnknownScheme {
                scheme: name.to_owned(),
            });
        };
        let proposed = (&work.policy, work.digest.as_str());
        let publication = match judge_publication(&known, newest, proposed, work.priced_until) {
            Ok(publication) => publication,
            Err(refusal) => return refuse(refusal),
        };
        let from = work.policy.effective_from();
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids);
        let mut claims = Vec::with_capacity(2);
        if publication == Publication::New {
            let event = Event::Scheme(SchemePublished {
                scheme: name.to_owned(),
                version,
                from,
                digest: work.digest.clone(),
                text: work.text.clone(),
            });
            let events = vec![self.kinds.beside(work.stream.as_str(), &event, &origin)];
            claims.push(StreamAppend {
                stream: work.stream.clone(),
                expected,
                events,
            });
        }
        let answer = Answer::Published(Published {
            scheme: name.to_owned(),
            version,
            from,
            digest: work.digest.clone(),
        });
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

    fn give_back(
        &self,
        task: &DeskTask,
        item: &CommandKey,
        found: &suspense::SuspenseItem,
        (document, expected): (&OpaqueRef, Expected),
    ) -> Decision<Verdict> {
        let day = self
            .policies()
            .default_policy()
            .zone()
            .date_of(task.received_at);
        let (event, returned) = match found.give_back(item, day, document) {
            Ok(both) => both,
            Err(refusal) => return refuse(refusal),
        };
        let ids = Ids::of_key(&task.claim.key);
        let origin = beside(task, &ids);
        let item_stream = stream(&suspense::stream_of(item));
        let event = Event::Suspense(SuspenseEvent::SuspenseReturned(event));
        let events = vec![self.kinds.beside(item_stream.as_str(), &event, &origin)];
        let answer = Answer::Returned(returned);
        let claims = vec![
            StreamAppend {
                stream: item_stream,
                expected,
                events,
            },
            keys::bind(
                &self.kinds,
                &task.claim,
                task.stream.as_str(),
                &answer,
                &origin,
            ),
        ];
        Decision {
            answer: Verdict::fresh(answer),
            events: Vec::new(),
            claims,
        }
    }
}

/// The newest version on record.
fn published(evidence: &Evidence, stream: &StreamName) -> Result<Option<SchemePublished>, String> {
    let Some(event) = evidence.newest(stream) else {
        return Ok(None);
    };
    match decode(&event.kind, &event.data) {
        Ok(Event::Scheme(published)) => Ok(Some(published)),
        Ok(
            Event::Account(_)
            | Event::Meter(_)
            | Event::Key(_)
            | Event::Suspense(_)
            | Event::Gateway(_)
            | Event::InitialCredit(_)
            | Event::Legacy(_)
            | Event::WorkOrder(_)
            | Event::Reserved(_)
            | Event::Application(_)
            | Event::Complaint(_)
            | Event::Number(_),
        ) => Err(format!("{stream}: {} does not belong there", event.kind)),
        Err(error) => Err(format!("{stream}: {error}")),
    }
}

/// An amount that no account would look at either, and that is no money to be kept (C3).
pub(super) fn malformed_amount(policy: &SchemePolicy, amount: Money) -> Option<Rejection> {
    let (decimals, most) = (policy.currency().decimals, policy.limits().amount_max);
    let bad = |reason: String| {
        Some(Rejection::BadInput {
            field: "amount".to_owned(),
            reason,
        })
    };
    if !amount.is_positive() {
        return bad("must be above zero".to_owned());
    }
    if !amount.has_decimals_at_most(u32::from(decimals)) {
        return Some(Rejection::TooFine { amount, decimals });
    }
    if amount > most {
        bad(format!("must be at most {most}"))
    } else {
        None
    }
}

fn beside<'a>(task: &'a DeskTask, ids: &'a Ids) -> Beside<'a> {
    let CommandKey { channel, reference } = &task.claim.key;
    Beside {
        ids,
        at: task.received_at,
        received_at: task.received_at,
        by: task.actor.as_str(),
        cause: Cause::Key(channel.as_str(), reference.as_str()),
    }
}

fn refuse(refusal: Rejection) -> Decision<Verdict> {
    Decision::answer(Verdict::fresh(Answer::Refused(refusal)))
}
