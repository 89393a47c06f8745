//! [`Ledger`]: the door that every entrance uses.
//!
//! Owns start and end, the run of a routed command, and the look-ups. Routing is in `route`, readings in
//! `readings`, quotes in `quote`, the check of what a crash left in `doctor`. Absent on purpose: retries
//! (a caller repeats under the same key) and deadlines (a caller drops its future; the command goes on
//! and is recognised when it comes again).

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_store::snapshot::SnapshotStore;
use event_store::transact::{Answered, Failure, Stats, Transact, TransactConfig, newest_settled};
use event_store::{EventStore, ReadError};
use ledger_core::account::Lifecycle;
use ledger_core::command::Command;
use ledger_core::event::ReadingsReceived;
use ledger_core::ids::{AccountId, Actor, CommandKey, MeterNumber};
use ledger_core::time::Timestamp;
use tokio::task::JoinHandle;

use crate::api::{
    AccountView, CommandRequest, KeyStatus, MeterHolder, ReceivedOutcome, Reply, ReturnRequest,
    ServiceError,
};
use crate::directory::Holder;
use crate::domain::{LedgerDomain, State, answer_of, answered};
use crate::policies::Policies;
use crate::publishing;
use crate::registry::{Registry, RegistryError};
use crate::route;
use crate::snapshot_file;
use crate::task::{BareTask, GatewayTask, Task, Verdict, account_stream, prefix, stream};
use crate::time_source::TimeSource;

/// Settings of a [`Ledger`].
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// Limits of the one write path.
    pub transact: TransactConfig,
    /// Where the meter directory is kept between starts; `None` reads the whole log at each start.
    pub directory_file: Option<PathBuf>,
    /// How often it is written. A start reads what the log has since, so this bounds the start.
    pub directory_every: Duration,
}

impl Default for LedgerConfig {
    fn default() -> Self {
        Self {
            transact: TransactConfig::default(),
            directory_file: None,
            directory_every: Duration::from_secs(60),
        }
    }
}

/// Why the service did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error("reading the log for the meter directory: {0}")]
    Read(#[from] ReadError),
    /// The log says something that this version does not understand.
    #[error("the log cannot be understood: {0}")]
    Damaged(String),
}

impl From<RegistryError> for StartError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Read(error) => Self::Read(error),
            RegistryError::Damaged { .. } => Self::Damaged(error.to_string()),
        }
    }
}

/// The ledger's write side and its look-ups. Cheap to clone.
#[derive(Clone)]
pub struct Ledger(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) transact: Transact<LedgerDomain>,
    pub(crate) domain: Arc<LedgerDomain>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) registry: Registry,
    /// Versions of schemes met in the log that are served.
    pub(crate) adopted: AtomicU64,
    time: TimeSource,
    config: LedgerConfig,
    background: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("transact", &self.0.transact)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Starts the service on the present tokio runtime: brings the meter directory up to the log's end
    /// and finishes what a crash has cut short.
    ///
    /// # Errors
    /// When the store cannot be read, or holds what cannot be understood.
    pub async fn start(
        store: Arc<dyn EventStore>,
        snapshots: Option<Arc<dyn SnapshotStore>>,
        policies: Policies,
        time: TimeSource,
        config: LedgerConfig,
    ) -> Result<Self, StartError> {
        let registry = Registry::new(read_image(&config, &*store));
        let read = registry.catch_up(&*store).await?;
        tracing::info!(
            events = read,
            meters = registry.read().directory.len(),
            "the meter directory is current"
        );
        let adopted = AtomicU64::new(registry.published());
        publishing::load(&*store, &policies).await?;
        let background = Mutex::new(background(&registry, &store, (&config, &policies)));
        let domain = Arc::new(LedgerDomain::new(policies));
        let transact = Transact::start(
            Arc::clone(&domain),
            Arc::clone(&store),
            snapshots,
            config.transact,
        );
        let ledger = Self(Arc::new(Inner {
            transact,
            domain,
            store,
            registry,
            adopted,
            time,
            config,
            background,
        }));
        ledger.sweep_left(Duration::ZERO).await;
        ledger.sweep().await;
        ledger.sweep_on();
        Ok(ledger)
    }

    /// Takes no more commands, finishes what is under way, and writes the meter directory.
    pub async fn shutdown(&self) {
        self.0.transact.shutdown().await;
        for task in std::mem::take(
            &mut *self
                .0
                .background
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        ) {
            task.abort();
        }
        if let Some(path) = &self.0.config.directory_file {
            write_image(&self.0.registry, &*self.0.store, path).await;
        }
    }

    /// Keeps a task that ends with the service.
    pub(crate) fn keep(&self, task: JoinHandle<()>) {
        let mut background = self
            .0
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        background.push(task);
    }

    /// Where *received at* comes from.
    #[must_use]
    pub fn time(&self) -> &TimeSource {
        &self.0.time
    }

    /// The schemes that are served.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        self.0.domain.policies()
    }

    /// Counts of the write path since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.transact.stats()
    }

    /// Decides a keyed command and waits until the answer is durable (C4).
    ///
    /// # Errors
    /// See [`ServiceError`]. Business refusals are answers.
    pub async fn submit(&self, request: CommandRequest) -> Result<Reply, ServiceError> {
        self.hear().await?;
        let task = route::command(self, request).await?;
        self.run(task).await
    }

    /// Returns money from suspense to its payer (C13).
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn return_suspense(&self, request: ReturnRequest) -> Result<Reply, ServiceError> {
        self.run(route::suspense_return(request)?).await
    }

    /// A meter confirms an order (C20). A confirmation that comes again changes nothing.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn confirm_order(
        &self,
        actor: &Actor,
        received_at: Timestamp,
        confirmation: (MeterNumber, u32, Timestamp),
    ) -> Result<Reply, ServiceError> {
        self.hear().await?;
        let (meter, order, at) = confirmation;
        let holder = match self.present_holder(&meter) {
            Ok(holder) => holder,
            Err(refusal) => return Ok(refused(refusal)),
        };
        let command = Command::ConfirmOrder { meter, order, at };
        let Holder {
            account, stream, ..
        } = holder;
        let task = BareTask {
            stream,
            account,
            command,
            actor: actor.clone(),
            received_at,
        };
        self.run(Task::Bare(Box::new(task))).await
    }

    /// Lets the deadlines of accounts act that are due before `at` (C6). Does nothing where nothing is
    /// due. The results are in the order of the accounts.
    pub async fn tick(
        &self,
        accounts: Vec<AccountId>,
        at: Timestamp,
    ) -> Vec<Result<Reply, ServiceError>> {
        let Ok(actor) = Actor::parse("clock") else {
            return Vec::new();
        };
        let task = |account: AccountId| {
            let stream = account_stream(&account);
            let (command, actor) = (Command::Tick, actor.clone());
            Task::Bare(Box::new(BareTask {
                stream,
                account,
                command,
                actor,
                received_at: at,
            }))
        };
        if let Err(error) = self.hear().await {
            return accounts.iter().map(|_| Err(error.clone())).collect();
        }
        let tasks = accounts.into_iter().map(task).collect();
        self.0
            .transact
            .execute_many(tasks)
            .await
            .into_iter()
            .map(reply_of)
            .collect()
    }

    /// Records what became of a delivery, once; deliveries of a gateway are recorded in their order.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn append_received(
        &self,
        gateway: &Actor,
        received: ReadingsReceived,
    ) -> Result<ReceivedOutcome, ServiceError> {
        if received.seq.0 == 0 || received.seq.0 > received.seq.1 {
            let (first, last) = received.seq;
            return Err(ServiceError::Invalid(format!(
                "sequences {first} to {last}: they begin at 1 and do not run backwards"
            )));
        }
        let stream = stream(&format!("{}{gateway}", prefix::GATEWAY));
        let task = GatewayTask {
            stream,
            gateway: gateway.clone(),
            received,
        };
        match self
            .0
            .transact
            .execute(Task::Gateway(Box::new(task)))
            .await?
            .answer
        {
            Verdict::Received(outcome) => Ok(outcome),
            Verdict::Damaged(damage) => Err(ServiceError::Damaged(damage)),
            Verdict::Answered { .. } | Verdict::Numbered => Err(ServiceError::Damaged(
                "a delivery's record was answered as a command".to_owned(),
            )),
        }
    }

    /// Newest sequence of a gateway that is recorded.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn received_up_to(&self, gateway: &Actor) -> Result<Option<u64>, ServiceError> {
        let stream = stream(&format!("{}{gateway}", prefix::GATEWAY));
        match self.0.transact.state(stream).await?.state {
            State::Gateway { recorded_up_to } => Ok(recorded_up_to),
            State::Account(_)
            | State::WorkOrder(_)
            | State::Number(_)
            | State::Application(_)
            | State::Complaint(_)
            | State::Desk => Ok(None),
        }
    }

    /// The id of the account that has, or had, this number (K1): the number it was opened under. A number
    /// that was never given later is its own.
    #[must_use]
    pub fn account_id(&self, number: &AccountId) -> AccountId {
        let registry = self.0.registry.read();
        registry.numbers.of(number).unwrap_or(number).clone()
    }

    /// An account as the log has it, by any of its numbers, after everything answered before; `None` when
    /// there is none.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn account(&self, id: &AccountId) -> Result<Option<AccountView>, ServiceError> {
        self.hear().await?;
        let found = self
            .0
            .transact
            .state(account_stream(&self.account_id(id)))
            .await?;
        match (found.state, found.revision) {
            (State::Account(account), Some(revision))
                if account.lifecycle() != Lifecycle::Unborn =>
            {
                Ok(Some(AccountView {
                    account: *account,
                    revision,
                    token: found.token,
                }))
            }
            (
                State::Account(_)
                | State::Gateway { .. }
                | State::WorkOrder(_)
                | State::Number(_)
                | State::Application(_)
                | State::Complaint(_)
                | State::Desk,
                _,
            ) => Ok(None),
        }
    }

    /// What became of a keyed command: for a sender that never got its answer.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn key_status(&self, key: &CommandKey) -> Result<KeyStatus, ServiceError> {
        let stream = stream(&key.stream());
        let found = newest_settled(&*self.0.store, &stream).await;
        let found = found.map_err(not_read)?;
        let Some(event) = found.newest else {
            return Ok(KeyStatus::Unknown);
        };
        let damaged = |error| ServiceError::Damaged(format!("{stream}: {error}"));
        let before = answered(&event.kind, &event.data).map_err(damaged)?;
        let answer = Box::new(answer_of(&before).map_err(damaged)?);
        Ok(KeyStatus::Answered {
            answer,
            decided_by: before.stream,
            token: found.rest.unwrap_or(event.position),
        })
    }

    /// The newest holder of a meter number.
    #[must_use]
    pub fn meter_holder(&self, meter: &MeterNumber) -> Option<MeterHolder> {
        let registry = self.0.registry.read();
        let holder = registry.directory.holder_at(meter, Timestamp::MAX)?;
        let Holder {
            account,
            utility,
            from,
            until,
            ..
        } = holder.clone();
        Some(MeterHolder {
            account,
            utility,
            from,
            until,
        })
    }

    /// Runs a routed command. One that concerns the registry is carried through also when the caller no
    /// longer waits, since the registry must hear of it.
    pub(crate) async fn run(&self, task: Task) -> Result<Reply, ServiceError> {
        if !task.is_structural() {
            return reply_of(self.0.transact.execute(task).await);
        }
        let ledger = self.clone();
        let carried = tokio::spawn(async move { ledger.run_structural(task).await });
        carried
            .await
            .unwrap_or_else(|error| Err(ServiceError::Stopped(error.to_string())))
    }

    async fn run_structural(&self, task: Task) -> Result<Reply, ServiceError> {
        let closing = match &task {
            Task::Keyed(keyed) if matches!(keyed.command, Command::CloseAccount { .. }) => {
                Some((keyed.account.clone(), keyed.received_at))
            }
            Task::Keyed(_)
            | Task::Reading(_)
            | Task::Bare(_)
            | Task::Desk(_)
            | Task::Gateway(_)
            | Task::WorkOrder(_)
            | Task::Case(_) => None,
        };
        let reply = self.commit_structural(task).await;
        if let Some((account, at)) = closing {
            self.finish_move(&account, at).await;
        }
        reply
    }

    pub(crate) async fn commit_structural(&self, task: Task) -> Result<Reply, ServiceError> {
        let pending = self.0.registry.begin();
        let result = self.0.transact.execute(task).await;
        match &result {
            Ok(Answered {
                answer: Verdict::Answered { marks, .. },
                ..
            }) => pending.took_place(marks),
            Ok(Answered {
                answer: Verdict::Received(_) | Verdict::Damaged(_) | Verdict::Numbered,
                ..
            }) => pending.did_not(),
            // Whether it was written shows only after the restart.
            Err(Failure::Stopped(_)) => drop(pending),
            Err(
                Failure::Busy
                | Failure::Conflict { .. }
                | Failure::Unavailable(_)
                | Failure::Damaged(_)
                | Failure::Invalid(_),
            ) => pending.did_not(),
        }
        reply_of(result)
    }
}

fn not_read(error: ReadError) -> ServiceError {
    match error {
        ReadError::Damaged(what) => ServiceError::Damaged(what),
        ReadError::Unavailable(why) => ServiceError::Unavailable(why),
    }
}

pub(crate) fn reply_of(result: Result<Answered<Verdict>, Failure>) -> Result<Reply, ServiceError> {
    let Answered { answer, token, .. } = result?;
    match answer {
        Verdict::Answered {
            answer, duplicate, ..
        } => Ok(Reply {
            answer,
            duplicate,
            token,
        }),
        Verdict::Damaged(damage) => Err(ServiceError::Damaged(damage)),
        Verdict::Numbered => Err(ServiceError::Conflict),
        Verdict::Received(_) => Err(ServiceError::Damaged(
            "a command was answered as a delivery's record".to_owned(),
        )),
    }
}

pub(crate) fn refused(refusal: ledger_core::rejection::Rejection) -> Reply {
    Reply {
        answer: ledger_core::answer::Answer::Refused(refusal),
        duplicate: false,
        token: None,
    }
}

fn read_image(config: &LedgerConfig, store: &dyn EventStore) -> Option<snapshot_file::Image> {
    let path = config.directory_file.as_ref()?;
    match snapshot_file::read(path, store.store_id()) {
        Ok(image) => image,
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "the file of the meter directory is not used; the log is read instead");
            None
        }
    }
}

async fn write_image(registry: &Registry, store: &dyn EventStore, path: &std::path::Path) {
    let image = match registry.image(store).await {
        Ok(Some(image)) => image,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(%error, "the file of the meter directory was not written: the store cannot be read");
            return;
        }
    };
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        snapshot_file::write(&path, &image).map_err(|error| format!("{}: {error}", path.display()))
    });
    match written.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the file of the meter directory was not written"),
        Err(error) => tracing::warn!(%error, "the file of the meter directory was not written"),
    }
}

/// What runs beside the commands: the follower where others write too, and the writer of the file.
fn background(
    registry: &Registry,
    store: &Arc<dyn EventStore>,
    (config, policies): (&LedgerConfig, &Policies),
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    if store.capabilities().shared_with_others {
        let followed = publishing::follow(Arc::clone(store), policies.clone());
        tasks.push(tokio::spawn(followed));
        tasks.push(tokio::spawn(registry.clone().follow(Arc::clone(store))));
    }
    if let Some(path) = config.directory_file.clone() {
        let (registry, store) = (registry.clone(), Arc::clone(store));
        let every = config.directory_every.max(Duration::from_secs(1));
        tasks.push(tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                write_image(&registry, &*store, &path).await;
            }
        }));
    }
    tasks
}
