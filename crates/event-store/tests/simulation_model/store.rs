//! A deterministic model of an event store: the port's rules for commits, one event list, no faults of
//! its own. What is in it is durable.

use std::collections::HashMap;

use event_store::{
    AppendError, Commit, Committed, Direction, Expected, Position, RecordedEvent, Revisions,
    StreamName,
};

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) log: Vec<RecordedEvent>,
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

    pub(crate) fn append(&mut self, commit: &Commit) -> Result<Committed, AppendError> {
        for append in &commit.appends {
            let actual = self.head(&append.stream);
            let fits = match append.expected {
                Expected::NoStream => actual.is_none(),
                Expected::Exact(revision) => actual == Some(revision),
                Expected::Any => true,
            };
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
