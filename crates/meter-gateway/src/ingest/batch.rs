//! A batch: what waited when the ledger was ready for more.
//!
//! Owns the step from a delivered message to decoded readings with their circumstances. Absent on
//! purpose: order and decisions.

use async_nats::{Message, Subject};
use bytes::Bytes;
use ledger_core::command::Reading;
use ledger_core::time::{Timestamp, Zone};
use ledger_core::utility::Utility;
use ledger_service::TimeSource;

use crate::dead_letters::Source;
use crate::decode::{Decoded, Malformed, Reason, decode};
use crate::names::{READINGS_SUBJECTS, RECEIVED_AT, ReadingSubject};
use crate::pull::Delivered;

/// Most readings of one batch, beyond the last message's: the largest group commit that pays.
pub const BATCH_READINGS_MAX: usize = 8_192;
/// Most messages of one batch; with single readings, as many as readings.
pub const BATCH_MESSAGES_MAX: usize = 8_192;

/// A message, decoded.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Its stream sequence.
    pub(crate) sequence: u64,
    /// Where it was sent to.
    pub(crate) subject: Subject,
    /// As sent.
    pub(crate) payload: Bytes,
    /// When it was received (C12).
    pub(crate) received_at: Timestamp,
    /// Utility of its subject, under which readings of unknown meters are counted.
    pub(crate) utility: Utility,
    /// What it held.
    pub(crate) decoded: Decoded,
    /// It held several readings, some of which stood in these places of the batch and were malformed.
    pub(crate) batch: Option<Vec<usize>>,
}

/// Messages that are decided together, in stream order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The messages.
    pub(crate) messages: Vec<Arrived>,
    /// Readings in them.
    pub(crate) readings: usize,
    /// Where acknowledging everything up to the last message goes.
    pub(crate) ack: Option<Subject>,
}

impl Batch {
    /// Whether no more should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.readings >= BATCH_READINGS_MAX || self.messages.len() >= BATCH_MESSAGES_MAX
    }

    /// Adds a delivered message.
    pub(crate) fn add(&mut self, delivered: Delivered, zone: &Zone, time: &TimeSource) {
        let Delivered {
            message, sequence, ..
        } = delivered;
        self.ack.clone_from(&message.reply);
        let arrived = Arrived::of(message, sequence, zone, time);
        self.readings += arrived.decoded.readings.len();
        self.messages.push(arrived);
    }

    /// Whether a reading's local time was shown twice.
    pub(crate) fn has_doubled_times(&self) -> bool {
        self.messages
            .iter()
            .any(|message| !message.decoded.doubled.is_empty())
    }

    /// First and last stream sequence; `None` for an empty batch.
    pub(crate) fn range(&self) -> Option<(u64, u64)> {
        Some((
            self.messages.first()?.sequence,
            self.messages.last()?.sequence,
        ))
    }
}

impl Arrived {
    fn of(message: Message, sequence: u64, zone: &Zone, time: &TimeSource) -> Self {
        let Message {
            subject,
            payload,
            headers,
            ..
        } = message;
        let stated = headers
            .as_ref()
            .and_then(|headers| headers.get(RECEIVED_AT))
            .map(async_nats::HeaderValue::as_str);
        let refuse = |reason, field: Option<&str>, explanation: String| {
            let field = field.map(str::to_owned);
            let malformed = Malformed {
                index: None,
                reason,
                field,
                explanation,
                original: payload.clone(),
            };
            Decoded {
                malformed: vec![malformed],
                ..Decoded::default()
            }
        };
        let said = ReadingSubject::parse(&subject);
        let (received_at, decoded) = match (said, stamp(stated, time)) {
            (None, received_at) => {
                let text = format!(
                    "subject {:?} is not {READINGS_SUBJECTS} with electricity or water first",
                    subject.as_str()
                );
                (
                    received_at.unwrap_or(time.now()),
                    refuse(Reason::BadSubject, None, text),
                )
            }
            (Some(_), Err(explanation)) => (
                time.now(),
                refuse(Reason::BadReceivedAt, Some(RECEIVED_AT), explanation),
            ),
            (Some(_), Ok(received_at)) => (received_at, decode(&payload, zone)),
        };
        let utility = said.map_or(Utility::Electricity, |said| said.utility);
        let several = decoded.readings.len() + decoded.malformed.len() > 1;
        let batch = several.then(|| {
            decoded
                .malformed
                .iter()
                .filter_map(|malformed| malformed.index)
                .collect()
        });
        Self {
            sequence,
            subject,
            payload,
            received_at,
            utility,
            decoded,
            batch,
        }
    }

    /// One of its readings.
    pub(crate) fn reading(&self, index: usize) -> Option<&Reading> {
        self.decoded.readings.get(index)
    }

    /// Place in the batch as sent of a well-formed reading; `None` where the message is one reading.
    pub(crate) fn place_in_batch(&self, reading: usize) -> Option<usize> {
        let malformed = self.batch.as_ref()?;
        Some(malformed.iter().fold(
            reading,
            |place, before| if *before <= place { place + 1 } else { place },
        ))
    }

    /// For a dead letter.
    pub(crate) fn source(&self, reader: &str) -> Source {
        Source {
            reader: reader.to_owned(),
            subject: self.subject.to_string(),
            sequence: self.sequence,
        }
    }
}

/// Now, or the time that a sender states where time is simulated. Where it is not, a stated time is
/// ignored: a real gateway cannot date its readings.
fn stamp(stated: Option<&str>, time: &TimeSource) -> Result<Timestamp, String> {
    let stated = match (stated, time) {
        (Some(text), TimeSource::Simulated(_)) => {
            Some(Timestamp::parse(text).map_err(|error| format!("{RECEIVED_AT}: {error}"))?)
        }
        (Some(_), TimeSource::Clock(_)) | (None, _) => None,
    };
    time.stamp(stated).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, received_at: Option<&str>) -> Message {
        let headers = received_at.map(|text| {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert(RECEIVED_AT, text);
            headers
        });
        Message {
            subject: Subject::from(subject),
            reply: None,
            payload: Bytes::from_static(
                br#"{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":1}"#,
            ),
            headers,
            status: None,
            description: None,
            length: 0,
        }
    }

    fn arrived(subject: &str, received_at: Option<&str>, time: &TimeSource) -> Arrived {
        Arrived::of(
            message(subject, received_at),
            7,
            &Zone::named("Asia/Brunei").unwrap(),
            time,
        )
    }

    #[test]
    fn c12_a_sender_states_the_time_of_receipt_only_where_time_is_simulated() {
        let at = |text| Timestamp::parse(text).unwrap();
        let simulated = TimeSource::simulated(at("2012-01-01T00:00:00Z"));
        let subject = "meter.readings.electricity.he1";
        assert_eq!(
            arrived(subject, Some("2012-02-10T09:00:00Z"), &simulated).received_at,
            at("2012-02-10T09:00:00Z")
        );
        assert_eq!(
            arrived(subject, None, &simulated).received_at,
            at("2012-02-10T09:00:00Z"),
            "the newest stated"
        );
        let real = arrived(subject, Some("2012-02-10T09:00:00Z"), &TimeSource::system());
        assert!(real.received_at > at("2020-01-01T00:00:00Z"));
        assert_eq!(real.decoded.readings.len(), 1);
        let bad = arrived(subject, Some("yesterday"), &simulated);
        assert_eq!(bad.decoded.malformed[0].reason, Reason::BadReceivedAt);
    }

    #[test]
    fn a_reading_keeps_its_place_in_a_batch_beside_malformed_ones() {
        let good = r#"{"meter":"E1","read_at":"2012-02-10T08:00:00Z","value":1}"#;
        let mut sent = message("meter.readings.electricity.he1", None);
        sent.payload = Bytes::from(format!("[7,{good},{{}},7,{good}]"));
        let batch = Arrived::of(sent, 1, &Zone::named("UTC").unwrap(), &TimeSource::system());
        assert_eq!(
            (batch.place_in_batch(0), batch.place_in_batch(1)),
            (Some(1), Some(4))
        );
        let alone = arrived(
            "meter.readings.electricity.he1",
            None,
            &TimeSource::system(),
        );
        assert_eq!(alone.place_in_batch(0), None);
    }

    #[test]
    fn a_message_on_a_strange_subject_is_refused_whole() {
        let strange = arrived("meter.readings.gas.he1", None, &TimeSource::system());
        assert_eq!(strange.decoded.readings, []);
        assert_eq!(strange.decoded.malformed[0].reason, Reason::BadSubject);
        assert_eq!(
            strange.decoded.malformed[0].explanation,
            "subject \"meter.readings.gas.he1\" is not meter.readings.*.* with electricity or water first"
        );
    }
}
