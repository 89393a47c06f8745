//! Complaints (E16): where each stands, and every step that was taken.

use ledger_core::complaint::{ComplaintKind, ComplaintStage, next};
use ledger_core::event::ComplaintEvent;
use ledger_core::ids::{AccountId, ComplaintId, OpaqueRef};
use ledger_core::time::{LocalDate, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;

use crate::error::FoldError;
use crate::sheet::Part;
use crate::sql::{Cells, Table};

pub(crate) const TABLE: Table = Table {
    projection: "complaints",
    version: 1,
    create: "
CREATE TABLE complaints (
  complaint TEXT PRIMARY KEY,
  kind TEXT NOT NULL, account TEXT, document TEXT NOT NULL,
  stage TEXT NOT NULL, day TEXT NOT NULL, steps INTEGER NOT NULL,
  recorded_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, rectified_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX complaints_by_day ON complaints (day, recorded_ms);
CREATE INDEX complaints_by_stage ON complaints (stage, recorded_ms);
CREATE TABLE complaint_steps (
  complaint TEXT NOT NULL, step INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, day TEXT NOT NULL, what TEXT NOT NULL,
  PRIMARY KEY (complaint, step)
) STRICT, WITHOUT ROWID;
",
    digests: &[
        "SELECT ifnull(c.account, ''), c.* FROM complaints c ORDER BY c.complaint",
        "SELECT '', s.* FROM complaint_steps s ORDER BY s.complaint, s.step",
    ],
};

#[derive(Debug, Clone)]
struct Row {
    kind: ComplaintKind,
    account: Option<AccountId>,
    document: OpaqueRef,
    stage: ComplaintStage,
    day: LocalDate,
    steps: u32,
    recorded: Timestamp,
    changed: Timestamp,
    rectified: Option<Timestamp>,
}

/// A step that waits to be written.
struct Action {
    complaint: ComplaintId,
    step: u32,
    at: Timestamp,
    day: LocalDate,
    what: String,
}

/// Rows that wait to be written.
#[derive(Default)]
pub(crate) struct Complaints {
    rows: FxHashMap<ComplaintId, Part<Row>>,
    actions: Vec<Action>,
}

impl Complaints {
    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        id: &ComplaintId,
        at: Timestamp,
        event: &ComplaintEvent,
    ) -> Result<(), FoldError> {
        let wrong = || FoldError::Contradiction(format!("complaint {id} goes on without a way"));
        if let ComplaintEvent::Recorded(e) = event {
            let row = Row {
                kind: e.k,
                account: e.account.clone(),
                document: e.doc.clone(),
                stage: ComplaintStage::Recorded,
                day: e.d,
                steps: 0,
                recorded: at,
                changed: at,
                rectified: None,
            };
            self.rows.insert(id.clone(), Part::fresh(row));
            return Ok(());
        }
        if !self.rows.contains_key(id)
            && let Some(row) = load(conn, id)?
        {
            self.rows.insert(id.clone(), Part::stored(row));
        }
        let row = self.rows.get_mut(id).map(Part::edit).ok_or_else(wrong)?;
        let (_, to) = next(row.stage, event.step()).ok_or_else(wrong)?;
        row.stage = to;
        row.changed = at;
        row.steps += 1;
        row.rectified = (to == ComplaintStage::Rectified).then_some(at);
        let (ComplaintEvent::ActedOn(e) | ComplaintEvent::Rectified(e)) = event else {
            return Ok(());
        };
        self.actions.push(Action {
            complaint: id.clone(),
            step: row.steps,
            at,
            day: e.d,
            what: e.why.clone(),
        });
        Ok(())
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.rows.len() + self.actions.len()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "INSERT OR REPLACE INTO complaints VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
        )?;
        for (id, mut part) in self.rows.drain() {
            let Some(row) = part.take_changed() else {
                continue;
            };
            statement.execute(params![
                id.as_str(),
                row.kind.code(),
                row.account.as_ref().map(AccountId::as_str),
                row.document.as_str(),
                row.stage.code(),
                row.day.to_string(),
                row.steps,
                row.recorded.as_millis(),
                row.changed.as_millis(),
                row.rectified.map(Timestamp::as_millis),
            ])?;
        }
        let mut statement =
            tx.prepare_cached("INSERT INTO complaint_steps VALUES (?1,?2,?3,?4,?5)")?;
        for action in self.actions.drain(..) {
            statement.execute(params![
                action.complaint.as_str(),
                action.step,
                action.at.as_millis(),
                action.day.to_string(),
                action.what,
            ])?;
        }
        Ok(())
    }
}

/// Reads a kind's word.
pub(crate) fn kind(cells: &mut Cells<'_, '_>) -> rusqlite::Result<ComplaintKind> {
    let text: String = cells.get()?;
    ComplaintKind::parse(&text).ok_or_else(|| cells.bad(Type::Text, "not a kind of complaint"))
}

/// Reads a stage's word.
pub(crate) fn stage(cells: &mut Cells<'_, '_>) -> rusqlite::Result<ComplaintStage> {
    let text: String = cells.get()?;
    ComplaintStage::parse(&text).ok_or_else(|| cells.bad(Type::Text, "not a stage of a complaint"))
}

fn load(conn: &Connection, id: &ComplaintId) -> rusqlite::Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT kind, account, document, stage, day, steps, recorded_ms, changed_ms, rectified_ms
         FROM complaints WHERE complaint = ?1",
    )?
    .query_row([id.as_str()], |row| {
        let mut cells = Cells::of(row);
        Ok(Row {
            kind: kind(&mut cells)?,
            account: cells.name_opt(AccountId::parse)?,
            document: cells.name(OpaqueRef::parse)?,
            stage: stage(&mut cells)?,
            day: cells.date()?,
            steps: cells.count32()?,
            recorded: cells.time()?,
            changed: cells.time()?,
            rectified: cells.time_opt()?,
        })
    })
    .optional()
}
