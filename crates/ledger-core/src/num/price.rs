//! `Price`: money per unit of quantity.
//!
//! Owns the price and the one product of the ledger, price times quantity, which is exact (C3).
//! Deliberately absent: sums of prices, which mean nothing.

use std::fmt;
use std::ops::Mul;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::{DecimalError, Format, Text};
use super::{Money, Quantity};

/// Decimal places of a price (C3).
const PLACES: u32 = 8;

static FORMAT: Format = Format {
    what: "price",
    places: PLACES,
    units_max: 10_000_000_000,
};

/// A price in units of 10⁻⁸ of the currency per kWh or m³; text is accepted between −10¹⁰ and 10¹⁰.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Price(i64);

impl Price {
    /// Free of charge.
    pub const ZERO: Self = Self(0);

    /// Reads a price in plain decimal notation, such as `0.08`.
    ///
    /// # Errors
    /// When the text is blank, not plain decimal notation, finer than 8 decimal places, or beyond
    /// 10¹⁰ units either way.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let out_of_range = DecimalError::OutOfRange {
            what: FORMAT.what,
            units_max: FORMAT.units_max,
        };
        i64::try_from(FORMAT.parse(text)?)
            .map(Self)
            .map_err(|_| out_of_range)
    }

    /// The price in 10⁻⁸ units.
    #[must_use]
    pub const fn scaled(self) -> i64 {
        self.0
    }

    /// The price of so many 10⁻⁸ units.
    #[must_use]
    pub const fn from_scaled(scaled: i64) -> Self {
        Self(scaled)
    }

    /// Whether this is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// Exact: 8 decimal places times 6 are the 14 of [`Money`].
impl Mul<Quantity> for Price {
    type Output = Money;

    #[inline]
    fn mul(self, quantity: Quantity) -> Money {
        Money::from_scaled(i128::from(self.0) * i128::from(quantity.micro()))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::new(i128::from(self.0), PLACES).show(f)
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Price({self})")
    }
}

impl FromStr for Price {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::new(i128::from(self.0), PLACES).as_str())
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scaled = FORMAT.deserialize(deserializer)?;
        i64::try_from(scaled)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn c3_price_times_quantity_is_exact() {
        let price = Price::parse("0.01").unwrap();
        let quantity = Quantity::parse("0.237").unwrap();
        assert_eq!((price * quantity).to_string(), "0.00237");
        let finest = Price::parse("0.00000001").unwrap() * Quantity::parse("0.000001").unwrap();
        assert_eq!(finest.to_string(), "0.00000000000001");
    }

    #[test]
    fn c3_prices_have_at_most_eight_decimal_places() {
        assert_eq!(Price::parse("16.58").map(Price::scaled), Ok(1_658_000_000));
        let refusal = Price::parse("0.000000001").unwrap_err();
        assert_eq!(
            refusal,
            DecimalError::TooFine {
                what: "price",
                places_max: 8
            }
        );
        assert!(serde_json::from_str::<Price>("0.08").is_err());
        assert_eq!(
            serde_json::from_str::<Price>("\"0.080\"")
                .unwrap()
                .to_string(),
            "0.08"
        );
    }

    proptest! {
        #[test]
        fn c3_reading_what_was_written_gives_the_same_price(
            scaled in -1_000_000_000_000_000_000_i64..=1_000_000_000_000_000_000,
        ) {
            let price = Price::from_scaled(scaled);
            prop_assert_eq!(Price::parse(&price.to_string()), Ok(price));
        }
    }
}
