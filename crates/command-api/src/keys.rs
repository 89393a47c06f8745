//! API keys: who may call, told by a keys file.
//!
//! The file holds a hash of each key, never the key. A key carries 256 random bits, so one round of
//! BLAKE3 under a domain of its own is enough; what is compared is the hash, in constant time. Absent on
//! purpose: passwords, sessions, reloading while the server runs (a changed file takes a restart).
//!
//! ```toml
//! [[key]]
//! name = "incomm-till-1"      # who acts, in every event
//! channel = "incomm"          # whose references and receipts
//! kind = "counter"            # how its money comes in: counter, bank, credit-card, debit-card, mobile-money
//! roles = ["channel"]         # channel, staff, operator, analyst; bcc, je, ae, ee, ccc
//! hash = "…"                  # 64 hexadecimal digits, from `ledger key new`
//! ```

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ledger_core::ids::{Actor, ChannelId};
use serde::Deserialize;
use toml::Spanned;

/// Keeps these hashes apart from every other use of BLAKE3.
const HASH_DOMAIN: &str = "utility-ledger 2026 api key v1";
/// Marks a text as a key of this ledger, so that a leaked one is recognised by scanners.
const KEY_PREFIX: &str = "ulk_";
/// Random bytes of a key: as many as the hash has.
const KEY_RANDOM_BYTES: usize = 32;
/// Longest key looked at: a generated one has 68 characters.
const KEY_BYTES_MAX: usize = 128;
/// Most keys of a file. Channels and staff of a country need hundreds; a file beyond this is a mistake.
const KEYS_MAX: usize = 10_000;
/// Largest keys file read: [`KEYS_MAX`] entries of 200 bytes.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes money: top-ups, debt payments, voids of its own.
    Channel,
    /// The utility's staff: accounts, meters, debt, suspense, supply, and all reads but the trial balance.
    Staff,
    /// Runs the ledger: all reads, nothing that changes it.
    Operator,
    /// Reads for reports, nothing that changes the ledger.
    Analyst,
    /// Billing counter: bills, receipts, readings, miscellaneous bills, month close (E15).
    Bcc,
    /// Junior engineer: applications, inspection, estimate, demand note, disconnection, reconnection, meters,
    /// execution of orders.
    Je,
    /// Assistant engineer: admits, rejects, sanctions, orders connections, sees the subdivision.
    Ae,
    /// Executive engineer: sees all, and the summary reports.
    Ee,
    /// Complaint cell.
    Ccc,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Channel,
        Self::Staff,
        Self::Operator,
        Self::Analyst,
        Self::Bcc,
        Self::Je,
        Self::Ae,
        Self::Ee,
        Self::Ccc,
    ];

    /// As in the keys file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Staff => "staff",
            Self::Operator => "operator",
            Self::Analyst => "analyst",
            Self::Bcc => "bcc",
            Self::Je => "je",
            Self::Ae => "ae",
            Self::Ee => "ee",
            Self::Ccc => "ccc",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How the money of a channel comes in (K5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// Cash at a counter.
    Counter,
    /// A bank.
    Bank,
    /// A credit card.
    CreditCard,
    /// A debit card.
    DebitCard,
    /// Mobile money.
    MobileMoney,
}

impl ChannelKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Counter,
        Self::Bank,
        Self::CreditCard,
        Self::DebitCard,
        Self::MobileMoney,
    ];

    /// As in the keys file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Bank => "bank",
            Self::CreditCard => "credit-card",
            Self::DebitCard => "debit-card",
            Self::MobileMoney => "mobile-money",
        }
    }
}

/// Whom a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who acts.
    pub actor: Actor,
    /// Whose references and receipts.
    pub channel: ChannelId,
    /// What it may do, at least one.
    pub roles: Vec<Role>,
}

impl Principal {
    /// Whether it has a role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether it sees what came under other channels: all but pure channels do.
    #[must_use]
    pub fn sees_all_channels(&self) -> bool {
        self.roles.iter().any(|role| *role != Role::Channel)
    }
}

/// A keys file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It cannot be read.
    #[error("keys file {path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what a keys file looks like.
    #[error("keys file, line {line}, {key}: {reason}")]
    Bad {
        /// Line, from 1.
        line: usize,
        /// Which key of the table, or `file`.
        key: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The machine gives no random bytes.
    #[error("no random bytes for a new key: {0}")]
    NoRandom(std::io::Error),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Spanned<KeyTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyTable {
    name: Spanned<String>,
    channel: Spanned<String>,
    kind: Option<Spanned<ChannelKind>>,
    roles: Spanned<Vec<Role>>,
    hash: Spanned<String>,
}

/// The keys that are known.
#[derive(Debug, Default, Clone)]
pub struct Keys {
    /// By the first eight bytes of the hash. To learn those by timing helps nobody: the key behind a hash
    /// cannot be computed from it. The whole hash is then compared in constant time.
    by_prefix: HashMap<[u8; 8], Vec<(blake3::Hash, Arc<Principal>)>>,
    /// How the money of a channel comes in, where its keys say so.
    kinds: HashMap<ChannelId, ChannelKind>,
    count: usize,
}

impl Keys {
    /// Reads a keys file.
    ///
    /// # Errors
    /// When it cannot be read, or [`Keys::parse`] refuses its text.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let unreadable = |source| KeysError::Unreadable {
            path: path.display().to_string(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        Self::parse(&text)
    }

    /// Reads the text of a keys file.
    ///
    /// # Errors
    /// With line and key: when it is not TOML of the described form, when a name, channel or hash is
    /// malformed, a role is missing, a name or hash stands twice, or there are more than 10,000 keys.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let file: File = toml::from_str(text).map_err(|e| KeysError::Bad {
            line: e.span().map_or(1, |span| line_of(text, &span)),
            key: "file".to_owned(),
            reason: e.message().to_owned(),
        })?;
        let mut keys = Self::default();
        let mut names = HashMap::new();
        for entry in &file.key {
            let table = entry.get_ref();
            let (hash, principal) = table.principal(text)?;
            if let Some(line) =
                names.insert(principal.actor.clone(), line_of(text, &table.name.span()))
            {
                return Err(bad(
                    text,
                    &table.name,
                    "name",
                    format!("it stands in line {line} already"),
                ));
            }
            if let Some(kind) = &table.kind {
                let known = keys
                    .kinds
                    .insert(principal.channel.clone(), *kind.get_ref());
                if known.is_some_and(|known| known != *kind.get_ref()) {
                    let reason = "another key of the channel states another kind".to_owned();
                    return Err(bad(text, kind, "kind", reason));
                }
            }
            if !keys.insert(hash, principal) {
                let reason = "another key has the same hash; make a new key for each".to_owned();
                return Err(bad(text, &table.hash, "hash", reason));
            }
            if keys.count > KEYS_MAX {
                return Err(bad(
                    text,
                    entry,
                    "key",
                    format!("a file has at most {KEYS_MAX} keys"),
                ));
            }
        }
        Ok(keys)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody can call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How the money of a channel comes in; none where no key says so.
    #[must_use]
    pub fn kind_of(&self, channel: &str) -> Option<ChannelKind> {
        let channel = ChannelId::parse(channel).ok()?;
        self.kinds.get(&channel).copied()
    }

    /// Whom a key stands for.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<&Arc<Principal>> {
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        let hash = hash_of(key);
        let bucket = self.by_prefix.get(&prefix_of(&hash))?;
        // `==` of `blake3::Hash` takes the same time whatever differs.
        bucket
            .iter()
            .find(|(known, _)| *known == hash)
            .map(|(_, principal)| principal)
    }

    /// Whether some key acts for this channel.
    #[must_use]
    pub fn names_channel(&self, channel: &ChannelId) -> bool {
        let mut all = self.by_prefix.values().flatten();
        all.any(|(_, principal)| principal.channel == *channel)
    }

    /// Adds a key by its hash; `false` when the hash is known already.
    pub fn insert(&mut self, hash: blake3::Hash, principal: Principal) -> bool {
        let bucket = self.by_prefix.entry(prefix_of(&hash)).or_default();
        if bucket.iter().any(|(known, _)| *known == hash) {
            return false;
        }
        bucket.push((hash, Arc::new(principal)));
        self.count += 1;
        true
    }
}

impl KeyTable {
    fn principal(&self, text: &str) -> Result<(blake3::Hash, Principal), KeysError> {
        let actor = Actor::parse(self.name.get_ref())
            .map_err(|e| bad(text, &self.name, "name", e.to_string()))?;
        let channel = ChannelId::parse(self.channel.get_ref())
            .map_err(|e| bad(text, &self.channel, "channel", e.to_string()))?;
        if self.roles.get_ref().is_empty() {
            let reason =
                "give at least one of channel, staff, operator, analyst, bcc, je, ae, ee, ccc"
                    .to_owned();
            return Err(bad(text, &self.roles, "roles", reason));
        }
        let hash = blake3::Hash::from_hex(self.hash.get_ref()).map_err(|_| {
            bad(
                text,
                &self.hash,
                "hash",
                "it is not 64 hexadecimal digits".to_owned(),
            )
        })?;
        Ok((
            hash,
            Principal {
                actor,
                channel,
                roles: self.roles.get_ref().clone(),
            },
        ))
    }
}

fn bad<T>(text: &str, at: &Spanned<T>, key: &str, reason: String) -> KeysError {
    KeysError::Bad {
        line: line_of(text, &at.span()),
        key: key.to_owned(),
        reason,
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.bytes()
        .take(span.start)
        .filter(|b| *b == b'\n')
        .count()
        + 1
}

fn prefix_of(hash: &blake3::Hash) -> [u8; 8] {
    let mut prefix = [0; 8];
    for (to, from) in prefix.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    prefix
}

/// The hash of a key, as it stands in the keys file.
#[must_use]
pub fn hash_of(key: &[u8]) -> blake3::Hash {
    blake3::Hash::from_bytes(blake3::derive_key(HASH_DOMAIN, key))
}

/// A new key and its hash. The key is shown once and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What the caller sends as `authorization: Bearer <key>`.
    pub key: String,
    /// What goes into the keys file, 64 hexadecimal digits.
    pub hash: String,
}

/// Makes a new key from the system's random source.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_key() -> Result<NewKey, KeysError> {
    let mut random = [0u8; KEY_RANDOM_BYTES];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut random))
        .map_err(KeysError::NoRandom)?;
    let key = format!("{KEY_PREFIX}{}", blake3::Hash::from_bytes(random).to_hex());
    let hash = hash_of(key.as_bytes()).to_hex().to_string();
    Ok(NewKey { key, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: &NewKey) -> String {
        format!(
            "# tills\n[[key]]\nname = \"till-1\"\nchannel = \"incomm\"\nroles = [\"channel\"]\nhash = \"{}\"\n",
            key.hash
        )
    }

    #[test]
    fn c14_a_key_is_found_by_its_hash_and_another_one_is_not() {
        let key = new_key().unwrap();
        let keys = Keys::parse(&file(&key)).unwrap();
        let principal = keys.find(key.key.as_bytes()).unwrap();
        assert_eq!(principal.channel.as_str(), "incomm");
        assert_eq!(principal.actor.as_str(), "till-1");
        assert!(principal.has(Role::Channel) && !principal.sees_all_channels());
        assert!(keys.find(new_key().unwrap().key.as_bytes()).is_none());
        assert!(
            keys.find(key.hash.as_bytes()).is_none(),
            "the hash itself is no key"
        );
        assert!(keys.find(b"").is_none());
    }

    #[test]
    fn k5_a_channel_is_of_one_kind_which_its_keys_state() {
        let entry = |name: &str, kind: &str| {
            let key = new_key().unwrap();
            file(&key)
                .replace("till-1", name)
                .replace("roles", &format!("kind = \"{kind}\"\nroles"))
        };
        for kind in ChannelKind::ALL {
            let keys = Keys::parse(&entry("till-1", kind.as_str())).unwrap();
            assert_eq!(keys.kind_of("incomm"), Some(kind));
            assert_eq!(keys.kind_of("bank"), None);
        }
        let same = entry("till-1", "bank") + &entry("till-2", "bank");
        assert!(Keys::parse(&same).is_ok());
        let two = entry("till-1", "bank") + &entry("till-2", "counter");
        let error = Keys::parse(&two).unwrap_err().to_string();
        assert!(
            error.starts_with("keys file, line 12, kind: another key of the channel"),
            "{error}"
        );
        let odd = Keys::parse(&entry("till-1", "barter")).unwrap_err();
        assert!(odd.to_string().contains("mobile-money"), "{odd}");
    }

    #[test]
    fn two_new_keys_differ_and_tell_nothing_of_each_other() {
        let (a, b) = (new_key().unwrap(), new_key().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.key.len(), KEY_PREFIX.len() + 64);
        assert!(!a.key.contains(&a.hash));
    }

    #[test]
    fn a_bad_keys_file_is_refused_with_line_and_key() {
        let good = file(&new_key().unwrap());
        for (from, to, line, key) in [
            ("till-1", "till 1", 3, "name"),
            ("incomm", "In Comm", 4, "channel"),
            ("[\"channel\"]", "[]", 5, "roles"),
            ("[\"channel\"]", "[\"king\"]", 5, "file"),
            ("hash = \"", "hash = \"zz", 6, "hash"),
            ("name =", "nmae =", 3, "file"),
        ] {
            let error = Keys::parse(&good.replacen(from, to, 1)).unwrap_err();
            let KeysError::Bad {
                line: at,
                key: named,
                ..
            } = &error
            else {
                panic!("{error}")
            };
            assert_eq!((*at, named.as_str()), (line, key), "{to}: {error}");
        }
    }

    #[test]
    fn a_name_or_hash_stands_once_in_a_keys_file() {
        let key = new_key().unwrap();
        let twice = format!("{}{}", file(&key), file(&new_key().unwrap()));
        let error = Keys::parse(&twice).unwrap_err().to_string();
        assert_eq!(
            error,
            "keys file, line 9, name: it stands in line 3 already"
        );
        let same = format!("{}{}", file(&key), file(&key).replace("till-1", "till-2"));
        let error = Keys::parse(&same).unwrap_err().to_string();
        assert!(
            error.starts_with("keys file, line 12, hash: another key has the same hash"),
            "{error}"
        );
    }
}
