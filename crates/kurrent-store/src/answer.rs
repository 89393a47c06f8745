//! What the server's answer to one append means.

use event_store::{AppendError, Committed, Expected, Position, StreamAppend};
use kurrent_wire::detail::Detail;
use kurrent_wire::pb::rpc::{Code, Status};
use kurrent_wire::pb::shared::WrongExpectedVersion;
use kurrent_wire::pb::shared::wrong_expected_version::CurrentStreamRevisionOption;
use kurrent_wire::pb::streams::batch_append_resp::{Result as Answered, Success, success};

use crate::call::Outcome;
use crate::trouble::{Trouble, serves_not};

/// Reads an answer to `append`. Whatever is not certainly a yes or a no is in doubt. When an earlier attempt
/// is in doubt (`doubted`), a refusal of this one is no refusal of that.
pub(crate) fn outcome(append: &StreamAppend, doubted: bool, answer: Option<Answered>) -> Outcome {
    match answer {
        Some(Answered::Success(success)) => written(&success),
        Some(Answered::Error(status)) => Err(error(append, doubted, &status)),
        None => Err(doubt("the server's answer says neither yes nor no")),
    }
}

/// What an answer says of the server, beside what it says of the append.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// It serves.
    Given,
    /// It waited in vain, which one append may do and not all.
    Late,
    /// It answers and does not serve: it is not ready, or knows of no leader.
    Refused(String),
}

/// Reads what an answer says of the server.
pub(crate) fn service(answer: Option<&Answered>) -> Service {
    let Some(Answered::Error(status)) = answer else {
        return Service::Given;
    };
    match (Detail::of_status(status), status.code()) {
        (Some(Detail::Timeout), _) => Service::Late,
        // A real server leaves the code out.
        (None, Code::Ok | Code::Unavailable) => Service::Refused(said(status)),
        (None, _) if serves_not(&status.message) => Service::Refused(said(status)),
        (Some(_) | None, _) => Service::Given,
    }
}

fn said(status: &Status) -> String {
    let (code, message) = (status.code(), &status.message);
    if code == Code::Ok {
        message.clone()
    } else {
        format!("{code:?}: {message}")
    }
}

fn doubt(text: impl Into<String>) -> AppendError {
    AppendError::InDoubt(text.into())
}

fn written(success: &Success) -> Outcome {
    let Some(success::CurrentRevisionOption::CurrentRevision(revision)) =
        success.current_revision_option
    else {
        return Err(doubt("the server's answer has no revision"));
    };
    let Some(success::PositionOption::Position(position)) = &success.position_option else {
        return Err(doubt("the server's answer has no position"));
    };
    Ok(Committed {
        position: Position {
            commit: position.commit_position,
            prepare: position.prepare_position,
        },
        revisions: std::iter::once(revision).collect(),
        recorded_at_ms: None,
    })
}

fn error(append: &StreamAppend, doubted: bool, status: &Status) -> AppendError {
    match refusal(append, doubted, status) {
        AppendError::Invalid(why) | AppendError::Stopped(why) if doubted => doubt(format!(
            "refused now, but an earlier attempt stays in doubt: {why}"
        )),
        error @ (AppendError::WrongExpectedRevision { .. }
        | AppendError::Invalid(_)
        | AppendError::Stopped(_)
        | AppendError::InDoubt(_)) => error,
    }
}

fn refusal(append: &StreamAppend, doubted: bool, status: &Status) -> AppendError {
    let said = || said(status);
    match Detail::of_status(status) {
        Some(Detail::WrongExpectedVersion(wrong)) => elsewhere(append, doubted, &wrong),
        Some(Detail::StreamDeleted(_)) => AppendError::Invalid(format!(
            "stream {} was deleted on the server ({}); a ledger's history must be whole",
            append.stream,
            said()
        )),
        Some(Detail::AccessDenied) => AppendError::Stopped(Trouble::Denied(said()).text()),
        Some(Detail::AppendSize(limit)) => AppendError::Invalid(format!(
            "the server takes {} bytes an append; set its MaxAppendSize to 1048576 or more",
            limit.max_append_size
        )),
        Some(Detail::AppendEventSize(limit)) => AppendError::Invalid(format!(
            "the server takes {} bytes an event, this one has {}; raise its MaxAppendEventSize",
            limit.max_append_event_size, limit.proposed_event_size
        )),
        Some(Detail::BadRequest(_) | Detail::InvalidTransaction) => {
            AppendError::Invalid(format!("the server refused it: {}", said()))
        }
        Some(Detail::Timeout | Detail::Unknown) | None => doubt(said()),
    }
}

fn elsewhere(append: &StreamAppend, doubted: bool, wrong: &WrongExpectedVersion) -> AppendError {
    let actual = match wrong.current_stream_revision_option {
        Some(CurrentStreamRevisionOption::CurrentStreamRevision(revision)) => Some(revision),
        Some(CurrentStreamRevisionOption::CurrentNoStream(())) => None,
        None => {
            return doubt(format!(
                "the server does not say where stream {} is",
                append.stream
            ));
        }
    };
    // Sent before, it may still arrive once the stream has come so far.
    let ahead = match append.expected {
        Expected::Exact(revision) => actual.is_none_or(|actual| actual < revision),
        Expected::NoStream | Expected::Any => false,
    };
    if doubted && ahead {
        return doubt(format!(
            "stream {} is not yet where this commit, sent before, would fit",
            append.stream
        ));
    }
    AppendError::WrongExpectedRevision {
        stream: append.stream.clone(),
        expected: append.expected,
        actual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_store::StreamName;
    use kurrent_wire::pb::shared::{
        AllStreamPosition, BadRequest, MaximumAppendSizeExceeded, StreamDeleted,
    };

    fn append(expected: Expected) -> StreamAppend {
        StreamAppend {
            stream: StreamName::new("account-1").unwrap(),
            expected,
            events: Vec::new(),
        }
    }

    fn refused(detail: &Detail, expected: Expected, doubted: bool) -> AppendError {
        let answer = Answered::Error(detail.to_status("said"));
        outcome(&append(expected), doubted, Some(answer)).unwrap_err()
    }

    fn wrong(current: Option<CurrentStreamRevisionOption>) -> Detail {
        Detail::WrongExpectedVersion(WrongExpectedVersion {
            current_stream_revision_option: current,
            expected_stream_position_option: None,
        })
    }

    #[test]
    fn a_success_gives_revision_and_position_but_no_time() {
        let success = Success {
            current_revision_option: Some(success::CurrentRevisionOption::CurrentRevision(7)),
            position_option: Some(success::PositionOption::Position(AllStreamPosition {
                commit_position: 90,
                prepare_position: 80,
            })),
        };
        let done = outcome(
            &append(Expected::Any),
            false,
            Some(Answered::Success(success)),
        )
        .unwrap();
        assert_eq!(done.revisions[..], [7]);
        assert_eq!((done.position.commit, done.position.prepare), (90, 80));
        assert_eq!(done.recorded_at_ms, None);
    }

    #[test]
    fn a_wrong_version_says_what_was_expected_and_where_the_stream_is() {
        let at = |actual| AppendError::WrongExpectedRevision {
            stream: StreamName::new("account-1").unwrap(),
            expected: Expected::Exact(5),
            actual,
        };
        let current = CurrentStreamRevisionOption::CurrentStreamRevision(9);
        assert_eq!(
            refused(&wrong(Some(current)), Expected::Exact(5), false),
            at(Some(9))
        );
        let none = CurrentStreamRevisionOption::CurrentNoStream(());
        assert_eq!(
            refused(&wrong(Some(none)), Expected::Exact(5), false),
            at(None)
        );
    }

    #[test]
    fn a_commit_once_in_doubt_that_may_still_fit_later_stays_in_doubt() {
        let behind = wrong(Some(CurrentStreamRevisionOption::CurrentStreamRevision(3)));
        assert!(matches!(
            refused(&behind, Expected::Exact(5), true),
            AppendError::InDoubt(_)
        ));
        let past = wrong(Some(CurrentStreamRevisionOption::CurrentStreamRevision(6)));
        let error = refused(&past, Expected::Exact(5), true);
        assert!(matches!(error, AppendError::WrongExpectedRevision { .. }));
    }

    #[test]
    fn a_server_that_answers_without_serving_is_told_from_one_that_refuses() {
        let plain = |code: Code, message: &str| {
            Answered::Error(Status {
                code: code.into(),
                message: message.to_owned(),
                details: Some(prost_types::Any {
                    type_url: "type.googleapis.com/google.protobuf.Empty".to_owned(),
                    value: Vec::new(),
                }),
            })
        };
        for (code, message) in [
            (Code::Ok, "Server Is Not Ready"),
            (Code::Ok, "Server Is Busy"),
            (Code::Unavailable, "down"),
            (Code::Unknown, "No leader info available in response"),
        ] {
            let answer = plain(code, message);
            let read = service(Some(&answer));
            assert!(matches!(read, Service::Refused(text) if text.contains(message)));
            let judged = outcome(&append(Expected::Any), false, Some(answer));
            assert!(matches!(judged, Err(AppendError::InDoubt(_))));
        }
        let late = Answered::Error(Detail::Timeout.to_status("Timeout"));
        assert_eq!(service(Some(&late)), Service::Late);
        let denied = Answered::Error(Detail::AccessDenied.to_status("no"));
        let odd = plain(Code::Internal, "a fault");
        for answer in [denied, odd] {
            assert_eq!(service(Some(&answer)), Service::Given);
        }
    }

    #[test]
    fn a_refusal_is_none_while_an_earlier_attempt_is_in_doubt() {
        let size = Detail::AppendSize(MaximumAppendSizeExceeded { max_append_size: 9 });
        let bad = Detail::BadRequest(BadRequest {
            message: String::new(),
        });
        let deleted = Detail::StreamDeleted(StreamDeleted::default());
        let invalid = Detail::InvalidTransaction;
        for detail in [size, bad, deleted, invalid, Detail::AccessDenied] {
            let first = refused(&detail, Expected::NoStream, false);
            assert!(matches!(
                first,
                AppendError::Invalid(_) | AppendError::Stopped(_)
            ));
            let again = refused(&detail, Expected::NoStream, true);
            assert!(matches!(again, AppendError::InDoubt(_)), "{again:?}");
        }
    }

    #[test]
    fn what_is_not_certainly_a_no_is_in_doubt() {
        let sure = |detail: &Detail| refused(detail, Expected::Any, false);
        for detail in [Detail::Timeout, Detail::Unknown, wrong(None)] {
            assert!(
                matches!(sure(&detail), AppendError::InDoubt(_)),
                "{detail:?}"
            );
        }
        let bare = Status::default();
        let bare = outcome(&append(Expected::Any), false, Some(Answered::Error(bare)));
        assert!(matches!(bare, Err(AppendError::InDoubt(_))));
        assert!(matches!(
            outcome(&append(Expected::Any), false, None),
            Err(AppendError::InDoubt(_))
        ));
        let size = Detail::AppendSize(MaximumAppendSizeExceeded { max_append_size: 9 });
        let bad = Detail::BadRequest(BadRequest {
            message: String::new(),
        });
        for detail in [size, bad, Detail::InvalidTransaction] {
            assert!(
                matches!(sure(&detail), AppendError::Invalid(_)),
                "{detail:?}"
            );
        }
        let denied = sure(&Detail::AccessDenied);
        assert!(
            matches!(denied, AppendError::Stopped(text) if text.contains("check user and password"))
        );
    }
}
