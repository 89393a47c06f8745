//! Everything else of a ledger on such a store: readings from a gateway, deadlines by two clocks, read models,
//! reports, statements and replay, compared with an embedded log on which the same was done.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use async_nats::jetstream;
use command_api::client::Client;
use command_api::pb;
use ledger_core::time::{LocalDateTime, Millis, Timestamp, Zone};
use ledger_tests::{KurrentServer, Server, until};
use meter_gateway::testkit::NatsServer;
use serde_json::Value;

use crate::logged::Logged;
use crate::town::{Ask, hours_ago, install, taken, top_up};

/// Consumers whose months are closed.
const CONSUMERS: u32 = 30;
/// Households whose meters send readings.
const METERS: u32 = 10;
const HOURS: i64 = 100;
/// What stands for time where it comes with the calls.
const SIMULATED: (&str, &str) = ("LEDGER_CLOCK", "simulated");

fn done(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Every report of a running ledger as CSV, by name; ages are those of a day that has not passed.
pub(crate) fn reports(server: &Server, as_of: &str) -> BTreeMap<String, String> {
    let asked = |arguments: &[&str]| done(&server.ask(arguments));
    let listed: Value = serde_json::from_str(&asked(&["--json", "report"])).unwrap();
    let mut texts = BTreeMap::new();
    for report in listed.as_array().unwrap() {
        let name = report["name"].as_str().unwrap();
        let takes = report["takes"].as_array().unwrap();
        let mut question = vec!["report", name, "--csv"];
        if takes.iter().any(|field| field == "as_of") {
            question.extend(["--as-of", as_of]);
        }
        if takes.iter().any(|field| field == "everything") {
            question.push("--everything");
        }
        texts.insert(name.to_owned(), asked(&question));
    }
    texts
}

pub(crate) async fn trial_balance(client: &Client, at_least: &str) -> pb::GetTrialBalanceResponse {
    let ask = pb::GetTrialBalanceRequest {
        at_least: at_least.to_owned(),
    };
    let trial = client.queries().get_trial_balance(ask).await.unwrap();
    let trial = trial.into_inner();
    assert!(trial.balanced && trial.debit == trial.credit, "{trial:?}");
    trial
}

async fn totals(client: &Client) -> pb::GetTotalsResponse {
    let ask = pb::GetTotalsRequest::default();
    client.queries().get_totals(ask).await.unwrap().into_inner()
}

fn kind(totals: &pb::GetTotalsResponse, kind: &str) -> u64 {
    let counted = totals.kinds.iter().find(|counted| counted.kind == kind);
    counted.map_or(0, |counted| counted.count)
}

fn local(text: &str) -> Timestamp {
    let zone = Zone::named("Asia/Kolkata").unwrap();
    zone.local_to_utc(LocalDateTime::parse(text).unwrap(), None)
}

/// Consumers of January with meters, half of them through the one client.
async fn consumers(clients: [&Client; 2]) {
    let opened_at = local("2025-01-10T08:00:00");
    for n in 0..CONSUMERS {
        let client = clients[n as usize % 2].at(opened_at);
        let open = pb::OpenAccountRequest {
            scheme: "ebcm".to_owned(),
            reference: format!("open-{n}"),
            account_id: format!("L-{n}"),
            class: "domestic".to_owned(),
            dwelling_units: 1,
            ..Default::default()
        };
        client.accounts().open_account(open).await.unwrap();
        let meter = install(format!("L-{n}"), format!("L{n:08}"), opened_at);
        meter.send(&client).await.unwrap();
    }
}

/// Some of everything that is written in several appends, at stated times.
async fn households(client: &Client) {
    let start = local("2025-01-11T08:00:00");
    let at = |hour| start + Millis::hours(hour);
    let meter = |n: u32| format!("E{n:08}");
    for n in 0..4_u32 {
        let account = format!("A{n}");
        let asks = [
            Ask::Open {
                account: account.clone(),
            },
            install(account, meter(n), at(0)),
            top_up(format!("first-{n}"), meter(n), 20),
        ];
        for ask in asks {
            let answer = ask.send(&client.at(at(0))).await.unwrap();
            assert!(!answer.is_refused(), "{ask:?}: {answer:?}");
        }
    }
    let story = [
        taken("stray", "E90000000", 15),
        Ask::Allocate {
            reference: "allocate".to_owned(),
            payment: "stray".to_owned(),
            meter: meter(1),
            amount: 15,
        },
        Ask::Exchange {
            reference: "exchange".to_owned(),
            old: meter(0),
            new: meter(10),
            at: at(5),
        },
        Ask::Close {
            account: "A0".to_owned(),
            meter: meter(10),
            to: "A1".to_owned(),
        },
        taken("waits", "E90000001", 8),
    ];
    for ask in story {
        let answer = ask.send(&client.at(at(6))).await.unwrap();
        assert!(!answer.is_refused(), "{ask:?}: {answer:?}");
    }
}

/// Lets a ledger's clock stand at an instant: time comes with calls.
async fn time_is(client: &Client, at: Timestamp) {
    totals(&client.at(at)).await;
}

async fn months_are_closed(client: &Client, months: u64) {
    until("the months are closed", Duration::from_secs(60), || async {
        kind(&totals(client).await, "month-closed.v1") >= months * u64::from(CONSUMERS)
    })
    .await;
}

fn on(folder: &Path, store: &KurrentServer) -> Server {
    let url = store.impatient_url();
    let environment = [("LEDGER_EVENT_STORE", url.as_str()), SIMULATED];
    Server::start_with(folder, None, &environment)
}

/// What a ledger says of itself: reports, a statement, the trial balance.
async fn said(server: &Server) -> BTreeMap<String, String> {
    let client = server.client().await;
    let mut texts = reports(server, "2025-04-01");
    for account in ["A1", "A2", "L-3"] {
        let statement = server.ask(&["--json", "account", "statement", account]);
        texts.insert(format!("statement of {account}"), done(&statement));
    }
    let mut trial = trial_balance(&client, "").await;
    trial.token.clear();
    texts.insert("trial balance".to_owned(), format!("{trial:?}"));
    texts
}

fn equal(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) {
    assert!(one.len() > 10, "{:?}", one.keys());
    let names = |texts: &BTreeMap<String, String>| texts.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other));
    for (name, text) in one {
        assert_eq!(*text, other[name], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_two_clocks_on_one_store_close_each_month_once_and_reports_are_those_of_an_embedded_log()
 {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = KurrentServer::start(&at("store"), None);
    let (mut a, mut b) = (on(&at("a"), &store), on(&at("b"), &store));
    let mut alone = Server::start_with(&at("alone"), None, &[SIMULATED]);
    let clients = [a.client().await, b.client().await, alone.client().await];
    consumers([&clients[0], &clients[1]]).await;
    consumers([&clients[2], &clients[2]]).await;
    households(&clients[0]).await;
    households(&clients[2]).await;
    for (month, instant) in [(1, "2025-02-01T09:00:00"), (2, "2025-03-01T09:00:00")] {
        // Both clocks find the same accounts due at once.
        for client in &clients {
            time_is(client, local(instant)).await;
        }
        for client in &clients {
            months_are_closed(client, month).await;
        }
    }
    let (of_a, of_alone) = (said(&a).await, said(&alone).await);
    equal(&of_a, &said(&b).await);
    equal(&of_a, &of_alone);
    for server in [&mut a, &mut b, &mut alone] {
        server.stop();
    }
    let logged = Logged::of(&a);
    logged.has_whole_streams_without_locks();
    assert_eq!(logged.count("month-closed.v1"), 2 * CONSUMERS as usize);
    assert_eq!(logged.plans().void, 0);
    assert_eq!(logged.facts(), Logged::of(&alone).facts(), "replay");
    for server in [&a, &b, &alone] {
        done(&server.run(&["verify"]));
    }
    done(&a.run(&["projections", "rebuild"]));
    a.restart();
    equal(&of_a, &said(&a).await);
    a.stop();
    let copy = at("copy");
    let target = copy.join("data");
    let url = store.impatient_url();
    let arguments = [
        "log",
        "copy",
        "--from",
        &url,
        "--to",
        target.to_str().unwrap(),
    ];
    done(&a.run(&arguments));
    let mut copied = Server::start_with(&copy, None, &[SIMULATED]);
    equal(&of_a, &said(&copied).await);
    copied.stop();
    done(&copied.run(&["verify"]));
    assert_eq!(Logged::of(&copied).facts(), logged.facts());
}

async fn publish(url: &str, installed_at: Timestamp, hours: std::ops::RangeInclusive<i64>) {
    let js = jetstream::new(async_nats::connect(url).await.unwrap());
    for hour in hours {
        let read_at = installed_at + Millis::hours(hour);
        let readings: Vec<_> = (0..METERS)
            .map(|n| serde_json::json!({"meter": format!("E{n:08}"), "read_at": read_at, "value": hour.to_string()}))
            .collect();
        let payload = serde_json::json!({ "readings": readings }).to_string();
        let subject = "meter.readings.electricity.he1";
        js.publish(subject, payload.into())
            .await
            .unwrap()
            .await
            .unwrap();
    }
}

async fn accepted(client: &Client) -> u64 {
    let totals = totals(client).await;
    totals.utilities.iter().map(|u| u.readings_accepted).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c9_readings_are_charged_once_through_two_ledgers_of_which_one_dies() {
    let folder = tempfile::tempdir().unwrap();
    let nats = NatsServer::start().unwrap();
    let store = KurrentServer::start(
        &folder.path().join("store"),
        Some("drop-reply=1%,not-leader=1%"),
    );
    let url = store.impatient_url();
    let serve = |name: &str| {
        let environment = [("LEDGER_EVENT_STORE", url.as_str())];
        Server::start_with(&folder.path().join(name), Some(&nats.url()), &environment)
    };
    let mut a = serve("a");
    let client = a.client().await;
    let installed_at = hours_ago(HOURS + 24);
    for n in 0..METERS {
        let open = Ask::Open {
            account: format!("A{n}"),
        };
        let meter = install(format!("A{n}"), format!("E{n:08}"), installed_at);
        for ask in [open, meter] {
            assert!(!ask.send(&client).await.unwrap().is_refused());
        }
    }
    let mut b = serve("b");
    let other = b.client().await;
    publish(&nats.url(), installed_at, 1..=HOURS / 2).await;
    until("readings are charged", Duration::from_secs(30), || async {
        accepted(&other).await > 0
    })
    .await;
    a.kill();
    publish(&nats.url(), installed_at, HOURS / 2 + 1..=HOURS).await;
    let wanted = u64::from(METERS) * u64::try_from(HOURS).unwrap();
    until(
        "every reading is charged",
        Duration::from_secs(60),
        || async { accepted(&other).await >= wanted },
    )
    .await;
    let electricity = totals(&other).await.utilities[0].clone();
    let others = electricity.readings_conflicting
        + electricity.readings_late
        + electricity.readings_quarantined
        + electricity.readings_refused;
    assert_eq!((electricity.readings_accepted, others), (wanted, 0));
    assert_eq!(electricity.quantity, wanted.to_string());
    trial_balance(&other, "").await;
    b.stop();
    done(&b.run(&["verify"]));
    a.restart();
    assert_eq!(accepted(&a.client().await).await, wanted);
}
