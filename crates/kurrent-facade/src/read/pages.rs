//! Reads by count: page after page until there are enough events or no more.
//!
//! Positions of a store may have gaps, and a store need not understand one that belongs to no event. So none is
//! ever calculated: what stands before a position is asked of the store.

use std::sync::Arc;

use event_store::{Direction, Position, RecordedEvent};
use kurrent_wire::pb::streams::ReadResp;
use tonic::Status;

use super::page::PageSize;
use super::plan::{Begin, NamedStream, Plan, Source};
use super::{Chunks, answer};
use crate::server::Shared;
use crate::trailers;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Reading,
    End,
    Over,
}

/// A read of one stream.
pub(super) struct StreamPages {
    shared: Arc<Shared>,
    plan: Plan,
    left: u64,
    page: PageSize,
    stage: Stage,
    /// Revision to read next.
    next: u64,
}

impl StreamPages {
    pub(super) fn new(shared: Arc<Shared>, plan: Plan, count: u64) -> Self {
        let mut left = count;
        let next = match (plan.begin, plan.direction) {
            (Begin::Revision(revision), _) => revision,
            // A position is not asked of a stream.
            (Begin::Start | Begin::Position(_), _) => 0,
            (Begin::End, Direction::Backwards) => u64::MAX,
            (Begin::End, Direction::Forwards) => {
                left = 0;
                0
            }
        };
        Self {
            shared,
            plan,
            left,
            page: PageSize::first(),
            stage: Stage::Begin,
            next,
        }
    }

    async fn piece(
        &mut self,
        stream: &event_store::StreamName,
    ) -> Result<Option<Vec<ReadResp>>, Status> {
        if self.left == 0 {
            return Ok(None);
        }
        self.shared.faults.slow_read().await;
        let (max, _room) = self.page.of(self.left, &self.shared.pages).await;
        let mut page = self
            .shared
            .store
            .read_stream(stream, self.next, self.plan.direction, max)
            .await
            .map_err(|error| trailers::of_read(&error))?;
        self.page.fit(&mut page);
        let Some(last) = page.last().map(|event| event.revision) else {
            return Ok(None);
        };
        self.left = self.left.saturating_sub(page.len() as u64);
        let next = match self.plan.direction {
            Direction::Forwards => last.checked_add(1),
            Direction::Backwards => last.checked_sub(1),
        };
        match next {
            Some(next) => self.next = next,
            None => self.left = 0,
        }
        let uuids = self.plan.uuids;
        Ok(Some(
            page.into_iter()
                .map(|event| answer::event(event, uuids))
                .collect(),
        ))
    }

    /// Whether there is a stream, and where it ends.
    async fn end(&self, stream: &NamedStream, found: bool) -> Result<Vec<ReadResp>, Status> {
        if found && !self.plan.tells_end {
            return Ok(Vec::new());
        }
        let head = match &stream.name {
            Some(name) => self
                .shared
                .store
                .head(name)
                .await
                .map_err(|error| trailers::of_read(&error))?,
            None => None,
        };
        Ok(match head {
            None => vec![answer::stream_not_found(stream.identifier.clone())],
            Some(head) if self.plan.tells_end => vec![answer::last_stream_position(head)],
            Some(_) => Vec::new(),
        })
    }
}

impl Chunks for StreamPages {
    async fn next(&mut self) -> Result<Option<Vec<ReadResp>>, Status> {
        let Source::Stream(stream) = self.plan.source.clone() else {
            return Ok(None);
        };
        if self.stage == Stage::Begin || self.stage == Stage::Reading {
            let found = self.stage == Stage::Reading;
            if let Some(name) = &stream.name
                && let Some(piece) = self.piece(name).await?
            {
                self.stage = Stage::Reading;
                return Ok(Some(piece));
            }
            self.stage = Stage::End;
            let end = self.end(&stream, found).await?;
            self.stage = Stage::Over;
            return Ok(Some(end));
        }
        Ok(None)
    }
}

/// A read of all.
pub(super) struct AllPages {
    shared: Arc<Shared>,
    plan: Plan,
    left: u64,
    page: PageSize,
    stage: Stage,
    /// Read after this, or before it when reading backwards.
    after: Option<Position>,
    /// Forwards, events before this are not asked for.
    floor: Option<Position>,
}

impl AllPages {
    pub(super) fn new(shared: Arc<Shared>, plan: Plan, count: u64) -> Self {
        let mut left = count;
        let (after, floor) = match (plan.begin, plan.direction) {
            (Begin::Start, Direction::Forwards) | (Begin::End, Direction::Backwards) => {
                (None, None)
            }
            (Begin::Start, Direction::Backwards) | (Begin::End, Direction::Forwards) => {
                left = 0;
                (None, None)
            }
            (Begin::Position(position), Direction::Forwards) => (None, Some(position)),
            (Begin::Position(position), Direction::Backwards) => (Some(position), None),
            // A revision is not asked of all.
            (Begin::Revision(_), _) => (None, None),
        };
        Self {
            shared,
            plan,
            left,
            page: PageSize::first(),
            stage: Stage::Begin,
            after,
            floor,
        }
    }

    /// Finds the place in the store where the read begins.
    async fn begin(&mut self) -> Result<(), Status> {
        self.after = match (begin_of(&self.shared, &self.plan).await?, self.floor) {
            (Place::Within(position), Some(_)) => predecessor(&self.shared, position).await?,
            (Place::Beyond(tail), Some(_)) => tail,
            // Everything stands before what is beyond the end.
            (Place::Beyond(_), None) => None,
            (Place::Within(_) | Place::Unplaced, _) => self.after,
        };
        Ok(())
    }

    async fn piece(&mut self) -> Result<Option<Vec<RecordedEvent>>, Status> {
        if self.left == 0 {
            return Ok(None);
        }
        // How many of a page will pass a filter is not known.
        let wanted = self.plan.filter.as_ref().map_or(self.left, |_| u64::MAX);
        self.shared.faults.slow_read().await;
        let (max, _room) = self.page.of(wanted, &self.shared.pages).await;
        let mut page = self
            .shared
            .store
            .read_all(self.after, self.plan.direction, max)
            .await
            .map_err(|error| trailers::of_read(&error))?;
        self.page.fit(&mut page);
        let Some(last) = page.last() else {
            return Ok(None);
        };
        self.after = Some(last.position);
        Ok(Some(page))
    }

    fn chosen(&mut self, page: Vec<RecordedEvent>) -> Result<Vec<ReadResp>, Status> {
        let mut chosen = Vec::new();
        for event in page {
            if self.left == 0 {
                break;
            }
            if Some(event.position) < self.floor {
                continue;
            }
            let passes = match &self.plan.filter {
                Some(windowed) => windowed.filter.admits(&event)?,
                None => true,
            };
            if passes {
                self.left = self.left.saturating_sub(1);
                chosen.push(answer::event(event, self.plan.uuids));
            }
        }
        Ok(chosen)
    }
}

/// Where a position lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// No position was named.
    Unplaced,
    Within(Position),
    /// Beyond the newest event, which stands here.
    Beyond(Option<Position>),
}

/// Judges the position where a plan begins. What is filtered must begin within the log. The rest may begin
/// beyond: there is nothing yet.
pub(super) async fn begin_of(shared: &Shared, plan: &Plan) -> Result<Place, Status> {
    let Begin::Position(position) = plan.begin else {
        return Ok(Place::Unplaced);
    };
    let tail = shared
        .store
        .tail()
        .await
        .map_err(|error| trailers::of_read(&error))?;
    if position.commit <= tail.map_or(0, |tail| tail.commit) {
        if shared.strict_positions && !is_event(shared, position).await {
            return Err(trailers::invalid(format!(
                "{position:?} belongs to no event"
            )));
        }
        return Ok(Place::Within(position));
    }
    tracing::warn!(
        ?position,
        ?tail,
        "a client begins beyond the end of the log"
    );
    if plan.filter.is_none() && !shared.strict_positions {
        return Ok(Place::Beyond(tail));
    }
    Err(trailers::invalid(
        "Trying to read from an invalid position.",
    ))
}

/// The place of the newest event before a position.
async fn predecessor(shared: &Shared, position: Position) -> Result<Option<Position>, Status> {
    let before = shared
        .store
        .read_all(Some(position), Direction::Backwards, 1)
        .await
        .map_err(|error| trailers::of_read(&error))?;
    Ok(before.first().map(|event| event.position))
}

/// Whether an event stands at a position.
async fn is_event(shared: &Shared, position: Position) -> bool {
    let Ok(before) = predecessor(shared, position).await else {
        return false;
    };
    let there = shared.store.read_all(before, Direction::Forwards, 1).await;
    there.is_ok_and(|events| {
        let first = events.first();
        first.is_some_and(|event| event.position == position)
    })
}

impl Chunks for AllPages {
    async fn next(&mut self) -> Result<Option<Vec<ReadResp>>, Status> {
        if self.stage == Stage::Begin {
            self.begin().await?;
            self.stage = Stage::Reading;
        }
        while let Some(page) = self.piece().await? {
            let chosen = self.chosen(page)?;
            if !chosen.is_empty() {
                return Ok(Some(chosen));
            }
            // A long scan that finds nothing lets others run.
            tokio::task::yield_now().await;
        }
        self.stage = Stage::Over;
        Ok(None)
    }
}
