//! Consumption between two readings, cut at local midnights and month starts (C10).
//!
//! Consumption is even in elapsed time. A boundary cuts it in proportion: the running total at the
//! boundary is the quantity × elapsed ÷ whole, truncated to 10⁻⁶, and a share is the difference of
//! two running totals. So shares always sum to the quantity, and cutting by days and adding up gives
//! the same months as cutting by months. Nothing is allocated, and the usual case, an hour within one
//! day, divides nothing. Deliberately absent: prices.

use crate::num::Quantity;
use crate::time::{LocalDate, Month, Timestamp, Zone};

/// What was consumed in one local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayShare {
    /// The local day.
    pub date: LocalDate,
    /// Its share; may be zero.
    pub quantity: Quantity,
}

/// What was consumed in one local month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthShare {
    /// The local month.
    pub month: Month,
    /// Its share; may be zero.
    pub quantity: Quantity,
}

/// A quantity spread evenly over the time between two readings, taken share by share in order of time.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    from: Timestamp,
    to: Timestamp,
    whole: Quantity,
    taken: Quantity,
}

impl Spread {
    /// Spreads `quantity` evenly from `from` to `to`, which is not before it.
    #[must_use]
    pub fn new(from: Timestamp, to: Timestamp, quantity: Quantity) -> Self {
        assert!(
            from <= to,
            "a reading is not before the one it is counted from"
        );
        Self {
            from,
            to,
            whole: quantity,
            taken: Quantity::ZERO,
        }
    }

    /// Where it begins and ends.
    #[must_use]
    pub const fn ends(&self) -> (Timestamp, Timestamp) {
        (self.from, self.to)
    }

    /// The running total at an instant: nothing until the beginning, everything from the end on.
    #[must_use]
    pub fn total_at(&self, at: Timestamp) -> Quantity {
        if at >= self.to {
            return self.whole;
        }
        if at <= self.from {
            return Quantity::ZERO;
        }
        let elapsed_ms = at.since(self.from).get();
        let whole_ms = self.to.since(self.from).get();
        if let Some(product) = self.whole.micro().checked_mul(elapsed_ms) {
            return Quantity::from_micro(product / whole_ms);
        }
        let product = i128::from(self.whole.micro()) * i128::from(elapsed_ms);
        // The quotient lies between zero and the whole, which fits.
        let micro = i64::try_from(product / i128::from(whole_ms));
        assert!(
            micro.is_ok(),
            "a part of a quantity is no greater than the whole"
        );
        Quantity::from_micro(micro.unwrap_or(0))
    }

    /// The share since the boundary taken before, up to this one.
    pub fn take_until(&mut self, boundary: Timestamp) -> Quantity {
        let total = self.total_at(boundary);
        let share = total - self.taken;
        self.taken = total;
        share
    }

    /// The share since the boundary taken before, up to the end.
    pub fn take_rest(&mut self) -> Quantity {
        let share = self.whole - self.taken;
        self.taken = self.whole;
        share
    }
}

/// The local days of an interval, in order: see [`split`].
#[derive(Debug, Clone)]
pub struct DayShares<'z> {
    zone: &'z Zone,
    spread: Spread,
    next: Option<LocalDate>,
    last: LocalDate,
}

/// Cuts what was consumed from `from` to `to` at local midnights.
///
/// Every local day the interval reaches into gets one share, also when it is zero. A day that only
/// begins where the interval ends is not reached: a reading exactly at midnight belongs to the day
/// before. Two readings at one instant give one share, of the day of that instant. `to` is not before
/// `from`.
#[must_use]
#[inline]
pub fn split(from: Timestamp, to: Timestamp, quantity: Quantity, zone: &Zone) -> DayShares<'_> {
    let first = zone.date_of(from);
    DayShares {
        zone,
        spread: Spread::new(from, to, quantity),
        next: Some(first),
        last: zone.date_of(last_instant(from, to)).max(first),
    }
}

/// The last instant that counts: the one before the end, unless the interval has no length.
#[inline]
fn last_instant(from: Timestamp, to: Timestamp) -> Timestamp {
    to.just_before().max(from)
}

impl Iterator for DayShares<'_> {
    type Item = DayShare;

    #[inline]
    fn next(&mut self) -> Option<DayShare> {
        let date = self.next?;
        if date >= self.last {
            self.next = None;
            return Some(DayShare {
                date,
                quantity: self.spread.take_rest(),
            });
        }
        let boundary = self.zone.start_of_day(date.next());
        // A zone may have skipped the next date altogether.
        self.next = Some(self.zone.date_of(boundary).max(date.next()));
        Some(DayShare {
            date,
            quantity: self.spread.take_until(boundary),
        })
    }
}

/// The local months of an interval, in order: see [`split_months`].
#[derive(Debug, Clone)]
pub struct MonthShares<'z> {
    zone: &'z Zone,
    spread: Spread,
    next: Option<Month>,
    last: Month,
}

/// Cuts what was consumed from `from` to `to` at the starts of local months, with the same shares as
/// [`split`] has in sum for each month.
#[must_use]
pub fn split_months(
    from: Timestamp,
    to: Timestamp,
    quantity: Quantity,
    zone: &Zone,
) -> MonthShares<'_> {
    let first = zone.month_of(from);
    MonthShares {
        zone,
        spread: Spread::new(from, to, quantity),
        next: Some(first),
        last: zone.month_of(last_instant(from, to)).max(first),
    }
}

impl Iterator for MonthShares<'_> {
    type Item = MonthShare;

    fn next(&mut self) -> Option<MonthShare> {
        let month = self.next?;
        if month >= self.last {
            self.next = None;
            return Some(MonthShare {
                month,
                quantity: self.spread.take_rest(),
            });
        }
        let boundary = self.zone.start_of_month(month.next());
        self.next = Some(month.next());
        Some(MonthShare {
            month,
            quantity: self.spread.take_until(boundary),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn quantity(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    fn shares(from: &str, to: &str, whole: &str) -> Vec<(String, String)> {
        let brunei = Zone::named("Asia/Brunei").unwrap();
        split(at(from), at(to), quantity(whole), &brunei)
            .map(|share| (share.date.to_string(), share.quantity.to_string()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(date, share)| ((*date).to_owned(), (*share).to_owned()))
            .collect()
    }

    #[test]
    fn c10_an_hour_within_a_day_is_one_share() {
        let day = shares("2012-02-10T01:00:00Z", "2012-02-10T02:00:00Z", "0.237");
        assert_eq!(day, pairs(&[("2012-02-10", "0.237")]));
    }

    #[test]
    fn c10_local_midnight_cuts_in_proportion_to_elapsed_time() {
        let days = shares("2012-02-10T15:00:00Z", "2012-02-10T18:00:00Z", "1");
        assert_eq!(
            days,
            pairs(&[("2012-02-10", "0.333333"), ("2012-02-11", "0.666667")])
        );
    }

    #[test]
    fn c10_a_reading_exactly_at_midnight_belongs_to_the_day_before() {
        let day = shares("2012-02-10T15:00:00Z", "2012-02-10T16:00:00Z", "5");
        assert_eq!(day, pairs(&[("2012-02-10", "5")]));
        let day = shares("2012-02-10T16:00:00Z", "2012-02-11T16:00:00Z", "5");
        assert_eq!(day, pairs(&[("2012-02-11", "5")]));
    }

    #[test]
    fn c10_a_gap_gives_every_day_its_share_also_when_it_is_zero() {
        let days = shares("2012-02-28T04:00:00Z", "2012-03-01T04:00:00Z", "0.000002");
        assert_eq!(
            days,
            pairs(&[
                ("2012-02-28", "0"),
                ("2012-02-29", "0.000001"),
                ("2012-03-01", "0.000001")
            ])
        );
        let days = shares("2012-02-10T04:00:00Z", "2012-02-11T04:00:00Z", "0");
        assert_eq!(days, pairs(&[("2012-02-10", "0"), ("2012-02-11", "0")]));
    }

    #[test]
    fn c10_two_readings_at_one_instant_give_one_share() {
        let day = shares("2012-02-10T16:00:00Z", "2012-02-10T16:00:00Z", "0");
        assert_eq!(day, pairs(&[("2012-02-11", "0")]));
    }

    #[test]
    fn c10_a_day_with_a_change_of_clocks_weighs_its_elapsed_hours() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let from = berlin.start_of_day(LocalDate::parse("2024-03-30").unwrap());
        let to = berlin.start_of_day(LocalDate::parse("2024-04-01").unwrap());
        let days: Vec<_> = split(from, to, quantity("47"), &berlin)
            .map(|day| day.quantity)
            .collect();
        assert_eq!(days, [quantity("24"), quantity("23")]);
    }

    #[test]
    fn c10_a_date_that_a_zone_skipped_gets_no_share() {
        let apia = Zone::named("Pacific/Apia").unwrap();
        let days: Vec<_> = split(
            at("2011-12-29T10:00:00Z"),
            at("2011-12-31T10:00:00Z"),
            quantity("2"),
            &apia,
        )
        .map(|day| (day.date.to_string(), day.quantity))
        .collect();
        let one = quantity("1");
        assert_eq!(
            days,
            [
                ("2011-12-29".to_owned(), one),
                ("2011-12-31".to_owned(), one)
            ]
        );
    }

    #[test]
    fn c10_the_widest_quantity_over_the_longest_gap_stays_exact() {
        let brunei = Zone::named("Asia/Brunei").unwrap();
        let (from, to) = (at("1970-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        let total: Quantity = split(from, to, Quantity::MAX, &brunei)
            .map(|day| day.quantity)
            .sum();
        assert_eq!(total, Quantity::MAX);
    }

    const ZONES: [&str; 4] = [
        "Asia/Brunei",
        "Europe/Berlin",
        "America/St_Johns",
        "Pacific/Apia",
    ];

    proptest! {
        #[test]
        fn c10_shares_sum_to_the_quantity_and_days_sum_to_months(
            zone in 0..ZONES.len(),
            from_ms in 0_i64..2_000_000_000_000,
            length_ms in 0_i64..10_000_000_000,
            micro in 0_i64..1_000_000_000_000,
        ) {
            let zone = Zone::named(ZONES[zone]).unwrap();
            let from = Timestamp::from_millis(from_ms);
            let to = from + crate::time::Millis(length_ms);
            let whole = Quantity::from_micro(micro);
            let days: Vec<_> = split(from, to, whole, &zone).collect();
            prop_assert_eq!(days.iter().map(|day| day.quantity).sum::<Quantity>(), whole);
            prop_assert!(days.iter().all(|day| !day.quantity.is_negative()));
            prop_assert!(days.is_sorted_by(|a, b| a.date < b.date));
            let mut by_month = BTreeMap::<Month, Quantity>::new();
            for day in &days {
                *by_month.entry(day.date.month()).or_default() += day.quantity;
            }
            let months: BTreeMap<_, _> =
                split_months(from, to, whole, &zone).map(|share| (share.month, share.quantity)).collect();
            prop_assert_eq!(by_month, months);
        }
    }
}
