//! Money that was taken but could not be applied (C13): it waits, then is allocated or returned, once.
//!
//! One item is one payment, in the stream `suspense-<channel>-<reference>`. Its newest event says all:
//! after the suspension there is at most one more. Pure; which account an allocation goes to is decided
//! by that account, and the money moves in the account's own event.

use crate::answer::{Returned, Suspended};
use crate::event::{Payment, PaymentSuspended, SuspenseAllocated, SuspenseEvent, SuspenseReturned};
use crate::ids::{AccountId, CommandKey, OpaqueRef};
use crate::num::Money;
use crate::rejection::Rejection;
use crate::time::LocalDate;

/// Name of the stream of one item.
#[must_use]
pub fn stream_of(key: &CommandKey) -> String {
    format!("suspense-{}-{}", key.channel, key.reference)
}

/// Where one payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SuspenseItem {
    /// No such payment was suspended.
    #[default]
    Absent,
    /// It waits.
    Waiting(PaymentSuspended),
    /// It was allocated to an account.
    Allocated(SuspenseAllocated),
    /// It was returned to the payer.
    Returned(SuspenseReturned),
}

impl SuspenseItem {
    /// The item whose newest event this is; none is an item that does not exist.
    #[must_use]
    pub fn of_newest(newest: Option<SuspenseEvent>) -> Self {
        match newest {
            None => Self::Absent,
            Some(SuspenseEvent::PaymentSuspended(e)) => Self::Waiting(e),
            Some(SuspenseEvent::SuspenseAllocated(e)) => Self::Allocated(e),
            Some(SuspenseEvent::SuspenseReturned(e)) => Self::Returned(e),
        }
    }

    /// Folds one fact.
    pub fn evolve(&mut self, event: &SuspenseEvent) {
        match event {
            SuspenseEvent::PaymentSuspended(_) => {
                assert!(*self == Self::Absent, "a payment is suspended once");
            }
            SuspenseEvent::SuspenseAllocated(_) | SuspenseEvent::SuspenseReturned(_) => {
                assert!(
                    matches!(self, Self::Waiting(_)),
                    "only waiting money is allocated or returned"
                );
            }
        }
        *self = Self::of_newest(Some(event.clone()));
    }

    /// Allocates the whole of it to an account by a command that pays `amount`.
    ///
    /// # Errors
    /// [`Rejection::NotInSuspense`] when it does not wait; [`Rejection::BadInput`] when `amount` is not all
    /// of it, which binds no reference: the slip can be corrected.
    pub fn allocate(
        &self,
        item: &CommandKey,
        amount: Money,
        account: &AccountId,
        by: &CommandKey,
    ) -> Result<SuspenseAllocated, Rejection> {
        match self {
            Self::Waiting(waiting) if waiting.a == amount => Ok(SuspenseAllocated {
                account: account.clone(),
                by: by.clone(),
            }),
            Self::Waiting(waiting) => Err(Rejection::BadInput {
                field: "amount".to_owned(),
                reason: format!("must be all that waits in suspense, {}", waiting.a),
            }),
            Self::Absent | Self::Allocated(_) | Self::Returned(_) => Err(not_waiting(item)),
        }
    }

    /// Returns it to the payer on a local day: the event and the answer.
    ///
    /// # Errors
    /// [`Rejection::NotInSuspense`] when it does not wait.
    pub fn give_back(
        &self,
        item: &CommandKey,
        day: LocalDate,
        doc: &OpaqueRef,
    ) -> Result<(SuspenseReturned, Returned), Rejection> {
        let Self::Waiting(waiting) = self else {
            return Err(not_waiting(item));
        };
        let pay = Payment {
            d: day,
            ..waiting.pay.clone()
        };
        let answer = Returned {
            channel: pay.ch.clone(),
            reference: pay.rf.clone(),
            amount: waiting.a,
            returned_on: day,
            document: doc.clone(),
        };
        Ok((
            SuspenseReturned {
                pay,
                a: waiting.a,
                doc: doc.clone(),
            },
            answer,
        ))
    }
}

/// Suspends money that was taken on a local day: the event and the answer.
///
/// `named` is the meter or account as the payer named it.
#[must_use]
pub fn suspend(
    key: &CommandKey,
    day: LocalDate,
    amount: Money,
    named: &str,
    refusal: Rejection,
) -> (PaymentSuspended, Suspended) {
    assert!(
        amount.is_positive(),
        "only money above zero is suspended; anything else is malformed"
    );
    let pay = Payment {
        ch: key.channel.clone(),
        rf: key.reference.clone(),
        d: day,
        sus: false,
    };
    let why = refusal.code().to_owned();
    let answer = Suspended {
        channel: key.channel.clone(),
        reference: key.reference.clone(),
        amount,
        taken_on: day,
        refusal,
    };
    (
        PaymentSuspended {
            pay,
            a: amount,
            named: named.to_owned(),
            why,
        },
        answer,
    )
}

fn not_waiting(item: &CommandKey) -> Rejection {
    Rejection::NotInSuspense {
        reference: item.reference.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ChannelId, Reference};
    use crate::postings;

    fn key(reference: &str) -> CommandKey {
        CommandKey {
            channel: ChannelId::parse("bank").unwrap(),
            reference: Reference::parse(reference).unwrap(),
        }
    }

    fn waiting() -> SuspenseItem {
        let day = LocalDate::parse("2026-03-02").unwrap();
        let refusal = Rejection::UnknownMeter {
            meter: "E9".to_owned(),
        };
        let (event, _) = suspend(&key("p1"), day, Money::from_cents(500), "E9", refusal);
        let mut item = SuspenseItem::default();
        item.evolve(&SuspenseEvent::PaymentSuspended(event));
        item
    }

    #[test]
    fn c13_money_in_suspense_is_allocated_whole_or_not_at_all() {
        let account = AccountId::parse("a1").unwrap();
        let part = waiting().allocate(&key("p1"), Money::from_cents(499), &account, &key("s1"));
        assert_eq!(
            part.unwrap_err().to_string(),
            "amount: must be all that waits in suspense, 5"
        );
        let whole = waiting()
            .allocate(&key("p1"), Money::from_cents(500), &account, &key("s1"))
            .unwrap();
        assert_eq!(whole.account, account);
    }

    #[test]
    fn c13_money_leaves_suspense_once() {
        let day = LocalDate::parse("2026-03-05").unwrap();
        let doc = OpaqueRef::parse("doc-1").unwrap();
        let mut item = waiting();
        let (event, answer) = item.give_back(&key("p1"), day, &doc).unwrap();
        assert_eq!(
            (answer.amount, answer.returned_on),
            (Money::from_cents(500), day)
        );
        item.evolve(&SuspenseEvent::SuspenseReturned(event));
        assert!(item.give_back(&key("p1"), day, &doc).is_err());
        let account = AccountId::parse("a1").unwrap();
        assert!(
            item.allocate(&key("p1"), Money::from_cents(500), &account, &key("s1"))
                .is_err()
        );
    }

    #[test]
    fn c2_a_return_undoes_the_suspension_to_the_cent() {
        let item = waiting();
        let SuspenseItem::Waiting(suspended) = &item else {
            panic!("it waits")
        };
        let doc = OpaqueRef::parse("doc-1").unwrap();
        let (returned, _) = item
            .give_back(&key("p1"), LocalDate::parse("2026-03-05").unwrap(), &doc)
            .unwrap();
        let mut lines = postings::of(
            &SuspenseEvent::PaymentSuspended(suspended.clone()).into(),
            None,
        );
        lines.extend(postings::of(
            &SuspenseEvent::SuspenseReturned(returned).into(),
            None,
        ));
        let left: Vec<_> = lines
            .iter()
            .map(|line| (line.account.to_string(), line.amount))
            .collect();
        let sum = |name: &str| {
            left.iter()
                .filter(|(account, _)| account == name)
                .map(|(_, a)| *a)
                .sum::<Money>()
        };
        assert_eq!(left.len(), 4);
        assert!(sum("suspense:bank").is_zero() && sum("channel-receivable:bank").is_zero());
    }
}
