//! `ledger conformance`: every promise of an event store, tried on a user's own server.
//!
//! The adapter for KurrentDB is tested against this project's reading of the protocol; only a real server
//! can say whether that is how it is. It writes, and what it wrote stays.

use std::sync::Arc;

use clap::Args;
use event_store::EventStore;
use event_store::conformance::{self, Outcome};
use futures::FutureExt;
use serde_json::{Value, json};

use crate::cli::{Globals, block_on};
use crate::compose::Log;
use crate::config::EventStoreUrl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Set, Table};

/// Longest name of a run: streams have names of 200 bytes.
const RUN_BYTES_MAX: usize = 40;

/// Which server.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
It writes streams `conformance-<run>-…` of a few thousand small events, and a
stream `ledger-store` if there is none, and they stay: use a server, or a
cluster, that is for trials. One that holds a ledger's events is refused.
Exit code 1: a promise does not hold.

Examples:
  ledger conformance --url 'kurrentdb://127.0.0.1:2113?tls=false'
  LEDGER_CONFORMANCE_URL='esdb://admin:…@db:2113' ledger conformance --json")]
pub(crate) struct ConformanceArgs {
    /// URL of the KurrentDB; better in the environment when it holds a password. The configured event_store is
    /// not taken: that one has a ledger.
    #[arg(
        long,
        value_name = "URL",
        env = "LEDGER_CONFORMANCE_URL",
        hide_env_values = true
    )]
    url: String,
    /// Name of this run, in the names of its streams [default: drawn].
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
}

pub(crate) fn run(args: &ConformanceArgs, globals: &Globals) -> Result<Exit, Failure> {
    let mut settings = globals.settings(Vec::new())?;
    let wrong = || {
        Failure::usage("EVENT_STORE_URL", "--url is not the URL of a KurrentDB")
            .advise("give kurrentdb://host:2113, with user:password@ and options as needed")
    };
    settings.event_store = Some(EventStoreUrl::parse(&args.url).ok_or_else(wrong)?);
    let run = match &args.run {
        Some(run) => named(run)?,
        None => drawn(),
    };
    let (place, outcomes) = block_on(async {
        let log = Log::open_for_trial(&settings).await?;
        globals.console.note(&format!(
            "{} checks on {}; its streams conformance-{run}-… stay there",
            conformance::checks().len(),
            log.place()
        ));
        let store = log.store();
        let factory = move || {
            let store: Arc<dyn EventStore> = Arc::clone(&store);
            async move { store }.boxed()
        };
        let outcomes = conformance::run(&factory, &run).await;
        log.close().await;
        Ok((log.place(), outcomes))
    })?;
    globals
        .console
        .answer(|| text(&outcomes), || value((&place, &run), &outcomes))?;
    let all_hold = outcomes.iter().all(|outcome| outcome.result.is_ok());
    Ok(if all_hold { Exit::Done } else { Exit::Found })
}

fn named(run: &str) -> Result<String, Failure> {
    let fits = (1..=RUN_BYTES_MAX).contains(&run.len())
        && run.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        return Ok(run.to_owned());
    }
    let what = format!("--run {run:?} is not 1 to {RUN_BYTES_MAX} letters, digits and dashes");
    Err(Failure::usage("RUN_NAME", what).advise("leave it out: a name is drawn"))
}

/// A name that no run had before: the time and the process.
fn drawn() -> String {
    let now = std::time::SystemTime::now();
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:x}-{:x}", since.as_millis(), std::process::id())
}

fn text(outcomes: &[Outcome]) -> String {
    let heads = [("", Set::Left), ("promise", Set::Left), ("seen", Set::Left)];
    let mut table = Table::new(&heads, "there are no checks");
    for outcome in outcomes {
        let (mark, seen) = match &outcome.result {
            Ok(()) => ("ok", String::new()),
            Err(seen) => ("FAILED", seen.replace('\n', " ")),
        };
        table.row(vec![mark.to_owned(), outcome.name.to_owned(), seen]);
    }
    let failed = outcomes.iter().filter(|one| one.result.is_err()).count();
    let held = outcomes.len().saturating_sub(failed);
    format!("{}\n\n{held} hold, {failed} failed", table.text())
}

fn value((place, run): (&str, &str), outcomes: &[Outcome]) -> Value {
    let checks: Vec<Value> = outcomes
        .iter()
        .map(|one| {
            json!({
                "promise": one.name,
                "holds": one.result.is_ok(),
                "seen": one.result.as_ref().err(),
            })
        })
        .collect();
    let all_hold = outcomes.iter().all(|one| one.result.is_ok());
    json!({
        "ok": all_hold,
        "event_store": place,
        "streams": format!("conformance-{run}-"),
        "checks": checks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_does_not_hold_says_what_was_seen() {
        let outcomes = [
            Outcome {
                name: "an append is there",
                result: Ok(()),
            },
            Outcome {
                name: "a missing stream is empty",
                result: Err("3 events".to_owned()),
            },
        ];
        let text = text(&outcomes);
        assert!(
            text.contains("FAILED  a missing stream is empty  3 events"),
            "{text}"
        );
        assert!(text.ends_with("1 hold, 1 failed"), "{text}");
        let value = value(("kurrentdb://h", "r1"), &outcomes);
        assert_eq!(value["ok"], false);
        assert_eq!(value["checks"][1]["seen"], "3 events");
    }

    #[test]
    fn a_name_of_a_run_fits_into_names_of_streams() {
        assert!(named("night-7").is_ok() && named(&drawn()).is_ok());
        for wrong in ["", "a b", "a/b", &"x".repeat(41)] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
