//! Readings published to NATS, for a running ledger to take: batches as a head-end sends them, each
//! acknowledged by JetStream before the next window.

use std::fmt::Write;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use ledger_core::utility::Utility;
use meter_gateway::names;

use crate::cli::import::Counts;
use crate::failure::Failure;
use crate::import::Row;

/// Readings of one message: far below what a message may hold, large enough to spend little on each.
const READINGS_PER_MESSAGE: usize = 256;
/// How long NATS may take to answer before the import stops; what was acknowledged stays published.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A connection to publish to.
pub(super) struct Nats {
    js: Context,
    gateway: String,
}

impl Nats {
    /// Connects and makes sure that the stream of readings is there.
    pub(super) async fn connect(url: &str, gateway: &str) -> Result<Self, Failure> {
        let is_token = !gateway.is_empty()
            && gateway
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !is_token {
            return Err(Failure::usage(
                "GATEWAY_NAME",
                format!("--gateway {gateway:?} cannot be part of a subject"),
            )
            .advise("use letters, digits, '-' and '_'"));
        }
        let client = in_time("connecting", async_nats::connect(url)).await?;
        let js = jetstream::new(client);
        match tokio::time::timeout(ANSWER_WITHIN, names::readings(&js)).await {
            Ok(stream) => stream?,
            Err(_) => return Err(away("opening the stream of readings", "no answer in time")),
        };
        Ok(Self {
            js,
            gateway: gateway.to_owned(),
        })
    }

    /// Publishes a batch and waits until JetStream has it.
    pub(super) async fn take(&mut self, rows: &[Row], counts: &mut Counts) -> Result<(), Failure> {
        let mut sent = Vec::new();
        for utility in Utility::ALL {
            let of_utility: Vec<&Row> = rows.iter().filter(|row| row.utility == utility).collect();
            for part in of_utility.chunks(READINGS_PER_MESSAGE) {
                let subject = format!("meter.readings.{utility}.{}", self.gateway);
                let publishing =
                    self.js
                        .publish_with_headers(subject, headers(part), message(part).into());
                let answer = in_time("publishing readings", publishing).await?;
                sent.push((answer, part.len() as u64));
            }
        }
        for (answer, count) in sent {
            in_time("publishing readings", answer.into_future()).await?;
            counts.published = counts.published.saturating_add(count);
        }
        Ok(())
    }
}

/// The received time of simulated ledgers; others do not look at it.
fn headers(part: &[&Row]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(newest) = part.iter().map(|row| row.reading.read_at).max() {
        headers.insert(names::RECEIVED_AT, newest.to_string().as_str());
    }
    headers
}

/// The published form of readings (`docs/schemas/reading.schema.json`).
fn message(part: &[&Row]) -> String {
    let mut out = String::with_capacity(part.len().saturating_mul(96).saturating_add(16));
    out.push_str("{\"readings\":[");
    for (place, row) in part.iter().enumerate() {
        let reading = &row.reading;
        let comma = if place == 0 { "" } else { "," };
        // Writing to a string cannot fail; names and numbers need no escape.
        let _ = write!(out, "{comma}{{\"meter\":\"{}\"", reading.meter);
        if let Some(register) = &reading.register {
            let _ = write!(out, ",\"register\":\"{register}\"");
        }
        let _ = write!(
            out,
            ",\"read_at\":\"{}\",\"value\":\"{}\"}}",
            reading.read_at, reading.value
        );
    }
    out.push_str("]}");
    out
}

async fn in_time<T, E: std::fmt::Display>(
    doing: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(ANSWER_WITHIN, work).await {
        Ok(done) => done.map_err(|error| away(doing, &error.to_string())),
        Err(_) => Err(away(doing, "no answer in time")),
    }
}

fn away(doing: &str, why: &str) -> Failure {
    Failure::unavailable("NATS_AWAY", format!("NATS, while {doing}: {why}")).advise(
        "start the NATS server (with JetStream), then import again: what was taken is recognised",
    )
}

#[cfg(test)]
mod tests {
    use ledger_core::command::Reading;
    use ledger_core::ids::MeterNumber;
    use ledger_core::num::Quantity;
    use ledger_core::time::{Timestamp, Zone};

    use super::*;

    #[test]
    fn what_is_published_is_what_the_gateway_reads() {
        let reading = |value: &str| Reading {
            meter: MeterNumber::parse("E1").unwrap(),
            register: None,
            read_at: Timestamp::parse("2026-03-01T00:00:00Z").unwrap(),
            value: Quantity::parse(value).unwrap(),
        };
        let rows = ["1.5", "2"].map(|value| Row {
            line: 2,
            text: String::new(),
            utility: Utility::Electricity,
            reading: reading(value),
        });
        let text = message(&rows.iter().collect::<Vec<_>>());
        let zone = Zone::named("Asia/Brunei").unwrap();
        let decoded = meter_gateway::decode::decode(&text.into(), &zone);
        assert_eq!(decoded.readings.len(), 2);
        assert!(decoded.malformed.is_empty());
    }
}
