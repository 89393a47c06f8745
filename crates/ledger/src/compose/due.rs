//! What is due, for the clock: the read models asked with each scheme's own facts.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use ledger_core::ids::AccountId;
use ledger_core::time::Timestamp;
use ledger_service::{DueSource, Ledger, Policies};
use projections::{ReadModels, SchemeFacts};

/// What the policies of the moment say of each scheme, by name.
pub(crate) fn facts_of(policies: &Policies) -> HashMap<String, SchemeFacts> {
    let all = policies.all();
    let facts = all
        .iter()
        .map(|policy| (policy.name().to_owned(), SchemeFacts::of(policy)));
    facts.collect()
}

struct Due {
    reads: ReadModels,
    policies: Policies,
}

/// The source of due accounts.
pub(super) fn source(ledger: &Ledger, reads: ReadModels) -> Arc<dyn DueSource> {
    Arc::new(Due {
        reads,
        policies: ledger.policies().clone(),
    })
}

impl DueSource for Due {
    fn due_before(
        &self,
        at: Timestamp,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<AccountId>, String>> {
        let (reads, policies) = (self.reads.clone(), self.policies.clone());
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || {
                // A version may be published at any time: the newest is asked for in each round.
                let facts = facts_of(&policies);
                let of = |scheme: &str| facts.get(scheme).cloned().unwrap_or_default();
                let due = reads.snapshot()?.due_before(at, max, &of)?;
                let mut accounts: Vec<AccountId> = Vec::with_capacity(due.len());
                for one in due {
                    if !accounts.contains(&one.account) {
                        accounts.push(one.account);
                    }
                }
                Ok::<_, projections::ReadModelError>(accounts)
            });
            match asked.await {
                Ok(accounts) => accounts.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}
