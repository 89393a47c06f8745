//! The demonstration on real meters' readings, held against an independent oracle: plain Python over the
//! same files, written from the rules. Skipped, visibly, where the data is not there.
#![allow(
    clippy::unwrap_used,
    reason = "a test says what it expects and stops where that fails"
)]

use std::path::Path;
use std::process::Command;

use ledger_tests::{ledger_binary, real_data, root};

fn python(script: &Path, arguments: &[&Path]) -> (bool, String) {
    let output = Command::new("python3")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn c8_every_row_of_the_real_files_is_accounted_for_as_an_independent_script_says() {
    let Some(data) = real_data() else { return };
    let electricity = data.join("electricity/sgsc50_halfhourly.csv.gz");
    let water = data.join("water/daiad92_registers_2016.csv.gz");
    let folder = tempfile::tempdir().unwrap();
    let (report, expected) = (
        folder.path().join("report.json"),
        folder.path().join("oracle.json"),
    );

    let demo = Command::new(ledger_binary())
        .args(["demo", "--electricity"])
        .arg(&electricity)
        .arg("--water")
        .arg(&water)
        .arg("--report")
        .arg(&report)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&demo.stdout);
    assert!(
        demo.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&demo.stderr)
    );
    assert!(text.contains("every reading is accounted for"), "{text}");

    let oracle = root().join("tests/oracle");
    let flags = [
        Path::new("--electricity"),
        &electricity,
        Path::new("--water"),
        &water,
        Path::new("--out"),
        &expected,
    ];
    let (ok, said) = python(&oracle.join("oracle.py"), &flags);
    assert!(ok, "{said}");
    let (same, said) = python(&oracle.join("compare.py"), &[&expected, &report]);
    assert!(same, "{said}");

    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    let electricity = &report["readings"]["electricity"];
    let counts = ["total", "accepted", "duplicate", "conflicting"]
        .map(|class| electricity[class].as_u64().unwrap());
    assert_eq!(counts, [1_278_870, 1_278_712, 14, 144]);
    assert_eq!(report["readings"]["water"]["total"], 674_019);
    assert_eq!(report["trial_balance"]["balanced"], true);
}

#[test]
fn the_oracle_passes_its_own_tests() {
    let output = Command::new("python3")
        .args(["-m", "unittest", "discover", "-s"])
        .arg(root().join("tests/oracle"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
