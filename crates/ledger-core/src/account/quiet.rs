//! Cuts that wait (C15): a disconnection that would fall in quiet hours, on a rest day or a public
//! holiday is not ordered; it waits for the end of that time and is then decided anew.
//!
//! The end is a deadline of the account (C6). What makes the cut needless before, a payment above all,
//! cancels it. Deliberately absent: cuts that staff order, which they answer for themselves.

use super::draft::Draft;
use super::{Account, supply};
use crate::event::{
    AccountEvent, SupplyDisconnectionCancelled, SupplyDisconnectionDeferred, SupplyReason,
};
use crate::ids::MeterNumber;
use crate::time::Timestamp;
use crate::utility::Utility;

/// Orders supply off, or lets the order wait where the time is quiet.
pub(super) fn cut(draft: &mut Draft<'_>, utility: Utility, meter: MeterNumber, why: SupplyReason) {
    let Some(until) = draft.policy.quiet_until(draft.at) else {
        supply::order(draft, utility, meter, Err(why));
        return;
    };
    let waiting = draft.account.wallet(utility).and_then(|w| w.cut_waits);
    if waiting.is_some_and(|waits| waits.until == until) {
        return;
    }
    draft.emit(AccountEvent::SupplyDisconnectionDeferred(
        SupplyDisconnectionDeferred {
            u: utility,
            m: meter,
            until,
            why,
        },
    ));
}

/// Nothing is to be cut any more: what waited is cancelled.
pub(super) fn cancel(draft: &mut Draft<'_>, utility: Utility, meter: MeterNumber) {
    let waiting = draft.account.wallet(utility).and_then(|w| w.cut_waits);
    if waiting.is_some() {
        draft.emit(AccountEvent::SupplyDisconnectionCancelled(
            SupplyDisconnectionCancelled {
                u: utility,
                m: meter,
            },
        ));
    }
}

/// Whether an order that is sent again by itself must wait, as the first one would have.
pub(super) fn must_wait(draft: &Draft<'_>, on: bool) -> bool {
    !on && draft.policy.quiet_until(draft.at).is_some()
}

/// The next end of quiet time, strictly after `after`, for which a cut waits.
pub(super) fn next(account: &Account, after: Timestamp) -> Option<Timestamp> {
    let ends = account.wallets().iter().filter_map(|w| w.cut_waits);
    ends.map(|waits| waits.until)
        .filter(|end| *end > after)
        .min()
}

/// Whether a cut waits for this very instant.
pub(super) fn ends_at(account: &Account, due: Timestamp) -> bool {
    let mut waiting = account.wallets().iter().filter_map(|w| w.cut_waits);
    waiting.any(|waits| waits.until == due)
}
