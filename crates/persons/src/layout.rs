//! The two files of the store, opened as one: records and audit trail in `persons.sqlite`, everything that an
//! erasure must destroy in `person-keys.sqlite`.
//!
//! One connection with the second file attached and rollback journals: SQLite then commits both files or
//! neither, also through a power cut (`synchronous=EXTRA`, which is `FULL` and a synced folder after the
//! journal is gone). `secure_delete` overwrites what is deleted. A write-ahead log would keep both faster but
//! commits attached files one by one.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::PersonsError;
use crate::master::{MasterId, MasterKeys};
use crate::seal::{SealKey, random};

/// Format of both files.
const FORMAT: u32 = 1;
/// How long a commit waits for a reader of another program, such as a backup.
const LOCK_WAIT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE main.meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE main.persons (
    person TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    identity_numbers INTEGER NOT NULL,
    telephones INTEGER NOT NULL,
    emails INTEGER NOT NULL,
    sealed BLOB,
    erased_at INTEGER,
    erased_by TEXT,
    erased_reason TEXT,
    erased_document TEXT,
    CHECK ((sealed IS NULL) = (erased_at IS NOT NULL))
) WITHOUT ROWID;
CREATE TABLE main.audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    act TEXT NOT NULL,
    person TEXT,
    found INTEGER NOT NULL
);
CREATE INDEX main.audit_by_person ON audit (person, seq);
CREATE TABLE keys.meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE keys.data_keys (person TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE keys.lookups (
    kind INTEGER NOT NULL,
    hash BLOB NOT NULL,
    person TEXT NOT NULL,
    PRIMARY KEY (kind, hash, person)
) WITHOUT ROWID;
CREATE INDEX keys.lookups_by_person ON lookups (person);
CREATE TABLE keys.commands (
    channel TEXT NOT NULL,
    reference TEXT NOT NULL,
    person TEXT NOT NULL,
    content BLOB,
    PRIMARY KEY (channel, reference)
);
CREATE INDEX keys.commands_by_person ON commands (person);
CREATE TABLE keys.tombstones (
    person TEXT PRIMARY KEY,
    erased_at INTEGER NOT NULL,
    erased_by TEXT NOT NULL,
    erased_reason TEXT NOT NULL,
    erased_document TEXT
) WITHOUT ROWID;
";

/// Where the store's files lie.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) records: PathBuf,
    pub(crate) keys: PathBuf,
    lock: PathBuf,
}

impl Files {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            records: folder.join("persons.sqlite"),
            keys: folder.join("person-keys.sqlite"),
            lock: folder.join("persons.lock"),
        }
    }
}

/// The files opened, with the keys that the master key gave.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    /// Seals data keys and remembered commands.
    pub(crate) wrapping: SealKey,
    /// Under which people are found.
    pub(crate) index: SealKey,
    pub(crate) master: MasterId,
    /// Held as long as the store is open.
    pub(crate) lock: std::fs::File,
}

/// Opens or makes the store's files.
pub(crate) fn open(folder: &Path, masters: &MasterKeys) -> Result<Opened, PersonsError> {
    let files = Files::in_folder(folder);
    std::fs::create_dir_all(folder).map_err(|source| file_error(folder, source))?;
    let lock = locked(&files.lock)?;
    let (records, keys) = (files.records.exists(), files.keys.exists());
    if records != keys && (has_tables(&files.records)? || has_tables(&files.keys)?) {
        let (missing, there) = if records {
            (files.keys, files.records)
        } else {
            (files.records, files.keys)
        };
        return Err(PersonsError::HalfThere { missing, there });
    }
    for path in [&files.records, &files.keys] {
        made(path)?;
    }
    sync_folder_of(&files.records)?;
    let mut connection = connect(&files)?;
    let known: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema) OR EXISTS (SELECT 1 FROM keys.sqlite_schema)",
        [],
        |row| row.get(0),
    )?;
    if !known {
        begin(&mut connection, masters)?;
    }
    check_pair(&connection, folder)?;
    let (master, wrapping, index) = unwrap_keys(&connection, masters)?;
    Ok(Opened {
        connection,
        wrapping,
        index,
        master,
        lock,
    })
}

/// Whether a file is there and was begun: an empty one is left by a crash before the first commit.
fn has_tables(path: &Path) -> Result<bool, PersonsError> {
    match std::fs::metadata(path) {
        Ok(about) => Ok(about.len() > 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(file_error(path, source)),
    }
}

fn locked(path: &Path) -> Result<std::fs::File, PersonsError> {
    let file = made(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(PersonsError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(file_error(path, source)),
    }
}

/// A file that only its owner may read; SQLite gives its journals the same rights.
fn made(path: &Path) -> Result<std::fs::File, PersonsError> {
    std::fs::OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| file_error(path, source))
}

pub(crate) fn file_error(path: &Path, source: std::io::Error) -> PersonsError {
    PersonsError::File {
        path: path.to_owned(),
        source,
    }
}

/// Makes the entry of a file in its folder durable.
pub(crate) fn sync_folder_of(path: &Path) -> Result<(), PersonsError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| file_error(folder, source))
}

fn connect(files: &Files) -> Result<Connection, PersonsError> {
    let connection = Connection::open(&files.records)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    let path = files.keys.to_str().ok_or_else(|| {
        let why = std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path is not UTF-8");
        file_error(&files.keys, why)
    })?;
    connection.execute("ATTACH DATABASE ?1 AS keys", params![path])?;
    for schema in ["main", "keys"] {
        connection.pragma_update(Some(schema), "journal_mode", "DELETE")?;
        connection.pragma_update(Some(schema), "synchronous", "EXTRA")?;
    }
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

fn begin(connection: &mut Connection, masters: &MasterKeys) -> Result<(), PersonsError> {
    let master = masters.find(masters.newest())?;
    let index = SealKey::random()?;
    let sealed = master.wrapping().seal(INDEX_PLACE, index.bytes())?;
    let store = random::<16>()?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    for schema in ["main", "keys"] {
        put(&transaction, schema, "format", &FORMAT.to_be_bytes())?;
        put(&transaction, schema, "store", store.as_ref())?;
    }
    put(&transaction, "keys", "master", master.id.as_bytes())?;
    put(&transaction, "keys", "index", &sealed)?;
    Ok(transaction.commit()?)
}

/// What the key of the index is sealed to.
pub(crate) const INDEX_PLACE: &str = "the key of the index";

pub(crate) fn put(
    connection: &Connection,
    schema: &str,
    name: &str,
    value: &[u8],
) -> Result<(), PersonsError> {
    let sql = format!("INSERT OR REPLACE INTO {schema}.meta (name, value) VALUES (?1, ?2)");
    connection.execute(&sql, params![name, value])?;
    Ok(())
}

fn meta(connection: &Connection, schema: &str, name: &str) -> Result<Vec<u8>, PersonsError> {
    let sql = format!("SELECT value FROM {schema}.meta WHERE name = ?1");
    let found = connection
        .query_row(&sql, params![name], |row| row.get(0))
        .optional()?;
    found.ok_or_else(|| PersonsError::Damaged {
        what: format!("the {name} of the {schema} file"),
    })
}

fn check_pair(connection: &Connection, folder: &Path) -> Result<(), PersonsError> {
    for schema in ["main", "keys"] {
        let format = meta(connection, schema, "format")?;
        let found = format.try_into().map_or(0, u32::from_be_bytes);
        if found > FORMAT {
            return Err(PersonsError::Newer {
                found,
                known: FORMAT,
            });
        }
    }
    if meta(connection, "main", "store")? != meta(connection, "keys", "store")? {
        return Err(PersonsError::Mismatch(folder.to_owned()));
    }
    Ok(())
}

fn unwrap_keys(
    connection: &Connection,
    masters: &MasterKeys,
) -> Result<(MasterId, SealKey, SealKey), PersonsError> {
    let damaged = || PersonsError::Damaged {
        what: INDEX_PLACE.to_owned(),
    };
    let id = MasterId::of_bytes(&meta(connection, "keys", "master")?).ok_or_else(damaged)?;
    let wrapping = masters.find(id)?.wrapping();
    let opened = wrapping.open(INDEX_PLACE, &meta(connection, "keys", "index")?)?;
    let index = SealKey::of(&opened).ok_or_else(damaged)?;
    Ok((id, wrapping, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c17_both_files_are_kept_with_full_durability_and_overwrite_what_is_deleted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let masters = MasterKeys::parse(&("pmk_".to_owned() + &"07".repeat(32))).unwrap();
        let opened = open(folder.path(), &masters).unwrap();
        for schema in ["main", "keys"] {
            let number = |pragma: &str| -> i64 {
                let ask = format!("PRAGMA {schema}.{pragma}");
                opened
                    .connection
                    .query_row(&ask, [], |row| row.get(0))
                    .unwrap()
            };
            assert_eq!(number("synchronous"), 3, "EXTRA, in {schema}");
            assert_eq!(number("secure_delete"), 1, "in {schema}");
            let journal: String = opened
                .connection
                .query_row(&format!("PRAGMA {schema}.journal_mode"), [], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!(
                journal, "delete",
                "commits of two files are atomic, in {schema}"
            );
        }
        for name in ["persons.sqlite", "person-keys.sqlite"] {
            let about = std::fs::metadata(folder.path().join(name)).unwrap();
            assert_eq!(about.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }
}
