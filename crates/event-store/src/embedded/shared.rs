//! What the writer and the readers of one open log share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::watch;

use super::files::Files;
use super::newest::Newest;
use super::segment::Segment;
use crate::port::StoreId;

/// Streams of sealed segments whose places stay in memory, so that an append to a recently used stream
/// needs no index file: about 100 bytes each.
const STREAMS_REMEMBERED_MAX: usize = 1_000_000;
/// Sealed segments whose index stays in memory; each costs one look-up for a stream that is new.
const SEGMENTS_REMEMBERED_MAX: usize = 8;

/// What waiting readers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal {
    /// Number of durable events.
    pub(crate) durable: u64,
    /// The store is gone.
    pub(crate) closed: bool,
}

/// One open log.
pub(crate) struct Shared {
    pub(crate) id: StoreId,
    pub(crate) seed: u32,
    pub(crate) files: Files,
    /// Oldest first, never empty; the last is active.
    segments: RwLock<Arc<Vec<Arc<Segment>>>>,
    /// Number of durable events.
    durable: AtomicU64,
    pub(crate) signal: watch::Sender<Signal>,
    stopped: Mutex<Option<String>>,
    pub(crate) filter_bytes: AtomicUsize,
    pub(crate) newest: Newest,
}

impl Shared {
    pub(crate) fn new(
        id: StoreId,
        seed: u32,
        files: Files,
        segments: Vec<Arc<Segment>>,
        durable: u64,
    ) -> Self {
        assert!(!segments.is_empty(), "a log has an active segment");
        Self {
            id,
            seed,
            files,
            segments: RwLock::new(Arc::new(segments)),
            durable: AtomicU64::new(durable),
            signal: watch::channel(Signal {
                durable,
                closed: false,
            })
            .0,
            stopped: Mutex::default(),
            filter_bytes: AtomicUsize::new(0),
            newest: Newest::default(),
        }
    }

    /// Number of durable events.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Notes that everything before a position is durable and wakes those who wait for it.
    pub(crate) fn set_durable(&self, durable: u64) {
        let before = self.durable.swap(durable, Ordering::Release);
        assert!(before <= durable, "what is durable stays durable");
        self.signal.send_if_modified(|signal| {
            signal.durable = durable;
            true
        });
    }

    pub(crate) fn close(&self) {
        self.signal.send_modify(|signal| signal.closed = true);
    }

    /// All segments, oldest first.
    pub(crate) fn segments(&self) -> Arc<Vec<Arc<Segment>>> {
        Arc::clone(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn push_segment(&self, segment: Arc<Segment>) {
        let mut segments = self
            .segments
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut longer = segments.as_ref().clone();
        longer.push(segment);
        *segments = Arc::new(longer);
    }

    /// Frees the places of older sealed segments; their index files answer from then on.
    pub(crate) fn forget_old(&self) {
        let mut streams = 0usize;
        let segments = self.segments();
        for (age, segment) in segments.iter().rev().skip(1).enumerate() {
            let Some(memory) = segment.memory() else {
                continue;
            };
            streams = streams.saturating_add(
                memory
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .streams(),
            );
            if age >= SEGMENTS_REMEMBERED_MAX || streams > STREAMS_REMEMBERED_MAX {
                segment.forget_memory();
            }
        }
    }

    /// Why nothing more is written, if so.
    pub(crate) fn stopped(&self) -> Option<String> {
        self.stopped
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes why nothing more is written; the first reason stays.
    pub(crate) fn stop(&self, why: &str) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.get_or_insert_with(|| why.to_owned());
    }
}
