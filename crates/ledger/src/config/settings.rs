//! The settings as the program uses them, with their defaults.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Size of a log segment: large enough that a file seldom changes, small enough to copy in seconds.
const LOG_SEGMENT_BYTES: u64 = 256 * 1024 * 1024;
/// Accounts in memory: 1.5 GiB of warm ones.
const CACHE_ACCOUNTS: usize = 1_000_000;
/// Where it listens: loopback, since connections are plain.
const GRPC_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7400);

/// A secret of a setting; never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes a secret.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself, for the one place that needs it.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(kept back)")
    }
}

/// Where time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockKind {
    /// The machine's clock.
    System,
    /// Time comes with the calls.
    Simulated,
}

impl ClockKind {
    /// Reads the name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "system" => Some(Self::System),
            "simulated" => Some(Self::Simulated),
            _ => None,
        }
    }

    /// As configured.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Simulated => "simulated",
        }
    }
}

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The log and the read models.
    pub(crate) data_dir: PathBuf,
    /// Scheme files that replace or add to those inside the program.
    pub(crate) scheme_dir: Option<PathBuf>,
    /// Where partner channels connect.
    pub(crate) grpc_listen: SocketAddr,
    /// The NATS server, if there is one.
    pub(crate) nats_url: Option<String>,
    /// API keys.
    pub(crate) keys_file: Option<PathBuf>,
    /// Master keys of persons' records, in a file.
    pub(crate) person_master_key_file: Option<PathBuf>,
    /// Master keys of persons' records, as a text.
    pub(crate) person_master_key: Option<Secret>,
    /// Size of one log segment, bytes.
    pub(crate) log_segment_bytes: u64,
    /// Accounts kept in memory at most.
    pub(crate) cache_accounts: usize,
    /// Where time comes from.
    pub(crate) clock: ClockKind,
    /// The key this program shows as a client.
    pub(crate) api_key: Option<Secret>,
    /// The server this program calls as a client.
    pub(crate) server: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("ledger-data"),
            scheme_dir: None,
            grpc_listen: GRPC_LISTEN,
            nats_url: None,
            keys_file: None,
            person_master_key_file: None,
            person_master_key: None,
            log_segment_bytes: LOG_SEGMENT_BYTES,
            cache_accounts: CACHE_ACCOUNTS,
            clock: ClockKind::System,
            api_key: None,
            server: None,
        }
    }
}

impl Settings {
    /// The log's folder.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.data_dir.join("log")
    }

    /// The read models' database.
    pub(crate) fn read_models_file(&self) -> PathBuf {
        self.data_dir.join("read-models.sqlite")
    }

    /// Snapshots of accounts; may be deleted at any time while the ledger is stopped.
    pub(crate) fn snapshots_file(&self) -> PathBuf {
        self.data_dir.join("snapshots.sqlite")
    }

    /// Where `--dev-keys` keeps the keys that it makes.
    pub(crate) fn dev_keys_file(&self) -> PathBuf {
        self.data_dir.join("dev-keys.toml")
    }

    /// The keys file in force: the configured one, else that of `--dev-keys` if it was ever used.
    pub(crate) fn keys_file_in_force(&self) -> PathBuf {
        self.keys_file
            .as_deref()
            .map_or_else(|| self.dev_keys_file(), Path::to_path_buf)
    }

    /// Where `--dev-keys` keeps the master key of persons' records that it makes.
    pub(crate) fn dev_person_master_key_file(&self) -> PathBuf {
        self.data_dir.join("dev-person-master.keys")
    }

    /// The file of master keys in force: the configured one, else that of `--dev-keys` if it was ever used.
    pub(crate) fn person_master_key_file_in_force(&self) -> Option<PathBuf> {
        self.person_master_key_file.clone().or_else(|| {
            let dev = self.dev_person_master_key_file();
            dev.exists().then_some(dev)
        })
    }

    /// The server's URL: configured, else where this configuration's own server listens.
    pub(crate) fn server_url(&self) -> String {
        self.server
            .clone()
            .unwrap_or_else(|| format!("http://{}", self.grpc_listen))
    }
}
