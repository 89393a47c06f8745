//! From an account's consumption to its charge: the tariff engine with what the account has of it.

use super::Account;
use crate::num::Quantity;
use crate::rejection::Rejection;
use crate::scheme::SchemePolicy;
use crate::tariff::{self, Charge, Customer, NoTariff, Scale, Span, Tariff};
use crate::time::{Month, Timestamp};
use crate::utility::Utility;

/// Prices `quantity`, used evenly from `from` to `to`.
#[inline]
pub(super) fn price(
    account: &Account,
    policy: &SchemePolicy,
    utility: Utility,
    (from, to): (Timestamp, Timestamp),
    quantity: Quantity,
) -> Result<Charge, Rejection> {
    let position = account.wallet(utility).and_then(|w| w.position.as_ref());
    let span = Span { from, to, quantity };
    tariff::price(
        policy.price_book(),
        customer(account, utility),
        position,
        span,
    )
    .map_err(refusal)
}

/// What so many units cost as a month of their own (E3), used evenly over it; none where there is no
/// tariff.
pub(super) fn price_month(
    account: &Account,
    policy: &SchemePolicy,
    (utility, month): (Utility, Month),
    quantity: Quantity,
) -> Option<Charge> {
    let span = Span {
        from: policy.zone().start_of_month(month),
        to: policy.zone().start_of_month(month.next()),
        quantity,
    };
    tariff::price(policy.price_book(), customer(account, utility), None, span).ok()
}

/// The tariff of an account's utility at an instant.
pub(super) fn tariff<'p>(
    account: &Account,
    policy: &'p SchemePolicy,
    utility: Utility,
    at: Timestamp,
) -> Result<&'p Tariff, Rejection> {
    let Customer { class, scale, .. } = customer(account, utility);
    let Some(tariff) = policy.tariff_for(utility, class, at) else {
        return Err(refusal(NoTariff {
            utility,
            class: class.to_owned(),
            at,
        }));
    };
    if tariff.suits(scale) {
        return Ok(tariff);
    }
    Err(Rejection::NoTariff {
        what: format!(
            "{utility} {class} without a contracted capacity: open the account with its contracted_kva"
        ),
    })
}

/// What prices depend on of an account.
pub(super) fn customer(account: &Account, utility: Utility) -> Customer<'_> {
    let profile = account.profile();
    Customer {
        utility,
        class: &profile.class,
        scale: Scale {
            dwelling_units: profile.dwelling_units,
            contracted_kva: profile.contracted_kva,
        },
    }
}

pub(super) fn refusal(NoTariff { utility, class, at }: NoTariff) -> Rejection {
    Rejection::NoTariff {
        what: format!("{utility} {class} at {at}"),
    }
}
