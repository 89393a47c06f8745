//! Supply, and orders that meters have not confirmed (C20).

use ledger_core::event::SupplyReason;
use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::supply::reason;
use crate::sql::Cells;

/// Supply of one utility of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SupplyView {
    /// Utility.
    pub utility: Utility,
    /// Meter in place.
    pub meter: Option<MeterNumber>,
    /// Ordered on; also when nothing was ever ordered.
    pub on: bool,
    /// Number of the newest order, 0 for none.
    pub order: u32,
    /// Why it was ordered.
    pub reason: Option<SupplyReason>,
    /// When it was ordered.
    pub ordered_at: Option<Timestamp>,
    /// When the order lapses, while it is unconfirmed.
    pub until: Option<Timestamp>,
    /// The meter has not confirmed yet.
    pub unconfirmed: bool,
    /// How often the order was sent.
    pub sent: u32,
    /// When the meter acted.
    pub confirmed_at: Option<Timestamp>,
    /// Disconnections ordered in all.
    pub disconnections: u64,
    /// Reconnections ordered in all.
    pub reconnections: u64,
    /// End of the quiet time for which a disconnection waits (C15).
    pub cut_waits_until: Option<Timestamp>,
}

/// An order that its meter has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderView {
    /// Account.
    pub account: AccountId,
    /// The order and the supply it is about.
    pub supply: SupplyView,
}

const COLUMNS: &str =
    "s.utility, s.meter, s.ordered, s.order_no, s.reason, s.ordered_ms, s.until_ms,
  s.unconfirmed, s.sent, s.confirmed_ms, s.disconnections, s.reconnections,
  s.cut_waits_ms";

impl Snapshot {
    /// Supply of each utility of an account.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn supply(&self, account: &AccountId) -> Result<Vec<SupplyView>, ReadModelError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM supply s JOIN accounts a USING (account_no) WHERE a.account = ?1 ORDER BY s.utility"
        );
        self.all(&sql, [account.as_str()], |row| supply(&mut Cells::of(row)))
    }

    /// Orders that no meter has confirmed, by account. A page's cursor counts orders.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn unconfirmed_orders(&self, page: PageOf) -> Result<Page<OrderView>, ReadModelError> {
        self.orders_until(i64::MAX, page)
    }

    /// Orders that lapsed unconfirmed by `now`. A page's cursor counts orders.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn lapsed_orders(
        &self,
        now: Timestamp,
        page: PageOf,
    ) -> Result<Page<OrderView>, ReadModelError> {
        self.orders_until(now.as_millis(), page)
    }

    fn orders_until(&self, until_ms: i64, page: PageOf) -> Result<Page<OrderView>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let sql = format!(
            "SELECT a.account, {COLUMNS} FROM deadlines d
             JOIN supply s USING (account_no, utility) JOIN accounts a USING (account_no)
             WHERE d.kind = 'order' AND d.at_ms <= ?1 ORDER BY d.at_ms, d.account_no, d.utility LIMIT ?2 OFFSET ?3"
        );
        let rows = self.all(&sql, params![until_ms, page.limit + 1, skip], order)?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn order(row: &Row<'_>) -> rusqlite::Result<OrderView> {
    let mut cells = Cells::of(row);
    Ok(OrderView {
        account: cells.name(AccountId::parse)?,
        supply: supply(&mut cells)?,
    })
}

fn supply(cells: &mut Cells<'_, '_>) -> rusqlite::Result<SupplyView> {
    Ok(SupplyView {
        utility: cells.utility()?,
        meter: cells.name_opt(MeterNumber::parse)?,
        on: cells.get::<String>()? == "on",
        order: cells.count32()?,
        reason: reason(cells)?,
        ordered_at: cells.time_opt()?,
        until: cells.time_opt()?,
        unconfirmed: cells.get()?,
        sent: cells.count32()?,
        confirmed_at: cells.time_opt()?,
        disconnections: cells.count()?,
        reconnections: cells.count()?,
        cut_waits_until: cells.time_opt()?,
    })
}
