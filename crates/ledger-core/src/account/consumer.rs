//! What the office does with a consumer: lists, cuts, connects, ends, stops, extends (E5, E7, E9–E12,
//! E14, K4). Each follows an edge of the status table, and none other.

use super::bills::{billed, estimate, is_read, must_not_be_final, payable, record_own, whole};
use super::decide::{bad_input, not_offered, open_account};
use super::draft::Draft;
use super::payments::{ReceiptLine, must_be_payable, payment, receipt};
use super::{Supply, close, meters, supply};
use crate::answer::{Answer, ReceiptKind};
use crate::command::{FinalReading, OpenAccount, OpeningDeposit, Reading, Source};
use crate::event::{
    BillingEvent, ConnectionStopped, ConsumerActed, ConsumerListed, CreditPaidOut, Listing,
    ObligatoryFeeCharged, Payment, SecurityDepositPaid, SecurityDepositReturned,
    SecurityDepositUsed, SupplyReason, TemporaryConnectionExtended,
};
use crate::ids::{ChannelId, ReceiptNumber};
use crate::num::Money;
use crate::rejection::{BillingRefusal, Rejection};
use crate::scheme::StatusPolicy;
use crate::status::{self, Status, Step};
use crate::time::{LocalDate, Timestamp};

/// What a consumer is listed with besides its class and scales.
pub(super) struct Listed {
    pub(super) kind: Listing,
    pub(super) arrears: Money,
    pub(super) since: Option<LocalDate>,
    pub(super) until: Option<LocalDate>,
    pub(super) deposit: OpeningDeposit,
}

impl Listed {
    pub(super) fn of(kind: Listing) -> Self {
        Self {
            kind,
            arrears: Money::ZERO,
            since: None,
            until: None,
            deposit: OpeningDeposit::None,
        }
    }
}

fn status_policy<'d>(draft: &'d Draft<'_>) -> Result<&'d StatusPolicy, Rejection> {
    let policy = draft.policy.billing().and_then(|b| b.status.as_ref());
    policy.ok_or_else(|| not_offered("consumers' statuses"))
}

/// Opens an account that is billed. The plain opening lists it, too, with what the scheme has.
pub(super) fn open(
    draft: &mut Draft<'_>,
    open: &OpenAccount,
    listed: &Listed,
) -> Result<(), Rejection> {
    status_policy(draft)?;
    if let OpeningDeposit::Taken(amount) = listed.deposit {
        must_be_payable(draft, amount)?;
    }
    if listed.kind == Listing::Imported {
        must_be_payable(draft, listed.arrears)?;
    }
    if listed.since.is_some_and(|since| since > draft.today()) {
        return Err(bad_input("since", "lies in the future"));
    }
    if listed.until.is_some_and(|until| until < draft.today()) {
        return Err(bad_input("until", "lies in the past"));
    }
    // A deposit that is taken now is a payment of its own, with its receipt, so that it is posted and
    // settled (C2, C14).
    let taken = match listed.deposit {
        OpeningDeposit::Taken(amount) => Some((amount, payment(draft, &Source::NotTaken)?)),
        OpeningDeposit::None | OpeningDeposit::OnRecord(_) => None,
    };
    open_account(draft, open)?;
    list(draft, listed);
    if let Some((amount, pay)) = taken {
        take_deposit(draft, amount, pay);
    }
    Ok(())
}

fn take_deposit(draft: &mut Draft<'_>, amount: Money, pay: Payment) -> ReceiptNumber {
    let number = draft.next_receipt();
    draft.emit_billing(BillingEvent::SecurityDepositPaid(SecurityDepositPaid {
        u: draft.policy.billed_utility(),
        a: amount,
        b: draft.this_month(),
        rc: number.clone(),
        pay,
    }));
    number
}

/// Lists a plainly opened account where its scheme bills.
pub(super) fn list_opened(draft: &mut Draft<'_>) {
    let Some(billing) = draft.policy.billing() else {
        return;
    };
    let kind = if billing.status.is_some() {
        Listing::General
    } else {
        Listing::Billed
    };
    list(draft, &Listed::of(kind));
}

fn list(draft: &mut Draft<'_>, listed: &Listed) {
    let (today, month) = (draft.today(), draft.this_month());
    draft.emit_billing(BillingEvent::ConsumerListed(ConsumerListed {
        k: listed.kind,
        u: draft.policy.billed_utility(),
        b: month,
        d: listed.since.unwrap_or(today),
        a: listed.arrears,
        until: listed.until,
        dep: match listed.deposit {
            OpeningDeposit::OnRecord(amount) => amount,
            OpeningDeposit::None | OpeningDeposit::Taken(_) => Money::ZERO,
        },
    }));
}

/// The status, when the table has this edge; otherwise why not.
fn must_lead(draft: &Draft<'_>, step: Step, what: &str) -> Result<Status, Rejection> {
    status_policy(draft)?;
    let (_, billing) = billed(draft)?;
    let Some(status) = billing.status() else {
        return Err(not_offered("consumers' statuses"));
    };
    if status::next(status, step).is_some() {
        return Ok(status);
    }
    must_not_be_final(draft)?;
    Err(BillingRefusal::StatusForbids {
        status,
        what: what.to_owned(),
    }
    .into())
}

fn acted(draft: &Draft<'_>) -> ConsumerActed {
    ConsumerActed {
        b: draft.this_month(),
    }
}

/// E5: the JE cuts a belated consumer after the 20th, with a reading if there is one; the month without
/// one is estimated.
pub(super) fn cut(draft: &mut Draft<'_>, reading: Option<&Reading>) -> Result<(), Rejection> {
    let status = must_lead(draft, Step::Disconnected, "disconnected")?;
    let last = status_policy(draft)?.belated_to_day;
    if draft.today().day() <= last {
        let from = close::day_of(draft.this_month(), last).next();
        return Err(BillingRefusal::TooEarly { from }.into());
    }
    whole(draft, |draft| {
        record_own(draft, reading)?;
        if status.is_temporary() && !payable(draft).is_positive() {
            return Err(BillingRefusal::NothingOwed.into());
        }
        let month = draft.this_month();
        if !status.is_temporary() && !is_read(draft, month) {
            estimate(draft, month, false);
        }
        draft.emit_billing(BillingEvent::ConsumerDisconnected(acted(draft)));
        let off = Supply::Off(SupplyReason::DuesUnpaid);
        supply::order_billed(draft, off, SupplyReason::DuesPaid);
        Ok(())
    })
}

/// E7: only the JE connects again, and only what is paid.
pub(super) fn reconnect(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    let owes = draft
        .account
        .status()
        .is_some_and(|s| s.is_disconnected() || s == Status::Blog);
    if owes {
        status_policy(draft)?;
        let owed = payable(draft);
        return Err(BillingRefusal::DuesUnpaid { owed }.into());
    }
    must_lead(draft, Step::Reconnected, "reconnected")?;
    draft.emit_billing(BillingEvent::ConsumerReconnected(acted(draft)));
    supply::order_billed(draft, Supply::On, SupplyReason::Staff);
    Ok(())
}

/// E9, E10: ends the connection after the final bill and the fee of an early end.
pub(super) fn end(draft: &mut Draft<'_>, last: Option<&FinalReading>) -> Result<(), Rejection> {
    let status = must_lead(draft, Step::EndedPaid, "ended on request")?;
    whole(draft, |draft| {
        let (_, billing) = billed(draft)?;
        let in_place = draft
            .account
            .meter_of(billing.utility())
            .map(|m| m.number.clone());
        match (last, in_place) {
            (Some(last), _) => meters::charge_final(draft, last, draft.at)?,
            (None, Some(meter)) if status.is_supplied() => {
                return Err(Rejection::FinalReadingMissing { meter });
            }
            (None, _) => {}
        }
        if !status.is_temporary() {
            charge_obligatory_fee(draft);
        }
        let stopped = stopped(draft);
        draft.emit_billing(BillingEvent::ConnectionEnded(stopped));
        supply::order_billed(
            draft,
            Supply::Off(SupplyReason::OnRequest),
            SupplyReason::OnRequest,
        );
        Ok(())
    })
}

/// What is left after the final bill: owed, or nothing but a fraction of the smallest unit.
fn stopped(draft: &Draft<'_>) -> ConnectionStopped {
    let owing = payable(draft).is_positive();
    let exact = draft
        .account
        .billing()
        .map_or(Money::ZERO, |b| b.dues().balance());
    let rest = if owing {
        Money::ZERO
    } else {
        exact.max(Money::ZERO)
    };
    ConnectionStopped {
        b: draft.this_month(),
        owing,
        rd: rest,
    }
}

/// E10: a fee when the connection ends before its agreed time; from that anniversary on, none.
pub(super) fn charge_obligatory_fee(draft: &mut Draft<'_>) {
    let (Ok(policy), Ok((_, billing))) = (status_policy(draft), billed(draft)) else {
        return;
    };
    let free_from = billing.since().plus_months(policy.obligation_months());
    if draft.today() >= free_from {
        return;
    }
    let fee = ObligatoryFeeCharged {
        b: draft.this_month(),
        a: policy.obligatory_fee,
    };
    draft.emit_billing(BillingEvent::ObligatoryFeeCharged(fee));
}

/// E11: billing stops, with a reading if there is one; supply goes off.
pub(super) fn stop(draft: &mut Draft<'_>, reading: Option<&Reading>) -> Result<(), Rejection> {
    let status = must_lead(draft, Step::StoppedOwing, "stopped")?;
    whole(draft, |draft| {
        record_own(draft, reading)?;
        let mut stopped = stopped(draft);
        if status::next(status, Step::StoppedPaid).is_none() {
            (stopped.owing, stopped.rd) = (true, Money::ZERO);
        }
        draft.emit_billing(BillingEvent::BillStopped(stopped));
        supply::order_billed(
            draft,
            Supply::Off(SupplyReason::OnRequest),
            SupplyReason::OnRequest,
        );
        Ok(())
    })
}

/// E11: back after a stop-bill; supply follows with the deposit.
pub(super) fn reactivate(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    must_lead(draft, Step::Reactivated, "reactivated")?;
    draft.emit_billing(BillingEvent::ConsumerReactivated(acted(draft)));
    Ok(())
}

/// E14: a temporary connection goes on.
pub(super) fn extend(draft: &mut Draft<'_>, until: LocalDate) -> Result<(), Rejection> {
    must_lead(draft, Step::Extended, "extended")?;
    if until <= draft.today() {
        return Err(bad_input("until", "must be after today"));
    }
    let b = draft.this_month();
    let extended = TemporaryConnectionExtended { b, until };
    draft.emit_billing(BillingEvent::TemporaryConnectionExtended(extended));
    Ok(())
}

/// Takes the deposit: what is missing to the scheme's amount, which after a stop-bill may be nothing.
pub(super) fn pay_deposit(
    draft: &mut Draft<'_>,
    amount: Money,
    source: &Source,
) -> Result<Answer, Rejection> {
    let full = status_policy(draft)?.deposit;
    let (_, billing) = billed(draft)?;
    let (utility, pending) = (billing.utility(), billing.status() == Some(Status::Stsd));
    must_not_be_final(draft)?;
    let missing = (full - billing.deposit()).max(Money::ZERO);
    if missing.is_zero() && !pending {
        return Err(BillingRefusal::NothingOwed.into());
    }
    if amount != missing {
        return Err(BillingRefusal::NotTheDeposit { deposit: missing }.into());
    }
    let pay = payment(draft, source)?;
    let number = take_deposit(draft, amount, pay.clone());
    if pending {
        supply::order_billed(draft, Supply::On, SupplyReason::Staff);
    }
    let line = ReceiptLine {
        balance: payable(draft),
        ..ReceiptLine::of(ReceiptKind::Deposit, utility, amount)
    };
    Ok(receipt(draft, number, line, &pay))
}

/// Uses the deposit against dues of a consumer that is cut off or has ended.
pub(super) fn use_deposit(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    status_policy(draft)?;
    let (_, billing) = billed(draft)?;
    if let Some(status) = billing.status().filter(|s| s.is_supplied()) {
        let what = "paid from its deposit".to_owned();
        return Err(BillingRefusal::StatusForbids { status, what }.into());
    }
    let (held, exact, owed) = (billing.deposit(), billing.dues().balance(), payable(draft));
    if !owed.is_positive() || !held.is_positive() {
        return Err(BillingRefusal::NothingOwed.into());
    }
    let full = held >= owed;
    let used = SecurityDepositUsed {
        a: held.min(owed),
        rd: if full { exact - owed } else { Money::ZERO },
        b: draft.this_month(),
        full,
    };
    draft.emit_billing(BillingEvent::SecurityDepositUsed(used));
    Ok(())
}

/// C16: deposit and credit of a consumer that has ended and owes nothing go back, once.
pub(super) fn pay_out(draft: &mut Draft<'_>, channel: &ChannelId) -> Result<(), Rejection> {
    let (_, billing) = billed(draft)?;
    if let Some(status) = billing.status().filter(|s| !s.is_over()) {
        let what = "paid out".to_owned();
        return Err(BillingRefusal::StatusForbids { status, what }.into());
    }
    let (deposit, credit) = (billing.deposit(), -billing.dues().balance());
    let credit = credit.max(Money::ZERO);
    if deposit.is_zero() && credit.is_zero() {
        return Err(BillingRefusal::NothingOwed.into());
    }
    let pay = Payment {
        ch: channel.clone(),
        ..payment(draft, &Source::NotTaken)?
    };
    pay_out_credit(draft, &pay);
    if !deposit.is_zero() {
        let returned = SecurityDepositReturned { a: deposit, pay };
        draft.emit_billing(BillingEvent::SecurityDepositReturned(returned));
    }
    Ok(())
}

/// What was paid beyond the dues goes back, what is left below the smallest unit to `rounding`.
pub(super) fn pay_out_credit(draft: &mut Draft<'_>, pay: &Payment) {
    let Some(billing) = draft.account.billing() else {
        return;
    };
    let credit = (-billing.dues().balance()).max(Money::ZERO);
    if credit.is_zero() {
        return;
    }
    let out = credit.truncate(u32::from(draft.policy.currency().decimals));
    let paid_out = CreditPaidOut {
        a: out,
        rd: credit - out,
        pay: pay.clone(),
    };
    draft.emit_billing(BillingEvent::CreditPaidOut(paid_out));
}

/// K4: one account of a disconnection run, decided on its head: whoever paid since the run began, or
/// owes nothing overdue, is not cut.
pub(super) fn cut_in_run(draft: &mut Draft<'_>, began_at: Timestamp) -> Result<(), Rejection> {
    let (policy, billing) = billed(draft)?;
    if policy.status.is_some() {
        return Err(not_offered("disconnection runs"));
    }
    let Some(due) = billing.oldest_due() else {
        return Err(BillingRefusal::NothingOwed.into());
    };
    if let Some(paid_at) = billing.paid_at().filter(|paid| *paid >= began_at) {
        return Err(BillingRefusal::PaidSinceRun { paid_at }.into());
    }
    if draft.today() <= due {
        return Err(BillingRefusal::TooEarly { from: due.next() }.into());
    }
    let wallet = draft.account.wallet(billing.utility());
    if wallet.is_none_or(|w| w.supply != Supply::On) {
        let state = "off".to_owned();
        return Err(Rejection::SupplyAlready { state });
    }
    supply::cut_for_dues(draft);
    Ok(())
}
