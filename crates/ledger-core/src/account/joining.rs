//! Joining a scheme that people choose: who may, with what arrears, and what they are given (P1, P2, P3).

use serde::{Deserialize, Serialize};

use super::decide::bad_input;
use super::draft::Draft;
use super::payments::must_be_payable;
use crate::command::JoinScheme;
use crate::event::{AccountEvent, ArrearsMovedIn, InitialCreditGranted, SchemeJoined};
use crate::ids::OpaqueRef;
use crate::rejection::Rejection;
use crate::scheme::{JoiningConditions, JoiningPolicy};
use crate::utility::Utility;

/// Who has joined, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Utility that is prepaid.
    pub utility: Utility,
    /// Opaque reference of the person.
    pub person: OpaqueRef,
}

/// Takes a customer into the scheme: the arrears move in, and a first-time joiner gets the initial credit.
pub(super) fn join(draft: &mut Draft<'_>, join: &JoinScheme) -> Result<(), Rejection> {
    let Some(policy) = draft.policy.joining() else {
        return Err(Rejection::NotOffered {
            what: "joining".to_owned(),
        });
    };
    if draft.account.joined().is_some() {
        return Err(Rejection::AlreadyJoined);
    }
    must_be_payable(draft, join.arrears)?;
    super::pricing::tariff(draft.account, draft.policy, join.utility, draft.at)?;
    must_be_eligible(draft, policy, join)?;
    if let Some(debt) = draft.account.debt().filter(|d| d.is_open()) {
        return Err(Rejection::DebtInForce {
            left: debt.balance(),
        });
    }
    let initial = policy.initial_credit;
    draft.emit(AccountEvent::SchemeJoined(SchemeJoined {
        u: join.utility,
        p: join.person.clone(),
        app: join.application.clone(),
        cut: join.disconnected && join.cannot_pay_minimum,
        broken: join.broken_plans,
    }));
    draft.emit(AccountEvent::ArrearsMovedIn(ArrearsMovedIn {
        u: join.utility,
        a: join.arrears,
        from: join.arrears_from.clone(),
    }));
    if let Some(amount) = initial.filter(|_| !draft.facts.initial_credit_claimed) {
        draft.emit(AccountEvent::InitialCreditGranted(InitialCreditGranted {
            u: join.utility,
            a: amount,
            p: join.person.clone(),
        }));
    }
    Ok(())
}

fn must_be_eligible(
    draft: &Draft<'_>,
    policy: &JoiningPolicy,
    join: &JoinScheme,
) -> Result<(), Rejection> {
    let class = &draft.account.profile().class;
    let not = |reason: String| Err(Rejection::NotEligible { reason });
    if !policy.classes.contains(class) {
        return not(format!("class {class:?} cannot join"));
    }
    let cut = join.disconnected && join.cannot_pay_minimum;
    let broken = join.broken_plans >= policy.broken_plans_min;
    let fulfilled = match policy.conditions {
        JoiningConditions::All => cut && broken,
        JoiningConditions::Any => cut || broken,
    };
    if fulfilled {
        return Ok(());
    }
    let word = match policy.conditions {
        JoiningConditions::All => "and",
        JoiningConditions::Any => "or",
    };
    not(format!(
        "open to customers disconnected for arrears who cannot pay the least amount for a reconnection, \
         {word} with {} broken instalment plans or more",
        policy.broken_plans_min
    ))
}

/// P3: in a scheme that people join, money and emergency credit come after joining.
pub(super) fn must_have_joined(draft: &Draft<'_>) -> Result<(), Rejection> {
    if draft.policy.joining().is_some() && draft.account.joined().is_none() {
        return Err(Rejection::NotJoined);
    }
    Ok(())
}

/// Name of the stream that remembers a person's initial credit in a scheme: no scheme's name has a dot.
///
/// # Errors
/// When the scheme's name has a dot and would share a stream with another.
pub fn initial_credit_stream(scheme: &str, person: &OpaqueRef) -> Result<String, Rejection> {
    if scheme.contains('.') {
        return Err(bad_input("scheme", "has a dot in its name"));
    }
    Ok(format!("initial-credit-{scheme}.{person}"))
}
