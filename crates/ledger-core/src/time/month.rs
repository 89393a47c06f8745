//! `Month`: a calendar month, the period that bills and blocks are counted by (C7, C11).
//!
//! Owns arithmetic in months. Deliberately absent: the instants at which a month begins and ends, which
//! depend on the zone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::calendar::{LocalDate, YEAR_MAX, YEAR_MIN, days_in, two_digits};
use super::timestamp::{TextVisitor, TimeError, pair};

const MONTH_MALFORMED: TimeError = TimeError::Malformed {
    what: "month",
    example: "2012-02",
};

/// A calendar month, from 1900-01 to 9999-12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Months since the year 0.
    index: i32,
}

impl Month {
    /// 1900-01.
    pub const MIN: Self = Self::at(YEAR_MIN, 1);

    /// 9999-12.
    pub const MAX: Self = Self::at(YEAR_MAX, 12);

    /// The month of a year and a number that are in range.
    pub(super) const fn at(year: i32, month: u32) -> Self {
        Self {
            index: year * 12 + month.cast_signed() - 1,
        }
    }

    /// The month of year and number (1 to 12); none outside the range.
    #[must_use]
    pub const fn new(year: i32, month: u32) -> Option<Self> {
        if year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 {
            return None;
        }
        Some(Self::at(year, month))
    }

    /// Year and number of the month, 1 to 12.
    #[must_use]
    pub const fn parts(self) -> (i32, u32) {
        (
            self.index.div_euclid(12),
            self.index.rem_euclid(12).cast_unsigned() + 1,
        )
    }

    /// The month after; the last of the range is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }

    /// The month before; the first of the range is preceded by itself.
    #[must_use]
    pub fn prev(self) -> Self {
        self.plus(-1)
    }

    /// The month so many months later, or the nearest end of the range.
    #[must_use]
    pub fn plus(self, months: i32) -> Self {
        Self {
            index: self
                .index
                .saturating_add(months)
                .clamp(Self::MIN.index, Self::MAX.index),
        }
    }

    /// Months from `earlier` to this one: zero within a month, negative when that is later.
    #[must_use]
    pub const fn months_since(self, earlier: Self) -> i32 {
        self.index - earlier.index
    }

    /// Months from `earlier` to `later`: zero for the same month.
    #[must_use]
    pub const fn months_between(earlier: Self, later: Self) -> i32 {
        later.index - earlier.index
    }

    /// The first day.
    #[must_use]
    pub const fn first_day(self) -> LocalDate {
        let (year, month) = self.parts();
        LocalDate::at_civil(year, month, 1)
    }

    /// The last day.
    #[must_use]
    pub const fn last_day(self) -> LocalDate {
        let (year, month) = self.parts();
        LocalDate::at_civil(year, month, days_in(year, month))
    }

    /// Days of the month, 28 to 31.
    #[must_use]
    pub const fn length_days(self) -> u32 {
        let (year, month) = self.parts();
        days_in(year, month)
    }

    /// Reads a month such as `2012-02`.
    ///
    /// # Errors
    /// When the text has another form or lies outside 1900 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let &[y1, y2, y3, y4, b'-', m1, m2] = text.as_bytes() else {
            return Err(MONTH_MALFORMED);
        };
        let (Some(century), Some(year), Some(month)) = (pair(y1, y2), pair(y3, y4), pair(m1, m2))
        else {
            return Err(MONTH_MALFORMED);
        };
        if !(1..=12).contains(&month) {
            return Err(MONTH_MALFORMED);
        }
        let out_of_range = TimeError::OutOfRange {
            what: "month",
            from: "1900-01",
            to: "9999-12",
        };
        Self::new((century * 100 + year).cast_signed(), month).ok_or(out_of_range)
    }

    fn text(self) -> [u8; 7] {
        let (year, month) = self.parts();
        let year = year.cast_unsigned();
        let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year % 100));
        let [m1, m2] = two_digits(month);
        [y1, y2, y3, y4, b'-', m1, m2]
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Month {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor {
            expecting: "a month such as \"2012-02\"",
            parse: Self::parse,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    #[test]
    fn c7_month_ends_of_28_to_31_days_are_known() {
        for (text, length, last) in [
            ("2012-02", 29, "2012-02-29"),
            ("2013-02", 28, "2013-02-28"),
            ("2100-02", 28, "2100-02-28"),
            ("2000-02", 29, "2000-02-29"),
            ("2012-04", 30, "2012-04-30"),
            ("2012-12", 31, "2012-12-31"),
        ] {
            assert_eq!(month(text).length_days(), length);
            assert_eq!(month(text).last_day().to_string(), last);
            assert_eq!(
                month(text).last_day().next(),
                month(text).next().first_day()
            );
        }
    }

    #[test]
    fn months_have_one_written_form() {
        assert_eq!(
            serde_json::to_string(&month("2012-02")).unwrap(),
            "\"2012-02\""
        );
        assert_eq!(
            serde_json::from_str::<Month>("\"2012-02\"").unwrap(),
            month("2012-02")
        );
        for text in ["2012-13", "2012-00", "2012-1", "2012-010", "abcd-01"] {
            assert_eq!(Month::parse(text), Err(MONTH_MALFORMED), "{text}");
        }
        assert_eq!(
            Month::parse("1899-12").unwrap_err().code(),
            "time-out-of-range"
        );
    }

    #[test]
    fn months_are_counted_across_years() {
        assert_eq!(Month::months_between(month("2011-11"), month("2012-02")), 3);
        assert_eq!(month("2011-11").months_since(month("2012-02")), -3);
        assert_eq!(month("2011-12").next(), month("2012-01"));
        assert_eq!(month("2012-01").prev(), month("2011-12"));
        assert_eq!(Month::MAX.next(), Month::MAX);
    }
}
