//! The official client against the facade: what it reads, follows, appends, and how it takes refusals and a
//! restart.
//!
//! It knows this protocol from real servers; whether the facade behaves as one does is not shown here beyond
//! what the client looks at.

use std::time::Duration;

use bytes::Bytes;
use kurrent_facade::{Config, Faults};
use kurrentdb::{
    AppendToStreamOptions, Client, Error, EventData, ReadAllOptions, ReadStreamOptions,
    RetryOptions, StreamPosition, StreamState, SubscribeToAllOptions, SubscribeToStreamOptions,
    SubscriptionEvent, SubscriptionFilter,
};

use crate::support::{Server, config, id, soon};

fn client(server: &Server) -> Client {
    let url = format!("kurrentdb://{}?tls=false", server.address);
    Client::new(url.parse().expect("settings")).expect("a client")
}

fn open() -> Config {
    config().allow_appends()
}

fn event(n: u32) -> EventData {
    EventData::binary("k.v1", Bytes::from(format!("{{\"n\":{n}}}"))).id(id(n))
}

async fn read(mut events: kurrentdb::ReadStream) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(event) = soon("the next event", events.next())
        .await
        .expect("no error")
    {
        let event = event.get_original_event();
        words.push(format!("{}@{}", event.stream_id(), event.revision));
    }
    words
}

#[tokio::test]
async fn the_official_client_reads_streams_and_all() {
    let server = Server::embedded(config()).await;
    server.write("account-1", "charged.v1", 0..3).await;
    server.write("meter-1", "installed.v1", 3..5).await;
    let client = client(&server);
    let forwards = ReadStreamOptions::default();
    let stream = client
        .read_stream("account-1", &forwards)
        .await
        .expect("read");
    assert_eq!(
        read(stream).await,
        ["account-1@0", "account-1@1", "account-1@2"]
    );
    let backwards = ReadStreamOptions::default()
        .backwards()
        .position(StreamPosition::End)
        .max_count(2);
    let stream = client
        .read_stream("account-1", &backwards)
        .await
        .expect("read");
    assert_eq!(read(stream).await, ["account-1@2", "account-1@1"]);

    let meters = SubscriptionFilter::on_stream_name().add_prefix("meter-");
    let options = ReadAllOptions::default().filter(meters);
    let all = client.read_all(&options).await.expect("read");
    assert_eq!(read(all).await, ["meter-1@0", "meter-1@1"]);
    let charged = SubscriptionFilter::on_event_type().regex("^charged");
    let options = ReadAllOptions::default()
        .filter(charged)
        .backwards()
        .position(StreamPosition::End)
        .max_count(2);
    let all = client.read_all(&options).await.expect("read");
    assert_eq!(read(all).await, ["account-1@2", "account-1@1"]);
    let options = ReadAllOptions::default()
        .filter(SubscriptionFilter::on_event_type().exclude_system_events());
    let all = client.read_all(&options).await.expect("read");
    assert_eq!(read(all).await.len(), 5);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_official_client_is_told_of_a_stream_that_is_not_there() {
    let server = Server::in_memory(config()).await;
    let client = client(&server);
    let options = ReadStreamOptions::default();
    let mut stream = client.read_stream("nowhere", &options).await.expect("read");
    let missing = soon("the answer", stream.next()).await;
    assert!(
        matches!(missing, Err(Error::ResourceNotFound)),
        "{missing:?}"
    );
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_official_client_appends_once_and_sees_conflicts() {
    let server = Server::embedded(open()).await;
    let client = client(&server);
    let append = async |state: StreamState, n: u32| {
        let options = AppendToStreamOptions::default().stream_state(state);
        client.append_to_stream("a", &options, event(n)).await
    };
    let first = append(StreamState::NoStream, 1).await.expect("written");
    assert_eq!((first.next_expected_version, first.position.commit), (0, 0));
    let second = append(StreamState::StreamRevision(0), 2)
        .await
        .expect("written");
    assert_eq!(
        (second.next_expected_version, second.position.commit),
        (1, 1)
    );
    let again = append(StreamState::StreamRevision(0), 2)
        .await
        .expect("known");
    assert_eq!((again.next_expected_version, again.position.commit), (1, 1));
    let wrong = append(StreamState::StreamRevision(0), 3).await;
    let Err(Error::WrongExpectedVersion { expected, current }) = wrong else {
        panic!("a conflict: {wrong:?}");
    };
    assert_eq!(
        format!("{expected} {current}"),
        "StreamRevision(0) Current(1)"
    );
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_official_client_appends_in_a_batch() {
    let server = Server::embedded(open()).await;
    let client = client(&server);
    let batch = client
        .batch_append(&Default::default())
        .await
        .expect("a batch");
    for n in 0..20 {
        let written = batch.append_to_stream("a", StreamState::Any, vec![event(n)]);
        let written = soon("the answer", written).await.expect("written");
        assert_eq!(written.current_revision(), Some(u64::from(n)));
    }
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_official_client_is_refused_by_a_read_only_server() {
    let server = Server::in_memory(config()).await;
    let client = client(&server);
    let options = AppendToStreamOptions::default();
    let refused = client.append_to_stream("a", &options, event(1)).await;
    assert!(matches!(refused, Err(Error::AccessDenied)), "{refused:?}");
    let refused = client.delete_stream("a", &Default::default()).await;
    assert!(matches!(refused, Err(Error::AccessDenied)), "{refused:?}");
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_official_client_follows_all_and_a_stream() {
    let server = Server::embedded(config()).await;
    server.write("noise", "noise.v1", 0..70).await;
    server.write("a", "k.v1", 70..72).await;
    let client = client(&server);
    let filter = SubscriptionFilter::on_event_type().regex("^k").max(32);
    let options = SubscribeToAllOptions::default()
        .position(StreamPosition::Start)
        .filter(filter);
    let mut all = client.subscribe_to_all(&options).await;
    let mut checkpoints = 0;
    let mut events = 0;
    while events < 2 {
        match soon("an event", all.next_subscription_event())
            .await
            .expect("no error")
        {
            SubscriptionEvent::Checkpoint(_) => checkpoints += 1,
            SubscriptionEvent::EventAppeared(_) => events += 1,
            SubscriptionEvent::Confirmed(_)
            | SubscriptionEvent::FirstStreamPosition(_)
            | SubscriptionEvent::LastStreamPosition(_)
            | SubscriptionEvent::LastAllPosition(_)
            | SubscriptionEvent::CaughtUp(_)
            | SubscriptionEvent::FellBehind(_) => {}
        }
    }
    assert!(checkpoints >= 2, "{checkpoints}");
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Position(0));
    let mut stream = client.subscribe_to_stream("a", &options).await;
    let first = soon("an event", stream.next()).await.expect("no error");
    assert_eq!(first.get_original_event().revision, 1);
    server.write("a", "k.v1", 72..73).await;
    for subscription in [&mut all, &mut stream] {
        let next = soon("an event", subscription.next())
            .await
            .expect("no error");
        assert_eq!(next.get_original_event().revision, 2);
    }
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_official_client_finds_the_server_by_gossip() {
    let server = Server::in_memory(config()).await;
    server.write("a", "k.v1", 0..1).await;
    let port = server.address.port();
    let url = format!("kurrentdb://127.0.0.1:{port},127.0.0.1:{port}?tls=false");
    let client = Client::new(url.parse().expect("settings")).expect("a client");
    let stream = client
        .read_stream("a", &ReadStreamOptions::default())
        .await
        .expect("read");
    assert_eq!(read(stream).await, ["a@0"]);
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn the_official_client_goes_on_after_a_restart() {
    let faults = Faults::none();
    let server = Server::embedded(open().faults(faults.clone())).await;
    server.write("a", "k.v1", 0..1).await;
    let client = client(&server);
    let retry = RetryOptions::default()
        .retry_forever()
        .retry_delay(Duration::from_millis(50));
    let options = SubscribeToStreamOptions::default()
        .start_from(StreamPosition::Start)
        .retry_options(retry);
    let mut stream = client.subscribe_to_stream("a", &options).await;
    let first = soon("an event", stream.next()).await.expect("no error");
    assert_eq!(first.get_original_event().revision, 0);
    assert!(faults.restart(Duration::from_millis(200)).await);
    server.write("a", "k.v1", 1..2).await;
    let next = soon("an event", stream.next()).await.expect("it goes on");
    assert_eq!(next.get_original_event().revision, 1);
    server.stop().await.expect("stopped in order");
}
