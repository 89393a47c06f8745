//! The embedded log: the default event store, one process, one directory.
//!
//! `FORMAT.md` beside this crate's manifest draws every byte. Files by noun: `disk` is the seam to the file
//! system; `record`, `layout`, `wire` are the bytes; `index_*` and `segment` find events; `scan` walks them;
//! `identity` is the store's own file, `open` mends and `verify` proves; `look_ahead`, `stage` and `output` are the two halves of writing, `writer` their
//! threads, `newest` the hash between frames, and `core` the same without threads; `reader` reads.
//!
//! Absent: deletion, compaction, more than one writer.

mod core;
mod disk;
mod error;
mod files;
mod identity;
mod index_build;
mod index_file;
mod index_memory;
mod layout;
mod look_ahead;
mod newest;
mod open;
mod options;
mod output;
mod reader;
mod record;
mod scan;
mod segment;
mod shared;
mod spares;
mod stage;
mod store;
mod verify;
mod wire;
mod writer;

pub use self::core::LogCore;
pub use disk::{Disk, DiskFile, DiskLock, RealDisk};
pub use error::{Damage, OpenError};
pub use layout::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
pub use options::{
    OpenOptions, RESERVE_BYTES_DEFAULT, Report, SEGMENT_BYTES_DEFAULT, Stats, Truncated, Witness,
};
pub use reader::LogReader;
pub use store::EmbeddedStore;
pub use verify::{Verified, verify};
