//! A month's close (E3, E5, E6, E8, E13, E17): a deadline of the account, decided as of the last instant
//! of the local month, once per account and month, one month at a time.
//!
//! It lies at that last instant so that the close comes before everything of the next month, and a
//! command at that very instant before the close (C6).

use super::billing::Billing;
use super::draft::Draft;
use super::{Account, Lifecycle, bills, consumer, supply};
use crate::event::{BillingEvent, DisconnectionNoticeServed, MonthClosed, SurchargeCharged};
use crate::num::Money;
use crate::scheme::{SchemePolicy, StatusPolicy};
use crate::status::Status;
use crate::time::{LocalDate, Month, Timestamp};

/// When the next month of the account is closed; none where months are not closed.
pub(super) fn due(account: &Account, policy: &SchemePolicy) -> Option<Timestamp> {
    policy.billing()?.status.as_ref()?;
    let billing = account.billing()?;
    let open = account.lifecycle() == Lifecycle::Open;
    let ends = open && !billing.status().is_none_or(Status::is_over);
    ends.then(|| {
        let next_month = billing.next_close().next();
        policy.zone().start_of_month(next_month).just_before()
    })
}

/// Closes the month that is due.
pub(super) fn close(draft: &mut Draft<'_>) {
    let Some(policy) = draft.policy.billing().and_then(|b| b.status.as_ref()) else {
        return;
    };
    let Some((month, status)) = draft.account.billing().and_then(what_is_closed) else {
        return;
    };
    match status {
        Status::Live => close_live(draft, policy, month),
        Status::Bltd => {
            if !bills::is_read(draft, month) {
                bills::estimate(draft, month, false);
            }
            surcharge(draft, policy, month);
            closed(draft, month, true, true);
            supply::cut_for_dues(draft);
        }
        Status::Dis1 | Status::Dis2 | Status::Dis3 | Status::Dis4 => {
            surcharge(draft, policy, month);
            closed(draft, month, true, false);
        }
        Status::Dis5 => {
            consumer::charge_obligatory_fee(draft);
            closed(draft, month, true, false);
        }
        Status::Pnr1
        | Status::Pnr2
        | Status::Pnr3
        | Status::Pnr4
        | Status::Pnr5
        | Status::Pdnp
        | Status::Deaa
        | Status::Pdor
        | Status::Dear
        | Status::Blog
        | Status::Stbl
        | Status::Stbp
        | Status::Stsd
        | Status::New
        | Status::Extn
        | Status::Disp
        | Status::Disc => closed(draft, month, false, false),
    }
}

fn what_is_closed(billing: &Billing) -> Option<(Month, Status)> {
    Some((billing.next_close(), billing.status()?))
}

/// E3, E13: without a payment a live consumer becomes belated, but not in the month in which it became
/// live, and not a government consumer whose reading was missing.
fn close_live(draft: &mut Draft<'_>, policy: &StatusPolicy, month: Month) {
    let fine = draft
        .account
        .billing()
        .is_none_or(|b| b.became_live_in(month) || b.paid_in(month));
    if fine {
        closed(draft, month, false, false);
        return;
    }
    let read = bills::is_read(draft, month);
    let door_lock = !read && policy.is_government(&draft.account.profile().class);
    if !read {
        bills::estimate(draft, month, door_lock);
    }
    if door_lock {
        closed(draft, month, false, false);
        return;
    }
    surcharge(draft, policy, month);
    closed(draft, month, true, false);
    serve_notice(draft, policy, month);
}

fn closed(draft: &mut Draft<'_>, month: Month, unpaid: bool, cut: bool) {
    draft.emit_billing(BillingEvent::MonthClosed(MonthClosed {
        b: month,
        un: unpaid,
        cut,
    }));
}

/// 2% of the newest consumption charge that stands, to the smallest unit, half up (E3, E6).
fn surcharge(draft: &mut Draft<'_>, policy: &StatusPolicy, month: Month) {
    let Some(of) = draft.account.billing().and_then(Billing::newest_charge) else {
        return;
    };
    let decimals = u32::from(draft.policy.currency().decimals);
    let amount = policy.surcharge.of_money(of).round_half_up(decimals);
    if amount > Money::ZERO {
        draft.emit_billing(BillingEvent::SurchargeCharged(SurchargeCharged {
            b: month,
            of,
            a: amount,
        }));
    }
}

/// The bill cum disconnection notice: there by the 5th, payable by the 20th of the next month (E3).
fn serve_notice(draft: &mut Draft<'_>, policy: &StatusPolicy, month: Month) {
    let amount = bills::payable(draft);
    let by = day_of(month.next(), policy.notice_by_day);
    let due = day_of(month.next(), policy.belated_to_day);
    draft.emit_billing(BillingEvent::DisconnectionNoticeServed(
        DisconnectionNoticeServed {
            b: month,
            a: amount,
            by,
            due,
        },
    ));
}

/// A day of a month; policy days are days that every month has.
pub(super) fn day_of(month: Month, day: u32) -> LocalDate {
    let days = i32::try_from(day).unwrap_or(1) - 1;
    month.first_day().plus_days(days)
}
