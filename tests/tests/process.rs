//! The real binary and a real nats-server under load, killed at random and started again: every
//! acknowledged top-up is there once, every published reading is accounted for once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream;
use command_api::client::Client;
use command_api::pb;
use ledger_core::time::{Millis, Timestamp};
use ledger_tests::{Server, until};
use meter_gateway::testkit::NatsServer;
use tokio::sync::Mutex;
use tonic::Code;

const KILLS: u32 = 50;
/// Every so many-th life lasts until the gateway takes readings: the lease of a killed owner must lapse
/// first.
const LONG_LIFE_EVERY: u32 = 10;
const METERS: u64 = 20;
const PAYERS: u64 = 8;

/// What the tills know: each reference with the receipt it was answered, once it was.
type Receipts = Arc<Mutex<HashMap<String, String>>>;

struct Town {
    installed_at: Timestamp,
    /// Where the server is now.
    address: Arc<Mutex<String>>,
    key: String,
    receipts: Receipts,
    published: AtomicU64,
    over: AtomicBool,
}

fn meter(n: u64) -> String {
    format!("E{:08}", n % METERS + 1)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn wire(at: Timestamp) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp {
        seconds: at.as_millis() / 1_000,
        nanos: 0,
    })
}

async fn set_up(client: &Client, installed_at: Timestamp) {
    for n in 0..METERS {
        let open = pb::OpenAccountRequest {
            scheme: String::new(),
            reference: format!("open-{n}"),
            account_id: format!("A{n}"),
            class: "residential".to_owned(),
            dwelling_units: 1,
            ..Default::default()
        };
        client.accounts().open_account(open).await.unwrap();
        let install = pb::InstallMeterRequest {
            reference: format!("install-{n}"),
            account_id: format!("A{n}"),
            utility: pb::Utility::Electricity.into(),
            meter: meter(n),
            installed_at: wire(installed_at),
            first_value: "0".to_owned(),
            ..Default::default()
        };
        client.meters().install_meter(install).await.unwrap();
    }
}

/// A till: never leaves a reference before it has its answer.
async fn pay(town: Arc<Town>, payer: u64) {
    let mut n = 0u64;
    while !town.over.load(Ordering::Relaxed) {
        let reference = format!("till{payer}-{n}");
        let receipt = pay_until_answered(&town, &reference, &meter(payer * 7 + n)).await;
        town.receipts.lock().await.insert(reference, receipt);
        n += 1;
    }
}

async fn pay_until_answered(town: &Town, reference: &str, meter: &str) -> String {
    loop {
        let address = town.address.lock().await.clone();
        let Ok(client) = Client::connect(&address, &town.key).await else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let top_up = pb::TopUpRequest {
            reference: reference.to_owned(),
            meter: meter.to_owned(),
            amount: "2".to_owned(),
            money: pb::MoneyState::NotTaken.into(),
        };
        match client.payments().top_up(top_up).await {
            Ok(answer) => match answer.into_inner().result {
                Some(pb::top_up_response::Result::Receipt(receipt)) => return receipt.number,
                other => panic!("{reference}: {other:?}"),
            },
            Err(status) => {
                let passing = [
                    Code::Unavailable,
                    Code::Unknown,
                    Code::Cancelled,
                    Code::ResourceExhausted,
                    Code::Aborted,
                    Code::Internal,
                ];
                assert!(passing.contains(&status.code()), "{reference}: {status}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// A head-end: an hour's readings of every meter at a time, each register one kWh on.
async fn publish(town: Arc<Town>, url: String) {
    let js = jetstream::new(async_nats::connect(url).await.unwrap());
    let mut hour = 1;
    while !town.over.load(Ordering::Relaxed) && hour < 24 * 300 {
        let read_at = town.installed_at + Millis::hours(hour);
        let readings: Vec<_> = (0..METERS)
            .map(|n| serde_json::json!({"meter": meter(n), "read_at": read_at, "value": hour.to_string()}))
            .collect();
        let payload = serde_json::json!({ "readings": readings }).to_string();
        let ack = js
            .publish("meter.readings.electricity.he1", payload.into())
            .await;
        if let Ok(ack) = ack {
            ack.await.unwrap();
            town.published.fetch_add(METERS, Ordering::Relaxed);
            hour += 1;
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

/// A little disorder without a generator of its own: the clock's last digits.
fn some_millis(below: u64) -> u64 {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    u64::from(nanos / 1_000) % below
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_fifty_kills_under_load_lose_nothing_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nats = NatsServer::start().unwrap();
    let mut server = Server::start(folder.path(), Some(&nats.url()));
    let installed_at = now() - Millis::days(320);
    set_up(&server.client().await, installed_at).await;
    let town = Arc::new(Town {
        installed_at,
        address: Arc::new(Mutex::new(server.address.clone())),
        key: server.key.clone(),
        receipts: Receipts::default(),
        published: AtomicU64::new(0),
        over: AtomicBool::new(false),
    });
    let mut tills = Vec::new();
    for payer in 0..PAYERS {
        tills.push(tokio::spawn(pay(Arc::clone(&town), payer)));
    }
    let head_end = tokio::spawn(publish(Arc::clone(&town), nats.url()));
    for kill in 0..KILLS {
        if kill % LONG_LIFE_EVERY == 0 {
            readings_are_taken(&server.client().await).await;
        }
        tokio::time::sleep(Duration::from_millis(30 + some_millis(300))).await;
        server.kill();
        server.restart();
        *town.address.lock().await = server.address.clone();
    }
    town.over.store(true, Ordering::Relaxed);
    for till in tills {
        till.await.unwrap();
    }
    head_end.await.unwrap();
    check(&server.client().await, &town).await;
    server.stop();
    let verified = server.run(&["verify", "--json"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stdout)
    );
}

/// Waits until more readings are accepted than there were.
async fn readings_are_taken(client: &Client) {
    let before = accepted(client).await;
    until(
        "the gateway takes readings",
        Duration::from_secs(60),
        || async { accepted(client).await > before },
    )
    .await;
}

async fn accepted(client: &Client) -> u64 {
    let totals = client
        .queries()
        .get_totals(pb::GetTotalsRequest::default())
        .await
        .unwrap()
        .into_inner();
    totals.utilities.iter().map(|u| u.readings_accepted).sum()
}

async fn check(client: &Client, town: &Town) {
    let published = town.published.load(Ordering::Relaxed);
    let totals = || async {
        let totals = client
            .queries()
            .get_totals(pb::GetTotalsRequest::default())
            .await
            .unwrap()
            .into_inner();
        let electricity = pb::Utility::Electricity;
        totals
            .utilities
            .into_iter()
            .find(|u| u.utility() == electricity)
            .unwrap()
    };
    until(
        "every published reading is counted",
        Duration::from_secs(60),
        || async {
            let t = totals().await;
            t.readings_accepted + t.readings_duplicate >= published
        },
    )
    .await;
    let totals = totals().await;
    let others = totals.readings_conflicting
        + totals.readings_late
        + totals.readings_quarantined
        + totals.readings_refused;
    assert_eq!(
        (totals.readings_accepted, totals.readings_duplicate, others),
        (published, 0, 0)
    );
    every_receipt_is_there_once(client, town).await;
}

async fn every_receipt_is_there_once(client: &Client, town: &Town) {
    let receipts = town.receipts.lock().await.clone();
    assert!(
        receipts.len() > usize::try_from(KILLS).unwrap(),
        "there was load: {} payments",
        receipts.len()
    );
    let mut numbers: Vec<&String> = receipts.values().collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(
        numbers.len(),
        receipts.len(),
        "each reference has a receipt of its own"
    );
    let channels = client
        .queries()
        .get_totals(pb::GetTotalsRequest::default())
        .await
        .unwrap()
        .into_inner()
        .channels;
    let incomm = channels
        .into_iter()
        .find(|c| c.channel == "incomm")
        .unwrap();
    assert_eq!(
        incomm.top_ups,
        receipts.len() as u64,
        "each acknowledged top-up is there once, and no other"
    );
    for (reference, number) in receipts.iter().take(200) {
        let find = pb::FindCommandRequest {
            reference: reference.clone(),
            ..Default::default()
        };
        let found = format!(
            "{:?}",
            client
                .payments()
                .find_command(find)
                .await
                .unwrap()
                .into_inner()
        );
        assert!(
            found.contains(number.as_str()),
            "{reference} is remembered with {number}: {found}"
        );
    }
}
