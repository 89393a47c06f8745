//! Appends: the rules of expected revisions and repeated ids, both ways to append, limits, refusals.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use event_store::memory::Fault;
use event_store::{
    AppendError, Capabilities, Commit, Committed, Direction, EventStore, MemoryStore, Position,
    ReadError, RecordedEvent, StoreId, StreamName, Subscription,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use kurrent_facade::{Config, ServeError};
use kurrent_wire::convert::{stream_to_wire, uuid_from_wire};
use kurrent_wire::detail::Detail;
use kurrent_wire::pb::rpc;
use kurrent_wire::pb::shared::Empty;
use kurrent_wire::pb::streams::append_req::options::ExpectedStreamRevision as Expect;
use kurrent_wire::pb::streams::append_req::{Content, Options, ProposedMessage};
use kurrent_wire::pb::streams::append_resp::success::CurrentRevisionOption;
use kurrent_wire::pb::streams::append_resp::wrong_expected_version::CurrentRevisionOption as Current;
use kurrent_wire::pb::streams::append_resp::{Result as Answer, success};
use kurrent_wire::pb::streams::batch_append_req::options::{
    DeadlineOption, ExpectedStreamPosition,
};
use kurrent_wire::pb::streams::{
    AppendReq, BatchAppendReq, BatchAppendResp, DeleteReq, TombstoneReq, batch_append_req,
    batch_append_resp,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use crate::support::{Ask, Server, config, id, soon, trailer, wire_id, words};

fn open() -> Config {
    config().allow_appends()
}

fn metadata() -> HashMap<String, String> {
    [("type", "k.v1"), ("content-type", "application/json")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn message(n: u32, data: &[u8]) -> AppendReq {
    AppendReq {
        content: Some(Content::ProposedMessage(ProposedMessage {
            id: Some(wire_id(id(n))),
            metadata: metadata(),
            custom_metadata: Bytes::new(),
            data: Bytes::copy_from_slice(data),
        })),
    }
}

fn options(stream: &str, expect: Expect) -> AppendReq {
    AppendReq {
        content: Some(Content::Options(Options {
            stream_identifier: Some(stream_to_wire(stream)),
            expected_stream_revision: Some(expect),
        })),
    }
}

/// An answer in one word: the revision, or what stands there instead.
async fn append(server: &Server, stream: &str, expect: Expect, ids: &[u32]) -> String {
    let mut requests = vec![options(stream, expect)];
    requests.extend(ids.iter().map(|&n| message(n, b"{}")));
    match try_append(server, requests).await {
        Ok(word) => word,
        Err(status) => panic!("{status}"),
    }
}

async fn try_append(server: &Server, requests: Vec<AppendReq>) -> Result<String, Status> {
    let mut streams = server.streams().await;
    let call = streams.append(futures::stream::iter(requests));
    let answer = soon("the answer", call).await?.into_inner();
    Ok(match answer.result.expect("a result") {
        Answer::Success(success) => {
            let at = match success.position_option.expect("a position") {
                success::PositionOption::Position(at) => format!(" at {}", at.commit_position),
                success::PositionOption::NoPosition(_) => String::new(),
            };
            match success.current_revision_option.expect("a revision") {
                CurrentRevisionOption::CurrentRevision(revision) => format!("{revision}{at}"),
                CurrentRevisionOption::NoStream(_) => format!("none{at}"),
            }
        }
        Answer::WrongExpectedVersion(wrong) => {
            match wrong.current_revision_option.expect("a revision") {
                Current::CurrentRevision(revision) => format!("wrong, {revision}"),
                Current::CurrentNoStream(_) => "wrong, none".to_owned(),
            }
        }
    })
}

const ANY: Expect = Expect::Any(Empty {});
const NONE: Expect = Expect::NoStream(Empty {});
const EXISTS: Expect = Expect::StreamExists(Empty {});

fn at(revision: u64) -> Expect {
    Expect::Revision(revision)
}

async fn both() -> [Server; 2] {
    [
        Server::in_memory(open()).await,
        Server::embedded(open()).await,
    ]
}

#[tokio::test]
async fn an_append_is_written_where_it_is_expected_and_nowhere_else() {
    for server in both().await {
        assert_eq!(append(&server, "a", NONE, &[1, 2]).await, "1 at 1");
        assert_eq!(append(&server, "a", at(1), &[3]).await, "2 at 2");
        assert_eq!(append(&server, "a", ANY, &[4]).await, "3 at 3");
        assert_eq!(append(&server, "a", EXISTS, &[5]).await, "4 at 4");
        assert_eq!(append(&server, "b", EXISTS, &[6]).await, "wrong, none");
        assert_eq!(append(&server, "b", at(0), &[6]).await, "wrong, none");
        assert_eq!(append(&server, "a", at(9), &[6]).await, "wrong, 4");
        assert_eq!(append(&server, "a", at(1), &[6]).await, "wrong, 4");
        assert_eq!(append(&server, "a", NONE, &[6]).await, "wrong, 4");
        let read = Ask::all_start().read(&server).await.expect("read");
        assert_eq!(words(&read), ["a@0", "a@1", "a@2", "a@3", "a@4"]);
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn the_same_events_expected_at_the_same_place_are_written_once() {
    for server in both().await {
        append(&server, "b", NONE, &[90]).await;
        assert_eq!(append(&server, "a", NONE, &[1, 2]).await, "1 at 2");
        assert_eq!(append(&server, "a", at(1), &[3, 4]).await, "3 at 4");
        // Word for word the first answer, however old.
        assert_eq!(append(&server, "a", NONE, &[1, 2]).await, "1 at 2");
        assert_eq!(append(&server, "a", at(1), &[3, 4]).await, "3 at 4");
        assert_eq!(append(&server, "a", at(1), &[3]).await, "2 at 3");
        // The first or a later one differs, or there are more of them than stand there.
        assert_eq!(append(&server, "a", at(1), &[9, 4]).await, "wrong, 3");
        assert_eq!(append(&server, "a", at(1), &[3, 9]).await, "wrong, 3");
        assert_eq!(append(&server, "a", at(1), &[3, 4, 5]).await, "wrong, 3");
        // At the end ids are not looked at.
        assert_eq!(append(&server, "a", at(3), &[3]).await, "4 at 5");
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn the_same_events_expected_anywhere_are_written_once_while_they_are_remembered() {
    for server in both().await {
        assert_eq!(append(&server, "a", ANY, &[1, 2]).await, "1 at 1");
        assert_eq!(append(&server, "a", ANY, &[3]).await, "2 at 2");
        assert_eq!(append(&server, "a", ANY, &[1, 2]).await, "1 at 1");
        assert_eq!(append(&server, "a", EXISTS, &[1, 2]).await, "1 at 1");
        assert_eq!(append(&server, "a", ANY, &[1]).await, "0 at 0");
        assert_eq!(append(&server, "a", ANY, &[1, 9]).await, "wrong, 2");
        // The first is new: all are written, also those seen before.
        assert_eq!(append(&server, "a", ANY, &[9, 1]).await, "4 at 4");
        // Another stream knows nothing of it.
        assert_eq!(append(&server, "b", ANY, &[1]).await, "0 at 5");
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn an_append_without_events_says_where_the_stream_stands() {
    let server = Server::in_memory(open()).await;
    assert_eq!(append(&server, "a", NONE, &[]).await, "none");
    assert_eq!(append(&server, "a", ANY, &[]).await, "none");
    append(&server, "a", ANY, &[1, 2]).await;
    assert_eq!(append(&server, "a", ANY, &[]).await, "1");
    assert_eq!(append(&server, "a", at(1), &[]).await, "1");
    assert_eq!(append(&server, "a", at(2), &[]).await, "wrong, 1");
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn what_is_too_large_or_lacks_something_is_refused_with_its_trailers() {
    let server = Server::embedded(open()).await;
    let send = async |messages: Vec<AppendReq>| {
        let mut requests = vec![options("a", ANY)];
        requests.extend(messages);
        let status = try_append(&server, requests).await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        status
    };
    let half = vec![b' '; 500 * 1024];
    let status = send(vec![
        message(1, &half),
        message(2, &half),
        message(3, &half),
    ])
    .await;
    assert_eq!(status.message(), "Maximum Append Size of 1048576 Exceeded.");
    assert_eq!(
        trailer(&status, "exception").as_deref(),
        Some("maximum-append-size-exceeded")
    );
    let status = send(vec![message(1, &vec![b' '; 600 * 1024])]).await;
    assert_eq!(
        trailer(&status, "exception").as_deref(),
        Some("maximum-append-event-size-exceeded")
    );
    assert_eq!(trailer(&status, "event-id"), Some(id(1).to_string()));
    let typeless = AppendReq {
        content: Some(Content::ProposedMessage(ProposedMessage {
            id: Some(wire_id(id(1))),
            ..ProposedMessage::default()
        })),
    };
    let status = send(vec![typeless]).await;
    assert_eq!(
        trailer(&status, "required-metadata-properties").as_deref(),
        Some("type,content-type")
    );
    let status = try_append(&server, vec![message(1, b"{}")]).await;
    assert_eq!(
        status.expect_err("no options").code(),
        Code::InvalidArgument
    );
    let status = try_append(&server, vec![options("a b", ANY), message(1, b"{}")]).await;
    assert!(status.expect_err("no name").message().contains("\"a b\""));
    assert!(
        Ask::all_start()
            .read(&server)
            .await
            .expect("read")
            .is_empty()
    );
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_read_only_server_refuses_appends_and_every_server_refuses_deletes() {
    let server = Server::in_memory(config()).await;
    let refused = try_append(&server, vec![options("a", ANY), message(1, b"{}")]).await;
    let status = refused.expect_err("read-only");
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().starts_with("Access Denied"), "{status}");
    assert!(status.message().contains("by the ledger only"), "{status}");
    assert_eq!(
        trailer(&status, "exception").as_deref(),
        Some("access-denied")
    );

    let mut batch = Batch::open(&server).await;
    batch
        .send(1, "a", ExpectedStreamPosition::Any(()), &[1])
        .await;
    assert_eq!(batch.answer().await, (1, "PermissionDenied".to_owned()));
    batch.close().await;
    server.stop().await.expect("stopped in order");

    for server in [
        Server::in_memory(config()).await,
        Server::in_memory(open()).await,
    ] {
        server.write("a", "k.v1", 0..1).await;
        let mut streams = server.streams().await;
        let deleted = streams.delete(DeleteReq::default()).await.map(drop);
        let ended = streams.tombstone(TombstoneReq::default()).await.map(drop);
        for status in [deleted, ended] {
            let status = status.expect_err("append-only");
            assert_eq!(
                trailer(&status, "exception").as_deref(),
                Some("access-denied")
            );
        }
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn appends_are_not_taken_on_an_address_that_others_reach() {
    let mut config = open();
    config.listen = "0.0.0.0:0".parse().expect("an address");
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
    let auth = Arc::new(kurrent_facade::AllowAll);
    let served = kurrent_facade::serve(config, store, auth, std::future::pending()).await;
    assert!(matches!(
        served.err(),
        Some(ServeError::AppendsBeyondLoopback(_))
    ));
}

/// A call of `BatchAppend`.
pub(crate) struct Batch {
    requests: mpsc::Sender<BatchAppendReq>,
    answers: Streaming<BatchAppendResp>,
}

fn batch_options(stream: &str, expect: ExpectedStreamPosition) -> batch_append_req::Options {
    batch_append_req::Options {
        stream_identifier: Some(stream_to_wire(stream)),
        expected_stream_position: Some(expect),
        deadline_option: None,
    }
}

fn proposed(n: u32) -> batch_append_req::ProposedMessage {
    batch_append_req::ProposedMessage {
        id: Some(wire_id(id(n))),
        metadata: metadata(),
        custom_metadata: Bytes::new(),
        data: Bytes::from_static(b"{}"),
    }
}

fn correlation(n: u32) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

impl Batch {
    pub(crate) async fn open(server: &Server) -> Self {
        let (requests, receiver) = mpsc::channel(16_384);
        let mut streams = server.streams().await;
        let answers = soon(
            "the call",
            streams.batch_append(ReceiverStream::new(receiver)),
        )
        .await
        .expect("a call")
        .into_inner();
        Self { requests, answers }
    }

    pub(crate) async fn request(&self, request: BatchAppendReq) {
        self.requests.send(request).await.expect("sent");
    }

    pub(crate) async fn send(
        &self,
        n: u32,
        stream: &str,
        expect: ExpectedStreamPosition,
        ids: &[u32],
    ) {
        self.request(BatchAppendReq {
            correlation_id: Some(wire_id(correlation(n))),
            options: Some(batch_options(stream, expect)),
            proposed_messages: ids.iter().map(|&n| proposed(n)).collect(),
            is_final: true,
        })
        .await;
    }

    pub(crate) async fn try_answer(&mut self) -> Result<Option<BatchAppendResp>, Status> {
        soon("the answer", self.answers.message()).await
    }

    /// The number of the append and the answer in one word.
    pub(crate) async fn answer(&mut self) -> (u32, String) {
        let answer = self
            .try_answer()
            .await
            .expect("no error")
            .expect("an answer");
        assert!(answer.stream_identifier.is_some());
        let id = uuid_from_wire(&answer.correlation_id.expect("an id")).expect("an id");
        let word = match answer.result.expect("a result") {
            batch_append_resp::Result::Success(success) => {
                let option = success.current_revision_option.expect("a revision");
                match option {
                    batch_append_resp::success::CurrentRevisionOption::CurrentRevision(r) => {
                        r.to_string()
                    }
                    batch_append_resp::success::CurrentRevisionOption::NoStream(()) => {
                        "none".to_owned()
                    }
                }
            }
            batch_append_resp::Result::Error(status) => error_word(&status),
        };
        (u32::try_from(id.as_u128()).expect("a number"), word)
    }

    pub(crate) async fn close(self) {
        let Self {
            requests,
            mut answers,
        } = self;
        drop(requests);
        let end = soon("the end", answers.message()).await.expect("no error");
        assert!(end.is_none(), "{end:?}");
    }
}

fn error_word(status: &rpc::Status) -> String {
    assert!(Detail::of_status(status).is_some(), "{status:?}");
    format!("{:?}", status.code())
}

#[tokio::test]
async fn each_append_of_a_batch_has_its_own_answer() {
    for server in both().await {
        let mut batch = Batch::open(&server).await;
        batch
            .send(1, "a", ExpectedStreamPosition::NoStream(()), &[1, 2])
            .await;
        batch
            .send(2, "b", ExpectedStreamPosition::StreamExists(()), &[3])
            .await;
        batch
            .send(3, "a", ExpectedStreamPosition::StreamPosition(1), &[4])
            .await;
        batch
            .send(4, "a", ExpectedStreamPosition::StreamPosition(1), &[5])
            .await;
        batch
            .send(5, "c", ExpectedStreamPosition::Any(()), &[6])
            .await;
        batch
            .send(6, "c", ExpectedStreamPosition::StreamExists(()), &[7])
            .await;
        let mut answers = Vec::new();
        for _ in 0..6 {
            answers.push(batch.answer().await);
        }
        answers.sort();
        let answers: Vec<&str> = answers.iter().map(|(_, word)| word.as_str()).collect();
        assert_eq!(
            answers,
            ["1", "AlreadyExists", "2", "AlreadyExists", "0", "1"]
        );
        batch.close().await;
        server.stop().await.expect("stopped in order");
    }
}

#[tokio::test]
async fn an_append_in_parts_is_written_when_its_last_part_came() {
    let server = Server::in_memory(open()).await;
    let mut batch = Batch::open(&server).await;
    let part = |n: u32, options, event: u32, is_final| BatchAppendReq {
        correlation_id: Some(wire_id(correlation(n))),
        options,
        proposed_messages: vec![proposed(event)],
        is_final,
    };
    let first = || Some(batch_options("a", ExpectedStreamPosition::Any(())));
    batch.request(part(1, first(), 1, false)).await;
    // Of an append that nobody began.
    batch.request(part(9, None, 9, true)).await;
    batch
        .send(2, "b", ExpectedStreamPosition::Any(()), &[5])
        .await;
    assert_eq!(batch.answer().await, (2, "0".to_owned()));
    batch.request(part(1, None, 2, false)).await;
    batch.request(part(1, None, 3, true)).await;
    assert_eq!(batch.answer().await, (1, "2".to_owned()));
    let read = Ask::all_start().read(&server).await.expect("read");
    assert_eq!(words(&read), ["b@0", "a@0", "a@1", "a@2"]);
    batch.close().await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn what_is_wrong_with_one_append_of_a_batch_leaves_the_others_alone() {
    let server = Server::in_memory(open()).await;
    let mut batch = Batch::open(&server).await;
    let mut late = batch_options("a", ExpectedStreamPosition::Any(()));
    late.deadline_option = Some(DeadlineOption::Deadline(prost_types::Duration::default()));
    batch
        .request(BatchAppendReq {
            correlation_id: Some(wire_id(correlation(1))),
            options: Some(late),
            proposed_messages: vec![proposed(1)],
            is_final: true,
        })
        .await;
    assert_eq!(batch.answer().await, (1, "DeadlineExceeded".to_owned()));
    let mut large = proposed(2);
    large.data = Bytes::from(vec![b' '; 600 * 1024]);
    batch
        .request(BatchAppendReq {
            correlation_id: Some(wire_id(correlation(2))),
            options: Some(batch_options("a", ExpectedStreamPosition::Any(()))),
            proposed_messages: vec![large],
            is_final: true,
        })
        .await;
    assert_eq!(batch.answer().await, (2, "InvalidArgument".to_owned()));
    // More than messages usually hold, and an answer all the same.
    let mut half = proposed(5);
    half.data = Bytes::from(vec![b' '; 500 * 1024]);
    batch
        .request(BatchAppendReq {
            correlation_id: Some(wire_id(correlation(5))),
            options: Some(batch_options("a", ExpectedStreamPosition::Any(()))),
            proposed_messages: vec![half; 20],
            is_final: true,
        })
        .await;
    assert_eq!(batch.answer().await, (5, "InvalidArgument".to_owned()));
    batch
        .send(3, "with space", ExpectedStreamPosition::Any(()), &[3])
        .await;
    assert_eq!(batch.answer().await, (3, "InvalidArgument".to_owned()));
    batch
        .send(4, "a", ExpectedStreamPosition::Any(()), &[4])
        .await;
    assert_eq!(batch.answer().await, (4, "0".to_owned()));
    batch.close().await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn what_is_sent_before_the_end_of_a_batch_is_answered_before_it() {
    let server = Server::embedded(open()).await;
    let Batch {
        requests,
        mut answers,
    } = Batch::open(&server).await;
    for n in 0..500 {
        let request = BatchAppendReq {
            correlation_id: Some(wire_id(correlation(n))),
            options: Some(batch_options("a", ExpectedStreamPosition::Any(()))),
            proposed_messages: vec![proposed(n)],
            is_final: true,
        };
        requests.send(request).await.expect("sent");
    }
    drop(requests);
    let mut count = 0;
    while let Some(answer) = soon("the answer", answers.message())
        .await
        .expect("no error")
    {
        assert!(matches!(
            answer.result,
            Some(batch_append_resp::Result::Success(_))
        ));
        count += 1;
    }
    assert_eq!(count, 500);
    // Of one stream they stay in order.
    let read = server
        .store
        .read_stream(
            &StreamName::new("a").expect("a name"),
            0,
            Direction::Forwards,
            500,
        )
        .await
        .expect("read");
    assert!(read.iter().zip(0u32..).all(|(event, n)| event.id == id(n)));
    server.stop().await.expect("stopped in order");
}

/// A store whose syncs take time, and that counts them; streams of one that is blind cannot be read.
struct SlowSync {
    inner: MemoryStore,
    blind: AtomicBool,
    groups: AtomicUsize,
    sync: Duration,
}

impl Default for SlowSync {
    fn default() -> Self {
        Self {
            inner: MemoryStore::new(),
            blind: AtomicBool::new(false),
            groups: AtomicUsize::new(0),
            sync: Duration::from_millis(20),
        }
    }
}

impl EventStore for SlowSync {
    fn store_id(&self) -> StoreId {
        self.inner.store_id()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        self.groups.fetch_add(1, Ordering::SeqCst);
        let answers = self.inner.append(commits);
        let sync = self.sync;
        async move {
            tokio::time::sleep(sync).await;
            answers.await
        }
        .boxed()
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        if self.blind.load(Ordering::SeqCst) {
            let error = ReadError::Unavailable("blind".to_owned());
            return futures::future::ready(Err(error)).boxed();
        }
        self.inner.read_stream(stream, from, direction, max)
    }

    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>> {
        self.inner.head(stream)
    }

    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        self.inner.read_all(after, direction, max)
    }

    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>> {
        self.inner.tail()
    }

    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription> {
        self.inner.subscribe(after)
    }
}

fn slow_sync() -> Arc<SlowSync> {
    Arc::new(SlowSync::default())
}

#[tokio::test]
async fn an_append_that_may_be_a_repetition_is_not_known_while_the_stream_cannot_be_read() {
    let store = slow_sync();
    let server = Server::start(open(), Arc::clone(&store) as Arc<dyn EventStore>).await;
    let mut batch = Batch::open(&server).await;
    let (first, any) = (
        ExpectedStreamPosition::NoStream(()),
        ExpectedStreamPosition::Any(()),
    );
    batch.send(1, "a", first, &[1]).await;
    assert_eq!(batch.answer().await, (1, "0".to_owned()));
    store.blind.store(true, Ordering::SeqCst);
    for (n, expect) in [(2, first), (3, any)] {
        batch.send(n, "a", expect, &[1]).await;
        assert_eq!(batch.answer().await, (n, "DeadlineExceeded".to_owned()));
    }
    store.blind.store(false, Ordering::SeqCst);
    for (n, expect) in [(4, first), (5, any)] {
        batch.send(n, "a", expect, &[1]).await;
        assert_eq!(batch.answer().await, (n, "0".to_owned()));
    }
    batch.close().await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn appends_under_way_at_once_share_their_syncs() {
    let store = slow_sync();
    let server = Server::start(open(), Arc::clone(&store) as Arc<dyn EventStore>).await;
    let mut batch = Batch::open(&server).await;
    for n in 0..2_000 {
        let stream = format!("s-{}", n % 7);
        batch
            .send(n, &stream, ExpectedStreamPosition::Any(()), &[n])
            .await;
    }
    for _ in 0..2_000 {
        batch.answer().await;
    }
    let groups = store.groups.load(Ordering::SeqCst);
    assert!(groups < 100, "{groups} groups for 2000 appends");
    batch.close().await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_repetition_of_what_is_under_way_waits_for_it_and_is_written_once() {
    let server = Server::start(open(), slow_sync()).await;
    let mut first = Batch::open(&server).await;
    let mut second = Batch::open(&server).await;
    first
        .send(1, "a", ExpectedStreamPosition::Any(()), &[1, 2])
        .await;
    second
        .send(2, "a", ExpectedStreamPosition::Any(()), &[1, 2])
        .await;
    assert_eq!(first.answer().await, (1, "1".to_owned()));
    assert_eq!(second.answer().await, (2, "1".to_owned()));
    let read = Ask::all_start().read(&server).await.expect("read");
    assert_eq!(words(&read), ["a@0", "a@1"]);
    first.close().await;
    second.close().await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn what_the_store_refuses_or_does_not_know_is_told_apart() {
    let store = MemoryStore::new();
    let server = Server::start(open(), Arc::new(store.clone())).await;
    let mut batch = Batch::open(&server).await;
    store.set_fault_hook(Some(Arc::new(|_| {
        Fault::Stopped("the disk is full".to_owned())
    })));
    let stopped = try_append(&server, vec![options("a", ANY), message(1, b"{}")]).await;
    let status = stopped.expect_err("stopped");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("the disk is full"), "{status}");
    batch
        .send(1, "a", ExpectedStreamPosition::Any(()), &[1])
        .await;
    let answer = batch
        .try_answer()
        .await
        .expect("no error")
        .expect("an answer");
    let Some(batch_append_resp::Result::Error(error)) = answer.result else {
        panic!("an error: {answer:?}");
    };
    assert_eq!(error.code(), rpc::Code::Unavailable);

    store.set_fault_hook(Some(Arc::new(|_| Fault::InDoubtAfterCommit)));
    let doubted = try_append(&server, vec![options("a", NONE), message(2, b"{}")]).await;
    assert_eq!(doubted.expect_err("in doubt").code(), Code::Aborted);
    store.set_fault_hook(None);
    // Sent again it turns out to be written.
    assert_eq!(append(&server, "a", NONE, &[2]).await, "0 at 0");
    batch.close().await;
    server.stop().await.expect("stopped in order");
}

#[tokio::test]
async fn a_stopping_server_answers_the_appends_it_has_taken() {
    let server = Server::start(open(), slow_sync()).await;
    let mut batch = Batch::open(&server).await;
    for n in 0..10 {
        batch
            .send(n, "a", ExpectedStreamPosition::Any(()), &[n])
            .await;
    }
    // The first answer says that they have arrived.
    batch.answer().await;
    let stopping = tokio::spawn(server.stop());
    for _ in 1..10 {
        let (_, word) = batch.answer().await;
        assert!(word.parse::<u64>().is_ok(), "{word}");
    }
    let end = batch.try_answer().await.expect_err("it stops");
    assert_eq!(end.code(), Code::Unavailable);
    stopping.await.expect("a task").expect("stopped in order");
}

#[tokio::test]
async fn an_append_the_store_is_slow_with_times_out_and_is_written_all_the_same() {
    let mut config = open();
    config.write_timeout = Duration::from_millis(1);
    let store = Arc::new(SlowSync {
        sync: Duration::from_millis(400),
        ..SlowSync::default()
    });
    let inner = store.inner.clone();
    let server = Server::start(config, store).await;
    let late = try_append(&server, vec![options("a", ANY), message(1, b"{}")]).await;
    let status = late.expect_err("too slow");
    assert_eq!(status.code(), Code::Aborted);
    assert!(
        status.message().starts_with("Operation timed out"),
        "{status}"
    );
    assert_eq!(inner.len(), 1);
    server.stop().await.expect("stopped in order");
}
