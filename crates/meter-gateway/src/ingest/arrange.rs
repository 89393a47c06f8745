//! The order in which a batch is decided: by meter and read time.
//!
//! The ledger sorts within one delivery; between the messages of a batch it keeps the order they are
//! handed over in. Messages rarely cross, so a batch is looked through once and, only where a meter's
//! readings stand in the wrong order over several messages, those readings are pulled out and handed
//! over sorted. Then a reading that was overtaken on its way is charged, not merely kept. Absent on
//! purpose: anything across batches, where a late reading is late.

use ledger_core::command::Reading;
use ledger_core::ids::MeterNumber;
use ledger_core::time::Timestamp;
use ledger_service::Delivery;
use rustc_hash::{FxHashMap, FxHashSet};

use super::batch::Arrived;

/// Readings of one message that are handed over together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Share {
    /// Which message of the batch.
    pub(super) message: usize,
    /// Which of its readings; `None` means all.
    pub(super) readings: Option<Vec<usize>>,
}

impl Share {
    /// Places of the readings in their message.
    pub(super) fn places(&self, messages: &[Arrived]) -> Vec<usize> {
        match &self.readings {
            Some(places) => places.clone(),
            None => (0..messages
                .get(self.message)
                .map_or(0, |m| m.decoded.readings.len()))
                .collect(),
        }
    }

    /// As the ledger takes it.
    pub(super) fn delivery(&self, messages: &[Arrived]) -> Option<Delivery> {
        let message = messages.get(self.message)?;
        let readings = match &self.readings {
            None => message.decoded.readings.clone(),
            Some(places) => places
                .iter()
                .filter_map(|&place| message.reading(place).cloned())
                .collect(),
        };
        Some(Delivery {
            seq: message.sequence,
            received_at: message.received_at,
            readings,
        })
    }

    /// One share for each reading: for a delivery of which one reading cannot be decided.
    pub(super) fn split(&self, messages: &[Arrived]) -> Vec<Self> {
        let one = |place| Self {
            message: self.message,
            readings: Some(vec![place]),
        };
        self.places(messages).into_iter().map(one).collect()
    }
}

/// Shares in the order in which they are to be decided. Messages without a reading have none.
pub(super) fn arrange(messages: &[Arrived]) -> Vec<Share> {
    let disordered = disordered(messages);
    if disordered.is_empty() {
        let filled = |message: &usize| {
            messages
                .get(*message)
                .is_some_and(|m| !m.decoded.readings.is_empty())
        };
        return (0..messages.len())
            .filter(filled)
            .map(|message| Share {
                message,
                readings: None,
            })
            .collect();
    }
    let mut shares = Vec::with_capacity(messages.len());
    let mut pulled: Vec<(&Reading, usize, usize)> = Vec::new();
    for (message, arrived) in messages.iter().enumerate() {
        let mut kept = Vec::with_capacity(arrived.decoded.readings.len());
        for (place, reading) in arrived.decoded.readings.iter().enumerate() {
            if disordered.contains(&reading.meter) {
                pulled.push((reading, message, place));
            } else {
                kept.push(place);
            }
        }
        if !kept.is_empty() {
            shares.push(Share {
                message,
                readings: Some(kept),
            });
        }
    }
    pulled.sort_by_key(|(reading, message, place)| {
        (&reading.meter, reading.read_at, *message, *place)
    });
    for (_, message, place) in pulled {
        match shares.last_mut() {
            // Repeats inside one message stay together, so that they are told from redeliveries.
            Some(Share {
                message: last,
                readings: Some(places),
            }) if *last == message => places.push(place),
            _ => shares.push(Share {
                message,
                readings: Some(vec![place]),
            }),
        }
    }
    shares
}

/// Meters whose readings do not ascend in time over the batch.
fn disordered(messages: &[Arrived]) -> FxHashSet<&MeterNumber> {
    let mut newest: FxHashMap<&MeterNumber, Timestamp> = FxHashMap::default();
    newest.reserve(messages.iter().map(|m| m.decoded.readings.len()).sum());
    let mut disordered = FxHashSet::default();
    for reading in messages
        .iter()
        .flat_map(|message| &message.decoded.readings)
    {
        let before = newest.insert(&reading.meter, reading.read_at);
        if before.is_some_and(|before| before > reading.read_at) {
            disordered.insert(&reading.meter);
        }
    }
    disordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decoded;
    use ledger_core::num::Quantity;
    use ledger_core::utility::Utility;

    fn messages(of: &[&[(&str, u32)]]) -> Vec<Arrived> {
        let at = |hour: u32| Timestamp::parse(&format!("2012-02-10T{hour:02}:00:00Z")).unwrap();
        let reading = |&(meter, hour): &(&str, u32)| Reading {
            meter: MeterNumber::parse(meter).unwrap(),
            register: None,
            read_at: at(hour),
            value: Quantity::from_units(1),
        };
        let arrived = |(place, readings): (usize, &&[(&str, u32)])| Arrived {
            sequence: place as u64 + 1,
            subject: "meter.readings.electricity.he".into(),
            payload: bytes::Bytes::new(),
            received_at: at(23),
            utility: Utility::Electricity,
            decoded: Decoded {
                readings: readings.iter().map(reading).collect(),
                ..Decoded::default()
            },
            batch: None,
        };
        of.iter().enumerate().map(arrived).collect()
    }

    fn decided(messages: &[Arrived]) -> Vec<(u64, String, Timestamp)> {
        let deliveries = arrange(messages)
            .into_iter()
            .filter_map(|share| share.delivery(messages));
        deliveries
            .flat_map(|d| {
                d.readings
                    .into_iter()
                    .map(move |r| (d.seq, r.meter.to_string(), r.read_at))
            })
            .collect()
    }

    #[test]
    fn a_batch_in_order_is_handed_over_as_it_came() {
        let batch = messages(&[&[("E1", 1), ("E2", 1)], &[], &[("E1", 2)]]);
        let whole = |message| Share {
            message,
            readings: None,
        };
        assert_eq!(arrange(&batch), [whole(0), whole(2)]);
    }

    #[test]
    fn c8_readings_that_crossed_on_their_way_are_decided_in_the_order_they_were_read() {
        let batch = messages(&[
            &[("E1", 3), ("E2", 1)],
            &[("E1", 1), ("E1", 1)],
            &[("E1", 2), ("E2", 2)],
        ]);
        let order: Vec<(u64, String)> = decided(&batch)
            .into_iter()
            .map(|(seq, meter, _)| (seq, meter))
            .collect();
        let expected = [
            (1, "E2"),
            (3, "E2"),
            (2, "E1"),
            (2, "E1"),
            (3, "E1"),
            (1, "E1"),
        ];
        assert_eq!(order, expected.map(|(seq, meter)| (seq, meter.to_owned())));
        let together = Share {
            message: 1,
            readings: Some(vec![0, 1]),
        };
        assert!(
            arrange(&batch).contains(&together),
            "repeats of one message stay in one delivery"
        );
    }
}
