//! What a postpaid scheme decides: when bills are made and paid, and the consumer's status.
//!
//! Owns `[billing]`, which only postpaid schemes have. Deliberately absent: prices, which are tariffs,
//! and the edges of the status machine, which are one table for all ([`crate::status`]).

use serde::{Deserialize, Deserializer, de};

use crate::num::{Factor, Money, Quantity};
use crate::usage::MONTHS_KEPT;

/// The longest time to pay, in days: more is a mistake of units.
const DUE_DAYS_MAX: u32 = 366;
/// The longest obligation of a connection, in years.
const OBLIGATION_YEARS_MAX: u32 = 30;

/// Postpaid billing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillingPolicy {
    /// When the bill is made (C3, E1, K2).
    pub made: BillMade,
    /// Whether more than the dues may be paid (E1, K2).
    pub overpayment: Overpayment,
    /// Of how many months a mean is taken, 1 to 12 (E3, K3).
    #[serde(deserialize_with = "mean_months")]
    pub mean_months: u32,
    /// Days after the bill within which it is paid in time; given when it is made at the reading.
    #[serde(default, deserialize_with = "due_days")]
    pub due_days: Option<u32>,
    /// Whether supply that was cut for dues returns by itself when they are paid (K8).
    pub reconnects_when_paid: bool,
    /// When a self-reading is refused (K3); none, by plausibility only.
    pub self_reading: Option<SelfReadingPolicy>,
    /// The consumer's status and its months (E); none where there is no such machine.
    pub status: Option<StatusPolicy>,
}

/// When a bill is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillMade {
    /// By the reading, at once (K2).
    AtReading,
    /// By the payment (E1).
    AtPayment,
}

/// What becomes of money beyond the dues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overpayment {
    /// It is credit for the next bill (K2).
    Credit,
    /// It is refused (E1).
    Refused,
}

/// When a self-reading is implausibly high: above both (K3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfReadingPolicy {
    /// So many times the mean of the months before.
    #[serde(deserialize_with = "super::file::factor_from_one")]
    pub mean_factor: Factor,
    /// So many units.
    #[serde(deserialize_with = "super::file::positive_quantity")]
    pub units: Quantity,
}

/// The consumer's status: days of the month, surcharge, fee and deposit (E1–E11).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusPolicy {
    /// First local day of a month on which a current bill is paid (E1).
    #[serde(deserialize_with = "day")]
    pub payment_from_day: u32,
    /// Last local day of a month on which a current bill is paid (E1).
    #[serde(deserialize_with = "day")]
    pub payment_to_day: u32,
    /// Day of the next month by which the disconnection notice is served (E3).
    #[serde(deserialize_with = "day")]
    pub notice_by_day: u32,
    /// Last day of the next month on which a belated bill is paid before the JE may cut (E3, E5).
    #[serde(deserialize_with = "day")]
    pub belated_to_day: u32,
    /// Surcharge on the newest consumption charge, a share of it (E3, E6).
    pub surcharge: Factor,
    /// Classes of government consumers (E13).
    pub government_classes: Vec<String>,
    /// Fee of a connection that ends early (E10).
    pub obligatory_fee: Money,
    /// Years of a connection's obligation (E10).
    #[serde(deserialize_with = "obligation_years")]
    pub obligation_years: u32,
    /// Security deposit of a general connection (E11, E14).
    pub deposit: Money,
    /// Whether the sources state fee and deposit; otherwise others stand in for them.
    pub verified: bool,
}

impl StatusPolicy {
    /// Whether a class is of the government (E13).
    #[must_use]
    pub fn is_government(&self, class: &str) -> bool {
        self.government_classes.iter().any(|known| known == class)
    }

    /// Months of a connection's obligation.
    #[must_use]
    pub fn obligation_months(&self) -> i32 {
        i32::try_from(self.obligation_years * 12).unwrap_or(i32::MAX)
    }
}

fn within<'de, D: Deserializer<'de>>(
    deserializer: D,
    most: u32,
    what: &str,
) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if (1..=most).contains(&number) {
        Ok(number)
    } else {
        Err(de::Error::custom(format!("1 to {most} {what}")))
    }
}

fn mean_months<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let most = u32::try_from(MONTHS_KEPT - 1).unwrap_or(1);
    within(deserializer, most, "months")
}

fn due_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    within(deserializer, DUE_DAYS_MAX, "days").map(Some)
}

/// A day that every month has.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(deserializer, 28, "(a day that every month has)")
}

fn obligation_years<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(deserializer, OBLIGATION_YEARS_MAX, "years")
}
