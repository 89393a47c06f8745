//! Postpaid consumers (E, K): what they owe, where they stand, and how many stood where at each month's
//! end.
//!
//! The row folds the core's own [`Billing`], so that a status or a due here is never another than the
//! one decisions see. What depends on today is asked, not stored.

use std::collections::hash_map::Entry;

use ledger_core::account::Billing;
use ledger_core::event::{AccountEvent, BillingEvent, Listing};
use ledger_core::status::Status;
use ledger_core::time::{Month, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;

use super::bills::{self, BillLineView};
use crate::fact::AccountFact;
use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table, count, parts};

pub(crate) const TABLE: Table = Table {
    projection: "consumers",
    version: 2,
    create: "
CREATE TABLE consumers (
  account_no INTEGER PRIMARY KEY,
  utility TEXT NOT NULL, listing TEXT NOT NULL,
  status TEXT, status_ms INTEGER NOT NULL,
  next_close TEXT, cut_in TEXT,
  dues_micro INTEGER NOT NULL, dues_rest INTEGER NOT NULL,
  deposit_micro INTEGER NOT NULL, deposit_rest INTEGER NOT NULL,
  oldest_month TEXT, queries INTEGER NOT NULL,
  state TEXT NOT NULL, charged TEXT NOT NULL
) STRICT;
CREATE INDEX consumers_by_close ON consumers (next_close);
CREATE INDEX consumers_by_status ON consumers (status, account_no);
CREATE TABLE status_counts (
  month TEXT NOT NULL, status TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (month, status)
) STRICT, WITHOUT ROWID;
",
    digests: &[
        "SELECT a.account, c.* FROM consumers c JOIN accounts a USING (account_no) ORDER BY a.account_no",
        "SELECT '', s.* FROM status_counts s ORDER BY s.month, s.status",
    ],
};

/// The postpaid side of an account.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) billing: Billing,
    /// Since when it has its status.
    since: Timestamp,
    /// Month whose close cut it (E5).
    cut_in: Option<Month>,
    /// What the newest reading charged, for the bill that is made of it.
    pub(crate) charged: Vec<BillLineView>,
}

impl Consumer {
    /// What is left to pay, as on a receipt: exact, but without the fraction that a full payment clears.
    pub(crate) fn owed(&self) -> ledger_core::num::Money {
        self.billing.dues().balance()
    }
}

/// The word of a listing.
pub(crate) const fn listing_code(listing: Listing) -> &'static str {
    match listing {
        Listing::Billed => "billed",
        Listing::General => "general",
        Listing::Temporary => "temporary",
        Listing::Imported => "imported",
    }
}

/// The month that is closed next, where months are still closed.
fn next_close(billing: &Billing) -> Option<Month> {
    let open = billing.status().is_some_and(|status| !status.is_over());
    open.then(|| billing.next_close())
}

/// How many consumers stood where at a month's end, by their closes.
#[derive(Default)]
pub(crate) struct StatusCounts {
    counts: FxHashMap<(Month, Status), Part<u64>>,
}

pub(crate) fn fold(
    conn: &Connection,
    sheet: &mut Sheet,
    counts: &mut StatusCounts,
    fact: &AccountFact,
) -> rusqlite::Result<()> {
    if let AccountEvent::Billing(BillingEvent::ConsumerListed(e)) = &fact.event {
        sheet.consumer = Some(Part::fresh(Consumer {
            billing: Billing::listed(e),
            since: fact.at,
            cut_in: None,
            charged: Vec::new(),
        }));
    }
    let Some(part) = &mut sheet.consumer else {
        return Ok(());
    };
    let concerns = matches!(
        fact.event,
        AccountEvent::Billing(_)
            | AccountEvent::ConsumptionCharged(_)
            | AccountEvent::ConsumptionCorrected(_)
            | AccountEvent::MeterInstalled(_)
    );
    if !concerns {
        return Ok(());
    }
    let consumer = part.edit();
    let before = consumer.billing.status();
    consumer.billing.evolve(&fact.event, fact.at);
    let status = consumer.billing.status();
    if status != before {
        consumer.since = fact.at;
    }
    if let AccountEvent::Billing(BillingEvent::MonthClosed(e)) = &fact.event {
        if e.cut {
            consumer.cut_in = Some(e.b);
        }
        if let Some(status) = status {
            counts.add(conn, e.b, status)?;
        }
    }
    Ok(())
}

impl StatusCounts {
    fn add(&mut self, conn: &Connection, month: Month, status: Status) -> rusqlite::Result<()> {
        let part = match self.counts.entry((month, status)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let stored = conn
                    .prepare_cached("SELECT n FROM status_counts WHERE month = ?1 AND status = ?2")?
                    .query_row(params![month.to_string(), status.code()], |row| {
                        Cells::of(row).count()
                    })
                    .optional()?;
                unknown.insert(Part::stored(stored.unwrap_or(0)))
            }
        };
        *part.edit() += 1;
        Ok(())
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut put =
            tx.prepare_cached("INSERT OR REPLACE INTO status_counts VALUES (?1,?2,?3)")?;
        for ((month, status), part) in &mut self.counts {
            if let Some(n) = part.take_changed() {
                put.execute(params![month.to_string(), status.code(), count(*n)])?;
            }
        }
        Ok(())
    }
}

/// Reads a stored state.
pub(crate) fn state(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Billing> {
    let text: String = cells.get()?;
    serde_json::from_str(&text).map_err(|e| cells.bad(Type::Text, &e.to_string()))
}

pub(crate) fn load(conn: &Connection, account_no: i64) -> rusqlite::Result<Option<Consumer>> {
    conn.prepare_cached(
        "SELECT state, status_ms, cut_in, charged FROM consumers WHERE account_no = ?1",
    )?
    .query_row([account_no], |row| {
        let mut cells = Cells::of(row);
        Ok(Consumer {
            billing: state(&mut cells)?,
            since: cells.time()?,
            cut_in: cells.month_opt()?,
            charged: bills::lines(&mut cells)?,
        })
    })
    .optional()
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO consumers VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
    )?;
    for sheet in sheets {
        let no = sheet.no;
        let Some(row) = sheet.consumer.as_mut().and_then(Part::take_changed) else {
            continue;
        };
        let billing = &row.billing;
        let text = serde_json::to_string(billing)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        let (dues_micro, dues_rest) = parts(billing.dues().balance());
        let (deposit_micro, deposit_rest) = parts(billing.deposit());
        let oldest = billing.dues().open().first().map(|due| due.month);
        statement.execute(params![
            no,
            billing.utility().code(),
            listing_code(billing.listing()),
            billing.status().map(Status::code),
            row.since.as_millis(),
            next_close(billing).map(|month| month.to_string()),
            row.cut_in.map(|month| month.to_string()),
            dues_micro,
            dues_rest,
            deposit_micro,
            deposit_rest,
            oldest.map(|month| month.to_string()),
            i64::try_from(billing.open_queries().len()).unwrap_or(i64::MAX),
            text,
            bills::text_of(&row.charged)?,
        ])?;
    }
    Ok(())
}
