//! The two processes the demonstration runs on: a nats-server and a `ledger serve`, each on a free
//! loopback port, both ended when the demonstration ends, however it ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command_api::keys::new_key;
use serde_json::Value;

use crate::failure::Failure;

/// How long a server may take to come up: both need well under a second.
const UP_WITHIN: Duration = Duration::from_secs(30);
/// How long a server may take to stop in order before it is ended.
const DOWN_WITHIN: Duration = Duration::from_secs(30);

/// Channels and staff of the demonstration: name, channel, roles.
const PRINCIPALS: &[(&str, &str, &str)] = &[
    ("incomm-till", "incomm", "\"channel\""),
    ("bank-app", "bank", "\"channel\""),
    ("telco-app", "telco", "\"channel\""),
    (
        "office-clerk",
        "office",
        "\"channel\", \"staff\", \"operator\", \"analyst\"",
    ),
];

/// A child that ends with its owner.
struct Process {
    child: Child,
    name: &'static str,
}

impl Process {
    fn start(name: &'static str, command: &mut Command) -> Result<Self, Failure> {
        let child = command.spawn().map_err(|error| {
            Failure::unavailable("DEMO_START", format!("{name} cannot be started: {error}"))
        })?;
        Ok(Self { child, name })
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Asks it to stop in order, and waits.
    fn stop(&mut self) -> Result<(), Failure> {
        let asked = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status();
        let until = Instant::now() + DOWN_WITHIN;
        while asked.as_ref().is_ok_and(std::process::ExitStatus::success) && Instant::now() < until
        {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => {
                    let what = format!("{} ended with {status}", self.name);
                    return Err(Failure::damaged("DEMO_STOP", what));
                }
                Ok(None) | Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Err(Failure::unavailable(
            "DEMO_STOP",
            format!("{} did not stop within {DOWN_WITHIN:?}", self.name),
        ))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            // Nothing is left to be told if it is gone already.
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// A running nats-server with JetStream.
pub(crate) struct Nats {
    process: Process,
    /// Where it listens.
    pub(crate) url: String,
}

impl Nats {
    /// Starts it with its files under `folder`.
    pub(crate) async fn start(program: Option<&Path>, folder: &Path) -> Result<Self, Failure> {
        let program = program.map_or_else(|| PathBuf::from("nats-server"), Path::to_path_buf);
        let port = free_port()?;
        let log = log_file(folder, "nats-server.log")?;
        let mut command = Command::new(&program);
        command
            .args([
                "--addr",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--jetstream",
                "--store_dir",
            ])
            .arg(folder.join("nats"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let mut process = Process::start("nats-server", &mut command).map_err(|failure| {
            failure.advise(format!(
                "{} is needed; on Debian: apt-get install nats-server; or name it with --nats-server",
                program.display()
            ))
        })?;
        let url = format!("nats://127.0.0.1:{port}");
        let until = Instant::now() + UP_WITHIN;
        while async_nats::connect(&url).await.is_err() {
            if process.has_ended() || Instant::now() > until {
                let what = format!("nats-server did not come up on {url}");
                let advice = format!("its log is {}", folder.join("nats-server.log").display());
                return Err(Failure::unavailable("DEMO_START", what).advise(advice));
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        Ok(Self { process, url })
    }

    /// Stops it. Older servers end a SIGTERM with 1, so any end is a good one.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        let stopped = self.process.stop();
        if self.process.has_ended() {
            Ok(())
        } else {
            stopped
        }
    }
}

/// A key of the demonstration's keys file.
#[derive(Debug, Clone)]
pub(crate) struct DemoKey {
    /// The channel whose key it is.
    pub(crate) channel: &'static str,
    /// The secret.
    pub(crate) secret: String,
}

/// A running `ledger serve`.
pub(crate) struct Ledger {
    process: Process,
    /// Where it listens for gRPC.
    pub(crate) address: String,
    /// Its keys.
    pub(crate) keys: Vec<DemoKey>,
}

impl Ledger {
    /// Starts it on a simulated clock with its data under `folder`.
    pub(crate) async fn start(nats_url: &str, folder: &Path) -> Result<Self, Failure> {
        let keys = write_keys(&folder.join("keys.toml"))?;
        let program = std::env::current_exe().map_err(|error| {
            Failure::unavailable("DEMO_START", format!("this program is not found: {error}"))
        })?;
        let mut command = Command::new(program);
        command
            .args([
                "serve",
                "--json",
                "--clock",
                "simulated",
                "--listen",
                "127.0.0.1:0",
            ])
            .args(["--nats-url", nats_url, "--data-dir"])
            .arg(folder.join("ledger"))
            .arg("--keys-file")
            .arg(folder.join("keys.toml"))
            .env_remove("LEDGER_EVENT_STORE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file(folder, "ledger.log")?);
        let mut process = Process::start("ledger serve", &mut command)?;
        let address = ready_address(&mut process.child).await.ok_or_else(|| {
            let advice = format!("its log is {}", folder.join("ledger.log").display());
            Failure::unavailable("DEMO_START", "ledger serve did not come up").advise(advice)
        })?;
        Ok(Self {
            process,
            address,
            keys,
        })
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        self.process.stop()
    }
}

/// The address in the ready line on standard output; what follows it there is read and dropped.
async fn ready_address(child: &mut Child) -> Option<String> {
    let stdout = child.stdout.take()?;
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next().and_then(Result::ok);
        tell.send(first).ok();
        lines.for_each(drop);
    });
    let line = tokio::time::timeout(UP_WITHIN, told).await.ok()?.ok()??;
    let ready: Value = serde_json::from_str(&line).ok()?;
    let grpc = ready.get("grpc")?.as_str()?.to_owned();
    Some(if grpc.contains("://") {
        grpc
    } else {
        format!("http://{grpc}")
    })
}

fn write_keys(file: &Path) -> Result<Vec<DemoKey>, Failure> {
    let mut text = String::from("# Keys of this demonstration; made anew for each.\n");
    let mut keys = Vec::new();
    for (name, channel, roles) in PRINCIPALS {
        let key =
            new_key().map_err(|error| Failure::unavailable("DEMO_KEYS", error.to_string()))?;
        text.push_str(&format!(
            "\n[[key]]\nname = \"{name}\"\nchannel = \"{channel}\"\nroles = [{roles}]\nhash = \"{}\"\n",
            key.hash
        ));
        keys.push(DemoKey {
            channel,
            secret: key.key,
        });
    }
    fs::write(file, text).map_err(|error| Failure::file("writing", file, &error))?;
    Ok(keys)
}

fn log_file(folder: &Path, name: &str) -> Result<fs::File, Failure> {
    let path = folder.join(name);
    fs::File::create(&path).map_err(|error| Failure::file("writing", &path, &error))
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, Failure> {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|a| a.port());
    port.map_err(|error| {
        Failure::unavailable("DEMO_PORT", format!("no free loopback port: {error}"))
    })
}
