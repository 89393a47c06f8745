//! What moved a book, in words for whoever holds the paper.

use ledger_core::event::{AccountEvent, BillingEvent, Payment};
use ledger_core::ids::ReceiptNumber;
use ledger_core::num::Money;
use ledger_core::time::Month;
use ledger_core::utility::Utility;

use super::Book;

/// The heading of a book.
pub(super) fn heading(book: Book) -> String {
    match book {
        Book::Credit(Utility::Electricity) => "Electricity credit".to_owned(),
        Book::Credit(Utility::Water) => "Water credit".to_owned(),
        Book::Dues => "Bills and dues".to_owned(),
        Book::Debt => "Debt".to_owned(),
        Book::Deposit => "Security deposit".to_owned(),
    }
}

fn through(payment: &Payment) -> String {
    format!("{} {}", payment.ch, payment.rf)
}

fn of_month(what: &str, month: Month) -> String {
    format!("{what}, {month}")
}

/// What an event did to a book.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only events that post money come here"
)]
pub(super) fn what(event: &AccountEvent, book: Book, amount: Money) -> String {
    match event {
        AccountEvent::ConsumptionCharged(_) => "consumption".to_owned(),
        AccountEvent::CreditToppedUp(e) if book == Book::Debt => {
            format!("share of the top-up for the arrears, {}", through(&e.pay))
        }
        AccountEvent::CreditToppedUp(e) => format!("top-up, {}", through(&e.pay)),
        AccountEvent::TopUpVoided(e) => format!("top-up voided, {}", through(&e.pay)),
        AccountEvent::LegacyCreditEntered(_) => "credit of the older system".to_owned(),
        AccountEvent::CreditTransferred(e) if amount.is_negative() => {
            format!("taken for {}", e.to)
        }
        AccountEvent::CreditTransferred(e) => format!("from {} credit", e.from),
        AccountEvent::CreditMovedIn(_) => "credit of a closed account".to_owned(),
        AccountEvent::DebtAgreed(_) => "debt agreed".to_owned(),
        AccountEvent::DebtPaid(e) => format!("payment, {}", through(&e.pay)),
        AccountEvent::ArrearsMovedIn(_) => "arrears moved in".to_owned(),
        AccountEvent::ArrearsPaid(e) => format!("payment, {}", through(&e.pay)),
        AccountEvent::InitialCreditGranted(_) => "initial credit".to_owned(),
        AccountEvent::EmergencyCreditDrawn(_) => "emergency credit".to_owned(),
        AccountEvent::AccountClosed(_) => "account closed".to_owned(),
        AccountEvent::ConsumptionCorrected(_) => "correction by a late reading".to_owned(),
        AccountEvent::Billing(inner) => of_billing(inner, amount),
        _ => "correction".to_owned(),
    }
}

fn of_billing(event: &BillingEvent, amount: Money) -> String {
    match event {
        BillingEvent::ConsumerListed(_) => "brought along from the older system".to_owned(),
        BillingEvent::ConsumptionEstimated(e) if e.lock => of_month("door locked, estimate", e.b),
        BillingEvent::ConsumptionEstimated(e) => of_month("estimate without a reading", e.b),
        BillingEvent::EstimatesReversed(_) => "estimates taken back by a reading".to_owned(),
        BillingEvent::SurchargeCharged(e) => of_month("belated payment surcharge", e.b),
        BillingEvent::ObligatoryFeeCharged(_) => "fee for an early end".to_owned(),
        BillingEvent::MiscellaneousBilled(e) => format!("{}, {}", e.k.as_str(), e.doc),
        BillingEvent::BillAdjusted(e) => format!("adjustment, {}", e.doc),
        BillingEvent::BillRaised(e) => format!("rounding of bill {}", e.n),
        BillingEvent::BillPaid(e) if amount != -e.a => "rounding of the payment".to_owned(),
        BillingEvent::BillPaid(e) => format!("payment, {}", through(&e.pay)),
        BillingEvent::SecurityDepositPaid(e) => format!("deposit, {}", through(&e.pay)),
        BillingEvent::SecurityDepositUsed(_) => "deposit used for dues".to_owned(),
        BillingEvent::SecurityDepositReturned(e) => {
            format!("deposit returned, {}", through(&e.pay))
        }
        BillingEvent::CreditPaidOut(e) => format!("paid out, {}", through(&e.pay)),
        BillingEvent::ConnectionEnded(_) | BillingEvent::BillStopped(_) => "rounding".to_owned(),
        BillingEvent::MonthClosed(_)
        | BillingEvent::DisconnectionNoticeServed(_)
        | BillingEvent::ConsumerDisconnected(_)
        | BillingEvent::ConsumerReconnected(_)
        | BillingEvent::ConsumerReactivated(_)
        | BillingEvent::TemporaryConnectionExtended(_)
        | BillingEvent::QueryRaised(_)
        | BillingEvent::QueryAnswered(_) => "correction".to_owned(),
    }
}

/// The receipt of an event, where it has one.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events have no receipt"
)]
pub(super) fn receipt(event: &AccountEvent) -> Option<ReceiptNumber> {
    match event {
        AccountEvent::CreditToppedUp(e) => Some(e.rc.clone()),
        AccountEvent::TopUpVoided(e) => Some(e.rc.clone()),
        AccountEvent::DebtPaid(e) => Some(e.rc.clone()),
        AccountEvent::ArrearsPaid(e) => Some(e.rc.clone()),
        AccountEvent::Billing(BillingEvent::BillPaid(e)) => Some(e.rc.clone()),
        AccountEvent::Billing(BillingEvent::SecurityDepositPaid(e)) => Some(e.rc.clone()),
        _ => None,
    }
}
