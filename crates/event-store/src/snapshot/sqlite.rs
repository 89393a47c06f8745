//! Snapshots in one SQLite file, written by one thread of its own and read by another, so that neither
//! ever stands in the way of an answer.
//!
//! WAL and `synchronous=OFF`: a power cut may lose or spoil the file, and that is allowed, because every
//! snapshot carries a digest and the file may be deleted at any time. A file that cannot be used is put
//! away and begun anew.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt, ready};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Snapshot, SnapshotAt, SnapshotStore};
use crate::port::{StoreId, StreamName};

/// Snapshots waiting to be written; more are dropped, since the next one of the account will do.
const SAVES_WAITING_MAX: usize = 4_096;

/// Snapshots written in one transaction: amortises the commit, bounds the time it holds the file.
const SAVES_PER_TRANSACTION: usize = 512;

/// How long a connection waits for the other one's lock, milliseconds.
const LOCK_WAIT_MS: u64 = 5_000;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS snapshots (
    stream TEXT PRIMARY KEY,
    store_id BLOB NOT NULL,
    store_epoch INTEGER NOT NULL,
    schema BLOB NOT NULL,
    revision INTEGER NOT NULL,
    event BLOB NOT NULL,
    state BLOB NOT NULL,
    digest BLOB NOT NULL
) WITHOUT ROWID";

const SAVE: &str = "INSERT OR REPLACE INTO snapshots
    (stream, store_id, store_epoch, schema, revision, event, state, digest)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const LOAD: &str = "SELECT store_id, store_epoch, schema, revision, event, state, digest FROM snapshots WHERE stream = ?1";

/// The snapshot file could not be opened, also not after it was begun anew.
#[derive(Debug, thiserror::Error)]
#[error(
    "snapshot file {path} cannot be used: {source}; check the directory's permissions and free space"
)]
pub struct SnapshotFileError {
    path: PathBuf,
    source: rusqlite::Error,
}

enum Save {
    Snapshot(Box<Snapshot>),
    Flushed(oneshot::Sender<()>),
}

struct Load {
    stream: StreamName,
    reply: oneshot::Sender<Option<Snapshot>>,
}

/// One SQLite file of snapshots.
pub struct SqliteSnapshots {
    saves: Option<SyncSender<Save>>,
    loads: Option<Sender<Load>>,
    threads: Vec<JoinHandle<()>>,
}

impl SqliteSnapshots {
    /// Opens or creates the file and starts its two threads. A file that SQLite cannot use is renamed to
    /// `….damaged` and begun anew.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn open(path: &Path) -> Result<Self, SnapshotFileError> {
        let fail = |source| SnapshotFileError {
            path: path.to_owned(),
            source,
        };
        let writer = match connect(path) {
            Ok(connection) => connection,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "snapshot file put away and begun anew");
                put_away(path);
                connect(path).map_err(fail)?
            }
        };
        let reader = connect(path).map_err(fail)?;
        let (saves, saves_in) = sync_channel(SAVES_WAITING_MAX);
        let (loads, loads_in) = channel();
        let threads = vec![
            std::thread::spawn(move || write_all(writer, &saves_in)),
            std::thread::spawn(move || read_all(&reader, &loads_in)),
        ];
        Ok(Self {
            saves: Some(saves),
            loads: Some(loads),
            threads,
        })
    }
}

impl Drop for SqliteSnapshots {
    fn drop(&mut self) {
        self.saves = None;
        self.loads = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a snapshot thread ended by panic");
            }
        }
    }
}

impl SnapshotStore for SqliteSnapshots {
    fn load(&self, stream: &StreamName) -> BoxFuture<'static, Option<Snapshot>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.loads.as_ref().is_some_and(|loads| {
            loads
                .send(Load {
                    stream: stream.clone(),
                    reply,
                })
                .is_ok()
        });
        if sent {
            answer.map(Result::unwrap_or_default).boxed()
        } else {
            ready(None).boxed()
        }
    }

    fn save(&self, snapshot: Snapshot) {
        let Some(saves) = &self.saves else { return };
        match saves.try_send(Save::Snapshot(Box::new(snapshot))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::debug!("snapshot dropped: the writer is behind"),
            Err(TrySendError::Disconnected(_)) => {
                tracing::warn!("snapshot dropped: the writer has ended");
            }
        }
    }

    fn flush(&self) -> BoxFuture<'static, ()> {
        let Some(saves) = self.saves.clone() else {
            return ready(()).boxed();
        };
        let (reply, answer) = oneshot::channel();
        async move {
            let mut message = Save::Flushed(reply);
            // The writer may be behind; its queue is bounded, so room comes soon or the writer has ended.
            while let Err(error) = saves.try_send(message) {
                message = match error {
                    TrySendError::Full(back) => back,
                    TrySendError::Disconnected(_) => return,
                };
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(answer.await);
        }
        .boxed()
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_millis(LOCK_WAIT_MS))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.execute(SCHEMA, [])?;
    // Fails now, not later, when an older layout or a spoilt page is in the way.
    connection
        .prepare_cached(LOAD)?
        .query_row(params![""], |_| Ok(()))
        .optional()?;
    connection.prepare_cached(SAVE)?;
    Ok(connection)
}

fn put_away(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut from = path.as_os_str().to_owned();
        from.push(suffix);
        let mut to = from.clone();
        to.push(".damaged");
        if let Err(error) = std::fs::rename(&from, &to) {
            tracing::debug!(path = %PathBuf::from(from).display(), %error, "nothing to put away");
        }
    }
}

fn write_all(mut connection: Connection, saves: &Receiver<Save>) {
    while let Ok(first) = saves.recv() {
        let mut flushed = Vec::new();
        let more = saves.try_iter().take(SAVES_PER_TRANSACTION - 1);
        if let Err(error) = write_some(
            &mut connection,
            std::iter::once(first).chain(more),
            &mut flushed,
        ) {
            tracing::warn!(%error, "snapshots not written; accounts will be folded from the log instead");
        }
        for reply in flushed {
            // Whoever asked may have gone away.
            let _ = reply.send(());
        }
    }
}

fn write_some(
    connection: &mut Connection,
    saves: impl Iterator<Item = Save>,
    flushed: &mut Vec<oneshot::Sender<()>>,
) -> Result<(), rusqlite::Error> {
    let saves: Vec<Save> = saves.collect();
    let mut snapshots = Vec::with_capacity(saves.len());
    for save in saves {
        match save {
            Save::Snapshot(snapshot) => snapshots.push(snapshot),
            Save::Flushed(reply) => flushed.push(reply),
        }
    }
    if snapshots.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    {
        let mut statement = transaction.prepare_cached(SAVE)?;
        for Snapshot { at, state, digest } in snapshots.iter().map(AsRef::as_ref) {
            statement.execute(params![
                at.stream.as_str(),
                at.store.id.as_bytes(),
                at.store.epoch.cast_signed(),
                at.schema,
                at.revision.cast_signed(),
                at.event.as_bytes(),
                state.as_ref(),
                digest,
            ])?;
        }
    }
    transaction.commit()
}

fn read_all(connection: &Connection, loads: &Receiver<Load>) {
    while let Ok(Load { stream, reply }) = loads.recv() {
        let found = read_one(connection, &stream).unwrap_or_else(|error| {
            tracing::warn!(%stream, %error, "snapshot not read; the account is folded from the log instead");
            None
        });
        // Whoever asked may have gone away.
        drop(reply.send(found));
    }
}

fn read_one(
    connection: &Connection,
    stream: &StreamName,
) -> Result<Option<Snapshot>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(LOAD)?;
    statement
        .query_row(params![stream.as_str()], |row| {
            let at = SnapshotAt {
                store: StoreId {
                    id: Uuid::from_bytes(row.get(0)?),
                    epoch: row.get::<_, i64>(1)?.cast_unsigned(),
                },
                schema: row.get(2)?,
                stream: stream.clone(),
                revision: row.get::<_, i64>(3)?.cast_unsigned(),
                event: Uuid::from_bytes(row.get(4)?),
            };
            Ok(Snapshot {
                at,
                state: Bytes::from(row.get::<_, Vec<u8>>(5)?),
                digest: row.get(6)?,
            })
        })
        .optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(revision: u64) -> Snapshot {
        let at = SnapshotAt {
            store: StoreId {
                id: Uuid::from_u128(7),
                epoch: u64::MAX,
            },
            schema: [3; 32],
            stream: StreamName::new("account-1").unwrap(),
            revision,
            event: Uuid::from_u128(9),
        };
        Snapshot::seal(at, Bytes::from_static(b"state"))
    }

    #[tokio::test]
    async fn the_newest_snapshot_of_a_stream_comes_back_also_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshots.db");
        let store = SqliteSnapshots::open(&path).unwrap();
        store.save(sample(1));
        store.save(sample(2));
        store.flush().await;
        assert_eq!(store.load(&sample(2).at.stream).await, Some(sample(2)));
        drop(store);
        let store = SqliteSnapshots::open(&path).unwrap();
        assert_eq!(store.load(&sample(2).at.stream).await, Some(sample(2)));
        assert_eq!(
            store.load(&StreamName::new("account-2").unwrap()).await,
            None
        );
    }

    #[tokio::test]
    async fn a_spoilt_file_is_put_away_and_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshots.db");
        std::fs::write(&path, vec![0xA5; 8192]).unwrap();
        let store = SqliteSnapshots::open(&path).unwrap();
        store.save(sample(5));
        store.flush().await;
        assert_eq!(store.load(&sample(5).at.stream).await, Some(sample(5)));
        assert!(
            dir.path().join("snapshots.db.damaged").exists(),
            "the old file is kept for a look"
        );
    }

    #[test]
    fn a_snapshot_is_refused_when_anything_it_stands_on_differs() {
        let good = sample(4);
        let (store, schema, stream) = (good.at.store, good.at.schema, good.at.stream.clone());
        assert_eq!(good.check(store, &schema, &stream), Ok(()));
        assert!(
            good.check(StoreId { epoch: 1, ..store }, &schema, &stream)
                .is_err()
        );
        assert!(good.check(store, &[4; 32], &stream).is_err());
        assert!(
            good.check(store, &schema, &StreamName::new("account-2").unwrap())
                .is_err()
        );
        let mut spoilt = good.clone();
        spoilt.state = Bytes::from_static(b"stbte");
        assert!(spoilt.check(store, &schema, &stream).is_err());
        let mut moved = good;
        moved.at.revision = 5;
        assert!(
            moved.check(store, &schema, &stream).is_err(),
            "the digest covers the revision"
        );
    }
}
