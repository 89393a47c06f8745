//! `ledger serve`: the whole ledger in one process, until a signal.

use std::path::Path;

use clap::Args;
use command_api::keys::{Keys, Role};
use event_store::embedded::Report;
use serde_json::{Value, json};

use crate::cli::{Globals, block_on, flag, key};
use crate::compose::{Running, StartOptions};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::console::start_logs;
use crate::output::local::grouped;

/// How to serve.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
It prints one line on standard output when calls are answered (JSON with
--json: the real port, the recovery report); logs go to standard error,
RUST_LOG=debug says more. SIGTERM or SIGINT stops it in order: no new calls,
those under way finish, everything is written, the log is closed.

Examples:
  ledger serve --data-dir ./data --dev-keys         first look: makes keys and prints them
  ledger serve --config /etc/ledger/ledger.toml     as a service
  ledger serve --kurrent-listen 127.0.0.1:2113      analysts read with KurrentDB's clients
  ledger serve --listen 127.0.0.1:0 --json          a free port, told in the ready line
  ledger serve --clock simulated --dev-keys         time comes with the calls, for demonstrations")]
pub(crate) struct ServeArgs {
    /// Where gRPC listens; port 0 takes a free one [default: 127.0.0.1:7400].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where clients of KurrentDB may read the log, with the ledger's keys; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    kurrent_listen: Option<String>,
    /// Host and port that those clients are told, where it is another than the one they came to.
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Certificates for those clients, in PEM: some send a key over TLS only (Python, Node).
    #[arg(long, value_name = "FILE", requires = "kurrent_tls_key")]
    kurrent_tls_cert: Option<String>,
    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "kurrent_tls_cert")]
    kurrent_tls_key: Option<String>,
    /// NATS server; without one, readings and notifications wait.
    #[arg(long, value_name = "URL")]
    nats_url: Option<String>,
    /// File of API keys.
    #[arg(long, value_name = "FILE")]
    keys_file: Option<String>,
    /// Where time comes from: system, or simulated (with the calls).
    #[arg(long, value_name = "CLOCK")]
    clock: Option<String>,
    /// Make a keys file in the data folder if there is none, and print its keys. Not for production.
    #[arg(long)]
    dev_keys: bool,
    /// Open a log that lacks events others have seen of it, and begin a new epoch. Only after the loss is
    /// understood; read models are then rebuilt.
    #[arg(long)]
    accept_older_log: bool,
}

pub(crate) fn run(args: &ServeArgs, globals: &Globals) -> Result<Exit, Failure> {
    let flags = [
        flag("grpc_listen", "--listen", args.listen.as_ref()),
        flag(
            "kurrent_listen",
            "--kurrent-listen",
            args.kurrent_listen.as_ref(),
        ),
        flag("advertise", "--advertise", args.advertise.as_ref()),
        flag(
            "kurrent_tls_cert",
            "--kurrent-tls-cert",
            args.kurrent_tls_cert.as_ref(),
        ),
        flag(
            "kurrent_tls_key",
            "--kurrent-tls-key",
            args.kurrent_tls_key.as_ref(),
        ),
        flag("nats_url", "--nats-url", args.nats_url.as_ref()),
        flag("keys_file", "--keys-file", args.keys_file.as_ref()),
        flag("clock", "--clock", args.clock.as_ref()),
    ];
    let settings = globals.settings(flags.into_iter().flatten().collect())?;
    start_logs(globals.console);
    let (keys, shown) = keys(&settings, args.dev_keys)?;
    let options = StartOptions {
        accept_older: args.accept_older_log,
        ..StartOptions::default()
    };
    block_on(async {
        let asked = asked_to_stop()?;
        let running = Running::start(&settings, keys, options).await?;
        let (text, value) = ready(&settings, &running, &shown).await?;
        globals.console.answer(|| text, || value)?;
        running.run_until(asked).await
    })
}

/// The keys of the file in force. With `--dev-keys`, a file is made where there is none, and the keys that
/// were made come with it.
fn keys(settings: &Settings, dev: bool) -> Result<(Keys, Vec<(Role, String)>), Failure> {
    let file = settings.keys_file_in_force();
    if file.exists() {
        return Ok((Keys::read(&file)?, Vec::new()));
    }
    if dev && settings.keys_file.is_none() {
        let shown = make_dev_keys(&file)?;
        let is_configured =
            settings.person_master_key_file.is_some() || settings.person_master_key.is_some();
        let master = settings.dev_person_master_key_file();
        if !is_configured && !master.exists() {
            persons::MasterKeys::make(&master)?;
        }
        return Ok((Keys::read(&file)?, shown));
    }
    let what = match &settings.keys_file {
        Some(file) => format!(
            "the keys file {} does not exist: nobody could call",
            file.display()
        ),
        None => "no keys file is configured: nobody could call".to_owned(),
    };
    Err(Failure::usage("NO_KEYS", what).advise(format!(
        "make a key with `ledger key new --name office --channel office --role staff --file {}` and give \
         that file as keys_file, or use --dev-keys for a first look",
        settings.keys_file.as_deref().unwrap_or_else(|| Path::new("keys.toml")).display()
    )))
}

/// One key for each role, and a master key for persons' records where none is configured.
fn make_dev_keys(file: &Path) -> Result<Vec<(Role, String)>, Failure> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::file("making folder", folder, &error))?;
    }
    let mut shown = Vec::new();
    for role in Role::ALL {
        let name = format!("dev-{role}");
        let made = key::make(&name, "dev", &[role])?;
        key::append(file, &made.entry)?;
        shown.push((role, made.key));
    }
    Ok(shown)
}

async fn ready(
    settings: &Settings,
    running: &Running,
    shown: &[(Role, String)],
) -> Result<(String, Value), Failure> {
    let report = running.report();
    let log = &running.core.log;
    let nats = settings.nats_url.as_deref();
    let mut text = format!(
        "ready: gRPC on {}, {} in {}, {}",
        running.address,
        nats.map_or("no NATS".to_owned(), |_| "NATS as configured".to_owned()),
        settings.data_dir.display(),
        report.map_or_else(|| format!("log in {}", log.place()), recovered)
    );
    if let Some(at) = running.kurrent {
        text.push_str(&format!(
            "\nclients of KurrentDB read at kurrentdb://{at}?tls={}",
            settings.kurrent_tls_cert.is_some()
        ));
    }
    for (role, key) in shown {
        text.push_str(&format!("\n{role:<9} key: {key}"));
    }
    let keys: serde_json::Map<String, Value> = shown
        .iter()
        .map(|(role, key)| (role.to_string(), Value::from(key.as_str())))
        .collect();
    let value = json!({
        "event": "ready",
        "pid": std::process::id(),
        "grpc": running.address.to_string(),
        "port": running.address.port(),
        "kurrent": running.kurrent.map(|at| at.to_string()),
        "kurrent_port": running.kurrent.map(|at| at.port()),
        "nats": nats.is_some(),
        "persons": running.keeps_persons,
        "clock": settings.clock.as_str(),
        "data_dir": settings.data_dir.display().to_string(),
        "event_store": log.place(),
        "tail": log.tail().await?.map(|at| at.commit),
        "log": report.map(report_value),
        "keys": keys,
    });
    Ok((text, value))
}

fn report_value(report: &Report) -> Value {
    json!({
        "created": report.created,
        "segments": report.segments,
        "events": report.events,
        "indexes_rebuilt": report.indexes_rebuilt,
        "new_epoch": report.new_epoch,
        "truncated": report.truncated.as_ref().map(|cut| json!({
            "segment": cut.segment, "offset": cut.offset, "bytes": cut.bytes,
        })),
    })
}

fn recovered(report: &Report) -> String {
    let cut = report.truncated.as_ref().map_or(String::new(), |cut| {
        format!(
            "; an append that a crash cut short was removed ({} bytes)",
            cut.bytes
        )
    });
    let epoch = if report.new_epoch {
        "; an older log was accepted, a new epoch begins"
    } else {
        ""
    };
    format!("{} events{cut}{epoch}", grouped(report.events))
}

/// Resolves at the first SIGTERM or SIGINT. A second one ends the process at once: someone is in a hurry,
/// and the log survives it.
pub(super) fn asked_to_stop() -> Result<impl Future<Output = ()> + Send, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error: std::io::Error| {
        Failure::unavailable("SIGNALS", format!("signals cannot be received: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let (told, asked) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        // Nobody waits any more when a part has failed already.
        let _ = told.send(());
        next().await;
        tracing::warn!("a second signal: ending at once; the next start recovers");
        std::process::exit(i32::from(Exit::Unavailable.number()));
    });
    Ok(async move {
        // The task holds the sender until it has told.
        let _ = asked.await;
    })
}
