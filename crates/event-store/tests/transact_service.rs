//! Stories about `Transact` on a tokio runtime, on the memory store: queues, batches, completions,
//! shutdown, snapshots, several processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::type_complexity,
    reason = "tests fail by panicking, and their helpers stand outside the test functions"
)]

#[path = "transact_toy/mod.rs"]
mod toy;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use event_store::memory::{Fault, MemoryStore};
use event_store::snapshot::{MemorySnapshots, SnapshotStore, SqliteSnapshots};
use event_store::transact::{Failure, Transact, TransactConfig};
use event_store::{
    AppendError, Capabilities, Commit, Committed, Direction, EventStore, Position, ReadError,
    RecordedEvent, StoreId, StreamName, Subscription, SystemClock,
};
use futures::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::Semaphore;
use toy::{Answer, Command, State, Toy, What, keyed, stream, unkeyed};

fn start(store: &MemoryStore, config: TransactConfig) -> Transact<Toy> {
    Transact::start(Arc::new(Toy), Arc::new(store.clone()), None, config)
}

fn shared_store(atomic: bool) -> MemoryStore {
    let capabilities = Capabilities {
        atomic_over_streams: atomic,
        shared_with_others: true,
    };
    MemoryStore::with_capabilities(Arc::new(SystemClock), capabilities)
}

fn reading(account: usize, n: u64) -> Command {
    unkeyed(&format!("account-{account}"), What::Read { n, cost: 1 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_the_order_of_the_commands_and_accounts_see_theirs_in_order() {
    let store = MemoryStore::new();
    let transact = start(&store, TransactConfig::default());
    let commands = (0..10_000)
        .map(|i| reading(i % 100, (i / 100) as u64))
        .collect();
    let answers = transact.execute_many(commands).await;
    for (i, answer) in answers.into_iter().enumerate() {
        let answered = answer.unwrap();
        assert_eq!(
            answered.answer,
            Answer::Charged {
                balance: -1 - i64::try_from(i / 100).unwrap()
            }
        );
        assert!(answered.appended && answered.token.is_some());
    }
    assert_eq!(store.len(), 10_000);
    assert_eq!(transact.stats().answers, 10_000);
    assert!(
        transact.stats().group_appends < 1_000,
        "{:?}",
        transact.stats()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_the_same_key_a_hundred_times_at_once_is_one_append_and_equal_answers() {
    let store = MemoryStore::new();
    let transact = start(&store, TransactConfig::default());
    let command = keyed("account-1", "key-1", What::Deposit(7));
    let answers = join_all((0..100).map(|_| transact.execute(command.clone()))).await;
    let appended = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap().appended)
        .count();
    assert_eq!(appended, 1);
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().answer == Answer::Done { balance: 7 })
    );
    assert_eq!(store.len(), 2, "one claim, one deposit");
    assert_eq!(transact.stats().redecided, 0, "without a single conflict");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_the_same_key_for_many_accounts_over_all_shards_moves_money_once() {
    let store = MemoryStore::new();
    let transact = start(
        &store,
        TransactConfig {
            shards: 4,
            ..TransactConfig::default()
        },
    );
    let commands = (0..50).map(|i| keyed(&format!("account-{i}"), "key-1", What::Deposit(7)));
    let answers = join_all(commands.map(|command| transact.execute(command))).await;
    let done = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap().answer == Answer::Done { balance: 7 })
        .count();
    assert_eq!(done, 1);
    let conflicts = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap().answer == Answer::KeyConflict)
        .count();
    assert_eq!(conflicts, 49);
}

/// Several processes on one store, all with the same few accounts.
async fn contend(store: MemoryStore) {
    let processes: Vec<_> = (0..3)
        .map(|_| {
            start(
                &store,
                TransactConfig {
                    attempts_max: 500,
                    ..TransactConfig::default()
                },
            )
        })
        .collect();
    let mut tasks = Vec::new();
    for client in 0..30_u32 {
        let transact = processes[client as usize % processes.len()].clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..10 {
                let account = format!("account-{}", (client + round) % 3);
                let command = keyed(&account, &format!("key-{client}-{round}"), What::Deposit(1));
                let first = transact.execute(command.clone()).await.unwrap();
                let again = transact.execute(command).await.unwrap();
                assert_eq!(first.answer, again.answer);
                assert!(!again.appended);
                tokio::task::yield_now().await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for transact in &processes {
        let mut sum = 0;
        for account in 0..3 {
            sum += transact
                .state(stream(&format!("account-{account}")))
                .await
                .unwrap()
                .state
                .balance;
        }
        assert_eq!(sum, 300, "every deposit once, seen from every process");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_share_accounts_without_losing_or_doubling_anything() {
    contend(shared_store(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_holds_where_commits_are_not_atomic_over_streams() {
    contend(shared_store(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubtful_answers_of_the_store_do_not_reach_the_caller() {
    let store = MemoryStore::new();
    let count = AtomicU64::new(0);
    store.set_fault_hook(Some(Arc::new(move |_: &Commit| {
        match count.fetch_add(1, Ordering::Relaxed) % 5 {
            1 => Fault::InDoubtBeforeCommit,
            3 => Fault::InDoubtAfterCommit,
            _ => Fault::None,
        }
    })));
    let transact = start(&store, TransactConfig::default());
    let commands = (0..50).map(|i| {
        keyed(
            &format!("account-{}", i % 10),
            &format!("key-{i}"),
            What::Deposit(1),
        )
    });
    for answer in transact.execute_many(commands.collect()).await {
        assert!(matches!(answer.unwrap().answer, Answer::Done { .. }));
    }
    assert_eq!(store.len(), 100, "each claim and each deposit once");
    assert!(transact.stats().in_doubt > 10);
}

/// A store whose appends wait at a gate.
struct Gated {
    inner: MemoryStore,
    gate: Arc<Semaphore>,
    calls: Mutex<Vec<usize>>,
    panics: AtomicBool,
}

impl EventStore for Gated {
    fn store_id(&self) -> StoreId {
        self.inner.store_id()
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        assert!(!self.panics.load(Ordering::Relaxed), "the store is broken");
        self.calls.lock().unwrap().push(commits.len());
        let (gate, append) = (self.gate.clone(), self.inner.append(commits));
        async move {
            gate.acquire().await.unwrap().forget();
            append.await
        }
        .boxed()
    }
    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        self.inner.read_stream(stream, from, direction, max)
    }
    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>> {
        self.inner.head(stream)
    }
    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        self.inner.read_all(after, direction, max)
    }
    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>> {
        self.inner.tail()
    }
    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription> {
        self.inner.subscribe(after)
    }
}

fn gated() -> Arc<Gated> {
    let gate = Arc::new(Semaphore::new(0));
    Arc::new(Gated {
        inner: MemoryStore::new(),
        gate,
        calls: Mutex::default(),
        panics: AtomicBool::new(false),
    })
}

#[tokio::test]
async fn a_full_queue_answers_busy_at_once_and_only_for_what_does_not_fit() {
    let store = gated();
    let config = TransactConfig {
        shards: 1,
        queue_max: 10,
        ..TransactConfig::default()
    };
    let transact = Transact::start(Arc::new(Toy), store.clone(), None, config);
    let all = tokio::spawn({
        let transact = transact.clone();
        async move {
            transact
                .execute_many((0..15).map(|n| reading(1, n)).collect())
                .await
        }
    });
    tokio::task::yield_now().await;
    let busy = transact.execute(reading(1, 99)).await;
    assert_eq!(busy, Err(Failure::Busy));
    assert!(busy.unwrap_err().retry_is_safe());
    store.gate.add_permits(100);
    let answers = all.await.unwrap();
    assert!(answers[..10].iter().all(Result::is_ok), "{answers:?}");
    assert!(
        answers[10..]
            .iter()
            .all(|answer| *answer == Err(Failure::Busy))
    );
    assert!(transact.execute(reading(1, 99)).await.is_ok(), "room again");
    assert_eq!(transact.stats().busy, 6);
}

#[tokio::test]
async fn at_most_two_appends_are_under_way_and_the_rest_gathers() {
    let store = gated();
    let config = TransactConfig {
        shards: 1,
        ..TransactConfig::default()
    };
    let transact = Transact::start(Arc::new(Toy), store.clone(), None, config);
    let tasks: Vec<_> = (0..20)
        .map(|i| {
            let transact = transact.clone();
            tokio::spawn(async move { transact.execute(reading(i, 1)).await })
        })
        .collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(store.calls.lock().unwrap().len() <= 2);
    store.gate.add_permits(100);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let calls = store.calls.lock().unwrap().clone();
    assert_eq!(calls.iter().sum::<usize>(), 20);
    assert!(calls.len() <= 3, "{calls:?}");
}

#[tokio::test]
async fn a_state_is_told_once_what_was_handed_over_before_is_durable() {
    let store = gated();
    let transact = Transact::start(
        Arc::new(Toy),
        store.clone(),
        None,
        TransactConfig::default(),
    );
    let write = tokio::spawn({
        let transact = transact.clone();
        async move { transact.execute(reading(1, 1)).await }
    });
    tokio::task::yield_now().await;
    let told = tokio::spawn({
        let transact = transact.clone();
        async move { transact.state(stream("account-1")).await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!told.is_finished());
    store.gate.add_permits(1);
    let token = write.await.unwrap().unwrap().token;
    let told = told.await.unwrap().unwrap();
    assert_eq!(
        (told.state, told.revision, told.token),
        (
            State {
                balance: -1,
                last_reading: Some(1),
                due: None,
            },
            Some(0),
            token
        )
    );
    let none = transact.state(stream("account-9")).await.unwrap();
    assert_eq!((none.revision, none.token), (None, None));
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_undo_its_command() {
    let store = gated();
    let transact = Transact::start(
        Arc::new(Toy),
        store.clone(),
        None,
        TransactConfig::default(),
    );
    let gone = tokio::spawn({
        let transact = transact.clone();
        async move {
            transact
                .execute(keyed("account-1", "key-1", What::Deposit(3)))
                .await
        }
    });
    while store.calls.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    gone.abort();
    store.gate.add_permits(1);
    let again = transact
        .execute(keyed("account-1", "key-1", What::Deposit(3)))
        .await
        .unwrap();
    assert_eq!(
        (again.answer, again.appended),
        (Answer::Done { balance: 3 }, false)
    );
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_under_way_and_then_everything_is_told_stopped() {
    let store = gated();
    let transact = Transact::start(
        Arc::new(Toy),
        store.clone(),
        None,
        TransactConfig::default(),
    );
    let write = tokio::spawn({
        let transact = transact.clone();
        async move {
            transact
                .execute_many((0..50).map(|i| reading(i, 1)).collect())
                .await
        }
    });
    while store.calls.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let end = tokio::spawn({
        let transact = transact.clone();
        async move { transact.shutdown().await }
    });
    tokio::task::yield_now().await;
    store.gate.add_permits(100);
    end.await.unwrap();
    assert!(write.await.unwrap().iter().all(Result::is_ok));
    let late = transact.execute(reading(1, 2)).await.unwrap_err();
    assert!(matches!(late, Failure::Stopped(_)) && late.retry_is_safe());
    let late = transact.execute_many(vec![reading(1, 2)]).await;
    assert!(matches!(late[0], Err(Failure::Stopped(_))));
    assert!(matches!(
        transact.state(stream("account-1")).await,
        Err(Failure::Stopped(_))
    ));
}

#[tokio::test]
async fn a_shard_that_breaks_tells_its_callers_instead_of_leaving_them_waiting() {
    let store = gated();
    store.panics.store(true, Ordering::Relaxed);
    let transact = Transact::start(
        Arc::new(Toy),
        store.clone(),
        None,
        TransactConfig::default(),
    );
    assert!(matches!(
        transact.execute(reading(1, 1)).await,
        Err(Failure::Stopped(_))
    ));
    assert!(matches!(
        transact.execute_many(vec![reading(1, 1)]).await[0],
        Err(Failure::Stopped(_))
    ));
    transact.shutdown().await;
}

/// A snapshot store that counts what it gave.
struct Counted {
    inner: SqliteSnapshots,
    given: Arc<AtomicU64>,
}

impl SnapshotStore for Counted {
    fn load(
        &self,
        stream: &StreamName,
    ) -> BoxFuture<'static, Option<event_store::snapshot::Snapshot>> {
        let (given, load) = (self.given.clone(), self.inner.load(stream));
        async move {
            let found = load.await;
            given.fetch_add(u64::from(found.is_some()), Ordering::Relaxed);
            found
        }
        .boxed()
    }
    fn save(&self, snapshot: event_store::snapshot::Snapshot) {
        self.inner.save(snapshot);
    }
    fn flush(&self) -> BoxFuture<'static, ()> {
        self.inner.flush()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_survive_a_restart_and_may_be_lost_without_harm() {
    let dir = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    let config = TransactConfig {
        snapshot_every: 10,
        ..TransactConfig::default()
    };
    for (round, file) in ["a.db", "a.db", "lost.db"].iter().enumerate() {
        let inner = SqliteSnapshots::open(&dir.path().join(file)).unwrap();
        let snapshots = Arc::new(Counted {
            inner,
            given: Arc::default(),
        });
        let transact = Transact::start(
            Arc::new(Toy),
            Arc::new(store.clone()),
            Some(snapshots.clone()),
            config,
        );
        let first = round as u64 * 25;
        for n in first..first + 25 {
            transact.execute(reading(1, n)).await.unwrap();
        }
        let told = transact.state(stream("account-1")).await.unwrap();
        assert_eq!(told.state.balance, -(first.cast_signed() + 25));
        transact.shutdown().await;
        assert_eq!(
            snapshots.given.load(Ordering::Relaxed),
            u64::from(round == 1),
            "round {round}"
        );
        assert!(transact.stats().snapshots_saved >= 2);
    }
}

#[tokio::test]
async fn an_account_that_was_put_out_of_memory_comes_back_from_its_snapshot() {
    let store = MemoryStore::new();
    let snapshots = Arc::new(MemorySnapshots::default());
    let config = TransactConfig {
        shards: 1,
        accounts_max: 2,
        snapshot_every: 3,
        ..TransactConfig::default()
    };
    let transact = Transact::start(
        Arc::new(Toy),
        Arc::new(store),
        Some(snapshots.clone()),
        config,
    );
    for n in 0..10 {
        for account in 0..5 {
            let answered = transact.execute(reading(account, n)).await.unwrap();
            assert_eq!(
                answered.answer,
                Answer::Charged {
                    balance: -(n.cast_signed() + 1)
                }
            );
        }
    }
    assert_eq!(snapshots.len(), 5);
    assert!(
        transact.stats().loads > 40 && transact.stats().accounts <= 2,
        "{:?}",
        transact.stats()
    );
}
