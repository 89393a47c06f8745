//! A server as a process: ready line, calls over gRPC, signals, crashes, locks.

use serde_json::Value;

use crate::running::{Server, run, run_with_key};

#[test]
fn it_serves_until_it_is_told_to_stop_and_remembers_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--dev-keys"]);
    assert_eq!(server.ready["log"]["created"], true);
    assert!(server.ready["port"].as_u64().unwrap() > 0);
    let (key, url) = (server.key("channel"), server.url());
    let top_up = |reference: &str| {
        let call = [
            "topup",
            "E999",
            "20.00",
            "--reference",
            reference,
            "--taken",
            "--server",
            &url,
        ];
        run_with_key(folder.path(), &key, &[&["--json"], &call[..]].concat())
    };
    let first = top_up("R-1");
    assert_eq!(first.code, 0, "{first}");
    assert_eq!(
        first.json()["result"],
        "suspended",
        "nobody holds the meter"
    );
    assert_eq!(top_up("R-1").json()["duplicate"], true);
    let refused = [
        "topup",
        "E999",
        "20.00",
        "--reference",
        "R-2",
        "--server",
        &url,
    ];
    let refused = run_with_key(folder.path(), &key, &refused);
    assert_eq!(refused.code, 3, "{refused}");
    assert!(refused.err.contains("UNKNOWN_METER"), "{refused}");
    assert_eq!(server.stop(), 0);

    let again = Server::start(folder.path(), &["--dev-keys"]);
    assert_eq!(again.ready["log"]["created"], false);
    assert_eq!(
        again.ready["keys"],
        serde_json::json!({}),
        "keys are shown once"
    );
    let call = [
        "--json",
        "topup",
        "E999",
        "20.00",
        "--reference",
        "R-1",
        "--taken",
        "--server",
    ];
    let third = run_with_key(
        folder.path(),
        &key,
        &[&call[..], &[again.url().as_str()]].concat(),
    );
    assert_eq!(
        third.json()["duplicate"],
        true,
        "c4: the same answer after a restart"
    );
    assert_eq!(again.stop(), 0);
}

#[test]
fn a_second_process_is_told_who_has_the_log_and_status_looks_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--dev-keys"]);
    let second = run(
        folder.path(),
        &["serve", "--listen", "127.0.0.1:0", "--dev-keys"],
    );
    assert_eq!(second.code, 4, "{second}");
    assert!(second.err.contains("LOG_IN_USE"), "{second}");
    let status = run(folder.path(), &["--json", "status"]);
    assert_eq!(status.code, 0, "{status}");
    assert_eq!(status.json()["running"], true);
    assert_eq!(status.json()["grpc"], server.ready["grpc"]);
    assert_eq!(server.stop(), 0);
    let status = run(folder.path(), &["--json", "status"]);
    assert_eq!(status.json()["running"], false);
}

#[test]
fn a_killed_server_starts_again_with_everything_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--dev-keys"]);
    let (key, url) = (server.key("channel"), server.url());
    for n in 0..5 {
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
        assert_eq!(run_with_key(folder.path(), &key, &call).code, 0);
    }
    let staff = server.key("staff");
    let live = ["--json", "doctor", "--live", "--server", &url];
    let live = run_with_key(folder.path(), &staff, &live);
    assert_eq!(live.code, 1, "{live}");
    assert_eq!(
        live.json().as_array().unwrap().len(),
        5,
        "a running one can be asked too"
    );
    server.crash();
    let again = Server::start(folder.path(), &[]);
    assert!(
        again.ready["log"]["events"].as_u64().unwrap() >= 10,
        "{}",
        again.ready
    );
    assert_eq!(again.stop(), 0);
    let found = run(folder.path(), &["--json", "doctor"]);
    assert_eq!(found.code, 1, "{found}");
    let found = found.json();
    let sorts: Vec<&Value> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["sort"])
        .collect();
    assert_eq!(sorts, ["suspense-waiting"; 5]);
}

#[test]
fn nats_that_is_away_does_not_keep_it_from_serving() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(
        folder.path(),
        &["--dev-keys", "--nats-url", "nats://127.0.0.1:9"],
    );
    assert_eq!(server.ready["nats"], true);
    let (key, url) = (server.key("channel"), server.url());
    let call = [
        "topup",
        "E1001",
        "5",
        "--reference",
        "R",
        "--taken",
        "--server",
        &url,
    ];
    assert_eq!(run_with_key(folder.path(), &key, &call).code, 0);
    assert_eq!(server.stop(), 0);
}

#[test]
fn an_address_in_use_is_said_and_the_log_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let got = run(
        folder.path(),
        &["serve", "--listen", &address, "--dev-keys"],
    );
    assert_eq!(got.code, 4, "{got}");
    assert!(got.err.contains("LISTEN"), "{got}");
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.stop(), 0);
}
