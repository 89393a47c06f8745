//! What a crash or a closing in between may have left: finished where that is possible, else reported.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use event_store::transact::newest_settled;
use futures::{StreamExt, stream};
use ledger_core::answer::Answer;
use ledger_core::command::Command;
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::time::Timestamp;

use crate::api::{Ask, Finding, Reply, ServiceError, Target};
use crate::content;
use crate::moves::Move;
use crate::route::{OWN_CHANNEL, claim};
use crate::service::Ledger;
use crate::task::{KeyedTask, Task, account_stream};
use crate::unfinished::{LEFT_AFTER, SWEEP_EVERY};

/// Accounts the doctor looks at together: enough to keep the store busy, few enough to leave the queues
/// to others.
const LOOKS_AT_ONCE: usize = 64;

impl Ledger {
    /// Brings credit that is on its way from closed accounts to where it should go; gives the number of
    /// moves that arrived. Runs at start, and may be called at any time.
    pub async fn sweep(&self) -> usize {
        let under_way: Vec<AccountId> = self
            .0
            .registry
            .read()
            .moves
            .iter()
            .map(|(from, _)| from.clone())
            .collect();
        let mut arrived = 0;
        for from in under_way {
            arrived += usize::from(self.finish_move(&from, self.time().now()).await);
        }
        arrived
    }

    /// Finishes commands whose writing was begun so long ago and is not known to have ended; gives how many
    /// there were. Only a store that commits one stream at a time has any.
    async fn finish_left(&self, age: Duration) -> usize {
        let left = self.0.registry.read().unfinished.older_than(age);
        for claim in &left {
            match newest_settled(&*self.0.store, claim).await {
                Ok(settled) => {
                    let done = settled.newest.is_some();
                    tracing::info!(%claim, done, "a command that was cut short is settled");
                    self.0.registry.write().unfinished.forget(claim);
                }
                Err(error) => {
                    tracing::warn!(%claim, %error, "a command that was cut short is not settled yet; the next sweep tries again");
                }
            }
        }
        left.len()
    }

    /// Finishes what was left for so long, and what follows from it.
    pub(crate) async fn sweep_left(&self, age: Duration) {
        if self.finish_left(age).await == 0 {
            return;
        }
        // A closing that was finished just now sends its credit on its way.
        match self.hear().await {
            Ok(()) => {
                self.sweep().await;
            }
            Err(error) => tracing::warn!(%error, "the next sweep goes on"),
        }
    }

    /// Brings on the credit whose account another process closed, and which has been on its way for so long:
    /// that process may be gone.
    async fn sweep_moves(&self, moving: &mut HashMap<AccountId, Instant>) {
        let now: Vec<AccountId> = {
            let registry = self.0.registry.read();
            registry
                .moves
                .iter()
                .map(|(from, _)| from.clone())
                .collect()
        };
        moving.retain(|from, _| now.contains(from));
        for from in now {
            let since = *moving.entry(from.clone()).or_insert_with(Instant::now);
            if since.elapsed() >= LEFT_AFTER {
                moving.remove(&from);
                self.finish_move(&from, self.time().now()).await;
            }
        }
    }

    /// Goes on doing so beside the commands, where the store needs it.
    pub(crate) fn sweep_on(&self) {
        if self.0.store.capabilities().atomic_over_streams {
            return;
        }
        let ledger = std::sync::Arc::downgrade(&self.0);
        let task = tokio::spawn(async move {
            let mut moving: HashMap<AccountId, Instant> = HashMap::new();
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                let Some(inner) = ledger.upgrade() else {
                    return;
                };
                let ledger = Self(inner);
                ledger.sweep_left(LEFT_AFTER).await;
                ledger.sweep_moves(&mut moving).await;
            }
        });
        self.keep(task);
    }

    /// Brings the credit of a closed account to where it should go, if it is still on its way. A failure
    /// is logged; the next sweep tries again.
    pub(crate) async fn finish_move(&self, from: &AccountId, at: Timestamp) -> bool {
        let Some(on_its_way) = self.0.registry.read().moves.of(from).cloned() else {
            return false;
        };
        let to = on_its_way.to.clone();
        match self.accept_moved(from, on_its_way, at).await {
            Ok(Reply {
                answer: Answer::Done { .. },
                ..
            }) => true,
            Ok(Reply { answer, .. }) => {
                tracing::warn!(%from, %to, ?answer, "credit of a closed account was not taken; the doctor lists it");
                false
            }
            Err(error) => {
                tracing::warn!(%from, %to, %error, "credit of a closed account is still on its way; the next sweep tries again");
                false
            }
        }
    }

    async fn accept_moved(
        &self,
        from: &AccountId,
        moved: Move,
        at: Timestamp,
    ) -> Result<Reply, ServiceError> {
        let bad = |error: ledger_core::ids::BadName| ServiceError::Invalid(error.to_string());
        let channel = ChannelId::parse(OWN_CHANNEL).map_err(bad)?;
        let key = CommandKey {
            channel,
            reference: Reference::parse(&format!("moved-{from}")).map_err(bad)?,
        };
        let Move { to, credit } = moved;
        let command = Command::AcceptMovedCredit {
            from: from.clone(),
            credit,
        };
        let hash =
            content::of_command(&Target::Account(to.clone()), &Ask::Command(command.clone()));
        let task = KeyedTask {
            stream: account_stream(&to),
            named: to.to_string(),
            account: to,
            command,
            claim: claim(&key, hash),
            actor: Actor::parse(OWN_CHANNEL).map_err(bad)?,
            received_at: at,
            objection: None,
        };
        self.commit_structural(Task::Keyed(Box::new(task))).await
    }

    /// Looks for what needs a person: meter numbers claimed by accounts that do not have the meter in
    /// place, and credit of closed accounts that has not arrived. Looks at every account that holds a
    /// meter, so it takes a while on a large ledger.
    ///
    /// # Errors
    /// See [`ServiceError`]: the first account that could not be read.
    pub async fn doctor(&self) -> Result<Vec<Finding>, ServiceError> {
        let (held, moves) = {
            let registry = self.0.registry.read();
            let held = registry
                .directory
                .newest()
                .filter(|(_, holder)| holder.until.is_none());
            let held: Vec<(MeterNumber, AccountId)> = held
                .map(|(meter, holder)| (meter.clone(), holder.account.clone()))
                .collect();
            let moves: Vec<(AccountId, Move)> = registry
                .moves
                .iter()
                .map(|(from, moved)| (from.clone(), moved.clone()))
                .collect();
            (held, moves)
        };
        let looks = held.into_iter().map(|(meter, account)| async move {
            let view = self.account(&account).await?;
            let in_place = view.is_some_and(|view| view.account.meter_in_place(&meter).is_some());
            Ok((!in_place).then_some(Finding::OrphanedClaim { meter, account }))
        });
        let looked: Vec<Result<Option<Finding>, ServiceError>> =
            stream::iter(looks).buffered(LOOKS_AT_ONCE).collect().await;
        let mut findings = Vec::new();
        for finding in looked {
            findings.extend(finding?);
        }
        let in_transit =
            |(from, Move { to, credit })| Finding::CreditInTransit { from, to, credit };
        findings.extend(moves.into_iter().map(in_transit));
        Ok(findings)
    }
}
