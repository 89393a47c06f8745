//! Decisions over several streams where the store commits one stream at a time.
//!
//! The claim of the decision's key is written first, and its metadata names everything else that the
//! decision writes: the **plan**, step by step, each with the revision it expects. Whoever meets a claim
//! whose plan is not finished finishes it, by the very same appends; so a crash between the claim and
//! the account leaves nothing that a repetition, another process or a sweep could not carry through. A
//! claim whose plan can no longer be carried out (others took the place of a step) is **void**: it counts
//! as never written, and the key is decided again behind it.
//!
//! Where a decision writes to its account and to further streams as well, the account is locked in
//! between: the first step is [`BEGUN`] in the account's own stream, and whoever folds an account that
//! ends with it finishes that plan first. So nothing can take the place of the account's events once
//! another stream was written. A plan that others have made void behind its lock ends with [`DROPPED`].
//! One rule is asked of a domain for this: of the further streams of one decision only the first may be
//! one that others could take.
//!
//! Here are the forms; `settle` writes plans, `walk` reads and finishes them. Absent on purpose: I/O.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::port::{Expected, NewEvent, RecordedEvent, StreamAppend, StreamName};

/// Kind of the event that locks an account while a decision is written in several commits.
pub const BEGUN: &str = "transact-begun.v1";

/// Kind of the event that ends the lock of a plan that became void.
pub const DROPPED: &str = "transact-dropped.v1";

/// Field of a claim's metadata that holds the plan.
const FIELD: &str = "plan";

/// Whether a kind is `transact`'s own bookkeeping and says nothing of a domain.
#[must_use]
pub fn is_bookkeeping(kind: &str) -> bool {
    kind == BEGUN || kind == DROPPED
}

/// What a claim's decision writes beside it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<StreamAppend>,
}

#[derive(Serialize, Deserialize)]
struct StoredStep {
    s: String,
    /// Expected revision; none for no stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<u64>,
    e: Vec<StoredEvent>,
}

#[derive(Serialize, Deserialize)]
struct StoredEvent {
    i: Uuid,
    k: String,
    d: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    m: String,
}

#[derive(Deserialize)]
struct WithPlan {
    plan: Option<Vec<StoredStep>>,
}

/// The claim that locks an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// Stream of the claim.
    pub(crate) claim: String,
    /// Its revision.
    pub(crate) rev: u64,
}

impl Plan {
    /// The plan of a recorded event; `None` when it has none.
    ///
    /// # Errors
    /// When there is one that cannot be understood.
    pub(crate) fn of(event: &RecordedEvent) -> Result<Option<Self>, String> {
        if !has_marker(&event.meta) {
            return Ok(None);
        }
        let place = |error: String| {
            format!(
                "the plan of {} revision {}: {error}",
                event.stream, event.revision
            )
        };
        let read: WithPlan =
            serde_json::from_slice(&event.meta).map_err(|error| place(error.to_string()))?;
        let Some(stored) = read.plan else {
            return Ok(None);
        };
        let steps: Result<Vec<StreamAppend>, String> =
            stored.into_iter().map(StoredStep::read).collect();
        let steps = steps.map_err(place)?;
        if steps.is_empty() {
            return Err(place("it has no steps".to_owned()));
        }
        Ok(Some(Self { steps }))
    }

    /// Puts the plan into the claim's metadata.
    ///
    /// # Errors
    /// When a payload is no text, or the claim's metadata is no JSON object.
    pub(crate) fn attach(&self, claim: &mut NewEvent) -> Result<(), String> {
        let stored: Result<Vec<StoredStep>, String> =
            self.steps.iter().map(StoredStep::write).collect();
        let plan = serde_json::to_string(&stored?).map_err(|error| error.to_string())?;
        let meta = std::str::from_utf8(&claim.meta)
            .map_err(|_| "the claim's metadata is no text".to_owned())?
            .trim();
        let field = format!("\"{FIELD}\":{plan}}}");
        claim.meta = Bytes::from(match meta.strip_suffix('}').map(str::trim_end) {
            None if meta.is_empty() => format!("{{{field}"),
            Some("{") => format!("{{{field}"),
            Some(open) => format!("{open},{field}"),
            None => return Err("the claim's metadata is no JSON object".to_owned()),
        });
        Ok(())
    }

    /// Place of the lock among the steps.
    pub(crate) fn lock(&self) -> Option<usize> {
        self.steps.iter().position(is_lock)
    }

    /// The append that ends the lock of this plan, once it is void.
    pub(crate) fn unlock(&self) -> Option<StreamAppend> {
        self.steps.iter().find(|step| is_lock(step)).map(unlock)
    }
}

/// Where the plan begins in metadata, as it is written.
const MARKER: &[u8] = b"\"plan\":";

fn has_marker(meta: &[u8]) -> bool {
    meta.windows(MARKER.len()).any(|part| part == MARKER)
}

/// Whether an event is one that counts only when something else does.
pub(crate) fn may_not_count(event: &RecordedEvent) -> bool {
    is_bookkeeping(&event.kind) || has_marker(&event.meta)
}

fn is_lock(step: &StreamAppend) -> bool {
    step.events
        .first()
        .is_some_and(|event| &*event.kind == BEGUN)
}

/// The id of an event where others may decide the same command otherwise. Stores tell a repetition by its ids
/// alone: with one id for both decisions, the second would be taken for the first although what stands there
/// is another answer.
pub(crate) fn id_by_content(event: &NewEvent) -> Uuid {
    let parts = [event.kind.as_bytes(), &event.data, &event.meta];
    let mut content = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        content.extend_from_slice(&(part.len() as u64).to_le_bytes());
        content.extend_from_slice(part);
    }
    Uuid::new_v5(&event.id, &content)
}

/// The append that locks an account for the plan of a claim.
pub(crate) fn lock(
    account: &StreamName,
    expected: Expected,
    claim: &StreamAppend,
) -> Option<StreamAppend> {
    let first = claim.events.first()?;
    let lock = Lock {
        claim: claim.stream.as_str().to_owned(),
        rev: first_revision(claim.expected),
    };
    let data = serde_json::to_vec(&lock).ok()?;
    Some(StreamAppend {
        stream: account.clone(),
        expected,
        events: vec![NewEvent {
            // The claim may be decided again behind a void one: its revision makes the difference.
            id: Uuid::new_v5(&first.id, format!("begun {}", lock.rev).as_bytes()),
            kind: Arc::from(BEGUN),
            data: Bytes::from(data),
            meta: Bytes::new(),
        }],
    })
}

fn unlock(lock: &StreamAppend) -> StreamAppend {
    let begun = lock.events.first();
    let id = begun.map_or(Uuid::nil(), |begun| begun.id);
    StreamAppend {
        stream: lock.stream.clone(),
        expected: Expected::Exact(first_revision(lock.expected)),
        events: vec![NewEvent {
            id: Uuid::new_v5(&id, b"dropped"),
            kind: Arc::from(DROPPED),
            data: begun.map_or_else(Bytes::new, |begun| begun.data.clone()),
            meta: Bytes::new(),
        }],
    }
}

/// What a lock points to.
///
/// # Errors
/// When it cannot be understood.
pub(crate) fn locked_by(event: &RecordedEvent) -> Result<(StreamName, u64), String> {
    let place = |error: String| format!("{} revision {}: {error}", event.stream, event.revision);
    let lock: Lock =
        serde_json::from_slice(&event.data).map_err(|error| place(error.to_string()))?;
    let claim = StreamName::new(&lock.claim).map_err(|error| place(error.to_string()))?;
    Ok((claim, lock.rev))
}

/// The revision of the first event of an append.
pub(crate) const fn first_revision(expected: Expected) -> u64 {
    match expected {
        Expected::Exact(revision) => revision.saturating_add(1),
        Expected::NoStream | Expected::Any => 0,
    }
}

impl StoredStep {
    fn write(step: &StreamAppend) -> Result<Self, String> {
        let x = match step.expected {
            Expected::Exact(revision) => Some(revision),
            Expected::NoStream => None,
            Expected::Any => return Err(format!("{} has no expected revision", step.stream)),
        };
        let text = |bytes: &Bytes| {
            let text = std::str::from_utf8(bytes);
            text.map(str::to_owned)
                .map_err(|_| format!("an event for {} is no text", step.stream))
        };
        let event = |event: &NewEvent| {
            Ok(StoredEvent {
                i: event.id,
                k: event.kind.to_string(),
                d: text(&event.data)?,
                m: text(&event.meta)?,
            })
        };
        let e: Result<Vec<StoredEvent>, String> = step.events.iter().map(event).collect();
        Ok(Self {
            s: step.stream.as_str().to_owned(),
            x,
            e: e?,
        })
    }

    fn read(self) -> Result<StreamAppend, String> {
        let stream = StreamName::new(&self.s).map_err(|error| error.to_string())?;
        let event = |stored: StoredEvent| NewEvent {
            id: stored.i,
            kind: Arc::from(stored.k),
            data: Bytes::from(stored.d),
            meta: Bytes::from(stored.m),
        };
        if self.e.is_empty() {
            return Err(format!("nothing is to be written to {stream}"));
        }
        Ok(StreamAppend {
            stream,
            expected: self.x.map_or(Expected::NoStream, Expected::Exact),
            events: self.e.into_iter().map(event).collect(),
        })
    }
}

/// The last event that a claim names beside itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its stream.
    pub stream: StreamName,
    /// The revision it has, or would have.
    pub revision: u64,
}

/// The last event that a claim names; `None` when the event is no claim with a plan.
///
/// # Errors
/// When the plan cannot be understood.
pub fn claimed(event: &RecordedEvent) -> Result<Option<Claimed>, String> {
    let Some(plan) = Plan::of(event)? else {
        return Ok(None);
    };
    Ok(plan.steps.last().map(|step| {
        let more = step.events.len().saturating_sub(1) as u64;
        Claimed {
            stream: step.stream.clone(),
            revision: first_revision(step.expected).saturating_add(more),
        }
    }))
}

/// What stands where the events of an append would stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// These very events.
    Ours,
    /// Something else.
    Others,
    /// Nothing: proves nothing.
    Unknown,
}

/// An equal command written by another process has our ids; only when everything is equal is the answer
/// we decided the one that stands. Otherwise the command is decided again and finds what was written.
pub(crate) fn compare(ours: &[NewEvent], found: &[RecordedEvent]) -> Standing {
    let same = ours.iter().zip(found).all(|(ours, found)| {
        ours.id == found.id
            && ours.kind == found.kind
            && ours.data == found.data
            && ours.meta == found.meta
    });
    if !same {
        Standing::Others
    } else if found.is_empty() || ours.is_empty() {
        Standing::Unknown
    } else if found.len() < ours.len() {
        // An append is whole or not at all: these are events that another one shares with it.
        Standing::Others
    } else {
        Standing::Ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Position;

    fn event(kind: &str, data: &str, meta: &str) -> NewEvent {
        NewEvent {
            id: Uuid::from_u128(7),
            kind: Arc::from(kind),
            data: Bytes::from(data.to_owned()),
            meta: Bytes::from(meta.to_owned()),
        }
    }

    fn step(stream: &str, expected: Expected) -> StreamAppend {
        StreamAppend {
            stream: StreamName::new(stream).unwrap(),
            expected,
            events: vec![
                event("a.v1", "{\"x\": \"\\\"\u{1f600}\"}", "{\"by\":\"b\"}"),
                event("b.v1", "plain|text", ""),
            ],
        }
    }

    fn recorded(event: &NewEvent) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new("key-1").unwrap(),
            revision: 0,
            position: Position::default(),
            id: event.id,
            kind: Arc::clone(&event.kind),
            data: event.data.clone(),
            meta: event.meta.clone(),
            recorded_at_ms: 0,
        }
    }

    #[test]
    fn an_event_decided_otherwise_has_another_id_and_the_same_decision_has_the_same() {
        let decided = event("a.v1", "{\"n\":1}", "{}");
        let id = id_by_content(&decided);
        assert_eq!(id, id_by_content(&decided.clone()));
        for other in [
            event("b.v1", "{\"n\":1}", "{}"),
            event("a.v1", "{\"n\":2}", "{}"),
            event("a.v1", "{\"n\":1}", "{\"at\":2}"),
            event("a.v1", "{\"n\":1}{", "}"),
        ] {
            assert_ne!(id, id_by_content(&other), "{other:?}");
        }
    }

    #[test]
    fn a_plan_is_read_back_from_the_claims_metadata_to_the_byte() {
        let plan = Plan {
            steps: vec![
                step("account-1", Expected::Exact(4)),
                step("meter-1", Expected::NoStream),
            ],
        };
        for meta in ["", "{}", "{ }", "{\"at\":\"now\"}", "{\"at\":\"now\" } "] {
            let mut claim = event("claim.v1", "{}", meta);
            plan.attach(&mut claim).unwrap();
            assert_eq!(
                Plan::of(&recorded(&claim)).unwrap(),
                Some(plan.clone()),
                "{meta}"
            );
            let value: serde_json::Value = serde_json::from_slice(&claim.meta).unwrap();
            assert_eq!(value.get("at").is_some(), meta.contains("at"));
        }
    }

    #[test]
    fn what_is_no_plan_is_none_and_what_is_broken_is_said() {
        let none = ["", "{}", "{\"at\":1}", "{\"plans\":[]}"];
        for meta in none {
            assert_eq!(
                Plan::of(&recorded(&event("c", "", meta))),
                Ok(None),
                "{meta}"
            );
        }
        let broken = [
            "{\"plan\":[]}",
            "{\"plan\":[{\"s\":\"a b\",\"e\":[]}]}",
            "{\"plan\":7}",
            "\"plan\":",
        ];
        for meta in broken {
            let said = Plan::of(&recorded(&event("c", "", meta))).unwrap_err();
            assert!(said.starts_with("the plan of key-1 revision 0: "), "{said}");
        }
    }

    #[test]
    fn metadata_that_is_no_object_takes_no_plan() {
        let plan = Plan {
            steps: vec![step("account-1", Expected::NoStream)],
        };
        assert!(plan.attach(&mut event("c", "", "[1]")).is_err());
        let mut any = plan;
        any.steps[0].expected = Expected::Any;
        assert!(any.attach(&mut event("c", "", "")).is_err());
    }

    #[test]
    fn a_lock_names_its_claim_and_its_end_stands_behind_it() {
        let account = StreamName::new("account-1").unwrap();
        let claim = step("key-1", Expected::Exact(3));
        let lock = lock(&account, Expected::Exact(9), &claim).unwrap();
        let (stream, revision) = locked_by(&recorded(&lock.events[0])).unwrap();
        assert_eq!((stream.as_str(), revision), ("key-1", 4));
        let plan = Plan {
            steps: vec![lock, step("meter-1", Expected::NoStream)],
        };
        assert_eq!(plan.lock(), Some(0));
        let end = plan.unlock().unwrap();
        assert_eq!((end.stream, end.expected), (account, Expected::Exact(10)));
        assert_eq!(&*end.events[0].kind, DROPPED);
    }
}
