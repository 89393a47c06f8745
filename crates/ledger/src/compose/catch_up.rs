//! The clock of a stopped ledger, run by hand: everything due before an instant, one period at a time.
//!
//! It sends the same commands as the clock of a running ledger; each account decides again for itself, and
//! what it decides is one commit. So it may be killed anywhere: what was committed is not due any more,
//! and the next run goes on with the rest. Absent on purpose: a state of its own.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ledger_core::ids::AccountId;
use ledger_core::time::{Millis, Timestamp};
use projections::queries::{AccountDue, DueSummary};

use super::Core;
use super::due::facts_of;
use crate::failure::Failure;

/// A period: what is due in it acts before anything later does. A day, since most deadlines fall within
/// one and a month's closes fall at one instant.
const PERIOD: Millis = Millis::days(1);
/// Accounts sent a command at once, as many as the running clock sends.
const BATCH_ACCOUNTS: usize = 1_024;
/// How long the read models may take to come to the end of the log between two periods.
const CATCH_UP_WITHIN: Duration = Duration::from_secs(3_600);

/// A catching up under way.
pub(crate) struct CatchUp<'a> {
    core: &'a Core,
    until: Timestamp,
    /// What was asked to act and turned out to need nothing.
    idle: HashSet<(AccountId, Timestamp)>,
    caught: Caught,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caught {
    /// Deadlines that acted or turned out to need nothing.
    pub(crate) deadlines: u64,
    /// Periods in which something was due.
    pub(crate) periods: u64,
    /// Events written.
    pub(crate) events: u64,
    /// Accounts that could not be asked, each with the reason it first gave.
    pub(crate) failed: BTreeMap<AccountId, Failure>,
}

impl<'a> CatchUp<'a> {
    /// Begins; gives how many deadlines are known to lie before `until`.
    ///
    /// # Errors
    /// When the read models have stopped or do not come to the end of the log.
    pub(crate) async fn begin(core: &'a Core, until: Timestamp) -> Result<(Self, u64), Failure> {
        core.caught_up(CATCH_UP_WITHIN).await?;
        let facts = facts_of(core.ledger.policies());
        let of = |scheme: &str| facts.get(scheme).cloned().unwrap_or_default();
        let summary = core.reads.snapshot()?.due_summary(until, &of)?;
        let known = summary.iter().map(|one: &DueSummary| one.due).sum();
        let catch_up = Self {
            core,
            until,
            idle: HashSet::new(),
            caught: Caught::default(),
        };
        Ok((catch_up, known))
    }

    /// Works off everything; `tell` hears after each batch how many deadlines are done.
    ///
    /// # Errors
    /// When the read models stop. An account that cannot be asked is noted and holds up nobody else; what was
    /// done stays done, and the same again goes on.
    pub(crate) async fn run(mut self, tell: &mut dyn FnMut(u64)) -> Result<Caught, Failure> {
        let before = self.core.reads.status().events;
        while let Some(oldest) = self.due_before(self.until)?.first().map(|due| due.at) {
            let end = (oldest + PERIOD).min(self.until);
            self.period(end, tell).await?;
            self.caught.periods = self.caught.periods.saturating_add(1);
        }
        self.caught.events = self.core.reads.status().events.saturating_sub(before);
        Ok(self.caught)
    }

    /// Everything due before the end of a period, until nothing more comes of it.
    async fn period(&mut self, end: Timestamp, tell: &mut dyn FnMut(u64)) -> Result<(), Failure> {
        loop {
            let due = self.due_before(end)?;
            if due.is_empty() {
                return Ok(());
            }
            for batch in due.chunks(BATCH_ACCOUNTS) {
                self.act(batch, end).await;
                let more = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                self.caught.deadlines = self.caught.deadlines.saturating_add(more);
                tell(self.caught.deadlines);
            }
            self.core.caught_up(CATCH_UP_WITHIN).await?;
            // What is still due after it was asked to act needs nothing.
            let asked: HashSet<(AccountId, Timestamp)> =
                due.into_iter().map(|due| (due.account, due.at)).collect();
            let still = self.due_before(end)?;
            let again = still.into_iter().map(|due| (due.account, due.at));
            self.idle.extend(again.filter(|one| asked.contains(one)));
        }
    }

    async fn act(&mut self, batch: &[AccountDue], end: Timestamp) {
        let mut accounts: Vec<AccountId> = batch.iter().map(|due| due.account.clone()).collect();
        accounts.sort();
        accounts.dedup();
        let answers = self.core.ledger.tick(accounts.clone(), end).await;
        for (account, answered) in accounts.into_iter().zip(answers) {
            if let Err(error) = answered {
                let failed = self.caught.failed.entry(account);
                failed.or_insert_with(|| Failure::from(error));
            }
        }
    }

    /// What is due before an instant and not known to need nothing, longest due first.
    fn due_before(&self, at: Timestamp) -> Result<Vec<AccountDue>, Failure> {
        let facts = facts_of(self.core.ledger.policies());
        let of = |scheme: &str| facts.get(scheme).cloned().unwrap_or_default();
        let mut due = self
            .core
            .reads
            .snapshot()?
            .due_before(at, usize::MAX, &of)?;
        due.retain(|due| due.at < at && !self.idle.contains(&(due.account.clone(), due.at)));
        Ok(due)
    }
}
