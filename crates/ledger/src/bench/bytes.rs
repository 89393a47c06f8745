//! `ledger bench bytes`: how many bytes an event takes in the log, by kind, frame and metadata included.
//!
//! Either of a log that exists, or of half-hourly readings sent through the ledger here. Nothing is
//! timed, so there is no reference, only a limit.

use std::collections::BTreeMap;
use std::path::Path;

use event_store::embedded::{EmbeddedStore, LogReader, OpenOptions};
use event_store::{Direction, Position, RecordedEvent};
use ledger_core::answer::ReadingOutcome;
use ledger_core::command::Reading;
use ledger_core::ids::{Actor, MeterNumber};
use ledger_core::num::Quantity;
use ledger_core::time::{Millis, Timestamp};
use ledger_service::Delivery;
use tokio::runtime::Runtime;

use crate::bench::args::BytesArgs;
use crate::bench::events::meter_name;
use crate::bench::house::House;
use crate::bench::household::{Meters, made_up, populate};
use crate::bench::machine::Machine;
use crate::bench::report::{Fact, Report};
use crate::bench::scratch::Scratch;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::local::grouped;
use crate::output::progress::Progress;

/// The kind that is most of the log.
const WORK_HORSE: &str = "consumption-charged.v1";
/// What it may take at most, bytes.
const LIMIT_BYTES: u64 = 350;
/// Accounts: full, quick.
const ACCOUNTS: (usize, usize) = (2_000, 500);
/// Readings: full, quick. A week of half hours, and two days.
const READINGS: (usize, usize) = (2_000 * 336, 500 * 96);
/// Readings of one delivery.
const DELIVERY: usize = 100;
/// Deliveries handed over together.
const DELIVERIES: usize = 16;
/// Events read at once.
const PAGE_EVENTS: usize = 8_192;
/// Bytes of a record that do not depend on its event: checksum, length, position, time, id, flags and the
/// lengths of names (see the log's `FORMAT.md`).
const RECORD_BYTES: u64 = 43;

/// Measures.
///
/// # Errors
/// When the log cannot be read, or made.
pub(crate) fn run(args: &BytesArgs, console: Console) -> Result<Report, Failure> {
    let scratch = Scratch::inside(args.common.dir.as_deref())?;
    let machine = Machine::look(scratch.path())?;
    let (source, found) = match &args.log {
        Some(dir) => {
            let store = EmbeddedStore::open(&OpenOptions::dir(dir)?)?;
            (
                format!("the log in {}", dir.display()),
                look(&store, dir, console)?,
            )
        }
        None => {
            let accounts = args.common.accounts(ACCOUNTS.0, ACCOUNTS.1);
            let readings = args.common.size(READINGS.0, READINGS.1);
            let counts =
                [accounts, readings].map(|count| grouped(u64::try_from(count).unwrap_or(u64::MAX)));
            let [shown_accounts, shown_readings] = counts;
            let source = format!(
                "{shown_readings} half-hourly readings of {shown_accounts} meters, in deliveries of 100"
            );
            (
                source,
                made_here(scratch.path(), (accounts, readings), console)?,
            )
        }
    };
    let facts = found.facts();
    Ok(Report {
        bench: "bytes",
        machine,
        durable: "nothing is timed here",
        work: vec![
            ("log", source),
            (
                "counted",
                "record, metadata, its share of frames and headers; no index".to_owned(),
            ),
        ],
        lines: Vec::new(),
        facts,
    })
}

fn made_here(
    dir: &Path,
    (accounts, readings): (usize, usize),
    console: Console,
) -> Result<Found, Failure> {
    let runtime = Runtime::new()
        .map_err(|error| Failure::unavailable("THREADS", format!("no threads: {error}")))?;
    runtime.block_on(async {
        let installed = Timestamp::parse("2026-03-01T00:00:00Z").unwrap_or(Timestamp::MIN);
        let house = House::open(dir, installed).await?;
        populate(&house.core.ledger, accounts, installed, console).await?;
        send(&house, accounts, readings, console).await?;
        let found = match house.core.log.embedded() {
            Some(store) => look(store, &dir.join("log"), console),
            None => Err(Failure::damaged(
                "BENCH_LOG",
                "the bytes are those of the embedded log",
            )),
        };
        house.close().await;
        found
    })
}

/// Sends the readings as a gateway hands them over, received some minutes after they were read.
async fn send(
    house: &House,
    accounts: usize,
    readings: usize,
    console: Console,
) -> Result<(), Failure> {
    let installed = Timestamp::parse("2026-03-01T00:00:00Z").unwrap_or(Timestamp::MIN);
    let mut meters = Meters::new(accounts, installed);
    let gateway = Actor::parse("gw-07").map_err(|error| made_up(&error))?;
    let progress = Progress::begin(
        console,
        "recording",
        "readings",
        u64::try_from(readings).unwrap_or(0),
    );
    let (mut seq, mut sent) = (0_u64, 0_usize);
    while sent < readings {
        let mut call = Vec::with_capacity(DELIVERIES);
        for _ in 0..DELIVERIES {
            let taken = meters
                .by_ref()
                .take(DELIVERY.min(readings.saturating_sub(sent)));
            let taken: Result<Vec<Reading>, Failure> = taken
                .map(|shown| {
                    let meter = MeterNumber::parse(&meter_name(shown.number))
                        .map_err(|error| made_up(&error))?;
                    let value =
                        Quantity::from_micro(i64::try_from(shown.milli).unwrap_or(0) * 1_000);
                    Ok(Reading {
                        meter,
                        register: None,
                        read_at: shown.at,
                        value,
                    })
                })
                .collect();
            let taken = taken?;
            let Some(newest) = taken.iter().map(|reading| reading.read_at).max() else {
                break;
            };
            (seq, sent) = (seq + 1, sent + taken.len());
            let received_at =
                newest + Millis::minutes(7) + Millis::seconds(i64::try_from(seq % 60).unwrap_or(0));
            call.push(Delivery {
                seq,
                received_at,
                readings: taken,
            });
        }
        for outcomes in house.core.ledger.record_readings(&gateway, call).await {
            let outcomes = outcomes
                .map_err(|error| Failure::unavailable("BENCH_READINGS", error.to_string()))?;
            if let Some(other) = outcomes
                .iter()
                .find(|outcome| !matches!(outcome, ReadingOutcome::Accepted { .. }))
            {
                return Err(Failure::damaged(
                    "BENCH_READINGS",
                    format!("a reading was not charged: {other:?}"),
                ));
            }
        }
        progress.set(u64::try_from(sent).unwrap_or(0));
    }
    progress.end();
    Ok(())
}

/// Events of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kind {
    events: u64,
    /// Records without their frames.
    records: u64,
    payload: u64,
    meta: u64,
}

/// What a log holds.
#[derive(Debug, Default)]
struct Found {
    kinds: BTreeMap<String, Kind>,
    /// Everything in the segments up to the last frame's end.
    bytes: u64,
    /// Index files of sealed segments.
    index: u64,
}

fn look(store: &EmbeddedStore, dir: &Path, console: Console) -> Result<Found, Failure> {
    let stats = store.stats();
    let mut found = Found {
        bytes: stats.bytes,
        index: index_bytes(dir),
        ..Found::default()
    };
    let progress = Progress::begin(console, "reading", "events", stats.events);
    let reader: LogReader = store.reader();
    let mut after: Option<Position> = None;
    loop {
        let page = reader.read_all(after, Direction::Forwards, PAGE_EVENTS)?;
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        page.iter().for_each(|event| found.add(event));
        progress.add(u64::try_from(page.len()).unwrap_or(0));
    }
    progress.end();
    Ok(found)
}

impl Found {
    fn add(&mut self, event: &RecordedEvent) {
        let length = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let (payload, meta) = (length(event.data.len()), length(event.meta.len()));
        let names = length(event.stream.as_str().len() + event.kind.len());
        let record =
            RECORD_BYTES + varint(event.revision) + varint(payload) + names + payload + meta;
        if !self.kinds.contains_key(event.kind.as_ref()) {
            self.kinds
                .insert(event.kind.as_ref().to_owned(), Kind::default());
        }
        if let Some(kind) = self.kinds.get_mut(event.kind.as_ref()) {
            kind.events += 1;
            kind.records += record;
            kind.payload += payload;
            kind.meta += meta;
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let events: u64 = self.kinds.values().map(|kind| kind.events).sum();
        let records: u64 = self.kinds.values().map(|kind| kind.records).sum();
        let around = self.bytes.saturating_sub(records);
        let mean = |bytes: u64, events: u64| bytes.div_ceil(events.max(1));
        // Frames and headers are shared out evenly: each event of a group commit costs them as much.
        let whole = |kind: &Kind| {
            mean(
                kind.records
                    .saturating_add(around.saturating_mul(kind.events).div_ceil(events.max(1))),
                kind.events,
            )
        };
        let mut facts = Vec::new();
        if let Some(kind) = self.kinds.get(WORK_HORSE) {
            facts.push(
                Fact::told(format!("{WORK_HORSE}, stored"), whole(kind), "B").at_most(LIMIT_BYTES),
            );
            facts.push(Fact::told(
                "  of which payload",
                mean(kind.payload, kind.events),
                "B",
            ));
            facts.push(Fact::told(
                "  of which metadata",
                mean(kind.meta, kind.events),
                "B",
            ));
        }
        facts.push(Fact::told(
            "frames and headers, an event",
            mean(around, events),
            "B",
        ));
        facts.push(Fact::told(
            "all events, stored",
            mean(self.bytes, events),
            "B",
        ));
        facts.push(Fact::told("events", events, ""));
        facts.push(Fact::told(
            "indexes of sealed segments",
            self.index,
            "B in all",
        ));
        for (name, kind) in &self.kinds {
            let events = grouped(kind.events);
            facts.push(Fact::told(
                format!("{name} ({events} events)"),
                whole(kind),
                "B",
            ));
        }
        facts
    }
}

/// Bytes of a number in LEB128.
fn varint(number: u64) -> u64 {
    let bits = u64::from(u64::BITS - number.leading_zeros()).max(1);
    bits.div_ceil(7)
}

fn index_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    let index = |entry: &std::fs::DirEntry| {
        entry
            .path()
            .extension()
            .is_some_and(|ending| ending == "idx")
    };
    entries
        .flatten()
        .filter(index)
        .filter_map(|entry| entry.metadata().ok())
        .map(|meta| meta.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_seven_bits_a_byte() {
        assert_eq!([0, 127, 128, 16_383, 16_384].map(varint), [1, 1, 2, 2, 3]);
        assert_eq!(varint(u64::MAX), 10);
    }

    #[test]
    fn the_bytes_of_the_kinds_add_up_to_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let console = Console::new(true, crate::output::console::Color::Never);
        let found = made_here(dir.path(), (10, 480), console).unwrap();
        let kind = found.kinds[WORK_HORSE];
        assert_eq!(kind.events, 480);
        let records: u64 = found.kinds.values().map(|kind| kind.records).sum();
        assert!(records < found.bytes, "frames stand around records");
        let events: u64 = found.kinds.values().map(|kind| kind.events).sum();
        // Group commits of this small log hold few events: a frame's header and padding at the most.
        assert!(
            found.bytes - records <= 128 + 72 * events,
            "{} of {}",
            found.bytes - records,
            found.bytes
        );
    }
}
