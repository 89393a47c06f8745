//! How a scheme is written in TOML.
//!
//! Owns the top of the file and the ranges of plain numbers in it: each is checked where it is read,
//! so that the parser names the line. Deliberately absent: checks that take two keys, which are the
//! policy's.

use serde::{Deserialize, Deserializer, de};

use super::billing::BillingPolicy;
use super::calendar::{Calendar, QuietPolicy};
use super::legacy::LegacyPolicies;
use super::notify::NotificationPolicy;
use super::policy::{
    Currency, DebtPolicy, InputLimits, MeterNumberPolicy, OrderPolicy, ReadingPolicy, TopUpPolicy,
    TransferPolicy,
};
use super::prepayment::{ArrearsPolicy, DeliveryPolicy, EmergencyPolicy, JoiningPolicy};
use super::swap::SwapPolicy;
use super::utility::UtilityPolicy;
use crate::num::{Factor, Quantity};
use crate::tariff::TariffFile;
use crate::time::{Millis, Timestamp, Zone};

/// The longest period of a policy: ten years of hours. More is a mistake of units.
const HOURS_MAX: u32 = 87_600;

/// The longest period in minutes: a year. More is a mistake of units.
const MINUTES_MAX: u32 = 527_040;

/// The longest time that a gap settles: a month. What is used is to be paid.
const SETTLE_HOURS_MAX: u32 = 744;

/// The longest time in days: ten years, as in hours.
const DAYS_MAX: u32 = 3_650;

/// The greatest count of a policy: readings, repeats, multiples. More would never act.
const COUNT_MAX: u32 = 1_000;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SchemeFile {
    pub(super) name: String,
    #[serde(deserialize_with = "positive")]
    pub(super) version: u32,
    pub(super) effective_from: Timestamp,
    pub(super) zone: Zone,
    #[serde(default, deserialize_with = "some_hours")]
    pub(super) void_window_hours: Option<Millis>,
    pub(super) currency: Currency,
    pub(super) utilities: UtilitiesFile,
    pub(super) meter_number: MeterNumberPolicy,
    pub(super) topup: Option<TopUpPolicy>,
    pub(super) billing: Option<BillingPolicy>,
    pub(super) transfer: Option<TransferPolicy>,
    pub(super) debt: Option<DebtPolicy>,
    pub(super) readings: ReadingPolicy,
    pub(super) orders: OrderPolicy,
    pub(super) joining: Option<JoiningPolicy>,
    pub(super) arrears: Option<ArrearsPolicy>,
    pub(super) emergency: Option<EmergencyPolicy>,
    pub(super) delivery: Option<DeliveryPolicy>,
    pub(super) limits: InputLimits,
    pub(super) calendar: Option<Calendar>,
    pub(super) quiet: Option<QuietPolicy>,
    pub(super) legacy: Option<LegacyPolicies>,
    pub(super) swap: Option<SwapPolicy>,
    pub(super) notifications: Option<NotificationPolicy>,
    pub(super) tariffs: Vec<TariffFile>,
}

/// `[utilities]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UtilitiesFile {
    pub(super) electricity: Option<UtilityPolicy>,
    pub(super) water: Option<UtilityPolicy>,
}

fn up_to<E: de::Error>(number: u32, max: u32, what: &str) -> Result<u32, E> {
    if (1..=max).contains(&number) {
        Ok(number)
    } else {
        Err(E::custom(format!("1 to {max} {what}")))
    }
}

/// A number above zero.
fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    up_to(u32::deserialize(deserializer)?, u32::MAX, "")
}

/// A number of events, at least 1.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    up_to(u32::deserialize(deserializer)?, COUNT_MAX, "times")
}

/// A number of events, which may be zero.
pub(super) fn count_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number == 0 {
        Ok(0)
    } else {
        up_to(number, COUNT_MAX, "times, or 0")
    }
}

/// An elapsed time in hours.
pub(super) fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let number = up_to(u32::deserialize(deserializer)?, HOURS_MAX, "hours")?;
    Ok(Millis::hours(i64::from(number)))
}

pub(super) fn some_hours<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Millis>, D::Error> {
    hours(deserializer).map(Some)
}

/// A number of minutes.
pub(super) fn minutes_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    up_to(u32::deserialize(deserializer)?, MINUTES_MAX, "minutes")
}

/// An elapsed time in minutes.
pub(super) fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    minutes_count(deserializer).map(|number| Millis::minutes(i64::from(number)))
}

/// For how long a late reading corrects, where a version was published before it could say so.
pub(super) const fn correct_days() -> Millis {
    Millis::hours(400 * 24)
}

/// No time at all.
pub(super) const fn no_time() -> Millis {
    Millis::ZERO
}

/// How long a gap may settle, in hours; none is usual.
pub(super) fn settle_hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number > SETTLE_HOURS_MAX {
        return Err(de::Error::custom(format!("0 to {SETTLE_HOURS_MAX} hours")));
    }
    Ok(Millis::hours(i64::from(number)))
}

/// An elapsed time in days, which may be none.
pub(super) fn days_or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number > DAYS_MAX {
        return Err(de::Error::custom(format!("0 to {DAYS_MAX} days")));
    }
    Ok(Millis::hours(i64::from(number) * 24))
}

/// A quantity above zero.
pub(super) fn positive_quantity<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Quantity, D::Error> {
    let quantity = Quantity::deserialize(deserializer)?;
    if quantity.is_positive() {
        Ok(quantity)
    } else {
        Err(de::Error::custom("above zero"))
    }
}

/// A factor of at least one.
pub(super) fn factor_from_one<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Factor, D::Error> {
    let factor = Factor::deserialize(deserializer)?;
    if factor >= Factor::ONE {
        Ok(factor)
    } else {
        Err(de::Error::custom("at least 1"))
    }
}
