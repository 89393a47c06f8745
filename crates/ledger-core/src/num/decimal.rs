//! Plain decimal notation: the one way numbers are written and read (rule C3).
//!
//! Owns the text form shared by money, quantities and prices: canonical output (`2`, `0.00237`,
//! `-1.5`) and strict input. It allocates nothing: events are written and read by the million.
//! Deliberately absent: exponents, plus signs, grouping, and any rounding of what is too fine.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};

/// The longest text looked at. The widest number of the ledger needs 29 characters; leading and
/// trailing zeros of registers and database columns fit beside it.
const TEXT_BYTES_MAX: usize = 64;

/// Room for any `i128` with a sign and a point: 39 digits and two more, rounded up.
const BUFFER_BYTES: usize = 48;

/// Powers of ten up to the finest scale, that of money.
const POWERS_OF_TEN: [u64; 15] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
];

/// Ten to the power of `exponent`, which is at most 14.
pub(super) fn power_of_ten(exponent: u32) -> u64 {
    let power = usize::try_from(exponent)
        .ok()
        .and_then(|index| POWERS_OF_TEN.get(index))
        .copied();
    assert!(
        power.is_some(),
        "no scale is finer than fourteen decimal places"
    );
    power.unwrap_or(1)
}

/// Why a text is not a number of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// There is nothing to read.
    #[error("the {what} is blank: write a plain decimal number such as 12.5")]
    Blank {
        /// What was being read, such as "amount".
        what: &'static str,
    },
    /// Something else than digits, one point between digits, and a leading minus.
    #[error(
        "the {what} is not a plain decimal number: use digits, at most one point between digits, \
         and at most a minus sign in front"
    )]
    Malformed {
        /// What was being read.
        what: &'static str,
    },
    /// More decimal places than the scale holds.
    #[error(
        "the {what} is finer than {places_max} decimal places: send at most {places_max}, \
         nothing is rounded"
    )]
    TooFine {
        /// What was being read.
        what: &'static str,
        /// The most decimal places this number can have.
        places_max: u32,
    },
    /// Beyond the stated range.
    #[error("the {what} is out of range: it lies between -{units_max} and {units_max}")]
    OutOfRange {
        /// What was being read.
        what: &'static str,
        /// The greatest whole number allowed, either way.
        units_max: u64,
    },
}

impl DecimalError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Blank { .. } => "number-blank",
            Self::Malformed { .. } => "number-malformed",
            Self::TooFine { .. } => "number-too-fine",
            Self::OutOfRange { .. } => "number-out-of-range",
        }
    }
}

/// What distinguishes one kind of number from another in its text form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Format {
    /// What the number is called in an error.
    pub(super) what: &'static str,
    /// Decimal places of the scale, at most 14.
    pub(super) places: u32,
    /// The greatest whole number, either way.
    pub(super) units_max: u64,
}

impl Format {
    /// Reads `text` as an integer of this scale.
    ///
    /// Zeros beyond the last place carry nothing and are accepted; any other digit there is refused.
    ///
    /// # Errors
    /// When the text is blank, not plain decimal notation, finer than the scale or out of range.
    pub(super) fn parse(&self, text: &str) -> Result<i128, DecimalError> {
        let what = self.what;
        if text.is_empty() {
            return Err(DecimalError::Blank { what });
        }
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if text.len() > TEXT_BYTES_MAX {
            return Err(DecimalError::Malformed { what });
        }
        let mut scan = Scan::new(self);
        for byte in digits.bytes() {
            if !scan.take(byte) {
                return Err(DecimalError::Malformed { what });
            }
        }
        let magnitude = scan.finish()?;
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// Reads a number from a self-describing format, which must hold it as a string.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        &'static self,
        deserializer: D,
    ) -> Result<i128, D::Error> {
        deserializer.deserialize_str(DecimalVisitor(self))
    }
}

/// The state of reading one number.
struct Scan<'a> {
    format: &'a Format,
    whole: u64,
    whole_digits: u32,
    fraction: u64,
    fraction_digits: u32,
    after_point: bool,
    too_fine: bool,
    too_great: bool,
}

impl<'a> Scan<'a> {
    const fn new(format: &'a Format) -> Self {
        Self {
            format,
            whole: 0,
            whole_digits: 0,
            fraction: 0,
            fraction_digits: 0,
            after_point: false,
            too_fine: false,
            too_great: false,
        }
    }

    /// Takes one character; false when it cannot stand there.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            let point = byte == b'.' && !self.after_point && self.whole_digits > 0;
            self.after_point = true;
            return point;
        }
        if self.after_point {
            if self.fraction_digits < self.format.places {
                self.fraction = self.fraction * 10 + digit;
            } else if digit != 0 {
                self.too_fine = true;
            }
            self.fraction_digits += 1;
            return true;
        }
        self.whole_digits += 1;
        if !self.too_great {
            self.whole = self.whole * 10 + digit;
            self.too_great = self.whole > self.format.units_max;
        }
        true
    }

    fn finish(self) -> Result<i128, DecimalError> {
        let Format {
            what,
            places,
            units_max,
        } = *self.format;
        if self.whole_digits == 0 || (self.after_point && self.fraction_digits == 0) {
            return Err(DecimalError::Malformed { what });
        }
        if self.too_fine {
            return Err(DecimalError::TooFine {
                what,
                places_max: places,
            });
        }
        let missing = places - self.fraction_digits.min(places);
        let fraction = self.fraction * power_of_ten(missing);
        if self.too_great || (self.whole == units_max && fraction > 0) {
            return Err(DecimalError::OutOfRange { what, units_max });
        }
        Ok(i128::from(self.whole) * i128::from(power_of_ten(places)) + i128::from(fraction))
    }
}

struct DecimalVisitor(&'static Format);

impl Visitor<'_> for DecimalVisitor {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the {} as a string in plain decimal notation, such as \"12.5\"",
            self.0.what
        )
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<i128, E> {
        self.0.parse(text).map_err(E::custom)
    }
}

/// A number in its canonical form, on the stack.
pub(super) struct Text {
    bytes: [u8; BUFFER_BYTES],
    start: usize,
}

impl Text {
    /// Writes `scaled`, an integer of `places` decimal places.
    pub(super) fn new(scaled: i128, places: u32) -> Self {
        let magnitude = scaled.unsigned_abs();
        let unit = power_of_ten(places);
        // Almost every amount fits 64 bits, where a division costs a tenth of one on 128.
        let (whole, fraction) = match u64::try_from(magnitude) {
            Ok(small) => (u128::from(small / unit), small % unit),
            Err(_) => {
                let fraction = u64::try_from(magnitude % u128::from(unit)).unwrap_or(0);
                (magnitude / u128::from(unit), fraction)
            }
        };
        let mut text = Self {
            bytes: [b'0'; BUFFER_BYTES],
            start: BUFFER_BYTES,
        };
        text.push_fraction(fraction, places);
        text.push_whole(whole);
        if scaled < 0 {
            text.push_front(b'-');
        }
        text
    }

    fn push_fraction(&mut self, mut fraction: u64, mut places: u32) {
        if fraction == 0 {
            return;
        }
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            places -= 1;
        }
        for _ in 0..places {
            self.push_digit(fraction % 10);
            fraction /= 10;
        }
        self.push_front(b'.');
    }

    fn push_whole(&mut self, whole: u128) {
        /// The greatest power of ten below 2^64, by which a wide number is cut into narrow ones.
        const CUT: u128 = 10_000_000_000_000_000_000;
        let Ok(mut narrow) = u64::try_from(whole) else {
            let mut low = u64::try_from(whole % CUT).unwrap_or(0);
            for _ in 0..19 {
                self.push_digit(low % 10);
                low /= 10;
            }
            return self.push_whole(whole / CUT);
        };
        loop {
            self.push_digit(narrow % 10);
            narrow /= 10;
            if narrow == 0 {
                return;
            }
        }
    }

    #[inline]
    fn push_digit(&mut self, digit: u64) {
        let digit = u8::try_from(digit).unwrap_or(0);
        self.push_front(b'0' + digit);
    }

    #[inline]
    fn push_front(&mut self, byte: u8) {
        self.start -= 1;
        if let Some(slot) = self.bytes.get_mut(self.start) {
            *slot = byte;
        }
    }

    /// The canonical text.
    pub(super) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(self.start..).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Shows the text in a formatter: a width pads it; a precision is ignored, since cutting digits
    /// off would be a silent rounding.
    pub(super) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_some() && f.precision().is_none() {
            return f.pad(self.as_str());
        }
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIX: Format = Format {
        what: "quantity",
        places: 6,
        units_max: 1_000,
    };

    #[test]
    fn c3_plain_decimal_notation_is_read_by_value() {
        for (text, scaled) in [
            ("2", 2_000_000),
            ("2.0", 2_000_000),
            ("2.00000000", 2_000_000),
            ("-1", -1_000_000),
            ("0.50", 500_000),
            ("-0", 0),
            ("007.000001", 7_000_001),
            ("1000", 1_000_000_000),
            ("-1000.0", -1_000_000_000),
        ] {
            assert_eq!(SIX.parse(text), Ok(scaled), "{text}");
        }
    }

    #[test]
    fn c3_anything_but_plain_decimal_notation_is_refused() {
        for text in [
            "+1", "1e3", " 1", "1 ", ".5", "5.", "-", ".", "1.2.3", "1,5", "--1", "0x1", "١",
            "NaN", "1_000",
        ] {
            assert_eq!(
                SIX.parse(text),
                Err(DecimalError::Malformed { what: "quantity" }),
                "{text}"
            );
        }
        assert_eq!(SIX.parse(""), Err(DecimalError::Blank { what: "quantity" }));
        let endless = "0".repeat(65);
        assert_eq!(
            SIX.parse(&endless),
            Err(DecimalError::Malformed { what: "quantity" })
        );
    }

    #[test]
    fn c3_what_is_finer_than_the_scale_is_refused_with_the_limit() {
        let refusal = SIX.parse("0.0000001").unwrap_err();
        assert_eq!(
            refusal,
            DecimalError::TooFine {
                what: "quantity",
                places_max: 6
            }
        );
        assert_eq!(refusal.code(), "number-too-fine");
        assert!(refusal.to_string().contains("at most 6"), "{refusal}");
    }

    #[test]
    fn c3_what_is_out_of_range_is_refused_with_the_limit() {
        for text in [
            "1000.000001",
            "-1000.000001",
            "1001",
            "99999999999999999999999999999999",
        ] {
            let refusal = SIX.parse(text).unwrap_err();
            assert_eq!(
                refusal,
                DecimalError::OutOfRange {
                    what: "quantity",
                    units_max: 1_000
                }
            );
        }
    }

    #[test]
    fn c3_there_is_one_canonical_written_form() {
        for (scaled, places, text) in [
            (2_000_000, 6, "2"),
            (237_000_000_000, 14, "0.00237"),
            (-1_500_000, 6, "-1.5"),
            (0, 14, "0"),
            (-1, 14, "-0.00000000000001"),
            (1, 0, "1"),
            (i128::MAX, 14, "1701411834604692317316873.03715884105727"),
            (i128::MIN, 0, "-170141183460469231731687303715884105728"),
        ] {
            assert_eq!(Text::new(scaled, places).as_str(), text);
        }
    }
}
