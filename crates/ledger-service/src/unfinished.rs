//! Commands whose writing a crash may have cut short, on a store that commits one stream at a time.
//!
//! A claim names everything else that its command writes. The registry sees every claim and what follows
//! it; what does not follow within a while is finished by the sweep, also when the sender never comes
//! again. Absent on purpose: any knowledge of what a command was, and any state that the log lacks – the
//! file of the registry is dated before the oldest claim that is not known to be finished.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use event_store::transact::{Claimed, claimed};
use event_store::{Position, RecordedEvent, StreamName};

/// A claim that is not finished after so long is the sweep's: whoever wrote it needs a few milliseconds.
pub(crate) const LEFT_AFTER: Duration = Duration::from_secs(5);
/// How often the sweep looks.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// Claims that one sweep takes on; the rest waits for the next.
pub(crate) const SWEEP_MAX: usize = 1_024;

/// Claims that are not known to be finished, by the place of the last event they name.
#[derive(Debug, Default)]
pub(crate) struct Unfinished(HashMap<(StreamName, u64), Vec<Left>>);

#[derive(Debug, Clone)]
struct Left {
    claim: StreamName,
    /// Newest position before the claim, from which the log would show it again.
    before: Option<Position>,
    since: Instant,
}

impl Unfinished {
    /// Takes in an event; `before` is the position of the one before it.
    ///
    /// # Errors
    /// When it is a claim whose plan cannot be understood.
    pub(crate) fn note(
        &mut self,
        event: &RecordedEvent,
        before: Option<Position>,
    ) -> Result<(), String> {
        if !self.0.is_empty() {
            // Whatever stands there: the plan is done, or it never will be.
            self.0.remove(&(event.stream.clone(), event.revision));
        }
        let Some(Claimed { stream, revision }) = claimed(event)? else {
            return Ok(());
        };
        let left = Left {
            claim: event.stream.clone(),
            before,
            since: Instant::now(),
        };
        // Two may name the same place: at most one of them will have it.
        self.0.entry((stream, revision)).or_default().push(left);
        Ok(())
    }

    /// Claims that have been unfinished for so long, oldest first.
    pub(crate) fn older_than(&self, age: Duration) -> Vec<StreamName> {
        let old = |left: &&Left| left.since.elapsed() >= age;
        let mut left: Vec<&Left> = self.0.values().flatten().filter(old).collect();
        left.sort_by_key(|left| left.since);
        let claims = left.into_iter().map(|left| left.claim.clone());
        claims.take(SWEEP_MAX).collect()
    }

    /// What has become of a claim is known.
    pub(crate) fn forget(&mut self, claim: &StreamName) {
        self.0.retain(|_, at_place| {
            at_place.retain(|left| left.claim != *claim);
            !at_place.is_empty()
        });
    }

    /// The position up to which everything is finished: `seen`, or what stands before the oldest claim
    /// that is not.
    pub(crate) fn finished_up_to(&self, seen: Option<Position>) -> Option<Position> {
        let oldest = self.0.values().flatten().map(|left| left.before).min();
        oldest.map_or(seen, |oldest| oldest.min(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use event_store::transact::newest_settled;
    use event_store::{Capabilities, EventStore, MemoryStore, SystemClock};
    use std::sync::Arc;
    use uuid::Uuid;

    fn event(stream: &str, revision: u64, at: u64, meta: &str) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new(stream).unwrap(),
            revision,
            position: Position {
                commit: at,
                prepare: at,
            },
            id: Uuid::nil(),
            kind: Arc::from("x.v1"),
            data: Bytes::new(),
            meta: Bytes::from(meta.to_owned()),
            recorded_at_ms: 0,
        }
    }

    const PLAN: &str = r#"{"plan":[{"s":"account-1","x":3,"e":[{"i":"00000000-0000-0000-0000-000000000001","k":"a.v1","d":"{}"},{"i":"00000000-0000-0000-0000-000000000002","k":"b.v1","d":"{}"}]}]}"#;

    fn position(at: u64) -> Option<Position> {
        Some(Position {
            commit: at,
            prepare: at,
        })
    }

    #[test]
    fn a_claim_is_unfinished_until_the_last_event_it_names_is_seen() {
        let mut unfinished = Unfinished::default();
        unfinished
            .note(&event("key-1", 0, 10, PLAN), position(9))
            .unwrap();
        assert_eq!(unfinished.older_than(Duration::ZERO).len(), 1);
        assert!(unfinished.older_than(LEFT_AFTER).is_empty());
        assert_eq!(unfinished.finished_up_to(position(30)), position(9));
        unfinished
            .note(&event("account-1", 4, 11, "{}"), position(10))
            .unwrap();
        assert_eq!(unfinished.older_than(Duration::ZERO).len(), 1);
        unfinished
            .note(&event("account-1", 5, 12, "{}"), position(11))
            .unwrap();
        assert!(unfinished.older_than(Duration::ZERO).is_empty());
        assert_eq!(unfinished.finished_up_to(position(30)), position(30));
    }

    #[test]
    fn the_first_claim_of_a_log_dates_the_file_before_everything() {
        let mut unfinished = Unfinished::default();
        unfinished.note(&event("key-1", 0, 0, PLAN), None).unwrap();
        assert_eq!(unfinished.finished_up_to(position(5)), None);
        unfinished.forget(&StreamName::new("key-1").unwrap());
        assert_eq!(unfinished.finished_up_to(position(5)), position(5));
    }

    #[tokio::test]
    async fn a_stream_without_claims_is_as_it_stands() {
        let weak = Capabilities {
            atomic_over_streams: false,
            shared_with_others: true,
        };
        let store = MemoryStore::with_capabilities(Arc::new(SystemClock), weak);
        let stream = StreamName::new("key-1").unwrap();
        let settled = newest_settled(&store as &dyn EventStore, &stream)
            .await
            .unwrap();
        assert_eq!((settled.newest, settled.head), (None, None));
    }
}
