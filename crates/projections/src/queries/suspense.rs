//! The list of money in suspense: what waits to be allocated or returned, and what became of the rest (C13).

use ledger_core::ids::{AccountId, ChannelId, OpaqueRef, Reference};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Timestamp};
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::suspense::{SuspenseState, state};
use crate::sql::Cells;

/// A payment that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuspenseView {
    /// Who took the money.
    pub channel: ChannelId,
    /// Its reference.
    pub reference: Reference,
    /// Amount.
    pub amount: Money,
    /// Local day on which it was taken.
    pub taken_on: LocalDate,
    /// When it was recorded.
    pub suspended_at: Timestamp,
    /// Meter or account as the payer named it.
    pub named: String,
    /// Code of the refusal.
    pub why: String,
    /// Where it stands.
    pub state: SuspenseState,
    /// When it was allocated or returned.
    pub settled_at: Option<Timestamp>,
    /// Account it was allocated to.
    pub account: Option<AccountId>,
    /// Local day of the return.
    pub returned_on: Option<LocalDate>,
    /// Document of the return.
    pub document: Option<OpaqueRef>,
}

impl Snapshot {
    /// Money in suspense by time, of one channel or of all, in one state or in all. A page's cursor
    /// counts payments.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn suspense(
        &self,
        channel: Option<&ChannelId>,
        in_state: Option<SuspenseState>,
        page: PageOf,
    ) -> Result<Page<SuspenseView>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let rows = self.all(
            "SELECT channel, reference, amount_micro, amount_rest, taken_on, suspended_ms, named, why, state,
                    settled_ms, account, returned_on, document
             FROM suspense
             WHERE (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR state = ?2)
             ORDER BY suspended_ms, channel, reference LIMIT ?3 OFFSET ?4",
            params![channel.map(ChannelId::as_str), in_state.map(SuspenseState::code), page.limit + 1, skip],
            view,
        )?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<SuspenseView> {
    let mut cells = Cells::of(row);
    Ok(SuspenseView {
        channel: cells.name(ChannelId::parse)?,
        reference: cells.name(Reference::parse)?,
        amount: cells.money()?,
        taken_on: cells.date()?,
        suspended_at: cells.time()?,
        named: cells.get()?,
        why: cells.get()?,
        state: state(&mut cells)?,
        settled_at: cells.time_opt()?,
        account: cells.name_opt(AccountId::parse)?,
        returned_on: cells.date_opt()?,
        document: cells.name_opt(OpaqueRef::parse)?,
    })
}
