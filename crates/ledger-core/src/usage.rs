//! Units by month as they were read, and the mean of the months before (E3, K3).
//!
//! A month's units are those of the readings taken in it; a step over several calendar months counts as
//! so many equal ones. Estimates do not count. Deliberately absent: the months of a charge, which are
//! cut by elapsed time ([`crate::interval`]).

use serde::{Deserialize, Serialize};

use crate::num::Quantity;
use crate::time::Month;

/// Months kept: a year's mean is the longest a policy may ask for, and the month under way comes on top.
pub const MONTHS_KEPT: usize = 13;
/// A mean is truncated to a thousandth of a unit (C3).
const MEAN_MICRO: i64 = 1_000;

/// Units by month.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Oldest first; only months that had a reading, or lie between two.
    months: Vec<(Month, Quantity)>,
    /// Month of the newest reading, or of the installation.
    reached: Option<Month>,
    /// Month of the newest reading.
    read_in: Option<Month>,
}

/// A mean, and of how many months it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mean {
    /// Units a month, truncated to a thousandth.
    pub units: Quantity,
    /// Months.
    pub of: u32,
}

impl Usage {
    /// Month of the newest reading.
    #[must_use]
    pub const fn read_in(&self) -> Option<Month> {
        self.read_in
    }

    /// A meter begins to count in a month.
    pub fn begin(&mut self, month: Month) {
        self.reached = self.reached.max(Some(month));
    }

    /// A reading of a month brought so many units since the one before.
    pub fn read(&mut self, month: Month, units: Quantity) {
        for (at, share) in self.shares(month, units) {
            if let Some(there) = self.months.iter_mut().find(|(m, _)| *m == at) {
                there.1 += share;
            } else {
                self.months.push((at, share));
            }
        }
        let beyond = self.months.len().saturating_sub(MONTHS_KEPT);
        self.months.drain(..beyond);
        self.reached = self.reached.max(Some(month));
        self.read_in = self.read_in.max(Some(month));
    }

    /// The newest months of a step, each with its equal share; shares sum to the whole where all months
    /// are kept.
    fn shares(&self, month: Month, units: Quantity) -> Vec<(Month, Quantity)> {
        let from = self.reached.unwrap_or(month);
        let over = month.months_since(from);
        if over <= 1 {
            return vec![(month.max(from), units)];
        }
        let total = |k: i32| {
            let micro = i128::from(units.micro()) * i128::from(k) / i128::from(over);
            Quantity::from_micro(i64::try_from(micro).unwrap_or(i64::MAX))
        };
        let kept = i32::try_from(MONTHS_KEPT).unwrap_or(i32::MAX);
        let first = (over - kept).max(0) + 1;
        let share = |k: i32| (from.plus(k), total(k) - total(k - 1));
        (first..=over).map(share).collect()
    }

    /// How a step from a month to another one counts by month.
    #[must_use]
    pub fn step_by_month(from: Month, to: Month, units: Quantity) -> Vec<(Month, Quantity)> {
        let here = Self {
            reached: Some(from),
            ..Self::default()
        };
        here.shares(to, units)
    }

    /// Takes in differences of months (C19); a month that is not known yet had no reading before.
    pub fn correct(&mut self, differences: impl Iterator<Item = (Month, Quantity)>) {
        for (month, difference) in differences {
            match self.months.binary_search_by_key(&month, |(m, _)| *m) {
                Ok(at) => {
                    if let Some(known) = self.months.get_mut(at) {
                        known.1 += difference;
                    }
                }
                Err(at) => self.months.insert(at, (month, difference)),
            }
        }
        let beyond = self.months.len().saturating_sub(MONTHS_KEPT);
        self.months.drain(..beyond);
    }

    /// What a step would make of its month: its units in one month, and the month it begins with.
    #[must_use]
    pub fn step(&self, month: Month, units: Quantity) -> (Month, Quantity) {
        let from = self.reached.unwrap_or(month);
        let over = month.months_since(from);
        if over <= 0 {
            let there = self.months.iter().find(|(m, _)| *m == from);
            let before = there.map_or(Quantity::ZERO, |(_, units)| *units);
            return (from, before + units);
        }
        let each = units.micro() / i64::from(over);
        (from.next(), Quantity::from_micro(each))
    }

    /// The mean of the newest `count` months before `month` that had a reading, or of as many as there
    /// are; none when there is none.
    #[must_use]
    pub fn mean_before(&self, month: Month, count: u32) -> Option<Mean> {
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let before = self.months.iter().rev().filter(|(m, _)| *m < month);
        let newest: Vec<Quantity> = before.take(wanted).map(|(_, units)| *units).collect();
        let of = i64::try_from(newest.len()).ok().filter(|n| *n > 0)?;
        let sum: i64 = newest.iter().map(|units| units.micro()).sum();
        let mean = sum / of / MEAN_MICRO * MEAN_MICRO;
        Some(Mean {
            units: Quantity::from_micro(mean),
            of: u32::try_from(of).unwrap_or(u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    fn q(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    #[test]
    fn e3_the_mean_is_of_the_three_months_before_or_of_as_many_as_there_are() {
        let mut usage = Usage::default();
        usage.begin(month("2026-01"));
        assert_eq!(usage.mean_before(month("2026-05"), 3), None);
        for (at, units) in [("2026-01", "10"), ("2026-02", "20"), ("2026-03", "21")] {
            usage.read(month(at), q(units));
        }
        let mean = |at: &str| usage.mean_before(month(at), 3).map(|m| (m.units, m.of));
        assert_eq!(mean("2026-03"), Some((q("15"), 2)));
        assert_eq!(mean("2026-04"), Some((q("17"), 3)));
        usage.read(month("2026-04"), q("30"));
        let newest = usage.mean_before(month("2026-09"), 3).unwrap();
        assert_eq!(newest.units, q("23.666"), "truncated to a thousandth");
    }

    #[test]
    fn k3_a_step_over_several_months_counts_as_so_many_equal_ones() {
        let mut usage = Usage::default();
        usage.read(month("2026-01"), q("9"));
        assert_eq!(
            usage.step(month("2026-01"), q("1")),
            (month("2026-01"), q("10"))
        );
        assert_eq!(
            usage.step(month("2026-04"), q("100")),
            (month("2026-02"), q("33.333333"))
        );
        usage.read(month("2026-04"), q("100"));
        let mean = usage.mean_before(month("2026-05"), 3).unwrap();
        assert_eq!((mean.units, mean.of), (q("33.333"), 3));
        assert_eq!(
            usage.mean_before(month("2026-03"), 3).unwrap().units,
            q("21.166")
        );
    }

    #[test]
    fn e3_a_long_silence_keeps_the_newest_months_only() {
        let mut usage = Usage::default();
        usage.begin(month("2000-01"));
        usage.read(month("2026-01"), q("312"));
        assert_eq!(
            usage.mean_before(month("2026-02"), 12).unwrap().units,
            q("1")
        );
        assert_eq!(usage.months.len(), MONTHS_KEPT);
    }
}
