//! Payloads of the facts outside accounts: meter claims, key claims, suspense, gateways.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::account::Payment;
use crate::ids::{AccountId, CommandKey, MeterNumber, OpaqueRef};
use crate::num::Money;
use crate::time::Timestamp;
use crate::utility::Utility;

/// Who holds a meter number, in `meter-<number>` (C5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeterEvent {
    /// An account took the number.
    MeterClaimed(MeterClaimed),
    /// The number is free again.
    MeterReleased(MeterReleased),
}

/// `meter-claimed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterClaimed {
    /// The number.
    pub m: MeterNumber,
    /// Account that holds it from now on.
    pub account: AccountId,
    /// Utility it measures.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Since when.
    pub t: Timestamp,
}

/// `meter-released.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterReleased {
    /// The number.
    pub m: MeterNumber,
    /// Account that held it.
    pub account: AccountId,
    /// Since when it is free: the final reading's time.
    pub t: Timestamp,
}

/// `command-answered.v1` in `key-<channel>-<reference>`: what became of a keyed command, for ever (C4).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandAnswered {
    /// BLAKE3 of the command's content, 64 hexadecimal digits.
    pub hash: String,
    /// Stream that decided it.
    pub stream: String,
    /// The answer, given again word for word to every repeat.
    pub answer: Box<RawValue>,
}

impl PartialEq for CommandAnswered {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
            && self.stream == other.stream
            && self.answer.get() == other.answer.get()
    }
}

impl Eq for CommandAnswered {}

/// Money that could not be applied, in `suspense-<channel>-<reference>` (C13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuspenseEvent {
    /// It was taken and waits.
    PaymentSuspended(PaymentSuspended),
    /// It was allocated to an account.
    SuspenseAllocated(SuspenseAllocated),
    /// It was returned to the payer.
    SuspenseReturned(SuspenseReturned),
}

/// `payment-suspended.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentSuspended {
    /// Who took it.
    pub pay: Payment,
    /// Amount taken.
    pub a: Money,
    /// Meter or account named by the payer, as sent.
    pub named: String,
    /// Code of the refusal that sent it here.
    pub why: String,
}

/// `suspense-allocated.v1`: the money itself moves in the account's event beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspenseAllocated {
    /// To which account.
    pub account: AccountId,
    /// By which command.
    pub by: CommandKey,
}

/// `suspense-returned.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspenseReturned {
    /// Channel, original reference and local day of the return; a negative line of that day.
    pub pay: Payment,
    /// Amount returned.
    pub a: Money,
    /// Document of the return.
    pub doc: OpaqueRef,
}

/// `scheme-published.v1` in `scheme-<name>`: a version of a scheme, whole (C12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemePublished {
    /// Scheme by name.
    pub scheme: String,
    /// Version, from 1.
    pub version: u32,
    /// The first instant it holds.
    pub from: Timestamp,
    /// BLAKE3 of the text, 64 hexadecimal digits.
    pub digest: String,
    /// The file, as published.
    pub text: String,
}

/// `readings-received.v1` in `gateway-<id>`: one delivery, accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingsReceived {
    /// First and last stream sequence of the delivery.
    pub seq: (u64, u64),
    /// When the delivery was taken in.
    pub at: Timestamp,
    /// Counts by utility and class.
    pub n: Vec<ReadingCounts>,
    /// Messages that could not be decoded and went to the dead letters.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bad: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// What became of the readings of one utility in one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingCounts {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Charged.
    pub acc: u64,
    /// Repeats.
    pub dup: u64,
    /// Second values for an instant.
    pub con: u64,
    /// Older than the newest.
    pub late: u64,
    /// Kept aside as implausible.
    pub quar: u64,
    /// Refused; each is in the dead letters.
    pub refu: u64,
}

impl ReadingCounts {
    /// No readings yet.
    #[must_use]
    pub fn none(u: Utility) -> Self {
        Self {
            u,
            acc: 0,
            dup: 0,
            con: 0,
            late: 0,
            quar: 0,
            refu: 0,
        }
    }

    /// All readings of the delivery.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.acc + self.dup + self.con + self.late + self.quar + self.refu
    }
}
