//! Credit taken over from older systems: pending, overdue, settled (U10, U11).

use ledger_core::ids::{AccountId, OpaqueRef};
use ledger_core::num::{Money, Price, Quantity};
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::legacy::{LegacyState, rate, state};
use crate::sql::Cells;

/// Credit of one old account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LegacyView {
    /// Account that takes it over.
    pub account: AccountId,
    /// Its class of customers.
    pub class: String,
    /// Utility.
    pub utility: Utility,
    /// Old account.
    pub old_account: OpaqueRef,
    /// Balance in units, where the old meter counted those.
    pub units: Option<Quantity>,
    /// Balance in money, where it was kept in money.
    pub amount: Option<Money>,
    /// Photograph of the old meter.
    pub photo: Option<OpaqueRef>,
    /// The customer wants it refunded.
    pub refund: bool,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Last local day of its term; none for credit that was entered without one.
    pub due: Option<LocalDate>,
    /// Where it stands.
    pub state: LegacyState,
    /// It is pending, and the term is over.
    pub overdue: bool,
    /// When it was credited or refunded.
    pub settled_at: Option<Timestamp>,
    /// What was credited or refunded.
    pub settled: Option<Money>,
    /// The rate at which units became money.
    pub rate: Option<Price>,
}

/// Which credit; all given fields must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegacyFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this utility.
    pub utility: Option<Utility>,
    /// In this state.
    pub state: Option<LegacyState>,
    /// Pending beyond its term only.
    pub overdue_only: bool,
}

impl Snapshot {
    /// Credit of old accounts, by the last day of its term. `today` gives the local date of each scheme by
    /// name: what is overdue hangs on it. A page's cursor counts rows.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn legacy_credits(
        &self,
        filter: &LegacyFilter,
        today: &[(&str, LocalDate)],
        page: PageOf,
    ) -> Result<Page<LegacyView>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let today: serde_json::Map<String, serde_json::Value> = today
            .iter()
            .map(|(scheme, date)| ((*scheme).to_owned(), date.to_string().into()))
            .collect();
        let rows = self.all(
            r#"SELECT account, class, utility, old_account, units_micro, amount_micro, amount_rest, photo,
                      refund, registered_ms, due, state, overdue, settled_ms, settled_micro, settled_rest, rate
               FROM (SELECT a.account, a.class, l.*,
                       ifnull(l.state = 'pending'
                              AND l.due < json_extract(?1, '$."' || a.scheme || '"'), 0) AS overdue
                     FROM legacy_credits l JOIN accounts a USING (account_no))
               WHERE (?2 IS NULL OR account = ?2) AND (?3 IS NULL OR utility = ?3)
                 AND (?4 IS NULL OR state = ?4) AND (NOT ?5 OR overdue)
               ORDER BY due, account_no, utility, old_account LIMIT ?6 OFFSET ?7"#,
            params![
                serde_json::Value::Object(today).to_string(),
                filter.account.as_ref().map(AccountId::as_str),
                filter.utility.map(Utility::code),
                filter.state.map(LegacyState::code),
                filter.overdue_only,
                page.limit + 1,
                skip
            ],
            view,
        )?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<LegacyView> {
    let mut cells = Cells::of(row);
    Ok(LegacyView {
        account: cells.name(AccountId::parse)?,
        class: cells.get()?,
        utility: cells.utility()?,
        old_account: cells.name(OpaqueRef::parse)?,
        units: cells.get::<Option<i64>>()?.map(Quantity::from_micro),
        amount: cells.money_opt()?,
        photo: cells.name_opt(OpaqueRef::parse)?,
        refund: cells.get()?,
        registered_at: cells.time()?,
        due: cells.date_opt()?,
        state: state(&mut cells)?,
        overdue: cells.get()?,
        settled_at: cells.time_opt()?,
        settled: cells.money_opt()?,
        rate: rate(&mut cells)?,
    })
}
