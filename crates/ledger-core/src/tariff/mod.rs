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

pub(crate) use file::{TariffFile, is_name};

pub use blocks::{Block, Blocks, Pieces};
pub use set::{TariffSet, TariffSetError};

use serde::Deserialize;

use crate::num::{Money, Price, Quantity};
use crate::time::{Month, Timestamp};
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

/// How the units of a month become money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Energy {
    /// One price for every unit.
    Flat(Price),
    /// Each block of the month's units has its own price.
    MonthlyBlocks(Blocks),
}

/// A tariff: what a class of customers pays for a utility from an instant on.
///
/// Read with the keys of `[[tariffs]]`.
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
        assert!(
            !month_units_before.is_negative(),
            "units of a month are not below zero"
        );
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
    pub fn explain(
        &self,
        scale: Scale,
        month_units_before: Quantity,
        quantity: Quantity,
    ) -> Vec<TariffLine> {
        assert!(
            !month_units_before.is_negative(),
            "units of a month are not below zero"
        );
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
            Energy::MonthlyBlocks(blocks) => blocks
                .pieces(self.times(scale), month_units_before, quantity)
                .collect(),
        }
    }

    /// The least that a month costs, where there is a minimum charge: the same for every month, also
    /// one that the tariff or the account covers in part.
    #[must_use]
    pub const fn minimum(&self, _month: Month) -> Option<Money> {
        self.minimum
    }

    /// What is missing to the minimum charge of a month in which so much was charged; zero when
    /// nothing is.
    #[must_use]
    pub fn shortfall(&self, charged_in_month: Money) -> Money {
        let missing = self
            .minimum
            .map_or(Money::ZERO, |minimum| minimum - charged_in_month);
        missing.max(Money::ZERO)
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scheme::SchemePolicy;

    fn usms() -> SchemePolicy {
        SchemePolicy::builtin("usms").unwrap()
    }

    fn tariff(policy: &SchemePolicy, utility: Utility, class: &str) -> Tariff {
        policy
            .tariff_for(utility, class, Timestamp::MAX)
            .unwrap()
            .clone()
    }

    fn residential() -> Tariff {
        tariff(&usms(), Utility::Electricity, "residential")
    }

    fn quantity(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    const ONE: Scale = Scale::ONE_DWELLING;

    #[test]
    fn c11_electricity_residential_costs_what_the_rules_state() {
        let tariff = residential();
        for (units, bill) in [
            ("0", "0"),
            ("0.237", "0.00237"),
            ("600", "6.00"),
            ("600.5", "6.04"),
            ("601", "6.08"),
            ("2000", "118.00"),
            ("4000", "318.00"),
            ("5000", "438.00"),
        ] {
            assert_eq!(
                tariff.charge(ONE, Quantity::ZERO, quantity(units)),
                money(bill),
                "{units} kWh"
            );
        }
    }

    #[test]
    fn c11_electricity_commercial_scales_its_blocks_by_contracted_kva() {
        let tariff = tariff(&usms(), Utility::Electricity, "commercial");
        let at_140_kva = Scale {
            dwelling_units: 1,
            contracted_kva: Some(140),
        };
        assert_eq!(
            tariff.charge(at_140_kva, Quantity::ZERO, quantity("26880")),
            money("1948.80")
        );
        assert!(tariff.suits(at_140_kva));
        assert!(
            !tariff.suits(ONE),
            "without a contract there is nothing to scale by"
        );
        assert!(!tariff.suits(Scale {
            dwelling_units: 1,
            contracted_kva: Some(0)
        }));
    }

    #[test]
    fn c11_a_commercial_month_costs_at_least_two_dollars() {
        let tariff = tariff(&usms(), Utility::Electricity, "commercial");
        let month = Month::parse("2012-02").unwrap();
        assert_eq!(tariff.minimum(month), Some(money("2")));
        assert_eq!(tariff.shortfall(money("1.25")), money("0.75"));
        assert_eq!(tariff.shortfall(money("2")), Money::ZERO);
        assert_eq!(tariff.shortfall(money("2.01")), Money::ZERO);
        assert_eq!(residential().minimum(month), None);
        assert_eq!(residential().shortfall(Money::ZERO), Money::ZERO);
    }

    #[test]
    fn c11_water_scales_its_first_block_by_dwelling_units() {
        let tariff = tariff(&usms(), Utility::Water, "residential");
        assert_eq!(
            tariff.charge(ONE, Quantity::ZERO, quantity("54.54")),
            money("5.9994")
        );
        assert_eq!(
            tariff.charge(ONE, Quantity::ZERO, quantity("55.54")),
            money("6.4394")
        );
        let three = Scale {
            dwelling_units: 3,
            contracted_kva: None,
        };
        assert_eq!(
            tariff.charge(three, Quantity::ZERO, quantity("163.62")),
            money("17.9982")
        );
        assert_eq!(
            tariff.charge(three, quantity("163.62"), quantity("1")),
            money("0.44")
        );
    }

    #[test]
    fn c11_commercial_water_takes_the_domestic_steps_and_says_it_is_not_verified() {
        let policy = usms();
        let commercial = tariff(&policy, Utility::Water, "commercial");
        assert_eq!(
            commercial.energy(),
            tariff(&policy, Utility::Water, "residential").energy()
        );
        assert!(!commercial.is_verified() && residential().is_verified());
    }

    #[test]
    fn c11_a_quantity_across_a_boundary_is_explained_block_by_block() {
        let lines = residential().explain(ONE, quantity("599"), quantity("1402"));
        let told: Vec<_> = lines
            .iter()
            .map(|line| {
                (
                    line.block,
                    line.quantity.to_string(),
                    line.price.to_string(),
                    line.amount.to_string(),
                )
            })
            .collect();
        let line = |block, units: &str, price: &str, amount: &str| {
            (block, units.to_owned(), price.to_owned(), amount.to_owned())
        };
        assert_eq!(
            told,
            [
                line(1, "1", "0.01", "0.01"),
                line(2, "1400", "0.08", "112"),
                line(3, "1", "0.1", "0.1")
            ]
        );
        assert_eq!(
            (lines[1].above, lines[1].up_to),
            (quantity("600"), Some(quantity("2000")))
        );
        assert_eq!(
            residential().explain(ONE, quantity("599"), Quantity::ZERO),
            []
        );
    }

    #[test]
    #[should_panic(expected = "consumption is not below zero")]
    fn c11_a_negative_quantity_is_not_priced() {
        let _ = residential().charge(ONE, Quantity::ZERO, quantity("-1"));
    }

    fn any_tariff() -> impl Strategy<Value = (Tariff, Scale)> {
        let choices = [
            ("residential", Utility::Electricity),
            ("commercial", Utility::Electricity),
            ("residential", Utility::Water),
        ];
        (0..choices.len(), 1_u32..200, 1_u32..200).prop_map(move |(index, dwelling_units, kva)| {
            let (class, utility) = choices[index];
            let scale = Scale {
                dwelling_units,
                contracted_kva: Some(kva),
            };
            (tariff(&usms(), utility, class), scale)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn c11_ticks_through_block_boundaries_sum_to_the_bill(
            (tariff, scale) in any_tariff(),
            ticks in proptest::collection::vec(0_i64..400_000_000, 1..60),
        ) {
            let mut units = Quantity::ZERO;
            let mut charged = Money::ZERO;
            for tick in ticks.into_iter().map(Quantity::from_micro) {
                let charge = tariff.charge(scale, units, tick);
                let lines = tariff.explain(scale, units, tick);
                prop_assert_eq!(lines.iter().map(|line| line.amount).sum::<Money>(), charge);
                prop_assert_eq!(lines.iter().map(|line| line.quantity).sum::<Quantity>(), tick);
                units += tick;
                charged += charge;
            }
            prop_assert_eq!(charged, tariff.charge(scale, Quantity::ZERO, units));
        }

        #[test]
        fn c11_more_units_never_cost_less(
            (tariff, scale) in any_tariff(),
            less in 0_i64..1_000_000_000_000,
            more in 0_i64..1_000_000_000_000,
        ) {
            let bill = |micro| tariff.charge(scale, Quantity::ZERO, Quantity::from_micro(micro));
            prop_assert!(bill(less) <= bill(less + more));
            prop_assert_eq!(bill(less + more) - bill(less),
                tariff.charge(scale, Quantity::from_micro(less), Quantity::from_micro(more)));
        }
    }
}
