//! Meters: installed, activated, removed, exchanged, resolved (U1, U2, C5, C9).

use super::draft::Draft;
use super::judge::{Judgement, judge};
use super::meter::MeterState;
use super::payments::must_not_be_future;
use super::readings::{self, limits, must_fit_register};
use super::{
    KeptClass,
    decide::{bad_input, not_offered},
    supply,
};
use crate::command::{ExchangeMeter, FinalReading, InstallMeter, Reading, Resolution};
use crate::event::{
    AccountEvent, MeterActivated, MeterExchanged, MeterInstalled, MeterRemoved, RegisterSpec,
    SuspicionEnded,
};
use crate::ids::MeterNumber;
use crate::num::Quantity;
use crate::rejection::Rejection;
use crate::status::Status;
use crate::time::Timestamp;
use crate::utility::Utility;

/// Digits a register can have: more would not fit a quantity.
const REGISTER_DIGITS_MAX: u8 = 10;

/// Installs a meter: at most one of each utility (U1).
pub(super) fn install(draft: &mut Draft<'_>, install: &InstallMeter) -> Result<(), Rejection> {
    let InstallMeter {
        utility,
        meter,
        at,
        first_value,
        ..
    } = install;
    must_be_a_number_of_the_scheme(draft, meter)?;
    if let Some(there) = draft.account.meter_of(*utility) {
        return Err(Rejection::UtilityHasMeter {
            meter: there.number.clone(),
        });
    }
    super::pricing::tariff(draft.account, draft.policy, *utility, draft.at)?;
    must_not_be_future(draft, "at", *at)?;
    let register = register_or_default(draft, *utility, install.register.as_ref())?;
    let overlaps = draft
        .account
        .meters()
        .iter()
        .any(|m| m.utility == *utility && m.removed_at.is_some_and(|end| end > *at));
    if overlaps {
        return Err(bad_input(
            "at",
            "is before the removal of the meter that was here",
        ));
    }
    let new = MeterState::installed(*utility, meter.clone(), register.clone(), *at, *first_value);
    must_fit_register(&new, *first_value)?;
    draft.emit(AccountEvent::MeterInstalled(MeterInstalled {
        u: *utility,
        m: meter.clone(),
        reg: register,
        t: *at,
        v: *first_value,
        b: draft.policy.zone().month_of(*at),
    }));
    Ok(())
}

fn must_be_a_number_of_the_scheme(
    draft: &Draft<'_>,
    number: &MeterNumber,
) -> Result<(), Rejection> {
    let rule = draft.policy.meter_number();
    if rule.accepts(number.as_str()) {
        return Ok(());
    }
    Err(Rejection::WrongMeterFormat {
        meter: number.to_string(),
        rule: rule.rule(),
    })
}

fn register_or_default(
    draft: &Draft<'_>,
    utility: Utility,
    given: Option<&RegisterSpec>,
) -> Result<RegisterSpec, Rejection> {
    let spec = given
        .cloned()
        .or_else(|| draft.policy.utility(utility).map(RegisterSpec::default_of));
    let Some(spec) = spec else {
        return Err(Rejection::NoTariff {
            what: utility.to_string(),
        });
    };
    if spec.digits == 0 || spec.digits > REGISTER_DIGITS_MAX {
        return Err(bad_input("register.digits", "must be 1 to 10"));
    }
    if spec.interval_min == 0 {
        return Err(bad_input(
            "register.interval_min",
            "must be at least 1 minute",
        ));
    }
    Ok(spec)
}

/// Starts the first period of a meter (U2).
pub(super) fn activate(draft: &mut Draft<'_>, number: &MeterNumber) -> Result<(), Rejection> {
    if draft.policy.billing().is_some() {
        return Err(not_offered("activation"));
    }
    let meter = in_place(draft, number)?;
    let utility = meter.utility;
    if draft
        .account
        .wallet(utility)
        .is_some_and(|w| w.grace_until.is_some())
    {
        return Err(Rejection::AlreadyActive {
            meter: number.clone(),
        });
    }
    let period = draft
        .policy
        .utility(utility)
        .and_then(|u| u.first_top_up_within)
        .unwrap_or(crate::time::Millis::ZERO);
    let until = draft.at + period;
    draft.emit(AccountEvent::MeterActivated(MeterActivated {
        u: utility,
        m: number.clone(),
        until,
    }));
    Ok(())
}

/// Removes a meter with its final reading; the number is free afterwards (C5).
pub(super) fn remove(
    draft: &mut Draft<'_>,
    last: &FinalReading,
    at: Timestamp,
) -> Result<(), Rejection> {
    must_not_be_future(draft, "at", at)?;
    let utility = in_place(draft, &last.meter)?.utility;
    charge_final(draft, last, at)?;
    let removed = MeterRemoved {
        u: utility,
        m: last.meter.clone(),
        t: at,
        v: last.value,
    };
    draft.emit(AccountEvent::MeterRemoved(removed));
    Ok(())
}

/// Exchanges a meter: closes the old register with a final reading, opens the new one with its first.
pub(super) fn exchange(draft: &mut Draft<'_>, exchange: &ExchangeMeter) -> Result<(), Rejection> {
    let ExchangeMeter {
        old,
        new,
        at,
        first_value,
        ..
    } = exchange;
    must_be_a_number_of_the_scheme(draft, new)?;
    must_not_be_future(draft, "at", *at)?;
    let meter = in_place(draft, &old.meter)?;
    if *new == old.meter {
        return Err(bad_input(
            "new",
            "is the old meter's number; resolve the meter instead",
        ));
    }
    let utility = meter.utility;
    let register = match &exchange.register {
        Some(given) => register_or_default(draft, utility, Some(given))?,
        None => meter.register.clone(),
    };
    must_fit_register(
        &MeterState::installed(utility, new.clone(), register.clone(), *at, *first_value),
        *first_value,
    )?;
    charge_final(draft, old, *at)?;
    draft.emit(AccountEvent::MeterExchanged(MeterExchanged {
        u: utility,
        m: old.meter.clone(),
        new: new.clone(),
        reg: register,
        t: *at,
        v: old.value,
        first: *first_value,
        forced: old.force.clone(),
    }));
    Ok(())
}

/// Charges a register's last reading. It must be plausible, or forced with a reason; a forced drop uses
/// nothing, a forced rise all of it.
pub(super) fn charge_final(
    draft: &mut Draft<'_>,
    last: &FinalReading,
    at: Timestamp,
) -> Result<(), Rejection> {
    let meter = in_place(draft, &last.meter)?;
    must_fit_register(meter, last.value)?;
    // Nothing more is charged to a final status (E8); the meter may still be taken away.
    if draft.account.status().is_some_and(Status::is_final) {
        return Ok(());
    }
    super::settle::release_before(draft, &last.meter, Timestamp::MAX);
    let meter = in_place(draft, &last.meter)?;
    let (utility, base) = (meter.utility, meter.base);
    if at == base.at && last.value == base.value {
        return Ok(());
    }
    if at <= base.at {
        return Err(bad_input("at", "must be after the meter's newest reading"));
    }
    let forced = last
        .force
        .as_ref()
        .is_some_and(|reason| !reason.trim().is_empty());
    let implausible = || Rejection::ImplausibleReading {
        value: last.value,
        base: base.value,
    };
    let used = match judge(
        base,
        at,
        last.value,
        &limits(draft.account, draft.policy, meter),
    ) {
        Judgement::Used(quantity) => quantity,
        Judgement::Backflow => Quantity::ZERO,
        Judgement::TooFast if forced => last.value - base.value,
        Judgement::Drop(_) if forced => Quantity::ZERO,
        Judgement::TooFast | Judgement::Drop(_) => return Err(implausible()),
    };
    let reading = Reading {
        meter: last.meter.clone(),
        register: None,
        read_at: at,
        value: last.value,
    };
    readings::accept(draft, utility, &reading, used)?;
    Ok(())
}

/// Staff resolve what is quarantined (C9).
pub(super) fn resolve(
    draft: &mut Draft<'_>,
    number: &MeterNumber,
    how: &Resolution,
) -> Result<(), Rejection> {
    let meter = in_place(draft, number)?;
    let held = meter.held();
    let Some(first_held) = held.first().map(|k| k.at) else {
        return Err(Rejection::NothingQuarantined {
            meter: number.clone(),
        });
    };
    match how {
        Resolution::Discard => {
            let ended = SuspicionEnded {
                u: meter.utility,
                m: number.clone(),
            };
            draft.emit(AccountEvent::QuarantineDiscarded(ended));
            Ok(())
        }
        Resolution::Exchange {
            final_value,
            first_value,
            at,
            force,
        } => {
            if *at >= first_held {
                return Err(bad_input("at", "must be before the first held reading"));
            }
            let last = FinalReading {
                meter: number.clone(),
                value: *final_value,
                force: force.clone(),
            };
            exchange_in_place(draft, &last, *at, *first_value)
        }
    }
}

/// The same number with a new register; what was held is judged and charged from its first value.
fn exchange_in_place(
    draft: &mut Draft<'_>,
    last: &FinalReading,
    at: Timestamp,
    first_value: Quantity,
) -> Result<(), Rejection> {
    let meter = in_place(draft, &last.meter)?;
    must_fit_register(meter, first_value)?;
    let (utility, register) = (meter.utility, meter.register.clone());
    let held = meter.held();
    charge_final(draft, last, at)?;
    draft.emit(AccountEvent::MeterExchanged(MeterExchanged {
        u: utility,
        m: last.meter.clone(),
        new: last.meter.clone(),
        reg: register,
        t: at,
        v: last.value,
        first: first_value,
        forced: last.force.clone(),
    }));
    for kept in held.iter().filter(|k| k.class == KeptClass::Quarantined) {
        let reading = Reading {
            meter: last.meter.clone(),
            register: None,
            read_at: kept.at,
            value: kept.value,
        };
        readings::record(draft, &reading)?;
    }
    Ok(())
}

fn in_place<'a>(draft: &'a Draft<'_>, number: &MeterNumber) -> Result<&'a MeterState, Rejection> {
    draft
        .account
        .meter_in_place(number)
        .ok_or_else(|| supply::missing(draft, number))
}
