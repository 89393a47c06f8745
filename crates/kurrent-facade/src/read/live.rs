//! The one follower of the store that all subscriptions share.
//!
//! It reads each new event once and hands it to everyone as a shared batch. The room behind it is a ring: who
//! does not take batches in time misses them and reads the log instead. Each batch says after which position
//! it begins, so that whoever stands before that knows what it missed. It rests while nobody listens.

use std::sync::Arc;
use std::time::Duration;

use event_store::{EventStore, Position, ReadError, RecordedEvent};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;

/// Batches kept for who is late.
const LIVE_BATCHES_MAX: usize = 64;
/// Most events of one batch.
const LIVE_BATCH_EVENTS_MAX: usize = 256;
/// A batch ends with the event that passes so many bytes; with [`LIVE_BATCHES_MAX`] it bounds what is kept.
const LIVE_BATCH_BYTES: usize = 256 * 1024;
/// Pause after the store could not be read.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

/// New events, in order.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Position before the first: everything after it and up to the last is here.
    pub(super) after: Option<Position>,
    pub(super) events: Vec<RecordedEvent>,
}

/// What everybody hears.
#[derive(Debug, Clone)]
pub(super) enum Heard {
    Batch(Arc<Batch>),
    /// The store cannot be followed now.
    Failed(ReadError),
}

/// The follower; it ends with this.
pub(crate) struct Live {
    sender: broadcast::Sender<Heard>,
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Live {
    pub(crate) fn follow(store: &Arc<dyn EventStore>) -> Self {
        let (sender, _) = broadcast::channel(LIVE_BATCHES_MAX);
        let wake = Arc::new(Notify::new());
        let follower = Follower {
            store: Arc::clone(store),
            sender: sender.clone(),
            wake: Arc::clone(&wake),
        };
        Self {
            sender,
            wake,
            task: tokio::spawn(follower.run()),
        }
    }

    /// Hears everything that is published from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<Heard> {
        let receiver = self.sender.subscribe();
        self.wake.notify_one();
        receiver
    }
}

struct Follower {
    store: Arc<dyn EventStore>,
    sender: broadcast::Sender<Heard>,
    wake: Arc<Notify>,
}

impl Follower {
    async fn run(self) {
        loop {
            while self.sender.receiver_count() == 0 {
                self.wake.notified().await;
            }
            if let Err(error) = self.while_heard().await {
                tracing::warn!(%error, "the store cannot be followed for KurrentDB clients");
                self.publish(Heard::Failed(error));
                tokio::time::sleep(FOLLOW_PAUSE).await;
            }
        }
    }

    async fn while_heard(&self) -> Result<(), ReadError> {
        let mut at = self.store.tail().await?;
        let mut following = self.store.subscribe(at);
        // Says where it begins, also when nothing new comes for long.
        self.publish_batch(&mut at, Vec::new());
        loop {
            let events = following.next_batch().await?;
            if self.sender.receiver_count() == 0 {
                return Ok(());
            }
            for piece in pieces(events) {
                self.publish_batch(&mut at, piece);
            }
        }
    }

    fn publish_batch(&self, at: &mut Option<Position>, events: Vec<RecordedEvent>) {
        let after = *at;
        *at = events.last().map(|event| event.position).or(after);
        self.publish(Heard::Batch(Arc::new(Batch { after, events })));
    }

    fn publish(&self, heard: Heard) {
        // Whoever listened may just have gone.
        let _ = self.sender.send(heard);
    }
}

fn pieces(events: Vec<RecordedEvent>) -> Vec<Vec<RecordedEvent>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut bytes = 0usize;
    for event in events {
        bytes = bytes
            .saturating_add(event.data.len())
            .saturating_add(event.meta.len());
        piece.push(event);
        if piece.len() >= LIVE_BATCH_EVENTS_MAX || bytes >= LIVE_BATCH_BYTES {
            pieces.push(std::mem::take(&mut piece));
            bytes = 0;
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}
