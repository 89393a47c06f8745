//! The stored form of every kind of fact, as files that never change.
//!
//! `tests/golden/events/<kind>.json` holds one payload a kind. Reading it and writing it again must give
//! the same bytes; a kind without a file, or a file without a kind, fails. A file that exists is never
//! edited: another shape is another version.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects and stops where that fails"
)]

use std::fs;
use std::path::PathBuf;

use ledger_core::event::{KINDS, decode, encode, kind_of};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events"))
}

#[test]
fn every_kind_has_a_golden_payload_that_survives_reading_and_writing() {
    for kind in KINDS {
        let path = folder().join(format!("{kind}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let event =
            decode(kind, text.trim_end().as_bytes()).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(kind_of(&event), *kind);
        assert_eq!(
            String::from_utf8(encode(&event)).unwrap(),
            text.trim_end(),
            "{kind}"
        );
    }
}

#[test]
fn every_golden_payload_has_a_kind() {
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let kind = name
            .strip_suffix(".json")
            .unwrap_or_else(|| panic!("{name} is not a golden payload"));
        assert!(KINDS.contains(&kind), "{kind} is no kind of event");
    }
}

#[test]
fn an_unknown_kind_or_a_foreign_field_is_an_error_that_names_it() {
    let unknown = decode("account-painted.v1", b"{}").unwrap_err().to_string();
    assert!(unknown.contains("account-painted.v1"), "{unknown}");
    let foreign = decode(
        "low-credit-noticed.v1",
        br#"{"u":"e","a":"5","colour":"red"}"#,
    )
    .unwrap_err()
    .to_string();
    assert!(
        foreign.contains("low-credit-noticed.v1") && foreign.contains("colour"),
        "{foreign}"
    );
}

#[test]
fn a_charge_with_lines_beside_energy_is_stored_with_month_kind_name_and_amount() {
    let text = r#"{"u":"e","m":"E10000001","t":"2026-04-02T01:00:00Z","v":"7","q":"3","a":"2.07","d":"2026-04-02","x":[["2026-04","standing","supply","0.5"],["2026-04","pass-through","fuel","0.2"],["2026-04","levy","fund","0.05"],["2026-04","tax","vat","0.1"]]}"#;
    let event = decode("consumption-charged.v1", text.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(encode(&event)).unwrap(), text);
}
