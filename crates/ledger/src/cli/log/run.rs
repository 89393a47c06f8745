//! `ledger log copy`: opens both logs, compares, copies what is left, compares again, and says what it saw.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use event_store::{ManualClock, Position};
use serde_json::{Value, json};

use super::compare::{Equal, compare};
use super::copy::{Target, copy};
use crate::cli::{Globals, block_on};
use crate::compose::Log;
use crate::config::{EventStoreUrl, Settings};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::local::{duration, grouped};
use crate::output::progress::Progress;

/// From where to where.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A side is a ledger's data folder (its log is in `log` inside) or the URL of a
KurrentDB; URLs with a password are better set as LEDGER_COPY_FROM and
LEDGER_COPY_TO. Both ledgers must be stopped. Streams, revisions, ids, kinds,
data, metadata and the order of the whole log are kept, and compared at the
end, with a digest of both sides.

Times of recording, which \"as known at\" asks for, are kept in an embedded
target. A KurrentDB stamps what it takes with its own time: after a copy into
one, everything was recorded at the time of the copy.

The target must be empty, or hold the beginning of the same copy: killed at
any point, the same again goes on and doubles nothing. Into a KurrentDB events
go one append after the other, since only that keeps their order.

Examples:
  ledger log copy --from ./data --to kurrentdb://127.0.0.1:2113?tls=false
  ledger log copy --from esdb://db:2113 --to ./data-new --json")]
pub(super) struct CopyArgs {
    /// The log to copy: a data folder or a URL.
    #[arg(
        long,
        value_name = "URL|FOLDER",
        env = "LEDGER_COPY_FROM",
        hide_env_values = true
    )]
    from: String,
    /// The log to copy it to: a data folder or a URL.
    #[arg(
        long,
        value_name = "URL|FOLDER",
        env = "LEDGER_COPY_TO",
        hide_env_values = true
    )]
    to: String,
}

/// What was done.
struct Copied {
    from: String,
    to: String,
    already_there: u64,
    copied: u64,
    equal: Equal,
    /// The target takes the times of the source.
    keeps_times: bool,
    took: Duration,
}

pub(super) fn run(args: &CopyArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let from = side("--from", &args.from, &settings)?;
    let to = side("--to", &args.to, &settings)?;
    if from.event_store == to.event_store
        && (from.event_store.is_some() || from.data_dir == to.data_dir)
    {
        let what = "--from and --to are the same log";
        return Err(Failure::usage("COPY_ONTO_ITSELF", what).advise("give two logs"));
    }
    let copied = block_on(both(&from, &to, globals.console))?;
    globals
        .console
        .answer(|| text(&copied), || value(&copied))?;
    Ok(Exit::Done)
}

/// The settings that lead to one side.
fn side(flag: &str, given: &str, settings: &Settings) -> Result<Settings, Failure> {
    let mut side = settings.clone();
    side.event_store = EventStoreUrl::parse(given);
    if side.event_store.is_some() {
        return Ok(side);
    }
    if given.is_empty() || given.contains("://") {
        // Not shown: it may hold a password.
        let what = format!("{flag} is neither a folder nor the URL of a KurrentDB");
        return Err(Failure::usage("COPY_SIDE", what)
            .advise("give a ledger's data folder, or kurrentdb://host:2113"));
    }
    side.data_dir = PathBuf::from(given);
    Ok(side)
}

async fn both(from: &Settings, to: &Settings, console: Console) -> Result<Copied, Failure> {
    let source = Log::open_closed(from).await?;
    let clock = Arc::new(ManualClock::new(0));
    let log = match Log::open_to_fill(to, &clock).await {
        Ok(log) => log,
        Err(failure) => {
            source.close().await;
            return Err(failure);
        }
    };
    let target = Target {
        store: log.store(),
        clock: log.embedded().map(|_| clock),
    };
    let copied = copied(&source, &log, &target, console).await;
    log.close().await;
    source.close().await;
    copied
}

async fn copied(
    source: &Log,
    log: &Log,
    target: &Target,
    console: Console,
) -> Result<Copied, Failure> {
    let began = Instant::now();
    let from = source.store();
    let until = source.tail().await?;
    let steps = Steps {
        console,
        events: source.events(),
        until,
    };
    let bar = steps.begin("comparing");
    let there = compare((&from, until), &target.store, &mut bar.tell()).await?;
    bar.end();
    let already_there = there.events;
    must_be_own(log)?;
    let bar = steps.begin("copying");
    let mut tell = bar.tell();
    let copied = copy(there.rest, target, &mut |copied, at| {
        tell(already_there.saturating_add(copied), at);
    })
    .await?;
    drop(tell);
    bar.end();
    let bar = steps.begin("verifying");
    let mut equal = compare((&from, until), &target.store, &mut bar.tell()).await?;
    bar.end();
    if equal.rest.peek().await?.is_some() || equal.events != already_there.saturating_add(copied) {
        let what = format!(
            "the target has {} events and lacks some of the source's",
            equal.events
        );
        return Err(Failure::damaged("COPY_NOT_WHOLE", what)
            .advise("run the same again; if it stays, copy into another, empty log"));
    }
    must_be_own(log)?;
    Ok(Copied {
        from: source.place(),
        to: log.place(),
        already_there,
        copied,
        equal,
        keeps_times: target.clock.is_some(),
        took: began.elapsed(),
    })
}

/// A target that others write to as well, under names that no stream of a ledger has.
fn must_be_own(log: &Log) -> Result<(), Failure> {
    let Some(foreign) = log.foreign() else {
        return Ok(());
    };
    let what = format!("the target holds events of other streams too ({foreign} were met)");
    Err(Failure::refused("COPY_TARGET_DIFFERS", what)
        .advise("copy into an empty log, of the ledger's own"))
}

/// How far each step is: in events, or where the source does not count them, in its positions.
struct Steps {
    console: Console,
    events: Option<u64>,
    until: Option<Position>,
}

struct Bar {
    progress: Progress,
    by_events: bool,
}

impl Steps {
    fn begin(&self, what: &'static str) -> Bar {
        let (unit, total) = match self.events {
            Some(events) => ("events", events),
            None => ("positions", self.until.map_or(0, |at| at.commit)),
        };
        Bar {
            progress: Progress::begin(self.console, what, unit, total),
            by_events: self.events.is_some(),
        }
    }
}

impl Bar {
    fn tell(&self) -> impl FnMut(u64, Position) + Send + '_ {
        |events, at| {
            let done = if self.by_events { events } else { at.commit };
            self.progress.set(done);
        }
    }

    fn end(self) {
        self.progress.end();
    }
}

fn text(copied: &Copied) -> String {
    let Equal {
        events,
        streams,
        digest,
        times,
        ..
    } = &copied.equal;
    let times = match (times.other, copied.keeps_times) {
        (0, _) => "times of recording are kept".to_owned(),
        // The log's clock never runs back; the source's did.
        (other, true) => format!(
            "times of recording are kept but for {} events of a clock that had run back, by {} at most",
            grouped(other),
            duration(times.most_ms)
        ),
        (_, false) => {
            "times of recording are those of the copy: \"as known at\" knows nothing before it"
                .to_owned()
        }
    };
    format!(
        "copied {} to {} in {}: {} events in {} streams, {} of them were there before; both sides have the \
         digest {digest}; {times}",
        copied.from,
        copied.to,
        duration(u64::try_from(copied.took.as_millis()).unwrap_or(u64::MAX)),
        grouped(*events),
        grouped(*streams),
        grouped(copied.already_there),
    )
}

fn value(copied: &Copied) -> Value {
    json!({
        "from": copied.from,
        "to": copied.to,
        "events": copied.equal.events,
        "streams": copied.equal.streams,
        "already_there": copied.already_there,
        "copied": copied.copied,
        "digest": copied.equal.digest,
        "times_kept": copied.keeps_times || copied.equal.times.other == 0,
        "times_moved": copied.equal.times.other,
        "times_moved_ms_max": copied.equal.times.most_ms,
        "elapsed_ms": u64::try_from(copied.took.as_millis()).unwrap_or(u64::MAX),
    })
}
