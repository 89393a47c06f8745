//! Reads by count: of a stream and of the whole store, over as many requests as it takes.
//!
//! A request asks for a bounded number of events. It has reached the end only when the server ended it
//! properly with fewer than were asked for; one that breaks is asked again from behind the last event it
//! gave, as long as there is progress within the deadline.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use event_store::{Direction, Position, RecordedEvent, StreamName};
use kurrent_wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use kurrent_wire::pb::streams::ReadReq;
use kurrent_wire::pb::streams::read_resp::Content;
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use tokio::time::Instant;

use crate::link::Link;
use crate::options::{PAGE_EVENTS_MAX, PROBE_MS, READ_SILENCE_MS, RETRY_LONGEST_MS, pause};
use crate::stats::count;
use crate::trouble::Trouble;
use crate::wire::{Given, IDENTITY_STREAM, REVISION_MAX, all_request, given, stream_request};

/// Reads over a link.
#[derive(Clone)]
pub(crate) struct Reader {
    link: Arc<Link>,
    deadline: Duration,
}

/// How long a read goes on trying.
struct Patience {
    limit: Duration,
    until: Instant,
    attempt: u32,
}

/// Where a page goes.
type Sink<'a> = &'a mut (dyn FnMut(Given) + Send);

impl Reader {
    pub(crate) fn new(link: Arc<Link>, deadline: Duration) -> Self {
        Self { link, deadline }
    }

    pub(crate) async fn stream(
        self,
        stream: StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, Trouble> {
        let mut events: Vec<RecordedEvent> = Vec::new();
        let mut next = Some(from);
        if direction == Direction::Forwards && from > REVISION_MAX {
            return Ok(events);
        }
        let mut patience = Patience::new(self.deadline);
        while let Some(from) = next.filter(|_| events.len() < max) {
            let ask = (max - events.len()).min(PAGE_EVENTS_MAX);
            let before = events.len();
            let request = stream_request(&stream, from, direction, ask);
            let mut sink = |given: Given| events.extend(given.event);
            let outcome = self
                .request(request, (false, patience.silence()), &mut sink)
                .await;
            let got = events.len() - before;
            if let (Some(last), 1..) = (events.last(), got) {
                next = match direction {
                    Direction::Forwards => last.revision.checked_add(1),
                    Direction::Backwards => last.revision.checked_sub(1),
                };
            }
            match outcome {
                Ok(()) if got < ask => break,
                Ok(()) => patience.progress(),
                Err(trouble) => self.try_again(&mut patience, got > 0, trouble).await?,
            }
        }
        events.truncate(max);
        count(&self.link.counters.reads);
        Ok(events)
    }

    pub(crate) async fn all(
        self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, Trouble> {
        let mut events: Vec<RecordedEvent> = Vec::new();
        let mut cursor = after;
        let mut patience = Patience::new(self.deadline);
        while events.len() < max {
            // Forwards, a server begins with the event at the position itself.
            let again = usize::from(cursor.is_some() && direction == Direction::Forwards);
            let ask = (max - events.len()).min(PAGE_EVENTS_MAX) + again;
            let request = all_request(cursor, direction, ask);
            let (mut got, mut foreign) = (0, 0);
            let mut sink = |given: Given| {
                got += 1;
                let beyond = cursor.is_none_or(|cursor| match direction {
                    Direction::Forwards => given.position > cursor,
                    Direction::Backwards => given.position < cursor,
                });
                if beyond {
                    cursor = Some(given.position);
                    foreign += u64::from(given.foreign);
                    events.extend(given.event);
                }
            };
            let outcome = self
                .request(request, (true, patience.silence()), &mut sink)
                .await;
            self.link
                .counters
                .foreign_events
                .fetch_add(foreign, Relaxed);
            match outcome {
                Ok(()) if got < ask => break,
                Ok(()) => patience.progress(),
                Err(trouble) => self.try_again(&mut patience, got > again, trouble).await?,
            }
        }
        events.truncate(max);
        count(&self.link.counters.reads);
        Ok(events)
    }

    /// One request, its events to the sink; `Ok` when the server ended it properly. Besides: whether it is of
    /// the whole store, and how long the server may be silent.
    async fn request(
        &self,
        request: ReadReq,
        (all, silence): (bool, Duration),
        sink: Sink<'_>,
    ) -> Result<(), Trouble> {
        let connection = self.link.get().await?;
        let mut client = StreamsClient::new(connection.channel.clone())
            .max_decoding_message_size(CLIENT_MESSAGE_BYTES_MAX);
        let outcome = async {
            let answer = within(silence, client.read(self.link.request(request))).await?;
            let mut answers = answer.into_inner();
            while let Some(answer) = within(silence, answers.message()).await? {
                match answer.content {
                    Some(Content::Event(event)) => sink(given(event, all)?),
                    Some(
                        Content::StreamNotFound(_)
                        | Content::Confirmation(_)
                        | Content::Checkpoint(_)
                        | Content::FirstStreamPosition(_)
                        | Content::LastStreamPosition(_)
                        | Content::LastAllStreamPosition(_)
                        | Content::CaughtUp(_)
                        | Content::FellBehind(_),
                    )
                    | None => {}
                }
            }
            Ok(())
        };
        let outcome = outcome.await;
        if let Err(trouble) = &outcome {
            self.link.leave(connection.number, trouble);
        }
        outcome
    }

    /// Asks the current server one small thing that only one that leads answers; gives the number of its
    /// connection.
    pub(crate) async fn probe(&self) -> Result<u64, Trouble> {
        let stream = StreamName::new(IDENTITY_STREAM);
        let stream = stream.map_err(|error| Trouble::Broken(error.to_string()))?;
        let number = self.link.get().await?.number;
        let request = stream_request(&stream, 0, Direction::Forwards, 1);
        let silence = Duration::from_millis(PROBE_MS);
        let mut sink = |_: Given| {};
        self.request(request, (false, silence), &mut sink).await?;
        Ok(number)
    }

    async fn try_again(
        &self,
        patience: &mut Patience,
        progress: bool,
        trouble: Trouble,
    ) -> Result<(), Trouble> {
        if progress {
            patience.progress();
        }
        self.link.counters.error(&trouble.text());
        if !trouble.may_pass() {
            return Err(trouble);
        }
        patience.attempt += 1;
        let pause = pause(patience.attempt, RETRY_LONGEST_MS);
        if Instant::now() + pause >= patience.until {
            let limit = patience.limit.as_millis();
            let text = format!("no answer within {limit} ms; at last: {}", trouble.text());
            return Err(Trouble::passing(text));
        }
        count(&self.link.counters.read_retries);
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            until: Instant::now() + limit,
            attempt: 0,
        }
    }

    /// How long a server may be silent: longer each time, since one that has much to look through finds nothing
    /// sooner when it is asked again.
    fn silence(&self) -> Duration {
        Duration::from_millis(READ_SILENCE_MS).saturating_mul(self.attempt.saturating_add(1))
    }

    fn progress(&mut self) {
        *self = Self::new(self.limit);
    }
}

/// Waits for a server no longer than it may be silent; then the connection may be dead.
async fn within<T>(
    silence: Duration,
    wait: impl Future<Output = Result<T, tonic::Status>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(silence, wait).await {
        Ok(outcome) => outcome.map_err(|status| Trouble::from(&status)),
        Err(_) => Err(Trouble::lost(format!(
            "the server was silent for {} ms",
            silence.as_millis()
        ))),
    }
}
