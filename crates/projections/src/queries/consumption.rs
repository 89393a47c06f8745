//! Consumption of a meter by day and month, its completeness, and what was out of the ordinary (U18).

use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::num::{Money, Quantity};
use ledger_core::time::{LocalDate, Month, Timestamp, Zone};
use ledger_core::utility::Utility;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::models::exceptions::{ExceptionKind, kind};
use crate::sql::Cells;

/// Most days of one question: ten years.
const DAYS_MAX: i32 = 3_660;

/// Minutes of a local day; a day on which a clock is moved is off by that hour.
const DAY_MIN: u64 = 1_440;

/// A meter's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DayUsage {
    /// Local day.
    pub day: LocalDate,
    /// Readings charged whose newest part lies on the day.
    pub readings: u64,
    /// Of these, readings that closed a gap.
    pub gaps: u64,
    /// Consumption that fell on the day, kWh or m³.
    pub quantity: Quantity,
    /// Its charge.
    pub charge: Money,
    /// When the newest of them was read.
    pub newest_at: Option<Timestamp>,
}

/// A meter's month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MonthUsage {
    /// Billing month.
    pub month: Month,
    /// Readings charged.
    pub readings: u64,
    /// Consumption, kWh or m³.
    pub quantity: Quantity,
    /// Its charge, without `minimum`.
    pub charge: Money,
    /// What was missing to the month's minimum charge.
    pub minimum: Money,
}

/// A meter's month, with the meter: a row of the report over all meters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeterMonth {
    /// Meter.
    pub meter: MeterNumber,
    /// Account.
    pub account: AccountId,
    /// Utility.
    pub utility: Utility,
    /// The month.
    pub usage: MonthUsage,
}

/// How complete a meter's day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Local day.
    pub day: LocalDate,
    /// Readings charged.
    pub readings: u64,
    /// Readings that its interval makes on a day of 24 hours.
    pub expected: u64,
}

/// How the days of a meter are told.
#[derive(Debug, Clone)]
pub struct LocalDays {
    /// Zone of the meter's scheme.
    pub zone: Zone,
    /// The newest day that has begun there.
    pub today: LocalDate,
}

/// Which exceptions; all given fields must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExceptionFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this meter.
    pub meter: Option<MeterNumber>,
    /// Of this kind.
    pub kind: Option<ExceptionKind>,
    /// Only those that still wait for something.
    pub open_only: bool,
}

/// Something out of the ordinary with a meter's readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExceptionView {
    /// Account.
    pub account: AccountId,
    /// Meter.
    pub meter: MeterNumber,
    /// Utility.
    pub utility: Utility,
    /// Number within the meter's exceptions, from 1.
    pub n: i64,
    /// What.
    pub kind: ExceptionKind,
    /// Why, in a stable word.
    pub why: String,
    /// Read time of the first reading concerned; of a gap, of the reading before it.
    pub from: Timestamp,
    /// Read time of the last.
    pub to: Timestamp,
    /// Readings concerned.
    pub readings: u64,
    /// Value of the first.
    pub first: Option<Quantity>,
    /// Value of the last.
    pub last: Option<Quantity>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// When it ended; `None` while a spell or a suspicion is open.
    pub ended_at: Option<Timestamp>,
    /// What ended it: `itself`, `accepted-reading`, `withdrawn`, `discarded`, `exchanged`, `removed`.
    pub ended_by: Option<String>,
}

impl Snapshot {
    /// The days of a meter from `from` to `to`, both inclusive, in all accounts that held it.
    ///
    /// # Errors
    /// When the range is longer than ten years or the database refuses.
    pub fn consumption_daily(
        &self,
        meter: &MeterNumber,
        from: LocalDate,
        to: LocalDate,
    ) -> Result<Vec<DayUsage>, ReadModelError> {
        check_range(from, to)?;
        self.all(
            "SELECT day, sum(readings), sum(gaps), sum(quantity_micro), sum(charge_micro), sum(charge_rest), max(newest_ms)
             FROM consumption_daily JOIN meters USING (meter_no)
             WHERE meter = ?1 AND day BETWEEN ?2 AND ?3 GROUP BY day ORDER BY day",
            params![meter.as_str(), from.to_string(), to.to_string()],
            day_usage,
        )
    }

    /// The months of a meter from `from` to `to`, both inclusive, in all accounts that held it.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn consumption_monthly(
        &self,
        meter: &MeterNumber,
        from: Month,
        to: Month,
    ) -> Result<Vec<MonthUsage>, ReadModelError> {
        self.all(
            "SELECT month, sum(readings), sum(quantity_micro), sum(charge_micro), sum(charge_rest),
                    sum(minimum_micro), sum(minimum_rest)
             FROM consumption_monthly JOIN meters USING (meter_no)
             WHERE meter = ?1 AND month BETWEEN ?2 AND ?3 GROUP BY month ORDER BY month",
            params![meter.as_str(), from.to_string(), to.to_string()],
            |row| month_usage(&mut Cells::of(row)),
        )
    }

    /// Every meter's months, by meter and month: readings, consumption, charge. A page's cursor counts
    /// rows.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn consumption_report(&self, page: PageOf) -> Result<Page<MeterMonth>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let rows = self.all(
            "SELECT meter, account, utility, month, readings, quantity_micro, charge_micro, charge_rest,
                    minimum_micro, minimum_rest
             FROM consumption_monthly JOIN meters USING (meter_no) JOIN accounts USING (account_no)
             ORDER BY meter_no, month LIMIT ?1 OFFSET ?2",
            params![page.limit + 1, skip],
            meter_month,
        )?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }

    /// Readings charged against readings expected, day by day, for the days from `from` to `to` on which
    /// the meter was in place, also those on which nothing came at all. `local` says how its days are told
    /// and which is the last that has begun: nothing is expected of later ones.
    ///
    /// # Errors
    /// When the range is longer than ten years or the database refuses.
    pub fn completeness(
        &self,
        meter: &MeterNumber,
        (from, to): (LocalDate, LocalDate),
        local: &LocalDays,
    ) -> Result<Vec<Completeness>, ReadModelError> {
        let days = self.consumption_daily(meter, from, to)?;
        let stays = self.all(
            "SELECT installed_ms, removed_ms, interval_min FROM meters WHERE meter = ?1 ORDER BY meter_no",
            [meter.as_str()],
            |row| {
                let mut cells = Cells::of(row);
                Ok((cells.time()?, cells.time_opt()?, cells.count()?))
            },
        )?;
        let mut rows = Vec::new();
        let mut there = days.iter().peekable();
        let mut day = from;
        for (installed, removed, interval) in stays {
            let expected = DAY_MIN.div_ceil(interval.max(1));
            let last = removed.map_or(local.today, |at| local.zone.date_of(at));
            day = day.max(local.zone.date_of(installed));
            while day <= last.min(to).min(local.today) {
                while there.next_if(|usage| usage.day < day).is_some() {}
                let readings = there
                    .next_if(|usage| usage.day == day)
                    .map_or(0, |usage| usage.readings);
                rows.push(Completeness {
                    day,
                    readings,
                    expected,
                });
                day = day.next();
            }
        }
        Ok(rows)
    }

    /// Exceptions by meter and number. A page's cursor counts exceptions.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn exceptions(
        &self,
        filter: &ExceptionFilter,
        page: PageOf,
    ) -> Result<Page<ExceptionView>, ReadModelError> {
        let page = page.checked()?;
        let skip = page.after.unwrap_or(0).max(0);
        let rows = self.all(
            "SELECT account, meter, utility, n, kind, why, from_ms, to_ms, readings, e.first_micro, e.last_micro,
                    recorded_ms, ended_ms, ended_by
             FROM exceptions e JOIN meters USING (meter_no) JOIN accounts USING (account_no)
             WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR meter = ?2) AND (?3 IS NULL OR kind = ?3)
               AND (NOT ?4 OR ended_ms IS NULL)
             ORDER BY meter_no, n LIMIT ?5 OFFSET ?6",
            params![
                filter.account.as_ref().map(AccountId::as_str),
                filter.meter.as_ref().map(MeterNumber::as_str),
                filter.kind.map(ExceptionKind::code),
                filter.open_only,
                page.limit + 1,
                skip
            ],
            exception,
        )?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn check_range(from: LocalDate, to: LocalDate) -> Result<(), ReadModelError> {
    let reason = match to.days_since(from) {
        ..0 => format!("{from} to {to} runs backwards; the first day comes first"),
        0..=DAYS_MAX => return Ok(()),
        _ => format!("{from} to {to} is more than {DAYS_MAX} days; ask for a shorter time"),
    };
    Err(ReadModelError::BadQuery {
        field: "from, to",
        reason,
    })
}

fn day_usage(row: &Row<'_>) -> rusqlite::Result<DayUsage> {
    let mut cells = Cells::of(row);
    Ok(DayUsage {
        day: cells.date()?,
        readings: cells.count()?,
        gaps: cells.count()?,
        quantity: cells.quantity()?,
        charge: cells.money()?,
        newest_at: cells.time_opt()?,
    })
}

fn month_usage(cells: &mut Cells<'_, '_>) -> rusqlite::Result<MonthUsage> {
    Ok(MonthUsage {
        month: cells.month()?,
        readings: cells.count()?,
        quantity: cells.quantity()?,
        charge: cells.money()?,
        minimum: cells.money()?,
    })
}

fn meter_month(row: &Row<'_>) -> rusqlite::Result<MeterMonth> {
    let mut cells = Cells::of(row);
    Ok(MeterMonth {
        meter: cells.name(MeterNumber::parse)?,
        account: cells.name(AccountId::parse)?,
        utility: cells.utility()?,
        usage: month_usage(&mut cells)?,
    })
}

fn exception(row: &Row<'_>) -> rusqlite::Result<ExceptionView> {
    let mut cells = Cells::of(row);
    Ok(ExceptionView {
        account: cells.name(AccountId::parse)?,
        meter: cells.name(MeterNumber::parse)?,
        utility: cells.utility()?,
        n: cells.get()?,
        kind: kind(&mut cells)?,
        why: cells.get()?,
        from: cells.time()?,
        to: cells.time()?,
        readings: cells.count()?,
        first: cells.get::<Option<i64>>()?.map(Quantity::from_micro),
        last: cells.get::<Option<i64>>()?.map(Quantity::from_micro),
        recorded_at: cells.time()?,
        ended_at: cells.time_opt()?,
        ended_by: cells.get()?,
    })
}
