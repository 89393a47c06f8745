//! Readings: recognised, judged, charged or kept (C8, C9, C10); late ones go to `correct` (C19).

use super::draft::Draft;
use super::judge::{Judgement, Limits, judge};
use super::meter::{Base, KEPT_READINGS_MAX, Kept, KeptClass, MeterState};
use super::{Account, bills, correct, pricing, queries, settle, supply};
use crate::answer::ReadingOutcome;
use crate::command::{PriorReading, Reading};
use crate::event::{
    AccountEvent, ConsumptionCharged, MeterExchangeSuspected, ReadingKept, SuspicionEnded,
};
use crate::ids::MeterNumber;
use crate::num::Quantity;
use crate::rejection::{BillingRefusal, Rejection};
use crate::scheme::SchemePolicy;
use crate::time::Timestamp;
use crate::utility::Utility;

/// The meter of this number whose time here covers the instant, else the newest of that number.
pub(super) fn meter_at<'a>(
    account: &'a Account,
    number: &MeterNumber,
    at: Timestamp,
) -> Option<&'a MeterState> {
    let of_number = || {
        account
            .meters()
            .iter()
            .rev()
            .filter(|m| m.number == *number)
    };
    of_number()
        .find(|m| m.covers(at))
        .or_else(|| of_number().next())
}

/// Records a reading.
pub(super) fn record(
    draft: &mut Draft<'_>,
    reading: &Reading,
) -> Result<ReadingOutcome, Rejection> {
    let meter = meter_at(draft.account, &reading.meter, reading.read_at).ok_or_else(|| {
        Rejection::UnknownMeter {
            meter: reading.meter.to_string(),
        }
    })?;
    if let Some(status) = draft.account.status().filter(|s| s.is_final()) {
        return Err(BillingRefusal::StatusFinal { status }.into());
    }
    refuse_what_cannot_be(draft, meter, reading)?;
    if let Some(known) = known_at(draft, meter, reading.read_at) {
        return repeat_or_conflict(draft, meter.utility, known, reading);
    }
    let meter = meter.clone();
    if reading.read_at < meter.base.at || meter.removed_at.is_some() {
        return correct::late(draft, &meter, reading);
    }
    if let Some(refused) = queries::refuse_self_reading(draft, &meter, reading)? {
        return Ok(refused);
    }
    if settle::waits(draft, &meter, reading)? {
        return Ok(ReadingOutcome::Settling);
    }
    charge_or_hold(draft, reading)
}

/// Judges a reading that is newer than the newest one: charged, or kept aside.
pub(super) fn charge_or_hold(
    draft: &mut Draft<'_>,
    reading: &Reading,
) -> Result<ReadingOutcome, Rejection> {
    let Some(meter) = draft.account.meter_in_place(&reading.meter) else {
        return Err(supply::missing(draft, &reading.meter));
    };
    let utility = meter.utility;
    let limits = limits(draft.account, draft.policy, meter);
    match judge(meter.base, reading.read_at, reading.value, &limits) {
        Judgement::Used(quantity) => accept(draft, utility, reading, quantity),
        Judgement::Backflow => accept(draft, utility, reading, Quantity::ZERO),
        Judgement::Drop(_) => quarantine(draft, utility, reading, "drop"),
        Judgement::TooFast => quarantine(draft, utility, reading, "flow"),
    }
}

/// Readings that no meter can have shown (C8, C9): refused, with nothing kept.
fn refuse_what_cannot_be(
    draft: &Draft<'_>,
    meter: &MeterState,
    reading: &Reading,
) -> Result<(), Rejection> {
    if let Some(register) = reading
        .register
        .as_ref()
        .filter(|r| **r != meter.register.register)
    {
        return Err(Rejection::UnknownRegister {
            meter: reading.meter.clone(),
            register: register.to_string(),
        });
    }
    if reading.read_at > draft.at + draft.policy.readings().future_tolerance {
        return Err(Rejection::ReadingFromFuture {
            read_at: reading.read_at,
            received_at: draft.at,
        });
    }
    must_fit_register(meter, reading.value)?;
    if reading.read_at < meter.installed_at {
        let installed_at = meter.installed_at;
        return Err(Rejection::ReadingBeforeInstallation {
            read_at: reading.read_at,
            installed_at,
        });
    }
    match meter.removed_at {
        Some(removed_at) if reading.read_at > removed_at => Err(Rejection::ReadingAfterRemoval {
            read_at: reading.read_at,
            removed_at,
        }),
        _ => Ok(()),
    }
}

/// A value that the register can show.
pub(super) fn must_fit_register(meter: &MeterState, value: Quantity) -> Result<(), Rejection> {
    let top = meter.top();
    if value.is_negative() || value >= top {
        return Err(Rejection::ValueOffRegister { value, top });
    }
    Ok(())
}

/// What a meter may plausibly do, by policy and contract.
pub(super) fn limits(account: &Account, policy: &SchemePolicy, meter: &MeterState) -> Limits {
    let utility = policy.utility(meter.utility);
    let contracted = account.profile().contracted_kva;
    Limits {
        tolerance: utility.map_or(Quantity::ZERO, |u| u.tolerance),
        flow_max_per_hour: utility.map_or(Quantity::MAX, |u| u.flow_max_per_hour(contracted)),
        flow_min: policy.readings().flow_min,
        top: meter.top(),
    }
}

/// What is known of an instant: the accepted reading first, else the first one kept.
struct Known {
    value: Quantity,
    outcome: ReadingOutcome,
    delivery: u64,
    others: Vec<Kept>,
}

fn known_at(draft: &Draft<'_>, meter: &MeterState, at: Timestamp) -> Option<Known> {
    let mut others: Vec<Kept> = meter.kept.iter().filter(|k| k.at == at).copied().collect();
    let recent = meter.recent.iter().find(|r| r.at == at);
    let accepted = recent
        .map(|r| PriorReading {
            value: r.value,
            delivery: r.delivery,
        })
        .or_else(|| installation(meter, at))
        .or(draft.facts.prior)
        .or_else(|| draft.facts.course.as_ref()?.at(&meter.number, at));
    if let Some(PriorReading { value, delivery }) = accepted {
        let outcome = ReadingOutcome::Accepted {
            quantity: Quantity::ZERO,
            amount: crate::num::Money::ZERO,
        };
        return Some(Known {
            value,
            outcome,
            delivery,
            others,
        });
    }
    if others.is_empty() {
        return None;
    }
    let first = others.remove(0);
    Some(Known {
        value: first.value,
        outcome: outcome_of(first.class),
        delivery: first.delivery,
        others,
    })
}

/// The installation's own first value counts as a reading of its instant.
fn installation(meter: &MeterState, at: Timestamp) -> Option<PriorReading> {
    let first = meter.recent.first().filter(|_| !meter.has_older)?;
    (meter.installed_at == at).then_some(PriorReading {
        value: first.value,
        delivery: 0,
    })
}

fn outcome_of(class: KeptClass) -> ReadingOutcome {
    match class {
        KeptClass::Late => ReadingOutcome::Late,
        KeptClass::Settling => ReadingOutcome::Settling,
        KeptClass::Corrected => ReadingOutcome::Corrected {
            amount: crate::num::Money::ZERO,
        },
        KeptClass::Conflicting => ReadingOutcome::Conflicting,
        KeptClass::Quarantined | KeptClass::Discarded => ReadingOutcome::Quarantined,
    }
}

/// The same value again is a repeat, or a redelivery of what it was; another one is a conflict.
fn repeat_or_conflict(
    draft: &mut Draft<'_>,
    utility: Utility,
    known: Known,
    reading: &Reading,
) -> Result<ReadingOutcome, Rejection> {
    let delivery = draft.facts.delivery;
    let again = |first: u64, outcome: ReadingOutcome| {
        if delivery != 0 && first == delivery {
            outcome
        } else {
            ReadingOutcome::Duplicate
        }
    };
    if known.value == reading.value {
        return Ok(again(known.delivery, known.outcome));
    }
    if let Some(kept) = known.others.iter().find(|k| k.value == reading.value) {
        return Ok(again(kept.delivery, outcome_of(kept.class)));
    }
    keep(draft, utility, reading, KeptClass::Conflicting, "conflict")
        .map(|()| ReadingOutcome::Conflicting)
}

/// At most so many readings of a meter are kept beside the newest ones.
pub(super) fn must_have_room(account: &Account, reading: &Reading) -> Result<(), Rejection> {
    let meter = meter_at(account, &reading.meter, reading.read_at);
    if meter.is_some_and(|m| m.kept.len() >= KEPT_READINGS_MAX) {
        return Err(Rejection::TooManyKeptReadings {
            kept: u32::try_from(KEPT_READINGS_MAX).unwrap_or(u32::MAX),
        });
    }
    Ok(())
}

pub(super) fn keep(
    draft: &mut Draft<'_>,
    utility: Utility,
    reading: &Reading,
    class: KeptClass,
    why: &str,
) -> Result<(), Rejection> {
    must_have_room(draft.account, reading)?;
    let kept = ReadingKept {
        u: utility,
        m: reading.meter.clone(),
        t: reading.read_at,
        v: reading.value,
        d: draft.policy.zone().date_of(reading.read_at),
        why: why.to_owned(),
    };
    draft.emit(match class {
        KeptClass::Late | KeptClass::Corrected | KeptClass::Settling => {
            AccountEvent::LateReadingKept(kept)
        }
        KeptClass::Conflicting => AccountEvent::ConflictingReadingKept(kept),
        KeptClass::Quarantined | KeptClass::Discarded => AccountEvent::ReadingQuarantined(kept),
    });
    Ok(())
}

/// Charges a plausible reading and closes an open suspicion: the old register goes on.
pub(super) fn accept(
    draft: &mut Draft<'_>,
    utility: Utility,
    reading: &Reading,
    quantity: Quantity,
) -> Result<ReadingOutcome, Rejection> {
    let Some(meter) = draft.account.meter_in_place(&reading.meter) else {
        return Err(supply::missing(draft, &reading.meter));
    };
    let span = (meter.base.at, reading.read_at);
    let suspected = meter.suspected;
    let gap = is_gap(draft, meter, span);
    let charge = pricing::price(draft.account, draft.policy, utility, span, quantity)?;
    let amount = charge.total;
    bills::reverse_estimates(draft);
    let owed_in = bills::month_owed(draft, reading.read_at);
    draft.emit(AccountEvent::ConsumptionCharged(ConsumptionCharged {
        u: utility,
        m: reading.meter.clone(),
        t: reading.read_at,
        v: reading.value,
        q: quantity,
        a: amount,
        d: charge.single,
        p: charge.parts,
        mn: charge.minimums,
        g: gap,
        x: charge.extras,
        b: owed_in,
    }));
    if let Some(month) = owed_in {
        bills::raise(draft, month, amount);
    }
    if suspected {
        let ended = SuspicionEnded {
            u: utility,
            m: reading.meter.clone(),
        };
        draft.emit(AccountEvent::SuspicionWithdrawn(ended));
    }
    settle::release_filled(draft, &reading.meter);
    Ok(ReadingOutcome::Accepted { quantity, amount })
}

/// Further apart than the policy's multiple of the meter's interval.
pub(super) fn is_gap(draft: &Draft<'_>, meter: &MeterState, span: (Timestamp, Timestamp)) -> bool {
    let interval = crate::time::Millis::minutes(i64::from(meter.register.interval_min));
    span.1 - span.0 > draft.policy.readings().gap_beyond(interval)
}

fn quarantine(
    draft: &mut Draft<'_>,
    utility: Utility,
    reading: &Reading,
    why: &str,
) -> Result<ReadingOutcome, Rejection> {
    keep(draft, utility, reading, KeptClass::Quarantined, why)?;
    if let Some(meter) = draft.account.meter_in_place(&reading.meter)
        && let Some(suspicion) = suspicion(draft, meter, reading.read_at)
    {
        draft.emit(AccountEvent::MeterExchangeSuspected(suspicion));
    }
    Ok(ReadingOutcome::Quarantined)
}

/// The newest quarantined readings after the base agree with each other, and this one is among them.
fn suspicion(
    draft: &Draft<'_>,
    meter: &MeterState,
    newest: Timestamp,
) -> Option<MeterExchangeSuspected> {
    if meter.suspected {
        return None;
    }
    let limits = limits(draft.account, draft.policy, meter);
    let policy = draft.policy.readings();
    let least_drop = policy.suspicion_beyond(limits.tolerance);
    let takes_part =
        |k: &Kept| k.value >= meter.base.value || meter.base.value - k.value > least_drop;
    let held: Vec<Kept> = meter.held().into_iter().filter(takes_part).collect();
    let wanted = usize::try_from(policy.suspicion_readings).unwrap_or(usize::MAX);
    let row = held.get(held.len().checked_sub(wanted)?..)?;
    let agree = row.iter().zip(row.iter().skip(1)).all(|(before, after)| {
        let base = Base {
            at: before.at,
            value: before.value,
        };
        judge(base, after.at, after.value, &limits).is_plausible()
    });
    let fresh = row.iter().any(|k| k.at == newest);
    (agree && fresh).then(|| MeterExchangeSuspected {
        u: meter.utility,
        m: meter.number.clone(),
        t: row.iter().map(|k| k.at).collect(),
        limit: row.iter().all(|k| k.value >= meter.base.value),
    })
}
