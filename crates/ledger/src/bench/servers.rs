//! Servers of our own for a measurement: `ledger serve`, or the echo, as a process beside this one.
//!
//! Both are this very program and answer on a free loopback port, so that ours and the reference have the
//! same layout. They end with their owner.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use command_api::keys::new_key;
use serde_json::Value;

use crate::bench::machine::Usage;
use crate::failure::Failure;

/// How long a server may take until it answers: it reads the log of the accounts first.
const UP_WITHIN: Duration = Duration::from_secs(120);
/// How long it may take to stop in order.
const DOWN_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked at while it stops.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it answers, as a client writes it.
    pub(crate) address: String,
    /// The key of the one client, a channel that may also read.
    pub(crate) key: String,
}

impl Server {
    /// Starts `ledger serve` on the data under `dir`.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn ledger(dir: &Path, data: &Path, nats_url: &str) -> Result<Self, Failure> {
        let key =
            new_key().map_err(|error| Failure::unavailable("BENCH_KEY", error.to_string()))?;
        let keys = dir.join("keys.toml");
        let entry = format!(
            "[[key]]\nname = \"till-1\"\nchannel = \"incomm\"\nroles = [\"channel\", \"staff\"]\nhash = \"{}\"\n",
            key.hash
        );
        std::fs::write(&keys, entry).map_err(|error| Failure::file("writing", &keys, &error))?;
        let mut command = Command::new(this_program()?);
        command
            .args([
                "serve",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--nats-url",
                nats_url,
                "--data-dir",
            ])
            .arg(data)
            .arg("--keys-file")
            .arg(&keys);
        Self::start(command, &dir.join("serve.log"), key.key)
    }

    /// Starts a server for clients of KurrentDB, appends allowed, on a log of its own under `dir`.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn kurrent(dir: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(this_program()?);
        command
            .args(["kurrent-test-server", "--json", "--dir"])
            .arg(dir.join("kurrent"));
        Self::start(command, &dir.join("kurrent.log"), String::new())
    }

    /// Starts the echo.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn echo(dir: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(this_program()?);
        command.args(["bench", "echo", "--json"]);
        // It asks for no key; the same headers are sent all the same.
        let key =
            new_key().map_err(|error| Failure::unavailable("BENCH_KEY", error.to_string()))?;
        Self::start(command, &dir.join("echo.log"), key.key)
    }

    fn start(mut command: Command, log: &Path, key: String) -> Result<Self, Failure> {
        let failed = |what: String| Failure::unavailable("BENCH_SERVER", what);
        let errors = File::create(log).map_err(|error| Failure::file("writing", log, &error))?;
        let mut child = command
            .env_remove("LEDGER_CONFIG")
            .env_remove("LEDGER_EVENT_STORE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| failed(format!("a server cannot be started: {error}")))?;
        let ready = ready_line(&mut child);
        let mut server = Self {
            child,
            address: String::new(),
            key,
        };
        let text = |name: &str| ready.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let address = text("grpc").map(|at| format!("http://{at}"));
        let Some(address) = address.or_else(|| text("url")) else {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let last = said.lines().next_back().unwrap_or("nothing").to_owned();
            return Err(failed(format!(
                "a server did not come up; the last it said: {last}"
            )));
        };
        server.address = address;
        Ok(server)
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }

    /// Asks it to stop in order, and waits for that.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        let until = Instant::now() + DOWN_WITHIN;
        while asked.is_ok() && Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) | Err(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
        Err(Failure::unavailable(
            "BENCH_SERVER",
            "a server did not stop when asked",
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line of standard output, as JSON; what follows is read and dropped.
fn ready_line(child: &mut Child) -> Option<Value> {
    let output = child.stdout.take()?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        // Nobody listens any more when the time was up.
        let _ = tell.send(lines.next().and_then(Result::ok));
        lines.for_each(drop);
    });
    let line = told.recv_timeout(UP_WITHIN).ok()??;
    serde_json::from_str(&line).ok()
}

fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::unavailable(
            "BENCH_SERVER",
            format!("this program is not found: {error}"),
        )
    })
}
