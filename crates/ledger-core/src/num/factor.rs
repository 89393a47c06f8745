//! `Factor`: a plain ratio of a policy, such as 1.5 reading intervals or a 20% share.
//!
//! Owns the few products a rule takes with a ratio, each of which says what happens to the remainder.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::{DecimalError, Format, Text};
use super::{Money, Quantity};
use crate::time::Millis;

/// Decimal places of a factor.
const PLACES: u32 = 6;

/// One in 10⁻⁶.
const ONE: i64 = 1_000_000;

/// A hundredth of 10⁻⁶.
const PERCENT: i128 = 100_000_000;

static FORMAT: Format = Format {
    what: "factor",
    places: PLACES,
    units_max: 1_000_000,
};

/// A ratio with at most six decimal places, between −10⁶ and 10⁶.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(i64);

impl Factor {
    /// One.
    pub const ONE: Self = Self(ONE);

    /// Reads a factor in plain decimal notation, such as `1.5`.
    ///
    /// # Errors
    /// When the text is blank, not plain decimal notation, finer than 6 decimal places, or out of
    /// range.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let out_of_range = DecimalError::OutOfRange {
            what: FORMAT.what,
            units_max: FORMAT.units_max,
        };
        i64::try_from(FORMAT.parse(text)?)
            .map(Self)
            .map_err(|_| out_of_range)
    }

    /// Whether this is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// So many times a period; a fraction of a millisecond is dropped.
    #[must_use]
    pub fn of_millis(self, period: Millis) -> Millis {
        let product = i128::from(self.0) * i128::from(period.get()) / i128::from(ONE);
        Millis(i64::try_from(product).unwrap_or(i64::MAX))
    }

    /// So many times a quantity, truncated to 10⁻⁶; none when it leaves the range.
    #[must_use]
    pub fn of_quantity(self, quantity: Quantity) -> Option<Quantity> {
        let product = i128::from(self.0) * i128::from(quantity.micro()) / i128::from(ONE);
        i64::try_from(product).ok().map(Quantity::from_micro)
    }

    /// So many hundredths of an amount, rounded once to so many decimals; a tie goes up.
    #[must_use]
    pub fn percent_half_up(self, amount: Money, decimals: u32) -> Money {
        let (product, step) = self.percent(amount, decimals);
        let whole = (product + PERCENT * step / 2).div_euclid(PERCENT * step);
        Money::from_scaled(whole * step)
    }

    /// So many hundredths of an amount, with the digits after so many decimals dropped, towards zero.
    #[must_use]
    pub fn percent_down(self, amount: Money, decimals: u32) -> Money {
        let (product, step) = self.percent(amount, decimals);
        Money::from_scaled(product / (PERCENT * step) * step)
    }

    /// The product before it is divided, and the last decimal's step in 10⁻¹⁴ units. With a factor of
    /// at most a thousand an amount may have 10¹³ units.
    fn percent(self, amount: Money, decimals: u32) -> (i128, i128) {
        let step = super::decimal::power_of_ten(14 - decimals.min(14));
        (amount.scaled() * i128::from(self.0), i128::from(step))
    }

    /// So many times an amount, truncated to 10⁻¹⁴: the rule that takes the share rounds it further
    /// and says where the remainder goes.
    #[must_use]
    pub fn of_money(self, amount: Money) -> Money {
        Money::from_scaled(amount.scaled() * i128::from(self.0) / i128::from(ONE))
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::new(i128::from(self.0), PLACES).show(f)
    }
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Factor({self})")
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::new(i128::from(self.0), PLACES).as_str())
    }
}

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scaled = FORMAT.deserialize(deserializer)?;
        i64::try_from(scaled)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c10_a_gap_is_longer_than_one_and_a_half_intervals() {
        let factor = Factor::parse("1.5").unwrap();
        assert_eq!(factor.of_millis(Millis::hours(1)), Millis::minutes(90));
        assert_eq!(factor.to_string(), "1.5");
    }

    #[test]
    fn a_factor_multiplies_quantities_and_amounts() {
        let fifth = Factor::parse("0.2").unwrap();
        assert_eq!(
            fifth.of_money(Money::from_cents(1_000)),
            Money::from_cents(200)
        );
        let ten = Factor::parse("10").unwrap();
        assert_eq!(
            ten.of_quantity(Quantity::from_units(3)),
            Some(Quantity::from_units(30))
        );
        assert_eq!(ten.of_quantity(Quantity::MAX), None);
        assert!(Factor::parse("0.0000001").is_err() && fifth.is_positive());
    }
}
