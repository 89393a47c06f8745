//! Connections over TLS: an authority of the operator's, a certificate nobody vouches for, a server without.
//!
//! The certificates under `certificates/` are of a test authority whose key is gone; they hold for localhost.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{Server, append, before, commit, follow, quick, stream};
use event_store::{EventStore, Expected, MemoryStore};
use kurrent_store::{ConnectError, KurrentStore, Options};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

fn path(file: &str) -> String {
    format!("{}/tests/certificates/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// Ends TLS before a server, as a proxy does.
async fn secured(behind: SocketAddr) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(path("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(path("server.key.pem")).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust it goes away.
                let Ok(mut socket) = acceptor.accept(socket).await else {
                    return;
                };
                let mut server = TcpStream::connect(behind).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut socket, &mut server).await);
            });
        }
    });
    address
}

fn hasty() -> Options {
    Options {
        connect_wait: Duration::from_millis(800),
        ..quick()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_with_the_operators_authority_everything_works() {
    let server = Server::start(Arc::new(MemoryStore::new())).await;
    let address = secured(server.address).await;
    let url = format!(
        "kurrentdb://ops:pw@localhost:{}?tlsCaFile={}",
        address.port(),
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
    let server = Server::start(Arc::new(MemoryStore::new())).await;
    let port = secured(server.address).await.port();
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
