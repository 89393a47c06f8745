//! Tariffs as data, and the charge they make of consumption (C11).
//!
//! A tariff says how units become money (one price, blocks, bands, windows of time) and what comes beside
//! (standing charges, pass-throughs, levies, taxes, a minimum). `pricing` cuts consumption at local days,
//! windows, months and the first days of tariffs (C10), and charges the difference of two running totals,
//! so that many small readings cost what one large one does, to the last digit. `Position` is what has to
//! be known of the readings before. Deliberately absent: meters, accounts and credit.

mod adders;
mod bands;
mod blocks;
mod book;
mod energy;
mod file;
mod line;
mod position;
mod pricing;
mod set;
mod window_file;
mod windows;

pub(crate) use book::{check_beginnings, tariffs_of};
pub(crate) use file::{TariffFault, TariffFile, is_name};

pub use adders::{
    Basis, Levy, LineKind, Minimum, PassThrough, Rounding, RoundingMode, Standing, StandingPeriod,
};
pub use bands::{Band, BandBy, Bands, FoundBand, TRAILING_MONTHS_MAX};
pub use blocks::{Block, BlockPeriod, BlockPiece, Blocks, Pieces};
pub use book::TariffBook;
pub use line::{ChargeLine, LineSource, Step, merge_lines};
pub use position::{FinishedMonths, MonthLine, Position};
pub use pricing::{Charge, Customer, NoTariff, PriceBook, Span, explain, explain_month, price};
pub use set::{TariffSet, TariffSetError};
pub use windows::{DayRange, Days, Window, Windows, YearRange};

use serde::Deserialize;

use crate::num::Price;
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
    pub const ONE_DWELLING: Self = Self {
        dwelling_units: 1,
        contracted_kva: None,
    };
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

/// How units become money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Energy {
    /// One price for every unit.
    Flat(Price),
    /// Each block of a period's units has its own price.
    Blocks(Blocks),
    /// All units of a month have the price of one band.
    Bands(Bands),
    /// The price depends on the time of use.
    Windows(Windows),
}

/// A tariff: what a class of customers pays for a utility from an instant on.
///
/// Read with the keys of `[[tariffs]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    name: String,
    utility: Utility,
    class: String,
    effective_from: Timestamp,
    verified: bool,
    source: String,
    energy: Energy,
    standing: Vec<Standing>,
    pass_throughs: Vec<PassThrough>,
    levies: Vec<Levy>,
    minimum: Option<Minimum>,
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

    /// Whether the scheme's rules state its figures; otherwise others stand in for them.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified
    }

    /// Where its figures are from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How it prices units.
    #[must_use]
    pub const fn energy(&self) -> &Energy {
        &self.energy
    }

    /// Its fixed charges.
    #[must_use]
    pub fn standing(&self) -> &[Standing] {
        &self.standing
    }

    /// The costs it passes on by the unit.
    #[must_use]
    pub fn pass_throughs(&self) -> &[PassThrough] {
        &self.pass_throughs
    }

    /// Its levies and taxes, in the order in which they are taken.
    #[must_use]
    pub fn levies(&self) -> &[Levy] {
        &self.levies
    }

    /// The least that a month costs, where there is a minimum charge: the same for every month, also
    /// one that the tariff or the account covers in part.
    #[must_use]
    pub const fn minimum(&self) -> Option<&Minimum> {
        self.minimum.as_ref()
    }

    /// What its blocks are scaled by.
    #[must_use]
    pub const fn scaled_by(&self) -> ScaledBy {
        match &self.energy {
            Energy::Flat(_) | Energy::Bands(_) | Energy::Windows(_) => ScaledBy::One,
            Energy::Blocks(blocks) => blocks.scaled_by(),
        }
    }

    /// Whether an account has what the blocks are scaled by. Checked when an account is opened or a
    /// meter installed; pricing finds no tariff otherwise.
    #[must_use]
    pub fn suits(&self, scale: Scale) -> bool {
        self.scaled_by().of(scale).is_some_and(|times| times > 0)
    }

    /// Whether energy is all there is to charge before the month is finished.
    fn is_plain(&self) -> bool {
        self.standing.is_empty() && self.pass_throughs.is_empty() && self.levies.is_empty()
    }

    fn times(&self, scale: Scale) -> u32 {
        let times = self.scaled_by().of(scale);
        assert!(
            times.is_some(),
            "an account has what its tariff is scaled by"
        );
        times.unwrap_or(1)
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
