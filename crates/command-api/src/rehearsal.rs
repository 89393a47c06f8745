//! Faults shown on purpose, so that whoever writes a client can meet them: a late answer, a lost one.
//!
//! Only a sandbox has them. What is committed is committed: the fault concerns the answer alone, and only the
//! first one under a reference, so that the retry that a client must make finds the true answer.

use std::time::Duration;

use tonic::Status;

/// Which top-ups are answered how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    /// Top-ups of this meter are answered late.
    pub slow_meter: &'static str,
    /// How late.
    pub slow_for: Duration,
    /// Answers to top-ups of this meter are lost, after the commit.
    pub lost_meter: &'static str,
}

impl Rehearsal {
    /// What comes between a first answer and the caller.
    ///
    /// # Errors
    /// For the meter whose answers are lost: a bare `UNAVAILABLE`, as a broken connection gives it.
    pub(crate) async fn before_answering(self, meter: &str) -> Result<(), Status> {
        if meter == self.slow_meter {
            tokio::time::sleep(self.slow_for).await;
        }
        if meter == self.lost_meter {
            return Err(Status::unavailable("the connection was lost"));
        }
        Ok(())
    }
}
