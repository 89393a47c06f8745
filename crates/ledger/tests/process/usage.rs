//! Wrong usage and configuration: exit code 2, with what is wrong, where, and what to do.

use crate::running::{run, run_with_key};

#[test]
fn an_unknown_command_and_a_missing_argument_are_usage() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["fly"]).code, 2);
    assert_eq!(run(folder.path(), &["topup"]).code, 2);
    let help = run(folder.path(), &["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("Exit codes:"), "{help}");
}

#[test]
fn a_wrong_configuration_names_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l.toml");
    std::fs::write(&file, "data_dir = \"x\"\ncache_accounts = 0\n").unwrap();
    let got = run(folder.path(), &["--config", "l.toml", "scheme", "show"]);
    assert_eq!(got.code, 2, "{got}");
    assert!(
        got.err.contains("l.toml, line 2, key cache_accounts"),
        "{got}"
    );
    let got = run(
        folder.path(),
        &["--json", "--config", "missing.toml", "scheme", "show"],
    );
    assert_eq!(got.code, 2, "{got}");
    let error: serde_json::Value = serde_json::from_str(&got.err).unwrap();
    assert_eq!(error["error"]["code"], "CONFIG_FILE");
}

#[test]
fn a_server_without_keys_refuses_and_names_the_command_that_makes_one() {
    let folder = tempfile::tempdir().unwrap();
    let got = run(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(got.code, 2, "{got}");
    assert!(got.err.contains("ledger key new"), "{got}");
    assert!(!folder.path().join("data").exists(), "nothing was made");
}

#[test]
fn a_call_without_a_key_or_without_a_server_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let got = run(folder.path(), &["account", "show", "A-1"]);
    assert_eq!(got.code, 2, "{got}");
    assert!(got.err.contains("LEDGER_API_KEY"), "{got}");
    let nobody = ["account", "show", "A-1", "--server", "http://127.0.0.1:9"];
    let got = run_with_key(folder.path(), "ulk_x", &nobody);
    assert_eq!(got.code, 4, "{got}");
    assert!(got.err.contains("SERVER_AWAY"), "{got}");
}

#[test]
fn commands_that_look_at_a_log_say_when_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &["replay"][..],
        &["verify"],
        &["doctor"],
        &["status"],
        &["projections", "rebuild"],
    ] {
        let got = run(folder.path(), command);
        assert_eq!(got.code, 2, "{command:?}: {got}");
        assert!(got.err.contains("NO_LOG"), "{command:?}: {got}");
    }
    assert!(
        !folder.path().join("data").exists(),
        "looking makes nothing"
    );
}

#[test]
fn schemes_completions_version_and_keys_need_no_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let scheme = run(folder.path(), &["scheme", "show", "usms"]);
    assert!(
        scheme.code == 0 && scheme.out.contains("Asia/Brunei"),
        "{scheme}"
    );
    assert_eq!(run(folder.path(), &["scheme", "show", "nowhere"]).code, 2);
    let script = run(folder.path(), &["completions", "bash"]);
    assert!(
        script.code == 0 && script.out.contains("dead-letters"),
        "{script}"
    );
    assert_eq!(
        run(folder.path(), &["--json", "version"]).json()["api"],
        "ledger.v1"
    );
    let key = [
        "--json", "key", "new", "--name", "till", "--role", "channel", "--file", "k.toml",
    ];
    let made = run(folder.path(), &key).json();
    let file = std::fs::read_to_string(folder.path().join("k.toml")).unwrap();
    assert!(
        !file.contains(made["key"].as_str().unwrap()),
        "the file holds the hash alone"
    );
}
