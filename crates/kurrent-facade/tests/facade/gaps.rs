//! Over a store whose positions have gaps and which understands those of events only.

use std::sync::Arc;

use event_store::MemoryStore;
use kurrent_wire::pb::streams::read_resp::Content;
use tonic::Code;

use crate::gapped::Gapped;
use crate::support::{Ask, Server, config, next_words, words};

async fn server(strict: bool) -> Server {
    let mut config = config();
    config.strict_positions = strict;
    let server = Server::start(config, Arc::new(Gapped(MemoryStore::new()))).await;
    server.write("a", "noted.v1", 0..5).await;
    server
}

/// The positions of all events.
async fn positions(server: &Server) -> Vec<u64> {
    let all = Ask::all_start().read(server).await.expect("all");
    let place = |content: &Content| {
        let Content::Event(event) = content else {
            return None;
        };
        event.event.as_ref().map(|event| event.commit_position)
    };
    all.iter().filter_map(place).collect()
}

#[tokio::test]
async fn a_read_from_a_position_finds_the_events_from_it_on_and_before_it() {
    for strict in [false, true] {
        let server = server(strict).await;
        let positions = positions(&server).await;
        assert!(positions.windows(2).all(|pair| pair[1] > pair[0] + 1));
        for (n, at) in positions.iter().enumerate() {
            let from: Vec<String> = (n..5).map(|n| format!("a@{n}")).collect();
            let read = Ask::all_at(*at).read(&server).await.expect("forwards");
            assert_eq!(words(&read), from);
            let filtered = Ask::all_at(*at).streams_with(&["a"], 32).count(1);
            let read = filtered.read(&server).await.expect("filtered");
            assert_eq!(words(&read), from[..1]);
            let before: Vec<String> = (0..n).rev().map(|n| format!("a@{n}")).collect();
            let read = Ask::all_at(*at).backwards().read(&server).await;
            assert_eq!(words(&read.expect("backwards")), before);
        }
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn a_subscription_goes_on_after_a_position_and_from_beyond_the_end_with_what_comes() {
    let server = server(false).await;
    let positions = positions(&server).await;
    let mut after = Ask::all_at(positions[2]).follow().open(&server).await;
    let after = after.as_mut().expect("open");
    let seen = next_words(after, 3).await;
    assert_eq!(seen, ["confirmation", "a@3", "a@4"]);
    let beyond = positions[4] + 1;
    let read = Ask::all_at(beyond)
        .read(&server)
        .await
        .expect("nothing yet");
    assert_eq!(words(&read), Vec::<String>::new());
    let mut later = Ask::all_at(beyond).follow().open(&server).await;
    let later = later.as_mut().expect("open");
    assert_eq!(next_words(later, 2).await.len(), 2);
    server.write("b", "noted.v1", 5..6).await;
    assert_eq!(next_words(later, 1).await, ["b@0"]);
}

#[tokio::test]
async fn a_strict_server_refuses_positions_that_belong_to_no_event() {
    let server = server(true).await;
    let at = positions(&server).await[1];
    for ask in [Ask::all_at(at - 1), Ask::all_at(at + 1).follow()] {
        let mut open = ask.open(&server).await.expect("open");
        let status = open.message().await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    server.stop().await.expect("stopped in order");
}
