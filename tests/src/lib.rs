//! What the tests that cross crates share: the real `ledger` binary as a child process, with a keys file,
//! on a free loopback port, killed or stopped as a test wants it.
//!
//! The tests stand in `tests/`; the scripts that they run in `clients/`, the oracle of readings in
//! `oracle/`. Nothing here is used by the product.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    reason = "a test says what it expects and stops where that fails"
)]

mod environments;
mod kurrent;

pub use environments::{node_kurrent_client, node_sample, python};
pub use kurrent::KurrentServer;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use command_api::client::Client;
use command_api::keys::new_key;
use serde_json::Value;

/// How long a server may take to come up, on a busy machine.
const UP_WITHIN: Duration = Duration::from_secs(60);

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// The real data, where it is there; says so where it is not.
#[must_use]
pub fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("LEDGER_DATA")
        .map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there is no real data at {}", folder.display());
    None
}

/// The `ledger` binary: the one that `cargo xtask test` has built and names in `LEDGER_BIN`, else the one
/// beside this test's own folder, built anew so that it is never an old one.
#[must_use]
pub fn ledger_binary() -> PathBuf {
    if let Some(built) = std::env::var_os("LEDGER_BIN") {
        return PathBuf::from(built);
    }
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap();
    let binary = folder.join("ledger");
    let profile = if folder.ends_with("release") {
        "release"
    } else {
        "dev"
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root())
        .args([
            "build",
            "--quiet",
            "--package",
            "ledger",
            "--bin",
            "ledger",
            "--profile",
            profile,
        ])
        .status()
        .unwrap();
    assert!(
        built.success() && binary.exists(),
        "the ledger binary is built"
    );
    binary
}

/// A running `ledger serve`.
pub struct Server {
    child: Child,
    binary: PathBuf,
    folder: PathBuf,
    nats: Option<String>,
    environment: Vec<(String, String)>,
    /// Where gRPC listens now.
    pub address: String,
    /// What it said when it was ready.
    pub ready: Value,
    /// Key of a channel that is staff and operator too.
    pub key: String,
}

impl Server {
    /// Starts a new ledger in a folder.
    #[must_use]
    pub fn start(folder: &Path, nats: Option<&str>) -> Self {
        Self::start_with(folder, nats, &[])
    }

    /// The same with variables of the environment.
    #[must_use]
    pub fn start_with(folder: &Path, nats: Option<&str>, environment: &[(&str, &str)]) -> Self {
        let key = new_key().unwrap();
        let entry = format!(
            "[[key]]\nname = \"tester\"\nchannel = \"incomm\"\nroles = [\"channel\", \"staff\", \"operator\", \"analyst\"]\nhash = \"{}\"\n",
            key.hash
        );
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("keys.toml"), entry).unwrap();
        let master = folder.join("person-master.keys");
        std::fs::write(&master, format!("pmk_{}\n", new_key().unwrap().hash)).unwrap();
        std::fs::set_permissions(&master, PermissionsExt::from_mode(0o600)).unwrap();
        let binary = ledger_binary();
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (child, ready) = spawn(&binary, folder, nats, &environment);
        let nats = nats.map(str::to_owned);
        Self {
            child,
            binary,
            folder: folder.to_path_buf(),
            nats,
            environment,
            address: address_of(&ready),
            ready,
            key: key.key,
        }
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Has it listen for clients of KurrentDB where it does now, when it is started again.
    pub fn keep_kurrent_address(&mut self) {
        let address = self.ready["kurrent"].as_str().unwrap().to_owned();
        self.environment
            .push(("LEDGER_KURRENT_LISTEN".to_owned(), address));
    }

    /// Starts it again on the same data.
    pub fn restart(&mut self) {
        let (child, ready) = spawn(
            &self.binary,
            &self.folder,
            self.nats.as_deref(),
            &self.environment,
        );
        self.child = child;
        self.address = address_of(&ready);
        self.ready = ready;
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(asked.success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the server stops in order: {status}");
    }

    /// Runs a subcommand that asks the running server and returns its output.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(&self.binary)
            .args(arguments)
            .args(["--server", &self.address])
            .env("LEDGER_API_KEY", &self.key)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// A client with the key.
    pub async fn client(&self) -> Client {
        Client::connect(&self.address, &self.key).await.unwrap()
    }

    /// Runs another subcommand on the stopped server's data and returns its output.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(&self.binary)
            .args(arguments)
            .arg("--data-dir")
            .arg(self.folder.join("data"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(
    binary: &Path,
    folder: &Path,
    nats: Option<&str>,
    environment: &[(String, String)],
) -> (Child, Value) {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("ledger.log"))
        .unwrap();
    let mut command = Command::new(binary);
    command
        .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.join("data"))
        .arg("--keys-file")
        .arg(folder.join("keys.toml"))
        .env(
            "LEDGER_PERSON_MASTER_KEY_FILE",
            folder.join("person-master.keys"),
        )
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    if let Some(url) = nats {
        command.args(["--nats-url", url]);
    }
    let mut child = command.spawn().unwrap();
    let ready = ready(&mut child, folder);
    (child, ready)
}

fn address_of(ready: &Value) -> String {
    format!("http://{}", ready["grpc"].as_str().unwrap())
}

fn ready(child: &mut Child, folder: &Path) -> Value {
    let told = told_by(child);
    next_told(
        &told,
        "the server did not come up",
        &folder.join("ledger.log"),
    )
}

/// The lines that a process prints, as they come.
fn told_by(child: &mut Child) -> Receiver<String> {
    let stdout = child.stdout.take().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            tell.send(line).ok();
        }
    });
    told
}

/// The next of them, which is JSON; fails the test with what is missing and the process's log.
fn next_told(told: &Receiver<String>, missing: &str, log: &Path) -> Value {
    let line = told.recv_timeout(UP_WITHIN).ok();
    let log = || std::fs::read_to_string(log).unwrap_or_default();
    let line = line.unwrap_or_else(|| panic!("{missing}; its log:\n{}", log()));
    serde_json::from_str(&line).unwrap()
}

/// Waits until a condition holds; fails the test with what was waited for when it does not.
pub async fn until<F, Fut>(what: &str, within: Duration, mut holds: F)
where
    F: FnMut() -> Fut,
    Fut: std::future::Future<Output = bool>,
{
    let end = Instant::now() + within;
    while !holds().await {
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
