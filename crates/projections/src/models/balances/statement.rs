//! Statement lines: each posting to a wallet or to the debt, with the running balance after it.
//!
//! Consumption of one local day with nothing in between is one line (a meter that reports hourly would
//! fill a page a day); the readings themselves are the account's history. So a line's balance is always
//! the balance before it plus its amount.

use std::borrow::Cow;

use ledger_core::event::{AccountEvent, BillingEvent};
use ledger_core::num::Money;
use ledger_core::postings::{LedgerAccount, Posting};
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::fact::AccountFact;
use crate::sheet::Sheet;
use crate::sql::{Cells, count, parts};

/// Kind of a line that gathers a day's consumption.
const CONSUMPTION: &str = "consumption";

/// What a statement keeps accounts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Book {
    Wallet(Utility),
    Debt,
    /// Bills and dues of a postpaid customer.
    Bills,
}

impl Book {
    const ALL: [Self; 4] = [
        Self::Wallet(Utility::Electricity),
        Self::Wallet(Utility::Water),
        Self::Debt,
        Self::Bills,
    ];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Wallet(utility) => utility.code(),
            Self::Debt => "debt",
            Self::Bills => "bills",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|book| book.code() == text)
    }
}

#[derive(Debug, Clone)]
struct Line {
    no: i64,
    at: Timestamp,
    day: Option<LocalDate>,
    kind: Cow<'static, str>,
    amount: Money,
    balance: Money,
    readings: u64,
    receipt: Option<String>,
}

/// The lines of one book that wait to be written; the last may still grow.
#[derive(Debug, Clone, Default)]
struct Lines {
    waiting: Vec<Line>,
    /// The newest line, when it is already written.
    written: Option<Line>,
}

/// The statement of an account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statement {
    electricity: Lines,
    water: Lines,
    debt: Lines,
    bills: Lines,
}

impl Statement {
    fn lines_mut(&mut self, book: Book) -> &mut Lines {
        match book {
            Book::Wallet(Utility::Electricity) => &mut self.electricity,
            Book::Wallet(Utility::Water) => &mut self.water,
            Book::Debt => &mut self.debt,
            Book::Bills => &mut self.bills,
        }
    }

    pub(crate) fn load(conn: &Connection, account_no: i64) -> rusqlite::Result<Self> {
        let mut statement = Self::default();
        for book in Book::ALL {
            statement.lines_mut(book).written = newest(conn, account_no, book)?;
        }
        Ok(statement)
    }
}

impl Lines {
    fn add(&mut self, mut line: Line) {
        let last = self.waiting.last().or(self.written.as_ref());
        let grows = last.is_some_and(|last| {
            line.kind == CONSUMPTION
                && last.kind == CONSUMPTION
                && line.day.is_some()
                && line.day == last.day
        });
        line.balance = last.map_or(Money::ZERO, |last| last.balance) + line.amount;
        line.no = last.map_or(0, |last| last.no) + 1;
        if !grows {
            self.waiting.push(line);
            return;
        }
        if self.waiting.is_empty() {
            self.waiting.extend(self.written.clone());
        }
        if let Some(last) = self.waiting.last_mut() {
            last.at = line.at;
            last.amount += line.amount;
            last.balance = line.balance;
            last.readings += line.readings;
        }
    }
}

pub(crate) fn fold(sheet: &mut Sheet, fact: &AccountFact, postings: &[Posting]) {
    for posting in postings {
        let (book, amount) = match &posting.account {
            LedgerAccount::CustomerCredit(_, utility) => (Book::Wallet(*utility), -posting.amount),
            LedgerAccount::DebtReceivable(_) => (Book::Debt, posting.amount),
            LedgerAccount::BillsReceivable(_) => (Book::Bills, posting.amount),
            LedgerAccount::ChannelReceivable(_)
            | LedgerAccount::SecurityDeposit(_)
            | LedgerAccount::Surcharge
            | LedgerAccount::Fees
            | LedgerAccount::Revenue(_)
            | LedgerAccount::TaxPayable(_)
            | LedgerAccount::LevyPayable(_)
            | LedgerAccount::LegacyClearing(_)
            | LedgerAccount::DebtOpening(_)
            | LedgerAccount::Suspense(_)
            | LedgerAccount::CreditInTransit
            | LedgerAccount::Rounding
            | LedgerAccount::EmergencyLent(..)
            | LedgerAccount::InitialCreditGranted(_) => continue,
        };
        let line = Line {
            no: 0,
            at: fact.at,
            day: day_of(&fact.event),
            kind: Cow::Borrowed(kind_of(&fact.event, book, amount)),
            amount,
            balance: Money::ZERO,
            readings: u64::from(matches!(fact.event, AccountEvent::ConsumptionCharged(_))),
            receipt: receipt_of(&fact.event),
        };
        sheet.statement.lines_mut(book).add(line);
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only events that post money come here"
)]
fn kind_of(event: &AccountEvent, book: Book, amount: Money) -> &'static str {
    match event {
        AccountEvent::CreditToppedUp(_) if book == Book::Debt => "arrears-share",
        AccountEvent::ArrearsMovedIn(_) => "arrears-moved-in",
        AccountEvent::ArrearsPaid(_) => "arrears-payment",
        AccountEvent::InitialCreditGranted(_) => "initial-credit",
        AccountEvent::EmergencyCreditDrawn(_) => "emergency-credit",
        AccountEvent::ConsumptionCharged(_) => CONSUMPTION,
        AccountEvent::ConsumptionCorrected(_) => "correction",
        AccountEvent::CreditToppedUp(_) => "top-up",
        AccountEvent::TopUpVoided(_) => "void",
        AccountEvent::LegacyCreditEntered(_) => "legacy-credit",
        AccountEvent::CreditTransferred(_) if amount.is_negative() => "transfer-out",
        AccountEvent::CreditTransferred(_) => "transfer-in",
        AccountEvent::CreditMovedIn(_) => "credit-moved-in",
        AccountEvent::DebtAgreed(_) => "debt-agreed",
        AccountEvent::DebtPaid(_) => "debt-payment",
        AccountEvent::AccountClosed(_) => "closing",
        AccountEvent::Billing(inner) => billing_kind(inner),
        _ => "adjustment",
    }
}

/// The word of a line in the book of bills.
fn billing_kind(event: &BillingEvent) -> &'static str {
    match event {
        BillingEvent::ConsumerListed(_) => "arrears",
        BillingEvent::ConsumptionEstimated(_) => "estimate",
        BillingEvent::EstimatesReversed(_) => "estimate-reversed",
        BillingEvent::SurchargeCharged(_) => "surcharge",
        BillingEvent::ObligatoryFeeCharged(_) => "obligatory-fee",
        BillingEvent::MiscellaneousBilled(_) => "miscellaneous",
        BillingEvent::BillAdjusted(_) => "adjustment",
        BillingEvent::BillPaid(_) => "payment",
        BillingEvent::SecurityDepositUsed(_) => "deposit-used",
        BillingEvent::CreditPaidOut(_) => "credit-paid-out",
        BillingEvent::BillRaised(_)
        | BillingEvent::ConnectionEnded(_)
        | BillingEvent::BillStopped(_) => "rounding",
        BillingEvent::SecurityDepositPaid(_)
        | BillingEvent::SecurityDepositReturned(_)
        | BillingEvent::MonthClosed(_)
        | BillingEvent::DisconnectionNoticeServed(_)
        | BillingEvent::ConsumerDisconnected(_)
        | BillingEvent::ConsumerReconnected(_)
        | BillingEvent::ConsumerReactivated(_)
        | BillingEvent::TemporaryConnectionExtended(_)
        | BillingEvent::QueryRaised(_)
        | BillingEvent::QueryAnswered(_) => "adjustment",
    }
}

/// The local day a line belongs to: of consumption the day of the reading, of money the day it was taken.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events carry no local day"
)]
fn day_of(event: &AccountEvent) -> Option<LocalDate> {
    match event {
        AccountEvent::ConsumptionCharged(e) => e.d.or_else(|| e.p.last().map(|part| part.0)),
        AccountEvent::CreditToppedUp(e) => Some(e.pay.d),
        AccountEvent::TopUpVoided(e) => Some(e.pay.d),
        AccountEvent::DebtPaid(e) => Some(e.pay.d),
        AccountEvent::ArrearsPaid(e) => Some(e.pay.d),
        AccountEvent::Billing(BillingEvent::BillPaid(e)) => Some(e.pay.d),
        AccountEvent::Billing(BillingEvent::CreditPaidOut(e)) => Some(e.pay.d),
        _ => None,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events have no receipt"
)]
fn receipt_of(event: &AccountEvent) -> Option<String> {
    match event {
        AccountEvent::CreditToppedUp(e) => Some(e.rc.to_string()),
        AccountEvent::TopUpVoided(e) => Some(e.rc.to_string()),
        AccountEvent::DebtPaid(e) => Some(e.rc.to_string()),
        AccountEvent::ArrearsPaid(e) => Some(e.rc.to_string()),
        AccountEvent::Billing(BillingEvent::BillPaid(e)) => Some(e.rc.to_string()),
        _ => None,
    }
}

fn newest(conn: &Connection, account_no: i64, book: Book) -> rusqlite::Result<Option<Line>> {
    conn.prepare_cached(
        "SELECT line, at_ms, day, kind, amount_micro, amount_rest, balance_micro, balance_rest, readings, receipt
         FROM statement_lines WHERE account_no = ?1 AND book = ?2 ORDER BY line DESC LIMIT 1",
    )?
    .query_row(params![account_no, book.code()], |row| {
        let mut cells = Cells::of(row);
        Ok(Line {
            no: cells.get()?,
            at: cells.time()?,
            day: cells.date_opt()?,
            kind: Cow::Owned(cells.get()?),
            amount: cells.money()?,
            balance: cells.money()?,
            readings: cells.count()?,
            receipt: cells.get()?,
        })
    })
    .optional()
}

pub(super) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO statement_lines VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    )?;
    for sheet in sheets {
        let no = sheet.no;
        for book in Book::ALL {
            let lines = sheet.statement.lines_mut(book);
            for line in &lines.waiting {
                let (amount_micro, amount_rest) = parts(line.amount);
                let (balance_micro, balance_rest) = parts(line.balance);
                statement.execute(params![
                    no,
                    book.code(),
                    line.no,
                    line.at.as_millis(),
                    line.day.map(|day| day.to_string()),
                    line.kind,
                    amount_micro,
                    amount_rest,
                    balance_micro,
                    balance_rest,
                    count(line.readings),
                    line.receipt,
                ])?;
            }
            if let Some(last) = lines.waiting.pop() {
                lines.waiting.clear();
                lines.written = Some(last);
            }
        }
    }
    Ok(())
}
