//! Subscriptions: a confirmation, history, "caught up", then live events, for ever.
//!
//! History is read from the log, page by page, until a page is empty. Live events come from the follower that
//! all share. A subscription that missed some of them, because its client is slow or the follower only just
//! began, reads the log again from where it stands and says again that it caught up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use event_store::{Direction, Position, RecordedEvent, StreamName};
use kurrent_wire::pb::streams::ReadResp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tonic::Status;
use uuid::Uuid;

use super::live::{Batch, Heard};
use super::page::PageSize;
use super::pages::{Place, begin_of};
use super::plan::{Begin, Plan, Source};
use super::{Chunks, answer};
use crate::server::Shared;
use crate::trailers;

/// Where a subscription stands. The receiver is there before the log is read, so that nothing falls between.
enum Stage {
    Begin,
    CatchUp(Receiver<Heard>),
    Live(Receiver<Heard>),
}

/// What the follower said to one that stands at `at`.
enum Next {
    Batch(Arc<Batch>),
    /// Something was missed.
    Missed,
}

async fn hear(receiver: &mut Receiver<Heard>, at: Option<Position>) -> Result<Next, Status> {
    match receiver.recv().await {
        Ok(Heard::Batch(batch)) if batch.after > at => Ok(Next::Missed),
        Ok(Heard::Batch(batch)) => Ok(Next::Batch(batch)),
        Ok(Heard::Failed(error)) => Err(trailers::of_read(&error)),
        Err(RecvError::Lagged(batches)) => {
            tracing::debug!(batches, "a subscription lags and reads the log again");
            Ok(Next::Missed)
        }
        Err(RecvError::Closed) => Err(trailers::going_down()),
    }
}

/// A name for a subscription that no other of this server has.
fn fresh_id(shared: &Shared) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    Uuid::new_v5(&shared.store.store_id().id, &number.to_be_bytes()).to_string()
}

/// Follows all.
pub(super) struct FollowAll {
    shared: Arc<Shared>,
    plan: Plan,
    stage: Stage,
    page: PageSize,
    /// Everything up to here was looked at.
    at: Option<Position>,
    /// Events up to here are not asked for.
    floor: Option<Position>,
    /// The newest checkpoint the client has.
    checkpoint: Option<Position>,
    /// Events looked at since the last checkpoint.
    since: u64,
}

impl FollowAll {
    pub(super) fn new(shared: Arc<Shared>, plan: Plan) -> Self {
        Self {
            shared,
            plan,
            stage: Stage::Begin,
            page: PageSize::first(),
            at: None,
            floor: None,
            checkpoint: None,
            since: 0,
        }
    }

    async fn begin(&mut self) -> Result<Vec<ReadResp>, Status> {
        let place = begin_of(&self.shared, &self.plan).await?;
        self.at = match self.plan.begin {
            Begin::Position(position) => {
                self.floor = Some(position);
                match place {
                    Place::Within(_) | Place::Unplaced => Some(position),
                    Place::Beyond(tail) => tail,
                }
            }
            Begin::End => self
                .shared
                .store
                .tail()
                .await
                .map_err(|error| trailers::of_read(&error))?,
            // A revision is not asked of all.
            Begin::Start | Begin::Revision(_) => None,
        };
        self.checkpoint = self.at.max(self.floor);
        self.stage = Stage::CatchUp(self.shared.live.listen());
        Ok(vec![answer::confirmation(fresh_id(&self.shared))])
    }

    fn take(
        &mut self,
        events: impl Iterator<Item = RecordedEvent>,
    ) -> Result<Vec<ReadResp>, Status> {
        let mut out = Vec::new();
        for event in events {
            let at = event.position;
            self.at = Some(at);
            if Some(at) <= self.floor {
                continue;
            }
            let Some(windowed) = &self.plan.filter else {
                out.push(answer::event(event, self.plan.uuids));
                continue;
            };
            if windowed.filter.admits(&event)? {
                out.push(answer::event(event, self.plan.uuids));
            }
            self.since = self.since.saturating_add(1);
            if self.since >= windowed.interval {
                out.extend(self.pass(at));
            }
        }
        Ok(out)
    }

    /// A checkpoint, unless the client has it or a later one.
    fn pass(&mut self, at: Position) -> Option<ReadResp> {
        self.since = 0;
        if self.checkpoint >= Some(at) {
            return None;
        }
        self.checkpoint = Some(at);
        Some(answer::checkpoint(at))
    }

    /// One page of history; `None` when there is no more.
    async fn history(&mut self) -> Result<Option<Vec<ReadResp>>, Status> {
        self.shared.faults.slow_read().await;
        let (max, room) = self.page.of(u64::MAX, &self.shared.pages).await;
        let mut page = self
            .shared
            .store
            .read_all(self.at, Direction::Forwards, max)
            .await
            .map_err(|error| trailers::of_read(&error))?;
        if page.is_empty() {
            return Ok(None);
        }
        self.page.fit(&mut page);
        drop(room);
        self.take(page.into_iter()).map(Some)
    }

    fn caught_up(&mut self) -> Vec<ReadResp> {
        let mut out = Vec::new();
        if self.plan.filter.is_some()
            && let Some(at) = self.at
        {
            out.extend(self.pass(at));
        }
        out.push(answer::caught_up_all(self.at));
        out
    }

    /// New events of a batch; those of one that overlaps with history were sent before.
    fn fresh(&mut self, batch: &Batch) -> Result<Vec<ReadResp>, Status> {
        let at = self.at;
        let fresh = batch
            .events
            .iter()
            .filter(|event| Some(event.position) > at);
        self.take(fresh.cloned())
    }
}

impl Chunks for FollowAll {
    async fn next(&mut self) -> Result<Option<Vec<ReadResp>>, Status> {
        loop {
            let out = match std::mem::replace(&mut self.stage, Stage::Begin) {
                Stage::Begin => self.begin().await?,
                Stage::CatchUp(receiver) => match self.history().await? {
                    Some(out) => {
                        self.stage = Stage::CatchUp(receiver);
                        tokio::task::yield_now().await;
                        out
                    }
                    None => {
                        self.stage = Stage::Live(receiver);
                        self.caught_up()
                    }
                },
                Stage::Live(mut receiver) => match hear(&mut receiver, self.at).await? {
                    Next::Batch(batch) => {
                        self.stage = Stage::Live(receiver);
                        self.fresh(&batch)?
                    }
                    Next::Missed => {
                        self.stage = Stage::CatchUp(self.shared.live.listen());
                        continue;
                    }
                },
            };
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
    }
}

/// Follows one stream, which may not exist yet.
pub(super) struct FollowStream {
    shared: Arc<Shared>,
    plan: Plan,
    stage: Stage,
    page: PageSize,
    /// Everything of all up to here was looked at.
    at: Option<Position>,
    /// Revision to send next.
    next: u64,
    /// A name no stream can have: it waits for ever.
    name: Option<StreamName>,
}

impl FollowStream {
    pub(super) fn new(shared: Arc<Shared>, plan: Plan) -> Self {
        let name = match &plan.source {
            Source::Stream(stream) => stream.name.clone(),
            Source::All => None,
        };
        Self {
            shared,
            plan,
            stage: Stage::Begin,
            page: PageSize::first(),
            at: None,
            next: 0,
            name,
        }
    }

    async fn head(&self) -> Result<Option<u64>, Status> {
        match &self.name {
            Some(name) => self
                .shared
                .store
                .head(name)
                .await
                .map_err(|error| trailers::of_read(&error)),
            None => Ok(None),
        }
    }

    async fn begin(&mut self) -> Result<Vec<ReadResp>, Status> {
        self.next = match self.plan.begin {
            Begin::Revision(revision) => revision.saturating_add(1),
            Begin::End => self.head().await?.map_or(0, |head| head.saturating_add(1)),
            // A position is not asked of a stream.
            Begin::Start | Begin::Position(_) => 0,
        };
        self.stage = Stage::CatchUp(self.shared.live.listen());
        Ok(vec![answer::confirmation(fresh_id(&self.shared))])
    }

    async fn history(&mut self) -> Result<Option<Vec<ReadResp>>, Status> {
        let Some(name) = &self.name else {
            return Ok(None);
        };
        self.shared.faults.slow_read().await;
        let store = &self.shared.store;
        // Before the page: what is empty after it was read holds up to here.
        let tail = store
            .tail()
            .await
            .map_err(|error| trailers::of_read(&error))?;
        let (max, room) = self.page.of(u64::MAX, &self.shared.pages).await;
        let mut page = store
            .read_stream(name, self.next, Direction::Forwards, max)
            .await
            .map_err(|error| trailers::of_read(&error))?;
        if page.is_empty() {
            self.at = self.at.max(tail);
            return Ok(None);
        }
        self.page.fit(&mut page);
        drop(room);
        Ok(Some(self.take(page.into_iter())))
    }

    fn take(&mut self, events: impl Iterator<Item = RecordedEvent>) -> Vec<ReadResp> {
        let mut out = Vec::new();
        for event in events {
            self.next = event.revision.saturating_add(1);
            out.push(answer::event(event, self.plan.uuids));
        }
        out
    }

    fn fresh(&mut self, batch: &Batch) -> Vec<ReadResp> {
        let Some(name) = self.name.clone() else {
            return Vec::new();
        };
        if let Some(last) = batch.events.last() {
            self.at = self.at.max(Some(last.position));
        }
        let next = self.next;
        let fresh = batch
            .events
            .iter()
            .filter(|event| event.stream == name && event.revision >= next);
        self.take(fresh.cloned())
    }
}

impl Chunks for FollowStream {
    async fn next(&mut self) -> Result<Option<Vec<ReadResp>>, Status> {
        loop {
            let out = match std::mem::replace(&mut self.stage, Stage::Begin) {
                Stage::Begin => self.begin().await?,
                Stage::CatchUp(receiver) => match self.history().await? {
                    Some(out) => {
                        self.stage = Stage::CatchUp(receiver);
                        tokio::task::yield_now().await;
                        out
                    }
                    None => {
                        self.stage = Stage::Live(receiver);
                        let head = self.head().await?;
                        let sent = self.next.checked_sub(1);
                        // The stream may have grown since; nothing that was not sent is claimed.
                        let known = head.and_then(|head| sent.map(|sent| head.min(sent)));
                        vec![answer::caught_up_stream(known)]
                    }
                },
                Stage::Live(mut receiver) => match hear(&mut receiver, self.at).await? {
                    Next::Batch(batch) => {
                        self.stage = Stage::Live(receiver);
                        self.fresh(&batch)
                    }
                    Next::Missed if self.name.is_none() => {
                        self.stage = Stage::Live(receiver);
                        continue;
                    }
                    Next::Missed => {
                        self.stage = Stage::CatchUp(self.shared.live.listen());
                        continue;
                    }
                },
            };
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
    }
}
