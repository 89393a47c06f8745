//! The adapter's limits, with the reason for each.

use std::time::Duration;

/// How long `connect` waits for a server, milliseconds: a server and a ledger started together meet.
pub const CONNECT_WAIT_MS: u64 = 15_000;
/// How long an append may take before it is in doubt, milliseconds: an election of a new leader fits.
pub const APPEND_DEADLINE_MS: u64 = 10_000;
/// How long a read may go without progress, its retries included, milliseconds.
pub const READ_DEADLINE_MS: u64 = 10_000;
/// Appends sent and not answered on one connection: enough for full group commits at the other end.
pub const IN_FLIGHT_MAX: usize = 4_096;
/// Bytes sent and not answered on one connection: what fits into memory on both sides.
pub const IN_FLIGHT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Appends handed over and not answered: twice what all shards of a service have under way at once.
pub const HELD_APPENDS_MAX: usize = 65_536;
/// Bytes handed over and not answered.
pub const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How often an append is sent before it is in doubt, when servers say that another one leads.
pub const SENDS_MAX: u32 = 4;
/// Appends remembered as in doubt, so that not sending one of them again does not pass for a refusal.
pub const DOUBTS_MAX: usize = 65_536;
/// How often deadlines are looked at, milliseconds.
pub const TICK_MS: u64 = 25;
/// How long opening a connection may take, milliseconds.
pub const DIAL_TIMEOUT_MS: u64 = 3_000;
/// First pause before something is tried again, milliseconds; doubles each time, with jitter.
pub const RETRY_FIRST_MS: u64 = 20;
/// Longest pause before a read or a connection is tried again, milliseconds: a server that came back is
/// noticed by people who wait.
pub const RETRY_LONGEST_MS: u64 = 1_000;
/// Longest pause before a subscription is opened again, milliseconds; nobody waits for it.
pub const RESUBSCRIBE_LONGEST_MS: u64 = 5_000;
/// How long a server may be silent within a read before it is asked again, milliseconds; twice as long the
/// second time, and so on.
pub const READ_SILENCE_MS: u64 = 3_000;
/// How long a server may take to confirm a subscription, milliseconds.
pub const CONFIRM_MS: u64 = 5_000;
/// How long a subscription may be silent before it is asked whether its server still leads, milliseconds.
pub const FOLLOW_SILENCE_MS: u64 = 10_000;
/// How long a server may take to answer that, milliseconds.
pub const PROBE_MS: u64 = 3_000;
/// How long appends under way may still be answered after reads left their connection, milliseconds; new ones
/// wait for it.
pub const MOVE_WAIT_MS: u64 = 1_000;
/// Events asked for in one read; longer ones are several.
pub const PAGE_EVENTS_MAX: usize = 4_096;
/// Most events of one batch of a subscription.
pub const BATCH_EVENTS_MAX: usize = 1_024;
/// A batch of a subscription is given when it has these bytes.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Batches of a subscription made ahead of its reader.
pub const BATCHES_AHEAD_MAX: usize = 2;
/// How long closing waits for appends under way, milliseconds.
pub const CLOSE_WAIT_MS: u64 = 5_000;

/// Limits that differ between uses; the others are constants of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long `connect` waits for a server.
    pub connect_wait: Duration,
    /// How long an append may take before it is in doubt. `defaultDeadline` of the connection string goes
    /// before it.
    pub append_deadline: Duration,
    /// How long a read may go without progress. `defaultDeadline` of the connection string goes before it.
    pub read_deadline: Duration,
    /// Appends sent and not answered on one connection.
    pub in_flight_max: usize,
    /// The ledger must be there already: without its identity `connect` fails with
    /// [`ConnectError::NoLedger`](crate::ConnectError::NoLedger) and writes none.
    pub must_exist: bool,
    /// How long a subscription may be silent before its server is asked whether it still leads.
    pub follow_silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_wait: Duration::from_millis(CONNECT_WAIT_MS),
            append_deadline: Duration::from_millis(APPEND_DEADLINE_MS),
            read_deadline: Duration::from_millis(READ_DEADLINE_MS),
            in_flight_max: IN_FLIGHT_MAX,
            must_exist: false,
            follow_silence: Duration::from_millis(FOLLOW_SILENCE_MS),
        }
    }
}

/// The pause before try number `attempt` (from 1): doubled each time up to `longest_ms`, then between half
/// and all of it by lot, so that many clients do not come back in step.
pub(crate) fn pause(attempt: u32, longest_ms: u64) -> Duration {
    let doubled = RETRY_FIRST_MS.saturating_mul(1_u64 << attempt.saturating_sub(1).min(20));
    let whole = doubled.min(longest_ms);
    let half = whole / 2;
    Duration::from_millis(half + lot() % (whole - half + 1))
}

/// A number by lot; a system without any gives no jitter.
pub(crate) fn lot() -> u64 {
    getrandom::u64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_stay_within_bounds_and_differ() {
        for attempt in 1..80 {
            let full = (RETRY_FIRST_MS << (attempt - 1).min(20)).min(1_000);
            let ms = pause(attempt, 1_000).as_millis();
            assert!(
                (u128::from(full / 2)..=u128::from(full)).contains(&ms),
                "{attempt}: {ms}"
            );
        }
        let many: std::collections::HashSet<_> = (0..50).map(|_| pause(9, 1_000)).collect();
        assert!(many.len() > 5);
    }
}
