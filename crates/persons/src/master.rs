//! Master keys: what seals the persons' data keys, kept outside of both files of the store.
//!
//! A text of them (a file, or a setting) holds one or several, the newest first; the others are those of
//! before, needed until everything is sealed under the newest. `#` begins a comment. A key has 256 random
//! bits and is told apart by its id, which is a hash of it and says nothing about it.
//!
//! ```text
//! pmk_0011…eeff     # 64 hexadecimal digits
//! ```

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::PersonsError;
use crate::seal::{KEY_BYTES, SealKey};

/// Marks a text as such a key, so that a leaked one is recognised by scanners.
const PREFIX: &str = "pmk_";
/// Keeps these uses of a master key apart from each other.
const WRAP_DOMAIN: &str = "utility-ledger 2026 persons: master key seals keys v1";
const ID_DOMAIN: &str = "utility-ledger 2026 persons: id of a master key v1";
/// Most keys of a text: the newest, and those of rotations that were not finished.
const KEYS_MAX: usize = 8;
/// Largest text looked at: [`KEYS_MAX`] keys with comments.
const TEXT_BYTES_MAX: u64 = 16 * 1024;
const HEADER: &str = "\
# Master keys of the persons' records, the newest first. Whoever has this file and the two databases can
# read every person's data; without it nobody can, ever. Keep a copy apart from the databases' backups.
";

/// Tells master keys apart; says nothing about the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterId([u8; 8]);

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl MasterId {
    pub(crate) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// One master key.
#[derive(Debug, Clone)]
pub(crate) struct MasterKey {
    key: SealKey,
    pub(crate) id: MasterId,
}

impl MasterKey {
    fn new(key: SealKey) -> Self {
        let mut id = [0; 8];
        let derived = key.derived(ID_DOMAIN);
        for (to, from) in id.iter_mut().zip(derived.bytes()) {
            *to = *from;
        }
        Self {
            key,
            id: MasterId(id),
        }
    }

    /// The key that seals other keys.
    pub(crate) fn wrapping(&self) -> SealKey {
        self.key.derived(WRAP_DOMAIN)
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 * KEY_BYTES));
        text.push_str(PREFIX);
        for byte in self.key.bytes() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text
    }
}

/// Master keys, the newest first; never shown.
#[derive(Debug, Clone)]
pub struct MasterKeys(Vec<MasterKey>);

impl MasterKeys {
    /// Reads keys: whitespace or commas between them, `#` begins a comment.
    ///
    /// # Errors
    /// When there is none, there are too many, or one is not `pmk_` and 64 hexadecimal digits. The text is
    /// never repeated.
    pub fn parse(text: &str) -> Result<Self, PersonsError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line_number = index.saturating_add(1);
            let line = line.split('#').next().unwrap_or_default();
            for word in line.split([',', ' ', '\t', '\r']).filter(|w| !w.is_empty()) {
                let key = key_of(word).ok_or_else(|| {
                    bad(format!(
                        "master keys, line {line_number}: a key is {PREFIX} and 64 hexadecimal digits"
                    ))
                })?;
                keys.push(MasterKey::new(key));
            }
        }
        if keys.is_empty() || keys.len() > KEYS_MAX {
            let what = format!(
                "master keys: there are {}, and there must be 1 to {KEYS_MAX}",
                keys.len()
            );
            return Err(bad(what));
        }
        Ok(Self(keys))
    }

    /// Reads a file of keys.
    ///
    /// # Errors
    /// When it cannot be read, when others than its owner may read it, or [`Self::parse`] refuses its text.
    pub fn read(path: &Path) -> Result<Self, PersonsError> {
        use std::os::unix::fs::PermissionsExt;
        let failed = |source| PersonsError::File {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(bad(format!(
                "{}: others than its owner may read or write it (mode {:o}); `chmod 600` it",
                path.display(),
                mode & 0o777
            )));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(TEXT_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(&text)
    }

    /// Makes a file with one new key, readable by its owner only.
    ///
    /// # Errors
    /// When it exists already or cannot be written.
    pub fn make(path: &Path) -> Result<MasterId, PersonsError> {
        let keys = Self(vec![MasterKey::new(SealKey::random()?)]);
        if path.exists() {
            return Err(bad(format!(
                "{} exists already; it is never overwritten, since what it seals would be lost",
                path.display()
            )));
        }
        keys.write(path)?;
        Ok(keys.newest())
    }

    /// The same with a new key in front.
    ///
    /// # Errors
    /// When there would be too many, or the system gives no random bytes.
    pub fn with_a_new_one(&self) -> Result<Self, PersonsError> {
        if self.0.len() >= KEYS_MAX {
            return Err(bad(format!(
                "there are {KEYS_MAX} master keys already; remove those that seal nothing any more"
            )));
        }
        let mut keys = self.0.clone();
        keys.insert(0, MasterKey::new(SealKey::random()?));
        Ok(Self(keys))
    }

    /// The newest alone.
    #[must_use]
    pub fn newest_alone(&self) -> Self {
        Self(self.0.iter().take(1).cloned().collect())
    }

    /// Writes the file anew: beside it, synced, then in its place, so that a crash leaves the old or the new.
    ///
    /// # Errors
    /// When the folder or the file refuses.
    pub fn write(&self, path: &Path) -> Result<(), PersonsError> {
        let failed = |source| PersonsError::File {
            path: path.to_owned(),
            source,
        };
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(failed)?;
        let mut text = Zeroizing::new(String::from(HEADER));
        for key in &self.0 {
            text.push_str(&key.text());
            text.push('\n');
        }
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)?;
        crate::layout::sync_folder_of(path)
    }

    /// Id of the newest.
    #[must_use]
    pub fn newest(&self) -> MasterId {
        // Parsing and making leave at least one.
        self.0.first().map_or(MasterId([0; 8]), |key| key.id)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn find(&self, id: MasterId) -> Result<&MasterKey, PersonsError> {
        let found = self.0.iter().find(|key| key.id == id);
        found.ok_or(PersonsError::WrongMasterKey { needed: id })
    }
}

fn key_of(word: &str) -> Option<SealKey> {
    let digits = word.strip_prefix(PREFIX)?.as_bytes();
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0u8;
        for digit in pair {
            let digit = u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
            value = (value << 4) | digit;
        }
        *byte = value;
    }
    SealKey::of(bytes.as_ref())
}

fn bad(what: String) -> PersonsError {
    PersonsError::BadMasterKeys { what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c17_master_keys_are_read_as_they_were_written_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.keys");
        let id = MasterKeys::make(&path).unwrap();
        let keys = MasterKeys::read(&path).unwrap();
        assert_eq!((keys.newest(), keys.count()), (id, 1));
        let text = std::fs::read_to_string(&path).unwrap();
        let secret = text.lines().last().unwrap();
        assert!(secret.starts_with(PREFIX));
        assert!(!format!("{keys:?}").contains(&secret[PREFIX.len()..]));
        assert!(MasterKeys::make(&path).is_err(), "never overwritten");
        let two = keys.with_a_new_one().unwrap();
        two.write(&path).unwrap();
        let read = MasterKeys::read(&path).unwrap();
        assert_eq!((read.count(), read.newest()), (2, two.newest()));
        assert!(read.find(id).is_ok());
        assert_eq!(read.newest_alone().count(), 1);
    }

    #[test]
    fn c17_a_master_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.keys");
        MasterKeys::make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKeys::read(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn c17_a_bad_master_key_is_refused_without_being_repeated() {
        let good = "pmk_".to_owned() + &"a1".repeat(32);
        assert_eq!(
            MasterKeys::parse(&format!("{good} # newest"))
                .unwrap()
                .count(),
            1
        );
        assert_eq!(
            MasterKeys::parse(&format!("{good},{good}"))
                .unwrap()
                .count(),
            2
        );
        for bad in [
            String::new(),
            "# nothing\n".to_owned(),
            good[..66].to_owned(),
            good.replace("a1a1", "zzzz"),
            good.replace("pmk_", ""),
        ] {
            let error = MasterKeys::parse(&bad).unwrap_err().to_string();
            assert!(!error.contains("a1a1"), "{error}");
        }
    }
}
