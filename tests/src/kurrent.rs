//! The hidden `ledger kurrent-test-server` as a child process: what stands in for a KurrentDB, on one port for as
//! long as it is tested, killed, started again, and with other faults as a test wants it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

use crate::{ledger_binary, next_told, told_by};

/// How long an impatient ledger waits for an answer before an append is in doubt, milliseconds.
const IMPATIENT_MS: u32 = 1_000;

/// A running test server.
pub struct KurrentServer {
    child: Child,
    told: Receiver<String>,
    folder: PathBuf,
    faults: Option<String>,
    /// Where it listens now; kept when it is started again.
    pub address: String,
}

impl KurrentServer {
    /// Starts one on a log inside a folder, with faults such as `drop-reply=5%,seed=7`.
    #[must_use]
    pub fn start(folder: &Path, faults: Option<&str>) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let faults = faults.map(str::to_owned);
        let (child, told, address) = spawn(folder, "127.0.0.1:0", faults.as_deref());
        Self {
            child,
            told,
            folder: folder.to_path_buf(),
            faults,
            address,
        }
    }

    /// As a ledger is told.
    #[must_use]
    pub fn url(&self) -> String {
        format!("kurrentdb://{}?tls=false", self.address)
    }

    /// The same for a ledger that waits but a second for an answer: many are lost on purpose.
    #[must_use]
    pub fn impatient_url(&self) -> String {
        format!("{}&defaultDeadline={IMPATIENT_MS}", self.url())
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same log and port.
    pub fn restart(&mut self) {
        let (child, told, address) = spawn(&self.folder, &self.address, self.faults.as_deref());
        assert_eq!(address, self.address);
        self.child = child;
        self.told = told;
    }

    /// Ends it at once and starts it again with these faults; empty for none.
    pub fn restart_with(&mut self, faults: &str) {
        self.kill();
        self.faults = (!faults.is_empty()).then(|| faults.to_owned());
        self.restart();
    }

    /// Waits until an append was held back for the fault `hold-after`.
    pub fn until_holding(&self) {
        let log = log_of(&self.folder);
        let told = next_told(&self.told, "the store held nothing back", &log);
        assert_eq!(told["event"], "holding", "{told}");
    }
}

impl Drop for KurrentServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn log_of(folder: &Path) -> PathBuf {
    folder.join("kurrent.log")
}

fn spawn(folder: &Path, listen: &str, faults: Option<&str>) -> (Child, Receiver<String>, String) {
    let log = log_of(folder);
    let errors = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .unwrap();
    let mut command = Command::new(ledger_binary());
    command
        .args(["kurrent-test-server", "--json", "--listen", listen, "--dir"])
        .arg(folder.join("log"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors);
    if let Some(faults) = faults {
        command.args(["--faults", faults]);
    }
    let mut child = command.spawn().unwrap();
    let told = told_by(&mut child);
    let ready = next_told(&told, "the store did not come up", &log);
    let address = ready["kurrent"].as_str().unwrap().to_owned();
    (child, told, address)
}
