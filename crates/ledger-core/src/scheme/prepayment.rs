//! What a scheme decides about people who join it with arrears: `[joining]`, `[arrears]`, `[emergency]`,
//! `[delivery]` (P1 to P7). Each section is left out by a scheme that does not have it.

use serde::{Deserialize, Deserializer, de};

use super::file;
use crate::event::DeliveryWay;
use crate::num::{Factor, Money};

/// Who may join, and what they are given (P1, P2).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoiningPolicy {
    /// Classes of customers that may join.
    pub classes: Vec<String>,
    /// Whether all conditions must be fulfilled, or any one.
    pub conditions: JoiningConditions,
    /// How many instalment plans must have been broken.
    #[serde(deserialize_with = "file::count")]
    pub broken_plans_min: u32,
    /// Credit from the utility, once per person; none, nothing.
    pub initial_credit: Option<Money>,
}

/// How the conditions of joining are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoiningConditions {
    /// Disconnected for arrears and unable to pay for reconnection, and instalment plans broken.
    All,
    /// One of the two.
    Any,
}

/// What of a top-up goes to arrears (P4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrearsPolicy {
    /// The share of the whole amount, above 0 and at most 1.
    #[serde(deserialize_with = "share")]
    pub share: Factor,
}

/// Emergency credit (P5).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyPolicy {
    /// How much is lent.
    pub amount: Money,
    /// Below what credit it may be drawn.
    pub below: Money,
}

/// How credit reaches the meter (P7).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryPolicy {
    /// The ways there are; a value is taken in once, whichever comes first.
    pub ways: Vec<DeliveryWay>,
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Factor, D::Error> {
    let factor = Factor::deserialize(deserializer)?;
    if factor.is_positive() && factor <= Factor::ONE {
        Ok(factor)
    } else {
        Err(de::Error::custom("above 0 and at most 1"))
    }
}
