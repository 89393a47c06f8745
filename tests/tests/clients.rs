//! Clients that are not ours: Python's grpcio by reflection, and nats-py, against the real binary.
//!
//! The scripts run in a virtual environment that is made once under the build folder; its packages come
//! from the usual index.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what it expects and stops where that fails"
)]

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use command_api::pb;
use ledger_core::time::{Millis, Timestamp};
use ledger_tests::{Server, python, root};
use meter_gateway::testkit::NatsServer;
use serde_json::Value;

fn run(script: &str, arguments: &[&str]) -> Value {
    let output = Command::new(python())
        .arg(root().join("tests/clients").join(script))
        .args(arguments)
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{script}: {out}\n{err}");
    serde_json::from_str(out.lines().last().unwrap_or_default())
        .unwrap_or_else(|e| panic!("{script}: {e}: {out}"))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// An account with an active electricity meter that was installed ten days ago.
async fn set_up(server: &Server) {
    let client = server.client().await;
    let open = pb::OpenAccountRequest {
        reference: "open".to_owned(),
        account_id: "A1".to_owned(),
        class: "residential".to_owned(),
        dwelling_units: 1,
        ..Default::default()
    };
    client.accounts().open_account(open).await.unwrap();
    let installed = (now() - Millis::days(10)).as_millis() / 1_000;
    let install = pb::InstallMeterRequest {
        reference: "install".to_owned(),
        account_id: "A1".to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: "E10000001".to_owned(),
        installed_at: Some(prost_types::Timestamp {
            seconds: installed,
            nanos: 0,
        }),
        first_value: "0".to_owned(),
        ..Default::default()
    };
    client.meters().install_meter(install).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_a_python_client_tops_up_by_reflection_and_reads_the_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    set_up(&server).await;
    let address = server.address.trim_start_matches("http://").to_owned();
    let answer = run(
        "grpc_topup.py",
        &[&address, &server.key, "E10000001", "20.00", "T-1"],
    );
    assert_eq!(answer["receipt"]["amount"], "20", "{answer}");
    assert_eq!(answer["receipt"]["reference"], "T-1", "{answer}");
    let again = run(
        "grpc_topup.py",
        &[&address, &server.key, "E10000001", "20.00", "T-1"],
    );
    assert_eq!(
        again["receipt"], answer["receipt"],
        "the same reference has the same receipt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c18_a_python_client_publishes_a_reading_and_receives_the_order_and_the_notification() {
    let folder = tempfile::tempdir().unwrap();
    let nats = NatsServer::start().unwrap();
    let server = Server::start(folder.path(), Some(&nats.url()));
    set_up(&server).await;
    let client = server.client().await;
    let top_up = pb::TopUpRequest {
        reference: "T-1".to_owned(),
        meter: "E10000001".to_owned(),
        amount: "6".to_owned(),
        money: pb::MoneyState::NotTaken.into(),
    };
    client.payments().top_up(top_up).await.unwrap();
    let cut = pb::DisconnectRequest {
        reference: "cut".to_owned(),
        meter: "E10000001".to_owned(),
    };
    client.supply().disconnect(cut).await.unwrap();
    let read_at = (now() - Millis::hours(1)).to_string();
    let answer = run(
        "nats_meter.py",
        &[&nats.url(), "E10000001", &read_at, "150", "low-credit"],
    );
    assert_eq!(answer["order"]["meter"], "E10000001", "{answer}");
    assert_eq!(answer["notification"]["account"], "A1", "{answer}");
    let by = pb::account_or_meter::By::AccountId("A1".to_owned());
    let ask = pb::GetBalanceRequest {
        account: Some(pb::AccountOrMeter { by: Some(by) }),
        ..Default::default()
    };
    let balance = client
        .queries()
        .get_balance(ask)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(balance.wallets.first().unwrap().credit, "4.5");
}
