//! What a scheme decides about credit that is taken over from an older system (U10, U11): small and large
//! balances, the term of each, who may choose a refund.
//!
//! Owns `[legacy.<utility>]`. Deliberately absent: the rate at which units become money, which the
//! entering officer states.

use serde::Deserialize;

use super::calendar::Calendar;
use crate::num::{Money, Quantity};
use crate::time::{LocalDate, Millis, Timestamp, Zone};
use crate::utility::Utility;

/// Days of a week.
const WEEK_DAYS: i32 = 7;

/// A balance of an older system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, Deserialize)]
pub enum LegacyBalance {
    /// In units: kWh or m³.
    Units(Quantity),
    /// In money.
    Amount(Money),
}

/// In what time it must be credited or refunded: the latest of what is given, counted from the local day
/// of the registration, which itself is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyTerm {
    /// Working days of the calendar.
    pub working_days: Option<u32>,
    /// Elapsed hours.
    pub hours: Option<u32>,
    /// Weeks of seven days.
    pub weeks: Option<u32>,
    /// Calendar months.
    pub months: Option<u32>,
}

impl LegacyTerm {
    /// The last local date of the term of something registered at an instant. Overdue from the day after.
    #[must_use]
    pub fn due(&self, registered: Timestamp, zone: &Zone, calendar: &Calendar) -> LocalDate {
        let today = zone.date_of(registered);
        let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let ends = [
            self.working_days
                .map(|days| calendar.plus_working_days(today, days)),
            self.hours
                .map(|hours| zone.date_of(registered + Millis::hours(i64::from(hours)))),
            self.weeks
                .map(|weeks| today.plus_days(whole(weeks).saturating_mul(WEEK_DAYS))),
            self.months.map(|months| today.plus_months(whole(months))),
        ];
        ends.into_iter().flatten().max().unwrap_or(today)
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        let parts = [self.working_days, self.hours, self.weeks, self.months];
        if parts.iter().all(Option::is_none) {
            return Some("at least one of working_days, hours, weeks and months");
        }
        // Ten years of days or hours; more is a mistake of units.
        let small = |number: &u32| (1..=87_600).contains(number);
        let fits = parts.iter().flatten().all(small);
        (!fits).then_some("each is 1 to 87600")
    }
}

/// Credit of one utility's older system.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyPolicy {
    /// Balances are in units, and large from this on. Exactly one of this and `large_above_amount`.
    pub large_from_units: Option<Quantity>,
    /// Balances are in money, and large above this.
    pub large_above_amount: Option<Money>,
    /// The term of a small balance.
    pub small_term: LegacyTerm,
    /// The term of a large one.
    pub large_term: LegacyTerm,
    /// Whether a photograph of the old meter must be on file.
    pub photo_required: bool,
    /// Customer classes that may choose to have a large balance refunded.
    pub refundable_classes: Vec<String>,
}

impl LegacyPolicy {
    /// Whether balances are in units; in money otherwise.
    #[must_use]
    pub const fn in_units(&self) -> bool {
        self.large_from_units.is_some()
    }

    /// Whether a balance is large; one in the other measure is not.
    #[must_use]
    pub fn is_large(&self, balance: LegacyBalance) -> bool {
        match balance {
            LegacyBalance::Units(units) => self.large_from_units.is_some_and(|from| units >= from),
            LegacyBalance::Amount(amount) => {
                self.large_above_amount.is_some_and(|above| amount > above)
            }
        }
    }

    /// The term of a balance.
    #[must_use]
    pub fn term(&self, balance: LegacyBalance) -> &LegacyTerm {
        if self.is_large(balance) {
            &self.large_term
        } else {
            &self.small_term
        }
    }

    /// Whether a customer of this class may choose to have the balance refunded.
    #[must_use]
    pub fn may_be_refunded(&self, class: &str, balance: LegacyBalance) -> bool {
        self.is_large(balance) && self.refundable_classes.iter().any(|known| known == class)
    }
}

/// `[legacy]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegacyPolicies {
    /// Of electricity.
    pub electricity: Option<LegacyPolicy>,
    /// Of water.
    pub water: Option<LegacyPolicy>,
}

impl LegacyPolicies {
    /// The policy of a utility; none when the scheme takes over no credit of it.
    #[must_use]
    pub const fn of(&self, utility: Utility) -> Option<&LegacyPolicy> {
        match utility {
            Utility::Electricity => self.electricity.as_ref(),
            Utility::Water => self.water.as_ref(),
        }
    }
}
