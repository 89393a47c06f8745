//! Payloads of the facts of postpaid accounts: what is owed, what was paid, and where the consumer stands.
//!
//! Short keys as in the neighbours: `u` utility, `b` billing month, `a` amount, `q` quantity, `rc`
//! receipt, `pay` who took the money, `rd` what was rounded (posted to `rounding`), `doc` document.
//! No status is stored: it follows from these facts by the table of [`crate::status`].

use serde::{Deserialize, Serialize};

use super::account::{LinePart, Payment};
use crate::ids::{MeterNumber, OpaqueRef, ReceiptNumber};
use crate::num::{Money, Quantity};
use crate::status::Status;
use crate::time::{LocalDate, Month, Timestamp};
use crate::utility::Utility;

fn is_zero(amount: &Money) -> bool {
    amount.is_zero()
}

/// As what an account is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// Bills and dues, without a consumer's status.
    Billed,
    /// A general connection.
    General,
    /// A temporary connection (E14).
    Temporary,
    /// Taken over with arrears from an older system, not active (E12).
    Imported,
}

impl Listing {
    /// The status it begins with; none where the scheme has no statuses.
    #[must_use]
    pub const fn first_status(self) -> Option<Status> {
        match self {
            Self::Billed => None,
            Self::General => Some(Status::Live),
            Self::Temporary => Some(Status::New),
            Self::Imported => Some(Status::Blog),
        }
    }
}

/// `consumer-listed.v1`: the account is billed from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerListed {
    /// As what.
    pub k: Listing,
    /// Utility that is billed.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Month of listing: the first that is closed.
    pub b: Month,
    /// Start of the connection, from which its obligation runs (E10).
    pub d: LocalDate,
    /// Arrears brought along (E12).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub a: Money,
    /// Last day of a temporary connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalDate>,
    /// Deposit paid with the application (E14), on the books since then. One that is taken at the opening
    /// is a `security-deposit-paid.v1` of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dep: Money,
}

/// `consumption-estimated.v1`: a month without a reading was billed by the approximate method (E3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumptionEstimated {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Month that is billed.
    pub b: Month,
    /// Mean of the months before, kWh or m³.
    pub q: Quantity,
    /// Of how many months it is the mean; 0 means that there was none, and nothing is charged.
    pub n: u32,
    /// Charge, priced as a month of its own.
    pub a: Money,
    /// A government consumer's reading was missing: door lock (E13).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lock: bool,
    /// What of it is standing, passed on, levy or tax, as in `consumption-charged.v1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub x: Vec<LinePart>,
}

/// `estimates-reversed.v1`: a reading came; what was estimated since the last one is taken back (E4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimatesReversed {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Month in which it was taken back.
    pub b: Month,
    /// The months that had been estimated.
    pub of: Vec<Month>,
    /// Sum of their charges.
    pub a: Money,
    /// What of it is standing, passed on, levy or tax, as in `consumption-charged.v1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub x: Vec<LinePart>,
}

/// `surcharge-charged.v1`: the belated payment surcharge (E3, E6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurchargeCharged {
    /// Month.
    pub b: Month,
    /// Consumption charge it is taken of.
    pub of: Money,
    /// Surcharge, rounded.
    pub a: Money,
}

/// `obligatory-fee-charged.v1`: the connection ended before its agreed time (E10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObligatoryFeeCharged {
    /// Month.
    pub b: Month,
    /// Fee.
    pub a: Money,
}

/// What a miscellaneous bill is for (E18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MiscellaneousKind {
    /// Rent of the meter.
    MeterRent,
    /// Testing of the meter or the installation.
    Testing,
    /// Shifting, resealing and other work.
    Work,
    /// Anything else.
    Other,
}

impl MiscellaneousKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::MeterRent, Self::Testing, Self::Work, Self::Other];

    /// The name, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MeterRent => "meter-rent",
            Self::Testing => "testing",
            Self::Work => "work",
            Self::Other => "other",
        }
    }
}

/// `miscellaneous-billed.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiscellaneousBilled {
    /// What for.
    pub k: MiscellaneousKind,
    /// Month.
    pub b: Month,
    /// Amount.
    pub a: Money,
    /// Document.
    pub doc: OpaqueRef,
}

/// `bill-adjusted.v1`: a difference found after payment, counted in the next bill (E2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillAdjusted {
    /// Utility.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Month.
    pub b: Month,
    /// Above zero is owed more, below zero less.
    pub a: Money,
    /// Complaint or document.
    pub doc: OpaqueRef,
}

/// `bill-raised.v1`: a bill was made at the reading (K2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillRaised {
    /// Number of the bill, counted per account from 1.
    pub n: u32,
    /// Month.
    pub b: Month,
    /// To pay for this reading, in the currency's decimals.
    pub a: Money,
    /// `a` less the exact charge.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rd: Money,
    /// Last day on which it is paid in time.
    pub due: LocalDate,
}

/// `bill-paid.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillPaid {
    /// Utility that is billed.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount paid; zero where the bill was zero or below and was confirmed (E1).
    pub a: Money,
    /// What is owed exactly, less `a`, where this payment clears all dues: it goes to `rounding`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rd: Money,
    /// Month in which it counts.
    pub b: Month,
    /// Receipt.
    pub rc: ReceiptNumber,
    /// Who took it.
    pub pay: Payment,
    /// All dues are paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
    /// Paid under protest, with this complaint (E2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prot: Option<OpaqueRef>,
}

/// `security-deposit-paid.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityDepositPaid {
    /// Utility that is billed.
    #[serde(with = "crate::utility::short")]
    pub u: Utility,
    /// Amount.
    pub a: Money,
    /// Month.
    pub b: Month,
    /// Receipt.
    pub rc: ReceiptNumber,
    /// Who took it.
    pub pay: Payment,
}

/// `security-deposit-used.v1`: the deposit paid dues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityDepositUsed {
    /// Amount.
    pub a: Money,
    /// What is owed exactly, less `a`, where this clears all dues.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rd: Money,
    /// Month.
    pub b: Month,
    /// All dues are paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}

/// `security-deposit-returned.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityDepositReturned {
    /// Amount.
    pub a: Money,
    /// Who paid it out; a negative line of that day's settlement.
    pub pay: Payment,
}

/// `credit-paid-out.v1`: what was paid beyond the dues goes back when the account has ended (C16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditPaidOut {
    /// Amount paid out.
    pub a: Money,
    /// The credit, less `a`: below the currency's smallest unit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rd: Money,
    /// Who paid it out.
    pub pay: Payment,
}

/// `month-closed.v1`: once per account and month (E17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonthClosed {
    /// Which month.
    pub b: Month,
    /// The month is not paid for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub un: bool,
    /// A belated consumer that the JE had not cut was cut by the close (E5).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// `disconnection-notice-served.v1`: the bill cum disconnection notice (E3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisconnectionNoticeServed {
    /// Month that is unpaid.
    pub b: Month,
    /// All that is to be paid.
    pub a: Money,
    /// Day by which the notice is with the consumer.
    pub by: LocalDate,
    /// Last day on which it can be paid before supply is cut.
    pub due: LocalDate,
}

/// `consumer-disconnected.v1`, `consumer-reconnected.v1`, `consumer-reactivated.v1`: the JE's acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsumerActed {
    /// Month.
    pub b: Month,
}

/// `connection-ended.v1`, `bill-stopped.v1`: on the consumer's request (E9, E11).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionStopped {
    /// Month.
    pub b: Month,
    /// Something is owed after the final bill.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owing: bool,
    /// What is left below the currency's smallest unit, where nothing is owed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rd: Money,
}

/// `temporary-connection-extended.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemporaryConnectionExtended {
    /// Month.
    pub b: Month,
    /// New last day.
    pub until: LocalDate,
}

/// A self-reading that was refused (K3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedReading {
    /// Meter.
    pub m: MeterNumber,
    /// Time of reading.
    pub t: Timestamp,
    /// Register value as read.
    pub v: Quantity,
    /// Why, in a stable word (`below`, `high`).
    pub why: String,
}

/// `query-raised.v1`: by the customer, or by a refused self-reading (K3, K6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRaised {
    /// Number, counted per account from 1.
    pub n: u32,
    /// Local day.
    pub d: LocalDate,
    /// The reading that raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r: Option<RefusedReading>,
    /// The customer's text or bill, by its document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<OpaqueRef>,
}

/// `query-answered.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryAnswered {
    /// Which one.
    pub n: u32,
    /// The answer, by its document.
    pub doc: OpaqueRef,
    /// It is settled; otherwise more is to come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

/// A fact of a postpaid account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillingEvent {
    /// The account is billed from now on.
    ConsumerListed(ConsumerListed),
    /// A month without a reading was billed by the approximate method.
    ConsumptionEstimated(ConsumptionEstimated),
    /// Estimates were taken back by a reading.
    EstimatesReversed(EstimatesReversed),
    /// The belated payment surcharge.
    SurchargeCharged(SurchargeCharged),
    /// The contractual obligatory fee.
    ObligatoryFeeCharged(ObligatoryFeeCharged),
    /// A bill outside consumption.
    MiscellaneousBilled(MiscellaneousBilled),
    /// A difference for the next bill.
    BillAdjusted(BillAdjusted),
    /// A bill was made at the reading.
    BillRaised(BillRaised),
    /// Dues were paid.
    BillPaid(BillPaid),
    /// A deposit was paid.
    SecurityDepositPaid(SecurityDepositPaid),
    /// A deposit paid dues.
    SecurityDepositUsed(SecurityDepositUsed),
    /// A deposit went back.
    SecurityDepositReturned(SecurityDepositReturned),
    /// Credit went back.
    CreditPaidOut(CreditPaidOut),
    /// A month was closed.
    MonthClosed(MonthClosed),
    /// The notice before a disconnection.
    DisconnectionNoticeServed(DisconnectionNoticeServed),
    /// The JE cut supply for dues.
    ConsumerDisconnected(ConsumerActed),
    /// The JE connected again.
    ConsumerReconnected(ConsumerActed),
    /// The connection ended on request.
    ConnectionEnded(ConnectionStopped),
    /// Billing stopped on request.
    BillStopped(ConnectionStopped),
    /// The JE reactivated after a stop-bill.
    ConsumerReactivated(ConsumerActed),
    /// A temporary connection was extended.
    TemporaryConnectionExtended(TemporaryConnectionExtended),
    /// A query was raised.
    QueryRaised(QueryRaised),
    /// A query was answered.
    QueryAnswered(QueryAnswered),
}
