//! Where pricing stands between two readings: what of a day, a month and a quarter is used and charged.
//!
//! It is folded from charges without a policy, a zone or a tariff, so that replaying needs none (C6).
//! Deliberately absent: prices.

use serde::{Deserialize, Serialize};

use super::adders::LineKind;
use super::bands::TRAILING_MONTHS_MAX;
use crate::event::{DayPart, LinePart};
use crate::num::{Money, Quantity};
use crate::time::{LocalDate, Month};

/// Decimals an average of consumption is truncated to (C3).
const AVERAGE_MICRO: i64 = 1_000;

/// Where pricing stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The newest local day that readings reached into; none before the first.
    pub day: Option<LocalDate>,
    /// The month that is being billed.
    pub month: Month,
    /// Units of the day so far.
    pub day_units: Quantity,
    /// Units of the month so far.
    pub units: Quantity,
    /// Units of the calendar quarter so far.
    pub quarter_units: Quantity,
    /// Charged for the month's energy so far.
    pub charged: Money,
    /// Charged for the month beside energy so far, by kind and name of the line, in their order; the
    /// minimum not counted.
    pub lines: Vec<MonthLine>,
    /// Units of the months before.
    pub before: FinishedMonths,
}

/// What a month has been charged so far under one line beside energy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthLine {
    /// What kind of line.
    pub kind: LineKind,
    /// Its name in the tariff.
    pub name: String,
    /// How much.
    pub amount: Money,
}

/// Units of the last twelve months that readings reached into, the newest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "Vec<Quantity>", try_from = "Vec<Quantity>")]
pub struct FinishedMonths {
    units: [Quantity; TRAILING_MONTHS_MAX],
    known: usize,
}

impl FinishedMonths {
    /// The months known, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[Quantity] {
        self.units.get(..self.known).unwrap_or_default()
    }

    /// These, with what `new` differs by from `old` of the newest of them; both have as many.
    #[must_use]
    pub(crate) fn changed(mut self, old: &Self, new: &Self) -> Self {
        let pairs = old.as_slice().iter().rev().zip(new.as_slice().iter().rev());
        let known = self.units.get_mut(..self.known).unwrap_or_default();
        for (mine, (old, new)) in known.iter_mut().rev().zip(pairs) {
            if old != new {
                *mine = *new;
            }
        }
        self
    }

    /// Adds the newest; the oldest of twelve makes room.
    fn push(&mut self, units: Quantity) {
        if self.known == TRAILING_MONTHS_MAX {
            self.units.rotate_left(1);
            self.known -= 1;
        }
        if let Some(place) = self.units.get_mut(self.known) {
            *place = units;
            self.known += 1;
        }
    }

    /// The average of the last so many months, of fewer where fewer are known, truncated to a
    /// thousandth; none where none is.
    #[must_use]
    pub fn average(&self, months: usize) -> Option<Quantity> {
        let known = self.as_slice();
        let last = known
            .get(known.len().saturating_sub(months)..)
            .unwrap_or_default();
        let count = i64::try_from(last.len()).ok().filter(|count| *count > 0)?;
        let sum: Quantity = last.iter().copied().sum();
        let average = sum.micro() / count;
        Some(Quantity::from_micro(average - average % AVERAGE_MICRO))
    }
}

impl From<FinishedMonths> for Vec<Quantity> {
    fn from(months: FinishedMonths) -> Self {
        months.as_slice().to_vec()
    }
}

impl TryFrom<Vec<Quantity>> for FinishedMonths {
    type Error = String;

    fn try_from(units: Vec<Quantity>) -> Result<Self, String> {
        if units.len() > TRAILING_MONTHS_MAX {
            return Err(format!("at most {TRAILING_MONTHS_MAX} months"));
        }
        let mut months = Self::default();
        for quantity in units {
            months.push(quantity);
        }
        Ok(months)
    }
}

impl Position {
    /// The beginning of a month that no reading has reached into.
    #[must_use]
    pub fn at(month: Month) -> Self {
        Self {
            day: None,
            month,
            day_units: Quantity::ZERO,
            units: Quantity::ZERO,
            quarter_units: Quantity::ZERO,
            charged: Money::ZERO,
            lines: Vec::new(),
            before: FinishedMonths::default(),
        }
    }

    /// Whether readings have reached into the month.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.day.is_some_and(|day| day.month() == self.month)
    }

    /// Steps into a later month: the one before is finished.
    pub fn enter(&mut self, month: Month) {
        if month <= self.month {
            return;
        }
        if self.has_begun() {
            self.before.push(self.units);
        }
        if quarter(self.month) != quarter(month) {
            self.quarter_units = Quantity::ZERO;
        }
        self.month = month;
        self.units = Quantity::ZERO;
        self.charged = Money::ZERO;
        self.lines.clear();
    }

    /// Steps into a day; an earlier one changes nothing.
    #[inline]
    pub fn reach(&mut self, date: LocalDate) {
        if self.day.is_some_and(|day| day >= date) {
            return;
        }
        self.enter(date.month());
        self.day = Some(date);
        self.day_units = Quantity::ZERO;
    }

    /// Counts consumption of the day that was reached.
    #[inline]
    pub fn count(&mut self, quantity: Quantity, energy: Money) {
        self.day_units += quantity;
        self.units += quantity;
        self.quarter_units += quantity;
        self.charged += energy;
    }

    /// Counts what a line beside energy charged to the month.
    pub fn count_line(&mut self, kind: LineKind, name: &str, amount: Money) {
        let place = self
            .lines
            .binary_search_by(|line| (line.kind, line.name.as_str()).cmp(&(kind, name)));
        match place {
            Ok(at) => {
                if let Some(line) = self.lines.get_mut(at) {
                    line.amount += amount;
                }
            }
            Err(at) => {
                let name = name.to_owned();
                self.lines.insert(at, MonthLine { kind, name, amount });
            }
        }
    }

    /// Takes in differences of days that lie before where it stands (C19): those of its own day, month
    /// and quarter. `before` are the finished months as they are now; none where they did not change.
    pub fn correct<'a>(
        &mut self,
        days: impl Iterator<Item = &'a DayPart>,
        lines: &[LinePart],
        before: Option<FinishedMonths>,
    ) {
        for DayPart(date, quantity, amount) in days {
            let month = date.month();
            if self.day == Some(*date) {
                self.day_units += *quantity;
            }
            if month == self.month {
                self.units += *quantity;
                self.charged += *amount;
            }
            if quarter(month) == quarter(self.month) {
                self.quarter_units += *quantity;
            }
        }
        let open = self.month;
        for LinePart(_, kind, name, amount) in lines.iter().filter(|part| part.0 == open) {
            self.charged -= *amount;
            self.count_line(*kind, name, *amount);
        }
        self.lines.retain(|line| !line.amount.is_zero());
        self.before = before.unwrap_or(self.before);
    }

    /// What all lines of a kind have charged to the month.
    #[must_use]
    pub fn of_kind(&self, kind: LineKind) -> Money {
        let lines = self.lines.iter().filter(|line| line.kind == kind);
        lines.map(|line| line.amount).sum()
    }

    /// What the line of a name has charged to the month.
    #[must_use]
    pub fn of_name(&self, name: &str) -> Money {
        let lines = self.lines.iter().filter(|line| line.name == name);
        lines.map(|line| line.amount).sum()
    }
}

/// Year and quarter of a month.
fn quarter(month: Month) -> (i32, u32) {
    let (year, number) = month.parts();
    (year, (number - 1) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(number: i32) -> Quantity {
        Quantity::from_units(number)
    }

    #[test]
    fn k7_an_average_is_of_the_last_months_of_fewer_where_there_are_fewer() {
        let mut months = FinishedMonths::default();
        assert_eq!(months.average(3), None);
        for number in [10, 20, 40, 50] {
            months.push(units(number));
        }
        assert_eq!(months.average(3).unwrap().to_string(), "36.666");
        assert_eq!(months.average(1), Some(units(50)));
        assert_eq!(months.average(12), Some(units(30)));
        for number in 0..20 {
            months.push(units(number));
        }
        assert_eq!(months.as_slice().len(), 12);
        assert_eq!(months.average(2).unwrap().to_string(), "18.5");
        let text = serde_json::to_string(&months).unwrap();
        assert_eq!(
            serde_json::from_str::<FinishedMonths>(&text).unwrap(),
            months
        );
        assert!(
            serde_json::from_str::<FinishedMonths>(&text.replace("\"8\"", "\"8\",\"8\"")).is_err()
        );
    }

    #[test]
    fn c11_a_new_month_starts_its_units_and_a_new_quarter_its_own() {
        let date = |text: &str| LocalDate::parse(text).unwrap();
        let mut position = Position::at(Month::parse("2026-02").unwrap());
        position.reach(date("2026-02-28"));
        position.count(units(5), Money::from_cents(5));
        position.reach(date("2026-03-01"));
        position.count(units(2), Money::from_cents(2));
        assert_eq!(
            (position.day_units, position.units, position.quarter_units),
            (units(2), units(2), units(7))
        );
        assert_eq!(position.before.as_slice(), [units(5)]);
        position.reach(date("2026-04-01"));
        position.count(units(1), Money::ZERO);
        assert_eq!(
            (position.units, position.quarter_units),
            (units(1), units(1))
        );
        assert_eq!(position.before.as_slice(), [units(5), units(2)]);
        assert_eq!(position.charged, Money::ZERO);
    }

    #[test]
    fn k7_a_month_without_a_meter_does_not_count() {
        let mut position = Position::at(Month::parse("2026-02").unwrap());
        position.enter(Month::parse("2026-05").unwrap());
        assert_eq!(position.before.average(3), None);
    }
}
