//! Which account took over the credit of an old account (U11): once for ever, over all accounts, so the
//! claim stands in a stream of its own and is written in the same commit as the account's fact.

use event_store::transact::Evidence;
use event_store::{Expected, StreamAppend, StreamName};
use ledger_core::account::Emitted;
use ledger_core::command::Command;
use ledger_core::event::{AccountEvent, Event, LegacyCreditClaimed, decode};
use ledger_core::ids::{AccountId, OpaqueRef};
use ledger_core::rejection::Rejection;
use ledger_core::utility::Utility;

use super::LedgerDomain;
use super::meters::{ClaimError, Look};
use crate::task::stream;

/// The stream of an old account's claim.
pub(super) fn legacy_stream(utility: Utility, from: &OpaqueRef) -> StreamName {
    stream(&format!("legacy-{}-{from}", utility.code()))
}

/// The claim that a command may have to write.
pub(super) fn claimed_legacy(command: &Command) -> Option<StreamName> {
    if let Command::RegisterLegacyCredit(register) = command {
        return Some(legacy_stream(register.utility, &register.from));
    }
    if let Command::EnterLegacyCredit { utility, from, .. } = command {
        return Some(legacy_stream(*utility, from));
    }
    None
}

impl LedgerDomain {
    /// The claims that follow from an account's decided events.
    pub(super) fn legacy_claims(
        &self,
        account: &AccountId,
        decided: &[Emitted],
        look: Look<'_>,
    ) -> Result<Vec<StreamAppend>, ClaimError> {
        let mut claims = Vec::new();
        for Emitted { event, .. } in decided {
            let AccountEvent::LegacyCreditRegistered(e) = event else {
                continue;
            };
            let stream = legacy_stream(e.u, &e.from);
            if let Some(holder) = holder(look.evidence, &stream)? {
                return Err(ClaimError::Refused(Rejection::LegacyCreditTaken {
                    from: e.from.clone(),
                    holder,
                }));
            }
            let claimed = LegacyCreditClaimed {
                u: e.u,
                from: e.from.clone(),
                account: account.clone(),
            };
            let stored = self
                .kinds
                .beside(stream.as_str(), &Event::Legacy(claimed), look.origin);
            claims.push(StreamAppend {
                stream,
                expected: Expected::NoStream,
                events: vec![stored],
            });
        }
        Ok(claims)
    }
}

/// Who took over the old account.
fn holder(evidence: &Evidence, stream: &StreamName) -> Result<Option<AccountId>, ClaimError> {
    assert!(
        evidence.has_read(stream),
        "an old account is claimed only after its stream was looked at"
    );
    let Some(event) = evidence.newest(stream) else {
        return Ok(None);
    };
    match decode(&event.kind, &event.data) {
        Ok(Event::Legacy(claimed)) => Ok(Some(claimed.account)),
        Ok(
            Event::Account(_)
            | Event::Meter(_)
            | Event::Key(_)
            | Event::Suspense(_)
            | Event::Gateway(_)
            | Event::InitialCredit(_)
            | Event::Scheme(_)
            | Event::WorkOrder(_)
            | Event::Reserved(_)
            | Event::Application(_)
            | Event::Complaint(_)
            | Event::Number(_),
        ) => Err(ClaimError::Damaged(format!(
            "{stream}: {} does not belong there",
            event.kind
        ))),
        Err(error) => Err(ClaimError::Damaged(format!("{stream}: {error}"))),
    }
}
