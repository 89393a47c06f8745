//! Commands on the debt agreement (U12–U15); its arithmetic is [`crate::debt`].

use super::decide::bad_input;
use super::draft::Draft;
use super::payments::{ReceiptLine, must_be_payable, payment, receipt};
use crate::answer::{Answer, ReceiptKind};
use crate::command::PayDebt;
use crate::debt::DebtPlan;
use crate::event::{AccountEvent, DebtAgreed, DebtPaid, DebtRescheduled};
use crate::num::Money;
use crate::rejection::Rejection;
use crate::time::Month;
use crate::utility::Utility;

/// Posts an agreement: one at a time, the instalment at most the principal, the start not in the past.
pub(super) fn agree(
    draft: &mut Draft<'_>,
    utility: Utility,
    (principal, instalment): (Money, Money),
    start: Month,
) -> Result<(), Rejection> {
    if draft.policy.debt().is_none() {
        return Err(Rejection::NotOffered {
            what: "debt agreements".to_owned(),
        });
    }
    must_be_payable(draft, principal)?;
    instalment_must_fit(draft, instalment, principal)?;
    if let Some(debt) = draft.account.debt().filter(|d| d.is_open()) {
        return Err(Rejection::DebtInForce {
            left: debt.balance(),
        });
    }
    if let Some(arrears) = super::arrears::open(draft) {
        return Err(Rejection::DebtInForce { left: arrears.left });
    }
    if start < draft.this_month() {
        return Err(bad_terms("start", "is in the past"));
    }
    draft.emit(AccountEvent::DebtAgreed(DebtAgreed {
        u: utility,
        a: principal,
        inst: instalment,
        start,
    }));
    Ok(())
}

/// A new instalment from a later month; what was due is folded into the balance (U15).
pub(super) fn reschedule(
    draft: &mut Draft<'_>,
    instalment: Money,
    start: Month,
) -> Result<(), Rejection> {
    let left = open_debt(draft)?.balance();
    instalment_must_fit(draft, instalment, left)?;
    if start <= draft.this_month() {
        return Err(bad_terms("start", "must be next month or later"));
    }
    let b = draft.this_month();
    draft.emit(AccountEvent::DebtRescheduled(DebtRescheduled {
        inst: instalment,
        start,
        b,
    }));
    Ok(())
}

/// Pays on the debt, never more than is left (U14).
pub(super) fn pay(draft: &mut Draft<'_>, pay: &PayDebt) -> Result<Answer, Rejection> {
    if super::arrears::open(draft).is_some() {
        return super::arrears::pay(draft, pay);
    }
    must_be_payable(draft, pay.amount)?;
    let debt = open_debt(draft)?;
    let (utility, left) = (debt.utility, debt.balance());
    if pay.amount > left {
        return Err(Rejection::AboveDebt { left });
    }
    let by = payment(draft, &pay.source)?;
    let number = draft.next_receipt();
    draft.emit(AccountEvent::DebtPaid(DebtPaid {
        u: utility,
        a: pay.amount,
        b: draft.this_month(),
        rc: number.clone(),
        pay: by.clone(),
    }));
    let balance = draft.account.debt().map_or(Money::ZERO, DebtPlan::balance);
    let line = ReceiptLine {
        balance,
        ..ReceiptLine::of(ReceiptKind::Debt, utility, pay.amount)
    };
    Ok(receipt(draft, number, line, &by))
}

fn open_debt<'a>(draft: &'a Draft<'_>) -> Result<&'a DebtPlan, Rejection> {
    draft
        .account
        .debt()
        .filter(|d| d.is_open())
        .ok_or(Rejection::NoDebt)
}

fn instalment_must_fit(
    draft: &Draft<'_>,
    instalment: Money,
    whole: Money,
) -> Result<(), Rejection> {
    let decimals = u32::from(draft.policy.currency().decimals);
    if !instalment.is_positive() || !instalment.has_decimals_at_most(decimals) {
        return Err(bad_input(
            "instalment",
            "must be above zero, in the currency's decimals",
        ));
    }
    if instalment > whole {
        return Err(bad_terms("instalment", "is more than the debt"));
    }
    Ok(())
}

fn bad_terms(field: &str, reason: &str) -> Rejection {
    Rejection::BadDebtTerms {
        field: field.to_owned(),
        reason: reason.to_owned(),
    }
}
