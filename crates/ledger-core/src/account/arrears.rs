//! Arrears recovered from top-ups: what is left, the share of each top-up, payments on them (P1, P4).
//!
//! A top-up is split once, here: the share of the whole amount goes to the arrears, down to the
//! currency's smallest unit and never more than is left; what the rounding leaves goes to the credit.
//! Emergency credit is repaid from the credited part ([`super::emergency`]).

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::emergency;
use super::payments::{ReceiptLine, must_be_payable, payment, receipt};
use crate::answer::{Answer, ReceiptKind};
use crate::command::PayDebt;
use crate::event::{AccountEvent, ArrearsPaid};
use crate::num::Money;
use crate::rejection::Rejection;
use crate::utility::Utility;

/// Arrears of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrears {
    /// Utility whose department is owed.
    pub utility: Utility,
    /// As moved in.
    pub moved_in: Money,
    /// What is left.
    pub left: Money,
}

impl Arrears {
    pub(super) const fn moved_in(utility: Utility, amount: Money) -> Self {
        Self {
            utility,
            moved_in: amount,
            left: amount,
        }
    }

    pub(super) fn pay(&mut self, amount: Money) {
        assert!(
            amount <= self.left,
            "what goes to the arrears is never more than is left of them"
        );
        self.left -= amount;
    }
}

/// What each part of a top-up becomes; what is not named here is new credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Split {
    /// To the arrears, in whole smallest units of the currency.
    pub(super) arrears: Money,
    /// Repays what was used of the emergency credit, exactly.
    pub(super) repaid: Money,
    /// Unused emergency credit that is withdrawn from the wallet; no part of the top-up.
    pub(super) withdrawn: Money,
}

/// Splits a top-up of a utility's credit.
pub(super) fn split(draft: &Draft<'_>, utility: Utility, amount: Money) -> Split {
    let arrears = share(draft, utility, amount);
    let wallet = draft.account.wallet(utility);
    let (lent, balance) = wallet.map_or((Money::ZERO, Money::ZERO), |w| (w.emergency, w.balance));
    let settled = emergency::settle(lent, balance, amount - arrears);
    Split {
        arrears,
        repaid: settled.repaid,
        withdrawn: settled.withdrawn,
    }
}

/// The share of the whole amount that goes to the arrears (P4).
fn share(draft: &Draft<'_>, utility: Utility, amount: Money) -> Money {
    let Some(policy) = draft.policy.arrears() else {
        return Money::ZERO;
    };
    let left = open(draft)
        .filter(|arrears| arrears.utility == utility)
        .map_or(Money::ZERO, |arrears| arrears.left);
    let decimals = u32::from(draft.policy.currency().decimals);
    policy.share.of_money(amount).truncate(decimals).min(left)
}

/// Arrears of which something is left.
pub(super) fn open<'a>(draft: &'a Draft<'_>) -> Option<&'a Arrears> {
    draft.account.arrears().filter(|a| a.left.is_positive())
}

/// Pays on the arrears alone, never more than is left of them.
pub(super) fn pay(draft: &mut Draft<'_>, pay: &PayDebt) -> Result<Answer, Rejection> {
    must_be_payable(draft, pay.amount)?;
    let Some(Arrears { utility, left, .. }) = open(draft).copied() else {
        return Err(Rejection::NoDebt);
    };
    if pay.amount > left {
        return Err(Rejection::AboveDebt { left });
    }
    let by = payment(draft, &pay.source)?;
    let number = draft.next_receipt();
    draft.emit(AccountEvent::ArrearsPaid(ArrearsPaid {
        u: utility,
        a: pay.amount,
        rc: number.clone(),
        pay: by.clone(),
    }));
    let line = ReceiptLine {
        meter: None,
        balance: left - pay.amount,
        ..ReceiptLine::of(ReceiptKind::Arrears, utility, pay.amount)
    };
    Ok(receipt(draft, number, line, &by))
}
