//! Sending lines over the stream until each has an answer, or patience ends. What had no answer is sent
//! again as it was: the reference makes that safe.

use std::collections::HashMap;
use std::time::Duration;

use command_api::{Client, pb};
use futures::stream;
use tonic::{Code, Status};

use super::list::Pair;
use super::report::{Became, Outcome};
use crate::failure::Failure;

/// Rounds without any progress before the rest is left in doubt: with the pauses, about half a minute.
const ROUNDS_MAX: u32 = 6;
/// First pause after a round that left something; doubled each time.
const PAUSE: Duration = Duration::from_millis(500);

/// The reference of a pair: the same pair is the same command for ever.
pub(crate) fn reference_of(old: &str, new: &str) -> String {
    let hash = blake3::hash(format!("{old}\n{new}").as_bytes());
    let digits: String = hash.to_hex().chars().take(32).collect();
    format!("renumber-{digits}")
}

/// Sends all and gives the outcome of each, in their order.
///
/// # Errors
/// When the server refuses the caller, not a line.
pub(super) async fn all(client: &Client, pairs: &[Pair]) -> Result<Vec<Outcome>, Failure> {
    let mut outcomes = vec![Outcome::in_doubt(); pairs.len()];
    let mut idle: u32 = 0;
    while idle < ROUNDS_MAX {
        let left = open(&outcomes);
        if left.is_empty() {
            break;
        }
        if let Err(status) = round(client, pairs, &left, &mut outcomes).await
            && is_for_good(&status)
        {
            return Err(status.into());
        }
        if open(&outcomes).len() < left.len() {
            idle = 0;
            continue;
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(idle)).await;
        idle = idle.saturating_add(1);
    }
    Ok(outcomes)
}

/// Places of the lines that still wait.
fn open(outcomes: &[Outcome]) -> Vec<usize> {
    let waiting = outcomes.iter().enumerate();
    waiting
        .filter(|(_, outcome)| outcome.became == Became::InDoubt)
        .map(|(place, _)| place)
        .collect()
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
    pairs: &[Pair],
    left: &[usize],
    outcomes: &mut [Outcome],
) -> Result<(), Status> {
    let mut places = HashMap::with_capacity(left.len());
    let mut lines = Vec::with_capacity(left.len());
    for place in left {
        let Some(pair) = pairs.get(*place) else {
            continue;
        };
        let reference = reference_of(&pair.old, &pair.new);
        places.insert(reference.clone(), *place);
        lines.push(pb::RenumberAccountsRequest {
            reference,
            account_id: pair.old.clone(),
            new_number: pair.new.clone(),
        });
    }
    let lines = stream::iter(lines);
    let answers = client.accounts().renumber_accounts(lines).await?;
    let mut answers = answers.into_inner();
    while let Some(answer) = answers.message().await? {
        let place = places.get(&answer.reference).copied();
        if let Some(outcome) = place.and_then(|place| outcomes.get_mut(place)) {
            *outcome = Outcome::answered(answer);
        }
    }
    Ok(())
}
