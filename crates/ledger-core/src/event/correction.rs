//! Payloads of corrections by late readings, and of readings that wait (C19). Keys as in `account`.

use serde::{Deserialize, Serialize};

use super::{DayPart, LinePart, MinimumPart};
use crate::ids::MeterNumber;
use crate::num::{Money, Quantity};
use crate::time::{LocalDate, Month, Timestamp};
use crate::utility::Utility;

/// Units of a month: month, quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthUnits(pub Month, pub Quantity);

/// What a correction changes on another meter of the utility: the one that came after in the same month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherMeter {
    /// Meter.
    pub m: MeterNumber,
    /// An instant of its time here: a number may come again.
    pub t: Timestamp,
    /// Differences by local day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub p: Vec<DayPart>,
    /// Differences of what was missing to months' minimums.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mn: Vec<MinimumPart>,
}

/// `consumption-corrected.v1`: a late reading that lies between its neighbours. What was used between
/// them stays as it was, and is spread anew: all amounts are differences to what was charged before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumptionCorrected {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Time of reading.
    pub t: Timestamp,
    /// Register value as read.
    pub v: Quantity,
    /// Time of the accepted reading before it, or of the installation.
    pub f: Timestamp,
    /// Time of the accepted reading after it.
    pub n: Timestamp,
    /// Consumption since the reading before.
    pub q: Quantity,
    /// Consumption from the reading before to the one after, charged already.
    pub w: Quantity,
    /// Difference in money; below zero is given back.
    pub a: Money,
    /// Local date on which the reading counts.
    pub d: LocalDate,
    /// Differences of the meter's own days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub p: Vec<DayPart>,
    /// Differences of what was missing to the minimums of months, by the meter's own readings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mn: Vec<MinimumPart>,
    /// Differences of other meters of the utility.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub o: Vec<OtherMeter>,
    /// Differences of what is neither energy nor minimum, by month and line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub x: Vec<LinePart>,
    /// Set when it closes a gap itself (C10).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub g: bool,
    /// Local date on which the reading after it counted as the end of a gap, and now does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ng: Option<LocalDate>,
    /// Units of the finished months before the open one, as they are now, where they changed (K7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fm: Vec<Quantity>,
    /// Differences of a postpaid customer's units by month as they were read (E3, K3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub us: Vec<MonthUnits>,
    /// Month in whose bill a postpaid customer finds it. Absent where it goes to prepaid credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub b: Option<Month>,
}

impl ConsumptionCorrected {
    /// The difference in money by the month in which it was used, with the lines of each month that are
    /// neither energy nor minimum.
    #[must_use]
    pub fn by_month(&self) -> Vec<(Month, Money, Vec<LinePart>)> {
        let others = || self.o.iter();
        let days = self.p.iter().chain(others().flat_map(|other| &other.p));
        let minimums = self.mn.iter().chain(others().flat_map(|other| &other.mn));
        let amounts = days
            .map(|part| (part.0.month(), part.2))
            .chain(minimums.map(|part| (part.0, part.1)))
            .chain(self.x.iter().map(|line| (line.0, Money::ZERO)));
        let mut months: Vec<(Month, Money, Vec<LinePart>)> = Vec::new();
        for (month, amount) in amounts {
            match months.iter_mut().find(|known| known.0 == month) {
                Some(known) => known.1 += amount,
                None => {
                    let lines = self.x.iter().filter(|line| line.0 == month);
                    months.push((month, amount, lines.cloned().collect()));
                }
            }
        }
        months
    }
}

/// `reading-settling.v1`: it ends a gap, and waits to be priced. `gap-settled.v1` says that nothing of
/// the meter waits any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingSettling {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Time of reading.
    pub t: Timestamp,
    /// Register value as read.
    pub v: Quantity,
    /// Local date of `t`.
    pub d: LocalDate,
    /// Until when what waits of the meter does so.
    pub until: Timestamp,
}

impl ConsumptionCorrected {
    /// Differences by day, of all meters.
    pub fn parts(&self) -> impl Iterator<Item = &DayPart> {
        self.p
            .iter()
            .chain(self.o.iter().flat_map(|other| &other.p))
    }
}
