//! Numbers of accounts (K1): given once for ever, over all accounts. The claim is the first and only event
//! of `account-<number>`, in the same commit as the account's own fact; so the number can neither be given
//! again nor be opened as an account, whatever runs beside.

use event_store::transact::{Decision, Evidence, Needs};
use event_store::{Expected, StreamAppend, StreamName};
use ledger_core::account::Emitted;
use ledger_core::answer::Answer;
use ledger_core::command::Command;
use ledger_core::event::{AccountEvent, AccountNumberGiven, Event, decode};
use ledger_core::ids::AccountId;
use ledger_core::rejection::DeskRefusal;

use super::account::Beyond;
use super::meters::{ClaimError, Look};
use super::{LedgerDomain, keys};
use crate::task::{KeyedTask, Mark, Verdict, account_stream};

/// The stream that a command may have to claim.
pub(super) fn claimed_number(command: &Command) -> Option<StreamName> {
    if let Command::Renumber { to } = command {
        Some(account_stream(to))
    } else {
        None
    }
}

/// Only the key is looked up where the stream is but a number.
pub(super) fn needs(task: &KeyedTask, known: &Evidence) -> Needs {
    if known.has_read(&task.claim.stream) {
        Needs::nothing()
    } else {
        Needs::stream(task.claim.stream.clone())
    }
}

/// A command that came to a number as if it were an account: no account is opened under it; anything else
/// was routed before the number was given, and finds its account when it is sent again.
pub(super) fn decide(
    holder: &AccountId,
    task: &KeyedTask,
    evidence: &Evidence,
) -> Decision<Verdict> {
    if let Some(verdict) = keys::remembered(&task.claim, evidence) {
        return Decision::answer(verdict);
    }
    if !opens(&task.command) {
        return Decision::answer(Verdict::Numbered);
    }
    let taken = DeskRefusal::NumberTaken {
        number: task.account.clone(),
        holder: holder.clone(),
    };
    Decision::answer(Verdict::fresh(Answer::Refused(taken.into())))
}

/// Whether a command opens an account: such a one is never redirected to another number's account.
pub(crate) fn opens(command: &Command) -> bool {
    matches!(command, Command::OpenAccount(_))
        || matches!(command, Command::Billing(billing) if billing.opens())
}

impl LedgerDomain {
    /// The claims that follow from an account's decided events.
    pub(super) fn number_claims(
        &self,
        account: &AccountId,
        decided: &[Emitted],
        look: Look<'_>,
        beyond: &mut Beyond,
    ) -> Result<(), ClaimError> {
        for Emitted { event, .. } in decided {
            let AccountEvent::AccountRenumbered(e) = event else {
                continue;
            };
            let stream = account_stream(&e.to);
            if let Some(holder) = holder(look.evidence, &stream, &e.to)? {
                let number = e.to.clone();
                let taken = DeskRefusal::NumberTaken { number, holder };
                return Err(ClaimError::Refused(taken.into()));
            }
            let given = AccountNumberGiven {
                n: e.to.clone(),
                account: account.clone(),
            };
            let stored = self
                .kinds
                .beside(stream.as_str(), &Event::Number(given), look.origin);
            beyond.claims.push(StreamAppend {
                stream,
                expected: Expected::NoStream,
                events: vec![stored],
            });
            beyond.marks.push(Mark::Numbered {
                number: e.to.clone(),
                account: account.clone(),
            });
        }
        Ok(())
    }
}

/// Whose the number is: an account's that was opened under it, or one's that was given it.
pub(super) fn holder(
    evidence: &Evidence,
    stream: &StreamName,
    number: &AccountId,
) -> Result<Option<AccountId>, ClaimError> {
    assert!(
        evidence.has_read(stream),
        "a number is claimed only after its stream was looked at"
    );
    let Some(event) = evidence.newest(stream) else {
        return Ok(None);
    };
    match decode(&event.kind, &event.data) {
        Ok(Event::Number(given)) => Ok(Some(given.account)),
        Ok(Event::Account(_) | Event::Reserved(_)) => Ok(Some(number.clone())),
        Ok(
            Event::Meter(_)
            | Event::Key(_)
            | Event::Suspense(_)
            | Event::Gateway(_)
            | Event::InitialCredit(_)
            | Event::Scheme(_)
            | Event::Legacy(_)
            | Event::WorkOrder(_)
            | Event::Application(_)
            | Event::Complaint(_),
        ) => Err(ClaimError::Damaged(format!(
            "{stream}: {} does not belong there",
            event.kind
        ))),
        Err(error) => Err(ClaimError::Damaged(format!("{stream}: {error}"))),
    }
}
