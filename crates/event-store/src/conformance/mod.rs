//! The conformance suite: every promise of the port as a check with a sentence for a name.
//!
//! One suite, run against every adapter: by the tests of this crate for the stores it holds, and by the
//! command line for a user's own server. A check needs no empty store: it works on streams under a
//! prefix of its own and ignores the rest, so it may run beside others. What it cannot show is what
//! survives a power cut; the embedded log has its own tests for that.

mod appending;
mod following;
mod lengthy;
mod reading;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use uuid::Uuid;

use crate::port::{
    AppendError, Commit, Committed, Direction, EventStore, Expected, NewEvent, Position,
    RecordedEvent, StreamAppend, StreamName,
};

/// A single check may take this long; a store that hangs fails the check instead of the run.
const CHECK_SECONDS_MAX: u64 = 60;
/// Events of one page while a check walks the whole store.
const PAGE_EVENTS: usize = 512;

/// Gives the store a check runs against: a fresh one, or the same one each time.
pub type StoreFactory<'a> = &'a (dyn Fn() -> BoxFuture<'static, Arc<dyn EventStore>> + Send + Sync);

/// One promise of the port.
#[derive(Clone, Copy)]
pub struct Check {
    /// The promise as a sentence.
    pub name: &'static str,
    run: fn(Bench) -> BoxFuture<'static, Result<(), String>>,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The promise as a sentence.
    pub name: &'static str,
    /// What was seen instead, when it does not hold.
    pub result: Result<(), String>,
}

/// All checks, in the order they run.
#[must_use]
pub fn checks() -> Vec<Check> {
    let mut all = appending::checks();
    all.extend(reading::checks());
    all.extend(lengthy::checks());
    all.extend(following::checks());
    all
}

/// Runs every check, one after the other, each on a store from the factory. Needs a tokio runtime with
/// time.
///
/// `run` names this run: streams are called `conformance-<run>-…`, so that a second run on the same
/// server does not meet the first one's streams.
pub async fn run(factory: StoreFactory<'_>, run: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (number, check) in checks().into_iter().enumerate() {
        let bench = Bench {
            store: factory().await,
            prefix: format!("conformance-{run}-{number}"),
        };
        let limit = Duration::from_secs(CHECK_SECONDS_MAX);
        let result = match tokio::time::timeout(limit, (check.run)(bench)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no end after {CHECK_SECONDS_MAX} s")),
        };
        outcomes.push(Outcome {
            name: check.name,
            result,
        });
    }
    outcomes
}

/// A store and the names a check may use in it.
#[derive(Clone)]
struct Bench {
    store: Arc<dyn EventStore>,
    prefix: String,
}

impl Bench {
    fn stream(&self, name: &str) -> Result<StreamName, String> {
        StreamName::new(&format!("{}-{name}", self.prefix)).map_err(|e| e.to_string())
    }

    fn event(&self, label: &str) -> NewEvent {
        let id = Uuid::new_v5(
            &Uuid::NAMESPACE_OID,
            format!("{}/{label}", self.prefix).as_bytes(),
        );
        let data = Bytes::from(format!("{{\"label\":\"{label}\"}}"));
        NewEvent {
            id,
            kind: Arc::from("conformance-noted.v1"),
            data,
            meta: Bytes::from_static(b"{\"by\":\"conformance\"}"),
        }
    }

    /// A commit of one stream with `count` events labelled `name/0`, `name/1`, …
    fn commit(&self, name: &str, expected: Expected, count: usize) -> Result<Commit, String> {
        Ok(Commit {
            appends: vec![self.part(name, expected, count)?],
        })
    }

    fn part(&self, name: &str, expected: Expected, count: usize) -> Result<StreamAppend, String> {
        let events = (0..count)
            .map(|i| self.event(&format!("{name}/{expected:?}/{i}")))
            .collect();
        Ok(StreamAppend {
            stream: self.stream(name)?,
            expected,
            events,
        })
    }

    async fn append(&self, commit: Commit) -> Result<Result<Committed, AppendError>, String> {
        let mut answers = self.store.append(vec![commit]).await;
        ensure(answers.len() == 1, || {
            format!("{} answers to one commit", answers.len())
        })?;
        answers.pop().ok_or_else(|| "no answer".to_owned())
    }

    /// Appends and demands success.
    async fn write(
        &self,
        name: &str,
        expected: Expected,
        count: usize,
    ) -> Result<Committed, String> {
        let commit = self.commit(name, expected, count)?;
        self.append(commit)
            .await?
            .map_err(|e| format!("append to {name}: {e}"))
    }

    async fn events(&self, name: &str) -> Result<Vec<RecordedEvent>, String> {
        self.read(name, 0, Direction::Forwards, usize::MAX).await
    }

    async fn read(
        &self,
        name: &str,
        from: u64,
        way: Direction,
        max: usize,
    ) -> Result<Vec<RecordedEvent>, String> {
        self.store
            .read_stream(&self.stream(name)?, from, way, max)
            .await
            .map_err(|e| e.to_string())
    }

    async fn head(&self, name: &str) -> Result<Option<u64>, String> {
        self.store
            .head(&self.stream(name)?)
            .await
            .map_err(|e| e.to_string())
    }

    async fn tail(&self) -> Result<Option<Position>, String> {
        self.store.tail().await.map_err(|e| e.to_string())
    }

    /// Every event after `after`, page by page, in position order.
    async fn all_after(&self, mut after: Option<Position>) -> Result<Vec<RecordedEvent>, String> {
        let mut all = Vec::new();
        loop {
            let page = self
                .store
                .read_all(after, Direction::Forwards, PAGE_EVENTS)
                .await
                .map_err(|e| e.to_string())?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            after = Some(last.position);
            all.extend(page);
        }
    }

    /// The events of this check's own streams among `events`.
    fn own(&self, events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        let mine = format!("{}-", self.prefix);
        events
            .into_iter()
            .filter(|e| e.stream.as_str().starts_with(&mine))
            .collect()
    }
}

fn ensure(holds: bool, seen: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(seen()) }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "callers hand over what they just made"
)]
fn ensure_eq<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, wanted: T) -> Result<(), String> {
    if seen == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {seen:?} instead of {wanted:?}"))
    }
}
