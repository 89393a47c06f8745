//! Tariffs as data, and the charge they make of a quantity (C11).
//!
//! A tariff is a function F of the units of a month; a quantity that comes after `before` units costs
//! F(before + quantity) − F(before), exactly, so that many small readings cost what one large one does.
//! Kinds here: flat, telescopic blocks per calendar month, blocks whose width scales with the account,
//! and a minimum charge per month. Every other boundary (day, month, a tariff's own first instant) is
//! cut before pricing, by `interval`. Deliberately absent: time, and which units were used before;
//! both are the account's.

mod blocks;
mod file;
mod set;

pub(crate) use file::is_name;

pub use blocks::{Block, Blocks, Pieces};
pub use set::{TariffSet, TariffSetError};

use serde::Deserialize;

use crate::num::{Money, Price, Quantity};
use crate::time::Timestamp;
use crate::utility::Utility;

/// What of an account widens its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Dwelling units behind the meter, at least 1.
    pub dwelling_units: u32,
    /// Contracted capacity in kVA, where there is a contract.
    pub contracted_kva: Option<u32>,
}

impl Scale {
    /// One dwelling without a contract for capacity.
    pub const ONE_DWELLING: Self = Self { dwelling_units: 1, contracted_kva: None };
}

/// By what the widths of a tariff's blocks are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaledBy {
    /// By nothing.
    #[default]
    One,
    /// By the account's dwelling units.
    DwellingUnits,
    /// By the account's contracted kVA.
    ContractedKva,
}

impl ScaledBy {
    /// The multiplier of an account; none when the account does not have it.
    #[must_use]
    pub const fn of(self, scale: Scale) -> Option<u32> {
        match self {
            Self::One => Some(1),
            Self::DwellingUnits => Some(scale.dwelling_units),
            Self::ContractedKva => scale.contracted_kva,
        }
    }
}

/// How the units of a month become money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Energy {
    /// One price for every unit.
    Flat(Price),
    /// Each block of the month's units has its own price.
    MonthlyBlocks(Blocks),
}

/// A tariff: what a class of customers pays for a utility from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "file::TariffFile")]
pub struct Tariff {
    name: String,
    utility: Utility,
    class: String,
    effective_from: Timestamp,
    verified: bool,
    source: String,
    energy: Energy,
    minimum: Option<Money>,
}

/// One line of an explained charge: the part of it that fell into one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffLine {
    /// The block, counted from 1.
    pub block: usize,
    /// Units of the month above which the block begins.
    pub above: Quantity,
    /// Units of the month at which it ends; none for the last.
    pub up_to: Option<Quantity>,
    /// The quantity that fell into it.
    pub quantity: Quantity,
    /// Its price for a unit.
    pub price: Price,
    /// Price times quantity.
    pub amount: Money,
}

impl Tariff {
    /// Its name, unique in the scheme.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The utility it prices.
    #[must_use]
    pub const fn utility(&self) -> Utility {
        self.utility
    }

    /// The class of customers it is for.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The first instant it holds.
    #[must_use]
    pub const fn effective_from(&self) -> Timestamp {
        self.effective_from
    }

    /// Whether its figures were checked against the utility's own publication.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified
    }

    /// Where its figures are from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How it prices.
    #[must_use]
    pub const fn energy(&self) -> &Energy {
        &self.energy
    }

    /// What its blocks are scaled by.
    #[must_use]
    pub const fn scaled_by(&self) -> ScaledBy {
        match &self.energy {
            Energy::Flat(_) => ScaledBy::One,
            Energy::MonthlyBlocks(blocks) => blocks.scaled_by(),
        }
    }

    /// Whether an account has what the blocks are scaled by. Checked when an account is opened or a
    /// meter installed; every other function here demands it.
    #[must_use]
    pub fn suits(&self, scale: Scale) -> bool {
        self.scaled_by().of(scale).is_some_and(|times| times > 0)
    }

    /// The charge for `quantity` when `month_units_before` units of the month were charged before it.
    ///
    /// Exact. Neither quantity may be below zero, and the tariff must suit the scale.
    #[must_use]
    #[inline]
    pub fn charge(&self, scale: Scale, month_units_before: Quantity, quantity: Quantity) -> Money {
        assert!(!month_units_before.is_negative(), "units of a month are not below zero");
        assert!(!quantity.is_negative(), "consumption is not below zero");
        match &self.energy {
            Energy::Flat(price) => *price * quantity,
            Energy::MonthlyBlocks(blocks) => blocks
                .pieces(self.times(scale), month_units_before, quantity)
                .map(|piece| piece.amount)
                .sum(),
        }
    }

    /// The lines of a charge, block by block; none for a quantity of zero. Their amounts sum to the
    /// charge.
    #[must_use]
    pub fn explain(&self, scale: Scale, month_units_before: Quantity, quantity: Quantity) -> Vec<TariffLine> {
        assert!(!month_units_before.is_negative(), "units of a month are not below zero");
        assert!(!quantity.is_negative(), "consumption is not below zero");
        match &self.energy {
            Energy::Flat(_) if quantity.is_zero() => Vec::new(),
            Energy::Flat(price) => vec![TariffLine {
                block: 1,
                above: Quantity::ZERO,
                up_to: None,
                quantity,
                price: *price,
                amount: *price * quantity,
            }],
            Energy::MonthlyBlocks(blocks) => {
                blocks.pieces(self.times(scale), month_units_before, quantity).collect()
            }
        }
    }

    /// The least that a month costs, where there is a minimum charge.
    #[must_use]
    pub const fn minimum(&self) -> Option<Money> {
        self.minimum
    }

    /// What is missing to the minimum charge of a month in which so much was charged; zero when
    /// nothing is.
    #[must_use]
    pub fn shortfall(&self, charged_in_month: Money) -> Money {
        let missing = self.minimum.map_or(Money::ZERO, |minimum| minimum - charged_in_month);
        missing.max(Money::ZERO)
    }

    fn times(&self, scale: Scale) -> u32 {
        let times = self.scaled_by().of(scale);
        assert!(times.is_some(), "an account has what its tariff is scaled by");
        times.unwrap_or(1)
    }
}
