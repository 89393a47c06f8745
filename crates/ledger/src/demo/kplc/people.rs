//! Who the customers are, what they use, and how they pay.

use ledger_core::ids::MeterNumber;
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, LocalDateTime, Millis, Timestamp, Zone};

use super::super::args::DemoArgs;
use super::super::generate::Chance;
use super::super::town::{account_id, meter_number};

/// Year of the course.
const YEAR: i32 = 2026;
/// Months of the course, from January on.
pub(super) const MONTHS: u32 = 6;

/// Millionths of a unit.
pub(super) const MICRO: i64 = 1_000_000;

/// What a customer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Pays the bill in time.
    InTime,
    /// Pays a round amount beyond it, and has credit for the next.
    RoundsUp,
    /// Pays only when a disconnection run has begun: in the hours before it comes to this account.
    AtTheLastHour,
    /// Waits until supply is cut, and pays then.
    WhenCut,
}

/// A customer.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    /// Account.
    pub(super) account: String,
    /// Meter.
    pub(super) meter: MeterNumber,
    /// How it pays.
    pub(super) habit: Habit,
    /// Types a digit too many in this month.
    pub(super) slips_in: Option<u32>,
    /// Register value now.
    pub(super) register: Quantity,
    /// Whole units of the months so far.
    pub(super) months: Vec<i64>,
    /// Whole units of a usual month.
    size: i64,
}

impl Customer {
    /// The newest bill by an account of its own: whole units at the price of the band that the three months
    /// before choose, the first month's own, and VAT of 16%, half up.
    pub(super) fn bill(&self) -> Money {
        let Some((units, before)) = self.months.split_last() else {
            return Money::ZERO;
        };
        let trailing = before
            .get(before.len().saturating_sub(3)..)
            .unwrap_or_default();
        let (sum, of) = if trailing.is_empty() {
            (*units, 1)
        } else {
            (
                trailing.iter().sum(),
                i64::try_from(trailing.len()).unwrap_or(1),
            )
        };
        let price_cents = if sum > 100 * of {
            2_058
        } else if sum > 30 * of {
            1_658
        } else {
            1_224
        };
        let energy = units * price_cents;
        Money::from_cents(energy + (energy * 16 + 50) / 100)
    }

    /// Uses a month's energy, in whole units.
    pub(super) fn uses(&mut self, chance: &mut Chance) {
        let units = (self.size * (80 + chance.below(40)) / 100).max(1);
        self.register += Quantity::from_micro(units * MICRO);
        self.months.push(units);
    }
}

/// All of them, with the seed's generator for what they will use.
pub(super) struct People {
    /// The customers.
    pub(super) customers: Vec<Customer>,
    /// For what they use.
    pub(super) chance: Chance,
    /// Seed of it all.
    pub(super) seed: u64,
    zone: Zone,
}

/// Makes them: a third in each band of the tariff.
pub(super) fn people(args: &DemoArgs, policy: &SchemePolicy) -> People {
    let mut chance = Chance(args.seed);
    let count = usize::try_from(args.households).unwrap_or(usize::MAX);
    let customers = (0..count).map(|n| {
        let size = match n % 3 {
            0 => 15 + chance.below(10),
            1 => 45 + chance.below(30),
            _ => 140 + chance.below(120),
        };
        let habit = match n % 5 {
            0 | 1 => Habit::InTime,
            2 => Habit::RoundsUp,
            3 => Habit::AtTheLastHour,
            _ => Habit::WhenCut,
        };
        Customer {
            account: account_id("customer", n).to_string(),
            meter: meter_number('K', n),
            habit,
            slips_in: (n % 7 == 0).then_some(4),
            register: Quantity::ZERO,
            months: Vec::new(),
            size,
        }
    });
    People {
        customers: customers.collect(),
        chance: Chance(args.seed.wrapping_add(1)),
        seed: args.seed,
        zone: policy.zone().clone(),
    }
}

impl People {
    /// A local time of the course, in minutes of a day.
    pub(super) fn at(&self, month: u32, day: u32, minute: i64) -> Timestamp {
        let date = LocalDate::new(YEAR, month, day).unwrap_or(LocalDate::MIN);
        let midnight = self.zone.local_to_utc(LocalDateTime::midnight(date), None);
        midnight + Millis::minutes(minute)
    }
}
