//! How many events to read at once: as many as fit some bytes, judged by the page before.

use event_store::RecordedEvent;

/// Bytes of payload one page aims at: enough that reading it costs more than asking for it.
const PAGE_BYTES: usize = 512 * 1024;
/// Events of the first page, before their size is known.
const PAGE_EVENTS_FIRST: usize = 64;
/// Fewest events of a page.
const PAGE_EVENTS_MIN: usize = 4;
/// Most events of a page, however small they are.
const PAGE_EVENTS_MAX: usize = 1_024;

#[derive(Debug, Clone, Copy)]
pub(super) struct PageSize(usize);

impl PageSize {
    pub(super) fn first() -> Self {
        Self(PAGE_EVENTS_FIRST)
    }

    /// Events to ask for when `left` are wanted.
    pub(super) fn of(self, left: u64) -> usize {
        usize::try_from(left).unwrap_or(usize::MAX).min(self.0)
    }

    pub(super) fn learn(&mut self, page: &[RecordedEvent]) {
        let bytes: usize = page
            .iter()
            .map(|event| event.data.len().saturating_add(event.meta.len()))
            .sum();
        if let Some(each) = bytes.checked_div(page.len()) {
            let fit = PAGE_BYTES
                .checked_div(each.max(1))
                .unwrap_or(PAGE_EVENTS_MIN);
            self.0 = fit.clamp(PAGE_EVENTS_MIN, PAGE_EVENTS_MAX);
        }
    }
}
