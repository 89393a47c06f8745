//! Servers of a test's own, on free ports, and requests in few words.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_store::embedded::{EmbeddedStore, OpenOptions};
use event_store::{Commit, EventStore, Expected, MemoryStore, NewEvent, StreamAppend, StreamName};
use kurrent_facade::{AllowAll, Authorize, Config, ServeError, serve};
use kurrent_wire::convert::{UuidForm, stream_to_wire, uuid_to_wire};
use kurrent_wire::pb::shared::Empty;
use kurrent_wire::pb::streams::read_req::Options;
use kurrent_wire::pb::streams::read_req::options::{
    AllOptions, ControlOption, CountOption, FilterOption, FilterOptions, ReadDirection,
    StreamOption, StreamOptions, SubscriptionOptions, UuidOption, all_options, filter_options,
    stream_options, uuid_option,
};
use kurrent_wire::pb::streams::read_resp::Content;
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use kurrent_wire::pb::streams::{ReadReq, ReadResp};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use uuid::Uuid;

/// Nothing in these tests takes that long.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(SOON, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come in {SOON:?}"))
}

pub(crate) fn config() -> Config {
    Config::new("127.0.0.1:0".parse().expect("an address"))
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<dyn EventStore>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
    _dir: Option<tempfile::TempDir>,
}

impl Server {
    pub(crate) async fn start(config: Config, store: Arc<dyn EventStore>) -> Self {
        Self::guarded(config, store, Arc::new(AllowAll)).await
    }

    pub(crate) async fn guarded(
        config: Config,
        store: Arc<dyn EventStore>,
        auth: Arc<dyn Authorize>,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let stopping = async {
            let _ = stopped.await;
        };
        let (address, serving) = serve(config, Arc::clone(&store), auth, stopping)
            .await
            .expect("it listens");
        Self {
            address,
            store,
            stop: Some(stop),
            task: tokio::spawn(serving),
            _dir: None,
        }
    }

    pub(crate) async fn in_memory(config: Config) -> Self {
        Self::start(config, Arc::new(MemoryStore::new())).await
    }

    pub(crate) async fn embedded(config: Config) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let options = OpenOptions::dir(dir.path())
            .expect("the directory")
            .segment_bytes(4 * 1024 * 1024)
            .reserve_bytes(0);
        let store = EmbeddedStore::open(&options).expect("a new log");
        let mut server = Self::start(config, Arc::new(store)).await;
        server._dir = Some(dir);
        server
    }

    pub(crate) async fn streams(&self) -> StreamsClient<Channel> {
        let channel = Channel::from_shared(format!("http://{}", self.address))
            .expect("an address")
            .tcp_nodelay(true)
            .connect()
            .await
            .expect("it connects");
        StreamsClient::new(channel).max_decoding_message_size(16 * 1024 * 1024)
    }

    /// Stops in order and says how that went.
    pub(crate) async fn stop(mut self) -> Result<(), ServeError> {
        self.stop.take().map(|stop| stop.send(()));
        soon("the end of the server", &mut self.task)
            .await
            .expect("the server's task")
    }

    /// Writes events with the payload `{"n":N}`, N from the number given.
    pub(crate) async fn write(&self, stream: &str, kind: &str, numbers: std::ops::Range<u32>) {
        let events = numbers.map(|n| new_event(kind, n)).collect();
        let commit = Commit {
            appends: vec![StreamAppend {
                stream: StreamName::new(stream).expect("a name"),
                expected: Expected::Any,
                events,
            }],
        };
        for answer in self.store.append(vec![commit]).await {
            answer.expect("written");
        }
    }
}

pub(crate) fn id(n: u32) -> Uuid {
    Uuid::from_u128(0xface_0000_0000_0000_0000_0000_0000_0000 + u128::from(n))
}

pub(crate) fn new_event(kind: &str, n: u32) -> NewEvent {
    NewEvent {
        id: id(n),
        kind: Arc::from(kind),
        data: Bytes::from(format!("{{\"n\":{n}}}")),
        meta: Bytes::from_static(b"{\"by\":\"test\"}"),
    }
}

/// What to read, in few words.
#[derive(Clone)]
pub(crate) struct Ask(pub(crate) Options);

impl Ask {
    fn of(source: StreamOption) -> Self {
        Self(Options {
            stream_option: Some(source),
            read_direction: ReadDirection::Forwards.into(),
            resolve_links: false,
            count_option: Some(CountOption::Count(u64::MAX)),
            filter_option: Some(FilterOption::NoFilter(Empty {})),
            uuid_option: Some(UuidOption {
                content: Some(uuid_option::Content::String(Empty {})),
            }),
            control_option: None,
        })
    }

    pub(crate) fn stream(name: &str, begin: stream_options::RevisionOption) -> Self {
        Self::of(StreamOption::Stream(StreamOptions {
            stream_identifier: Some(stream_to_wire(name)),
            revision_option: Some(begin),
        }))
    }

    pub(crate) fn stream_start(name: &str) -> Self {
        Self::stream(name, stream_options::RevisionOption::Start(Empty {}))
    }

    pub(crate) fn all(begin: all_options::AllOption) -> Self {
        Self::of(StreamOption::All(AllOptions {
            all_option: Some(begin),
        }))
    }

    pub(crate) fn all_start() -> Self {
        Self::all(all_options::AllOption::Start(Empty {}))
    }

    pub(crate) fn all_end() -> Self {
        Self::all(all_options::AllOption::End(Empty {}))
    }

    pub(crate) fn all_at(commit: u64) -> Self {
        Self::all(all_options::AllOption::Position(
            kurrent_wire::pb::streams::read_req::options::Position {
                commit_position: commit,
                prepare_position: commit,
            },
        ))
    }

    pub(crate) fn backwards(mut self) -> Self {
        self.0.read_direction = ReadDirection::Backwards.into();
        self
    }

    pub(crate) fn count(mut self, count: u64) -> Self {
        self.0.count_option = Some(CountOption::Count(count));
        self
    }

    pub(crate) fn follow(mut self) -> Self {
        self.0.count_option = Some(CountOption::Subscription(SubscriptionOptions {}));
        self
    }

    pub(crate) fn compatibility(mut self, compatibility: u32) -> Self {
        self.0.control_option = Some(ControlOption { compatibility });
        self
    }

    fn filter(mut self, filter: filter_options::Filter, window: u32) -> Self {
        self.0.filter_option = Some(FilterOption::Filter(FilterOptions {
            filter: Some(filter),
            window: Some(filter_options::Window::Max(window)),
            checkpoint_interval_multiplier: 1,
        }));
        self
    }

    pub(crate) fn types_like(self, regex: &str, window: u32) -> Self {
        let expression = filter_options::Expression {
            regex: regex.to_owned(),
            prefix: Vec::new(),
        };
        self.filter(filter_options::Filter::EventType(expression), window)
    }

    pub(crate) fn streams_with(self, prefix: &[&str], window: u32) -> Self {
        let expression = filter_options::Expression {
            regex: String::new(),
            prefix: prefix.iter().map(|&p| p.to_owned()).collect(),
        };
        self.filter(filter_options::Filter::StreamIdentifier(expression), window)
    }

    pub(crate) async fn open(self, server: &Server) -> Result<Streaming<ReadResp>, Status> {
        let request = ReadReq {
            options: Some(self.0),
        };
        let mut streams = server.streams().await;
        streams.read(request).await.map(tonic::Response::into_inner)
    }

    /// All messages to the end.
    pub(crate) async fn read(self, server: &Server) -> Result<Vec<Content>, Status> {
        let mut messages = self.open(server).await?;
        let mut contents = Vec::new();
        while let Some(message) = soon("the next message", messages.message()).await? {
            contents.push(message.content.expect("a content"));
        }
        Ok(contents)
    }
}

/// A message in one word: an event as `stream@revision`, a notice by its name.
pub(crate) fn word(content: &Content) -> String {
    match content {
        Content::Event(event) => {
            let event = event.event.as_ref().expect("an event");
            let stream = event.stream_identifier.as_ref().expect("a stream");
            let name = String::from_utf8_lossy(&stream.stream_name);
            format!("{name}@{}", event.stream_revision)
        }
        Content::Confirmation(_) => "confirmation".to_owned(),
        Content::Checkpoint(checkpoint) => format!("checkpoint {}", checkpoint.commit_position),
        Content::StreamNotFound(_) => "not found".to_owned(),
        Content::FirstStreamPosition(at) => format!("first {at}"),
        Content::LastStreamPosition(at) => format!("last {at}"),
        Content::LastAllStreamPosition(_) => "last of all".to_owned(),
        Content::CaughtUp(caught_up) => match (caught_up.stream_revision, caught_up.position) {
            (Some(revision), _) => format!("caught up at revision {revision}"),
            (None, Some(at)) => format!("caught up at {}", at.commit_position),
            (None, None) => "caught up".to_owned(),
        },
        Content::FellBehind(_) => "fell behind".to_owned(),
    }
}

pub(crate) fn words(contents: &[Content]) -> Vec<String> {
    contents.iter().map(word).collect()
}

/// The next messages of a subscription, in words.
pub(crate) async fn next_words(messages: &mut Streaming<ReadResp>, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..count {
        let message = soon("the next message", messages.message())
            .await
            .expect("no error")
            .expect("no end");
        words.push(word(&message.content.expect("a content")));
    }
    words
}

pub(crate) fn trailer(status: &Status, key: &str) -> Option<String> {
    let value = status.metadata().get(key)?;
    Some(value.to_str().expect("text").to_owned())
}

pub(crate) fn wire_id(id: Uuid) -> kurrent_wire::pb::shared::Uuid {
    uuid_to_wire(id, UuidForm::Text)
}
