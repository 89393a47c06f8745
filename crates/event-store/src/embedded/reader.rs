//! Reading the log: streams, everything, heads and the tail, durable events only.
//!
//! The methods block on the disk; the store runs them where blocking is allowed. A batch is bounded in
//! bytes too, so it may hold fewer events than asked for; it is empty only when there is nothing.
//! Payloads are slices of the buffer they were read into: an event that is kept for long keeps up to a
//! mebibyte, so copy what should stay.

use std::sync::Arc;

use super::error::LogError;
use super::record::{Decoder, view};
use super::scan::{RecordWalker, Window, load_record};
use super::segment::{Segment, Sought, StreamPart};
use super::shared::Shared;
use super::wire::to_usize;
use crate::port::{Direction, Position, ReadError, RecordedEvent, StoreId, StreamName};

/// Bytes of one batch, so that a batch of large events does not fill the memory.
const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Records of a stream nearer than this are read in one go.
const GAP_BYTES_MAX: u32 = 4 * 1024;
/// Largest piece read for records of a stream.
const GROUP_BYTES_MAX: u32 = 512 * 1024;
/// Room for the last record of a group, whose length is not known before.
const LAST_RECORD_BYTES: u64 = 1024;
/// Bytes expected of an event, to size the first read.
const EVENT_BYTES_EXPECTED: u64 = 512;

/// Reads an open log. Clones share it.
#[derive(Clone)]
pub struct LogReader {
    shared: Arc<Shared>,
}

struct Found {
    segment: Arc<Segment>,
    part: StreamPart,
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Which store this is.
    #[must_use]
    pub fn store_id(&self) -> StoreId {
        self.shared.id
    }

    /// Position of the newest durable event.
    #[must_use]
    pub fn tail(&self) -> Option<Position> {
        Self::tail_of(self.shared.durable())
    }

    pub(crate) fn tail_of(durable: u64) -> Option<Position> {
        durable.checked_sub(1).map(|p| Position {
            commit: p,
            prepare: p,
        })
    }

    /// Whether a stream surely has no durable event, told from memory alone: no segment's index or filter
    /// knows it. `false` says nothing; then the reading methods tell.
    #[must_use]
    pub fn surely_absent(&self, stream: &StreamName) -> bool {
        let sought = Sought::new(stream);
        let segments = self.shared.segments();
        segments
            .iter()
            .rev()
            .all(|segment| segment.surely_without(&sought))
    }

    /// Newest durable revision of a stream.
    ///
    /// # Errors
    /// When an index is damaged or cannot be read.
    pub fn head(&self, stream: &StreamName) -> Result<Option<u64>, ReadError> {
        let sought = Sought::new(stream);
        for segment in self.shared.segments().iter().rev() {
            if let Some(part) = segment.part(&self.shared, &sought)? {
                return Ok(Some(part.head()));
            }
        }
        Ok(None)
    }

    /// As [`crate::EventStore::read_stream`].
    ///
    /// # Errors
    /// When stored bytes are damaged or cannot be read.
    pub fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let sought = Sought::new(stream);
        let mut out = Vec::new();
        let mut bytes = 0;
        match direction {
            Direction::Forwards => {
                for found in self.parts_from(&sought, from)?.iter().rev() {
                    let skip = from.saturating_sub(found.part.first_revision);
                    let wanted = (max.saturating_sub(out.len()) as u64)
                        .min(found.part.events.saturating_sub(skip));
                    self.read_part(&sought, found, (skip, wanted), (&mut out, &mut bytes))?;
                    if out.len() >= max || bytes >= BATCH_BYTES_MAX {
                        break;
                    }
                }
            }
            Direction::Backwards => {
                for segment in self.shared.segments().iter().rev() {
                    if out.len() >= max || bytes >= BATCH_BYTES_MAX {
                        break;
                    }
                    let Some(part) = segment.part(&self.shared, &sought)? else {
                        continue;
                    };
                    let last = from
                        .saturating_add(1)
                        .min(part.first_revision.saturating_add(part.events));
                    let available = last.saturating_sub(part.first_revision);
                    let wanted = (max.saturating_sub(out.len()) as u64).min(available);
                    let found = Found {
                        segment: Arc::clone(segment),
                        part,
                    };
                    self.read_part_back(
                        &sought,
                        &found,
                        (available.saturating_sub(wanted), wanted),
                        (&mut out, &mut bytes),
                    )?;
                    if part.first_revision == 0 {
                        break;
                    }
                }
            }
        }
        Ok(out)
    }

    /// The parts of a stream from a revision on, newest first.
    fn parts_from(&self, sought: &Sought<'_>, from: u64) -> Result<Vec<Found>, LogError> {
        let mut parts = Vec::new();
        for segment in self.shared.segments().iter().rev() {
            let Some(part) = segment.part(&self.shared, sought)? else {
                continue;
            };
            if part.head() < from {
                break;
            }
            let first = part.first_revision;
            parts.push(Found {
                segment: Arc::clone(segment),
                part,
            });
            if first <= from {
                break;
            }
        }
        Ok(parts)
    }

    fn read_part(
        &self,
        sought: &Sought<'_>,
        found: &Found,
        (skip, wanted): (u64, u64),
        (out, bytes): (&mut Vec<RecordedEvent>, &mut usize),
    ) -> Result<(), LogError> {
        let range = (to_usize(skip), to_usize(wanted));
        let offsets = found
            .segment
            .offsets(&self.shared, sought, &found.part, range)?;
        let mut decoder = Decoder::default();
        let mut revision = found.part.first_revision.saturating_add(skip);
        for group in groups(&offsets) {
            let mut window = self.group_window(&found.segment, group)?;
            for offset in group {
                let event = self.event_at(&mut window, *offset, &mut decoder)?;
                if event.stream != *sought.stream || event.revision != revision {
                    return Err(LogError::segment(
                        window.name(),
                        u64::from(*offset),
                        "the index points at another event",
                    ));
                }
                revision = revision.saturating_add(1);
                *bytes = bytes
                    .saturating_add(event.data.len())
                    .saturating_add(event.meta.len());
                out.push(event);
            }
            if *bytes >= BATCH_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Reads a range of a part newest first. What is beyond the bound of a batch is the older end.
    fn read_part_back(
        &self,
        sought: &Sought<'_>,
        found: &Found,
        (skip, wanted): (u64, u64),
        (out, bytes): (&mut Vec<RecordedEvent>, &mut usize),
    ) -> Result<(), LogError> {
        // Pieces small enough that a piece of the largest events stays within the bound of a batch.
        const PIECE_EVENTS: u64 = 64;
        let mut left = wanted;
        while left > 0 && *bytes < BATCH_BYTES_MAX {
            let piece = left.min(PIECE_EVENTS);
            left = left.saturating_sub(piece);
            let mut events = Vec::new();
            let start = skip.saturating_add(left);
            let mut read = 0;
            while read < piece {
                let before = events.len();
                let range = (start.saturating_add(read), piece.saturating_sub(read));
                self.read_part(sought, found, range, (&mut events, &mut 0))?;
                read = events.len() as u64;
                assert!(events.len() > before, "a range inside a part has events");
            }
            *bytes = events.iter().fold(*bytes, |sum, e| {
                sum.saturating_add(e.data.len())
                    .saturating_add(e.meta.len())
            });
            out.extend(events.into_iter().rev());
        }
        Ok(())
    }

    fn group_window(&self, segment: &Segment, group: &[u32]) -> Result<Window, LogError> {
        let span = match (group.first(), group.last()) {
            (Some(first), Some(last)) => u64::from(last.saturating_sub(*first)),
            _ => 0,
        };
        Ok(segment
            .window(&self.shared)?
            .with_piece(span.saturating_add(LAST_RECORD_BYTES)))
    }

    fn event_at(
        &self,
        window: &mut Window,
        offset: u32,
        decoder: &mut Decoder,
    ) -> Result<RecordedEvent, LogError> {
        let offset = u64::from(offset);
        let (buffer, at) = load_record(window, offset)?;
        view(self.shared.seed, buffer.get(at..).unwrap_or_default())
            .and_then(|record| decoder.event(&record, buffer, at))
            .ok_or_else(|| {
                LogError::segment(window.name(), offset, "the record does not check out")
            })
    }

    /// As [`crate::EventStore::read_all`].
    ///
    /// # Errors
    /// When stored bytes are damaged or cannot be read.
    pub fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let durable = self.shared.durable();
        match direction {
            Direction::Forwards => {
                let from = after.map_or(0, |p| p.commit.saturating_add(1));
                let until = durable.min(from.saturating_add(max as u64));
                Ok(self.read_range(from, until)?)
            }
            Direction::Backwards => {
                let until = after.map_or(durable, |p| p.commit.min(durable));
                // Large batches are cut at the newer end of the range when read forwards, so the range
                // itself is kept small enough to be read whole.
                let from = until.saturating_sub((max as u64).min(BACKWARDS_EVENTS_MAX));
                let mut events = Vec::new();
                let mut next = from;
                while next < until {
                    let piece = self.read_range(next, until)?;
                    assert!(!piece.is_empty(), "a range of durable positions has events");
                    next = next.saturating_add(piece.len() as u64);
                    events.extend(piece);
                }
                events.reverse();
                Ok(events)
            }
        }
    }

    /// Events of positions `from..until`, all durable; fewer when they are large.
    fn read_range(&self, from: u64, until: u64) -> Result<Vec<RecordedEvent>, LogError> {
        let mut out = Vec::new();
        if from >= until {
            return Ok(out);
        }
        out.reserve(to_usize(until.saturating_sub(from)).min(64 * 1024));
        let segments = self.shared.segments();
        let start = segments
            .partition_point(|s| s.first_position <= from)
            .saturating_sub(1);
        let mut decoder = Decoder::default();
        let mut next = from;
        let mut bytes = 0usize;
        for segment in segments.iter().skip(start) {
            if next >= until || bytes >= BATCH_BYTES_MAX {
                break;
            }
            let Some(waypoint) = segment.waypoint(&self.shared, next)? else {
                return Err(LogError::segment(
                    &segment.name,
                    0,
                    format!("nothing is known of position {next}"),
                ));
            };
            let piece = until
                .saturating_sub(next)
                .saturating_mul(EVENT_BYTES_EXPECTED);
            let window = segment
                .window(&self.shared)?
                .with_piece(piece.saturating_add(16 * 1024));
            let (frame, record) = (u64::from(waypoint.frame), u64::from(waypoint.record));
            let mut walker = RecordWalker::new(window, self.shared.seed, frame, record)?;
            let mut more = true;
            while more && next < until && bytes < BATCH_BYTES_MAX {
                more = walker.step(&mut |record, buffer, at| {
                    if record.position == next {
                        bytes = bytes.saturating_add(record.bytes);
                        out.push(decoder.event(record, buffer, at)?);
                        next = next.saturating_add(1);
                        return Some(());
                    }
                    (record.position < next).then_some(())
                })?;
            }
        }
        Ok(out)
    }
}

/// Events of one batch read backwards; see `read_all`.
const BACKWARDS_EVENTS_MAX: u64 = 4_096;

/// Splits sorted offsets into runs that are read in one go.
fn groups(offsets: &[u32]) -> Vec<&[u32]> {
    let mut groups = Vec::new();
    let mut rest = offsets;
    while let Some(first) = rest.first() {
        let mut last = *first;
        let run = rest
            .iter()
            .take_while(|offset| {
                let near = offset.saturating_sub(last) <= GAP_BYTES_MAX
                    && offset.saturating_sub(*first) <= GROUP_BYTES_MAX;
                last = **offset;
                near
            })
            .count();
        let (group, behind) = rest.split_at(run.max(1));
        groups.push(group);
        rest = behind;
    }
    groups
}
