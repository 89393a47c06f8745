//! The gateway as a whole: started, watched, stopped.
//!
//! Owns the tasks and the lease. A task that needs a person stops all of them with its reason, which the
//! composition reports; everything that passes by itself is waited out inside. Absent on purpose: a
//! restart of a failed gateway, which is the decision of whoever runs the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use async_nats::jetstream::Context;
use event_store::EventStore;
use ledger_service::Ledger;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::backoff::Backoff;
use crate::config::{GatewayConfig, connect};
use crate::error::GatewayError;
use crate::ingest::Ingest;
use crate::journal::is_partition;
use crate::lease::{Lease, RENEW_EVERY};
use crate::names;
use crate::order_acks::OrderAcks;
use crate::outbox::{Outbox, Publisher};
use crate::stats::{Counters, GatewayStats};

/// A running gateway. Dropping it stops it at once, as a crash would; nothing is lost by that.
#[derive(Debug)]
pub struct GatewayHandle {
    stats: Arc<Counters>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), GatewayError>>,
}

impl GatewayHandle {
    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> GatewayStats {
        self.stats.snapshot()
    }

    /// Waits until it ends by itself, which it does only when it needs a person or `shutdown` was set.
    ///
    /// # Errors
    /// Why it ended.
    pub async fn ended(&mut self) -> Result<(), GatewayError> {
        flatten((&mut self.task).await)
    }

    /// Takes no more, finishes what is under way, gives the lease back.
    ///
    /// # Errors
    /// What went wrong while stopping, or before.
    pub async fn stop(mut self) -> Result<(), GatewayError> {
        // A gateway that has ended by itself hears nothing.
        let _ = self.stop.send(true);
        flatten((&mut self.task).await)
    }
}

impl Drop for GatewayHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn flatten(
    ended: Result<Result<(), GatewayError>, tokio::task::JoinError>,
) -> Result<(), GatewayError> {
    ended.unwrap_or_else(|error| Err(GatewayError::TaskEnded(error.to_string())))
}

/// Starts the gateway. It waits by itself for NATS to be there. `shutdown` set to true, or its sender
/// dropped, stops it in order.
///
/// # Errors
/// When the configuration cannot be used.
pub async fn run(
    config: GatewayConfig,
    ledger: Ledger,
    store: Arc<dyn EventStore>,
    shutdown: watch::Receiver<bool>,
) -> Result<GatewayHandle, GatewayError> {
    if !is_partition(&config.partition) {
        return Err(GatewayError::BadPartition(config.partition));
    }
    let js = names::context(connect(&config.connection, &config.partition).await?);
    let stats = Arc::new(Counters::default());
    let (stop, stopping) = watch::channel(false);
    let parts = Parts {
        config: Arc::new(config),
        ledger,
        store,
        js,
        stats: Arc::clone(&stats),
        instance: instance(),
    };
    let task = tokio::spawn(parts.run(shutdown, stop.clone(), stopping));
    Ok(GatewayHandle { stats, stop, task })
}

/// Everything the tasks share.
struct Parts {
    config: Arc<GatewayConfig>,
    ledger: Ledger,
    store: Arc<dyn EventStore>,
    js: Context,
    stats: Arc<Counters>,
    instance: String,
}

impl Parts {
    async fn run(
        self,
        mut shutdown: watch::Receiver<bool>,
        stop: watch::Sender<bool>,
        stopping: watch::Receiver<bool>,
    ) -> Result<(), GatewayError> {
        let lease = Arc::new(Mutex::new(None));
        let mut tasks = self.start(&lease, &stopping);
        let mut heard = stopping.clone();
        let mut result = Ok(());
        let mut first = None;
        tokio::select! {
            // An owner that only drops its sender wants an end as well.
            _ = shutdown.wait_for(|stop| *stop) => {}
            _ = heard.wait_for(|stop| *stop) => {}
            ended = tasks.join_next() => first = ended,
        }
        // Nobody may listen any more.
        let _ = stop.send(true);
        while let Some(ended) = match first.take() {
            Some(ended) => Some(ended),
            None => tasks.join_next().await,
        } {
            result = result.and(flatten(ended));
        }
        if let Some(lease) = lease.lock().await.take() {
            lease.release().await;
        }
        result
    }

    fn start(
        &self,
        lease: &Arc<Mutex<Option<Lease>>>,
        stopping: &watch::Receiver<bool>,
    ) -> JoinSet<Result<(), GatewayError>> {
        let mut tasks = JoinSet::new();
        let ingest = Ingest {
            ledger: self.ledger.clone(),
            store: Arc::clone(&self.store),
            js: self.js.clone(),
            config: Arc::clone(&self.config),
            stats: Arc::clone(&self.stats),
            lease: Arc::clone(lease),
        };
        tasks.spawn(own(ingest, self.instance.clone(), stopping.clone()));
        let acks = OrderAcks {
            ledger: self.ledger.clone(),
            js: self.js.clone(),
            zone: self.config.zone.clone(),
            stats: Arc::clone(&self.stats),
        };
        tasks.spawn(acks.run(stopping.clone()));
        if self.config.outbox {
            let publisher = Publisher {
                js: self.js.clone(),
                instance: self.instance.clone(),
                store: self.store.store_id(),
                continue_after: self.config.outbox_continue_after,
            };
            let (ledger, store) = (self.ledger.clone(), Arc::clone(&self.store));
            tasks.spawn(
                Outbox::new(ledger, store, publisher, Arc::clone(&self.stats))
                    .run(stopping.clone()),
            );
        }
        tasks
    }
}

/// Consumes while the partition is ours.
async fn own(
    ingest: Ingest,
    instance: String,
    stop: watch::Receiver<bool>,
) -> Result<(), GatewayError> {
    let lease = Arc::clone(&ingest.lease);
    let stats = Arc::clone(&ingest.stats);
    let mut stopping = stop.clone();
    let taken = tokio::select! {
        taken = take_lease(&ingest, &instance) => taken?,
        _ = stopping.wait_for(|stop| *stop) => return Ok(()),
    };
    *lease.lock().await = Some(taken);
    let consuming = ingest.run(stop);
    tokio::pin!(consuming);
    let mut renewal = tokio::time::interval(RENEW_EVERY);
    loop {
        tokio::select! {
            ended = &mut consuming => return ended,
            _ = renewal.tick() => {}
        }
        // A session at its start holds the lease for its own renewal.
        let Ok(mut held) = lease.try_lock() else {
            continue;
        };
        let Some(held) = held.as_mut() else { continue };
        tokio::select! {
            ended = &mut consuming => return ended,
            renewed = held.renew() => match renewed {
                Ok(()) => {}
                Err(error) if error.passes() => stats.trouble(&error),
                Err(error) => return Err(error),
            },
        }
    }
}

async fn take_lease(ingest: &Ingest, instance: &str) -> Result<Lease, GatewayError> {
    let mut backoff = Backoff::new();
    loop {
        match Lease::take(&ingest.js, &ingest.config.partition, instance).await {
            Ok(lease) => return Ok(lease),
            Err(error) if error.passes() => ingest.stats.trouble(&error),
            Err(error) => return Err(error),
        }
        backoff.pause().await;
    }
}

/// A name for this process and start, unlike any other's.
fn instance() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!(
        "pid-{}-{started:x}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}
