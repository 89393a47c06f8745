//! Readings straight into a stopped ledger's folder, through the same write path as everything else.

use ledger_core::answer::ReadingOutcome;
use ledger_core::event::{ReadingCounts, ReadingsReceived};
use ledger_core::ids::Actor;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use ledger_service::{Delivery, ServiceError, TimeSource};

use crate::cli::import::Counts;
use crate::compose::{Core, StartOptions, ledger_exists};
use crate::config::Settings;
use crate::failure::Failure;
use crate::import::Row;
use crate::import::rejects::Rejects;

/// Sequences of imports begin here, far beyond any JetStream stream's, since an account tells deliveries
/// apart by their sequence alone.
const FIRST_SEQUENCE: u64 = 1 << 40;

/// A stopped ledger, opened for an import.
pub(super) struct Direct {
    core: Core,
    gateway: Actor,
    next: u64,
}

impl Direct {
    /// Opens it.
    pub(super) async fn open(settings: &Settings, gateway: &str) -> Result<Self, Failure> {
        ledger_exists(settings)?;
        let gateway = Actor::parse(gateway)
            .map_err(|error| Failure::usage("GATEWAY_NAME", format!("--gateway: {error}")))?;
        let core = Core::start(settings, StartOptions::default()).await?;
        let recorded = core.ledger.received_up_to(&gateway).await?;
        let next = recorded.map_or(FIRST_SEQUENCE, |newest| newest.saturating_add(1));
        Ok(Self {
            core,
            gateway,
            next,
        })
    }

    /// Records a batch; refused readings go to the rejects.
    pub(super) async fn take(
        &mut self,
        rows: &[Row],
        counts: &mut Counts,
        rejects: &mut Rejects,
    ) -> Result<(), Failure> {
        let Some(newest) = rows.iter().map(|row| row.reading.read_at).max() else {
            return Ok(());
        };
        let received_at = self.received_at(newest)?;
        let outcomes = self.record(rows, received_at).await?;
        let mut by_utility = Utility::ALL.map(ReadingCounts::none);
        for (row, outcome) in rows.iter().zip(&outcomes) {
            if let Some(n) = by_utility.iter_mut().find(|n| n.u == row.utility) {
                count(outcome, counts, n);
            }
            if let ReadingOutcome::Refused(refusal) = outcome {
                let reason = format!("{refusal} [{}]", refusal.code());
                rejects.add(row.line, &reason, &row.text)?;
            }
        }
        let received = ReadingsReceived {
            seq: (self.next, self.next),
            at: received_at,
            n: by_utility.into_iter().filter(|n| n.total() > 0).collect(),
            bad: 0,
        };
        self.core
            .ledger
            .append_received(&self.gateway, received)
            .await?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// Where time is simulated it has come as far as the readings.
    fn received_at(&self, newest: Timestamp) -> Result<Timestamp, Failure> {
        let time = self.core.ledger.time();
        let stated = match time {
            TimeSource::Clock(_) => None,
            TimeSource::Simulated(_) => Some(newest),
        };
        Ok(time.stamp(stated)?)
    }

    async fn record(
        &self,
        rows: &[Row],
        received_at: Timestamp,
    ) -> Result<Vec<ReadingOutcome>, Failure> {
        let delivery = Delivery {
            seq: self.next,
            received_at,
            readings: rows.iter().map(|row| row.reading.clone()).collect(),
        };
        let answered = self
            .core
            .ledger
            .record_readings(&self.gateway, vec![delivery])
            .await;
        let first = answered.into_iter().next();
        let none = || ServiceError::Stopped("the delivery was not answered".to_owned());
        let outcomes = first.ok_or_else(none)??;
        assert!(
            outcomes.len() == rows.len(),
            "each reading of a delivery has its outcome"
        );
        Ok(outcomes)
    }

    /// Writes everything and closes the log.
    pub(super) async fn close(self) {
        self.core.shutdown().await;
    }
}

fn count(outcome: &ReadingOutcome, counts: &mut Counts, n: &mut ReadingCounts) {
    let (all, of_utility) = match outcome {
        ReadingOutcome::Accepted { .. } | ReadingOutcome::Settling => {
            (&mut counts.accepted, &mut n.acc)
        }
        ReadingOutcome::Duplicate => (&mut counts.duplicate, &mut n.dup),
        ReadingOutcome::Conflicting => (&mut counts.conflicting, &mut n.con),
        ReadingOutcome::Corrected { .. } | ReadingOutcome::Late => (&mut counts.late, &mut n.late),
        ReadingOutcome::Quarantined => (&mut counts.quarantined, &mut n.quar),
        ReadingOutcome::Refused(_) => (&mut counts.rejected, &mut n.refu),
    };
    *all = all.saturating_add(1);
    *of_utility = of_utility.saturating_add(1);
}
