//! What the tests of the binary share: running it in a folder of its own, and a server that is always
//! stopped again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest a server may take to start or to stop on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with an environment that holds none of this machine's settings.
pub(crate) fn ledger(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
    command
        .env_clear()
        .env("NO_COLOR", "1")
        // Segments are zero-filled ahead: small ones keep the tests' disk small.
        .env("LEDGER_LOG_SEGMENT_BYTES", "1048576")
        .current_dir(folder)
        .arg("--data-dir")
        .arg(folder.join("data"));
    command
}

/// What a run said and how it ended.
pub(crate) struct Run {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit {}\n--- out\n{}\n--- err\n{}",
            self.code, self.out, self.err
        )
    }
}

/// Runs to the end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Run {
    done(ledger(folder).args(arguments).output().unwrap())
}

/// Runs to the end with an API key.
pub(crate) fn run_with_key(folder: &Path, key: &str, arguments: &[&str]) -> Run {
    done(
        ledger(folder)
            .env("LEDGER_API_KEY", key)
            .args(arguments)
            .output()
            .unwrap(),
    )
}

fn done(output: Output) -> Run {
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A server that is killed when the test ends, however it ends.
pub(crate) struct Server {
    child: Child,
    /// The ready line.
    pub(crate) ready: Value,
}

impl Server {
    /// Starts one on a free port and waits for its ready line.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let log = std::fs::File::create(folder.join("serve.log")).unwrap();
        let mut child = ledger(folder)
            .args(["--json", "serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(folder.join("serve.log")).unwrap();
            panic!("no ready line: {line:?}\n{log}")
        });
        Self { child, ready }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.ready["grpc"].as_str().unwrap())
    }

    /// The key that `--dev-keys` made for a role.
    pub(crate) fn key(&self, role: &str) -> String {
        self.ready["keys"][role].as_str().unwrap().to_owned()
    }

    /// Asks it to stop and gives its exit code.
    pub(crate) fn stop(mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.exit_code()
    }

    /// Kills it as a crash would.
    pub(crate) fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn exit_code(&mut self) -> i32 {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < until, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
