//! The account's own deadlines (C6): the end of the first 72 hours (U2, U3, U8), the turns by which
//! electricity credit pays a negative water balance (U7), the months' closes (E17), the end of quiet time
//! for which a cut waits (C15), and the time for which a gap settles (C19).
//!
//! They act before a later command, as of their due time, in the same append. So a clock that runs late,
//! or not at all, changes nothing but when somebody sees it.

use super::draft::Draft;
use super::{Account, Lifecycle, Wallet, close, quiet, settle};
use crate::event::{AccountEvent, CreditTransferred};
use crate::num::Money;
use crate::scheme::{SchemePolicy, TransferPolicy};
use crate::time::{Millis, Timestamp};
use crate::utility::Utility;

/// Lets everything act that was due before `until`, oldest first; at one instant what a gap
/// let wait is priced first; the end of the first period comes before the transfer, and that before the
/// end of quiet time.
pub(super) fn act(draft: &mut Draft<'_>, until: Timestamp) {
    let mut cursor = before_pending(draft.account);
    while let Some(due) = next(draft.account, draft.policy, cursor).filter(|due| *due < until) {
        settle::act(draft, due);
        if grace_ends_at(draft.account, due) {
            draft.begin_step(due, true);
            draft.end_step();
        }
        if turn_at(draft.account, draft.policy, due) {
            draft.begin_step(due, true);
            transfer(draft);
            draft.end_step();
        }
        if close::due(draft.account, draft.policy) == Some(due) {
            draft.begin_step(due, true);
            close::close(draft);
            draft.end_step();
        }
        if quiet::ends_at(draft.account, due) {
            draft.begin_step(due, true);
            draft.end_step();
        }
        cursor = due;
    }
}

/// The next due instant strictly after `after`.
pub(super) fn next(
    account: &Account,
    policy: &SchemePolicy,
    after: Timestamp,
) -> Option<Timestamp> {
    if account.lifecycle() != Lifecycle::Open {
        return None;
    }
    let grace = account
        .wallets()
        .iter()
        .filter_map(|w| w.grace_until)
        .filter(|due| *due > after)
        .min();
    let turn = policy.transfer().and_then(|t| next_turn(account, t, after));
    let close = close::due(account, policy).filter(|due| *due > after);
    let quiet = quiet::next(account, after);
    let settled = settle::next(account, after);
    let credit = grace.into_iter().chain(turn);
    credit.chain(close).chain(quiet).chain(settled).min()
}

/// Deadlines at the newest event's own instant still lie ahead, unless deadlines acted then already.
fn before_pending(account: &Account) -> Timestamp {
    let newest = account.newest_at();
    if account.deadlines_done == Some(newest) {
        newest
    } else {
        newest.just_before()
    }
}

fn grace_ends_at(account: &Account, due: Timestamp) -> bool {
    account.wallets().iter().any(|w| w.grace_until == Some(due))
}

fn turn_at(account: &Account, policy: &SchemePolicy, due: Timestamp) -> bool {
    policy
        .transfer()
        .is_some_and(|t| next_turn(account, t, due.just_before()) == Some(due))
}

/// Turns fall `after`, then every `every`, counted from the moment the balance fell below zero. A turn
/// at which nothing can be taken does nothing and is not looked for.
fn next_turn(account: &Account, transfer: &TransferPolicy, after: Timestamp) -> Option<Timestamp> {
    let to = account.wallet(transfer.to)?;
    let start = to.negative_since?;
    if takeable(account.wallet(transfer.from), to).is_zero() {
        return None;
    }
    let first = start + transfer.after;
    if first > after {
        return Some(first);
    }
    let every = transfer.every.get();
    let passed = (after - first).get() / every;
    Some(first + Millis(every * (passed + 1)))
}

/// What a turn takes: the negative amount, as far as the other wallet's credit goes.
fn takeable(from: Option<&Wallet>, to: &Wallet) -> Money {
    let owed = (-to.balance).max(Money::ZERO);
    let there = from.map_or(Money::ZERO, |w| w.balance.max(Money::ZERO));
    owed.min(there)
}

fn transfer(draft: &mut Draft<'_>) {
    let Some(TransferPolicy { from, to, .. }) = draft.policy.transfer() else {
        return;
    };
    let Some(owing) = draft.account.wallet(*to) else {
        return;
    };
    let amount = takeable(draft.account.wallet(*from), owing);
    if amount.is_positive() {
        let (from, to) = (*from, *to);
        draft.emit(AccountEvent::CreditTransferred(CreditTransferred {
            from,
            to,
            a: amount,
        }));
    }
}

/// Whether the utility's first period is still running at this step.
pub(super) fn in_grace(draft: &Draft<'_>, utility: Utility) -> Option<bool> {
    let until = draft.account.wallet(utility)?.grace_until?;
    let has_period = draft
        .policy
        .utility(utility)
        .is_some_and(|u| u.first_top_up_within.is_some());
    Some(has_period && !draft.is_over(until))
}
