//! Streams of lines: each line is carried out as a call of its own, and answered when it is done.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures::stream::{self, Stream, StreamExt};
use tonic::{Code, Status, Streaming};

use super::Api;
use crate::access::Effect;
use crate::errors::No;
use crate::gate::{Call, too_large, too_late};

/// The answers to a stream's lines.
pub(super) type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// The answers to the lines of a stream, in the order of completion. When the sender ends, breaks off or
/// sends what cannot be decoded, or the server goes down, what is under way is answered first.
pub(super) fn answers<L, A, F>(
    api: &Api,
    call: &Call,
    lines: Streaming<L>,
    each: impl Fn(L) -> F + Send + 'static,
) -> Answers<A>
where
    L: Send + 'static,
    A: Send + 'static,
    F: Future<Output = A> + Send + 'static,
{
    let broken = Arc::new(OnceLock::new());
    let lines = stream::unfold(
        (lines, Arc::clone(&broken)),
        |(mut lines, broken)| async move {
            match lines.message().await {
                Ok(Some(line)) => Some((line, (lines, broken))),
                Ok(None) => None,
                Err(status) => {
                    // Set once: this is the last look at the lines.
                    let _ = broken.set(status);
                    None
                }
            }
        },
    );
    let mut going_down = api.going_down.clone();
    let lines_max = api.stream_lines_max;
    let cut_off = Arc::clone(&broken);
    let lines = lines.take_until(Box::pin(async move {
        // An error means that the server is gone: the same.
        let _ = going_down.wait_for(|down| *down).await;
        // A stream that is broken already says by what.
        let _ = cut_off.set(stopping());
    }));
    let deadline = call.deadline_stated.then_some(call.deadline);
    let answered = Box::pin(lines).map(each).buffer_unordered(lines_max);
    let answered = answered.take_until(Box::pin(async move {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }));
    let end =
        stream::once(async move { ending(deadline, broken.get()) }).filter_map(std::future::ready);
    Box::pin(answered.map(Ok).chain(end.map(Err)))
}

/// Lines that the server took no more: without this a sender would take the end for the end of its lines.
fn stopping() -> Status {
    let text = "the ledger is stopping; lines without an answer were not taken: send them again";
    No::Operational(crate::errors::Operational::Stopped, text.to_owned()).status("")
}

/// How a stream ends: by its deadline, by what broke it, or well.
fn ending(deadline: Option<tokio::time::Instant>, broken: Option<&Status>) -> Option<Status> {
    if deadline.is_some_and(|deadline| tokio::time::Instant::now() >= deadline) {
        return Some(too_late(Effect::Write).status(""));
    }
    broken.map(|status| {
        if status.code() == Code::OutOfRange {
            too_large(status).status("")
        } else {
            status.clone()
        }
    })
}
