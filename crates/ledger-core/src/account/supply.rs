//! Supply: what it should be by credit, staff's orders, and orders to the meter (U2, U3, U8, C20).

use super::decide::not_offered;
use super::draft::Draft;
use super::{Billing, Supply, Wallet, deadlines, quiet};
use crate::event::{
    AccountEvent, MeterOrderConfirmed, MeterOrderRepeated, SupplyOrdered, SupplyReason,
};
use crate::ids::MeterNumber;
use crate::rejection::{BillingRefusal, Rejection};
use crate::scheme::ReconnectAt;
use crate::time::Timestamp;
use crate::utility::Utility;

/// What supply should be by the rules of credit, leaving staff's orders aside.
fn by_credit(draft: &Draft<'_>, wallet: &Wallet) -> Supply {
    let Some(policy) = draft.policy.utility(wallet.utility) else {
        return Supply::On;
    };
    match deadlines::in_grace(draft, wallet.utility) {
        None | Some(true) => Supply::On,
        Some(false) if policy.first_top_up_within.is_some() && !wallet.first_top_up => {
            Supply::Off(SupplyReason::NoFirstTopUp)
        }
        Some(false) => {
            let first_return = wallet.supply == Supply::Off(SupplyReason::NoFirstTopUp)
                && policy.first_top_up_reconnects == Some(ReconnectAt::AboveZero);
            let needs_credit = policy.disconnect_at_zero || first_return;
            if needs_credit && !wallet.balance.is_positive() {
                Supply::Off(SupplyReason::NoCredit)
            } else {
                Supply::On
            }
        }
    }
}

/// Orders the meter to what credit asks for, unless staff hold supply off.
pub(super) fn follow_credit(draft: &mut Draft<'_>, utility: Utility) {
    if draft.account.billing().is_some() {
        decide_waiting_cut(draft, utility);
        return;
    }
    let Some(wallet) = draft.account.wallet(utility) else {
        return;
    };
    if wallet.held_by_staff() {
        return;
    }
    let Some(meter) = draft.account.meter_of(utility).map(|m| m.number.clone()) else {
        return;
    };
    match (wallet.supply, by_credit(draft, wallet)) {
        (Supply::On, Supply::Off(why)) => quiet::cut(draft, utility, meter, why),
        (Supply::Off(was), Supply::On) => {
            let why = if was == SupplyReason::NoFirstTopUp {
                SupplyReason::FirstTopUp
            } else {
                SupplyReason::CreditRestored
            };
            order(draft, utility, meter, Ok(why));
        }
        (Supply::On, Supply::On) => quiet::cancel(draft, utility, meter),
        (Supply::Off(_), Supply::Off(_)) => {}
    }
}

/// `Ok` orders supply on, `Err` off, whatever the hour.
pub(super) fn order(
    draft: &mut Draft<'_>,
    utility: Utility,
    meter: MeterNumber,
    what: Result<SupplyReason, SupplyReason>,
) {
    let n = draft.account.wallet(utility).map_or(0, |w| w.orders) + 1;
    let until = draft.at + draft.policy.orders().expiry;
    let ordered = |why| SupplyOrdered {
        u: utility,
        m: meter,
        n,
        until,
        why,
    };
    draft.emit(match what {
        Ok(why) => AccountEvent::SupplyReconnectionOrdered(ordered(why)),
        Err(why) => AccountEvent::SupplyDisconnectionOrdered(ordered(why)),
    });
}

/// Orders the billed meter on or off, where it is not so already; `on` is the reason of a connection.
pub(super) fn order_billed(draft: &mut Draft<'_>, to: Supply, on: SupplyReason) {
    let Some(utility) = draft.account.billing().map(Billing::utility) else {
        return;
    };
    let Some(meter) = draft.account.meter_of(utility).map(|m| m.number.clone()) else {
        return;
    };
    let now = draft
        .account
        .wallet(utility)
        .map_or(Supply::On, |w| w.supply);
    match (now, to) {
        (Supply::On, Supply::Off(why)) => order(draft, utility, meter, Err(why)),
        (Supply::Off(_), Supply::On) => order(draft, utility, meter, Ok(on)),
        (Supply::On, Supply::On) | (Supply::Off(_), Supply::Off(_)) => {}
    }
}

/// Cuts the billed meter for what is owed (E5, K4), after quiet time where it is quiet (C15).
pub(super) fn cut_for_dues(draft: &mut Draft<'_>) {
    let Some(utility) = draft.account.billing().map(Billing::utility) else {
        return;
    };
    let on = draft
        .account
        .wallet(utility)
        .is_none_or(|w| w.supply == Supply::On);
    if let Some(meter) = draft.account.meter_of(utility).filter(|_| on) {
        let meter = meter.number.clone();
        quiet::cut(draft, utility, meter, SupplyReason::DuesUnpaid);
    }
}

/// C15: a cut that waited is decided anew when quiet time is over: still cut off by status, or still
/// owing where there are no statuses.
fn decide_waiting_cut(draft: &mut Draft<'_>, utility: Utility) {
    let Some(waits) = draft.account.wallet(utility).and_then(|w| w.cut_waits) else {
        return;
    };
    let Some(meter) = draft.account.meter_of(utility).map(|m| m.number.clone()) else {
        return;
    };
    let wanted = match draft.account.status() {
        Some(status) => status.is_disconnected(),
        None => super::bills::payable(draft).is_positive(),
    };
    if !wanted {
        quiet::cancel(draft, utility, meter);
    } else if draft.at >= waits.until {
        quiet::cut(draft, utility, meter, SupplyReason::DuesUnpaid);
    }
}

/// K4, K8: a payment in full brings supply back that was cut for dues, any payment takes back a cut that
/// the meter has not confirmed.
pub(super) fn follow_payment(draft: &mut Draft<'_>, full: bool) {
    if !draft
        .policy
        .billing()
        .is_some_and(|b| b.reconnects_when_paid)
    {
        return;
    }
    let utility = draft.account.billing().map(Billing::utility);
    let Some(wallet) = utility.and_then(|u| draft.account.wallet(u)) else {
        return;
    };
    let waits = wallet.cut_waits.is_some();
    let cut = wallet.supply == Supply::Off(SupplyReason::DuesUnpaid);
    let unconfirmed = wallet.open_order.as_ref().is_some_and(|order| !order.on);
    if cut && (full || unconfirmed) {
        order_billed(draft, Supply::On, SupplyReason::DuesPaid);
    }
    let meter = utility.and_then(|u| draft.account.meter_of(u));
    if let (true, Some(utility), Some(number)) = (waits, utility, meter.map(|m| m.number.clone())) {
        quiet::cancel(draft, utility, number);
    }
}

/// Where statuses are kept, supply follows them and is not ordered by itself (E7).
fn must_not_have_statuses(draft: &Draft<'_>) -> Result<(), Rejection> {
    if draft.account.status().is_some() {
        return Err(not_offered("supply orders beside the consumer's status"));
    }
    Ok(())
}

/// Staff order supply off, whatever the credit.
pub(super) fn disconnect(draft: &mut Draft<'_>, number: &MeterNumber) -> Result<(), Rejection> {
    must_not_have_statuses(draft)?;
    let utility = utility_of(draft, number)?;
    if draft
        .account
        .wallet(utility)
        .is_some_and(Wallet::held_by_staff)
    {
        return Err(Rejection::SupplyAlready {
            state: "off".to_owned(),
        });
    }
    order(draft, utility, number.clone(), Err(SupplyReason::Staff));
    Ok(())
}

/// Staff lift their order; what credit keeps off stays off.
pub(super) fn reconnect(draft: &mut Draft<'_>, number: &MeterNumber) -> Result<(), Rejection> {
    must_not_have_statuses(draft)?;
    let utility = utility_of(draft, number)?;
    let Some(wallet) = draft.account.wallet(utility) else {
        return Err(Rejection::UnknownMeter {
            meter: number.to_string(),
        });
    };
    let owed = super::bills::payable(draft);
    if wallet.supply == Supply::Off(SupplyReason::DuesUnpaid) && owed.is_positive() {
        return Err(BillingRefusal::DuesUnpaid { owed }.into());
    }
    let balance = wallet.balance;
    match (wallet.supply, by_credit(draft, wallet)) {
        (Supply::On, _) => Err(Rejection::SupplyAlready {
            state: "on".to_owned(),
        }),
        // The order of staff is lifted; from here on credit brings supply back.
        (Supply::Off(SupplyReason::Staff), Supply::Off(why)) => {
            order(draft, utility, number.clone(), Err(why));
            Ok(())
        }
        (Supply::Off(_), Supply::Off(_)) => Err(Rejection::SupplyNeedsCredit { balance }),
        (Supply::Off(_), Supply::On) => {
            order(draft, utility, number.clone(), Ok(SupplyReason::Staff));
            Ok(())
        }
    }
}

/// The meter says it has acted.
pub(super) fn confirm(
    draft: &mut Draft<'_>,
    number: &MeterNumber,
    n: u32,
    at: Timestamp,
) -> Result<(), Rejection> {
    let utility = utility_of(draft, number)?;
    let Some(wallet) = draft.account.wallet(utility) else {
        return Err(Rejection::UnknownMeter {
            meter: number.to_string(),
        });
    };
    if n != wallet.orders || n == 0 {
        return Err(Rejection::OrderSuperseded {
            order: n,
            newest: wallet.orders,
        });
    }
    if wallet.open_order.is_some() {
        draft.emit(AccountEvent::MeterOrderConfirmed(MeterOrderConfirmed {
            u: utility,
            m: number.clone(),
            n,
            t: at,
        }));
    }
    Ok(())
}

/// C20: a stale cut never follows the payment of what it was for, also where supply stays off until the
/// JE connects it (E7).
fn is_paid_since(draft: &Draft<'_>, wallet: &Wallet) -> bool {
    let status = draft.account.status();
    let waits_for_the_je = status.is_some_and(|s| s.is_due_for_reconnection() || s.is_over());
    wallet.supply == Supply::Off(SupplyReason::DuesUnpaid)
        && (waits_for_the_je || !super::bills::payable(draft).is_positive())
}

/// Sends lapsed orders again, as often as the policy says; after that they are only reported.
pub(super) fn repeat_lapsed_orders(draft: &mut Draft<'_>) {
    let orders = draft.policy.orders();
    for utility in Utility::ALL {
        let Some(wallet) = draft.account.wallet(utility) else {
            continue;
        };
        let Some(open) = &wallet.open_order else {
            continue;
        };
        let lapsed = open.until <= draft.at && open.sent <= orders.repeats_max;
        let paid = !open.on && is_paid_since(draft, wallet);
        if lapsed && !paid && !quiet::must_wait(draft, open.on) {
            let repeated = MeterOrderRepeated {
                u: utility,
                m: open.meter.clone(),
                n: wallet.orders + 1,
                until: draft.at + orders.expiry,
                on: open.on,
            };
            draft.emit(AccountEvent::MeterOrderRepeated(repeated));
        }
    }
}

fn utility_of(draft: &Draft<'_>, number: &MeterNumber) -> Result<Utility, Rejection> {
    let meter = draft.account.meter_in_place(number);
    meter
        .map(|m| m.utility)
        .ok_or_else(|| missing(draft, number))
}

/// Why a number is not in place: removed, or never here.
pub(super) fn missing(draft: &Draft<'_>, number: &MeterNumber) -> Rejection {
    if draft.account.meters().iter().any(|m| m.number == *number) {
        Rejection::MeterRemoved {
            meter: number.clone(),
        }
    } else {
        Rejection::UnknownMeter {
            meter: number.to_string(),
        }
    }
}
