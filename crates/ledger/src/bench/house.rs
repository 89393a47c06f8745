//! The ledger's inside in this process, composed by the same code as `ledger serve`.
//!
//! For measurements that need to see how far read models and outbox are, and for setting up accounts
//! before a server is started on them. Absent on purpose: gRPC, which is measured against a real server.

use std::path::Path;
use std::time::Duration;

use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;

use crate::bench::household::made_up;
use crate::compose::{Core, StartOptions};
use crate::config::{ClockKind, Settings};
use crate::failure::Failure;

/// The scheme of all accounts here.
const SCHEME: &str = "usms";
/// Longest wait for the read models to come to the log's end.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// The parts, and the scheme.
pub(crate) struct House {
    /// Log, write path, read models.
    pub(crate) core: Core,
    /// The scheme.
    pub(crate) policy: SchemePolicy,
}

impl House {
    /// Opens a house under `dir`, its time simulated and standing at `now`.
    ///
    /// # Errors
    /// When a part does not start.
    pub(crate) async fn open(dir: &Path, now: Timestamp) -> Result<Self, Failure> {
        let policy = SchemePolicy::builtin(SCHEME).map_err(|error| made_up(&error))?;
        let settings = Settings {
            data_dir: dir.to_owned(),
            clock: ClockKind::Simulated,
            ..Settings::default()
        };
        let core = Core::start(&settings, StartOptions::default()).await?;
        core.ledger
            .time()
            .stamp(Some(now))
            .map_err(|error| made_up(&error))?;
        Ok(Self { core, policy })
    }

    /// Events in the log that the read models do not show yet.
    pub(crate) fn read_models_lag(&self) -> u64 {
        let shown = self
            .core
            .reads
            .status()
            .position
            .map_or(0, |at| at.commit + 1);
        self.events().saturating_sub(shown)
    }

    /// Events in the log, which is the embedded one.
    pub(crate) fn events(&self) -> u64 {
        let embedded = self.core.log.embedded();
        embedded.map_or(0, |store| store.stats().events)
    }

    /// Waits until the read models show everything in the log.
    ///
    /// # Errors
    /// When they stop, or do not come there.
    pub(crate) async fn drained(&self) -> Result<(), Failure> {
        self.core.caught_up(DRAIN_MAX).await
    }

    /// Stops all parts in order.
    pub(crate) async fn close(self) {
        self.core.shutdown().await;
    }
}
