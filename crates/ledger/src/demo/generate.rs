//! A made-up town: seeded readings with a daily shape and the faults that real meters have.
//!
//! Electricity is read hourly, water daily. Among the readings are gaps, repeats, late and conflicting
//! ones, a backflow, a foreign register, an unknown meter, one from the future and a message that is no
//! reading, so that each class of the report has something in it. One seed, one town.

use ledger_core::command::Reading;
use ledger_core::num::Quantity;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, LocalDateTime, Millis, Timestamp};
use ledger_core::utility::Utility;

use super::timeline::{Timeline, hour_after};
use super::town::{
    ExchangePlan, Household, MeterPlan, Town, account_id, debt_of, habit_of, meter_number,
};

/// The town's first day: a plain month in the scheme's zone.
const FIRST_DAY: (i32, u32, u32) = (2026, 3, 2);
/// The hour at which one meter is exchanged: the last of a UTC day, after which the town acts.
const EXCHANGE_HOUR: i64 = 3 * 24 + 7;
/// Watt-hours of each hour of a day, before a household's own size and chance.
const SHAPE_WH: [i64; 24] = [
    220, 200, 190, 185, 190, 240, 420, 560, 430, 340, 320, 330, 380, 360, 330, 350, 420, 610, 880,
    990, 940, 760, 480, 300,
];

/// A small generator of numbers (SplitMix64): the same seed gives the same town everywhere.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to below `n`.
    pub(super) fn below(&mut self, n: u64) -> i64 {
        i64::try_from(self.next() % n.max(1)).unwrap_or(0)
    }

    /// One in `n`.
    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

/// Makes the town.
pub(crate) fn town(
    seed: u64,
    households: u32,
    days: u32,
    policy: &SchemePolicy,
) -> (Town, Timeline) {
    let mut maker = Maker {
        start: start(policy),
        hours: i64::from(days) * 24,
        chance: Chance(seed),
        town: Town::default(),
        timeline: Timeline::default(),
    };
    for n in 0..usize::try_from(households).unwrap_or(usize::MAX) {
        maker.household(n);
    }
    maker.strangers();
    (maker.town, maker.timeline)
}

/// Midnight of the first day in the scheme's zone.
fn start(policy: &SchemePolicy) -> Timestamp {
    let (year, month, day) = FIRST_DAY;
    let date = LocalDate::new(year, month, day).unwrap_or(LocalDate::MIN);
    policy
        .zone()
        .local_to_utc(LocalDateTime::midnight(date), None)
}

struct Maker {
    start: Timestamp,
    hours: i64,
    chance: Chance,
    town: Town,
    timeline: Timeline,
}

impl Maker {
    fn household(&mut self, n: usize) {
        let electricity = self.meter(Utility::Electricity, 'E', n, 60);
        let water = self.meter(Utility::Water, 'W', n, 24 * 60);
        self.electricity(n, &electricity);
        self.water(n, &water);
        self.town.households.push(Household {
            account: account_id("home", n),
            meters: vec![electricity, water],
            habit: habit_of(n),
            debt: debt_of(n),
        });
    }

    fn meter(&mut self, utility: Utility, prefix: char, n: usize, interval_min: u32) -> MeterPlan {
        let first_value = Quantity::from_micro(self.chance.below(900_000) * 1_000);
        MeterPlan {
            utility,
            number: meter_number(prefix, n),
            installed_at: self.start,
            first_value,
            interval_min,
        }
    }

    /// Hourly readings with a daily shape; the first household's meter is exchanged on the way.
    fn electricity(&mut self, n: usize, plan: &MeterPlan) {
        let size = 60 + self.chance.below(120);
        let exchange_at = (n == 0).then_some(EXCHANGE_HOUR);
        let mut meter = plan.number.clone();
        let mut value = plan.first_value;
        for hour in 1..=self.hours {
            let of_day = usize::try_from((hour - 1) % 24).unwrap_or(0);
            let watt_hours = SHAPE_WH.get(of_day).copied().unwrap_or(0) * size / 100
                * (70 + self.chance.below(60))
                / 100;
            value += Quantity::from_micro(watt_hours * 1_000);
            let read_at = self.start + Millis::hours(hour);
            let reading = Reading {
                meter: meter.clone(),
                register: None,
                read_at,
                value,
            };
            self.send(Utility::Electricity, reading, hour);
            if exchange_at == Some(hour) {
                let new = meter_number('N', n);
                let plan = ExchangePlan {
                    old: meter,
                    new: new.clone(),
                    at: read_at,
                    final_value: value,
                };
                self.town.exchanges.push(plan);
                meter = new;
                value = Quantity::ZERO;
            }
        }
    }

    /// Sends a reading, now and then with a fault of the way.
    fn send(&mut self, utility: Utility, reading: Reading, hour: i64) {
        let arrival = hour_after(reading.read_at);
        let is_first_days = hour <= EXCHANGE_HOUR + 1;
        if !is_first_days && self.chance.one_in(400) {
            return;
        }
        if !is_first_days && self.chance.one_in(900) {
            self.timeline
                .add_received(utility, reading, arrival + Millis::hours(30));
            return;
        }
        self.timeline.add(utility, reading.clone());
        if self.chance.one_in(500) {
            self.timeline.add(utility, reading.clone());
        }
        if self.chance.one_in(2_000) {
            let value = reading.value + Quantity::from_micro(7_000);
            self.timeline.add(utility, Reading { value, ..reading });
        }
    }

    /// Daily readings; one household's register runs backwards a little, another reports a foreign one.
    fn water(&mut self, n: usize, plan: &MeterPlan) {
        let size = 300 + self.chance.below(900);
        let mut value = plan.first_value;
        for day in 1..=self.hours / 24 {
            let litres = size * (60 + self.chance.below(80)) / 100;
            value += Quantity::from_micro(litres * 1_000);
            let read_at = self.start + Millis::days(day);
            let reading = |value| Reading {
                meter: plan.number.clone(),
                register: None,
                read_at,
                value,
            };
            if n == 1 && day == 4 {
                self.timeline
                    .add(Utility::Water, reading(Quantity::from_units(456_017)));
                continue;
            }
            self.timeline.add(Utility::Water, reading(value));
            if n == 2 && day == 4 {
                let back = value - Quantity::from_micro(3_000);
                let read_at = read_at + Millis::hours(1);
                self.timeline.add(
                    Utility::Water,
                    Reading {
                        read_at,
                        ..reading(back)
                    },
                );
            }
        }
    }

    /// What comes that belongs to no one, or not to this day, or is no reading at all.
    fn strangers(&mut self) {
        let day = |days: i64| self.start + Millis::days(days);
        let unknown = Reading {
            meter: meter_number('Z', 0),
            register: None,
            read_at: day(2),
            value: Quantity::from_units(1),
        };
        self.timeline.add(Utility::Electricity, unknown);
        let ahead = Reading {
            meter: meter_number('W', 3),
            register: None,
            read_at: day(400),
            value: Quantity::from_units(1),
        };
        let received = day(3);
        self.timeline.add_received(Utility::Water, ahead, received);
        self.timeline.add_raw(
            Utility::Electricity,
            received,
            "{\"meter\":\"E1\",\"value\":12.5",
        );
    }
}
