//! The status of a running ledger, for people beside it: a small JSON file in the data folder, renewed
//! while the process lives and removed when it stops.
//!
//! The log's lock keeps other processes from looking for themselves; this is how they look. Absent on
//! purpose: history, which a monitoring system makes from it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use event_store::embedded::EmbeddedStore;
use ledger_core::time::Timestamp;
use ledger_service::{Ledger, TimeSource};
use projections::ReadModels;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compose::gateway::GatewayPart;
use crate::compose::{Core, Log};
use crate::config::Settings;
use crate::failure::Failure;

/// How often it is written: often enough for a person who looks, seldom enough to cost nothing.
const EVERY: Duration = Duration::from_secs(1);
/// From this age on, a status is that of a process that was killed, or that hangs.
pub(crate) const STALE_AFTER_MS: i64 = 10_000;
/// How long the log is waited for: less than what makes a status old.
const TAIL_WITHIN: Duration = Duration::from_secs(2);
/// Largest file read; a status has under 2 KiB.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What a running ledger says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveStatus {
    /// When it was written, RFC 3339 UTC.
    pub(crate) at: String,
    /// Its process.
    pub(crate) pid: u32,
    /// Where gRPC listens.
    pub(crate) grpc: String,
    /// `system` or `simulated`.
    pub(crate) clock: String,
    /// What the clock says, RFC 3339 UTC.
    pub(crate) now: String,
    /// Where the log is: `embedded`, or the address of a KurrentDB.
    pub(crate) event_store: String,
    /// Store id.
    pub(crate) store: String,
    /// Its epoch.
    pub(crate) epoch: u64,
    /// Segments, of an embedded log.
    pub(crate) segments: Option<u64>,
    /// Events, where the log counts them.
    pub(crate) events: Option<u64>,
    /// Bytes, of an embedded log.
    pub(crate) bytes: Option<u64>,
    /// Newest position.
    pub(crate) tail: Option<u64>,
    /// Why the log cannot be read at the moment, if so.
    pub(crate) log_trouble: Option<String>,
    /// Why nothing more is written, if so.
    pub(crate) log_stopped: Option<String>,
    /// Position of the read models.
    pub(crate) read_position: Option<u64>,
    /// Events that the read models do not show yet, where that is known: a log that does not count them
    /// tells only whether there are any.
    pub(crate) read_lag: Option<u64>,
    /// Why the read models stopped, if so.
    pub(crate) read_stopped: Option<String>,
    /// Counts of the write path since the start.
    pub(crate) write_path: String,
    /// The gateway's figures; `null` without NATS.
    pub(crate) gateway: Value,
}

/// Where the figures come from.
pub(super) struct Source {
    path: PathBuf,
    log: Log,
    ledger: Ledger,
    reads: ReadModels,
    address: SocketAddr,
    gateway: Option<GatewayPart>,
}

impl Source {
    pub(super) fn new(
        settings: &Settings,
        core: &Core,
        address: SocketAddr,
        gateway: Option<GatewayPart>,
    ) -> Self {
        Self {
            path: file(settings),
            log: core.log.clone(),
            ledger: core.ledger.clone(),
            reads: core.reads.clone(),
            address,
            gateway,
        }
    }

    async fn status(&self) -> LiveStatus {
        let (tail, log_trouble) = match tokio::time::timeout(TAIL_WITHIN, self.log.tail()).await {
            Ok(Ok(tail)) => (tail, None),
            Ok(Err(failure)) => (None, Some(failure.what().to_owned())),
            Err(_) => {
                let why = self.log.trouble();
                (
                    None,
                    Some(why.unwrap_or_else(|| "it does not answer".to_owned())),
                )
            }
        };
        let stats = self.log.embedded().map(EmbeddedStore::stats);
        let id = self.log.store().store_id();
        let reads = self.reads.status();
        let gateway = match &self.gateway {
            Some(gateway) => gateway.figures().await,
            None => Value::Null,
        };
        let clock = match self.ledger.time() {
            TimeSource::Clock(_) => "system",
            TimeSource::Simulated(_) => "simulated",
        };
        LiveStatus {
            at: TimeSource::system().now().to_string(),
            pid: std::process::id(),
            grpc: self.address.to_string(),
            clock: clock.to_owned(),
            now: self.ledger.time().now().to_string(),
            event_store: self.log.place(),
            store: id.id.to_string(),
            epoch: id.epoch,
            segments: stats.as_ref().map(|stats| stats.segments),
            events: stats.as_ref().map(|stats| stats.events),
            bytes: stats.as_ref().map(|stats| stats.bytes),
            tail: tail.map(|at| at.commit),
            log_trouble,
            log_stopped: self.log.stopped(),
            read_position: reads.position.map(|at| at.commit),
            read_lag: match &stats {
                Some(stats) => Some(stats.events.saturating_sub(reads.events)),
                // Positions with gaps count nothing.
                None => (tail.is_some() && reads.position >= tail).then_some(0),
            },
            read_stopped: reads.stopped.map(|error| error.to_string()),
            write_path: format!("{:?}", self.ledger.stats()),
            gateway,
        }
    }

    /// Written beside and renamed, so that nobody reads half of it.
    fn write(&self, status: &LiveStatus) -> std::io::Result<()> {
        let text = serde_json::to_vec(status)?;
        let beside = self.path.with_extension("json.new");
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, &self.path)
    }
}

fn file(settings: &Settings) -> PathBuf {
    settings.data_dir.join("status.json")
}

/// Writes the status until `stop` resolves, then removes it.
pub(super) async fn write_until(source: Source, stop: impl Future<Output = ()> + Send) {
    let source = Arc::new(source);
    let mut stop = std::pin::pin!(stop);
    let mut warned = false;
    loop {
        let (writer, status) = (Arc::clone(&source), source.status().await);
        let written = tokio::task::spawn_blocking(move || writer.write(&status)).await;
        if let Ok(Err(error)) = written
            && !warned
        {
            warned = true;
            tracing::warn!(file = %source.path.display(), %error, "the status file cannot be written");
        }
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    // Left behind, it only grows stale, and says so.
    let _ = std::fs::remove_file(&source.path);
}

/// The status that a running ledger has left, with its age in milliseconds; `None` when there is none.
///
/// # Errors
/// When there is a file that is none of ours.
pub(crate) fn read_status(settings: &Settings) -> Result<Option<(LiveStatus, i64)>, Failure> {
    let path = file(settings);
    let Ok(about) = std::fs::metadata(&path) else {
        return Ok(None);
    };
    let unusable = |why: String| {
        Failure::damaged("STATUS_FILE", format!("{}: {why}", path.display()))
            .advise("remove the file; a running ledger writes it again within a second")
    };
    if about.len() > FILE_BYTES_MAX {
        return Err(unusable(format!("{} bytes are too many", about.len())));
    }
    let text = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
    let status: LiveStatus =
        serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
    let at = Timestamp::parse(&status.at).map_err(|error| unusable(error.to_string()))?;
    let age_ms = TimeSource::system().now().since(at).get();
    Ok(Some((status, age_ms)))
}
