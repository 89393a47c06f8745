//! Emergency credit: drawn once when credit is low, repaid by the next top-ups (P5).
//!
//! A draw raises the credit, so the wallet holds both; the customer's own credit is used first. What is
//! still lent when a top-up comes is settled then: the unused part is withdrawn from the wallet, the used
//! part repaid from what the top-up credits, and what is below zero beyond it is netted like any credit.

use super::draft::Draft;
use super::joining;
use crate::event::{AccountEvent, EmergencyCreditDrawn};
use crate::ids::MeterNumber;
use crate::num::Money;
use crate::rejection::Rejection;

/// How a top-up settles what is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    /// Used, and repaid from the credited part of the top-up.
    pub(super) repaid: Money,
    /// Unused, and withdrawn.
    pub(super) withdrawn: Money,
}

/// Settles `lent`, of a wallet with `balance`, by a top-up that credits `credited`.
pub(super) fn settle(lent: Money, balance: Money, credited: Money) -> Settled {
    let withdrawn = balance.max(Money::ZERO).min(lent);
    let used = lent - withdrawn;
    Settled {
        repaid: used.min(credited),
        withdrawn,
    }
}

/// The customer draws emergency credit.
pub(super) fn draw(draft: &mut Draft<'_>, number: &MeterNumber) -> Result<(), Rejection> {
    let utility = draft
        .account
        .meter_in_place(number)
        .map(|meter| meter.utility)
        .ok_or_else(|| super::supply::missing(draft, number))?;
    let Some(policy) = draft.policy.emergency() else {
        return Err(Rejection::NotOffered {
            what: "emergency credit".to_owned(),
        });
    };
    joining::must_have_joined(draft)?;
    let wallet = draft.account.wallet(utility);
    let (lent, balance) = wallet.map_or((Money::ZERO, Money::ZERO), |w| (w.emergency, w.balance));
    if lent.is_positive() {
        return Err(Rejection::EmergencyCreditDrawn { lent });
    }
    let below = policy.below;
    if balance >= below {
        return Err(Rejection::CreditNotLow { balance, below });
    }
    let drawn = EmergencyCreditDrawn {
        u: utility,
        a: policy.amount,
    };
    draft.emit(AccountEvent::EmergencyCreditDrawn(drawn));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgd(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    #[test]
    fn p5_own_credit_is_used_first_the_unused_part_is_withdrawn_and_the_used_part_repaid() {
        for (case, balance, credited, repaid, withdrawn) in [
            ("nothing used yet", "3.5", "8", "0", "3"),
            ("just the own credit used", "3", "8", "0", "3"),
            ("a part used", "0.4", "8", "2.6", "0.4"),
            ("all used", "0", "8", "3", "0"),
            ("below zero beyond it", "-1.25", "8", "3", "0"),
            ("a top-up too small for it", "0.4", "2", "2", "0.4"),
            (
                "used to a fraction of a cent",
                "0.99763",
                "8",
                "2.00237",
                "0.99763",
            ),
        ] {
            let settled = settle(sgd("3"), sgd(balance), sgd(credited));
            let want = Settled {
                repaid: sgd(repaid),
                withdrawn: sgd(withdrawn),
            };
            assert_eq!(settled, want, "{case}");
        }
    }
}
