//! What `ledger bench ingest` measures: the same messages through the ledger and past it.
//!
//! The reference reads the same stream from the same server through the same client code with the same
//! acknowledgements and does nothing with what it reads. Absent on purpose: pairing of runs, medians and
//! printing, which every bench shares.

use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use bytes::Bytes;
use serde::Serialize;

use crate::config::{Connection, connect};
use crate::error::GatewayError;
use crate::gateway::GatewayHandle;
use crate::ingest::BATCH_MESSAGES_MAX;
use crate::names::{self, READINGS_STREAM};
use crate::pull::{Pull, WINDOW_MESSAGES_MAX};
use crate::stats::per_second;

/// Messages on their way to JetStream at once while filling; the client itself bounds them too.
const FILL_IN_FLIGHT_MAX: usize = 4_096;
/// How often the ledger is asked how far it is. Short against any run that says something.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Longest run: a bench that takes longer has stopped.
const RUN_MAX: Duration = Duration::from_secs(600);
/// Name of the reference's consumer.
const REFERENCE: &str = "bench-reference";

/// A message for the bench.
#[derive(Debug, Clone)]
pub struct BenchMessage {
    /// `meter.readings.<utility>.<gateway>`.
    pub subject: String,
    /// One reading or a batch.
    pub payload: Bytes,
    /// Simulated time of receipt, RFC 3339.
    pub received_at: Option<String>,
}

/// How fast something was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// Messages read, decided and acknowledged, or only read and acknowledged.
    pub messages: u64,
    /// In this time.
    pub elapsed_us: u64,
    /// Messages a second.
    pub messages_per_s: u64,
}

impl Rate {
    fn of(messages: u64, elapsed: Duration) -> Self {
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        Self {
            messages,
            elapsed_us,
            messages_per_s: per_second(messages, elapsed),
        }
    }
}

/// Messages in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Sequence of the first.
    pub first: u64,
    /// Sequence of the last.
    pub last: u64,
}

/// Publishes messages to the stream of readings and waits until all are there.
///
/// # Errors
/// When NATS fails.
pub async fn fill(
    connection: &Connection,
    messages: impl IntoIterator<Item = BenchMessage>,
) -> Result<Filled, GatewayError> {
    let failed = |error| GatewayError::nats("filling the stream of readings", error);
    let js = names::context(connect(connection, "bench-fill").await?);
    let stream = names::readings(&js).await?;
    let first = stream.cached_info().state.last_sequence + 1;
    let mut last = first - 1;
    let mut in_flight = std::collections::VecDeque::with_capacity(FILL_IN_FLIGHT_MAX);
    for BenchMessage {
        subject,
        payload,
        received_at,
    } in messages
    {
        if in_flight.len() >= FILL_IN_FLIGHT_MAX
            && let Some(oldest) = in_flight.pop_front()
        {
            let oldest: async_nats::jetstream::context::PublishAckFuture = oldest;
            last = oldest.await.map_err(failed)?.sequence;
        }
        let sent = match received_at {
            Some(at) => {
                let mut headers = HeaderMap::new();
                headers.insert(names::RECEIVED_AT, at.as_str());
                js.publish_with_headers(subject, headers, payload).await
            }
            None => js.publish(subject, payload).await,
        };
        in_flight.push_back(sent.map_err(failed)?);
    }
    for answer in in_flight {
        last = answer.await.map_err(failed)?.sequence;
    }
    Ok(Filled { first, last })
}

/// The reference: reads these messages and acknowledges them as the ledger does, batch by batch.
///
/// # Errors
/// When NATS fails.
pub async fn reference(connection: &Connection, filled: Filled) -> Result<Rate, GatewayError> {
    let js = names::context(connect(connection, REFERENCE).await?);
    let stream = names::readings(&js).await?;
    // None is left over after a clean run.
    let _ = stream.delete_consumer(REFERENCE).await;
    let config = pull::Config {
        durable_name: Some(REFERENCE.to_owned()),
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: filled.first,
        },
        ack_policy: AckPolicy::All,
        max_ack_pending: i64::try_from(WINDOW_MESSAGES_MAX + 6 * BATCH_MESSAGES_MAX)
            .unwrap_or(i64::MAX),
        ..pull::Config::default()
    };
    let made = stream.create_consumer(config).await;
    made.map_err(|error| GatewayError::nats("making the consumer of the reference", error))?;
    let started = Instant::now();
    let mut pull = Pull::open(&js, READINGS_STREAM, REFERENCE).await?;
    let failed = |error| GatewayError::nats("reading the reference", error);
    let mut messages = 0;
    let mut at = 0;
    while at < filled.last {
        let mut newest = pull.next().await.map_err(failed)?;
        messages += 1;
        let mut taken = 1;
        while taken < BATCH_MESSAGES_MAX
            && let Some(another) = pull.waiting()
        {
            newest = another.map_err(failed)?;
            messages += 1;
            taken += 1;
        }
        at = newest.sequence;
        if let Some(ack) = newest.message.reply {
            let acked = js.client().publish(ack, Bytes::from_static(b"+ACK")).await;
            acked.map_err(|error| GatewayError::nats("acknowledging the reference", error))?;
        }
        pull.ask().await.map_err(failed)?;
    }
    let rate = Rate::of(messages, started.elapsed());
    let _ = stream.delete_consumer(REFERENCE).await;
    Ok(rate)
}

/// Ours: from now until the ledger has recorded these messages. Start the gateway just before.
///
/// # Errors
/// When the gateway ends, or takes longer than any bench should.
pub async fn until_recorded(
    handle: &mut GatewayHandle,
    filled: Filled,
) -> Result<Rate, GatewayError> {
    let started = Instant::now();
    while started.elapsed() < RUN_MAX {
        if handle.stats().recorded_up_to >= filled.last {
            return Ok(Rate::of(filled.last - filled.first + 1, started.elapsed()));
        }
        tokio::select! {
            ended = handle.ended() => {
                ended?;
                return Err(GatewayError::TaskEnded("the gateway stopped before the bench was done".to_owned()));
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    Err(GatewayError::TaskEnded(format!(
        "the bench took longer than {} s",
        RUN_MAX.as_secs()
    )))
}

/// How fast a message is decoded on one core: times over for about a second.
#[must_use]
pub fn decode_rate(payload: &Bytes, zone: &ledger_core::time::Zone) -> Rate {
    let started = Instant::now();
    let mut readings = 0;
    while started.elapsed() < Duration::from_secs(1) {
        for _ in 0..100 {
            readings += crate::decode::decode(payload, zone).readings.len() as u64;
        }
    }
    Rate::of(readings, started.elapsed())
}
