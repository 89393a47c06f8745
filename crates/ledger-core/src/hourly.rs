//! Consumption by local hour, folded from an account's history (U18).
//!
//! Hours are not kept as rows: a day has one row and twenty-four hours, and hours are asked for seldom.
//! A reading's consumption is even in elapsed time since the base before it (C10), cut at full hours of
//! elapsed time from the local midnight's offset; every share is exact, and a meter's hours sum to what
//! was charged. Absent on purpose: money by hour, which no tariff of this scheme knows.

use std::collections::BTreeMap;

use crate::event::AccountEvent;
use crate::ids::MeterNumber;
use crate::interval::Spread;
use crate::num::Quantity;
use crate::time::{Millis, Timestamp, Zone};

const HOUR: Millis = Millis::hours(1);
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// Folds an account's facts, oldest first, into one meter's consumption by hour.
#[derive(Debug, Clone)]
pub struct HourlyConsumption {
    meter: MeterNumber,
    zone: Zone,
    base: Option<Timestamp>,
    hours: BTreeMap<Timestamp, Quantity>,
}

impl HourlyConsumption {
    /// Nothing yet.
    #[must_use]
    pub fn of(meter: MeterNumber, zone: Zone) -> Self {
        Self {
            meter,
            zone,
            base: None,
            hours: BTreeMap::new(),
        }
    }

    /// Takes the next fact of the account's stream.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only facts that move a register's base matter here"
    )]
    pub fn take(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::MeterInstalled(e) if e.m == self.meter => self.base = Some(e.t),
            AccountEvent::MeterExchanged(e) if e.new == self.meter => self.base = Some(e.t),
            AccountEvent::ConsumptionCharged(e) if e.m == self.meter => {
                if let Some(from) = self.base.replace(e.t) {
                    self.spread(from, e.t, e.q);
                }
            }
            AccountEvent::ConsumptionCorrected(e) if e.m == self.meter => {
                self.take_back(e.f, e.n, e.w);
                self.spread(e.f, e.t, e.q);
                self.spread(e.t, e.n, e.w - e.q);
            }
            _ => {}
        }
    }

    fn spread(&mut self, from: Timestamp, to: Timestamp, quantity: Quantity) {
        for (hour, share) in self.shares(from, to, quantity) {
            *self.hours.entry(hour).or_insert(Quantity::ZERO) += share;
        }
    }

    fn take_back(&mut self, from: Timestamp, to: Timestamp, quantity: Quantity) {
        for (hour, share) in self.shares(from, to, quantity) {
            *self.hours.entry(hour).or_insert(Quantity::ZERO) -= share;
        }
    }

    /// The hours from one reading to the next, each with its share.
    fn shares(
        &self,
        from: Timestamp,
        to: Timestamp,
        quantity: Quantity,
    ) -> Vec<(Timestamp, Quantity)> {
        let mut spread = Spread::new(from, to, quantity);
        let mut hour = self.hour_of(from);
        let mut shares = Vec::new();
        while hour + HOUR < to {
            shares.push((hour, spread.take_until(hour + HOUR)));
            hour = self.hour_of(hour + HOUR);
        }
        shares.push((hour, spread.take_rest()));
        shares
    }

    /// Start of the local hour an instant lies in; zones with half hours begin theirs at their own.
    fn hour_of(&self, at: Timestamp) -> Timestamp {
        let offset_ms = i64::from(self.zone.offset_minutes(at)) * MINUTE_MS;
        let into = (at.as_millis() + offset_ms).rem_euclid(HOUR_MS);
        at - Millis(into)
    }

    /// Starts of the hours with what was used in each, oldest first; an hour no reading reaches into has
    /// no entry.
    pub fn hours(&self) -> impl Iterator<Item = (Timestamp, Quantity)> + '_ {
        self.hours.iter().map(|(hour, quantity)| (*hour, *quantity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{ConsumptionCharged, MeterInstalled, RegisterSpec};
    use crate::ids::RegisterId;
    use crate::num::Money;
    use crate::utility::Utility;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn q(text: &str) -> Quantity {
        Quantity::parse(text).unwrap()
    }

    fn meter() -> MeterNumber {
        MeterNumber::parse("E1").unwrap()
    }

    fn charged(time: &str, quantity: &str) -> AccountEvent {
        AccountEvent::ConsumptionCharged(ConsumptionCharged {
            u: Utility::Electricity,
            m: meter(),
            t: at(time),
            v: q("0"),
            q: q(quantity),
            a: Money::ZERO,
            d: None,
            p: Vec::new(),
            mn: Vec::new(),
            g: false,
            x: Vec::new(),
            b: None,
        })
    }

    fn folded(readings: &[(&str, &str)]) -> Vec<(String, Quantity)> {
        let zone = Zone::named("Asia/Brunei").unwrap();
        let mut hourly = HourlyConsumption::of(meter(), zone);
        let register = RegisterSpec {
            register: RegisterId::parse("1").unwrap(),
            digits: 6,
            interval_min: 60,
        };
        hourly.take(&AccountEvent::MeterInstalled(MeterInstalled {
            u: Utility::Electricity,
            m: meter(),
            reg: register,
            t: at("2026-03-01T00:00:00Z"),
            v: q("0"),
            b: crate::time::Month::parse("2026-03").unwrap(),
        }));
        for (time, quantity) in readings {
            hourly.take(&charged(time, quantity));
        }
        hourly
            .hours()
            .map(|(hour, quantity)| (hour.to_string(), quantity))
            .collect()
    }

    #[test]
    fn u18_hourly_readings_give_their_own_hours() {
        let hours = folded(&[
            ("2026-03-01T01:00:00Z", "0.4"),
            ("2026-03-01T02:00:00Z", "0.6"),
        ]);
        let want = [
            ("2026-03-01T00:00:00Z", "0.4"),
            ("2026-03-01T01:00:00Z", "0.6"),
        ];
        assert_eq!(hours, want.map(|(h, v)| (h.to_owned(), q(v))));
    }

    #[test]
    fn u18_a_reading_off_the_hour_is_cut_at_full_hours_and_the_hours_sum_to_the_charge() {
        let hours = folded(&[
            ("2026-03-01T02:30:00Z", "1"),
            ("2026-03-01T03:00:00Z", "0.1"),
        ]);
        let want = [
            ("2026-03-01T00:00:00Z", "0.4"),
            ("2026-03-01T01:00:00Z", "0.4"),
            ("2026-03-01T02:00:00Z", "0.3"),
        ];
        assert_eq!(hours, want.map(|(h, v)| (h.to_owned(), q(v))));
    }
}
