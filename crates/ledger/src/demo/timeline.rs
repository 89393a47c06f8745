//! In which order readings arrive: every meter's in its own order, all meters' by the simulated hour of
//! receipt, at most a hundred readings a message.

use std::collections::{BTreeMap, HashMap};

use ledger_core::command::Reading;
use ledger_core::ids::MeterNumber;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;

/// Readings of one message: a head-end's collection.
const MESSAGE_READINGS_MAX: usize = 100;
/// Readings of one chunk of real data, after which the town pays and acts.
const CHUNK_READINGS: usize = 20_000;
const HOUR_MS: i64 = 3_600_000;

/// A message to be published.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Utility of its readings.
    pub(crate) utility: Utility,
    /// Simulated time of receipt.
    pub(crate) received_at: Timestamp,
    /// Its readings.
    pub(crate) readings: Vec<Reading>,
    /// Sent as it stands instead of the readings: a message no one can read.
    pub(crate) raw: Option<&'static str>,
}

/// Messages after which the town pays and acts, and the time it then is.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// In order.
    pub(crate) messages: Vec<Message>,
    /// Simulated time when they have arrived.
    pub(crate) until: Timestamp,
}

impl Chunk {
    /// Readings in it.
    pub(crate) fn readings(&self) -> usize {
        self.messages.iter().map(|m| m.readings.len()).sum()
    }
}

/// Readings by the hour of their receipt.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    hours: BTreeMap<(Timestamp, Utility), Vec<Reading>>,
    newest: HashMap<MeterNumber, Timestamp>,
    raw: Vec<Message>,
}

impl Timeline {
    /// Adds a reading received in the hour after it was read, never before the meter's one before.
    pub(crate) fn add(&mut self, utility: Utility, reading: Reading) {
        let hour = hour_after(reading.read_at);
        let newest = self.newest.entry(reading.meter.clone()).or_insert(hour);
        *newest = (*newest).max(hour);
        self.hours
            .entry((*newest, utility))
            .or_default()
            .push(reading);
    }

    /// Adds a reading that went astray and is received in a stated hour, out of its meter's order.
    pub(crate) fn add_received(&mut self, utility: Utility, reading: Reading, hour: Timestamp) {
        self.hours.entry((hour, utility)).or_default().push(reading);
    }

    /// Adds a message that is not a reading at all.
    pub(crate) fn add_raw(&mut self, utility: Utility, received_at: Timestamp, text: &'static str) {
        self.raw.push(Message {
            utility,
            received_at,
            readings: Vec::new(),
            raw: Some(text),
        });
    }

    /// Cuts the messages into chunks: of one day each, or of some thousand readings.
    pub(crate) fn chunks(self, daily: bool) -> Vec<Chunk> {
        let mut messages: Vec<Message> = self
            .hours
            .into_iter()
            .flat_map(|((hour, utility), readings)| split(hour, utility, &readings))
            .chain(self.raw)
            .collect();
        messages.sort_by_key(|m| m.received_at);
        let mut chunks: Vec<Chunk> = Vec::new();
        for message in messages {
            let day = message.received_at.as_millis() / (24 * HOUR_MS);
            let goes_on = chunks.last().is_some_and(|chunk| {
                let same_day = chunk.until.as_millis() / (24 * HOUR_MS) == day;
                if daily {
                    same_day
                } else {
                    chunk.readings() < CHUNK_READINGS
                }
            });
            match chunks.last_mut().filter(|_| goes_on) {
                Some(chunk) => {
                    chunk.until = message.received_at;
                    chunk.messages.push(message);
                }
                None => chunks.push(Chunk {
                    until: message.received_at,
                    messages: vec![message],
                }),
            }
        }
        chunks
    }
}

fn split(hour: Timestamp, utility: Utility, readings: &[Reading]) -> Vec<Message> {
    let received_at = hour + Millis::minutes(1);
    let part = |part: &[Reading]| Message {
        utility,
        received_at,
        readings: part.to_vec(),
        raw: None,
    };
    readings.chunks(MESSAGE_READINGS_MAX).map(part).collect()
}

/// The full hour at or after an instant.
pub(crate) fn hour_after(at: Timestamp) -> Timestamp {
    let rest = at.as_millis() % HOUR_MS;
    if rest == 0 {
        at
    } else {
        at + Millis(HOUR_MS - rest)
    }
}

#[cfg(test)]
mod tests {
    use ledger_core::num::Quantity;

    use super::*;

    fn reading(meter: &str, minute: i64) -> Reading {
        Reading {
            meter: MeterNumber::parse(meter).unwrap(),
            register: None,
            read_at: Timestamp::from_millis(minute * 60_000),
            value: Quantity::from_units(1),
        }
    }

    #[test]
    fn a_meters_readings_arrive_in_their_own_order_even_when_one_is_older() {
        let mut timeline = Timeline::default();
        for minute in [100, 200, 10, 201] {
            timeline.add(Utility::Water, reading("W1", minute));
        }
        let chunks = timeline.chunks(false);
        let minutes: Vec<i64> = chunks
            .iter()
            .flat_map(|c| &c.messages)
            .flat_map(|m| &m.readings)
            .map(|r| r.read_at.as_millis() / 60_000)
            .collect();
        assert_eq!(minutes, [100, 200, 10, 201]);
    }

    #[test]
    fn no_message_is_received_before_its_readings_were_made() {
        let mut timeline = Timeline::default();
        for minute in 0..500 {
            timeline.add(Utility::Water, reading("W1", minute));
        }
        for message in timeline.chunks(true).iter().flat_map(|c| &c.messages) {
            assert!(message.readings.len() <= MESSAGE_READINGS_MAX);
            assert!(
                message
                    .readings
                    .iter()
                    .all(|r| r.read_at < message.received_at)
            );
        }
    }
}
