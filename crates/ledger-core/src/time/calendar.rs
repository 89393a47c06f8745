//! Local calendar: dates, and the time of day on a local clock (C7).
//!
//! Owns civil arithmetic in the Gregorian calendar, without a zone: which instant a date begins at is
//! the business of [`super::Zone`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::month::Month;
use super::timestamp::{DAY_MS, TextVisitor, TimeError, days_of, pair, parse_local};

/// The earliest year of a date: contracts and agreements may be older than the ledger's instants.
pub(super) const YEAR_MIN: i32 = 1900;

/// The latest year of a date.
pub(super) const YEAR_MAX: i32 = 9999;

const DATE_MALFORMED: TimeError = TimeError::Malformed {
    what: "date",
    example: "2012-02-10",
};

const DATE_OUT_OF_RANGE: TimeError = TimeError::OutOfRange {
    what: "date",
    from: "1900-01-01",
    to: "9999-12-31",
};

/// The two ASCII digits of a number below 100.
#[inline]
pub(super) fn two_digits(number: u32) -> [u8; 2] {
    let number = u8::try_from(number).unwrap_or(0);
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

/// Whether the year has a 29 February.
const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month: 28 to 31.
pub(super) const fn days_in(year: i32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a civil date. Years begin in March here, so that the leap day is the last
/// of its year, and 400 years are 146,097 days.
#[inline]
const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let month = month.cast_signed();
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.cast_signed() - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day so many days after 1970-01-01.
#[inline]
const fn civil_from_days(days: i32) -> (i32, u32, u32) {
    // Every date of the range lies after the first of March of the year 0, where eras are counted
    // from, so that unsigned divisions do.
    let shifted = (days + 719_468).cast_unsigned();
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let (month, carried) = if shifted_month < 10 {
        (shifted_month + 3, 0)
    } else {
        (shifted_month - 9, 1)
    };
    let year = year_of_era + era * 400 + carried;
    (year.cast_signed(), month, day)
}

/// A date on the local calendar, from 1900-01-01 to 9999-12-31.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate {
    days: i32,
}

impl LocalDate {
    /// 1900-01-01.
    pub const MIN: Self = Self {
        days: days_from_civil(YEAR_MIN, 1, 1),
    };

    /// 9999-12-31.
    pub const MAX: Self = Self {
        days: days_from_civil(YEAR_MAX, 12, 31),
    };

    /// The date of year, month (1 to 12) and day; none when there is no such day in the range.
    #[must_use]
    pub const fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        if year < YEAR_MIN || year > YEAR_MAX || month < 1 || month > 12 {
            return None;
        }
        if day < 1 || day > days_in(year, month) {
            return None;
        }
        Some(Self {
            days: days_from_civil(year, month, day),
        })
    }

    /// The date of a year, a month and a day that are in range.
    pub(super) const fn at_civil(year: i32, month: u32, day: u32) -> Self {
        Self {
            days: days_from_civil(year, month, day),
        }
    }

    /// The date so many days after 1970-01-01, or the nearest end of the range.
    pub(super) fn from_days(days: i32) -> Self {
        Self {
            days: days.clamp(Self::MIN.days, Self::MAX.days),
        }
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.days
    }

    /// Year, month and day.
    #[must_use]
    pub const fn parts(self) -> (i32, u32, u32) {
        civil_from_days(self.days)
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u32 {
        self.parts().2
    }

    /// The month this date lies in.
    #[must_use]
    pub const fn month(self) -> Month {
        let (year, month, _) = self.parts();
        Month::at(year, month)
    }

    /// The day of the week: 1 for Monday to 7 for Sunday.
    #[must_use]
    pub const fn weekday(self) -> u32 {
        // 1970-01-01 was a Thursday.
        ((self.days + 3).rem_euclid(7) + 1).cast_unsigned()
    }

    /// The day after; the last date of the range is followed by itself.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus_days(1)
    }

    /// The day before; the first date of the range is preceded by itself.
    #[must_use]
    pub fn prev(self) -> Self {
        self.plus_days(-1)
    }

    /// The date so many days later, or the nearest end of the range.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self::from_days(self.days.saturating_add(days))
    }

    /// The same day so many months later, or the last day of that month when it has no such day;
    /// stops at the ends of the range.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let month = self.month().plus(months);
        let (year, number) = month.parts();
        let day = self.day().min(days_in(year, number));
        Self::new(year, number, day).unwrap_or(month.first_day())
    }

    /// Days from `earlier` to this date; negative when that is later.
    #[must_use]
    pub const fn days_since(self, earlier: Self) -> i32 {
        self.days - earlier.days
    }

    /// Reads a date such as `2012-02-10`.
    ///
    /// # Errors
    /// When the text has another form, names a day that does not exist, or lies outside 1900 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let bytes: [u8; 10] = text.as_bytes().try_into().map_err(|_| DATE_MALFORMED)?;
        Self::from_text(bytes)
    }

    /// Reads the ten characters of a date.
    #[inline]
    pub(super) fn from_text(text: [u8; 10]) -> Result<Self, TimeError> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
            return Err(DATE_MALFORMED);
        };
        let parts = (pair(y1, y2), pair(y3, y4), pair(m1, m2), pair(d1, d2));
        let (Some(century), Some(year), Some(month), Some(day)) = parts else {
            return Err(DATE_MALFORMED);
        };
        let year = (century * 100 + year).cast_signed();
        if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
            return Err(DATE_MALFORMED);
        }
        Self::new(year, month, day).ok_or(DATE_OUT_OF_RANGE)
    }

    /// The ten characters of the date.
    #[inline]
    pub(super) fn text(self) -> [u8; 10] {
        let (year, month, day) = self.parts();
        let year = year.cast_unsigned();
        let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year % 100));
        let ([m1, m2], [d1, d2]) = (two_digits(month), two_digits(day));
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]
    }
}

impl fmt::Display for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for LocalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for LocalDate {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl Serialize for LocalDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for LocalDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor {
            expecting: "a date such as \"2012-02-10\"",
            parse: Self::parse,
        })
    }
}

/// Date and time of day on a local clock, to the millisecond, without an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDateTime {
    /// Milliseconds since 1970-01-01T00:00:00 on the same clock.
    millis: i64,
}

impl LocalDateTime {
    /// The time `since_midnight_ms` after the date began, on a clock that is not changed that day;
    /// none from 24 hours.
    #[must_use]
    pub fn new(date: LocalDate, since_midnight_ms: u32) -> Option<Self> {
        let since_midnight_ms = i64::from(since_midnight_ms);
        (since_midnight_ms < DAY_MS).then(|| Self {
            millis: i64::from(date.days()) * DAY_MS + since_midnight_ms,
        })
    }

    /// Midnight, at the beginning of the date.
    #[must_use]
    pub fn midnight(date: LocalDate) -> Self {
        Self {
            millis: i64::from(date.days()) * DAY_MS,
        }
    }

    /// Reads a local time such as `2012-02-10T16:00:00`, with up to three decimals of a second.
    ///
    /// # Errors
    /// When the text has another form, names a time that does not exist on any clock, or is finer
    /// than a millisecond.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let malformed = TimeError::Malformed {
            what: "local time",
            example: "2012-02-10T16:00:00",
        };
        match parse_local(text.as_bytes())? {
            (millis, []) => Ok(Self { millis }),
            _ => Err(malformed),
        }
    }

    /// The date.
    #[must_use]
    pub fn date(self) -> LocalDate {
        LocalDate::from_days(days_of(self.millis))
    }

    /// Milliseconds since 1970-01-01T00:00:00 on the same clock.
    pub(super) const fn millis(self) -> i64 {
        self.millis
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> LocalDate {
        LocalDate::parse(text).unwrap()
    }

    #[test]
    fn dates_have_one_written_form() {
        for text in [
            "1900-01-01",
            "1969-12-31",
            "1970-01-01",
            "2012-02-29",
            "9999-12-31",
        ] {
            assert_eq!(date(text).to_string(), text);
            assert_eq!(
                serde_json::to_string(&date(text)).unwrap(),
                format!("\"{text}\"")
            );
            assert_eq!(date(text).month().to_string(), text[..7]);
        }
        for text in [
            "2012-2-1",
            "2013-02-29",
            "2012-02-10T",
            "2012/02/10",
            "2012-00-10",
            "",
        ] {
            assert_eq!(LocalDate::parse(text), Err(DATE_MALFORMED), "{text}");
        }
        assert_eq!(LocalDate::parse("1899-12-31"), Err(DATE_OUT_OF_RANGE));
        assert_eq!(
            Month::parse("1899-12").unwrap_err().code(),
            "time-out-of-range"
        );
    }

    #[test]
    fn months_later_is_the_same_day_or_the_last_of_the_month() {
        assert_eq!(date("2012-01-31").plus_months(1), date("2012-02-29"));
        assert_eq!(date("2012-03-31").plus_months(-13), date("2011-02-28"));
        assert_eq!(date("2012-02-29").plus_months(12), date("2013-02-28"));
    }

    #[test]
    fn the_ends_of_the_range_hold() {
        assert_eq!(LocalDate::MAX.next(), LocalDate::MAX);
        assert_eq!(LocalDate::MIN.prev(), LocalDate::MIN);
        assert_eq!(LocalDate::new(2012, 2, 30), None);
    }

    #[test]
    fn weekdays_are_counted_from_monday() {
        assert_eq!(date("2012-02-10").weekday(), 5);
        assert_eq!(date("1969-12-28").weekday(), 7);
    }

    #[test]
    fn a_local_time_is_a_date_and_a_time_of_day() {
        let time = LocalDateTime::parse("2012-02-10T16:00:00.250").unwrap();
        assert_eq!(time.date(), date("2012-02-10"));
        assert_eq!(
            LocalDateTime::new(date("2012-02-10"), 57_600_250),
            Some(time)
        );
        assert_eq!(LocalDateTime::new(date("2012-02-10"), 86_400_000), None);
        assert!(LocalDateTime::parse("2012-02-10T16:00:00Z").is_err());
    }

    proptest! {
        #[test]
        fn civil_dates_agree_with_an_independent_calendar(days in LocalDate::MIN.days..=LocalDate::MAX.days) {
            let date = LocalDate::from_days(days);
            let (year, month, day) = date.parts();
            let reference = jiff::civil::date(1970, 1, 1)
                .checked_add(jiff::Span::new().days(days))
                .unwrap();
            prop_assert_eq!(date.to_string(), reference.to_string());
            prop_assert_eq!(LocalDate::new(year, month, day), Some(date));
            prop_assert_eq!(LocalDate::parse(&date.to_string()), Ok(date));
            prop_assert_eq!(date.weekday(), u32::from(reference.weekday().to_monday_one_offset().unsigned_abs()));
            prop_assert_eq!(Month::parse(&date.month().to_string()), Ok(date.month()));
        }
    }
}
