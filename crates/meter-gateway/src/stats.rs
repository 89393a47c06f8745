//! What the gateway has done and how far behind it is, for the status.
//!
//! Counts since the start and places in the streams; the log's own counts (`readings-received.v1`) are
//! the ones that count for ever. Absent on purpose: history and averages over long times, which a
//! monitoring system makes from these.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use event_store::Position;
use ledger_core::event::ReadingCounts;
use serde::Serialize;

/// Time over which the rate is taken: long enough to be calm, short enough to follow.
const RATE_OVER: Duration = Duration::from_secs(5);
/// How long a trouble is told after its newest attempt: several times the longest time-out and pause
/// between two attempts, so that one that lasts is never left out.
const TROUBLE_LASTS: Duration = Duration::from_secs(30);

/// A snapshot of the gateway's work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GatewayStats {
    /// This process owns its partition and reads it.
    pub consuming: bool,
    /// Messages taken since the start.
    pub messages: u64,
    /// Readings decided since the start.
    pub readings: u64,
    /// Readings a second, over the last seconds of work.
    pub readings_per_s: u64,
    /// Charged.
    pub accepted: u64,
    /// Identical repeats.
    pub duplicates: u64,
    /// Second values for an instant.
    pub conflicts: u64,
    /// Older than the newest.
    pub late: u64,
    /// Kept aside as implausible.
    pub quarantined: u64,
    /// Refused by the ledger; each is a dead letter.
    pub refused: u64,
    /// Not decodable; each is a dead letter.
    pub malformed: u64,
    /// Batches recorded.
    pub batches: u64,
    /// Times the ledger was busy and a batch waited.
    pub waits: u64,
    /// Sessions with the consumer since the start; grows when NATS was away.
    pub sessions: u64,
    /// Newest stream sequence taken.
    pub taken_up_to: u64,
    /// Newest stream sequence recorded in the log.
    pub recorded_up_to: u64,
    /// Messages that wait in JetStream, as of the newest delivery.
    pub waiting_in_stream: u64,
    /// Confirmations of orders taken.
    pub order_acks: u64,
    /// Confirmations that went to the dead letters.
    pub order_acks_rejected: u64,
    /// Notifications published since the start.
    pub notifications: u64,
    /// Orders to meters published since the start.
    pub orders: u64,
    /// Commit position up to which the outbox is complete.
    pub outbox_position: Option<u64>,
    /// What the gateway waits out at present; nothing once it has passed.
    pub last_trouble: Option<String>,
}

/// The counters behind a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) messages: AtomicU64,
    pub(crate) waits: AtomicU64,
    pub(crate) sessions: AtomicU64,
    pub(crate) taken_up_to: AtomicU64,
    pub(crate) recorded_up_to: AtomicU64,
    pub(crate) waiting_in_stream: AtomicU64,
    pub(crate) order_acks: AtomicU64,
    pub(crate) order_acks_rejected: AtomicU64,
    pub(crate) notifications: AtomicU64,
    pub(crate) orders: AtomicU64,
    slow: Mutex<Slow>,
}

/// What changes once a batch.
#[derive(Debug, Default)]
struct Slow {
    consuming: bool,
    batches: u64,
    counts: [u64; 6],
    malformed: u64,
    outbox_position: Option<u64>,
    last_trouble: Option<(Instant, String)>,
    window: Option<(Instant, u64)>,
    readings_per_s: u64,
}

impl Counters {
    /// Adds to a counter.
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets a place.
    pub(crate) fn set(counter: &AtomicU64, n: u64) {
        counter.store(n, Ordering::Relaxed);
    }

    fn slow(&self) -> std::sync::MutexGuard<'_, Slow> {
        // Plain numbers: whole after any panic elsewhere.
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch is recorded.
    pub(crate) fn recorded(&self, counts: &[ReadingCounts], malformed: u64, last: u64) {
        Self::set(&self.recorded_up_to, last);
        let mut slow = self.slow();
        slow.batches += 1;
        slow.malformed += malformed;
        let mut total = 0;
        for c in counts {
            total += c.total();
            for (sum, n) in slow
                .counts
                .iter_mut()
                .zip([c.acc, c.dup, c.con, c.late, c.quar, c.refu])
            {
                *sum += n;
            }
        }
        slow.rate(total, Instant::now());
    }

    pub(crate) fn consuming(&self, consuming: bool) {
        self.slow().consuming = consuming;
    }

    pub(crate) fn outbox_at(&self, position: Position) {
        self.slow().outbox_position = Some(position.commit);
    }

    /// Something failed and is tried again.
    pub(crate) fn trouble(&self, what: &impl std::fmt::Display) {
        let text = what.to_string();
        tracing::warn!(trouble = %text, "the gateway waits and tries again");
        self.slow().last_trouble = Some((Instant::now(), text));
    }

    /// All of it now.
    pub(crate) fn snapshot(&self) -> GatewayStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let slow = self.slow();
        let [accepted, duplicates, conflicts, late, quarantined, refused] = slow.counts;
        GatewayStats {
            consuming: slow.consuming,
            messages: get(&self.messages),
            readings: slow.counts.iter().sum(),
            readings_per_s: slow.rate_at(Instant::now()),
            accepted,
            duplicates,
            conflicts,
            late,
            quarantined,
            refused,
            malformed: slow.malformed,
            batches: slow.batches,
            waits: get(&self.waits),
            sessions: get(&self.sessions),
            taken_up_to: get(&self.taken_up_to),
            recorded_up_to: get(&self.recorded_up_to),
            waiting_in_stream: get(&self.waiting_in_stream),
            order_acks: get(&self.order_acks),
            order_acks_rejected: get(&self.order_acks_rejected),
            notifications: get(&self.notifications),
            orders: get(&self.orders),
            outbox_position: slow.outbox_position,
            last_trouble: slow.trouble_at(Instant::now()),
        }
    }
}

impl Slow {
    /// A trouble that lasts is told anew at each attempt; one that is not has passed.
    fn trouble_at(&self, now: Instant) -> Option<String> {
        let (told, text) = self.last_trouble.as_ref()?;
        (now.duration_since(*told) < TROUBLE_LASTS).then(|| text.clone())
    }

    fn rate(&mut self, readings: u64, now: Instant) {
        let (began, before) = self.window.unwrap_or((now, 0));
        let (elapsed, sum) = (now.duration_since(began), before + readings);
        if elapsed < RATE_OVER {
            self.window = Some((began, sum));
            return;
        }
        self.readings_per_s = per_second(sum, elapsed);
        self.window = Some((now, 0));
    }

    fn rate_at(&self, now: Instant) -> u64 {
        match self.window {
            Some((began, sum)) => {
                let elapsed = now.duration_since(began);
                // The open window tells once it is as old as a closed one, and before the first closes.
                if elapsed >= RATE_OVER || self.readings_per_s == 0 {
                    per_second(sum, elapsed)
                } else {
                    self.readings_per_s
                }
            }
            None => 0,
        }
    }
}

/// Whole things a second, rounded down.
pub(crate) fn per_second(count: u64, elapsed: Duration) -> u64 {
    let us = elapsed.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / us).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_that_has_passed_is_told_no_more() {
        let start = Instant::now();
        let slow = Slow {
            last_trouble: Some((start, "NATS is away".to_owned())),
            ..Slow::default()
        };
        let soon = start + TROUBLE_LASTS / 2;
        assert_eq!(slow.trouble_at(soon).as_deref(), Some("NATS is away"));
        assert_eq!(slow.trouble_at(start + TROUBLE_LASTS), None);
    }

    #[test]
    fn the_rate_falls_to_nothing_when_nothing_comes() {
        let start = Instant::now();
        let mut slow = Slow::default();
        slow.rate(0, start);
        slow.rate(50_000, start + RATE_OVER);
        assert_eq!(slow.readings_per_s, 10_000);
        assert_eq!(
            slow.rate_at(start + RATE_OVER + Duration::from_secs(1)),
            10_000
        );
        assert_eq!(slow.rate_at(start + RATE_OVER * 3), 0);
    }
}
