//! Refusals of postpaid accounts: bills, dues, statuses, queries (E, K).

use serde::{Deserialize, Serialize};

use super::{CashInHand, Entry};
use crate::num::{Money, Quantity};
use crate::status::Status;
use crate::time::{LocalDate, Month, Timestamp};

/// Why a command to a postpaid account was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BillingRefusal {
    /// A current bill is paid in its window only (E1).
    #[error(
        "a current bill is paid from day {first} to day {last} of the month; today is day {day}"
    )]
    OutsidePaymentWindow {
        /// First day.
        first: u32,
        /// Last day.
        last: u32,
        /// Local day of the payment.
        day: u32,
    },
    /// A current bill is made from a reading of the month (E1).
    #[error("the bill of {month} needs a reading of that month")]
    ReadingOfMonthMissing {
        /// Month that is paid.
        month: Month,
    },
    /// A current bill is paid in full (E1).
    #[error("the bill is {bill}, and is paid in full")]
    NotTheBill {
        /// What is to be paid.
        bill: Money,
    },
    /// More than what is owed (E1).
    #[error("only {left} is owed")]
    AboveDues {
        /// What is to be paid at most.
        left: Money,
    },
    /// Nothing can be paid in this status.
    #[error("nothing is owed")]
    NothingOwed,
    /// The table of statuses has no such edge.
    #[error("a consumer in status {status} is not {what}")]
    StatusForbids {
        /// Status now.
        status: Status,
        /// What was to be done: `disconnected`, `reconnected`, …
        what: String,
    },
    /// Permanently disconnected or de-listed: no way back, and nothing more is posted but payments (E8, E9).
    #[error("status {status} is final; only payments are taken")]
    StatusFinal {
        /// Status now.
        status: Status,
    },
    /// Dues stand against it (E7).
    #[error("{owed} is owed; it must be paid first")]
    DuesUnpaid {
        /// What is to be paid.
        owed: Money,
    },
    /// Supply is cut for dues after a day of the month (E5).
    #[error("not before {from}")]
    TooEarly {
        /// First day on which it may be done.
        from: LocalDate,
    },
    /// The deposit is another amount (E11).
    #[error("the deposit to be paid is {deposit}")]
    NotTheDeposit {
        /// What is to be paid.
        deposit: Money,
    },
    /// A payment came after the disconnection run began (K4).
    #[error("a payment was recorded at {paid_at}, after the run began")]
    PaidSinceRun {
        /// When.
        paid_at: Timestamp,
    },
    /// A self-reading is below the one before (K3).
    #[error("{value} is below the reading before, {base}; {}", opened(*query))]
    SelfReadingBelow {
        /// As read.
        value: Quantity,
        /// Reading before.
        base: Quantity,
        /// Number of the query; 0 where only asked, which opens none.
        query: u32,
    },
    /// A self-reading is implausibly high (K3).
    #[error("{units} a month is implausible after a mean of {mean}; {}", opened(*query))]
    SelfReadingHigh {
        /// Units of a month by this reading.
        units: Quantity,
        /// Mean of the months before.
        mean: Quantity,
        /// Number of the query; 0 where only asked, which opens none.
        query: u32,
    },
    /// No open query of this number (K6).
    #[error("there is no open query {query}")]
    NoSuchQuery {
        /// As named.
        query: u32,
    },
    /// Too many queries are open.
    #[error("{open} queries are open already; settle one first")]
    TooManyQueries {
        /// The limit.
        open: u32,
    },
}

/// What is said of a query; 0 is one that a quote does not open.
fn opened(query: u32) -> String {
    if query == 0 {
        "sent with a payment it opens a query".to_owned()
    } else {
        format!("query {query} is open on it")
    }
}

impl BillingRefusal {
    /// Its line of the catalogue.
    #[must_use]
    #[expect(
        clippy::too_many_lines,
        reason = "one line a refusal: the published table"
    )]
    pub(super) fn entry(&self) -> Entry {
        use CashInHand::{HandBack, Nothing};
        let (code, meaning, cash) = match self {
            Self::OutsidePaymentWindow { .. } => (
                "OUTSIDE_PAYMENT_WINDOW",
                "A current bill is paid on the stated days of the month only.",
                HandBack,
            ),
            Self::ReadingOfMonthMissing { .. } => (
                "READING_OF_MONTH_MISSING",
                "The bill needs a reading of the month that is paid.",
                HandBack,
            ),
            Self::NotTheBill { .. } => (
                "NOT_THE_BILL",
                "A current bill is paid in full; the amount is in the message.",
                HandBack,
            ),
            Self::AboveDues { .. } => ("ABOVE_DUES", "The payment is more than is owed.", HandBack),
            Self::NothingOwed => (
                "NOTHING_OWED",
                "Nothing is owed, so nothing is taken.",
                HandBack,
            ),
            Self::StatusForbids { .. } => (
                "STATUS_FORBIDS",
                "The consumer's status does not allow it.",
                HandBack,
            ),
            Self::StatusFinal { .. } => (
                "STATUS_FINAL",
                "The consumer is permanently disconnected or de-listed; only payments are taken.",
                Nothing,
            ),
            Self::DuesUnpaid { .. } => ("DUES_UNPAID", "Dues must be paid first.", Nothing),
            Self::TooEarly { .. } => ("TOO_EARLY", "The day for it has not come.", Nothing),
            Self::NotTheDeposit { .. } => (
                "NOT_THE_DEPOSIT",
                "The security deposit is another amount; it is in the message.",
                HandBack,
            ),
            Self::PaidSinceRun { .. } => (
                "PAID_SINCE_RUN",
                "The customer paid after the disconnection run began and is not cut off.",
                Nothing,
            ),
            Self::SelfReadingBelow { .. } => (
                "SELF_READING_BELOW",
                "A self-reading is below the one before; a query is open on it.",
                Nothing,
            ),
            Self::SelfReadingHigh { .. } => (
                "SELF_READING_HIGH",
                "A self-reading is implausibly high; a query is open on it.",
                Nothing,
            ),
            Self::NoSuchQuery { .. } => (
                "NO_SUCH_QUERY",
                "There is no open query of this number.",
                Nothing,
            ),
            Self::TooManyQueries { .. } => (
                "TOO_MANY_QUERIES",
                "Too many queries of the account are open.",
                Nothing,
            ),
        };
        Entry {
            code,
            meaning,
            retry_is_safe: true,
            cash,
        }
    }

    /// Every refusal once, with values that stand for any: the order of the catalogue.
    #[must_use]
    pub fn catalogue() -> Vec<Self> {
        let (none, money, units) = (String::new, Money::ZERO, Quantity::ZERO);
        let (query, status) = (1, Status::Live);
        vec![
            Self::OutsidePaymentWindow {
                first: 1,
                last: 1,
                day: 1,
            },
            Self::ReadingOfMonthMissing { month: Month::MIN },
            Self::NotTheBill { bill: money },
            Self::AboveDues { left: money },
            Self::NothingOwed,
            Self::StatusForbids {
                status,
                what: none(),
            },
            Self::StatusFinal { status },
            Self::DuesUnpaid { owed: money },
            Self::TooEarly {
                from: LocalDate::MIN,
            },
            Self::NotTheDeposit { deposit: money },
            Self::PaidSinceRun {
                paid_at: Timestamp::MIN,
            },
            Self::SelfReadingBelow {
                value: units,
                base: units,
                query,
            },
            Self::SelfReadingHigh {
                units,
                mean: units,
                query,
            },
            Self::NoSuchQuery { query },
            Self::TooManyQueries { open: 1 },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rejection::Rejection;

    #[test]
    fn c4_a_refusal_is_stored_by_its_code_and_read_back() {
        for refusal in BillingRefusal::catalogue() {
            let refusal = Rejection::from(refusal);
            let json = serde_json::to_string(&refusal).unwrap();
            let code = format!("\"code\":\"{}\"", refusal.code());
            assert!(json.contains(&code), "{json}");
            assert_eq!(serde_json::from_str::<Rejection>(&json).unwrap(), refusal);
        }
    }

    #[test]
    fn c4_a_code_that_is_unknown_is_not_taken_for_another() {
        assert!(serde_json::from_str::<Rejection>(r#"{"code":"NEVER_HEARD"}"#).is_err());
    }
}
