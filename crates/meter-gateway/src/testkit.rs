//! A real NATS server for tests and benches: started on a free loopback port, stopped at the end.
//!
//! It can be killed and started again on the same port and files, as a test of a server that goes away
//! needs. Its files lie in a directory of its own that goes with it. Absent on purpose: any use in
//! production, and a server that was not started here.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to listen; a loaded machine needs seconds, a broken one never does.
const START_MAX: Duration = Duration::from_secs(20);
/// How often the port is tried.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// Ports tried: another process may take a free port before the server does.
const PORTS_MAX: u32 = 5;
/// Where servers are installed that are not on the path of an ordinary user.
const PLACES: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/usr/bin"];

/// A running NATS server with JetStream.
#[derive(Debug)]
pub struct NatsServer {
    child: Option<Child>,
    port: u16,
    dir: PathBuf,
}

impl NatsServer {
    /// Starts a server with an empty store.
    ///
    /// # Errors
    /// When `nats-server` is not installed, or does not listen in time.
    pub fn start() -> io::Result<Self> {
        let dir = fresh_dir()?;
        let mut last = io::Error::other("no port was tried");
        for _ in 0..PORTS_MAX {
            let port = free_port()?;
            let mut server = Self {
                child: None,
                port,
                dir: dir.clone(),
            };
            match server.resume() {
                Ok(()) => return Ok(server),
                Err(error) => last = error,
            }
            // The next attempt uses the same directory.
            server.dir = PathBuf::new();
        }
        Err(last)
    }

    /// Where it listens, as a client writes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the process at once, as a power cut does to the process, not to its files. Safe to repeat.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again, on the same port and files.
    ///
    /// # Errors
    /// When it does not listen in time.
    pub fn resume(&mut self) -> io::Result<()> {
        self.kill();
        let log = std::fs::File::create(self.dir.join("server.log"))?;
        let child = Command::new(program())
            .args([
                "--addr",
                "127.0.0.1",
                "--jetstream",
                "--port",
                &self.port.to_string(),
                "--store_dir",
            ])
            .arg(self.dir.join("store"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        self.wait_until_it_listens()
    }

    /// Copies the files of a server that is not running, for [`Self::restore_files`].
    ///
    /// # Errors
    /// When the files cannot be copied.
    pub fn copy_files(&self) -> io::Result<PathBuf> {
        let copy = self.dir.join("copy");
        copy_tree(&self.dir.join("store"), &copy)?;
        Ok(copy)
    }

    /// Puts a copy in the place of the files of a server that is not running: what a power cut does to
    /// a server that had not synced.
    ///
    /// # Errors
    /// When the files cannot be replaced.
    pub fn restore_files(&self, copy: &Path) -> io::Result<()> {
        let store = self.dir.join("store");
        std::fs::remove_dir_all(&store)?;
        copy_tree(copy, &store)
    }

    fn wait_until_it_listens(&mut self) -> io::Result<()> {
        let give_up = Instant::now() + START_MAX;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        while Instant::now() < give_up {
            if TcpStream::connect_timeout(&address, TRY_EVERY).is_ok() {
                return Ok(());
            }
            if let Some(status) = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().transpose())
            {
                return Err(io::Error::other(format!(
                    "nats-server ended at its start: {status:?}"
                )));
            }
            std::thread::sleep(TRY_EVERY);
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "nats-server does not listen",
        ))
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        if self.dir.is_dir() {
            // A directory that stays is a nuisance, not a fault.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn program() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&on_path)
        .chain(PLACES.iter().map(PathBuf::from))
        .map(|place| place.join("nats-server"))
        .find(|path| path.is_file())
        .unwrap_or_else(|| Path::new("nats-server").to_path_buf())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn fresh_dir() -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "ledger-nats-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let dir = std::env::temp_dir().join(name);
    // What an earlier process of the same id left is not ours to read.
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}
