//! From the store to the fold: reads, decodes, hands over in order, and sets the pace of live commits.
//!
//! What a live reading brings is one batch, and a batch is committed when nothing more waits behind it.
//! So the pause between two readings is what lets a commit carry many events. The first event after a
//! quiet time is read at once; those behind it wait out the pause together. Nobody waits for a pause: it
//! ends when a reader wants a position, and when the read models are closed.

use std::sync::Arc;
use std::time::Duration;

use event_store::{Direction, EventStore, Position, ReadError, RecordedEvent};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::error::Stopped;
use crate::fact::{Fact, decode_fact};

/// Events read at once while catching up: some 2 MiB.
pub(crate) const READ_MAX: usize = 8_192;

/// Batches that may wait for the fold: enough that neither side idles, some 20 MiB.
pub(crate) const WAITING_MAX: usize = 4;

/// Pause before reading again after the store could not be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A live batch of so many events has more behind it: it is followed without a pause, so that a fold that
/// can keep up is never held back. Half of what a store's subscription gives at once.
const LIVE_EVENTS_MANY: usize = 2_048;

/// Why a pause should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Urge {
    /// Readers that wait for a position.
    pub(crate) readers: usize,
    /// The read models are being closed: what is in the log now is the last that is folded.
    pub(crate) ending: bool,
}

/// When the next live reading is due.
pub(crate) struct Pace {
    every: Duration,
    urge: watch::Receiver<Urge>,
}

impl Pace {
    pub(crate) fn new(every: Duration, urge: watch::Receiver<Urge>) -> Self {
        Self { every, urge }
    }

    /// Waits until the pause since `last` is over or somebody is in a hurry.
    async fn pause(&mut self, last: Instant) {
        let urged = self.urge.wait_for(|urge| urge.ending || urge.readers > 0);
        // The pause is over, or nobody is left to urge: both mean to go on.
        let _ = tokio::time::timeout_at(last + self.every, urged).await;
    }

    /// Resolves when the read models are being closed.
    async fn ending(&mut self) {
        // Nobody left who could close them is the same.
        let _ = self.urge.wait_for(|urge| urge.ending).await;
    }

    fn is_ending(&self) -> bool {
        self.urge.borrow().ending
    }
}

/// A decoded stretch of the log.
pub(crate) struct Batch {
    pub(crate) facts: Vec<Fact>,
    /// More is known to follow at once, so it need not be committed yet.
    pub(crate) more: bool,
    /// The event after the last fact could not be understood, or the store is damaged.
    pub(crate) stopped: Option<Stopped>,
}

/// Decodes until the first event that cannot be understood.
pub(crate) fn decode_batch(events: &[RecordedEvent], more: bool) -> Batch {
    let mut facts = Vec::with_capacity(events.len());
    for event in events {
        match decode_fact(event) {
            Ok(fact) => facts.push(fact),
            Err(stopped) => {
                return Batch {
                    facts,
                    more: false,
                    stopped: Some(stopped),
                };
            }
        }
    }
    Batch {
        facts,
        more,
        stopped: None,
    }
}

/// Feeds everything after `after`, then follows live, until the read models are closed, the receiver is
/// gone or an event cannot be understood.
pub(crate) async fn feed(
    store: Arc<dyn EventStore>,
    mut after: Option<Position>,
    mut pace: Pace,
    out: mpsc::Sender<Batch>,
) {
    loop {
        let followed = match catch_up(&*store, &mut after, &pace, &out).await {
            Ok(Goes::On) => live(&*store, &mut after, &mut pace, &out).await,
            other => other,
        };
        match followed {
            Ok(_) => return,
            Err(ReadError::Unavailable(reason)) if pace.is_ending() => {
                tracing::warn!(%reason, "the newest events are folded at the next start");
                return;
            }
            Err(ReadError::Unavailable(reason)) => {
                tracing::warn!(%reason, "the read models cannot read the store; trying again");
                let _ = tokio::time::timeout(RETRY_PAUSE, pace.ending()).await;
            }
            Err(damaged @ ReadError::Damaged(_)) => {
                let position = after.unwrap_or_default();
                let stopped = Stopped {
                    position,
                    kind: "-".to_owned(),
                    reason: damaged.to_string(),
                };
                // Whoever no longer listens need not be told.
                let _ = out
                    .send(Batch {
                        facts: Vec::new(),
                        more: false,
                        stopped: Some(stopped),
                    })
                    .await;
                return;
            }
        }
    }
}

/// Whether there is more to do.
enum Goes {
    On,
    Ended,
}

/// Large batches up to the end of the log: reading and decoding overlap, and the fold is told that more
/// comes.
async fn catch_up(
    store: &dyn EventStore,
    after: &mut Option<Position>,
    pace: &Pace,
    out: &mpsc::Sender<Batch>,
) -> Result<Goes, ReadError> {
    let mut next = store
        .read_all(*after, Direction::Forwards, READ_MAX)
        .await?;
    while let Some(last) = next.last().map(|event| event.position) {
        let events = std::mem::take(&mut next);
        let more = events.len() == READ_MAX;
        let decoding = tokio::task::spawn_blocking(move || decode_batch(&events, more));
        let (decoded, read) = tokio::join!(
            decoding,
            store.read_all(Some(last), Direction::Forwards, READ_MAX)
        );
        let Ok(batch) = decoded else {
            return Ok(Goes::Ended);
        };
        if !deliver(batch, out).await || (more && pace.is_ending()) {
            return Ok(Goes::Ended);
        }
        *after = Some(last);
        next = read?;
    }
    Ok(Goes::On)
}

/// What comes in, at the pace.
async fn live(
    store: &dyn EventStore,
    after: &mut Option<Position>,
    pace: &mut Pace,
    out: &mpsc::Sender<Batch>,
) -> Result<Goes, ReadError> {
    let mut subscription = store.subscribe(*after);
    loop {
        let events = tokio::select! {
            biased;
            () = pace.ending() => return last_of_all(store, after, out).await,
            events = subscription.next_batch() => events?,
        };
        let (read_at, many) = (Instant::now(), events.len() >= LIVE_EVENTS_MANY);
        let last = events.last().map(|event| event.position);
        if !deliver(decode_batch(&events, false), out).await {
            return Ok(Goes::Ended);
        }
        *after = last.or(*after);
        if !many {
            pace.pause(read_at).await;
        }
    }
}

/// Up to where the log ends now: at most what one pause has let wait.
async fn last_of_all(
    store: &dyn EventStore,
    after: &mut Option<Position>,
    out: &mpsc::Sender<Batch>,
) -> Result<Goes, ReadError> {
    let tail = store.tail().await?;
    while *after < tail {
        let events = store
            .read_all(*after, Direction::Forwards, READ_MAX)
            .await?;
        let Some(last) = events.last().map(|event| event.position) else {
            break;
        };
        if !deliver(decode_batch(&events, false), out).await {
            break;
        }
        *after = Some(last);
    }
    Ok(Goes::Ended)
}

/// `false` when there is nothing more to do.
async fn deliver(batch: Batch, out: &mpsc::Sender<Batch>) -> bool {
    let stopped = batch.stopped.is_some();
    out.send(batch).await.is_ok() && !stopped
}
