//! A file of payments through the binary: each line has a result, and the file may be sent again.

use command_api::{Client, pb};

use crate::running::{Server, run_with_key};

const METERS: [&str; 2] = ["E1001", "E1002"];

async fn move_in(url: &str, key: &str) {
    let client = Client::connect(url, key).await.unwrap();
    for meter in METERS {
        let open = pb::OpenAccountRequest {
            reference: format!("open-{meter}"),
            account_id: format!("A-{meter}"),
            class: "residential".to_owned(),
            ..Default::default()
        };
        client.accounts().open_account(open).await.unwrap();
        let install = pb::InstallMeterRequest {
            reference: format!("install-{meter}"),
            account_id: format!("A-{meter}"),
            utility: pb::Utility::Electricity.into(),
            meter: meter.to_owned(),
            register: None,
            installed_at: Some(prost_types::Timestamp {
                seconds: 1_772_323_200,
                nanos: 0,
            }),
            first_value: "100".to_owned(),
        };
        client.meters().install_meter(install).await.unwrap();
    }
}

#[test]
fn c4_a_file_of_payments_has_a_result_for_each_line_and_sent_again_credits_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::start(path, &["--dev-keys"]);
    let (url, staff, key) = (server.url(), server.key("staff"), server.key("channel"));
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(move_in(&url, &staff));
    let mut file = String::from("reference,meter,amount,paid_at\n");
    for n in 0..5_000 {
        file.push_str(&format!("B-{n},{},2.00,\n", METERS[n % 2]));
    }
    file.push_str("B-0,E1001,2.00,\nB-1,E1001,9.00,\nU-1,E9999,5.00,2026-03-02T01:00:00Z\n");
    file.push_str("S-1,E1001,0.50,\nF-1,E1001,2.001,\nnot a payment\n\"Q,1\",E1002,3.00,\n");
    std::fs::write(path.join("pay.csv"), file).unwrap();
    let import = ["--json", "payments", "import", "pay.csv", "--server", &url];
    let first = run_with_key(path, &key, &import);
    assert_eq!(first.code, 1, "{first}");
    let counts = first.json()["results"].clone();
    let lines = |what: &str| counts[what]["lines"].as_u64().unwrap_or(0);
    assert_eq!(
        (lines("applied"), lines("duplicate"), lines("conflict")),
        (5_001, 1, 1),
        "{counts}"
    );
    assert_eq!(
        lines("applied")
            + lines("duplicate")
            + lines("conflict")
            + lines("refused")
            + lines("malformed"),
        5_007
    );
    assert_eq!(counts["applied"]["amount"], "10003");
    let results = std::fs::read_to_string(path.join("pay.csv.results.csv")).unwrap();
    let result = |line: usize| results.lines().nth(line - 1).unwrap().to_owned();
    assert_eq!(
        results.lines().count(),
        5_008,
        "the header, and a line for each line"
    );
    assert!(
        result(2).starts_with("2,B-0,E1001,2.00,,applied,"),
        "{}",
        result(2)
    );
    assert!(result(5_003).contains("conflict") && result(5_003).contains("KEY_CONFLICT"));
    assert!(
        result(5_004).contains("2026-03-02T01:00:00Z,refused,,,UNKNOWN_METER"),
        "{}",
        result(5_004)
    );
    assert!(
        result(5_005).contains("TOP_UP_BELOW_MINIMUM"),
        "{}",
        result(5_005)
    );
    assert!(
        result(5_007).contains("malformed,,,LINE_MALFORMED"),
        "{}",
        result(5_007)
    );
    assert!(
        result(5_008).contains("\"Q,1\",E1002,3.00,,applied"),
        "{}",
        result(5_008)
    );

    let again = run_with_key(path, &key, &import);
    assert_eq!(again.code, 1, "{again}");
    assert_eq!(
        again.json()["results"]["duplicate"]["lines"],
        5_002,
        "{again}"
    );
    assert!(again.json()["results"]["applied"].is_null(), "{again}");
    let receipt = |text: &str| {
        text.lines()
            .nth(1)
            .unwrap()
            .split(',')
            .nth(6)
            .unwrap()
            .to_owned()
    };
    let repeated = std::fs::read_to_string(path.join("pay.csv.results.csv")).unwrap();
    assert_eq!(receipt(&repeated), receipt(&results), "the same receipt");
    std::fs::write(path.join("bad.csv"), "ref,meter,amount\n").unwrap();
    let bad = run_with_key(
        path,
        &key,
        &["payments", "import", "bad.csv", "--server", &url],
    );
    assert!(
        bad.code == 2 && bad.err.contains("reference is missing"),
        "{bad}"
    );
    assert_eq!(server.stop(), 0);
}
