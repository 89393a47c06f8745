//! What the service must know across accounts: the meter directory, moves under way, and numbers given
//! later, kept current.
//!
//! All are folds of the log. Where this process alone writes, its own commits keep them current: a
//! commit's marks are taken in before its answer goes out, so the next call finds them. Where others
//! write too, a follower reads the store as well. A start reads a file and what the log has since.
//!
//! The file's checkpoint is honest: it is written only when no commit that concerns the registry is
//! under way, with a position read before that moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use event_store::{Direction, EventStore, Position, ReadError, RecordedEvent};
use ledger_core::event::{Event, decode};
use ledger_core::ids::AccountId;

use crate::directory::Directory;
use crate::domain::move_of;
use crate::moves::Moves;
use crate::numbers::Numbers;
use crate::snapshot_file::Image;
use crate::task::{Mark, prefix};
use crate::unfinished::Unfinished;

/// Events read at once while the log is caught up with: large enough to amortise a call, small enough to
/// stay in the caches.
const CATCH_UP_PAGE: usize = 4_096;

/// Kind of the event that puts a version of a scheme on record.
const SCHEME_PUBLISHED: &str = "scheme-published.v1";

/// Longest pause before the follower tries again after a failed read, milliseconds.
const FOLLOW_RETRY_MS_MAX: u64 = 5_000;

/// The log says something that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The store could not be read.
    #[error("reading the log for the meter directory: {0}")]
    Read(#[from] ReadError),
    /// An event could not be decoded.
    #[error("event at position {position}: {reason}")]
    Damaged {
        /// Position of the event.
        position: u64,
        /// What is wrong.
        reason: String,
    },
}

/// The registry. Clones share one.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    inner: Arc<RwLock<Inner>>,
    turns: Arc<Turns>,
}

/// Readings of the store on demand: whoever asks waits for one that began after he asked, and those who
/// ask meanwhile share the next.
#[derive(Default)]
struct Turns {
    begun: AtomicU64,
    /// The number of the newest one that has ended.
    ended: tokio::sync::Mutex<u64>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) directory: Directory,
    pub(crate) moves: Moves,
    pub(crate) numbers: Numbers,
    /// Claims that are not known to be finished.
    pub(crate) unfinished: Unfinished,
    /// Newest position read from the store.
    seen: Option<Position>,
    /// Versions of schemes met while reading.
    published: u64,
    /// Commits under way that concern the registry.
    under_way: u32,
    /// A commit ended without an outcome: what is held here may lack it, so no file is written.
    doubtful: bool,
}

/// A commit under way that concerns the registry. Dropped without an outcome, it leaves a doubt.
pub(crate) struct Pending {
    registry: Registry,
    told: bool,
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut inner = self.registry.write();
        inner.under_way -= 1;
        inner.doubtful |= !self.told;
    }
}

impl Pending {
    /// It is durable, with these marks.
    pub(crate) fn took_place(mut self, marks: &[Mark]) {
        self.registry.write().take_in(marks);
        self.told = true;
    }

    /// Nothing was written.
    pub(crate) fn did_not(mut self) {
        self.told = true;
    }
}

impl Registry {
    /// From a file's image, or empty.
    pub(crate) fn new(image: Option<Image>) -> Self {
        let inner = image.map_or_else(Inner::default, |image| Inner {
            directory: image.directory,
            moves: image.moves,
            numbers: image.numbers,
            seen: image.checkpoint,
            ..Inner::default()
        });
        Self {
            inner: Arc::new(RwLock::new(inner)),
            turns: Arc::default(),
        }
    }

    /// How many versions of schemes were met while the store was read.
    pub(crate) fn published(&self) -> u64 {
        self.read().published
    }

    /// Whether everything up to a position was read from the store.
    pub(crate) fn has_seen(&self, position: Position) -> bool {
        self.read().seen >= Some(position)
    }

    /// Reads what others have written up to now, where others write.
    pub(crate) async fn refresh(&self, store: &dyn EventStore) -> Result<(), RegistryError> {
        if !store.capabilities().shared_with_others {
            return Ok(());
        }
        let before = self.turns.begun.load(Ordering::SeqCst);
        let mut ended = self.turns.ended.lock().await;
        if *ended > before {
            return Ok(());
        }
        let turn = self.turns.begun.fetch_add(1, Ordering::SeqCst) + 1;
        // Up to what stands now: others may write without end.
        let tail = store.tail().await?;
        while self.read().seen < tail {
            self.read_page(store).await?;
        }
        *ended = turn;
        Ok(())
    }

    /// Reads what the log has since the newest position seen; gives the number of events read.
    pub(crate) async fn catch_up(&self, store: &dyn EventStore) -> Result<u64, RegistryError> {
        let mut read = 0;
        loop {
            match self.read_page(store).await? {
                0 => return Ok(read),
                more => read += more,
            }
        }
    }

    /// Reads a page behind the newest position seen; gives the number of its events.
    async fn read_page(&self, store: &dyn EventStore) -> Result<u64, RegistryError> {
        let after = self.read().seen;
        let page = store
            .read_all(after, Direction::Forwards, CATCH_UP_PAGE)
            .await?;
        self.fold(&page)?;
        Ok(page.len() as u64)
    }

    /// Follows the store without end, for stores that others write to as well.
    pub(crate) async fn follow(self, store: Arc<dyn EventStore>) {
        let mut pause_ms = 100;
        loop {
            let after = self.read().seen;
            let mut subscription = store.subscribe(after);
            loop {
                let folded = match subscription.next_batch().await {
                    Ok(batch) => self.fold(&batch),
                    Err(error) => Err(error.into()),
                };
                if let Err(error) = folded {
                    tracing::error!(%error, "the meter directory could not follow the log; trying again");
                    break;
                }
                pause_ms = 100;
            }
            tokio::time::sleep(std::time::Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(FOLLOW_RETRY_MS_MAX);
        }
    }

    fn fold(&self, events: &[RecordedEvent]) -> Result<(), RegistryError> {
        let mut marks = Vec::with_capacity(events.len());
        let damaged = |event: &RecordedEvent, reason| RegistryError::Damaged {
            position: event.position.commit,
            reason,
        };
        for event in events {
            let mark = mark_of(event).map_err(|reason| damaged(event, reason))?;
            marks.push(mark);
        }
        let mut inner = self.write();
        for (event, mark) in events.iter().zip(marks) {
            // The follower and a reading on demand may bring the same events.
            if inner.seen >= Some(event.position) {
                continue;
            }
            inner.take_in(mark.as_slice());
            inner.published += u64::from(event.kind.as_ref() == SCHEME_PUBLISHED);
            let before = inner.seen.replace(event.position);
            if let Err(reason) = inner.unfinished.note(event, before) {
                // Whoever needs it is told so; the others go on.
                tracing::error!(%reason, "a claim cannot be understood");
            }
        }
        Ok(())
    }

    /// Announces a commit that concerns the registry, before it is decided.
    pub(crate) fn begin(&self) -> Pending {
        self.write().under_way += 1;
        Pending {
            registry: self.clone(),
            told: false,
        }
    }

    /// What a file would say now; `None` while a commit is under way, or when one has ended in doubt.
    pub(crate) async fn image(&self, store: &dyn EventStore) -> Result<Option<Image>, ReadError> {
        let shared = store.capabilities().shared_with_others;
        let tail = store.tail().await?;
        let inner = self.read();
        // Where others write, what the follower has read counts, and nothing else.
        if !shared && (inner.under_way > 0 || inner.doubtful) {
            return Ok(None);
        }
        // Where others write, only what the follower has read is certain.
        let checkpoint = if shared {
            inner.unfinished.finished_up_to(inner.seen)
        } else {
            tail
        };
        let (directory, moves) = (inner.directory.clone(), inner.moves.clone());
        let numbers = inner.numbers.clone();
        Ok(Some(Image {
            store: store.store_id(),
            checkpoint,
            directory,
            moves,
            numbers,
        }))
    }

    /// To look something up. Never held across an await.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        // Every change under the lock is whole before anything can panic.
        self.inner
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inner {
    fn take_in(&mut self, marks: &[Mark]) {
        for mark in marks {
            match mark {
                Mark::Meter { revision, event } => self.directory.apply(*revision, event),
                Mark::MovedOut { .. } | Mark::MovedIn { .. } => self.moves.apply(mark),
                Mark::Numbered { number, account } => self.numbers.give(number, account),
            }
        }
    }
}

/// What an event of the log says to the registry. Others are passed over by their kind, undecoded.
fn mark_of(event: &RecordedEvent) -> Result<Option<Mark>, String> {
    let kind = event.kind.as_ref();
    match kind {
        "meter-claimed.v1"
        | "meter-released.v1"
        | "account-closed.v1"
        | "credit-moved-in.v1"
        | "account-number-given.v1" => {}
        _ => return Ok(None),
    }
    match decode(kind, &event.data).map_err(|error| error.to_string())? {
        Event::Meter(fact) => Ok(Some(Mark::Meter {
            revision: event.revision,
            event: fact,
        })),
        Event::Account(fact) => {
            let id = event
                .stream
                .as_str()
                .strip_prefix(prefix::ACCOUNT)
                .unwrap_or_default();
            let account = AccountId::parse(id)
                .map_err(|error| format!("stream {}: {error}", event.stream))?;
            Ok(move_of(&account, &fact))
        }
        Event::Number(fact) => Ok(Some(Mark::Numbered {
            number: fact.n,
            account: fact.account,
        })),
        Event::Key(_)
        | Event::Suspense(_)
        | Event::Gateway(_)
        | Event::InitialCredit(_)
        | Event::Scheme(_)
        | Event::Legacy(_)
        | Event::WorkOrder(_)
        | Event::Reserved(_)
        | Event::Application(_)
        | Event::Complaint(_) => Err(format!("{kind} was not asked for")),
    }
}
