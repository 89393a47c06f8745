//! Persons through the binary: forms in, references out, what is refused, and a new master key.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::running::{Run, Server, ledger, run, run_with_key};

const FORM: &str = r#"{"name": "Aminah binti Haji Abdullah", "identity_numbers": ["01-098765"],
  "telephones": ["+673 876 5432"], "emails": ["aminah@example.org"]}"#;

/// Runs `ledger person …` with a key and a text on standard input.
fn person(folder: &Path, server: &Server, arguments: &[&str], input: &str) -> Run {
    let url = server.url();
    let mut child = ledger(folder)
        .env(
            "LEDGER_API_KEY",
            std::fs::read_to_string(folder.join("staff.key")).unwrap(),
        )
        .args(["--json", "person"])
        .args(arguments)
        .args(["--server", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that wants no input may have ended before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn c17_a_person_is_kept_shown_erased_and_sealed_under_a_new_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::start(path, &["--dev-keys"]);
    assert_eq!(server.ready["persons"], true);
    std::fs::write(path.join("staff.key"), server.key("staff")).unwrap();
    let added = person(path, &server, &["add", "--reference", "P-1"], FORM);
    assert_eq!(added.code, 0, "{added}");
    let who = added.json()["person"].as_str().unwrap().to_owned();
    let again = person(path, &server, &["add", "--reference", "P-1"], FORM).json();
    assert!(again["duplicate"] == true && again["person"] == who.as_str());
    let change = person(
        path,
        &server,
        &["update", &who, "--revision", "1"],
        r#"{"emails": []}"#,
    );
    assert_eq!(change.json()["revision"], 2, "{change}");
    let shown = person(path, &server, &["show", &who], "").json();
    assert_eq!(shown["telephones"][0], "+6738765432");
    assert_eq!(
        (&shown["emails"], &shown["revision"]),
        (&serde_json::json!([]), &2.into())
    );
    let found = person(path, &server, &["find", "telephone"], "+6738765432\n").json();
    assert_eq!(found["persons"][0], who.as_str());
    let bad = person(
        path,
        &server,
        &["add", "--reference", "P-2"],
        r#"{"name": "Bakar", "telephones": ["secret"]}"#,
    );
    assert!(
        bad.code == 2 && bad.err.contains("telephones[0]") && !bad.err.contains("secret"),
        "{bad}"
    );
    let odd = person(
        path,
        &server,
        &["add", "--reference", "P-2"],
        r#"{"name": "Bakar", "emails": "secret"}"#,
    );
    assert!(
        odd.code == 2 && odd.err.contains("PERSON_FORM") && !odd.err.contains("secret"),
        "{odd}"
    );
    let other = person(
        path,
        &server,
        &["add", "--reference", "P-3"],
        r#"{"name": "Bakar"}"#,
    )
    .json();
    let erase = ["erase", &who, "--reason", "request", "--document", "DPO-17"];
    let erased = person(path, &server, &erase, "").json();
    assert_eq!(
        (&erased["erased"]["telephones"], &erased["again"]),
        (&1.into(), &false.into())
    );
    let gone = person(path, &server, &["show", &who], "");
    assert!(
        gone.code == 3 && gone.err.contains("PERSON_ERASED"),
        "{gone}"
    );
    let list = person(path, &server, &["list", "--erased"], "");
    assert!(
        list.out.contains(&who) && list.out.lines().count() == 1,
        "{list}"
    );
    let audit = person(path, &server, &["audit", "--person", &who], "").out;
    assert!(
        audit.contains("\"show\"") && !audit.contains("Aminah"),
        "{audit}"
    );

    let busy = run(path, &["person", "rotate"]);
    assert!(
        busy.code == 4 && busy.err.contains("PERSONS_IN_USE"),
        "{busy}"
    );
    assert_eq!(server.stop(), 0);
    let old = std::fs::read_to_string(path.join("data/dev-person-master.keys")).unwrap();
    let rotated = run(path, &["--json", "person", "rotate"]);
    assert_eq!(rotated.json()["persons"], 1, "{rotated}");
    let new = std::fs::read_to_string(path.join("data/dev-person-master.keys")).unwrap();
    assert!(new.lines().last() != old.lines().last() && new.matches("pmk_").count() == 1);
    let server = Server::start(path, &[]);
    let kept = person(
        path,
        &server,
        &["show", other["person"].as_str().unwrap()],
        "",
    )
    .json();
    assert_eq!(kept["name"], "Bakar");
    assert_eq!(server.stop(), 0);
    // The old master key alone opens nothing any more.
    std::fs::write(path.join("data/dev-person-master.keys"), old).unwrap();
    let refused = run(path, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(
        refused.code == 2 && refused.err.contains("PERSONS_OTHER_MASTER_KEY"),
        "{refused}"
    );
}

#[test]
fn c17_a_master_key_is_made_once_and_a_ledger_without_one_keeps_no_persons() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let made = run(path, &["--json", "person", "master-key", "m.keys"]);
    assert_eq!(made.code, 0, "{made}");
    assert!(
        !made.out.contains("pmk_"),
        "the key itself is never printed"
    );
    assert_eq!(run(path, &["person", "master-key", "m.keys"]).code, 2);
    let key = [
        "--json", "key", "new", "--name", "office", "--role", "staff", "--file", "k.toml",
    ];
    let staff = run(path, &key).json()["key"].as_str().unwrap().to_owned();
    let server = Server::start(path, &["--keys-file", "k.toml"]);
    assert_eq!(server.ready["persons"], false);
    let url = server.url();
    let show = ["person", "show", "p-x", "--server", &url];
    let refused = run_with_key(path, &staff, &show);
    assert!(
        refused.code == 3 && refused.err.contains("PERSONS_NOT_KEPT"),
        "{refused}"
    );
    assert_eq!(server.stop(), 0);
    let nothing = run(path, &["person", "rotate"]);
    assert!(
        nothing.code == 2 && nothing.err.contains("PERSONS_MASTER_KEY"),
        "{nothing}"
    );
}
