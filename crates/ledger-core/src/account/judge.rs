//! Plausibility of a reading against its base (C9). Pure; the oracle under `tests/` does the same.

use super::meter::Base;
use crate::num::Quantity;
use crate::time::{Millis, Timestamp};

/// What a meter may plausibly do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Greatest drop that is backflow.
    pub tolerance: Quantity,
    /// Greatest flow, units per hour.
    pub flow_max_per_hour: Quantity,
    /// Shortest time over which the flow is taken.
    pub flow_min: Millis,
    /// Where the register returns to zero.
    pub top: Quantity,
}

/// How a reading stands to its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// A plausible rise, also through zero: this much was used.
    Used(Quantity),
    /// A drop within tolerance: nothing was used, the higher base stays.
    Backflow,
    /// A drop beyond tolerance, of this much.
    Drop(Quantity),
    /// A rise faster than the greatest flow.
    TooFast,
}

impl Judgement {
    /// Whether the reading is taken.
    #[must_use]
    pub fn is_plausible(self) -> bool {
        matches!(self, Self::Used(_) | Self::Backflow)
    }
}

/// Judges a reading that is newer than its base.
#[must_use]
pub fn judge(base: Base, at: Timestamp, value: Quantity, limits: &Limits) -> Judgement {
    let elapsed = (at - base.at).max(limits.flow_min);
    if value >= base.value {
        let used = value - base.value;
        return if within_flow(used, elapsed, limits) {
            Judgement::Used(used)
        } else {
            Judgement::TooFast
        };
    }
    if passes_zero(base.value, value, limits.top) {
        let used = limits.top - base.value + value;
        if within_flow(used, elapsed, limits) {
            return Judgement::Used(used);
        }
    }
    let drop = base.value - value;
    if drop <= limits.tolerance {
        Judgement::Backflow
    } else {
        Judgement::Drop(drop)
    }
}

/// From the last tenth of the register to its first.
fn passes_zero(base: Quantity, value: Quantity, top: Quantity) -> bool {
    let tenths = |q: Quantity| i128::from(q.micro()) * 10;
    let top = i128::from(top.micro());
    tenths(base) >= top * 9 && tenths(value) < top
}

fn within_flow(used: Quantity, elapsed: Millis, limits: &Limits) -> bool {
    const HOUR_MS: i128 = 3_600_000;
    i128::from(used.micro()) * HOUR_MS
        <= i128::from(limits.flow_max_per_hour.micro()) * i128::from(elapsed.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    fn limits() -> Limits {
        Limits {
            tolerance: q("0.01"),
            flow_max_per_hour: q("5"),
            flow_min: Millis::minutes(5),
            top: q("1000000"),
        }
    }

    fn after(minutes: i64, base: &str, value: &str) -> Judgement {
        let start = Timestamp::MIN;
        judge(
            Base {
                at: start,
                value: q(base),
            },
            start + Millis::minutes(minutes),
            q(value),
            &limits(),
        )
    }

    #[test]
    fn c9_plausibility_is_decided_by_drop_and_flow() {
        let table = [
            (
                "a rise at the greatest flow",
                after(60, "10", "15"),
                Judgement::Used(q("5")),
            ),
            (
                "a rise above it",
                after(60, "10", "15.000001"),
                Judgement::TooFast,
            ),
            (
                "a short interval counts as five minutes",
                after(1, "10", "10.4"),
                Judgement::Used(q("0.4")),
            ),
            (
                "nothing used",
                after(60, "10", "10"),
                Judgement::Used(q("0")),
            ),
            (
                "a drop of the tolerance",
                after(60, "10", "9.99"),
                Judgement::Backflow,
            ),
            (
                "a drop beyond it",
                after(60, "10", "9.989"),
                Judgement::Drop(q("0.011")),
            ),
            (
                "through zero",
                after(60, "999999", "1"),
                Judgement::Used(q("2")),
            ),
            (
                "through zero too fast",
                after(60, "999990", "1"),
                Judgement::Drop(q("999989")),
            ),
            (
                "a drop from the middle",
                after(60, "500000", "1"),
                Judgement::Drop(q("499999")),
            ),
        ];
        for (case, got, want) in table {
            assert_eq!(got, want, "{case}");
        }
    }
}
