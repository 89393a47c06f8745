//! What a command is answered: the same text for ever under the same key (C4).

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, ChannelId, MeterNumber, OpaqueRef, ReceiptNumber, Reference};
use crate::num::{Money, Quantity};
use crate::rejection::Rejection;
use crate::time::{LocalDate, Timestamp};
use crate::utility::Utility;

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done (or had been done before).
    Done {
        /// The account it was done to.
        account: AccountId,
    },
    /// Money was applied.
    Receipt(Receipt),
    /// Money that could not be applied waits in suspense (C13).
    Suspended(Suspended),
    /// Money left suspense for its payer (C13).
    Returned(Returned),
    /// It was refused.
    Refused(Rejection),
    /// A version of a scheme is on record (C12).
    Published(Published),
    /// A step of an application or a complaint was taken (E14, E16).
    Step(StepTaken),
    /// What became of a reading. Never stored.
    Reading(ReadingOutcome),
}

/// What a receipt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// Credit was topped up.
    TopUp,
    /// Debt was paid.
    Debt,
    /// A top-up was voided: the amount goes back.
    Void,
    /// Arrears were paid (P4).
    Arrears,
    /// A bill or dues were paid.
    Bill,
    /// A security deposit was paid.
    Deposit,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Unique number.
    pub number: ReceiptNumber,
    /// What it is for.
    pub kind: ReceiptKind,
    /// Account.
    pub account: AccountId,
    /// Utility of the wallet or of the debt.
    pub utility: Utility,
    /// Meter named by the payer, for a top-up.
    pub meter: Option<MeterNumber>,
    /// Amount paid.
    pub amount: Money,
    /// Credit of the wallet, or debt left, after it.
    pub balance: Money,
    /// When it counts.
    pub at: Timestamp,
    /// Who took it.
    pub channel: ChannelId,
    /// Its reference.
    pub reference: Reference,
    /// It was the wallet's first top-up.
    pub first: bool,
    /// What of the amount went to the arrears (P4).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub arrears: Money,
    /// What of the amount repaid emergency credit, exactly; shown in the currency's decimals (P5).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub repaid: Money,
    /// Unused emergency credit that was withdrawn besides, exactly (P5).
    #[serde(default, skip_serializing_if = "Money::is_none")]
    pub withdrawn: Money,
}

/// Money in suspense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    /// Who took it.
    pub channel: ChannelId,
    /// Its reference, by which it is allocated or returned.
    pub reference: Reference,
    /// Amount.
    pub amount: Money,
    /// Local day on which it was taken.
    pub taken_on: LocalDate,
    /// Why it could not be applied.
    pub refusal: Rejection,
}

/// Money returned from suspense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// Who took it.
    pub channel: ChannelId,
    /// Its reference.
    pub reference: Reference,
    /// Amount.
    pub amount: Money,
    /// Local day of the return: a negative line of that day's settlement.
    pub returned_on: LocalDate,
    /// Document of the return.
    pub document: OpaqueRef,
}

/// A version of a scheme on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Scheme by name.
    pub scheme: String,
    /// Version.
    pub version: u32,
    /// The first instant it holds.
    pub from: Timestamp,
    /// BLAKE3 of its text, 64 hexadecimal digits.
    pub digest: String,
}

/// A step of a case that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTaken {
    /// The application or complaint.
    pub case: String,
    /// Where it stands after it.
    pub stage: String,
    /// The consumer's number, once it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<AccountId>,
    /// Receipt of a payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptNumber>,
}

/// What became of a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingOutcome {
    /// Charged.
    Accepted {
        /// Consumption since the base.
        quantity: Quantity,
        /// Charge.
        amount: Money,
    },
    /// It ends a gap, and waits to be priced (C19).
    Settling,
    /// An identical repeat: nothing changed.
    Duplicate,
    /// Another value for a known instant: kept, charged nothing.
    Conflicting,
    /// Older than the newest, and between its neighbours: what was charged across it is corrected (C19).
    Corrected {
        /// The difference; below zero is given back.
        amount: Money,
    },
    /// Older than the newest, and too old to correct anything: kept, charged nothing.
    Late,
    /// Implausible: kept aside, charged nothing.
    Quarantined,
    /// Not taken at all.
    Refused(Rejection),
}

impl Answer {
    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Rejection> {
        match self {
            Self::Refused(rejection) | Self::Reading(ReadingOutcome::Refused(rejection)) => {
                Some(rejection)
            }
            Self::Done { .. }
            | Self::Receipt(_)
            | Self::Suspended(_)
            | Self::Returned(_)
            | Self::Published(_)
            | Self::Step(_)
            | Self::Reading(_) => None,
        }
    }
}
