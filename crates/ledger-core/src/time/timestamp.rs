//! `Timestamp` and `Millis`: instants in UTC and elapsed time, to the millisecond.
//!
//! Owns the RFC 3339 form, read and written by hand because every event has several. Deliberately
//! absent: the current time, and anything local beyond an offset that a sender states.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::calendar::{LocalDate, two_digits};

/// Milliseconds of a day without a change of clocks.
pub(super) const DAY_MS: i64 = 86_400_000;

/// The longest text looked at: date, time, nine decimals and an offset take 35 characters.
const TEXT_BYTES_MAX: usize = 40;

/// Why a text is not an instant, a date or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not the form, or a day or an hour that does not exist.
    #[error("the {what} is malformed: write it like {example}")]
    Malformed {
        /// What was being read.
        what: &'static str,
        /// A text of the right form.
        example: &'static str,
    },
    /// Finer than a millisecond.
    #[error("the {what} is finer than a millisecond: send at most three decimals of a second")]
    TooFine {
        /// What was being read.
        what: &'static str,
    },
    /// Outside the years the ledger knows.
    #[error("the {what} is out of range: it lies from {from} to {to}")]
    OutOfRange {
        /// What was being read.
        what: &'static str,
        /// The earliest.
        from: &'static str,
        /// The latest.
        to: &'static str,
    },
}

impl TimeError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "time-malformed",
            Self::TooFine { .. } => "time-too-fine",
            Self::OutOfRange { .. } => "time-out-of-range",
        }
    }
}

const WHAT: &str = "time";

const MALFORMED: TimeError = TimeError::Malformed {
    what: WHAT,
    example: "2012-02-10T08:00:00Z or 2012-02-10T16:00:00+08:00",
};

const OUT_OF_RANGE: TimeError = TimeError::OutOfRange {
    what: WHAT,
    from: "1970-01-01T00:00:00Z",
    to: "9999-12-30T23:59:59.999Z",
};

/// Elapsed time in milliseconds; may be negative.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }

    /// So many minutes.
    #[must_use]
    pub const fn minutes(minutes: i64) -> Self {
        Self(minutes * 60_000)
    }

    /// So many hours of elapsed time.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self(hours * 3_600_000)
    }

    /// So many times 24 hours of elapsed time.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self(days * DAY_MS)
    }

    /// The number of milliseconds.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl Add for Millis {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Millis {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Millis {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul<i64> for Millis {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        Self(self.0 * times)
    }
}

impl Sum for Millis {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::ZERO, Add::add)
    }
}

/// An instant: milliseconds since 1970-01-01T00:00:00Z, up to 9999-12-30T23:59:59.999Z.
///
/// The last day of the year 9999 is left out so that every instant has a local date with four digits
/// for the year in every zone. Sums stop at the ends of the range: a deadline that lies beyond the
/// year 9999 is never reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);

    /// 9999-12-30T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_214_399_999);

    /// The beginning of the range, where nothing has happened yet.
    pub const EPOCH: Self = Self::MIN;

    /// The instant so many milliseconds after 1970-01-01T00:00:00Z, or the nearest end of the range.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The instant so many milliseconds after 1970-01-01T00:00:00Z; none outside the range.
    #[must_use]
    pub const fn checked_from_millis(millis: i64) -> Option<Self> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 {
            None
        } else {
            Some(Self(millis))
        }
    }

    /// The instant one millisecond before, but for the beginning of the range.
    #[must_use]
    pub fn just_before(self) -> Self {
        self - Millis(1)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Elapsed time since `earlier`; negative when that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0 - earlier.0)
    }

    /// Reads an RFC 3339 instant: `2012-02-10T08:00:00Z`, with an offset such as `+08:00` or `Z`, and
    /// up to three decimals of a second (more only when they are zeros).
    ///
    /// # Errors
    /// When the text has another form, names a time that does not exist (a leap second, too), is
    /// finer than a millisecond, or lies outside 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(MALFORMED);
        }
        let (local_ms, rest) = parse_local(text.as_bytes())?;
        let offset_ms = parse_offset(rest).ok_or(MALFORMED)?;
        Self::checked_from_millis(local_ms - offset_ms).ok_or(OUT_OF_RANGE)
    }

    /// Writes the canonical form without allocating.
    ///
    /// # Errors
    /// Only those of the writer.
    pub fn write_to(self, out: &mut impl fmt::Write) -> fmt::Result {
        self.with_text(|text| out.write_str(text))
    }

    /// Calls `show` with the canonical form, which is on the stack.
    #[inline]
    fn with_text<R>(self, show: impl FnOnce(&str) -> R) -> R {
        let date = LocalDate::from_days(days_of(self.0));
        let [y1, y2, y3, y4, _, m1, m2, _, d1, d2] = date.text();
        let ms_of_day = u32::try_from(self.0 % DAY_MS).unwrap_or(0);
        let (second, ms) = (ms_of_day / 1_000, ms_of_day % 1_000);
        let [h1, h2] = two_digits(second / 3_600);
        let [n1, n2] = two_digits(second / 60 % 60);
        let [s1, s2] = two_digits(second % 60);
        if ms == 0 {
            let bytes = [
                y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1,
                s2, b'Z',
            ];
            return show(std::str::from_utf8(&bytes).unwrap_or_default());
        }
        let ([_, f1], [f2, f3]) = (two_digits(ms / 100), two_digits(ms % 100));
        let bytes = [
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
            b'.', f1, f2, f3, b'Z',
        ];
        show(std::str::from_utf8(&bytes).unwrap_or_default())
    }
}

/// The day of an instant or a local time, counted from 1970-01-01.
#[inline]
pub(super) fn days_of(millis: i64) -> i32 {
    i32::try_from(millis.div_euclid(DAY_MS)).unwrap_or(i32::MAX)
}

/// The value of two digits.
#[inline]
pub(super) fn pair(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Date and time of day as milliseconds since 1970-01-01T00:00:00 on the same clock, and what follows.
pub(super) fn parse_local(bytes: &[u8]) -> Result<(i64, &[u8]), TimeError> {
    let Some((head, rest)) = bytes.split_first_chunk::<19>() else {
        return Err(MALFORMED);
    };
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = head
    else {
        return Err(MALFORMED);
    };
    let date =
        LocalDate::from_text([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2]).map_err(|error| {
            match error {
                TimeError::OutOfRange { .. } => OUT_OF_RANGE,
                TimeError::Malformed { .. } | TimeError::TooFine { .. } => MALFORMED,
            }
        })?;
    let (Some(hour), Some(minute), Some(second)) = (pair(h1, h2), pair(n1, n2), pair(s1, s2))
    else {
        return Err(MALFORMED);
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(MALFORMED);
    }
    let second_of_day = i64::from(hour * 3_600 + minute * 60 + second);
    let (ms, rest) = parse_fraction(rest)?;
    Ok((
        i64::from(date.days()) * DAY_MS + second_of_day * 1_000 + ms,
        rest,
    ))
}

/// The milliseconds after a point, if there is one, and what follows.
fn parse_fraction(bytes: &[u8]) -> Result<(i64, &[u8]), TimeError> {
    let Some((b'.', mut rest)) = bytes.split_first() else {
        return Ok((0, bytes));
    };
    let mut ms = 0;
    let mut place = 100;
    let mut digits = 0_u32;
    while let Some((byte @ b'0'..=b'9', tail)) = rest.split_first() {
        let digit = i64::from(byte - b'0');
        if place == 0 && digit != 0 {
            return Err(TimeError::TooFine { what: WHAT });
        }
        ms += digit * place;
        place /= 10;
        digits += 1;
        rest = tail;
    }
    if digits == 0 {
        Err(MALFORMED)
    } else {
        Ok((ms, rest))
    }
}

/// The offset in milliseconds that ends a text: `Z`, `+08:00`, `-03:30`.
#[inline]
fn parse_offset(bytes: &[u8]) -> Option<i64> {
    match *bytes {
        [b'Z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (pair(h1, h2)?, pair(m1, m2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = i64::from(hours * 60 + minutes) * 60_000;
            Some(if sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;

    fn add(self, elapsed: Millis) -> Self {
        Self::from_millis(self.0.saturating_add(elapsed.0))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;

    fn sub(self, elapsed: Millis) -> Self {
        Self::from_millis(self.0.saturating_sub(elapsed.0))
    }
}

impl Sub for Timestamp {
    type Output = Millis;

    fn sub(self, earlier: Self) -> Millis {
        self.since(earlier)
    }
}

impl AddAssign<Millis> for Timestamp {
    fn add_assign(&mut self, elapsed: Millis) {
        *self = *self + elapsed;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.pad(text))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor {
            expecting: "an RFC 3339 time such as \"2012-02-10T08:00:00Z\"",
            parse: Self::parse,
        })
    }
}

/// Reads a value of this module from its text.
pub(super) struct TextVisitor<T> {
    pub(super) expecting: &'static str,
    pub(super) parse: fn(&str) -> Result<T, TimeError>,
}

impl<T> de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn an_instant_has_one_canonical_form() {
        assert_eq!(
            at("2012-02-10T08:00:00Z").to_string(),
            "2012-02-10T08:00:00Z"
        );
        assert_eq!(
            at("2012-02-10T08:00:00.120Z").to_string(),
            "2012-02-10T08:00:00.120Z"
        );
        assert_eq!(
            at("2012-02-10T08:00:00.000000Z").to_string(),
            "2012-02-10T08:00:00Z"
        );
        assert_eq!(
            at("2012-02-10T16:00:00.5+08:00").to_string(),
            "2012-02-10T08:00:00.500Z"
        );
        assert_eq!(at("2012-02-10T04:30:00-03:30"), at("2012-02-10T08:00:00Z"));
        assert_eq!(Timestamp::MIN.to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T23:59:59.999Z");
        assert_eq!(at("9999-12-30T23:59:59.999Z"), Timestamp::MAX);
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2012-02-10",
            "2012-02-10 08:00:00Z",
            "2012-02-10T08:00:00",
            "2012-02-30T08:00:00Z",
            "2012-13-10T08:00:00Z",
            "2012-00-10T08:00:00Z",
            "2012-02-00T08:00:00Z",
            "2013-02-29T08:00:00Z",
            "2012-02-10T24:00:00Z",
            "2012-02-10T08:60:00Z",
            "2016-12-31T23:59:60Z",
            "2012-02-10T08:00:00.Z",
            "2012-02-10T08:00:00+8:00",
            "2012-02-10T08:00:00+24:00",
            "2012-02-10T08:00:00ZZ",
            "2O12-02-10T08:00:00Z",
            "2012-02-10T08:00:00.0000000000000000000000Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(MALFORMED), "{text}");
        }
        for text in [
            "1969-12-31T23:59:59Z",
            "9999-12-31T00:00:00Z",
            "1800-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(OUT_OF_RANGE), "{text}");
        }
        let refusal = Timestamp::parse("2012-02-10T08:00:00.0001Z").unwrap_err();
        assert_eq!(refusal, TimeError::TooFine { what: "time" });
    }

    #[test]
    fn c7_a_period_of_hours_is_elapsed_time() {
        let start = at("2012-02-10T08:00:00Z");
        assert_eq!(start + Millis::hours(72), at("2012-02-13T08:00:00Z"));
        assert_eq!(
            start + Millis::days(3) - Millis::minutes(1),
            at("2012-02-13T07:59:00Z")
        );
        assert_eq!(at("2012-02-10T08:00:01Z") - start, Millis::seconds(1));
        assert_eq!(start - at("2012-02-10T08:00:01Z"), -Millis(1_000));
    }

    #[test]
    fn a_deadline_beyond_the_range_is_never_reached() {
        assert_eq!(Timestamp::MAX + Millis::hours(72), Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Millis::hours(72), Timestamp::MIN);
        assert_eq!(Timestamp::MIN + Millis(i64::MIN), Timestamp::MIN);
        assert_eq!(Timestamp::checked_from_millis(-1), None);
        assert_eq!(Timestamp::from_millis(-1), Timestamp::EPOCH);
        assert_eq!(
            at("2012-02-10T08:00:00Z").just_before(),
            at("2012-02-10T07:59:59.999Z")
        );
    }

    proptest! {
        #[test]
        fn reading_what_was_written_gives_the_same_instant(ms in 0..=Timestamp::MAX.0) {
            let instant = Timestamp(ms);
            let mut text = String::new();
            instant.write_to(&mut text).unwrap();
            prop_assert_eq!(Timestamp::parse(&text), Ok(instant));
            let json = serde_json::to_string(&instant).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), instant);
            let reference = jiff::Timestamp::from_millisecond(ms).unwrap().to_string();
            prop_assert_eq!(Timestamp::parse(&reference), Ok(instant));
        }
    }
}
