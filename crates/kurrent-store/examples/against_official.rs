//! What a sequential append and a sequential read take over loopback, by this adapter and by the official
//! Rust client, against the same server; and how many appends a second the adapter has in flight.
//!
//! ```sh
//! cargo run -p kurrent-store --example against_official
//! ```
//!
//! The figures stand in ADR 0013. The server is the facade over an embedded log in a temporary directory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    reason = "a measurement, not part of the program"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{
    Commit, Direction, EventStore, Expected, MemoryStore, NewEvent, StreamAppend, StreamName,
};
use kurrent_facade::{AllowAll, Config, serve};
use kurrent_store::{KurrentStore, Options};
use kurrentdb::{
    AppendToStreamOptions, Client, EventData, ReadStreamOptions, StreamPosition, StreamState,
};
use uuid::Uuid;

const CALLS: usize = 300;
const IN_FLIGHT: usize = 256;
const FLOOD: usize = 60_000;
/// Bytes of an event's payload.
const PAYLOAD: usize = 256;

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let options = OpenOptions::dir(dir.path()).unwrap();
    println!("server over the embedded log:");
    measure(Arc::new(EmbeddedStore::open(&options).unwrap())).await;
    println!("server over memory:");
    measure(Arc::new(MemoryStore::new())).await;
}

async fn measure(behind: Arc<dyn EventStore>) {
    let config = Config::new("127.0.0.1:0".parse().unwrap()).allow_appends();
    let serving = serve(config, behind, Arc::new(AllowAll), std::future::pending());
    let (address, serving) = serving.await.unwrap();
    let server = tokio::spawn(async move { drop(serving.await) });
    let url = format!("kurrentdb://{address}?tls=false");
    let ours = KurrentStore::connect(&url, Options::default())
        .await
        .unwrap();
    let official = Client::new(url.parse().unwrap()).unwrap();
    for round in 1..=2 {
        println!(" round {round}");
        report("append, this adapter", our_appends(&ours, round).await);
        report(
            "append, official    ",
            official_appends(&official, round).await,
        );
        report("read, this adapter  ", our_reads(&ours, round).await);
        report(
            "read, official      ",
            official_reads(&official, round).await,
        );
        flood(&ours, round).await;
    }
    ours.close().await;
    server.abort();
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!("  {what}  p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
}

fn payload() -> Bytes {
    Bytes::from(format!("\"{}\"", "x".repeat(PAYLOAD - 2)))
}

fn commit(stream: &str, expected: Expected) -> Commit {
    Commit {
        appends: vec![StreamAppend {
            stream: StreamName::new(stream).unwrap(),
            expected,
            events: vec![NewEvent {
                id: Uuid::new_v5(
                    &Uuid::NAMESPACE_OID,
                    format!("{stream}{expected:?}").as_bytes(),
                ),
                kind: Arc::from("measured.v1"),
                data: payload(),
                meta: Bytes::new(),
            }],
        }],
    }
}

async fn our_appends(store: &KurrentStore, round: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for n in 0..CALLS {
        let started = Instant::now();
        let commit = commit(&format!("ours-{round}-{n}"), Expected::NoStream);
        store.append(vec![commit]).await.pop().unwrap().unwrap();
        times.push(started.elapsed());
    }
    times
}

async fn official_appends(client: &Client, round: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    let options = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
    for n in 0..CALLS {
        let started = Instant::now();
        let event = EventData::json("measured.v1", &"x".repeat(PAYLOAD - 2)).unwrap();
        let stream = format!("official-{round}-{n}");
        client
            .append_to_stream(stream, &options, event)
            .await
            .unwrap();
        times.push(started.elapsed());
    }
    times
}

async fn our_reads(store: &KurrentStore, round: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for n in 0..CALLS {
        let stream = StreamName::new(&format!("ours-{round}-{n}")).unwrap();
        let started = Instant::now();
        let events = store.read_stream(&stream, 0, Direction::Forwards, 10);
        assert_eq!(events.await.unwrap().len(), 1);
        times.push(started.elapsed());
    }
    times
}

async fn official_reads(client: &Client, round: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    let options = ReadStreamOptions::default()
        .position(StreamPosition::Start)
        .max_count(10);
    for n in 0..CALLS {
        let started = Instant::now();
        let stream = format!("official-{round}-{n}");
        let mut events = client.read_stream(stream, &options).await.unwrap();
        let mut count = 0;
        while events.next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 1);
        times.push(started.elapsed());
    }
    times
}

/// Many callers, each with one append under way.
async fn flood(store: &KurrentStore, round: usize) {
    let started = Instant::now();
    let callers = (0..IN_FLIGHT).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..FLOOD / IN_FLIGHT {
                let commit = commit(&format!("flood-{round}-{caller}-{n}"), Expected::NoStream);
                store.append(vec![commit]).await.pop().unwrap().unwrap();
            }
        })
    });
    for caller in futures::future::join_all(callers).await {
        caller.unwrap();
    }
    let each = (FLOOD / IN_FLIGHT * IN_FLIGHT) as f64 / started.elapsed().as_secs_f64();
    println!("  appends, this adapter, {IN_FLIGHT} in flight  {each:.0} a second");
}
