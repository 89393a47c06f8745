//! Servers that answer but do not serve: they are left, and appends, reads and subscriptions go on elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{
    Server, append, before, cluster, commit, connect, follow, pair, revisions, stream, surely,
};
use event_store::{AppendError, EventStore, Expected, MemoryStore, RecordedEvent};
use kurrent_store::KurrentStore;

/// Appends one after the other, each until its outcome is known.
async fn row(store: &KurrentStore, name: &str, count: u64) {
    for at in 0..count {
        let done = surely(store, commit(name, before(at), at)).await;
        assert_eq!(done.unwrap().revisions[..], [at]);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn of<'a>(events: &'a [RecordedEvent], name: &str) -> Vec<&'a RecordedEvent> {
    let mine = |event: &&RecordedEvent| event.stream.as_str() == name;
    events.iter().filter(mine).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_and_a_subscription_go_on_elsewhere_when_their_server_is_cut_off() {
    let memory = MemoryStore::new();
    let (first, second, store) = cluster(Arc::new(memory.clone())).await;
    let mut subscription = store.subscribe(None);
    let names = ["account-1", "account-2", "account-3"];
    let rows = futures::future::join_all(names.map(|name| row(&store, name, 60)));
    let cut = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        first.faults("isolated=on");
    };
    let all = async { tokio::join!(follow(subscription.as_mut(), 180), rows, cut) };
    let (seen, _, ()) = tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .unwrap();
    for name in names {
        let events = stream(&memory, name).await;
        assert_eq!(revisions(&events), (0..60).collect::<Vec<_>>());
        let followed: Vec<u64> = of(&seen, name).iter().map(|e| e.revision).collect();
        assert_eq!(followed, (0..60).collect::<Vec<_>>());
    }
    assert!(first.faults.strikes().not_ready > 0, "it was asked");
    assert_eq!(second.faults.strikes().not_ready, 0);
    let stats = store.stats();
    assert!(
        stats.resubscriptions > 0 && stats.disconnects > 0,
        "{stats:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_subscription_asks_whether_its_server_still_leads() {
    let memory = MemoryStore::new();
    let (first, _second, store) = cluster(Arc::new(memory.clone())).await;
    let mut subscription = store.subscribe(None);
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    assert_eq!(follow(subscription.as_mut(), 1).await.len(), 1);
    first.faults("isolated=on");
    // Others write at the new leader; nothing is asked over this store meanwhile.
    let written = memory.append(vec![commit("account-1", Expected::Exact(0), 1)]);
    written.await.pop().unwrap().unwrap();
    assert_eq!(revisions(&follow(subscription.as_mut(), 1).await), [1]);
    assert!(store.stats().resubscriptions > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_subscription_whose_server_leads_stays() {
    let (_memory, _server, store) = pair().await;
    let mut subscription = store.subscribe(None);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    assert_eq!(follow(subscription.as_mut(), 1).await.len(), 1);
    assert_eq!(store.stats().resubscriptions, 0);
    assert_eq!(store.stats().connects, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_answered_as_not_ready_is_in_doubt_and_its_server_is_left() {
    let (memory, server, store) = pair().await;
    server.faults("not-ready=100%");
    let first = commit("account-1", Expected::NoStream, 0);
    let answer = append(&store, first.clone()).await;
    assert!(
        matches!(&answer, Err(AppendError::InDoubt(why)) if why.contains("Server Is Not Ready")),
        "{answer:?}"
    );
    assert_eq!(store.stats().disconnects, 1);
    assert!(stream(&memory, "account-1").await.is_empty());
    server.faults("");
    assert_eq!(append(&store, first).await.unwrap().revisions[..], [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_now_and_then_not_ready_lose_nothing_and_write_nothing_twice() {
    let (memory, server, store) = pair().await;
    server.faults("not-ready=10%,drop-reply=2%,seed=5");
    let names = ["account-1", "account-2", "account-3"];
    let rows = futures::future::join_all(names.map(|name| row(&store, name, 30)));
    tokio::time::timeout(Duration::from_secs(90), rows)
        .await
        .unwrap();
    for name in names {
        let events = stream(&memory, name).await;
        assert_eq!(revisions(&events), (0..30).collect::<Vec<_>>());
    }
    assert!(server.faults.strikes().not_ready > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_follow_reads_to_another_server() {
    let (first, _second, store) = cluster(Arc::new(MemoryStore::new())).await;
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    first.faults("isolated=on");
    assert_eq!(stream(&store, "account-1").await.len(), 1);
    let moved = append(&store, commit("account-1", Expected::Exact(0), 1)).await;
    assert_eq!(moved.unwrap().revisions[..], [1], "without a doubt");
    assert_eq!(first.faults.strikes().not_ready, 0, "it was not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_nothing_is_left_though_more_is_under_way() {
    let server = Server::start(Arc::new(MemoryStore::new())).await;
    let store = connect(&server.url()).await;
    append(&store, commit("account-0", Expected::NoStream, 0))
        .await
        .unwrap();
    server.faults("drop=100%");
    let started = Instant::now();
    let early = append(&store, commit("account-1", Expected::NoStream, 0));
    let later = async {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        append(&store, commit("account-2", Expected::NoStream, 0)).await
    };
    let (early, later) = tokio::join!(early, later);
    for answer in [early, later] {
        assert!(matches!(answer, Err(AppendError::InDoubt(_))), "{answer:?}");
    }
    // The second would have had a second more.
    assert!(started.elapsed() < Duration::from_millis(2_800));
    assert_eq!(store.stats().disconnects, 1);
}
