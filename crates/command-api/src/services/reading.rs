//! What the reads share: waiting for the read model, asking it, and finding an account by a meter.

use std::time::Duration;

use ledger_core::ids::{AccountId, MeterNumber};
use ledger_service::MeterHolder;
use projections::Snapshot;
use projections::queries::AccountOverview;

use super::Api;
use crate::convert::{Named, of_token, to_token};
use crate::errors::{Malformed, No, Operational};
use crate::gate::Call;

/// Waiting for the read model ends this much before the call's deadline, so that the answer says which of
/// the two was late.
const WAIT_MARGIN: Duration = Duration::from_millis(5);

/// A report that names no token waits this long for the read models to come to the moment of asking: they
/// follow within a fortieth of a second, unless they are being built.
const NOW_WITHIN: Duration = Duration::from_millis(250);

/// Nothing is known under a name.
pub(super) fn not_found(what: &str) -> No {
    No::Operational(Operational::NotFound, format!("there is no {what}"))
}

impl Api {
    /// Waits until the read model has come as far as the token says.
    pub(super) async fn caught_up(&self, call: &Call, at_least: &str) -> Result<(), No> {
        if at_least.is_empty() {
            return Ok(());
        }
        let Some(position) = of_token(at_least) else {
            let why = "it is not a token of this ledger";
            return Err(No::field("at_least", Malformed::FieldMalformed, why));
        };
        Ok(self
            .reads
            .wait_for(position, call.time_left().saturating_sub(WAIT_MARGIN))
            .await?)
    }

    /// Asks a question that takes microseconds; with the token of the state it was answered from. Without a
    /// token, what is not found is looked for once more as of the moment of asking: whoever has just opened
    /// an account is not told that there is none.
    pub(super) async fn point<T>(
        &self,
        call: &Call,
        at_least: &str,
        ask: impl Fn(&Snapshot) -> Result<T, No> + Send + Sync,
    ) -> Result<(T, String), No> {
        self.caught_up(call, at_least).await?;
        let answered = asked(&self.reads, &ask);
        let is_new_here = matches!(answered, Err(No::Operational(Operational::NotFound, _)));
        if at_least.is_empty() && is_new_here {
            self.as_of_asking(call).await?;
            return asked(&self.reads, &ask);
        }
        answered
    }

    /// Waits a little for everything that was durable when it was asked. Read models that are further
    /// behind, or that have stopped, are asked as they are: the answer's token says how far they are.
    async fn as_of_asking(&self, call: &Call) -> Result<(), No> {
        let Some(tail) = self.store.tail().await? else {
            return Ok(());
        };
        let within = NOW_WITHIN.min(call.time_left().saturating_sub(WAIT_MARGIN));
        if let Err(behind) = self.reads.wait_for(tail, within).await {
            tracing::debug!(%behind, "a report is answered from read models that are behind");
        }
        Ok(())
    }

    /// Asks a question that takes milliseconds, away from the threads that serve sockets. Without a token
    /// the answer is of the moment of asking, as far as the read models have come.
    pub(super) async fn report<T: Send + 'static>(
        &self,
        call: &Call,
        at_least: &str,
        ask: impl FnOnce(&Snapshot) -> Result<T, No> + Send + 'static,
    ) -> Result<(T, String), No> {
        if at_least.is_empty() {
            self.as_of_asking(call).await?;
        } else {
            self.caught_up(call, at_least).await?;
        }
        let bug = |error: &dyn std::fmt::Display| {
            No::Bug(format!("a report was not carried out: {error}"))
        };
        let _place = self.reports.acquire().await.map_err(|error| bug(&error))?;
        let reads = self.reads.clone();
        let answered = tokio::task::spawn_blocking(move || asked(&reads, ask)).await;
        answered.map_err(|error| bug(&error))?
    }

    /// Hears of meters and numbers up to the state that a read asks for, where others give them too.
    async fn heard(&self, at_least: &str) -> Result<(), No> {
        match of_token(at_least) {
            Some(position) => Ok(self.ledger.hear_up_to(position).await?),
            None => Ok(()),
        }
    }

    /// The account of a filter, by any of its numbers.
    pub(super) async fn by_id(
        &self,
        at_least: &str,
        number: Option<AccountId>,
    ) -> Result<Option<AccountId>, No> {
        let Some(number) = number else {
            return Ok(None);
        };
        self.heard(at_least).await?;
        Ok(Some(self.ledger.account_id(&number)))
    }

    /// The account of a name: of any of its numbers; a meter's is its newest holder. Without a token, a
    /// meter that nobody is known to hold is looked for once more as of the moment of asking.
    pub(super) async fn account_of(&self, at_least: &str, name: Named) -> Result<AccountId, No> {
        self.heard(at_least).await?;
        match name {
            Named::Account(number) => Ok(self.ledger.account_id(&number)),
            Named::Meter(meter) => Ok(self.holder_of(at_least, &meter).await?.account),
        }
    }

    /// The newest holder of a meter. A number that nobody ever held is a slip of the pen, not a meter
    /// without consumption.
    pub(super) async fn holder_of(
        &self,
        at_least: &str,
        meter: &MeterNumber,
    ) -> Result<MeterHolder, No> {
        self.heard(at_least).await?;
        if let Some(holder) = self.ledger.meter_holder(meter) {
            return Ok(holder);
        }
        if at_least.is_empty() {
            self.ledger.hear().await?;
        }
        let holder = self.ledger.meter_holder(meter);
        holder.ok_or_else(|| not_found(&format!("meter {meter}")))
    }

    /// Everything about an account; what is due of its debt is as of its scheme's local month at the time
    /// of receipt.
    pub(super) fn overview(
        &self,
        snapshot: &Snapshot,
        account: &AccountId,
        call: &Call,
    ) -> Result<AccountOverview, No> {
        let policies = self.ledger.policies();
        let month = policies.default_policy().zone().month_of(call.received_at);
        let found = snapshot
            .account(account, month)?
            .ok_or_else(|| not_found(&format!("account {account}")))?;
        let own = policies
            .named(&found.account.scheme)
            .map(|policy| policy.zone().month_of(call.received_at));
        match own {
            Some(own) if own != month => snapshot
                .account(account, own)?
                .ok_or_else(|| not_found(&format!("account {account}"))),
            Some(_) | None => Ok(found),
        }
    }
}

fn asked<T>(
    reads: &projections::ReadModels,
    ask: impl FnOnce(&Snapshot) -> Result<T, No>,
) -> Result<(T, String), No> {
    let snapshot = reads.snapshot()?;
    let token = to_token(snapshot.position()?);
    Ok((ask(&snapshot)?, token))
}
