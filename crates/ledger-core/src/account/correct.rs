//! A late reading between its neighbours corrects what was charged across it (C19).
//!
//! The course of readings is priced twice by the same engine, without the late reading and with it, from
//! the reading before it until both stand alike again; the difference is the correction. So what is
//! charged in the end is what the readings would have cost in their order, by construction. Deliberately
//! absent: undoing what followed from the old charge (supply, transfers, notices).

use std::collections::BTreeMap;

use super::course::{self, Course, Leg, Stretch};
use super::draft::Draft;
use super::meter::{KeptClass, MeterState};
use super::{pricing, readings};
use crate::answer::ReadingOutcome;
use crate::command::Reading;
use crate::event::{
    AccountEvent, ConsumptionCorrected, DayPart, LinePart, MinimumPart, MonthUnits, OtherMeter,
};
use crate::num::{Money, Quantity};
use crate::rejection::Rejection;
use crate::scheme::SchemePolicy;
use crate::tariff::{self, Charge, Customer, FinishedMonths, LineKind, Position, Span};
use crate::time::{LocalDate, Month, Timestamp};
use crate::usage::Usage;

/// Decides a reading that is older than the newest one.
pub(super) fn late(
    draft: &mut Draft<'_>,
    meter: &MeterState,
    reading: &Reading,
) -> Result<ReadingOutcome, Rejection> {
    let facts = draft.facts;
    let recent = course::corrects(draft.account, draft.policy, reading, facts.received_at);
    let found = facts.course.as_ref().filter(|_| recent).and_then(|course| {
        let place = course.across(&reading.meter, reading.read_at)?;
        Some((course, place, course.stretch(place)?))
    });
    let Some((course, place, stretch)) = found else {
        return readings::keep(draft, meter.utility, reading, KeptClass::Late, "late")
            .map(|()| ReadingOutcome::Late);
    };
    let tolerance = readings::limits(draft.account, draft.policy, meter).tolerance;
    let Some(used) = used_until(stretch, reading.value, tolerance, meter.top()) else {
        let class = KeptClass::Quarantined;
        return readings::keep(draft, meter.utility, reading, class, "order")
            .map(|()| ReadingOutcome::Quarantined);
    };
    readings::must_have_room(draft.account, reading)?;
    let event = correction(draft, meter, (course, place, stretch), (reading, used))?;
    let amount = event.a;
    draft.emit(AccountEvent::ConsumptionCorrected(event));
    Ok(ReadingOutcome::Corrected { amount })
}

/// What was used until a reading inside a stretch; none when its value does not lie between. A drop
/// within the tolerance is zero use (C9); however fast the rise, it lies between.
fn used_until(
    stretch: &Stretch,
    value: Quantity,
    tolerance: Quantity,
    top: Quantity,
) -> Option<Quantity> {
    let base = stretch.from.value;
    let used = if value >= base {
        value - base
    } else if base - value <= tolerance {
        Quantity::ZERO
    } else {
        top - base + value
    };
    (used <= stretch.used).then_some(used)
}

fn correction(
    draft: &Draft<'_>,
    meter: &MeterState,
    (course, place, stretch): (&Course, usize, &Stretch),
    (reading, used): (&Reading, Quantity),
) -> Result<ConsumptionCorrected, Rejection> {
    let at = reading.read_at;
    let is_gap = |from, to| readings::is_gap(draft, meter, (from, to));
    let g = is_gap(stretch.from.at, at);
    let parts = stretch.cut((at, reading.value), used, g);
    let ended = stretch.gap && !is_gap(at, stretch.to.at);
    let zone = draft.policy.zone();
    let counts_on = |from: Timestamp, to: Timestamp| zone.date_of(to.just_before().max(from));
    let walk = Walk {
        policy: draft.policy,
        customer: pricing::customer(draft.account, meter.utility),
        position: None,
    };
    let mut event = ConsumptionCorrected {
        u: meter.utility,
        m: reading.meter.clone(),
        t: at,
        v: reading.value,
        f: stretch.from.at,
        n: stretch.to.at,
        q: used,
        w: stretch.used,
        a: Money::ZERO,
        d: counts_on(stretch.from.at, at),
        p: Vec::new(),
        mn: Vec::new(),
        o: Vec::new(),
        x: Vec::new(),
        g,
        ng: ended.then(|| counts_on(at, stretch.to.at)),
        fm: Vec::new(),
        us: Vec::new(),
        b: None,
    };
    let difference = walk.difference(course, place, &parts)?;
    difference.tell(&mut event, stretch.tenure);
    let known = draft
        .account
        .wallet(meter.utility)
        .and_then(|w| w.position.as_ref())
        .map(|p| p.before);
    if let (Some(known), Some((old, new))) = (known, difference.before) {
        let now = known.changed(&old, &new);
        if now != known {
            event.fm = now.as_slice().to_vec();
        }
    }
    if draft.account.billing().is_some() {
        event.b = Some(draft.this_month());
        event.us = units_by_month(stretch, &parts, |at| zone.month_of(at));
    }
    Ok(event)
}

/// How a postpaid customer's months change, as they were read (E3, K3).
fn units_by_month(
    whole: &Stretch,
    (first, second): &(Stretch, Stretch),
    month_of: impl Fn(Timestamp) -> Month,
) -> Vec<MonthUnits> {
    let mut months: BTreeMap<Month, (Quantity, bool)> = BTreeMap::new();
    let steps = |s: &Stretch| Usage::step_by_month(month_of(s.from.at), month_of(s.to.at), s.used);
    for (month, units) in steps(whole) {
        let known = months.entry(month).or_default();
        *known = (known.0 - units, true);
    }
    for (month, units) in steps(first).into_iter().chain(steps(second)) {
        months.entry(month).or_default().0 += units;
    }
    // A month that had no reading before counts from now on, also with nothing.
    months.retain(|_, (units, known)| !(units.is_zero() && *known));
    let part = |(month, (units, _))| MonthUnits(month, units);
    months.into_iter().map(part).collect()
}

/// Prices the course leg by leg.
#[derive(Clone)]
struct Walk<'a> {
    policy: &'a SchemePolicy,
    customer: Customer<'a>,
    position: Option<Position>,
}

impl Walk<'_> {
    /// The difference that the two parts make in place of the stretch they are of.
    fn difference(
        mut self,
        course: &Course,
        place: usize,
        (first, second): &(Stretch, Stretch),
    ) -> Result<Difference, Rejection> {
        let mut difference = Difference::default();
        for leg in course.legs.iter().take(place) {
            self.go(leg)?;
        }
        let (mut old, mut new) = (self.clone(), self);
        let mut rest = course.legs.iter().skip(place);
        if let Some(Leg::Used(whole)) = rest.next() {
            difference.take_back(whole, old.price(whole)?);
        }
        for part in [first, second] {
            difference.charge(part, new.price(part)?);
        }
        for leg in rest {
            if old.position == new.position {
                break;
            }
            match leg {
                Leg::Installed(_) => {
                    old.go(leg)?;
                    new.go(leg)?;
                }
                Leg::Used(stretch) => {
                    difference.take_back(stretch, old.price(stretch)?);
                    difference.charge(stretch, new.price(stretch)?);
                }
            }
        }
        difference.before = old
            .position
            .zip(new.position)
            .map(|(old, new)| (old.before, new.before));
        Ok(difference)
    }

    fn go(&mut self, leg: &Leg) -> Result<(), Rejection> {
        match leg {
            Leg::Installed(month) => match &mut self.position {
                Some(position) => position.enter(*month),
                None => self.position = Some(Position::at(*month)),
            },
            Leg::Used(stretch) => {
                self.price(stretch)?;
            }
        }
        Ok(())
    }

    fn price(&mut self, stretch: &Stretch) -> Result<Charge, Rejection> {
        let span = Span {
            from: stretch.from.at,
            to: stretch.to.at,
            quantity: stretch.used,
        };
        let book = self.policy.price_book();
        let charge = tariff::price(book, self.customer, self.position.as_ref(), span)
            .map_err(pricing::refusal)?;
        self.position = Some(charge.position.clone());
        Ok(charge)
    }
}

/// What one meter's days and months differ by.
#[derive(Default)]
struct OfMeter {
    /// An instant of its time here, and its number.
    named: Option<(Timestamp, crate::ids::MeterNumber)>,
    days: BTreeMap<LocalDate, (Quantity, Money)>,
    minimums: BTreeMap<Month, Money>,
}

/// What two ways of pricing differ by.
#[derive(Default)]
struct Difference {
    total: Money,
    meters: BTreeMap<u32, OfMeter>,
    lines: BTreeMap<(Month, LineKind, String), Money>,
    /// The finished months at the end, without the late reading and with it.
    before: Option<(FinishedMonths, FinishedMonths)>,
}

impl Difference {
    fn charge(&mut self, stretch: &Stretch, charge: Charge) {
        self.add(stretch, charge, 1);
    }

    fn take_back(&mut self, stretch: &Stretch, charge: Charge) {
        self.add(stretch, charge, -1);
    }

    fn add(&mut self, stretch: &Stretch, charge: Charge, times: i8) {
        let money = |amount: Money| if times < 0 { -amount } else { amount };
        let units = |quantity: Quantity| if times < 0 { -quantity } else { quantity };
        let meter = self.meters.entry(stretch.tenure).or_default();
        meter
            .named
            .get_or_insert_with(|| (stretch.to.at.just_before(), stretch.meter.clone()));
        let minimums: Money = charge.minimums.iter().map(|part| part.1).sum();
        let single = charge
            .single
            .map(|date| DayPart(date, stretch.used, charge.total - minimums));
        for DayPart(date, quantity, amount) in single.into_iter().chain(charge.parts) {
            let day = meter.days.entry(date).or_default();
            day.0 += units(quantity);
            day.1 += money(amount);
        }
        for MinimumPart(month, amount) in charge.minimums {
            *meter.minimums.entry(month).or_default() += money(amount);
        }
        for LinePart(month, kind, name, amount) in charge.extras {
            *self.lines.entry((month, kind, name)).or_default() += money(amount);
        }
        self.total += money(charge.total);
    }

    /// Writes it into the event of a meter's correction.
    fn tell(&self, event: &mut ConsumptionCorrected, tenure: u32) {
        event.a = self.total;
        for (of, meter) in &self.meters {
            let days = meter
                .days
                .iter()
                .filter(|(_, (quantity, amount))| !quantity.is_zero() || !amount.is_zero())
                .map(|(date, (quantity, amount))| DayPart(*date, *quantity, *amount))
                .collect::<Vec<_>>();
            let minimums = meter
                .minimums
                .iter()
                .filter(|(_, amount)| !amount.is_zero())
                .map(|(month, amount)| MinimumPart(*month, *amount))
                .collect::<Vec<_>>();
            if *of == tenure {
                (event.p, event.mn) = (days, minimums);
            } else if let Some((t, m)) = meter.named.clone()
                && !(days.is_empty() && minimums.is_empty())
            {
                let (p, mn) = (days, minimums);
                event.o.push(OtherMeter { m, t, p, mn });
            }
        }
        event.x = self
            .lines
            .iter()
            .filter(|(_, amount)| !amount.is_zero())
            .map(|((month, kind, name), amount)| LinePart(*month, *kind, name.clone(), *amount))
            .collect();
    }
}
