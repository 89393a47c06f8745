//! From the bytes of a message to readings, or to the reason why not.
//!
//! Owns the published form of readings (`docs/schemas/reading.schema.json`): one reading, a batch
//! `{"readings":[…]}` or a bare array. Numbers are taken by their digits, never through a float. What is
//! well formed is read in one pass over the bytes; only a message with something wrong in it is read a
//! second time, reading by reading, to say what is wrong where. Absent on purpose: whether a reading is
//! plausible, known or new, which is the ledger's to decide.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use ledger_core::command::Reading;
use ledger_core::ids::{MeterNumber, RegisterId};
use ledger_core::num::{DecimalError, Quantity};
use ledger_core::time::{LocalDateTime, TimeError, Timestamp, Zone};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Largest message, in bytes: 4,096 readings of 128 bytes, half of what a NATS server takes by default.
pub const MESSAGE_BYTES_MAX: usize = 512 * 1024;

/// Most readings of one message: a head-end's hour of a district, and a bound on what one redelivery
/// repeats.
pub const READINGS_PER_MESSAGE_MAX: usize = 4_096;

/// Longest excerpt of a sender's text in an explanation, in characters.
const EXCERPT_CHARS_MAX: usize = 60;

/// Why a message or a reading could not be taken: the last token of `meter.rejected.<reason>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The subject is not `meter.readings.<utility>.<gateway>`.
    BadSubject,
    /// More than [`MESSAGE_BYTES_MAX`] bytes.
    MessageTooLarge,
    /// More than [`READINGS_PER_MESSAGE_MAX`] readings.
    TooManyReadings,
    /// Not JSON in UTF-8.
    NotJson,
    /// JSON, but neither an object nor an array of readings.
    NotAReading,
    /// A batch without a reading.
    EmptyBatch,
    /// A field is missing.
    MissingField,
    /// A field that the schema does not know.
    UnknownField,
    /// A field stands twice.
    DuplicateField,
    /// Not a meter number.
    BadMeter,
    /// Not a register.
    BadRegister,
    /// Not a time.
    BadReadAt,
    /// Not a number in plain decimal notation, or out of range.
    BadValue,
    /// Finer than six decimal places (C3).
    ValueTooFine,
    /// The header with the simulated time of receipt cannot be used.
    BadReceivedAt,
    /// Not a confirmation of an order.
    BadOrderAck,
}

impl Reason {
    /// All, in the order of their checks.
    pub const ALL: [Self; 16] = [
        Self::BadSubject,
        Self::MessageTooLarge,
        Self::TooManyReadings,
        Self::NotJson,
        Self::NotAReading,
        Self::EmptyBatch,
        Self::MissingField,
        Self::UnknownField,
        Self::DuplicateField,
        Self::BadMeter,
        Self::BadRegister,
        Self::BadReadAt,
        Self::BadValue,
        Self::ValueTooFine,
        Self::BadReceivedAt,
        Self::BadOrderAck,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadSubject => "bad-subject",
            Self::MessageTooLarge => "message-too-large",
            Self::TooManyReadings => "too-many-readings",
            Self::NotJson => "not-json",
            Self::NotAReading => "not-a-reading",
            Self::EmptyBatch => "empty-batch",
            Self::MissingField => "missing-field",
            Self::UnknownField => "unknown-field",
            Self::DuplicateField => "duplicate-field",
            Self::BadMeter => "bad-meter",
            Self::BadRegister => "bad-register",
            Self::BadReadAt => "bad-read-at",
            Self::BadValue => "bad-value",
            Self::ValueTooFine => "value-too-fine",
            Self::BadReceivedAt => "bad-received-at",
            Self::BadOrderAck => "bad-order-ack",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

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

/// The second way: reading by reading, each with its own outcome.
fn explained(payload: &Bytes, text: &str, zone: &Zone) -> Decoded {
    let refused =
        |reason, explanation: &str| Decoded::refused(reason, explanation.to_owned(), payload);
    let root: &RawValue = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(error) => {
            return refused(
                Reason::NotJson,
                &format!("the message is not JSON ({error}): send a reading as JSON"),
            );
        }
    };
    match root.get().as_bytes().first() {
        Some(b'[') => each(payload, root, zone),
        Some(b'{') => match batch_of(root) {
            Some(list) => each(payload, list, zone),
            None => one_by_one(payload, &[root], zone, false),
        },
        _ => refused(
            Reason::NotAReading,
            "the message is neither an object nor an array: send a reading, a batch or an array of readings",
        ),
    }
}

/// The list of a batch: an object whose only field is `readings`.
fn batch_of(root: &RawValue) -> Option<&RawValue> {
    let fields: Fields<'_> = serde_json::from_str(root.get()).ok()?;
    match fields.0.as_slice() {
        [(name, list)] if name == "readings" => Some(list),
        _ => None,
    }
}

fn each(payload: &Bytes, list: &RawValue, zone: &Zone) -> Decoded {
    let refused =
        |reason, explanation: &str| Decoded::refused(reason, explanation.to_owned(), payload);
    match serde_json::from_str::<Vec<&RawValue>>(list.get()) {
        Ok(items) if items.is_empty() => refused(
            Reason::EmptyBatch,
            "the batch has no reading: send at least one",
        ),
        Ok(items) => one_by_one(payload, &items, zone, true),
        Err(_) => refused(
            Reason::NotAReading,
            "\"readings\" is not an array: send an array of readings",
        ),
    }
}

fn one_by_one(payload: &Bytes, items: &[&RawValue], zone: &Zone, in_batch: bool) -> Decoded {
    let mut decoded = Decoded::default();
    for (index, item) in items.iter().enumerate() {
        match reading_of(item, zone) {
            Ok((reading, time)) => decoded.push(reading, time),
            Err(Wrong {
                reason,
                field,
                explanation,
            }) => decoded.malformed.push(Malformed {
                index: in_batch.then_some(index),
                reason,
                field: field.map(Cow::into_owned),
                explanation,
                original: payload.slice_ref(item.get().as_bytes()),
            }),
        }
    }
    decoded
}

/// What is wrong with one reading.
struct Wrong<'a> {
    reason: Reason,
    field: Option<Cow<'a, str>>,
    explanation: String,
}

fn wrong(reason: Reason, field: &'static str, explanation: impl fmt::Display) -> Wrong<'static> {
    Wrong {
        reason,
        field: Some(Cow::Borrowed(field)),
        explanation: format!("{field}: {explanation}"),
    }
}

fn reading_of<'a>(item: &'a RawValue, zone: &Zone) -> Result<(Reading, ReadTime), Wrong<'a>> {
    let Ok(fields) = serde_json::from_str::<Fields<'a>>(item.get()) else {
        let explanation = "a reading is an object with meter, read_at and value".to_owned();
        return Err(Wrong {
            reason: Reason::NotAReading,
            field: None,
            explanation,
        });
    };
    fields.check()?;
    let meter = fields.text("meter", Reason::BadMeter)?;
    let meter =
        MeterNumber::parse(&meter).map_err(|error| wrong(Reason::BadMeter, "meter", error))?;
    let register = match fields.get("register") {
        None => None,
        Some(_) => {
            let text = fields.text("register", Reason::BadRegister)?;
            Some(
                RegisterId::parse(&text)
                    .map_err(|error| wrong(Reason::BadRegister, "register", error))?,
            )
        }
    };
    let text = fields.text("read_at", Reason::BadReadAt)?;
    let time = read_time(&text, zone).map_err(|error| {
        wrong(
            Reason::BadReadAt,
            "read_at",
            format!("{:?} cannot be used, {error}", excerpt(&text)),
        )
    })?;
    let raw = fields.get("value").ok_or_else(|| missing("value"))?;
    let value = read_value(raw).map_err(|error| {
        let reason = match error {
            DecimalError::TooFine { .. } => Reason::ValueTooFine,
            DecimalError::Blank { .. }
            | DecimalError::Malformed { .. }
            | DecimalError::OutOfRange { .. } => Reason::BadValue,
        };
        wrong(
            reason,
            "value",
            format!(
                "{} cannot be used, {error}; exponents are not taken",
                excerpt(raw.get())
            ),
        )
    })?;
    Ok((
        Reading {
            meter,
            register,
            read_at: time.at,
            value,
        },
        time,
    ))
}

fn missing(field: &'static str) -> Wrong<'static> {
    wrong(
        Reason::MissingField,
        field,
        "missing; a reading has meter, read_at and value",
    )
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS_MAX).collect()
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

/// An object's fields in the order sent, doubles and strangers included.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

const KNOWN: [&str; 4] = ["meter", "register", "read_at", "value"];

impl<'a> Fields<'a> {
    /// No stranger and no double.
    fn check(&self) -> Result<(), Wrong<'a>> {
        for (place, (name, _)) in self.0.iter().enumerate() {
            let stranger = !KNOWN.contains(&name.as_ref());
            let double = self
                .0
                .iter()
                .take(place)
                .any(|(earlier, _)| earlier == name);
            let (reason, what) = if stranger {
                (
                    Reason::UnknownField,
                    "is not a field of a reading; those are meter, register, read_at and value",
                )
            } else if double {
                (
                    Reason::DuplicateField,
                    "stands twice; which one holds would be a guess",
                )
            } else {
                continue;
            };
            let name = excerpt(name);
            return Err(Wrong {
                reason,
                explanation: format!("{name:?} {what}"),
                field: Some(Cow::Owned(name)),
            });
        }
        Ok(())
    }

    /// A field that is there and not null.
    fn get(&self, field: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(name, _)| name == field)?;
        (found.1.get() != "null").then_some(found.1)
    }

    fn text(&self, field: &'static str, bad: Reason) -> Result<Cow<'a, str>, Wrong<'a>> {
        let raw = self.get(field).ok_or_else(|| missing(field))?;
        text_of(raw).ok_or_else(|| {
            wrong(
                bad,
                field,
                format!("{} is not a string", excerpt(raw.get())),
            )
        })
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(KNOWN.len());
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    fields.push((name.0, map.next_value::<&'de RawValue>()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// A field's name, borrowed where it has no escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

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

    #[test]
    fn a_batch_keeps_what_is_well_formed_and_says_of_each_other_what_is_wrong() {
        let good = r#"{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":"1"}"#;
        let cases = [
            (
                r#"{"read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                Reason::MissingField,
                "meter",
            ),
            (
                r#"{"meter":"e1","read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                Reason::BadMeter,
                "meter",
            ),
            (
                r#"{"meter":7,"read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                Reason::BadMeter,
                "meter",
            ),
            (
                r#"{"meter":"E1","register":"a b","read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                Reason::BadRegister,
                "register",
            ),
            (
                r#"{"meter":"E1","read_at":"10.02.2012","value":"1"}"#,
                Reason::BadReadAt,
                "read_at",
            ),
            (
                r#"{"meter":"E1","read_at":"1950-01-01T00:00:00","value":"1"}"#,
                Reason::BadReadAt,
                "read_at",
            ),
            (
                r#"{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":"1","unit":"kWh"}"#,
                Reason::UnknownField,
                "unit",
            ),
            (
                r#"{"meter":"E1","meter":"E2","read_at":"2012-02-10T08:00:00Z","value":"1"}"#,
                Reason::DuplicateField,
                "meter",
            ),
        ];
        for (bad, reason, field) in cases {
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
