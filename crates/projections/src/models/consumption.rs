//! Consumption and charge of each meter by local day and by billing month (U18).
//!
//! A charge that a gap spread over days is spread here the same way (C10). A reading counts on the day
//! on which its newest part lies. What was missing to a month's minimum belongs to the month alone.

use ledger_core::event::{ConsumptionCharged, ConsumptionCorrected, DayPart, MinimumPart};
use ledger_core::num::{Money, Quantity};
use ledger_core::time::{LocalDate, Month, Timestamp};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table, count, parts};

pub(crate) const TABLE: Table = Table {
    projection: "consumption",
    version: 1,
    create: "
CREATE TABLE consumption_daily (
  meter_no INTEGER NOT NULL, day TEXT NOT NULL,
  readings INTEGER NOT NULL, gaps INTEGER NOT NULL,
  quantity_micro INTEGER NOT NULL,
  charge_micro INTEGER NOT NULL, charge_rest INTEGER NOT NULL,
  newest_ms INTEGER, newest_value_micro INTEGER,
  PRIMARY KEY (meter_no, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE consumption_monthly (
  meter_no INTEGER NOT NULL, month TEXT NOT NULL,
  readings INTEGER NOT NULL,
  quantity_micro INTEGER NOT NULL,
  charge_micro INTEGER NOT NULL, charge_rest INTEGER NOT NULL,
  minimum_micro INTEGER NOT NULL, minimum_rest INTEGER NOT NULL,
  PRIMARY KEY (meter_no, month)
) STRICT, WITHOUT ROWID;
",
    digests: &[
        "SELECT a.account, c.* FROM consumption_daily c JOIN meters m USING (meter_no)
         JOIN accounts a USING (account_no) ORDER BY c.meter_no, c.day",
        "SELECT a.account, c.* FROM consumption_monthly c JOIN meters m USING (meter_no)
         JOIN accounts a USING (account_no) ORDER BY c.meter_no, c.month",
    ],
};

#[derive(Debug, Clone, Copy, Default)]
struct Day {
    readings: u64,
    gaps: u64,
    quantity: Quantity,
    charge: Money,
    newest: Option<(Timestamp, Quantity)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct MonthRow {
    readings: u64,
    quantity: Quantity,
    charge: Money,
    minimum: Money,
}

/// The days and months of a meter that are in memory, oldest first; the newest stored ones always are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    days: Vec<(LocalDate, Part<Day>)>,
    months: Vec<(Month, Part<MonthRow>)>,
    newest: Option<Timestamp>,
}

impl Usage {
    pub(crate) fn load(conn: &Connection, meter_no: i64) -> rusqlite::Result<Self> {
        let mut usage = Self::default();
        if let Some((day, row)) = newest_day(conn, meter_no)? {
            usage.newest = row.newest.map(|(at, _)| at);
            usage.days.push((day, Part::stored(row)));
        }
        if let Some((month, row)) = newest_month(conn, meter_no)? {
            usage.months.push((month, Part::stored(row)));
        }
        Ok(usage)
    }

    /// When the newest charged reading was read.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        meter_no: i64,
        e: &ConsumptionCharged,
    ) -> rusqlite::Result<()> {
        self.newest = Some(e.t);
        let mut last = None;
        for part in e.parts() {
            let day = self.day_mut(conn, meter_no, part.0)?;
            day.quantity += part.1;
            day.charge += part.2;
            let month = self.month_mut(conn, meter_no, part.0.month())?;
            month.quantity += part.1;
            month.charge += part.2;
            last = Some(part.0);
        }
        for part in &e.mn {
            self.month_mut(conn, meter_no, part.0)?.minimum += part.1;
        }
        if let Some(date) = last {
            let day = self.day_mut(conn, meter_no, date)?;
            day.readings += 1;
            day.gaps += u64::from(e.g);
            day.newest = Some((e.t, e.v));
            self.month_mut(conn, meter_no, date.month())?.readings += 1;
        }
        Ok(())
    }

    /// Takes in differences of days and months that were charged before (C19).
    pub(crate) fn correct(
        &mut self,
        conn: &Connection,
        meter_no: i64,
        (days, minimums): (&[DayPart], &[MinimumPart]),
    ) -> rusqlite::Result<()> {
        for DayPart(date, quantity, amount) in days {
            let day = self.day_mut(conn, meter_no, *date)?;
            day.quantity += *quantity;
            day.charge += *amount;
            let month = self.month_mut(conn, meter_no, date.month())?;
            month.quantity += *quantity;
            month.charge += *amount;
        }
        for MinimumPart(month, amount) in minimums {
            self.month_mut(conn, meter_no, *month)?.minimum += *amount;
        }
        Ok(())
    }

    /// Counts a late reading on its day, as if it had come in its order.
    pub(crate) fn take_in(
        &mut self,
        conn: &Connection,
        meter_no: i64,
        e: &ConsumptionCorrected,
    ) -> rusqlite::Result<()> {
        let day = self.day_mut(conn, meter_no, e.d)?;
        day.readings += 1;
        day.gaps += u64::from(e.g);
        if day.newest.is_none_or(|(at, _)| at < e.t) {
            day.newest = Some((e.t, e.v));
        }
        self.month_mut(conn, meter_no, e.d.month())?.readings += 1;
        if let Some(date) = e.ng {
            let day = self.day_mut(conn, meter_no, date)?;
            day.gaps = day.gaps.saturating_sub(1);
        }
        Ok(())
    }

    fn day_mut(
        &mut self,
        conn: &Connection,
        meter_no: i64,
        date: LocalDate,
    ) -> rusqlite::Result<&mut Day> {
        let at = match self.days.last() {
            Some((newest, _)) if *newest == date => self.days.len() - 1,
            Some((newest, _)) if *newest > date => {
                match self.days.binary_search_by_key(&date, |(day, _)| *day) {
                    Ok(at) => at,
                    Err(at) => {
                        let row = load_day(conn, meter_no, date)?;
                        self.days.insert(
                            at,
                            (
                                date,
                                row.map_or_else(|| Part::fresh(Day::default()), Part::stored),
                            ),
                        );
                        at
                    }
                }
            }
            Some(_) | None => {
                self.days.push((date, Part::fresh(Day::default())));
                self.days.len() - 1
            }
        };
        let found = self.days.get_mut(at).map(|(_, part)| part.edit());
        found.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    fn month_mut(
        &mut self,
        conn: &Connection,
        meter_no: i64,
        month: Month,
    ) -> rusqlite::Result<&mut MonthRow> {
        let at = match self.months.last() {
            Some((newest, _)) if *newest == month => self.months.len() - 1,
            Some((newest, _)) if *newest > month => {
                match self.months.binary_search_by_key(&month, |(m, _)| *m) {
                    Ok(at) => at,
                    Err(at) => {
                        let row = load_month(conn, meter_no, month)?;
                        self.months.insert(
                            at,
                            (
                                month,
                                row.map_or_else(|| Part::fresh(MonthRow::default()), Part::stored),
                            ),
                        );
                        at
                    }
                }
            }
            Some(_) | None => {
                self.months.push((month, Part::fresh(MonthRow::default())));
                self.months.len() - 1
            }
        };
        let found = self.months.get_mut(at).map(|(_, part)| part.edit());
        found.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// Keeps the newest only, once all are written.
    fn trim(&mut self) {
        self.days.drain(..self.days.len().saturating_sub(1));
        self.months.drain(..self.months.len().saturating_sub(1));
    }
}

const DAY: &str = "SELECT day, readings, gaps, quantity_micro, charge_micro, charge_rest, newest_ms, newest_value_micro
                   FROM consumption_daily WHERE meter_no = ?1";
const MONTH: &str =
    "SELECT month, readings, quantity_micro, charge_micro, charge_rest, minimum_micro, minimum_rest
                     FROM consumption_monthly WHERE meter_no = ?1";

fn day_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<(LocalDate, Day)> {
    let mut cells = Cells::of(row);
    let date = cells.date()?;
    let day = Day {
        readings: cells.count()?,
        gaps: cells.count()?,
        quantity: cells.quantity()?,
        charge: cells.money()?,
        newest: cells
            .time_opt()?
            .zip(cells.get::<Option<i64>>()?.map(Quantity::from_micro)),
    };
    Ok((date, day))
}

fn month_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Month, MonthRow)> {
    let mut cells = Cells::of(row);
    let month = cells.month()?;
    let row = MonthRow {
        readings: cells.count()?,
        quantity: cells.quantity()?,
        charge: cells.money()?,
        minimum: cells.money()?,
    };
    Ok((month, row))
}

fn newest_day(conn: &Connection, meter_no: i64) -> rusqlite::Result<Option<(LocalDate, Day)>> {
    let sql = format!("{DAY} ORDER BY day DESC LIMIT 1");
    conn.prepare_cached(&sql)?
        .query_row([meter_no], day_of)
        .optional()
}

fn load_day(conn: &Connection, meter_no: i64, date: LocalDate) -> rusqlite::Result<Option<Day>> {
    let sql = format!("{DAY} AND day = ?2");
    let found = conn
        .prepare_cached(&sql)?
        .query_row(params![meter_no, date.to_string()], day_of)
        .optional()?;
    Ok(found.map(|(_, day)| day))
}

fn newest_month(conn: &Connection, meter_no: i64) -> rusqlite::Result<Option<(Month, MonthRow)>> {
    let sql = format!("{MONTH} ORDER BY month DESC LIMIT 1");
    conn.prepare_cached(&sql)?
        .query_row([meter_no], month_of)
        .optional()
}

fn load_month(
    conn: &Connection,
    meter_no: i64,
    month: Month,
) -> rusqlite::Result<Option<MonthRow>> {
    let sql = format!("{MONTH} AND month = ?2");
    let found = conn
        .prepare_cached(&sql)?
        .query_row(params![meter_no, month.to_string()], month_of)
        .optional()?;
    Ok(found.map(|(_, row)| row))
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO consumption_daily VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    )?;
    for sheet in &mut *sheets {
        for meter in &mut sheet.meters {
            for (date, part) in &mut meter.usage.days {
                let Some(row) = part.take_changed() else {
                    continue;
                };
                let (micro, rest) = parts(row.charge);
                statement.execute(params![
                    meter.no,
                    date.to_string(),
                    count(row.readings),
                    count(row.gaps),
                    row.quantity.micro(),
                    micro,
                    rest,
                    row.newest.map(|(at, _)| at.as_millis()),
                    row.newest.map(|(_, value)| value.micro()),
                ])?;
            }
        }
    }
    write_months(tx, sheets)
}

fn write_months(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO consumption_monthly VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
    )?;
    for sheet in sheets {
        for meter in &mut sheet.meters {
            for (month, part) in &mut meter.usage.months {
                let Some(row) = part.take_changed() else {
                    continue;
                };
                let (charge_micro, charge_rest) = parts(row.charge);
                let (minimum_micro, minimum_rest) = parts(row.minimum);
                statement.execute(params![
                    meter.no,
                    month.to_string(),
                    count(row.readings),
                    row.quantity.micro(),
                    charge_micro,
                    charge_rest,
                    minimum_micro,
                    minimum_rest,
                ])?;
            }
            meter.usage.trim();
        }
    }
    Ok(())
}
