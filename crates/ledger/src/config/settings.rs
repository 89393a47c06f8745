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

/// How URLs of a KurrentDB begin; `esdb` is its name of before.
const EVENT_STORE_SCHEMES: [&str; 4] = [
    "kurrentdb://",
    "kurrentdb+discover://",
    "esdb://",
    "esdb+discover://",
];

/// Where a KurrentDB is. The URL may hold a password: shown is only what lies behind it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EventStoreUrl(Secret);

impl EventStoreUrl {
    /// Takes a URL; `None` when it is none of a KurrentDB.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let scheme = EVENT_STORE_SCHEMES
            .iter()
            .find(|scheme| text.starts_with(*scheme))?;
        let rest = text.get(scheme.len()..)?;
        (!rest.is_empty()).then(|| Self(Secret::new(text)))
    }

    /// The URL as configured, for the one place that connects.
    pub(crate) fn secret(&self) -> &str {
        self.0.secret()
    }
}

/// Without user, password and options.
impl fmt::Display for EventStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.secret().split_once("://").unwrap_or_default();
        // A password may hold any sign: what follows the last @ before the options is the address.
        let (_, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let hosts = rest.split(['/', '?']).next().unwrap_or_default();
        write!(f, "{scheme}://{hosts}")
    }
}

impl fmt::Debug for EventStoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The log and the read models.
    pub(crate) data_dir: PathBuf,
    /// The KurrentDB that holds the log; `None`: the embedded log in the data folder.
    pub(crate) event_store: Option<EventStoreUrl>,
    /// Scheme files that replace or add to those inside the program.
    pub(crate) scheme_dir: Option<PathBuf>,
    /// Where partner channels connect.
    pub(crate) grpc_listen: SocketAddr,
    /// Where clients of KurrentDB may read the log, if they may.
    pub(crate) kurrent_listen: Option<SocketAddr>,
    /// The host and port that those clients are told, where it is another.
    pub(crate) advertise: Option<String>,
    /// Certificates for those clients; without any, connections are plain.
    pub(crate) kurrent_tls_cert: Option<PathBuf>,
    /// The private key of the first certificate.
    pub(crate) kurrent_tls_key: Option<PathBuf>,
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
            event_store: None,
            scheme_dir: None,
            grpc_listen: GRPC_LISTEN,
            kurrent_listen: None,
            advertise: None,
            kurrent_tls_cert: None,
            kurrent_tls_key: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_an_event_store_is_shown_without_user_password_and_options() {
        for (given, shown) in [
            ("kurrentdb://h:2113?tls=false", "kurrentdb://h:2113"),
            ("esdb://admin:ch@nge/it@a:1,b:2/?tls=true", "esdb://a:1,b:2"),
            ("kurrentdb+discover://u:p@c", "kurrentdb+discover://c"),
        ] {
            let url = EventStoreUrl::parse(given).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(url.secret(), given);
        }
        for wrong in ["", "kurrentdb://", "postgres://h", "h:2113", "/var/lib"] {
            assert!(EventStoreUrl::parse(wrong).is_none(), "{wrong}");
        }
    }
}
