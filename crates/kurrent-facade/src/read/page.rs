//! How many events to read at once: as many as fit some bytes, whatever comes.
//!
//! What a page weighs is not known before it is read. It begins small, grows at most twofold, and shrinks to what
//! the largest event of the page before allows. While it is read it has room for the largest events that a store
//! takes, out of a budget that all reads share; what of it passes a page's bytes is dropped and read again.

use event_store::{EVENT_BYTES_MAX, RecordedEvent};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of payload one page holds, and at most one event more: enough that reading it costs more than asking
/// for it.
const PAGE_BYTES: usize = 512 * 1024;
/// Events of the first page, before their size is known.
const PAGE_EVENTS_FIRST: usize = 16;
/// Most events of a page, however small they are.
const PAGE_EVENTS_MAX: usize = 256;
/// Bytes of all pages while they are read, were each event as large as can be: two full pages, or many small
/// ones.
const READING_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The budget of all reads: a permit is an event of the largest size.
#[derive(Debug)]
pub(crate) struct Budget(Semaphore);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Semaphore::new(READING_BYTES_MAX / EVENT_BYTES_MAX))
    }

    /// Room for so many events, or for half of them and so on; waits only for room for one.
    async fn room(&self, events: usize) -> (usize, Option<SemaphorePermit<'_>>) {
        let mut wanted = u32::try_from(events).unwrap_or(u32::MAX).max(1);
        loop {
            if let Ok(room) = self.0.try_acquire_many(wanted) {
                return (room.num_permits(), Some(room));
            }
            if wanted == 1 {
                // It is never closed.
                return (1, self.0.acquire().await.ok());
            }
            wanted /= 2;
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize(usize);

impl PageSize {
    pub(super) fn first() -> Self {
        Self(PAGE_EVENTS_FIRST)
    }

    /// Events to ask for when `left` are wanted, at least one, with the room for them while they are read.
    pub(super) async fn of(
        self,
        left: u64,
        budget: &Budget,
    ) -> (usize, Option<SemaphorePermit<'_>>) {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.0);
        budget.room(wanted).await
    }

    /// Keeps of a page what fits, at least one event, and learns from it how large the next one may be.
    pub(super) fn fit(&mut self, page: &mut Vec<RecordedEvent>) {
        let weight =
            |event: &RecordedEvent| event.data.len().saturating_add(event.meta.len()).max(1);
        let Some(largest) = page.iter().map(weight).max() else {
            return;
        };
        let mut bytes = 0usize;
        let within = page.iter().take_while(|event| {
            let room = bytes < PAGE_BYTES;
            bytes = bytes.saturating_add(weight(event));
            room
        });
        let kept = within.count();
        if kept < page.len() {
            page.truncate(kept);
            page.shrink_to_fit();
        }
        let fit = PAGE_BYTES.checked_div(largest).unwrap_or(1);
        let grown = self.0.saturating_mul(2).min(PAGE_EVENTS_MAX);
        self.0 = fit.clamp(1, grown);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use event_store::{Position, StreamName};
    use uuid::Uuid;

    use super::*;

    fn page(events: usize, bytes: usize) -> Vec<RecordedEvent> {
        let event = RecordedEvent {
            stream: StreamName::new("a").expect("a name"),
            revision: 0,
            position: Position::default(),
            id: Uuid::nil(),
            kind: Arc::from("a.v1"),
            data: Bytes::from(vec![b' '; bytes]),
            meta: Bytes::new(),
            recorded_at_ms: 0,
        };
        vec![event; events]
    }

    #[test]
    fn a_page_grows_at_most_twofold_and_shrinks_at_once() {
        let mut size = PageSize::first();
        let mut sizes = Vec::new();
        for _ in 0..6 {
            size.fit(&mut page(size.0, 10));
            sizes.push(size.0);
        }
        assert_eq!(sizes, [32, 64, 128, 256, 256, 256]);
        size.fit(&mut page(1, EVENT_BYTES_MAX));
        assert_eq!(size.0, 1);
        size.fit(&mut page(1, 10));
        assert_eq!(size.0, 2);
    }

    #[test]
    fn of_a_page_of_large_events_only_some_bytes_are_kept() {
        let mut size = PageSize(PAGE_EVENTS_MAX);
        let mut large = page(PAGE_EVENTS_MAX, 200 * 1024);
        size.fit(&mut large);
        assert_eq!((large.len(), size.0), (3, 2));
        let mut largest = page(9, EVENT_BYTES_MAX);
        size.fit(&mut largest);
        assert_eq!(largest.len(), 1);
    }

    #[tokio::test]
    async fn all_reads_share_one_budget_and_the_last_wait() {
        let budget = Budget::new();
        let size = PageSize(PAGE_EVENTS_MAX);
        let mut rooms = Vec::new();
        let mut counts = Vec::new();
        while budget.0.available_permits() > 0 {
            let (events, room) = size.of(200, &budget).await;
            counts.push(events);
            rooms.push(room);
        }
        assert_eq!(counts, [200, 200, 100, 12], "512 in all");
        let wait = std::time::Duration::from_millis(20);
        assert!(
            tokio::time::timeout(wait, size.of(200, &budget))
                .await
                .is_err()
        );
        rooms.clear();
        assert_eq!(size.of(200, &budget).await.0, 200);
    }
}
