//! The hidden `ledger kurrent-test-server` as a child process: what stands in for a KurrentDB.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{first_line, ledger_binary};

/// A running test server.
pub struct KurrentServer {
    child: Child,
    folder: PathBuf,
    faults: Option<String>,
    /// Where it listens now; kept when it is started again.
    pub address: String,
}

impl KurrentServer {
    /// Starts one on a log inside a folder.
    #[must_use]
    pub fn start(folder: &Path, faults: Option<&str>) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let faults = faults.map(str::to_owned);
        let (child, address) = spawn(folder, "127.0.0.1:0", faults.as_deref());
        Self {
            child,
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

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same log and port.
    pub fn restart(&mut self) {
        let (child, address) = spawn(&self.folder, &self.address, self.faults.as_deref());
        assert_eq!(address, self.address);
        self.child = child;
    }
}

impl Drop for KurrentServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(folder: &Path, listen: &str, faults: Option<&str>) -> (Child, String) {
    let log = folder.join("kurrent.log");
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
    let ready = first_line(&mut child, &log);
    (child, ready["kurrent"].as_str().unwrap().to_owned())
}
