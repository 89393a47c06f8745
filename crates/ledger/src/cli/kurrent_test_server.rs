//! `ledger kurrent-test-server`: an embedded log served to clients of KurrentDB with appends allowed, and
//! with faults on demand. For tests: it stands in for a server that one cannot have.
//!
//! What it acknowledged is on disk, so that it may be killed at any point. Where it is told to hold after some
//! appends, it says when it does. Absent on purpose: keys, and any address but loopback.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use clap::Args;
use event_store::EventStore;
use event_store::embedded::{EmbeddedStore, OpenOptions};
use kurrent_facade::{AllowAll, Config, FaultPlan, Faults};
use serde_json::json;

use super::serve::asked_to_stop;
use crate::cli::{Globals, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::console::start_logs;

/// What to serve.
#[derive(Debug, Clone, Args)]
pub(crate) struct TestServerArgs {
    /// Folder of the log; made when missing.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
    /// Where to listen: loopback only; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What goes wrong on demand, such as drop-reply=5%,not-leader=3%,slow-read=20ms,seed=7.
    #[arg(long, value_name = "TEXT")]
    faults: Option<String>,
}

pub(crate) fn run(args: &TestServerArgs, globals: &Globals) -> Result<Exit, Failure> {
    let faults = match &args.faults {
        Some(text) => text.parse::<FaultPlan>().map_err(|error| {
            Failure::usage("FAULTS", format!("--faults {text:?}: {error}")).advise(
                "give what goes wrong how often, such as drop-reply=5%,slow-read=20ms,seed=7",
            )
        })?,
        None => FaultPlan::default(),
    };
    start_logs(globals.console);
    let faults = Faults::new(faults);
    let store = Arc::new(EmbeddedStore::open(&OpenOptions::dir(&args.dir)?)?);
    block_on(async {
        let asked = asked_to_stop()?;
        let config = Config::new(args.listen)
            .allow_appends()
            .faults(faults.clone());
        let shared = Arc::clone(&store) as Arc<dyn EventStore>;
        let (address, serving) =
            kurrent_facade::serve(config, shared, Arc::new(AllowAll), asked).await?;
        globals.console.json(&json!({
            "event": "ready",
            "pid": std::process::id(),
            "kurrent": address.to_string(),
            "port": address.port(),
            "url": format!("kurrentdb://{address}?tls=false"),
        }))?;
        let mut serving = pin!(serving);
        tokio::select! {
            served = &mut serving => served?,
            () = faults.until_holding() => {
                globals.console.json(&json!({"event": "holding"}))?;
                serving.await?;
            }
        }
        tracing::info!(struck = ?faults.strikes(), "stopped");
        Ok(())
    })?;
    store.close();
    Ok(Exit::Done)
}
