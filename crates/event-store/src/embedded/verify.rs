//! The full check of a log: every checksum, the hash chain, positions, revisions, and each index against
//! what the segment says. It changes nothing.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::disk::Disk;
use super::error::{LogError, OpenError};
use super::files::Files;
use super::identity::{read_store, refuse_foreign, take_lock};
use super::index_build::{IndexHead, encode_index};
use super::index_memory::MemoryIndex;
use super::layout::{STORE_FILE, SegmentHeader, StoreFile, index_name, segment_name};
use super::open::{
    SegmentScan, check_joint, read_header, scan_segment, segment_numbers, unfinished_end,
};
use super::wire::{FORMAT_VERSION, name_hash, seed_of, to_usize};
use crate::port::StoreId;

/// What a full check found: a log in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Identity and epoch.
    pub store: StoreId,
    /// Segments, the active one included.
    pub segments: u64,
    /// Events.
    pub events: u64,
    /// Streams.
    pub streams: u64,
    /// Bytes of frames and headers.
    pub bytes: u64,
    /// Hash of the last frame; zeros in an empty log.
    pub chain_hash: [u8; 32],
    /// Bytes of an append that a crash cut short at the end; the next open removes them.
    pub unfinished_bytes: u64,
    /// Sealed segments without an index; the next open builds them.
    pub indexes_missing: u64,
}

/// Checks everything. `progress` is told bytes done and bytes in all. The store must not be open
/// elsewhere. Memory grows with the number of streams: about 24 bytes each.
///
/// # Errors
/// The first thing that is not in order, with file, offset and what to do.
pub fn verify(
    disk: &Arc<dyn Disk>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, OpenError> {
    let dir = disk.describe();
    let _lock = take_lock(disk.as_ref())?;
    let mut checked = || -> Result<Verified, LogError> {
        let files = Files::new(Arc::clone(disk));
        let store = read_store(&files)?;
        Check {
            seed: seed_of(store.id.id),
            files,
            store,
            heads: FxHashMap::default(),
        }
        .run(progress)
    };
    let names = disk
        .list()
        .map_err(LogError::io("listing the directory"))
        .map_err(|e| e.into_open(&dir, FORMAT_VERSION))?;
    refuse_foreign(&dir, &names)?;
    if !names.iter().any(|n| n == STORE_FILE) {
        let missing = LogError::segment(STORE_FILE, 0, "the file is missing");
        return Err(missing.into_open(&dir, FORMAT_VERSION));
    }
    checked().map_err(|e| e.into_open(&dir, FORMAT_VERSION))
}

struct Check {
    files: Files,
    store: StoreFile,
    seed: u32,
    /// Next revision of every stream, by hash of its name.
    heads: FxHashMap<u64, u64>,
}

impl Check {
    fn run(mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verified, LogError> {
        let count = segment_numbers(self.files.disk())?;
        let headers: Result<Vec<SegmentHeader>, LogError> = (1..=count)
            .map(|n| read_header(&self.files, self.seed, n))
            .collect();
        let headers = headers?;
        let total = headers.iter().map(|h| h.capacity).sum();
        let mut done = 0u64;
        let mut bytes = 0u64;
        let mut indexes_missing = 0;
        let mut unfinished_bytes = 0;
        let mut chain = headers.first().map(|h| h.chain).unwrap_or_default();
        for (i, header) in headers.iter().enumerate() {
            let mut advance = |offset: u64| progress(done.saturating_add(offset), total);
            let mut scan = scan_segment(&self.files, self.seed, header, &mut advance)?;
            self.follow_revisions(header, &scan.index)?;
            match headers.get(i.saturating_add(1)) {
                Some(next) => {
                    check_joint(&scan, header.number, next)?;
                    indexes_missing += u64::from(!self.check_index(header, next, &scan)?);
                }
                None => unfinished_bytes = check_end(header, &mut scan)?,
            }
            chain = scan.chain;
            bytes = bytes.saturating_add(scan.end);
            done = done.saturating_add(header.capacity);
            progress(done, total);
        }
        Ok(Verified {
            store: self.store.id,
            segments: count,
            events: chain.next_position,
            streams: self.heads.len() as u64,
            bytes,
            chain_hash: chain.hash,
            unfinished_bytes,
            indexes_missing,
        })
    }

    /// Revisions go on from one segment to the next without gaps.
    fn follow_revisions(
        &mut self,
        header: &SegmentHeader,
        index: &MemoryIndex,
    ) -> Result<(), LogError> {
        for (name, places) in index.each() {
            let next = self.heads.entry(name_hash(name)).or_insert(0);
            if *next != places.first_revision {
                let offset = places.offsets().first().copied().map_or(0, u64::from);
                let what = format!(
                    "stream {name} goes on with revision {}, {next} is due",
                    places.first_revision
                );
                return Err(LogError::segment(
                    &segment_name(header.number),
                    offset,
                    what,
                ));
            }
            *next = places.head().saturating_add(1);
        }
        Ok(())
    }

    /// Compares an index with the one that follows from the segment; `false` when there is none.
    fn check_index(
        &self,
        header: &SegmentHeader,
        next: &SegmentHeader,
        scan: &SegmentScan,
    ) -> Result<bool, LogError> {
        let name = index_name(header.number);
        let names = self
            .files
            .disk()
            .list()
            .map_err(LogError::io("listing the directory"))?;
        if !names.contains(&name) {
            return Ok(false);
        }
        let head = IndexHead {
            store: self.store.id.id,
            number: header.number,
            first_position: header.chain.next_position,
            end: next.before_end,
            chain: next.chain,
        };
        let wanted = encode_index(self.seed, &head, &scan.index);
        let file = self.files.get(&name)?;
        let length = file
            .len()
            .map_err(LogError::io(format!("reading the length of {name}")))?;
        let mut found = vec![0; to_usize(length)];
        file.read_at(&mut found, 0)
            .map_err(LogError::io(format!("reading {name}")))?;
        if found == wanted {
            return Ok(true);
        }
        let differs = found.iter().zip(&wanted).position(|(a, b)| a != b);
        let offset = differs.unwrap_or(found.len().min(wanted.len())) as u64;
        Err(LogError::index(
            &name,
            offset,
            "the index is not the one that follows from its segment",
        ))
    }
}

/// What stands behind the last valid frame of the active segment: zeros or an unfinished append.
fn check_end(header: &SegmentHeader, scan: &mut SegmentScan) -> Result<u64, LogError> {
    let last = unfinished_end(scan, header.number)?;
    Ok(last.map_or(0, |last| last.saturating_sub(scan.end).saturating_add(1)))
}
