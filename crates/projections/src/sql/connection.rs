//! Opening the read model's file: one writer in WAL mode, readers beside it that never block it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::ReadModelError;

/// How long a connection waits for another's lock. Writers hold it for one batch; a second is far more.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);

/// Prepared statements kept by a connection: every statement of this crate, with room.
const STATEMENTS_CACHED_MAX: usize = 128;

/// Where rows live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a file.
    File(PathBuf),
    /// In memory, gone with the connection.
    Memory,
}

/// The writing connection. Power cuts may lose the newest batches, never half of one: what is lost is
/// folded again from the log.
pub(crate) fn open_writer(place: &Place) -> Result<Connection, ReadModelError> {
    let opened = match place {
        Place::File(path) => Connection::open(path),
        Place::Memory => Connection::open_in_memory(),
    };
    let conn = opened.map_err(ReadModelError::sql(format!("opening {place:?}")))?;
    prepare(&conn)
        .and_then(|()| {
            conn.pragma_update(None, "journal_mode", "WAL")?;
            conn.pragma_update(None, "synchronous", "NORMAL")?;
            conn.pragma_update(None, "cache_size", -131_072)
        })
        .map_err(ReadModelError::sql("setting up the writing connection"))?;
    Ok(conn)
}

/// A reading connection.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, ReadModelError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(ReadModelError::sql(format!(
        "opening {} for reading",
        path.display()
    )))?;
    prepare(&conn)
        .and_then(|()| conn.pragma_update(None, "mmap_size", 268_435_456))
        .map_err(ReadModelError::sql("setting up a reading connection"))?;
    Ok(conn)
}

fn prepare(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(LOCK_WAIT_MAX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
    conn.pragma_update(None, "temp_store", "MEMORY")
}

/// Removes what SQLite keeps beside a file that is no longer open.
pub(crate) fn remove_sidecars(path: &Path) -> Result<(), ReadModelError> {
    for suffix in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let beside = PathBuf::from(name);
        match std::fs::remove_file(&beside) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let doing = format!("removing {}", beside.display());
                return Err(ReadModelError::File {
                    doing,
                    reason: error.to_string(),
                });
            }
        }
    }
    Ok(())
}
