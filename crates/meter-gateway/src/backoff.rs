//! Waiting between attempts: longer each time, up to a bound.
//!
//! One rule for NATS away, a busy ledger and a store that cannot be reached. Absent on purpose: giving
//! up, which is the caller's decision, and jitter, since few processes of a utility share one server.

use std::time::Duration;

/// First pause: about one group commit, so that a busy ledger is asked again as soon as it may have room.
const FIRST: Duration = Duration::from_millis(10);
/// Longest pause: what an operator who has just repaired something is willing to watch.
const LONGEST: Duration = Duration::from_secs(1);

/// The pauses of one series of attempts.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    /// The first pause comes next.
    pub(crate) const fn new() -> Self {
        Self(FIRST)
    }

    /// Waits.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = self.0.saturating_mul(2).min(LONGEST);
    }
}
