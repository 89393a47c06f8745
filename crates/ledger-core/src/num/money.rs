//! `Money`: an exact amount of a scheme's currency.
//!
//! Owns the amount, its arithmetic, and the few ways a rule may round it. The currency is the
//! scheme's and is not carried along: an account has one scheme, and amounts of two schemes never
//! meet. Deliberately absent: division and percentages, since what happens to the remainder is the
//! business of the rule that divides.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decimal::{DecimalError, Format, Text, power_of_ten};

/// Decimal places an amount is exact to: those of a price and a quantity together.
const PLACES: u32 = 14;

/// Ten to the power of fourteen: one unit of the currency.
const UNIT: i128 = 100_000_000_000_000;

/// One cent in 10⁻¹⁴ units.
const CENT: i128 = UNIT / 100;

/// 10⁻⁶ of a unit in 10⁻¹⁴ units: the two integers of [`Money::to_parts`].
const MICRO: i128 = 100_000_000;

/// The greatest amount whose two parts fit 64 bits each: 9.2 · 10¹² units.
const PARTS_MAX: i128 = 9_200_000_000_000 * UNIT;

static FORMAT: Format = Format {
    what: "amount",
    places: PLACES,
    units_max: 1_000_000_000_000,
};

/// An exact amount of money in units of 10⁻¹⁴ of the currency.
///
/// Text is accepted between −10¹² and 10¹² currency units, so that an amount and the sum of several
/// fit the 64-bit parts of [`Money::to_parts`]. Sums and products may go far beyond (the integer
/// holds 10²⁴ units); an overflow of that stops the program rather than wrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i128);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The greatest amount accepted as text: 10¹² units.
    pub const MAX: Self = Self(1_000_000_000_000 * UNIT);

    /// An amount of hundredths of a unit.
    #[must_use]
    pub fn from_cents(cents: i64) -> Self {
        Self(i128::from(cents) * CENT)
    }

    /// Reads an amount in plain decimal notation, such as `-1.50`.
    ///
    /// # Errors
    /// When the text is blank, not plain decimal notation, finer than 14 decimal places, or beyond
    /// 10¹² units either way.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        FORMAT.parse(text).map(Self)
    }

    /// The amount as an integer of 10⁻¹⁴ units.
    #[must_use]
    pub const fn scaled(self) -> i128 {
        self.0
    }

    /// The amount of so many 10⁻¹⁴ units.
    #[must_use]
    pub const fn from_scaled(scaled: i128) -> Self {
        Self(scaled)
    }

    /// Whether this is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// [`Money::is_zero`] for fields that are left out of a stored form when they are nothing.
    #[must_use]
    pub const fn is_none(&self) -> bool {
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

    /// The amount without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// Whether the amount is a whole number of `10^-decimals` units: two for cents.
    #[must_use]
    pub fn has_decimals_at_most(self, decimals: u32) -> bool {
        let step = step_of(decimals);
        // A 64-bit remainder costs a fraction of a 128-bit one, and nearly every amount fits.
        match (i64::try_from(self.0), i64::try_from(step)) {
            (Ok(scaled), Ok(step)) => scaled % step == 0,
            _ => self.0 % step == 0,
        }
    }

    /// The nearest amount with so many decimals; a tie goes up, towards plus infinity, also below
    /// zero (C3).
    #[must_use]
    pub fn round_half_up(self, decimals: u32) -> Self {
        let step = step_of(decimals);
        Self((self.0 + step / 2).div_euclid(step) * step)
    }

    /// The amount with the digits after so many decimals dropped, towards zero.
    #[must_use]
    pub fn truncate(self, decimals: u32) -> Self {
        let step = step_of(decimals);
        Self(self.0 - self.0 % step)
    }

    /// How many times `part` has to be paid until this is paid, the last time perhaps less: zero
    /// when nothing is left.
    ///
    /// `part` must be above zero.
    #[must_use]
    pub fn parts_of(self, part: Self) -> u32 {
        assert!(
            part.is_positive(),
            "an amount is divided into parts above zero"
        );
        if !self.is_positive() {
            return 0;
        }
        let parts = (self.0 - 1) / part.0 + 1;
        u32::try_from(parts).unwrap_or(u32::MAX)
    }

    /// Two 64-bit integers for stores that have no wider number: the amount is
    /// `micro · 10⁻⁶ + rest · 10⁻¹⁴` with `0 ≤ rest < 10⁸`. Both columns may be summed.
    ///
    /// The amount must lie within ±9.2 · 10¹² units.
    #[must_use]
    pub fn to_parts(self) -> (i64, i64) {
        assert!(
            self.0.abs() <= PARTS_MAX,
            "an amount in two parts lies within 9.2e12 units"
        );
        let micro = i64::try_from(self.0.div_euclid(MICRO)).unwrap_or(0);
        let rest = i64::try_from(self.0.rem_euclid(MICRO)).unwrap_or(0);
        (micro, rest)
    }

    /// The amount of two parts, or of the sums of many: any `rest` is accepted.
    #[must_use]
    pub fn from_parts(micro: i64, rest: i64) -> Self {
        Self(i128::from(micro) * MICRO + i128::from(rest))
    }

    /// Writes the canonical form without allocating.
    ///
    /// # Errors
    /// Only those of the writer.
    pub fn write_to(self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str(Text::new(self.0, PLACES).as_str())
    }
}

/// One unit of the last of so many decimals, in 10⁻¹⁴ units; more than 14 count as 14.
fn step_of(decimals: u32) -> i128 {
    i128::from(power_of_ten(PLACES - decimals.min(PLACES)))
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::new(self.0, PLACES).show(f)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Money({self})")
    }
}

impl FromStr for Money {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        Self::parse(text)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::new(self.0, PLACES).as_str())
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FORMAT.deserialize(deserializer).map(Self)
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// So many times the amount: instalments due, months of a charge.
impl Mul<i64> for Money {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        Self(self.0 * i128::from(times))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Money> for Money {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn c3_amounts_have_one_canonical_form() {
        assert_eq!(money("2.0").to_string(), "2");
        assert_eq!(money("0.00237").to_string(), "0.00237");
        assert_eq!(money("-1.50").to_string(), "-1.5");
        assert_eq!(money("-0.0").to_string(), "0");
        assert_eq!(
            format!("{:>6}|{:.1}", money("1.25"), money("1.25")),
            "  1.25|1.25"
        );
        assert_eq!(format!("{:?}", Money::from_cents(-150)), "Money(-1.5)");
    }

    #[test]
    fn c3_json_holds_amounts_as_strings_and_nothing_else() {
        assert_eq!(serde_json::to_string(&money("2.50")).unwrap(), "\"2.5\"");
        assert_eq!(
            serde_json::from_str::<Money>("\"2.50\"").unwrap(),
            Money::from_cents(250)
        );
        for refused in [
            "2.5",
            "2",
            "null",
            "\"\"",
            "\"2e1\"",
            "\"+2\"",
            "\"0.000000000000001\"",
        ] {
            assert!(serde_json::from_str::<Money>(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn c3_the_stated_range_is_checked_where_text_becomes_an_amount() {
        assert_eq!(money("1000000000000"), Money::MAX);
        assert_eq!(money("-1000000000000"), -Money::MAX);
        let refusal = Money::parse("1000000000000.00000000000001").unwrap_err();
        assert_eq!(refusal.code(), "number-out-of-range");
    }

    #[test]
    fn c3_a_tie_goes_up_also_below_zero() {
        for (amount, decimals, rounded) in [
            ("0.005", 2, "0.01"),
            ("-0.005", 2, "0"),
            ("-0.015", 2, "-0.01"),
            ("-0.0051", 2, "-0.01"),
            ("0.00499999999999", 2, "0"),
            ("2.5", 0, "3"),
            ("-2.5", 0, "-2"),
            ("1.23456789012345", 14, "1.23456789012345"),
        ] {
            assert_eq!(
                money(amount).round_half_up(decimals),
                money(rounded),
                "{amount}"
            );
        }
    }

    #[test]
    fn c3_truncation_drops_digits_towards_zero() {
        assert_eq!(money("1.2399").truncate(3), money("1.239"));
        assert_eq!(money("-1.2399").truncate(3), money("-1.239"));
        assert_eq!(money("-0.009").truncate(2), Money::ZERO);
    }

    #[test]
    fn c3_decimals_of_the_currency_can_be_demanded() {
        assert!(money("2.50").has_decimals_at_most(2));
        assert!(!money("2.501").has_decimals_at_most(2));
        assert!(money("999999999999.99").has_decimals_at_most(2));
        assert!(!money("999999999999.999").has_decimals_at_most(2));
        assert!(!money("-0.5").has_decimals_at_most(0));
        assert!(money("0.00000000000001").has_decimals_at_most(14));
    }

    #[test]
    fn u12_the_last_part_of_a_debt_may_be_smaller() {
        assert_eq!(money("100").parts_of(money("30")), 4);
        assert_eq!(money("90").parts_of(money("30")), 3);
        assert_eq!(money("0.01").parts_of(money("30")), 1);
        assert_eq!(Money::ZERO.parts_of(money("30")), 0);
    }

    #[test]
    fn signs_and_sums() {
        assert!(money("-0.01").is_negative() && !money("-0.01").is_positive());
        assert!(money("0.01").is_positive() && !Money::ZERO.is_positive());
        assert_eq!(
            [money("1.1"), money("-0.1")].iter().sum::<Money>(),
            money("1")
        );
        assert_eq!(money("1.25") * 3, money("3.75"));
        assert_eq!(money("1").min(money("-2")), money("-2"));
    }

    proptest! {
        #[test]
        fn c3_reading_what_was_written_gives_the_same_amount(scaled in -Money::MAX.0..=Money::MAX.0) {
            let amount = Money(scaled);
            let mut text = String::new();
            amount.write_to(&mut text).unwrap();
            prop_assert_eq!(Money::parse(&text), Ok(amount));
            prop_assert_eq!(&text, &amount.to_string());
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), amount);
        }

        #[test]
        fn c3_small_amounts_round_trip_too(scaled in any::<i64>()) {
            let amount = Money(i128::from(scaled));
            prop_assert_eq!(Money::parse(&amount.to_string()), Ok(amount));
        }

        #[test]
        fn c3_sums_of_parts_are_parts_of_sums(a in -Money::MAX.0..=Money::MAX.0, b in -Money::MAX.0..=Money::MAX.0) {
            let (a, b) = (Money(a), Money(b));
            let ((a_micro, a_rest), (b_micro, b_rest)) = (a.to_parts(), b.to_parts());
            prop_assert!((0..100_000_000).contains(&a_rest));
            prop_assert_eq!(Money::from_parts(a_micro, a_rest), a);
            prop_assert_eq!(Money::from_parts(a_micro + b_micro, a_rest + b_rest), a + b);
        }

        #[test]
        fn c3_rounding_moves_by_at_most_half_a_step(scaled in any::<i64>(), decimals in 0_u32..=14) {
            let amount = Money(i128::from(scaled));
            let rounded = amount.round_half_up(decimals);
            prop_assert!(rounded.has_decimals_at_most(decimals));
            let moved = (rounded - amount).scaled() * 2;
            prop_assert!(-step_of(decimals) < moved && moved <= step_of(decimals));
            let cut = amount.truncate(decimals);
            prop_assert!(cut.has_decimals_at_most(decimals) && cut.abs() <= amount.abs());
        }
    }
}
