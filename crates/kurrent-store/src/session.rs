//! One `BatchAppend` call: requests out, answers in, and how many requests were really taken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use kurrent_wire::convert::uuid_from_wire;
use kurrent_wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use kurrent_wire::pb::streams::{BatchAppendReq, BatchAppendResp};
use tokio::sync::mpsc;
use tonic::{Response, Status, Streaming};
use uuid::Uuid;

use crate::link::{Connection, Link};
use crate::options::lot;

/// An open call.
pub(crate) struct Session {
    /// Number of the connection it runs on.
    pub(crate) connection: u64,
    /// First half of the ids of its requests; an answer with another belongs to no request of it.
    salt: u64,
    requests: mpsc::UnboundedSender<BatchAppendReq>,
    /// Requests handed to the queue, and those the connection took from it.
    handed: u64,
    taken: Arc<AtomicU64>,
    answers: Answers,
}

enum Answers {
    /// The server has not begun to answer; it may wait with that for the first request.
    Opening(BoxFuture<'static, Result<Response<Streaming<BatchAppendResp>>, Status>>),
    Open(Box<Streaming<BatchAppendResp>>),
}

/// How a session ended.
pub(crate) struct Ended {
    pub(crate) status: Status,
    /// Before the server said anything at all.
    pub(crate) unopened: bool,
}

/// The requests as the connection takes them. Bounded by what may be in flight.
struct Outgoing {
    requests: mpsc::UnboundedReceiver<BatchAppendReq>,
    taken: Arc<AtomicU64>,
}

impl Stream for Outgoing {
    type Item = BatchAppendReq;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.requests.poll_recv(cx);
        if let Poll::Ready(Some(_)) = next {
            self.taken.fetch_add(1, AcqRel);
        }
        next
    }
}

impl Session {
    pub(crate) fn open(link: &Link, connection: &Connection) -> Self {
        let (give, requests) = mpsc::unbounded_channel();
        let taken = Arc::new(AtomicU64::new(0));
        let outgoing = Outgoing {
            requests,
            taken: Arc::clone(&taken),
        };
        let mut client = StreamsClient::new(connection.channel.clone())
            .max_decoding_message_size(CLIENT_MESSAGE_BYTES_MAX);
        let request = link.request(outgoing);
        let opening = async move { client.batch_append(request).await };
        Self {
            connection: connection.number,
            salt: lot(),
            requests: give,
            handed: 0,
            taken,
            answers: Answers::Opening(opening.boxed()),
        }
    }

    /// The id of the request with this serial number.
    pub(crate) fn correlation(&self, serial: u64) -> Uuid {
        Uuid::from_u64_pair(self.salt, serial)
    }

    /// Hands a request over; gives its place in this session.
    pub(crate) fn hand(&mut self, request: BatchAppendReq) -> u64 {
        // A session that has ended says so by its answers.
        drop(self.requests.send(request));
        self.handed += 1;
        self.handed
    }

    /// Whether the request at this place may have left.
    pub(crate) fn may_have_left(&self, place: u64) -> bool {
        place <= self.taken.load(Acquire)
    }

    /// The next answer with its serial number. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<(u64, BatchAppendResp), Ended> {
        loop {
            match &mut self.answers {
                Answers::Opening(opening) => match opening.await {
                    Ok(response) => self.answers = Answers::Open(Box::new(response.into_inner())),
                    Err(status) => {
                        return Err(Ended {
                            status,
                            unopened: true,
                        });
                    }
                },
                Answers::Open(answers) => {
                    let ended = |status| Ended {
                        status,
                        unopened: false,
                    };
                    let none = || Status::unavailable("the server ended the appends");
                    let answer = answers.message().await.map_err(ended)?;
                    let answer = answer.ok_or_else(none).map_err(ended)?;
                    if let Some(serial) = self.serial(&answer) {
                        return Ok((serial, answer));
                    }
                }
            }
        }
    }

    fn serial(&self, answer: &BatchAppendResp) -> Option<u64> {
        let id = answer.correlation_id.as_ref().and_then(uuid_from_wire)?;
        let (salt, serial) = id.as_u64_pair();
        (salt == self.salt).then_some(serial)
    }
}
