//! Payloads of the facts of a scheme that recovers arrears from top-ups (P1, P2, P5, P7).
//!
//! Short keys as in `account`: `u` utility, `m` meter number, `a` amount of money, `t` time of act.

use serde::{Deserialize, Serialize};

use super::account::Payment;
use crate::ids::{AccountId, MeterNumber, OpaqueRef, ReceiptNumber};
use crate::num::Money;
use crate::time::Timestamp;
use crate::utility::Utility;

/// `scheme-joined.v1`: a customer has asked to pay as they use, and fulfils the scheme's conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeJoined {
    /// Utility that is prepaid from now on.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Opaque reference of the person who joins.
    pub p: OpaqueRef,
    /// The person's own application: joining is voluntary (P1).
    pub app: OpaqueRef,
    /// Was disconnected for arrears and cannot pay the least amount for a reconnection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Instalment plans that were broken.
    pub broken: u32,
}

/// `arrears-moved-in.v1`: what the person owed under the conventional meter becomes debt here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrearsMovedIn {
    /// Utility whose department is owed.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Arrears.
    pub a: Money,
    /// Account or document they come from.
    pub from: OpaqueRef,
}

/// `initial-credit-granted.v1`: the utility's own money, to begin with (P2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitialCreditGranted {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount.
    pub a: Money,
    /// Person who has it now, once for ever.
    pub p: OpaqueRef,
}

/// `initial-credit-claimed.v1` in `initial-credit-<scheme>.<person>`: no person is granted one twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitialCreditClaimed {
    /// Account it was granted to.
    pub account: AccountId,
}

/// `emergency-credit-drawn.v1`: lent until the next top-up (P5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmergencyCreditDrawn {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount lent.
    pub a: Money,
}

/// `arrears-paid.v1`: a payment on the arrears alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrearsPaid {
    /// Utility whose department is owed.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount paid.
    pub a: Money,
    /// Receipt.
    pub rc: ReceiptNumber,
    /// Who took it.
    pub pay: Payment,
}

/// How credit reaches a meter (P7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryWay {
    /// The customer carries it on a key.
    Key,
    /// Over the network.
    Network,
}

/// `credit-delivered.v1`: the meter has taken in the value of a top-up (P7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditDelivered {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Meter.
    pub m: MeterNumber,
    /// Receipt of the top-up.
    pub rc: ReceiptNumber,
    /// Value taken in.
    pub a: Money,
    /// Which way came first.
    pub by: DeliveryWay,
    /// When the meter took it in.
    pub t: Timestamp,
}
