//! `ledger bench append --event-store …`: durable appends to a KurrentDB, one event an append.
//!
//! One caller after the other, and many at once, each on streams of its own with the revision it expects.
//! Two references stand beside each figure: a bare gRPC echo, which is what calls cost on this machine,
//! and the embedded log under the same callers, which is what a server costs. With `facade` in place of a
//! URL the server is this program's own, on an embedded log in a process beside.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use command_api::Client;
use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{Commit, EventStore, Expected, NewEvent, StreamAppend, StreamName};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::bench::args::Common;
use crate::bench::calls::{self, Plan};
use crate::bench::figures::{micros, per_second, percentile};
use crate::bench::machine::Machine;
use crate::bench::pairs::{self, Bout, Sample, Side};
use crate::bench::report::{Goal, Line, Report};
use crate::bench::scratch::Scratch;
use crate::bench::servers::Server;
use crate::compose::Log;
use crate::config::{EventStoreUrl, Settings};
use crate::failure::Failure;
use crate::output::Console;

/// What is written in place of a URL for a server of this program's own.
pub(crate) const OWN_SERVER: &str = "facade";
/// Callers at once, with the appends of a full and of a quick run.
const CALLERS: [(usize, usize, usize); 3] = [
    (1, 2_000, 400),
    (64, 40_000, 6_000),
    (1_024, 100_000, 20_000),
];
/// Bytes of an event's payload.
const EVENT_BYTES: usize = 256;
/// Streams of one caller, taken in turn.
const STREAMS_A_CALLER: usize = 16;
/// Meters in the echo's requests; it looks at none.
const METERS: usize = 1_000;

/// Measures.
///
/// # Errors
/// When the URL is none, or a server fails.
pub(crate) fn run(common: &Common, given: &str, console: Console) -> Result<Report, Failure> {
    let scratch = Scratch::inside(common.dir.as_deref())?;
    let machine = Machine::look(scratch.path())?;
    let runtime = Runtime::new()
        .map_err(|error| Failure::unavailable("THREADS", format!("no threads: {error}")))?;
    let own = (given == OWN_SERVER)
        .then(|| Server::kurrent(scratch.path()))
        .transpose()?;
    let url = own.as_ref().map_or(given, |server| server.address.as_str());
    let log = runtime.block_on(connected(url))?;
    let mut bouts = Sides::open(&runtime, scratch.path(), log.store())?;
    let mut lines = Vec::new();
    for (callers, full, quick) in CALLERS {
        for reference in [Reference::Echo, Reference::Embedded] {
            (bouts.callers, bouts.appends) = (callers, common.size(full, quick));
            bouts.reference = reference;
            let found = pairs::run(&mut bouts, common.pairs(), console)?;
            for (place, figure, unit) in [
                (0, "appends", "appends/s"),
                (1, "p50", "µs"),
                (2, "p99", "µs"),
            ] {
                let name = format!(
                    "{callers} in flight, {figure}, against {}",
                    reference.name()
                );
                lines.extend(Line::of(&found, place, &name, unit, Goal::None));
            }
        }
    }
    bouts.close()?;
    runtime.block_on(log.close());
    if let Some(server) = own {
        server.stop()?;
    }
    Ok(Report {
        bench: "append",
        machine,
        durable: "ours: as the server says; the embedded log: every append by fdatasync; the echo: nothing",
        work: vec![
            (
                "run",
                format!(
                    "one event of {EVENT_BYTES} bytes an append, {STREAMS_A_CALLER} streams a caller"
                ),
            ),
            ("ours", ours(&log, given)),
            (
                "references",
                "tonic echo in a process of its own; the embedded log in this process".to_owned(),
            ),
        ],
        lines,
        facts: Vec::new(),
    })
}

fn ours(log: &Log, given: &str) -> String {
    if given == OWN_SERVER {
        "KurrentDB's protocol over loopback to this program's own server on an embedded log"
            .to_owned()
    } else {
        format!("{}; streams bench-… stay there", log.place())
    }
}

async fn connected(url: &str) -> Result<Log, Failure> {
    let Some(url) = EventStoreUrl::parse(url) else {
        let what = "--event-store is not the URL of a KurrentDB";
        return Err(Failure::usage("EVENT_STORE_URL", what).advise(format!(
            "give kurrentdb://host:2113, or {OWN_SERVER:?} for a server of this program's own"
        )));
    };
    let settings = Settings {
        event_store: Some(url),
        ..Settings::default()
    };
    Log::open_for_trial(&settings).await
}

/// What ours is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reference {
    Echo,
    Embedded,
}

impl Reference {
    const fn name(self) -> &'static str {
        match self {
            Self::Echo => "a gRPC echo",
            Self::Embedded => "the embedded log",
        }
    }
}

struct Sides<'a> {
    runtime: &'a Runtime,
    ours: Arc<dyn EventStore>,
    embedded: Arc<EmbeddedStore>,
    echo: Server,
    to_echo: Vec<Client>,
    reference: Reference,
    callers: usize,
    appends: usize,
    /// Runs so far: names of streams and ids of events are each run's own.
    runs: usize,
}

impl<'a> Sides<'a> {
    fn open(
        runtime: &'a Runtime,
        scratch: &Path,
        ours: Arc<dyn EventStore>,
    ) -> Result<Self, Failure> {
        let embedded = EmbeddedStore::open(&OpenOptions::dir(&scratch.join("embedded"))?)?;
        let echo = Server::echo(scratch)?;
        let to_echo = runtime.block_on(calls::connect(&echo))?;
        Ok(Self {
            runtime,
            ours,
            embedded: Arc::new(embedded),
            echo,
            to_echo,
            reference: Reference::Echo,
            callers: 1,
            appends: 1,
            runs: 0,
        })
    }

    fn append(&self, store: &Arc<dyn EventStore>) -> Result<Sample, Failure> {
        let work = (self.callers, self.appends);
        self.runtime.block_on(append_all(store, self.runs, work))
    }

    fn close(self) -> Result<(), Failure> {
        self.embedded.close();
        drop(self.to_echo);
        self.echo.stop()
    }
}

impl Bout for Sides<'_> {
    fn name(&self) -> String {
        format!(
            "{} in flight, against {}",
            self.callers,
            self.reference.name()
        )
    }

    fn run(&mut self, side: Side) -> Result<Sample, Failure> {
        self.runs += 1;
        match (side, self.reference) {
            (Side::Ours, Reference::Echo | Reference::Embedded) => self.append(&self.ours),
            (Side::Reference, Reference::Embedded) => {
                let store = Arc::clone(&self.embedded) as Arc<dyn EventStore>;
                self.append(&store)
            }
            (Side::Reference, Reference::Echo) => {
                let plan = Plan::new(self.runs, self.appends, METERS);
                let called = calls::unary(&self.to_echo, plan, self.callers);
                let ran = self.runtime.block_on(called)?;
                Ok(sample(self.appends, ran.took, &ran.latencies_us))
            }
        }
    }
}

fn sample(count: usize, took: Duration, sorted_us: &[u32]) -> Sample {
    vec![
        per_second(count, took),
        percentile(sorted_us, 50),
        percentile(sorted_us, 99),
    ]
}

/// So many callers, each with one append under way, until all are durable.
async fn append_all(
    store: &Arc<dyn EventStore>,
    run: usize,
    (callers, appends): (usize, usize),
) -> Result<Sample, Failure> {
    let left = Arc::new(AtomicUsize::new(appends));
    let drawn = drawn();
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let name = format!("bench-{drawn:x}-{run}-{caller}");
            tokio::spawn(caller_of(Arc::clone(store), name, Arc::clone(&left)))
        })
        .collect();
    let mut latencies_us = Vec::with_capacity(appends);
    for task in tasks {
        let ended = task
            .await
            .map_err(|error| Failure::damaged("BENCH_CLIENT", error.to_string()))?;
        latencies_us.extend(ended?);
    }
    let took = began.elapsed();
    latencies_us.sort_unstable();
    Ok(sample(latencies_us.len(), took, &latencies_us))
}

/// Appends until none are left; gives how long each took.
async fn caller_of(
    store: Arc<dyn EventStore>,
    name: String,
    left: Arc<AtomicUsize>,
) -> Result<Vec<u32>, Failure> {
    let streams: Result<Vec<StreamName>, _> = (0..STREAMS_A_CALLER)
        .map(|number| StreamName::new(&format!("{name}-{number}")))
        .collect();
    let streams = streams.map_err(|error| Failure::damaged("BENCH_EVENTS", error.to_string()))?;
    let mut latencies_us = Vec::new();
    let mut number = 0_usize;
    while let Some(stream) = streams.get(number % STREAMS_A_CALLER) {
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        });
        if taken.is_err() {
            break;
        }
        let revision = u64::try_from(number / STREAMS_A_CALLER).unwrap_or(u64::MAX);
        let commit = commit(stream, revision);
        number += 1;
        let began = Instant::now();
        for answer in store.append(vec![commit]).await {
            answer.map_err(|error| Failure::unavailable("BENCH_APPEND", error.to_string()))?;
        }
        latencies_us.push(u32::try_from(micros(began.elapsed())).unwrap_or(u32::MAX));
    }
    Ok(latencies_us)
}

fn commit(stream: &StreamName, revision: u64) -> Commit {
    let label = format!("{stream}/{revision}");
    let mut data = format!("{{\"of\":\"{label}\",\"pad\":\"");
    let room = EVENT_BYTES.saturating_sub(data.len() + 2);
    data.extend(std::iter::repeat_n('x', room));
    data.push_str("\"}");
    let event = NewEvent {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, label.as_bytes()),
        kind: Arc::from("bench-noted.v1"),
        data: Bytes::from(data),
        meta: Bytes::new(),
    };
    Commit {
        appends: vec![StreamAppend {
            stream: stream.clone(),
            expected: revision
                .checked_sub(1)
                .map_or(Expected::NoStream, Expected::Exact),
            events: vec![event],
        }],
    }
}

/// Keeps the streams of this program's run apart from those of any other, on a server that keeps them.
fn drawn() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}

#[cfg(test)]
mod tests {
    use event_store::MemoryStore;

    use super::*;

    #[test]
    fn an_event_has_the_bytes_that_are_told() {
        let stream = StreamName::new("bench-1-1-1-1").unwrap();
        let commit = commit(&stream, 3);
        assert_eq!(commit.appends[0].events[0].data.len(), EVENT_BYTES);
        assert_eq!(commit.appends[0].expected, Expected::Exact(2));
    }

    #[tokio::test]
    async fn every_append_is_made_once_whoever_makes_it() {
        let store = MemoryStore::new();
        let shared: Arc<dyn EventStore> = Arc::new(store.clone());
        let sample = append_all(&shared, 1, (7, 1_000)).await.unwrap();
        assert_eq!(sample.len(), 3);
        let tail = shared.tail().await.unwrap().unwrap();
        assert_eq!(tail.commit, 999);
    }
}
