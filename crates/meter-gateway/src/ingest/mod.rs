//! Readings in: from the stream to priced events that are durable, and only then acknowledged.
//!
//! Three stages with short queues between them: messages are taken and decoded; the batch is decided;
//! its dead letters, its record and its acknowledgement follow. While one batch is decided the next is
//! taken and the last settled. A batch is what waited when the ledger was ready, so batches are small
//! when people wait and large when there is much to do. A full queue stops the taking; JetStream keeps
//! what is not taken.
//!
//! Where to begin is read from the log at the start of each session, and the consumer is made anew
//! there: what a lost connection or a crash has put in doubt comes again in order, and the log knows
//! what it has. Absent on purpose: progress kept anywhere but in the log.

mod arrange;
mod batch;
mod record;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use event_store::EventStore;
use ledger_service::Ledger;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;

pub use batch::{BATCH_MESSAGES_MAX, BATCH_READINGS_MAX};

use self::batch::Batch;
use self::record::Recorder;
use self::settle::Settler;
use crate::backoff::Backoff;
use crate::config::GatewayConfig;
use crate::error::GatewayError;
use crate::journal::{Journal, Mark, lost_after, newest_record};
use crate::lease::Lease;
use crate::names::{self, READINGS_STREAM, READINGS_SUBJECTS, created_ms};
use crate::pull::{Delivered, Pull, WINDOW_MESSAGES_MAX};
use crate::stats::Counters;

/// Batches between two stages: one waits while one is worked on.
const QUEUE_BATCHES: usize = 1;
/// How long the server waits before it delivers a message again that is not acknowledged. Sessions begin
/// where the log ends, so this matters only to a consumer that nobody reads.
const ACK_WAIT: Duration = Duration::from_secs(300);
/// Messages delivered and not acknowledged: the window, and what the three stages hold.
const ACK_PENDING_MAX: usize = WINDOW_MESSAGES_MAX + 6 * BATCH_MESSAGES_MAX;
/// How long the stages may take to finish what they hold when the gateway stops. What is not finished
/// comes again after the start.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// The consumption of one partition.
pub(crate) struct Ingest {
    pub(crate) ledger: Ledger,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) js: Context,
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) stats: Arc<Counters>,
    pub(crate) lease: Arc<Mutex<Option<Lease>>>,
}

/// How far the stream was taken, and which stream it is.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    created_ms: u64,
    taken: u64,
    mark: Option<Mark>,
}

/// Why taking came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The gateway stops.
    Stopped,
    /// The stream is another, or has lost messages: a new gateway id is due.
    Changed,
    /// A stage ended; it says why.
    StageEnded,
}

impl Ingest {
    /// Until the gateway stops or something needs a person.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), GatewayError> {
        let mut cursor: Option<Cursor> = None;
        let mut backoff = Backoff::new();
        while !*stop.borrow() {
            match self.epoch(&mut cursor, &mut stop).await {
                Ok(End::Stopped) => break,
                Ok(End::Changed | End::StageEnded) => backoff = Backoff::new(),
                Err(error) if error.passes() => {
                    self.stats.trouble(&error);
                    tokio::select! {
                        () = backoff.pause() => {}
                        _ = stop.changed() => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Everything under one gateway id.
    async fn epoch(
        &self,
        cursor: &mut Option<Cursor>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<End, GatewayError> {
        let stream = names::readings(&self.js).await?;
        names::rejected(&self.js).await?;
        let created_ms = created_ms(stream.cached_info());
        let mut journal = Journal::open(&self.ledger, &self.config.partition, created_ms).await?;
        let known = cursor
            .filter(|c| c.created_ms == created_ms && c.taken == journal.recorded)
            .and_then(|c| c.mark);
        let mut mark = match known {
            Some(mark) => Some(mark),
            None => {
                let newest = newest_record(&*self.store, &journal.gateway).await?;
                journal.mark(newest.as_ref(), self.ledger.time())
            }
        };
        if let Some(before) = lost_after(&stream, mark, journal.recorded).await? {
            let place = (self.config.partition.as_str(), created_ms);
            journal = journal.next_generation(&self.ledger, place, before).await?;
            mark = None;
        }
        Counters::set(&self.stats.recorded_up_to, journal.recorded);
        let mut at = Cursor {
            created_ms,
            taken: journal.recorded,
            mark,
        };
        let (batches, to_record) = mpsc::channel(QUEUE_BATCHES);
        let mut stages = self.stages(&journal, to_record);
        let end = self.take(&mut at, &batches, stop).await;
        drop(batches);
        *cursor = Some(at);
        finish(&mut stages).await?;
        end
    }

    fn stages(
        &self,
        journal: &Journal,
        to_record: mpsc::Receiver<Batch>,
    ) -> JoinSet<Result<(), GatewayError>> {
        let (recorded, to_settle) = mpsc::channel(QUEUE_BATCHES);
        let recorder = Recorder {
            ledger: self.ledger.clone(),
            gateway: journal.gateway.clone(),
            zone: self.config.zone.clone(),
            stats: Arc::clone(&self.stats),
        };
        let settler = Settler {
            ledger: self.ledger.clone(),
            gateway: journal.gateway.clone(),
            js: self.js.clone(),
            stats: Arc::clone(&self.stats),
        };
        let mut stages = JoinSet::new();
        stages.spawn(recorder.run(to_record, recorded));
        stages.spawn(settler.run(to_settle));
        stages
    }

    /// Sessions, one after the other.
    async fn take(
        &self,
        at: &mut Cursor,
        batches: &mpsc::Sender<Batch>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<End, GatewayError> {
        let mut backoff = Backoff::new();
        loop {
            let before = at.taken;
            let ended = tokio::select! {
                ended = self.session(at, batches) => ended,
                _ = stop.changed() => return Ok(End::Stopped),
                () = batches.closed() => return Ok(End::StageEnded),
            };
            self.stats.consuming(false);
            match ended {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => {}
                Err(error) if error.passes() => self.stats.trouble(&error),
                Err(error) => return Err(error),
            }
            if at.taken > before {
                backoff = Backoff::new();
            }
            tokio::select! {
                () = backoff.pause() => {}
                _ = stop.changed() => return Ok(End::Stopped),
            }
        }
    }

    /// One session with the consumer, made anew where the last one stopped. `None`: begin another.
    async fn session(
        &self,
        at: &mut Cursor,
        batches: &mpsc::Sender<Batch>,
    ) -> Result<Option<End>, GatewayError> {
        if let Some(lease) = self.lease.lock().await.as_mut() {
            lease.renew().await?;
        }
        let stream = names::readings(&self.js).await?;
        if created_ms(stream.cached_info()) != at.created_ms
            || lost_after(&stream, at.mark, at.taken).await?.is_some()
        {
            return Ok(Some(End::Changed));
        }
        let consumer = format!("ledger-{}", self.config.partition);
        self.make_consumer(&stream, &consumer, at.taken + 1).await?;
        let mut pull = Pull::open(&self.js, READINGS_STREAM, &consumer).await?;
        Counters::add(&self.stats.sessions, 1);
        self.stats.consuming(true);
        loop {
            let mut batch = Batch::default();
            let ended = self.fill(&mut pull, at, &mut batch).await;
            // What was taken in order is good, also when the session ended after it.
            if !batch.messages.is_empty() && batches.send(batch).await.is_err() {
                return Ok(Some(End::StageEnded));
            }
            if let Err(ended) = ended {
                self.stats.trouble(&ended);
                return Ok(None);
            }
        }
    }

    /// Takes what waits, at least one message.
    async fn fill(
        &self,
        pull: &mut Pull,
        at: &mut Cursor,
        batch: &mut Batch,
    ) -> Result<(), crate::pull::Ended> {
        let mut next = pull.next().await?;
        loop {
            let pending = next.pending;
            at.pass(&next);
            batch.add(next, &self.config.zone, self.ledger.time());
            Counters::set(&self.stats.waiting_in_stream, pending);
            if batch.is_full() {
                break;
            }
            match pull.waiting() {
                Some(another) => next = another?,
                None => break,
            }
        }
        Counters::add(&self.stats.messages, batch.messages.len() as u64);
        Counters::set(&self.stats.taken_up_to, at.taken);
        pull.ask().await
    }

    /// The consumer, reading from a sequence on. One that is there is of an earlier session.
    async fn make_consumer(
        &self,
        stream: &Stream,
        name: &str,
        start_sequence: u64,
    ) -> Result<(), GatewayError> {
        // That there is none is the usual case after a clean stop.
        if let Err(error) = stream.delete_consumer(name).await {
            tracing::debug!(%error, name, "no consumer of an earlier session");
        }
        // JetStream wants no filter where it would be all the stream has.
        let whole = self.config.filter == READINGS_SUBJECTS;
        let config = pull::Config {
            durable_name: Some(name.to_owned()),
            description: Some(
                "The ledger's consumer of readings; its progress is in the log".to_owned(),
            ),
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            ack_policy: AckPolicy::All,
            ack_wait: ACK_WAIT,
            max_ack_pending: i64::try_from(ACK_PENDING_MAX).unwrap_or(i64::MAX),
            filter_subject: if whole {
                String::new()
            } else {
                self.config.filter.clone()
            },
            ..pull::Config::default()
        };
        let made = stream.create_consumer(config).await;
        made.map(|_| ())
            .map_err(|error| GatewayError::nats("making the consumer of readings", error))
    }
}

impl Cursor {
    /// A message is taken.
    fn pass(&mut self, delivered: &Delivered) {
        self.taken = delivered.sequence;
        self.mark = Some(Mark {
            sequence: delivered.sequence,
            stored_ns: i128::from(delivered.stored_ns),
            slack: Duration::ZERO,
        });
    }
}

/// Lets the stages finish what they hold.
async fn finish(stages: &mut JoinSet<Result<(), GatewayError>>) -> Result<(), GatewayError> {
    let all = async {
        let mut result = Ok(());
        while let Some(ended) = stages.join_next().await {
            let ended =
                ended.unwrap_or_else(|error| Err(GatewayError::TaskEnded(error.to_string())));
            result = result.and(ended);
        }
        result
    };
    match tokio::time::timeout(DRAIN_MAX, all).await {
        Ok(result) => result,
        Err(_) => {
            tracing::warn!("the last batches were not settled in time; they come again");
            stages.abort_all();
            Ok(())
        }
    }
}
