//! Secured connections, with the official client and its credentials.
//!
//! The certificates under `certificates/` are of a test authority whose key is gone; they hold for localhost.

use std::sync::Arc;
use std::time::Duration;

use event_store::MemoryStore;
use kurrent_facade::{AllowAll, Config, Identity, ServeError};
use kurrentdb::{Client, Error, ReadStreamOptions};
use tokio::io::AsyncReadExt;

use crate::reading::OnlyAnalysts;
use crate::support::{Ask, Server, config, soon};

const CERTIFICATE: &[u8] = include_bytes!("certificates/server.pem");
const KEY: &[u8] = include_bytes!("certificates/server.key.pem");

fn secured() -> Config {
    let mut config = config();
    config.tls = Some(Identity::from_pem(CERTIFICATE, KEY));
    config
}

fn client(server: &Server, credentials: &str) -> Client {
    let authority = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/facade/certificates/authority.pem"
    );
    let port = server.address.port();
    let url = format!("kurrentdb://{credentials}@localhost:{port}?tlsCAFile={authority}");
    Client::new(url.parse().expect("settings")).expect("a client")
}

#[tokio::test]
async fn the_official_client_reads_over_tls_with_its_credentials() {
    let server = Server::guarded(
        secured(),
        Arc::new(MemoryStore::new()),
        Arc::new(OnlyAnalysts),
    )
    .await;
    server.write("a", "k.v1", 0..3).await;
    let options = ReadStreamOptions::default();
    let known = client(&server, "ann:analyst");
    let mut stream = known.read_stream("a", &options).await.expect("read");
    let mut count = 0;
    while let Some(event) = soon("an event", stream.next()).await.expect("no error") {
        assert_eq!(event.get_original_event().revision, count);
        count += 1;
    }
    assert_eq!(count, 3);
    let unknown = client(&server, "ann:guess");
    let refused = unknown.read_stream("a", &options).await.map(drop);
    assert!(matches!(refused, Err(Error::AccessDenied)), "{refused:?}");
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn who_agrees_on_no_keys_holds_nobody_up() {
    let server = Server::guarded(secured(), Arc::new(MemoryStore::new()), Arc::new(AllowAll)).await;
    server.write("a", "k.v1", 0..1).await;
    let mut silent = tokio::net::TcpStream::connect(server.address)
        .await
        .expect("it connects");
    let official = client(&server, "any:body");
    let stream = official
        .read_stream("a", &ReadStreamOptions::default())
        .await;
    let mut stream = stream.expect("read");
    assert!(
        soon("an event", stream.next())
            .await
            .expect("no error")
            .is_some()
    );
    // It is cut off after a while.
    let mut byte = [0u8];
    let end = tokio::time::timeout(Duration::from_secs(15), silent.read(&mut byte)).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_client_that_does_not_secure_its_connection_reads_nothing() {
    let server = Server::guarded(secured(), Arc::new(MemoryStore::new()), Arc::new(AllowAll)).await;
    let read = Ask::all_start().read(&server).await;
    read.expect_err("nothing is read");
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_said_at_the_start() {
    let mut config = config();
    config.tls = Some(Identity::from_pem("nothing", KEY));
    let store = Arc::new(MemoryStore::new());
    let served =
        kurrent_facade::serve(config, store, Arc::new(AllowAll), std::future::pending()).await;
    assert!(matches!(served.err(), Some(ServeError::Tls(_))));
}
