//! An output stream that is its own checkpoint.
//!
//! Each message carries the log position it was made from and is published expecting the sequence of the
//! one before. So the newest message says how far the stream is complete, a message whose answer was lost
//! is neither missed nor repeated, and of two processes one is refused by the stream itself. Messages
//! are sent ahead of their answers; the first that fails makes all after it fail too. Absent on purpose:
//! any other record of progress.

use std::collections::VecDeque;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use bytes::Bytes;
use event_store::{Position, StoreId};

use super::messages::Outgoing;
use crate::error::GatewayError;
use crate::names;

/// Messages sent ahead of their answers: enough to hide the answer time, few to send again.
const IN_FLIGHT_MAX: usize = 512;
/// Events without a message after which a checkpoint is written: what a restart reads again at most.
const CHECKPOINT_EVERY: u64 = 20_000;

/// Which output stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// `NOTIFICATIONS`.
    Notifications,
    /// `METER_ORDERS`.
    Orders,
}

impl Output {
    const fn name(self) -> &'static str {
        match self {
            Self::Notifications => names::NOTIFICATIONS_STREAM,
            Self::Orders => names::ORDERS_STREAM,
        }
    }

    const fn checkpoint(self) -> &'static str {
        match self {
            Self::Notifications => names::NOTIFICATIONS_CHECKPOINT,
            Self::Orders => names::ORDERS_CHECKPOINT,
        }
    }

    async fn open(self, js: &Context) -> Result<Stream, GatewayError> {
        match self {
            Self::Notifications => names::notifications(js).await,
            Self::Orders => names::orders(js).await,
        }
    }
}

/// Who publishes, from which log.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    pub(crate) js: Context,
    /// This process, unlike any other.
    pub(crate) instance: String,
    pub(crate) store: StoreId,
    /// What an operator said about streams without a usable checkpoint.
    pub(crate) continue_after: Option<Position>,
}

/// The newest message of a stream.
struct Newest {
    position: Option<Position>,
    store: Option<String>,
    publisher: String,
}

/// An output stream while it is followed.
pub(super) struct OutStream {
    publisher: Publisher,
    output: Output,
    /// Sequence of the newest message sent.
    last: u64,
    /// Sequence of the newest message known to be there.
    confirmed: u64,
    /// Position up to which the stream is complete once everything sent is confirmed.
    complete_to: Option<Position>,
    /// Events since the last message.
    silent: u64,
    in_flight: VecDeque<(u64, PublishAckFuture)>,
}

impl OutStream {
    /// Opens a stream and reads how far it is complete. `before` is the same stream as this process left
    /// it: what is newer must be its own.
    pub(super) async fn open(
        publisher: Publisher,
        output: Output,
        before: Option<u64>,
    ) -> Result<Self, GatewayError> {
        let stream = output.open(&publisher.js).await?;
        let last = stream.cached_info().state.last_sequence;
        let mut this = Self {
            publisher,
            output,
            last,
            confirmed: last,
            complete_to: None,
            silent: 0,
            in_flight: VecDeque::new(),
        };
        if last > 0 {
            let newest = newest(&stream, last, output.name()).await?;
            this.adopt(newest, before)?;
        } else {
            this.complete_to = this.publisher.continue_after;
        }
        Ok(this)
    }

    fn adopt(&mut self, newest: Option<Newest>, before: Option<u64>) -> Result<(), GatewayError> {
        let stream = self.output.name();
        let unusable = |reason: String| GatewayError::CheckpointUnusable { stream, reason };
        if let Some(newest) = &newest
            && before.is_some_and(|before| self.last > before)
            && newest.publisher != self.publisher.instance
        {
            return Err(GatewayError::PublishedByAnother {
                stream,
                publisher: newest.publisher.clone(),
            });
        }
        let ours = store_name(self.publisher.store);
        let usable = match newest {
            Some(Newest {
                position: Some(position),
                store: Some(store),
                ..
            }) if store == ours => Ok(position),
            Some(Newest {
                store: Some(store), ..
            }) if store != ours => Err(unusable(format!(
                "its newest message was made from log {store}, and this is {ours}"
            ))),
            Some(_) => Err(unusable(
                "its newest message does not say from which position it was made".to_owned(),
            )),
            None => Err(unusable(format!(
                "its newest message, {}, was removed",
                self.last
            ))),
        };
        self.complete_to = match (usable, self.publisher.continue_after) {
            (Ok(position), _) => Some(position),
            (Err(_), Some(position)) => Some(position),
            (Err(error), None) => return Err(error),
        };
        Ok(())
    }

    /// Position after which events must be read for this stream.
    pub(super) fn complete_to(&self) -> Option<Position> {
        self.complete_to
    }

    /// Sequence of the newest message known to be there.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    pub(super) fn name(&self) -> &'static str {
        self.output.name()
    }

    /// An event was read; sends its message, if it has one. Gives back how many were sent.
    pub(super) async fn pass(
        &mut self,
        position: Position,
        message: Option<Outgoing>,
    ) -> Result<u64, GatewayError> {
        if self
            .complete_to
            .is_some_and(|complete| position <= complete)
        {
            return Ok(0);
        }
        self.complete_to = Some(position);
        let Some(message) = message else {
            self.silent += 1;
            if self.silent >= CHECKPOINT_EVERY {
                self.checkpoint(position).await?;
            }
            return Ok(0);
        };
        let mut headers = self.headers(position);
        headers.insert(names::MSG_ID, message.id.as_str());
        self.send(message.subject, headers, message.payload).await?;
        Ok(1)
    }

    /// Says how far the stream is complete where no message does; the checkpoint before it goes.
    async fn checkpoint(&mut self, position: Position) -> Result<(), GatewayError> {
        let mut headers = self.headers(position);
        headers.insert(names::ROLLUP, "sub");
        self.send(
            self.output.checkpoint().to_owned(),
            headers,
            Bytes::from_static(b"{}"),
        )
        .await
    }

    fn headers(&self, position: Position) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            names::POSITION,
            format!("{}/{}", position.commit, position.prepare).as_str(),
        );
        headers.insert(names::STORE, store_name(self.publisher.store).as_str());
        headers.insert(names::PUBLISHER, self.publisher.instance.as_str());
        headers.insert(
            names::EXPECTED_LAST_SEQUENCE,
            self.last.to_string().as_str(),
        );
        headers
    }

    async fn send(
        &mut self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), GatewayError> {
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            self.confirm_oldest().await?;
        }
        let sent = self
            .publisher
            .js
            .publish_with_headers(subject, headers, payload)
            .await;
        let answer = sent
            .map_err(|error| GatewayError::nats(format!("publishing to {}", self.name()), error))?;
        self.last += 1;
        self.silent = 0;
        self.in_flight.push_back((self.last, answer));
        Ok(())
    }

    /// Waits until everything sent is there.
    pub(super) async fn confirm(&mut self) -> Result<(), GatewayError> {
        while !self.in_flight.is_empty() {
            self.confirm_oldest().await?;
        }
        Ok(())
    }

    async fn confirm_oldest(&mut self) -> Result<(), GatewayError> {
        let Some((sequence, answer)) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let doing = || format!("publishing to {}", self.output.name());
        match answer.await {
            Ok(ack) if ack.sequence == sequence && !ack.duplicate => {
                self.confirmed = sequence;
                Ok(())
            }
            Ok(ack) => {
                let found = format!(
                    "message {sequence} was answered as {} (duplicate: {})",
                    ack.sequence, ack.duplicate
                );
                Err(GatewayError::nats(doing(), found))
            }
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                Err(GatewayError::nats(
                    doing(),
                    format!("the stream does not end at {} any more", sequence - 1),
                ))
            }
            Err(error) => Err(GatewayError::nats(doing(), error)),
        }
    }
}

async fn newest(
    stream: &Stream,
    last: u64,
    name: &'static str,
) -> Result<Option<Newest>, GatewayError> {
    let message = match stream.get_raw_message(last).await {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(error) => {
            return Err(GatewayError::nats(
                format!("reading the newest message of {name}"),
                error,
            ));
        }
    };
    let header = |message: &StreamMessage, name: &'static str| {
        message.headers.get(name).map(|v| v.as_str().to_owned())
    };
    Ok(Some(Newest {
        position: header(&message, names::POSITION)
            .as_deref()
            .and_then(position_of),
        store: header(&message, names::STORE),
        publisher: header(&message, names::PUBLISHER).unwrap_or_default(),
    }))
}

fn position_of(text: &str) -> Option<Position> {
    let (commit, prepare) = text.split_once('/')?;
    Some(Position {
        commit: commit.parse().ok()?,
        prepare: prepare.parse().ok()?,
    })
}

fn store_name(store: StoreId) -> String {
    format!("{}/{}", store.id, store.epoch)
}
