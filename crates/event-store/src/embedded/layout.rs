//! Names, limits and headers of the files of a store (`FORMAT.md`: "Files", "store", "Segment", "Frame").

use uuid::Uuid;

use super::error::LogError;
use super::wire::{FORMAT_VERSION, hash_at, header_crc, i64_at, put, u32_at, u64_at, uuid_at};
use crate::port::StoreId;

/// The identity of a store.
pub(crate) const STORE_FILE: &str = "store";
/// The identity of a store that is being made or changed.
pub(crate) const STORE_TMP: &str = "store.tmp";
/// The room kept back for a full disk.
pub(crate) const RESERVE_FILE: &str = "reserve";
/// Ending of unfinished files.
pub(crate) const TMP_ENDING: &str = ".tmp";
const SPARE_PREFIX: &str = "spare-";

pub(crate) const STORE_BYTES: usize = 64;
pub(crate) const SEGMENT_HEADER_BYTES: usize = 128;
pub(crate) const FRAME_HEADER_BYTES: usize = 64;
/// Largest frame: the largest commit behind a group that just missed its target, rounded up.
pub(crate) const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A group commit takes no further commit beyond this; larger ones no longer gain from sharing a sync.
pub(crate) const FRAME_BYTES_TARGET: usize = 4 * 1024 * 1024;
/// Smallest segment; smaller ones hold little more than their header.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;
/// Largest segment, so that its offsets fit in 32 bits with room to spare.
pub const SEGMENT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

const STORE_MAGIC: &[u8; 8] = b"UTLGSTOR";
const SEGMENT_MAGIC: &[u8; 8] = b"UTLGSEGM";
pub(crate) const FRAME_MAGIC: &[u8; 4] = b"ULF1";

pub(crate) fn segment_name(number: u64) -> String {
    format!("segment-{number:010}.log")
}

pub(crate) fn index_name(number: u64) -> String {
    format!("segment-{number:010}.idx")
}

pub(crate) fn spare_name(number: u64) -> String {
    format!("{SPARE_PREFIX}{number:010}")
}

pub(crate) fn is_spare(name: &str) -> bool {
    name.starts_with(SPARE_PREFIX)
}

/// The number of a segment file's name.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number = name
        .strip_prefix("segment-")?
        .strip_suffix(".log")?
        .parse()
        .ok()?;
    (segment_name(number) == name).then_some(number)
}

/// The state of the hash chain between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    /// Position of the next event.
    pub(crate) next_position: u64,
    /// Hash of the last frame; zeros when there is none.
    pub(crate) hash: [u8; 32],
    /// Recorded-at of the last frame; 0 when there is none.
    pub(crate) recorded_at_ms: i64,
}

/// Content of the `store` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreFile {
    pub(crate) id: StoreId,
    pub(crate) created_at_ms: i64,
}

impl StoreFile {
    pub(crate) fn encode(&self) -> [u8; STORE_BYTES] {
        let mut bytes = [0; STORE_BYTES];
        put(&mut bytes, 0, STORE_MAGIC);
        put(&mut bytes, 8, &FORMAT_VERSION.to_le_bytes());
        put(&mut bytes, 16, self.id.id.as_bytes());
        put(&mut bytes, 32, &self.id.epoch.to_le_bytes());
        put(&mut bytes, 40, &self.created_at_ms.to_le_bytes());
        let sum = header_crc(0, &bytes);
        put(&mut bytes, 12, &sum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<Self, LogError> {
        let bad = |what: &str| LogError::segment(file, 0, what);
        check_magic(file, bytes, STORE_MAGIC)?;
        if u32_at(bytes, 12) != Some(header_crc(0, bytes)) {
            return Err(bad("the checksum of the store's identity does not hold"));
        }
        let fields = || {
            let id = StoreId {
                id: uuid_at(bytes, 16)?,
                epoch: u64_at(bytes, 32)?,
            };
            Some(Self {
                id,
                created_at_ms: i64_at(bytes, 40)?,
            })
        };
        fields().ok_or_else(|| bad("the file is too short"))
    }
}

/// Magic and version first, so that foreign and newer files are told from damaged ones.
fn check_magic(file: &str, bytes: &[u8], magic: &[u8; 8]) -> Result<(), LogError> {
    if bytes.get(..8) != Some(magic.as_slice()) {
        return Err(LogError::segment(
            file,
            0,
            "the file does not begin as one of a store's",
        ));
    }
    match u32_at(bytes, 8) {
        Some(FORMAT_VERSION) => Ok(()),
        Some(version) if version > FORMAT_VERSION => Err(LogError::Newer {
            file: file.to_owned(),
            version,
        }),
        _ => Err(LogError::segment(
            file,
            8,
            "the format version is not one that ever was",
        )),
    }
}

/// Header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) store: Uuid,
    pub(crate) number: u64,
    pub(crate) capacity: u64,
    /// Where the last frame of the segment before ends.
    pub(crate) before_end: u64,
    /// The chain before the first frame.
    pub(crate) chain: Chain,
}

impl SegmentHeader {
    pub(crate) fn encode(&self, seed: u32) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        put(&mut bytes, 0, SEGMENT_MAGIC);
        put(&mut bytes, 8, &FORMAT_VERSION.to_le_bytes());
        put(&mut bytes, 16, self.store.as_bytes());
        put(&mut bytes, 32, &self.number.to_le_bytes());
        put(&mut bytes, 40, &self.chain.next_position.to_le_bytes());
        put(&mut bytes, 48, &self.capacity.to_le_bytes());
        put(&mut bytes, 56, &self.before_end.to_le_bytes());
        put(&mut bytes, 64, &self.chain.hash);
        put(&mut bytes, 96, &self.chain.recorded_at_ms.to_le_bytes());
        let sum = header_crc(seed, &bytes);
        put(&mut bytes, 12, &sum.to_le_bytes());
        bytes
    }

    /// Decodes and checks a header against the store and the number its file's name says.
    pub(crate) fn decode(
        file: &str,
        bytes: &[u8],
        seed: u32,
        number: u64,
    ) -> Result<Self, LogError> {
        let bad = |what: &str| LogError::segment(file, 0, what);
        check_magic(file, bytes, SEGMENT_MAGIC)?;
        if u32_at(bytes, 12) != Some(header_crc(seed, bytes)) {
            return Err(bad(
                "the segment's header does not check out, or it is another store's segment",
            ));
        }
        let fields = || {
            let chain = Chain {
                next_position: u64_at(bytes, 40)?,
                hash: hash_at(bytes, 64)?,
                recorded_at_ms: i64_at(bytes, 96)?,
            };
            Some(Self {
                store: uuid_at(bytes, 16)?,
                number: u64_at(bytes, 32)?,
                capacity: u64_at(bytes, 48)?,
                before_end: u64_at(bytes, 56)?,
                chain,
            })
        };
        let header = fields().ok_or_else(|| bad("the file is too short"))?;
        if header.number != number {
            return Err(bad(&format!(
                "the file is segment {}, renamed",
                header.number
            )));
        }
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&header.capacity) {
            return Err(bad("the stated capacity is out of range"));
        }
        Ok(header)
    }
}

/// Header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Bytes of the records.
    pub(crate) body_bytes: u32,
    pub(crate) events: u32,
    pub(crate) first_position: u64,
    pub(crate) recorded_at_ms: i64,
    pub(crate) before_hash: [u8; 32],
}

impl FrameHeader {
    pub(crate) fn encode_into(&self, seed: u32, bytes: &mut [u8]) {
        put(bytes, 0, FRAME_MAGIC);
        put(bytes, 4, &self.body_bytes.to_le_bytes());
        put(bytes, 8, &self.events.to_le_bytes());
        put(bytes, 16, &self.first_position.to_le_bytes());
        put(bytes, 24, &self.recorded_at_ms.to_le_bytes());
        put(bytes, 32, &self.before_hash);
        let sum = header_crc(seed, bytes.get(..FRAME_HEADER_BYTES).unwrap_or_default());
        put(bytes, 12, &sum.to_le_bytes());
    }

    /// Decodes; `None` when these bytes are not the header of a frame of this store.
    pub(crate) fn decode(bytes: &[u8], seed: u32) -> Option<Self> {
        let header = bytes.get(..FRAME_HEADER_BYTES)?;
        if header.get(..4)? != FRAME_MAGIC || u32_at(header, 12)? != header_crc(seed, header) {
            return None;
        }
        let decoded = Self {
            body_bytes: u32_at(header, 4)?,
            events: u32_at(header, 8)?,
            first_position: u64_at(header, 16)?,
            recorded_at_ms: i64_at(header, 24)?,
            before_hash: hash_at(header, 32)?,
        };
        let fits =
            decoded.events > 0 && usize::try_from(decoded.body_bytes).ok()? <= FRAME_BYTES_MAX;
        fits.then_some(decoded)
    }

    /// Bytes of header and records, without padding.
    pub(crate) fn frame_bytes(&self) -> u64 {
        u64::from(self.body_bytes).saturating_add(FRAME_HEADER_BYTES as u64)
    }
}
