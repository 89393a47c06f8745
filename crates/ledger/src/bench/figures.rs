//! Small exact statistics: medians, spreads, ratios in thousandths.
//!
//! Whole numbers only, like everywhere in this program: a figure that is printed with three decimals
//! needs no floats.

use std::time::Duration;

use serde_json::{Number, Value, json};

/// A ratio in thousandths: 712 is 0.712.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ratio(u64);

impl Ratio {
    /// So many thousandths.
    pub(crate) const fn thousandths(thousandths: u64) -> Self {
        Self(thousandths)
    }

    /// `part` of `whole`, rounded down; of nothing it is 0.
    pub(crate) fn of(part: u64, whole: u64) -> Self {
        let exact = (u128::from(part) * 1_000)
            .checked_div(u128::from(whole))
            .unwrap_or(0);
        Self(u64::try_from(exact).unwrap_or(u64::MAX))
    }

    /// As a number of JSON, `0.712`.
    pub(crate) fn json(self) -> Value {
        self.to_string()
            .parse::<Number>()
            .map_or(Value::Null, Value::Number)
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000))
    }
}

/// The middle, the smallest and the largest of several measurements of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread<T> {
    /// The middle one; of an even number the lower of the two.
    pub(crate) median: T,
    /// The smallest.
    pub(crate) min: T,
    /// The largest.
    pub(crate) max: T,
}

impl<T: Copy + Ord> Spread<T> {
    /// Of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut sorted: Vec<T> = values.into_iter().collect();
        sorted.sort_unstable();
        let middle = sorted.len().saturating_sub(1) / 2;
        Some(Self {
            median: *sorted.get(middle)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }

    /// As JSON, each value through `value`.
    pub(crate) fn json(&self, value: impl Fn(T) -> Value) -> Value {
        json!({"median": value(self.median), "min": value(self.min), "max": value(self.max)})
    }
}

/// The value that so many per cent of the sorted values do not exceed.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> u64 {
    let place = (sorted.len().saturating_mul(percent) / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied().map_or(0, u64::from)
}

/// So many in this time, per second.
pub(crate) fn per_second(count: usize, took: Duration) -> u64 {
    let nanos = took.as_nanos().max(1);
    let count = u128::try_from(count).unwrap_or(u128::MAX);
    u64::try_from(count.saturating_mul(1_000_000_000) / nanos).unwrap_or(u64::MAX)
}

/// Whole microseconds.
pub(crate) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_shown_with_three_decimals() {
        assert_eq!(Ratio::of(712, 1_000).to_string(), "0.712");
        assert_eq!(Ratio::of(7, 2).to_string(), "3.500");
        assert_eq!(Ratio::of(1, 0).to_string(), "0.000");
        assert_eq!(Ratio::of(45, 1_000).json().to_string(), "0.045");
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(
            Spread::of([5, 1, 3]),
            Some(Spread {
                median: 3,
                min: 1,
                max: 5
            })
        );
        assert_eq!(
            Spread::of([4, 2]),
            Some(Spread {
                median: 2,
                min: 2,
                max: 4
            })
        );
        assert_eq!(Spread::<u64>::of([]), None);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!(percentile(&sorted, 50), 101);
        assert_eq!(percentile(&sorted, 99), 199);
        assert_eq!(percentile(&sorted, 100), 200);
        assert_eq!(percentile(&[], 99), 0);
    }
}
