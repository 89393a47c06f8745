//! The running store: its threads, its lock, and that it agrees with the memory store whatever is asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod common;

use std::sync::Arc;

use common::{commit, everything, name};
use event_store::embedded::{Disk, EmbeddedStore, OpenError, OpenOptions};
use event_store::sim::SimDisk;
use event_store::{
    AppendError, Commit, Direction, EventStore, Expected, ManualClock, MemoryStore, Position,
};
use futures::FutureExt;

const CHILD_DIR: &str = "EVENT_STORE_TEST_CHILD_DIR";

fn options(dir: &std::path::Path) -> OpenOptions {
    OpenOptions::dir(dir)
        .unwrap()
        .segment_bytes(64 * 1024)
        .reserve_bytes(8192)
}

#[test]
fn a_second_process_is_told_who_has_the_store() {
    if let Ok(dir) = std::env::var(CHILD_DIR) {
        // Here we are the second process.
        let error = EmbeddedStore::open(&options(dir.as_ref())).expect_err("the store is taken");
        assert!(matches!(error, OpenError::Locked { .. }), "{error}");
        println!("child saw: {error}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&options(dir.path())).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_second_process_is_told_who_has_the_store",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{text}");
    assert!(text.contains("child saw"), "the child ran: {text}");
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    assert!(text.contains("stop that one first"), "{text}");
    drop(store);
    EmbeddedStore::open(&options(dir.path())).expect("free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_are_all_answered_and_all_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedStore::open(&options(dir.path())).unwrap());
    let callers = (0..16).map(|caller| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for i in 0..200u64 {
                let expected = i.checked_sub(1).map_or(Expected::NoStream, Expected::Exact);
                let commits = vec![commit(
                    &format!("caller-{caller}"),
                    expected,
                    &[&format!("{caller}/{i}")],
                )];
                let answers = store.append(commits).await;
                assert_eq!(answers[0].as_ref().unwrap().revisions[..], [i]);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let stats = store.stats();
    assert_eq!(stats.events, 3_200);
    assert!(stats.segments > 3, "several segments were filled");
    drop(store);
    let store = EmbeddedStore::open(&options(dir.path())).unwrap();
    assert_eq!(everything(&store.reader()).len(), 3_200);
    assert!(store.report().truncated.is_none());
    drop(store);
    let disk: Arc<dyn Disk> = options(dir.path()).disk;
    let verified = event_store::embedded::verify(&disk, &mut |_, _| {}).unwrap();
    assert_eq!(
        (verified.events, verified.streams, verified.indexes_missing),
        (3_200, 16, 0)
    );
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_then_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&options(dir.path())).unwrap();
    let queued: Vec<_> = (0..100)
        .map(|i| store.append(vec![commit("s", Expected::Any, &[&i.to_string()])]))
        .collect();
    store.close();
    for answer in queued {
        assert!(answer.await[0].is_ok());
    }
    let late = store
        .append(vec![commit("s", Expected::Any, &["late"])])
        .await;
    assert!(matches!(late[0], Err(AppendError::Stopped(_))), "{late:?}");
    assert_eq!(
        store
            .read_stream(&name("s"), 0, Direction::Forwards, 1000)
            .await
            .unwrap()
            .len(),
        100
    );
    let mut subscription = store.subscribe(None);
    assert_eq!(subscription.next_batch().await.unwrap().len(), 100);
    assert!(
        subscription.next_batch().await.is_err(),
        "a subscription ends with the store"
    );
}

#[tokio::test]
async fn after_a_failed_sync_every_caller_gets_an_answer() {
    let disk = SimDisk::new(3);
    let as_disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = OpenOptions::disk(as_disk)
        .segment_bytes(64 * 1024)
        .reserve_bytes(0);
    let store = EmbeddedStore::open(&options).unwrap();
    assert!(
        store
            .append(vec![commit("s", Expected::NoStream, &["fine"])])
            .await[0]
            .is_ok()
    );
    disk.fail_sync_after(3);
    let mut pending = Vec::new();
    for i in 0..50 {
        pending.push(store.append(vec![commit("s", Expected::Any, &[&i.to_string()])]));
        tokio::task::yield_now().await;
    }
    let answers: Vec<_> = futures::future::join_all(pending)
        .await
        .into_iter()
        .flatten()
        .collect();
    let more = store
        .append(vec![commit("s", Expected::Any, &["more"])])
        .await;
    // Grouped as they came, the fifty may have needed so few syncs that the one after them meets the
    // failing sync itself: then it is in doubt. Later ones are always told that the store has stopped.
    let met_before = answers.iter().any(Result::is_err);
    if store.stats().stopped.is_some() {
        let stopped = matches!(more[0], Err(AppendError::Stopped(_)));
        let in_doubt = matches!(more[0], Err(AppendError::InDoubt(_)));
        assert!(stopped || (in_doubt && !met_before), "{more:?}");
        let last = store
            .append(vec![commit("s", Expected::Any, &["last"])])
            .await;
        assert!(matches!(last[0], Err(AppendError::Stopped(_))), "{last:?}");
    }
    let written = answers.iter().filter(|a| a.is_ok()).count();
    let durable = store.stats().events as usize;
    assert_eq!(
        durable,
        1 + written + usize::from(more[0].is_ok()),
        "what was acknowledged is what is durable"
    );
    assert!(
        answers
            .iter()
            .all(|a| !matches!(a, Err(AppendError::WrongExpectedRevision { .. })))
    );
}

#[tokio::test]
async fn the_disk_fills_up_under_a_running_store_and_is_made_room_on() {
    let disk = SimDisk::new(4);
    let as_disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let store = EmbeddedStore::open(
        &OpenOptions::disk(as_disk)
            .segment_bytes(8192)
            .reserve_bytes(8192),
    )
    .unwrap();
    // Until spare and reserve are made.
    while !disk.list().unwrap().iter().any(|n| n == "reserve") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    disk.limit_bytes(Some(disk.used_bytes()));
    let write = |text: &'static str| store.append(vec![commit("s", Expected::Any, &[text])]);
    let mut refused = false;
    for _ in 0..500 {
        refused |= write("filling").await[0].is_err();
    }
    assert!(refused, "the disk is full");
    assert!(
        store
            .append_reserved(vec![commit("stop", Expected::NoStream, &["full"])])
            .await[0]
            .is_ok()
    );
    disk.limit_bytes(None);
    let mut tries = 0;
    while write("room again").await[0].is_err() {
        tries += 1;
        assert!(tries < 200, "appends go on by themselves");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// What a store says of a stream at once, without handing the question to another thread.
fn at_once(store: &EmbeddedStore, stream: &str) -> Option<usize> {
    let read = store.read_stream(&name(stream), u64::MAX, Direction::Backwards, 1);
    read.now_or_never().map(|events| events.unwrap().len())
}

#[tokio::test]
async fn a_stream_that_no_segment_knows_is_answered_without_another_thread() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = EmbeddedStore::open(&options(dir.path())).unwrap();
    for n in 0..1_000 {
        let text = "x".repeat(200);
        let commits = vec![commit(
            &format!("there-{n}"),
            Expected::NoStream,
            &[text.as_str()],
        )];
        assert!(store.append(commits).await[0].is_ok());
    }
    assert_eq!(at_once(&store, "never"), Some(0), "all indexes in memory");
    assert!(!store.reader().surely_absent(&name("there-0")));
    store.close();
    drop(store);
    store = EmbeddedStore::open(&options(dir.path())).unwrap();
    assert!(store.stats().segments > 3, "sealed ones too");
    // The first question brings the filters into memory.
    let first = store.head(&name("never")).await;
    assert_eq!(first, Ok(None));
    let known = (0..100)
        .filter(|n| at_once(&store, &format!("never-{n}")) == Some(0))
        .count();
    assert!(known > 80, "filters let few through: {known} of 100");
    for n in 0..1_000 {
        let stream = name(&format!("there-{n}"));
        assert!(!store.reader().surely_absent(&stream), "{stream}");
    }
}

/// A small generator of numbers for the comparison below.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn random_commit(draw: &mut Draw, n: u64) -> Commit {
    let streams = 1 + draw.below(3);
    let first = draw.below(40);
    let mut appends = Vec::new();
    for i in 0..streams {
        let stream = match draw.below(4) {
            0 => format!("key-{n}-{i}"),
            _ => format!("account-{}", first + i * 50),
        };
        let expected = match draw.below(3) {
            0 => Expected::NoStream,
            1 => Expected::Exact(draw.below(12)),
            _ => Expected::Any,
        };
        let texts: Vec<String> = (0..=draw.below(3))
            .map(|e| format!("{n}/{i}/{e}"))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        appends.extend(commit(&stream, expected, &texts).appends);
    }
    Commit { appends }
}

/// The same question to both stores.
async fn same_answers(log: &EmbeddedStore, model: &MemoryStore, draw: &mut Draw) {
    let stream = name(&format!("account-{}", draw.below(150)));
    let from = [0, draw.below(60), u64::MAX][draw.below(3) as usize];
    let direction = if draw.below(2) == 0 {
        Direction::Forwards
    } else {
        Direction::Backwards
    };
    let max = 1 + draw.below(90) as usize;
    let question = format!("{stream} from {from} {direction:?} at most {max}");
    if log.reader().surely_absent(&stream) {
        assert_eq!(model.head(&stream).await, Ok(None), "{stream} is there");
    }
    let (ours, wanted) = futures::join!(
        log.read_stream(&stream, from, direction, max),
        model.read_stream(&stream, from, direction, max)
    );
    assert_eq!(ours, wanted, "{question}");
    assert_eq!(
        log.head(&stream).await,
        model.head(&stream).await,
        "head of {stream}"
    );
    let at = draw.below(4_000);
    let after = (draw.below(4) > 0).then_some(Position {
        commit: at,
        prepare: at,
    });
    let (ours, wanted) = futures::join!(
        log.read_all(after, direction, max),
        model.read_all(after, direction, max)
    );
    assert_eq!(
        ours, wanted,
        "all after {after:?} {direction:?} at most {max}"
    );
    assert_eq!(log.tail().await, model.tail().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_the_memory_store_answer_every_question_alike() {
    let clock = Arc::new(ManualClock::new(1));
    let disk = SimDisk::new(11);
    let as_disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = OpenOptions::disk(as_disk)
        .clock(Arc::clone(&clock) as _)
        .segment_bytes(8192)
        .reserve_bytes(0);
    let model = MemoryStore::with_clock(Arc::clone(&clock) as _);
    let mut draw = Draw(42);
    let mut log = EmbeddedStore::open(&options).unwrap();
    for n in 0..1_500 {
        clock.advance_ms(i64::from(draw.below(3) as u8) - 1);
        let commits: Vec<Commit> = (0..=draw.below(4))
            .map(|i| random_commit(&mut draw, n * 10 + i))
            .collect();
        let wanted = model.append(commits.clone()).await;
        let ours = log.append(commits).await;
        assert_eq!(ours, wanted, "group {n}");
        same_answers(&log, &model, &mut draw).await;
        if n % 100 == 99 {
            drop(log);
            log = EmbeddedStore::open(&options).unwrap();
        }
    }
    assert!(
        log.stats().segments > 20,
        "{} segments",
        log.stats().segments
    );
    let mut subscription = log.subscribe(None);
    let mut followed = Vec::new();
    while followed.len() < model.len() {
        followed.extend(subscription.next_batch().await.unwrap());
    }
    let everything = model
        .read_all(None, Direction::Forwards, usize::MAX)
        .now_or_never()
        .unwrap()
        .unwrap();
    assert!(
        followed == everything,
        "the subscription gave everything in order"
    );
}
