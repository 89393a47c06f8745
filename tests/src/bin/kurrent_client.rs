//! A client of KurrentDB, the official one for Rust, that says in JSON what it reads, appends and follows.
//!
//! The same commands and answers as `clients/kurrent_client.py` and `clients/kurrent_client.mjs`, so that one
//! test asks all three the same: `reads URL`, `appends URL`, `tries URL`, `follow URL stream NAME`,
//! `follow URL all PREFIX`. Errors are told by the name of the client's own variant.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::time::Duration;

use bytes::Bytes;
use kurrentdb::{
    AppendToStreamOptions, Client, CurrentRevision, DeleteStreamOptions, Error, EventData,
    Position, ReadAllOptions, ReadStream, ReadStreamOptions, RecordedEvent, ResolvedEvent,
    StreamPosition, StreamState, SubscribeToAllOptions, SubscribeToStreamOptions, Subscription,
    SubscriptionEvent, SubscriptionFilter,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Pause before it subscribes again.
const PAUSE: Duration = Duration::from_millis(50);
/// Events looked at between two checkpoints.
const WINDOW: u32 = 4;

type Found<T> = kurrentdb::Result<T>;

/// The variant's name.
fn name_of(error: &Error) -> String {
    let shown = format!("{error:?}");
    let end = shown.find(|c: char| !c.is_alphanumeric());
    shown[..end.unwrap_or(shown.len())].to_owned()
}

fn error_of<T>(outcome: Found<T>) -> Value {
    outcome
        .err()
        .map_or(Value::Null, |error| name_of(&error).into())
}

fn word(event: &RecordedEvent) -> String {
    format!(
        "{}@{} {}",
        event.stream_id(),
        event.revision,
        event.event_type
    )
}

async fn all(mut events: ReadStream) -> Found<Vec<ResolvedEvent>> {
    let mut found = Vec::new();
    while let Some(event) = events.next().await? {
        found.push(event);
    }
    Ok(found)
}

fn words(events: &[ResolvedEvent]) -> Value {
    let words = events.iter().map(|event| word(event.get_original_event()));
    words.collect()
}

async fn stream(client: &Client, name: &str, options: ReadStreamOptions) -> Found<Value> {
    let events = all(client.read_stream(name, &options).await?).await?;
    Ok(words(&events))
}

async fn read_all(client: &Client, options: ReadAllOptions) -> Found<Value> {
    let events = all(client.read_all(&options).await?).await?;
    Ok(words(&events))
}

async fn both(client: &Client, filter: Option<SubscriptionFilter>) -> Found<Value> {
    let options = || match filter.clone() {
        Some(filter) => ReadAllOptions::default().filter(filter),
        None => ReadAllOptions::default(),
    };
    let backwards = options().backwards().position(StreamPosition::End);
    Ok(json!({
        "forwards": read_all(client, options()).await?,
        "backwards": read_all(client, backwards).await?,
    }))
}

async fn reads(client: &Client) -> Found<Value> {
    let account = |options| stream(client, "account-1", options);
    let options = ReadStreamOptions::default;
    let back = options().backwards();
    let third = &all(client.read_all(&ReadAllOptions::default()).await?).await?[2];
    let third = third.get_original_event().position;
    let at_third = ReadAllOptions::default()
        .position(StreamPosition::Position(third))
        .max_count(2);
    let by_stream = SubscriptionFilter::on_stream_name;
    let by_type = SubscriptionFilter::on_event_type;
    let meters_and_keys = by_stream().add_prefix("meter-").add_prefix("key-");
    let paid_or_installed = by_type().add_prefix("paid.").add_prefix("installed.");
    let not_charged = by_type().regex(r"^(?!(charged\..*$|\$.+$))");
    Ok(json!({
        "stream": account(options()).await?,
        "stream_backwards": account(back.clone().position(StreamPosition::End)).await?,
        "stream_middle": account(options().position(StreamPosition::Position(1)).max_count(2)).await?,
        "stream_middle_backwards":
            account(back.position(StreamPosition::Position(2)).max_count(2)).await?,
        "missing": error_of(stream(client, "nowhere", options()).await),
        "all": both(client, None).await?,
        "all_from_third": read_all(client, at_third.clone()).await?,
        "all_before_third": read_all(client, at_third.backwards()).await?,
        "usual_filter": both(client, Some(by_type().exclude_system_events())).await?,
        "stream_prefix": both(client, Some(meters_and_keys)).await?,
        "stream_regex": both(client, Some(by_stream().regex("^account-[0-9]+$"))).await?,
        "stream_look_ahead": both(client, Some(by_stream().regex("^(?!(account-.*$))"))).await?,
        "type_prefix": both(client, Some(paid_or_installed)).await?,
        "type_regex": both(client, Some(by_type().regex(r"^(charged|paid)\.v1$"))).await?,
        "type_look_ahead": both(client, Some(not_charged)).await?,
    }))
}

fn numbered(numbers: &[u128]) -> Vec<EventData> {
    let event = |n: &u128| {
        let data = Bytes::from(format!("{{\"n\":{n}}}"));
        EventData::binary("noted.v1", data).id(Uuid::from_u128(*n))
    };
    numbers.iter().map(event).collect()
}

async fn append(client: &Client, numbers: &[u128], state: StreamState) -> Found<u64> {
    let options = AppendToStreamOptions::default().stream_state(state);
    let written = client
        .append_to_stream("a", &options, numbered(numbers))
        .await?;
    Ok(written.next_expected_version)
}

async fn conflict(client: &Client, numbers: &[u128], state: StreamState) -> Value {
    match append(client, numbers, state).await {
        Ok(revision) => revision.into(),
        Err(error) => {
            let says = if let Error::WrongExpectedVersion {
                current: CurrentRevision::Current(revision),
                ..
            } = &error
            {
                revision.to_string()
            } else {
                error.to_string()
            };
            json!({ "error": name_of(&error), "says": says })
        }
    }
}

/// What the events of a stream say.
async fn data(client: &Client, name: &str) -> Found<Value> {
    let options = ReadStreamOptions::default();
    let events = all(client.read_stream(name, &options).await?).await?;
    let data = events.iter().map(|event| &event.get_original_event().data);
    Ok(data
        .map(|data| serde_json::from_slice::<Value>(data).unwrap())
        .collect())
}

async fn appends(client: &Client) -> Found<Value> {
    let at = StreamState::StreamRevision;
    Ok(json!({
        "first": append(client, &[1], StreamState::NoStream).await?,
        "second": append(client, &[2, 3], at(0)).await?,
        "again": append(client, &[2, 3], at(0)).await?,
        "any": append(client, &[4], StreamState::Any).await?,
        "wrong_single": conflict(client, &[5], at(1)).await,
        "wrong_batch": conflict(client, &[6, 7], at(1)).await,
        "wrong_no_stream": conflict(client, &[8], StreamState::NoStream).await,
        "read_back": stream(client, "a", ReadStreamOptions::default()).await?,
        "data": data(client, "a").await?,
    }))
}

async fn tries(client: &Client) -> Found<Value> {
    let read = async {
        let events = all(client.read_all(&ReadAllOptions::default()).await?).await?;
        let kinds = events.iter().map(ResolvedEvent::get_original_event);
        Ok(kinds.map(|event| event.event_type.clone()).collect())
    };
    let read: Found<Value> = read.await;
    Ok(json!({
        "read": read.unwrap_or_else(|error| name_of(&error).into()),
        "append": error_of(append(client, &[1], StreamState::Any).await),
        "append_batch": error_of(append(client, &[1, 2], StreamState::Any).await),
        "delete": error_of(client.delete_stream("a", &DeleteStreamOptions::default()).await),
    }))
}

async fn subscription(client: &Client, what: &str, name: &str, after: Option<u64>) -> Subscription {
    if what == "stream" {
        let from = after.map_or(StreamPosition::Start, StreamPosition::Position);
        let options = SubscribeToStreamOptions::default().start_from(from);
        return client.subscribe_to_stream(name, &options).await;
    }
    let from = after.map_or(StreamPosition::Start, |at| {
        StreamPosition::Position(Position {
            commit: at,
            prepare: at,
        })
    });
    let filter = SubscriptionFilter::on_stream_name()
        .add_prefix(name)
        .max(WINDOW);
    let options = SubscribeToAllOptions::default()
        .position(from)
        .filter(filter);
    client.subscribe_to_all(&options).await
}

/// Says what comes until the subscription ends, and keeps the last position in `after`.
async fn hear(client: &Client, what: &str, name: &str, after: &mut Option<u64>) -> Error {
    let mut heard = subscription(client, what, name, *after).await;
    loop {
        match heard.next_subscription_event().await {
            Ok(SubscriptionEvent::Confirmed(_)) => println!("{}", json!({ "subscribed": *after })),
            Ok(SubscriptionEvent::EventAppeared(event)) => {
                let event = event.get_original_event();
                let at = if what == "stream" {
                    event.revision
                } else {
                    event.position.commit
                };
                println!("{}", json!({ "event": word(event), "at": at }));
                *after = Some(at);
            }
            Ok(SubscriptionEvent::Checkpoint(position)) => {
                println!("{}", json!({ "checkpoint": position.commit }));
                *after = Some(position.commit);
            }
            Ok(SubscriptionEvent::CaughtUp(_)) => println!("{}", json!({ "caught_up": true })),
            Ok(
                SubscriptionEvent::FirstStreamPosition(_)
                | SubscriptionEvent::LastStreamPosition(_)
                | SubscriptionEvent::LastAllPosition(_)
                | SubscriptionEvent::FellBehind(_),
            ) => {}
            Err(error) => return error,
        }
    }
}

async fn follow(client: &Client, what: &str, name: &str) -> ! {
    let mut after = None;
    loop {
        let error = hear(client, what, name, &mut after).await;
        println!("{}", json!({ "dropped": name_of(&error) }));
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let client = Client::new(arguments[1].parse().unwrap()).unwrap();
    let told = match arguments[0].as_str() {
        "reads" => reads(&client).await,
        "appends" => appends(&client).await,
        "tries" => tries(&client).await,
        "follow" => follow(&client, &arguments[2], &arguments[3]).await,
        other => panic!("there is no command {other}"),
    };
    println!("{}", told.unwrap());
}
