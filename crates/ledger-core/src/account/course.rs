//! The course of a utility's readings: from each accepted reading to the next, in order of time, with the
//! late ones in their places (C19).
//!
//! The state remembers the newest readings only; what is older is in the stream. A late reading says how
//! far back the course must be known ([`recall`], [`reaches_back`]): to the beginning of what the price of
//! the time after it depends on. Deliberately absent: what was charged; it is priced again.

use super::meter::Base;
use super::{Account, Lifecycle, readings};
use crate::command::{PriorReading, Reading};
use crate::event::{AccountEvent, ConsumptionCharged, ConsumptionCorrected};
use crate::ids::MeterNumber;
use crate::num::Quantity;
use crate::scheme::SchemePolicy;
use crate::status::Status;
use crate::tariff::{BandBy, BlockPeriod, Energy, Tariff};
use crate::time::{Month, Timestamp};
use crate::utility::Utility;

/// What must be known of the account's own stream before a reading is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recall {
    /// Nothing: the state is enough.
    Nothing,
    /// An accepted reading of the same instant, if there is one.
    Instant,
    /// The course of the readings, back to where it no longer matters.
    Course,
}

/// A fact of the account's stream with the delivery that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFact {
    /// The fact.
    pub event: AccountEvent,
    /// Delivery, 0 for none.
    pub delivery: u64,
}

/// From one reading to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) meter: MeterNumber,
    /// Counts the meters of the utility in the order in which they were here.
    pub(super) tenure: u32,
    pub(super) from: Base,
    /// What the next one is judged against.
    pub(super) to: Base,
    /// Register value as read.
    pub(super) read: Quantity,
    pub(super) used: Quantity,
    pub(super) gap: bool,
    delivery: u64,
}

/// A step of the course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leg {
    /// A meter was installed in this month.
    Installed(Month),
    /// Consumption.
    Used(Stretch),
}

/// The course of a utility's readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    pub(super) legs: Vec<Leg>,
}

/// What must be known of the past before this reading is decided.
#[must_use]
pub fn recall(
    account: &Account,
    policy: &SchemePolicy,
    reading: &Reading,
    received_at: Timestamp,
) -> Recall {
    let Some(meter) = readings::meter_at(account, &reading.meter, reading.read_at) else {
        return Recall::Nothing;
    };
    let at = reading.read_at;
    let is_late = at > meter.installed_at && (at < meter.base.at || meter.removed_at.is_some());
    let known = meter.recent.iter().any(|r| r.at == at) || meter.kept.iter().any(|k| k.at == at);
    if !is_late || known || account.status().is_some_and(Status::is_final) {
        return Recall::Nothing;
    }
    if corrects(account, policy, reading, received_at) {
        return Recall::Course;
    }
    let oldest = meter.recent.first().map_or(meter.installed_at, |r| r.at);
    if meter.has_older && at < oldest {
        Recall::Instant
    } else {
        Recall::Nothing
    }
}

/// Whether a late reading of this age corrects anything; a closed account is settled for good.
pub(super) fn corrects(
    account: &Account,
    policy: &SchemePolicy,
    reading: &Reading,
    received_at: Timestamp,
) -> bool {
    let decided_at = received_at.max(account.newest_at());
    let days = policy.in_force_at(decided_at).readings().correct;
    account.lifecycle() == Lifecycle::Open && received_at - reading.read_at <= days
}

/// Whether the past, newest first, reaches back far enough to correct by this reading.
#[must_use]
pub fn reaches_back(
    account: &Account,
    policy: &SchemePolicy,
    reading: &Reading,
    past: impl DoubleEndedIterator<Item = AccountEvent>,
) -> bool {
    let Some(utility) =
        readings::meter_at(account, &reading.meter, reading.read_at).map(|meter| meter.utility)
    else {
        return true;
    };
    let mut ends = past.filter_map(|event| end_of(&event, utility));
    let Some((meter, oldest)) = ends.next_back() else {
        return false;
    };
    if oldest >= reading.read_at {
        return false;
    }
    let before =
        |(meter, at): &(MeterNumber, Timestamp)| *meter == reading.meter && *at < reading.read_at;
    let before = ends
        .find(before)
        .or_else(|| Some((meter, oldest)).filter(before));
    before.is_some_and(|(_, at)| oldest <= reach(account, policy, utility, at))
}

/// Meter and time at which a stretch ends, and the next one begins.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other facts do not move a register's base"
)]
fn end_of(event: &AccountEvent, utility: Utility) -> Option<(MeterNumber, Timestamp)> {
    match event {
        AccountEvent::ConsumptionCharged(e) if e.u == utility => Some((e.m.clone(), e.t)),
        AccountEvent::MeterInstalled(e) if e.u == utility => Some((e.m.clone(), e.t)),
        AccountEvent::MeterExchanged(e) if e.u == utility => Some((e.new.clone(), e.t)),
        _ => None,
    }
}

/// From when on the readings decide what is charged after a reading: the beginning of its month, of its
/// quarter where blocks are counted so, and of the months before where their average chooses the band.
fn reach(
    account: &Account,
    policy: &SchemePolicy,
    utility: Utility,
    before: Timestamp,
) -> Timestamp {
    let zone = policy.zone();
    let month = zone.month_of(before.just_before());
    let class = &account.profile().class;
    let energies = || policy.tariffs().of(utility, class).map(Tariff::energy);
    let by_quarter = energies()
        .any(|energy| matches!(energy, Energy::Blocks(b) if b.per() == BlockPeriod::Quarter));
    let into_quarter = (month.parts().1 - 1) % 3;
    let quarter = i32::try_from(into_quarter).unwrap_or(0);
    let averaged = energies().filter_map(|energy| match energy {
        Energy::Bands(bands) => match bands.by() {
            BandBy::TrailingAverage { months } => i32::try_from(months).ok(),
            BandBy::OwnMonth => None,
        },
        Energy::Flat(_) | Energy::Blocks(_) | Energy::Windows(_) => None,
    });
    let averaged = averaged.max().unwrap_or(0);
    let months = averaged.max(if by_quarter { quarter } else { 0 });
    let start = zone.start_of_month(month.plus(-months));
    // Months without a meter do not count in an average.
    let installed = account.meters().iter().filter(|m| m.utility == utility);
    let whole = installed
        .clone()
        .any(|m| m.installed_at <= start && m.removed_at.is_none_or(|end| end >= before));
    if averaged > 0 && !whole {
        installed.map(|m| m.installed_at).min().unwrap_or(start)
    } else {
        start
    }
}

impl Course {
    /// The course of a utility, from an account's facts, newest first.
    #[must_use]
    pub fn of(utility: Utility, newest_first: &[PastFact]) -> Self {
        let mut course = Self { legs: Vec::new() };
        let mut walk = Walk {
            utility,
            tenure: 0,
            base: None,
        };
        for fact in newest_first.iter().rev() {
            walk.step(&mut course, fact);
        }
        course
    }

    /// The accepted reading of a meter at an instant.
    pub(super) fn at(&self, meter: &MeterNumber, at: Timestamp) -> Option<PriorReading> {
        self.stretches()
            .find(|s| s.meter == *meter && s.to.at == at)
            .map(|s| PriorReading {
                value: s.read,
                delivery: s.delivery,
            })
    }

    /// Place of the stretch of a meter that an instant lies in.
    pub(super) fn across(&self, meter: &MeterNumber, at: Timestamp) -> Option<usize> {
        self.legs.iter().rposition(|leg| match leg {
            Leg::Used(s) => s.meter == *meter && s.from.at < at && at < s.to.at,
            Leg::Installed(_) => false,
        })
    }

    pub(super) fn stretch(&self, place: usize) -> Option<&Stretch> {
        match self.legs.get(place)? {
            Leg::Used(stretch) => Some(stretch),
            Leg::Installed(_) => None,
        }
    }

    fn stretches(&self) -> impl Iterator<Item = &Stretch> {
        self.legs.iter().filter_map(|leg| match leg {
            Leg::Used(stretch) => Some(stretch),
            Leg::Installed(_) => None,
        })
    }

    /// Puts a late reading into its place.
    fn insert(&mut self, e: &ConsumptionCorrected, delivery: u64) {
        let Some(place) = self.across(&e.m, e.t) else {
            return;
        };
        let Some(Leg::Used(after)) = self.legs.get_mut(place) else {
            return;
        };
        let (first, mut second) = after.cut((e.t, e.v), e.q, e.g);
        second.gap &= e.ng.is_none();
        *after = second;
        let first = Stretch { delivery, ..first };
        self.legs.insert(place, Leg::Used(first));
    }
}

impl Stretch {
    /// The two parts into which a reading inside it cuts it, of which the first one used `used`.
    pub(super) fn cut(
        &self,
        (at, read): (Timestamp, Quantity),
        used: Quantity,
        gap: bool,
    ) -> (Self, Self) {
        let kept = read < self.from.value && used.is_zero();
        let value = if kept { self.from.value } else { read };
        let middle = Base { at, value };
        let first = Self {
            to: middle,
            read,
            used,
            gap,
            ..self.clone()
        };
        let second = Self {
            from: middle,
            used: self.used - used,
            ..self.clone()
        };
        (first, second)
    }
}

/// Goes through an account's facts, oldest first.
struct Walk {
    utility: Utility,
    tenure: u32,
    base: Option<Base>,
}

impl Walk {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other facts do not move a register's base"
    )]
    fn step(&mut self, course: &mut Course, fact: &PastFact) {
        match &fact.event {
            AccountEvent::MeterInstalled(e) if e.u == self.utility => {
                self.begin(e.t, e.v);
                course.legs.push(Leg::Installed(e.b));
            }
            AccountEvent::MeterExchanged(e) if e.u == self.utility => self.begin(e.t, e.first),
            AccountEvent::ConsumptionCharged(e) if e.u == self.utility => {
                self.read(course, e, fact.delivery);
            }
            AccountEvent::ConsumptionCorrected(e) if e.u == self.utility => {
                course.insert(e, fact.delivery);
            }
            _ => {}
        }
    }

    fn begin(&mut self, at: Timestamp, value: Quantity) {
        self.tenure += 1;
        self.base = Some(Base { at, value });
    }

    fn read(&mut self, course: &mut Course, e: &ConsumptionCharged, delivery: u64) {
        let Some(from) = self.base else {
            let (at, value) = (e.t, e.v);
            self.base = Some(Base { at, value });
            return;
        };
        let backflow = e.v < from.value && e.q.is_zero();
        let value = if backflow { from.value } else { e.v };
        let to = Base { at: e.t, value };
        course.legs.push(Leg::Used(Stretch {
            meter: e.m.clone(),
            tenure: self.tenure,
            from,
            to,
            read: e.v,
            used: e.q,
            gap: e.g,
            delivery,
        }));
        self.base = Some(to);
    }
}
