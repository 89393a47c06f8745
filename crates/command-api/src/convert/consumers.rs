//! Questions about consumers and bills, and their answers as messages.

use ledger_core::account::{BillLine, BillPart, BillQuote};
use ledger_core::event::Listing;
use ledger_core::rejection::Rejection;
use ledger_core::status::Status;
use ledger_core::tariff::LineSource;
use ledger_core::time::Month;
use projections::queries::{
    BillLineView, BillView, ConsumerFilter, ConsumerView, PageOf, StatusCount,
};

use super::answers::{given, to_instant, to_utility};
use super::fields::Fields;
use super::questions::{months, page};
use crate::errors::{Malformed, No, refusal_of};
use crate::pb;

/// A question for consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumersQuestion {
    /// Which.
    pub filter: ConsumerFilter,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListConsumersRequest> for ConsumersQuestion {
    type Error = No;

    fn try_from(m: &pb::ListConsumersRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let set = set(&mut f, m.set);
        let filter = if m.status.is_empty() {
            set
        } else {
            status(&mut f, &m.status).map(ConsumerFilter::Status)
        };
        if !m.status.is_empty() && set.is_some_and(|set| set != ConsumerFilter::All) {
            let why = "give a set or a status, not both";
            f.note("status", Malformed::FieldOutOfRange, why);
        }
        let page = page(&mut f, m.page_size, &m.page_token);
        let question = filter.zip(page).map(|(filter, page)| Self { filter, page });
        f.finish(question)
    }
}

fn set(f: &mut Fields, number: i32) -> Option<ConsumerFilter> {
    use pb::ConsumerSet as S;
    match S::try_from(number) {
        Ok(S::Unspecified) => Some(ConsumerFilter::All),
        Ok(S::Belated) => Some(ConsumerFilter::Belated),
        Ok(S::Disconnected) => Some(ConsumerFilter::Disconnected),
        Ok(S::DueForReconnection) => Some(ConsumerFilter::DueForReconnection),
        Ok(S::Recovery) => Some(ConsumerFilter::Recovery),
        Ok(S::Owing) => Some(ConsumerFilter::Owing),
        Ok(S::Queried) => Some(ConsumerFilter::Queried),
        Err(_) => {
            let why = format!("there is no set {number}");
            f.note("set", Malformed::FieldOutOfRange, why);
            None
        }
    }
}

fn status(f: &mut Fields, code: &str) -> Option<Status> {
    let status = Status::parse(code);
    if status.is_none() {
        let codes: Vec<&str> = Status::ALL.iter().map(|status| status.code()).collect();
        let why = format!("it is one of {}", codes.join(", "));
        f.note("status", Malformed::FieldOutOfRange, why);
    }
    status
}

/// A question for counts by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountsQuestion {
    /// First month.
    pub from: Month,
    /// Last month.
    pub to: Month,
}

impl TryFrom<&pb::CountConsumersRequest> for CountsQuestion {
    type Error = No;

    fn try_from(m: &pb::CountConsumersRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let months = months(&mut f, &m.from_month, &m.to_month);
        f.finish(months.map(|(from, to)| Self { from, to }))
    }
}

impl From<StatusCount> for pb::StatusCount {
    fn from(count: StatusCount) -> Self {
        Self {
            month: count.month.to_string(),
            status: count.status.to_string(),
            consumers: count.count,
        }
    }
}

const fn listing(listing: Listing) -> &'static str {
    match listing {
        Listing::Billed => "billed",
        Listing::General => "general",
        Listing::Temporary => "temporary",
        Listing::Imported => "imported",
    }
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A consumer as a message.
#[must_use]
pub fn consumer_of(v: &ConsumerView) -> pb::Consumer {
    let open_items = v.open.iter().map(|due| pb::OpenItem {
        month: due.month.to_string(),
        kind: due.kind.as_str().to_owned(),
        left: due.left.to_string(),
    });
    pb::Consumer {
        account_id: v.account.to_string(),
        utility: to_utility(v.utility).into(),
        listing: listing(v.listing).to_owned(),
        status: text(v.status),
        status_text: v.status.map(Status::meaning).unwrap_or_default().to_owned(),
        status_since: Some(to_instant(v.since)),
        next_close: text(v.next_close),
        cut_by_close_of: text(v.cut_in),
        dues: v.dues.to_string(),
        deposit: v.deposit.to_string(),
        open_items: open_items.collect(),
        open_queries: v.queries,
        connected_on: v.connected_on.to_string(),
        oldest_due: text(v.oldest_due),
    }
}

impl From<BillLineView> for pb::BillLine {
    fn from(line: BillLineView) -> Self {
        Self {
            month: line.month.to_string(),
            kind: line.kind,
            text: line.name,
            units: text(line.units),
            price: String::new(),
            amount: line.amount.to_string(),
        }
    }
}

impl From<BillView> for pb::Bill {
    fn from(bill: BillView) -> Self {
        Self {
            kind: bill.kind,
            number: bill.number,
            month: bill.month.to_string(),
            at: Some(to_instant(bill.at)),
            due: text(bill.due),
            amount: bill.amount.to_string(),
            left: text(bill.left),
            receipt: text(bill.receipt),
            lines: bill.lines.into_iter().map(Into::into).collect(),
        }
    }
}

/// A bill as it would be, as a message.
#[must_use]
pub fn bill_quoted(quote: &BillQuote) -> pb::QuoteBillResponse {
    pb::QuoteBillResponse {
        account_id: quote.account.to_string(),
        utility: to_utility(quote.utility).into(),
        status: text(quote.status),
        units: text(quote.units),
        lines: quote.lines.iter().map(line).collect(),
        amount: quote.amount.to_string(),
        payable: quote.refusal.is_none(),
        refusal: quote.refusal.as_ref().map(not_now),
    }
}

/// Why a bill that is only shown could not be paid: nobody has handed over cash yet.
fn not_now(refusal: &Rejection) -> pb::Refusal {
    pb::Refusal {
        cash: "take no cash: the payment would be refused".to_owned(),
        ..refusal_of(refusal)
    }
}

fn line(line: &BillLine) -> pb::BillLine {
    let (text, units, price) = match &line.what {
        BillPart::Forward(kind) => (kind.as_str().to_owned(), String::new(), String::new()),
        BillPart::Charge(charge) => {
            let (units, price) = match &charge.source {
                LineSource::Energy {
                    quantity, price, ..
                }
                | LineSource::PassThrough {
                    quantity, price, ..
                } => (quantity.to_string(), price.to_string()),
                LineSource::Standing { .. }
                | LineSource::Percentage { .. }
                | LineSource::Minimum { .. } => (String::new(), String::new()),
            };
            (charge.source.to_string(), units, price)
        }
        BillPart::Credit
        | BillPart::EstimatesReversed
        | BillPart::Adjustment
        | BillPart::Rounding => (String::new(), String::new(), String::new()),
    };
    pb::BillLine {
        month: self::text(line.month),
        kind: line.what.as_str().to_owned(),
        text,
        units,
        price,
        amount: given(line.amount),
    }
}
