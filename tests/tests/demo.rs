//! The demonstration as a newcomer runs it: its own town, its own servers, and a report that adds up.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::process::Command;

use ledger_tests::ledger_binary;
use serde_json::Value;

#[test]
fn the_demonstration_runs_to_a_report_in_which_every_reading_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");

    let demo = Command::new(ledger_binary())
        .arg("demo")
        .arg("--report")
        .arg(&report)
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&demo.stdout);
    let said = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.success(), "{text}\n{said}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(report["accounts_for_everything"], true, "{text}");
    let of = |utility: &str, class: &str| report["readings"][utility][class].as_u64().unwrap();
    for class in ["accepted", "duplicate", "conflicting", "late", "refused"] {
        assert!(of("electricity", class) > 0, "{class}: {text}");
    }
    assert_eq!((of("water", "quarantined"), of("water", "refused")), (1, 1));
}

/// Runs a scheme's story in a small size, and gives its report.
fn story(scheme: &str, flags: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let demo = Command::new(ledger_binary())
        .args(["demo", "--scheme", scheme, "--report"])
        .arg(&report)
        .args(flags)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&demo.stdout);
    let said = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.success(), "{text}\n{said}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(report["accounts_for_everything"], true, "{text}");
    report
}

#[test]
fn p4_the_story_of_people_with_arrears_adds_up_to_the_cent() {
    let report = story("payu", &["--households", "12", "--days", "10"]);
    assert_eq!(report["top_ups"]["wrong_shares"], 0);
}

#[test]
fn k4_the_story_of_self_read_meters_adds_up_and_its_runs_cut_nobody_who_paid() {
    let report = story("kplc", &["--households", "20"]);
    for figure in ["overdue", "cut", "paid_since"] {
        assert!(
            report["runs"][figure].as_u64().unwrap() > 0,
            "{figure}: {report}"
        );
    }
    assert!(report["queries"]["raised"].as_u64().unwrap() > 0);
}

#[test]
fn e8_the_story_of_monthly_bills_takes_every_consumer_along_its_path() {
    let report = story("ebcm", &["--households", "20"]);
    let statuses: Vec<&str> = report["counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| count["status"].as_str().unwrap())
        .collect();
    for status in [
        "LIVE", "BLTD", "DIS1", "DIS5", "PDNP", "PNR2", "STBP", "BLOG", "EXTN",
    ] {
        assert!(statuses.contains(&status), "{status}: {report}");
    }
}

#[test]
fn a_story_with_a_course_of_its_own_takes_no_number_of_days() {
    let demo = Command::new(ledger_binary())
        .args(["demo", "--scheme", "ebcm", "--days", "10"])
        .output()
        .unwrap();
    assert_eq!(demo.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&demo.stderr).contains("DEMO_DAYS"));
}
