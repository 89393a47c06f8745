//! Subscriptions: the whole store, followed from a position for ever.
//!
//! A task of its own reads from a connection of its own and hands batches over a short queue. When nobody
//! takes them it stops reading, the connection's window fills, and the server waits. A broken session is
//! opened again behind the last event handed over; events up to there, if a server gives them again, are
//! dropped. A session that is silent for long is not believed: the server is asked whether it still leads, and
//! when it does not, or the others have left it, the session is opened elsewhere. Checkpoints are not used to resume: what is read again is then never more than was left out.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use event_store::{Position, ReadError, RecordedEvent, Subscription};
use futures::FutureExt;
use futures::future::BoxFuture;
use kurrent_wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use kurrent_wire::pb::streams::ReadResp;
use kurrent_wire::pb::streams::read_resp::Content;
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::link::Link;
use crate::options::{
    BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCHES_AHEAD_MAX, CONFIRM_MS, RESUBSCRIBE_LONGEST_MS, pause,
};
use crate::read::Reader;
use crate::stats::count;
use crate::trouble::Trouble;
use crate::wire::{given, subscribe_request, weight};

type Batch = Result<Vec<RecordedEvent>, ReadError>;

/// A subscription on KurrentDB.
pub(crate) struct Follower {
    link: Arc<Link>,
    reader: Reader,
    silence: Duration,
    runtime: Handle,
    after: Option<Position>,
    batches: Option<mpsc::Receiver<Batch>>,
}

impl Follower {
    /// Follows over a link; `reader` asks a server that was silent for as long as `silence` whether it leads.
    pub(crate) fn new(
        (link, reader): (Arc<Link>, Reader),
        silence: Duration,
        runtime: Handle,
        after: Option<Position>,
    ) -> Self {
        let mut follower = Self {
            link,
            reader,
            silence,
            runtime,
            after,
            batches: None,
        };
        follower.batches = Some(follower.start());
        follower
    }

    fn start(&self) -> mpsc::Receiver<Batch> {
        let (give, take) = mpsc::channel(BATCHES_AHEAD_MAX);
        let source = Source {
            link: Arc::clone(&self.link),
            reader: self.reader.clone(),
            silence: self.silence,
            number: 0,
            after: self.after,
            give,
            attempt: 0,
        };
        self.runtime.spawn(source.run());
        take
    }
}

impl Subscription for Follower {
    fn next_batch(&mut self) -> BoxFuture<'_, Batch> {
        async move {
            loop {
                let fresh = self.batches.take().unwrap_or_else(|| self.start());
                let batches = self.batches.insert(fresh);
                match batches.recv().await {
                    Some(Ok(batch)) => {
                        self.after = batch.last().map(|event| event.position).or(self.after);
                        return Ok(batch);
                    }
                    // After an error the next call begins again.
                    Some(Err(error)) => {
                        self.batches = None;
                        return Err(error);
                    }
                    None if self.link.is_closed() => return Err(Trouble::Closed.into_read_error()),
                    None => self.batches = None,
                }
            }
        }
        .boxed()
    }
}

/// What reads ahead for a subscription.
struct Source {
    link: Arc<Link>,
    reader: Reader,
    silence: Duration,
    /// Of the shared connection beside the session.
    number: u64,
    after: Option<Position>,
    give: mpsc::Sender<Batch>,
    /// Failures since the last event.
    attempt: u32,
}

impl Source {
    async fn run(mut self) {
        let give = self.give.clone();
        let link = Arc::clone(&self.link);
        tokio::select! {
            () = give.closed() => {}
            () = link.until_closed() => {
                // Nobody may be there to be told.
                drop(give.send(Err(Trouble::Closed.into_read_error())).await);
            }
            () = self.follow() => {}
        }
    }

    /// Sessions, one after the other, until something will not get better.
    async fn follow(&mut self) {
        loop {
            let Err(trouble) = self.session().await else {
                return;
            };
            self.link.counters.error(&trouble.text());
            if !trouble.may_pass() {
                drop(self.give.send(Err(trouble.into_read_error())).await);
                return;
            }
            self.attempt = self.attempt.saturating_add(1);
            tracing::warn!(reason = %trouble.text(), attempt = self.attempt, "subscription broke; it is opened again");
            count(&self.link.counters.resubscriptions);
            tokio::time::sleep(pause(self.attempt, RESUBSCRIBE_LONGEST_MS)).await;
        }
    }

    /// One subscription on one connection; `Ok` when nobody listens any more.
    async fn session(&mut self) -> Result<(), Trouble> {
        let (number, channel) = self.link.separate().await?;
        self.number = number;
        let outcome = self.session_on(channel).await;
        if let Err(trouble @ Trouble::NotLeader(_)) = &outcome {
            self.link.leave(number, trouble);
        }
        outcome
    }

    async fn session_on(&mut self, channel: Channel) -> Result<(), Trouble> {
        let mut client =
            StreamsClient::new(channel).max_decoding_message_size(CLIENT_MESSAGE_BYTES_MAX);
        let request = self.link.request(subscribe_request(self.after));
        let confirmed = async {
            let mut answers = client.read(request).await?.into_inner();
            let first = answers.message().await?;
            Ok::<_, Status>((answers, first))
        };
        let (mut answers, first) =
            tokio::time::timeout(Duration::from_millis(CONFIRM_MS), confirmed)
                .await
                .map_err(|_| {
                    Trouble::passing(format!(
                        "no subscription was confirmed within {CONFIRM_MS} ms"
                    ))
                })?
                .map_err(|status| Trouble::from(&status))?;
        let Some(ReadResp {
            content: Some(Content::Confirmation(_)),
        }) = first
        else {
            return Err(Trouble::passing(
                "a subscription began without confirmation",
            ));
        };
        loop {
            let (batch, end) = self.batch(&mut answers).await;
            if !batch.is_empty() {
                self.attempt = 0;
                if self.give.send(Ok(batch)).await.is_err() {
                    return Ok(());
                }
            }
            end?;
        }
    }

    /// The next answer. While there is none for long, the server is asked whether it still leads.
    async fn wait(
        &self,
        answers: &mut Streaming<ReadResp>,
    ) -> Result<Result<Option<ReadResp>, Status>, Trouble> {
        loop {
            match tokio::time::timeout(self.silence, answers.message()).await {
                Ok(next) => return Ok(next),
                Err(_) if self.reader.probe().await? == self.number => {}
                Err(_) => {
                    let text =
                        "another connection took the place of the one beside the subscription";
                    return Err(Trouble::passing(text));
                }
            }
        }
    }

    /// Waits for an event and takes those that are there already, within a batch's bounds.
    async fn batch(
        &mut self,
        answers: &mut Streaming<ReadResp>,
    ) -> (Vec<RecordedEvent>, Result<(), Trouble>) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
            let next = if batch.is_empty() {
                match self.wait(answers).await {
                    Ok(next) => next,
                    Err(trouble) => return (batch, Err(trouble)),
                }
            } else {
                match answers.message().now_or_never() {
                    Some(next) => next,
                    None => break,
                }
            };
            let answer = match next {
                Ok(Some(answer)) => answer,
                Ok(None) => return (batch, Err(Trouble::passing("the server ended it"))),
                Err(status) => return (batch, Err(Trouble::from(&status))),
            };
            match self.take(answer) {
                Ok(event) => {
                    bytes += event.as_ref().map_or(0, weight);
                    batch.extend(event);
                }
                Err(trouble) => return (batch, Err(trouble)),
            }
        }
        (batch, Ok(()))
    }

    /// The event of an answer, unless it was given before or is not the ledger's.
    fn take(&mut self, answer: ReadResp) -> Result<Option<RecordedEvent>, Trouble> {
        match answer.content {
            Some(Content::Event(event)) => {
                let given = given(event, true)?;
                if self.after.is_some_and(|after| given.position <= after) {
                    return Ok(None);
                }
                self.after = Some(given.position);
                if given.foreign {
                    self.link.counters.foreign_events.fetch_add(1, Relaxed);
                }
                Ok(given.event)
            }
            Some(Content::StreamNotFound(_)) => {
                Err(Trouble::passing("the server does not find the whole store"))
            }
            Some(
                Content::Confirmation(_)
                | Content::Checkpoint(_)
                | Content::FirstStreamPosition(_)
                | Content::LastStreamPosition(_)
                | Content::LastAllStreamPosition(_)
                | Content::CaughtUp(_)
                | Content::FellBehind(_),
            )
            | None => Ok(None),
        }
    }
}
