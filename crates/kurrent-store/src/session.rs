//! One `BatchAppend` call: requests out, answers in, and how many requests were really taken.
//!
//! Requests and the count of those taken stand under one lock. Whoever wants to know what left closes the queue
//! under it first: after that nothing leaves any more.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::future::BoxFuture;
use futures::{FutureExt, Stream};
use kurrent_wire::convert::uuid_from_wire;
use kurrent_wire::limits::CLIENT_MESSAGE_BYTES_MAX;
use kurrent_wire::pb::streams::streams_client::StreamsClient;
use kurrent_wire::pb::streams::{BatchAppendReq, BatchAppendResp};
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
    requests: Arc<Mutex<Queue>>,
    /// Requests handed to the queue.
    handed: u64,
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

/// Requests on their way to the connection. Bounded by what may be in flight.
#[derive(Default)]
struct Queue {
    requests: VecDeque<BatchAppendReq>,
    /// Those the connection took.
    taken: u64,
    /// Nothing is handed over and nothing taken any more.
    closed: bool,
    waker: Option<Waker>,
}

fn locked(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The requests as the connection takes them.
struct Outgoing(Arc<Mutex<Queue>>);

impl Stream for Outgoing {
    type Item = BatchAppendReq;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut queue = locked(&self.0);
        if queue.closed {
            return Poll::Ready(None);
        }
        if let Some(request) = queue.requests.pop_front() {
            queue.taken += 1;
            return Poll::Ready(Some(request));
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Session {
    pub(crate) fn open(link: &Link, connection: &Connection) -> Self {
        let requests = Arc::new(Mutex::new(Queue::default()));
        let outgoing = Outgoing(Arc::clone(&requests));
        let mut client = StreamsClient::new(connection.channel.clone())
            .max_decoding_message_size(CLIENT_MESSAGE_BYTES_MAX);
        let request = link.request(outgoing);
        let opening = async move { client.batch_append(request).await };
        Self {
            connection: connection.number,
            salt: lot(),
            requests,
            handed: 0,
            answers: Answers::Opening(opening.boxed()),
        }
    }

    /// The id of the request with this serial number.
    pub(crate) fn correlation(&self, serial: u64) -> Uuid {
        Uuid::from_u64_pair(self.salt, serial)
    }

    /// Hands a request over; gives its place in this session.
    pub(crate) fn hand(&mut self, request: BatchAppendReq) -> u64 {
        let mut queue = locked(&self.requests);
        // A session that has ended says so by its answers.
        queue.requests.push_back(request);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        self.handed += 1;
        self.handed
    }

    /// Lets nothing more leave; gives the place of the last request that may have left.
    pub(crate) fn close(&self) -> u64 {
        let mut queue = locked(&self.requests);
        queue.closed = true;
        queue.requests.clear();
        let (taken, waker) = (queue.taken, queue.waker.take());
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        taken
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

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tonic::transport::Endpoint;

    use super::*;
    use crate::settings::Settings;
    use crate::stats::Counters;

    fn session() -> (Session, Outgoing) {
        let settings: Settings = "kurrentdb://127.0.0.1:9?tls=false".parse().unwrap();
        let link = Link::new(settings, Arc::new(Counters::default())).unwrap();
        let connection = Connection {
            number: 0,
            host: link.settings().hosts[0].clone(),
            channel: Endpoint::from_static("http://127.0.0.1:9").connect_lazy(),
        };
        let session = Session::open(&link, &connection);
        let outgoing = Outgoing(Arc::clone(&session.requests));
        (session, outgoing)
    }

    #[tokio::test]
    async fn what_was_counted_as_never_left_never_leaves() {
        let (mut session, mut outgoing) = session();
        let places: Vec<u64> = (0..3)
            .map(|_| session.hand(BatchAppendReq::default()))
            .collect();
        assert_eq!(places, [1, 2, 3]);
        assert!(outgoing.next().await.is_some());
        assert_eq!(session.close(), 1);
        assert!(outgoing.next().await.is_none());
        session.hand(BatchAppendReq::default());
        assert!(outgoing.next().await.is_none());
        assert_eq!(session.close(), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_waits_for_requests_is_told_of_one_and_of_the_end() {
        let (mut session, mut outgoing) = session();
        let taking = tokio::spawn(async move {
            let mut taken = 0;
            while outgoing.next().await.is_some() {
                taken += 1;
            }
            taken
        });
        for _ in 0..100 {
            session.hand(BatchAppendReq::default());
            tokio::task::yield_now().await;
        }
        let taken = session.close();
        assert_eq!(taking.await.unwrap(), taken);
    }
}
