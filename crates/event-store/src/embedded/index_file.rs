//! Reading the index file of a sealed segment, a page at a time, every page checked.
//!
//! Only the header stays in memory, and the filter as long as all filters together keep within their
//! bound; beyond it, filter pages are read when asked. So neither memory nor start-up grows with the log.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::disk::DiskFile;
use super::error::LogError;
use super::files::Files;
use super::index_build::{
    BLOCK_BYTES, BLOCKS_A_PAGE, INDEX_MAGIC, IndexHead, OFFSET_BYTES, OFFSETS_A_PAGE, PAGE_BYTES,
    PAGE_CONTENT_BYTES, STREAM_ENTRY_BYTES, STREAMS_A_PAGE, WAYPOINT_ENTRY_BYTES, WAYPOINTS_A_PAGE,
    filter_block, filter_mask,
};
use super::index_memory::Waypoint;
use super::layout::{Chain, index_name};
use super::wire::{FORMAT_VERSION, crc, hash_at, i64_at, to_usize, u32_at, u64_at, uuid_at};

/// Bytes of filters kept in memory, all segments together: at 12 bits a stream enough for 80 million
/// streams; older filters are then read from the page cache.
pub(crate) const FILTER_BYTES_MAX: usize = 128 * 1024 * 1024;

/// A stream in a sealed segment. Another stream with the same hash looks the same: compare names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamEntry {
    pub(crate) hash: u64,
    pub(crate) first_revision: u64,
    pub(crate) events: u32,
    /// The offset, or the number of the first offset.
    place: u32,
}

/// An open index file.
pub(crate) struct IndexFile {
    name: String,
    seed: u32,
    head: IndexHead,
    streams: u64,
    filter_pages: usize,
    table_pages: usize,
    offset_pages: usize,
    waypoint_pages: usize,
    waypoints: usize,
    filter: OnceLock<Vec<u32>>,
}

impl IndexFile {
    /// Reads the header of the index of a segment.
    pub(crate) fn open(files: &Files, seed: u32, number: u64) -> Result<Self, LogError> {
        let name = index_name(number);
        let file = files.get(&name)?;
        let page = read_page(&name, seed, file.as_ref(), 0)?;
        let bad = |what: &str| LogError::index(&name, 0, what);
        if page.get(..8) != Some(INDEX_MAGIC.as_slice()) {
            return Err(bad("the file does not begin as an index"));
        }
        match u32_at(&page, 8) {
            Some(FORMAT_VERSION) => {}
            Some(version) if version > FORMAT_VERSION => {
                return Err(LogError::Newer {
                    file: name,
                    version,
                });
            }
            _ => return Err(bad("the format version is not one that ever was")),
        }
        let index =
            Self::decode(&page, seed, &name).ok_or_else(|| bad("the header is too short"))?;
        let pages =
            1 + index.filter_pages + index.table_pages + index.offset_pages + index.waypoint_pages;
        let length = file
            .len()
            .map_err(LogError::io(format!("reading the length of {name}")))?;
        if index.head.number != number || length != (pages as u64).saturating_mul(PAGE_BYTES as u64)
        {
            return Err(bad("the header does not fit the file"));
        }
        Ok(index)
    }

    fn decode(page: &[u8], seed: u32, name: &str) -> Option<Self> {
        let first_position = u64_at(page, 40)?;
        let chain = Chain {
            next_position: first_position.checked_add(u64_at(page, 48)?)?,
            hash: hash_at(page, 64)?,
            recorded_at_ms: i64_at(page, 96)?,
        };
        let number = u64_at(page, 32)?;
        let head = IndexHead {
            store: uuid_at(page, 16)?,
            number,
            first_position,
            end: u64_at(page, 56)?,
            chain,
        };
        let pages = |at| u32_at(page, at).map(|n| n as usize);
        Some(Self {
            name: name.to_owned(),
            seed,
            head,
            streams: u64_at(page, 104)?,
            filter_pages: pages(112)?,
            table_pages: pages(116)?,
            offset_pages: pages(120)?,
            waypoint_pages: pages(124)?,
            waypoints: pages(128)?,
            filter: OnceLock::new(),
        })
    }

    /// What the index says of its segment.
    pub(crate) fn head(&self) -> &IndexHead {
        &self.head
    }

    /// Whether the filter lets a hash through; no means the stream is not in this segment.
    pub(crate) fn may_hold(
        &self,
        files: &Files,
        kept: &AtomicUsize,
        hash: u64,
    ) -> Result<bool, LogError> {
        let block = filter_block(hash, self.blocks());
        if let Some(words) = self.filter_in_memory(files, kept)? {
            return Ok(lets_through(words, block, hash));
        }
        let file = files.get(&self.name)?;
        let page = read_page(
            &self.name,
            self.seed,
            file.as_ref(),
            1 + block / BLOCKS_A_PAGE,
        )?;
        let start = (block % BLOCKS_A_PAGE).saturating_mul(BLOCK_BYTES);
        let held = filter_mask(hash).iter().enumerate().all(|(i, bit)| {
            u32_at(&page, start.saturating_add(i * 4)).is_some_and(|word| word & bit != 0)
        });
        Ok(held)
    }

    /// Whether the filter rules a hash out, told without the disk; `false` also when the filter is not in
    /// memory.
    pub(crate) fn rules_out(&self, hash: u64) -> bool {
        let block = filter_block(hash, self.blocks());
        self.filter
            .get()
            .is_some_and(|words| !lets_through(words, block, hash))
    }

    fn blocks(&self) -> usize {
        let bits = to_usize(self.streams).saturating_mul(12);
        bits.div_ceil(BLOCK_BYTES * 8).max(1)
    }

    fn filter_in_memory(
        &self,
        files: &Files,
        kept: &AtomicUsize,
    ) -> Result<Option<&[u32]>, LogError> {
        if let Some(words) = self.filter.get() {
            return Ok(Some(words));
        }
        let bytes = self.blocks().saturating_mul(BLOCK_BYTES);
        if kept.load(Ordering::Relaxed).saturating_add(bytes) > FILTER_BYTES_MAX {
            return Ok(None);
        }
        let file = files.get(&self.name)?;
        let mut words = Vec::with_capacity(bytes / 4);
        for page in 1..=self.filter_pages {
            let content = read_page(&self.name, self.seed, file.as_ref(), page)?;
            let own = content
                .get(..BLOCKS_A_PAGE * BLOCK_BYTES)
                .unwrap_or_default();
            words.extend(own.chunks_exact(4).filter_map(|w| u32_at(w, 0)));
        }
        words.truncate(bytes / 4);
        if self.filter.set(words).is_ok() {
            kept.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(self.filter.get().map(Vec::as_slice))
    }

    /// The streams with this hash; almost always none or one.
    pub(crate) fn find(&self, files: &Files, hash: u64) -> Result<Vec<StreamEntry>, LogError> {
        let mut found = Vec::new();
        if self.table_pages == 0 {
            return Ok(found);
        }
        let file = files.get(&self.name)?;
        // Hashes are spread evenly, so the place can be guessed to within a page or two.
        let guess = u128::from(hash).saturating_mul(self.table_pages as u128) >> 64;
        let mut page = usize::try_from(guess).unwrap_or_default();
        let mut entries = self.table_page(file.as_ref(), page)?;
        while page > 0 && entries.first().is_some_and(|e| e.hash >= hash) {
            page = page.saturating_sub(1);
            entries = self.table_page(file.as_ref(), page)?;
        }
        loop {
            found.extend(entries.iter().filter(|e| e.hash == hash));
            let beyond = entries.last().is_none_or(|e| e.hash > hash);
            page = page.saturating_add(1);
            if beyond || page >= self.table_pages {
                return Ok(found);
            }
            entries = self.table_page(file.as_ref(), page)?;
        }
    }

    fn table_page(&self, file: &dyn DiskFile, page: usize) -> Result<Vec<StreamEntry>, LogError> {
        let before = page.saturating_mul(STREAMS_A_PAGE);
        let here = to_usize(self.streams)
            .saturating_sub(before)
            .min(STREAMS_A_PAGE);
        let content = read_page(
            &self.name,
            self.seed,
            file,
            page.saturating_add(1 + self.filter_pages),
        )?;
        let entry = |e: &[u8]| {
            Some(StreamEntry {
                hash: u64_at(e, 0)?,
                first_revision: u64_at(e, 8)?,
                events: u32_at(e, 16)?,
                place: u32_at(e, 20)?,
            })
        };
        Ok(content
            .chunks_exact(STREAM_ENTRY_BYTES)
            .take(here)
            .filter_map(entry)
            .collect())
    }

    /// Offsets of a stream's records `from..from + count`, counted from its first in this segment.
    pub(crate) fn offsets(
        &self,
        files: &Files,
        entry: &StreamEntry,
        from: usize,
        count: usize,
    ) -> Result<Vec<u32>, LogError> {
        let count = count.min((entry.events as usize).saturating_sub(from));
        if entry.events == 1 {
            return Ok(if count == 0 {
                Vec::new()
            } else {
                vec![entry.place]
            });
        }
        let file = files.get(&self.name)?;
        let mut offsets = Vec::with_capacity(count);
        let mut next = (entry.place as usize).saturating_add(from);
        while offsets.len() < count {
            let page = next / OFFSETS_A_PAGE;
            let inside = next % OFFSETS_A_PAGE;
            if page >= self.offset_pages {
                return Err(LogError::index(
                    &self.name,
                    0,
                    "an entry points behind its section",
                ));
            }
            let number = page.saturating_add(1 + self.filter_pages + self.table_pages);
            let content = read_page(&self.name, self.seed, file.as_ref(), number)?;
            let wanted = count
                .saturating_sub(offsets.len())
                .min(OFFSETS_A_PAGE.saturating_sub(inside));
            let own = content.chunks_exact(OFFSET_BYTES).skip(inside).take(wanted);
            offsets.extend(own.filter_map(|o| u32_at(o, 0)));
            next = next.saturating_add(wanted);
        }
        Ok(offsets)
    }

    /// The last waypoint at or before a position of this segment.
    pub(crate) fn waypoint(
        &self,
        files: &Files,
        position: u64,
    ) -> Result<Option<Waypoint>, LogError> {
        let file = files.get(&self.name)?;
        let (mut low, mut high) = (0usize, self.waypoint_pages);
        let mut found = None;
        while low < high {
            let middle = usize::midpoint(low, high);
            let page = self.waypoint_page(file.as_ref(), middle)?;
            let behind = page.partition_point(|w| w.position <= position);
            match behind.checked_sub(1).and_then(|i| page.get(i)) {
                None => high = middle,
                Some(waypoint) => {
                    found = Some(*waypoint);
                    low = middle.saturating_add(1);
                }
            }
        }
        Ok(found)
    }

    fn waypoint_page(&self, file: &dyn DiskFile, page: usize) -> Result<Vec<Waypoint>, LogError> {
        let here = self
            .waypoints
            .saturating_sub(page.saturating_mul(WAYPOINTS_A_PAGE))
            .min(WAYPOINTS_A_PAGE);
        let number =
            page.saturating_add(1 + self.filter_pages + self.table_pages + self.offset_pages);
        let content = read_page(&self.name, self.seed, file, number)?;
        let entry = |e: &[u8]| {
            Some(Waypoint {
                position: u64_at(e, 0)?,
                record: u32_at(e, 8)?,
                frame: u32_at(e, 12)?,
            })
        };
        Ok(content
            .chunks_exact(WAYPOINT_ENTRY_BYTES)
            .take(here)
            .filter_map(entry)
            .collect())
    }
}

/// Whether a filter in memory has every bit of a hash.
fn lets_through(words: &[u32], block: usize, hash: u64) -> bool {
    let start = block.saturating_mul(8);
    let own = words
        .get(start..start.saturating_add(8))
        .unwrap_or_default();
    own.iter()
        .zip(filter_mask(hash))
        .all(|(word, bit)| word & bit != 0)
}

fn read_page(name: &str, seed: u32, file: &dyn DiskFile, page: usize) -> Result<Vec<u8>, LogError> {
    let offset = (page as u64).saturating_mul(PAGE_BYTES as u64);
    let mut bytes = vec![0; PAGE_BYTES];
    let read = file.read_at(&mut bytes, offset);
    if read
        .as_ref()
        .is_err_and(|e| e.kind() == std::io::ErrorKind::UnexpectedEof)
    {
        return Err(LogError::index(name, offset, "the file ends too early"));
    }
    read.map_err(LogError::io(format!("reading {name} at {offset}")))?;
    let sum = u32_at(&bytes, PAGE_CONTENT_BYTES);
    bytes.truncate(PAGE_CONTENT_BYTES);
    let number = u32::try_from(page).unwrap_or(u32::MAX);
    if sum != Some(crc(seed ^ number, &bytes)) {
        return Err(LogError::index(
            name,
            offset,
            "the checksum of this page does not hold",
        ));
    }
    Ok(bytes)
}

/// An index shared by readers.
pub(crate) type SharedIndex = Arc<IndexFile>;
