//! Bugs that can be planted in the core, so that the simulation can show that it would find them.
//!
//! Absent on purpose: any way to choose one outside tests. Production code never names anything but
//! [`Sabotage::None`].

/// A planted bug.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sabotage {
    /// No bug.
    #[default]
    None,
    /// Answers when the commit is decided, not when it is durable.
    AnswerBeforeDurable,
    /// Writes the account's events without the claim.
    DropClaim,
    /// Goes on with the state that a failed commit has left behind.
    KeepStateAfterFailure,
    /// Decides a commit in doubt anew instead of sending it again.
    DecideAnewInDoubt,
    /// Takes a read that shows nothing as proof that a commit in doubt was not written.
    TrustEmptyRead,
    /// Answers from memory on a store that others write to.
    SkipHeadCheck,
    /// Answers without append do not wait for what they were decided on.
    RiderDoesNotWait,
    /// Decides on states that are not durable although others write to the same store.
    RunAheadOnSharedStore,
    /// Claims without events of the account do not wait for what they were decided on.
    ClaimDoesNotWait,
    /// Writes the account's events before the claim on a store that is not atomic over streams.
    ClaimAfterEvents,
    /// Takes a claim for done although its plan may not be.
    TrustClaim,
    /// Writes further streams without locking the account.
    SkipLock,
    /// Decides on an account although it is locked.
    IgnoreLock,
    /// Leaves ids as the domain gives them, on a store that recognises appends by ids alone.
    IdsWithoutContent,
    /// Searches history while events of the account are in flight.
    SearchWhileInFlight,
    /// Uses snapshots without checking them.
    TrustSnapshot,
}

impl Sabotage {
    /// Every planted bug.
    pub const ALL: [Self; 16] = [
        Self::AnswerBeforeDurable,
        Self::DropClaim,
        Self::KeepStateAfterFailure,
        Self::DecideAnewInDoubt,
        Self::TrustEmptyRead,
        Self::SkipHeadCheck,
        Self::RiderDoesNotWait,
        Self::RunAheadOnSharedStore,
        Self::ClaimDoesNotWait,
        Self::ClaimAfterEvents,
        Self::TrustClaim,
        Self::SkipLock,
        Self::IgnoreLock,
        Self::IdsWithoutContent,
        Self::SearchWhileInFlight,
        Self::TrustSnapshot,
    ];
}
