//! The index of one segment in memory: where each stream's events are, and waypoints by position.
//!
//! It holds the active segment while it grows and the few sealed ones before it. Its size is bounded by
//! the segment's. It may be ahead of the disk: whoever reads for others says up to which offset bytes are
//! durable.

use rustc_hash::FxHashMap;

use crate::port::StreamName;

/// Distance between two waypoints: what a read by position may have to step over.
const WAYPOINT_BYTES: u32 = 16 * 1024;

/// Where a record begins that one may start reading at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waypoint {
    pub(crate) position: u64,
    /// Offset of the record.
    pub(crate) record: u32,
    /// Offset of its frame.
    pub(crate) frame: u32,
}

/// Offsets of a stream's records, by revision. Most streams have one event a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Offsets {
    One(u32),
    Many(Vec<u32>),
}

/// A stream's events in one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamPlaces {
    pub(crate) first_revision: u64,
    offsets: Offsets,
}

impl StreamPlaces {
    pub(crate) fn offsets(&self) -> &[u32] {
        match &self.offsets {
            Offsets::One(offset) => std::slice::from_ref(offset),
            Offsets::Many(offsets) => offsets,
        }
    }

    /// Newest revision.
    pub(crate) fn head(&self) -> u64 {
        self.first_revision
            .saturating_add(self.offsets().len() as u64)
            .saturating_sub(1)
    }

    fn push(&mut self, offset: u32) {
        match &mut self.offsets {
            Offsets::Many(offsets) => offsets.push(offset),
            Offsets::One(first) => self.offsets = Offsets::Many(vec![*first, offset]),
        }
    }
}

/// The index of one segment.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    numbers: FxHashMap<StreamName, u32>,
    places: Vec<StreamPlaces>,
    waypoints: Vec<Waypoint>,
}

impl MemoryIndex {
    /// An index with room for about as many streams as the segment before had.
    pub(crate) fn with_streams(streams: usize) -> Self {
        let mut index = Self::default();
        index.numbers.reserve(streams);
        index.places.reserve(streams);
        index
    }

    /// Number of streams.
    pub(crate) fn streams(&self) -> usize {
        self.places.len()
    }

    /// The stream's number in this index and its newest revision.
    pub(crate) fn find(&self, stream: &StreamName) -> Option<(u32, u64)> {
        let number = *self.numbers.get(stream)?;
        Some((number, self.places.get(number as usize)?.head()))
    }

    pub(crate) fn places(&self, stream: &StreamName) -> Option<&StreamPlaces> {
        self.places.get(*self.numbers.get(stream)? as usize)
    }

    /// Notes the next event of a stream already known by its number.
    pub(crate) fn push_known(&mut self, number: u32, offset: u32) {
        if let Some(places) = self.places.get_mut(number as usize) {
            places.push(offset);
        }
    }

    /// Notes an event of a stream that has none in this segment; gives the stream's number.
    pub(crate) fn push_new(&mut self, stream: &StreamName, revision: u64, offset: u32) -> u32 {
        let number = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let before = self.numbers.insert(stream.clone(), number);
        assert!(before.is_none(), "a new stream is noted once");
        self.places.push(StreamPlaces {
            first_revision: revision,
            offsets: Offsets::One(offset),
        });
        number
    }

    /// Notes an event read from the segment; `false` when its revision does not follow.
    pub(crate) fn push_read(&mut self, stream: &StreamName, revision: u64, offset: u32) -> bool {
        match self.find(stream) {
            None => {
                self.push_new(stream, revision, offset);
                true
            }
            Some((number, head)) if head.checked_add(1) == Some(revision) => {
                self.push_known(number, offset);
                true
            }
            Some(_) => false,
        }
    }

    /// Notes where a record is, if the last waypoint is far enough behind.
    pub(crate) fn pass(&mut self, position: u64, record: u32, frame: u32) {
        let due = self
            .waypoints
            .last()
            .is_none_or(|w| record.saturating_sub(w.record) >= WAYPOINT_BYTES);
        if due {
            self.waypoints.push(Waypoint {
                position,
                record,
                frame,
            });
        }
    }

    pub(crate) fn waypoints(&self) -> &[Waypoint] {
        &self.waypoints
    }

    /// The last waypoint at or before a position.
    pub(crate) fn waypoint(&self, position: u64) -> Option<Waypoint> {
        let behind = self.waypoints.partition_point(|w| w.position <= position);
        self.waypoints.get(behind.checked_sub(1)?).copied()
    }

    /// Every stream with its places, in no order.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&StreamName, &StreamPlaces)> {
        self.numbers
            .iter()
            .filter_map(|(name, number)| Some((name, self.places.get(*number as usize)?)))
    }
}
