//! Messages that ask to read something, as questions to the read models.

use ledger_core::ids::{AccountId, ChannelId, MeterNumber, ReceiptNumber};
use ledger_core::time::{LocalDate, Month};

use projections::queries::{
    Book, ExceptionFilter, ExceptionKind, PAGE_MAX, PageOf, ReceiptFilter, StatementRange,
    SuspenseState,
};

use super::fields::Fields;
use crate::errors::{Malformed, No};
use crate::pb;

/// Items of a page when the question does not say.
const PAGE_DEFAULT: u32 = 100;
/// Most months of one question, as many as the days of one: ten years.
const MONTHS_MAX: i32 = 120;

/// An account by its id or by a meter it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Account(AccountId),
    /// By a meter.
    Meter(MeterNumber),
}

impl TryFrom<Option<&pb::AccountOrMeter>> for Named {
    type Error = No;

    fn try_from(name: Option<&pb::AccountOrMeter>) -> Result<Self, No> {
        use pb::account_or_meter::By;
        let mut f = Fields::new();
        let by = f.part("account", name.and_then(|name| name.by.as_ref()));
        let named = by.and_then(|by| match by {
            By::AccountId(id) => f.account("account.account_id", id).map(Self::Account),
            By::Meter(meter) => f.meter("account.meter", meter).map(Self::Meter),
        });
        f.finish(named)
    }
}

/// Reads a page's size and cursor.
pub(super) fn page(f: &mut Fields, size: u32, token: &str) -> Option<PageOf> {
    let limit = if size == 0 {
        Some(PAGE_DEFAULT)
    } else {
        f.within("page_size", size, 1..=PAGE_MAX)
    };
    if token.is_empty() {
        return limit.map(PageOf::first);
    }
    let after = token
        .strip_prefix('c')
        .and_then(|digits| digits.parse::<i64>().ok())
        .filter(|after| *after >= 0);
    if after.is_none() {
        f.note(
            "page_token",
            Malformed::FieldMalformed,
            "it is not a `next_page_token` of this ledger",
        );
    }
    Some(PageOf {
        after: Some(after?),
        limit: limit?,
    })
}

/// A question that has nothing but a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageQuestion(pub PageOf);

impl TryFrom<(u32, &str)> for PageQuestion {
    type Error = No;

    fn try_from((size, token): (u32, &str)) -> Result<Self, No> {
        let mut f = Fields::new();
        let page = page(&mut f, size, token);
        f.finish(page.map(Self))
    }
}

/// A page's cursor as a token.
#[must_use]
pub fn to_page_token(next: Option<i64>) -> String {
    next.map(|after| format!("c{after}")).unwrap_or_default()
}

/// A question for a statement, but for whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementQuestion {
    /// Which lines.
    pub range: StatementRange,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::GetStatementRequest> for StatementQuestion {
    type Error = No;

    fn try_from(m: &pb::GetStatementRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let book = match pb::Book::try_from(m.book) {
            Ok(pb::Book::Unspecified) => None,
            Ok(pb::Book::Electricity) => Some(Book::Electricity),
            Ok(pb::Book::Water) => Some(Book::Water),
            Ok(pb::Book::Debt) => Some(Book::Debt),
            Ok(pb::Book::Bills) => Some(Book::Bills),
            Err(_) => {
                f.note(
                    "book",
                    Malformed::FieldOutOfRange,
                    format!("there is no book {}", m.book),
                );
                None
            }
        };
        let from = m.from.and_then(|from| f.instant("from", Some(from)));
        let to = m.to.and_then(|to| f.instant("to", Some(to)));
        let page = page(&mut f, m.page_size, &m.page_token);
        let question = page.map(|page| Self {
            range: StatementRange { book, from, to },
            page,
        });
        f.finish(question)
    }
}

/// A question for receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptsQuestion {
    /// Whose.
    pub filter: ReceiptFilter,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListReceiptsRequest> for ReceiptsQuestion {
    type Error = No;

    fn try_from(m: &pb::ListReceiptsRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let filter = ReceiptFilter {
            account: if_given(&m.account_id, |text| f.account("account_id", text)),
            channel: if_given(&m.channel, |text| f.channel("channel", text)),
            reference: if_given(&m.reference, |text| f.reference("reference", text)),
            meter: if_given(&m.meter, |text| f.meter("meter", text)),
            receipt: if_given(&m.number, |text| {
                f.name("number", text, ReceiptNumber::parse)
            }),
        };
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self { filter, page }))
    }
}

/// A question for money in suspense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspenseQuestion {
    /// Of one channel.
    pub channel: Option<ChannelId>,
    /// In one state.
    pub state: Option<SuspenseState>,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListSuspenseRequest> for SuspenseQuestion {
    type Error = No;

    fn try_from(m: &pb::ListSuspenseRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let channel = if_given(&m.channel, |text| f.channel("channel", text));
        let state = match pb::SuspenseState::try_from(m.state) {
            Ok(pb::SuspenseState::Unspecified) => None,
            Ok(pb::SuspenseState::Waiting) => Some(SuspenseState::Waiting),
            Ok(pb::SuspenseState::Allocated) => Some(SuspenseState::Allocated),
            Ok(pb::SuspenseState::Returned) => Some(SuspenseState::Returned),
            Err(_) => {
                f.note(
                    "state",
                    Malformed::FieldOutOfRange,
                    format!("there is no state {}", m.state),
                );
                None
            }
        };
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self {
            channel,
            state,
            page,
        }))
    }
}

/// A question for a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementQuestion {
    /// Whose; the caller's own when absent.
    pub channel: Option<ChannelId>,
    /// Local day.
    pub day: LocalDate,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::GetSettlementRequest> for SettlementQuestion {
    type Error = No;

    fn try_from(m: &pb::GetSettlementRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let channel = if_given(&m.channel, |text| f.channel("channel", text));
        let day = f.date("date", &m.date);
        let page = page(&mut f, m.page_size, &m.page_token);
        let question = (|| {
            Some(Self {
                channel,
                day: day?,
                page: page?,
            })
        })();
        f.finish(question)
    }
}

/// A question for exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionsQuestion {
    /// Which.
    pub filter: ExceptionFilter,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListExceptionsRequest> for ExceptionsQuestion {
    type Error = No;

    fn try_from(m: &pb::ListExceptionsRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let kind = ExceptionKind::parse(&m.kind);
        if kind.is_none() && !m.kind.is_empty() {
            let known: Vec<&str> = ExceptionKind::ALL
                .into_iter()
                .map(ExceptionKind::code)
                .collect();
            f.note(
                "kind",
                Malformed::FieldOutOfRange,
                format!("it is one of {}", known.join(", ")),
            );
        }
        let filter = ExceptionFilter {
            account: if_given(&m.account_id, |text| f.account("account_id", text)),
            meter: if_given(&m.meter, |text| f.meter("meter", text)),
            kind,
            open_only: m.open_only,
        };
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self { filter, page }))
    }
}

/// A question for unconfirmed orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrdersQuestion {
    /// Only those that have lapsed.
    pub lapsed_only: bool,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListUnconfirmedOrdersRequest> for OrdersQuestion {
    type Error = No;

    fn try_from(m: &pb::ListUnconfirmedOrdersRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self {
            lapsed_only: m.lapsed_only,
            page,
        }))
    }
}

/// Days of a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaysQuestion {
    /// The meter.
    pub meter: MeterNumber,
    /// First day.
    pub from: LocalDate,
    /// Last day.
    pub to: LocalDate,
}

impl TryFrom<&pb::GetDailyConsumptionRequest> for DaysQuestion {
    type Error = No;

    fn try_from(m: &pb::GetDailyConsumptionRequest) -> Result<Self, No> {
        days(&m.meter, &m.from_date, &m.to_date)
    }
}

impl TryFrom<&pb::GetCompletenessRequest> for DaysQuestion {
    type Error = No;

    fn try_from(m: &pb::GetCompletenessRequest) -> Result<Self, No> {
        days(&m.meter, &m.from_date, &m.to_date)
    }
}

fn days(meter: &str, from: &str, to: &str) -> Result<DaysQuestion, No> {
    let mut f = Fields::new();
    let meter = f.meter("meter", meter);
    let from = f.date("from_date", from);
    let to = f.date("to_date", to);
    let question = (|| {
        Some(DaysQuestion {
            meter: meter?,
            from: from?,
            to: to?,
        })
    })();
    f.finish(question)
}

/// Months of a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthsQuestion {
    /// The meter.
    pub meter: MeterNumber,
    /// First month.
    pub from: Month,
    /// Last month.
    pub to: Month,
}

impl TryFrom<&pb::GetMonthlyConsumptionRequest> for MonthsQuestion {
    type Error = No;

    fn try_from(m: &pb::GetMonthlyConsumptionRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let meter = f.meter("meter", &m.meter);
        let months = months(&mut f, &m.from_month, &m.to_month);
        let question = (|| {
            let (from, to) = months?;
            Some(Self {
                meter: meter?,
                from,
                to,
            })
        })();
        f.finish(question)
    }
}

/// The first and the last month of a question.
pub(super) fn months(f: &mut Fields, from: &str, to: &str) -> Option<(Month, Month)> {
    let (from, to) = (f.month("from_month", from), f.month("to_month", to));
    let months = from.zip(to).map(|(from, to)| to.months_since(from));
    if months.is_some_and(|months| months < 0) {
        let why = "it lies before from_month";
        f.note("to_month", Malformed::FieldOutOfRange, why);
    }
    if months.is_some_and(|months| months >= MONTHS_MAX) {
        let why = format!("at most {MONTHS_MAX} months at once");
        f.note("to_month", Malformed::FieldOutOfRange, why);
    }
    from.zip(to)
}

/// A question about a meter number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterQuestion {
    /// The number.
    pub meter: MeterNumber,
}

impl TryFrom<&pb::ListMeterHoldersRequest> for MeterQuestion {
    type Error = No;

    fn try_from(m: &pb::ListMeterHoldersRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let meter = f.meter("meter", &m.meter);
        f.finish(meter.map(|meter| Self { meter }))
    }
}

pub(super) fn if_given<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    if text.is_empty() { None } else { read(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let mut m = pb::ListReceiptsRequest {
            page_size: 7,
            page_token: to_page_token(Some(41)),
            ..Default::default()
        };
        let question = ReceiptsQuestion::try_from(&m).unwrap();
        assert_eq!(
            question.page,
            PageOf {
                after: Some(41),
                limit: 7
            }
        );
        m.page_token = "41".to_owned();
        m.page_size = PAGE_MAX + 1;
        let No::Malformed(wrong) = ReceiptsQuestion::try_from(&m).unwrap_err() else {
            panic!()
        };
        let fields: Vec<&str> = wrong.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["page_size", "page_token"]);
    }

    #[test]
    fn an_account_is_named_by_exactly_one_name() {
        assert!(Named::try_from(None).is_err());
        assert!(Named::try_from(Some(&pb::AccountOrMeter { by: None })).is_err());
        let by = Some(pb::account_or_meter::By::Meter("E1".to_owned()));
        let named = Named::try_from(Some(&pb::AccountOrMeter { by })).unwrap();
        assert_eq!(named, Named::Meter(MeterNumber::parse("E1").unwrap()));
    }
}
