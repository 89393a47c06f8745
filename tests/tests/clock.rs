//! The month close of many accounts by `ledger clock run`, killed at random points and run again: what every
//! report says afterwards is, to the byte, what it says after a run that nobody disturbed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use command_api::client::Client;
use command_api::pb;
use ledger_core::time::{LocalDateTime, Timestamp, Zone};
use ledger_tests::{Server, ledger_binary};

/// Consumers and kills; `CLOCK_TEST_CONSUMERS` and `CLOCK_TEST_KILLS` ask for others.
const CONSUMERS: u32 = 300;
const KILLS: u32 = 20;
/// Months before this are closed: July is the seventh.
const UNTIL: &str = "2025-08-01T00:00:00+05:30";
/// Time comes with the calls; segments are zero-filled ahead, so small ones are quick to copy.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("LEDGER_CLOCK", "simulated"),
    ("LEDGER_LOG_SEGMENT_BYTES", "1048576"),
];

fn asked(name: &str, usual: u32) -> u32 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

fn consumers() -> u32 {
    asked("CLOCK_TEST_CONSUMERS", CONSUMERS)
}

fn meter(n: u32) -> String {
    format!("L{n:08}")
}

fn local(text: &str) -> Timestamp {
    let zone = Zone::named("Asia/Kolkata").unwrap();
    zone.local_to_utc(LocalDateTime::parse(text).unwrap(), None)
}

/// Consumers of January; every third has no reading at all.
async fn open(client: &Client) {
    let opened_at = local("2025-01-10T08:00:00");
    let client = client.at(opened_at);
    for n in 0..consumers() {
        let open = pb::OpenAccountRequest {
            scheme: "ebcm".to_owned(),
            reference: format!("open-{n}"),
            account_id: format!("L-{n}"),
            class: if n % 7 == 0 { "government" } else { "domestic" }.to_owned(),
            dwelling_units: 1,
            ..Default::default()
        };
        client.accounts().open_account(open).await.unwrap();
        let install = pb::InstallMeterRequest {
            reference: format!("install-{n}"),
            account_id: format!("L-{n}"),
            utility: pb::Utility::Electricity.into(),
            meter: meter(n),
            installed_at: Some(prost_types::Timestamp {
                seconds: opened_at.as_millis() / 1_000,
                nanos: 0,
            }),
            first_value: "0".to_owned(),
            ..Default::default()
        };
        client.meters().install_meter(install).await.unwrap();
    }
}

fn readings() -> String {
    let mut text = "meter,register,read_at,value\n".to_owned();
    for n in (0..consumers()).filter(|n| n % 3 != 0) {
        text.push_str(&format!(
            "{},,2025-01-25T09:00:00+05:30,{}\n",
            meter(n),
            60 + n
        ));
    }
    text
}

fn ledger(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(ledger_binary());
    command
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .envs(ENVIRONMENT)
        .stdin(Stdio::null());
    command
}

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

/// A stopped ledger with everything ready to be closed.
async fn prepared(folder: &Path) -> PathBuf {
    let mut server = Server::start_with(folder, None, &ENVIRONMENT);
    open(&server.client().await).await;
    server.stop();
    let file = folder.join("readings.csv");
    std::fs::write(&file, readings()).unwrap();
    let data = folder.join("data");
    let import = [
        "import",
        "readings",
        file.to_str().unwrap(),
        "--utility",
        "electricity",
    ];
    done(&ledger(&data, &import).output().unwrap());
    data
}

/// Copies a ledger, without persons' records: each server of these tests has a master key of its own.
fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with("person") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).unwrap();
        }
    }
}

fn closed(data: &Path) -> serde_json::Value {
    let run = ["--json", "clock", "run", "--until", UNTIL];
    let text = done(&ledger(data, &run).output().unwrap());
    serde_json::from_str(&text).unwrap()
}

/// Every report as CSV, by name.
fn reports(folder: &Path) -> BTreeMap<String, String> {
    let mut server = Server::start_with(folder, None, &ENVIRONMENT);
    let asked = |arguments: &[&str]| {
        let output = Command::new(ledger_binary())
            .args(arguments)
            .args(["--server", &server.address])
            .env("LEDGER_API_KEY", &server.key)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        done(&output)
    };
    let listed: serde_json::Value = serde_json::from_str(&asked(&["--json", "report"])).unwrap();
    let mut texts = BTreeMap::new();
    for report in listed.as_array().unwrap() {
        let name = report["name"].as_str().unwrap();
        let takes = report["takes"].as_array().unwrap();
        let mut question = vec!["report", name, "--csv"];
        if takes.iter().any(|field| field == "as_of") {
            question.extend(["--as-of", "2025-08-01"]);
        }
        if takes.iter().any(|field| field == "everything") {
            question.push("--everything");
        }
        texts.insert(name.to_owned(), asked(&question));
    }
    server.stop();
    texts
}

/// Runs, kills at a point of time, and says whether it was still at work.
fn killed_after(data: &Path, wait: Duration) -> bool {
    let mut child = ledger(data, &["--json", "clock", "run", "--until", UNTIL])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(wait);
    let was_at_work = child.try_wait().unwrap().is_none();
    child.kill().ok();
    child.wait().unwrap();
    was_at_work
}

// A client answers the server that goes down, also while this test waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_a_month_close_killed_at_20_random_points_and_rerun_gives_byte_equal_reports() {
    let root = tempfile::tempdir().unwrap();
    let data = prepared(&root.path().join("base")).await;
    let whole = root.path().join("whole");
    copied(&data, &whole.join("data"));
    let began = Instant::now();
    let told = closed(&whole.join("data"));
    let took = began.elapsed();
    eprintln!("{} closes in {took:?}", told["deadlines"]);
    assert!(
        told["deadlines"].as_u64().unwrap() >= u64::from(consumers()) * 7,
        "{told}"
    );
    let wanted = reports(&whole);
    let counts = &wanted["consumer-counts"];
    assert!(
        counts.contains("close,2025-07,") && !counts.contains("close,2025-08,"),
        "{counts}"
    );
    assert!(
        wanted["aged-debt"].lines().count() > 100,
        "most of them owe something"
    );
    let mut seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() | 1;
    eprintln!("seed {seed}");
    let (mut at_work, kills) = (0, asked("CLOCK_TEST_KILLS", KILLS));
    for n in 0..kills {
        let folder = root.path().join(format!("killed-{n}"));
        copied(&data, &folder.join("data"));
        // A xorshift is random enough for a point of time.
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        let wait = took * (seed % 1_000) / 1_000;
        at_work += u32::from(killed_after(&folder.join("data"), wait));
        closed(&folder.join("data"));
        let again = closed(&folder.join("data"));
        assert_eq!(
            again["events"], 0,
            "what is closed is not due any more: {again}"
        );
        let got = reports(&folder);
        for (name, text) in &wanted {
            assert_eq!(got[name], *text, "{name}, killed after {wait:?}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
    assert!(
        at_work >= kills / 2,
        "only {at_work} of {kills} were killed at work"
    );
    let verified = done(&ledger(&whole.join("data"), &["verify"]).output().unwrap());
    assert!(!verified.contains("FOUND"), "{verified}");
}

// A client answers the server that goes down, also while this test waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e17_the_clocks_status_tells_what_is_due_and_it_is_gone_after_the_run() {
    let root = tempfile::tempdir().unwrap();
    let data = prepared(root.path()).await;
    let status = |at: &str| -> serde_json::Value {
        let asked = ["--json", "clock", "status", "--at", at];
        serde_json::from_str(&done(&ledger(&data, &asked).output().unwrap())).unwrap()
    };
    let before = status("2025-03-01T00:00:00+05:30");
    assert_eq!(
        before["due"],
        2 * consumers(),
        "January and February: {before}"
    );
    assert_eq!(before["oldest"], "2025-01-31T18:29:59.999Z");
    assert_eq!(before["kinds"][0]["kind"], "month-close");
    let run = ["clock", "run", "--until", "2025-02-01T00:00:00+05:30"];
    let said = done(&ledger(&data, &run).output().unwrap());
    assert!(said.contains("300 deadlines in 1 periods"), "{said}");
    let after = status("2025-03-01T00:00:00+05:30");
    assert_eq!(after["due"], consumers(), "{after}");
    assert_eq!(after["next"], "2025-03-31T18:29:59.999Z", "{after}");
    let ahead = Command::new(ledger_binary())
        .args([
            "clock",
            "run",
            "--until",
            "9999-01-01T00:00:00Z",
            "--data-dir",
        ])
        .arg(&data)
        .output()
        .unwrap();
    assert_eq!(
        ahead.status.code(),
        Some(2),
        "what is ahead is not known yet"
    );
    assert!(String::from_utf8_lossy(&ahead.stderr).contains("UNTIL_AHEAD"));
}
