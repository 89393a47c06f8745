//! What a scheme decides about one utility: its register, plausibility, supply and notices.
//!
//! Owns `[utilities.electricity]` and `[utilities.water]`. Deliberately absent: prices, which are
//! tariffs.

use serde::{Deserialize, Deserializer, de};

use super::file::{minutes_count, positive_quantity, some_hours};
use crate::ids::RegisterId;
use crate::num::{Money, Quantity};
use crate::time::Millis;

/// The most whole digits of a register: 10¹² units are the range of a quantity.
const REGISTER_DIGITS_MAX: u8 = 12;

/// The policy of one utility.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UtilityPolicy {
    /// The unit of quantity, for people: `kWh` or `m³`.
    pub unit: String,
    /// What a meter's register looks like when its installation does not say.
    pub register: RegisterDefaults,
    /// Minutes between two readings, unless a meter says otherwise (U6).
    #[serde(
        rename = "reading_interval_minutes",
        deserialize_with = "minutes_count"
    )]
    pub reading_interval_min: u32,
    /// The greatest drop of a register that counts as backflow (C9).
    #[serde(deserialize_with = "not_negative")]
    pub tolerance: Quantity,
    /// The greatest plausible flow (C9).
    #[serde(rename = "flow_max_per_hour")]
    pub flow_max: FlowMax,
    /// Whether supply ends at a credit of zero or below (U8), or never for want of credit (U7).
    #[serde(rename = "at_zero", deserialize_with = "at_zero")]
    pub disconnect_at_zero: bool,
    /// The period after activation in which the first top-up must come (U2); none, supply follows credit
    /// from the activation on.
    #[serde(rename = "first_topup_hours", default, deserialize_with = "some_hours")]
    pub first_top_up_within: Option<Millis>,
    /// At what balance the first top-up brings supply back (U2); given with the period.
    #[serde(rename = "first_topup_reconnect")]
    pub first_top_up_reconnects: Option<ReconnectAt>,
    /// The credit at which a notice goes out (U5); none, no notice.
    pub low_credit_at: Option<Money>,
}

/// What a meter's register looks like.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterDefaults {
    /// The register that is charged.
    pub name: RegisterId,
    /// Whole digits, 1 to 12: the register returns to zero after 10^digits.
    #[serde(deserialize_with = "register_digits")]
    pub digits: u8,
}

/// The greatest plausible flow, in units per hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowMax {
    /// The same for every meter.
    Fixed(#[serde(deserialize_with = "positive_quantity")] Quantity),
    /// The contracted capacity, a kVA counting as a kW, or this where there is no contract.
    CapacityOr(#[serde(deserialize_with = "positive_quantity")] Quantity),
}

/// At what balance supply comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconnectAt {
    /// At any balance, also below zero.
    AnyBalance,
    /// Above zero only.
    AboveZero,
}

impl UtilityPolicy {
    /// Time between two readings, unless a meter says otherwise.
    #[must_use]
    pub fn reading_interval(&self) -> Millis {
        Millis::minutes(i64::from(self.reading_interval_min))
    }

    /// The greatest plausible flow of a meter, in units per hour.
    #[must_use]
    pub fn flow_max_per_hour(&self, contracted_kva: Option<u32>) -> Quantity {
        match (self.flow_max, contracted_kva) {
            (FlowMax::Fixed(flow), _) | (FlowMax::CapacityOr(flow), None) => flow,
            (FlowMax::CapacityOr(_), Some(kva)) => {
                let one = Quantity::from_units(1);
                one.checked_scale(i64::from(kva)).unwrap_or(Quantity::MAX)
            }
        }
    }
}

fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
    let quantity = Quantity::deserialize(deserializer)?;
    if quantity.is_negative() {
        Err(de::Error::custom("not below zero"))
    } else {
        Ok(quantity)
    }
}

fn register_digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let digits = u8::deserialize(deserializer)?;
    if (1..=REGISTER_DIGITS_MAX).contains(&digits) {
        return Ok(digits);
    }
    Err(de::Error::custom(format!(
        "1 to {REGISTER_DIGITS_MAX} whole digits"
    )))
}

fn at_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum AtZero {
        Disconnect,
        None,
    }
    Ok(match AtZero::deserialize(deserializer)? {
        AtZero::Disconnect => true,
        AtZero::None => false,
    })
}
