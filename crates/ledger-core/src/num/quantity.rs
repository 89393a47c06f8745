//! `Quantity`: kilowatt-hours or cubic metres, and what a register shows.
//!
//! Owns the volume and its arithmetic. The unit is the utility's and is not carried along: volumes of
//! two utilities never meet. Deliberately absent: any rounding.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::{DecimalError, Format, Text};

/// Decimal places of a quantity (C3).
const PLACES: u32 = 6;

/// One unit in 10⁻⁶ units.
const UNIT: i64 = 1_000_000;

static FORMAT: Format = Format {
    what: "quantity",
    places: PLACES,
    units_max: 1_000_000_000_000,
};

/// A volume in units of 10⁻⁶ kWh or m³.
///
/// Text is accepted between −10¹² and 10¹² units; the integer holds nine times that, and an overflow
/// stops the program rather than wrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The greatest quantity accepted as text: 10¹² units.
    pub const MAX: Self = Self(1_000_000_000_000 * UNIT);

    /// Reads a quantity in plain decimal notation, such as `0.237`.
    ///
    /// # Errors
    /// When the text is blank, not plain decimal notation, finer than 6 decimal places, or beyond
    /// 10¹² units either way.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let out_of_range = DecimalError::OutOfRange {
            what: FORMAT.what,
            units_max: FORMAT.units_max,
        };
        i64::try_from(FORMAT.parse(text)?)
            .map(Self)
            .map_err(|_| out_of_range)
    }

    /// A quantity of whole units.
    #[must_use]
    pub const fn from_units(units: i32) -> Self {
        // A 32-bit number times a million fits 64 bits; `i64::from` is not const.
        Self(units as i64 * UNIT)
    }

    /// The quantity of so many 10⁻⁶ units.
    #[must_use]
    pub const fn from_micro(micro: i64) -> Self {
        Self(micro)
    }

    /// The quantity in 10⁻⁶ units.
    #[must_use]
    pub const fn micro(self) -> i64 {
        self.0
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether this is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether this is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Ten to the power of `digits` units, at most 12: where a register of so many whole digits
    /// returns to zero.
    #[must_use]
    pub fn power_of_ten(digits: u8) -> Self {
        assert!(digits <= 12, "a register has at most twelve whole digits");
        let units = super::decimal::power_of_ten(u32::from(digits));
        Self(i64::try_from(units).unwrap_or(0) * UNIT)
    }

    /// So many times the quantity: a block's width times the dwelling units, a flow times minutes.
    /// None when the product leaves the integer.
    #[must_use]
    pub const fn checked_scale(self, times: i64) -> Option<Self> {
        match self.0.checked_mul(times) {
            Some(micro) => Some(Self(micro)),
            None => None,
        }
    }

    /// Whether the quantity is a whole number of `10^-decimals` units.
    #[must_use]
    pub fn has_decimals_at_most(self, decimals: u32) -> bool {
        let step = super::decimal::power_of_ten(PLACES - decimals.min(PLACES));
        i64::try_from(step).is_ok_and(|step| self.0 % step == 0)
    }

    /// Writes the canonical form without allocating.
    ///
    /// # Errors
    /// Only those of the writer.
    pub fn write_to(self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(Text::new(i128::from(self.0), PLACES).as_str())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::new(i128::from(self.0), PLACES).show(f)
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantity({self})")
    }
}

impl FromStr for Quantity {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::new(i128::from(self.0), PLACES).as_str())
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let micro = FORMAT.deserialize(deserializer)?;
        i64::try_from(micro)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn c3_quantities_have_at_most_six_decimal_places() {
        assert_eq!(Quantity::parse("0.237").map(Quantity::micro), Ok(237_000));
        assert_eq!(Quantity::parse("54.540000").unwrap().to_string(), "54.54");
        let refusal = Quantity::parse("0.0000001").unwrap_err();
        assert_eq!(
            refusal,
            DecimalError::TooFine {
                what: "quantity",
                places_max: 6
            }
        );
        assert!(Quantity::parse("1000000000000.000001").is_err());
        assert_eq!(Quantity::parse("1000000000000"), Ok(Quantity::MAX));
    }

    #[test]
    fn c3_json_holds_quantities_as_strings_and_nothing_else() {
        let quantity: Quantity = serde_json::from_str("\"12.50\"").unwrap();
        assert_eq!(serde_json::to_string(&quantity).unwrap(), "\"12.5\"");
        assert!(serde_json::from_str::<Quantity>("12.5").is_err());
        assert!(serde_json::from_str::<Quantity>("\"0.0000001\"").is_err());
    }

    #[test]
    fn a_product_that_leaves_the_range_is_none() {
        assert_eq!(
            Quantity::from_units(100).checked_scale(140),
            Some(Quantity::from_units(14_000))
        );
        assert_eq!(Quantity::MAX.checked_scale(10), None);
        assert_eq!(Quantity::power_of_ten(6), Quantity::from_units(1_000_000));
        assert_eq!(Quantity::power_of_ten(12), Quantity::MAX);
        assert!(Quantity::parse("1.001").unwrap().has_decimals_at_most(3));
        assert!(!Quantity::parse("1.0011").unwrap().has_decimals_at_most(3));
    }

    proptest! {
        #[test]
        fn c3_reading_what_was_written_gives_the_same_quantity(
            micro in -Quantity::MAX.0..=Quantity::MAX.0,
        ) {
            let quantity = Quantity(micro);
            let mut text = String::new();
            quantity.write_to(&mut text).unwrap();
            prop_assert_eq!(Quantity::parse(&text), Ok(quantity));
            prop_assert_eq!(text, quantity.to_string());
        }
    }
}
