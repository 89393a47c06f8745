//! The table of configuration keys: name, what is allowed, and how it is set.

use std::net::SocketAddr;
use std::path::PathBuf;

use event_store::embedded::SEGMENT_BYTES_MAX;

use crate::config::Origin;
use crate::config::settings::{ClockKind, EventStoreUrl, Secret, Settings};
use crate::failure::Failure;

/// Smallest segment: below it, the index of a segment outweighs the segment.
const SEGMENT_BYTES_MIN: u64 = 1024 * 1024;
/// Most accounts in memory: about 150 GiB of them.
const CACHE_ACCOUNTS_MAX: usize = 100_000_000;
/// Longest text of a setting; a path or an address is far below.
const VALUE_BYTES_MAX: usize = 4_096;

/// One key.
pub(crate) struct Key {
    /// As in the file.
    pub(crate) name: &'static str,
    /// What may be given.
    pub(crate) allowed: &'static str,
    /// Not shown in errors.
    secret: bool,
    set: fn(&mut Settings, &str) -> Option<()>,
}

/// Every key, in the order in which they are explained.
pub(crate) const KEYS: [Key; 17] = [
    Key {
        name: "data_dir",
        allowed: "the folder of the log and the read models",
        secret: false,
        set: |settings, text| path(text).map(|path| settings.data_dir = path),
    },
    Key {
        name: "event_store",
        allowed: "the URL of a KurrentDB such as \"kurrentdb://user:password@host:2113?tls=true\" (also \
                  kurrentdb+discover://, esdb://, esdb+discover://); \"embedded\": the log in data_dir",
        // It may hold a password.
        secret: true,
        set: |settings, text| {
            settings.event_store = match text {
                "" | "embedded" => None,
                url => Some(EventStoreUrl::parse(url)?),
            };
            Some(())
        },
    },
    Key {
        name: "scheme_dir",
        allowed: "a folder of scheme files (*.toml) that replace or add to those inside the program",
        secret: false,
        set: |settings, text| path(text).map(|path| settings.scheme_dir = Some(path)),
    },
    Key {
        name: "grpc_listen",
        allowed: "an address and port such as \"127.0.0.1:7400\"; port 0 takes a free one",
        secret: false,
        set: |settings, text| {
            text.parse::<SocketAddr>()
                .ok()
                .map(|at| settings.grpc_listen = at)
        },
    },
    Key {
        name: "kurrent_listen",
        allowed: "an address and port such as \"127.0.0.1:2113\"; port 0 takes a free one; empty: none",
        secret: false,
        set: |settings, text| {
            settings.kurrent_listen = match text {
                "" => None,
                address => Some(address.parse().ok()?),
            };
            Some(())
        },
    },
    Key {
        name: "advertise",
        allowed: "host and port at which clients reach kurrent_listen, such as \"ledger.example:2113\"",
        secret: false,
        set: |settings, text| {
            let (host, port) = text.rsplit_once(':')?;
            let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
            (is_port && !host.is_empty()).then(|| settings.advertise = Some(text.to_owned()))
        },
    },
    Key {
        name: "kurrent_tls_cert",
        allowed: "the certificates for kurrent_listen, a file in PEM, the server's own first",
        secret: false,
        set: |settings, text| path(text).map(|path| settings.kurrent_tls_cert = Some(path)),
    },
    Key {
        name: "kurrent_tls_key",
        allowed: "the private key of kurrent_tls_cert, a file in PEM",
        secret: false,
        set: |settings, text| path(text).map(|path| settings.kurrent_tls_key = Some(path)),
    },
    Key {
        name: "nats_url",
        allowed: "a URL such as \"nats://127.0.0.1:4222\"; empty: no NATS",
        secret: false,
        set: set_nats_url,
    },
    Key {
        name: "keys_file",
        allowed: "the file of API keys; `ledger key new` makes its entries",
        secret: false,
        set: |settings, text| path(text).map(|path| settings.keys_file = Some(path)),
    },
    Key {
        name: "person_master_key_file",
        allowed: "the file of the master keys of persons' records; `ledger person master-key` makes it",
        secret: false,
        set: |settings, text| path(text).map(|path| settings.person_master_key_file = Some(path)),
    },
    Key {
        name: "person_master_key",
        allowed: "the master keys themselves, in the environment instead of a file: pmk_ and 64 \
                  hexadecimal digits, the newest first, commas between them",
        secret: true,
        set: |settings, text| {
            (!text.is_empty()).then(|| settings.person_master_key = Some(Secret::new(text)))
        },
    },
    Key {
        name: "log_segment_bytes",
        allowed: "bytes of one log segment, 1048576 (1 MiB) to 2147483648 (2 GiB)",
        secret: false,
        set: |settings, text| {
            let bytes = text.parse().ok()?;
            (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX)
                .contains(&bytes)
                .then(|| settings.log_segment_bytes = bytes)
        },
    },
    Key {
        name: "cache_accounts",
        allowed: "accounts kept in memory, 1 to 100000000",
        secret: false,
        set: |settings, text| {
            let count = text.parse().ok()?;
            (1..=CACHE_ACCOUNTS_MAX)
                .contains(&count)
                .then(|| settings.cache_accounts = count)
        },
    },
    Key {
        name: "clock",
        allowed: "\"system\" or \"simulated\" (time then comes with the calls; for demonstrations)",
        secret: false,
        set: |settings, text| ClockKind::parse(text).map(|clock| settings.clock = clock),
    },
    Key {
        name: "api_key",
        allowed: "the key this program shows to a server; better in LEDGER_API_KEY than in a file",
        secret: true,
        set: |settings, text| {
            let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
            fits.then(|| settings.api_key = Some(Secret::new(text)))
        },
    },
    Key {
        name: "server",
        allowed: "the server's URL such as \"http://127.0.0.1:7400\"",
        secret: false,
        set: |settings, text| {
            let has_scheme = text.starts_with("http://") && text.len() > "http://".len();
            has_scheme.then(|| settings.server = Some(text.to_owned()))
        },
    },
];

impl Key {
    /// Its environment variable: `LEDGER_` and the name in capitals.
    pub(crate) fn variable(&self) -> String {
        format!("LEDGER_{}", self.name.to_ascii_uppercase())
    }

    /// Sets it.
    pub(crate) fn put(
        &self,
        settings: &mut Settings,
        text: &str,
        origin: &Origin,
    ) -> Result<(), Failure> {
        let is_set = text.len() <= VALUE_BYTES_MAX && (self.set)(settings, text).is_some();
        if is_set {
            return Ok(());
        }
        let shown: String = text.chars().take(80).collect();
        let what = if self.secret {
            "it is not allowed".to_owned()
        } else {
            format!("{shown:?} is not allowed")
        };
        Err(wrong_value(origin, self, &what))
    }
}

/// A key by its name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    static TABLE: [Key; 17] = KEYS;
    TABLE.iter().find(|key| key.name == name)
}

/// The error about a value.
pub(crate) fn wrong_value(origin: &Origin, key: &Key, what: &str) -> Failure {
    Failure::usage(
        "CONFIG_VALUE",
        format!("{origin}, key {}: {what}", key.name),
    )
    .advise(format!("give {}", key.allowed))
}

/// The error about a key that does not exist.
pub(crate) fn unknown(origin: &Origin, name: &str) -> Failure {
    let nearest = KEYS
        .iter()
        .map(|key| (distance(name, key.name), key.name))
        .min();
    let hint = nearest
        .filter(|(steps, _)| *steps <= 3)
        .map_or(String::new(), |(_, nearest)| {
            format!("; the nearest is {nearest}")
        });
    let shown: String = name.chars().take(80).collect();
    let all: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    Failure::usage(
        "CONFIG_KEY",
        format!("{origin}, key {shown}: there is no such key{hint}"),
    )
    .advise(format!("use one of {}", all.join(", ")))
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

fn set_nats_url(settings: &mut Settings, text: &str) -> Option<()> {
    if text.is_empty() {
        settings.nats_url = None;
        return Some(());
    }
    let host = text
        .strip_prefix("nats://")
        .or_else(|| text.strip_prefix("tls://"))?;
    (!host.is_empty()).then(|| settings.nats_url = Some(text.to_owned()))
}

/// Letters to change, add or drop to get from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
            let changed = at(&row, j).saturating_add(usize::from(a != *b));
            let added = at(&next, j).saturating_add(1);
            let dropped = at(&row, j.saturating_add(1)).saturating_add(1);
            next.push(changed.min(added).min(dropped));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn a_slip_of_the_hand_is_near() {
        assert_eq!(distance("grpc_lisen", "grpc_listen"), 1);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("", "abc"), 3);
    }
}
