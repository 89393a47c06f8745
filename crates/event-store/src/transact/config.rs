//! The limits of `transact`, with the reason for each default.
//!
//! Absent on purpose: anything that changes what is decided. Limits change only how much waits.

/// Limits of one [`Transact`](super::Transact).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactConfig {
    /// Shards, each one task; 1 to 256. One per core is enough, since a shard never blocks.
    pub shards: usize,
    /// Commands one shard holds, waiting or in flight; the next is answered `Busy` at once.
    pub queue_max: usize,
    /// Commits in one call to the store: large enough to amortise an fsync, small enough that the first
    /// of them does not wait long for the last to be decided.
    pub batch_max: usize,
    /// States one shard keeps in memory; the least recently used idle ones go first.
    pub accounts_max: usize,
    /// How often one command is decided before `Conflict`. Each further try needs another writer to have
    /// come between once more.
    pub attempts_max: u32,
    /// Events between two snapshots of one account: bounds what a cold load folds.
    pub snapshot_every: u64,
    /// Reads one shard has under way at once (loads, evidence, heads).
    pub reads_max: usize,
}

/// Calls to `append` one shard has under way: one being made durable, one waiting behind it, while the
/// next batch is decided.
pub const APPENDS_IN_FLIGHT_MAX: usize = 2;

/// Payload and metadata in one call to the store: two of the port's largest commits always fit.
pub const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Events read at once when an account is folded.
pub const LOAD_PAGE_EVENTS: usize = 512;

/// Events read at once in a search of an account's history; a range this short is read whole.
pub const SEARCH_PAGE_EVENTS: usize = 16;

/// Events read at once when a decision looks back on the account's own history: a week of hourly readings.
pub const PAST_PAGE_EVENTS: usize = 256;

/// How often one read is tried before the waiting commands are told `Unavailable`.
pub const READ_ATTEMPTS_MAX: u32 = 5;

/// First pause before a read or an append in doubt is tried again, milliseconds; doubles each time.
pub const RETRY_FIRST_MS: u64 = 10;

/// Longest pause between two tries, milliseconds: short enough that a recovered store is noticed by
/// people who wait.
pub const RETRY_LONGEST_MS: u64 = 1_000;

/// How long a shutdown waits for what is under way, milliseconds. Only a commit in doubt takes so long;
/// its caller is then told that the outcome will be known after a restart.
pub const SHUTDOWN_WAIT_MS: u64 = 30_000;

impl Default for TransactConfig {
    fn default() -> Self {
        Self {
            shards: 2,
            queue_max: 65_536,
            batch_max: 4_096,
            accounts_max: 500_000,
            attempts_max: 16,
            snapshot_every: 256,
            reads_max: 256,
        }
    }
}

impl TransactConfig {
    /// The same with every limit inside its range.
    pub(crate) fn bounded(mut self) -> Self {
        self.shards = self.shards.clamp(1, 256);
        self.queue_max = self.queue_max.clamp(1, 10_000_000);
        self.batch_max = self.batch_max.clamp(1, 65_536);
        self.accounts_max = self.accounts_max.clamp(1, 100_000_000);
        self.attempts_max = self.attempts_max.clamp(1, 1_000);
        self.snapshot_every = self.snapshot_every.max(1);
        self.reads_max = self.reads_max.clamp(1, 65_536);
        self
    }
}

/// The pause before try number `attempt` (from 1).
pub(crate) fn retry_delay_ms(attempt: u32) -> u64 {
    let doubled = RETRY_FIRST_MS.saturating_mul(1_u64 << attempt.saturating_sub(1).min(20));
    doubled.min(RETRY_LONGEST_MS)
}
