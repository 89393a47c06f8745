//! The identity of a store: its lock, its `store` file, and how a new one is made so that an unfinished
//! creation is told from a store that lost its identity (`FORMAT.md`, "store").

use std::sync::Arc;

use uuid::Uuid;

use super::disk::{Disk, DiskLock, LOCK_FILE};
use super::error::{LogError, OpenError};
use super::files::Files;
use super::layout::{
    Chain, RESERVE_FILE, STORE_BYTES, STORE_FILE, STORE_TMP, SegmentHeader, StoreFile, is_spare,
    segment_name, segment_number, spare_name,
};
use super::options::OpenOptions;
use super::scan::{FrameScanner, Window};
use super::spares::fill;
use super::wire::{seed_of, to_usize};
use crate::port::StoreId;

/// Takes the lock of a directory.
pub(crate) fn take_lock(disk: &dyn Disk) -> Result<Box<dyn DiskLock>, OpenError> {
    disk.lock().map_err(|error| {
        let dir = disk.describe();
        if error.kind() == std::io::ErrorKind::WouldBlock {
            OpenError::Locked {
                dir,
                holder: error.to_string(),
            }
        } else {
            OpenError::Io {
                dir,
                doing: "taking the lock".to_owned(),
                source: error,
            }
        }
    })
}

/// A directory with files but none of a store's is somebody else's.
pub(crate) fn refuse_foreign(dir: &str, names: &[String]) -> Result<(), OpenError> {
    let ours = |n: &String| {
        n.starts_with("segment-")
            || n == STORE_FILE
            || n == STORE_TMP
            || is_spare(n)
            || n == RESERVE_FILE
    };
    if names.iter().any(ours) {
        return Ok(());
    }
    match names.iter().find(|n| n.as_str() != LOCK_FILE) {
        None => Ok(()),
        Some(found) => Err(OpenError::Foreign {
            dir: dir.to_owned(),
            found: found.clone(),
        }),
    }
}

/// Reads the identity of an existing store.
pub(crate) fn read_store(files: &Files) -> Result<StoreFile, LogError> {
    let file = files.get(STORE_FILE)?;
    let length = file.len().map_err(LogError::io("reading the store file"))?;
    let mut bytes = vec![0; STORE_BYTES.min(to_usize(length))];
    file.read_at(&mut bytes, 0)
        .map_err(LogError::io("reading the store file"))?;
    if bytes.len() < STORE_BYTES && bytes.get(..8).is_some() {
        let what = format!("the file has {length} bytes instead of {STORE_BYTES}");
        return Err(LogError::segment(STORE_FILE, length, what));
    }
    StoreFile::decode(STORE_FILE, &bytes)
}

/// Reads the identity, or makes a new store; says whether it did.
pub(crate) fn read_or_create(
    options: &OpenOptions,
    names: &[String],
) -> Result<(StoreFile, bool), LogError> {
    let disk = &options.disk;
    if names.iter().any(|n| n == STORE_FILE) {
        return Ok((read_store(&Files::new(Arc::clone(disk)))?, false));
    }
    let segments: Vec<u64> = names.iter().filter_map(|n| segment_number(n)).collect();
    let unfinished = names.iter().any(|n| n == STORE_TMP)
        && segments.iter().all(|n| *n == 1)
        && first_is_bare(disk)?;
    if !segments.is_empty() && !unfinished {
        return Err(LogError::segment(
            STORE_FILE,
            0,
            "the file is missing although there are segments",
        ));
    }
    let id = options
        .store_id
        .unwrap_or_else(|| fresh_id(options.clock.now_ms()));
    let store = StoreFile {
        id: StoreId { id, epoch: 0 },
        created_at_ms: options.clock.now_ms(),
    };
    create(disk.as_ref(), options.segment_bytes, &store)?;
    Ok((store, true))
}

/// Whether segment 1 holds no frame: all zeros behind its header.
fn first_is_bare(disk: &Arc<dyn Disk>) -> Result<bool, LogError> {
    let files = Files::new(Arc::clone(disk));
    let name = segment_name(1);
    let Ok(file) = files.get(&name) else {
        return Ok(true);
    };
    let length = file
        .len()
        .map_err(LogError::io(format!("reading the length of {name}")))?;
    let window = Window::new(&name, file, length);
    Ok(FrameScanner::new(window, 0, Chain::default())
        .last_nonzero()?
        .is_none())
}

/// An id no other store has: from the time, the process and the addresses the system draws at random.
fn fresh_id(now_ms: i64) -> Uuid {
    use std::hash::{BuildHasher, RandomState};
    let drawn: Vec<u64> = (0..4u8)
        .map(|i| RandomState::new().hash_one((now_ms, i)))
        .collect();
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("{now_ms}/{}/{drawn:?}", std::process::id()).as_bytes(),
    )
}

fn create(disk: &dyn Disk, segment_bytes: u64, store: &StoreFile) -> Result<(), LogError> {
    let doing = || LogError::io("making the store");
    let name = segment_name(1);
    fill(disk, &spare_name(1), segment_bytes)?;
    let file = disk.open(&spare_name(1)).map_err(doing())?;
    let header = SegmentHeader {
        store: store.id.id,
        number: 1,
        capacity: segment_bytes,
        before_end: 0,
        chain: Chain::default(),
    };
    // The identity's unfinished file is there before segment 1 is, so that an unfinished creation is
    // told from a store that lost its identity.
    write_store_tmp(disk, store)?;
    disk.sync_dir().map_err(doing())?;
    file.write_at(&header.encode(seed_of(store.id.id)), 0)
        .map_err(doing())?;
    file.sync_data().map_err(doing())?;
    disk.rename(&spare_name(1), &name).map_err(doing())?;
    disk.sync_dir().map_err(doing())?;
    disk.rename(STORE_TMP, STORE_FILE).map_err(doing())?;
    disk.sync_dir().map_err(doing())
}

/// Writes and syncs an identity under its unfinished name.
pub(crate) fn write_store_tmp(disk: &dyn Disk, store: &StoreFile) -> Result<(), LogError> {
    let doing = || LogError::io("writing the store's identity");
    let file = disk.create(STORE_TMP).map_err(doing())?;
    file.write_at(&store.encode(), 0).map_err(doing())?;
    file.sync_data().map_err(doing())
}
