//! A household's first days through the binary: opened over gRPC, readings from a file, money from a till,
//! then looked at by the people who look after it.

use std::path::Path;

use command_api::{Client, pb};
use serde_json::Value;

use crate::running::{Server, run, run_with_key};

fn at(text: &str) -> Option<prost_types::Timestamp> {
    let millis = ledger_core::time::Timestamp::parse(text)
        .unwrap()
        .as_millis();
    Some(prost_types::Timestamp {
        seconds: millis / 1_000,
        nanos: 0,
    })
}

/// Opens account A-1 with electricity meter E1001, in place since March 1st, and activates it.
async fn move_in(url: &str, key: &str) {
    let client = Client::connect(url, key).await.unwrap();
    let open = pb::OpenAccountRequest {
        reference: "open-1".to_owned(),
        account_id: "A-1".to_owned(),
        class: "residential".to_owned(),
        ..pb::OpenAccountRequest::default()
    };
    client.accounts().open_account(open).await.unwrap();
    let install = pb::InstallMeterRequest {
        reference: "install-1".to_owned(),
        account_id: "A-1".to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: "E1001".to_owned(),
        register: None,
        installed_at: at("2026-03-01T00:00:00Z"),
        first_value: "100".to_owned(),
    };
    client.meters().install_meter(install).await.unwrap();
    let activate = pb::ActivateMeterRequest {
        reference: "activate-1".to_owned(),
        meter: "E1001".to_owned(),
    };
    client.meters().activate_meter(activate).await.unwrap();
}

fn asked(folder: &Path, key: &str, url: &str, question: &[&str]) -> Value {
    let arguments = [&["--json"], question, &["--server", url]].concat();
    let got = run_with_key(folder, key, &arguments);
    assert_eq!(got.code, 0, "{got}");
    got.json()
}

/// What the office sees after 11.237 kWh.
fn looked_at(folder: &Path, staff: &str, url: &str) {
    let account = asked(folder, staff, url, &["account", "show", "meter:E1001"]);
    assert_eq!(account["account"], "A-1");
    assert_eq!(
        account["wallets"][0]["credit"], "19.88763",
        "11.237 kWh at 0.01"
    );
    let statement = asked(folder, staff, url, &["account", "statement", "A-1"]);
    assert_eq!(
        statement.as_array().unwrap().last().unwrap()["balance"],
        "19.88763"
    );
    let days = [
        "account",
        "consumption",
        "A-1",
        "--from",
        "2026-03-01",
        "--to",
        "2026-03-31",
    ];
    let days = asked(folder, staff, url, &days);
    let used: Vec<&str> = days
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["quantity"].as_str().unwrap())
        .collect();
    assert_eq!(
        used.len(),
        2,
        "c10: March 1st and 2nd share the first reading: {days}"
    );
    let history = run_with_key(
        folder,
        staff,
        &["account", "history", "A-1", "--limit", "2", "--server", url],
    );
    assert_eq!(history.out.lines().count(), 2, "{history}");
    let shown = run_with_key(
        folder,
        staff,
        &["account", "statement", "A-1", "--server", url],
    );
    assert!(shown.out.starts_with("time (Asia/Brunei)"), "{shown}");
}

#[test]
fn u4_a_household_moves_in_pays_and_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, &["--dev-keys"]);
    let (till, staff) = (server.key("channel"), server.key("staff"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(move_in(&server.url(), &staff));
    let paid = asked(
        folder,
        &till,
        &server.url(),
        &["topup", "E1001", "20.00", "--reference", "R-1"],
    );
    assert_eq!(paid["result"], "credited");
    assert_eq!(paid["balance"], "20");
    assert_eq!(server.stop(), 0);

    let text = "meter,register,read_at,value\n\
                E1001,,2026-03-02 08:00:00,110\n\
                E1001,,2026-03-02T09:00:00+08:00,111.237\n\
                E1001,,2026-03-02T09:00:00+08:00,111.237\n\
                E1001,,2026-03-02T08:30:00+08:00,110.5\n";
    std::fs::write(folder.join("march.csv"), text).unwrap();
    let import = [
        "--json",
        "import",
        "readings",
        "march.csv",
        "--utility",
        "electricity",
    ];
    let first = run(folder, &import);
    assert_eq!(first.code, 0, "{first}");
    let counts = first.json();
    assert_eq!(
        (&counts["accepted"], &counts["duplicate"], &counts["late"]),
        (&3.into(), &1.into(), &0.into())
    );
    let again = run(folder, &import).json();
    assert_eq!(
        (&again["accepted"], &again["duplicate"]),
        (&0.into(), &4.into()),
        "c8: {again}"
    );

    let server = Server::start(folder, &[]);
    looked_at(folder, &staff, &server.url());
    assert_eq!(server.stop(), 0);
    let verified = run(folder, &["verify"]);
    assert_eq!(verified.code, 0, "{verified}");
}
