//! Work orders by stage, day and account (U16).

use ledger_core::event::{Obstacle, PaidBefore};
use ledger_core::ids::{AccountId, MeterNumber, OpaqueRef, WorkOrderId};
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use ledger_core::workorder::Stage;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::workorders::{before, obstacle, stage};
use crate::sql::Cells;

/// A work order as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkOrderView {
    /// Its id.
    pub work_order: WorkOrderId,
    /// Account that gets the new meter.
    pub account: AccountId,
    /// Utility.
    pub utility: Utility,
    /// How the old meter was paid for.
    pub before: PaidBefore,
    /// Old account.
    pub old_account: OpaqueRef,
    /// Old meter, as the older system names it.
    pub old_meter: OpaqueRef,
    /// Installer it is assigned to.
    pub installer: Option<OpaqueRef>,
    /// Where it stands.
    pub stage: Stage,
    /// When the installer comes or came.
    pub appointment: Option<Timestamp>,
    /// Local day of it.
    pub appointment_day: Option<LocalDate>,
    /// How often an installation was prevented.
    pub prevented: u32,
    /// What was in the way the last time.
    pub obstacle: Option<Obstacle>,
    /// New meter.
    pub meter: Option<MeterNumber>,
    /// Photograph of the old meter.
    pub photo: Option<OpaqueRef>,
    /// Goods return form.
    pub document: Option<OpaqueRef>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Which work orders; all given fields must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkOrderFilter {
    /// This one.
    pub work_order: Option<WorkOrderId>,
    /// Of this account.
    pub account: Option<AccountId>,
    /// At this stage.
    pub stage: Option<Stage>,
    /// With an appointment on this local day.
    pub day: Option<LocalDate>,
}

impl Snapshot {
    /// Work orders, those with an appointment first and by it, then by id. A page's cursor counts rows.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn work_orders(
        &self,
        filter: &WorkOrderFilter,
        page: PageOf,
    ) -> Result<Page<WorkOrderView>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let rows = self.all(
            "SELECT work_order, account, utility, paid_before, old_account, old_meter, installer, stage,
                    appointment_ms, appointment_day, prevented, obstacle, meter, photo, document, issued_ms,
                    changed_ms
             FROM work_orders
             WHERE (?1 IS NULL OR work_order = ?1) AND (?2 IS NULL OR account = ?2)
               AND (?3 IS NULL OR stage = ?3) AND (?4 IS NULL OR appointment_day = ?4)
             ORDER BY appointment_ms IS NULL, appointment_ms, work_order LIMIT ?5 OFFSET ?6",
            params![
                filter.work_order.as_ref().map(WorkOrderId::as_str),
                filter.account.as_ref().map(AccountId::as_str),
                filter.stage.map(Stage::code),
                filter.day.map(|day| day.to_string()),
                page.limit + 1,
                skip
            ],
            view,
        )?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<WorkOrderView> {
    let mut cells = Cells::of(row);
    Ok(WorkOrderView {
        work_order: cells.name(WorkOrderId::parse)?,
        account: cells.name(AccountId::parse)?,
        utility: cells.utility()?,
        before: before(&mut cells)?,
        old_account: cells.name(OpaqueRef::parse)?,
        old_meter: cells.name(OpaqueRef::parse)?,
        installer: cells.name_opt(OpaqueRef::parse)?,
        stage: stage(&mut cells)?,
        appointment: cells.time_opt()?,
        appointment_day: cells.date_opt()?,
        prevented: cells.count32()?,
        obstacle: obstacle(&mut cells)?,
        meter: cells.name_opt(MeterNumber::parse)?,
        photo: cells.name_opt(OpaqueRef::parse)?,
        document: cells.name_opt(OpaqueRef::parse)?,
        issued_at: cells.time()?,
        changed_at: cells.time()?,
    })
}
