//! The typed read API of gRPC and the command line.
//!
//! A [`Snapshot`] is one consistent state of all projections; every question asked of it is answered as
//! of the same position. It holds a reading connection: ask, then drop it. Point questions take
//! microseconds, reports milliseconds; none waits for the fold. Nothing here is policy: what depends on
//! a month, an instant or a scheme takes it as an argument.

mod accounts;
mod applications;
mod bills;
mod clock;
mod complaints;
mod consumers;
mod consumption;
mod control;
mod deadlines;
mod debts;
mod legacy;
mod numbers;
mod prepayment;
mod receipts;
pub mod reports;
mod supply;
mod suspense;
mod totals;
mod workorders;

pub use crate::models::bills::BillLineView;
pub use crate::models::exceptions::ExceptionKind;
pub use crate::models::legacy::LegacyState;
pub use crate::models::suspense::SuspenseState;
pub use accounts::{
    AccountOverview, AccountView, Book, LowNotice, MeterView, StatementLine, StatementRange,
    WalletView,
};
pub use applications::{ApplicationFilter, ApplicationView};
pub use bills::BillView;
pub use clock::DueSummary;
pub use complaints::{ComplaintAction, ComplaintFilter, ComplaintView};
pub use consumers::{ConsumerFilter, ConsumerView, StatusCount};
pub use consumption::{
    Completeness, DayUsage, ExceptionFilter, ExceptionView, LocalDays, MeterMonth, MonthUsage,
};
pub use control::{ControlAccount, TrialBalance, TrialLine};
pub use deadlines::{AccountDue, DueKind};
pub use debts::DebtView;
pub use legacy::{LegacyFilter, LegacyView};
pub use numbers::NumberView;
pub use prepayment::PrepaymentView;
pub use receipts::{ReceiptFilter, ReceiptView, Settlement, SettlementKind, SettlementLine};
pub use supply::{OrderView, SupplyView};
pub use suspense::SuspenseView;
pub use totals::{ChannelTotal, KindCount, ReadingTotals, Totals, UtilityTotals};
pub use workorders::{WorkOrderFilter, WorkOrderView};

use event_store::Position;
use ledger_core::ids::AccountId;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::Serialize;

use crate::checkpoint::Checkpoint;
use crate::error::ReadModelError;
use crate::sql::{Pool, Reader, check_schema};

/// Most items of one page: a screenful many times over, and still a small answer.
pub const PAGE_MAX: u32 = 1_000;

/// A page of a longer list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// In the order the query states.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<i64>,
}

/// Where a page begins and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageOf {
    /// [`Page::next`] of the page before; `None` for the first page.
    pub after: Option<i64>,
    /// 1 to [`PAGE_MAX`].
    pub limit: u32,
}

impl PageOf {
    /// The first page.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    fn checked(self) -> Result<Self, ReadModelError> {
        if (1..=PAGE_MAX).contains(&self.limit) {
            return Ok(self);
        }
        let reason = format!("{} is not 1 to {PAGE_MAX}", self.limit);
        Err(ReadModelError::BadQuery {
            field: "limit",
            reason,
        })
    }
}

/// Cuts the one row too many that tells whether there is a next page.
fn page_of<T>(mut rows: Vec<(i64, T)>, of: PageOf) -> Page<T> {
    let limit = usize::try_from(of.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().map(|(cursor, _)| *cursor).filter(|_| more);
    Page {
        items: rows.into_iter().map(|(_, item)| item).collect(),
        next,
    }
}

/// Looks at the read models of a ledger beside the process that writes them, or of a stopped one: one
/// consistent state, as far as they were folded. `None` when there is no file.
///
/// # Errors
/// When the file is of another schema version, or the database refuses.
pub fn look(path: &std::path::Path) -> Result<Option<Snapshot>, ReadModelError> {
    if !path.exists() {
        return Ok(None);
    }
    let pool = std::sync::Arc::new(Pool::new(path.to_owned(), 1));
    let reader = pool.lend()?;
    check_schema(reader.connection())?;
    Snapshot::begin(reader).map(Some)
}

/// One consistent state of the read models.
pub struct Snapshot {
    reader: Reader,
}

impl Snapshot {
    /// Begins reading; everything is answered as of now.
    pub(crate) fn begin(reader: Reader) -> Result<Self, ReadModelError> {
        let snapshot = Self { reader };
        snapshot
            .conn()
            .execute_batch("BEGIN")
            .map_err(ReadModelError::sql("beginning to read"))?;
        Ok(snapshot)
    }

    pub(crate) fn conn(&self) -> &Connection {
        self.reader.connection()
    }

    /// Position of the newest event that these answers know of; `None` before the first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn position(&self) -> Result<Option<Position>, ReadModelError> {
        Ok(Checkpoint::read(self.conn())?.and_then(|checkpoint| checkpoint.position))
    }

    /// At most one row.
    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, ReadModelError> {
        let asked = || {
            self.conn()
                .prepare_cached(sql)?
                .query_row(params, read)
                .optional()
        };
        asked().map_err(ReadModelError::sql("answering a query"))
    }

    /// Every row.
    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadModelError> {
        let asked = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.conn().prepare_cached(sql)?;
            let rows = statement.query_map(params, read)?;
            rows.collect()
        };
        asked().map_err(ReadModelError::sql("answering a query"))
    }

    /// The number under which rows know an account.
    fn number_of(&self, account: &AccountId) -> Result<Option<i64>, ReadModelError> {
        self.one(
            "SELECT account_no FROM accounts WHERE account = ?1",
            [account.as_str()],
            |row| row.get(0),
        )
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // A reading transaction has nothing to lose; a connection that cannot end it is of no use to
        // the next reader either, and says so when it is asked.
        if let Err(error) = self.conn().execute_batch("ROLLBACK") {
            tracing::warn!(%error, "a reading transaction could not be ended");
        }
    }
}
