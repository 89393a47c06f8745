//! A debt as rule U12 tells it, worked out anew from everything that was agreed and paid.
//!
//! A second witness, written from the rule and not from the code: months are gone through one by one, in
//! each the instalment falls due first, then what was paid and agreed in it counts in its order.

use ledger_core::num::Money;
use ledger_core::time::Month;

#[derive(Debug, Clone)]
enum Act {
    Paid(Money),
    Planned { instalment: Money, from: Month },
}

/// Everything that was agreed and paid on one debt.
#[derive(Debug, Clone)]
pub(crate) struct DebtBook {
    principal: Money,
    start: Month,
    instalment: Money,
    agreed_in: Month,
    acts: Vec<(Month, Act)>,
}

/// A debt as of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DebtAt {
    pub(crate) balance: Money,
    pub(crate) due: Money,
    pub(crate) months_left: u32,
    pub(crate) period: u32,
}

impl DebtBook {
    pub(crate) fn agreed(
        principal: Money,
        instalment: Money,
        (start, agreed_in): (Month, Month),
    ) -> Self {
        Self {
            principal,
            start,
            instalment,
            agreed_in,
            acts: Vec::new(),
        }
    }

    pub(crate) fn paid(&mut self, amount: Money, month: Month) {
        self.acts.push((month, Act::Paid(amount)));
    }

    pub(crate) fn planned(&mut self, instalment: Money, from: Month, month: Month) {
        self.acts.push((month, Act::Planned { instalment, from }));
    }

    /// The debt at the end of everything that was done, seen in `month`.
    pub(crate) fn at(&self, month: Month) -> DebtAt {
        let mut balance = self.principal;
        let (mut due, mut instalment, mut from) = (Money::ZERO, self.instalment, self.start);
        let mut cleared_in = None;
        let mut now = self.agreed_in.min(self.start);
        while now <= month {
            if now >= from {
                due = (due + instalment).min(balance);
            }
            for (_, act) in self.acts.iter().filter(|(at, _)| *at == now) {
                match act {
                    Act::Paid(amount) => {
                        balance -= *amount;
                        due = (due - *amount).max(Money::ZERO).min(balance);
                    }
                    Act::Planned {
                        instalment: new,
                        from: later,
                    } => (due, instalment, from) = (Money::ZERO, *new, *later),
                }
                if balance.is_zero() {
                    cleared_in.get_or_insert(now);
                }
            }
            now = now.next();
        }
        let months_left = parts(balance, instalment);
        DebtAt {
            balance,
            due,
            months_left,
            period: self.period(month, cleared_in, (months_left, due)),
        }
    }

    /// From the start month to the month in which it will be cleared at this pace, inclusively; one more
    /// where nothing is due any more this month. Before the start, the months left; cleared, it stands.
    fn period(&self, month: Month, cleared_in: Option<Month>, left: (u32, Money)) -> u32 {
        let since_start = |month: Month| u32::try_from(month.months_since(self.start)).unwrap();
        match cleared_in {
            Some(cleared) if cleared < self.start => 0,
            Some(cleared) => since_start(cleared) + 1,
            None if month < self.start => left.0,
            None => since_start(month) + left.0 + u32::from(left.1.is_zero()),
        }
    }
}

/// How many parts of this size, the last one perhaps smaller.
fn parts(whole: Money, part: Money) -> u32 {
    let mut left = whole;
    let mut parts = 0;
    while left.is_positive() {
        left -= part;
        parts += 1;
    }
    parts
}
