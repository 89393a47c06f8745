//! Postpaid consumers: lists by status, dues, counts by month (E5, E7, E8, E17).

use ledger_core::account::Billing;
use ledger_core::dues::Due;
use ledger_core::event::Listing;
use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::status::Status;
use ledger_core::time::{LocalDate, Month, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::consumers::state;
use crate::sql::Cells;

/// A consumer: status and dues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsumerView {
    /// Account.
    pub account: AccountId,
    /// Utility that is billed.
    pub utility: Utility,
    /// Status; none where the scheme has no statuses.
    pub status: Option<Status>,
    /// Since when it has this status.
    pub since: Timestamp,
    /// The month that is closed next.
    pub next_close: Option<Month>,
    /// Month whose close cut supply, where it was not the JE (E5).
    pub cut_in: Option<Month>,
    /// What is owed exactly; below zero is credit.
    pub dues: Money,
    /// Security deposit held.
    pub deposit: Money,
    /// Open items, oldest first.
    pub open: Vec<Due>,
    /// Open queries (K6).
    pub queries: u64,
    /// As what it is listed.
    pub listing: Listing,
    /// Start of the connection (E10).
    pub connected_on: LocalDate,
    /// Last day on which the oldest unpaid bill is paid in time (K4).
    pub oldest_due: Option<LocalDate>,
}

/// Which consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerFilter {
    /// Everybody.
    All,
    /// In one status.
    Status(Status),
    /// Owing anything.
    Owing,
    /// With an open query (K6).
    Queried,
    /// Cut for dues, unpaid (E6).
    Disconnected,
    /// Belated; after the 20th these are due for disconnection (E5).
    Belated,
    /// Paid and waiting for the JE (E7).
    DueForReconnection,
    /// Permanently disconnected with dues: for recovery (E8, E9).
    Recovery,
}

impl ConsumerFilter {
    /// Statuses it asks for, as SQL literals; none for all.
    const fn condition(self) -> &'static str {
        match self {
            Self::All | Self::Status(_) => "1 = 1",
            Self::Owing => "(c.dues_micro > 0 OR (c.dues_micro = 0 AND c.dues_rest > 0))",
            Self::Queried => "c.queries > 0",
            Self::Disconnected => "c.status IN ('DIS1','DIS2','DIS3','DIS4','DIS5')",
            Self::Belated => "c.status = 'BLTD'",
            Self::DueForReconnection => "c.status IN ('PNR1','PNR2','PNR3','PNR4','PNR5')",
            Self::Recovery => "c.status IN ('PDNP','PDOR','DISP')",
        }
    }
}

/// How many consumers had a status when a month was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusCount {
    /// Month.
    pub month: Month,
    /// Status at its end.
    pub status: Status,
    /// Consumers.
    pub count: u64,
}

const COLUMNS: &str =
    "SELECT c.account_no, a.account, c.utility, c.status, c.status_ms, c.next_close, c.cut_in,
  c.dues_micro, c.dues_rest, c.deposit_micro, c.deposit_rest, c.queries, c.state
  FROM consumers c JOIN accounts a USING (account_no)";

impl Snapshot {
    /// The postpaid side of an account.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn consumer(&self, account: &AccountId) -> Result<Option<ConsumerView>, ReadModelError> {
        let sql = format!("{COLUMNS} WHERE a.account = ?1");
        let found = self.one(&sql, [account.as_str()], view)?;
        Ok(found.map(|(_, view)| view))
    }

    /// Consumers in the order of their listing.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn consumers(
        &self,
        filter: ConsumerFilter,
        page: PageOf,
    ) -> Result<Page<ConsumerView>, ReadModelError> {
        let status = match filter {
            ConsumerFilter::Status(status) => Some(status.code()),
            ConsumerFilter::All
            | ConsumerFilter::Owing
            | ConsumerFilter::Queried
            | ConsumerFilter::Disconnected
            | ConsumerFilter::Belated
            | ConsumerFilter::DueForReconnection
            | ConsumerFilter::Recovery => None,
        };
        let sql = format!(
            "{COLUMNS} WHERE {} AND (?1 IS NULL OR c.status = ?1) AND c.account_no > ?2
             ORDER BY c.account_no LIMIT ?3",
            filter.condition()
        );
        let page = page.checked()?;
        let bounds = params![status, page.after.unwrap_or(0), i64::from(page.limit) + 1];
        Ok(page_of(self.all(&sql, bounds, view)?, page))
    }

    /// How many consumers had which status at the close of each month from `from` to `to`.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn status_counts(
        &self,
        from: Month,
        to: Month,
    ) -> Result<Vec<StatusCount>, ReadModelError> {
        self.all(
            "SELECT month, status, n FROM status_counts WHERE month BETWEEN ?1 AND ?2 ORDER BY month, status",
            params![from.to_string(), to.to_string()],
            |row| {
                let mut cells = Cells::of(row);
                Ok(StatusCount {
                    month: cells.month()?,
                    status: cells.status()?,
                    count: cells.count()?,
                })
            },
        )
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<(i64, ConsumerView)> {
    let mut cells = Cells::of(row);
    let no = cells.get()?;
    let mut view = ConsumerView {
        account: cells.name(AccountId::parse)?,
        utility: cells.utility()?,
        status: cells.status_opt()?,
        since: cells.time()?,
        next_close: cells.month_opt()?,
        cut_in: cells.month_opt()?,
        dues: cells.money()?,
        deposit: cells.money()?,
        queries: cells.count()?,
        open: Vec::new(),
        listing: Listing::Billed,
        connected_on: LocalDate::MIN,
        oldest_due: None,
    };
    let billing: Billing = state(&mut cells)?;
    view.open = billing.dues().open().to_vec();
    view.listing = billing.listing();
    view.connected_on = billing.since();
    view.oldest_due = billing.oldest_due();
    Ok((no, view))
}
