//! `ledger bench ingest`: from a NATS message to a priced, durable event and its acknowledgement.
//!
//! Ours is the whole path of `ledger serve`: gateway, write path, log, with the outbox and the read models
//! following; how far they are behind when the last reading is durable, and how long they then need, is
//! told. The reference reads the same messages from the same server with the same client code and the
//! same acknowledgements (all up to a message), and does nothing with them. The messages lie in the stream
//! before either side's time begins.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ledger_core::time::{Millis, Timestamp};
use meter_gateway::bench::{self as gateway_bench, BenchMessage, Filled};
use meter_gateway::testkit::NatsServer;
use meter_gateway::{Connection, GatewayConfig, GatewayError, GatewayHandle};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::bench::args::Common;
use crate::bench::explicit;
use crate::bench::figures::{Ratio, Spread, per_second};
use crate::bench::house::House;
use crate::bench::household::{Meters, populate};
use crate::bench::machine::{Machine, Usage};
use crate::bench::pairs::{self, Bout, Sample, Side};
use crate::bench::report::{Fact, Goal, Line, Report};
use crate::bench::scratch::Scratch;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::local::grouped;

/// Meters: full, quick.
const METERS: (usize, usize) = (100_000, 10_000);
/// Readings of one run: full, quick.
const READINGS: (usize, usize) = (400_000, 60_000);
/// Readings of one message, in the second figure.
const BATCH: usize = 100;
/// Share of the reference's messages that ours should reach with one reading a message, in thousandths.
const SINGLE_GOAL: u64 = 600;
/// Readings in batches for every message of the reference, in thousandths.
const BATCH_GOAL: u64 = 1_350;
/// Days between installation and the present of the simulated clock: more readings than any run sends.
const DAYS: i64 = 29;
/// How often the outbox is looked at while it catches up.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Longest wait for it.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// Measures.
///
/// # Errors
/// When no NATS server can be started, or ours fails under the load.
pub(crate) fn run(common: &Common, console: Console) -> Result<Report, Failure> {
    let scratch = Scratch::inside(common.dir.as_deref())?;
    let machine = Machine::look(scratch.path())?;
    let (meters, readings) = (
        common.accounts(METERS.0, METERS.1),
        common.size(READINGS.0, READINGS.1),
    );
    let runtime = Runtime::new()
        .map_err(|error| Failure::unavailable("THREADS", format!("no threads: {error}")))?;
    let mut feed = Feed::start(&runtime, scratch.path(), (meters, readings), console)?;
    let (mut lines, mut facts) = feed.one_a_message(common.pairs(), console)?;
    let (more_lines, more_facts) = feed.batches(common.pairs(), console)?;
    lines.extend(more_lines);
    facts.extend(more_facts);
    feed.close();
    Ok(Report {
        bench: "ingest",
        machine,
        durable: "ours: every event by fdatasync before its message is acknowledged; NATS: file storage, both sides",
        work: vec![
            (
                "run",
                format!("{} readings of {} meters", count(readings), count(meters)),
            ),
            (
                "ours",
                "gateway, write path, log; outbox and read models following; ack-all".to_owned(),
            ),
            (
                "reference",
                "the same stream to a consumer that does nothing; ack-all".to_owned(),
            ),
        ],
        lines,
        facts,
    })
}

fn count(count: usize) -> String {
    grouped(u64::try_from(count).unwrap_or(u64::MAX))
}

/// What followed behind one run of ours.
#[derive(Debug, Clone, Copy)]
struct Behind {
    read_models: u64,
    outbox: u64,
    drained_ms: u64,
    cpu_ns_a_reading: u64,
}

struct Feed<'a> {
    runtime: &'a Runtime,
    house: House,
    nats: NatsServer,
    connection: Connection,
    meters: Meters,
    readings: usize,
    batch: usize,
    /// The newest messages of one reading, for the reference.
    singles: Option<Filled>,
    /// The newest messages of any kind.
    filled: Option<Filled>,
    behind: Vec<Behind>,
}

impl<'a> Feed<'a> {
    fn start(
        runtime: &'a Runtime,
        dir: &Path,
        (meters, readings): (usize, usize),
        console: Console,
    ) -> Result<Self, Failure> {
        let nats = NatsServer::start().map_err(|error| {
            Failure::unavailable("BENCH_NATS", format!("nats-server does not start: {error}"))
                .advise("install it; on Debian: apt-get install nats-server")
        })?;
        let connection = Connection::new(nats.url());
        let installed = Timestamp::parse("2026-03-01T00:00:00Z").unwrap_or(Timestamp::MIN);
        let house = runtime.block_on(async {
            let house = House::open(dir, installed + Millis::days(DAYS)).await?;
            populate(&house.core.ledger, meters, installed, console).await?;
            house.drained().await?;
            Ok::<House, Failure>(house)
        })?;
        let meters = Meters::new(meters, installed);
        let (singles, filled, behind) = (None, None, Vec::new());
        Ok(Self {
            runtime,
            house,
            nats,
            connection,
            meters,
            readings,
            batch: 1,
            singles,
            filled,
            behind,
        })
    }

    fn one_a_message(
        &mut self,
        pairs: usize,
        console: Console,
    ) -> Result<(Vec<Line>, Vec<Fact>), Failure> {
        self.batch = 1;
        let found = pairs::run(self, pairs, console)?;
        let goal = Goal::AtLeast(Ratio::thousandths(SINGLE_GOAL));
        let line = Line::of(&found, 0, "1 reading a message", "readings/s", goal);
        let mut facts = self.told("1 a message");
        let explicit = self.explicit(pairs)?;
        let name = "reference with explicit acks";
        facts.push(Fact::told(name, explicit.median, "messages/s"));
        Ok((line.into_iter().collect(), facts))
    }

    fn batches(
        &mut self,
        pairs: usize,
        console: Console,
    ) -> Result<(Vec<Line>, Vec<Fact>), Failure> {
        self.batch = BATCH;
        let found = pairs::run(self, pairs, console)?;
        let goal = Goal::AtLeast(Ratio::thousandths(BATCH_GOAL));
        let name = "100 readings a message, against single messages";
        let judged = Line::of(&found, 0, name, "readings/s", goal);
        let name = "100 readings a message, against the same messages";
        let told = Line::of(&found, 1, name, "messages/s", Goal::None);
        let facts = self.told("100 a message");
        Ok((judged.into_iter().chain(told).collect(), facts))
    }

    fn fill(&mut self) -> Result<Filled, Failure> {
        let messages = self.readings.div_ceil(self.batch);
        let batch = self.batch;
        let meters = &mut self.meters;
        let made = (0..messages).map(|_| {
            let subject = meters.subject();
            let payload = if batch == 1 {
                meters.by_ref().take(1).map(|shown| shown.json()).collect()
            } else {
                let all: Vec<String> = meters
                    .by_ref()
                    .take(batch)
                    .map(|shown| shown.json())
                    .collect();
                format!("{{\"readings\":[{}]}}", all.join(","))
            };
            BenchMessage {
                subject,
                payload: Bytes::from(payload),
                received_at: None,
            }
        });
        let filled = self
            .runtime
            .block_on(gateway_bench::fill(&self.connection, made))
            .map_err(|e| gateway(&e))?;
        self.filled = Some(filled);
        if batch == 1 {
            self.singles = Some(filled);
        }
        Ok(filled)
    }

    fn ours(&mut self) -> Result<Sample, Failure> {
        let filled = self.fill()?;
        let before = Usage::of(std::process::id());
        let readings = self
            .readings
            .div_ceil(self.batch)
            .saturating_mul(self.batch);
        let (took, behind) =
            self.runtime
                .block_on(consume(&self.house, &self.connection, filled))?;
        let cpu_ms = Usage::of(std::process::id())
            .cpu_ms
            .saturating_sub(before.cpu_ms);
        let readings_u64 = u64::try_from(readings).unwrap_or(u64::MAX);
        let cpu_ns_a_reading = cpu_ms
            .saturating_mul(1_000_000)
            .checked_div(readings_u64)
            .unwrap_or(0);
        self.behind.push(Behind {
            cpu_ns_a_reading,
            ..behind
        });
        Ok(vec![
            per_second(readings, took),
            per_second(self.readings.div_ceil(self.batch), took),
        ])
    }

    fn reference(&mut self) -> Result<Sample, Failure> {
        let (Some(singles), Some(filled)) = (self.singles, self.filled) else {
            return Ok(Vec::new());
        };
        let single = self
            .runtime
            .block_on(gateway_bench::reference(&self.connection, singles));
        let single = single.map_err(|error| gateway(&error))?.messages_per_s;
        if self.batch == 1 {
            return Ok(vec![single, single]);
        }
        let same = self
            .runtime
            .block_on(gateway_bench::reference(&self.connection, filled));
        Ok(vec![
            single,
            same.map_err(|error| gateway(&error))?.messages_per_s,
        ])
    }

    /// What followed behind, since it was last asked: medians.
    fn told(&mut self, what: &str) -> Vec<Fact> {
        let behind = std::mem::take(&mut self.behind);
        let middle = |of: fn(&Behind) -> u64| {
            Spread::of(behind.iter().map(of)).map_or(0, |spread| spread.median)
        };
        vec![
            Fact::told(
                format!("{what}: read models behind at the end"),
                middle(|b| b.read_models),
                "events",
            ),
            Fact::told(
                format!("{what}: outbox behind at the end"),
                middle(|b| b.outbox),
                "events",
            ),
            Fact::told(
                format!("{what}: both have caught up after"),
                middle(|b| b.drained_ms),
                "ms",
            ),
            Fact::told(
                format!("{what}: processor time, followers included"),
                middle(|b| b.cpu_ns_a_reading),
                "ns a reading",
            ),
        ]
    }

    fn explicit(&self, runs: usize) -> Result<Spread<u64>, Failure> {
        let Some(singles) = self.singles else {
            return Ok(Spread {
                median: 0,
                min: 0,
                max: 0,
            });
        };
        let url = self.nats.url();
        let mut rates = Vec::with_capacity(runs);
        for _ in 0..runs {
            rates.push(self.runtime.block_on(explicit::reference(&url, singles))?);
        }
        Ok(Spread::of(rates).unwrap_or(Spread {
            median: 0,
            min: 0,
            max: 0,
        }))
    }

    fn close(self) {
        let Self {
            runtime,
            house,
            nats,
            ..
        } = self;
        runtime.block_on(house.close());
        drop(nats);
    }
}

impl Bout for Feed<'_> {
    fn name(&self) -> String {
        format!("ingest, {} a message", self.batch)
    }

    fn run(&mut self, side: Side) -> Result<Sample, Failure> {
        match side {
            Side::Ours => self.ours(),
            Side::Reference => self.reference(),
        }
    }
}

/// One run of ours, from the gateway's start to the last durable reading, and what followed it.
async fn consume(
    house: &House,
    connection: &Connection,
    filled: Filled,
) -> Result<(Duration, Behind), Failure> {
    let (_keep, shutdown) = watch::channel(false);
    let config = GatewayConfig::new(connection.clone(), house.policy.zone().clone());
    let store = house.core.log.store();
    let started = meter_gateway::run(config, house.core.ledger.clone(), store, shutdown).await;
    let mut handle = started.map_err(|error| gateway(&error))?;
    let rate = gateway_bench::until_recorded(&mut handle, filled)
        .await
        .map_err(|error| gateway(&error))?;
    let ended = Instant::now();
    let read_models = house.read_models_lag();
    let outbox = outbox_lag(house, &handle);
    while outbox_lag(house, &handle) > 0 && ended.elapsed() < DRAIN_MAX {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    house.drained().await?;
    let drained_ms = u64::try_from(ended.elapsed().as_millis()).unwrap_or(u64::MAX);
    let stats = handle.stats();
    handle.stop().await.map_err(|error| gateway(&error))?;
    let wrong = stats.duplicates
        + stats.conflicts
        + stats.late
        + stats.quarantined
        + stats.refused
        + stats.malformed;
    if wrong > 0 {
        let what = format!("of the readings, {wrong} were not charged as new: {stats:?}");
        return Err(Failure::damaged("BENCH_READINGS", what));
    }
    Ok((
        Duration::from_micros(rate.elapsed_us),
        Behind {
            read_models,
            outbox,
            drained_ms,
            cpu_ns_a_reading: 0,
        },
    ))
}

fn outbox_lag(house: &House, handle: &GatewayHandle) -> u64 {
    let done = handle
        .stats()
        .outbox_position
        .map_or(0, |position| position + 1);
    house.events().saturating_sub(done)
}

/// What the gateway could not do.
pub(crate) fn gateway(error: &GatewayError) -> Failure {
    Failure::unavailable("BENCH_GATEWAY", error.to_string())
}
