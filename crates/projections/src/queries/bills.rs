//! Bills of a postpaid account with their lines, newest first (E1, E3, K2, K6).

use ledger_core::account::Billing;
use ledger_core::ids::{AccountId, ReceiptNumber};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Month, Timestamp};
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::bills::{BillLineView, lines};
use crate::models::consumers::state;
use crate::sql::Cells;

/// A bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BillView {
    /// `raised` at a reading, `paid`, or `notice` before a disconnection.
    pub kind: String,
    /// Number of a raised bill, counted per account from 1; 0 for others.
    pub number: u32,
    /// Month.
    pub month: Month,
    /// When it was made.
    pub at: Timestamp,
    /// Last day on which it is paid in time.
    pub due: Option<LocalDate>,
    /// In the currency's decimals.
    pub amount: Money,
    /// What is left to pay of a raised bill.
    pub left: Option<Money>,
    /// Receipt of a payment.
    pub receipt: Option<ReceiptNumber>,
    /// Its lines; they sum to the amount.
    pub lines: Vec<BillLineView>,
}

/// Cursors count backwards: the newest bill has the smallest.
const NEWEST_FIRST: i64 = i64::MAX;

impl Snapshot {
    /// Bills of an account, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn bills(
        &self,
        account: &AccountId,
        page: PageOf,
    ) -> Result<Page<BillView>, ReadModelError> {
        let page = page.checked()?;
        let before = NEWEST_FIRST - page.after.unwrap_or(0);
        let rows = self.all(
            "SELECT b.bill_id, b.kind, b.n, b.month, b.at_ms, b.due, b.amount_micro, b.amount_rest,
               b.receipt, b.lines
             FROM bills b JOIN accounts a USING (account_no)
             WHERE a.account = ?1 AND b.bill_id < ?2 ORDER BY b.bill_id DESC LIMIT ?3",
            params![account.as_str(), before, i64::from(page.limit) + 1],
            view,
        )?;
        let mut found = page_of(rows, page);
        let billing = self.one(
            "SELECT c.state FROM consumers c JOIN accounts a USING (account_no) WHERE a.account = ?1",
            [account.as_str()],
            |row| state(&mut Cells::of(row)),
        )?;
        if let Some(billing) = billing {
            for bill in found.items.iter_mut().filter(|bill| bill.kind == "raised") {
                bill.left = Some(left_of(&billing, bill.number));
            }
        }
        Ok(found)
    }
}

/// Payments go to the oldest bill first, so what is left of a bill is what the balance is above the newer
/// ones, at most the bill itself.
fn left_of(billing: &Billing, number: u32) -> Money {
    let open = billing.open_bills();
    let newest = billing.bills();
    let behind = usize::try_from(newest.saturating_sub(number)).unwrap_or(usize::MAX);
    let Some(place) = open.len().checked_sub(behind.saturating_add(1)) else {
        return Money::ZERO;
    };
    let newer: Money = open.iter().skip(place + 1).map(|bill| bill.amount).sum();
    let amount = open.get(place).map_or(Money::ZERO, |bill| bill.amount);
    (billing.dues().balance() - newer)
        .max(Money::ZERO)
        .min(amount)
}

fn view(row: &Row<'_>) -> rusqlite::Result<(i64, BillView)> {
    let mut cells = Cells::of(row);
    let id: i64 = cells.get()?;
    let bill = BillView {
        kind: cells.get()?,
        number: cells.count32()?,
        month: cells.month()?,
        at: cells.time()?,
        due: cells.date_opt()?,
        amount: cells.money()?,
        left: None,
        receipt: cells.name_opt(ReceiptNumber::parse)?,
        lines: lines(&mut cells)?,
    };
    Ok((NEWEST_FIRST - id, bill))
}
