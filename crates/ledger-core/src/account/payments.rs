//! Payments into credit: top-ups and voids (U4, U13, C13, C16).

use super::decide::{bad_input, not_offered};
use super::draft::Draft;
use super::{arrears, joining, supply};
use crate::answer::{Answer, Receipt, ReceiptKind};
use crate::command::{Source, TopUp, VoidTopUp, VoidableTopUp};
use crate::event::{AccountEvent, CreditToppedUp, Payment, TopUpVoided};
use crate::ids::{CommandKey, MeterNumber};
use crate::num::Money;
use crate::rejection::Rejection;
use crate::time::Timestamp;
use crate::utility::Utility;

/// Credits a top-up to the wallet of the named meter.
pub(super) fn top_up(draft: &mut Draft<'_>, top_up: &TopUp) -> Result<Answer, Rejection> {
    let Some(meter) = draft.account.meter_in_place(&top_up.meter) else {
        return Err(supply::missing(draft, &top_up.meter));
    };
    let utility = meter.utility;
    must_be_payable(draft, top_up.amount)?;
    joining::must_have_joined(draft)?;
    must_be_within_limits(draft, top_up.amount)?;
    gate_must_be_open(draft)?;
    let first = !draft
        .account
        .wallet(utility)
        .is_some_and(|w| w.first_top_up);
    let pay = payment(draft, &top_up.source)?;
    let (number, amount) = (draft.next_receipt(), top_up.amount);
    let split = arrears::split(draft, utility, amount);
    draft.emit(AccountEvent::CreditToppedUp(CreditToppedUp {
        u: utility,
        m: top_up.meter.clone(),
        a: amount,
        rc: number.clone(),
        pay: pay.clone(),
        arr: split.arrears,
        rep: split.repaid,
        wd: split.withdrawn,
        del: draft.policy.delivery().is_some(),
    }));
    let line = ReceiptLine {
        meter: Some(top_up.meter.clone()),
        balance: balance(draft, utility),
        first,
        split,
        ..ReceiptLine::of(ReceiptKind::TopUp, utility, amount)
    };
    Ok(receipt(draft, number, line, &pay))
}

/// An amount of money as a payer can hand it over: above zero, in the currency's decimals (C3).
pub(super) fn must_be_payable(draft: &Draft<'_>, amount: Money) -> Result<(), Rejection> {
    if !amount.is_positive() {
        return Err(bad_input("amount", "must be above zero"));
    }
    let decimals = draft.policy.currency().decimals;
    if !amount.has_decimals_at_most(u32::from(decimals)) {
        return Err(Rejection::TooFine { amount, decimals });
    }
    let most = draft.policy.limits().amount_max;
    if amount > most {
        return Err(bad_input("amount", &format!("must be at most {most}")));
    }
    Ok(())
}

fn must_be_within_limits(draft: &Draft<'_>, amount: Money) -> Result<(), Rejection> {
    let Some(limits) = draft.policy.top_up() else {
        return Err(not_offered("top-ups"));
    };
    if amount < limits.minimum {
        return Err(Rejection::TopUpBelowMinimum {
            minimum: limits.minimum,
        });
    }
    match limits.maximum {
        Some(maximum) if amount > maximum => Err(Rejection::TopUpAboveMaximum { maximum }),
        _ => Ok(()),
    }
}

/// U13: while anything of the instalment is due, no top-up of the account is taken.
fn gate_must_be_open(draft: &Draft<'_>) -> Result<(), Rejection> {
    if !draft.policy.debt().is_some_and(|debt| debt.gate) {
        return Ok(());
    }
    let due = draft
        .account
        .debt()
        .map_or(Money::ZERO, |debt| debt.due(draft.this_month()));
    if due.is_positive() {
        Err(Rejection::InstalmentDue { due })
    } else {
        Ok(())
    }
}

/// Who took the money, and on which local day: money from suspense keeps its own channel.
pub(super) fn payment(draft: &Draft<'_>, source: &Source) -> Result<Payment, Rejection> {
    let (key, sus): (&CommandKey, bool) = match source {
        Source::Suspense(key) => (key, true),
        Source::NotTaken | Source::Taken => match &draft.facts.key {
            Some(key) => (key, false),
            None => {
                return Err(bad_input(
                    "reference",
                    "a payment needs its channel's reference",
                ));
            }
        },
    };
    Ok(Payment {
        ch: key.channel.clone(),
        rf: key.reference.clone(),
        d: draft.today(),
        sus,
    })
}

/// What a receipt says besides its number and payer.
pub(super) struct ReceiptLine {
    pub(super) kind: ReceiptKind,
    pub(super) utility: Utility,
    pub(super) meter: Option<MeterNumber>,
    pub(super) amount: Money,
    pub(super) balance: Money,
    pub(super) first: bool,
    pub(super) split: arrears::Split,
}

impl ReceiptLine {
    /// Of an amount that was paid whole for one thing.
    pub(super) fn of(kind: ReceiptKind, utility: Utility, amount: Money) -> Self {
        Self {
            kind,
            utility,
            meter: None,
            amount,
            balance: Money::ZERO,
            first: false,
            split: arrears::Split::default(),
        }
    }
}

pub(super) fn receipt(
    draft: &Draft<'_>,
    number: crate::ids::ReceiptNumber,
    line: ReceiptLine,
    pay: &Payment,
) -> Answer {
    Answer::Receipt(Receipt {
        number,
        kind: line.kind,
        account: draft.account.id().clone(),
        utility: line.utility,
        meter: line.meter,
        amount: line.amount,
        balance: line.balance,
        at: draft.at,
        channel: pay.ch.clone(),
        reference: pay.rf.clone(),
        first: line.first,
        arrears: line.split.arrears,
        repaid: line.split.repaid,
        withdrawn: line.split.withdrawn,
    })
}

fn balance(draft: &Draft<'_>, utility: Utility) -> Money {
    draft
        .account
        .wallet(utility)
        .map_or(Money::ZERO, |w| w.balance)
}

/// C16: a channel takes back its own top-up while all of it is still there, within the policy's window.
pub(super) fn void_top_up(draft: &mut Draft<'_>, void: &VoidTopUp) -> Result<Answer, Rejection> {
    let not = |reason: &str| Rejection::NotVoidable {
        reference: void.reference.to_string(),
        reason: reason.to_owned(),
    };
    let Some(VoidableTopUp {
        receipt: original,
        utility,
        amount,
        at,
        first,
        arrears,
        repaid,
        withdrawn,
    }) = draft.facts.voidable.clone()
    else {
        return Err(not("this channel made no such top-up of this account"));
    };
    if draft
        .account
        .voided
        .iter()
        .any(|rc| rc == original.as_str())
    {
        return Err(not("it was voided before"));
    }
    let Some(window) = draft.policy.void_window() else {
        return Err(not("the scheme does not allow it"));
    };
    if draft.at > at + window {
        return Err(not("its window is over"));
    }
    if balance(draft, utility) < amount - arrears - repaid {
        return Err(not("its credit is spent"));
    }
    let pay = payment(draft, &Source::NotTaken)?;
    let number = draft.next_receipt();
    draft.emit(AccountEvent::TopUpVoided(TopUpVoided {
        u: utility,
        a: amount,
        rc: original,
        pay: pay.clone(),
        first,
        arr: arrears,
        rep: repaid,
        wd: withdrawn,
    }));
    let line = ReceiptLine {
        balance: balance(draft, utility),
        split: arrears::Split {
            arrears,
            repaid,
            withdrawn,
        },
        ..ReceiptLine::of(ReceiptKind::Void, utility, amount)
    };
    Ok(receipt(draft, number, line, &pay))
}

/// When something counts, never before the account's newest event.
pub(super) fn must_not_be_future(
    draft: &Draft<'_>,
    field: &str,
    at: Timestamp,
) -> Result<(), Rejection> {
    if at > draft.at + draft.policy.readings().future_tolerance {
        return Err(bad_input(field, "lies in the future"));
    }
    Ok(())
}
