//! Messages about readings that people post (E13).

use ledger_core::answer::{Answer, ReadingOutcome};
use ledger_core::command::Reading;
use ledger_service::Reply;

use super::fields::Fields;
use crate::errors::No;
use crate::pb;

/// A reading as it was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedReading(pub Reading);

impl TryFrom<&pb::PostReadingsRequest> for AskedReading {
    type Error = No;

    fn try_from(m: &pb::PostReadingsRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let meter = f.meter("meter", &m.meter);
        let given = !m.register.is_empty();
        let register = given.then(|| f.register("register", &m.register));
        let read_at = f.instant("read_at", m.read_at);
        let value = f.quantity("value", &m.value);
        let asked = (|| {
            let register = match register {
                Some(register) => Some(register?),
                None => None,
            };
            Some(Self(Reading {
                meter: meter?,
                register,
                read_at: read_at?,
                value: value?,
            }))
        })();
        f.finish(asked)
    }
}

/// What became of a posted reading.
#[must_use]
pub fn posted(line: u64, answered: Result<Reply, No>) -> pb::PostReadingsResponse {
    let told = answered.and_then(|reply| {
        if let Answer::Reading(outcome) = reply.answer {
            return Ok(outcome);
        }
        let text = format!("a reading was answered by {:?}", reply.answer);
        Err(No::Bug(text))
    });
    let empty = pb::PostReadingsResponse {
        line,
        ..Default::default()
    };
    let class = |class: &str| pb::PostReadingsResponse {
        class: class.to_owned(),
        ..empty.clone()
    };
    let error = |no: &No| pb::PostReadingsResponse {
        error: Some(pb::StreamError {
            status: i32::from(no.code()),
            error: Some(no.refusal()),
        }),
        ..empty.clone()
    };
    match told {
        Ok(ReadingOutcome::Accepted { quantity, amount }) => pb::PostReadingsResponse {
            quantity: quantity.to_string(),
            amount: amount.to_string(),
            ..class("accepted")
        },
        Ok(ReadingOutcome::Duplicate) => class("duplicate"),
        Ok(ReadingOutcome::Conflicting) => class("conflicting"),
        Ok(ReadingOutcome::Late) => class("late"),
        Ok(ReadingOutcome::Settling) => class("settling"),
        Ok(ReadingOutcome::Corrected { amount }) => pb::PostReadingsResponse {
            amount: amount.to_string(),
            ..class("corrected")
        },
        Ok(ReadingOutcome::Quarantined) => class("quarantined"),
        Ok(ReadingOutcome::Refused(rejection)) => error(&No::Refused(rejection)),
        Err(no) => error(&no),
    }
}
