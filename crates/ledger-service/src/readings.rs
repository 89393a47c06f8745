//! Readings, in bulk: the hot path.
//!
//! A delivery is put in the order of meter and read time, routed by the directory to whoever held each
//! meter when it was read, and handed to the write path in one call. Identical repeats inside one
//! delivery are told here; a delivery that comes again reports what it reported before (the core knows
//! by the delivery's number).

use ledger_core::answer::{Answer, ReadingOutcome};
use ledger_core::command::{Command, Reading};
use ledger_core::ids::Actor;
use ledger_core::rejection::Rejection;
use ledger_core::time::Timestamp;

use crate::api::{Delivery, Reply, ServiceError};
use crate::service::{Ledger, reply_of};
use crate::task::{ReadingTask, Task};

/// Readings handed to the write path in one call: several group commits' worth, and well below the
/// queue of one shard, so that a large delivery does not turn others away.
pub const READINGS_PER_CALL_MAX: usize = 16_384;

/// What becomes of one reading of a delivery before the account is asked.
enum Way {
    /// The account answers, in this place of the call.
    Asked,
    /// Told already.
    Told(ReadingOutcome),
    /// As the reading in this place of the delivery, of which it is a repeat.
    RepeatOf(usize),
}

/// One delivery while it is under way.
struct Sorted {
    ways: Vec<Way>,
    /// Places of the delivery's readings in the order they were handed over.
    asked: Vec<usize>,
}

impl Ledger {
    /// Records deliveries of a gateway. The results are in the order of the deliveries, and within one in
    /// the order of its readings. A delivery that failed may be sent again whole, with the same sequence;
    /// what was charged the first time is then told as accepted, with no quantity and no amount, for
    /// nothing more was charged.
    ///
    /// Sequences must be unique over all gateways that deliver the same meters, as those of one
    /// JetStream stream are.
    pub async fn record_readings(
        &self,
        gateway: &Actor,
        deliveries: Vec<Delivery>,
    ) -> Vec<Result<Vec<ReadingOutcome>, ServiceError>> {
        if gateway.as_str().contains('/') {
            let refused = || {
                ServiceError::Invalid(format!("gateway {gateway}: a gateway's name has no slash"))
            };
            return deliveries.iter().map(|_| Err(refused())).collect();
        }
        if let Err(error) = self.hear().await {
            return deliveries.iter().map(|_| Err(error.clone())).collect();
        }
        let mut tasks = Vec::with_capacity(
            deliveries
                .iter()
                .map(|delivery| delivery.readings.len())
                .sum(),
        );
        let sorted: Vec<Sorted> = deliveries
            .into_iter()
            .map(|delivery| self.sort(gateway, delivery, &mut tasks))
            .collect();
        let mut replies = self.ask(tasks).await.into_iter();
        sorted
            .into_iter()
            .map(|delivery| delivery.conclude(&mut replies))
            .collect()
    }

    /// Records one reading that came without a delivery, such as one entered by staff. An identical
    /// repeat is a duplicate.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn record_reading(
        &self,
        actor: &Actor,
        received_at: Timestamp,
        reading: Reading,
    ) -> Result<Reply, ServiceError> {
        self.hear().await?;
        match self.route_reading(actor, (0, received_at), reading) {
            Ok(task) => self.run(task).await,
            Err(rejection) => {
                let answer = Answer::Reading(ReadingOutcome::Refused(rejection));
                Ok(Reply {
                    answer,
                    duplicate: false,
                    token: None,
                })
            }
        }
    }

    fn sort(&self, gateway: &Actor, delivery: Delivery, tasks: &mut Vec<Task>) -> Sorted {
        let Delivery {
            seq,
            received_at,
            readings,
        } = delivery;
        let order = order_of(&readings);
        let repeats = repeats_in(&readings, &order);
        let mut ways: Vec<Way> = repeats
            .into_iter()
            .map(|first| first.map_or(Way::Asked, Way::RepeatOf))
            .collect();
        let mut asked = Vec::with_capacity(readings.len());
        let mut readings: Vec<Option<Reading>> = readings.into_iter().map(Some).collect();
        for place in order {
            let Some(way) = ways.get_mut(place).filter(|way| matches!(way, Way::Asked)) else {
                continue;
            };
            let Some(reading) = readings.get_mut(place).and_then(Option::take) else {
                continue;
            };
            match self.route_reading(gateway, (seq, received_at), reading) {
                Ok(task) => {
                    tasks.push(task);
                    asked.push(place);
                }
                Err(rejection) => *way = Way::Told(ReadingOutcome::Refused(rejection)),
            }
        }
        Sorted { ways, asked }
    }

    fn route_reading(
        &self,
        actor: &Actor,
        (delivery, received_at): (u64, Timestamp),
        reading: Reading,
    ) -> Result<Task, Rejection> {
        let registry = self.0.registry.read();
        let Some(holder) = registry
            .directory
            .holder_at(&reading.meter, reading.read_at)
        else {
            return Err(Rejection::UnknownMeter {
                meter: reading.meter.to_string(),
            });
        };
        Ok(Task::Reading(ReadingTask {
            stream: holder.stream.clone(),
            account: holder.account.clone(),
            command: Command::RecordReading(reading),
            received_at,
            actor: actor.clone(),
            delivery,
        }))
    }

    async fn ask(&self, tasks: Vec<Task>) -> Vec<Result<ReadingOutcome, ServiceError>> {
        let mut replies = Vec::with_capacity(tasks.len());
        let mut tasks = tasks.into_iter();
        loop {
            let call: Vec<Task> = tasks.by_ref().take(READINGS_PER_CALL_MAX).collect();
            if call.is_empty() {
                return replies;
            }
            replies.extend(
                self.0
                    .transact
                    .execute_many(call)
                    .await
                    .into_iter()
                    .map(|result| match reply_of(result)?.answer {
                        Answer::Reading(outcome) => Ok(outcome),
                        Answer::Refused(rejection) => Ok(ReadingOutcome::Refused(rejection)),
                        Answer::Done { .. }
                        | Answer::Receipt(_)
                        | Answer::Suspended(_)
                        | Answer::Returned(_)
                        | Answer::Published(_)
                        | Answer::Step(_) => Err(ServiceError::Damaged(
                            "a reading was answered as something else".to_owned(),
                        )),
                    }),
            );
        }
    }
}

impl Sorted {
    /// Gives each reading its outcome. Takes as many replies as this delivery asked for, also when one of
    /// them is a failure.
    fn conclude(
        self,
        replies: &mut impl Iterator<Item = Result<ReadingOutcome, ServiceError>>,
    ) -> Result<Vec<ReadingOutcome>, ServiceError> {
        let Self { mut ways, asked } = self;
        let mut failure = None;
        for (place, reply) in asked.into_iter().zip(replies) {
            match reply {
                Ok(outcome) => {
                    if let Some(way) = ways.get_mut(place) {
                        *way = Way::Told(outcome);
                    }
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        Ok((0..ways.len()).map(|place| told(&ways, place)).collect())
    }
}

/// A repeat of a refused reading is refused as that was, since nothing of it was taken.
fn told(ways: &[Way], place: usize) -> ReadingOutcome {
    let way = ways.get(place);
    assert!(
        !matches!(way, Some(Way::Asked) | None),
        "every reading of an answered delivery was told its outcome"
    );
    match way {
        Some(Way::Told(outcome)) => outcome.clone(),
        Some(Way::RepeatOf(first)) => match ways.get(*first) {
            Some(Way::Told(refused @ ReadingOutcome::Refused(_))) => refused.clone(),
            Some(Way::Told(_) | Way::Asked | Way::RepeatOf(_)) | None => ReadingOutcome::Duplicate,
        },
        Some(Way::Asked) | None => ReadingOutcome::Duplicate,
    }
}

/// Places in the order of meter and read time; equal ones stay in the order they came.
fn order_of(readings: &[Reading]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..readings.len()).collect();
    let key = |place: &usize| {
        readings
            .get(*place)
            .map(|reading| (&reading.meter, reading.read_at))
    };
    if !order.is_sorted_by_key(key) {
        order.sort_by(|a, b| key(a).cmp(&key(b)));
    }
    order
}

/// For each reading the place of the first identical one of the delivery, if it is not the first itself.
fn repeats_in(readings: &[Reading], order: &[usize]) -> Vec<Option<usize>> {
    let mut repeats = vec![None; readings.len()];
    // The different readings of the meter and instant at hand.
    let mut firsts: Vec<(usize, &Reading)> = Vec::new();
    for place in order {
        let Some(reading) = readings.get(*place) else {
            continue;
        };
        if firsts.last().is_some_and(|(_, last)| {
            (last.read_at, &last.meter) != (reading.read_at, &reading.meter)
        }) {
            firsts.clear();
        }
        match firsts.iter().find(|(_, first)| *first == reading) {
            None => firsts.push((*place, reading)),
            Some((first, _)) => {
                if let Some(slot) = repeats.get_mut(*place) {
                    *slot = Some(*first);
                }
            }
        }
    }
    repeats
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::ids::MeterNumber;
    use ledger_core::num::Quantity;

    fn reading(meter: &str, hour: i64, value: i32) -> Reading {
        Reading {
            meter: MeterNumber::parse(meter).unwrap(),
            register: None,
            read_at: Timestamp::from_millis(hour * 3_600_000),
            value: Quantity::from_units(value),
        }
    }

    #[test]
    fn a_delivery_is_decided_in_the_order_of_meter_and_read_time() {
        let readings = [
            reading("E2", 1, 5),
            reading("E1", 2, 9),
            reading("E1", 1, 7),
            reading("E2", 1, 6),
        ];
        assert_eq!(order_of(&readings), [2, 1, 0, 3]);
    }

    #[test]
    fn c8_identical_readings_of_one_delivery_are_told_from_conflicts() {
        let readings = [
            reading("E1", 1, 5),
            reading("E1", 1, 6),
            reading("E1", 1, 5),
            reading("E1", 1, 5),
        ];
        let repeats = repeats_in(&readings, &order_of(&readings));
        assert_eq!(repeats, [None, None, Some(0), Some(0)]);
    }
}
