//! Credit on its way to a meter, by key or by network, taken in once (P7).
//!
//! The wallet is credited at once; this tells only whether the meter has taken the value in. Whichever
//! way comes first counts, and the other is told that there is nothing left to take in.

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::payments::must_not_be_future;
use super::supply;
use crate::command::DeliverCredit;
use crate::event::{AccountEvent, CreditDelivered};
use crate::ids::ReceiptNumber;
use crate::num::Money;
use crate::rejection::Rejection;
use crate::utility::Utility;

/// The value of a top-up that its meter has not taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// Receipt of the top-up.
    pub receipt: ReceiptNumber,
    /// Wallet it credited.
    pub utility: Utility,
    /// Value.
    pub value: Money,
}

/// The meter has taken in the value of a top-up.
pub(super) fn deliver(draft: &mut Draft<'_>, deliver: &DeliverCredit) -> Result<(), Rejection> {
    let meter = draft.account.meter_in_place(&deliver.meter);
    let utility = meter
        .map(|m| m.utility)
        .ok_or_else(|| supply::missing(draft, &deliver.meter))?;
    let offered = draft
        .policy
        .delivery()
        .is_some_and(|policy| policy.ways.contains(&deliver.by));
    if !offered {
        return Err(Rejection::NotOffered {
            what: "this way of delivering credit".to_owned(),
        });
    }
    must_not_be_future(draft, "at", deliver.at)?;
    let waiting = draft.account.undelivered();
    let found = waiting
        .iter()
        .find(|u| u.receipt == deliver.receipt && u.utility == utility);
    let Some(value) = found.map(|u| u.value) else {
        return Err(Rejection::NothingToDeliver {
            receipt: deliver.receipt.clone(),
        });
    };
    draft.emit(AccountEvent::CreditDelivered(CreditDelivered {
        u: utility,
        m: deliver.meter.clone(),
        rc: deliver.receipt.clone(),
        a: value,
        by: deliver.by,
        t: deliver.at,
    }));
    Ok(())
}
