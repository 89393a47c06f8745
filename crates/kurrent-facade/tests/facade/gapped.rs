//! A store whose positions have gaps, and which refuses those that belong to no event, as a KurrentDB may.

use event_store::{
    AppendError, Capabilities, Commit, Committed, Direction, EventStore, MemoryStore, Position,
    ReadError, RecordedEvent, StoreId, StreamName, Subscription,
};
use futures::FutureExt;
use futures::future::BoxFuture;

/// Between two positions.
const STEP: u64 = 37;
/// The first position.
const FIRST: u64 = 411;

/// A memory store with other positions.
#[derive(Clone)]
pub(crate) struct Gapped(pub(crate) MemoryStore);

fn outside(position: Position) -> Position {
    let commit = position.commit * STEP + FIRST;
    Position {
        commit,
        prepare: commit,
    }
}

fn inside(position: Position) -> Result<Position, ReadError> {
    let steps = position.commit.checked_sub(FIRST);
    match steps {
        Some(steps) if steps.is_multiple_of(STEP) && position.prepare == position.commit => {
            let commit = steps / STEP;
            Ok(Position {
                commit,
                prepare: commit,
            })
        }
        Some(_) | None => Err(ReadError::Damaged(format!(
            "{position:?} belongs to no event"
        ))),
    }
}

fn moved(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    for event in &mut events {
        event.position = outside(event.position);
    }
    events
}

struct Following(Result<Box<dyn Subscription>, ReadError>);

impl Subscription for Following {
    fn next_batch(&mut self) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        match &mut self.0 {
            Ok(inner) => async { Ok(moved(inner.next_batch().await?)) }.boxed(),
            Err(error) => futures::future::ready(Err(error.clone())).boxed(),
        }
    }
}

impl EventStore for Gapped {
    fn store_id(&self) -> StoreId {
        self.0.store_id()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        let answers = self.0.append(commits);
        async move {
            let mut answers = answers.await;
            for committed in answers.iter_mut().flatten() {
                committed.position = outside(committed.position);
            }
            answers
        }
        .boxed()
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        let read = self.0.read_stream(stream, from, direction, max);
        async move { Ok(moved(read.await?)) }.boxed()
    }

    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>> {
        self.0.head(stream)
    }

    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        let store = self.0.clone();
        async move {
            let after = after.map(inside).transpose()?;
            let tail = store.tail().await?;
            if after > tail {
                return Err(ReadError::Damaged("beyond the end".to_owned()));
            }
            Ok(moved(store.read_all(after, direction, max).await?))
        }
        .boxed()
    }

    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>> {
        let tail = self.0.tail();
        async move { Ok(tail.await?.map(outside)) }.boxed()
    }

    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription> {
        let after = after.map(inside).transpose();
        Box::new(Following(after.map(|after| self.0.subscribe(after))))
    }
}
