//! Dead letters: what could not be taken, with the reason, where people find it and send it again.
//!
//! A dead letter is published and acknowledged by JetStream before its source is: nothing that was sent
//! is ever only in a log line. A replay publishes the original to where it came from and leaves a mark,
//! so that nobody replays it twice by accident. Absent on purpose: repairing a message, and deleting.

use std::fmt::Write;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use ledger_core::answer::ReadingOutcome;
use ledger_core::command::Reading;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_service::ServiceError;

use crate::backoff::Backoff;
use crate::config::{Connection, connect};
use crate::decode::Malformed;
use crate::error::GatewayError;
use crate::names;

/// Most dead letters on their way to JetStream at once: enough to hide its answer time, few in memory.
const IN_FLIGHT_MAX: usize = 256;
/// Longest header value, in bytes: an explanation is a sentence or two.
const HEADER_VALUE_BYTES_MAX: usize = 1_000;
/// Largest page of a list: each line costs two requests.
pub const PAGE_MAX: usize = 500;

/// Something that could not be taken, on its way to `meter.rejected.<reason>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    /// Last token of the subject.
    pub(crate) reason: String,
    /// Which field, where it is one.
    pub(crate) field: Option<String>,
    /// What is wrong and what to do.
    pub(crate) explanation: String,
    /// Place in the batch, where it is one reading of several.
    pub(crate) index: Option<usize>,
    /// The reading or the whole message.
    pub(crate) payload: Bytes,
    /// Where it came from.
    pub(crate) source: Source,
}

/// Where a dead letter came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Gateway or consumer that read it: part of the dead letter's id.
    pub(crate) reader: String,
    /// Subject of the message.
    pub(crate) subject: String,
    /// Its stream sequence.
    pub(crate) sequence: u64,
}

impl DeadLetter {
    /// What could not be decoded.
    pub(crate) fn malformed(malformed: Malformed, source: Source) -> Self {
        let Malformed {
            index,
            reason,
            field,
            explanation,
            original,
        } = malformed;
        Self {
            reason: reason.as_str().to_owned(),
            field,
            explanation,
            index,
            payload: original,
            source,
        }
    }

    /// A reading that the ledger refused.
    pub(crate) fn refused(
        refusal: &Rejection,
        index: Option<usize>,
        payload: Bytes,
        source: Source,
    ) -> Self {
        let explanation = refusal.to_string();
        Self {
            reason: kebab(refusal.code()),
            field: None,
            explanation,
            index,
            payload,
            source,
        }
    }

    /// A reading that the ledger cannot decide, whenever it is sent.
    pub(crate) fn undecided(
        error: &ServiceError,
        index: Option<usize>,
        payload: Bytes,
        source: Source,
    ) -> Self {
        let explanation = format!("{error}; replay this reading when it is repaired");
        Self {
            reason: kebab(error.code()),
            field: None,
            explanation,
            index,
            payload,
            source,
        }
    }

    /// The same for the same message, so that a second publication of it is recognised.
    fn id(&self) -> String {
        let Source {
            reader, sequence, ..
        } = &self.source;
        let mut id = format!("{reader}:{sequence}");
        if let Some(index) = self.index {
            // Writing to a string cannot fail.
            let _ = write!(id, ":{index}");
        }
        id
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(names::MSG_ID, self.id().as_str());
        headers.insert(names::REASON, self.reason.as_str());
        headers.insert(names::EXPLANATION, header_text(&self.explanation).as_str());
        if let Some(field) = &self.field {
            headers.insert(names::FIELD, header_text(field).as_str());
        }
        if let Some(index) = self.index {
            headers.insert(names::INDEX, index.to_string().as_str());
        }
        headers.insert(names::SOURCE_SUBJECT, self.source.subject.as_str());
        headers.insert(
            names::SOURCE_SEQUENCE,
            self.source.sequence.to_string().as_str(),
        );
        headers
    }
}

/// A reading in the published form, for a dead letter of one out of a batch.
pub(crate) fn reading_json(reading: &Reading) -> Bytes {
    let mut out = String::with_capacity(128);
    // Writing to a string cannot fail; names and numbers need no escape.
    let _ = write!(out, r#"{{"meter":"{}""#, reading.meter);
    if let Some(register) = &reading.register {
        let _ = write!(out, r#","register":"{register}""#);
    }
    let _ = write!(
        out,
        r#","read_at":"{}","value":"{}"}}"#,
        reading.read_at, reading.value
    );
    Bytes::from(out)
}

/// The refusal in an outcome.
pub(crate) fn refusal_of(outcome: &ReadingOutcome) -> Option<&Rejection> {
    match outcome {
        ReadingOutcome::Refused(refusal) => Some(refusal),
        ReadingOutcome::Accepted { .. }
        | ReadingOutcome::Duplicate
        | ReadingOutcome::Conflicting
        | ReadingOutcome::Settling
        | ReadingOutcome::Corrected { .. }
        | ReadingOutcome::Late
        | ReadingOutcome::Quarantined => None,
    }
}

/// When the server stored a message, RFC 3339 to the millisecond.
fn published_at(nanos: i128) -> String {
    let ms = i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX);
    Timestamp::from_millis(ms).to_string()
}

/// `UNKNOWN_METER` as the last token of a subject: `unknown-meter`.
fn kebab(code: &str) -> String {
    code.to_ascii_lowercase().replace('_', "-")
}

/// One line, bounded.
fn header_text(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(HEADER_VALUE_BYTES_MAX));
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if line.len() + c.len_utf8() > HEADER_VALUE_BYTES_MAX {
            break;
        }
        line.push(c);
    }
    line
}

/// Publishes all and waits until JetStream has each; goes on trying while NATS is away.
pub(crate) async fn publish(js: &Context, letters: Vec<DeadLetter>) {
    let mut left = letters;
    let mut backoff = Backoff::new();
    while !left.is_empty() {
        let (now, later) = left.split_at(left.len().min(IN_FLIGHT_MAX));
        let mut failed = publish_some(js, now).await;
        if !failed.is_empty() {
            backoff.pause().await;
            // The stream may be missing, or NATS away; either shows at the next attempt.
            if let Err(error) = names::rejected(js).await {
                tracing::debug!(%error, "the stream of dead letters is not there");
            }
        }
        failed.extend_from_slice(later);
        left = failed;
    }
}

/// Publishes some; gives back those that JetStream did not acknowledge.
async fn publish_some(js: &Context, letters: &[DeadLetter]) -> Vec<DeadLetter> {
    let mut sent = Vec::with_capacity(letters.len());
    for letter in letters {
        let subject = format!("meter.rejected.{}", letter.reason);
        sent.push(
            js.publish_with_headers(subject, letter.headers(), letter.payload.clone())
                .await,
        );
    }
    let mut failed = Vec::new();
    for (letter, sent) in letters.iter().zip(sent) {
        let answer = match sent {
            Ok(answer) => answer.await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = answer {
            tracing::warn!(%error, id = letter.id(), "a dead letter was not taken and is sent again");
            failed.push(letter.clone());
        }
    }
    failed
}

/// A dead letter as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its sequence, by which it is replayed.
    pub sequence: u64,
    /// When it was published, RFC 3339.
    pub at: String,
    /// Last token of its subject.
    pub reason: String,
    /// What is wrong and what to do.
    pub explanation: String,
    /// Which field is wrong.
    pub field: Option<String>,
    /// Subject it arrived on.
    pub source_subject: String,
    /// Sequence it arrived with.
    pub source_sequence: u64,
    /// The reading or the whole message.
    pub payload: Bytes,
    /// It was sent again.
    pub replayed: bool,
}

/// The dead letters, for people.
#[derive(Debug)]
pub struct DeadLetters {
    js: Context,
    stream: Stream,
}

impl DeadLetters {
    /// Opens the stream of dead letters.
    ///
    /// # Errors
    /// When NATS cannot be reached.
    pub async fn open(connection: &Connection) -> Result<Self, GatewayError> {
        let js = names::context(connect(connection, "dead-letters").await?);
        let stream = names::rejected(&js).await?;
        Ok(Self { js, stream })
    }

    /// Up to `max` (at most [`PAGE_MAX`]) dead letters from sequence `from` on, oldest first.
    ///
    /// # Errors
    /// When NATS fails.
    pub async fn list(&self, from: u64, max: usize) -> Result<Vec<Listed>, GatewayError> {
        let mut page = Vec::new();
        let mut next = from.max(1);
        while page.len() < max.min(PAGE_MAX) {
            let asked = self
                .stream
                .raw_message_builder()
                .sequence(next)
                .next_by_subject(names::REJECTED_SUBJECTS);
            let message = match asked.send().await {
                Ok(message) => message,
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => break,
                Err(error) => return Err(GatewayError::nats("listing dead letters", error)),
            };
            next = message.sequence + 1;
            page.push(self.listed(message).await?);
        }
        Ok(page)
    }

    /// Sends a dead letter's original to where it came from, and marks it. Gives back the sequence it
    /// has there now.
    ///
    /// # Errors
    /// When there is no such dead letter, it was replayed before (unless `again`), or NATS fails.
    pub async fn replay(&self, sequence: u64, again: bool) -> Result<u64, GatewayError> {
        let refused = |reason: &str| GatewayError::NotReplayable {
            sequence,
            reason: reason.to_owned(),
        };
        let message = match self.stream.get_raw_message(sequence).await {
            Ok(message) if message.subject.starts_with("meter.rejected.") => message,
            Ok(_) => {
                return Err(refused(
                    "it is the mark of a replay; name the dead letter itself",
                ));
            }
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Err(refused("there is none with this sequence; list them first"));
            }
            Err(error) => return Err(GatewayError::nats("reading a dead letter", error)),
        };
        let listed = self.listed(message).await?;
        if listed.replayed && !again {
            return Err(refused("it was replayed before; say so if it is meant"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(names::REPLAY_OF, sequence.to_string().as_str());
        if !again {
            headers.insert(names::MSG_ID, format!("replay:{sequence}").as_str());
        }
        let sent = self
            .send(listed.source_subject, headers, listed.payload)
            .await?;
        let mark = Bytes::from(format!(r#"{{"replayed_as":{sent}}}"#));
        self.send(format!("meter.replayed.{sequence}"), HeaderMap::new(), mark)
            .await?;
        Ok(sent)
    }

    async fn send(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<u64, GatewayError> {
        let sent = self
            .js
            .publish_with_headers(subject, headers, payload)
            .await;
        let answer = match sent {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        answer
            .map(|ack| ack.sequence)
            .map_err(|error| GatewayError::nats("replaying a dead letter", error))
    }

    async fn listed(&self, message: StreamMessage) -> Result<Listed, GatewayError> {
        let mark = format!("meter.replayed.{}", message.sequence);
        let replayed = match self.stream.get_last_raw_message_by_subject(&mark).await {
            Ok(_) => true,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => false,
            Err(error) => {
                return Err(GatewayError::nats(
                    "looking for the mark of a replay",
                    error,
                ));
            }
        };
        let header = |name: &'static str| {
            message
                .headers
                .get(name)
                .map(|value| value.as_str().to_owned())
        };
        Ok(Listed {
            sequence: message.sequence,
            at: published_at(message.time.unix_timestamp_nanos()),
            reason: header(names::REASON).unwrap_or_default(),
            explanation: header(names::EXPLANATION).unwrap_or_default(),
            field: header(names::FIELD),
            source_subject: header(names::SOURCE_SUBJECT).unwrap_or_default(),
            source_sequence: header(names::SOURCE_SEQUENCE)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            replayed,
            payload: message.payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use ledger_core::time::Zone;

    #[test]
    fn a_reading_out_of_a_batch_is_written_so_that_it_can_be_sent_again() {
        let sent = Bytes::from_static(br#"{"meter":"E1","register":"1.8.0","read_at":"2012-02-10T08:00:00+08:00","value":7.50}"#);
        let zone = Zone::named("Asia/Brunei").unwrap();
        let first = decode(&sent, &zone).readings;
        assert_eq!(decode(&reading_json(&first[0]), &zone).readings, first);
    }

    #[test]
    fn a_dead_letter_says_in_rfc_3339_when_it_was_published() {
        assert_eq!(
            published_at(1_764_098_074_925_172_632),
            "2025-11-25T19:14:34.925Z"
        );
    }

    #[test]
    fn a_header_is_one_line_and_bounded() {
        assert_eq!(header_text("a\r\nb"), "a  b");
        assert_eq!(
            header_text(&"é".repeat(1_000)).len(),
            HEADER_VALUE_BYTES_MAX
        );
        assert_eq!(kebab("READING_FROM_FUTURE"), "reading-from-future");
    }
}
