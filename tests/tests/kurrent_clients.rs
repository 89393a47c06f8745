//! KurrentDB's official clients for Python, Node and Rust against the real binary: what they read, follow and
//! append, and how they take refusals and restarts.
//!
//! Each client is a program of its own (`clients/kurrent_client.*`, `src/bin/kurrent_client.rs`) that tells in
//! JSON what it was given; all are asked the same. They know this protocol from real servers; whether a real
//! server would answer the same is not shown here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use command_api::client::Client;
use command_api::keys::new_key;
use command_api::pb;
use futures::stream;
use kurrent_wire::convert::stream_to_wire;
use kurrent_wire::pb::shared;
use kurrent_wire::pb::streams::append_req::options::ExpectedStreamRevision;
use kurrent_wire::pb::streams::append_req::{Content, Options, ProposedMessage};
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use kurrent_wire::pb::streams::{AppendReq, append_resp};
use ledger_core::time::{Millis, Timestamp};
use ledger_tests::{KurrentServer, Server, node_kurrent_client, python, root};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// How long a client may take for one thing, on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);
/// Lines of a client that nobody has looked at yet.
const LINES_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Official {
    Python,
    Node,
    Rust,
}

impl Official {
    /// The program; `None` where what it runs on is absent, which has been said.
    fn program(self) -> Option<Command> {
        let (program, script) = match self {
            Self::Python => (python(), root().join("tests/clients/kurrent_client.py")),
            Self::Node => (
                PathBuf::from("node"),
                node_kurrent_client()?.join("kurrent_client.mjs"),
            ),
            Self::Rust => return Some(Command::new(env!("CARGO_BIN_EXE_kurrent_client"))),
        };
        let mut command = Command::new(program);
        command.arg(script);
        Some(command)
    }

    /// What it tells of one command.
    fn told(self, command: &str, url: &str) -> Option<Value> {
        let output = self.program()?.args([command, url]).output().unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{self:?} {command}: {out}\n{err}");
        Some(serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}\n{err}")))
    }

    const fn missing(self) -> &'static str {
        match self {
            Self::Python => "NotFoundError",
            Self::Node => "StreamNotFoundError",
            Self::Rust => "ResourceNotFound",
        }
    }

    const fn conflict(self) -> &'static str {
        match self {
            Self::Python => "WrongCurrentVersionError",
            Self::Node => "WrongExpectedVersionError",
            Self::Rust => "WrongExpectedVersion",
        }
    }

    const fn denied(self) -> &'static str {
        match self {
            Self::Python | Self::Node => "AccessDeniedError",
            Self::Rust => "AccessDenied",
        }
    }

    /// Only the client for Python tells who is not known from who may not.
    const fn unknown(self) -> &'static str {
        match self {
            Self::Python => "UnauthenticatedError",
            Self::Node | Self::Rust => self.denied(),
        }
    }
}

/// What is in the log that the clients read: in this order, each an append of its own.
const LOG: [(&str, &str); 12] = [
    ("account-1", "charged.v1"),
    ("meter-1", "installed.v1"),
    ("account-1", "paid.v1"),
    ("key-incomm-1", "claimed.v1"),
    ("account-2", "charged.v1"),
    ("account-1", "charged.v1"),
    ("account-x1", "paid.v1"),
    ("ops", "$noted"),
    ("account-1", "paid.v2"),
    ("kept", "PersistentConfig1"),
    ("kept", "Result"),
    ("meter-1", "installed.v2"),
];

/// The words of those that a filter lets through, both ways.
fn expected(admits: impl Fn(&str, &str) -> bool) -> Value {
    let mut revisions = std::collections::HashMap::new();
    let mut forwards = Vec::new();
    for (stream, kind) in LOG {
        let next = revisions.entry(stream).or_insert(0);
        if admits(stream, kind) {
            forwards.push(format!("{stream}@{next} {kind}"));
        }
        *next += 1;
    }
    let backwards: Vec<&String> = forwards.iter().rev().collect();
    json!({ "forwards": forwards, "backwards": backwards })
}

async fn write(url: &str) {
    let address = url.trim_start_matches("kurrentdb://");
    let address = address.trim_end_matches("?tls=false");
    let mut client = StreamsClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    for (stream, kind) in LOG {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let options = Options {
            stream_identifier: Some(stream_to_wire(stream)),
            expected_stream_revision: Some(ExpectedStreamRevision::Any(shared::Empty {})),
        };
        let metadata = [("type", kind), ("content-type", "application/json")];
        let message = ProposedMessage {
            id: Some(shared::Uuid {
                value: Some(shared::uuid::Value::String(format!(
                    "00000000-0000-0000-0000-{id:012}"
                ))),
            }),
            metadata: metadata
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            custom_metadata: Bytes::new(),
            data: Bytes::from_static(b"{}"),
        };
        let requests =
            [Content::Options(options), Content::ProposedMessage(message)].map(|content| {
                AppendReq {
                    content: Some(content),
                }
            });
        let answer = client.append(stream::iter(requests)).await.unwrap();
        let result = answer.into_inner().result;
        assert!(
            matches!(result, Some(append_resp::Result::Success(_))),
            "{result:?}"
        );
    }
}

async fn reads(official: Official) {
    let folder = tempfile::tempdir().unwrap();
    let server = KurrentServer::start(folder.path(), None);
    write(&server.url()).await;
    let Some(told) = official.told("reads", &server.url()) else {
        return;
    };
    let stream = ["0 charged.v1", "1 paid.v1", "2 charged.v1", "3 paid.v2"]
        .map(|event| Value::from(format!("account-1@{event}")));
    let [first, second, third, fourth] = stream.clone();
    assert_eq!(told["stream"], json!(stream));
    assert_eq!(
        told["stream_backwards"],
        json!([fourth, third, second, first])
    );
    assert_eq!(told["stream_middle"], json!([second, third]));
    assert_eq!(told["stream_middle_backwards"], json!([third, second]));
    assert_eq!(told["missing"], official.missing());
    assert_eq!(
        told["all_from_third"],
        json!(["account-1@1 paid.v1", "key-incomm-1@0 claimed.v1"])
    );
    assert_eq!(
        told["all_before_third"],
        json!(["meter-1@0 installed.v1", "account-1@0 charged.v1"])
    );
    // The client for Python leaves out by default what the server keeps for itself; the others on request.
    let kept = |kind: &str| ["PersistentConfig1", "Result"].contains(&kind);
    let usual = |kind: &str| !(official == Official::Python && kept(kind));
    let numbered = ["account-1", "account-2"];
    let all_but_charged = |kind: &str| !kind.starts_with("charged.") && !kind.starts_with('$');
    let filters = [
        ("all", expected(|_, _| true)),
        (
            "usual_filter",
            expected(|_, k| !k.starts_with('$') && usual(k)),
        ),
        (
            "stream_prefix",
            expected(|s, _| s.starts_with("meter-") || s.starts_with("key-")),
        ),
        ("stream_regex", expected(|s, _| numbered.contains(&s))),
        (
            "stream_look_ahead",
            expected(|s, _| !s.starts_with("account-")),
        ),
        (
            "type_prefix",
            expected(|_, k| k.starts_with("paid.") || k.starts_with("installed.")),
        ),
        (
            "type_regex",
            expected(|_, k| ["charged.v1", "paid.v1"].contains(&k)),
        ),
        ("type_look_ahead", expected(|_, k| all_but_charged(k))),
    ];
    for (name, expected) in filters {
        assert_eq!(told[name], expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_reads_streams_and_all_both_ways_with_every_kind_of_filter() {
    reads(Official::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_client_reads_streams_and_all_both_ways_with_every_kind_of_filter() {
    reads(Official::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_client_reads_streams_and_all_both_ways_with_every_kind_of_filter() {
    reads(Official::Rust).await;
}

fn appends(official: Official) {
    let folder = tempfile::tempdir().unwrap();
    let server = KurrentServer::start(folder.path(), None);
    let Some(told) = official.told("appends", &server.url()) else {
        return;
    };
    let revisions = ["first", "second", "again", "any"].map(|name| &told[name]);
    assert_eq!(json!(revisions), json!([0, 2, 2, 3]), "{told}");
    for name in ["wrong_single", "wrong_batch", "wrong_no_stream"] {
        assert_eq!(told[name]["error"], official.conflict(), "{told}");
        let says = told[name]["says"].as_str().unwrap();
        let is_told = match official {
            Official::Python => says.contains("last event is 3 "),
            Official::Node | Official::Rust => says == "3",
        };
        assert!(is_told, "where the stream stands: {told}");
    }
    let written: Vec<String> = (0..4).map(|n| format!("a@{n} noted.v1")).collect();
    assert_eq!(told["read_back"], json!(written));
    let data = [1, 2, 3, 4].map(|n| json!({ "n": n }));
    assert_eq!(told["data"], json!(data), "as JSON");
}

#[test]
fn the_python_client_appends_once_and_is_told_of_a_wrong_version() {
    appends(Official::Python);
}

#[test]
fn the_node_client_appends_once_and_is_told_of_a_wrong_version() {
    appends(Official::Node);
}

#[test]
fn the_rust_client_appends_once_and_is_told_of_a_wrong_version() {
    appends(Official::Rust);
}

fn certificate(file: &str) -> String {
    let folder = root().join("crates/kurrent-facade/tests/facade/certificates");
    folder.join(file).to_str().unwrap().to_owned()
}

/// A ledger with two households that shows its log over TLS, and where.
async fn shown_ledger(folder: &std::path::Path) -> (Server, Shown) {
    let (cert, key) = (certificate("server.pem"), certificate("server.key.pem"));
    let environment = [
        ("LEDGER_KURRENT_LISTEN", "127.0.0.1:0"),
        ("LEDGER_KURRENT_TLS_CERT", cert.as_str()),
        ("LEDGER_KURRENT_TLS_KEY", key.as_str()),
    ];
    let mut server = Server::start_with(folder, None, &environment);
    server.keep_kurrent_address();
    let port = server.ready["kurrent_port"].as_u64().unwrap();
    let client = server.client().await;
    household(&client, 1).await;
    household(&client, 2).await;
    (server, Shown { port })
}

struct Shown {
    port: u64,
}

impl Shown {
    /// The URL with credentials: the password is a key.
    fn url(&self, key: &str) -> String {
        let authority = certificate("authority.pem");
        format!(
            "kurrentdb://anybody:{key}@localhost:{}?tlsCaFile={authority}",
            self.port
        )
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

async fn household(client: &Client, n: u64) {
    let open = pb::OpenAccountRequest {
        reference: format!("open-{n}"),
        account_id: format!("A{n}"),
        class: "residential".to_owned(),
        dwelling_units: 1,
        ..Default::default()
    };
    client.accounts().open_account(open).await.unwrap();
    let at = now() - Millis::days(1);
    let install = pb::InstallMeterRequest {
        reference: format!("install-{n}"),
        account_id: format!("A{n}"),
        utility: pb::Utility::Electricity.into(),
        meter: format!("E{n:08}"),
        installed_at: Some(prost_types::Timestamp {
            seconds: at.as_millis() / 1_000,
            nanos: 0,
        }),
        first_value: "0".to_owned(),
        ..Default::default()
    };
    client.meters().install_meter(install).await.unwrap();
}

/// Tops up a household once; false when the ledger is not there.
async fn top_up(client: &Client, household: u64) -> bool {
    static REFERENCES: AtomicU64 = AtomicU64::new(0);
    let reference = REFERENCES.fetch_add(1, Ordering::Relaxed);
    let top_up = pb::TopUpRequest {
        reference: format!("pay-{reference}"),
        meter: format!("E{household:08}"),
        amount: "2".to_owned(),
        money: pb::MoneyState::NotTaken.into(),
    };
    client.payments().top_up(top_up).await.is_ok()
}

async fn keys_are_asked_for(official: Official) {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, shown) = shown_ledger(folder.path()).await;
    let Some(known) = official.told("tries", &shown.url(&server.key)) else {
        return;
    };
    let kinds = known["read"].as_array().unwrap();
    assert!(kinds.contains(&json!("account-opened.v1")), "{known}");
    for write in ["append", "append_batch", "delete"] {
        assert_eq!(known[write], official.denied(), "{write}: {known}");
    }
    let unknown = official
        .told("tries", &shown.url(&new_key().unwrap().key))
        .unwrap();
    for call in ["read", "append", "append_batch", "delete"] {
        assert_eq!(unknown[call], official.unknown(), "{call}: {unknown}");
    }
    server.stop();
    let stored = replayed(&server, "");
    assert_eq!(kinds.len(), stored.len(), "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_reads_with_a_key_as_its_password_and_is_refused_otherwise() {
    keys_are_asked_for(Official::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_client_reads_with_a_key_as_its_password_and_is_refused_otherwise() {
    keys_are_asked_for(Official::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_client_reads_with_a_key_as_its_password_and_is_refused_otherwise() {
    keys_are_asked_for(Official::Rust).await;
}

/// The words of the stopped ledger's events in streams that begin so, as the log has them.
fn replayed(server: &Server, prefix: &str) -> Vec<String> {
    let output = server.run(&["replay"]);
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let events = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    events
        .filter(|event| event["stream"].as_str().unwrap().starts_with(prefix))
        .map(|event| {
            let [stream, kind] = ["stream", "kind"].map(|name| event[name].as_str().unwrap());
            format!("{stream}@{} {kind}", event["revision"])
        })
        .collect()
}

/// A client that follows, and what it has heard.
struct Follower {
    child: Child,
    lines: mpsc::Receiver<Value>,
    heard: Vec<Value>,
}

impl Follower {
    fn start(official: Official, url: &str, what: &str, name: &str) -> Option<Self> {
        let mut child = official
            .program()?
            .args(["follow", url, what, name])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let said = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if tell.blocking_send(said).is_err() {
                    return;
                }
            }
        });
        let heard = Vec::new();
        Some(Self {
            child,
            lines,
            heard,
        })
    }

    /// Listens until what it has heard is enough.
    async fn until(&mut self, what: &str, mut enough: impl FnMut(&[Value]) -> bool) {
        while !enough(&self.heard) {
            let next = tokio::time::timeout(WITHIN, self.lines.recv()).await;
            let heard = &self.heard;
            let line = next.unwrap_or_else(|_| panic!("not within {WITHIN:?}: {what}: {heard:?}"));
            let line = line.unwrap_or_else(|| panic!("it ended before: {what}: {heard:?}"));
            self.heard.push(line);
        }
    }

    /// Listens until it stands at the log's end, in a subscription after as many others.
    async fn caught_up(&mut self, others: usize) {
        let what = format!("caught up after {others} losses");
        self.until(&what, |heard| {
            let subscriptions = heard.iter().filter(|line| is(line, "subscribed")).count();
            let last = heard.iter().rposition(|line| is(line, "subscribed"));
            let caught_up = heard.iter().rposition(|line| is(line, "caught_up"));
            subscriptions > others && caught_up > last
        })
        .await;
    }

    /// The events, in the order in which they came.
    fn events(&self) -> Vec<&str> {
        let events = self.heard.iter().filter(|line| is(line, "event"));
        events.map(|line| line["event"].as_str().unwrap()).collect()
    }

    /// The last position it was told.
    fn position(&self) -> Option<u64> {
        let told = self.heard.iter().rev();
        told.filter_map(|line| line["at"].as_u64().or(line["checkpoint"].as_u64()))
            .next()
    }

    /// From where each subscription began.
    fn beginnings(&self) -> Vec<Option<u64>> {
        let begun = self.heard.iter().filter(|line| is(line, "subscribed"));
        begun.map(|line| line["subscribed"].as_u64()).collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn is(line: &Value, what: &str) -> bool {
    line.get(what).is_some()
}

/// Events heard since the last time the client had caught up.
fn live(heard: &[Value]) -> usize {
    let since = heard.iter().rposition(|line| is(line, "caught_up"));
    let live = heard[since.unwrap_or(0)..].iter();
    live.filter(|line| is(line, "event")).count()
}

/// Top-ups of the first household until the ledger is not there.
fn busy(client: Client) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { while top_up(&client, 1).await {} })
}

async fn follows(official: Official) {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, shown) = shown_ledger(folder.path()).await;
    let url = shown.url(&server.key);
    let Some(mut one) = Follower::start(official, &url, "stream", "account-A1") else {
        return;
    };
    let mut all = Follower::start(official, &url, "all", "account-A1").unwrap();
    for follower in [&mut one, &mut all] {
        follower.caught_up(0).await;
    }

    // Killed while it writes.
    let writing = busy(server.client().await);
    for follower in [&mut one, &mut all] {
        follower
            .until("live events", |heard| live(heard) > 20)
            .await;
    }
    server.kill();
    writing.await.unwrap();
    server.restart();
    let client = server.client().await;
    for _ in 0..10 {
        assert!(top_up(&client, 1).await);
    }
    for follower in [&mut one, &mut all] {
        follower.caught_up(1).await;
    }

    // Stopped in order, when only others' events have come for a while: a checkpoint is the last position.
    let known = all.position();
    for _ in 0..10 {
        assert!(top_up(&client, 2).await);
    }
    all.until("a checkpoint among others' events", |heard| {
        let mut checkpoints = heard.iter().filter_map(|line| line["checkpoint"].as_u64());
        checkpoints.any(|at| Some(at) > known)
    })
    .await;
    drop(client);
    server.stop();
    let stored = replayed(&server, "account-A1");
    server.restart();
    for follower in [&mut one, &mut all] {
        follower.caught_up(2).await;
        assert_eq!(follower.events(), stored, "nothing missed, nothing double");
        let begun = follower.beginnings();
        assert!(begun[0].is_none() && begun[1..].iter().all(Option::is_some));
    }
    let last_beginning = all.beginnings().last().copied().flatten();
    assert!(last_beginning > known, "it went on from a checkpoint");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_follows_through_a_kill_and_a_stop_and_misses_and_doubles_nothing() {
    follows(Official::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_client_follows_through_a_kill_and_a_stop_and_misses_and_doubles_nothing() {
    follows(Official::Node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_client_follows_through_a_kill_and_a_stop_and_misses_and_doubles_nothing() {
    follows(Official::Rust).await;
}
