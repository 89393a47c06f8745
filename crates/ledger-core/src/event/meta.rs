//! Metadata of an event: the clocks and the actors, with defaults left out.
//!
//! *Recorded at* is not here: the store stamps it on every record and never lets it run backwards.

use serde::{Deserialize, Serialize};

use crate::ids::Actor;
use crate::time::Timestamp;

/// Metadata as stored, JSON with short keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// When it counts: the command's time, or the due time of a deadline (C6); never before the
    /// account's newest event.
    pub at: Timestamp,
    /// When the command was received, where that is another time than `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx: Option<Timestamp>,
    /// Who acted.
    pub by: Actor,
    /// Policy version that priced or judged it, such as `usms@1` (C12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<String>,
    /// Set on what an account's own deadline did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dl: bool,
    /// What this belongs to, where it is not the event alone.
    #[serde(
        rename = "$correlationId",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub correlation: Option<String>,
    /// What caused it: a delivery (`<gateway>:<sequence>`) or a key (`<channel>/<reference>`).
    #[serde(
        rename = "$causationId",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cause: Option<String>,
}

/// What folding needs of an event's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When it counts.
    pub at: Timestamp,
    /// Done by a deadline of the account.
    pub by_deadline: bool,
    /// Sequence of the delivery that brought it, 0 for none: tells a redelivery from a repeat.
    pub delivery: u64,
}

impl Meta {
    /// The part that folding needs.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let delivery = self.cause.as_deref().and_then(delivery_of).unwrap_or(0);
        Stamp {
            at: self.at,
            by_deadline: self.dl,
            delivery,
        }
    }
}

/// Sequence in a cause of the form `<gateway>:<sequence>`. A gateway's name has no slash, a key always
/// has one, so a reference that ends like a sequence is none.
fn delivery_of(cause: &str) -> Option<u64> {
    let (gateway, sequence) = cause.rsplit_once(':')?;
    if gateway.contains('/') {
        None
    } else {
        sequence.parse().ok()
    }
}
