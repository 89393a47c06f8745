//! Accounts and the meters they hold or held.

use ledger_core::event::{AccountOpened, MeterExchanged, MeterInstalled, RegisterSpec};
use ledger_core::ids::{AccountId, MeterNumber, OpaqueRef, RegisterId};
use ledger_core::num::Quantity;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::sheet::Sheet;
use crate::sql::{Cells, Table};

pub(crate) const TABLE: Table = Table {
    projection: "accounts",
    version: 2,
    create: "
CREATE TABLE accounts (
  account_no INTEGER PRIMARY KEY,
  account TEXT NOT NULL UNIQUE,
  scheme TEXT NOT NULL, class TEXT NOT NULL,
  dwelling_units INTEGER NOT NULL, contracted_kva INTEGER, customer TEXT,
  opened_ms INTEGER NOT NULL, closed_ms INTEGER
) STRICT;
CREATE TABLE meters (
  meter_no INTEGER PRIMARY KEY,
  account_no INTEGER NOT NULL,
  meter TEXT NOT NULL, utility TEXT NOT NULL,
  register TEXT NOT NULL, digits INTEGER NOT NULL, interval_min INTEGER NOT NULL,
  installed_ms INTEGER NOT NULL, first_micro INTEGER NOT NULL,
  activated_ms INTEGER, removed_ms INTEGER, final_micro INTEGER
) STRICT;
CREATE INDEX meters_by_account ON meters (account_no);
CREATE INDEX meters_by_number ON meters (meter);
",
    digests: &[
        "SELECT a.account, a.* FROM accounts a ORDER BY a.account_no",
        "SELECT a.account, m.* FROM meters m JOIN accounts a USING (account_no) ORDER BY a.account_no, m.meter_no",
    ],
};

/// An account.
#[derive(Debug, Clone)]
pub(crate) struct AccountRow {
    pub(crate) account: AccountId,
    scheme: String,
    class: String,
    dwelling_units: u32,
    contracted_kva: Option<u32>,
    /// Who is responsible for payments.
    pub(crate) customer: Option<OpaqueRef>,
    opened: Timestamp,
    pub(crate) closed: Option<Timestamp>,
}

/// A meter's time in an account.
#[derive(Debug, Clone)]
pub(crate) struct MeterRow {
    pub(crate) meter: MeterNumber,
    pub(crate) utility: Utility,
    register: RegisterId,
    digits: u8,
    interval_min: u32,
    pub(crate) installed: Timestamp,
    first: Quantity,
    pub(crate) activated: Option<Timestamp>,
    pub(crate) removed: Option<Timestamp>,
    last: Option<Quantity>,
}

impl AccountRow {
    /// Scheme by name.
    pub(crate) fn scheme(&self) -> &str {
        &self.scheme
    }

    pub(crate) fn opened(e: &AccountOpened, at: Timestamp) -> Self {
        Self {
            account: e.account.clone(),
            scheme: e.scheme.clone(),
            class: e.class.clone(),
            dwelling_units: e.dwelling_units,
            contracted_kva: e.contracted_kva,
            customer: e.customer.clone(),
            opened: at,
            closed: None,
        }
    }
}

impl MeterRow {
    pub(crate) fn installed(e: &MeterInstalled) -> Self {
        Self::new(e.u, e.m.clone(), &e.reg, e.t, e.v)
    }

    /// The meter that takes another's place: it is active if the old one was.
    pub(crate) fn exchanged(e: &MeterExchanged, old: Option<&Self>) -> Self {
        let mut row = Self::new(e.u, e.new.clone(), &e.reg, e.t, e.first);
        row.activated = old.and_then(|old| old.activated);
        row
    }

    fn new(
        utility: Utility,
        meter: MeterNumber,
        reg: &RegisterSpec,
        at: Timestamp,
        first: Quantity,
    ) -> Self {
        Self {
            meter,
            utility,
            register: reg.register.clone(),
            digits: reg.digits,
            interval_min: reg.interval_min,
            installed: at,
            first,
            activated: None,
            removed: None,
            last: None,
        }
    }

    pub(crate) fn remove(&mut self, at: Timestamp, last: Quantity) {
        self.removed = Some(at);
        self.last = Some(last);
    }
}

pub(crate) fn load(
    conn: &Connection,
    account: &str,
) -> rusqlite::Result<Option<(i64, AccountRow)>> {
    conn.prepare_cached(
        "SELECT account_no, account, scheme, class, dwelling_units, contracted_kva, customer, opened_ms, closed_ms
         FROM accounts WHERE account = ?1",
    )?
    .query_row([account], |row| {
        let mut cells = Cells::of(row);
        let no = cells.get()?;
        let row = AccountRow {
            account: cells.name(AccountId::parse)?,
            scheme: cells.get()?,
            class: cells.get()?,
            dwelling_units: cells.get()?,
            contracted_kva: cells.get()?,
            customer: cells.name_opt(OpaqueRef::parse)?,
            opened: cells.time()?,
            closed: cells.time_opt()?,
        };
        Ok((no, row))
    })
    .optional()
}

pub(crate) fn load_meters(
    conn: &Connection,
    account_no: i64,
) -> rusqlite::Result<Vec<(i64, MeterRow)>> {
    let mut statement = conn.prepare_cached(
        "SELECT meter_no, meter, utility, register, digits, interval_min, installed_ms, first_micro,
                activated_ms, removed_ms, final_micro
         FROM meters WHERE account_no = ?1 ORDER BY meter_no",
    )?;
    let rows = statement.query_map([account_no], |row| {
        let mut cells = Cells::of(row);
        let no = cells.get()?;
        let row = MeterRow {
            meter: cells.name(MeterNumber::parse)?,
            utility: cells.utility()?,
            register: cells.name(RegisterId::parse)?,
            digits: cells.get()?,
            interval_min: cells.get()?,
            installed: cells.time()?,
            first: cells.quantity()?,
            activated: cells.time_opt()?,
            removed: cells.time_opt()?,
            last: cells.get::<Option<i64>>()?.map(Quantity::from_micro),
        };
        Ok((no, row))
    })?;
    rows.collect()
}

/// The greatest numbers given to an account and to a meter.
pub(crate) fn newest_numbers(conn: &Connection) -> rusqlite::Result<(i64, i64)> {
    conn.query_row(
        "SELECT (SELECT ifnull(max(account_no), 0) FROM accounts), (SELECT ifnull(max(meter_no), 0) FROM meters)",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut account = tx.prepare_cached(
        "INSERT INTO accounts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)
         ON CONFLICT (account_no) DO UPDATE SET customer = excluded.customer,
           closed_ms = excluded.closed_ms",
    )?;
    for sheet in &mut *sheets {
        let no = sheet.no;
        if let Some(row) = sheet.account.take_changed() {
            account.execute(params![
                no,
                row.account.as_str(),
                row.scheme,
                row.class,
                row.dwelling_units,
                row.contracted_kva,
                row.customer.as_ref().map(OpaqueRef::as_str),
                row.opened.as_millis(),
                row.closed.map(Timestamp::as_millis),
            ])?;
        }
    }
    write_meters(tx, sheets)
}

fn write_meters(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO meters VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)
         ON CONFLICT (meter_no) DO UPDATE SET activated_ms = excluded.activated_ms,
           removed_ms = excluded.removed_ms, final_micro = excluded.final_micro",
    )?;
    for sheet in sheets {
        for meter in &mut sheet.meters {
            let Some(row) = meter.row.take_changed() else {
                continue;
            };
            statement.execute(params![
                meter.no,
                sheet.no,
                row.meter.as_str(),
                row.utility.code(),
                row.register.as_str(),
                row.digits,
                row.interval_min,
                row.installed.as_millis(),
                row.first.micro(),
                row.activated.map(Timestamp::as_millis),
                row.removed.map(Timestamp::as_millis),
                row.last.map(Quantity::micro),
            ])?;
        }
    }
    Ok(())
}
