//! Checks of a scheme's file that take two keys, or a key and the currency.
//!
//! Owns what makes a policy consistent; what one key may hold by itself is checked where it is read.
//! Each fault names its key, so that the line can be found.

use super::billing::BillMade;
use super::calendar::{HOLIDAYS_MAX, WINDOWS_MAX};
use super::file::{SchemeFile, UtilitiesFile};
use super::policy::{Currency, MeterNumberPolicy, TopUpPolicy};
use super::utility::UtilityPolicy;
use crate::num::Money;
use crate::tariff::{Tariff, check_beginnings, is_name};
use crate::time::Millis;
use crate::utility::Utility;

/// The most decimals of a currency's smallest coin in use anywhere, and of every rounding rule.
const CURRENCY_DECIMALS_MAX: u8 = 4;

/// The longest meter number: what a stream's name has room for.
const METER_NUMBER_LENGTH_MAX: usize = 24;

/// A key and what is wrong with it.
pub(super) type Fault = (String, String);

fn fault(key: &str, message: impl Into<String>) -> Fault {
    (key.to_owned(), message.into())
}

/// Checks everything but tariffs.
pub(super) fn check(file: &SchemeFile) -> Result<(), Fault> {
    if !is_name(&file.name) {
        return Err(fault("name", "lower-case letters, digits and dashes"));
    }
    let Currency { code, decimals } = &file.currency;
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(fault(
            "currency.code",
            "an ISO 4217 code of three capital letters",
        ));
    }
    if *decimals > CURRENCY_DECIMALS_MAX {
        return Err(fault(
            "currency.decimals",
            format!("at most {CURRENCY_DECIMALS_MAX}"),
        ));
    }
    check_meter_number(&file.meter_number)?;
    check_amounts(file)?;
    check_billing(file)?;
    check_settling(file)?;
    check_transfer(file)?;
    check_calendar(file)?;
    check_legacy(file)
}

/// A bill is made of what was read: nothing of it waits.
fn check_settling(file: &SchemeFile) -> Result<(), Fault> {
    if file.billing.is_some() && file.readings.gap_settle > Millis::ZERO {
        return Err(fault(
            "readings.gap_settle_hours",
            "0 where there are bills",
        ));
    }
    Ok(())
}

fn check_meter_number(policy: &MeterNumberPolicy) -> Result<(), Fault> {
    let MeterNumberPolicy {
        length_min,
        length_max,
        alphabet: _,
    } = *policy;
    if length_min == 0 || length_min > length_max {
        return Err(fault("meter_number.length_min", "from 1 to length_max"));
    }
    if length_max > METER_NUMBER_LENGTH_MAX {
        return Err(fault(
            "meter_number.length_max",
            format!("at most {METER_NUMBER_LENGTH_MAX}"),
        ));
    }
    Ok(())
}

/// Amounts of money that people pay or see have the currency's decimals (C3).
fn check_amounts(file: &SchemeFile) -> Result<(), Fault> {
    payable(file, "limits.amount_max", file.limits.amount_max)?;
    if let Some(topup) = &file.topup {
        check_top_up(file, topup)?;
    }
    if let Some(initial) = file.joining.as_ref().and_then(|j| j.initial_credit) {
        payable(file, "joining.initial_credit", initial)?;
    }
    if let Some(emergency) = &file.emergency {
        payable(file, "emergency.amount", emergency.amount)?;
        payable(file, "emergency.below", emergency.below)?;
    }
    for (utility, policy) in present(&file.utilities) {
        if let Some(threshold) = policy.low_credit_at {
            payable(
                file,
                &format!("utilities.{utility}.low_credit_at"),
                threshold,
            )?;
        }
    }
    for (utility, policy) in present(&file.utilities) {
        if policy.first_top_up_within.is_some() != policy.first_top_up_reconnects.is_some() {
            return Err(fault(
                &format!("utilities.{utility}.first_topup_hours"),
                "given together with first_topup_reconnect",
            ));
        }
    }
    if file.limits.dwelling_units_max == 0 {
        return Err(fault("limits.dwelling_units_max", "at least 1"));
    }
    if file.limits.contracted_kva_max == 0 {
        return Err(fault("limits.contracted_kva_max", "at least 1"));
    }
    Ok(())
}

fn payable(file: &SchemeFile, key: &str, amount: Money) -> Result<(), Fault> {
    let decimals = file.currency.decimals;
    if !amount.is_positive() {
        return Err(fault(key, "above zero"));
    }
    if !amount.has_decimals_at_most(u32::from(decimals)) {
        return Err(fault(
            key,
            format!("at most {decimals} decimals, as the currency has"),
        ));
    }
    Ok(())
}

fn check_top_up(file: &SchemeFile, topup: &TopUpPolicy) -> Result<(), Fault> {
    payable(file, "topup.minimum", topup.minimum)?;
    if let Some(maximum) = topup.maximum {
        payable(file, "topup.maximum", maximum)?;
        if maximum < topup.minimum {
            return Err(fault("topup.maximum", "not below topup.minimum"));
        }
    }
    if topup.maximum.unwrap_or(topup.minimum) > file.limits.amount_max {
        return Err(fault(
            "limits.amount_max",
            "not below the amounts of a top-up",
        ));
    }
    Ok(())
}

/// A scheme is prepaid or postpaid, and a postpaid one bills one utility.
fn check_billing(file: &SchemeFile) -> Result<(), Fault> {
    let Some(billing) = &file.billing else {
        return match &file.topup {
            Some(_) => Ok(()),
            None => Err(fault(
                "topup",
                "a scheme has [topup] (prepaid) or [billing] (postpaid)",
            )),
        };
    };
    if file.topup.is_some() {
        return Err(fault(
            "billing",
            "a scheme that bills afterwards has no [topup]",
        ));
    }
    if present(&file.utilities).count() > 1 {
        return Err(fault("billing", "a postpaid scheme bills one utility"));
    }
    if (billing.made == BillMade::AtReading) != billing.due_days.is_some() {
        return Err(fault(
            "billing.due_days",
            "given when, and only when, the bill is made at the reading",
        ));
    }
    let Some(status) = &billing.status else {
        return Ok(());
    };
    if status.payment_from_day > status.payment_to_day {
        return Err(fault(
            "billing.status.payment_from_day",
            "not after payment_to_day",
        ));
    }
    if !status.surcharge.is_positive() {
        return Err(fault("billing.status.surcharge", "above zero"));
    }
    payable(file, "billing.status.obligatory_fee", status.obligatory_fee)?;
    payable(file, "billing.status.deposit", status.deposit)
}

fn check_transfer(file: &SchemeFile) -> Result<(), Fault> {
    let Some(transfer) = &file.transfer else {
        return Ok(());
    };
    if transfer.from == transfer.to {
        return Err(fault("transfer.to", "another utility than transfer.from"));
    }
    let both = file.utilities.electricity.is_some() && file.utilities.water.is_some();
    if both {
        Ok(())
    } else {
        Err(fault(
            "transfer",
            "the scheme needs both utilities for a transfer",
        ))
    }
}

/// Old balances are counted in one measure, and each size has a term (U10, U11).
fn check_legacy(file: &SchemeFile) -> Result<(), Fault> {
    let Some(legacy) = &file.legacy else {
        return Ok(());
    };
    for utility in Utility::ALL {
        let Some(policy) = legacy.of(utility) else {
            continue;
        };
        let key = |name: &str| format!("legacy.{utility}{name}");
        if !present(&file.utilities).any(|(known, _)| known == utility) {
            return Err(fault(&key(""), "the scheme does not have this utility"));
        }
        if policy.large_from_units.is_some() == policy.large_above_amount.is_some() {
            return Err(fault(
                &key(""),
                "exactly one of large_from_units and large_above_amount",
            ));
        }
        if policy.in_units() && !policy.refundable_classes.is_empty() {
            return Err(fault(
                &key(".refundable_classes"),
                "balances in units are never refunded",
            ));
        }
        for (name, term) in [
            (".small_term", &policy.small_term),
            (".large_term", &policy.large_term),
        ] {
            if let Some(message) = term.fault() {
                return Err(fault(&key(name), message));
            }
        }
    }
    Ok(())
}

/// A calendar has working days, its holidays stand in order, and quiet time comes to an end (C15).
fn check_calendar(file: &SchemeFile) -> Result<(), Fault> {
    if let Some(calendar) = &file.calendar {
        if (1..=7).all(|day| calendar.not_working.iter().any(|rest| rest.number() == day)) {
            return Err(fault(
                "calendar.not_working",
                "at least one day of the week is a working day",
            ));
        }
        if calendar.holidays.len() > HOLIDAYS_MAX {
            return Err(fault(
                "calendar.holidays",
                format!("at most {HOLIDAYS_MAX} holidays"),
            ));
        }
        let pairs = calendar
            .holidays
            .iter()
            .zip(calendar.holidays.iter().skip(1));
        if let Some((_, later)) = pairs.into_iter().find(|(a, b)| a.date >= b.date) {
            return Err(fault(
                "calendar.holidays",
                format!(
                    "in order of their dates, each once: {} is not after the one before it",
                    later.date
                ),
            ));
        }
    }
    let Some(quiet) = &file.quiet else {
        return Ok(());
    };
    if quiet.hours.len() > WINDOWS_MAX {
        return Err(fault(
            "quiet.hours",
            format!("at most {WINDOWS_MAX} windows"),
        ));
    }
    if quiet.hours.iter().any(|window| window.from == window.until) {
        return Err(fault("quiet.hours", "from and until are two times of day"));
    }
    if quiet.public_holidays && file.calendar.is_none() {
        return Err(fault(
            "quiet.public_holidays",
            "the scheme needs a calendar with its public holidays",
        ));
    }
    if quiet.ends() {
        Ok(())
    } else {
        Err(fault("quiet", "leaves no time at which supply may be cut"))
    }
}

/// Checks utilities and tariffs against each other.
pub(super) fn check_tariffs(file: &SchemeFile, tariffs: &[Tariff]) -> Result<(), Fault> {
    let mut utilities = present(&file.utilities)
        .map(|(utility, _)| utility)
        .peekable();
    if utilities.peek().is_none() {
        return Err(fault("utilities", "a scheme has at least one utility"));
    }
    for utility in utilities {
        if !tariffs.iter().any(|tariff| tariff.utility() == utility) {
            return Err(fault(
                &format!("utilities.{utility}"),
                "the scheme has no tariff for it",
            ));
        }
    }
    for (index, tariff) in tariffs.iter().enumerate() {
        let key = |name: &str| format!("tariffs[{index}]{name}");
        if !present(&file.utilities).any(|(utility, _)| utility == tariff.utility()) {
            return Err(fault(
                &key(".utility"),
                "the scheme does not have this utility",
            ));
        }
        let decimals = u32::from(file.currency.decimals);
        if tariff
            .minimum()
            .is_some_and(|minimum| !minimum.amount.has_decimals_at_most(decimals))
        {
            return Err(fault(
                &key(".minimum"),
                format!("at most {decimals} decimals, as the currency has"),
            ));
        }
    }
    check_beginnings(&file.zone, tariffs)
}

/// The utilities that a scheme has.
fn present(utilities: &UtilitiesFile) -> impl Iterator<Item = (Utility, &UtilityPolicy)> {
    let electricity = utilities
        .electricity
        .as_ref()
        .map(|policy| (Utility::Electricity, policy));
    let water = utilities
        .water
        .as_ref()
        .map(|policy| (Utility::Water, policy));
    electricity.into_iter().chain(water)
}
