//! `ledger status`: log, read models, gateway and clock, of a running ledger or a stopped one.
//!
//! A running ledger leaves its figures in the data folder; a stopped one's log is looked at directly.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Globals;
use crate::compose::{LiveStatus, STALE_AFTER_MS, open_closed_log, read_status};
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
        Some((status, age_ms)) => match stopped(&settings, globals) {
            // The log is free: the process was killed, and its last figures do not matter.
            Ok(exit) => Ok(exit),
            Err(_) => stale(&status, age_ms, globals),
        },
        None => stopped(&settings, globals),
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
    let lag = match status.read_lag {
        0 => "up to date".to_owned(),
        lag => format!("{} events behind", grouped(lag)),
    };
    let mut pairs = vec![
        ("ledger", format!("runs, process {}", status.pid)),
        ("gRPC", status.grpc.clone()),
        ("clock", format!("{}, {}", status.clock, status.now)),
        ("store", format!("{} epoch {}", status.store, status.epoch)),
        (
            "log",
            format!(
                "{} events, {} segments, {} bytes",
                grouped(status.events),
                status.segments,
                grouped(status.bytes)
            ),
        ),
        ("tail", place(status.tail)),
        (
            "read models",
            format!("{} ({lag})", place(status.read_position)),
        ),
        ("gateway", gateway_text(&status.gateway)),
    ];
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

fn stopped(settings: &Settings, globals: &Globals) -> Result<Exit, Failure> {
    let store = open_closed_log(settings)?;
    let stats = store.stats();
    let read = projections::stored_position(&settings.read_models_file())?;
    let tail = stats.tail.map(|at| at.commit);
    let read_at = read.map(|at| at.commit);
    // Positions are dense, from 0.
    let end = tail.map_or(0, |at| at.saturating_add(1));
    let lag = end.saturating_sub(read_at.map_or(0, |at| at.saturating_add(1)));
    globals.console.answer(
        || {
            facts(&[
                ("ledger", "stopped".to_owned()),
                ("folder", settings.data_dir.display().to_string()),
                (
                    "store",
                    format!("{} epoch {}", stats.store.id, stats.store.epoch),
                ),
                (
                    "log",
                    format!(
                        "{} events, {} segments, {} bytes",
                        grouped(stats.events),
                        stats.segments,
                        grouped(stats.bytes)
                    ),
                ),
                ("tail", place(tail)),
                (
                    "read models",
                    format!("{} ({} events behind)", place(read_at), grouped(lag)),
                ),
            ])
        },
        || {
            json!({
                "running": false,
                "store": stats.store.id.to_string(),
                "epoch": stats.store.epoch,
                "events": stats.events,
                "segments": stats.segments,
                "bytes": stats.bytes,
                "tail": tail,
                "read_position": read_at,
                "read_lag": lag,
            })
        },
    )?;
    Ok(Exit::Done)
}
