//! `ledger status`: log, read models, gateway and clock, of a running ledger or a stopped one.
//!
//! A running ledger leaves its figures in the data folder; a stopped one's log is looked at directly.

use clap::Args;
use event_store::embedded::EmbeddedStore;
use serde_json::{Value, json};

use crate::cli::{Globals, block_on};
use crate::compose::{LiveStatus, Log, STALE_AFTER_MS, read_status};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::local::{duration, grouped};
use crate::output::table::facts;

/// Nothing beyond the global flags.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
It looks at the data folder on this machine. Exit code 1: something needs
attention (a part has stopped, the figures are old).

Examples:
  ledger status --data-dir ./data
  watch -n 2 ledger status --config /etc/ledger/ledger.toml
  ledger status --json | jq .read_lag")]
pub(crate) struct StatusArgs {}

pub(crate) fn run(_args: &StatusArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    match read_status(&settings)? {
        Some((status, age_ms)) if age_ms < STALE_AFTER_MS => live(&status, age_ms, globals),
        Some((status, age_ms)) => match block_on(stopped(&settings, globals)) {
            // The log is free: the process was killed, and its last figures do not matter.
            Ok(exit) => Ok(exit),
            Err(_) => stale(&status, age_ms, globals),
        },
        None => block_on(stopped(&settings, globals)),
    }
}

fn live(status: &LiveStatus, age_ms: i64, globals: &Globals) -> Result<Exit, Failure> {
    globals
        .console
        .answer(|| live_text(status), || live_value(status, age_ms))?;
    let is_well = status.log_stopped.is_none() && status.read_stopped.is_none();
    Ok(if is_well { Exit::Done } else { Exit::Found })
}

fn stale(status: &LiveStatus, age_ms: i64, globals: &Globals) -> Result<Exit, Failure> {
    let age = u64::try_from(age_ms).unwrap_or(0);
    globals.console.answer(
        || {
            format!(
                "the figures are {} old, and the log is in use: process {} hangs\n\n{}",
                duration(age),
                status.pid,
                live_text(status)
            )
        },
        || live_value(status, age_ms),
    )?;
    Ok(Exit::Found)
}

fn live_value(status: &LiveStatus, age_ms: i64) -> Value {
    let mut value = json!(status);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("running".to_owned(), Value::from(true));
        fields.insert("age_ms".to_owned(), Value::from(age_ms));
    }
    value
}

fn place(position: Option<u64>) -> String {
    position.map_or_else(|| "empty".to_owned(), grouped)
}

fn live_text(status: &LiveStatus) -> String {
    let lag = lag_text(status.read_lag);
    let mut pairs = vec![
        ("ledger", format!("runs, process {}", status.pid)),
        ("gRPC", status.grpc.clone()),
        ("clock", format!("{}, {}", status.clock, status.now)),
        ("store", format!("{} epoch {}", status.store, status.epoch)),
        (
            "log",
            log_text(
                &status.event_store,
                (status.events, status.segments, status.bytes),
            ),
        ),
        ("tail", place(status.tail)),
        (
            "read models",
            format!("{} ({lag})", place(status.read_position)),
        ),
        ("gateway", gateway_text(&status.gateway)),
    ];
    if let Some(why) = &status.log_trouble {
        pairs.push(("log trouble", why.clone()));
    }
    if let Some(why) = &status.log_stopped {
        pairs.push(("LOG STOPPED", why.clone()));
    }
    if let Some(why) = &status.read_stopped {
        pairs.push(("READ MODELS STOPPED", why.clone()));
    }
    if let Some(trouble) = status.gateway.get("last_trouble").and_then(Value::as_str) {
        pairs.push(("gateway trouble", trouble.to_owned()));
    }
    facts(&pairs)
}

fn lag_text(lag: Option<u64>) -> String {
    match lag {
        Some(0) => "up to date".to_owned(),
        Some(lag) => format!("{} events behind", grouped(lag)),
        None => "behind; this log does not count by how many events".to_owned(),
    }
}

/// What the log has of events, segments and bytes, and where it is when it is not in the folder.
fn log_text(place: &str, counts: (Option<u64>, Option<u64>, Option<u64>)) -> String {
    match counts {
        (Some(events), Some(segments), Some(bytes)) => format!(
            "{} events, {segments} segments, {} bytes",
            grouped(events),
            grouped(bytes)
        ),
        (Some(_) | None, Some(_) | None, Some(_) | None) => format!("in {place}"),
    }
}

fn gateway_text(gateway: &Value) -> String {
    if gateway.is_null() {
        return "none (no nats_url)".to_owned();
    }
    let figure = |name: &str| gateway.get(name).and_then(Value::as_u64).unwrap_or(0);
    let count = |name: &str| grouped(figure(name));
    let dead_letters = figure("malformed")
        .saturating_add(figure("refused"))
        .saturating_add(figure("order_acks_rejected"));
    let state = match gateway.get("consuming").and_then(Value::as_bool) {
        Some(true) => "reads",
        Some(false) | None => "waits for NATS or for its turn",
    };
    format!(
        "{state}; {} readings taken, {}/s, {} messages wait, {} dead letters, {} notifications, {} orders",
        count("readings"),
        count("readings_per_s"),
        count("waiting_in_stream"),
        grouped(dead_letters),
        count("notifications"),
        count("orders")
    )
}

async fn stopped(settings: &Settings, globals: &Globals) -> Result<Exit, Failure> {
    let log = Log::open_closed(settings).await?;
    let looked = look(&log, settings, globals).await;
    log.close().await;
    looked
}

async fn look(log: &Log, settings: &Settings, globals: &Globals) -> Result<Exit, Failure> {
    let stats = log.embedded().map(EmbeddedStore::stats);
    let id = log.store().store_id();
    let tail = log.tail().await?;
    let read = projections::stored_position(&settings.read_models_file())?;
    let lag = match &stats {
        // Positions of the embedded log are dense, from 0.
        Some(stats) => {
            let shown = read.map_or(0, |at| at.commit.saturating_add(1));
            Some(stats.events.saturating_sub(shown))
        }
        None => (read >= tail).then_some(0),
    };
    let (tail, read_at) = (tail.map(|at| at.commit), read.map(|at| at.commit));
    let events = stats.as_ref().map(|stats| stats.events);
    let segments = stats.as_ref().map(|stats| stats.segments);
    let bytes = stats.as_ref().map(|stats| stats.bytes);
    globals.console.answer(
        || {
            facts(&[
                ("ledger", "stopped".to_owned()),
                ("folder", settings.data_dir.display().to_string()),
                ("store", format!("{} epoch {}", id.id, id.epoch)),
                ("log", log_text(&log.place(), (events, segments, bytes))),
                ("tail", place(tail)),
                (
                    "read models",
                    format!("{} ({})", place(read_at), lag_text(lag)),
                ),
            ])
        },
        || {
            json!({
                "running": false,
                "event_store": log.place(),
                "store": id.id.to_string(),
                "epoch": id.epoch,
                "events": events,
                "segments": segments,
                "bytes": bytes,
                "tail": tail,
                "read_position": read_at,
                "read_lag": lag,
            })
        },
    )?;
    Ok(Exit::Done)
}
