//! Work orders (U16): where each swap stands, its appointment, what it found.

use ledger_core::event::{Obstacle, PaidBefore, WorkOrderEvent, WorkOrderIssued};
use ledger_core::ids::{AccountId, MeterNumber, OpaqueRef, WorkOrderId};
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use ledger_core::workorder::{Stage, Step, next};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;

use crate::error::FoldError;
use crate::sheet::Part;
use crate::sql::{Cells, Table};

pub(crate) const TABLE: Table = Table {
    projection: "work_orders",
    version: 1,
    create: "
CREATE TABLE work_orders (
  work_order TEXT PRIMARY KEY,
  account TEXT NOT NULL, utility TEXT NOT NULL,
  paid_before TEXT NOT NULL, old_account TEXT NOT NULL, old_meter TEXT NOT NULL, installer TEXT,
  stage TEXT NOT NULL, appointment_ms INTEGER, appointment_day TEXT,
  prevented INTEGER NOT NULL, obstacle TEXT,
  meter TEXT, photo TEXT, document TEXT,
  issued_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX work_orders_by_stage ON work_orders (stage, appointment_ms);
CREATE INDEX work_orders_by_account ON work_orders (account);
",
    digests: &["SELECT w.account, w.* FROM work_orders w ORDER BY w.work_order"],
};

#[derive(Debug, Clone)]
struct Row {
    account: AccountId,
    utility: Utility,
    before: PaidBefore,
    old_account: OpaqueRef,
    old_meter: OpaqueRef,
    installer: Option<OpaqueRef>,
    stage: Stage,
    appointment: Option<(Timestamp, LocalDate)>,
    prevented: u32,
    obstacle: Option<Obstacle>,
    meter: Option<MeterNumber>,
    photo: Option<OpaqueRef>,
    document: Option<OpaqueRef>,
    issued: Timestamp,
    changed: Timestamp,
}

impl Row {
    fn issued(e: &WorkOrderIssued, at: Timestamp) -> Self {
        Self {
            account: e.account.clone(),
            utility: e.u,
            before: e.before,
            old_account: e.from.clone(),
            old_meter: e.old.clone(),
            installer: e.to.clone(),
            stage: Stage::Open,
            appointment: None,
            prevented: 0,
            obstacle: None,
            meter: None,
            photo: None,
            document: None,
            issued: at,
            changed: at,
        }
    }

    fn fold(&mut self, event: &WorkOrderEvent) -> Step {
        match event {
            WorkOrderEvent::Issued(_) => Step::Issue,
            WorkOrderEvent::Appointed(e) => {
                self.appointment = Some((e.t, e.d));
                Step::Appoint
            }
            WorkOrderEvent::AppointmentMoved(e) => {
                self.appointment = Some((e.t, e.d));
                Step::Move
            }
            WorkOrderEvent::Prevented(e) => {
                self.appointment = None;
                self.prevented += 1;
                self.obstacle = Some(e.why);
                Step::Prevent
            }
            WorkOrderEvent::OldMeterRead(e) => {
                self.photo = Some(e.photo.clone());
                Step::Read
            }
            WorkOrderEvent::NewMeterInstalled(e) => {
                self.meter = Some(e.m.clone());
                Step::Install
            }
            WorkOrderEvent::NewMeterActivated(_) => Step::Activate,
            WorkOrderEvent::OldAccountSettled(_) => Step::Settle,
            WorkOrderEvent::OldMeterReturned(e) => {
                self.document = Some(e.doc.clone());
                Step::Return
            }
            WorkOrderEvent::Cancelled(_) => Step::Cancel,
        }
    }
}

/// Rows that wait to be written.
#[derive(Default)]
pub(crate) struct WorkOrders {
    rows: FxHashMap<WorkOrderId, Part<Row>>,
}

impl WorkOrders {
    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        id: &WorkOrderId,
        at: Timestamp,
        event: &WorkOrderEvent,
    ) -> Result<(), FoldError> {
        if let WorkOrderEvent::Issued(e) = event {
            self.rows
                .insert(id.clone(), Part::fresh(Row::issued(e, at)));
            return Ok(());
        }
        if !self.rows.contains_key(id)
            && let Some(row) = load(conn, id)?
        {
            self.rows.insert(id.clone(), Part::stored(row));
        }
        let wrong = || FoldError::Contradiction(format!("work order {id} goes on without a way"));
        let row = self.rows.get_mut(id).map(Part::edit).ok_or_else(wrong)?;
        let step = row.fold(event);
        row.stage = next(row.stage, step).ok_or_else(wrong)?;
        row.changed = at;
        Ok(())
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "INSERT OR REPLACE INTO work_orders
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
        )?;
        for (id, mut part) in self.rows.drain() {
            let Some(row) = part.take_changed() else {
                continue;
            };
            statement.execute(params![
                id.as_str(),
                row.account.as_str(),
                row.utility.code(),
                before_code(row.before),
                row.old_account.as_str(),
                row.old_meter.as_str(),
                row.installer.as_ref().map(OpaqueRef::as_str),
                row.stage.code(),
                row.appointment.map(|(at, _)| at.as_millis()),
                row.appointment.map(|(_, day)| day.to_string()),
                row.prevented,
                row.obstacle.map(obstacle_code),
                row.meter.as_ref().map(MeterNumber::as_str),
                row.photo.as_ref().map(OpaqueRef::as_str),
                row.document.as_ref().map(OpaqueRef::as_str),
                row.issued.as_millis(),
                row.changed.as_millis(),
            ])?;
        }
        Ok(())
    }
}

/// The stable word of how an old meter was paid for.
pub(crate) const fn before_code(before: PaidBefore) -> &'static str {
    match before {
        PaidBefore::Prepaid => "prepaid",
        PaidBefore::Postpaid => "postpaid",
    }
}

/// The stable word of an obstacle.
pub(crate) const fn obstacle_code(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::NoCoverage => "no-coverage",
        Obstacle::Rain => "rain",
        Obstacle::Flood => "flood",
        Obstacle::NobodyHome => "nobody-home",
    }
}

/// Reads a stage's word.
pub(crate) fn stage(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Stage> {
    let text: String = cells.get()?;
    Stage::parse(&text).ok_or_else(|| cells.bad(Type::Text, "not a stage of a work order"))
}

/// Reads how an old meter was paid for.
pub(crate) fn before(cells: &mut Cells<'_, '_>) -> rusqlite::Result<PaidBefore> {
    let text: String = cells.get()?;
    [PaidBefore::Prepaid, PaidBefore::Postpaid]
        .into_iter()
        .find(|before| before_code(*before) == text)
        .ok_or_else(|| cells.bad(Type::Text, "neither prepaid nor postpaid"))
}

/// Reads an obstacle's word.
pub(crate) fn obstacle(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Option<Obstacle>> {
    let text: Option<String> = cells.get()?;
    let all = [
        Obstacle::NoCoverage,
        Obstacle::Rain,
        Obstacle::Flood,
        Obstacle::NobodyHome,
    ];
    text.map(|text| {
        all.into_iter()
            .find(|obstacle| obstacle_code(*obstacle) == text)
            .ok_or_else(|| cells.bad(Type::Text, "not an obstacle"))
    })
    .transpose()
}

fn load(conn: &Connection, id: &WorkOrderId) -> rusqlite::Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT account, utility, paid_before, old_account, old_meter, installer, stage, appointment_ms,
                appointment_day, prevented, obstacle, meter, photo, document, issued_ms, changed_ms
         FROM work_orders WHERE work_order = ?1",
    )?
    .query_row([id.as_str()], |row| {
        let mut cells = Cells::of(row);
        Ok(Row {
            account: cells.name(AccountId::parse)?,
            utility: cells.utility()?,
            before: before(&mut cells)?,
            old_account: cells.name(OpaqueRef::parse)?,
            old_meter: cells.name(OpaqueRef::parse)?,
            installer: cells.name_opt(OpaqueRef::parse)?,
            stage: stage(&mut cells)?,
            appointment: cells.time_opt()?.zip(cells.date_opt()?),
            prevented: cells.count32()?,
            obstacle: obstacle(&mut cells)?,
            meter: cells.name_opt(MeterNumber::parse)?,
            photo: cells.name_opt(OpaqueRef::parse)?,
            document: cells.name_opt(OpaqueRef::parse)?,
            issued: cells.time()?,
            changed: cells.time()?,
        })
    })
    .optional()
}
