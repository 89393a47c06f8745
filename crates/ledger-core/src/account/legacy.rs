//! Credit of an older system (U10, U11): registered, which starts the term, then credited or refunded,
//! which ends it, exactly once per old account and utility.
//!
//! That no second account takes over the same old one is seen by whoever writes the claim beside the
//! account's facts; here stands what one account knows.

use serde::{Deserialize, Serialize};

use super::Account;
use super::decide::bad_input;
use super::draft::Draft;
use super::payments::{must_be_payable, payment};
use crate::command::{CreditLegacy, LegacyValue, RegisterLegacy, Source};
use crate::event::{
    AccountEvent, LegacyCreditChoiceMade, LegacyCreditEntered, LegacyCreditRefunded,
    LegacyCreditRegistered, Payment,
};
use crate::ids::{ChannelId, OpaqueRef};
use crate::num::{Money, Price};
use crate::rejection::Rejection;
use crate::scheme::{LegacyBalance, LegacyPolicy};
use crate::utility::Utility;

/// The most old accounts that one account takes over: a household that moved twice has four. More is a
/// mistake, and the state has to end somewhere.
const LEGACY_MAX: usize = 32;

/// Where credit of an old account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegacyStage {
    /// Registered: the term runs.
    Registered,
    /// Credited.
    Credited,
    /// Refunded.
    Refunded,
}

/// Credit of one old account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyCredit {
    /// Utility.
    pub utility: Utility,
    /// Old account.
    pub from: OpaqueRef,
    /// Its balance as registered.
    pub balance: LegacyBalance,
    /// The customer wants it refunded.
    pub refund: bool,
    /// Where it stands.
    pub stage: LegacyStage,
}

impl Account {
    /// Credit of old accounts, in the order of registration.
    #[must_use]
    pub fn legacy(&self) -> &[LegacyCredit] {
        &self.legacy
    }

    fn legacy_of(&self, utility: Utility, from: &OpaqueRef) -> Option<&LegacyCredit> {
        self.legacy
            .iter()
            .find(|known| known.utility == utility && known.from == *from)
    }

    fn legacy_mut(&mut self, utility: Utility, from: &OpaqueRef) -> Option<&mut LegacyCredit> {
        self.legacy
            .iter_mut()
            .find(|known| known.utility == utility && known.from == *from)
    }

    pub(super) fn fold_legacy_registered(&mut self, e: &LegacyCreditRegistered) {
        let units = e.q.map(LegacyBalance::Units);
        let balance = units.or(e.a.map(LegacyBalance::Amount));
        self.legacy.push(LegacyCredit {
            utility: e.u,
            from: e.from.clone(),
            balance: balance.unwrap_or(LegacyBalance::Amount(Money::ZERO)),
            refund: e.refund,
            stage: LegacyStage::Registered,
        });
    }

    pub(super) fn fold_legacy_choice(&mut self, e: &LegacyCreditChoiceMade) {
        if let Some(known) = self.legacy_mut(e.u, &e.from) {
            known.refund = e.refund;
        }
    }

    /// Histories older than registration have credit that was entered at once.
    pub(super) fn fold_legacy_entered(&mut self, e: &LegacyCreditEntered) {
        match self.legacy_mut(e.u, &e.from) {
            Some(known) => known.stage = LegacyStage::Credited,
            None => self.legacy.push(LegacyCredit {
                utility: e.u,
                from: e.from.clone(),
                balance: LegacyBalance::Amount(e.a),
                refund: false,
                stage: LegacyStage::Credited,
            }),
        }
    }

    pub(super) fn fold_legacy_refunded(&mut self, e: &LegacyCreditRefunded) {
        if let Some(known) = self.legacy_mut(e.u, &e.from) {
            known.stage = LegacyStage::Refunded;
        }
    }
}

/// Registers the balance of an old account; its term starts.
pub(super) fn register(draft: &mut Draft<'_>, asked: &RegisterLegacy) -> Result<(), Rejection> {
    let RegisterLegacy {
        utility,
        from,
        balance,
        photo,
        refund,
    } = asked;
    must_have_a_meter(draft, *utility)?;
    must_be_new(draft, *utility, from)?;
    let policy = policy_of(draft, *utility)?;
    must_be_in_its_measure(draft, policy, *balance)?;
    if policy.photo_required && photo.is_none() {
        return Err(bad_input(
            "photo",
            "the photograph of the old meter must be on file",
        ));
    }
    if *refund {
        must_be_refundable(draft, policy, *balance)?;
    }
    let term = policy.term(*balance);
    let due = term.due(draft.at, draft.policy.zone(), draft.policy.calendar());
    let (q, a) = match *balance {
        LegacyBalance::Units(units) => (Some(units), None),
        LegacyBalance::Amount(amount) => (None, Some(amount)),
    };
    draft.emit(AccountEvent::LegacyCreditRegistered(
        LegacyCreditRegistered {
            u: *utility,
            from: from.clone(),
            q,
            a,
            photo: photo.clone(),
            refund: *refund,
            d: draft.today(),
            due,
        },
    ));
    Ok(())
}

/// The customer chooses between refund and transfer, as often as they like while the term runs.
pub(super) fn choose(
    draft: &mut Draft<'_>,
    utility: Utility,
    from: &OpaqueRef,
    refund: bool,
) -> Result<(), Rejection> {
    let known = pending(draft, utility, from)?.clone();
    if known.refund == refund {
        return Ok(());
    }
    if refund {
        let policy = policy_of(draft, utility)?;
        must_be_refundable(draft, policy, known.balance)?;
    }
    draft.emit(AccountEvent::LegacyCreditChoiceMade(
        LegacyCreditChoiceMade {
            u: utility,
            from: from.clone(),
            refund,
        },
    ));
    Ok(())
}

/// Credits it, at the rate or the amount that the officer states; the term ends.
pub(super) fn credit(draft: &mut Draft<'_>, asked: &CreditLegacy) -> Result<(), Rejection> {
    let known = pending(draft, asked.utility, &asked.from)?.clone();
    must_have_chosen(&known, false)?;
    let (amount, rate) = worth(draft, known.balance, asked.value)?;
    enter(draft, asked.utility, &asked.from, (amount, rate));
    Ok(())
}

/// Pays it out through a channel; the term ends.
pub(super) fn refund(
    draft: &mut Draft<'_>,
    utility: Utility,
    from: &OpaqueRef,
    by: &ChannelId,
) -> Result<(), Rejection> {
    let known = pending(draft, utility, from)?.clone();
    must_have_chosen(&known, true)?;
    let LegacyBalance::Amount(amount) = known.balance else {
        return Err(bad_input("from", "its balance is not in money"));
    };
    let pay = Payment {
        ch: by.clone(),
        ..payment(draft, &Source::NotTaken)?
    };
    draft.emit(AccountEvent::LegacyCreditRefunded(LegacyCreditRefunded {
        u: utility,
        a: amount,
        from: from.clone(),
        pay,
    }));
    Ok(())
}

/// An amount in one step: what is registered already is credited with it, what is not is registered too.
pub(super) fn enter_at_once(
    draft: &mut Draft<'_>,
    utility: Utility,
    amount: Money,
    from: &OpaqueRef,
) -> Result<(), Rejection> {
    must_have_a_meter(draft, utility)?;
    must_be_payable(draft, amount)?;
    match draft.account.legacy_of(utility, from) {
        Some(_) => {
            let known = pending(draft, utility, from)?;
            must_have_chosen(known, false)?;
        }
        None => {
            must_be_new(draft, utility, from)?;
            let today = draft.today();
            draft.emit(AccountEvent::LegacyCreditRegistered(
                LegacyCreditRegistered {
                    u: utility,
                    from: from.clone(),
                    q: None,
                    a: Some(amount),
                    photo: None,
                    refund: false,
                    d: today,
                    due: today,
                },
            ));
        }
    }
    enter(draft, utility, from, (amount, None));
    Ok(())
}

/// An account whose old credit is neither credited nor refunded is not closed: nobody could be paid any
/// more.
pub(super) fn must_be_settled(account: &Account) -> Result<(), Rejection> {
    let open = account
        .legacy
        .iter()
        .find(|known| known.stage == LegacyStage::Registered);
    match open {
        Some(known) => Err(Rejection::LegacyCreditPending {
            from: known.from.clone(),
        }),
        None => Ok(()),
    }
}

fn enter(
    draft: &mut Draft<'_>,
    utility: Utility,
    from: &OpaqueRef,
    (amount, rate): (Money, Option<Price>),
) {
    draft.emit(AccountEvent::LegacyCreditEntered(LegacyCreditEntered {
        u: utility,
        a: amount,
        from: from.clone(),
        rate,
    }));
}

/// What the officer says it is worth: exactly one of rate and amount for units; money is worth itself
/// unless another amount is stated.
fn worth(
    draft: &Draft<'_>,
    balance: LegacyBalance,
    value: LegacyValue,
) -> Result<(Money, Option<Price>), Rejection> {
    match (balance, value) {
        (_, LegacyValue::Amount(amount)) => {
            must_be_payable(draft, amount)?;
            Ok((amount, None))
        }
        (LegacyBalance::Units(units), LegacyValue::Rate(rate)) => {
            let amount = rate * units;
            if !amount.is_positive() {
                return Err(bad_input("rate", "must be above zero"));
            }
            let most = draft.policy.limits().amount_max;
            if amount > most {
                return Err(bad_input(
                    "rate",
                    &format!("makes {amount}; at most {most} is credited"),
                ));
            }
            Ok((amount, Some(rate)))
        }
        (LegacyBalance::Units(_), LegacyValue::AsRegistered) => Err(bad_input(
            "value",
            "the balance is in units: state a rate or an amount",
        )),
        (LegacyBalance::Amount(_), LegacyValue::Rate(_)) => Err(bad_input(
            "rate",
            "the balance is in money, which has no rate",
        )),
        (LegacyBalance::Amount(amount), LegacyValue::AsRegistered) => Ok((amount, None)),
    }
}

fn must_have_a_meter(draft: &Draft<'_>, utility: Utility) -> Result<(), Rejection> {
    if draft.account.meter_of(utility).is_some() {
        return Ok(());
    }
    Err(bad_input(
        "utility",
        "the account has no meter of this utility",
    ))
}

fn must_be_new(draft: &Draft<'_>, utility: Utility, from: &OpaqueRef) -> Result<(), Rejection> {
    if draft.account.legacy_of(utility, from).is_some() {
        return Err(Rejection::LegacyCreditKnown { from: from.clone() });
    }
    if draft.account.legacy.len() >= LEGACY_MAX {
        return Err(bad_input(
            "from",
            &format!("the account has taken over {LEGACY_MAX} old accounts already"),
        ));
    }
    Ok(())
}

fn must_be_in_its_measure(
    draft: &Draft<'_>,
    policy: &LegacyPolicy,
    balance: LegacyBalance,
) -> Result<(), Rejection> {
    match (balance, policy.in_units()) {
        (LegacyBalance::Units(units), true) if units.is_positive() => Ok(()),
        (LegacyBalance::Units(_), true) => Err(bad_input("units", "must be above zero")),
        (LegacyBalance::Amount(amount), false) => must_be_payable(draft, amount),
        (LegacyBalance::Units(_), false) => Err(bad_input(
            "units",
            "the old balances of this utility are in money",
        )),
        (LegacyBalance::Amount(_), true) => Err(bad_input(
            "amount",
            "the old balances of this utility are in units",
        )),
    }
}

fn must_be_refundable(
    draft: &Draft<'_>,
    policy: &LegacyPolicy,
    balance: LegacyBalance,
) -> Result<(), Rejection> {
    if policy.may_be_refunded(&draft.account.profile().class, balance) {
        return Ok(());
    }
    Err(Rejection::LegacyChoice {
        reason: "a balance of this size and class of customer is transferred".to_owned(),
    })
}

fn must_have_chosen(known: &LegacyCredit, refund: bool) -> Result<(), Rejection> {
    if known.refund == refund {
        return Ok(());
    }
    let reason = if known.refund {
        "the customer chose a refund"
    } else {
        "the customer did not choose a refund"
    };
    Err(Rejection::LegacyChoice {
        reason: reason.to_owned(),
    })
}

fn pending<'a>(
    draft: &'a Draft<'_>,
    utility: Utility,
    from: &OpaqueRef,
) -> Result<&'a LegacyCredit, Rejection> {
    let known = draft.account.legacy_of(utility, from);
    let known = known.ok_or_else(|| Rejection::UnknownLegacyCredit { from: from.clone() })?;
    match known.stage {
        LegacyStage::Registered => Ok(known),
        LegacyStage::Credited | LegacyStage::Refunded => {
            Err(Rejection::LegacyCreditSettled { from: from.clone() })
        }
    }
}

fn policy_of<'a>(draft: &Draft<'a>, utility: Utility) -> Result<&'a LegacyPolicy, Rejection> {
    let policy: &'a crate::scheme::SchemePolicy = draft.policy;
    policy.legacy(utility).ok_or_else(|| {
        bad_input(
            "utility",
            "the scheme takes over no credit of this utility's older system",
        )
    })
}
