//! Servers for tests: the facade over a store, on a port of its own.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    missing_docs,
    reason = "shared by tests, each of which uses some of it"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_store::{
    AppendError, Commit, Committed, Direction, EventStore, Expected, MemoryStore, NewEvent,
    Position, RecordedEvent, StreamAppend, StreamName, Subscription,
};
use kurrent_facade::{AllowAll, Config, FaultPlan, Faults, serve};
use kurrent_store::{KurrentStore, Options};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

#[path = "../../../kurrent-facade/tests/facade/gapped.rs"]
pub(crate) mod gapped;

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Server {
    pub address: SocketAddr,
    pub faults: Faults,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    pub async fn start(store: Arc<dyn EventStore>) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), store).await
    }

    pub async fn start_at(listen: SocketAddr, store: Arc<dyn EventStore>) -> Self {
        Self::start_with(Config::new(listen), store).await
    }

    pub async fn start_with(config: Config, store: Arc<dyn EventStore>) -> Self {
        Self::start_as(config.allow_appends(), store).await
    }

    /// Every append is refused.
    pub async fn start_read_only(listen: SocketAddr, store: Arc<dyn EventStore>) -> Self {
        Self::start_as(Config::new(listen), store).await
    }

    async fn start_as(config: Config, store: Arc<dyn EventStore>) -> Self {
        let faults = Faults::none();
        let config = config.faults(faults.clone());
        let (stop, stopping) = oneshot::channel::<()>();
        let stopping = async move { drop(stopping.await) };
        let (address, serving) = serve(config, store, Arc::new(AllowAll), stopping)
            .await
            .unwrap();
        let task = tokio::spawn(async move { drop(serving.await) });
        Self {
            address,
            faults,
            stop: Some(stop),
            task: Some(task),
        }
    }

    pub fn url(&self) -> String {
        format!("kurrentdb://ops:pw@{}?tls=false", self.address)
    }

    pub fn faults(&self, plan: &str) {
        self.faults.set(plan.parse::<FaultPlan>().unwrap());
    }

    /// Gone at once, with all its connections.
    pub async fn kill(mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        drop(task.await);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Limits short enough for tests.
pub fn quick() -> Options {
    Options {
        connect_wait: Duration::from_secs(10),
        append_deadline: Duration::from_secs(2),
        read_deadline: Duration::from_secs(5),
        follow_silence: Duration::from_millis(400),
        ..Options::default()
    }
}

pub async fn connect(url: &str) -> KurrentStore {
    KurrentStore::connect(url, quick()).await.unwrap()
}

/// Two members over one store, the first of which is the one that `connect` finds, and the adapter on them.
pub async fn cluster(shared: Arc<dyn EventStore>) -> (Server, Server, KurrentStore) {
    let (first, second) = (
        Server::start(Arc::clone(&shared)).await,
        Server::start(shared).await,
    );
    second.faults("isolated=on");
    let url = format!(
        "esdb+discover://{},{}?tls=false&discoveryInterval=20",
        first.address, second.address
    );
    let store = connect(&url).await;
    second.faults("");
    (first, second, store)
}

/// A facade over a fresh memory store, and the adapter on it.
pub async fn pair() -> (MemoryStore, Server, KurrentStore) {
    let memory = MemoryStore::new();
    let server = Server::start(Arc::new(memory.clone())).await;
    let store = connect(&server.url()).await;
    (memory, server, store)
}

pub fn name(stream: &str) -> StreamName {
    StreamName::new(stream).unwrap()
}

/// One event, its id made of stream and label.
pub fn commit(stream: &str, expected: Expected, label: u64) -> Commit {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{stream}/{label}").as_bytes());
    Commit {
        appends: vec![StreamAppend {
            stream: name(stream),
            expected,
            events: vec![NewEvent {
                id,
                kind: Arc::from("noted.v1"),
                data: Bytes::from(format!("{{\"n\":{label}}}")),
                meta: Bytes::new(),
            }],
        }],
    }
}

/// Expects the revision before `at`.
pub fn before(at: u64) -> Expected {
    at.checked_sub(1)
        .map_or(Expected::NoStream, Expected::Exact)
}

pub async fn append(store: &KurrentStore, commit: Commit) -> Result<Committed, AppendError> {
    let answers = tokio::time::timeout(PATIENCE, store.append(vec![commit]));
    answers.await.unwrap().pop().unwrap()
}

/// As `transact` does: the identical commit again while it is in doubt.
pub async fn surely(store: &KurrentStore, commit: Commit) -> Result<Committed, AppendError> {
    loop {
        match append(store, commit.clone()).await {
            Err(AppendError::InDoubt(_) | AppendError::Stopped(_)) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            known => return known,
        }
    }
}

pub async fn stream(store: &dyn EventStore, stream: &str) -> Vec<RecordedEvent> {
    store
        .read_stream(&name(stream), 0, Direction::Forwards, usize::MAX)
        .await
        .unwrap()
}

pub fn revisions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.revision).collect()
}

/// Follows until so many events were seen.
pub async fn follow(subscription: &mut dyn Subscription, count: usize) -> Vec<RecordedEvent> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let batch = tokio::time::timeout(PATIENCE, subscription.next_batch());
        seen.extend(batch.await.expect("a batch in time").unwrap());
    }
    let places: Vec<Position> = seen.iter().map(|event| event.position).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "in order, none twice");
    seen
}
