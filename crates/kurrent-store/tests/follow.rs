//! Subscriptions over sockets: through restarts, at another server, and when nobody takes what they give.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::{PATIENCE, Server, append, before, commit, connect, follow, pair, revisions, surely};
use event_store::{EventStore, Expected, MemoryStore, ReadError};

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_through_restarts_has_no_hole_and_nothing_twice() {
    let (_memory, server, store) = pair().await;
    let mut subscription = store.subscribe(None);
    let writer = async {
        for at in 0..200 {
            surely(&store, commit("account-1", before(at), at))
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    let restarts = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(120)).await;
            assert!(server.faults.restart(Duration::from_millis(150)).await);
        }
    };
    let (seen, (), ()) = tokio::join!(follow(subscription.as_mut(), 200), writer, restarts);
    assert_eq!(revisions(&seen), (0..200).collect::<Vec<_>>());
    assert!(store.stats().resubscriptions >= 1, "{:?}", store.stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_moves_to_the_server_that_leads() {
    let shared: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
    let (old, new) = (
        Server::start(Arc::clone(&shared)).await,
        Server::start(shared).await,
    );
    let store = connect(&old.url()).await;
    let mut subscription = store.subscribe(None);
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    assert_eq!(follow(subscription.as_mut(), 1).await.len(), 1);
    old.faults(&format!("not-leader=100%,leader={}", new.address));
    append(&store, commit("account-1", Expected::Exact(0), 1))
        .await
        .unwrap();
    old.kill().await;
    let seen = follow(subscription.as_mut(), 1).await;
    assert_eq!(revisions(&seen), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_begun_while_the_server_is_away_begins_when_it_is_back() {
    let memory = MemoryStore::new();
    let server = Server::start(Arc::new(memory.clone())).await;
    let store = connect(&server.url()).await;
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    let address = server.address;
    server.kill().await;
    let mut subscription = store.subscribe(None);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let _back = Server::start_at(address, Arc::new(memory)).await;
    assert_eq!(follow(subscription.as_mut(), 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_nobody_reads_holds_up_neither_appends_nor_memory() {
    let (_memory, _server, store) = pair().await;
    let mut idle: Vec<_> = (0..6).map(|_| store.subscribe(None)).collect();
    let mut at = 0;
    // More than all windows of the shared connection would hold.
    while at < 100 {
        let mut large = commit("account-1", before(at), at);
        large.appends[0].events[0].data = Bytes::from(format!("\"{}\"", "z".repeat(500_000)));
        let done = tokio::time::timeout(PATIENCE, append(&store, large)).await;
        done.unwrap().unwrap();
        at += 1;
    }
    assert_eq!(
        store
            .read_all(None, event_store::Direction::Forwards, 200)
            .await
            .unwrap()
            .len(),
        100
    );
    for subscription in &mut idle {
        assert_eq!(follow(subscription.as_mut(), 100).await.len(), 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_ends_its_subscriptions_and_takes_nothing_more() {
    let (_memory, _server, store) = pair().await;
    let mut subscription = store.subscribe(None);
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    follow(subscription.as_mut(), 1).await;
    tokio::time::timeout(PATIENCE, store.close()).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, subscription.next_batch())
        .await
        .unwrap();
    assert!(matches!(ended, Err(ReadError::Unavailable(why)) if why.contains("closed")));
    let late = append(&store, commit("account-1", Expected::Exact(0), 1)).await;
    assert!(matches!(late, Err(event_store::AppendError::Stopped(why)) if why.contains("closed")));
    assert!(store.tail().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledgers_own_identity_is_neither_shown_nor_counted_as_foreign() {
    let (_memory, _server, store) = pair().await;
    append(&store, commit("account-1", Expected::NoStream, 0))
        .await
        .unwrap();
    let mut subscription = store.subscribe(None);
    assert_eq!(follow(subscription.as_mut(), 1).await.len(), 1);
    let all = store.read_all(None, event_store::Direction::Forwards, 9);
    assert_eq!(all.await.unwrap().len(), 1);
    assert_eq!(store.stats().foreign_events, 0);
}
