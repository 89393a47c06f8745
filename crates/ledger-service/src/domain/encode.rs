//! From decided facts to the bytes that are stored, on the hot path: nothing decided is decoded again.

use std::sync::Arc;

use bytes::Bytes;
use event_store::NewEvent;
use ledger_core::account::Emitted;
use ledger_core::event::{AccountEvent, Event, KINDS, encode, kind_of};
use ledger_core::ids::AccountId;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;
use rustc_hash::FxHashMap;

use crate::ids::{self, Ids};
use crate::meta::{self, Cause, MetaLine};

/// The vocabulary's names, each allocated once.
pub(super) struct Kinds(FxHashMap<&'static str, Arc<str>>);

impl Kinds {
    pub(super) fn new() -> Self {
        Self(KINDS.iter().map(|kind| (*kind, Arc::from(*kind))).collect())
    }

    pub(super) fn get(&self, kind: &'static str) -> Arc<str> {
        self.0.get(kind).map_or_else(|| Arc::from(kind), Arc::clone)
    }
}

/// Who decided what, when and why: what the metadata and ids of one decision share.
pub(super) struct Origin<'a> {
    pub(super) account: &'a AccountId,
    pub(super) ids: &'a Ids,
    pub(super) received_at: Timestamp,
    pub(super) by: &'a str,
    pub(super) cause: Cause<'a>,
    /// The scheme, whose version of the read time priced a charge (C12).
    pub(super) policy: &'a SchemePolicy,
}

/// An event beside the deciding stream.
pub(super) struct Beside<'a> {
    pub(super) ids: &'a Ids,
    pub(super) at: Timestamp,
    pub(super) received_at: Timestamp,
    pub(super) by: &'a str,
    pub(super) cause: Cause<'a>,
}

impl Kinds {
    /// The account's events of one decision.
    pub(super) fn account_events(
        &self,
        origin: &Origin<'_>,
        decided: Vec<Emitted>,
    ) -> Vec<NewEvent> {
        let mut events = Vec::with_capacity(decided.len());
        let mut place = 0;
        let mut due = DuePlace::default();
        for Emitted {
            event,
            at,
            by_deadline,
        } in decided
        {
            let policy = priced_by(origin.policy, &event);
            let event = Event::Account(event);
            let kind = kind_of(&event);
            let (id, meta) = if by_deadline {
                let nth = due.next(at, kind);
                (
                    ids::of_deadline(origin.account, at, kind, nth),
                    meta::of_deadline(at, policy),
                )
            } else {
                let id = origin.ids.nth(place);
                place += 1;
                let line = MetaLine {
                    at,
                    received_at: origin.received_at,
                    by: origin.by,
                    policy,
                    cause: origin.cause,
                };
                (id, line.encode())
            };
            events.push(NewEvent {
                id,
                kind: self.get(kind),
                data: Bytes::from(encode(&event)),
                meta,
            });
        }
        events
    }

    /// One event in another stream.
    pub(super) fn beside(&self, stream: &str, event: &Event, origin: &Beside<'_>) -> NewEvent {
        let Beside {
            ids,
            at,
            received_at,
            by,
            cause,
        } = *origin;
        NewEvent {
            id: ids.beside(stream),
            kind: self.get(kind_of(event)),
            data: Bytes::from(encode(event)),
            meta: MetaLine {
                at,
                received_at,
                by,
                policy: None,
                cause,
            }
            .encode(),
        }
    }
}

/// The version that priced a charge: the one in force when the meter was read.
fn priced_by<'a>(policy: &'a SchemePolicy, event: &AccountEvent) -> Option<&'a str> {
    let read_at = if let AccountEvent::ConsumptionCharged(e) = event {
        e.t
    } else if let AccountEvent::ConsumptionCorrected(e) = event {
        e.t
    } else {
        return None;
    };
    Some(policy.in_force_at(read_at).policy_version())
}

/// Counts events of one kind within one due instant.
#[derive(Default)]
struct DuePlace {
    seen: Vec<(Timestamp, &'static str)>,
}

impl DuePlace {
    fn next(&mut self, at: Timestamp, kind: &'static str) -> usize {
        let before = self.seen.iter().filter(|seen| **seen == (at, kind)).count();
        self.seen.push((at, kind));
        before
    }
}
