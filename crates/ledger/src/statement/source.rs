//! Where a document's facts come from: the account's history and the versions of its scheme, over the API.

use std::sync::Arc;

use command_api::pb;
use ledger_core::event::{AccountEvent, Event, Meta, Stamp, decode};
use ledger_core::ids::AccountId;
use ledger_core::scheme::SchemePolicy;

use crate::cli::client::{Connected, account_named};
use crate::cli::scheme;
use crate::failure::Failure;

/// A stored fact of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) stamp: Stamp,
    pub(crate) event: AccountEvent,
}

/// An account's whole history, and its scheme with every version on record.
///
/// # Errors
/// When the server refuses, or an event or version is newer than this program.
pub(crate) async fn read(
    connected: &Connected,
    account: &str,
) -> Result<(AccountId, Vec<Stored>, SchemePolicy), Failure> {
    let mut queries = connected.client.queries();
    let question = pb::GetAccountRequest {
        account: Some(account_named(account)),
        at_least: String::new(),
    };
    let found = queries.get_account(question).await?.into_inner();
    let request = pb::ReadHistoryRequest {
        account: Some(account_named(&found.account_id)),
        from_revision: 0,
        limit: 0,
    };
    let mut events = queries.read_history(request).await?.into_inner();
    let mut stored = Vec::new();
    while let Some(event) = events.message().await? {
        stored.push(understood(&event)?);
    }
    let account = AccountId::parse(&found.account_id)
        .map_err(|error| Failure::damaged("ACCOUNT_ID", error.to_string()))?;
    let policy = versions(connected, &found.scheme).await?;
    Ok((account, stored, policy))
}

fn understood(event: &pb::ReadHistoryResponse) -> Result<Stored, Failure> {
    let newer = |why: String| {
        let what = format!("event {} ({}): {why}", event.revision, event.kind);
        Failure::damaged("EVENT_UNKNOWN", what)
            .advise("use the version of this program that the server has")
    };
    let fact = decode(&event.kind, event.data.as_bytes()).map_err(|e| newer(e.to_string()))?;
    let Event::Account(fact) = fact else {
        return Err(newer("it is no fact of an account".to_owned()));
    };
    let meta: Meta = serde_json::from_str(&event.metadata).map_err(|e| newer(e.to_string()))?;
    Ok(Stored {
        stamp: meta.stamp(),
        event: fact,
    })
}

/// The newest version of a scheme, which knows those before it: those on record, else this program's own.
async fn versions(connected: &Connected, name: &str) -> Result<SchemePolicy, Failure> {
    let request = pb::ListSchemeVersionsRequest {
        scheme: name.to_owned(),
    };
    let mut schemes = connected.client.schemes();
    let listed = schemes.list_scheme_versions(request).await?.into_inner();
    let mut newest: Option<SchemePolicy> = None;
    for version in listed.versions {
        let policy = SchemePolicy::from_toml(&version.text).map_err(|error| {
            let what = format!("version {} of scheme {name}: {error}", version.version);
            Failure::damaged("SCHEME_VERSION", what)
                .advise("use the version of this program that the server has")
        })?;
        newest = Some(match newest {
            Some(earlier) => policy.succeeding(Arc::new(earlier)),
            None => policy,
        });
    }
    match newest {
        Some(policy) => Ok(policy),
        None => scheme::policy(&connected.settings, name),
    }
}
