//! The debt agreement of an account: what is left, what is due, for how long (U12–U15).
//!
//! Pure arithmetic over months; no event falls when a month begins, since what is due follows from the
//! month alone. *Debt balance* is what is left. *Due* is what must be paid before a top-up. *Debt
//! period* counts the months from the start month to the month in which it will be cleared, inclusively.

use serde::{Deserialize, Serialize};

use crate::num::Money;
use crate::time::Month;
use crate::utility::Utility;

/// A debt agreement in force or cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebtPlan {
    /// Utility whose department is owed.
    pub utility: Utility,
    /// Original principal.
    pub principal: Money,
    /// Monthly instalment now.
    pub instalment: Money,
    /// First month of the original agreement: the debt period counts from it, also after a reschedule.
    pub start: Month,
    /// First month in which the present plan makes something due.
    plan_start: Month,
    balance: Money,
    /// What was due at the end of the last act, counted up to `counted_to`.
    due: Money,
    /// Newest month whose instalment is in `due`; `None` before the plan's first.
    counted_to: Option<Month>,
    /// Debt period when it was cleared.
    cleared_period: Option<u32>,
}

impl DebtPlan {
    /// A new agreement (U12).
    #[must_use]
    pub fn agreed(utility: Utility, principal: Money, instalment: Money, start: Month) -> Self {
        assert!(principal.is_positive(), "a debt has a principal");
        assert!(
            instalment.is_positive() && instalment <= principal,
            "an instalment is at most the principal"
        );
        Self {
            utility,
            principal,
            instalment,
            start,
            plan_start: start,
            balance: principal,
            due: Money::ZERO,
            counted_to: None,
            cleared_period: None,
        }
    }

    /// What is left (*debt balance*).
    #[must_use]
    pub fn balance(&self) -> Money {
        self.balance
    }

    /// Whether something is left.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.balance.is_positive()
    }

    /// First month of the present plan.
    #[must_use]
    pub fn plan_start(&self) -> Month {
        self.plan_start
    }

    /// What is due in `month`: unpaid instalments are carried, never more than the balance (U14).
    #[must_use]
    pub fn due(&self, month: Month) -> Money {
        let first = self.counted_to.map_or(self.plan_start, Month::next);
        let mut due = self.due;
        let mut at = first;
        while at <= month && due < self.balance {
            due += self.instalment;
            at = at.next();
        }
        due.min(self.balance)
    }

    /// Months left at the present instalment, rounded up.
    #[must_use]
    pub fn months_left(&self) -> u32 {
        self.balance.parts_of(self.instalment)
    }

    /// Debt period as seen in `month` (U12, decided).
    #[must_use]
    pub fn period(&self, month: Month) -> u32 {
        if let Some(period) = self.cleared_period {
            return period;
        }
        if month < self.start {
            return self.months_left();
        }
        let paid_up = u32::from(self.due(month).is_zero());
        months(self.start, month) + self.months_left() + paid_up
    }

    /// A payment in `month`: lowers the balance, and what is due as far as it goes (U14).
    pub fn pay(&mut self, amount: Money, month: Month) {
        assert!(
            amount <= self.balance,
            "a payment is never more than the debt that is left"
        );
        self.count_to(month);
        self.balance -= amount;
        self.due = (self.due - amount).max(Money::ZERO).min(self.balance);
        if !self.is_open() {
            self.cleared_period = Some(if month < self.start {
                0
            } else {
                months(self.start, month) + 1
            });
        }
    }

    /// A new plan from `start` (U15): what is due is folded into the balance.
    pub fn reschedule(&mut self, instalment: Money, start: Month) {
        assert!(
            instalment.is_positive() && instalment <= self.balance,
            "an instalment is at most what is left"
        );
        self.instalment = instalment;
        self.plan_start = start;
        self.due = Money::ZERO;
        self.counted_to = None;
    }

    fn count_to(&mut self, month: Month) {
        if month < self.plan_start {
            return;
        }
        self.due = self.due(month);
        self.counted_to = Some(self.counted_to.map_or(month, |m| m.max(month)));
    }
}

/// Months from `from` to `to`, which is not before it.
fn months(from: Month, to: Month) -> u32 {
    u32::try_from(to.months_since(from)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bnd(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    fn plan() -> DebtPlan {
        DebtPlan::agreed(Utility::Water, bnd("100"), bnd("25"), month("2026-01"))
    }

    #[test]
    fn u12_months_left_is_balance_over_instalment_rounded_up() {
        let mut plan = DebtPlan::agreed(Utility::Water, bnd("100"), bnd("30"), month("2026-01"));
        assert_eq!(plan.months_left(), 4);
        plan.pay(bnd("10"), month("2026-01"));
        assert_eq!(plan.months_left(), 3);
    }

    #[test]
    fn u12_the_debt_period_grows_by_one_with_a_missed_month() {
        let plan = plan();
        assert_eq!(plan.period(month("2026-01")), 4);
        assert_eq!(plan.period(month("2026-02")), 5);
        assert_eq!(plan.period(month("2026-03")), 6);
    }

    #[test]
    fn u12_the_debt_period_stays_while_every_month_is_paid() {
        let mut plan = plan();
        for (at, left) in [("2026-01", 3), ("2026-02", 2), ("2026-03", 1)] {
            plan.pay(bnd("25"), month(at));
            assert_eq!((plan.months_left(), plan.period(month(at))), (left, 4));
        }
        plan.pay(bnd("25"), month("2026-04"));
        assert_eq!(
            (plan.balance(), plan.period(month("2026-12"))),
            (Money::ZERO, 4)
        );
    }

    #[test]
    fn u12_the_debt_period_shrinks_with_each_instalments_worth_paid_beyond() {
        let mut plan = plan();
        plan.pay(bnd("75"), month("2026-01"));
        assert_eq!((plan.months_left(), plan.period(month("2026-01"))), (1, 2));
    }

    #[test]
    fn u12_before_the_start_month_the_debt_period_is_the_months_left() {
        assert_eq!(plan().period(month("2025-11")), 4);
    }

    #[test]
    fn u12_the_last_instalment_is_what_is_left() {
        let mut plan = DebtPlan::agreed(Utility::Water, bnd("100"), bnd("60"), month("2026-01"));
        plan.pay(bnd("60"), month("2026-01"));
        assert_eq!(plan.due(month("2026-02")), bnd("40"));
    }

    #[test]
    fn u13_part_payments_count_until_the_due_is_covered() {
        let mut plan = plan();
        plan.pay(bnd("10"), month("2026-01"));
        assert_eq!(plan.due(month("2026-01")), bnd("15"));
        plan.pay(bnd("15"), month("2026-01"));
        assert_eq!(plan.due(month("2026-01")), Money::ZERO);
    }

    #[test]
    fn u14_an_unpaid_instalment_is_carried_but_never_beyond_the_balance() {
        let plan = plan();
        let dues = [
            "2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2027-05",
        ]
        .map(|m| plan.due(month(m)));
        assert_eq!(dues, ["25", "50", "75", "100", "100", "100"].map(bnd));
    }

    #[test]
    fn u14_paying_beyond_the_due_does_not_count_as_next_months_instalment() {
        let mut plan = plan();
        plan.pay(bnd("40"), month("2026-01"));
        assert_eq!(plan.due(month("2026-01")), Money::ZERO);
        assert_eq!(plan.due(month("2026-02")), bnd("25"));
    }

    #[test]
    fn u14_a_payment_before_the_start_lowers_the_balance_only() {
        let mut plan = plan();
        plan.pay(bnd("30"), month("2025-12"));
        assert_eq!(
            (plan.balance(), plan.due(month("2026-01"))),
            (bnd("70"), bnd("25"))
        );
    }

    #[test]
    fn u15_a_reschedule_folds_what_was_overdue_and_starts_anew() {
        let mut plan = plan();
        plan.reschedule(bnd("10"), month("2026-04"));
        assert_eq!(plan.due(month("2026-03")), Money::ZERO);
        assert_eq!(plan.due(month("2026-04")), bnd("10"));
        assert_eq!(plan.balance(), bnd("100"));
        assert_eq!(plan.period(month("2026-03")), 2 + 10 + 1);
    }
}
