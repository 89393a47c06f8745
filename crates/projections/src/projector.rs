//! The writing side: folds facts and commits rows together with the checkpoint.

use std::panic::{AssertUnwindSafe, catch_unwind};

use event_store::{EventStore, Position, StoreId};
use rusqlite::Connection;

use crate::checkpoint::Checkpoint;
use crate::error::{ReadModelError, Stopped};
use crate::fact::Fact;
use crate::fold::Fold;
use crate::sql::{Place, check_schema, create_schema, open_writer};

/// Events between commits while catching up: fewer commits write each row less often; a crash folds at
/// most these again.
const EVENTS_PER_COMMIT_MAX: u64 = 1_000_000;

/// Changed accounts, receipts and the like between commits: bounds memory and the WAL to some 500 MiB.
const CHANGED_PER_COMMIT_MAX: usize = 200_000;

/// One database, being written.
pub(crate) struct Projector {
    conn: Connection,
    fold: Fold,
    checkpoint: Checkpoint,
    store: StoreId,
}

impl Projector {
    /// Opens a database, or makes it, and checks that it belongs to this store.
    ///
    /// # Errors
    /// When it is of another store, epoch or schema version, lies beyond the store's end, or cannot be
    /// opened.
    pub(crate) async fn open(
        place: &Place,
        store: &dyn EventStore,
    ) -> Result<Self, ReadModelError> {
        let projector = Self::open_unchecked(place, store.store_id())?;
        projector.checkpoint.check(store).await?;
        Ok(projector)
    }

    fn open_unchecked(place: &Place, store: StoreId) -> Result<Self, ReadModelError> {
        let mut conn = open_writer(place)?;
        create_schema(&mut conn)?;
        check_schema(&conn)?;
        let checkpoint = match Checkpoint::read(&conn)? {
            Some(checkpoint) => checkpoint,
            None => {
                let first = Checkpoint::new(store, None, 0);
                first
                    .insert(&conn)
                    .map_err(ReadModelError::sql("writing the first checkpoint"))?;
                first
            }
        };
        let fold = Fold::load(&conn, checkpoint.position, checkpoint.events)
            .map_err(ReadModelError::sql("loading the projections"))?;
        Ok(Self {
            conn,
            fold,
            checkpoint,
            store,
        })
    }

    /// Position of the newest committed event.
    pub(crate) fn position(&self) -> Option<Position> {
        self.checkpoint.position
    }

    /// Committed events.
    pub(crate) fn events(&self) -> u64 {
        self.checkpoint.events
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    /// Folds an event in memory.
    ///
    /// # Errors
    /// When it cannot be folded; then nothing may be committed any more.
    pub(crate) fn apply(&mut self, fact: &Fact) -> Result<(), Stopped> {
        let stopped = |reason: String| Stopped {
            position: fact.position,
            kind: fact.kind.to_owned(),
            reason,
        };
        // A fact that breaks an invariant of the core stops the fold, with its position, not the process.
        match catch_unwind(AssertUnwindSafe(|| self.fold.apply(&self.conn, fact))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(stopped(error.to_string())),
            Err(panic) => {
                let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
                Err(stopped(
                    said.unwrap_or_else(|| "an invariant does not hold".to_owned()),
                ))
            }
        }
    }

    /// Whether enough waits that it should be committed although more is coming.
    pub(crate) fn is_full(&self) -> bool {
        self.fold.events() - self.checkpoint.events >= EVENTS_PER_COMMIT_MAX
            || self.fold.waiting() >= CHANGED_PER_COMMIT_MAX
    }

    /// Writes every changed row and the checkpoint, whole or not at all.
    ///
    /// # Errors
    /// When another process writes the same database, or SQLite refuses.
    pub(crate) fn commit(&mut self) -> Result<(), ReadModelError> {
        if self.fold.position() == self.checkpoint.position {
            return Ok(());
        }
        let next = Checkpoint::new(self.store, self.fold.position(), self.fold.events());
        let doing = "committing rows and checkpoint";
        let tx = self
            .conn
            .transaction()
            .map_err(ReadModelError::sql(doing))?;
        if !self
            .checkpoint
            .advance(&tx, &next)
            .map_err(ReadModelError::sql(doing))?
        {
            return Err(ReadModelError::InUse);
        }
        self.fold.write(&tx).map_err(ReadModelError::sql(doing))?;
        tx.commit().map_err(ReadModelError::sql(doing))?;
        self.checkpoint = next;
        self.fold.trim();
        Ok(())
    }

    /// Makes the file whole by itself and closes it.
    pub(crate) fn close(self) -> Result<(), ReadModelError> {
        self.conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(ReadModelError::sql("emptying the write-ahead log"))?;
        self.conn
            .close()
            .map_err(|(_, error)| ReadModelError::sql("closing the database")(error))
    }
}
