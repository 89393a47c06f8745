//! Which deliveries are recorded: the stream `gateway-<id>` of the log.
//!
//! Its newest `readings-received.v1` is the resume point, so nothing about progress is kept in NATS or
//! on disk. The id names the partition and the creation of the JetStream stream, because sequences start
//! anew with a new stream. A NATS server acknowledges before it syncs, so after a power cut it may have
//! lost its newest messages and use their sequences again: that is noticed by the times of the messages,
//! and the stream goes on under the next generation of the id, from the first message that is new.
//! Absent on purpose: counting, which is the recorder's.

use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use ledger_core::event::ReadingsReceived;
use ledger_core::ids::Actor;
use ledger_service::{Ledger, TimeSource};

use crate::error::GatewayError;
use crate::names::{READINGS_STREAM, READINGS_SUBJECTS};

/// Longest partition name: it stands in the metadata of each event that a reading causes.
const PARTITION_BYTES_MAX: usize = 16;
/// Most generations of one stream: each is an accident of its own.
const GENERATIONS_MAX: u32 = 1_000;
/// By how much the clocks of the ledger and of the NATS server may differ.
const CLOCKS_DIFFER_MAX: Duration = Duration::from_secs(60);

/// A gateway's record and where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    /// Id of the gateway: `<partition>-<creation of the stream>`, with `.<generation>` from the second.
    pub(crate) gateway: Actor,
    /// Newest sequence recorded, 0 for none.
    pub(crate) recorded: u64,
    generation: u32,
}

/// The newest message that was taken, by which a stream that lost messages is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its sequence.
    pub(crate) sequence: u64,
    /// When the server stored it, nanoseconds since 1970 UTC.
    pub(crate) stored_ns: i128,
    /// By how much the time may be wrong: nothing where the server said it itself.
    pub(crate) slack: Duration,
}

/// Whether a name can be a partition's.
pub(crate) fn is_partition(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=PARTITION_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

/// The id of a gateway. Short: it stands in the metadata of each event that a reading causes.
fn gateway_id(partition: &str, created_ms: u64, generation: u32) -> Result<Actor, GatewayError> {
    let created = base36(created_ms);
    let id = match generation {
        0 => format!("{partition}-{created}"),
        n => format!("{partition}-{created}.{n}"),
    };
    Actor::parse(&id).map_err(|_| GatewayError::BadPartition(partition.to_owned()))
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::with_capacity(13);
    loop {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

impl Journal {
    /// The record of the newest generation for a stream made at `created_ms`.
    pub(crate) async fn open(
        ledger: &Ledger,
        partition: &str,
        created_ms: u64,
    ) -> Result<Self, GatewayError> {
        let mut newest = Self {
            gateway: gateway_id(partition, created_ms, 0)?,
            recorded: 0,
            generation: 0,
        };
        for generation in 0..GENERATIONS_MAX {
            let gateway = gateway_id(partition, created_ms, generation)?;
            match ledger.received_up_to(&gateway).await? {
                Some(recorded) => {
                    newest = Self {
                        gateway,
                        recorded,
                        generation,
                    }
                }
                None => break,
            }
        }
        Ok(newest)
    }

    /// What is known at the start of a process of the newest message recorded: its sequence, and that it
    /// was stored no later than it was received. Nothing where time is simulated.
    pub(crate) fn mark(
        &self,
        received: Option<&ReadingsReceived>,
        time: &TimeSource,
    ) -> Option<Mark> {
        let received = received.filter(|_| matches!(time, TimeSource::Clock(_)))?;
        let stored_ns = i128::from(received.at.as_millis()) * 1_000_000;
        Some(Mark {
            sequence: self.recorded,
            stored_ns,
            slack: CLOCKS_DIFFER_MAX,
        })
    }

    /// Begins the next generation, which goes on after `before`.
    pub(crate) async fn next_generation(
        &self,
        ledger: &Ledger,
        (partition, created_ms): (&str, u64),
        before: u64,
    ) -> Result<Self, GatewayError> {
        let generation = self.generation + 1;
        if generation >= GENERATIONS_MAX {
            let reason = format!(
                "it has lost recorded messages {GENERATIONS_MAX} times; repair the server's storage"
            );
            return Err(GatewayError::StreamUnfit {
                stream: READINGS_STREAM,
                reason,
            });
        }
        let gateway = gateway_id(partition, created_ms, generation)?;
        tracing::warn!(
            %gateway,
            recorded_up_to = self.recorded,
            goes_on_after = before,
            "the stream of readings has lost recorded messages and uses their sequences again"
        );
        if before > 0 {
            // Recorded at once, so that the generation is found after a restart.
            let begun = ReadingsReceived {
                seq: (before, before),
                at: ledger.time().now(),
                n: Vec::new(),
                bad: 0,
            };
            ledger.append_received(&gateway, begun).await?;
        }
        Ok(Self {
            gateway,
            recorded: before,
            generation,
        })
    }
}

/// Whether the stream still ends at or after the mark, with the same message there. If not: the sequence
/// before its first message that is newer than the mark.
pub(crate) async fn lost_after(
    stream: &Stream,
    mark: Option<Mark>,
    taken: u64,
) -> Result<Option<u64>, GatewayError> {
    let state = &stream.cached_info().state;
    let (first, last) = (state.first_sequence.max(1), state.last_sequence);
    let Some(mark) = mark else {
        // Without a time only the count tells. Everything is read again; the ledger knows what it has.
        return Ok((last < taken).then(|| first.saturating_sub(1)));
    };
    let newer = |message: &StreamMessage| {
        let slack = i128::try_from(mark.slack.as_nanos()).unwrap_or(i128::MAX);
        message.time.unix_timestamp_nanos() > mark.stored_ns.saturating_add(slack)
    };
    let reused = match message_from(stream, mark.sequence).await? {
        Some(found) => found.sequence == mark.sequence && newer(&found),
        None => false,
    };
    if last >= taken && !reused {
        return Ok(None);
    }
    // The first message that is newer lies in first..=last + 1.
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match message_from(stream, middle).await? {
            Some(found) if newer(&found) => high = middle,
            Some(found) => low = found.sequence + 1,
            None => high = middle,
        }
    }
    Ok(Some(low.saturating_sub(1)))
}

/// The first message from a sequence on.
async fn message_from(
    stream: &Stream,
    sequence: u64,
) -> Result<Option<StreamMessage>, GatewayError> {
    let asked = stream
        .raw_message_builder()
        .sequence(sequence)
        .next_by_subject(READINGS_SUBJECTS)
        .send()
        .await;
    match asked {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(GatewayError::nats(
            "looking for a message of the readings",
            error,
        )),
    }
}

/// The newest record of a gateway, for the time of its newest message.
pub(crate) async fn newest_record(
    store: &dyn event_store::EventStore,
    gateway: &Actor,
) -> Result<Option<ReadingsReceived>, GatewayError> {
    use event_store::{Direction, ReadError, StreamName};
    use ledger_core::event::{Event, decode};
    let name = format!("gateway-{gateway}");
    let stream = StreamName::new(&name).map_err(|_| GatewayError::BadPartition(name.clone()))?;
    let events = store
        .read_stream(&stream, u64::MAX, Direction::Backwards, 1)
        .await?;
    let Some(event) = events.first() else {
        return Ok(None);
    };
    match decode(&event.kind, &event.data)? {
        Event::Gateway(received) => Ok(Some(received)),
        Event::Account(_)
        | Event::Meter(_)
        | Event::Key(_)
        | Event::Suspense(_)
        | Event::InitialCredit(_)
        | Event::Scheme(_)
        | Event::Legacy(_)
        | Event::WorkOrder(_)
        | Event::Reserved(_)
        | Event::Application(_)
        | Event::Complaint(_)
        | Event::Number(_) => Err(ReadError::Damaged(format!(
            "stream {name} holds an event of kind {}",
            event.kind
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_named_by_partition_creation_and_generation() {
        assert_eq!(
            gateway_id("all", 1_700_000_000_000, 0).unwrap().as_str(),
            "all-loyw3v28"
        );
        assert_eq!(gateway_id("all", 0, 2).unwrap().as_str(), "all-0.2");
        for good in ["all", "water-2"] {
            assert!(is_partition(good));
        }
        for bad in ["", "All", "a.b", "seventeen-letters"] {
            assert!(!is_partition(bad), "{bad}");
        }
    }
}
