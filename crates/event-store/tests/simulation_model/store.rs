//! A deterministic model of an event store: the port's rules for commits, one event list, no faults of
//! its own. What is in it is durable.

use std::collections::HashMap;

use event_store::{
    AppendError, Commit, Committed, Direction, Expected, Position, RecordedEvent, Revisions,
    StreamAppend, StreamName,
};

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) log: Vec<RecordedEvent>,
    /// A repeated append is recognised by the ids of its events, and by nothing else.
    pub(crate) by_ids: bool,
    streams: HashMap<StreamName, Vec<usize>>,
}

impl Model {
    pub(crate) fn head(&self, stream: &StreamName) -> Option<u64> {
        self.streams
            .get(stream)
            .map(|places| places.len() as u64 - 1)
    }

    pub(crate) fn events(
        &self,
        stream: &StreamName,
    ) -> impl DoubleEndedIterator<Item = &RecordedEvent> {
        self.streams
            .get(stream)
            .into_iter()
            .flatten()
            .map(|place| &self.log[*place])
    }

    pub(crate) fn read(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> Vec<RecordedEvent> {
        match direction {
            Direction::Forwards => self
                .events(stream)
                .filter(|event| event.revision >= from)
                .take(max)
                .cloned()
                .collect(),
            Direction::Backwards => self
                .events(stream)
                .rev()
                .filter(|event| event.revision <= from)
                .take(max)
                .cloned()
                .collect(),
        }
    }

    /// The answer to an append all of whose ids stand where its events would stand.
    fn repeated(&self, append: &StreamAppend, actual: Option<u64>) -> Option<Committed> {
        let first = match append.expected {
            Expected::Exact(revision) => revision + 1,
            Expected::NoStream => 0,
            Expected::Any => return None,
        };
        if actual.is_none_or(|actual| actual < first) {
            return None;
        }
        let found = self.read(
            &append.stream,
            first,
            Direction::Forwards,
            append.events.len(),
        );
        let same = found.len() == append.events.len()
            && found.iter().zip(&append.events).all(|(a, b)| a.id == b.id);
        let last = found.last().filter(|_| same)?;
        Some(Committed {
            position: last.position,
            revisions: std::iter::once(last.revision).collect(),
            recorded_at_ms: Some(last.recorded_at_ms),
        })
    }

    pub(crate) fn append(&mut self, commit: &Commit) -> Result<Committed, AppendError> {
        for append in &commit.appends {
            let actual = self.head(&append.stream);
            let fits = match append.expected {
                Expected::NoStream => actual.is_none(),
                Expected::Exact(revision) => actual == Some(revision),
                Expected::Any => true,
            };
            if !fits
                && self.by_ids
                && let Some(before) = self.repeated(append, actual)
            {
                return Ok(before);
            }
            if !fits {
                let (stream, expected) = (append.stream.clone(), append.expected);
                return Err(AppendError::WrongExpectedRevision {
                    stream,
                    expected,
                    actual,
                });
            }
        }
        let mut revisions = Revisions::with_capacity(commit.appends.len());
        for append in &commit.appends {
            let places = self.streams.entry(append.stream.clone()).or_default();
            for event in &append.events {
                let position = Position {
                    commit: self.log.len() as u64,
                    prepare: self.log.len() as u64,
                };
                let revision = places.len() as u64;
                places.push(self.log.len());
                self.log.push(RecordedEvent {
                    stream: append.stream.clone(),
                    revision,
                    position,
                    id: event.id,
                    kind: event.kind.clone(),
                    data: event.data.clone(),
                    meta: event.meta.clone(),
                    recorded_at_ms: 0,
                });
            }
            revisions.push(places.len() as u64 - 1);
        }
        let last = self.log.len() as u64 - 1;
        Ok(Committed {
            position: Position {
                commit: last,
                prepare: last,
            },
            revisions,
            recorded_at_ms: None,
        })
    }
}
