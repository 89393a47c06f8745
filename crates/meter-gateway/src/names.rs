//! Names of streams, subjects and headers, and how each stream is made when it is missing.
//!
//! Owns everything that other systems rely on by name; `docs/nats.md` is its published form. A stream
//! that exists is used as it is, after a check of what must hold. Absent on purpose: changing the
//! settings of a stream that someone else may have made.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, Info, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use ledger_core::utility::Utility;

use crate::decode::MESSAGE_BYTES_MAX;
use crate::error::GatewayError;

/// Readings from meters and head-ends.
pub const READINGS_STREAM: &str = "METER_READINGS";
/// What could not be taken.
pub const REJECTED_STREAM: &str = "METER_REJECTED";
/// Notifications to customers.
pub const NOTIFICATIONS_STREAM: &str = "NOTIFICATIONS";
/// Orders to meters, newest per meter.
pub const ORDERS_STREAM: &str = "METER_ORDERS";
/// Meters' answers to orders.
pub const ORDER_ACKS_STREAM: &str = "METER_ORDER_ACKS";
/// Who owns which consumer.
pub const OWNERS_STREAM: &str = "LEDGER_OWNERS";

/// `meter.readings.<utility>.<gateway>`.
pub const READINGS_SUBJECTS: &str = "meter.readings.*.*";
/// `meter.rejected.<reason>`.
pub const REJECTED_SUBJECTS: &str = "meter.rejected.*";
/// `meter.replayed.<sequence of the dead letter>`: the mark of a replay.
pub const REPLAYED_SUBJECTS: &str = "meter.replayed.*";
/// `notify.<kind>`.
pub const NOTIFY_SUBJECTS: &str = "notify.*";
/// `meter.orders.<meter>`.
pub const ORDER_SUBJECTS: &str = "meter.orders.*";
/// `meter.order-acks.<gateway>`.
pub const ORDER_ACK_SUBJECTS: &str = "meter.order-acks.*";
/// Checkpoint of the notifications, in their own stream but outside `notify.*`.
pub const NOTIFICATIONS_CHECKPOINT: &str = "ledger.outbox.notifications";
/// Checkpoint of the orders, in their own stream but outside `meter.orders.*`.
pub const ORDERS_CHECKPOINT: &str = "ledger.outbox.orders";

/// Id by which a message is recognised, also by JetStream within its window.
pub const MSG_ID: &str = "Nats-Msg-Id";
/// JetStream: the stream must stand at this sequence.
pub const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
/// JetStream: the newest message of this subject must have this sequence.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// JetStream: this message replaces the earlier ones of its subject.
pub const ROLLUP: &str = "Nats-Rollup";
/// Log position `<commit>/<prepare>` up to which a message's stream is complete.
pub const POSITION: &str = "Ledger-Position";
/// Log `<store id>/<epoch>` that a message was made from.
pub const STORE: &str = "Ledger-Store";
/// Which process published it.
pub const PUBLISHER: &str = "Ledger-Publisher";
/// Simulated time of receipt; honoured only where time is simulated.
pub const RECEIVED_AT: &str = "Ledger-Received-At";
/// Why a dead letter is one.
pub const REASON: &str = "Ledger-Reason";
/// What is wrong and what to do.
pub const EXPLANATION: &str = "Ledger-Explanation";
/// Which field is wrong.
pub const FIELD: &str = "Ledger-Field";
/// Place of a reading in its batch, from 0.
pub const INDEX: &str = "Ledger-Index";
/// Subject a dead letter arrived on.
pub const SOURCE_SUBJECT: &str = "Ledger-Source-Subject";
/// Stream sequence a dead letter arrived with.
pub const SOURCE_SEQUENCE: &str = "Ledger-Source-Sequence";
/// Dead letter that a message repeats.
pub const REPLAY_OF: &str = "Ledger-Replay-Of";

/// How long readings stay in JetStream: a month in which the ledger may be away, and in which what a
/// bench or an audit wants to see again is still there.
const READINGS_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long answers to orders stay; as long as readings.
const ORDER_ACKS_AGE_MAX: Duration = READINGS_AGE_MAX;
/// Dead letters kept: a bound on what a broken head-end can fill the disk with. The counts in the log
/// stay true when the oldest go.
const REJECTED_MESSAGES_MAX: i64 = 1_000_000;
/// How long JetStream itself recognises a message id: longer than any retry, short enough for memory.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);
/// Room for the headers of a message of the largest size.
const HEADER_BYTES_MAX: usize = 8 * 1024;
/// How long an owner that says nothing more stays one. Long against a pause of the process, short
/// against what a restart after a crash may take.
pub const OWNER_TTL: Duration = Duration::from_secs(9);

/// What a subject `meter.readings.<utility>.<gateway>` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadingSubject<'a> {
    /// Utility under which the gateway sends.
    pub utility: Utility,
    /// The sending gateway's name.
    pub gateway: &'a str,
}

impl<'a> ReadingSubject<'a> {
    /// Reads a subject; `None` when it is another.
    #[must_use]
    pub fn parse(subject: &'a str) -> Option<Self> {
        let (utility, gateway) = subject.strip_prefix("meter.readings.")?.split_once('.')?;
        // Short codes are of stored events; a subject spells the utility out.
        let utility = Utility::ALL.into_iter().find(|u| u.as_str() == utility)?;
        (!gateway.is_empty() && !gateway.contains('.')).then_some(Self { utility, gateway })
    }
}

fn config(name: &str, subjects: &[&str], description: &str) -> Config {
    Config {
        name: name.to_owned(),
        subjects: subjects.iter().map(|&s| s.to_owned()).collect(),
        description: Some(description.to_owned()),
        storage: StorageType::File,
        duplicate_window: DUPLICATE_WINDOW,
        max_message_size: i32::try_from(MESSAGE_BYTES_MAX + HEADER_BYTES_MAX).unwrap_or(i32::MAX),
        ..Config::default()
    }
}

/// The stream of readings, made if it is missing.
///
/// # Errors
/// When JetStream cannot be asked, or the stream forgets what is acknowledged.
pub async fn readings(js: &Context) -> Result<Stream, GatewayError> {
    let wanted = Config {
        max_age: READINGS_AGE_MAX,
        ..config(
            READINGS_STREAM,
            &[READINGS_SUBJECTS],
            "Meter readings for the ledger",
        )
    };
    let stream = ensure(js, wanted).await?;
    let retention = stream.cached_info().config.retention;
    if retention == RetentionPolicy::Limits {
        return Ok(stream);
    }
    Err(GatewayError::StreamUnfit {
        stream: READINGS_STREAM,
        reason: format!(
            "its retention is {retention:?}; the ledger resumes by sequence and needs retention by limits: \
             make the stream anew"
        ),
    })
}

/// The stream of dead letters, made if it is missing.
///
/// # Errors
/// When JetStream cannot be asked.
pub async fn rejected(js: &Context) -> Result<Stream, GatewayError> {
    let wanted = Config {
        max_messages: REJECTED_MESSAGES_MAX,
        ..config(
            REJECTED_STREAM,
            &[REJECTED_SUBJECTS, REPLAYED_SUBJECTS],
            "What the ledger could not take",
        )
    };
    ensure(js, wanted).await
}

/// The stream of notifications, made if it is missing. It has no age limit, since its newest message is
/// the checkpoint.
///
/// # Errors
/// When JetStream cannot be asked, or messages of the stream can expire.
pub async fn notifications(js: &Context) -> Result<Stream, GatewayError> {
    let wanted = Config {
        allow_rollup: true,
        deny_delete: true,
        ..config(
            NOTIFICATIONS_STREAM,
            &[NOTIFY_SUBJECTS, NOTIFICATIONS_CHECKPOINT],
            "Notifications of the ledger, each exactly once",
        )
    };
    ageless(ensure(js, wanted).await?, NOTIFICATIONS_STREAM)
}

/// The stream of orders, newest per meter, made if it is missing.
///
/// # Errors
/// When JetStream cannot be asked, or messages of the stream can expire.
pub async fn orders(js: &Context) -> Result<Stream, GatewayError> {
    let wanted = Config {
        max_messages_per_subject: 1,
        allow_rollup: true,
        ..config(
            ORDERS_STREAM,
            &[ORDER_SUBJECTS, ORDERS_CHECKPOINT],
            "Newest order to each meter",
        )
    };
    ageless(ensure(js, wanted).await?, ORDERS_STREAM)
}

/// The stream of meters' answers, made if it is missing.
///
/// # Errors
/// When JetStream cannot be asked.
pub async fn order_acks(js: &Context) -> Result<Stream, GatewayError> {
    let wanted = Config {
        max_age: ORDER_ACKS_AGE_MAX,
        ..config(
            ORDER_ACKS_STREAM,
            &[ORDER_ACK_SUBJECTS],
            "Meters' answers to orders",
        )
    };
    ensure(js, wanted).await
}

/// The stream of owners, whose messages expire unless renewed.
///
/// # Errors
/// When JetStream cannot be asked.
pub async fn owners(js: &Context) -> Result<Stream, GatewayError> {
    let wanted = Config {
        max_age: OWNER_TTL,
        // JetStream wants the window of recognition within the age.
        duplicate_window: OWNER_TTL,
        max_messages_per_subject: 1,
        ..config(
            OWNERS_STREAM,
            &["ledger.owner.*"],
            "Owners of the ledger's consumers",
        )
    };
    ensure(js, wanted).await
}

async fn ensure(js: &Context, wanted: Config) -> Result<Stream, GatewayError> {
    let name = wanted.name.clone();
    js.get_or_create_stream(wanted)
        .await
        .map_err(|error| GatewayError::nats(format!("opening stream {name}"), error))
}

fn ageless(stream: Stream, name: &'static str) -> Result<Stream, GatewayError> {
    if stream.cached_info().config.max_age.is_zero() {
        return Ok(stream);
    }
    Err(GatewayError::StreamUnfit {
        stream: name,
        reason: "its messages expire, but the newest one is the checkpoint: set max_age to 0"
            .to_owned(),
    })
}

/// When a stream was made, in milliseconds since 1970 UTC: tells a stream from one made anew.
pub(crate) fn created_ms(info: &Info) -> u64 {
    u64::try_from(info.created.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

/// The JetStream context of a client, with our own time limit on requests.
pub(crate) fn context(client: async_nats::Client) -> Context {
    let mut js = jetstream::new(client);
    js.set_timeout(REQUEST_TIMEOUT);
    js
}

/// How long one request to JetStream may take before it counts as failed and is repeated.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_utility_and_gateway() {
        let parsed = ReadingSubject::parse("meter.readings.water.he-1").unwrap();
        assert_eq!(
            parsed,
            ReadingSubject {
                utility: Utility::Water,
                gateway: "he-1"
            }
        );
        for other in [
            "meter.readings.gas.he",
            "meter.readings.w.he",
            "meter.readings.water",
            "meter.readings.water.a.b",
        ] {
            assert_eq!(ReadingSubject::parse(other), None, "{other}");
        }
    }
}
