//! A ledger on a store whose positions are large and have gaps, as those of a KurrentDB do: what was written
//! is waited for, folded, shown, rebuilt and verified by the same positions.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event_store::{
    AppendError, Capabilities, Commit, Committed, Direction, EventStore, MemoryStore, Position,
    ReadError, RecordedEvent, StoreId, StreamName, Subscription,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use ledger_core::answer::Answer;
use ledger_core::command::{Command, InstallMeter, OpenAccount, Source};
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use ledger_service::{Ask, CommandRequest, Ledger, LedgerConfig, Policies, Target, TimeSource};
use projections::{ReadModels, Settings, rebuild, stored_position, verify};

/// Position of the first event: beyond what 32 bits and a float hold, as after petabytes of others.
const FIRST: u64 = (1 << 62) - 3;
/// From one event to the next.
const STEP: u64 = 977;
const SOON: Duration = Duration::from_secs(60);

/// Another store with positions of this kind.
#[derive(Clone)]
struct Gapped(MemoryStore);

fn outer(at: Position) -> Position {
    let at = FIRST + at.commit * STEP;
    Position {
        commit: at,
        prepare: at,
    }
}

/// Only positions of events can be read from, as in a KurrentDB.
fn inner(at: Position) -> Position {
    let beyond = at.commit - FIRST;
    assert_eq!(
        (beyond % STEP, at.prepare),
        (0, at.commit),
        "no event stands at {at:?}"
    );
    let at = beyond / STEP;
    Position {
        commit: at,
        prepare: at,
    }
}

fn outside(events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    let moved = |mut event: RecordedEvent| {
        event.position = outer(event.position);
        event
    };
    events.into_iter().map(moved).collect()
}

impl EventStore for Gapped {
    fn store_id(&self) -> StoreId {
        self.0.store_id()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        let answers = self.0.append(commits);
        async move {
            let moved = |mut committed: Committed| {
                committed.position = outer(committed.position);
                committed
            };
            let answers = answers.await;
            answers.into_iter().map(|one| one.map(moved)).collect()
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
        let read = self.0.read_stream(stream, from, direction, max);
        async move { read.await.map(outside) }.boxed()
    }

    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>> {
        self.0.head(stream)
    }

    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        let read = self.0.read_all(after.map(inner), direction, max);
        async move { read.await.map(outside) }.boxed()
    }

    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>> {
        let tail = self.0.tail();
        async move { tail.await.map(|tail| tail.map(outer)) }.boxed()
    }

    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription> {
        Box::new(Following(self.0.subscribe(after.map(inner))))
    }
}

struct Following(Box<dyn Subscription>);

impl Subscription for Following {
    fn next_batch(&mut self) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        async move { self.0.next_batch().await.map(outside) }.boxed()
    }
}

fn start() -> Timestamp {
    Timestamp::parse("2026-03-02T02:00:00Z").unwrap()
}

async fn ledger_on(store: &Arc<dyn EventStore>, folder: &Path) -> Ledger {
    let policies = Policies::new(vec![SchemePolicy::builtin("usms").unwrap()]).unwrap();
    let time = TimeSource::simulated(start());
    let config = LedgerConfig {
        directory_file: Some(folder.join("directory.snapshot")),
        ..LedgerConfig::default()
    };
    Ledger::start(Arc::clone(store), None, policies, time, config)
        .await
        .unwrap()
}

async fn ask(ledger: &Ledger, reference: &str, target: Target, ask: Ask) -> Option<Position> {
    let request = CommandRequest {
        key: CommandKey {
            channel: ChannelId::parse("office").unwrap(),
            reference: Reference::parse(reference).unwrap(),
        },
        actor: Actor::parse("clerk-1").unwrap(),
        received_at: start(),
        target,
        ask,
    };
    let reply = ledger.submit(request).await.unwrap();
    let is_done = matches!(reply.answer, Answer::Done { .. } | Answer::Receipt(_));
    assert!(is_done, "{reply:?}");
    reply.token
}

async fn open(ledger: &Ledger, n: u32) {
    let account = || Target::Account(AccountId::parse(&format!("A{n}")).unwrap());
    let open = OpenAccount {
        scheme: None,
        class: "residential".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    };
    let open = Ask::Command(Command::OpenAccount(open));
    ask(ledger, &format!("open-{n}"), account(), open).await;
    let meter = MeterNumber::parse(&format!("E{n:08}")).unwrap();
    let install = InstallMeter {
        utility: Utility::Electricity,
        meter: meter.clone(),
        register: None,
        at: start(),
        first_value: Quantity::ZERO,
    };
    let install = Ask::Command(Command::InstallMeter(install));
    ask(ledger, &format!("install-{n}"), account(), install).await;
    let activate = Ask::Command(Command::ActivateMeter { meter });
    ask(ledger, &format!("activate-{n}"), account(), activate).await;
}

async fn top_up(ledger: &Ledger, n: u32, turn: u32) -> Option<Position> {
    let top_up = Ask::TopUp {
        amount: Money::parse("5").unwrap(),
        source: Source::NotTaken,
    };
    let target = Target::Meter(format!("E{n:08}"));
    ask(ledger, &format!("pay-{n}-{turn}"), target, top_up).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_a_ledger_works_on_positions_with_gaps_from_write_to_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("read.db");
    let store: Arc<dyn EventStore> = Arc::new(Gapped(MemoryStore::new()));
    let models = ReadModels::start(Arc::clone(&store), Settings::at(&file))
        .await
        .unwrap();
    let ledger = ledger_on(&store, folder.path()).await;
    for n in 0..20 {
        open(&ledger, n).await;
    }
    for turn in 0..5 {
        let token = top_up(&ledger, turn, turn).await.unwrap();
        assert!(token.commit >= FIRST, "{token:?}");
        models.wait_for(token, SOON).await.unwrap();
        let snapshot = models.snapshot().unwrap();
        assert!(snapshot.position().unwrap() >= Some(token));
    }
    let tail = store.tail().await.unwrap();
    models.wait_for(tail.unwrap(), SOON).await.unwrap();
    models.close().await;
    ledger.shutdown().await;
    assert_eq!(stored_position(&file).unwrap(), tail);
    // Begun again, it goes on from the checkpoint and the directory's snapshot.
    let ledger = ledger_on(&store, folder.path()).await;
    let models = ReadModels::start(Arc::clone(&store), Settings::at(&file))
        .await
        .unwrap();
    let token = top_up(&ledger, 19, 1).await.unwrap();
    models.wait_for(token, SOON).await.unwrap();
    models.close().await;
    ledger.shutdown().await;
    let tail = store.tail().await.unwrap();
    let mut told = Vec::new();
    let rebuilt = rebuild(&store, &file, &mut |at| told.push(at))
        .await
        .unwrap();
    assert_eq!((rebuilt.position, rebuilt.compared_at), (tail, tail));
    assert!(told.iter().all(|at| at.tail == tail && at.position <= tail));
    let verified = verify(&store, &file).await.unwrap();
    assert!(verified.equal(), "{:?}", verified.differing);
    assert!(verified.accounts >= 20);
}
