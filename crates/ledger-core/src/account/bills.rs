//! Bills of a postpaid account: made at the reading or at the payment, paid oldest first, adjusted in the
//! next (E1, E2, E18, K2, K8).

use super::Account;
use super::billing::Billing;
use super::decide::{Emitted, bad_input, not_offered};
use super::draft::Draft;
use super::payments::{ReceiptLine, payment, receipt};
use super::{pricing, readings, supply};
use crate::answer::{Answer, ReadingOutcome, ReceiptKind};
use crate::command::{PayBill, Reading};
use crate::event::{
    AccountEvent, BillAdjusted, BillPaid, BillRaised, BillingEvent, ConsumptionEstimated,
    EstimatesReversed, MiscellaneousBilled, MiscellaneousKind,
};
use crate::ids::OpaqueRef;
use crate::num::{Money, Quantity};
use crate::rejection::{BillingRefusal, Rejection};
use crate::scheme::{BillMade, BillingPolicy, Overpayment};
use crate::status::{self, Status, Step};
use crate::time::{Month, Timestamp};

/// The postpaid side of an account and its policy, or the refusal of what only that has.
pub(super) fn billed<'d>(
    draft: &'d Draft<'_>,
) -> Result<(&'d BillingPolicy, &'d Billing), Rejection> {
    match (draft.policy.billing(), draft.account.billing()) {
        (Some(policy), Some(billing)) => Ok((policy, billing)),
        (Some(_) | None, _) => Err(not_offered("bills")),
    }
}

/// What is to be paid now, in the currency's decimals.
pub(super) fn payable(draft: &Draft<'_>) -> Money {
    let decimals = draft.policy.currency().decimals;
    let dues = draft.account.billing().map(Billing::dues);
    dues.map_or(Money::ZERO, |dues| dues.payable(decimals))
}

/// Nothing but payments is posted to a final status (E8).
pub(super) fn must_not_be_final(draft: &Draft<'_>) -> Result<(), Rejection> {
    match draft.account.status().filter(|status| status.is_final()) {
        Some(status) => Err(BillingRefusal::StatusFinal { status }.into()),
        None => Ok(()),
    }
}

/// All of it or nothing: a refusal leaves no fact of `act` behind (C9), but the query that it opened and
/// names (K3).
pub(super) fn whole<T>(
    draft: &mut Draft<'_>,
    act: impl FnOnce(&mut Draft<'_>) -> Result<T, Rejection>,
) -> Result<T, Rejection> {
    let (before, emitted) = (draft.account.clone(), draft.emitted.len());
    let done = act(draft);
    if done.is_err() {
        *draft.account = before;
        let undone = draft.emitted.split_off(emitted);
        for Emitted { event, .. } in undone {
            if let AccountEvent::Billing(raised @ BillingEvent::QueryRaised(_)) = event {
                draft.emit_billing(raised);
            }
        }
    }
    done
}

/// Records the reading that a payment, a cut or a request brings along; one that would be kept aside
/// refuses the whole (C9).
pub(super) fn record_own(
    draft: &mut Draft<'_>,
    reading: Option<&Reading>,
) -> Result<(), Rejection> {
    let Some(reading) = reading else {
        return Ok(());
    };
    let outcome = readings::record(draft, reading)?;
    must_be_own(draft.account, reading, outcome)
}

/// A reading that would be kept aside makes no bill.
pub(super) fn must_be_own(
    account: &Account,
    reading: &Reading,
    outcome: ReadingOutcome,
) -> Result<(), Rejection> {
    match outcome {
        ReadingOutcome::Accepted { .. }
        | ReadingOutcome::Settling
        | ReadingOutcome::Corrected { .. }
        | ReadingOutcome::Duplicate
        | ReadingOutcome::Late => Ok(()),
        ReadingOutcome::Refused(refusal) => Err(refusal),
        ReadingOutcome::Conflicting | ReadingOutcome::Quarantined => {
            let meter = account.meter_in_place(&reading.meter);
            Err(Rejection::ImplausibleReading {
                value: reading.value,
                base: meter.map_or(Quantity::ZERO, |m| m.base.value),
            })
        }
    }
}

/// Whether the month has a reading already.
pub(super) fn is_read(draft: &Draft<'_>, month: Month) -> bool {
    let billing = draft.account.billing();
    billing.is_some_and(|b| b.usage().read_in() >= Some(month))
}

/// Pays dues, with the reading that the bill is made from.
pub(super) fn pay(draft: &mut Draft<'_>, pay: &PayBill) -> Result<Answer, Rejection> {
    let (policy, billing) = billed(draft)?;
    let refuses_more = policy.overpayment == Overpayment::Refused;
    let status = billing.status();
    if status.is_some_and(Status::is_over) {
        return Err(BillingRefusal::NothingOwed.into());
    }
    must_be_an_amount(draft, pay.amount, refuses_more)?;
    if status == Some(Status::Live) {
        must_be_in_window(draft)?;
    }
    let source = payment(draft, &pay.source)?;
    whole(draft, |draft| {
        record_own(draft, pay.reading.as_ref())?;
        let month = draft.this_month();
        if status == Some(Status::Live) && !is_read(draft, month) {
            return Err(BillingRefusal::ReadingOfMonthMissing { month }.into());
        }
        let bill = payable(draft);
        must_fit_the_bill(draft, pay.amount, bill)?;
        let balance = billed(draft)?.1.dues().balance();
        let full = pay.amount >= bill;
        let rounded = if full && balance.is_positive() {
            balance - bill
        } else {
            Money::ZERO
        };
        let number = draft.next_receipt();
        let utility = billed(draft)?.1.utility();
        draft.emit_billing(BillingEvent::BillPaid(BillPaid {
            u: utility,
            a: pay.amount,
            rd: rounded,
            b: month,
            rc: number.clone(),
            pay: source.clone(),
            full,
            prot: pay.protest.clone(),
        }));
        supply::follow_payment(draft, full);
        let line = ReceiptLine {
            balance: payable(draft),
            ..ReceiptLine::of(ReceiptKind::Bill, utility, pay.amount)
        };
        Ok(receipt(draft, number, line, &source))
    })
}

/// In the currency's decimals and above zero; zero confirms a bill of zero where the scheme knows that.
fn must_be_an_amount(
    draft: &Draft<'_>,
    amount: Money,
    zero_confirms: bool,
) -> Result<(), Rejection> {
    if amount.is_zero() && zero_confirms {
        return Ok(());
    }
    super::payments::must_be_payable(draft, amount)
}

/// E1: a current bill is paid on the stated days only.
fn must_be_in_window(draft: &Draft<'_>) -> Result<(), Rejection> {
    let Some(policy) = draft.policy.billing().and_then(|b| b.status.as_ref()) else {
        return Ok(());
    };
    let (first, last) = (policy.payment_from_day, policy.payment_to_day);
    let day = draft.today().day();
    if (first..=last).contains(&day) {
        return Ok(());
    }
    Err(BillingRefusal::OutsidePaymentWindow { first, last, day }.into())
}

/// A live consumer pays the whole bill at once, others may pay in parts; what is beyond the dues is
/// refused or credit, by policy.
fn must_fit_the_bill(draft: &Draft<'_>, amount: Money, bill: Money) -> Result<(), Rejection> {
    let (policy, billing) = billed(draft)?;
    let live = billing.status() == Some(Status::Live);
    let left = bill.max(Money::ZERO);
    if live && amount != left {
        return Err(BillingRefusal::NotTheBill { bill: left }.into());
    }
    if amount > left && policy.overpayment == Overpayment::Refused {
        return Err(BillingRefusal::AboveDues { left }.into());
    }
    if !amount.is_zero() {
        return Ok(());
    }
    if left.is_positive() {
        return Err(bad_input("amount", &format!("above zero; {left} is owed")));
    }
    let moves = billing
        .status()
        .is_some_and(|s| status::next(s, Step::DuesPaid).is_some());
    if moves {
        Ok(())
    } else {
        Err(BillingRefusal::NothingOwed.into())
    }
}

/// E4: the first newer reading takes back what was estimated since the last one.
pub(super) fn reverse_estimates(draft: &mut Draft<'_>) {
    let Some(billing) = draft
        .account
        .billing()
        .filter(|b| !b.estimates().is_empty())
    else {
        return;
    };
    let reversed = EstimatesReversed {
        u: billing.utility(),
        b: draft.this_month(),
        of: billing.estimates().iter().map(|e| e.month).collect(),
        a: billing.estimates().iter().map(|e| e.amount).sum(),
        x: billing
            .estimates()
            .iter()
            .flat_map(|e| e.lines.clone())
            .collect(),
    };
    draft.emit_billing(BillingEvent::EstimatesReversed(reversed));
}

/// The month in which a postpaid account owes a reading's charge; none where it is prepaid.
pub(super) fn month_owed(draft: &Draft<'_>, read_at: Timestamp) -> Option<Month> {
    draft.account.billing()?;
    Some(draft.policy.zone().month_of(read_at))
}

/// K2: where bills are made at the reading, the bill is there at once, to the cent (C3).
pub(super) fn raise(draft: &mut Draft<'_>, month: Month, charge: Money) {
    let Ok((policy, billing)) = billed(draft) else {
        return;
    };
    let Some(days) = policy
        .due_days
        .filter(|_| policy.made == BillMade::AtReading)
    else {
        return;
    };
    let amount = charge.round_half_up(u32::from(draft.policy.currency().decimals));
    let bill = BillRaised {
        n: billing.bills() + 1,
        b: month,
        a: amount,
        rd: amount - charge,
        due: draft
            .today()
            .plus_days(i32::try_from(days).unwrap_or(i32::MAX)),
    };
    draft.emit_billing(BillingEvent::BillRaised(bill));
}

/// Bills a month without a reading by the mean of the months before, priced as a month of its own (E3).
/// Without a meter there is nothing to estimate.
pub(super) fn estimate(draft: &mut Draft<'_>, month: Month, lock: bool) {
    let Ok((policy, billing)) = billed(draft) else {
        return;
    };
    let utility = billing.utility();
    if draft.account.meter_of(utility).is_none() {
        return;
    }
    let mean = billing.usage().mean_before(month, policy.mean_months);
    let (units, of) = mean.map_or((Quantity::ZERO, 0), |m| (m.units, m.of));
    let (account, policy) = (&*draft.account, draft.policy);
    let charge =
        mean.and_then(|m| pricing::price_month(account, policy, (utility, month), m.units));
    let (amount, lines) = charge.map_or((Money::ZERO, Vec::new()), |c| (c.total, c.extras));
    draft.emit_billing(BillingEvent::ConsumptionEstimated(ConsumptionEstimated {
        u: utility,
        b: month,
        q: units,
        n: of,
        a: amount,
        lock,
        x: lines,
    }));
}

/// Posts a bill outside consumption (E18).
pub(super) fn post_miscellaneous(
    draft: &mut Draft<'_>,
    kind: MiscellaneousKind,
    amount: Money,
    document: &OpaqueRef,
) -> Result<(), Rejection> {
    billed(draft)?;
    must_not_be_final(draft)?;
    must_not_be_over(draft, "billed")?;
    super::payments::must_be_payable(draft, amount)?;
    let b = draft.this_month();
    draft.emit_billing(BillingEvent::MiscellaneousBilled(MiscellaneousBilled {
        k: kind,
        b,
        a: amount,
        doc: document.clone(),
    }));
    Ok(())
}

/// Posts a difference that the next bill counts (E2).
pub(super) fn adjust(
    draft: &mut Draft<'_>,
    amount: Money,
    document: &OpaqueRef,
) -> Result<(), Rejection> {
    let u = billed(draft)?.1.utility();
    must_not_be_final(draft)?;
    must_not_be_over(draft, "adjusted")?;
    super::payments::must_be_payable(draft, amount.abs())?;
    let b = draft.this_month();
    draft.emit_billing(BillingEvent::BillAdjusted(BillAdjusted {
        u,
        b,
        a: amount,
        doc: document.clone(),
    }));
    Ok(())
}

fn must_not_be_over(draft: &Draft<'_>, what: &str) -> Result<(), Rejection> {
    match draft.account.status().filter(|status| status.is_over()) {
        Some(status) => Err(BillingRefusal::StatusForbids {
            status,
            what: what.to_owned(),
        }
        .into()),
        None => Ok(()),
    }
}
