//! The index of one segment in memory: where each stream's events are, and waypoints by position.
//!
//! It holds the active segment while it grows and the few sealed ones before it. Its size is bounded by
//! the segment's. It may be ahead of the disk: whoever reads for others says up to which offset bytes are
//! durable.

use std::collections::hash_map::Entry;

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

/// Longest name kept inside an entry; with it an entry fills one cache line.
const SHORT_NAME_BYTES: usize = 30;

/// A stream's name as a key. Short ones lie in the table itself: looking up one of many streams costs
/// what it costs to reach memory, and so it is reached once.
#[derive(Clone, PartialEq, Eq)]
enum Key {
    Short(u8, [u8; SHORT_NAME_BYTES]),
    Long(StreamName),
}

impl Key {
    fn of(name: &StreamName) -> Self {
        let bytes = name.as_str().as_bytes();
        let mut short = [0; SHORT_NAME_BYTES];
        match (short.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(bytes);
                Self::Short(length, short)
            }
            _ => Self::Long(name.clone()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Short(length, bytes) => {
                let own = bytes.get(..usize::from(*length)).unwrap_or_default();
                std::str::from_utf8(own).unwrap_or_default()
            }
            Self::Long(name) => name.as_str(),
        }
    }
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            // Zeros behind the name are part of it for this purpose: whole words are hashed fast.
            Self::Short(_, bytes) => state.write(bytes),
            Self::Long(name) => state.write(name.as_str().as_bytes()),
        }
    }
}

/// The index of one segment.
#[derive(Default)]
pub(crate) struct MemoryIndex {
    streams: FxHashMap<Key, StreamPlaces>,
    waypoints: Vec<Waypoint>,
}

impl MemoryIndex {
    /// An index with room for about as many streams as the segment before had.
    pub(crate) fn with_streams(streams: usize) -> Self {
        let mut index = Self::default();
        index.streams.reserve(streams);
        index
    }

    /// Number of streams.
    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// The newest revision of a stream that has events here.
    pub(crate) fn head(&self, stream: &StreamName) -> Option<u64> {
        self.streams.get(&Key::of(stream)).map(StreamPlaces::head)
    }

    pub(crate) fn places(&self, stream: &StreamName) -> Option<&StreamPlaces> {
        self.streams.get(&Key::of(stream))
    }

    /// Notes events of a stream, the first of them with this revision; `false` when it does not follow.
    pub(crate) fn push(&mut self, stream: &StreamName, revision: u64, offsets: &[u32]) -> bool {
        let mut rest = offsets.iter();
        let Some(first) = rest.next() else {
            return true;
        };
        let places = match self.streams.entry(Key::of(stream)) {
            Entry::Occupied(entry) => {
                let places = entry.into_mut();
                if places.head().checked_add(1) != Some(revision) {
                    return false;
                }
                places.push(*first);
                places
            }
            Entry::Vacant(entry) => entry.insert(StreamPlaces {
                first_revision: revision,
                offsets: Offsets::One(*first),
            }),
        };
        for offset in rest {
            places.push(*offset);
        }
        true
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
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &StreamPlaces)> {
        self.streams
            .iter()
            .map(|(key, places)| (key.as_str(), places))
    }
}
