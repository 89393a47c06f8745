//! Deciding a batch, and the tally of what became of it.
//!
//! A busy ledger is waited for; nothing is dropped and nothing is decided twice, since a delivery keeps
//! its sequence. A reading that the ledger can never decide goes to the dead letters alone and does not
//! hold up its neighbours. Absent on purpose: publishing and acknowledging.

use std::sync::Arc;

use async_nats::Subject;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use ledger_core::answer::ReadingOutcome;
use ledger_core::event::{ReadingCounts, ReadingsReceived};
use ledger_core::ids::{Actor, MeterNumber};
use ledger_core::time::{LocalDateTime, Timestamp, Zone};
use ledger_core::utility::Utility;
use ledger_service::{Delivery, Ledger, ServiceError};
use tokio::sync::mpsc;

use super::arrange::{Share, arrange};
use super::batch::{Arrived, Batch};
use crate::backoff::Backoff;
use crate::dead_letters::{DeadLetter, reading_json, refusal_of};
use crate::decode::Doubled;
use crate::error::{GatewayError, passes};
use crate::stats::Counters;

/// Batches that are decided at once: one waits for its sync while the next is decided.
pub(super) const DECIDING_MAX: usize = 2;

/// A decided batch: everything durable but its own record.
#[derive(Debug)]
pub(super) struct Recorded {
    /// What is to be appended to the gateway's stream.
    pub(super) received: ReadingsReceived,
    /// What is to be published first.
    pub(super) letters: Vec<DeadLetter>,
    /// Where the acknowledgement goes last.
    pub(super) ack: Option<Subject>,
}

/// Decides batches, one after the other.
pub(super) struct Recorder {
    pub(super) ledger: Ledger,
    pub(super) gateway: Actor,
    pub(super) zone: Zone,
    pub(super) stats: Arc<Counters>,
}

impl Recorder {
    /// Until no more come, or the ledger stops. The next batch is handed over while the last one waits
    /// for its sync. A batch is handed over whole when it is first polled, and they are polled in the
    /// order they came, so each meter's readings keep their order.
    pub(super) async fn run(
        self,
        mut batches: mpsc::Receiver<Batch>,
        recorded: mpsc::Sender<Recorded>,
    ) -> Result<(), GatewayError> {
        let mut deciding = FuturesOrdered::new();
        let mut more = true;
        while more || !deciding.is_empty() {
            tokio::select! {
                batch = batches.recv(), if more && deciding.len() < DECIDING_MAX => {
                    let Some(mut batch) = batch else {
                        more = false;
                        continue;
                    };
                    if batch.has_doubled_times() {
                        // Which of the two it was depends on everything before.
                        while let Some(done) = deciding.next().await {
                            hand_on(&recorded, done?).await;
                        }
                        self.settle_doubled_times(&mut batch.messages).await?;
                    }
                    deciding.push_back(self.record(batch));
                }
                Some(done) = deciding.next(), if !deciding.is_empty() => hand_on(&recorded, done?).await,
                // The settler's own error is the one to report.
                () = recorded.closed() => break,
            }
        }
        Ok(())
    }

    async fn record(&self, mut batch: Batch) -> Result<Option<Recorded>, GatewayError> {
        let Some(seq) = batch.range() else {
            return Ok(None);
        };
        let mut tally = Tally::new(&self.ledger, &self.gateway);
        for message in &mut batch.messages {
            tally.malformed(message);
        }
        let mut left = arrange(&batch.messages);
        let mut backoff = Backoff::new();
        while !left.is_empty() {
            left = self.decide(&batch.messages, left, &mut tally).await?;
            if !left.is_empty() {
                Counters::add(&self.stats.waits, 1);
                backoff.pause().await;
            }
        }
        let at = self.ledger.time().now();
        let n = tally
            .counts
            .into_iter()
            .filter(|counts| counts.total() > 0)
            .collect();
        let received = ReadingsReceived {
            seq,
            at,
            n,
            bad: tally.bad,
        };
        Ok(Some(Recorded {
            received,
            letters: tally.letters,
            ack: batch.ack,
        }))
    }

    /// One attempt; gives back what must be tried again.
    async fn decide(
        &self,
        messages: &[Arrived],
        shares: Vec<Share>,
        tally: &mut Tally<'_>,
    ) -> Result<Vec<Share>, GatewayError> {
        let deliveries: Vec<Delivery> = shares
            .iter()
            .filter_map(|share| share.delivery(messages))
            .collect();
        assert!(
            deliveries.len() == shares.len(),
            "every share is of a message of its batch"
        );
        let results = self.ledger.record_readings(&self.gateway, deliveries).await;
        assert!(results.len() == shares.len(), "every delivery is answered");
        let mut again = Vec::new();
        for (share, result) in shares.into_iter().zip(results) {
            match result {
                Ok(outcomes) => tally.decided(messages, &share, outcomes),
                Err(error) if passes(&error) => {
                    self.stats.trouble(&error);
                    again.push(share);
                }
                Err(ServiceError::Stopped(why)) => return Err(ServiceError::Stopped(why).into()),
                Err(error) => match share.places(messages).as_slice() {
                    [place] => tally.undecided(messages, share.message, *place, &error),
                    _ => again.extend(share.split(messages)),
                },
            }
        }
        Ok(again)
    }

    /// A local time that was shown twice is the first of the two, unless that is not after the meter's
    /// newest reading (C7): the one in the ledger, or an earlier one of this batch.
    async fn settle_doubled_times(&self, messages: &mut [Arrived]) -> Result<(), GatewayError> {
        for message in 0..messages.len() {
            let doubled = messages
                .get(message)
                .map(|m| m.decoded.doubled.clone())
                .unwrap_or_default();
            for Doubled { reading, local } in doubled {
                let read_at = self.read_at(messages, (message, reading), local).await?;
                let found = messages
                    .get_mut(message)
                    .and_then(|m| m.decoded.readings.get_mut(reading));
                if let (Some(found), Some(read_at)) = (found, read_at) {
                    found.read_at = read_at;
                }
            }
        }
        Ok(())
    }

    async fn read_at(
        &self,
        messages: &[Arrived],
        (message, place): (usize, usize),
        local: LocalDateTime,
    ) -> Result<Option<Timestamp>, GatewayError> {
        let Some(meter) = messages
            .get(message)
            .and_then(|m| m.reading(place))
            .map(|r| &r.meter)
        else {
            return Ok(None);
        };
        let earlier = messages
            .iter()
            .take(message)
            .flat_map(|m| m.decoded.readings.iter());
        let beside = messages
            .get(message)
            .into_iter()
            .flat_map(|m| m.decoded.readings.iter().take(place));
        let here = earlier
            .chain(beside)
            .filter(|r| r.meter == *meter)
            .map(|r| r.read_at)
            .max();
        let newest = here.max(self.newest_in_ledger(meter).await?);
        Ok(Some(self.zone.local_to_utc(local, newest)))
    }

    async fn newest_in_ledger(
        &self,
        meter: &MeterNumber,
    ) -> Result<Option<Timestamp>, GatewayError> {
        let mut backoff = Backoff::new();
        // Where others write too: an instant that is told twice is decided by who holds the meter now.
        while let Err(error) = self.ledger.hear().await {
            if !passes(&error) {
                return Err(error.into());
            }
            backoff.pause().await;
        }
        let Some(holder) = self.ledger.meter_holder(meter) else {
            return Ok(None);
        };
        loop {
            match self.ledger.account(&holder.account).await {
                Ok(view) => {
                    let bases = view
                        .iter()
                        .flat_map(|v| v.account.meters())
                        .filter(|m| m.number == *meter);
                    return Ok(bases.map(|m| m.base.at).max());
                }
                Err(error) if passes(&error) => backoff.pause().await,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// To the settler. That it has ended is noticed by the caller.
async fn hand_on(recorded: &mpsc::Sender<Recorded>, done: Option<Recorded>) {
    if let Some(done) = done
        && recorded.send(done).await.is_err()
    {
        tracing::debug!("the settler has ended");
    }
}

/// What became of a batch.
struct Tally<'a> {
    ledger: &'a Ledger,
    gateway: &'a Actor,
    counts: [ReadingCounts; 2],
    bad: u64,
    letters: Vec<DeadLetter>,
}

impl<'a> Tally<'a> {
    fn new(ledger: &'a Ledger, gateway: &'a Actor) -> Self {
        Self {
            ledger,
            gateway,
            counts: Utility::ALL.map(ReadingCounts::none),
            bad: 0,
            letters: Vec::new(),
        }
    }

    fn malformed(&mut self, message: &mut Arrived) {
        let source = message.source(self.gateway.as_str());
        for malformed in std::mem::take(&mut message.decoded.malformed) {
            self.bad += 1;
            self.letters
                .push(DeadLetter::malformed(malformed, source.clone()));
        }
    }

    fn decided(&mut self, messages: &[Arrived], share: &Share, outcomes: Vec<ReadingOutcome>) {
        let Some(message) = messages.get(share.message) else {
            return;
        };
        let places = share.places(messages);
        assert!(
            places.len() == outcomes.len(),
            "every reading of a delivery is answered"
        );
        for (place, outcome) in places.into_iter().zip(outcomes) {
            let counts = self.counts_of(message, place);
            match &outcome {
                ReadingOutcome::Accepted { .. } | ReadingOutcome::Settling => counts.acc += 1,
                ReadingOutcome::Duplicate => counts.dup += 1,
                ReadingOutcome::Conflicting => counts.con += 1,
                ReadingOutcome::Corrected { .. } | ReadingOutcome::Late => counts.late += 1,
                ReadingOutcome::Quarantined => counts.quar += 1,
                ReadingOutcome::Refused(_) => counts.refu += 1,
            }
            if let Some(refusal) = refusal_of(&outcome) {
                let (index, payload) = original(message, place);
                let source = message.source(self.gateway.as_str());
                self.letters
                    .push(DeadLetter::refused(refusal, index, payload, source));
            }
        }
    }

    fn undecided(
        &mut self,
        messages: &[Arrived],
        message: usize,
        place: usize,
        error: &ServiceError,
    ) {
        let Some(message) = messages.get(message) else {
            return;
        };
        self.counts_of(message, place).refu += 1;
        let (index, payload) = original(message, place);
        let source = message.source(self.gateway.as_str());
        self.letters
            .push(DeadLetter::undecided(error, index, payload, source));
    }

    /// Counts of the meter's utility; of the subject's where nobody holds the meter.
    fn counts_of(&mut self, message: &Arrived, place: usize) -> &mut ReadingCounts {
        let holder = message
            .reading(place)
            .and_then(|reading| self.ledger.meter_holder(&reading.meter));
        let utility = holder.map_or(message.utility, |holder| holder.utility);
        let [electricity, water] = &mut self.counts;
        match utility {
            Utility::Electricity => electricity,
            Utility::Water => water,
        }
    }
}

/// A refused reading as it was sent: the message itself, or its reading written out of the batch.
fn original(message: &Arrived, reading: usize) -> (Option<usize>, bytes::Bytes) {
    match (message.place_in_batch(reading), message.reading(reading)) {
        (Some(place), Some(reading)) => (Some(place), reading_json(reading)),
        (_, _) => (None, message.payload.clone()),
    }
}
