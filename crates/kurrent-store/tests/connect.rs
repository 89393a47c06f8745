//! Connecting: servers that come late, that deny, that are nobody; and which store it is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use common::{Server, append, commit, connect, pair, quick, stream};
use event_store::{AppendError, EventStore, Expected, MemoryStore};
use kurrent_facade::{Authorize, Config, Denied, Grant, serve};
use kurrent_store::{ConnectError, KurrentStore, Options};

fn free_address() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_later_is_waited_for() {
    let address = free_address();
    let url = format!("kurrentdb://{address}?tls=false");
    let late = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        Server::start_at(address, Arc::new(MemoryStore::new())).await
    };
    let (store, _server) = tokio::join!(connect(&url), late);
    assert!(
        append(&store, commit("account-1", Expected::NoStream, 0))
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_comes_is_an_error_that_says_where_and_what_to_check() {
    let address = free_address();
    let options = Options {
        connect_wait: Duration::from_millis(600),
        ..quick()
    };
    let url = format!("kurrentdb://ops:s3cr3t@{address}?tls=false");
    let error = KurrentStore::connect(&url, options).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{text}");
    assert!(
        text.contains(&address.to_string()) && text.contains("check that the server runs"),
        "{text}"
    );
    assert!(!text.contains("s3cr3t"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_connections_and_says_nothing_is_not_waited_for_longer() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("kurrentdb://{}?tls=false", mute.local_addr().unwrap());
    let options = Options {
        connect_wait: Duration::from_millis(600),
        ..quick()
    };
    let started = std::time::Instant::now();
    let error = KurrentStore::connect(&url, options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_connect_at_once_agree_which_store_it_is() {
    let memory = MemoryStore::new();
    let server = Server::start(Arc::new(memory.clone())).await;
    let url = server.url();
    let stores = futures::future::join_all((0..8).map(|_| connect(&url))).await;
    let ids: std::collections::HashSet<_> = stores.iter().map(EventStore::store_id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(stream(&memory, "ledger-store").await.len(), 1);
    let other = Server::start(Arc::new(MemoryStore::new())).await;
    let other = connect(&other.url()).await;
    assert!(
        !ids.contains(&other.store_id()),
        "another store is another one"
    );
    assert_eq!(
        stores.first().unwrap().tail().await.unwrap(),
        None,
        "it shows no events yet"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_cannot_be_appended_to() {
    let (_memory, _server, store) = pair().await;
    let answer = append(&store, commit("ledger-store", Expected::Any, 1)).await;
    assert!(matches!(answer, Err(AppendError::Invalid(_))), "{answer:?}");
}

/// Lets `ops` in with one password, and `reader` to read only.
struct Door;

impl Authorize for Door {
    fn check(&self, header: Option<&str>) -> Result<Grant, Denied> {
        // ops:pw and reader:pw
        let append = match header {
            Some("Basic b3BzOnB3") => true,
            Some("Basic cmVhZGVyOnB3") => false,
            Some(_) | None => return Err(Denied::Unauthenticated),
        };
        Ok(Grant {
            name: "known".to_owned(),
            append,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_with_every_call_and_wrong_ones_are_said_at_once() {
    let config = Config::new("127.0.0.1:0".parse().unwrap()).allow_appends();
    let store = Arc::new(MemoryStore::new());
    let serving = serve(config, store, Arc::new(Door), std::future::pending()).await;
    let (address, serving) = serving.unwrap();
    let task = tokio::spawn(async move { drop(serving.await) });
    let url = |who: &str| format!("kurrentdb://{who}@{address}?tls=false");
    let good = connect(&url("ops:pw")).await;
    assert!(
        append(&good, commit("account-1", Expected::NoStream, 0))
            .await
            .is_ok()
    );
    let started = std::time::Instant::now();
    let bad = KurrentStore::connect(&url("ops:guess"), quick())
        .await
        .unwrap_err();
    assert!(matches!(bad, ConnectError::Denied(_)), "{bad}");
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "without waiting for better"
    );
    let reader = connect(&url("reader:pw")).await;
    assert_eq!(stream(&reader, "account-1").await.len(), 1);
    let denied = append(&reader, commit("account-1", Expected::Exact(0), 1)).await;
    assert!(
        matches!(&denied, Err(AppendError::Stopped(why)) if why.contains("check user and password")),
        "{denied:?}"
    );
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_ledger_must_be_none_is_begun() {
    let memory = MemoryStore::new();
    let server = Server::start(Arc::new(memory.clone())).await;
    let only_existing = Options {
        must_exist: true,
        ..quick()
    };
    let started = std::time::Instant::now();
    let error = KurrentStore::connect(&server.url(), only_existing)
        .await
        .unwrap_err();
    assert_eq!(error, ConnectError::NoLedger);
    assert!(error.to_string().contains("ledger-store"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "at once");
    assert_eq!(memory.tail().await.unwrap(), None, "nothing was written");
    let first = connect(&server.url()).await;
    let second = KurrentStore::connect(&server.url(), only_existing)
        .await
        .unwrap();
    assert_eq!(first.store_id(), second.store_id());
}
