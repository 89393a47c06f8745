//! The clock: asks what is due and sends ordinary commands, which decide again for themselves (C6).
//!
//! A clock that runs late, twice or not at all changes nothing but when somebody sees it. Its pace is
//! bounded, so that a month's end does not crowd out people. Absent on purpose: knowledge of what is
//! due; a read model has that.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ledger_core::ids::AccountId;
use ledger_core::time::Timestamp;

use crate::service::Ledger;

/// Knows which accounts have a deadline.
pub trait DueSource: Send + Sync + 'static {
    /// Up to `max` accounts with a deadline before `at`, longest due first. An account may be named
    /// although its deadline has acted already: that does no harm.
    ///
    /// # Errors
    /// A text that says why it cannot be told now; the clock tries again.
    fn due_before(
        &self,
        at: Timestamp,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<AccountId>, String>>;
}

/// Pace of the clock.
#[derive(Debug, Clone, Copy)]
pub struct ClockConfig {
    /// How often it asks.
    pub every: Duration,
    /// Accounts it sends a command to at once.
    pub batch_max: usize,
    /// Batches without a pause; the rest waits for the next round.
    pub batches_max: usize,
}

impl Default for ClockConfig {
    fn default() -> Self {
        // 16 × 1,024 a second works off a million accounts' month end in about a minute.
        Self {
            every: Duration::from_secs(1),
            batch_max: 1_024,
            batches_max: 16,
        }
    }
}

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Accounts that were sent a command.
    pub ticked: usize,
    /// Commands that were not answered; they are tried again in the next round.
    pub failed: usize,
}

/// One round: everything due now, within the pace.
///
/// # Errors
/// What the source says when it cannot tell what is due.
pub async fn round(
    ledger: &Ledger,
    due: &dyn DueSource,
    config: &ClockConfig,
) -> Result<Round, String> {
    let mut done = Round::default();
    let mut before: Vec<AccountId> = Vec::new();
    let batch_max = config.batch_max.max(1);
    for _ in 0..config.batches_max.max(1) {
        let now = ledger.time().now();
        let accounts = due.due_before(now, batch_max).await?;
        // The source lags behind the log: the same accounts again are left for the next round.
        if accounts.is_empty() || accounts == before {
            break;
        }
        before.clone_from(&accounts);
        let whole = accounts.len() >= batch_max;
        for result in ledger.tick(accounts, now).await {
            done.ticked += 1;
            if let Err(error) = result {
                done.failed += 1;
                tracing::warn!(%error, "a deadline was not acted on; the next round tries again");
            }
        }
        if !whole {
            break;
        }
    }
    Ok(done)
}

/// Runs rounds until `stop` resolves.
pub async fn run_clock(
    ledger: Ledger,
    due: Arc<dyn DueSource>,
    config: ClockConfig,
    stop: impl Future<Output = ()> + Send,
) {
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(config.every) => {}
        }
        if let Err(error) = round(&ledger, &*due, &config).await {
            tracing::warn!(%error, "what is due cannot be told now; the next round tries again");
        }
    }
}
