//! Complaints: the daily register, and what is pending by age (E16).

use ledger_core::complaint::{ComplaintKind, ComplaintStage};
use ledger_core::ids::{AccountId, ComplaintId, OpaqueRef};
use ledger_core::time::{LocalDate, Timestamp};
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::complaints::{kind, stage};
use crate::sql::Cells;

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComplaintAction {
    /// When.
    pub at: Timestamp,
    /// Local day.
    pub day: LocalDate,
    /// What was done.
    pub what: String,
}

/// A complaint as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComplaintView {
    /// Its id.
    pub complaint: ComplaintId,
    /// What it is about.
    pub kind: ComplaintKind,
    /// Whose it is, where that is known.
    pub account: Option<AccountId>,
    /// The letter or the note of the call.
    pub document: OpaqueRef,
    /// Where it stands, by its word.
    pub stage: String,
    /// Day of the register.
    pub day: LocalDate,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// When it was rectified.
    pub rectified_at: Option<Timestamp>,
    /// What was done, in order.
    pub actions: Vec<ComplaintAction>,
}

/// Which complaints; all given fields must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComplaintFilter {
    /// This one.
    pub complaint: Option<ComplaintId>,
    /// Of this account.
    pub account: Option<AccountId>,
    /// Recorded on this local day: the daily register.
    pub day: Option<LocalDate>,
    /// Only those that are not rectified: pendency.
    pub pending_only: bool,
}

impl Snapshot {
    /// Complaints, the oldest first, then by id. A page's cursor counts rows.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn complaints(
        &self,
        filter: &ComplaintFilter,
        page: PageOf,
    ) -> Result<Page<ComplaintView>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let mut rows = self.all(
            "SELECT complaint, kind, account, document, stage, day, recorded_ms, changed_ms, rectified_ms
             FROM complaints
             WHERE (?1 IS NULL OR complaint = ?1) AND (?2 IS NULL OR account = ?2)
               AND (?3 IS NULL OR day = ?3) AND (?4 = 0 OR rectified_ms IS NULL)
             ORDER BY recorded_ms, complaint LIMIT ?5 OFFSET ?6",
            params![
                filter.complaint.as_ref().map(ComplaintId::as_str),
                filter.account.as_ref().map(AccountId::as_str),
                filter.day.map(|day| day.to_string()),
                filter.pending_only,
                page.limit + 1,
                skip
            ],
            view,
        )?;
        for row in &mut rows {
            row.actions = self.all(
                "SELECT at_ms, day, what FROM complaint_steps WHERE complaint = ?1 ORDER BY step",
                [row.complaint.as_str()],
                action,
            )?;
        }
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<ComplaintView> {
    let mut cells = Cells::of(row);
    Ok(ComplaintView {
        complaint: cells.name(ComplaintId::parse)?,
        kind: kind(&mut cells)?,
        account: cells.name_opt(AccountId::parse)?,
        document: cells.name(OpaqueRef::parse)?,
        stage: ComplaintStage::code(stage(&mut cells)?).to_owned(),
        day: cells.date()?,
        recorded_at: cells.time()?,
        changed_at: cells.time()?,
        rectified_at: cells.time_opt()?,
        actions: Vec::new(),
    })
}

fn action(row: &Row<'_>) -> rusqlite::Result<ComplaintAction> {
    let mut cells = Cells::of(row);
    Ok(ComplaintAction {
        at: cells.time()?,
        day: cells.date()?,
        what: cells.get()?,
    })
}
