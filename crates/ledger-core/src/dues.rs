//! What a postpaid customer owes: open items, oldest first, and credit beyond them (E1, E2, E4, K2).
//!
//! Exact to the last digit; rounding is decided where a bill is made or paid. The sum of the open items
//! less the credit is the balance of the account's *bills receivable*. Deliberately absent: what is
//! charged and when, which is the account's, and statuses.

use serde::{Deserialize, Serialize};

use crate::num::Money;
use crate::time::Month;

/// What an item is owed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueKind {
    /// Consumption by reading.
    Consumption,
    /// Consumption by the approximate method (E3).
    Estimate,
    /// Belated payment surcharge.
    Surcharge,
    /// Contractual obligatory fee.
    ObligatoryFee,
    /// Miscellaneous bill.
    Miscellaneous,
    /// Adjustment of an earlier bill.
    Adjustment,
    /// Arrears brought along.
    Arrears,
}

impl DueKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Consumption,
        Self::Estimate,
        Self::Surcharge,
        Self::ObligatoryFee,
        Self::Miscellaneous,
        Self::Adjustment,
        Self::Arrears,
    ];

    /// The name, for people and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consumption => "consumption",
            Self::Estimate => "estimate",
            Self::Surcharge => "surcharge",
            Self::ObligatoryFee => "obligatory-fee",
            Self::Miscellaneous => "miscellaneous",
            Self::Adjustment => "adjustment",
            Self::Arrears => "arrears",
        }
    }
}

/// An open item: what is left of the charges of one kind in one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Month that was billed.
    pub month: Month,
    /// What for.
    pub kind: DueKind,
    /// What is left to pay, above zero.
    pub left: Money,
}

/// All dues of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dues {
    /// Oldest first, at most one a month and kind.
    open: Vec<Due>,
    /// Paid or credited beyond all items; above zero only when none is open.
    credit: Money,
}

impl Dues {
    /// Nothing owed.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// What is owed exactly; below zero is credit.
    #[must_use]
    pub fn balance(&self) -> Money {
        self.open.iter().map(|due| due.left).sum::<Money>() - self.credit
    }

    /// What is to be paid, in the currency's decimals, half up; below zero is credit (C3).
    #[must_use]
    pub fn payable(&self, decimals: u8) -> Money {
        self.balance().round_half_up(u32::from(decimals))
    }

    /// The open items, oldest first.
    #[must_use]
    pub fn open(&self) -> &[Due] {
        &self.open
    }

    /// Charges an amount of zero or more; credit pays it at once as far as it goes.
    pub fn charge(&mut self, month: Month, kind: DueKind, amount: Money) {
        assert!(!amount.is_negative(), "a charge is not below zero");
        let by_credit = self.credit.min(amount);
        self.credit -= by_credit;
        let left = amount - by_credit;
        if left.is_zero() {
            return;
        }
        let same = |due: &&mut Due| due.month == month && due.kind == kind;
        if let Some(due) = self.open.iter_mut().find(same) {
            due.left += left;
            return;
        }
        let at = self
            .open
            .iter()
            .take_while(|due| due.month <= month)
            .count();
        self.open.insert(at, Due { month, kind, left });
    }

    /// Lowers what is owed, oldest first; what is beyond it is credit.
    pub fn credit(&mut self, amount: Money) {
        assert!(!amount.is_negative(), "a payment is not below zero");
        let mut left = amount;
        for due in &mut self.open {
            let paid = due.left.min(left);
            due.left -= paid;
            left -= paid;
        }
        self.open.retain(|due| due.left.is_positive());
        self.credit += left;
    }

    /// Takes charges of a kind back, their own items first; what was paid of them already is credit for
    /// the others, oldest first (E4).
    pub fn reverse(&mut self, kind: DueKind, amount: Money) {
        assert!(!amount.is_negative(), "what is reversed is not below zero");
        let mut left = amount;
        for due in self.open.iter_mut().filter(|due| due.kind == kind) {
            let taken = due.left.min(left);
            due.left -= taken;
            left -= taken;
        }
        self.credit(left);
    }

    /// Corrects by a signed amount: above zero is owed more.
    pub fn adjust(&mut self, month: Month, amount: Money) {
        if amount.is_negative() {
            self.credit(-amount);
        } else {
            self.charge(month, DueKind::Adjustment, amount);
        }
    }

    /// What the rounding of a bill added (above zero) or took away (below zero).
    pub fn round_bill(&mut self, month: Month, rounded: Money) {
        if rounded.is_negative() {
            self.reverse(DueKind::Consumption, -rounded);
        } else {
            self.charge(month, DueKind::Consumption, rounded);
        }
    }

    /// What rounding took away (above zero) or added (below zero): the exact dues less what was paid.
    pub fn round_off(&mut self, month: Month, rounded: Money) {
        if rounded.is_negative() {
            self.charge(month, DueKind::Adjustment, -rounded);
        } else {
            self.credit(rounded);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn e1_a_part_payment_goes_to_the_oldest_first() {
        let mut dues = Dues::none();
        dues.charge(month("2026-02"), DueKind::Consumption, money("50"));
        dues.charge(month("2026-01"), DueKind::Consumption, money("100"));
        dues.charge(month("2026-01"), DueKind::Surcharge, money("2"));
        dues.credit(money("101"));
        let left: Vec<_> = dues
            .open()
            .iter()
            .map(|d| (d.month, d.kind, d.left))
            .collect();
        assert_eq!(
            left,
            [
                (month("2026-01"), DueKind::Surcharge, money("1")),
                (month("2026-02"), DueKind::Consumption, money("50"))
            ]
        );
        assert_eq!(dues.balance(), money("51"));
    }

    #[test]
    fn e4_a_paid_estimate_that_is_reversed_becomes_credit_for_what_is_open() {
        let mut dues = Dues::none();
        dues.charge(month("2026-01"), DueKind::Estimate, money("100"));
        dues.charge(month("2026-01"), DueKind::Surcharge, money("2"));
        dues.credit(money("100"));
        dues.reverse(DueKind::Estimate, money("100"));
        assert_eq!(dues.balance(), money("-98"));
        dues.charge(month("2026-02"), DueKind::Consumption, money("70"));
        assert_eq!(dues.balance(), money("-28"));
        assert!(dues.open().is_empty());
    }

    #[test]
    fn c3_what_is_to_be_paid_is_the_exact_sum_half_up_and_a_tie_below_zero_goes_up() {
        let mut dues = Dues::none();
        dues.charge(month("2026-01"), DueKind::Consumption, money("1.005"));
        assert_eq!(dues.payable(2), money("1.01"));
        dues.credit(money("2.01"));
        assert_eq!(
            (dues.balance(), dues.payable(2)),
            (money("-1.005"), money("-1"))
        );
    }

    fn act() -> impl Strategy<Value = (u8, i64, usize)> {
        (0_u8..5, 0_i64..100_000_000, 0_usize..7)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn c2_the_items_less_the_credit_are_the_balance_whatever_happens(acts in prop::collection::vec(act(), 1..60)) {
            let mut dues = Dues::none();
            let mut balance = Money::ZERO;
            for (what, scaled, kind) in acts {
                let amount = Money::from_scaled(i128::from(scaled) * 1_000_003);
                let kind = DueKind::ALL[kind];
                let at = month("2026-01").plus(i32::try_from(scaled % 30).unwrap());
                match what {
                    0 | 1 => { dues.charge(at, kind, amount); balance += amount; }
                    2 => { dues.credit(amount); balance -= amount; }
                    3 => { dues.reverse(kind, amount); balance -= amount; }
                    _ => { dues.adjust(at, -amount); balance -= amount; }
                }
                prop_assert_eq!(dues.balance(), balance);
                prop_assert!(dues.open().iter().all(|due| due.left.is_positive()));
                prop_assert!(dues.open().windows(2).all(|w| w[0].month <= w[1].month));
                prop_assert!(dues.open().is_empty() || balance.is_positive());
            }
        }
    }
}
