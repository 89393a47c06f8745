//! Schemes as files: checked and compared by themselves, published to a running ledger.

use crate::running::{Server, run, run_with_key};

fn second(first: &str) -> String {
    let text = first.replacen("version = 1", "version = 2", 1);
    let from = text
        .lines()
        .find(|line| line.starts_with("effective_from"))
        .unwrap()
        .to_owned();
    let text = text.replacen(&from, "effective_from = \"2099-01-01T00:00:00+08:00\"", 1);
    assert_ne!(text, first);
    text
}

#[test]
fn c11_a_scheme_file_is_checked_line_by_line_and_compared_key_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let usms = run(folder.path(), &["scheme", "show", "usms"]).out;
    let right = folder.path().join("right.toml");
    std::fs::write(&right, second(&usms)).unwrap();
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, usms.replacen("version = 1", "version = \"one\"", 1)).unwrap();
    let checked = run(folder.path(), &["scheme", "check", "right.toml"]);
    assert_eq!(checked.code, 0, "{checked}");
    let checked = run(
        folder.path(),
        &["scheme", "check", "right.toml", "wrong.toml"],
    );
    assert_eq!(checked.code, 1, "{checked}");
    assert!(
        checked.out.contains("wrong.toml: line") && checked.out.contains("version"),
        "{checked}"
    );
    let found = run(
        folder.path(),
        &["--json", "scheme", "diff", "usms", "right.toml"],
    );
    let found = found.json();
    let keys: Vec<&str> = found["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["effective_from", "version"]);
    let same = run(folder.path(), &["scheme", "diff", "usms", "usms"]);
    assert_eq!(same.out.trim(), "no difference");
}

#[test]
fn c12_a_version_is_published_from_the_command_line_and_stays_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let usms = run(folder.path(), &["scheme", "show", "usms"]).out;
    std::fs::write(folder.path().join("two.toml"), second(&usms)).unwrap();
    let server = Server::start(folder.path(), &["--dev-keys"]);
    let (operator, url) = (server.key("operator"), server.url());
    let publish = [
        "--json",
        "scheme",
        "publish",
        "two.toml",
        "--reference",
        "S-2",
        "--server",
        &url,
    ];
    let first = run_with_key(folder.path(), &operator, &publish);
    assert_eq!(first.code, 0, "{first}");
    assert_eq!(first.json()["published"]["version"], 2);
    assert_eq!(first.json()["duplicate"], false);
    let again = run_with_key(folder.path(), &operator, &publish);
    assert_eq!(again.json()["duplicate"], true, "{again}");
    let listed = ["--json", "scheme", "versions", "usms", "--server", &url];
    let listed = run_with_key(folder.path(), &operator, &listed);
    let versions = listed.json()["versions"].as_array().unwrap().clone();
    let newest = versions.last().unwrap();
    assert_eq!(newest["version"], 2);
    assert_eq!(newest["digest"], first.json()["published"]["digest"]);
    let staff = run_with_key(folder.path(), &server.key("staff"), &publish);
    assert!(staff.err.contains("ROLE_MISSING"), "{staff}");
    assert_eq!(server.stop(), 0);
}
