//! What is told of bills, dues and statuses: receipts, bills, notices, queries (C18, E3, K2, K6).

use ledger_core::event::{BillPaid, BillRaised, BillingEvent, DisconnectionNoticeServed, Payment};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Month};
use ledger_core::utility::Utility;
use serde::Serialize;

use super::messages::{Outgoing, Receipt, Speaker};

#[derive(Serialize)]
struct Bill {
    bill: u32,
    month: Month,
    amount: Money,
    due: LocalDate,
}

#[derive(Serialize)]
struct Notice {
    month: Month,
    amount: Money,
    due: LocalDate,
}

#[derive(Serialize)]
struct Query {
    query: u32,
    settled: bool,
}

#[derive(Serialize)]
struct Connection {
    month: Month,
}

/// The notification of a fact of a postpaid account, where there is one.
pub(super) fn say(speaker: &Speaker<'_>, event: &BillingEvent) -> Option<Outgoing> {
    match event {
        BillingEvent::BillPaid(e) => speaker.notify("receipt", bill_receipt(e)),
        BillingEvent::SecurityDepositPaid(e) => {
            let receipt = receipt("deposit", (e.u, e.a), e.rc.as_str(), &e.pay);
            speaker.notify("receipt", receipt)
        }
        BillingEvent::BillRaised(e) => speaker.notify("bill", bill(e)),
        BillingEvent::DisconnectionNoticeServed(e) => {
            speaker.notify("disconnection-notice", notice(e))
        }
        BillingEvent::QueryRaised(e) => {
            let (query, settled) = (e.n, false);
            speaker.notify("query-raised", Query { query, settled })
        }
        BillingEvent::QueryAnswered(e) => {
            let (query, settled) = (e.n, e.done);
            speaker.notify("query-answered", Query { query, settled })
        }
        BillingEvent::ConnectionEnded(e) => {
            speaker.notify("connection-ended", Connection { month: e.b })
        }
        BillingEvent::ConsumerListed(_)
        | BillingEvent::ConsumptionEstimated(_)
        | BillingEvent::EstimatesReversed(_)
        | BillingEvent::SurchargeCharged(_)
        | BillingEvent::ObligatoryFeeCharged(_)
        | BillingEvent::MiscellaneousBilled(_)
        | BillingEvent::BillAdjusted(_)
        | BillingEvent::SecurityDepositUsed(_)
        | BillingEvent::SecurityDepositReturned(_)
        | BillingEvent::CreditPaidOut(_)
        | BillingEvent::MonthClosed(_)
        | BillingEvent::ConsumerDisconnected(_)
        | BillingEvent::ConsumerReconnected(_)
        | BillingEvent::BillStopped(_)
        | BillingEvent::ConsumerReactivated(_)
        | BillingEvent::TemporaryConnectionExtended(_) => None,
    }
}

fn bill_receipt(e: &BillPaid) -> Receipt<'_> {
    receipt("bill", (e.u, e.a), e.rc.as_str(), &e.pay)
}

fn receipt<'a>(
    purpose: &'static str,
    (utility, amount): (Utility, Money),
    number: &'a str,
    pay: &'a Payment,
) -> Receipt<'a> {
    Receipt::of(purpose, (utility, None), amount, number, pay)
}

const fn bill(e: &BillRaised) -> Bill {
    Bill {
        bill: e.n,
        month: e.b,
        amount: e.a,
        due: e.due,
    }
}

const fn notice(e: &DisconnectionNoticeServed) -> Notice {
    Notice {
        month: e.b,
        amount: e.a,
        due: e.due,
    }
}
