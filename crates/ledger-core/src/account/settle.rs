//! A gap that may settle before it is priced (C19): a reading that ends one waits, so that readings on
//! their way can still come in their order.
//!
//! What waits is priced as soon as it is no gap any more, at the latest when the scheme's time is over,
//! which is a deadline of the account (C6). A scheme that says nothing lets nothing wait. Deliberately
//! absent: judging a late reading, which is `correct`'s.

use super::draft::Draft;
use super::judge::judge;
use super::meter::{Kept, KeptClass, MeterState};
use super::{Account, readings};
use crate::command::Reading;
use crate::event::{AccountEvent, ReadingSettling, SuspicionEnded};
use crate::ids::MeterNumber;
use crate::rejection::Rejection;
use crate::time::{Millis, Timestamp};

/// Lets a plausible reading wait that ends a gap; whether it does. Where it does not, what waits and was
/// read before it is priced first.
pub(super) fn waits(
    draft: &mut Draft<'_>,
    meter: &MeterState,
    reading: &Reading,
) -> Result<bool, Rejection> {
    let settle = draft.policy.readings().gap_settle;
    if settle == Millis::ZERO && meter.settles_until.is_none() {
        return Ok(false);
    }
    let limits = readings::limits(draft.account, draft.policy, meter);
    if !judge(meter.base, reading.read_at, reading.value, &limits).is_plausible() {
        return Ok(false);
    }
    let is_gap = readings::is_gap(draft, meter, (meter.base.at, reading.read_at));
    if settle == Millis::ZERO || !is_gap {
        release_before(draft, &reading.meter, reading.read_at);
        return Ok(false);
    }
    readings::must_have_room(draft.account, reading)?;
    draft.emit(AccountEvent::ReadingSettling(ReadingSettling {
        u: meter.utility,
        m: reading.meter.clone(),
        t: reading.read_at,
        v: reading.value,
        d: draft.policy.zone().date_of(reading.read_at),
        until: meter.settles_until.unwrap_or(draft.at + settle),
    }));
    Ok(true)
}

/// Prices what waits and was read before an instant: something newer is about to be.
pub(super) fn release_before(draft: &mut Draft<'_>, number: &MeterNumber, before: Timestamp) {
    while let Some(kept) = first_waiting(draft.account, number).filter(|k| k.at < before) {
        if !price(draft, number, kept) {
            break;
        }
    }
    end(draft, number);
}

/// Prices what waits and is no gap any more, after a reading was accepted.
pub(super) fn release_filled(draft: &mut Draft<'_>, number: &MeterNumber) {
    while let Some(kept) = first_waiting(draft.account, number) {
        let Some(meter) = draft.account.meter_in_place(number) else {
            return;
        };
        let is_gap = readings::is_gap(draft, meter, (meter.base.at, kept.at));
        if is_gap || !price(draft, number, kept) {
            return;
        }
    }
    end(draft, number);
}

/// The next end of a time of waiting, strictly after an instant.
pub(super) fn next(account: &Account, after: Timestamp) -> Option<Timestamp> {
    let ends = account.meters().iter().filter_map(|m| m.settles_until);
    ends.filter(|end| *end > after).min()
}

/// Prices what has waited until this very instant.
pub(super) fn act(draft: &mut Draft<'_>, due: Timestamp) -> bool {
    let meters = draft.account.meters().iter();
    let ended: Vec<MeterNumber> = meters
        .filter(|m| m.settles_until == Some(due))
        .map(|m| m.number.clone())
        .collect();
    if ended.is_empty() {
        return false;
    }
    draft.begin_step(due, true);
    for number in ended {
        release_before(draft, &number, Timestamp::MAX);
    }
    draft.end_step();
    true
}

fn first_waiting(account: &Account, number: &MeterNumber) -> Option<Kept> {
    let meter = account.meter_in_place(number)?;
    meter.settles_until?;
    let waiting = meter.kept.iter().filter(|k| k.class == KeptClass::Settling);
    waiting.min_by_key(|k| k.at).copied()
}

/// Judges and prices one that waited; whether it waits no more.
fn price(draft: &mut Draft<'_>, number: &MeterNumber, kept: Kept) -> bool {
    let reading = Reading {
        meter: number.clone(),
        register: None,
        read_at: kept.at,
        value: kept.value,
    };
    readings::charge_or_hold(draft, &reading).is_ok()
}

/// Says that nothing waits any more.
fn end(draft: &mut Draft<'_>, number: &MeterNumber) {
    if first_waiting(draft.account, number).is_some() {
        return;
    }
    let Some(meter) = draft.account.meter_in_place(number) else {
        return;
    };
    if meter.settles_until.is_some() {
        let ended = SuspicionEnded {
            u: meter.utility,
            m: number.clone(),
        };
        draft.emit(AccountEvent::GapSettled(ended));
    }
}
