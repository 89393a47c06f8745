//! Who lives in the demonstration's town: households, their meters, their habits.

use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::num::Quantity;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;

/// A meter as it is installed at the beginning.
#[derive(Debug, Clone)]
pub(crate) struct MeterPlan {
    /// Utility.
    pub(crate) utility: Utility,
    /// Number.
    pub(crate) number: MeterNumber,
    /// When it is installed.
    pub(crate) installed_at: Timestamp,
    /// What it shows then.
    pub(crate) first_value: Quantity,
    /// Minutes between its readings.
    pub(crate) interval_min: u32,
}

/// A meter exchange in the course of the story.
#[derive(Debug, Clone)]
pub(crate) struct ExchangePlan {
    /// The old number.
    pub(crate) old: MeterNumber,
    /// The new number.
    pub(crate) new: MeterNumber,
    /// When.
    pub(crate) at: Timestamp,
    /// Final value of the old register.
    pub(crate) final_value: Quantity,
}

/// How a household pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Tops up in time.
    Careful,
    /// Lets the credit run out now and then, and pays when supply is off.
    Late,
    /// Forgets the first top-up.
    Forgetful,
}

/// A household with its account.
#[derive(Debug, Clone)]
pub(crate) struct Household {
    /// Its account.
    pub(crate) account: AccountId,
    /// Its meters.
    pub(crate) meters: Vec<MeterPlan>,
    /// How it pays.
    pub(crate) habit: Habit,
    /// Owes an old water bill: principal and instalment in whole dollars.
    pub(crate) debt: Option<(i64, i64)>,
}

/// The whole town and what happens in it besides readings and payments.
#[derive(Debug, Clone, Default)]
pub(crate) struct Town {
    /// Households, by account id.
    pub(crate) households: Vec<Household>,
    /// Meter exchanges, oldest first.
    pub(crate) exchanges: Vec<ExchangePlan>,
}

/// Every so many-th household lets its credit run out, and every so many-th forgets the first top-up.
const LATE_EVERY: usize = 6;
const FORGETFUL_EVERY: usize = 25;
/// Every so many-th household owes an old water bill.
const DEBT_EVERY: usize = 12;

/// The habit of the n-th household.
pub(crate) fn habit_of(n: usize) -> Habit {
    if n % FORGETFUL_EVERY == FORGETFUL_EVERY - 1 {
        Habit::Forgetful
    } else if n % LATE_EVERY == LATE_EVERY - 1 {
        Habit::Late
    } else {
        Habit::Careful
    }
}

/// The old debt of the n-th household.
pub(crate) fn debt_of(n: usize) -> Option<(i64, i64)> {
    (n % DEBT_EVERY == DEBT_EVERY / 2).then_some((60, 20))
}

/// An account id of the town.
pub(crate) fn account_id(prefix: &str, n: usize) -> AccountId {
    let id = AccountId::parse(&format!("{prefix}-{:05}", n + 1));
    assert!(id.is_ok(), "a prefix and a number make an account id");
    #[expect(clippy::unwrap_used, reason = "asserted above")]
    id.unwrap()
}

/// A meter number of the town.
pub(crate) fn meter_number(prefix: char, n: usize) -> MeterNumber {
    let number = MeterNumber::parse(&format!("{prefix}{:08}", n + 1));
    assert!(number.is_ok(), "a letter and digits make a meter number");
    #[expect(clippy::unwrap_used, reason = "asserted above")]
    number.unwrap()
}
