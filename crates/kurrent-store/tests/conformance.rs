//! The conformance suite over sockets: the adapter against the facade, on both stores of our own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::{Arc, Mutex};

use common::gapped::Gapped;
use common::{Server, connect};
use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{EventStore, MemoryStore, conformance};
use futures::FutureExt;

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_keeps_every_promise_of_the_port_over_a_memory_store() {
    let servers = Arc::new(Mutex::new(Vec::new()));
    let fresh = move || {
        let servers = Arc::clone(&servers);
        async move {
            let server = Server::start(Arc::new(MemoryStore::new())).await;
            let store = connect(&server.url()).await;
            servers.lock().unwrap().push(server);
            Arc::new(store) as Arc<dyn EventStore>
        }
        .boxed()
    };
    let outcomes = conformance::run(&fresh, "memory").await;
    let broken: Vec<_> = outcomes.iter().filter(|o| o.result.is_err()).collect();
    assert!(outcomes.len() > 30, "the whole suite ran");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_keeps_every_promise_where_only_positions_of_events_are_understood() {
    let servers = Arc::new(Mutex::new(Vec::new()));
    let fresh = move || {
        let servers = Arc::clone(&servers);
        async move {
            let mut config = kurrent_facade::Config::new("127.0.0.1:0".parse().unwrap());
            config.strict_positions = true;
            let gapped = Arc::new(Gapped(MemoryStore::new()));
            let server = Server::start_with(config, gapped).await;
            let store = connect(&server.url()).await;
            servers.lock().unwrap().push(server);
            Arc::new(store) as Arc<dyn EventStore>
        }
        .boxed()
    };
    let outcomes = conformance::run(&fresh, "gapped").await;
    let broken: Vec<_> = outcomes.iter().filter(|o| o.result.is_err()).collect();
    assert!(outcomes.len() > 30, "the whole suite ran");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_adapter_keeps_every_promise_of_the_port_over_one_log_for_all() {
    let dir = tempfile::tempdir().unwrap();
    let options = OpenOptions::dir(dir.path()).unwrap().reserve_bytes(8192);
    let log = Arc::new(EmbeddedStore::open(&options).unwrap());
    let server = Server::start(log).await;
    let store: Arc<dyn EventStore> = Arc::new(connect(&server.url()).await);
    let same = move || {
        let store = Arc::clone(&store);
        async move { store }.boxed()
    };
    for run in ["first", "second"] {
        let outcomes = conformance::run(&same, run).await;
        let broken: Vec<_> = outcomes.iter().filter(|o| o.result.is_err()).collect();
        assert!(broken.is_empty(), "{run}: {broken:#?}");
    }
}
