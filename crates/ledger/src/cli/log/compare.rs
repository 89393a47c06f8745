//! Two logs side by side, event by event: where a copy stands, and whether it is one.
//!
//! What must be the same is what a client of either log can read and what the ledger folds: stream,
//! revision, id, kind, data, metadata and the order of them all. Positions are each log's own. Times of
//! recording are compared apart, since only an embedded log can keep those of another.

use std::collections::VecDeque;
use std::sync::Arc;

use event_store::{Direction, EventStore, Position, RecordedEvent};

use crate::failure::Failure;

/// Events read at once: a few hundred KiB.
const PAGE_EVENTS: usize = 2_048;

/// Reads a log from its beginning, page by page, up to a position.
pub(super) struct Reader {
    store: Arc<dyn EventStore>,
    after: Option<Position>,
    until: Option<Position>,
    page: VecDeque<RecordedEvent>,
}

impl Reader {
    /// Reads up to and including `until`; nothing when the log was empty then.
    pub(super) fn new(store: &Arc<dyn EventStore>, until: Option<Position>) -> Self {
        Self {
            store: Arc::clone(store),
            after: None,
            until,
            page: VecDeque::new(),
        }
    }

    /// The next event, if there is one; it stays the next.
    pub(super) async fn peek(&mut self) -> Result<Option<&RecordedEvent>, Failure> {
        if self.page.is_empty() && self.after < self.until {
            let page = self
                .store
                .read_all(self.after, Direction::Forwards, PAGE_EVENTS)
                .await?;
            self.after = page.last().map(|last| last.position).or(self.until);
            let until = self.until;
            let within = page
                .into_iter()
                .take_while(|event| Some(event.position) <= until);
            self.page = within.collect();
        }
        Ok(self.page.front())
    }

    /// The next event, if there is one.
    pub(super) async fn next(&mut self) -> Result<Option<RecordedEvent>, Failure> {
        self.peek().await?;
        Ok(self.page.pop_front())
    }
}

/// What was found equal.
pub(super) struct Equal {
    /// Events.
    pub(super) events: u64,
    /// Streams they are in.
    pub(super) streams: u64,
    /// Digest of the content, which is the same in both, in order.
    pub(super) digest: String,
    /// How far the times of recording are equal too.
    pub(super) times: Times,
    /// Goes on where the copy ends.
    pub(super) rest: Reader,
}

/// Compares a copy with the beginning of what it is a copy of. `tell` hears of each page.
///
/// # Errors
/// When something in the copy is not in its place in the original, naming it; when one cannot be read.
pub(super) async fn compare(
    (from, until): (&Arc<dyn EventStore>, Option<Position>),
    to: &Arc<dyn EventStore>,
    tell: &mut (dyn FnMut(u64, Position) + Send),
) -> Result<Equal, Failure> {
    let mut original = Reader::new(from, until);
    let mut copy = Reader::new(to, to.tail().await?);
    // One digest: what goes into it was just found equal on both sides.
    let mut digest = Digest::default();
    let mut streams = 0u64;
    let mut times = Times::default();
    while let Some(found) = copy.next().await? {
        let wanted = original.next().await?;
        let Some(wanted) = wanted.filter(|wanted| is_same(wanted, &found)) else {
            return Err(other(&found));
        };
        digest.add(&found);
        times.add(wanted.recorded_at_ms, found.recorded_at_ms);
        streams = streams.saturating_add(u64::from(wanted.revision == 0));
        if digest.events.is_multiple_of(PAGE_EVENTS as u64) {
            tell(digest.events, wanted.position);
        }
    }
    Ok(Equal {
        events: digest.events,
        streams,
        digest: digest.text(),
        times,
        rest: original,
    })
}

fn is_same(a: &RecordedEvent, b: &RecordedEvent) -> bool {
    a.stream == b.stream
        && a.revision == b.revision
        && a.id == b.id
        && a.kind == b.kind
        && a.data == b.data
        && meta(a) == meta(b)
}

/// Empty metadata means `{}`.
fn meta(event: &RecordedEvent) -> &[u8] {
    if event.meta.is_empty() {
        b"{}"
    } else {
        &event.meta
    }
}

fn other(found: &RecordedEvent) -> Failure {
    let what = format!(
        "the target has something else in it: at position {}/{}, revision {} of stream {} ({}) is not the \
         source's next event",
        found.position.commit, found.position.prepare, found.revision, found.stream, found.kind
    );
    Failure::refused("COPY_TARGET_DIFFERS", what).advise(
        "copy into an empty log; only a copy of the same source that was cut short is gone on with",
    )
}

/// Times of recording, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Times {
    /// Events whose times differ.
    pub(super) other: u64,
    /// By how much at most, in milliseconds.
    pub(super) most_ms: u64,
}

impl Times {
    const fn add(&mut self, original_ms: i64, copy_ms: i64) {
        let apart = original_ms.abs_diff(copy_ms);
        if apart > 0 {
            self.other = self.other.saturating_add(1);
            if apart > self.most_ms {
                self.most_ms = apart;
            }
        }
    }
}

/// The content of a log, in order. Lengths stand before what varies, so that nothing runs into the next.
#[derive(Default)]
struct Digest {
    hasher: blake3::Hasher,
    events: u64,
}

impl Digest {
    fn add(&mut self, event: &RecordedEvent) {
        self.events = self.events.saturating_add(1);
        let text = |hasher: &mut blake3::Hasher, bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        text(&mut self.hasher, event.stream.as_str().as_bytes());
        self.hasher.update(&event.revision.to_le_bytes());
        self.hasher.update(event.id.as_bytes());
        text(&mut self.hasher, event.kind.as_bytes());
        text(&mut self.hasher, &event.data);
        text(&mut self.hasher, meta(event));
    }

    fn text(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}
