//! Walking a segment's bytes: whole frames for opening, sealing and verifying; records for reading.
//!
//! Bytes are read in large pieces and handed on as slices of them, without copying.

use std::sync::Arc;

use bytes::Bytes;

use super::disk::DiskFile;
use super::error::LogError;
use super::layout::{Chain, FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, SEGMENT_HEADER_BYTES};
use super::record::{RecordView, view};
use super::wire::{align8, to_usize};

/// Bytes read at once while walking.
const PIECE_BYTES: u64 = 1024 * 1024;

/// A part of a file in memory that moves along.
pub(crate) struct Window {
    name: String,
    file: Arc<dyn DiskFile>,
    /// Nothing is read at or behind this offset.
    limit: u64,
    piece: u64,
    start: u64,
    bytes: Bytes,
}

impl Window {
    pub(crate) fn new(name: &str, file: Arc<dyn DiskFile>, limit: u64) -> Self {
        Self {
            name: name.to_owned(),
            file,
            limit,
            piece: PIECE_BYTES,
            start: 0,
            bytes: Bytes::new(),
        }
    }

    /// Reads smaller pieces, for callers that want little.
    pub(crate) fn with_piece(mut self, piece: u64) -> Self {
        self.piece = piece.clamp(4 * 1024, PIECE_BYTES);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// At least `wanted` bytes from an offset, or `None` when they go beyond the limit. Gives the buffer
    /// and where in it they begin.
    pub(crate) fn load(
        &mut self,
        offset: u64,
        wanted: u64,
    ) -> Result<Option<(&Bytes, usize)>, LogError> {
        let end = offset.saturating_add(wanted);
        if end > self.limit {
            return Ok(None);
        }
        let have = self.start.saturating_add(self.bytes.len() as u64);
        if offset < self.start || end > have {
            let length = wanted
                .max(self.piece)
                .min(self.limit.saturating_sub(offset));
            let mut buffer = vec![0; to_usize(length)];
            let doing = || format!("reading {} at {offset}", self.name);
            self.file
                .read_at(&mut buffer, offset)
                .map_err(|e| LogError::io(doing())(e))?;
            self.start = offset;
            self.bytes = Bytes::from(buffer);
        }
        Ok(Some((
            &self.bytes,
            to_usize(offset.saturating_sub(self.start)),
        )))
    }
}

/// A frame that was found valid.
pub(crate) struct ScannedFrame {
    pub(crate) offset: u64,
    /// Header and records, without padding.
    pub(crate) bytes: Bytes,
    /// Where the next frame begins.
    pub(crate) end: u64,
}

/// What stands at an offset.
pub(crate) enum Step {
    /// A valid frame.
    Frame(ScannedFrame),
    /// No room for a frame, or a header of zeros: the end, if only zeros follow.
    End,
    /// Something else; why it is not a frame.
    Invalid(&'static str),
}

/// Walks the frames of a segment, checking everything.
pub(crate) struct FrameScanner {
    pub(crate) window: Window,
    seed: u32,
    /// Where the next frame must begin.
    pub(crate) offset: u64,
    /// The chain before it.
    pub(crate) chain: Chain,
}

impl FrameScanner {
    pub(crate) fn new(window: Window, seed: u32, chain: Chain) -> Self {
        Self {
            window,
            seed,
            offset: SEGMENT_HEADER_BYTES as u64,
            chain,
        }
    }

    /// Checks the next frame; a valid one is stepped over, its records shown to `visit` with their
    /// offsets in the file.
    pub(crate) fn step(
        &mut self,
        visit: &mut dyn FnMut(&RecordView<'_>, u64),
    ) -> Result<Step, LogError> {
        let Some((buffer, at)) = self.window.load(self.offset, FRAME_HEADER_BYTES as u64)? else {
            return Ok(Step::End);
        };
        let header = buffer
            .get(at..at.saturating_add(FRAME_HEADER_BYTES))
            .unwrap_or_default();
        if header.iter().all(|b| *b == 0) {
            return Ok(Step::End);
        }
        let Some(header) = FrameHeader::decode(header, self.seed) else {
            return Ok(Step::Invalid("the frame's header does not check out"));
        };
        if let Some(why) = self.misplaced(&header) {
            return Ok(Step::Invalid(why));
        }
        let Some((buffer, at)) = self.window.load(self.offset, header.frame_bytes())? else {
            return Ok(Step::Invalid("the frame goes beyond the segment"));
        };
        let bytes = buffer.slice(at..at.saturating_add(to_usize(header.frame_bytes())));
        let Some(records) = check_records(self.seed, &header, &bytes) else {
            return Ok(Step::Invalid("a record of the frame does not check out"));
        };
        for (record, inside) in &records {
            visit(record, self.offset.saturating_add(*inside as u64));
        }
        let offset = self.offset;
        self.offset = align8(offset.saturating_add(header.frame_bytes()));
        self.chain = Chain {
            next_position: header
                .first_position
                .saturating_add(u64::from(header.events)),
            hash: *blake3::hash(&bytes).as_bytes(),
            recorded_at_ms: header.recorded_at_ms,
        };
        drop(records);
        Ok(Step::Frame(ScannedFrame {
            offset,
            bytes,
            end: self.offset,
        }))
    }

    fn misplaced(&self, header: &FrameHeader) -> Option<&'static str> {
        if header.first_position != self.chain.next_position {
            return Some("the frame's position does not follow the one before");
        }
        if header.before_hash != self.chain.hash {
            return Some("the frame does not carry the hash of the one before");
        }
        (header.recorded_at_ms < self.chain.recorded_at_ms)
            .then_some("the frame's time is before the last one's")
    }

    /// Looks for a valid frame at or behind the current offset and before `until`, wherever it may begin;
    /// behind the offset, only one with a later position counts.
    pub(crate) fn find_valid_behind(&mut self, until: u64) -> Result<Option<u64>, LogError> {
        let mut offset = self.offset;
        while offset < until {
            let Some((buffer, at)) = self.window.load(offset, FRAME_HEADER_BYTES as u64)? else {
                break;
            };
            let bytes = buffer
                .get(at..at.saturating_add(FRAME_HEADER_BYTES))
                .unwrap_or_default();
            let header = if bytes.starts_with(FRAME_MAGIC) {
                FrameHeader::decode(bytes, self.seed)
            } else {
                None
            };
            if let Some(header) = header
                && self.valid_at(offset, &header)?
            {
                return Ok(Some(offset));
            }
            offset = offset.saturating_add(8);
        }
        Ok(None)
    }

    fn valid_at(&mut self, offset: u64, header: &FrameHeader) -> Result<bool, LogError> {
        if offset > self.offset && header.first_position <= self.chain.next_position {
            return Ok(false);
        }
        let Some((buffer, at)) = self.window.load(offset, header.frame_bytes())? else {
            return Ok(false);
        };
        let bytes = buffer
            .get(at..at.saturating_add(to_usize(header.frame_bytes())))
            .unwrap_or_default();
        Ok(check_records(self.seed, header, bytes).is_some())
    }

    /// The last byte at or behind the current offset that is not zero.
    pub(crate) fn last_nonzero(&mut self) -> Result<Option<u64>, LogError> {
        let mut offset = self.offset;
        let mut last = None;
        while offset < self.window.limit {
            let wanted = PIECE_BYTES.min(self.window.limit.saturating_sub(offset));
            let Some((buffer, at)) = self.window.load(offset, wanted)? else {
                break;
            };
            let piece = buffer
                .get(at..at.saturating_add(to_usize(wanted)))
                .unwrap_or_default();
            if let Some(inside) = last_nonzero_of(piece) {
                last = Some(offset.saturating_add(inside as u64));
            }
            offset = offset.saturating_add(wanted);
        }
        Ok(last)
    }
}

/// Blocks are summed up first: that is as fast as memory, and almost all of them are zeros.
fn last_nonzero_of(bytes: &[u8]) -> Option<usize> {
    const BLOCK_BYTES: usize = 4096;
    let zeros = |block: &[u8]| block.iter().fold(0, |sum, byte| sum | byte) == 0;
    let block = bytes.chunks(BLOCK_BYTES).rposition(|block| !zeros(block))?;
    let start = block.saturating_mul(BLOCK_BYTES);
    let end = bytes.len().min(start.saturating_add(BLOCK_BYTES));
    bytes
        .get(start..end)?
        .iter()
        .rposition(|b| *b != 0)
        .map(|inside| start.saturating_add(inside))
}

/// The records of a frame with their offsets in it; `None` unless all are valid and fill it.
fn check_records<'a>(
    seed: u32,
    header: &FrameHeader,
    frame: &'a [u8],
) -> Option<Vec<(RecordView<'a>, usize)>> {
    let mut at = FRAME_HEADER_BYTES;
    let mut records = Vec::with_capacity((header.events as usize).min(frame.len() / 43));
    let mut position = header.first_position;
    while at < frame.len() {
        let record = view(seed, frame.get(at..)?)?;
        if record.position != position || record.recorded_at_ms != header.recorded_at_ms {
            return None;
        }
        records.push((record, at));
        position = position.checked_add(1)?;
        at = at.checked_add(record.bytes)?;
    }
    (records.len() == header.events as usize).then_some(records)
}

/// Walks records from a waypoint on, across frames, checking each.
pub(crate) struct RecordWalker {
    window: Window,
    seed: u32,
    at: u64,
    frame_end: u64,
}

impl RecordWalker {
    /// Starts at a record of a frame.
    pub(crate) fn new(
        mut window: Window,
        seed: u32,
        frame: u64,
        record: u64,
    ) -> Result<Self, LogError> {
        let frame_end = frame_end(&mut window, seed, frame)?;
        Ok(Self {
            window,
            seed,
            at: record,
            frame_end,
        })
    }

    /// Shows the next record to `visit`; `false` at the limit of the window.
    pub(crate) fn step(
        &mut self,
        visit: &mut dyn FnMut(&RecordView<'_>, &Bytes, usize) -> Option<()>,
    ) -> Result<bool, LogError> {
        if self.at >= self.frame_end {
            let frame = align8(self.frame_end);
            if frame >= self.window.limit {
                return Ok(false);
            }
            self.frame_end = frame_end(&mut self.window, self.seed, frame)?;
            self.at = frame.saturating_add(FRAME_HEADER_BYTES as u64);
        }
        let (buffer, at) = load_record(&mut self.window, self.at)?;
        let record = view(self.seed, buffer.get(at..).unwrap_or_default());
        let bytes = record.and_then(|record| visit(&record, buffer, at).map(|()| record.bytes));
        let Some(bytes) = bytes else {
            let what = "the record does not check out";
            return Err(LogError::segment(&self.window.name, self.at, what));
        };
        self.at = self.at.saturating_add(bytes as u64);
        Ok(true)
    }
}

/// A buffer that holds the whole record at an offset.
pub(crate) fn load_record(window: &mut Window, offset: u64) -> Result<(&Bytes, usize), LogError> {
    let head = window.load(offset, 8)?;
    let stated = head.and_then(|(head, at)| super::record::stated_bytes(head.get(at..)?));
    let fits = stated
        .map(|s| s as u64)
        .filter(|s| offset.saturating_add(*s) <= window.limit);
    let Some(wanted) = fits else {
        return Err(LogError::segment(
            &window.name,
            offset,
            "the record's length is out of range",
        ));
    };
    // The limit was looked at above, so there is something.
    Ok(window.load(offset, wanted)?.unwrap_or((&NO_BYTES, 0)))
}

static NO_BYTES: Bytes = Bytes::new();

fn frame_end(window: &mut Window, seed: u32, frame: u64) -> Result<u64, LogError> {
    let bad = |name: &str| LogError::segment(name, frame, "the frame's header does not check out");
    let Some((buffer, at)) = window.load(frame, FRAME_HEADER_BYTES as u64)? else {
        return Err(bad(&window.name));
    };
    let header = FrameHeader::decode(buffer.get(at..).unwrap_or_default(), seed);
    header
        .map(|h| frame.saturating_add(h.frame_bytes()))
        .ok_or_else(|| bad(&window.name))
}
