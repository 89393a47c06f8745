//! `ledger verify`: everything a stopped ledger can be checked for, from the bytes of the log up to the
//! rows of the read models.
//!
//! Each check is a fact in a line: `ok`, or `FOUND` with what is wrong. Exit code 1 when anything was
//! found; 5 when the log itself is damaged, since then nothing above it can be judged.

mod books;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use event_store::embedded::{Disk, RealDisk, Verified};
use event_store::{Direction, EventStore, Position};
use projections::{ReadModels, VerifyReport};
use serde_json::{Value, json};

use crate::cli::{Globals, block_on};
use crate::compose::{Log, ledger_exists};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::local::grouped;
use crate::output::progress::Progress;

use books::Books;

/// Events read at once.
const PAGE_EVENTS: usize = 4_096;
/// Differing accounts that are named; all of them are counted.
const NAMED_MAX: usize = 20;
/// How long the read models may take to catch up before they are compared.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(3_600);

/// Which checks.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The ledger must be stopped. Checked are: every byte of the log (checksums,
hash chain, indexes), order of positions, revisions and times, every event
decoded and its postings summing to zero, the trial balance, the control
accounts, and every row of the read models against a fresh fold.

Examples:
  ledger verify --data-dir ./data
  ledger verify --log-only --json")]
pub(crate) struct VerifyArgs {
    /// Only the log and its events, not the read models.
    #[arg(long)]
    log_only: bool,
}

/// One checked fact.
pub(crate) struct Check {
    /// What was checked.
    name: &'static str,
    /// What was looked at, or what is wrong.
    detail: String,
    /// It holds.
    holds: bool,
}

impl Check {
    fn of(name: &'static str, detail: String, holds: bool) -> Self {
        Self {
            name,
            detail,
            holds,
        }
    }
}

pub(crate) fn run(args: &VerifyArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let mut checks = match &settings.event_store {
        None => embedded(&settings, globals.console)?,
        Some(url) => vec![not_embedded(&url.to_string())],
    };
    let with_read_models = !args.log_only;
    checks.extend(block_on(async {
        let log = Log::open_closed(&settings).await?;
        let checked = above(&log, &settings, with_read_models, globals.console).await;
        log.close().await;
        checked
    })?);
    globals
        .console
        .answer(|| text(&checks), || value(&checks))?;
    let all_hold = checks.iter().all(|check| check.holds);
    Ok(if all_hold { Exit::Done } else { Exit::Found })
}

/// The bytes of the embedded log.
fn embedded(settings: &Settings, console: Console) -> Result<Vec<Check>, Failure> {
    ledger_exists(settings)?;
    let folder = settings.log_dir();
    let disk = RealDisk::new(&folder).map_err(|error| Failure::file("opening", &folder, &error))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    Ok(of_log(&log(&disk, console)?))
}

/// What of an embedded log has no counterpart elsewhere.
fn not_embedded(place: &str) -> Check {
    let detail = format!(
        "not checked: checksums and the chain of hashes are the embedded log's; the bytes at {place} are \
         that server's to check"
    );
    Check::of("log: checksums, hash chain, indexes", detail, true)
}

/// What stands on the bytes: events, books, read models.
async fn above(
    log: &Log,
    settings: &Settings,
    with_read_models: bool,
    console: Console,
) -> Result<Vec<Check>, Failure> {
    let books = events(log, console).await?;
    let mut checks = books.checks();
    if with_read_models {
        checks.extend(read_models(settings, &log.store(), &books).await?);
    }
    Ok(checks)
}

fn log(disk: &Arc<dyn Disk>, console: Console) -> Result<Verified, Failure> {
    let progress = Progress::begin(console, "log", "bytes", 0);
    let verified = event_store::embedded::verify(disk, &mut |done, total| {
        progress.total(total);
        progress.set(done);
    })?;
    progress.end();
    Ok(verified)
}

fn of_log(verified: &Verified) -> Vec<Check> {
    let mut checks = vec![Check::of(
        "log: checksums, hash chain, indexes",
        format!(
            "{} events in {} streams, {} segments, {} bytes",
            grouped(verified.events),
            grouped(verified.streams),
            verified.segments,
            grouped(verified.bytes)
        ),
        true,
    )];
    if verified.unfinished_bytes > 0 {
        let detail = format!(
            "{} bytes of an append that a crash cut short; the next start removes them, nothing acknowledged is lost",
            verified.unfinished_bytes
        );
        checks.push(Check::of("log: its end", detail, true));
    }
    if verified.indexes_missing > 0 {
        let detail = format!(
            "{} segments have no index file; the next start builds them",
            verified.indexes_missing
        );
        checks.push(Check::of("log: index files", detail, true));
    }
    checks
}

async fn events(log: &Log, console: Console) -> Result<Books, Failure> {
    let (store, known) = (log.store(), log.events());
    let progress = Progress::begin(console, "events", "events", known.unwrap_or(0));
    let mut books = match log {
        Log::Embedded(_) => Books::of_dense_positions(),
        Log::Kurrent(_) => Books::of_growing_positions(),
    };
    let mut after: Option<Position> = None;
    loop {
        let page = store
            .read_all(after, Direction::Forwards, PAGE_EVENTS)
            .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        for event in &page {
            books.enter(event);
        }
        progress.add(page.len() as u64);
    }
    progress.end();
    Ok(books)
}

async fn read_models(
    settings: &Settings,
    store: &Arc<dyn EventStore>,
    books: &Books,
) -> Result<Vec<Check>, Failure> {
    let path = settings.read_models_file();
    if !path.exists() {
        let detail = "there is no file; the next start, or `ledger projections rebuild`, makes it"
            .to_owned();
        return Ok(vec![Check::of("read models", detail, true)]);
    }
    let models = ReadModels::start(Arc::clone(store), projections::Settings::at(&path)).await?;
    if let Some(tail) = store.tail().await? {
        models.wait_for(tail, CATCH_UP_WITHIN).await?;
    }
    let mut checks = totals(&models, books)?;
    models.close().await;
    let report = projections::verify(store, &path).await?;
    checks.push(fresh_fold(&report));
    Ok(checks)
}

fn totals(models: &ReadModels, books: &Books) -> Result<Vec<Check>, Failure> {
    let snapshot = models.snapshot()?;
    let trial = snapshot.trial_balance()?;
    let detail = format!("debit {} = credit {}", trial.debit, trial.credit);
    let mut checks = vec![Check::of(
        "read models: trial balance",
        detail,
        trial.balanced,
    )];
    let (debit, credit) = books.turnover();
    let same = trial.debit == debit && trial.credit == credit;
    checks.push(Check::of(
        "read models: turnover is that of the log",
        format!("debit {debit}, credit {credit}"),
        same,
    ));
    for control in snapshot.control_accounts()? {
        checks.push(Check::of(
            "control account",
            format!(
                "{}: {} in the ledger, {} in {}, difference {}",
                control.ledger_account,
                control.in_ledger,
                control.in_detail,
                control.made_of,
                control.difference
            ),
            control.ties(),
        ));
    }
    Ok(checks)
}

fn fresh_fold(report: &VerifyReport) -> Check {
    let named: Vec<&str> = report
        .differing
        .iter()
        .take(NAMED_MAX)
        .map(String::as_str)
        .collect();
    let detail = if report.equal() {
        format!(
            "{} accounts, {} events",
            grouped(report.accounts as u64),
            grouped(report.events)
        )
    } else {
        format!(
            "{} accounts differ, such as {}; `ledger projections rebuild` folds them anew",
            report.differing.len(),
            named.join(", ")
        )
    };
    Check::of("read models equal a fresh fold", detail, report.equal())
}

fn text(checks: &[Check]) -> String {
    let lines = checks.iter().map(|check| {
        let mark = if check.holds { "ok   " } else { "FOUND" };
        format!("{mark}  {}: {}", check.name, check.detail)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn value(checks: &[Check]) -> Value {
    let all_hold = checks.iter().all(|check| check.holds);
    let list: Vec<Value> = checks
        .iter()
        .map(|check| json!({"check": check.name, "holds": check.holds, "detail": check.detail}))
        .collect();
    json!({"ok": all_hold, "checks": list})
}
