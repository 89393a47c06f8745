//! Event bytes as the ledger stores them: charged consumption with its metadata, encoded by the core.
//!
//! Absent on purpose: deciding. These are for measurements of the log alone.

use std::sync::Arc;

use bytes::Bytes;
use event_store::{Commit, Expected, NewEvent, StreamAppend, StreamName};
use ledger_core::event::{AccountEvent, ConsumptionCharged, Event, Meta, encode, kind_of};
use ledger_core::ids::{Actor, MeterNumber};
use ledger_core::num::{Money, Quantity};
use ledger_core::time::{Timestamp, Zone};
use ledger_core::utility::Utility;
use uuid::Uuid;

use crate::bench::household::made_up;
use crate::failure::Failure;

/// First reading of the made-up meters: the beginning of a month, so that dates are ordinary.
const FIRST_MS: i64 = 1_772_323_200_000;
/// Half an hour.
const INTERVAL_MS: i64 = 30 * 60 * 1_000;

/// A stream of numbers that looks random and is the same in every run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// From a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// Below `bound`, which is above zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        usize::try_from(drawn).unwrap_or(0) % bound.max(1)
    }
}

/// The account, its meter and its stream, by number.
pub(crate) fn account_name(number: usize) -> String {
    format!("A{number:07}")
}

/// See [`account_name`].
pub(crate) fn meter_name(number: usize) -> String {
    format!("E{number:08}")
}

/// Streams with their newest revision, and events for them.
pub(crate) struct Workload {
    kind: Arc<str>,
    bodies: Vec<(Bytes, Bytes)>,
    streams: Vec<(StreamName, Option<u64>)>,
    dice: Dice,
    made: u64,
}

impl Workload {
    /// So many streams, each with a body of its own.
    ///
    /// # Errors
    /// Only when the core refuses names that are made here, which would be a fault.
    pub(crate) fn new(streams: usize) -> Result<Self, Failure> {
        let zone = Zone::named("Asia/Brunei").map_err(|error| made_up(&error))?;
        let mut dice = Dice::new(1);
        let mut bodies = Vec::with_capacity(streams);
        let mut names = Vec::with_capacity(streams);
        for number in 0..streams {
            bodies.push(body(number, &zone, &mut dice)?);
            let name = format!("account-{}", account_name(number));
            names.push((
                StreamName::new(&name).map_err(|error| made_up(&error))?,
                None,
            ));
        }
        let charged = AccountEvent::ConsumptionCharged(charge(0, &zone, &mut dice)?);
        let kind = Arc::from(kind_of(&Event::Account(charged)));
        Ok(Self {
            kind,
            bodies,
            streams: names,
            dice,
            made: 0,
        })
    }

    /// The next call to the log: so many commits of one event each, to random streams, each with the
    /// revision that its stream has by then.
    pub(crate) fn batch(&mut self, commits: usize) -> Vec<Commit> {
        (0..commits).filter_map(|_| self.commit()).collect()
    }

    fn commit(&mut self) -> Option<Commit> {
        let number = self.dice.below(self.streams.len());
        let (stream, newest) = self.streams.get_mut(number)?;
        let (data, meta) = self.bodies.get(number)?;
        let expected = newest.map_or(Expected::NoStream, Expected::Exact);
        *newest = Some(newest.map_or(0, |revision| revision + 1));
        self.made += 1;
        let id = Uuid::from_u64_pair(self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15), self.made);
        let (kind, data, meta) = (Arc::clone(&self.kind), data.clone(), meta.clone());
        let events = vec![NewEvent {
            id,
            kind,
            data,
            meta,
        }];
        Some(Commit {
            appends: vec![StreamAppend {
                stream: stream.clone(),
                expected,
                events,
            }],
        })
    }

    /// The bytes of the events one behind the other, for the side that only writes.
    pub(crate) fn material(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for ((stream, _), (data, meta)) in self.streams.iter().zip(&self.bodies) {
            bytes.extend_from_slice(stream.as_str().as_bytes());
            bytes.extend_from_slice(self.kind.as_bytes());
            bytes.extend_from_slice(data);
            bytes.extend_from_slice(meta);
        }
        bytes
    }
}

fn body(number: usize, zone: &Zone, dice: &mut Dice) -> Result<(Bytes, Bytes), Failure> {
    let charged = charge(number, zone, dice)?;
    let meta = Meta {
        at: Timestamp::from_millis(charged.t.as_millis() + 4_217),
        rx: None,
        by: Actor::parse("gw-07").map_err(|error| made_up(&error))?,
        p: Some("usms@1".to_owned()),
        dl: false,
        correlation: None,
        cause: Some(format!("gw-07:{}", 1_000_000 + number)),
    };
    let meta = serde_json::to_vec(&meta).map_err(|error| made_up(&error))?;
    let event = Event::Account(AccountEvent::ConsumptionCharged(charged));
    Ok((Bytes::from(encode(&event)), Bytes::from(meta)))
}

fn charge(number: usize, zone: &Zone, dice: &mut Dice) -> Result<ConsumptionCharged, Failure> {
    let intervals = i64::try_from(dice.below(48 * 28)).unwrap_or(0);
    let t = Timestamp::from_millis(FIRST_MS + intervals * INTERVAL_MS);
    let q = Quantity::from_micro(micro(dice, 2_000));
    let v = Quantity::from_micro(micro(dice, 90_000_000));
    let a = Money::parse(&format!("0.0{:04}", 1 + dice.below(9_998)))
        .map_err(|error| made_up(&error))?;
    let m = MeterNumber::parse(&meter_name(number)).map_err(|error| made_up(&error))?;
    let (d, u) = (Some(zone.date_of(t)), Utility::Electricity);
    Ok(ConsumptionCharged {
        u,
        m,
        t,
        v,
        q,
        a,
        d,
        p: Vec::new(),
        mn: Vec::new(),
        g: false,
        x: Vec::new(),
        b: None,
    })
}

/// A quantity of whole thousandths below `bound` thousandths, in millionths.
fn micro(dice: &mut Dice, bound: usize) -> i64 {
    i64::try_from(dice.below(bound)).unwrap_or(0) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::event::decode;

    #[test]
    fn the_events_are_real_and_the_revisions_right() {
        let mut workload = Workload::new(3).unwrap();
        let mut newest = std::collections::HashMap::new();
        for commit in workload.batch(50) {
            let append = &commit.appends[0];
            let before = newest.insert(
                append.stream.clone(),
                match append.expected {
                    Expected::NoStream => 0_u64,
                    Expected::Exact(revision) => revision + 1,
                    Expected::Any => unreachable!("a revision is always expected"),
                },
            );
            assert_eq!(
                append.expected,
                before.map_or(Expected::NoStream, Expected::Exact)
            );
            let event = &append.events[0];
            decode(&event.kind, &event.data).unwrap();
            serde_json::from_slice::<Meta>(&event.meta).unwrap();
        }
    }
}
