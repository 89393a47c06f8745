//! The disk itself: sequential writes, each made durable, into a file that was filled with zeros before.
//!
//! What any log could reach at most. Nothing is hashed, checked or indexed here.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Zeros are written in pieces of this size.
const FILL_BYTES: usize = 1024 * 1024;

/// Makes a file of so many zeros, synced: its later writes allocate nothing.
///
/// # Errors
/// When there is no room, or no right to write.
pub(crate) fn zero_filled(path: &Path, bytes: u64) -> Result<File, Failure> {
    let failed = |error: io::Error| Failure::file("filling", path, &error);
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed)?;
    let zeros = vec![0_u8; FILL_BYTES];
    let mut at = 0_u64;
    while at < bytes {
        let left = usize::try_from(bytes - at)
            .unwrap_or(FILL_BYTES)
            .min(FILL_BYTES);
        let piece = zeros.get(..left).unwrap_or(&zeros);
        file.write_all_at(piece, at).map_err(failed)?;
        at += u64::try_from(left).unwrap_or(u64::MAX);
    }
    file.sync_all().map_err(failed)?;
    Ok(file)
}

/// Writes `batches` pieces of `bytes` each, from `material` in turn, every one durable before the next.
///
/// # Errors
/// Those of the disk.
pub(crate) fn write_durably(
    file: &File,
    material: &[u8],
    bytes: usize,
    batches: usize,
) -> io::Result<Duration> {
    let places = material.len().saturating_sub(bytes).max(1);
    let step = u64::try_from(bytes).unwrap_or(u64::MAX);
    let began = Instant::now();
    for batch in 0..batches {
        let from = batch.saturating_mul(bytes) % places;
        let piece = material
            .get(from..from.saturating_add(bytes))
            .unwrap_or(material);
        file.write_all_at(
            piece,
            u64::try_from(batch).unwrap_or(0).saturating_mul(step),
        )?;
        file.sync_data()?;
    }
    Ok(began.elapsed())
}
