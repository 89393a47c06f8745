//! Faults on the way: nothing is lost, nothing is written twice, and what is not known is said to be in doubt.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Server, append, before, commit, connect, pair, revisions, stream, surely};
use event_store::{AppendError, Direction, EventStore, Expected, MemoryStore, ReadError};
use kurrent_store::KurrentStore;

/// Appends one after the other under faults, each until its outcome is known.
async fn row(store: &KurrentStore, name: &str, count: u64) {
    for at in 0..count {
        let done = surely(store, commit(name, before(at), at)).await;
        assert_eq!(done.unwrap().revisions[..], [at]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_lost_after_the_commit_leaves_the_append_in_doubt_and_again_it_is_recognised() {
    let (memory, server, store) = pair().await;
    server.faults("drop-reply=100%");
    let first = commit("account-1", Expected::NoStream, 0);
    let answer = append(&store, first.clone()).await;
    assert!(matches!(answer, Err(AppendError::InDoubt(_))), "{answer:?}");
    assert_eq!(
        stream(&memory, "account-1").await.len(),
        1,
        "it was written"
    );
    server.faults("");
    let again = append(&store, first).await.unwrap();
    assert_eq!(again.revisions[..], [0]);
    assert_eq!(stream(&memory, "account-1").await.len(), 1);
    assert_eq!(store.stats().in_doubt, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_vanished_is_in_doubt_and_written_when_sent_again() {
    let (memory, server, store) = pair().await;
    server.faults("drop=100%");
    let first = commit("account-1", Expected::NoStream, 0);
    let answer = append(&store, first.clone()).await;
    assert!(matches!(answer, Err(AppendError::InDoubt(_))), "{answer:?}");
    assert!(stream(&memory, "account-1").await.is_empty());
    server.faults("");
    assert!(append(&store, first).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_after_the_commit_is_in_doubt_at_once_and_the_next_one_serves() {
    let (memory, server, store) = pair().await;
    server.faults("break=100%");
    let first = commit("account-1", Expected::NoStream, 0);
    let started = std::time::Instant::now();
    let answer = append(&store, first.clone()).await;
    assert!(matches!(answer, Err(AppendError::InDoubt(_))), "{answer:?}");
    assert!(
        started.elapsed() < Duration::from_millis(1_500),
        "without waiting"
    );
    server.faults("");
    assert_eq!(append(&store, first).await.unwrap().revisions[..], [0]);
    assert_eq!(stream(&memory, "account-1").await.len(), 1);
    assert!(store.stats().disconnects >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_doubt_is_not_taken_for_a_refusal_when_the_server_is_away() {
    let (_memory, server, store) = pair().await;
    server.faults("break=100%,refuse-connections=on");
    let first = commit("account-1", Expected::NoStream, 0);
    let answer = append(&store, first.clone()).await;
    assert!(matches!(answer, Err(AppendError::InDoubt(_))), "{answer:?}");
    let fresh = append(&store, commit("account-2", Expected::NoStream, 0)).await;
    assert!(
        matches!(fresh, Err(AppendError::Stopped(_))),
        "certainly not sent: {fresh:?}"
    );
    let again = append(&store, first.clone()).await;
    assert!(matches!(again, Err(AppendError::InDoubt(_))), "{again:?}");
    server.faults("");
    assert_eq!(surely(&store, first).await.unwrap().revisions[..], [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_faults_lose_nothing_and_write_nothing_twice() {
    let (memory, server, store) = pair().await;
    server.faults("drop-reply=4%,break=4%,not-leader=6%,slow-read=1ms,seed=11");
    let names = ["account-1", "account-2", "account-3", "account-4"];
    let rows = names.map(|name| {
        let store = store.clone();
        async move { row(&store, name, 40).await }
    });
    let rows = tokio::time::timeout(Duration::from_secs(110), futures::future::join_all(rows));
    rows.await.unwrap();
    server.faults("");
    for name in names {
        let events = stream(&memory, name).await;
        let payloads: Vec<String> = events
            .iter()
            .map(|e| String::from_utf8(e.data.to_vec()).unwrap())
            .collect();
        let wanted: Vec<String> = (0..40).map(|n| format!("{{\"n\":{n}}}")).collect();
        assert_eq!(payloads, wanted);
    }
    let strikes = server.faults.strikes();
    assert!(
        strikes.drop_reply > 0 && strikes.break_after_commit > 0 && strikes.not_leader > 0,
        "{strikes:?}"
    );
    assert!(store.stats().in_doubt > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_in_flight_through_restarts_are_each_written_once() {
    let (memory, server, store) = pair().await;
    let over = AtomicBool::new(false);
    let rows = (0..50).map(|n| {
        let (store, over) = (store.clone(), &over);
        async move {
            let mut at = 0;
            while at < 30 || !over.load(Ordering::Relaxed) {
                let next = commit(&format!("account-{n}"), before(at), at);
                assert_eq!(surely(&store, next).await.unwrap().revisions[..], [at]);
                at += 1;
            }
            at
        }
    });
    let restarts = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(40)).await;
            assert!(server.faults.restart(Duration::from_millis(120)).await);
        }
        over.store(true, Ordering::Relaxed);
    };
    let both = futures::future::join(futures::future::join_all(rows), restarts);
    let (counts, ()) = tokio::time::timeout(Duration::from_secs(60), both)
        .await
        .unwrap();
    for (n, count) in counts.into_iter().enumerate() {
        let events = stream(&memory, &format!("account-{n}")).await;
        assert_eq!(revisions(&events), (0..count).collect::<Vec<_>>());
    }
    assert!(store.stats().connects > 1, "{:?}", store.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_lead_is_left_for_the_one_it_names() {
    let memory = MemoryStore::new();
    let shared: Arc<dyn EventStore> = Arc::new(memory.clone());
    let (old, new) = (
        Server::start(Arc::clone(&shared)).await,
        Server::start(shared).await,
    );
    let store = connect(&old.url()).await;
    assert!(
        append(&store, commit("account-1", Expected::NoStream, 0))
            .await
            .is_ok()
    );
    old.faults(&format!("not-leader=100%,leader={}", new.address));
    let started = std::time::Instant::now();
    let moved = append(&store, commit("account-1", Expected::Exact(0), 1)).await;
    assert_eq!(moved.unwrap().revisions[..], [1], "moved without a doubt");
    assert!(started.elapsed() < Duration::from_secs(1), "at once");
    assert_eq!(revisions(&stream(&store, "account-1").await), [0, 1]);
    let stats = store.stats();
    assert_eq!(
        (stats.connects, stats.disconnects, stats.in_doubt),
        (2, 1, 0)
    );
    old.kill().await;
    assert!(
        append(&store, commit("account-1", Expected::Exact(1), 2))
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_follows_the_leader_too() {
    let memory = MemoryStore::new();
    let shared: Arc<dyn EventStore> = Arc::new(memory.clone());
    let (old, new) = (
        Server::start(Arc::clone(&shared)).await,
        Server::start(shared).await,
    );
    let store = connect(&old.url()).await;
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    old.faults(&format!("not-leader=100%,leader={}", new.address));
    assert_eq!(stream(&store, "account-1").await.len(), 1);
    assert!(store.tail().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_cluster_the_next_member_serves_when_one_dies() {
    let memory = MemoryStore::new();
    let shared: Arc<dyn EventStore> = Arc::new(memory.clone());
    let (a, b) = (
        Server::start(Arc::clone(&shared)).await,
        Server::start(shared).await,
    );
    let url = format!(
        "esdb+discover://{},{}?tls=false&discoveryInterval=20",
        a.address, b.address
    );
    let store = connect(&url).await;
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    a.kill().await;
    let second = surely(&store, commit("account-1", Expected::Exact(0), 1)).await;
    assert_eq!(second.unwrap().revisions[..], [1]);
    assert_eq!(revisions(&stream(&store, "account-1").await), [0, 1]);
    drop(b);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_reads_are_whole_and_a_read_without_a_server_says_so_in_time() {
    let (_memory, server, store) = pair().await;
    for at in 0..60 {
        append(&store, commit("account-1", before(at), at))
            .await
            .unwrap();
    }
    server.faults("slow-read=100ms");
    assert_eq!(stream(&store, "account-1").await.len(), 60);
    let all = store
        .read_all(None, Direction::Backwards, 100)
        .await
        .unwrap();
    assert_eq!(all.len(), 60, "the ledger's own identity is not shown");
    server.kill().await;
    // A connection ends in order, so a request may just come in time.
    let (error, started) = loop {
        let started = std::time::Instant::now();
        if let Err(error) = store.tail().await {
            break (error, started);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(
        matches!(&error, ReadError::Unavailable(why) if why.contains("5000 ms")),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_secs(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_commit_in_doubt_those_behind_it_in_the_same_stream_are_not_sent() {
    let (memory, server, store) = pair().await;
    server.faults("drop=100%");
    let row: Vec<_> = (0..4)
        .map(|at| commit("account-1", before(at), at))
        .collect();
    let answers = store.append(row.clone()).await;
    assert!(
        answers
            .iter()
            .all(|a| matches!(a, Err(AppendError::InDoubt(_)))),
        "{answers:?}"
    );
    assert_eq!(server.faults.strikes().drop, 1);
    server.faults("");
    let answers = store.append(row).await;
    let written: Vec<u64> = answers
        .into_iter()
        .map(|a| a.unwrap().revisions[0])
        .collect();
    assert_eq!(written, [0, 1, 2, 3]);
    assert_eq!(stream(&memory, "account-1").await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_doubt_is_not_taken_for_a_refusal_when_the_server_says_no() {
    let memory = MemoryStore::new();
    let shared: Arc<dyn EventStore> = Arc::new(memory.clone());
    let server = Server::start(Arc::clone(&shared)).await;
    let store = connect(&server.url()).await;
    server.faults("drop-reply=100%");
    let first = commit("account-1", Expected::NoStream, 0);
    let answer = append(&store, first.clone()).await;
    assert!(matches!(answer, Err(AppendError::InDoubt(_))), "{answer:?}");
    // The same address, now without appends.
    let address = server.address;
    server.kill().await;
    let read_only = Server::start_read_only(address, shared).await;
    let again = append(&store, first).await;
    assert!(matches!(again, Err(AppendError::InDoubt(_))), "{again:?}");
    let fresh = append(&store, commit("account-2", Expected::NoStream, 0)).await;
    assert!(matches!(fresh, Err(AppendError::Stopped(_))), "{fresh:?}");
    assert_eq!(stream(&memory, "account-1").await.len(), 1);
    drop(read_only);
}
