//! What a log is opened with, and what opening and looking at it report.

use std::io;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use super::disk::{Disk, RealDisk};
use super::error::OpenError;
use crate::clock::{Clock, SystemClock};
use crate::port::{Position, StoreId};

/// Segment size unless told: about 450,000 consumption events, whose index fits in memory and which are
/// read at start in a fraction of a second.
pub const SEGMENT_BYTES_DEFAULT: u64 = 128 * 1024 * 1024;
/// Room kept back unless told: about 25,000 refusals and closing events, and one commit of any size.
pub const RESERVE_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;

/// A position someone outside the log has seen: a checkpoint, an outbox, a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Who, for the message: `read store "main"`.
    pub name: String,
    /// The newest position seen.
    pub position: u64,
}

/// How to open a log.
#[derive(Clone)]
pub struct OpenOptions {
    /// Where it is.
    pub disk: Arc<dyn Disk>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Size of new segments in bytes.
    pub segment_bytes: u64,
    /// Room kept back for a full disk, in bytes; 0 for none.
    pub reserve_bytes: u64,
    /// Who has seen what; a log that ends before is refused.
    pub witnesses: Vec<Witness>,
    /// Opens a log that ends before a witness all the same, and begins a new epoch.
    pub accept_older: bool,
    /// Id of a store made now; drawn when `None`. For golden files.
    pub store_id: Option<Uuid>,
}

impl OpenOptions {
    /// A directory of the machine, made when missing, with the usual settings.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn dir(dir: &Path) -> Result<Self, OpenError> {
        let disk = RealDisk::new(dir).map_err(|source: io::Error| OpenError::Io {
            dir: dir.display().to_string(),
            doing: "making the directory".to_owned(),
            source,
        })?;
        Ok(Self::disk(Arc::new(disk)))
    }

    /// Any disk, with the usual settings.
    #[must_use]
    pub fn disk(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            clock: Arc::new(SystemClock),
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            reserve_bytes: RESERVE_BYTES_DEFAULT,
            witnesses: Vec::new(),
            accept_older: false,
            store_id: None,
        }
    }

    /// With another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With another size of new segments, in bytes.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// With other room kept back, in bytes; 0 for none.
    #[must_use]
    pub fn reserve_bytes(mut self, bytes: u64) -> Self {
        self.reserve_bytes = bytes;
        self
    }

    /// With one more witness.
    #[must_use]
    pub fn witness(mut self, name: &str, position: u64) -> Self {
        self.witnesses.push(Witness {
            name: name.to_owned(),
            position,
        });
        self
    }
}

/// The end of a log that was cut off at open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated {
    /// File of the segment.
    pub segment: String,
    /// Where the unfinished append began.
    pub offset: u64,
    /// How many bytes of it were there.
    pub bytes: u64,
}

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The store was made now.
    pub created: bool,
    /// Segments, the active one included.
    pub segments: u64,
    /// Events.
    pub events: u64,
    /// An append that a crash cut short, cut off. It was never acknowledged.
    pub truncated: Option<Truncated>,
    /// Segments whose index was built again.
    pub indexes_rebuilt: Vec<u64>,
    /// An older state was accepted and a new epoch begun.
    pub new_epoch: bool,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events in {} segments", self.events, self.segments)?;
        if self.created {
            write!(f, "; a new store")?;
        }
        if let Some(cut) = &self.truncated {
            write!(
                f,
                "; an append cut short by a crash was removed ({} bytes at byte {} of {})",
                cut.bytes, cut.offset, cut.segment
            )?;
        }
        if !self.indexes_rebuilt.is_empty() {
            write!(f, "; indexes built again: {:?}", self.indexes_rebuilt)?;
        }
        if self.new_epoch {
            write!(f, "; an older state was accepted, a new epoch begins")?;
        }
        Ok(())
    }
}

/// Figures of an open log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Identity and epoch.
    pub store: StoreId,
    /// Segments, the active one included.
    pub segments: u64,
    /// Durable events.
    pub events: u64,
    /// Bytes of frames and headers, without the room made ahead and without indexes.
    pub bytes: u64,
    /// Newest durable event.
    pub tail: Option<Position>,
    /// Hash of the newest frame; zeros in an empty log. While appends go on it may be one frame ahead.
    pub chain_hash: [u8; 32],
    /// Why nothing more is written, if so.
    pub stopped: Option<String>,
}
