//! The course of the demonstration, from the first server to the report.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use event_store::embedded::{EmbeddedStore, OpenOptions};
use ledger_core::ids::MeterNumber;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Millis;
use ledger_core::utility::Utility;

use super::args::DemoArgs;
use super::counter::Counter;
use super::feed::Feed;
use super::report::{self, Course, Sent};
use super::servers::{Ledger, Nats};
use super::sources::{self, Story};
use super::timeline::Chunk;
use super::town::{ExchangePlan, Household};
use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::progress::Progress;

/// The scheme the town lives under.
const SCHEME: &str = "usms";

/// Runs it.
pub(crate) async fn run(args: DemoArgs, globals: Globals) -> Result<Exit, Failure> {
    let console = globals.console;
    let policy = SchemePolicy::builtin(SCHEME)
        .map_err(|e| Failure::damaged("DEMO_SCHEME", e.to_string()))?;
    let story = sources::story(&args, &policy, console)?;
    let folder = Folder::make(args.data.as_deref().or(globals.data_dir()))?;
    console.note("starting nats-server and ledger serve on loopback ports");
    let nats = Nats::start(args.nats_server.as_deref(), folder.path()).await?;
    let ledger = Ledger::start(&nats.url, folder.path()).await?;
    let counter = Counter::connect(&ledger.address, &ledger.keys, policy.zone()).await?;
    let feed = Feed::connect(&nats.url).await?;
    let mut town = Play::new(story, counter, feed);
    let began = Instant::now();
    town.play(console).await?;
    let seconds = began.elapsed().as_secs_f64();
    let course = town.course(seconds, &args);
    let mut report = report::gather(&course, town.counter.office(), town.feed.context()).await?;
    drop(town);
    ledger.stop()?;
    nats.stop()?;
    let log = folder.path().join("ledger").join("log");
    report.add_log(&log_stats(&log)?);
    if let Some(file) = &args.report {
        report::write(file, &report)?;
    }
    console.answer(|| report.text(), || report.json())?;
    console.note(&report::look_further(folder.kept(), "home-00001"));
    Ok(if report.accounts_for_everything() {
        Exit::Done
    } else {
        Exit::Found
    })
}

fn log_stats(log: &Path) -> Result<event_store::embedded::Stats, Failure> {
    let damaged = |e: event_store::embedded::OpenError| Failure::damaged("DEMO_LOG", e.to_string());
    let store = EmbeddedStore::open(&OpenOptions::dir(log).map_err(damaged)?).map_err(damaged)?;
    let stats = store.stats();
    store.close();
    Ok(stats)
}

/// The folder of the run: given, or temporary and removed at the end.
pub(super) struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    pub(super) fn make(given: Option<&Path>) -> Result<Self, Failure> {
        let temporary = given.is_none();
        let path = given.map_or_else(
            || std::env::temp_dir().join(format!("ledger-demo-{}", std::process::id())),
            Path::to_path_buf,
        );
        fs::create_dir_all(&path).map_err(|e| Failure::file("making", &path, &e))?;
        let mut entries = fs::read_dir(&path).map_err(|e| Failure::file("reading", &path, &e))?;
        if entries.next().is_some() {
            let what = format!("{} is not empty", path.display());
            return Err(Failure::usage("DEMO_FOLDER", what)
                .advise("name a new or empty folder with --data"));
        }
        Ok(Self { path, temporary })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder, where it stays.
    pub(super) fn kept(&self) -> Option<&Path> {
        (!self.temporary).then_some(&self.path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed is in the system's temporary folder.
            fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// The town at work.
struct Play {
    households: Vec<Arc<Household>>,
    exchanges: Vec<ExchangePlan>,
    chunks: Vec<Chunk>,
    from_files: bool,
    bad_lines: u64,
    counter: Counter,
    feed: Feed,
    sent: BTreeMap<(Utility, MeterNumber), u64>,
}

impl Play {
    fn new(story: Story, counter: Counter, feed: Feed) -> Self {
        Self {
            households: story.town.households.into_iter().map(Arc::new).collect(),
            exchanges: story.town.exchanges,
            chunks: story.timeline.chunks(!story.from_files),
            from_files: story.from_files,
            bad_lines: story.bad_lines,
            counter,
            feed,
            sent: BTreeMap::new(),
        }
    }

    async fn play(&mut self, console: Console) -> Result<(), Failure> {
        console.note(&format!(
            "opening {} accounts and installing their meters",
            self.households.len()
        ));
        self.counter.set_up(&self.households).await?;
        let total: usize = self.chunks.iter().map(Chunk::readings).sum();
        let progress = Progress::begin(console, "sending readings", "readings", total as u64);
        let chunks = std::mem::take(&mut self.chunks);
        let half = chunks.len() / 2;
        for (n, chunk) in chunks.iter().enumerate() {
            self.chunk(chunk).await?;
            if n == half {
                self.wrong_number(chunk).await?;
            }
            progress.add(chunk.readings() as u64);
        }
        progress.end();
        let rest = std::mem::take(&mut self.exchanges);
        for plan in &rest {
            self.counter.exchange(plan, plan.at).await?;
        }
        Ok(())
    }

    /// Readings arrive; then meters obey, people pay, and a meter may be exchanged.
    async fn chunk(&mut self, chunk: &Chunk) -> Result<(), Failure> {
        self.feed.publish(&chunk.messages).await?;
        for message in &chunk.messages {
            for reading in &message.readings {
                *self
                    .sent
                    .entry((message.utility, reading.meter.clone()))
                    .or_default() += 1;
            }
        }
        self.feed.wait_until_taken().await?;
        if !self.from_files {
            while let Some(plan) = self
                .exchanges
                .first()
                .filter(|plan| plan.at <= chunk.until)
                .cloned()
            {
                self.counter.exchange(&plan, chunk.until).await?;
                self.exchanges.remove(0);
            }
        }
        self.counter.pay_day(&self.households, chunk.until).await?;
        self.feed.confirm_orders(chunk.until).await?;
        self.feed.hear().await
    }

    /// The first household is left out: its meter may have been exchanged.
    async fn wrong_number(&mut self, chunk: &Chunk) -> Result<(), Failure> {
        let now = chunk.until + Millis::minutes(2);
        let settled = self
            .households
            .iter()
            .skip(1)
            .find(|h| h.debt.is_none() && h.meters.iter().all(|m| m.installed_at < now));
        match settled.cloned() {
            Some(home) => self.counter.wrong_number(&home, now).await,
            None => Ok(()),
        }
    }

    fn course(&self, seconds: f64, args: &DemoArgs) -> Course {
        let sent = self.sent.iter().map(|((utility, meter), n)| Sent {
            utility: *utility,
            meter: meter.clone(),
            readings: *n,
        });
        Course {
            sent: sent.collect(),
            seconds,
            households: self.households.len() as u64,
            bad_lines: self.bad_lines,
            seed: (!self.from_files).then_some(args.seed),
            seen: self.counter.seen.clone(),
            orders_confirmed: self.feed.confirmed,
            notifications: self.feed.heard,
        }
    }
}
