//! A segment as readers see it: where a stream's events are in it, and which of its bytes are durable.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::error::LogError;
use super::index_file::{SharedIndex, StreamEntry};
use super::index_memory::{MemoryIndex, Waypoint};
use super::layout::segment_name;
use super::record::view;
use super::scan::{Window, load_record};
use super::shared::Shared;
use super::wire::name_hash;
use crate::port::StreamName;

/// The index of a segment in memory, shared by the writer and readers.
pub(crate) type SharedMemory = Arc<RwLock<MemoryIndex>>;

/// Bytes read for one record when its length is not known.
const RECORD_PIECE_BYTES: u64 = 4 * 1024;

/// One segment.
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) first_position: u64,
    memory: RwLock<Option<SharedMemory>>,
    index: OnceLock<SharedIndex>,
    /// Bytes before this offset are durable.
    durable_end: AtomicU64,
}

/// A stream's events in one segment, durable ones only.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamPart {
    pub(crate) first_revision: u64,
    pub(crate) events: u64,
    entry: Option<StreamEntry>,
}

impl StreamPart {
    /// Newest revision.
    pub(crate) fn head(&self) -> u64 {
        self.first_revision
            .saturating_add(self.events)
            .saturating_sub(1)
    }
}

/// A stream's name with its hash, computed when first needed.
pub(crate) struct Sought<'a> {
    pub(crate) stream: &'a StreamName,
    hash: OnceLock<u64>,
}

impl<'a> Sought<'a> {
    pub(crate) fn new(stream: &'a StreamName) -> Self {
        Self {
            stream,
            hash: OnceLock::new(),
        }
    }

    fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| name_hash(self.stream.as_str()))
    }
}

impl Segment {
    pub(crate) fn in_memory(
        number: u64,
        first_position: u64,
        memory: SharedMemory,
        durable_end: u64,
    ) -> Self {
        Self {
            number,
            name: segment_name(number),
            first_position,
            memory: RwLock::new(Some(memory)),
            index: OnceLock::new(),
            durable_end: AtomicU64::new(durable_end),
        }
    }

    pub(crate) fn sealed(number: u64, index: SharedIndex) -> Self {
        let head = *index.head();
        let cell = OnceLock::new();
        let set = cell.set(index);
        assert!(set.is_ok(), "a fresh cell is empty");
        Self {
            number,
            name: segment_name(number),
            first_position: head.first_position,
            memory: RwLock::new(None),
            index: cell,
            durable_end: AtomicU64::new(head.end),
        }
    }

    pub(crate) fn durable_end(&self) -> u64 {
        self.durable_end.load(Ordering::Acquire)
    }

    pub(crate) fn set_durable_end(&self, end: u64) {
        let before = self.durable_end.swap(end, Ordering::Release);
        assert!(before <= end, "what is durable stays durable");
    }

    pub(crate) fn memory(&self) -> Option<SharedMemory> {
        self.memory
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn index(&self) -> Option<&SharedIndex> {
        self.index.get()
    }

    /// Notes that the index file is written. A second one is the same.
    pub(crate) fn set_index(&self, index: SharedIndex) {
        let _ = self.index.set(index);
    }

    /// Frees the index in memory, if the file is there to answer.
    pub(crate) fn forget_memory(&self) {
        if self.index.get().is_some() {
            *self.memory.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Where a stream's durable events are, if it has any here.
    pub(crate) fn part(
        &self,
        shared: &Shared,
        sought: &Sought<'_>,
    ) -> Result<Option<StreamPart>, LogError> {
        let durable_end = self.durable_end();
        if let Some(memory) = self.memory() {
            let memory = memory.read().unwrap_or_else(PoisonError::into_inner);
            return Ok(memory.places(sought.stream).and_then(|places| {
                let events = places
                    .offsets()
                    .partition_point(|o| u64::from(*o) < durable_end)
                    as u64;
                let part = StreamPart {
                    first_revision: places.first_revision,
                    events,
                    entry: None,
                };
                (events > 0).then_some(part)
            }));
        }
        self.part_in_file(shared, sought)
    }

    /// Whether the segment surely has no durable event of a stream, told at once: without the disk, and
    /// without waiting for a writer. `false` says nothing.
    pub(crate) fn surely_without(&self, sought: &Sought<'_>) -> bool {
        let durable_end = self.durable_end();
        let Some(memory) = self.memory() else {
            return self
                .index
                .get()
                .is_some_and(|index| index.rules_out(sought.hash()));
        };
        memory.try_read().is_ok_and(|memory| {
            memory.places(sought.stream).is_none_or(|places| {
                let first = places.offsets().first();
                first.is_none_or(|offset| u64::from(*offset) >= durable_end)
            })
        })
    }

    fn part_in_file(
        &self,
        shared: &Shared,
        sought: &Sought<'_>,
    ) -> Result<Option<StreamPart>, LogError> {
        let Some(index) = self.index.get() else {
            return Ok(None);
        };
        if !index.may_hold(&shared.files, &shared.filter_bytes, sought.hash())? {
            return Ok(None);
        }
        for entry in index.find(&shared.files, sought.hash())? {
            let Some(first) = index.offsets(&shared.files, &entry, 0, 1)?.first().copied() else {
                continue;
            };
            if self.name_at(shared, first)? == sought.stream.as_str() {
                let part = StreamPart {
                    first_revision: entry.first_revision,
                    events: u64::from(entry.events),
                    entry: Some(entry),
                };
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    fn name_at(&self, shared: &Shared, offset: u32) -> Result<String, LogError> {
        let mut window = self.window(shared)?.with_piece(RECORD_PIECE_BYTES);
        let (buffer, at) = load_record(&mut window, u64::from(offset))?;
        let record = view(shared.seed, buffer.get(at..).unwrap_or_default()).ok_or_else(|| {
            LogError::segment(
                &self.name,
                u64::from(offset),
                "the record does not check out",
            )
        })?;
        Ok(record.stream.to_owned())
    }

    /// The newest revision that the writer has given out, durable or not yet.
    pub(crate) fn staged_head(
        &self,
        shared: &Shared,
        sought: &Sought<'_>,
    ) -> Result<Option<u64>, LogError> {
        if let Some(memory) = self.memory() {
            let memory = memory.read().unwrap_or_else(PoisonError::into_inner);
            return Ok(memory.head(sought.stream));
        }
        Ok(self.part_in_file(shared, sought)?.map(|part| part.head()))
    }

    /// Offsets of a part's records `from..from + count`, counted from its first.
    pub(crate) fn offsets(
        &self,
        shared: &Shared,
        sought: &Sought<'_>,
        part: &StreamPart,
        (from, count): (usize, usize),
    ) -> Result<Vec<u32>, LogError> {
        let entry = match part.entry {
            Some(entry) => entry,
            None => {
                if let Some(memory) = self.memory() {
                    let memory = memory.read().unwrap_or_else(PoisonError::into_inner);
                    let all = memory
                        .places(sought.stream)
                        .map_or(&[][..], |p| p.offsets());
                    return Ok(all.iter().skip(from).take(count).copied().collect());
                }
                // Sealed and forgotten since the part was found.
                match self.part_in_file(shared, sought)?.and_then(|p| p.entry) {
                    Some(entry) => entry,
                    None => {
                        return Err(LogError::segment(
                            &self.name,
                            0,
                            "the index has lost a stream",
                        ));
                    }
                }
            }
        };
        let Some(index) = self.index.get() else {
            return Ok(Vec::new());
        };
        index.offsets(&shared.files, &entry, from, count)
    }

    /// Where to start reading for a durable position of this segment.
    pub(crate) fn waypoint(
        &self,
        shared: &Shared,
        position: u64,
    ) -> Result<Option<Waypoint>, LogError> {
        if let Some(memory) = self.memory() {
            return Ok(memory
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .waypoint(position));
        }
        match self.index.get() {
            Some(index) => index.waypoint(&shared.files, position),
            None => Ok(None),
        }
    }

    /// A window over the durable bytes.
    pub(crate) fn window(&self, shared: &Shared) -> Result<Window, LogError> {
        Ok(Window::new(
            &self.name,
            shared.files.get(&self.name)?,
            self.durable_end(),
        ))
    }
}
