//! What became of a key (C4): the first thing any keyed decision looks at.

use event_store::transact::Evidence;
use event_store::{Expected, StreamAppend};
use ledger_core::answer::Answer;
use ledger_core::event::{CommandAnswered, Event, decode};
use ledger_core::rejection::Rejection;
use serde_json::value::to_raw_value;

use super::encode::{Beside, Kinds};
use crate::task::{Claim, Verdict};

/// What the key's stream says; `None` when the key is new.
pub(super) fn remembered(claim: &Claim, evidence: &Evidence) -> Option<Verdict> {
    assert!(
        evidence.has_read(&claim.stream),
        "a keyed command is decided only after its key was looked up"
    );
    let event = evidence.newest(&claim.stream)?;
    Some(match answered(&event.kind, &event.data) {
        Ok(before) if before.hash != claim.hash => {
            Verdict::fresh(Answer::Refused(Rejection::KeyConflict))
        }
        Ok(before) => match answer_of(&before) {
            Ok(answer) => Verdict::Answered {
                answer,
                duplicate: true,
                marks: Vec::new(),
            },
            Err(error) => Verdict::Damaged(format!("{}: {error}", claim.stream)),
        },
        Err(error) => Verdict::Damaged(format!("{}: {error}", claim.stream)),
    })
}

/// The event of a key's stream.
pub(crate) fn answered(kind: &str, data: &[u8]) -> Result<CommandAnswered, String> {
    match decode(kind, data) {
        Ok(Event::Key(event)) => Ok(event),
        Ok(
            Event::Account(_)
            | Event::Meter(_)
            | Event::Suspense(_)
            | Event::Gateway(_)
            | Event::InitialCredit(_)
            | Event::Scheme(_)
            | Event::Legacy(_)
            | Event::WorkOrder(_)
            | Event::Reserved(_)
            | Event::Application(_)
            | Event::Complaint(_)
            | Event::Number(_),
        ) => Err(format!("{kind} does not belong to a key's stream")),
        Err(error) => Err(error.to_string()),
    }
}

/// The answer that is remembered.
pub(crate) fn answer_of(event: &CommandAnswered) -> Result<Answer, String> {
    serde_json::from_str(event.answer.get())
        .map_err(|error| format!("the remembered answer: {error}"))
}

/// Binds a key to its answer for ever.
pub(super) fn bind(
    kinds: &Kinds,
    claim: &Claim,
    decided_by: &str,
    answer: &Answer,
    origin: &Beside<'_>,
) -> StreamAppend {
    let raw = to_raw_value(answer);
    assert!(
        raw.is_ok(),
        "an answer is plain data, which JSON can always hold"
    );
    let answer = raw.unwrap_or_default();
    let event = Event::Key(CommandAnswered {
        hash: claim.hash.clone(),
        stream: decided_by.to_owned(),
        answer,
    });
    StreamAppend {
        stream: claim.stream.clone(),
        expected: Expected::NoStream,
        events: vec![kinds.beside(claim.stream.as_str(), &event, origin)],
    }
}

/// Whether a refusal says that the call was malformed: such a call is not remembered, and money that
/// came with it is not suspended (C4, C13).
pub(super) fn is_malformed(refusal: &Rejection) -> bool {
    matches!(
        refusal,
        Rejection::BadInput { .. } | Rejection::TooFine { .. }
    )
}
