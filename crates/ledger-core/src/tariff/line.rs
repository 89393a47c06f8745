//! The lines of an explained charge: which part of the tariff gave each amount (C13).
//!
//! Owns the lines and how those of many readings become one bill. Deliberately absent: layout.

use std::fmt;

use super::adders::{LineKind, StandingPeriod};
use super::blocks::BlockPeriod;
use crate::num::{Factor, Money, Price, Quantity};
use crate::time::Month;

/// One line: its amount and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeLine {
    /// The month it belongs to.
    pub month: Month,
    /// Name of the tariff.
    pub tariff: String,
    /// Which line of it.
    pub source: LineSource,
    /// The amount; below zero where units were re-priced.
    pub amount: Money,
}

/// Which line of a tariff gave an amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineSource {
    /// Units of one price.
    Energy {
        /// Which step of the tariff.
        step: Step,
        /// Price for a unit.
        price: Price,
        /// How many units; below zero where they were re-priced.
        quantity: Quantity,
    },
    /// A standing charge.
    Standing {
        /// Its name.
        name: String,
        /// What it is for.
        per: StandingPeriod,
        /// How much for one period.
        each: Money,
        /// How many periods.
        periods: u32,
    },
    /// A cost passed on by the unit.
    PassThrough {
        /// Its name.
        name: String,
        /// Price for a unit.
        price: Price,
        /// How many units.
        quantity: Quantity,
    },
    /// A levy or a tax.
    Percentage {
        /// Which of the two.
        kind: LineKind,
        /// Its name.
        name: String,
        /// Of a hundred.
        percent: Factor,
        /// What it was taken of.
        base: Money,
    },
    /// What was missing to the month's minimum.
    Minimum {
        /// The minimum.
        minimum: Money,
        /// What counted towards it.
        charged: Money,
    },
}

/// Which step of a tariff priced units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The one price there is.
    Flat,
    /// A telescopic block.
    Block {
        /// Counted from 1.
        number: usize,
        /// Units of the period above which it begins.
        above: Quantity,
        /// Units of the period at which it ends; none for the last.
        up_to: Option<Quantity>,
        /// The period.
        per: BlockPeriod,
    },
    /// A whole-volume band.
    Band {
        /// Counted from 1.
        number: usize,
        /// Volume above which it begins.
        above: Quantity,
        /// The greatest volume in it; none for the last.
        up_to: Option<Quantity>,
        /// The average that chose it; none where the month's own units did.
        average: Option<Quantity>,
    },
    /// A window of time.
    Window {
        /// Its name.
        name: String,
    },
}

impl ChargeLine {
    /// Whether two lines differ in nothing but amounts: on a bill they are one.
    fn is_like(&self, other: &Self) -> bool {
        self.month == other.month
            && self.tariff == other.tariff
            && match (&self.source, &other.source) {
                (
                    LineSource::Energy { step, price, .. },
                    LineSource::Energy {
                        step: other_step,
                        price: other_price,
                        ..
                    },
                ) => step == other_step && price == other_price,
                (
                    LineSource::Standing { name, each, .. },
                    LineSource::Standing {
                        name: other_name,
                        each: other_each,
                        ..
                    },
                ) => name == other_name && each == other_each,
                (
                    LineSource::PassThrough { name, price, .. },
                    LineSource::PassThrough {
                        name: other_name,
                        price: other_price,
                        ..
                    },
                ) => name == other_name && price == other_price,
                (
                    LineSource::Percentage { name, percent, .. },
                    LineSource::Percentage {
                        name: other_name,
                        percent: other_percent,
                        ..
                    },
                ) => name == other_name && percent == other_percent,
                (
                    LineSource::Energy { .. }
                    | LineSource::Standing { .. }
                    | LineSource::PassThrough { .. }
                    | LineSource::Percentage { .. }
                    | LineSource::Minimum { .. },
                    _,
                ) => false,
            }
    }

    fn merge(&mut self, other: &Self) {
        self.amount += other.amount;
        match (&mut self.source, &other.source) {
            (
                LineSource::Energy { quantity, .. },
                LineSource::Energy {
                    quantity: other_quantity,
                    ..
                },
            )
            | (
                LineSource::PassThrough { quantity, .. },
                LineSource::PassThrough {
                    quantity: other_quantity,
                    ..
                },
            ) => *quantity += *other_quantity,
            (
                LineSource::Standing { periods, .. },
                LineSource::Standing {
                    periods: other_periods,
                    ..
                },
            ) => *periods += *other_periods,
            (
                LineSource::Percentage { base, .. },
                LineSource::Percentage {
                    base: other_base, ..
                },
            ) => *base += *other_base,
            (
                LineSource::Energy { .. }
                | LineSource::Standing { .. }
                | LineSource::PassThrough { .. }
                | LineSource::Percentage { .. }
                | LineSource::Minimum { .. },
                _,
            ) => {}
        }
    }

    /// Units it is for, where it is for units.
    #[must_use]
    pub fn quantity(&self) -> Option<Quantity> {
        match &self.source {
            LineSource::Energy { quantity, .. } | LineSource::PassThrough { quantity, .. } => {
                Some(*quantity)
            }
            LineSource::Standing { .. }
            | LineSource::Percentage { .. }
            | LineSource::Minimum { .. } => None,
        }
    }

    fn is_nothing(&self) -> bool {
        self.amount.is_zero() && self.quantity().is_none_or(Quantity::is_zero)
    }

    /// Where it stands on a bill: energy, standing, passed on, minimum, levies, taxes.
    fn place(&self) -> u8 {
        match &self.source {
            LineSource::Energy { .. } => 0,
            LineSource::Standing { .. } => 1,
            LineSource::PassThrough { .. } => 2,
            LineSource::Minimum { .. } => 3,
            LineSource::Percentage { .. } => 4,
        }
    }
}

/// The line's name for people, such as `block 2, above 600 to 2000` or `vat 16% of 182.3746`.
impl fmt::Display for LineSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Energy { step, .. } => step.fmt(f),
            Self::Standing { name, per, .. } => match per {
                StandingPeriod::Day => write!(f, "{name} per day"),
                StandingPeriod::Month => write!(f, "{name} per month"),
            },
            Self::PassThrough { name, .. } => f.write_str(name),
            Self::Percentage {
                name,
                percent,
                base,
                ..
            } => write!(f, "{name} {percent}% of {base}"),
            Self::Minimum { minimum, charged } => {
                write!(f, "to the minimum {minimum} from {charged}")
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range =
            |f: &mut fmt::Formatter<'_>, above: &Quantity, up_to: &Option<Quantity>| match up_to {
                Some(up_to) => write!(f, "above {above} to {up_to}"),
                None => write!(f, "above {above}"),
            };
        match self {
            Self::Flat => f.write_str("energy"),
            Self::Block {
                number,
                above,
                up_to,
                per,
            } => {
                write!(f, "block {number}, ")?;
                range(f, above, up_to)?;
                match per {
                    BlockPeriod::Day => f.write_str(" a day"),
                    BlockPeriod::Month => Ok(()),
                    BlockPeriod::Quarter => f.write_str(" a quarter"),
                }
            }
            Self::Band {
                number,
                above,
                up_to,
                average,
            } => {
                write!(f, "band {number}, ")?;
                range(f, above, up_to)?;
                match average {
                    Some(average) => write!(f, ", average {average}"),
                    None => Ok(()),
                }
            }
            Self::Window { name } => f.write_str(name),
        }
    }
}

/// Adds lines to others: like ones become one, and what cancels out goes. Months stay in order, and in
/// each the lines as on a bill.
pub fn merge_lines(into: &mut Vec<ChargeLine>, lines: impl IntoIterator<Item = ChargeLine>) {
    for line in lines {
        let newest = into.iter_mut().rev();
        let same_month = newest.take_while(|known| known.month >= line.month);
        match same_month.into_iter().find(|known| known.is_like(&line)) {
            Some(known) => known.merge(&line),
            None => {
                let key = (line.month, line.place());
                let behind = into.partition_point(|known| (known.month, known.place()) <= key);
                into.insert(behind, line);
            }
        }
    }
    into.retain(|line| !line.is_nothing());
}
