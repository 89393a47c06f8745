//! Connections over TLS: an authority of the operator's, a certificate nobody vouches for, a server without.
//!
//! The certificates are those of the facade's tests, of an authority whose key is gone; they hold for localhost.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Server, append, before, commit, follow, quick, stream};
use event_store::{EventStore, Expected, MemoryStore};
use kurrent_facade::{Config, Identity};
use kurrent_store::{ConnectError, KurrentStore, Options};

fn path(file: &str) -> String {
    format!(
        "{}/../kurrent-facade/tests/facade/certificates/{file}",
        env!("CARGO_MANIFEST_DIR")
    )
}

async fn secured() -> Server {
    let mut config = Config::new("127.0.0.1:0".parse().unwrap());
    let read = |file| std::fs::read(path(file)).unwrap();
    config.tls = Some(Identity::from_pem(
        read("server.pem"),
        read("server.key.pem"),
    ));
    Server::start_with(config, Arc::new(MemoryStore::new())).await
}

fn hasty() -> Options {
    Options {
        connect_wait: Duration::from_millis(800),
        ..quick()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_with_the_operators_authority_everything_works() {
    let server = secured().await;
    let url = format!(
        "kurrentdb://ops:pw@localhost:{}?tlsCaFile={}",
        server.address.port(),
        path("authority.pem")
    );
    let store = KurrentStore::connect(&url, quick()).await.unwrap();
    let mut subscription = store.subscribe(None);
    for at in 0..20 {
        append(&store, commit("account-1", before(at), at))
            .await
            .unwrap();
    }
    assert_eq!(stream(&store, "account-1").await.len(), 20);
    assert_eq!(follow(subscription.as_mut(), 20).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_nobody_vouches_for_is_refused_unless_told_otherwise() {
    let server = secured().await;
    let port = server.address.port();
    let own = path("server.pem");
    let url = format!("kurrentdb://127.0.0.1:{port}?tlsCaFile={own}");
    let error = KurrentStore::connect(&url, hasty()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    let url = format!("kurrentdb://127.0.0.1:{port}?tlsVerifyCert=false");
    let store = KurrentStore::connect(&url, quick()).await.unwrap();
    assert!(
        append(&store, commit("account-1", Expected::NoStream, 0))
            .await
            .is_ok()
    );
    assert!(store.tail().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_and_a_server_without_tls_are_said() {
    let server = Server::start(Arc::new(MemoryStore::new())).await;
    let url = format!("kurrentdb://{}?tlsCaFile=/nowhere/ca.pem", server.address);
    let error = KurrentStore::connect(&url, hasty()).await.unwrap_err();
    assert!(
        error.to_string().contains("tlsCaFile: /nowhere/ca.pem"),
        "{error}"
    );
    let url = format!("kurrentdb://{}?tlsVerifyCert=false", server.address);
    let error = KurrentStore::connect(&url, hasty()).await.unwrap_err();
    assert!(
        error.to_string().contains("tls of the connection string"),
        "{error}"
    );
}
