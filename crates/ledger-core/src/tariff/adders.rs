//! What a charge has beside energy: standing charges, pass-throughs, levies, taxes, a minimum (C11).
//!
//! Levies and taxes state what they are on and how they are rounded. They are taken of a month's
//! running total, and a charge carries the difference: so many small readings cost what one large one
//! does, to the last digit, whatever the rounding. Deliberately absent: the running totals, which are
//! the position's.

use serde::{Deserialize, Serialize};

use crate::num::{Factor, Money, Price};

/// The most lines beside energy that a tariff may have: no published bill has more than ten.
pub(super) const ADDERS_MAX: usize = 32;

/// The kinds of lines beside energy, as events carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// A fixed charge for a day or a month.
    Standing,
    /// A price for a unit that passes on somebody else's cost.
    PassThrough,
    /// A percentage owed to an authority or a fund.
    Levy,
    /// A percentage owed to the state.
    Tax,
}

/// The period a standing charge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingPeriod {
    /// A local day.
    Day,
    /// A calendar month.
    Month,
}

/// A fixed charge, due whole for every period that readings reach into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name on the bill, unique in the tariff.
    pub name: String,
    /// What it is for.
    pub per: StandingPeriod,
    /// How much, 0 or more.
    pub amount: Money,
}

/// A cost passed on by the unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassThrough {
    /// Its name on the bill, unique in the tariff.
    pub name: String,
    /// For a unit; below zero where a rebate is passed on.
    pub price: Price,
    /// How a month's amount is rounded.
    pub rounding: Rounding,
}

/// A percentage of other lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levy {
    /// Its name on the bill, unique in the tariff.
    pub name: String,
    /// A levy or a tax.
    pub kind: LineKind,
    /// Of a hundred, 0 to 1,000.
    pub percent: Factor,
    /// The lines it is on.
    pub on: Vec<Basis>,
    /// How a month's amount is rounded.
    pub rounding: Rounding,
}

/// A line that a percentage is on, or that a minimum counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// The energy of the month.
    Energy,
    /// All standing charges of the month.
    Standing,
    /// What was missing to the month's minimum.
    Minimum,
    /// The pass-through, levy or tax of this name, which stands before it.
    Line(String),
}

/// The least that a month costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minimum {
    /// The amount.
    pub amount: Money,
    /// The lines that count towards it.
    pub on: Vec<Basis>,
}

/// How an amount is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounding {
    /// Decimals that are left, 0 to 14.
    pub decimals: u32,
    /// Where the rest goes.
    pub mode: RoundingMode,
}

/// Where the rest of a rounding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundingMode {
    /// To the nearest; a tie goes up, also below zero.
    HalfUp,
    /// Dropped, towards zero.
    Down,
}

impl Rounding {
    /// As exact as an amount can be: fourteen decimals, the rest dropped.
    pub const EXACT: Self = Self {
        decimals: 14,
        mode: RoundingMode::Down,
    };

    /// Rounds an amount.
    #[must_use]
    pub fn of(self, amount: Money) -> Money {
        match self.mode {
            RoundingMode::HalfUp => amount.round_half_up(self.decimals),
            RoundingMode::Down => amount.truncate(self.decimals),
        }
    }

    fn percent_of(self, percent: Factor, base: Money) -> Money {
        match self.mode {
            RoundingMode::HalfUp => percent.percent_half_up(base, self.decimals),
            RoundingMode::Down => percent.percent_down(base, self.decimals),
        }
    }
}

impl Levy {
    /// What it takes of a base.
    #[must_use]
    pub fn of(&self, base: Money) -> Money {
        self.rounding.percent_of(self.percent, base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn k7_vat_of_january_2024_is_on_energy_and_fuel_and_the_levy_on_energy() {
        let cents = Rounding {
            decimals: 2,
            mode: RoundingMode::HalfUp,
        };
        let energy = Price::parse("16.58").unwrap() * crate::num::Quantity::parse("8.87").unwrap();
        let vat = Factor::parse("16").unwrap();
        let levy = Factor::parse("5").unwrap();
        assert_eq!(
            cents.percent_of(vat, energy + money("35.31")),
            money("29.18")
        );
        assert_eq!(cents.percent_of(levy, energy), money("7.35"));
    }

    #[test]
    fn c3_a_percentage_is_rounded_from_its_exact_value_once() {
        let tenth = Factor::parse("10").unwrap();
        let rounding = |decimals, mode| Rounding { decimals, mode };
        let half_up = rounding(2, RoundingMode::HalfUp);
        assert_eq!(half_up.percent_of(tenth, money("0.05")), money("0.01"));
        assert_eq!(half_up.percent_of(tenth, money("0.049")), Money::ZERO);
        assert_eq!(half_up.percent_of(tenth, money("-0.05")), Money::ZERO);
        let down = rounding(2, RoundingMode::Down);
        assert_eq!(down.percent_of(tenth, money("0.19")), money("0.01"));
        assert_eq!(down.percent_of(tenth, money("-0.19")), money("-0.01"));
        assert_eq!(
            Rounding::EXACT.percent_of(tenth, money("0.00000000000019")),
            money("0.00000000000001")
        );
    }
}
