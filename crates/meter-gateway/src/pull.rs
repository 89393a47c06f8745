//! Reading a consumer: messages in delivery order, with a window of what may be under way.
//!
//! A session ends at the first sign that a delivery was lost (a gap in the consumer's own sequence,
//! silence, a consumer that went away); the next one starts where the last stopped. So what is handed on
//! is contiguous, and acknowledging everything up to a message is sound. Requests go out ahead of need,
//! sized by the messages seen, so that memory is bounded in bytes and not only in messages. Absent on
//! purpose: deciding what a message means, and acknowledging.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Client, Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};

use crate::error::GatewayError;

/// Most messages asked for and not yet received: two full batches, so that one is on its way while the
/// other is decided.
pub const WINDOW_MESSAGES_MAX: usize = 16_384;
/// Fewest, whatever their size: 64 messages of the largest size are 32 MiB.
const WINDOW_MESSAGES_MIN: usize = 64;
/// Most bytes asked for and not yet received, by the mean size of the messages seen.
const WINDOW_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long one request waits at the server before it is made anew.
const REQUEST_EXPIRES: Duration = Duration::from_secs(30);
/// How often the server says that it is there while it has nothing.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Silence after which a session ends: three heartbeats and some delay.
const SILENCE_MAX: Duration = Duration::from_millis(3_500);

/// A delivered message and its place.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// The message as received.
    pub(crate) message: Message,
    /// Its sequence in the stream.
    pub(crate) sequence: u64,
    /// When the server stored it, nanoseconds since 1970 UTC.
    pub(crate) stored_ns: u64,
    /// What the stream still has for this consumer.
    pub(crate) pending: u64,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Ended {
    /// A delivery is missing.
    #[error("a delivery was lost on its way")]
    Gap,
    /// Nothing was heard, not even a heartbeat.
    #[error("the server has fallen silent")]
    Silent,
    /// The server ended it.
    #[error("the server ended the session: {0}")]
    ByServer(String),
}

/// One session with a consumer.
pub(crate) struct Pull {
    client: Client,
    subscriber: Subscriber,
    inbox: String,
    next: String,
    /// Asked for and not yet received.
    outstanding: usize,
    /// Newest sequence of the consumer's own count.
    delivered: u64,
    /// Mean bytes of the messages seen, 0 before the first.
    mean_bytes: usize,
}

/// A message of the protocol, sorted.
enum Heard {
    Delivered(Delivered),
    Nothing,
    Ended(Ended),
}

impl Pull {
    /// Begins a session with a consumer that has delivered nothing yet.
    pub(crate) async fn open(
        js: &Context,
        stream: &str,
        consumer: &str,
    ) -> Result<Self, GatewayError> {
        let client = js.client();
        let inbox = client.new_inbox();
        let subscriber = client
            .subscribe(inbox.clone())
            .await
            .map_err(|error| GatewayError::nats("subscribing to deliveries", error))?;
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        Ok(Self {
            client,
            subscriber,
            inbox,
            next,
            outstanding: 0,
            delivered: 0,
            mean_bytes: 0,
        })
    }

    /// The next message; waits for it.
    pub(crate) async fn next(&mut self) -> Result<Delivered, Ended> {
        loop {
            self.ask().await?;
            let heard = match tokio::time::timeout(SILENCE_MAX, self.subscriber.next()).await {
                Ok(Some(message)) => self.sort(message),
                Ok(None) => return Err(Ended::ByServer("the subscription was closed".to_owned())),
                Err(_) => return Err(Ended::Silent),
            };
            match heard {
                Heard::Delivered(delivered) => return Ok(delivered),
                Heard::Nothing => {}
                Heard::Ended(ended) => return Err(ended),
            }
        }
    }

    /// A message that is here already; an ended session shows at the next [`Self::next`].
    pub(crate) fn waiting(&mut self) -> Option<Result<Delivered, Ended>> {
        loop {
            match self
                .subscriber
                .next()
                .now_or_never()?
                .map(|message| self.sort(message))
            {
                None => return None,
                Some(Heard::Delivered(delivered)) => return Some(Ok(delivered)),
                Some(Heard::Nothing) => {}
                Some(Heard::Ended(ended)) => return Some(Err(ended)),
            }
        }
    }

    /// Keeps the window filled: asks again when half of it is used up.
    pub(crate) async fn ask(&mut self) -> Result<(), Ended> {
        let window = match self.mean_bytes {
            0 => WINDOW_MESSAGES_MIN,
            bytes => (WINDOW_BYTES_MAX / bytes).clamp(WINDOW_MESSAGES_MIN, WINDOW_MESSAGES_MAX),
        };
        if self.outstanding > window / 2 {
            return Ok(());
        }
        let batch = window - self.outstanding;
        let request = format!(
            r#"{{"batch":{batch},"expires":{},"idle_heartbeat":{}}}"#,
            REQUEST_EXPIRES.as_nanos(),
            HEARTBEAT.as_nanos()
        );
        self.client
            .publish_with_reply(self.next.clone(), self.inbox.clone(), Bytes::from(request))
            .await
            .map_err(|error| Ended::ByServer(error.to_string()))?;
        self.outstanding += batch;
        Ok(())
    }

    fn sort(&mut self, message: Message) -> Heard {
        if let Some(status) = message.status {
            return self.status(status, &message);
        }
        let Some(place) = message.reply.as_ref().and_then(place_of) else {
            return Heard::Ended(Ended::ByServer("a delivery without its place".to_owned()));
        };
        if place.consumer != self.delivered + 1 {
            return Heard::Ended(Ended::Gap);
        }
        self.delivered = place.consumer;
        self.outstanding = self.outstanding.saturating_sub(1);
        let bytes = message.length.max(1);
        self.mean_bytes = if self.mean_bytes == 0 {
            bytes
        } else {
            (self.mean_bytes * 63 + bytes * 2) / 64
        };
        Heard::Delivered(Delivered {
            message,
            sequence: place.stream,
            stored_ns: place.stored_ns,
            pending: place.pending,
        })
    }

    fn status(&mut self, status: StatusCode, message: &Message) -> Heard {
        match status {
            StatusCode::IDLE_HEARTBEAT => Heard::Nothing,
            // A request ran out: what it had not received is asked for anew.
            StatusCode::TIMEOUT | StatusCode::NOT_FOUND => {
                let left = message
                    .headers
                    .as_ref()
                    .and_then(|headers| headers.get("Nats-Pending-Messages"))
                    .and_then(|value| value.as_str().parse::<usize>().ok());
                self.outstanding = left.map_or(0, |left| self.outstanding.saturating_sub(left));
                Heard::Nothing
            }
            other => {
                let text = message.description.clone().unwrap_or_default();
                Heard::Ended(Ended::ByServer(format!("{other} {text}")))
            }
        }
    }
}

/// Where a message stands, from the subject of its acknowledgement.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    stream: u64,
    consumer: u64,
    stored_ns: u64,
    pending: u64,
}

/// `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`, or the
/// longer form with domain and account after `ACK`.
fn place_of(reply: &Subject) -> Option<Place> {
    let rest = reply.strip_prefix("$JS.ACK.")?;
    let mut tokens = rest.split('.');
    let short = rest.bytes().filter(|b| *b == b'.').count() == 6;
    for _ in 0..if short { 3 } else { 5 } {
        tokens.next()?;
    }
    let mut number = || tokens.next()?.parse::<u64>().ok();
    Some(Place {
        stream: number()?,
        consumer: number()?,
        stored_ns: number()?,
        pending: number()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_message_is_read_from_both_forms_of_its_acknowledgement() {
        let place = Some(Place {
            stream: 42,
            consumer: 7,
            stored_ns: 1_700_000_000,
            pending: 3,
        });
        assert_eq!(
            place_of(&Subject::from("$JS.ACK.S.C.1.42.7.1700000000.3")),
            place
        );
        assert_eq!(
            place_of(&Subject::from(
                "$JS.ACK._.hash.S.C.1.42.7.1700000000.3.token"
            )),
            place
        );
        assert_eq!(place_of(&Subject::from("$JS.ACK.S.C.1.x.7.1.3")), None);
    }
}
