//! The meters' side of the town: publishes readings over NATS, waits until the ledger has taken them,
//! confirms its orders, and hears its notifications.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, Context};
use futures::StreamExt;
use ledger_core::time::{Millis, Timestamp};
use meter_gateway::names;
use serde::Deserialize;
use serde_json::{Value, json};

use super::timeline::Message;
use crate::failure::Failure;

/// The gateway the town's readings come through.
const GATEWAY: &str = "demo-headend";
/// Messages in flight before their acknowledgements are awaited: enough to hide the way there and back.
const PUBLISHED_AT_ONCE: usize = 256;
/// How long the ledger may take to work off what was published.
const TAKEN_WITHIN: Duration = Duration::from_secs(120);
/// How long the ledger may take to make its streams.
const STREAMS_WITHIN: Duration = Duration::from_secs(30);
/// Orders and notifications fetched at once.
const FETCH_MAX: usize = 500;
/// How long a fetch waits when nothing is there.
const FETCH_WAIT: Duration = Duration::from_millis(20);

/// The meters' connection.
pub(crate) struct Feed {
    js: Context,
    orders: PullConsumer,
    notifications: PullConsumer,
    last_sequence: u64,
    /// Orders confirmed so far.
    pub(crate) confirmed: u64,
    /// Notifications heard so far.
    pub(crate) heard: u64,
}

/// An order as it is published to a meter.
#[derive(Debug, Deserialize)]
struct Order {
    meter: String,
    order: u32,
}

impl Feed {
    /// Connects, once the ledger has made its streams.
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let client = async_nats::connect(url)
            .await
            .map_err(|e| nats("connecting", &e))?;
        let js = jetstream::new(client);
        let orders = follow(&js, names::ORDERS_STREAM).await?;
        let notifications = follow(&js, names::NOTIFICATIONS_STREAM).await?;
        Ok(Self {
            js,
            orders,
            notifications,
            last_sequence: 0,
            confirmed: 0,
            heard: 0,
        })
    }

    /// Publishes messages in order; returns when the server has stored them all.
    pub(crate) async fn publish(&mut self, messages: &[Message]) -> Result<(), Failure> {
        for part in messages.chunks(PUBLISHED_AT_ONCE) {
            let mut stored = Vec::with_capacity(part.len());
            for message in part {
                let subject = format!("meter.readings.{}.{GATEWAY}", message.utility);
                let mut headers = HeaderMap::new();
                headers.insert(names::RECEIVED_AT, message.received_at.to_string());
                let ack = self
                    .js
                    .publish_with_headers(subject, headers, payload(message).into())
                    .await;
                stored.push(ack.map_err(|e| nats("publishing readings", &e))?);
            }
            for ack in stored {
                let ack = ack.await.map_err(|e| nats("publishing readings", &e))?;
                self.last_sequence = self.last_sequence.max(ack.sequence);
            }
        }
        Ok(())
    }

    /// Waits until the ledger has acknowledged everything published so far.
    pub(crate) async fn wait_until_taken(&self) -> Result<(), Failure> {
        let until = Instant::now() + TAKEN_WITHIN;
        loop {
            let floor = self.acknowledged().await?;
            if floor >= self.last_sequence {
                return Ok(());
            }
            if Instant::now() > until {
                let what = format!(
                    "the ledger has taken messages up to {floor} of {}",
                    self.last_sequence
                );
                return Err(Failure::unavailable("DEMO_STUCK", what));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn acknowledged(&self) -> Result<u64, Failure> {
        let stream = self
            .js
            .get_stream(names::READINGS_STREAM)
            .await
            .map_err(|e| nats("looking at the readings", &e))?;
        let mut consumers = stream.consumers();
        let mut floor = 0;
        while let Some(info) = consumers.next().await {
            let info = info.map_err(|e| nats("looking at the readings", &e))?;
            floor = floor.max(info.ack_floor.stream_sequence);
        }
        Ok(floor)
    }

    /// Meters act on their orders a minute later, and say so.
    pub(crate) async fn confirm_orders(&mut self, now: Timestamp) -> Result<(), Failure> {
        for payload in take(&self.orders).await? {
            let Ok(order) = serde_json::from_slice::<Order>(&payload) else {
                continue;
            };
            let at = (now + Millis::minutes(1)).to_string();
            let ack = json!({"meter": order.meter, "order": order.order, "at": at}).to_string();
            let mut headers = HeaderMap::new();
            headers.insert(names::RECEIVED_AT, at);
            let subject = format!("meter.order-acks.{GATEWAY}");
            let stored = self
                .js
                .publish_with_headers(subject, headers, ack.into())
                .await;
            stored
                .map_err(|e| nats("confirming an order", &e))?
                .await
                .map_err(|e| nats("confirming an order", &e))?;
            self.confirmed += 1;
        }
        Ok(())
    }

    /// The connection, for the report.
    pub(crate) fn context(&self) -> &Context {
        &self.js
    }

    /// Hears the notifications since the last time.
    pub(crate) async fn hear(&mut self) -> Result<(), Failure> {
        self.heard += take(&self.notifications).await?.len() as u64;
        Ok(())
    }
}

/// Refused readings by meter, from the dead letters; those of confirmations are left aside.
pub(crate) async fn refused_by_meter(js: &Context) -> Result<BTreeMap<String, u64>, Failure> {
    let consumer = follow(js, names::REJECTED_STREAM).await?;
    let stream = js.get_stream(names::REJECTED_STREAM).await;
    let stream = stream.map_err(|e| nats("looking at the dead letters", &e))?;
    let expected = usize::try_from(stream.cached_info().state.messages).unwrap_or(usize::MAX);
    let until = Instant::now() + TAKEN_WITHIN;
    let mut letters = take(&consumer).await?;
    while letters.len() < expected && Instant::now() < until {
        letters.extend(take(&consumer).await?);
    }
    let mut by_meter = BTreeMap::new();
    for meter in letters.iter().flat_map(|letter| meters_in(letter)) {
        *by_meter.entry(meter).or_default() += 1;
    }
    Ok(by_meter)
}

/// The meters of the readings in a dead letter: it holds one reading, or the message as it came.
fn meters_in(letter: &[u8]) -> Vec<String> {
    let Ok(letter) = serde_json::from_slice::<Value>(letter) else {
        return Vec::new();
    };
    let batch = letter.get("readings").and_then(Value::as_array);
    let readings = batch.map_or_else(|| std::slice::from_ref(&letter), Vec::as_slice);
    let meter_of = |reading: &Value| {
        reading.get("read_at")?;
        reading.get("meter")?.as_str().map(str::to_owned)
    };
    readings.iter().filter_map(meter_of).collect()
}

fn payload(message: &Message) -> String {
    if let Some(raw) = message.raw {
        return raw.to_owned();
    }
    let readings: Vec<Value> = message
        .readings
        .iter()
        .map(|r| json!({"meter": r.meter, "read_at": r.read_at, "value": r.value}))
        .collect();
    json!({ "readings": readings }).to_string()
}

/// A consumer of its own on a stream, which the ledger may be about to make.
async fn follow(js: &Context, name: &str) -> Result<PullConsumer, Failure> {
    let until = Instant::now() + STREAMS_WITHIN;
    let stream = loop {
        match js.get_stream(name).await {
            Ok(stream) => break stream,
            Err(_) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(e) => return Err(nats("following the ledger's messages", &e)),
        }
    };
    let config = pull::Config {
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::None,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await;
    consumer.map_err(|e| nats("following the ledger's messages", &e))
}

/// Everything that is there now.
async fn take(consumer: &PullConsumer) -> Result<Vec<bytes::Bytes>, Failure> {
    let mut all = Vec::new();
    loop {
        let batch = consumer
            .fetch()
            .max_messages(FETCH_MAX)
            .expires(FETCH_WAIT)
            .messages()
            .await;
        let mut batch = batch.map_err(|e| nats("reading the ledger's messages", &e))?;
        let before = all.len();
        while let Some(message) = batch.next().await {
            let message = message.map_err(|e| nats("reading the ledger's messages", &*e))?;
            all.push(message.payload.clone());
        }
        if all.len() - before < FETCH_MAX {
            return Ok(all);
        }
    }
}

fn nats(doing: &str, error: &dyn std::error::Error) -> Failure {
    Failure::unavailable("DEMO_NATS", format!("{doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_names_its_meters_whether_it_is_a_reading_a_batch_or_neither() {
        let one = r#"{"meter":"E1","read_at":"2026-03-03T16:00:00Z","value":"1"}"#;
        let batch = format!("{{\"readings\":[{one},{one}]}}");
        assert_eq!(meters_in(one.as_bytes()), ["E1"]);
        assert_eq!(meters_in(batch.as_bytes()), ["E1", "E1"]);
        let confirmation = br#"{"meter":"E1","order":1,"at":"2026-03-03T16:00:00Z"}"#;
        assert_eq!(meters_in(confirmation), Vec::<String>::new());
        assert_eq!(
            meters_in(br#"{"meter":"E1","value":12.5"#),
            Vec::<String>::new()
        );
    }
}
