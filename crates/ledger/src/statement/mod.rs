//! Statements and bills that a person can print: an account's facts of a period, told in its books.
//!
//! A document is folded from the account's stored events alone, so that every figure can be traced, also
//! years later and for any period: balances brought forward and carried are the core's own fold at those
//! instants, charges are explained by the tariff that priced them. Absent on purpose: names and addresses,
//! which no event has; whoever may see them asks for them beside it.

mod charges;
mod fold;
mod layout;
mod pdf;
mod person;
mod source;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use fold::{Period, statement};
pub(crate) use layout::text;
pub(crate) use pdf::pdf;
pub(crate) use person::named;
pub(crate) use source::{Stored, read};

use ledger_core::debt::DebtPlan;
use ledger_core::ids::{AccountId, MeterNumber, OpaqueRef, ReceiptNumber};
use ledger_core::num::{Money, Quantity};
use ledger_core::scheme::SchemePolicy;
use ledger_core::tariff::ChargeLine;
use ledger_core::time::{LocalDate, Month, Timestamp};
use ledger_core::utility::Utility;

/// What a document keeps accounts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Book {
    /// Prepaid credit.
    Credit(Utility),
    /// Bills and dues.
    Dues,
    /// Debt by agreement, and arrears.
    Debt,
    /// Security deposit.
    Deposit,
}

/// A line of a book: what moved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) date: LocalDate,
    pub(crate) what: String,
    pub(crate) receipt: Option<ReceiptNumber>,
    pub(crate) amount: Money,
    pub(crate) balance: Money,
    /// Readings gathered in a line of consumption; zero for everything else.
    pub(crate) readings: u64,
}

/// A book over the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) book: Book,
    pub(crate) forward: Money,
    pub(crate) movements: Vec<Movement>,
    pub(crate) carried: Money,
}

/// A meter over the part of the period for which it was in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MeterRead {
    pub(crate) utility: Utility,
    pub(crate) meter: MeterNumber,
    pub(crate) from: (Timestamp, Quantity),
    pub(crate) to: (Timestamp, Quantity),
    pub(crate) used: Quantity,
    pub(crate) readings: u64,
}

/// The charges of the period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Charges {
    /// Line by line of the tariff, by utility.
    pub(crate) lines: Vec<(Utility, ChargeLine)>,
    /// Charges that the tariffs at hand do not explain to the last digit: by utility, month, kind of line
    /// and amount, as the events say.
    pub(crate) unexplained: Vec<(Utility, Month, String, Money)>,
}

/// What an account owes by agreement, as of the end of the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) plan: DebtPlan,
    pub(crate) month: Month,
}

/// An open item of a postpaid account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenItem {
    pub(crate) month: Month,
    pub(crate) what: &'static str,
    pub(crate) left: Money,
}

/// What a postpaid account has to pay at the end of the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ToPay {
    pub(crate) status: Option<&'static str>,
    pub(crate) open: Vec<OpenItem>,
    /// In the currency's decimals; below zero is credit.
    pub(crate) payable: Money,
    /// Last day on which it is paid in time, where a bill or notice names one.
    pub(crate) due: Option<LocalDate>,
}

/// A statement, or a bill.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) is_bill: bool,
    pub(crate) account: AccountId,
    pub(crate) class: String,
    pub(crate) customer: Option<OpaqueRef>,
    /// Name of the person, where it was asked for.
    pub(crate) name: Option<String>,
    pub(crate) policy: SchemePolicy,
    pub(crate) period: Period,
    /// Events it was folded from: the account's first so many.
    pub(crate) events: u64,
    pub(crate) meters: Vec<MeterRead>,
    pub(crate) books: Vec<Kept>,
    pub(crate) charges: Charges,
    pub(crate) agreement: Option<Agreement>,
    pub(crate) to_pay: Option<ToPay>,
}
