//! Values between rows and cells: exact money in two integers, quantities in millionths, time in
//! milliseconds, dates and months as ISO text.

use ledger_core::ids::BadName;
use ledger_core::num::{Money, Quantity};
use ledger_core::status::Status;
use ledger_core::time::{LocalDate, Month, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::Row;
use rusqlite::types::{FromSql, Type};

/// Reads a row's cells from left to right.
pub(crate) struct Cells<'a, 'b> {
    row: &'a Row<'b>,
    at: usize,
}

impl<'a, 'b> Cells<'a, 'b> {
    pub(crate) fn of(row: &'a Row<'b>) -> Self {
        Self { row, at: 0 }
    }

    pub(crate) fn get<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let value = self.row.get(self.at)?;
        self.at += 1;
        Ok(value)
    }

    pub(crate) fn count(&mut self) -> rusqlite::Result<u64> {
        let n: i64 = self.get()?;
        u64::try_from(n).map_err(|_| self.bad(Type::Integer, "a count is never below zero"))
    }

    pub(crate) fn count32(&mut self) -> rusqlite::Result<u32> {
        let n: i64 = self.get()?;
        u32::try_from(n).map_err(|_| self.bad(Type::Integer, "a small count fits 32 bits"))
    }

    pub(crate) fn money(&mut self) -> rusqlite::Result<Money> {
        Ok(Money::from_parts(self.get()?, self.get()?))
    }

    pub(crate) fn money_opt(&mut self) -> rusqlite::Result<Option<Money>> {
        let micro: Option<i64> = self.get()?;
        let rest: Option<i64> = self.get()?;
        Ok(micro
            .zip(rest)
            .map(|(micro, rest)| Money::from_parts(micro, rest)))
    }

    pub(crate) fn quantity(&mut self) -> rusqlite::Result<Quantity> {
        Ok(Quantity::from_micro(self.get()?))
    }

    pub(crate) fn time(&mut self) -> rusqlite::Result<Timestamp> {
        let millis = self.get()?;
        Timestamp::checked_from_millis(millis)
            .ok_or_else(|| self.bad(Type::Integer, "a time is within range"))
    }

    pub(crate) fn time_opt(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        let millis: Option<i64> = self.get()?;
        millis
            .map(|ms| {
                Timestamp::checked_from_millis(ms)
                    .ok_or_else(|| self.bad(Type::Integer, "a time is within range"))
            })
            .transpose()
    }

    pub(crate) fn date(&mut self) -> rusqlite::Result<LocalDate> {
        let text: String = self.get()?;
        LocalDate::parse(&text).map_err(|e| self.bad(Type::Text, &e.to_string()))
    }

    pub(crate) fn date_opt(&mut self) -> rusqlite::Result<Option<LocalDate>> {
        let text: Option<String> = self.get()?;
        text.map(|text| LocalDate::parse(&text).map_err(|e| self.bad(Type::Text, &e.to_string())))
            .transpose()
    }

    pub(crate) fn month(&mut self) -> rusqlite::Result<Month> {
        let text: String = self.get()?;
        Month::parse(&text).map_err(|e| self.bad(Type::Text, &e.to_string()))
    }

    pub(crate) fn month_opt(&mut self) -> rusqlite::Result<Option<Month>> {
        let text: Option<String> = self.get()?;
        text.map(|text| Month::parse(&text).map_err(|e| self.bad(Type::Text, &e.to_string())))
            .transpose()
    }

    pub(crate) fn status(&mut self) -> rusqlite::Result<Status> {
        self.status_opt()?
            .ok_or_else(|| self.bad(Type::Text, "a status is one of 004's codes"))
    }

    pub(crate) fn status_opt(&mut self) -> rusqlite::Result<Option<Status>> {
        let text: Option<String> = self.get()?;
        text.map(|text| {
            Status::parse(&text)
                .ok_or_else(|| self.bad(Type::Text, "a status is one of 004's codes"))
        })
        .transpose()
    }

    pub(crate) fn utility(&mut self) -> rusqlite::Result<Utility> {
        let text: String = self.get()?;
        Utility::parse(&text).ok_or_else(|| self.bad(Type::Text, "a utility is `e` or `w`"))
    }

    pub(crate) fn name<T>(&mut self, parse: fn(&str) -> Result<T, BadName>) -> rusqlite::Result<T> {
        let text: String = self.get()?;
        parse(&text).map_err(|e| self.bad(Type::Text, &e.to_string()))
    }

    pub(crate) fn name_opt<T>(
        &mut self,
        parse: fn(&str) -> Result<T, BadName>,
    ) -> rusqlite::Result<Option<T>> {
        let text: Option<String> = self.get()?;
        text.map(|text| parse(&text).map_err(|e| self.bad(Type::Text, &e.to_string())))
            .transpose()
    }

    /// A conversion error at the cell just read.
    pub(crate) fn bad(&self, kind: Type, why: &str) -> rusqlite::Error {
        let at = self.at.saturating_sub(1);
        rusqlite::Error::FromSqlConversionFailure(at, kind, why.to_owned().into())
    }
}

/// Both integers of an amount.
pub(crate) fn parts(amount: Money) -> (i64, i64) {
    amount.to_parts()
}

/// Both integers of an amount that may be absent.
pub(crate) fn parts_opt(amount: Option<Money>) -> (Option<i64>, Option<i64>) {
    amount.map_or((None, None), |amount| {
        let (micro, rest) = amount.to_parts();
        (Some(micro), Some(rest))
    })
}

/// A count as SQLite's integer.
pub(crate) fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
