//! A second reference of `ledger bench ingest`: every message acknowledged for itself.
//!
//! What a consumer that shares its stream with others must do. Told beside the figures, not judged.

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use bytes::Bytes;
use futures::StreamExt;
use meter_gateway::bench::Filled;
use meter_gateway::names::READINGS_STREAM;

use crate::bench::figures::per_second;
use crate::failure::Failure;

/// Messages asked for at once; the same window as the gateway's.
const WINDOW_MESSAGES: usize = meter_gateway::WINDOW_MESSAGES_MAX;
/// Name of the consumer.
const CONSUMER: &str = "bench-explicit";
/// Longest silence: the messages are in the stream before the consumer is.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Reads and acknowledges these messages one by one; messages a second.
///
/// # Errors
/// When NATS fails.
pub(crate) async fn reference(url: &str, filled: Filled) -> Result<u64, Failure> {
    let client = async_nats::ConnectOptions::new()
        .subscription_capacity(WINDOW_MESSAGES * 2)
        .connect(url)
        .await
        .map_err(|error| nats("connecting", &error))?;
    let js = async_nats::jetstream::new(client.clone());
    let stream = js
        .get_stream(READINGS_STREAM)
        .await
        .map_err(|error| nats("opening the stream", &error))?;
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        deliver_policy: DeliverPolicy::ByStartSequence {
            start_sequence: filled.first,
        },
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: i64::try_from(WINDOW_MESSAGES * 4).unwrap_or(i64::MAX),
        ..pull::Config::default()
    };
    let consumer: PullConsumer = stream
        .create_consumer(config)
        .await
        .map_err(|error| nats("making the consumer", &error))?;
    let began = Instant::now();
    let opened = consumer
        .stream()
        .max_messages_per_batch(WINDOW_MESSAGES)
        .messages()
        .await;
    let mut messages = opened.map_err(|error| nats("reading", &error))?;
    let expected = usize::try_from(filled.last - filled.first + 1).unwrap_or(usize::MAX);
    for _ in 0..expected {
        let next = tokio::time::timeout(SILENCE_MAX, messages.next()).await;
        let Ok(Some(message)) = next else {
            return Err(nats("reading", &"the messages ended early"));
        };
        let message = message.map_err(|error| nats("reading", &error))?;
        if let Some(reply) = message.message.reply {
            let acked = client.publish(reply, Bytes::from_static(b"+ACK")).await;
            acked.map_err(|error| nats("acknowledging", &error))?;
        }
    }
    client
        .flush()
        .await
        .map_err(|error| nats("acknowledging", &error))?;
    let rate = per_second(expected, began.elapsed());
    drop(messages);
    // It would only stay in a server that ends with this measurement.
    let _ = stream.delete_consumer(CONSUMER).await;
    Ok(rate)
}

fn nats(doing: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::unavailable("BENCH_NATS", format!("NATS, while {doing}: {error}"))
}
