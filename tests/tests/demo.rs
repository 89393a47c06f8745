//! The demonstration as a newcomer runs it: its own town, its own servers, and a report that adds up.
#![allow(
    clippy::unwrap_used,
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
