//! The second way through a message: reading by reading, to say what is wrong with which.
//!
//! Taken only when the one pass over the bytes has failed, so that it may cost more. Each reading has its
//! own outcome; what is well formed is kept. Absent on purpose: guessing what a sender meant.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use ledger_core::command::Reading;
use ledger_core::ids::{MeterNumber, RegisterId};
use ledger_core::num::DecimalError;
use ledger_core::time::Zone;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Decoded, Malformed, ReadTime, Reason, read_time, read_value, text_of};

/// Longest excerpt of a sender's text in an explanation, in characters.
const EXCERPT_CHARS_MAX: usize = 60;

/// The second way: reading by reading, each with its own outcome.
pub(super) fn explained(payload: &Bytes, text: &str, zone: &Zone) -> Decoded {
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
