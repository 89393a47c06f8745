//! The sample clients of the integration guide against the sandbox: each comes to the state that the guide's
//! table promises, and after a late or a lost answer to one receipt.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use ledger_tests::{ledger_binary, node_sample, python, root};
use serde_json::Value;

/// A running sandbox.
struct Sandbox {
    child: Child,
    ready: Value,
}

impl Sandbox {
    fn start() -> Self {
        let mut child = Command::new(ledger_binary())
            .args(["--json", "sandbox", "--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "warn")
            .env("LEDGER_LOG_SEGMENT_BYTES", "1048576")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
        Self { child, ready }
    }

    fn text(&self, pointer: &str) -> String {
        self.ready
            .pointer(pointer)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // Asked in order, it takes its folder with it.
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

/// Runs a client and gives its exit code and its answer.
fn pays(mut client: Command, sandbox: &Sandbox, payment: [&str; 3], more: &[&str]) -> (i32, Value) {
    let output = client
        .args([sandbox.text("/grpc"), sandbox.text("/keys/channel")])
        .args(payment)
        .args(more)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    let said = serde_json::from_str(out.trim()).unwrap_or_else(|e| panic!("{e}: {out}\n{err}"));
    (output.status.code().unwrap(), said)
}

fn python_client() -> Command {
    let mut client = Command::new(python());
    client.arg(root().join("samples/python/pay.py"));
    client
}

fn node_client() -> Command {
    let mut client = Command::new("node");
    client
        .arg(node_sample().join("pay.mjs"))
        .env("LEDGER_PROTO", root().join("proto"));
    client
}

/// Every row of the guide's table, with the state and exit code it must come to.
fn comes_to_the_right_state(client: fn() -> Command, name: &str) {
    let sandbox = Sandbox::start();
    let rows = [
        ("E90000001", "20.00", "applied", 0),
        ("W90000001", "5.00", "applied", 0),
        ("E90000001", "1.00", "refused", 3),
        ("E90000001", "0", "wrong call", 2),
        ("E90000002", "20.00", "refused", 3),
        ("E90000003", "20.00", "refused", 3),
        ("E99999999", "20.00", "refused", 3),
        ("e-1", "20.00", "refused", 3),
        ("E90000005", "20.00", "applied", 0),
        ("E90000006", "20.00", "applied", 0),
    ];
    for (n, (meter, amount, state, exit)) in rows.into_iter().enumerate() {
        let reference = format!("{name}-{n}");
        let (code, said) = pays(client(), &sandbox, [meter, amount, &reference], &[]);
        assert_eq!(
            (code, said["state"].as_str().unwrap()),
            (exit, state),
            "{meter}: {said}"
        );
        let was_in_doubt = ["E90000005", "E90000006"].contains(&meter);
        assert_eq!(said["in_doubt_before"], was_in_doubt, "{said}");
        assert!(
            !was_in_doubt || said["duplicate"] == true,
            "credited once: {said}"
        );
    }
    let other = pays(
        client(),
        &sandbox,
        ["E90000001", "30.00", &format!("{name}-0")],
        &[],
    );
    assert_eq!(
        (other.0, &other.1["state"]),
        (3, &"conflict".into()),
        "{}",
        other.1
    );
    let taken = pays(
        client(),
        &sandbox,
        ["E99999999", "20.00", &format!("{name}-T")],
        &["--taken"],
    );
    assert_eq!(
        (taken.0, &taken.1["state"]),
        (0, &"suspended".into()),
        "{}",
        taken.1
    );
}

#[test]
fn c4_the_python_sample_comes_to_the_right_state_whatever_becomes_of_the_answer() {
    comes_to_the_right_state(python_client, "py");
}

#[test]
fn c4_the_node_sample_comes_to_the_right_state_whatever_becomes_of_the_answer() {
    comes_to_the_right_state(node_client, "node");
}
