//! `ledger clock status`: what is due of a running ledger or a stopped one, from its read models.

use clap::Args;
use ledger_core::time::Timestamp;
use ledger_service::TimeSource;
use projections::queries::DueSummary;
use serde_json::{Value, json};

use super::instant;
use crate::cli::Globals;
use crate::compose::{STALE_AFTER_MS, facts_of, policies, read_status};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::local::{duration, grouped};
use crate::output::table::{Set, Table};

/// Milliseconds a running clock may be behind before that needs attention: it asks every second and works
/// off a million accounts in about a minute.
const LAG_MS_MAX: u64 = 300_000;

/// As of when.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
It reads the read models in the data folder on this machine, beside a server
or without one. Times are UTC: the zone of what is due is its scheme's.

Exit code 1: a running ledger's clock is more than five minutes behind.

Examples:
  ledger clock status --data-dir ./data
  ledger clock status --at 2026-04-01T00:00:00+05:30   what will be due then
  ledger clock status --json | jq .lag_ms")]
pub(super) struct StatusArgs {
    /// As of this instant; the ledger's present when left out.
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
}

/// What is shown.
struct Shown {
    running: bool,
    at: Timestamp,
    position: Option<u64>,
    kinds: Vec<DueSummary>,
}

impl Shown {
    fn due(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.due).sum()
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.kinds.iter().filter_map(|kind| kind.oldest).min()
    }

    fn next(&self) -> Option<Timestamp> {
        self.kinds.iter().filter_map(|kind| kind.next).min()
    }

    fn lag_ms(&self) -> u64 {
        let lag = self
            .oldest()
            .map_or(0, |oldest| self.at.since(oldest).get());
        u64::try_from(lag).unwrap_or(0)
    }
}

pub(super) fn run(args: &StatusArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let shown = look(args, &settings)?;
    globals.console.answer(|| text(&shown), || value(&shown))?;
    let is_late = shown.running && args.at.is_none() && shown.lag_ms() > LAG_MS_MAX;
    Ok(if is_late { Exit::Found } else { Exit::Done })
}

fn look(args: &StatusArgs, settings: &Settings) -> Result<Shown, Failure> {
    let live = read_status(settings)?.filter(|(_, age_ms)| *age_ms < STALE_AFTER_MS);
    let at = match (&args.at, &live) {
        (Some(text), _) => instant("--at", text)?,
        (None, Some((status, _))) => instant("the ledger's clock", &status.now)?,
        (None, None) => TimeSource::system().now(),
    };
    let file = settings.read_models_file();
    let Some(snapshot) = projections::look(&file)? else {
        let what = format!(
            "there are no read models in {}",
            settings.data_dir.display()
        );
        return Err(Failure::usage("NO_READ_MODELS", what).advise(
            "give the ledger's folder with --data-dir; `ledger serve` or `ledger projections rebuild` makes them",
        ));
    };
    let facts = facts_of(&policies(settings)?);
    let of = |scheme: &str| facts.get(scheme).cloned().unwrap_or_default();
    Ok(Shown {
        running: live.is_some(),
        at,
        position: snapshot.position()?.map(|at| at.commit),
        kinds: snapshot.due_summary(at, &of)?,
    })
}

fn text(shown: &Shown) -> String {
    let heads = [
        ("what", Set::Left),
        ("due", Set::Right),
        ("oldest (UTC)", Set::Left),
        ("next (UTC)", Set::Left),
    ];
    let mut table = Table::new(&heads, "nothing is due, and nothing lies ahead");
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    for kind in &shown.kinds {
        table.row(vec![
            kind.kind.code().to_owned(),
            grouped(kind.due),
            time(kind.oldest),
            time(kind.next),
        ]);
    }
    let lag = match shown.lag_ms() {
        0 => "nothing is due".to_owned(),
        lag => format!(
            "{} due, the oldest for {}",
            grouped(shown.due()),
            duration(lag)
        ),
    };
    let state = if shown.running { "runs" } else { "stopped" };
    let position = shown
        .position
        .map_or_else(|| "empty".to_owned(), |at| format!("position {at}"));
    format!(
        "{}\n\nas of {}, ledger {state}, read models at {position}: {lag}",
        table.text(),
        shown.at
    )
}

fn value(shown: &Shown) -> Value {
    json!({
        "running": shown.running,
        "at": shown.at,
        "position": shown.position,
        "due": shown.due(),
        "oldest": shown.oldest(),
        "next": shown.next(),
        "lag_ms": shown.lag_ms(),
        "kinds": shown.kinds,
    })
}

#[cfg(test)]
mod tests {
    use projections::queries::DueKind;

    use super::*;

    #[test]
    fn e17_what_is_due_is_seen_by_kind_with_the_oldest_and_the_next() {
        let time = |text: &str| Some(Timestamp::parse(text).unwrap());
        let shown = Shown {
            running: true,
            at: Timestamp::parse("2026-04-02T18:30:00Z").unwrap(),
            position: Some(1_041),
            kinds: vec![
                DueSummary {
                    kind: DueKind::Transfer,
                    due: 0,
                    oldest: None,
                    next: time("2026-04-03T09:00:00Z"),
                },
                DueSummary {
                    kind: DueKind::MonthClose,
                    due: 1_200,
                    oldest: time("2026-03-31T18:29:59.999Z"),
                    next: time("2026-04-30T18:29:59.999Z"),
                },
            ],
        };
        assert_eq!(shown.lag_ms(), 172_800_001);
        insta::assert_snapshot!(text(&shown));
    }
}
