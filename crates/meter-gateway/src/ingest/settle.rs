//! The end of a batch: dead letters, its record, the acknowledgement, in this order.
//!
//! Whatever stops in between, what comes again is recognised: dead letters by their id, the batch by its
//! sequences. Absent on purpose: giving up while NATS is away, since nothing is lost by waiting.

use std::sync::Arc;

use async_nats::jetstream::Context;
use bytes::Bytes;
use ledger_core::ids::Actor;
use ledger_service::{Ledger, ReceivedOutcome};
use tokio::sync::mpsc;

use super::record::Recorded;
use crate::backoff::Backoff;
use crate::dead_letters;
use crate::error::{GatewayError, passes};
use crate::stats::Counters;

/// Settles batches, one after the other.
pub(super) struct Settler {
    pub(super) ledger: Ledger,
    pub(super) gateway: Actor,
    pub(super) js: Context,
    pub(super) stats: Arc<Counters>,
}

impl Settler {
    /// Until no more come, the ledger stops, or another process turns out to record the same gateway.
    pub(super) async fn run(
        self,
        mut batches: mpsc::Receiver<Recorded>,
    ) -> Result<(), GatewayError> {
        while let Some(Recorded {
            received,
            letters,
            ack,
        }) = batches.recv().await
        {
            dead_letters::publish(&self.js, letters).await;
            let (counts, bad, last) = (received.n.clone(), received.bad, received.seq.1);
            match self.append(received).await? {
                ReceivedOutcome::Recorded => self.stats.recorded(&counts, bad, last),
                // Recorded by an attempt whose answer was lost, or by a process before this one.
                ReceivedOutcome::RecordedBefore => {
                    tracing::info!(up_to = last, "a batch was recorded before");
                }
                ReceivedOutcome::Overlaps { recorded_up_to } => {
                    let gateway = self.gateway.to_string();
                    return Err(GatewayError::RecordedByAnother {
                        gateway,
                        recorded_up_to,
                    });
                }
            }
            if let Some(ack) = ack {
                // One that is lost is made up for by the next, or by the resume point in the log.
                if let Err(error) = self
                    .js
                    .client()
                    .publish(ack, Bytes::from_static(b"+ACK"))
                    .await
                {
                    self.stats.trouble(&error);
                }
            }
        }
        Ok(())
    }

    async fn append(
        &self,
        received: ledger_core::event::ReadingsReceived,
    ) -> Result<ReceivedOutcome, GatewayError> {
        let mut backoff = Backoff::new();
        loop {
            match self
                .ledger
                .append_received(&self.gateway, received.clone())
                .await
            {
                Ok(outcome) => return Ok(outcome),
                Err(error) if passes(&error) => {
                    self.stats.trouble(&error);
                    backoff.pause().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
