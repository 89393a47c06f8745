//! Reading and following: what was asked ([`plan`](self)), pages of a stream or of all, subscriptions, filters.
//!
//! Nothing is gathered: a call holds one page, bounded in bytes, which is read when the client has room for it. Subscriptions of
//! every kind share one follower of the store ([`Live`]); one that lags reads the log again.

mod answer;
mod filter;
mod follow;
mod live;
mod page;
mod pages;
mod plan;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, Stream};
use kurrent_wire::pb::streams::ReadResp;
use kurrent_wire::pb::streams::read_req::Options;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::Status;

use crate::faults::Faults;
use crate::server::{Shared, down};
use crate::trailers;
pub(crate) use live::Live;
pub(crate) use page::Budget;
use plan::{Extent, Plan, Source};

/// The messages of one call.
pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

/// Messages piece by piece; `None` at the end.
trait Chunks: Send + 'static {
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<ReadResp>>, Status>> + Send;
}

/// Begins a read or a subscription.
pub(crate) fn read(shared: &Arc<Shared>, options: Options) -> Result<Answers, Status> {
    let plan = Plan::of(options)?;
    let limits = &shared.limits;
    let place = match plan.extent {
        Extent::Count(_) => place(&shared.reads, "reads", limits.reads_max)?,
        Extent::Subscription => place(
            &shared.subscriptions,
            "subscriptions",
            limits.subscriptions_max,
        )?,
    };
    let shared = Arc::clone(shared);
    let going_down = shared.going_down.clone();
    let faults = Some(shared.faults.clone());
    Ok(match (plan.extent, &plan.source) {
        (Extent::Count(count), Source::Stream(_)) => flat(
            (pages::StreamPages::new(shared, plan, count), None),
            place,
            going_down,
        ),
        (Extent::Count(count), Source::All) => {
            let pages = pages::AllPages::new(shared, plan, count);
            flat((pages, None), place, going_down)
        }
        (Extent::Subscription, Source::Stream(_)) => {
            let following = follow::FollowStream::new(shared, plan);
            flat((following, faults), place, going_down)
        }
        (Extent::Subscription, Source::All) => {
            let following = follow::FollowAll::new(shared, plan);
            flat((following, faults), place, going_down)
        }
    })
}

fn place(places: &Arc<Semaphore>, what: &str, max: usize) -> Result<OwnedSemaphorePermit, Status> {
    Arc::clone(places).try_acquire_owned().map_err(|_| {
        tracing::warn!(
            what,
            max,
            "a KurrentDB client was turned away: no place is left"
        );
        trailers::too_busy(what, max)
    })
}

struct Running<C> {
    chunks: C,
    /// Of a subscription: what goes wrong may leave it silent.
    faults: Option<Faults>,
    going_down: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl<C: Chunks> Running<C> {
    async fn next(&mut self) -> Result<Option<Vec<ReadResp>>, Status> {
        tokio::select! {
            biased;
            () = down(&mut self.going_down) => Err(trailers::going_down()),
            chunk = one_chunk(&mut self.chunks, self.faults.as_ref()) => chunk,
        }
    }
}

async fn one_chunk<C: Chunks>(
    chunks: &mut C,
    faults: Option<&Faults>,
) -> Result<Option<Vec<ReadResp>>, Status> {
    let chunk = chunks.next().await;
    if let Some(faults) = faults {
        faults.while_isolated().await;
    }
    chunk
}

fn flat<C: Chunks>(
    (chunks, faults): (C, Option<Faults>),
    place: OwnedSemaphorePermit,
    going_down: watch::Receiver<bool>,
) -> Answers {
    let running = Running {
        chunks,
        faults,
        going_down,
        _place: place,
    };
    let pieces = stream::unfold(Some(running), |running| async move {
        let mut running = running?;
        match running.next().await {
            Ok(Some(chunk)) => Some((
                stream::iter(chunk.into_iter().map(Ok).collect::<Vec<_>>()),
                Some(running),
            )),
            Ok(None) => None,
            Err(status) => Some((stream::iter(vec![Err(status)]), None)),
        }
    });
    Box::pin(pieces.flatten())
}
