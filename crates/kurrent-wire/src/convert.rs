//! Ids, times and stream names between the protocol's messages and plain values.

use bytes::Bytes;
use prost_types::Timestamp;
use uuid::Uuid;

use crate::pb::shared::{self, StreamIdentifier, uuid as wire_uuid};

/// Ticks of 100 ns in one millisecond.
const TICKS_PER_MS: i64 = 10_000;
const MS_PER_S: i64 = 1_000;
const NANOS_PER_MS: i64 = 1_000_000;

/// How an id is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UuidForm {
    /// As its two big-endian halves.
    Structured,
    /// As text.
    Text,
}

/// An id as a message.
#[must_use]
pub fn uuid_to_wire(id: Uuid, form: UuidForm) -> shared::Uuid {
    let value = match form {
        UuidForm::Structured => {
            let (most, least) = id.as_u64_pair();
            wire_uuid::Value::Structured(wire_uuid::Structured {
                most_significant_bits: most.cast_signed(),
                least_significant_bits: least.cast_signed(),
            })
        }
        UuidForm::Text => wire_uuid::Value::String(id.to_string()),
    };
    shared::Uuid { value: Some(value) }
}

/// The id of a message in either form; `None` when it has none or its text is not an id.
#[must_use]
pub fn uuid_from_wire(id: &shared::Uuid) -> Option<Uuid> {
    match id.value.as_ref()? {
        wire_uuid::Value::Structured(halves) => Some(Uuid::from_u64_pair(
            halves.most_significant_bits.cast_unsigned(),
            halves.least_significant_bits.cast_unsigned(),
        )),
        wire_uuid::Value::String(text) => Uuid::parse_str(text).ok(),
    }
}

/// A stream's name as a message.
#[must_use]
pub fn stream_to_wire(name: &str) -> StreamIdentifier {
    StreamIdentifier {
        stream_name: Bytes::copy_from_slice(name.as_bytes()),
    }
}

/// The stream's name of a message; `None` when it is not UTF-8.
#[must_use]
pub fn stream_from_wire(stream: &StreamIdentifier) -> Option<&str> {
    std::str::from_utf8(&stream.stream_name).ok()
}

/// Milliseconds since 1970 UTC as ticks of 100 ns; times beyond their range become its end.
#[must_use]
pub fn ticks_of_ms(ms: i64) -> i64 {
    ms.saturating_mul(TICKS_PER_MS)
}

/// Ticks of 100 ns since 1970 UTC as milliseconds, rounded down.
#[must_use]
pub fn ms_of_ticks(ticks: i64) -> i64 {
    ticks.div_euclid(TICKS_PER_MS)
}

/// Milliseconds since 1970 UTC as a timestamp.
#[must_use]
pub fn timestamp_of_ms(ms: i64) -> Timestamp {
    let nanos = ms.rem_euclid(MS_PER_S).saturating_mul(NANOS_PER_MS);
    Timestamp {
        seconds: ms.div_euclid(MS_PER_S),
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_in_both_forms() {
        for id in [
            Uuid::nil(),
            Uuid::max(),
            Uuid::from_u128(0x8182_8384_8586_8788_898a_8b8c_8d8e_8f90),
        ] {
            for form in [UuidForm::Structured, UuidForm::Text] {
                assert_eq!(uuid_from_wire(&uuid_to_wire(id, form)), Some(id));
            }
        }
    }

    #[test]
    fn the_halves_of_an_id_are_big_endian() {
        let id = Uuid::from_u128(0x0001_0203_0405_0607_f809_0a0b_0c0d_0e0f);
        let wire = uuid_to_wire(id, UuidForm::Structured);
        let Some(wire_uuid::Value::Structured(halves)) = wire.value else {
            panic!("not structured");
        };
        assert_eq!(halves.most_significant_bits, 0x0001_0203_0405_0607);
        assert_eq!(
            halves.least_significant_bits.cast_unsigned(),
            0xf809_0a0b_0c0d_0e0f
        );
    }

    #[test]
    fn what_is_not_an_id_is_none() {
        let text = shared::Uuid {
            value: Some(wire_uuid::Value::String("seven".to_owned())),
        };
        assert_eq!(uuid_from_wire(&text), None);
        assert_eq!(uuid_from_wire(&shared::Uuid { value: None }), None);
    }

    #[test]
    fn ticks_and_milliseconds_convert_both_ways() {
        for ms in [0, 1, -1, 1_764_121_483_123] {
            assert_eq!(ms_of_ticks(ticks_of_ms(ms)), ms);
        }
        assert_eq!(ms_of_ticks(19_999), 1);
        assert_eq!(ms_of_ticks(-1), -1);
        assert_eq!(ticks_of_ms(i64::MAX), i64::MAX);
    }

    #[test]
    fn a_timestamp_before_1970_counts_its_nanoseconds_forwards() {
        let timestamp = timestamp_of_ms(-1);
        assert_eq!((timestamp.seconds, timestamp.nanos), (-1, 999_000_000));
    }
}
