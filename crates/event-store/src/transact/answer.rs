//! What a caller of [`Transact`](super::Transact) gets back: answers with the commit they rest on, and
//! the operational failures, each of which says whether to repeat.
//!
//! Absent on purpose: business refusals. Those are answers of the domain.

use crate::port::Position;

/// An answer, given only after everything it was decided on is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered<A> {
    /// The domain's answer.
    pub answer: A,
    /// The newest commit the answer was decided on, or made; `None` when the account and the evidence
    /// were empty. A read model at or past it shows what the answer speaks of.
    pub token: Option<Position>,
    /// Whether this command wrote anything.
    pub appended: bool,
}

/// The durable state of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState<S> {
    /// The fold of its stream.
    pub state: S,
    /// Newest revision, `None` for no stream.
    pub revision: Option<u64>,
    /// Position of the newest event, `None` for no stream.
    pub token: Option<Position>,
}

/// Why a command was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The queue of the account's shard is full; the command was not taken.
    #[error("too many commands are waiting; send it again after a moment")]
    Busy,
    /// Others wrote to the same account each time; nothing of the command was written.
    #[error("stream {stream} was changed by others {attempts} times while deciding; send it again")]
    Conflict {
        /// The account's stream.
        stream: String,
        /// How often it was decided.
        attempts: u32,
    },
    /// The store or this service takes no more commands. The same command may be sent again, with the
    /// same key, after a restart; if it had been written it will be recognised.
    #[error("no more commands are taken: {0}")]
    Stopped(String),
    /// The store cannot be read now; nothing of the command was written.
    #[error("the store cannot be reached now: {0}; send it again")]
    Unavailable(String),
    /// The account's history or what is stored about it is damaged; it refuses everything.
    #[error("account refused: {0}")]
    Damaged(String),
    /// The decision broke a limit (commit too large, claim without expected revision); nothing was
    /// written and a repetition would fare the same.
    #[error("the command cannot be written: {0}")]
    Invalid(String),
}

impl Failure {
    /// Whether sending the identical command again is safe and may succeed.
    #[must_use]
    pub const fn retry_is_safe(&self) -> bool {
        match self {
            Self::Busy | Self::Conflict { .. } | Self::Stopped(_) | Self::Unavailable(_) => true,
            Self::Damaged(_) | Self::Invalid(_) => false,
        }
    }

    /// Stable code for logs and error details.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Busy => "TRANSACT_BUSY",
            Self::Conflict { .. } => "TRANSACT_CONFLICT",
            Self::Stopped(_) => "TRANSACT_STOPPED",
            Self::Unavailable(_) => "TRANSACT_UNAVAILABLE",
            Self::Damaged(_) => "TRANSACT_DAMAGED",
            Self::Invalid(_) => "TRANSACT_INVALID",
        }
    }
}

/// Counts since the start, summed over the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Commands and state requests waiting or being decided now.
    pub waiting: u64,
    /// States held in memory now.
    pub accounts: u64,
    /// Answers given.
    pub answers: u64,
    /// Of these, answers that wrote something.
    pub appended: u64,
    /// Failures given, without [`Failure::Busy`].
    pub failures: u64,
    /// Commands turned away because a queue was full.
    pub busy: u64,
    /// Commands decided again because others had written or a decision they rested on had failed.
    pub redecided: u64,
    /// Commits whose outcome was unknown for a while.
    pub in_doubt: u64,
    /// Group appends handed to the store.
    pub group_appends: u64,
    /// Accounts loaded cold or loaded again.
    pub loads: u64,
    /// Snapshots that did not fit and were ignored.
    pub snapshots_ignored: u64,
    /// Snapshots handed to the snapshot store.
    pub snapshots_saved: u64,
}

impl Stats {
    /// Adds the counts of another shard.
    pub(crate) const fn add(&mut self, other: &Self) {
        self.waiting += other.waiting;
        self.accounts += other.accounts;
        self.answers += other.answers;
        self.appended += other.appended;
        self.failures += other.failures;
        self.busy += other.busy;
        self.redecided += other.redecided;
        self.in_doubt += other.in_doubt;
        self.group_appends += other.group_appends;
        self.loads += other.loads;
        self.snapshots_ignored += other.snapshots_ignored;
        self.snapshots_saved += other.snapshots_saved;
    }
}
