//! Decisions of work orders (U16): the key first, then the core's table, input and policy.

use std::sync::Arc;

use bytes::Bytes;
use event_store::NewEvent;
use event_store::transact::{Decision, Evidence, Needs};
use ledger_core::answer::Answer;
use ledger_core::event::{Event, encode, kind_of};
use ledger_core::ids::CommandKey;
use ledger_core::rejection::Rejection;
use ledger_core::scheme::SchemePolicy;
use ledger_core::workorder::{WorkOrder, WorkOrderCommand, decide};

use super::encode::Beside;
use super::{LedgerDomain, keys};
use crate::ids::Ids;
use crate::meta::{Cause, MetaLine};
use crate::task::{Verdict, WorkOrderTask};

/// Only the key is looked up.
pub(super) fn needs(task: &WorkOrderTask, known: &Evidence) -> Needs {
    if known.has_read(&task.claim.stream) {
        Needs::nothing()
    } else {
        Needs::stream(task.claim.stream.clone())
    }
}

impl LedgerDomain {
    pub(super) fn decide_work_order(
        &self,
        order: &mut WorkOrder,
        task: &WorkOrderTask,
        evidence: &Evidence,
    ) -> Decision<Verdict> {
        if let Some(verdict) = keys::remembered(&task.claim, evidence) {
            return Decision::answer(verdict);
        }
        if let Some(objection) = &task.objection {
            return refuse(objection.clone());
        }
        let policy = self.policy_of_order(order, task);
        let policy = policy.in_force_at(task.received_at);
        let event = match decide(order, policy, task.received_at, &task.command) {
            Ok(event) => event,
            Err(refusal) => return refuse(refusal),
        };
        let at = task.received_at.max(order.newest_at());
        order.evolve(&event, at);
        let Some(issued) = order.issued() else {
            assert!(
                order.issued().is_some(),
                "a work order begins with its issue"
            );
            return Decision::answer(Verdict::Damaged(String::new()));
        };
        let ids = Ids::of_key(&task.claim.key);
        let CommandKey { channel, reference } = &task.claim.key;
        let origin = Beside {
            ids: &ids,
            at,
            received_at: task.received_at,
            by: task.actor.as_str(),
            cause: Cause::Key(channel.as_str(), reference.as_str()),
        };
        let answer = Answer::Done {
            account: issued.account.clone(),
        };
        let claims = vec![keys::bind(
            &self.kinds,
            &task.claim,
            task.stream.as_str(),
            &answer,
            &origin,
        )];
        let event = Event::WorkOrder(event);
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

    /// The scheme of the account it was or is being issued for.
    fn policy_of_order(&self, order: &WorkOrder, task: &WorkOrderTask) -> Arc<SchemePolicy> {
        let scheme = match (order.issued(), &task.command) {
            (Some(issued), _) => Some(issued.scheme.as_str()),
            (None, WorkOrderCommand::Issue(_)) => task.scheme.as_deref(),
            (None, _) => None,
        };
        let named = scheme.and_then(|scheme| self.policies().named(scheme));
        named.unwrap_or_else(|| self.policies().default_policy())
    }
}

fn refuse(refusal: Rejection) -> Decision<Verdict> {
    Decision::answer(Verdict::fresh(Answer::Refused(refusal)))
}
