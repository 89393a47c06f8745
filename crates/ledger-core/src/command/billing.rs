//! What can be asked of a postpaid account.

use serde::{Deserialize, Serialize};

use super::{FinalReading, OpenAccount, Reading, Source};
use crate::event::MiscellaneousKind;
use crate::ids::{ChannelId, OpaqueRef};
use crate::num::Money;
use crate::time::{LocalDate, Timestamp};

/// Pays what is owed, with the self-reading the bill is made from where one is brought (E1, K2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayBill {
    /// Amount in the currency's decimals; zero confirms a bill of zero or below.
    pub amount: Money,
    /// The reading brought along; refused with the whole payment when it is implausible.
    pub reading: Option<Reading>,
    /// Complaint under whose protest it is paid (E2).
    pub protest: Option<OpaqueRef>,
    /// Where the money stands.
    pub source: Source,
}

/// The deposit, or the advance of a temporary connection, that an account begins with (E14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OpeningDeposit {
    /// There is none yet.
    #[default]
    None,
    /// It is taken at the opening, by the channel that opens: a payment of its own.
    Taken(Money),
    /// It was paid with the application and is on the books since then.
    OnRecord(Money),
}

impl OpeningDeposit {
    /// Taken at the opening; none where it is zero.
    #[must_use]
    pub fn taken(amount: Money) -> Self {
        if amount.is_zero() {
            Self::None
        } else {
            Self::Taken(amount)
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// A command to a postpaid account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BillingCommand {
    /// Opens a general connection (E14).
    OpenConnection {
        /// Class and scales.
        open: OpenAccount,
        /// Deposit paid.
        #[serde(default, skip_serializing_if = "OpeningDeposit::is_none")]
        deposit: OpeningDeposit,
    },
    /// Opens a temporary connection (E14).
    OpenTemporary {
        /// Class and scales.
        open: OpenAccount,
        /// Last day.
        until: LocalDate,
        /// Advance paid, held as a deposit.
        #[serde(default, skip_serializing_if = "OpeningDeposit::is_none")]
        deposit: OpeningDeposit,
    },
    /// Takes a consumer over with arrears from an older system (E12).
    Import {
        /// Class and scales.
        open: OpenAccount,
        /// What is owed.
        arrears: Money,
        /// Start of the connection.
        since: LocalDate,
    },
    /// Pays dues.
    PayBill(PayBill),
    /// Pays the security deposit.
    PayDeposit {
        /// Amount.
        amount: Money,
        /// Where the money stands.
        source: Source,
    },
    /// Uses the deposit against dues.
    UseDeposit,
    /// Returns deposit and credit of an account that has ended (C16).
    PayOut {
        /// Who pays it out.
        channel: ChannelId,
    },
    /// Posts a bill outside consumption (E18).
    PostMiscellaneous {
        /// What for.
        kind: MiscellaneousKind,
        /// Amount.
        amount: Money,
        /// Document.
        document: OpaqueRef,
    },
    /// Posts a difference for the next bill (E2).
    Adjust {
        /// Above zero is owed more, below zero less.
        amount: Money,
        /// Complaint or document.
        document: OpaqueRef,
    },
    /// The JE cuts supply of a belated consumer after the 20th (E5).
    CutConsumer {
        /// The reading at the cut, if there is one.
        reading: Option<Reading>,
    },
    /// The JE connects again what is paid (E7).
    ReconnectConsumer,
    /// Ends the connection on request (E9).
    EndConnection {
        /// Final reading; needed while supply is on.
        last: Option<FinalReading>,
    },
    /// Stops billing on request (E11).
    StopBill {
        /// A reading, if there is one.
        reading: Option<Reading>,
    },
    /// The JE reactivates after a stop-bill (E11).
    Reactivate,
    /// The JE extends a temporary connection (E14).
    ExtendTemporary {
        /// New last day.
        until: LocalDate,
    },
    /// One account of a disconnection run (K4).
    CutForDues {
        /// When the run began.
        run_began_at: Timestamp,
    },
    /// The customer raises a query (K6).
    RaiseQuery {
        /// Its text or bill, by document.
        document: OpaqueRef,
    },
    /// Staff answer a query (K6).
    AnswerQuery {
        /// Which one.
        query: u32,
        /// The answer, by document.
        document: OpaqueRef,
        /// It is settled.
        settled: bool,
    },
}

impl BillingCommand {
    /// The opening, where it opens an account.
    #[must_use]
    pub const fn opening(&self) -> Option<&OpenAccount> {
        match self {
            Self::OpenConnection { open, .. }
            | Self::OpenTemporary { open, .. }
            | Self::Import { open, .. } => Some(open),
            Self::PayBill(_)
            | Self::PayDeposit { .. }
            | Self::UseDeposit
            | Self::PayOut { .. }
            | Self::PostMiscellaneous { .. }
            | Self::Adjust { .. }
            | Self::CutConsumer { .. }
            | Self::ReconnectConsumer
            | Self::EndConnection { .. }
            | Self::StopBill { .. }
            | Self::Reactivate
            | Self::ExtendTemporary { .. }
            | Self::CutForDues { .. }
            | Self::RaiseQuery { .. }
            | Self::AnswerQuery { .. } => None,
        }
    }

    /// Whether it opens an account.
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.opening().is_some()
    }

    /// Amount and source, where it is a payment.
    #[must_use]
    pub const fn payment(&self) -> Option<(Money, &Source)> {
        match self {
            Self::PayBill(pay) => Some((pay.amount, &pay.source)),
            Self::PayDeposit { amount, source } => Some((*amount, source)),
            Self::OpenConnection { .. }
            | Self::OpenTemporary { .. }
            | Self::Import { .. }
            | Self::UseDeposit
            | Self::PayOut { .. }
            | Self::PostMiscellaneous { .. }
            | Self::Adjust { .. }
            | Self::CutConsumer { .. }
            | Self::ReconnectConsumer
            | Self::EndConnection { .. }
            | Self::StopBill { .. }
            | Self::Reactivate
            | Self::ExtendTemporary { .. }
            | Self::CutForDues { .. }
            | Self::RaiseQuery { .. }
            | Self::AnswerQuery { .. } => None,
        }
    }
}
