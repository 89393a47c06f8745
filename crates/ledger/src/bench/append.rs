//! `ledger bench append`: durable appends to the embedded log against the disk itself.
//!
//! Ours is the log as it is served from: every event a commit of its own with the revision it expects,
//! checksums, the hash chain, the index and the zero-filling of the next segment included. The reference
//! writes as many bytes, batch by batch, each synced, to a file that was filled before its time began.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{Commit, EventStore};

use crate::bench::args::Common;
use crate::bench::events::Workload;
use crate::bench::figures::{Ratio, per_second};
use crate::bench::machine::Machine;
use crate::bench::pairs::{self, Bout, Sample, Side};
use crate::bench::raw::{write_durably, zero_filled};
use crate::bench::report::{Fact, Goal, Line, Report};
use crate::bench::scratch::Scratch;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::local::grouped;

/// Batches with the share of the disk that ours should reach, in thousandths.
const BATCHES: [(usize, u64); 3] = [(64, 700), (1_024, 500), (8_192, 500)];
/// Calls under way at once, as on the write path: one being made durable, one staged behind it.
const CALLS_IN_FLIGHT: usize = 2;
/// Segments of the log here: the size the log has unless told. A full run fills about two, so that their
/// zero-filling falls into its time.
const SEGMENT_BYTES: u64 = event_store::embedded::SEGMENT_BYTES_DEFAULT;
/// Streams.
const STREAMS: (usize, usize) = (100_000, 100_000);
/// Events of one run.
const EVENTS: (usize, usize) = (800_000, 200_000);
/// How often the log's folder is looked at while its background work ends.
const QUIET_EVERY: Duration = Duration::from_millis(50);
/// Looks in a row that must be the same.
const QUIET_LOOKS: u32 = 4;
/// Most looks: a disk that fills a segment for longer than this is too slow for the figure to mean much.
const QUIET_LOOKS_MAX: u32 = 400;

/// Measures.
///
/// # Errors
/// When the disk refuses, or the log does.
pub(crate) fn run(common: &Common, console: Console) -> Result<Report, Failure> {
    let scratch = Scratch::inside(common.dir.as_deref())?;
    let machine = Machine::look(scratch.path())?;
    let streams = common.accounts(STREAMS.0, STREAMS.1);
    let events = common.size(EVENTS.0, EVENTS.1);
    let mut lines = Vec::new();
    let mut told = Vec::new();
    for (batch, goal) in BATCHES {
        let mut match_up = Appending::new(scratch.path(), streams, (batch, events))?;
        let found = pairs::run(&mut match_up, common.pairs(), console)?;
        let goal = Goal::AtLeast(Ratio::thousandths(goal));
        lines.extend(Line::of(
            &found,
            0,
            &format!("batches of {batch}"),
            "events/s",
            goal,
        ));
        if told.is_empty() {
            told.push(Fact::told(
                "stored bytes an event",
                match_up.event_bytes,
                "B",
            ));
        }
        match_up.remove();
    }
    Ok(Report {
        bench: "append",
        machine,
        durable: "every batch on both sides, by fdatasync, before it counts",
        work: vec![
            (
                "run",
                format!(
                    "{} events to {} streams",
                    grouped_count(events),
                    grouped_count(streams)
                ),
            ),
            (
                "ours",
                "embedded log: one commit an event, CRC, hash chain, index, zero-filling"
                    .to_owned(),
            ),
            (
                "reference",
                "write + fdatasync of as many bytes, file zero-filled before".to_owned(),
            ),
        ],
        lines,
        facts: told,
    })
}

fn grouped_count(count: usize) -> String {
    grouped(u64::try_from(count).unwrap_or(u64::MAX))
}

/// One size of batch.
struct Appending {
    dir: PathBuf,
    store: EmbeddedStore,
    runtime: tokio::runtime::Runtime,
    workload: Workload,
    batch: usize,
    batches: usize,
    material: Vec<u8>,
    raw: Option<File>,
    /// Bytes that one event took in the log, frame included; known after the first run.
    event_bytes: u64,
}

impl Appending {
    fn new(
        scratch: &Path,
        streams: usize,
        (batch, events): (usize, usize),
    ) -> Result<Self, Failure> {
        let dir = scratch.join(format!("append-{batch}"));
        let log = dir.join("log");
        let store = EmbeddedStore::open(&OpenOptions::dir(&log)?.segment_bytes(SEGMENT_BYTES))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Failure::unavailable("THREADS", format!("no runtime: {error}")))?;
        let workload = Workload::new(streams)?;
        let material = workload.material();
        let batches = events.div_ceil(batch).max(1);
        Ok(Self {
            dir,
            store,
            runtime,
            workload,
            batch,
            batches,
            material,
            raw: None,
            event_bytes: 0,
        })
    }

    fn events(&self) -> usize {
        self.batch.saturating_mul(self.batches)
    }

    fn ours(&mut self) -> Result<Duration, Failure> {
        let calls: Vec<Vec<Commit>> = (0..self.batches)
            .map(|_| self.workload.batch(self.batch))
            .collect();
        quiet(&self.dir);
        let before = self.store.stats();
        let began = Instant::now();
        self.runtime.block_on(append_all(&self.store, calls))?;
        let took = began.elapsed();
        let after = self.store.stats();
        let bytes = after.bytes.saturating_sub(before.bytes);
        self.event_bytes = bytes / after.events.saturating_sub(before.events).max(1);
        // What the log still does in the background must not slow the other side.
        quiet(&self.dir);
        Ok(took)
    }

    fn reference(&mut self) -> Result<Duration, Failure> {
        let bytes = usize::try_from(self.event_bytes)
            .unwrap_or(usize::MAX)
            .saturating_mul(self.batch);
        let path = self.dir.join("raw");
        let file = match self.raw.take() {
            Some(file) => file,
            None => {
                let whole = u64::try_from(bytes.saturating_mul(self.batches)).unwrap_or(u64::MAX);
                zero_filled(&path, whole)?
            }
        };
        let took = write_durably(&file, &self.material, bytes, self.batches)
            .map_err(|error| Failure::file("writing", &path, &error))?;
        self.raw = Some(file);
        Ok(took)
    }

    /// Closes the log and removes what this size has written.
    fn remove(self) {
        let Self { dir, store, .. } = self;
        store.close();
        drop(store);
        // It goes with the scratch folder at the latest.
        let _ = std::fs::remove_dir_all(dir);
    }
}

impl Bout for Appending {
    fn name(&self) -> String {
        format!("append, batches of {}", self.batch)
    }

    fn run(&mut self, side: Side) -> Result<Sample, Failure> {
        let took = match side {
            Side::Ours => self.ours()?,
            Side::Reference => self.reference()?,
        };
        Ok(vec![per_second(self.events(), took)])
    }
}

/// Appends every call, [`CALLS_IN_FLIGHT`] under way at once, until all are durable.
async fn append_all(store: &EmbeddedStore, calls: Vec<Vec<Commit>>) -> Result<(), Failure> {
    let mut waiting = VecDeque::with_capacity(CALLS_IN_FLIGHT);
    for call in calls {
        if waiting.len() == CALLS_IN_FLIGHT {
            settle(waiting.pop_front()).await?;
        }
        waiting.push_back(store.append(call));
    }
    while !waiting.is_empty() {
        settle(waiting.pop_front()).await?;
    }
    Ok(())
}

type Waiting = futures::future::BoxFuture<
    'static,
    Vec<Result<event_store::Committed, event_store::AppendError>>,
>;

async fn settle(call: Option<Waiting>) -> Result<(), Failure> {
    let Some(call) = call else { return Ok(()) };
    for answer in call.await {
        answer.map_err(|error| Failure::damaged("LOG_APPEND", error.to_string()))?;
    }
    Ok(())
}

/// Waits until nothing inside the folder grows any more.
fn quiet(dir: &Path) {
    let (mut last, mut same) = (size_of(dir), 0);
    for _ in 0..QUIET_LOOKS_MAX {
        std::thread::sleep(QUIET_EVERY);
        let now = size_of(dir);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        if same >= QUIET_LOOKS {
            return;
        }
    }
}

/// Names and lengths of everything inside the folder, in order.
fn size_of(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut sizes = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => folders.push(entry.path()),
                Ok(meta) => sizes.push((entry.path(), meta.len())),
                // Renamed in between: it shows under its new name at the next look.
                Err(_) => sizes.push((entry.path(), 0)),
            }
        }
    }
    sizes.sort();
    sizes
}
