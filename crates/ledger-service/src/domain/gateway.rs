//! The record of deliveries: each once, so that the counts stay true when a delivery comes again.

use bytes::Bytes;
use event_store::NewEvent;
use event_store::transact::Decision;
use ledger_core::event::{Event, encode, kind_of};

use super::LedgerDomain;
use crate::api::ReceivedOutcome;
use crate::ids::Ids;
use crate::meta::{Cause, MetaLine};
use crate::task::{GatewayTask, Verdict};

impl LedgerDomain {
    pub(super) fn decide_delivery(
        &self,
        recorded_up_to: &mut Option<u64>,
        task: &GatewayTask,
    ) -> Decision<Verdict> {
        let (first, last) = task.received.seq;
        if let Some(up_to) = *recorded_up_to {
            if last <= up_to {
                return Decision::answer(Verdict::Received(ReceivedOutcome::RecordedBefore));
            }
            if first <= up_to {
                let overlap = ReceivedOutcome::Overlaps {
                    recorded_up_to: up_to,
                };
                return Decision::answer(Verdict::Received(overlap));
            }
        }
        *recorded_up_to = Some(last);
        let by = task.gateway.as_str();
        let at = task.received.at;
        let event = Event::Gateway(task.received.clone());
        let recorded = NewEvent {
            id: Ids::of_delivery(by, first, last).nth(0),
            kind: self.kinds.get(kind_of(&event)),
            data: Bytes::from(encode(&event)),
            meta: MetaLine {
                at,
                received_at: at,
                by,
                policy: None,
                cause: Cause::None,
            }
            .encode(),
        };
        Decision::append(Verdict::Received(ReceivedOutcome::Recorded), vec![recorded])
    }
}
