//! A postpaid consumer at the counter, through the binary: the bill is shown, paid, listed; the office looks.

use command_api::{Client, pb};

use crate::running::{Run, Server, run_with_key};

/// Code of the error on standard error.
fn code(run: &Run) -> String {
    let error: serde_json::Value = serde_json::from_str(run.err.lines().last().unwrap())
        .unwrap_or_else(|e| panic!("{e}: {run}"));
    error["error"]["code"].as_str().unwrap().to_owned()
}

/// A meter of `L-1`, in place since a minute ago, its register at zero.
async fn install(url: &str, key: &str) {
    let now = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    let at = prost_types::Timestamp {
        nanos: 0,
        ..prost_types::Timestamp::from(now)
    };
    let client = Client::connect(url, key).await.unwrap();
    let install = pb::InstallMeterRequest {
        reference: "install-L1".to_owned(),
        account_id: "L-1".to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: "L0001".to_owned(),
        register: None,
        installed_at: Some(at),
        first_value: "0".to_owned(),
    };
    client.meters().install_meter(install).await.unwrap();
}

#[test]
fn k2_a_bill_is_shown_paid_and_listed_and_the_office_sees_how_the_consumer_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::start(path, &["--dev-keys"]);
    let (url, staff, till) = (server.url(), server.key("staff"), server.key("channel"));
    let asked = |key: &str, words: &[&str]| {
        run_with_key(
            path,
            key,
            &[&["--json"], words, &["--server", &url]].concat(),
        )
    };
    let open = [
        "bill",
        "import",
        "L-1",
        "domestic",
        "--scheme",
        "ebcm",
        "--arrears",
        "240.50",
        "--since",
        "2018-01-01",
        "--reference",
        "I-1",
    ];
    let opened = asked(&staff, &open);
    assert_eq!(opened.code, 0, "{opened}");
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(install(&url, &staff));
    let quote = asked(&till, &["bill", "quote", "L-1"]);
    assert_eq!(
        (quote.code, quote.json()["amount"].as_str()),
        (0, Some("240.5")),
        "{quote}"
    );
    assert_eq!(quote.json()["lines"][0]["text"], "arrears");
    let more = asked(
        &till,
        &["bill", "pay", "L-1", "240.51", "--reference", "P-1"],
    );
    assert_eq!(
        (more.code, code(&more).as_str()),
        (3, "ABOVE_DUES"),
        "{more}"
    );
    let part = ["bill", "pay", "meter:L0001", "100", "--reference", "P-2"];
    let first = asked(&till, &part);
    assert_eq!(
        (first.code, first.json()["left"].as_str()),
        (0, Some("140.5")),
        "{first}"
    );
    assert_eq!(asked(&till, &part).json()["duplicate"], true);
    let nobody = ["bill", "pay", "L-9", "100", "--reference", "P-3", "--taken"];
    assert_eq!(asked(&till, &nobody).json()["result"], "suspended");
    let denied = asked(
        &till,
        &[
            "bill",
            "adjust",
            "L-1",
            "-5",
            "--document",
            "D-1",
            "--reference",
            "A-1",
        ],
    );
    assert_eq!(code(&denied), "ROLE_MISSING", "{denied}");
    let less = asked(
        &staff,
        &[
            "bill",
            "adjust",
            "L-1",
            "-5",
            "--document",
            "D-1",
            "--reference",
            "A-1",
        ],
    );
    assert_eq!(less.code, 0, "{less}");
    let shown = asked(&staff, &["consumer", "show", "L-1"]);
    assert_eq!(
        (
            shown.json()["status"].as_str(),
            shown.json()["dues"].as_str()
        ),
        (Some("BLOG"), Some("135.5"))
    );
    let owing = asked(&staff, &["consumer", "list", "--set", "owing"]);
    assert_eq!(owing.json().as_array().unwrap().len(), 1, "{owing}");
    let bills = asked(&staff, &["bill", "list", "L-1"]);
    assert_eq!(bills.json()[0]["kind"], "paid", "{bills}");
    let csv = run_with_key(
        path,
        &staff,
        &[
            "consumer", "list", "--status", "BLOG", "--csv", "--server", &url,
        ],
    );
    assert!(
        csv.out
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("L-1,imported,BLOG,"),
        "{csv}"
    );
    let wrong = asked(&staff, &["consumer", "list", "--status", "NOPE"]);
    assert_eq!(wrong.code, 2, "{wrong}");
    let undated = [
        "bill",
        "pay",
        "meter:L0001",
        "1",
        "--value",
        "3",
        "--reference",
        "P-4",
    ];
    let undated = asked(&till, &undated);
    assert_eq!(
        (undated.code, code(&undated).as_str()),
        (2, "READ_AT_MISSING"),
        "{undated}"
    );
    let none = asked(&staff, &["bill", "show", "L-1", "--number", "7"]);
    assert_eq!(
        (none.code, code(&none).as_str()),
        (3, "NO_SUCH_BILL"),
        "{none}"
    );
}
