//! `Append`: one append a call, first the options, then each event.

use std::time::Duration;

use event_store::{NewEvent, Position, StreamName};
use kurrent_wire::pb::shared::Empty;
use kurrent_wire::pb::streams::append_req::options::ExpectedStreamRevision;
use kurrent_wire::pb::streams::append_req::{Content, Options};
use kurrent_wire::pb::streams::append_resp::success::{CurrentRevisionOption, PositionOption};
use kurrent_wire::pb::streams::append_resp::wrong_expected_version::{
    CurrentRevisionOption as Current, CurrentRevisionOption2060 as OldCurrent,
    ExpectedRevisionOption as Asked, ExpectedRevisionOption2060 as OldAsked,
};
use kurrent_wire::pb::streams::append_resp::{
    Position as WirePosition, Result as WireResult, Success, WrongExpectedVersion,
};
use kurrent_wire::pb::streams::{AppendReq, AppendResp};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::{Status, Streaming};

use super::desk::Append;
use super::request::{Gathered, Proposed, Refusal, stream_of};
use super::{Outcome, Wanted};
use crate::faults::{Fate, SILENCE};
use crate::server::down;
use crate::streams::Caller;
use crate::trailers;

/// Longest wait for the last event of a request, so that a client that went quiet does not hold its place.
const REQUEST_WAIT: Duration = Duration::from_secs(30);

/// One append, from request to answer.
pub(crate) async fn append(
    caller: &Caller,
    mut requests: Streaming<AppendReq>,
) -> Result<AppendResp, Status> {
    let gathering = gather(caller, &mut requests);
    let gathered = tokio::time::timeout(REQUEST_WAIT, gathering).await;
    let (stream, wanted, events) =
        gathered.map_err(|_| Status::aborted("Operation timed out: the request did not end"))??;
    let fate = caller.shared.faults.fate();
    match fate {
        Fate::NotLeader => return Err(trailers::not_leader(&caller.leader())),
        Fate::Dropped => return Err(silence(caller).await),
        Fate::NotReady => return Err(Status::unavailable(trailers::NOT_READY)),
        Fate::Usual | Fate::ReplyDropped | Fate::Broken => {}
    }
    let (sender, receiver) = oneshot::channel();
    let reply = caller.reply(fate, move |outcome| {
        // The client may have gone.
        let _ = sender.send(outcome);
    });
    let deadline = Instant::now() + caller.shared.write_timeout;
    let append = Append::new(stream.clone(), wanted, events, deadline, reply);
    caller.shared.desk.bring(append).await;
    let Ok(outcome) = receiver.await else {
        return Err(match fate {
            Fate::ReplyDropped | Fate::Broken => silence(caller).await,
            Fate::Usual | Fate::Dropped | Fate::NotLeader | Fate::NotReady => {
                trailers::going_down()
            }
        });
    };
    match outcome {
        Outcome::Written { revision, position } => Ok(written(revision, position)),
        Outcome::WrongVersion { actual } => Ok(wrong_version(wanted, actual)),
        Outcome::TimedOut => Err(trailers::timed_out(&stream)),
        Outcome::Invalid(text) => Err(trailers::invalid(text)),
        Outcome::NotReady(text) => Err(trailers::not_ready(&text)),
    }
}

/// Leaves a call without an answer for as long as a client may believe in one, or until the server stops.
async fn silence(caller: &Caller) -> Status {
    let mut going_down = caller.shared.going_down.clone();
    tokio::select! {
        () = tokio::time::sleep(SILENCE) => {}
        () = down(&mut going_down) => {}
    }
    Status::unavailable("this answer was kept back on purpose")
}

type Request = (StreamName, Wanted, Vec<NewEvent>);

async fn gather(caller: &Caller, requests: &mut Streaming<AppendReq>) -> Result<Request, Status> {
    let first = requests.message().await?.and_then(|first| first.content);
    let Some(Content::Options(options)) = first else {
        return Err(trailers::invalid("the first message must be the options"));
    };
    let mut refusal = caller.refusal();
    let mut gathered = Gathered::default();
    while let Some(request) = requests.message().await? {
        let Some(Content::ProposedMessage(message)) = request.content else {
            return Err(trailers::invalid(
                "every message after the options must be an event",
            ));
        };
        if refusal.is_some() {
            // What is refused anyway is heard to its end and forgotten: clients take an answer then.
            continue;
        }
        let proposed = Proposed {
            id: message.id,
            metadata: message.metadata,
            custom_metadata: message.custom_metadata,
            data: message.data,
        };
        refusal = gathered.add(proposed, &caller.shared.limits).err();
    }
    let judged = match refusal {
        Some(refusal) => Err(refusal),
        None => of_options(&options),
    };
    match judged {
        Ok((stream, wanted)) => Ok((stream, wanted, gathered.events)),
        Err(refusal) => {
            tracing::info!(?refusal, caller = %caller.name, "an append was refused");
            Err(refusal.status())
        }
    }
}

fn of_options(options: &Options) -> Result<(StreamName, Wanted), Refusal> {
    let stream = stream_of(options.stream_identifier.as_ref())?;
    let wanted = match options.expected_stream_revision {
        Some(ExpectedStreamRevision::Revision(revision)) => Wanted::Revision(revision),
        Some(ExpectedStreamRevision::NoStream(_)) => Wanted::NoStream,
        Some(ExpectedStreamRevision::Any(_)) => Wanted::Any,
        Some(ExpectedStreamRevision::StreamExists(_)) => Wanted::StreamExists,
        None => {
            return Err(Refusal::Bad(
                "'expected_stream_revision' is missing".to_owned(),
            ));
        }
    };
    Ok((stream, wanted))
}

fn written(revision: Option<u64>, position: Option<Position>) -> AppendResp {
    let current = revision.map_or(
        CurrentRevisionOption::NoStream(Empty {}),
        CurrentRevisionOption::CurrentRevision,
    );
    let position = position.map_or(PositionOption::NoPosition(Empty {}), |at| {
        PositionOption::Position(WirePosition {
            commit_position: at.commit,
            prepare_position: at.prepare,
        })
    });
    AppendResp {
        result: Some(WireResult::Success(Success {
            current_revision_option: Some(current),
            position_option: Some(position),
        })),
    }
}

/// A conflict is an answer, not an error. Everything is said twice: older clients read the first half.
fn wrong_version(wanted: Wanted, actual: Option<u64>) -> AppendResp {
    let (old_asked, asked) = match wanted {
        Wanted::Revision(revision) => (
            Some(OldAsked::ExpectedRevision2060(revision)),
            Asked::ExpectedRevision(revision),
        ),
        // The older half has no word for it.
        Wanted::NoStream => (None, Asked::ExpectedNoStream(Empty {})),
        Wanted::Any => (
            Some(OldAsked::Any2060(Empty {})),
            Asked::ExpectedAny(Empty {}),
        ),
        Wanted::StreamExists => (
            Some(OldAsked::StreamExists2060(Empty {})),
            Asked::ExpectedStreamExists(Empty {}),
        ),
    };
    let (old_current, current) = match actual {
        Some(revision) => (
            OldCurrent::CurrentRevision2060(revision),
            Current::CurrentRevision(revision),
        ),
        None => (
            OldCurrent::NoStream2060(Empty {}),
            Current::CurrentNoStream(Empty {}),
        ),
    };
    AppendResp {
        result: Some(WireResult::WrongExpectedVersion(WrongExpectedVersion {
            current_revision_option_20_6_0: Some(old_current),
            expected_revision_option_20_6_0: old_asked,
            current_revision_option: Some(current),
            expected_revision_option: Some(asked),
        })),
    }
}
