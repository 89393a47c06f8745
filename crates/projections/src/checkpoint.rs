//! The checkpoint: how far, in which store. Written in the transaction of the rows it speaks of.

use std::path::Path;

use event_store::{EventStore, Position, StoreId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::ReadModelError;
use crate::sql::open_reader;

/// A stored checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    store: String,
    epoch: i64,
    /// Position of the newest event folded.
    pub(crate) position: Option<Position>,
    /// Events folded so far.
    pub(crate) events: u64,
}

/// Newest position that a read model's file has seen, before any store is opened: a witness of what was
/// durable. `None` where there is no file yet, or nothing in it.
///
/// # Errors
/// When there is a file that cannot be read.
pub fn stored_position(path: &Path) -> Result<Option<Position>, ReadModelError> {
    if !path.exists() {
        return Ok(None);
    }
    let conn = open_reader(path)?;
    Ok(Checkpoint::read(&conn)?.and_then(|checkpoint| checkpoint.position))
}

impl Checkpoint {
    pub(crate) fn new(store: StoreId, position: Option<Position>, events: u64) -> Self {
        let epoch = integer(store.epoch);
        Self {
            store: store.id.to_string(),
            epoch,
            position,
            events,
        }
    }

    pub(crate) fn read(conn: &Connection) -> Result<Option<Self>, ReadModelError> {
        conn.query_row(
            "SELECT store, epoch, commit_position, prepare_position, events FROM checkpoint",
            [],
            |row| {
                let commit: Option<i64> = row.get(2)?;
                let prepare: Option<i64> = row.get(3)?;
                let position = commit.zip(prepare).map(|(commit, prepare)| Position {
                    commit: natural(commit),
                    prepare: natural(prepare),
                });
                Ok(Self {
                    store: row.get(0)?,
                    epoch: row.get(1)?,
                    position,
                    events: natural(row.get(4)?),
                })
            },
        )
        .optional()
        .map_err(ReadModelError::sql("reading the checkpoint"))
    }

    /// Refuses a checkpoint of another store or epoch, or beyond the store's end.
    pub(crate) async fn check(&self, store: &dyn EventStore) -> Result<(), ReadModelError> {
        let id = store.store_id();
        if self.store != id.id.to_string() {
            return Err(ReadModelError::OtherStore {
                found: self.store.clone(),
                wanted: id.id.to_string(),
            });
        }
        if self.epoch != integer(id.epoch) {
            return Err(ReadModelError::OtherEpoch {
                found: natural(self.epoch),
                wanted: id.epoch,
            });
        }
        let tail = store.tail().await?;
        if self.position > tail {
            return Err(ReadModelError::BeyondTail {
                checkpoint: self.position,
                tail,
            });
        }
        Ok(())
    }

    /// Moves the checkpoint from `self` to `next`; `false` when it does not stand at `self`: another
    /// process writes this file.
    pub(crate) fn advance(&self, tx: &Transaction<'_>, next: &Self) -> rusqlite::Result<bool> {
        let (commit, prepare) = columns(next.position);
        let (old_commit, old_prepare) = columns(self.position);
        let changed = tx
            .prepare_cached(
                "UPDATE checkpoint SET commit_position = ?1, prepare_position = ?2, events = ?3
                 WHERE store = ?4 AND epoch = ?5 AND commit_position IS ?6 AND prepare_position IS ?7",
            )?
            .execute(params![
                commit,
                prepare,
                integer(next.events),
                self.store,
                self.epoch,
                old_commit,
                old_prepare
            ])?;
        Ok(changed == 1)
    }

    /// The first checkpoint of a fresh file.
    pub(crate) fn insert(&self, conn: &Connection) -> rusqlite::Result<()> {
        let (commit, prepare) = columns(self.position);
        conn.execute(
            "INSERT INTO checkpoint VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                self.store,
                self.epoch,
                commit,
                prepare,
                integer(self.events)
            ],
        )?;
        Ok(())
    }
}

fn columns(position: Option<Position>) -> (Option<i64>, Option<i64>) {
    (
        position.map(|p| integer(p.commit)),
        position.map(|p| integer(p.prepare)),
    )
}

/// SQLite's integers are signed; positions and epochs stay far below their half.
fn integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn natural(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
