//! From the bytes of a message to readings, or to the reason why not.
//!
//! Owns the published form of readings (`docs/schemas/reading.schema.json`): one reading, a batch
//! `{"readings":[…]}` or a bare array. Numbers are taken by their digits, never through a float. What is
//! well formed is read in one pass over the bytes; only a message with something wrong in it is read a
//! second time, reading by reading, to say what is wrong where. Absent on purpose: whether a reading is
//! plausible, known or new, which is the ledger's to decide.

mod explain;
mod reason;

use std::borrow::Cow;

use bytes::Bytes;
use ledger_core::command::Reading;
use ledger_core::ids::{MeterNumber, RegisterId};
use ledger_core::num::{DecimalError, Quantity};
use ledger_core::time::{LocalDateTime, TimeError, Timestamp, Zone};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use reason::Reason;

use self::explain::explained;

/// Largest message, in bytes: 4,096 readings of 128 bytes, half of what a NATS server takes by default.
pub const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// Most readings of one message: a head-end's hour of a district, and a bound on what one redelivery
/// repeats.
pub const READINGS_PER_MESSAGE_MAX: usize = 4_096;

/// Something that could not be taken, with its original bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Place in the batch, from 0; `None` where the whole message is meant.
    pub index: Option<usize>,
    /// Why.
    pub reason: Reason,
    /// Which field, where it is one.
    pub field: Option<String>,
    /// What is wrong and what to do.
    pub explanation: String,
    /// The reading's own text, or the whole message.
    pub original: Bytes,
}

/// A local time that the clocks showed twice: which of the two it was depends on the meter's newest
/// reading (C7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubled {
    /// Which reading of [`Decoded::readings`].
    pub reading: usize,
    /// As sent.
    pub local: LocalDateTime,
}

/// What a message held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Readings that are well formed, in the order sent.
    pub readings: Vec<Reading>,
    /// What is not.
    pub malformed: Vec<Malformed>,
    /// Readings whose local time was doubled; they stand at the first of the two for now.
    pub doubled: Vec<Doubled>,
}

impl Decoded {
    fn refused(reason: Reason, explanation: String, original: &Bytes) -> Self {
        let malformed = Malformed {
            index: None,
            reason,
            field: None,
            explanation,
            original: original.clone(),
        };
        Self {
            malformed: vec![malformed],
            ..Self::default()
        }
    }
}

/// Reads a message. `zone` gives the meaning of times without an offset (C7).
#[must_use]
pub fn decode(payload: &Bytes, zone: &Zone) -> Decoded {
    if payload.len() > MESSAGE_BYTES_MAX {
        let text = format!(
            "the message has {} bytes, at most {MESSAGE_BYTES_MAX} are taken: send smaller batches",
            payload.len()
        );
        return Decoded::refused(Reason::MessageTooLarge, text, payload);
    }
    let Ok(text) = std::str::from_utf8(payload) else {
        let explanation = "the message is not UTF-8: send JSON in UTF-8".to_owned();
        return Decoded::refused(Reason::NotJson, explanation, payload);
    };
    let decoded = well_formed(text, zone).unwrap_or_else(|| explained(payload, text, zone));
    let count = decoded.readings.len() + decoded.malformed.len();
    if count > READINGS_PER_MESSAGE_MAX {
        let text = format!(
            "the message has {count} readings, at most {READINGS_PER_MESSAGE_MAX} are taken: send smaller batches"
        );
        return Decoded::refused(Reason::TooManyReadings, text, payload);
    }
    decoded
}

/// A reading as sent, in the form that costs least to read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    meter: &'a str,
    #[serde(default)]
    register: Option<&'a str>,
    read_at: &'a str,
    #[serde(borrow)]
    value: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlainBatch<'a> {
    #[serde(borrow)]
    readings: Vec<Plain<'a>>,
}

/// Everything at once, or nothing.
fn well_formed(text: &str, zone: &Zone) -> Option<Decoded> {
    let body = text.trim_ascii_start();
    let plain: Vec<Plain<'_>> = if body.starts_with('[') {
        serde_json::from_str(body).ok()?
    } else if let Ok(one) = serde_json::from_str::<Plain<'_>>(body) {
        vec![one]
    } else {
        serde_json::from_str::<PlainBatch<'_>>(body).ok()?.readings
    };
    if plain.is_empty() {
        return None;
    }
    let mut decoded = Decoded {
        readings: Vec::with_capacity(plain.len()),
        ..Decoded::default()
    };
    for one in &plain {
        let time = read_time(one.read_at, zone).ok()?;
        let reading = Reading {
            meter: MeterNumber::parse(one.meter).ok()?,
            register: one.register.map(RegisterId::parse).transpose().ok()?,
            read_at: time.at,
            value: read_value(one.value).ok()?,
        };
        decoded.push(reading, time);
    }
    Some(decoded)
}

impl Decoded {
    fn push(&mut self, reading: Reading, time: ReadTime) {
        if let Some(local) = time.doubled {
            self.doubled.push(Doubled {
                reading: self.readings.len(),
                local,
            });
        }
        self.readings.push(reading);
    }
}

/// When it was read.
#[derive(Clone, Copy)]
struct ReadTime {
    at: Timestamp,
    doubled: Option<LocalDateTime>,
}

/// An instant with an offset, or a local time of the zone (C7).
fn read_time(text: &str, zone: &Zone) -> Result<ReadTime, TimeError> {
    let error = match Timestamp::parse(text) {
        Ok(at) => return Ok(ReadTime { at, doubled: None }),
        Err(error) => error,
    };
    // With an offset, its own error is the better one to report.
    let Ok(local) = LocalDateTime::parse(text) else {
        return Err(error);
    };
    let first = zone.local_to_utc(local, None);
    if first == Timestamp::MIN || first == Timestamp::MAX {
        return Err(error);
    }
    let second = zone.local_to_utc(local, Some(Timestamp::MAX));
    Ok(ReadTime {
        at: first,
        doubled: (first != second).then_some(local),
    })
}

/// A decimal string or a number literal, by its digits.
fn read_value(raw: &RawValue) -> Result<Quantity, DecimalError> {
    match text_of(raw) {
        Some(text) => Quantity::parse(&text),
        None => Quantity::parse(raw.get()),
    }
}

/// The text of a JSON string; `None` for anything else.
fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(raw.get())
            .ok()
            .map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn read(json: &str) -> Decoded {
        decode(
            &Bytes::copy_from_slice(json.as_bytes()),
            &zone("Asia/Brunei"),
        )
    }

    fn only(json: &str) -> Reading {
        let decoded = read(json);
        assert_eq!(decoded.malformed, [], "{json}");
        assert_eq!(decoded.readings.len(), 1, "{json}");
        decoded.readings[0].clone()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn q(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    #[test]
    fn c8_a_reading_carries_meter_register_time_and_value() {
        let reading = only(
            r#" {"meter":"E10006414","register":"1.8.0","read_at":"2012-02-10T08:00:00+08:00","value":"1234.567"}"#,
        );
        assert_eq!(reading.meter.as_str(), "E10006414");
        assert_eq!(reading.register.unwrap().as_str(), "1.8.0");
        assert_eq!(reading.read_at, at("2012-02-10T00:00:00Z"));
        assert_eq!(reading.value, q("1234.567"));
        assert!(
            only(r#"{"value":1,"meter":"E1","register":null,"read_at":"2012-02-10T08:00:00Z"}"#)
                .register
                .is_none()
        );
    }

    #[test]
    fn c3_a_number_literal_is_taken_by_its_digits_and_never_through_a_float() {
        let with = |value: &str| {
            format!(r#"{{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":{value}}}"#)
        };
        for (value, exact) in [
            ("1234.567", "1234.567"),
            ("999999999999.999999", "999999999999.999999"),
            ("0.1", "0.1"),
            ("\"0.100000\"", "0.1"),
            ("2.0", "2"),
            ("\"1\\u0032\"", "12"),
        ] {
            assert_eq!(only(&with(value)).value, q(exact), "{value}");
        }
        for (value, reason) in [
            ("0.1234567", Reason::ValueTooFine),
            ("\"0.1234567\"", Reason::ValueTooFine),
            ("1e3", Reason::BadValue),
            ("\"1e3\"", Reason::BadValue),
            ("\"1,5\"", Reason::BadValue),
            ("\"\"", Reason::BadValue),
            ("true", Reason::BadValue),
            ("[1]", Reason::BadValue),
            ("9999999999999", Reason::BadValue),
            ("null", Reason::MissingField),
        ] {
            let decoded = read(&with(value));
            assert_eq!(decoded.readings, [], "{value}");
            assert_eq!(decoded.malformed[0].reason, reason, "{value}");
            assert_eq!(
                decoded.malformed[0].field.as_deref(),
                Some("value"),
                "{value}"
            );
        }
    }

    #[test]
    fn c7_a_time_without_an_offset_is_local_and_a_doubled_one_is_marked() {
        let with =
            |time: &str| Bytes::from(format!(r#"{{"meter":"E1","read_at":"{time}","value":1}}"#));
        let decoded = decode(&with("2012-02-10T08:00:00"), &zone("Asia/Brunei"));
        assert_eq!(decoded.readings[0].read_at, at("2012-02-10T00:00:00Z"));
        assert_eq!(decoded.doubled, []);

        let berlin = zone("Europe/Berlin");
        let doubled = decode(&with("2021-10-31T02:30:00"), &berlin);
        assert_eq!(
            doubled.readings[0].read_at,
            at("2021-10-31T00:30:00Z"),
            "the first of the two"
        );
        let local = LocalDateTime::parse("2021-10-31T02:30:00").unwrap();
        assert_eq!(doubled.doubled, [Doubled { reading: 0, local }]);

        let missing = decode(&with("2021-03-28T02:30:00"), &berlin);
        assert_eq!(
            missing.readings[0].read_at,
            at("2021-03-28T01:30:00Z"),
            "moved forward by the gap"
        );
        assert_eq!(missing.doubled, []);
    }

    fn malformed_readings() -> [(&'static str, Reason, &'static str); 8] {
        use Reason::{
            BadMeter, BadReadAt, BadRegister, DuplicateField, MissingField, UnknownField,
        };
        [
            (
                r#"{"read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                MissingField,
                "meter",
            ),
            (
                r#"{"meter":"e1","read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                BadMeter,
                "meter",
            ),
            (
                r#"{"meter":7,"read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                BadMeter,
                "meter",
            ),
            (
                r#"{"meter":"E1","register":"a b","read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                BadRegister,
                "register",
            ),
            (
                r#"{"meter":"E1","read_at":"10.02.2012","value":"1"}"#,
                BadReadAt,
                "read_at",
            ),
            (
                r#"{"meter":"E1","read_at":"1950-01-01T00:00:00","value":"1"}"#,
                BadReadAt,
                "read_at",
            ),
            (
                r#"{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":"1","unit":"kWh"}"#,
                UnknownField,
                "unit",
            ),
            (
                r#"{"meter":"E1","meter":"E2","read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                DuplicateField,
                "meter",
            ),
        ]
    }

    #[test]
    fn a_batch_keeps_what_is_well_formed_and_says_of_each_other_what_is_wrong() {
        let good = r#"{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":"1"}"#;
        for (bad, reason, field) in malformed_readings() {
            for json in [
                format!(r#"{{"readings":[{good},{bad},{good}]}}"#),
                format!("[{good}, {bad} ,{good}]"),
            ] {
                let decoded = read(&json);
                assert_eq!(decoded.readings.len(), 2, "{json}");
                let [malformed] = decoded.malformed.as_slice() else {
                    panic!("{json}")
                };
                assert_eq!(malformed.index, Some(1));
                assert_eq!(malformed.reason, reason, "{bad}");
                assert_eq!(malformed.field.as_deref(), Some(field), "{bad}");
                assert_eq!(
                    malformed.original,
                    bad.as_bytes(),
                    "the dead letter is the reading's own text"
                );
                assert!(
                    malformed.explanation.contains(field),
                    "{}",
                    malformed.explanation
                );
            }
            let alone = read(bad);
            assert_eq!(alone.malformed[0].index, None);
            assert_eq!(alone.malformed[0].reason, reason);
        }
    }

    #[test]
    fn a_message_that_is_no_reading_at_all_is_refused_whole() {
        for (json, reason) in [
            ("", Reason::NotJson),
            ("{\"meter\":\"E1\"", Reason::NotJson),
            ("{} {}", Reason::NotJson),
            ("7", Reason::NotAReading),
            ("\"E1\"", Reason::NotAReading),
            ("[]", Reason::EmptyBatch),
            ("{\"readings\":[]}", Reason::EmptyBatch),
            ("{\"readings\":7}", Reason::NotAReading),
            ("[7]", Reason::NotAReading),
        ] {
            let decoded = read(json);
            assert_eq!(decoded.readings, []);
            assert_eq!(decoded.malformed[0].reason, reason, "{json}");
        }
        let not_utf8 = decode(&Bytes::from_static(b"\xff\xfe"), &zone("UTC"));
        assert_eq!(not_utf8.malformed[0].reason, Reason::NotJson);
    }

    #[test]
    fn the_limits_of_a_message_are_held() {
        let one = r#"{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":1}"#;
        let batch = |n: usize| format!("[{}]", vec![one; n].join(","));
        assert_eq!(
            read(&batch(READINGS_PER_MESSAGE_MAX)).readings.len(),
            READINGS_PER_MESSAGE_MAX
        );
        let over = read(&batch(READINGS_PER_MESSAGE_MAX + 1));
        assert_eq!(
            (over.readings.len(), over.malformed[0].reason),
            (0, Reason::TooManyReadings)
        );
        let large = read(&format!("{one}{}", " ".repeat(MESSAGE_BYTES_MAX)));
        assert_eq!(large.malformed[0].reason, Reason::MessageTooLarge);
    }

    #[test]
    fn every_reason_has_a_code_of_its_own_that_can_end_a_subject() {
        let mut codes: Vec<&str> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(
            codes
                .iter()
                .all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
        );
    }
}
