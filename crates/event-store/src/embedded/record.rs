//! One event in bytes: encoding and decoding of a record (`FORMAT.md`, "Record").

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::wire::{crc, i64_at, put, put_varint, take_varint, u32_at, u64_at, uuid_at};
use crate::port::{NewEvent, Position, RecordedEvent, StreamName};

/// Bytes of a record before its varints.
const RECORD_FIXED_BYTES: usize = 43;
/// Upper bound of a record's bytes beyond name, kind, payload and metadata.
const RECORD_OVERHEAD_MAX: usize = RECORD_FIXED_BYTES + 10 + 5;
/// Flag: last event of its commit.
const FLAG_COMMIT_END: u8 = 1;
/// Kinds remembered while decoding, so that events of one kind share its text.
const KINDS_REMEMBERED: usize = 16;

/// Where an event of a frame belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) seed: u32,
    pub(crate) stream: &'a StreamName,
    pub(crate) revision: u64,
    pub(crate) position: u64,
    pub(crate) recorded_at_ms: i64,
    pub(crate) commit_end: bool,
}

/// Upper bound of the bytes of a record.
pub(crate) fn record_bytes_max(stream: &StreamName, event: &NewEvent) -> usize {
    RECORD_OVERHEAD_MAX
        + stream.as_str().len()
        + event.kind.len()
        + event.data.len()
        + event.meta.len()
}

/// Appends a record to a frame.
pub(crate) fn push_record(out: &mut Vec<u8>, place: &Place<'_>, event: &NewEvent) {
    let start = out.len();
    let name = place.stream.as_str().as_bytes();
    let kind = event.kind.as_bytes();
    let mut head = [0u8; RECORD_OVERHEAD_MAX];
    let mut bytes = RECORD_FIXED_BYTES;
    bytes = put_varint(&mut head, bytes, place.revision);
    bytes = put_varint(&mut head, bytes, event.data.len() as u64);
    let behind = bytes
        .saturating_add(name.len() + kind.len() + event.data.len() + event.meta.len())
        .saturating_sub(8);
    let behind = u32::try_from(behind).unwrap_or(u32::MAX);
    put(&mut head, 4, &behind.to_le_bytes());
    put(&mut head, 8, &place.position.to_le_bytes());
    put(&mut head, 16, &place.recorded_at_ms.to_le_bytes());
    put(&mut head, 24, event.id.as_bytes());
    let flags = u8::from(place.commit_end) * FLAG_COMMIT_END;
    put(&mut head, 40, &[flags, short_len(name), short_len(kind)]);
    out.extend_from_slice(head.get(..bytes).unwrap_or_default());
    out.extend_from_slice(name);
    out.extend_from_slice(kind);
    out.extend_from_slice(&event.data);
    out.extend_from_slice(&event.meta);
    let Some(record) = out.get_mut(start..) else {
        return;
    };
    let sum = crc(place.seed, record.get(4..).unwrap_or_default());
    put(record, 0, &sum.to_le_bytes());
}

fn short_len(text: &[u8]) -> u8 {
    let len = u8::try_from(text.len());
    assert!(len.is_ok(), "names and kinds were checked to be short");
    len.unwrap_or_default()
}

/// A record with its checksum verified, still in bytes.
#[derive(Clone, Copy)]
pub(crate) struct RecordView<'a> {
    /// Bytes of the whole record.
    pub(crate) bytes: usize,
    pub(crate) position: u64,
    pub(crate) recorded_at_ms: i64,
    pub(crate) id: Uuid,
    pub(crate) revision: u64,
    pub(crate) stream: &'a str,
    pub(crate) kind: &'a str,
    /// Offset of the payload in the record.
    data_at: usize,
    /// Offset of the metadata in the record.
    meta_at: usize,
}

/// Bytes of the record at the start of `bytes` as it says itself, checked by nothing.
pub(crate) fn stated_bytes(bytes: &[u8]) -> Option<usize> {
    usize::try_from(u32_at(bytes, 4)?).ok()?.checked_add(8)
}

/// Reads the record at the start of `bytes`; `None` when it is not a whole, valid one.
pub(crate) fn view(seed: u32, bytes: &[u8]) -> Option<RecordView<'_>> {
    let total = stated_bytes(bytes)?;
    let record = bytes.get(..total)?;
    if record.len() < RECORD_FIXED_BYTES || crc(seed, record.get(4..)?) != u32_at(record, 0)? {
        return None;
    }
    let stream_len = usize::from(*record.get(41)?);
    let kind_len = usize::from(*record.get(42)?);
    let (revision, rest) = take_varint(record.get(RECORD_FIXED_BYTES..)?)?;
    let (data_len, rest) = take_varint(rest)?;
    let stream = rest.get(..stream_len)?;
    let rest = rest.get(stream_len..)?;
    let kind = rest.get(..kind_len)?;
    let rest = rest.get(kind_len..)?;
    let data_at = total.checked_sub(rest.len())?;
    let meta_at = data_at.checked_add(usize::try_from(data_len).ok()?)?;
    if meta_at > total {
        return None;
    }
    Some(RecordView {
        bytes: total,
        position: u64_at(record, 8)?,
        recorded_at_ms: i64_at(record, 16)?,
        id: uuid_at(record, 24)?,
        revision,
        stream: std::str::from_utf8(stream).ok()?,
        kind: std::str::from_utf8(kind).ok()?,
        data_at,
        meta_at,
    })
}

/// Turns records into events that share the buffer they were read into.
#[derive(Default)]
pub(crate) struct Decoder {
    kinds: Vec<Arc<str>>,
}

impl Decoder {
    /// The event of a record that starts at `at` in `buffer`.
    pub(crate) fn event(
        &mut self,
        record: &RecordView<'_>,
        buffer: &Bytes,
        at: usize,
    ) -> Option<RecordedEvent> {
        let place = |from: usize| at.checked_add(from);
        let data = buffer.slice(place(record.data_at)?..place(record.meta_at)?);
        let meta = buffer.slice(place(record.meta_at)?..place(record.bytes)?);
        Some(RecordedEvent {
            stream: StreamName::new(record.stream).ok()?,
            revision: record.revision,
            position: Position {
                commit: record.position,
                prepare: record.position,
            },
            id: record.id,
            kind: self.kind(record.kind),
            data,
            meta,
            recorded_at_ms: record.recorded_at_ms,
        })
    }

    fn kind(&mut self, kind: &str) -> Arc<str> {
        if let Some(known) = self.kinds.iter().find(|k| k.as_ref() == kind) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(kind);
        if self.kinds.len() == KINDS_REMEMBERED {
            self.kinds.clear();
        }
        self.kinds.push(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_reads_back_as_it_was_written_and_any_flipped_bit_is_noticed(
            name in "[!-~]{1,200}", kind in "[!-~]{1,200}",
            data in prop::collection::vec(any::<u8>(), 0..400), meta in prop::collection::vec(any::<u8>(), 0..400),
            revision: u64, position: u64, recorded_at_ms: i64, flip: prop::sample::Index,
        ) {
            let stream = StreamName::new(&name).unwrap();
            let event = NewEvent { id: Uuid::from_u128(9), kind: Arc::from(kind), data: data.into(), meta: meta.into() };
            let place = Place { seed: 5, stream: &stream, revision, position, recorded_at_ms, commit_end: true };
            let mut bytes = vec![1, 2, 3];
            push_record(&mut bytes, &place, &event);
            prop_assert!(bytes.len() - 3 <= record_bytes_max(&stream, &event));
            let buffer = Bytes::from(bytes.clone());
            let record = view(5, &buffer[3..]).unwrap();
            let back = Decoder::default().event(&record, &buffer, 3).unwrap();
            prop_assert_eq!((&back.stream, back.revision, back.position.commit), (&stream, revision, position));
            prop_assert_eq!((back.id, &back.kind, back.recorded_at_ms), (event.id, &event.kind, recorded_at_ms));
            prop_assert_eq!((back.data, back.meta), (event.data, event.meta));
            let bit = flip.index((bytes.len() - 3) * 8);
            bytes[3 + bit / 8] ^= 1 << (bit % 8);
            prop_assert!(view(5, &bytes[3..]).is_none());
        }
    }
}
