//! Payloads of credit taken over from an older system (U10, U11). Keys as in `account`; `from` is the old
//! account, by an opaque reference.

use serde::{Deserialize, Serialize};

use super::account::Payment;
use crate::ids::{AccountId, OpaqueRef};
use crate::num::{Money, Quantity};
use crate::time::LocalDate;
use crate::utility::Utility;

/// `legacy-credit-registered.v1`: the term in which it must be credited or refunded has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyCreditRegistered {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Old account.
    pub from: OpaqueRef,
    /// Balance in units, where the old meter counted those (kWh).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<Quantity>,
    /// Balance in money, where it was kept in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub a: Option<Money>,
    /// Photograph of the old meter that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<OpaqueRef>,
    /// The customer wants it refunded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refund: bool,
    /// Local date of the registration.
    pub d: LocalDate,
    /// Last local date of the term.
    pub due: LocalDate,
}

/// `legacy-credit-choice-made.v1`: the customer chose between refund and transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyCreditChoiceMade {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Old account.
    pub from: OpaqueRef,
    /// Refund (`true`) or transfer.
    pub refund: bool,
}

/// `legacy-credit-refunded.v1`: it was paid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyCreditRefunded {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount.
    pub a: Money,
    /// Old account.
    pub from: OpaqueRef,
    /// Channel that paid it out, reference and local day; its settlement line is negative.
    pub pay: Payment,
}

/// `legacy-credit-claimed.v1` in `legacy-<utility>-<old account>`: which account took over the credit of
/// an old account, once for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyCreditClaimed {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Old account.
    pub from: OpaqueRef,
    /// Account that has it.
    pub account: AccountId,
}
