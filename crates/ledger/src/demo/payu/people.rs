//! Who joins: their arrears, their habits, what they use. One seed, one group of people.

use ledger_core::ids::MeterNumber;
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, LocalDateTime, Millis, Timestamp};

use super::super::args::DemoArgs;
use super::super::generate::Chance;
use super::super::town::{account_id, meter_number};

/// The first day.
const FIRST_DAY: (i32, u32, u32) = (2026, 3, 2);
/// Watt-hours of each hour of a day, before a household's own size and chance.
const SHAPE_WH: [i64; 24] = [
    310, 280, 260, 250, 250, 290, 420, 470, 380, 330, 320, 340, 380, 370, 350, 370, 430, 560, 720,
    810, 840, 790, 640, 430,
];

/// What a customer does when credit runs low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Tops up in time.
    Careful,
    /// Draws emergency credit first, and tops up when that is used.
    Draws,
    /// Lets supply stop, and tops up then.
    Stops,
}

/// How the value of a top-up reaches the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// On the key.
    Key,
    /// Over the network.
    Network,
    /// Both: the second is refused.
    Both,
}

/// One who joins.
#[derive(Debug, Clone)]
pub(super) struct Joiner {
    /// Account.
    pub(super) account: String,
    /// Opaque reference of the person; one person has two accounts.
    pub(super) person: String,
    /// Meter.
    pub(super) meter: MeterNumber,
    /// Arrears in cents.
    pub(super) arrears: Money,
    /// Each top-up.
    pub(super) amount: Money,
    /// When credit runs low.
    pub(super) habit: Habit,
    /// How credit reaches the meter.
    pub(super) carries: Carries,
    /// Register value now.
    pub(super) register: Quantity,
    size: i64,
}

impl Joiner {
    /// Uses an hour's energy.
    pub(super) fn use_hour(&mut self, hour: usize, chance: &mut Chance) {
        let shape = SHAPE_WH.get(hour % SHAPE_WH.len()).copied().unwrap_or(0);
        let watt_hours = shape * self.size * (70 + chance.below(60)) / 10_000;
        self.register += Quantity::from_micro(watt_hours * 1_000);
    }
}

/// All of them, with the seed's generator for what they will use.
pub(super) struct People {
    /// Those who join.
    pub(super) joiners: Vec<Joiner>,
    /// Midnight of the first day.
    pub(super) start: Timestamp,
    /// For what they use.
    pub(super) chance: Chance,
    /// Seed of it all.
    pub(super) seed: u64,
}

/// Makes them. The last joins a second time, with another account.
pub(super) fn people(args: &DemoArgs, policy: &SchemePolicy) -> People {
    let (year, month, day) = FIRST_DAY;
    let date = LocalDate::new(year, month, day).unwrap_or(LocalDate::MIN);
    let midnight = LocalDateTime::midnight(date);
    let mut people = People {
        joiners: Vec::new(),
        start: policy.zone().local_to_utc(midnight, None),
        chance: Chance(args.seed),
        seed: args.seed,
    };
    let count = usize::try_from(args.households).unwrap_or(usize::MAX);
    for n in 0..count {
        let again = n + 1 == count;
        people.add(n, if again { n.saturating_sub(1) } else { n });
    }
    people
}

impl People {
    fn add(&mut self, n: usize, person: usize) {
        let arrears = Money::from_cents(2_000 + self.chance.below(38_000));
        let amount = Money::from_cents(1_000 + self.chance.below(4_000));
        let habit = match n % 3 {
            0 => Habit::Careful,
            1 => Habit::Draws,
            _ => Habit::Stops,
        };
        let carries = match n % 4 {
            0 | 1 => Carries::Key,
            2 => Carries::Network,
            _ => Carries::Both,
        };
        self.joiners.push(Joiner {
            account: account_id("joiner", n).to_string(),
            person: format!("person-{:05}", person + 1),
            meter: meter_number('K', n),
            arrears,
            amount,
            habit,
            carries,
            register: Quantity::from_micro(self.chance.below(900_000) * 1_000),
            size: 60 + self.chance.below(120),
        });
    }

    /// The start of a day, counted from 0.
    pub(super) fn day(&self, day: i64) -> Timestamp {
        self.start + Millis::days(day)
    }
}
