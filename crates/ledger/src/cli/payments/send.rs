//! Sending payments over the bulk stream until each has an answer, or patience ends.
//!
//! What had no answer, or one that says "not now", is sent again as it was: the reference makes that safe. Two
//! lines with one reference are never under way at once, so that each gets the answer of its own content.

use std::collections::HashMap;
use std::time::Duration;

use command_api::{Client, pb};
use futures::stream;
use tonic::{Code, Status};

use super::csv::Payment;
use super::results::{Became, Outcome};
use crate::failure::Failure;

/// Rounds without any progress before the rest is left in doubt: with the pauses, about half a minute.
const ROUNDS_MAX: u32 = 6;
/// First pause after a round that left something; doubled each time.
const PAUSE: Duration = Duration::from_millis(500);

/// What is sent beside the lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) taken: bool,
    pub(super) state_times: bool,
}

/// Sends all and gives the outcome of each, in their order.
///
/// # Errors
/// When the server refuses the caller, not a line.
pub(super) async fn all(
    client: &Client,
    payments: &[&Payment],
    how: How,
) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; payments.len()];
    let mut idle: u32 = 0;
    while idle < ROUNDS_MAX {
        let waiting = next_round(payments, &outcomes);
        if waiting.is_empty() {
            break;
        }
        let left = outcomes.iter().filter(|one| is_open(one.as_ref())).count();
        let ended = round(client, (payments, &waiting), how, &mut outcomes).await;
        if let Err(status) = ended
            && is_for_good(&status)
        {
            return Err(status.into());
        }
        let left_now = outcomes.iter().filter(|one| is_open(one.as_ref())).count();
        if left_now < left {
            idle = 0;
            continue;
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(idle)).await;
        idle = idle.saturating_add(1);
    }
    let outcomes = outcomes.into_iter();
    Ok(outcomes
        .map(|one| one.unwrap_or_else(Outcome::in_doubt))
        .collect())
}

fn is_open(outcome: Option<&Outcome>) -> bool {
    outcome.is_none_or(|outcome| outcome.became == Became::InDoubt)
}

/// The lines that still wait, the first of each reference.
fn next_round(payments: &[&Payment], outcomes: &[Option<Outcome>]) -> HashMap<String, usize> {
    let mut waiting = HashMap::new();
    for (place, (payment, outcome)) in payments.iter().zip(outcomes).enumerate() {
        if is_open(outcome.as_ref()) {
            waiting.entry(payment.reference.clone()).or_insert(place);
        }
    }
    waiting
}

/// A refusal of the whole stream that sending it again does not change.
fn is_for_good(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unauthenticated
            | Code::PermissionDenied
            | Code::Unimplemented
            | Code::InvalidArgument
    )
}

async fn round(
    client: &Client,
    (payments, waiting): (&[&Payment], &HashMap<String, usize>),
    how: How,
    outcomes: &mut [Option<Outcome>],
) -> Result<(), Status> {
    let mut places: Vec<usize> = waiting.values().copied().collect();
    places.sort_unstable();
    let lines: Vec<pb::TopUpStreamRequest> = places
        .iter()
        .filter_map(|place| payments.get(*place))
        .map(|payment| line(payment, how))
        .collect();
    let answers = client.payments().top_up_stream(stream::iter(lines)).await?;
    let mut answers = answers.into_inner();
    while let Some(answer) = answers.message().await? {
        let place = waiting.get(&answer.reference).copied();
        if let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) {
            *outcome = Some(Outcome::answered(answer));
        }
    }
    Ok(())
}

fn line(payment: &Payment, how: How) -> pb::TopUpStreamRequest {
    let money = if how.taken {
        pb::MoneyState::Taken
    } else {
        pb::MoneyState::NotTaken
    };
    let stated = payment.paid.filter(|_| how.state_times);
    pb::TopUpStreamRequest {
        reference: payment.reference.clone(),
        meter: payment.meter.clone(),
        amount: payment.amount.clone(),
        money: money.into(),
        received_at: stated.map(command_api::convert::to_instant),
    }
}
