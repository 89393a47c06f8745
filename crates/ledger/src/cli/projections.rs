//! `ledger projections rebuild`: folds the read models anew from the log of a stopped ledger.

use std::time::Duration;

use clap::{Args, Subcommand};
use projections::RebuildReport;
use serde_json::json;

use crate::cli::{Globals, block_on};
use crate::compose::Log;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::local::{duration, grouped};
use crate::output::progress::Progress;

/// What to do with read models.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProjectionsArgs {
    #[command(subcommand)]
    command: ProjectionsCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum ProjectionsCommand {
    /// Folds every read model anew, compares it with the old one, and puts it in its place.
    #[command(after_help = "\
The ledger must be stopped. The new file is built beside the old one; where
both can be compared, a difference stops it and names the accounts. The old
file stays beside the new one as `.previous`. Stopped half-way, the next run
goes on where this one was.

Examples:
  ledger projections rebuild --data-dir ./data")]
    Rebuild,
}

pub(crate) fn run(args: &ProjectionsArgs, globals: &Globals) -> Result<Exit, Failure> {
    match args.command {
        ProjectionsCommand::Rebuild => rebuild(globals),
    }
}

fn rebuild(globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let report = block_on(async {
        let log = Log::open_closed(&settings).await?;
        let events = log.events();
        let has = events.map_or_else(
            || format!("the log is in {}", log.place()),
            |events| format!("the log has {} events", grouped(events)),
        );
        globals.console.note(&format!(
            "{has}; the new read models are built beside {}",
            settings.read_models_file().display()
        ));
        let progress = Progress::begin(globals.console, "folding", "events", events.unwrap_or(0));
        let mut tell = |at: projections::Progress| progress.set(at.events);
        let path = settings.read_models_file();
        let rebuilt = projections::rebuild(&log.store(), &path, &mut tell).await;
        progress.end();
        log.close().await;
        Ok(rebuilt?)
    })?;
    globals
        .console
        .answer(|| text(&report), || value(&report))?;
    Ok(Exit::Done)
}

fn text(report: &RebuildReport) -> String {
    let compared = match report.compared_at {
        Some(at) => format!("equal to the old ones at position {}", grouped(at.commit)),
        None => "there was nothing to compare them with".to_owned(),
    };
    format!(
        "read models rebuilt: {} events in {}; {compared}",
        grouped(report.events),
        duration(millis(report.elapsed))
    )
}

fn value(report: &RebuildReport) -> serde_json::Value {
    json!({
        "events": report.events,
        "position": report.position.map(|at| at.commit),
        "compared_at": report.compared_at.map(|at| at.commit),
        "elapsed_ms": millis(report.elapsed),
    })
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
