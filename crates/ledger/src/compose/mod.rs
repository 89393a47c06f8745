//! The composition of a running ledger: log, write path, read models, clock, gRPC and gateway in one
//! process, started in the order in which they need each other and stopped in the reverse.
//!
//! `serve` runs it until a signal; the demonstration and `import` run it inside their own process. A
//! part that fails stops the whole with its error: a ledger that serves with a dead part inside would
//! lie. Only NATS may be away. Absent on purpose: any decision of the domain.

mod catch_up;
mod due;
mod gateway;
mod kurrent;
mod log;
mod persons;
mod status;

pub(crate) use catch_up::{CatchUp, Caught};
pub(crate) use due::facts_of;
pub(crate) use log::{Log, ledger_exists};
pub(crate) use persons::{master_keys, open_persons};
pub(crate) use status::{LiveStatus, STALE_AFTER_MS, read_status};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use command_api::keys::Keys;
use command_api::{Limits, Parts, Rehearsal, ServeError, ServerConfig};
use event_store::embedded::{EmbeddedStore, Report};
use event_store::snapshot::{SnapshotStore, SqliteSnapshots};
use event_store::transact::TransactConfig;
use ledger_core::time::Timestamp;
use ledger_service::{ClockConfig, Ledger, LedgerConfig, Policies, TimeSource, run_clock};
use projections::ReadModels;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::scheme;
use crate::config::{ClockKind, Settings};
use crate::exit::Exit;
use crate::failure::Failure;

use gateway::GatewayPart;
use kurrent::KurrentPart;

/// How often the parts are looked at: a stopped one is noticed within this time.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// The scheme of new accounts, and of money without an account, when it is there.
const FIRST_SCHEME: &str = "usms";
/// Shards of the write path at most: beyond it, the log's one writer is what limits.
const SHARDS_MAX: usize = 16;

/// The parts below the edges: what `import` and `doctor` need too.
pub(crate) struct Core {
    /// The log.
    pub(crate) log: Log,
    /// The one write path.
    pub(crate) ledger: Ledger,
    /// The read models.
    pub(crate) reads: ReadModels,
    snapshots: Arc<SqliteSnapshots>,
}

/// How a ledger is started beyond its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StartOptions {
    /// Opens a log that is older than what was seen of it, and begins a new epoch.
    pub(crate) accept_older: bool,
    /// Faults shown to callers on purpose: the sandbox's.
    pub(crate) rehearsal: Option<Rehearsal>,
}

impl Core {
    /// Opens the log, folds what is missing, finishes what a crash cut short.
    ///
    /// # Errors
    /// When the log is locked, damaged, or older than a witness; when a file of the data folder cannot
    /// be used.
    pub(crate) async fn start(settings: &Settings, options: StartOptions) -> Result<Self, Failure> {
        let log = Log::open(settings, options.accept_older).await?;
        let snapshots = SqliteSnapshots::open(&settings.snapshots_file()).map_err(|error| {
            Failure::unavailable("SNAPSHOTS", error.to_string())
                .advise("remove the file: snapshots are made anew from the log")
        })?;
        let snapshots = Arc::new(snapshots);
        let reads = ReadModels::start(
            log.store(),
            projections::Settings::at(&settings.read_models_file()),
        )
        .await?;
        let ledger = Ledger::start(
            log.store(),
            Some(Arc::clone(&snapshots) as Arc<dyn SnapshotStore>),
            policies(settings)?,
            time_source(settings.clock),
            ledger_config(settings),
        )
        .await?;
        Ok(Self {
            log,
            ledger,
            reads,
            snapshots,
        })
    }

    /// Waits until the read models know of everything that is in the log now.
    ///
    /// # Errors
    /// When they have stopped, or it takes longer than `deadline`.
    pub(crate) async fn caught_up(&self, deadline: Duration) -> Result<(), Failure> {
        if let Some(tail) = self.log.tail().await? {
            self.reads.wait_for(tail, deadline).await?;
        }
        Ok(())
    }

    /// Finishes what is under way, writes what is kept between starts, and closes the log.
    pub(crate) async fn shutdown(self) {
        self.ledger.shutdown().await;
        self.snapshots.flush().await;
        self.reads.close().await;
        self.log.close().await;
    }
}

/// The schemes of this configuration, the first one being that of new accounts.
pub(crate) fn policies(settings: &Settings) -> Result<Policies, Failure> {
    let mut all = scheme::policies(settings)?;
    all.sort_by_key(|policy| policy.name() != FIRST_SCHEME);
    Policies::new(all).map_err(|error| Failure::usage("SCHEMES", error.to_string()))
}

fn time_source(clock: ClockKind) -> TimeSource {
    match clock {
        ClockKind::System => TimeSource::system(),
        ClockKind::Simulated => TimeSource::simulated(Timestamp::EPOCH),
    }
}

fn ledger_config(settings: &Settings) -> LedgerConfig {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let shards = cores.clamp(1, SHARDS_MAX);
    let transact = TransactConfig {
        shards,
        accounts_max: settings.cache_accounts.div_ceil(shards),
        ..TransactConfig::default()
    };
    LedgerConfig {
        transact,
        directory_file: Some(settings.data_dir.join("meter-directory.snapshot")),
        ..LedgerConfig::default()
    }
}

/// A ledger that serves.
pub(crate) struct Running {
    /// Where gRPC listens: the real port, also when port 0 was asked for.
    pub(crate) address: SocketAddr,
    /// Where clients of KurrentDB may read, if they may.
    pub(crate) kurrent: Option<SocketAddr>,
    /// Whether it has persons' records: a master key is configured.
    pub(crate) keeps_persons: bool,
    /// Everything below the edges.
    pub(crate) core: Core,
    stop: watch::Sender<bool>,
    api: JoinHandle<Result<(), ServeError>>,
    clock: JoinHandle<()>,
    gateway: Option<GatewayPart>,
    readers: Option<KurrentPart>,
    status: JoinHandle<()>,
}

impl Running {
    /// Starts every part. When it returns, calls are answered.
    ///
    /// # Errors
    /// Those of [`Core::start`]; when the address is taken, or the gateway's settings are wrong.
    pub(crate) async fn start(
        settings: &Settings,
        keys: Keys,
        options: StartOptions,
    ) -> Result<Self, Failure> {
        let masters = master_keys(settings)?;
        // The log first: who holds it is who serves this folder.
        let core = Core::start(settings, options).await?;
        let opened = masters.map(|masters| open_persons(settings, &masters));
        let persons = match opened.transpose() {
            Ok(persons) => persons.map(Arc::new),
            Err(failure) => {
                core.shutdown().await;
                return Err(failure);
            }
        };
        let keeps_persons = persons.is_some();
        let (stop, stopping) = watch::channel(false);
        let history_keys = keys.clone();
        let server = ServerConfig {
            listen: settings.grpc_listen,
            keys,
            time: core.ledger.time().clone(),
            limits: Limits::default(),
            rehearsal: options.rehearsal,
        };
        let parts = Parts {
            ledger: core.ledger.clone(),
            reads: core.reads.clone(),
            store: core.log.store(),
            persons,
        };
        let (address, serving) =
            match command_api::serve(server, parts, told(stopping.clone())).await {
                Ok(served) => served,
                Err(error) => {
                    core.shutdown().await;
                    return Err(error.into());
                }
            };
        let api = tokio::spawn(serving);
        let due = due::source(&core.ledger, core.reads.clone());
        let clock = tokio::spawn(run_clock(
            core.ledger.clone(),
            due,
            ClockConfig::default(),
            told(stopping.clone()),
        ));
        let gateway = GatewayPart::start(settings, &core, stopping.clone());
        let readers = KurrentPart::start(settings, &core, history_keys, told(stopping.clone()));
        let (gateway, readers) = match futures::future::try_join(gateway, readers).await {
            Ok(edges) => edges,
            Err(failure) => {
                // Everyone who listens ends by itself when the sender is gone.
                drop(stop);
                core.shutdown().await;
                return Err(failure);
            }
        };
        let source = status::Source::new(settings, &core, address, gateway.clone());
        let status = tokio::spawn(status::write_until(source, told(stopping)));
        Ok(Self {
            address,
            kurrent: readers.as_ref().map(|readers| readers.address),
            keeps_persons,
            core,
            stop,
            api,
            clock,
            gateway,
            readers,
            status,
        })
    }

    /// What opening the embedded log found.
    pub(crate) fn report(&self) -> Option<&Report> {
        self.core.log.embedded().map(EmbeddedStore::report)
    }

    /// Serves until `asked` resolves or a part fails, then stops everything in order.
    ///
    /// # Errors
    /// The failure of the part that stopped it.
    pub(crate) async fn run_until(
        mut self,
        asked: impl Future<Output = ()> + Send,
    ) -> Result<Exit, Failure> {
        let failed = tokio::select! {
            () = asked => None,
            failure = self.failure() => Some(failure),
        };
        if let Some(failure) = &failed {
            tracing::error!(code = failure.code(), "{}; stopping", failure.what());
        }
        let stopped = self.stop().await;
        match failed {
            Some(failure) => Err(failure),
            None => stopped.map(|()| Exit::Done),
        }
    }

    /// Stops in order: no new calls, those under way finish, then write path, read models, log.
    ///
    /// # Errors
    /// When calls had to be cut off.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        tracing::info!("stopping: no new calls are taken");
        // Everyone who listens is one of the tasks waited for below.
        let _ = self.stop.send(true);
        let served = if self.api.is_finished() {
            Ok(())
        } else {
            joined(self.api.await)
        };
        if let Some(gateway) = &self.gateway {
            gateway.stopped().await;
        }
        if let Some(readers) = self.readers {
            readers.stopped().await;
        }
        for task in [self.clock, self.status] {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a task did not end in order");
            }
        }
        self.core.shutdown().await;
        tracing::info!("stopped");
        served
    }

    /// Resolves with the failure of the first part that fails.
    async fn failure(&mut self) -> Failure {
        loop {
            tokio::time::sleep(WATCH_EVERY).await;
            if self.api.is_finished() {
                let ended = (&mut self.api).await;
                return joined(ended).err().unwrap_or_else(|| {
                    Failure::unavailable("API_SERVER", "the gRPC server ended by itself")
                });
            }
            if self.clock.is_finished() {
                return Failure::damaged(
                    "CLOCK_ENDED",
                    "the clock ended by itself: deadlines would not act",
                )
                .advise("start the ledger again; what became due in between acts then");
            }
            if let Some(stopped) = self.core.reads.status().stopped {
                return stopped.into();
            }
            if let Some(why) = self.core.log.stopped() {
                return Failure::damaged(
                    "LOG_STOPPED",
                    format!("the log takes nothing more: {why}"),
                )
                .advise("look at the disk (room, errors), then start the ledger again");
            }
            if let Some(readers) = &mut self.readers
                && let Some(failure) = readers.failure().await
            {
                return failure;
            }
            if let Some(gateway) = &self.gateway
                && let Some(failure) = gateway.failure().await
            {
                return failure;
            }
        }
    }
}

fn joined(ended: Result<Result<(), ServeError>, tokio::task::JoinError>) -> Result<(), Failure> {
    match ended {
        Ok(served) => served.map_err(Failure::from),
        Err(error) => Err(Failure::damaged(
            "API_SERVER",
            format!("the gRPC server broke: {error}"),
        )),
    }
}

/// Resolves when the ledger is to stop.
async fn told(mut stopping: watch::Receiver<bool>) {
    // The sender lives as long as the ledger; if it is gone, everything is to stop.
    let _ = stopping.wait_for(|stop| *stop).await;
}
