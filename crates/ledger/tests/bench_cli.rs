//! `ledger bench` as a script sees it: small runs yield figures with their ratio, and say what was durable.
//!
//! Whether a figure is good is not asked here: that depends on the machine, and on who else uses it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::process::Command;

use serde_json::Value;

/// Runs a measurement with its files in a folder of its own and gives its answer.
fn bench(args: &[&str]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ledger"))
        .arg("bench")
        .args(args)
        .args(["--quick", "--json", "--dir"])
        .arg(dir.path())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {errors}");
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "{args:?} leaves nothing behind"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Checks what every figure with a reference has.
fn has_ratios(answer: &Value, lines: usize) {
    assert_eq!(answer["lines"].as_array().unwrap().len(), lines, "{answer}");
    for line in answer["lines"].as_array().unwrap() {
        let ratio = |name: &str| line["ratio"][name].as_f64().unwrap();
        assert!(
            ratio("min") <= ratio("median") && ratio("median") <= ratio("max"),
            "{line}"
        );
        assert!(line["ours"]["median"].as_u64().unwrap() > 0, "{line}");
        assert!(line["reference"]["median"].as_u64().unwrap() > 0, "{line}");
        assert_eq!(
            line["target"].is_null(),
            line["reached"].is_null(),
            "a target has a verdict: {line}"
        );
    }
    assert!(
        answer["machine"]["fdatasync_us"]["median"]
            .as_u64()
            .unwrap()
            > 0
    );
    assert!(!answer["durable"].as_str().unwrap().is_empty());
}

#[test]
fn appends_are_measured_against_the_disk_in_three_sizes_of_batch() {
    let answer = bench(&[
        "append",
        "--pairs",
        "1",
        "--size",
        "9000",
        "--accounts",
        "500",
    ]);
    has_ratios(&answer, 3);
    let names: Vec<&str> = answer["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["batches of 64", "batches of 1024", "batches of 8192"]
    );
}

#[test]
fn ingestion_is_measured_against_an_empty_consumer() {
    let answer = bench(&[
        "ingest",
        "--pairs",
        "1",
        "--size",
        "2000",
        "--accounts",
        "200",
    ]);
    has_ratios(&answer, 3);
    let facts = answer["facts"].as_array().unwrap();
    assert!(
        facts
            .iter()
            .any(|fact| fact["name"].as_str().unwrap().contains("caught up")),
        "{answer}"
    );
}

#[test]
fn top_ups_are_measured_against_an_echo_with_their_latency() {
    let answer = bench(&[
        "topup",
        "--pairs",
        "1",
        "--size",
        "1000",
        "--accounts",
        "100",
    ]);
    has_ratios(&answer, 3);
    assert_eq!(answer["lines"][2]["unit"], "µs");
    assert!(answer["lines"][2]["target"]["at_most"].is_number());
}

#[test]
fn a_stream_of_top_ups_is_measured_against_an_echo() {
    let answer = bench(&[
        "topup-stream",
        "--pairs",
        "1",
        "--size",
        "2000",
        "--accounts",
        "100",
    ]);
    has_ratios(&answer, 1);
}

#[test]
fn bytes_are_told_by_kind_of_event_with_a_limit_for_consumption() {
    let answer = bench(&["bytes", "--size", "2400", "--accounts", "50"]);
    let facts = answer["facts"].as_array().unwrap();
    assert_eq!(facts[0]["name"], "consumption-charged.v1, stored");
    assert_eq!(facts[0]["limit"], 350);
    assert!(facts.iter().any(|fact| {
        fact["name"]
            .as_str()
            .unwrap()
            .starts_with("meter-claimed.v1 (50 events)")
    }));
}
