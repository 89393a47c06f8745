//! From the store to the fold: reads, decodes on another thread, hands over in order.

use std::sync::Arc;
use std::time::Duration;

use event_store::{Direction, EventStore, Position, ReadError, RecordedEvent};
use tokio::sync::mpsc;

use crate::error::Stopped;
use crate::fact::{Fact, decode_fact};

/// Events read at once while catching up: some 2 MiB.
pub(crate) const READ_MAX: usize = 8_192;

/// Batches that may wait for the fold: enough that neither side idles, some 20 MiB.
pub(crate) const WAITING_MAX: usize = 4;

/// Pause before reading again after the store could not be reached.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

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

/// Feeds everything after `after`, then follows live, until the receiver is gone or an event cannot be
/// understood.
pub(crate) async fn feed(
    store: Arc<dyn EventStore>,
    mut after: Option<Position>,
    out: mpsc::Sender<Batch>,
) {
    loop {
        match follow(&*store, &mut after, &out).await {
            Ok(()) => return,
            Err(ReadError::Unavailable(reason)) => {
                tracing::warn!(%reason, "the read models cannot read the store; trying again");
                tokio::time::sleep(RETRY_PAUSE).await;
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

async fn follow(
    store: &dyn EventStore,
    after: &mut Option<Position>,
    out: &mpsc::Sender<Batch>,
) -> Result<(), ReadError> {
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
        let Ok(batch) = decoded else { return Ok(()) };
        if !deliver(batch, out).await {
            return Ok(());
        }
        *after = Some(last);
        next = read?;
    }
    let mut subscription = store.subscribe(*after);
    loop {
        let events = subscription.next_batch().await?;
        let last = events.last().map(|event| event.position);
        if !deliver(decode_batch(&events, false), out).await {
            return Ok(());
        }
        *after = last.or(*after);
    }
}

/// `false` when there is nothing more to do.
async fn deliver(batch: Batch, out: &mpsc::Sender<Batch>) -> bool {
    let stopped = batch.stopped.is_some();
    out.send(batch).await.is_ok() && !stopped
}
