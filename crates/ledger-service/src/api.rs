//! The types at the door: what is asked of [`Ledger`](crate::Ledger) and what it answers.
//!
//! Business refusals are answers ([`Answer::Refused`]); [`ServiceError`] is operational and says of
//! itself whether a repetition is safe. Absent on purpose: anything of gRPC or NATS.

use event_store::Position;
use event_store::transact::Failure;
use ledger_core::account::Account;
use ledger_core::answer::Answer;
use ledger_core::command::{Command, PayBill, Reading, Source};
use ledger_core::ids::{AccountId, Actor, CommandKey, MeterNumber, OpaqueRef, Reference};
use ledger_core::num::Money;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use serde::Serialize;

/// To whom a command is addressed, as the sender named it. Part of the command's content (C4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An account.
    Account(AccountId),
    /// Whoever holds this meter number now; the text as sent.
    Meter(String),
    /// The account that the top-up with this reference, of the same channel, was credited to. For voids.
    TopUp(Reference),
}

/// What is asked. Part of the command's content (C4): its JSON form is frozen, since a repetition is
/// recognised by its hash years later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Top up the meter that is the target.
    TopUp {
        /// Amount in the currency's decimals.
        amount: Money,
        /// Where the money stands.
        source: Source,
    },
    /// Pay on the debt of the target.
    PayDebt {
        /// Amount in the currency's decimals.
        amount: Money,
        /// Where the money stands.
        source: Source,
    },
    /// Pay the bill or the dues of the target, with the self-reading the bill is made from (E1, K2).
    PayBill(PayBill),
    /// Pay the security deposit of the target (E11).
    PayDeposit {
        /// Amount in the currency's decimals.
        amount: Money,
        /// Where the money stands.
        source: Source,
    },
    /// Anything else but payments, readings and ticks, which have doors of their own.
    Command(Command),
}

/// A command with its sender's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRequest {
    /// The sender's key (C4).
    pub key: CommandKey,
    /// Who acts; not part of the content.
    pub actor: Actor,
    /// When it was received, from [`TimeSource::stamp`](crate::TimeSource::stamp); not part of the
    /// content.
    pub received_at: Timestamp,
    /// To whom.
    pub target: Target,
    /// What.
    pub ask: Ask,
}

/// Returns money from suspense to its payer (C13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnRequest {
    /// The sender's key.
    pub key: CommandKey,
    /// Who acts.
    pub actor: Actor,
    /// When it was received.
    pub received_at: Timestamp,
    /// The suspended payment's own channel and reference.
    pub item: CommandKey,
    /// Document of the return.
    pub document: OpaqueRef,
}

/// An answer with the commit it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The answer: the same for ever under the same key and content.
    pub answer: Answer,
    /// It had been given before under this key.
    pub duplicate: bool,
    /// A read model at or past this shows what the answer speaks of; `None` when nothing was ever
    /// written about it.
    pub token: Option<Position>,
}

/// What became of a keyed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStatus {
    /// Nothing is remembered: it never came, is still under way, was malformed, or was a refusal that
    /// binds nothing.
    Unknown,
    /// It was answered.
    Answered {
        /// The answer.
        answer: Box<Answer>,
        /// Stream that decided it.
        decided_by: String,
        /// Place of the answer in the log.
        token: Position,
    },
}

/// Readings that a gateway delivered together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Sequence of the delivery at its gateway, from 1: a redelivery has the same.
    pub seq: u64,
    /// When it was received.
    pub received_at: Timestamp,
    /// The readings, in any order.
    pub readings: Vec<Reading>,
}

/// What became of the record of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceivedOutcome {
    /// Recorded.
    Recorded,
    /// Recorded before, wholly; nothing was written.
    RecordedBefore,
    /// Its beginning, up to this sequence, was recorded before; nothing was written. Send the rest.
    Overlaps {
        /// Newest sequence recorded.
        recorded_up_to: u64,
    },
}

/// An account as the log has it.
#[derive(Debug, Clone)]
pub struct AccountView {
    /// The folded state.
    pub account: Account,
    /// Newest revision of its stream.
    pub revision: u64,
    /// Position of its newest event.
    pub token: Option<Position>,
}

/// One line of what a payment would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteLine {
    /// Where this part of the amount goes.
    pub what: QuotePart,
    /// How much.
    pub amount: Money,
}

/// Where a part of a payment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotePart {
    /// Nets credit that is below zero (U3).
    OwedCredit,
    /// New credit.
    Credit,
    /// Instalments due now (U13).
    InstalmentDue,
    /// Lowers the debt beyond what is due now (U14).
    DebtAhead,
    /// Lowers arrears that moved in (P4).
    Arrears,
    /// Repays emergency credit that was used (P5).
    EmergencyCredit,
    /// Pays the bill or the dues (E1, K2).
    Bill,
    /// Is held as a security deposit (E11).
    Deposit,
}

impl QuotePart {
    /// Stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwedCredit => "owed_credit",
            Self::Credit => "credit",
            Self::InstalmentDue => "instalment_due",
            Self::DebtAhead => "debt_ahead",
            Self::Arrears => "arrears",
            Self::EmergencyCredit => "emergency_credit",
            Self::Bill => "bill",
            Self::Deposit => "deposit",
        }
    }
}

/// What a payment would do, were it sent now (C13). Nothing is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Account it would go to.
    pub account: AccountId,
    /// Utility of the wallet or of the debt.
    pub utility: Utility,
    /// Meter named, for a top-up.
    pub meter: Option<MeterNumber>,
    /// Each cent explained; the lines sum to the amount.
    pub lines: Vec<QuoteLine>,
    /// Unused emergency credit that would be withdrawn from the wallet besides (P5).
    pub withdrawn: Money,
    /// Credit of the wallet, or debt left, after it.
    pub balance: Money,
}

/// A payment that is asked about before money is taken (C13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteRequest {
    /// Meter or account.
    pub target: Target,
    /// A payment; its `source` is taken as not taken yet.
    pub ask: Ask,
    /// When it was received.
    pub received_at: Timestamp,
}

/// A bill that is asked about before it is paid (E1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillQuoteRequest {
    /// Account or meter.
    pub target: Target,
    /// The self-reading it would be made from.
    pub reading: Option<Reading>,
    /// When it was received.
    pub received_at: Timestamp,
}

/// A quote, or why the payment would be refused.
pub type QuoteResult = Result<Quote, Rejection>;

/// Who holds a meter number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterHolder {
    /// The account.
    pub account: AccountId,
    /// What the meter measures.
    pub utility: Utility,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None` for the present holder.
    pub until: Option<Timestamp>,
}

/// Something that a crash or a closing in between has left for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A meter number is claimed by an account that does not have the meter in place.
    OrphanedClaim {
        /// The number.
        meter: MeterNumber,
        /// Who claimed it.
        account: AccountId,
    },
    /// Credit of a closed account has not arrived.
    CreditInTransit {
        /// The closed account.
        from: AccountId,
        /// Where it should go.
        to: AccountId,
        /// What is on its way.
        credit: Vec<(Utility, Money)>,
    },
}

/// Why a command was not answered. Nothing of it is half done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Too many commands are waiting; this one was not taken.
    #[error("too many commands are waiting; send it again after a moment")]
    Busy,
    /// Others changed the same account each time it was decided.
    #[error("others changed the account each time the command was decided; send it again")]
    Conflict,
    /// The store cannot be reached now.
    #[error("the store cannot be reached now: {0}; send it again")]
    Unavailable(String),
    /// This process takes no more commands; whether this one was written shows when it is sent again
    /// after the restart.
    #[error("no more commands are taken: {0}; send it again after the restart")]
    Stopped(String),
    /// What is stored about the account cannot be understood; it refuses everything until repaired.
    #[error("what is stored is damaged: {0}")]
    Damaged(String),
    /// The request cannot be served whatever is stored: malformed, or larger than a commit.
    #[error("the request cannot be served: {0}")]
    Invalid(String),
}

impl ServiceError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Busy => "BUSY",
            Self::Conflict => "CONTENDED",
            Self::Unavailable(_) => "STORE_UNAVAILABLE",
            Self::Stopped(_) => "STOPPED",
            Self::Damaged(_) => "DAMAGED",
            Self::Invalid(_) => "INVALID_REQUEST",
        }
    }

    /// Whether sending the identical request again is safe and may succeed.
    #[must_use]
    pub const fn retry_is_safe(&self) -> bool {
        match self {
            Self::Busy | Self::Conflict | Self::Unavailable(_) | Self::Stopped(_) => true,
            Self::Damaged(_) | Self::Invalid(_) => false,
        }
    }
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy => Self::Busy,
            Failure::Conflict { .. } => Self::Conflict,
            Failure::Stopped(why) => Self::Stopped(why),
            Failure::Unavailable(why) => Self::Unavailable(why),
            Failure::Damaged(why) => Self::Damaged(why),
            Failure::Invalid(why) => Self::Invalid(why),
        }
    }
}
