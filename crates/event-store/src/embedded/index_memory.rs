//! The index of one segment in memory: where each stream's events are, and waypoints by position.
//!
//! It holds the active segment while it grows and the few sealed ones before it. Its size is bounded by
//! the segment's. It may be ahead of the disk: whoever reads for others says up to which offset bytes are
//! durable.

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

/// A stream's events in one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamPlaces<'a> {
    pub(crate) first_revision: u64,
    offsets: &'a [u32],
}

impl<'a> StreamPlaces<'a> {
    /// Offsets of its records, by revision.
    pub(crate) fn offsets(&self) -> &'a [u32] {
        self.offsets
    }

    /// Newest revision.
    pub(crate) fn head(&self) -> u64 {
        self.first_revision
            .saturating_add(self.offsets.len() as u64)
            .saturating_sub(1)
    }
}

/// Longest name kept inside an entry.
const SHORT_NAME_BYTES: usize = 30;

/// A stream's name in its entry. Short ones lie in the entry itself: looking up one of many streams costs
/// what it costs to reach memory, and so it is reached once.
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

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(name) => name.as_str().as_bytes(),
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// What a name is looked up by in memory. Different names may share it: an entry is found only when the
/// name itself is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameTag(u32);

impl NameTag {
    pub(crate) fn of(name: &StreamName) -> Self {
        Self(name.tag())
    }
}

/// A place of the table: a name's tag and the number of its entry.
#[derive(Clone, Copy)]
struct Slot {
    tag: NameTag,
    /// [`NO_ENTRY`] when the place is free.
    entry: u32,
}

const NO_ENTRY: u32 = u32::MAX;
const FREE: Slot = Slot {
    tag: NameTag(0),
    entry: NO_ENTRY,
};
/// Places of the smallest table, a power of two like all others.
const TABLE_MIN: usize = 16;

/// Offsets that fit into an entry. Most streams have fewer events than that in one segment.
const OFFSETS_WITHIN: usize = 5;

/// A stream: one cache line.
#[repr(align(64))]
struct Entry {
    key: Key,
    first_revision: u64,
    /// At least 1.
    events: u32,
    /// The offsets; when there are more than fit, the first is the number of their list.
    within: [u32; OFFSETS_WITHIN],
}

/// The index of one segment.
///
/// A table of small places points at entries of one cache line each, which stand in the order in which
/// their streams came. Both are reached without a step in between, so that the memory of many look-ups can
/// be waited for at once: see [`MemoryIndex::hint`].
#[derive(Default)]
pub(crate) struct MemoryIndex {
    /// Open addressing, at most half full: a power of two of places, or none.
    table: Vec<Slot>,
    entries: Vec<Entry>,
    /// Offsets of streams with many events.
    lists: Vec<Vec<u32>>,
    waypoints: Vec<Waypoint>,
}

impl MemoryIndex {
    /// An index with room for about as many streams as the segment before had.
    pub(crate) fn with_streams(streams: usize) -> Self {
        let mut index = Self::default();
        index.entries.reserve(streams);
        if streams > 0 {
            index.enlarge(streams.saturating_mul(2));
        }
        index
    }

    /// Number of streams.
    pub(crate) fn streams(&self) -> usize {
        self.entries.len()
    }

    fn enlarge(&mut self, places: usize) {
        let places = places.max(TABLE_MIN).next_power_of_two();
        let before = std::mem::replace(&mut self.table, vec![FREE; places]);
        for slot in before {
            if slot.entry != NO_ENTRY {
                self.occupy(slot);
            }
        }
    }

    /// Puts a slot into the first free place of its chain; there is one.
    fn occupy(&mut self, slot: Slot) {
        let mask = self.table.len().saturating_sub(1);
        let mut at = slot.tag.0 as usize & mask;
        while let Some(place) = self.table.get_mut(at) {
            if place.entry == NO_ENTRY {
                *place = slot;
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// The number of a stream's entry, if it has events here. It stays the same.
    pub(crate) fn find(&self, tag: NameTag, stream: &StreamName) -> Option<u32> {
        let mask = self.table.len().checked_sub(1)?;
        let mut at = tag.0 as usize & mask;
        loop {
            let slot = self.table.get(at)?;
            if slot.entry == NO_ENTRY {
                return None;
            }
            if slot.tag == tag && self.is_of(slot.entry, stream) {
                return Some(slot.entry);
            }
            at = at.wrapping_add(1) & mask;
        }
    }

    /// The same with a number from [`Self::hint`] to try first.
    pub(crate) fn find_hinted(&self, hint: u32, tag: NameTag, stream: &StreamName) -> Option<u32> {
        if self.is_of(hint, stream) {
            return Some(hint);
        }
        self.find(tag, stream)
    }

    fn is_of(&self, entry: u32, name: &StreamName) -> bool {
        self.entries
            .get(entry as usize)
            .is_some_and(|entry| entry.key.as_bytes() == name.as_str().as_bytes())
    }

    /// The number that probably is the entry's of a name with this tag, from the first places of the table.
    /// It decides nothing: the memory that a look-up needs is reached for by it. There is no branch in it
    /// that depends on what the table holds, so that the processor does not wait for one place before it
    /// reaches for the next.
    pub(crate) fn hint(&self, tag: NameTag) -> u32 {
        let mask = self.table.len().saturating_sub(1);
        let at = tag.0 as usize & mask;
        let first = self.table.get(at).copied().unwrap_or(FREE);
        let next = at.wrapping_add(1) & mask;
        let second = self.table.get(next).copied().unwrap_or(FREE);
        if first.tag == tag {
            first.entry
        } else {
            second.entry
        }
    }

    /// Reaches for an entry. Gives something of it, to be used.
    pub(crate) fn touch(&self, hint: u32) -> u32 {
        self.entries
            .get(hint as usize)
            .map_or(0, |entry| entry.events)
    }

    /// The newest revision of an entry.
    pub(crate) fn head_of(&self, entry: u32) -> Option<u64> {
        let entry = self.entries.get(entry as usize)?;
        let next = entry.first_revision.saturating_add(u64::from(entry.events));
        Some(next.saturating_sub(1))
    }

    /// The newest revision of a stream that has events here.
    pub(crate) fn head(&self, stream: &StreamName) -> Option<u64> {
        self.head_of(self.find(NameTag::of(stream), stream)?)
    }

    /// A stream's events here.
    pub(crate) fn places(&self, stream: &StreamName) -> Option<StreamPlaces<'_>> {
        let entry = self.find(NameTag::of(stream), stream)?;
        self.entries
            .get(entry as usize)
            .map(|entry| self.places_of(entry))
    }

    fn places_of<'a>(&'a self, entry: &'a Entry) -> StreamPlaces<'a> {
        let events = entry.events as usize;
        let offsets = match (entry.within.get(..events), entry.within.first()) {
            (Some(within), _) => within,
            (None, Some(list)) => self
                .lists
                .get(*list as usize)
                .map_or(&[][..], Vec::as_slice),
            (None, None) => &[],
        };
        StreamPlaces {
            first_revision: entry.first_revision,
            offsets,
        }
    }

    /// Adds the next event of a stream; `false` when its revision does not follow.
    pub(crate) fn push(&mut self, stream: &StreamName, revision: u64, offset: u32) -> bool {
        let tag = NameTag::of(stream);
        match self.find(tag, stream) {
            None => {
                self.begin(tag, stream, revision, offset);
                true
            }
            Some(entry) => {
                let follows = self.head_of(entry).and_then(|head| head.checked_add(1));
                if follows != Some(revision) {
                    return false;
                }
                self.go_on(entry, offset);
                true
            }
        }
    }

    /// Adds the first event here of a stream that has none yet; gives the number of its entry.
    pub(crate) fn begin(
        &mut self,
        tag: NameTag,
        stream: &StreamName,
        revision: u64,
        offset: u32,
    ) -> u32 {
        let entry = u32::try_from(self.entries.len()).unwrap_or(NO_ENTRY);
        assert!(
            entry != NO_ENTRY,
            "a segment's streams are numbered in 32 bits"
        );
        if self.entries.len().saturating_mul(2) >= self.table.len() {
            self.enlarge(self.table.len().saturating_mul(2));
        }
        self.occupy(Slot { tag, entry });
        let mut within = [0; OFFSETS_WITHIN];
        if let Some(first) = within.first_mut() {
            *first = offset;
        }
        self.entries.push(Entry {
            key: Key::of(stream),
            first_revision: revision,
            events: 1,
            within,
        });
        entry
    }

    /// Adds the next event of a stream by the number of its entry.
    pub(crate) fn go_on(&mut self, entry: u32, offset: u32) {
        let Some(entry) = self.entries.get_mut(entry as usize) else {
            return;
        };
        let events = entry.events as usize;
        if let Some(place) = entry.within.get_mut(events) {
            *place = offset;
        } else if events == OFFSETS_WITHIN {
            let number = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
            let mut list = Vec::with_capacity(OFFSETS_WITHIN.saturating_mul(4));
            list.extend_from_slice(&entry.within);
            list.push(offset);
            self.lists.push(list);
            if let Some(first) = entry.within.first_mut() {
                *first = number;
            }
        } else if let Some(list) = entry
            .within
            .first()
            .and_then(|list| self.lists.get_mut(*list as usize))
        {
            list.push(offset);
        }
        entry.events = entry.events.saturating_add(1);
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
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, StreamPlaces<'_>)> {
        self.entries
            .iter()
            .map(|entry| (entry.key.as_str(), self.places_of(entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn name(text: &str) -> StreamName {
        StreamName::new(text).unwrap()
    }

    #[test]
    fn an_entry_is_one_cache_line() {
        assert_eq!(std::mem::size_of::<Entry>(), 64);
    }

    #[test]
    fn every_stream_is_found_with_all_its_offsets_however_many_streams_and_events() {
        let mut index = MemoryIndex::default();
        let mut wanted: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for offset in 0..20_000u32 {
            // Some streams have one event here, some many; some names are too long for an entry.
            let number = (offset.wrapping_mul(2_654_435_761) >> 8) % (1 + offset / 7);
            let long = if number.is_multiple_of(3) { 60 } else { 1 };
            let text = format!("s-{number}-{}", "x".repeat(long));
            let offsets = wanted.entry(text.clone()).or_default();
            let revision = 7 + offsets.len() as u64;
            if !offsets.is_empty() {
                assert!(!index.push(&name(&text), revision + 1, offset), "a gap");
                assert!(!index.push(&name(&text), revision - 1, offset), "again");
            }
            assert!(index.push(&name(&text), revision, offset));
            offsets.push(offset);
        }
        assert_eq!(index.streams(), wanted.len());
        for (text, offsets) in &wanted {
            let places = index.places(&name(text)).unwrap();
            assert_eq!(places.offsets(), offsets, "{text}");
            assert_eq!(index.head(&name(text)), Some(places.head()));
            assert_eq!(
                places.head(),
                places.first_revision + offsets.len() as u64 - 1
            );
        }
        assert!(wanted.values().any(|offsets| offsets.len() > 20));
        assert!(wanted.values().any(|offsets| offsets.len() == 1));
        assert_eq!(index.head(&name("s-absent")), None);
        let told: BTreeMap<String, Vec<u32>> = index
            .each()
            .map(|(text, places)| (text.to_owned(), places.offsets().to_vec()))
            .collect();
        assert_eq!(told, wanted);
    }

    #[test]
    fn names_that_share_a_tag_are_never_taken_for_each_other() {
        let mut index = MemoryIndex::default();
        let tag = NameTag(0xdead_beef);
        for (n, text) in ["a", "b", "c"].into_iter().enumerate() {
            assert_eq!(index.find(tag, &name(text)), None);
            let entry = index.begin(tag, &name(text), n as u64 * 10, 1);
            assert_eq!(index.find(tag, &name(text)), Some(entry));
        }
        let heads: Vec<Option<u64>> = ["a", "b", "c", "d"]
            .into_iter()
            .map(|text| index.head_of(index.find(tag, &name(text))?))
            .collect();
        assert_eq!(heads, [Some(0), Some(10), Some(20), None]);
        index.enlarge(1_000);
        assert_eq!(index.find(tag, &name("c")), Some(2));
        assert_eq!(index.find(tag, &name("d")), None);
    }
}
