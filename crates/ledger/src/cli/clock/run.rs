//! `ledger clock run`: lets everything act that is due before an instant, on a stopped ledger.

use clap::Args;
use ledger_core::time::Timestamp;
use ledger_service::TimeSource;
use serde_json::{Value, json};

use super::instant;
use crate::cli::{Globals, block_on};
use crate::compose::{CatchUp, Caught, Core, StartOptions, ledger_exists};
use crate::config::{ClockKind, Settings};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Console;
use crate::output::local::grouped;
use crate::output::progress::Progress;

/// Until when.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The ledger must be stopped. What is due acts as of its own time, however late
this comes, one period after the other: a month is closed for everybody before
the next one is. It may be killed at any point and run again, with the same
result; what is not due any more is not done twice. Exit code 1: an account
could not be asked; the others were.

An instant that lies ahead is taken only with --clock simulated in the
configuration: what is not due yet cannot be known.

Examples:
  ledger clock run --data-dir ./data                                    up to now
  ledger clock run --data-dir ./data --until 2026-04-01T00:00:00+05:30  close March
  ledger clock run --json")]
pub(super) struct RunArgs {
    /// Everything due before this instant; now when left out.
    #[arg(long, value_name = "INSTANT")]
    until: Option<String>,
}

pub(super) fn run(args: &RunArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let until = until(args, &settings)?;
    ledger_exists(&settings)?;
    let caught = block_on(catch_up(&settings, until, globals.console))?;
    let failed: Vec<Value> = caught
        .failed
        .iter()
        .map(|(account, why)| json!({"account": account, "code": why.code(), "why": why.what()}))
        .collect();
    for (account, why) in &caught.failed {
        globals
            .console
            .note(&format!("{account}: {} [{}]", why.what(), why.code()));
    }
    let left = if failed.is_empty() {
        String::new()
    } else {
        format!(
            "; {} accounts could not be asked: run it again",
            failed.len()
        )
    };
    globals.console.answer(
        || {
            format!(
                "worked off what was due before {until}: {} deadlines in {} periods, {} events{left}",
                grouped(caught.deadlines),
                grouped(caught.periods),
                grouped(caught.events)
            )
        },
        || {
            json!({
                "until": until,
                "deadlines": caught.deadlines,
                "periods": caught.periods,
                "events": caught.events,
                "failed": failed,
            })
        },
    )?;
    let all_asked = caught.failed.is_empty();
    Ok(if all_asked { Exit::Done } else { Exit::Found })
}

fn until(args: &RunArgs, settings: &Settings) -> Result<Timestamp, Failure> {
    let now = TimeSource::system().now();
    let Some(text) = &args.until else {
        return Ok(now);
    };
    let until = instant("--until", text)?;
    if until > now && settings.clock == ClockKind::System {
        let what = format!("--until {until} lies ahead of the machine's clock, {now}");
        return Err(Failure::usage("UNTIL_AHEAD", what).advise(
            "leave --until out to work off what is due now; a demonstration's ledger needs clock = \"simulated\"",
        ));
    }
    Ok(until)
}

async fn catch_up(
    settings: &Settings,
    until: Timestamp,
    console: Console,
) -> Result<Caught, Failure> {
    let core = Core::start(settings, StartOptions::default()).await?;
    let worked = work(&core, until, console).await;
    // In order also when it failed: what was answered is on disk, the rest is due again.
    core.shutdown().await;
    worked
}

async fn work(core: &Core, until: Timestamp, console: Console) -> Result<Caught, Failure> {
    let (catch_up, known) = CatchUp::begin(core, until).await?;
    let progress = Progress::begin(console, "deadlines", "deadlines", known);
    let mut total = known;
    let mut tell = |done: u64| {
        if done > total {
            total = done;
            progress.total(total);
        }
        progress.set(done);
    };
    let caught = catch_up.run(&mut tell).await?;
    progress.end();
    Ok(caught)
}
