//! Counts of the whole log: events by kind, readings by utility and class, deliveries.
//!
//! Accepted, conflicting, late and quarantined readings are counted from the accounts' own facts;
//! duplicate and refused ones leave no fact there and are counted from what the gateways received. What
//! the gateways say of the others stands beside, as a second witness.

use ledger_core::event::{AccountEvent, ReadingsReceived};
use ledger_core::utility::Utility;
use rusqlite::{Connection, Transaction, params};
use rustc_hash::FxHashMap;

use crate::fact::known_kind;
use crate::sheet::PerUtility;
use crate::sql::{Cells, Table, count};

pub(crate) const TABLE: Table = Table {
    projection: "counts",
    version: 1,
    create: "
CREATE TABLE event_counts (kind TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE reading_counts (
  utility TEXT PRIMARY KEY,
  accepted INTEGER NOT NULL, conflicting INTEGER NOT NULL, late INTEGER NOT NULL, quarantined INTEGER NOT NULL,
  duplicate INTEGER NOT NULL, refused INTEGER NOT NULL,
  received_accepted INTEGER NOT NULL, received_conflicting INTEGER NOT NULL,
  received_late INTEGER NOT NULL, received_quarantined INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL, undecodable INTEGER NOT NULL) STRICT;
",
    digests: &[
        "SELECT '', e.* FROM event_counts e ORDER BY e.kind",
        "SELECT '', r.* FROM reading_counts r ORDER BY r.utility",
        "SELECT '', d.* FROM deliveries d",
    ],
};

#[derive(Debug, Clone, Copy, Default)]
struct Readings {
    accepted: u64,
    conflicting: u64,
    late: u64,
    quarantined: u64,
    duplicate: u64,
    refused: u64,
    received_accepted: u64,
    received_conflicting: u64,
    received_late: u64,
    received_quarantined: u64,
}

/// All counts, in memory.
#[derive(Default)]
pub(crate) struct Counts {
    kinds: FxHashMap<&'static str, u64>,
    readings: PerUtility<Readings>,
    deliveries: u64,
    undecodable: u64,
}

impl Counts {
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut counts = Self::default();
        let mut statement = conn.prepare("SELECT kind, n FROM event_counts")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut cells = Cells::of(row);
            let kind: String = cells.get()?;
            let n = cells.count()?;
            // A kind of a newer version stops the fold at its event, so each stored kind is known.
            if let Some(known) = known_kind(&kind) {
                counts.kinds.insert(known, n);
            }
        }
        let mut statement = conn.prepare("SELECT * FROM reading_counts")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut cells = Cells::of(row);
            let utility = cells.utility()?;
            *counts.readings.of_mut(utility) = readings_of(&mut cells)?;
        }
        let mut statement = conn.prepare("SELECT n, undecodable FROM deliveries")?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            let mut cells = Cells::of(row);
            (counts.deliveries, counts.undecodable) = (cells.count()?, cells.count()?);
        }
        Ok(counts)
    }

    pub(crate) fn count_kind(&mut self, kind: &'static str) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events are no readings"
    )]
    pub(crate) fn fold(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::ConsumptionCharged(e) => self.readings.of_mut(e.u).accepted += 1,
            AccountEvent::ConflictingReadingKept(e) => self.readings.of_mut(e.u).conflicting += 1,
            AccountEvent::ConsumptionCorrected(e) => self.readings.of_mut(e.u).late += 1,
            AccountEvent::LateReadingKept(e) => self.readings.of_mut(e.u).late += 1,
            AccountEvent::ReadingQuarantined(e) => self.readings.of_mut(e.u).quarantined += 1,
            _ => {}
        }
    }

    pub(crate) fn fold_received(&mut self, e: &ReadingsReceived) {
        self.deliveries += 1;
        self.undecodable += e.bad;
        for n in &e.n {
            let row = self.readings.of_mut(n.u);
            row.duplicate += n.dup;
            row.refused += n.refu;
            row.received_accepted += n.acc;
            row.received_conflicting += n.con;
            row.received_late += n.late;
            row.received_quarantined += n.quar;
        }
    }

    /// A few dozen rows: all are written with every batch.
    pub(crate) fn write(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement =
            tx.prepare_cached("INSERT OR REPLACE INTO event_counts VALUES (?1,?2)")?;
        for (kind, n) in &self.kinds {
            statement.execute(params![kind, count(*n)])?;
        }
        let mut statement = tx.prepare_cached(
            "INSERT OR REPLACE INTO reading_counts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
        )?;
        for utility in Utility::ALL {
            let row = self.readings.of(utility);
            statement.execute(params![
                utility.code(),
                count(row.accepted),
                count(row.conflicting),
                count(row.late),
                count(row.quarantined),
                count(row.duplicate),
                count(row.refused),
                count(row.received_accepted),
                count(row.received_conflicting),
                count(row.received_late),
                count(row.received_quarantined),
            ])?;
        }
        tx.prepare_cached("INSERT OR REPLACE INTO deliveries VALUES (1,?1,?2)")?
            .execute(params![count(self.deliveries), count(self.undecodable)])?;
        Ok(())
    }
}

fn readings_of(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Readings> {
    Ok(Readings {
        accepted: cells.count()?,
        conflicting: cells.count()?,
        late: cells.count()?,
        quarantined: cells.count()?,
        duplicate: cells.count()?,
        refused: cells.count()?,
        received_accepted: cells.count()?,
        received_conflicting: cells.count()?,
        received_late: cells.count()?,
        received_quarantined: cells.count()?,
    })
}
