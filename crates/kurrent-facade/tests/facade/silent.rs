//! Connections that say nothing, or not enough.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Ask, Server, config, soon, words};

#[tokio::test]
async fn a_client_that_says_nothing_or_too_little_gives_its_place_back() {
    let mut config = config();
    config.limits.connections_max = 2;
    let server = Server::in_memory(config).await;
    server.write("a", "noted.v1", 0..1).await;
    let mut mute = TcpStream::connect(server.address).await.expect("open");
    let mut slow = TcpStream::connect(server.address).await.expect("open");
    slow.write_all(b"PRI * HTTP").await.expect("written");
    // All places are taken: this one waits for one.
    let read = soon("a place", Ask::all_start().read(&server)).await;
    assert_eq!(words(&read.expect("read")), ["a@0"]);
    let mut rest = Vec::new();
    for stream in [&mut mute, &mut slow] {
        // The server may say why before it closes.
        drop(soon("the end", stream.read_to_end(&mut rest)).await);
    }
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_client_that_spoke_once_keeps_its_place_however_long_it_is_quiet() {
    let server = Server::in_memory(config()).await;
    let mut all = Ask::all_start().follow().open(&server).await.expect("open");
    crate::support::next_words(&mut all, 2).await;
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    server.write("a", "noted.v1", 0..1).await;
    assert_eq!(crate::support::next_words(&mut all, 1).await, ["a@0"]);
}
