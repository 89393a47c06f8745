//! `BatchAppend`: many appends over one call, each in parts, each with an answer of its own.
//!
//! The call takes the next append while those before it are at the desk, so that one group commit serves many.
//! Appends of one stream stay in order. An error ends one append, never the call. When the client has said
//! everything, the call ends after the last answer.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use event_store::{Position, StreamName};
use futures::stream::{Stream, StreamExt};
use kurrent_wire::convert::uuid_from_wire;
use kurrent_wire::detail::Detail;
use kurrent_wire::pb::rpc;
use kurrent_wire::pb::shared::wrong_expected_version::{
    CurrentStreamRevisionOption, ExpectedStreamPositionOption,
};
use kurrent_wire::pb::shared::{
    AllStreamPosition, StreamIdentifier, Uuid as WireUuid, WrongExpectedVersion,
};
use kurrent_wire::pb::streams::batch_append_req::Options;
use kurrent_wire::pb::streams::batch_append_req::options::{
    DeadlineOption, ExpectedStreamPosition,
};
use kurrent_wire::pb::streams::batch_append_resp::success::{
    CurrentRevisionOption, PositionOption,
};
use kurrent_wire::pb::streams::batch_append_resp::{Result as WireResult, Success};
use kurrent_wire::pb::streams::{BatchAppendReq, BatchAppendResp};
use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::desk::Append;
use super::request::{Gathered, Proposed, Refusal, bad, stream_of};
use super::{Outcome, Wanted};
use crate::faults::Fate;
use crate::server::down;
use crate::small::now_ms;
use crate::streams::Caller;
use crate::trailers;

/// Appends of one call that are under way or whose answer the client has not taken; more wait in the socket.
const ANSWERS_MAX: usize = 4_096;
/// Appends of one call of which not every part has come.
const UNFINISHED_MAX: usize = 64;

/// The answers of one call.
pub(crate) type BatchAnswers = Pin<Box<dyn Stream<Item = Result<BatchAppendResp, Status>> + Send>>;

type Item = Result<(BatchAppendResp, OwnedSemaphorePermit), Status>;

/// Serves one call.
pub(crate) fn batch_append(
    caller: Arc<Caller>,
    requests: Streaming<BatchAppendReq>,
) -> BatchAnswers {
    // One place beyond the answers for the error that ends the call.
    let (answers, receiver) = mpsc::channel::<Item>(ANSWERS_MAX.saturating_add(1));
    let session = Session {
        caller,
        answers: answers.clone(),
        room: Arc::new(Semaphore::new(ANSWERS_MAX)),
        unfinished: FxHashMap::default(),
        refused: false,
    };
    tokio::spawn(async move {
        tokio::select! {
            ended = session.run(requests) => {
                if let Err(status) = ended {
                    // The client may have gone.
                    let _ = answers.try_send(Err(status));
                }
            }
            () = answers.closed() => {}
        }
    });
    // An answer gives its place back when the transport takes it.
    Box::pin(ReceiverStream::new(receiver).map(|item| item.map(|(answer, _)| answer)))
}

/// What an answer names.
#[derive(Debug, Clone)]
struct Name {
    correlation: WireUuid,
    stream: Option<StreamIdentifier>,
}

/// An append of which not every part has come.
struct Unfinished {
    name: Name,
    stream: StreamName,
    wanted: Wanted,
    deadline: Option<DeadlineOption>,
    gathered: Gathered,
}

struct Session {
    caller: Arc<Caller>,
    answers: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    unfinished: FxHashMap<Uuid, Unfinished>,
    /// Whether the log knows already that appends of this call are refused.
    refused: bool,
}

impl Session {
    async fn run(mut self, mut requests: Streaming<BatchAppendReq>) -> Result<(), Status> {
        let mut going_down = self.caller.shared.going_down.clone();
        loop {
            let request = tokio::select! {
                request = requests.message() => Some(request?),
                () = down(&mut going_down) => None,
            };
            match request {
                Some(Some(request)) => self.part(request).await?,
                Some(None) => return Ok(()),
                None => return self.end().await,
            }
        }
    }

    /// The server stops: answers what is at the desk, and then says so.
    async fn end(&self) -> Result<(), Status> {
        let all = u32::try_from(ANSWERS_MAX).unwrap_or(u32::MAX);
        let taken = self.room.acquire_many(all);
        if tokio::time::timeout(self.caller.shared.write_timeout, taken)
            .await
            .is_err()
        {
            tracing::warn!("a client did not take its last answers");
        }
        Err(trailers::going_down())
    }

    async fn part(&mut self, request: BatchAppendReq) -> Result<(), Status> {
        let BatchAppendReq {
            correlation_id,
            options,
            proposed_messages,
            is_final,
        } = request;
        let (id, correlation) = correlation_id
            .and_then(|wire| Some((uuid_from_wire(&wire)?, wire)))
            .ok_or_else(|| trailers::invalid("'correlation_id' is missing or no id"))?;
        if let Some(options) = options {
            let name = Name {
                correlation,
                stream: options.stream_identifier.clone(),
            };
            match self.open(id, &options, &name) {
                Ok(unfinished) => {
                    self.unfinished.insert(id, unfinished);
                }
                Err(refusal) => return self.refuse(&name, &refusal).await,
            }
        }
        let Some(mut unfinished) = self.unfinished.remove(&id) else {
            // What follows a refusal; the refusal was answered.
            tracing::debug!(%id, "a part of an append that is not under way was left out");
            return Ok(());
        };
        for message in proposed_messages {
            let proposed = Proposed {
                id: message.id,
                metadata: message.metadata,
                custom_metadata: message.custom_metadata,
                data: message.data,
            };
            let added = unfinished
                .gathered
                .add(proposed, &self.caller.shared.limits);
            if let Err(refusal) = added {
                return self.refuse(&unfinished.name, &refusal).await;
            }
        }
        if is_final {
            self.bring(unfinished).await
        } else {
            self.unfinished.insert(id, unfinished);
            Ok(())
        }
    }

    fn open(&mut self, id: Uuid, options: &Options, name: &Name) -> Result<Unfinished, Refusal> {
        if let Some(refusal) = self.caller.refusal() {
            return Err(refusal);
        }
        if self.unfinished.remove(&id).is_some() {
            let text = "the options of this correlation id were sent before; it is given up";
            return Err(Refusal::Bad(text.to_owned()));
        }
        if self.unfinished.len() >= UNFINISHED_MAX {
            return Err(Refusal::Bad(format!(
                "{UNFINISHED_MAX} appends of this call wait for their last part; end them first"
            )));
        }
        Ok(Unfinished {
            name: name.clone(),
            stream: stream_of(options.stream_identifier.as_ref())?,
            wanted: wanted(options)?,
            deadline: options.deadline_option,
            gathered: Gathered::default(),
        })
    }

    async fn refuse(&mut self, name: &Name, refusal: &Refusal) -> Result<(), Status> {
        if self.refused {
            tracing::debug!(?refusal, caller = %self.caller.name, "an append was refused");
        } else {
            tracing::info!(?refusal, caller = %self.caller.name, "an append was refused; more of this call are not told");
            self.refused = true;
        }
        let place = self.place().await?;
        let answer = answer_of(name, WireResult::Error(refusal.answer()));
        self.send(answer, place);
        Ok(())
    }

    async fn bring(&self, unfinished: Unfinished) -> Result<(), Status> {
        let Unfinished {
            name,
            stream,
            wanted,
            deadline,
            gathered,
        } = unfinished;
        let place = self.place().await?;
        let wait = wait_of(
            deadline.as_ref(),
            self.caller.shared.write_timeout,
            now_ms(),
        );
        if wait.is_zero() {
            let late = result_of(wanted, Outcome::TimedOut);
            self.send(answer_of(&name, late), place);
            return Ok(());
        }
        let fate = self.caller.shared.faults.fate();
        match fate {
            Fate::NotLeader => return Err(trailers::not_leader(&self.caller.leader())),
            Fate::Dropped => return Ok(()),
            Fate::NotReady => {
                self.send(answer_of(&name, WireResult::Error(not_ready())), place);
                return Ok(());
            }
            Fate::Usual | Fate::ReplyDropped | Fate::Broken => {}
        }
        let answers = self.answers.clone();
        let reply = self.caller.reply(fate, move |outcome| {
            let answer = answer_of(&name, result_of(wanted, outcome));
            // There is room for whoever has a place; the client may have gone.
            let _ = answers.try_send(Ok((answer, place)));
        });
        let until = Instant::now() + wait;
        let append = Append::new(stream, wanted, gathered.events, until, reply);
        self.caller.shared.desk.bring(append).await;
        Ok(())
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        // It is never closed.
        let place = Arc::clone(&self.room).acquire_owned().await;
        place.map_err(|_| trailers::going_down())
    }

    fn send(&self, answer: BatchAppendResp, place: OwnedSemaphorePermit) {
        // There is room for whoever has a place; the client may have gone.
        let _ = self.answers.try_send(Ok((answer, place)));
    }
}

fn wanted(options: &Options) -> Result<Wanted, Refusal> {
    match options.expected_stream_position {
        Some(ExpectedStreamPosition::StreamPosition(revision)) => Ok(Wanted::Revision(revision)),
        Some(ExpectedStreamPosition::NoStream(())) => Ok(Wanted::NoStream),
        Some(ExpectedStreamPosition::Any(())) => Ok(Wanted::Any),
        Some(ExpectedStreamPosition::StreamExists(())) => Ok(Wanted::StreamExists),
        None => Err(Refusal::Bad(
            "'expected_stream_position' is missing".to_owned(),
        )),
    }
}

/// How long an append waits: as long as asked and never longer than the server does. Clients write times that
/// mean other things than they say; what matters is that none is waited for without end.
fn wait_of(asked: Option<&DeadlineOption>, longest: Duration, now_ms: i64) -> Duration {
    let asked = match asked {
        None => return longest,
        Some(DeadlineOption::Deadline(wait)) => Duration::try_from(*wait).unwrap_or_default(),
        Some(DeadlineOption::Deadline21100(until)) => {
            let ms = until
                .seconds
                .saturating_mul(1_000)
                .saturating_add(i64::from(until.nanos) / 1_000_000);
            let left = ms.saturating_sub(now_ms);
            Duration::from_millis(u64::try_from(left).unwrap_or_default())
        }
    };
    asked.min(longest)
}

fn answer_of(name: &Name, result: WireResult) -> BatchAppendResp {
    BatchAppendResp {
        correlation_id: Some(name.correlation.clone()),
        result: Some(result),
        // Some clients take it for granted.
        stream_identifier: Some(name.stream.clone().unwrap_or_default()),
        expected_stream_position: None,
    }
}

fn result_of(wanted: Wanted, outcome: Outcome) -> WireResult {
    let status = match outcome {
        Outcome::Written { revision, position } => {
            return WireResult::Success(success(revision, position));
        }
        Outcome::WrongVersion { actual } => {
            Detail::WrongExpectedVersion(wrong_version(wanted, actual))
                .to_status("WrongExpectedVersion")
        }
        Outcome::TimedOut => Detail::Timeout.to_status("Timeout"),
        Outcome::Invalid(text) => bad(text),
        Outcome::NotReady(text) => rpc::Status {
            code: rpc::Code::Unavailable.into(),
            message: format!("Server Is Not Ready: {text}"),
            details: None,
        },
    };
    WireResult::Error(status)
}

/// How a server says that it cannot append now: without a code, and the call goes on.
fn not_ready() -> rpc::Status {
    rpc::Status {
        code: rpc::Code::Ok.into(),
        message: trailers::NOT_READY.to_owned(),
        details: Some(prost_types::Any {
            type_url: "type.googleapis.com/google.protobuf.Empty".to_owned(),
            value: Vec::new(),
        }),
    }
}

fn success(revision: Option<u64>, position: Option<Position>) -> Success {
    let current = revision.map_or(
        CurrentRevisionOption::NoStream(()),
        CurrentRevisionOption::CurrentRevision,
    );
    let position = position.map_or(PositionOption::NoPosition(()), |at| {
        PositionOption::Position(AllStreamPosition {
            commit_position: at.commit,
            prepare_position: at.prepare,
        })
    });
    Success {
        current_revision_option: Some(current),
        position_option: Some(position),
    }
}

fn wrong_version(wanted: Wanted, actual: Option<u64>) -> WrongExpectedVersion {
    let current = actual.map_or(
        CurrentStreamRevisionOption::CurrentNoStream(()),
        CurrentStreamRevisionOption::CurrentStreamRevision,
    );
    let expected = match wanted {
        Wanted::Revision(revision) => {
            ExpectedStreamPositionOption::ExpectedStreamPosition(revision)
        }
        Wanted::NoStream => ExpectedStreamPositionOption::ExpectedNoStream(()),
        Wanted::Any => ExpectedStreamPositionOption::ExpectedAny(()),
        Wanted::StreamExists => ExpectedStreamPositionOption::ExpectedStreamExists(()),
    };
    WrongExpectedVersion {
        current_stream_revision_option: Some(current),
        expected_stream_position_option: Some(expected),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::{Duration as WireDuration, Timestamp};

    use super::*;

    const LONGEST: Duration = Duration::from_secs(10);
    const NOW_MS: i64 = 1_764_121_483_000;

    fn wait(asked: DeadlineOption) -> Duration {
        wait_of(Some(&asked), LONGEST, NOW_MS)
    }

    #[test]
    fn an_append_waits_as_long_as_asked_and_never_longer_than_the_server() {
        assert_eq!(wait_of(None, LONGEST, NOW_MS), LONGEST);
        let lasting =
            |seconds, nanos| wait(DeadlineOption::Deadline(WireDuration { seconds, nanos }));
        assert_eq!(lasting(3, 0), Duration::from_secs(3));
        // One client writes ten thousand years, another the time of the day as a length.
        assert_eq!(lasting(315_576_000_000, 0), LONGEST);
        assert_eq!(lasting(1_764_121_493, 0), LONGEST);
        assert_eq!(lasting(0, 0), Duration::ZERO);
        assert_eq!(lasting(-5, 0), Duration::ZERO);
    }

    #[test]
    fn a_deadline_that_has_passed_leaves_no_time() {
        let until = |seconds| {
            wait(DeadlineOption::Deadline21100(Timestamp {
                seconds,
                nanos: 0,
            }))
        };
        assert_eq!(until(NOW_MS / 1_000 + 2), Duration::from_secs(2));
        assert_eq!(until(NOW_MS / 1_000 - 2), Duration::ZERO);
        assert_eq!(until(i64::MAX), LONGEST);
    }
}
