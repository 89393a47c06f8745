//! The real binary on the embedded log and on a server that speaks KurrentDB's protocol: logs copied there
//! and back, looked at there, shown to clients, and killed on the way.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use command_api::client::Client;
use command_api::keys::new_key;
use command_api::pb;
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use kurrent_wire::pb::{shared, streams};
use ledger_core::time::{Millis, Timestamp};
use ledger_tests::{KurrentServer, Server, ledger_binary};
use serde_json::Value;
use tonic::{Code, Status};

const ACCOUNTS: u64 = 12;
const TOP_UPS: u64 = 240;

fn ledger(arguments: &[&str]) -> Output {
    Command::new(ledger_binary())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs to a good end and gives what it said.
fn told(arguments: &[&str]) -> Value {
    let output = ledger(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> (i32, String) {
    let output = ledger(arguments);
    assert!(!output.status.success(), "{arguments:?} is refused");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), errors)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
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

async fn top_up(client: &Client, n: u64) {
    let top_up = pb::TopUpRequest {
        reference: format!("pay-{n}"),
        meter: format!("E{:08}", n % ACCOUNTS),
        amount: "2".to_owned(),
        money: pb::MoneyState::NotTaken.into(),
    };
    client.payments().top_up(top_up).await.unwrap();
}

/// A stopped ledger with a little history; its data folder.
async fn some_ledger(folder: &Path) -> PathBuf {
    let mut server = Server::start(folder, None);
    let client = server.client().await;
    for n in 0..ACCOUNTS {
        household(&client, n).await;
    }
    for n in 0..TOP_UPS {
        top_up(&client, n).await;
    }
    server.stop();
    folder.join("data")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_goes_to_a_kurrentdb_and_back_and_every_command_looks_at_it_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = some_ledger(&folder.path().join("a")).await;
    let there = KurrentServer::start(&folder.path().join("k"), None);
    let url = there.url();
    let copied = told(&["log", "copy", "--from", text(&data), "--to", &url, "--json"]);
    assert_eq!(copied["already_there"], 0);
    assert_eq!(copied["copied"], copied["events"]);
    assert_eq!(copied["times_kept"], false, "a KurrentDB has its own times");
    let again = told(&["log", "copy", "--from", text(&data), "--to", &url, "--json"]);
    assert_eq!(
        (&again["copied"], &again["digest"]),
        (&Value::from(0), &copied["digest"])
    );

    let back = folder.path().join("b").join("data");
    let returned = told(&["log", "copy", "--from", &url, "--to", text(&back), "--json"]);
    assert_eq!(returned["digest"], copied["digest"]);
    assert_eq!(
        returned["times_kept"], true,
        "the embedded log keeps the source's times"
    );
    told(&["verify", "--json", "--data-dir", text(&back)]);

    looked_at(&url, &folder.path().join("c"), &copied);
    let other = some_ledger(&folder.path().join("d")).await;
    let (exit, errors) = refused(&["log", "copy", "--from", text(&other), "--to", &url]);
    assert!(
        exit == 3 && errors.contains("COPY_TARGET_DIFFERS"),
        "{exit}: {errors}"
    );
    // What trials write stays, so a server with a ledger is not for them.
    for trial in [
        ["conformance", "--url"].as_slice(),
        &["bench", "append", "--event-store"],
    ] {
        let (exit, errors) = refused(&[trial, &[url.as_str()]].concat());
        assert!(
            exit == 3 && errors.contains("NOT_FOR_TRIALS"),
            "{exit}: {errors}"
        );
    }
}

/// Every command for a stopped ledger, on a log that is in a KurrentDB.
fn looked_at(url: &str, data: &Path, copied: &Value) {
    std::fs::create_dir_all(data).unwrap();
    let on = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--json", "--event-store", url, "--data-dir", text(data)]);
        all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()
    };
    let run = |arguments: &[&str]| {
        let all = on(arguments);
        told(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let rebuilt = run(&["projections", "rebuild"]);
    assert_eq!(rebuilt["events"], copied["events"]);
    let verified = run(&["verify"]);
    assert_eq!(verified["ok"], true, "{verified}");
    let said = verified.to_string();
    assert!(
        said.contains("chain of hashes are the embedded log's"),
        "{said}"
    );
    assert!(said.contains("read models equal a fresh fold"), "{said}");
    let status = run(&["status"]);
    assert_eq!(
        (&status["running"], &status["read_lag"]),
        (&Value::from(false), &Value::from(0))
    );
    run(&["clock", "status"]);
    let all = on(&["replay"]);
    let output = ledger(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let lines = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    assert_eq!(Value::from(lines.count()), copied["events"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_killed_at_random_on_either_side_goes_on_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = some_ledger(&folder.path().join("a")).await;
    let mut there = KurrentServer::start(&folder.path().join("k"), None);
    let url = there.url();
    for turn in 0..12u64 {
        let mut copying = Command::new(ledger_binary())
            .args(["log", "copy", "--from", text(&data), "--to", &url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(40 + 23 * turn)).await;
        if turn % 3 == 2 {
            there.kill();
            there.restart();
        }
        copying.kill().unwrap();
        copying.wait().unwrap();
    }
    let copied = told(&["log", "copy", "--from", text(&data), "--to", &url, "--json"]);
    there.kill();
    there.restart();
    let again = told(&["log", "copy", "--from", text(&data), "--to", &url, "--json"]);
    assert_eq!(
        again["already_there"], copied["events"],
        "what was acknowledged is on disk"
    );
    assert_eq!(again["digest"], copied["digest"]);
}

#[test]
fn an_embedded_log_is_copied_with_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let data = runtime.block_on(some_ledger(&folder.path().join("a")));
    let to = folder.path().join("b");
    let copied = told(&[
        "log",
        "copy",
        "--from",
        text(&data),
        "--to",
        text(&to),
        "--json",
    ]);
    assert_eq!(copied["times_kept"], true);
    let lines = |data: &Path| ledger(&["replay", "--data-dir", text(data)]).stdout;
    assert!(
        lines(&data) == lines(&to),
        "every line is the same, times included"
    );
    let (exit, errors) = refused(&["log", "copy", "--from", text(&to), "--to", text(&to)]);
    assert!(exit == 2 && errors.contains("COPY_ONTO_ITSELF"), "{errors}");
    let secret = "postgres://admin:secret@db";
    let (exit, errors) = refused(&["log", "copy", "--from", secret, "--to", text(&to)]);
    assert!(exit == 2 && !errors.contains("secret"), "{errors}");
}

#[test]
fn the_conformance_of_a_server_is_tried_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = KurrentServer::start(folder.path(), None);
    let outcome = ledger(&["conformance", "--url", &server.url(), "--json"]);
    let said: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(said["ok"], true, "{said}");
    assert!(said["checks"].as_array().unwrap().len() > 10, "{said}");
    let (exit, errors) = refused(&["conformance", "--url", "http://db"]);
    assert!(exit == 2 && errors.contains("EVENT_STORE_URL"), "{errors}");
    // Looking at it as a ledger's log: the identity is there, and trials are no facts of a ledger.
    let (exit, errors) = refused(&["conformance"]);
    assert!(exit == 2 && errors.contains("--url"), "{errors}");
}

#[test]
fn the_bench_of_appends_measures_a_server_of_its_own() {
    let outcome = ledger(&[
        "bench",
        "append",
        "--event-store",
        "facade",
        "--quick",
        "--size",
        "300",
        "--json",
    ]);
    let said: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert!(said["lines"].as_array().unwrap().len() > 10, "{said}");
}

#[test]
fn a_store_that_is_none_or_away_is_told_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let wrong = "http://admin:secret@db:2113";
    let (exit, errors) = refused(&["replay", "--data-dir", data, "--event-store", wrong]);
    assert!(exit == 2 && errors.contains("CONFIG_VALUE"), "{errors}");
    assert!(!errors.contains("secret"), "{errors}");
    let away = "kurrentdb://admin:secret@127.0.0.1:1?tls=false";
    let (exit, errors) = refused(&["replay", "--data-dir", data, "--event-store", away]);
    assert!(
        exit == 4 && errors.contains("EVENT_STORE_AWAY"),
        "{exit}: {errors}"
    );
    assert!(
        errors.contains("kurrentdb://127.0.0.1:1") && !errors.contains("secret"),
        "{errors}"
    );
}

/// Reads everything as a client of KurrentDB does.
async fn read_all(address: &str, authorization: Option<&str>) -> Result<Vec<String>, Status> {
    use streams::read_req::options::{
        AllOptions, CountOption, FilterOption, ReadDirection, StreamOption, UuidOption,
        all_options, uuid_option,
    };
    let mut client = StreamsClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    let all = AllOptions {
        all_option: Some(all_options::AllOption::Start(shared::Empty {})),
    };
    let options = streams::read_req::Options {
        read_direction: ReadDirection::Forwards.into(),
        resolve_links: false,
        uuid_option: Some(UuidOption {
            content: Some(uuid_option::Content::String(shared::Empty {})),
        }),
        control_option: None,
        stream_option: Some(StreamOption::All(all)),
        count_option: Some(CountOption::Count(u64::MAX)),
        filter_option: Some(FilterOption::NoFilter(shared::Empty {})),
    };
    let mut request = tonic::Request::new(streams::ReadReq {
        options: Some(options),
    });
    if let Some(text) = authorization {
        request
            .metadata_mut()
            .insert("authorization", text.parse().unwrap());
    }
    let mut answers = client.read(request).await?.into_inner();
    let mut kinds = Vec::new();
    while let Some(answer) = answers.message().await? {
        if let Some(streams::read_resp::Content::Event(event)) = answer.content {
            kinds.push(event.event.unwrap().metadata["type"].clone());
        }
    }
    Ok(kinds)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_ledger_shows_its_log_to_whoever_has_the_key_of_a_reader() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("LEDGER_KURRENT_LISTEN", "127.0.0.1:0")];
    let mut server = Server::start_with(folder.path(), None, &environment);
    let address = server.ready["kurrent"].as_str().unwrap().to_owned();
    let client = server.client().await;
    household(&client, 1).await;
    let basic = |key: &str| {
        let text = format!("anybody:{key}");
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(text)
        )
    };
    let seen = read_all(&address, Some(&basic(&server.key))).await.unwrap();
    assert!(seen.contains(&"account-opened.v1".to_owned()), "{seen:?}");
    let bearer = format!("Bearer {}", server.key);
    assert_eq!(read_all(&address, Some(&bearer)).await.unwrap(), seen);
    for header in [None, Some(basic(&new_key().unwrap().key))] {
        let refused = read_all(&address, header.as_deref()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{header:?}");
    }
    server.stop();
}

/// A till on a store of this kind: every top-up is sent until it is answered, the answer's number is kept.
async fn paid_through(server: &mut Server, there: &mut KurrentServer) -> Vec<String> {
    let mut numbers = Vec::new();
    for n in 0..TOP_UPS {
        if n == 80 {
            server.kill();
            server.restart();
        }
        if n == 160 {
            there.kill();
            there.restart();
        }
        numbers.push(receipt(server, n).await);
    }
    numbers
}

async fn receipt(server: &Server, n: u64) -> String {
    for _ in 0..600 {
        let top_up = pb::TopUpRequest {
            reference: format!("pay-{n}"),
            meter: format!("E{:08}", n % ACCOUNTS),
            amount: "2".to_owned(),
            money: pb::MoneyState::NotTaken.into(),
        };
        let client = server.client().await;
        match client.payments().top_up(top_up).await {
            Ok(answer) => match answer.into_inner().result {
                Some(pb::top_up_response::Result::Receipt(receipt)) => return receipt.number,
                other => panic!("{n}: {other:?}"),
            },
            Err(status) => {
                assert_ne!(status.code(), Code::InvalidArgument, "{status}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    panic!("top-up {n} was never answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_serves_on_a_kurrentdb_through_kills_of_both_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut there = KurrentServer::start(&folder.path().join("k"), None);
    let url = there.url();
    let environment = [("LEDGER_EVENT_STORE", url.as_str())];
    let mut server = Server::start_with(&folder.path().join("l"), None, &environment);
    let shown = server.ready["event_store"].as_str().unwrap();
    assert_eq!(shown, format!("kurrentdb://{}", there.address));
    let client = server.client().await;
    for n in 0..ACCOUNTS {
        household(&client, n).await;
    }
    let mut numbers = paid_through(&mut server, &mut there).await;
    let again = receipt(&server, 7).await;
    assert_eq!(again, numbers[7], "a reference has one answer");
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len() as u64, TOP_UPS);
    server.stop();
    let data = folder.path().join("l").join("data");
    let verified = told(&[
        "verify",
        "--json",
        "--event-store",
        &url,
        "--data-dir",
        text(&data),
    ]);
    assert_eq!(verified["ok"], true, "{verified}");
    // Everything is there once, and goes to an embedded log as it is.
    let back = folder.path().join("b");
    told(&["log", "copy", "--from", &url, "--to", text(&back), "--json"]);
    let lines = ledger(&[
        "replay",
        "--data-dir",
        text(&back),
        "--kind",
        "credit-topped-up",
    ]);
    let count = lines
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    assert_eq!(count.count() as u64, TOP_UPS);
    told(&["verify", "--json", "--log-only", "--data-dir", text(&back)]);
}
