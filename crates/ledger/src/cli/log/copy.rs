//! The copying itself: what is left of one log, in order, behind what is there of it in the other.
//!
//! Every append says what its stream must stand at, and carries the ids of the source: sent twice, or after
//! a kill at any point, it is written once. There is no state but the target itself.

use std::sync::Arc;
use std::time::Duration;

use event_store::limits::{COMMIT_EVENTS_MAX, KIND_BYTE_COUNTS};
use event_store::{
    AppendError, COMMIT_BYTES_MAX, Commit, EventStore, Expected, ManualClock, NewEvent, Position,
    RecordedEvent, StreamAppend,
};

use super::compare::Reader;
use crate::failure::Failure;

/// Events handed to the target at once: some MiB at most, one sync.
const GROUP_EVENTS_MAX: usize = 4_096;
/// Bytes handed to the target at once.
const GROUP_BYTES_MAX: usize = 8 * COMMIT_BYTES_MAX;
/// How often an append whose outcome is unknown is sent again: through an election, some seconds.
const TRIES_MAX: u32 = 20;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Where a copy goes.
pub(super) struct Target {
    pub(super) store: Arc<dyn EventStore>,
    /// The clock of a target that can keep the times of the source.
    pub(super) clock: Option<Arc<ManualClock>>,
}

/// Copies everything that is left; gives how many events. `tell` hears after each append.
///
/// # Errors
/// When one of the logs fails, or somebody else writes to the target; the same again goes on.
pub(super) async fn copy(
    mut rest: Reader,
    target: &Target,
    tell: &mut (dyn FnMut(u64, Position) + Send),
) -> Result<u64, Failure> {
    let is_atomic = target.store.capabilities().atomic_over_streams;
    let mut copied = 0u64;
    loop {
        let group = group(&mut rest, target.clock.is_some(), is_atomic).await?;
        let Some(last) = group.last() else {
            return Ok(copied);
        };
        let (position, count) = (last.position, group.len() as u64);
        if let Some(clock) = &target.clock {
            clock.set_ms(last.recorded_at_ms);
        }
        for commit in commits(group) {
            append(&*target.store, commit).await?;
        }
        copied = copied.saturating_add(count);
        tell(copied, position);
    }
}

/// The next events that go in one call: of one time where times are kept, of one stream where a call keeps
/// no order over several.
async fn group(
    rest: &mut Reader,
    keeps_times: bool,
    is_atomic: bool,
) -> Result<Vec<RecordedEvent>, Failure> {
    let mut group: Vec<RecordedEvent> = Vec::new();
    let mut bytes = 0usize;
    while let Some(next) = rest.peek().await? {
        let size = size(next);
        if let Some(last) = group.last() {
            let other_time = keeps_times && next.recorded_at_ms != last.recorded_at_ms;
            let other_stream = !is_atomic && next.stream != last.stream;
            let bytes_max = if is_atomic {
                GROUP_BYTES_MAX
            } else {
                COMMIT_BYTES_MAX
            };
            let is_full = group.len() >= GROUP_EVENTS_MAX || bytes.saturating_add(size) > bytes_max;
            if other_time || other_stream || is_full {
                break;
            }
        }
        bytes = bytes.saturating_add(size);
        group.extend(rest.next().await?);
    }
    Ok(group)
}

/// What an event counts towards the limit of a commit, as every store counts.
fn size(event: &RecordedEvent) -> usize {
    let kind = event.kind.len().saturating_mul(KIND_BYTE_COUNTS);
    event
        .data
        .len()
        .saturating_add(event.meta.len())
        .saturating_add(kind)
}

/// The events as commits that are written in just this order: a commit names a stream once.
fn commits(events: Vec<RecordedEvent>) -> Vec<Commit> {
    let mut commits: Vec<Commit> = Vec::new();
    let (mut bytes, mut count) = (0usize, 0usize);
    for event in events {
        let more = size(&event);
        let is_full = bytes.saturating_add(more) > COMMIT_BYTES_MAX || count >= COMMIT_EVENTS_MAX;
        let open = commits.last_mut().filter(|_| !is_full);
        let left = match open {
            Some(commit) => joined(commit, event),
            None => Some(event),
        };
        match left {
            None => {
                bytes = bytes.saturating_add(more);
                count = count.saturating_add(1);
            }
            Some(event) => {
                let appends = vec![begun(event)];
                commits.push(Commit { appends });
                (bytes, count) = (more, 1);
            }
        }
    }
    commits
}

/// Puts an event behind a commit's last one; gives it back where its stream stands further ahead.
fn joined(commit: &mut Commit, event: RecordedEvent) -> Option<RecordedEvent> {
    if let Some(last) = commit.appends.last_mut()
        && last.stream == event.stream
    {
        last.events.push(new(event));
        return None;
    }
    if commit.appends.iter().any(|one| one.stream == event.stream) {
        return Some(event);
    }
    commit.appends.push(begun(event));
    None
}

fn begun(event: RecordedEvent) -> StreamAppend {
    StreamAppend {
        stream: event.stream.clone(),
        expected: event
            .revision
            .checked_sub(1)
            .map_or(Expected::NoStream, Expected::Exact),
        events: vec![new(event)],
    }
}

fn new(event: RecordedEvent) -> NewEvent {
    NewEvent {
        id: event.id,
        kind: event.kind,
        data: event.data,
        meta: event.meta,
    }
}

/// Appends one commit; in doubt it is sent again, just as it was. The next is sent only when this one is
/// there, so that whatever ends a copy leaves no hole in it.
async fn append(store: &dyn EventStore, commit: Commit) -> Result<(), Failure> {
    for _ in 0..TRIES_MAX {
        let answers = store.append(vec![commit.clone()]).await;
        match answers.into_iter().next() {
            Some(Ok(_)) => return Ok(()),
            Some(Err(AppendError::InDoubt(_))) | None => tokio::time::sleep(PAUSE).await,
            Some(Err(error)) => return Err(refused(&error)),
        }
    }
    let what = format!("the target left an append in doubt, sent {TRIES_MAX} times");
    Err(Failure::unavailable("COPY_IN_DOUBT", what)
        .advise("when the target answers again, run the same again: it goes on where this ended"))
}

fn refused(error: &AppendError) -> Failure {
    let what = format!("the target does not take an event: {error}");
    match error {
        AppendError::WrongExpectedRevision { .. } => Failure::refused("COPY_TARGET_BUSY", what)
            .advise(
                "somebody else writes to the target: stop that, then begin again with an empty one",
            ),
        AppendError::Invalid(_) => Failure::refused("COPY_REFUSED", what).advise(
            "raise the limit of the target's server that is named, then run the same again",
        ),
        AppendError::Stopped(_) | AppendError::InDoubt(_) => {
            Failure::unavailable("COPY_TARGET_STOPPED", what)
                .advise("mend what is named, then run the same again: it goes on where this ended")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use bytes::Bytes;
    use event_store::memory::Fault;
    use event_store::{Capabilities, Clock, MemoryStore, StreamName, SystemClock};
    use uuid::Uuid;

    use super::super::compare::compare;
    use super::*;

    fn event(stream: &str, n: u32) -> NewEvent {
        let label = format!("{stream}/{n}");
        NewEvent {
            id: Uuid::new_v5(&Uuid::NAMESPACE_OID, label.as_bytes()),
            kind: Arc::from("noted.v1"),
            data: Bytes::from(format!("{{\"n\":\"{label}\"}}")),
            meta: if n.is_multiple_of(2) {
                Bytes::new()
            } else {
                Bytes::from_static(b"{\"by\":\"a\"}")
            },
        }
    }

    /// A log of three streams that take turns, in commits of one and of several streams.
    async fn source() -> Arc<dyn EventStore> {
        let clock = Arc::new(ManualClock::new(1_000));
        let store = MemoryStore::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        for n in 0..40u32 {
            clock.advance_ms(i64::from(n % 3) * 7);
            let expected = n.checked_sub(1).map_or(Expected::NoStream, |before| {
                Expected::Exact(u64::from(before))
            });
            let of = |stream: &str| StreamAppend {
                stream: StreamName::new(stream).unwrap(),
                expected,
                events: vec![event(stream, n)],
            };
            let commit = |appends| Commit { appends };
            let answers = store
                .append(vec![commit(vec![of("a"), of("b")]), commit(vec![of("c")])])
                .await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        }
        Arc::new(store)
    }

    fn not_atomic() -> MemoryStore {
        MemoryStore::with_capabilities(
            Arc::new(SystemClock),
            Capabilities {
                atomic_over_streams: false,
                shared_with_others: true,
            },
        )
    }

    async fn again(from: &Arc<dyn EventStore>, target: &Target) -> Result<(u64, u64), Failure> {
        let until = from.tail().await?;
        let equal = compare((from, until), &target.store, &mut |_, _| {}).await?;
        let copied = copy(equal.rest, target, &mut |_, _| {}).await?;
        Ok((equal.events, copied))
    }

    async fn is_whole(from: &Arc<dyn EventStore>, target: &Target) -> bool {
        let until = from.tail().await.unwrap();
        let equal = compare((from, until), &target.store, &mut |_, _| {})
            .await
            .unwrap();
        assert_eq!((equal.events, equal.streams), (120, 3));
        equal.times.other == 0
    }

    #[tokio::test]
    async fn an_atomic_target_gets_the_same_order_and_times() {
        let from = source().await;
        let clock = Arc::new(ManualClock::new(0));
        let store = MemoryStore::with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let target = Target {
            store: Arc::new(store),
            clock: Some(clock),
        };
        assert_eq!(again(&from, &target).await.unwrap(), (0, 120));
        assert!(is_whole(&from, &target).await, "times are kept");
        assert_eq!(again(&from, &target).await.unwrap(), (120, 0));
    }

    #[tokio::test]
    async fn a_target_that_is_not_atomic_gets_the_same_order() {
        let from = source().await;
        let target = Target {
            store: Arc::new(not_atomic()),
            clock: None,
        };
        assert_eq!(again(&from, &target).await.unwrap(), (0, 120));
        assert!(
            !is_whole(&from, &target).await,
            "times are the target's own"
        );
    }

    #[tokio::test]
    async fn a_copy_cut_short_at_every_append_goes_on_and_doubles_nothing() {
        let from = source().await;
        let store = not_atomic();
        let left = Arc::new(AtomicU32::new(0));
        let target = Target {
            store: Arc::new(store.clone()),
            clock: None,
        };
        let counted = Arc::clone(&left);
        store.set_fault_hook(Some(Arc::new(move |_| {
            let before = counted.load(Ordering::SeqCst);
            counted.store(before.saturating_sub(1), Ordering::SeqCst);
            if before == 0 {
                Fault::Stopped("cut short".to_owned())
            } else {
                Fault::None
            }
        })));
        let mut runs = 0;
        loop {
            left.store(1 + runs % 5, Ordering::SeqCst);
            runs += 1;
            match again(&from, &target).await {
                Ok(_) => break,
                Err(failure) => assert_eq!(failure.code(), "COPY_TARGET_STOPPED"),
            }
        }
        assert!(runs > 20, "it was cut short {runs} times");
        is_whole(&from, &target).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_append_in_doubt_is_sent_again_until_it_is_known() {
        let from = source().await;
        let store = not_atomic();
        let calls = Arc::new(AtomicU32::new(0));
        store.set_fault_hook(Some(Arc::new(move |_| {
            match calls.fetch_add(1, Ordering::SeqCst) % 4 {
                1 => Fault::InDoubtBeforeCommit,
                _ => Fault::None,
            }
        })));
        let target = Target {
            store: Arc::new(store),
            clock: None,
        };
        assert_eq!(again(&from, &target).await.unwrap(), (0, 120));
        is_whole(&from, &target).await;
    }

    #[tokio::test]
    async fn a_target_with_something_else_in_it_is_refused() {
        let from = source().await;
        let store = MemoryStore::new();
        let commit = Commit {
            appends: vec![StreamAppend {
                stream: StreamName::new("a").unwrap(),
                expected: Expected::NoStream,
                events: vec![event("other", 1)],
            }],
        };
        store.append(vec![commit]).await;
        let target = Target {
            store: Arc::new(store),
            clock: None,
        };
        let failure = again(&from, &target).await.unwrap_err();
        assert_eq!(failure.code(), "COPY_TARGET_DIFFERS");
    }
}
