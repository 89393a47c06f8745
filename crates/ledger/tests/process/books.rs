//! A stopped ledger looked at from outside: import, verify, replay, rebuild, and what damage looks like.

use std::path::Path;

use crate::running::{Server, run, run_with_key};

/// A ledger that has taken three payments and was stopped.
fn stopped(folder: &Path) {
    let server = Server::start(folder, &["--dev-keys"]);
    let (key, url) = (server.key("channel"), server.url());
    for n in 0..3 {
        let reference = format!("R-{n}");
        let call = [
            "topup",
            "E1001",
            "5",
            "--reference",
            &reference,
            "--taken",
            "--server",
            &url,
        ];
        assert_eq!(run_with_key(folder, &key, &call).code, 0);
    }
    assert_eq!(server.stop(), 0);
}

#[test]
fn c2_a_stopped_ledger_is_verified_from_its_bytes_to_its_read_models() {
    let folder = tempfile::tempdir().unwrap();
    stopped(folder.path());
    let got = run(folder.path(), &["--json", "verify"]);
    assert_eq!(got.code, 0, "{got}");
    let report = got.json();
    assert_eq!(report["ok"], true);
    let names: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["check"].as_str().unwrap())
        .collect();
    for name in [
        "trial balance of the log is zero",
        "control account",
        "read models equal a fresh fold",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[test]
fn a_flipped_byte_in_the_log_is_damage_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    stopped(folder.path());
    let log = folder.path().join("data/log");
    let mut files: Vec<_> = std::fs::read_dir(&log)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let segment = files
        .into_iter()
        .find(|path| {
            std::fs::read(path).is_ok_and(|b| b.windows(17).any(|w| w == b"payment-suspended"))
        })
        .expect("a segment holds the events");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes
        .windows(17)
        .position(|w| w == b"payment-suspended")
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let got = run(folder.path(), &["verify"]);
    assert_eq!(got.code, 5, "{got}");
    assert!(got.err.contains("LOG_DAMAGED"), "{got}");
    let name = segment.file_name().unwrap().to_str().unwrap();
    assert!(got.err.contains(name), "{got}");
    let serve = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(
        serve.code, 5,
        "it does not serve from a damaged log: {serve}"
    );
}

#[test]
fn replay_prints_what_is_stored_by_stream_kind_and_position() {
    let folder = tempfile::tempdir().unwrap();
    stopped(folder.path());
    let all = run(folder.path(), &["replay"]);
    assert_eq!(all.code, 0, "{all}");
    let lines: Vec<serde_json::Value> = all
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let positions: Vec<u64> = lines
        .iter()
        .map(|l| l["position"].as_u64().unwrap())
        .collect();
    assert_eq!(positions, (0..lines.len() as u64).collect::<Vec<_>>());
    let kinds = run(folder.path(), &["replay", "--kind", "payment-suspended"]);
    assert_eq!(kinds.out.lines().count(), 3, "{kinds}");
    let slip = run(folder.path(), &["replay", "--kind", "payment-suspend"]);
    assert_eq!(slip.code, 2, "no kind is named so: {slip}");
    let part = run(folder.path(), &["replay", "--from", "1", "--to", "2"]);
    assert_eq!(part.out.lines().count(), 2, "{part}");
    let stream = lines[0]["stream"].as_str().unwrap();
    let one = run(
        folder.path(),
        &["replay", "--stream", stream, "--limit", "1"],
    );
    assert_eq!(one.out.lines().next(), all.out.lines().next());
    assert_eq!(
        run(folder.path(), &["replay", "--from", "9", "--to", "2"]).code,
        2
    );
}

#[test]
fn read_models_are_rebuilt_and_equal_to_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    stopped(folder.path());
    let got = run(folder.path(), &["--json", "projections", "rebuild"]);
    assert_eq!(got.code, 0, "{got}");
    assert!(got.json()["compared_at"].is_u64(), "{got}");
    assert_eq!(run(folder.path(), &["verify"]).code, 0);
}

#[test]
fn an_import_takes_what_it_can_and_keeps_the_rest_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    stopped(folder.path());
    let file = folder.path().join("march.csv");
    let text = "meter,register,read_at,value\nE404,,2026-03-01T08:00:00+08:00,1.5\nnonsense\n";
    std::fs::write(&file, text).unwrap();
    let call = [
        "--json",
        "import",
        "readings",
        "march.csv",
        "--utility",
        "electricity",
    ];
    let got = run(folder.path(), &call);
    assert_eq!(got.code, 1, "{got}");
    assert_eq!(got.json()["rejected"], 2);
    let rejects = std::fs::read_to_string(folder.path().join("march.csv.rejects.csv")).unwrap();
    assert!(rejects.contains("UNKNOWN_METER"), "{rejects}");
    assert!(
        rejects.contains("3,\"it has not the four fields"),
        "{rejects}"
    );
    assert_eq!(run(folder.path(), &["verify"]).code, 0);
}

#[test]
fn a_log_that_lost_what_a_read_model_has_seen_is_refused_until_it_is_accepted_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    stopped(folder.path());
    let data = folder.path().join("data");
    let newer = folder.path().join("newer.sqlite");
    std::fs::copy(data.join("read-models.sqlite"), &newer).unwrap();
    std::fs::remove_dir_all(data.join("log")).unwrap();
    let got = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(got.code, 5, "{got}");
    assert!(got.err.contains("LOG_OLDER"), "{got}");
}
