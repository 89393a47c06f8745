//! Measuring appends against the physical limit: a plain file, written and synced batch by batch.
//!
//! Both sides get the same events in the same batches, in turn, in one run, so that the ratio means
//! something on a noisy machine. Ours counts everything: judging, encoding, checksums, hashing, indexing
//! and filling segments ahead. The reference writes the bytes of the same events (id, stream, kind,
//! payload, metadata) into a file that was filled with zeros before the clock started. Printing is the
//! caller's; so is making real events.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use rustc_hash::FxHashMap;

use crate::embedded::{EmbeddedStore, OpenError, OpenOptions};
use crate::port::{
    AppendError, Commit, Committed, EventStore, Expected, NewEvent, StreamAppend, StreamName,
};

/// Batches under way at once on our side: the next one is staged while the last is synced, as the
/// service does.
const BATCHES_IN_FLIGHT: usize = 2;

/// What to measure.
#[derive(Debug, Clone)]
pub struct AppendBench {
    /// A directory on the disk to measure; files are made in it and removed again.
    pub dir: PathBuf,
    /// Events of one durable batch, one commit each.
    pub batch: usize,
    /// Events of one run of one side.
    pub events: usize,
    /// Measured pairs of runs, after one pair to warm up.
    pub pairs: usize,
}

/// One run of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Events made durable.
    pub events: u64,
    /// Bytes written for them: for ours with everything around them.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}

impl Figures {
    /// Events a second.
    #[must_use]
    pub fn events_per_second(&self) -> u64 {
        per_second(self.events, self.took)
    }

    /// Bytes a second.
    #[must_use]
    pub fn bytes_per_second(&self) -> u64 {
        per_second(self.bytes, self.took)
    }
}

fn per_second(count: u64, took: Duration) -> u64 {
    let nanos = took.as_nanos().max(1);
    u64::try_from(u128::from(count).saturating_mul(1_000_000_000) / nanos).unwrap_or(u64::MAX)
}

/// Ours and the reference, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The embedded log.
    pub ours: Figures,
    /// The plain file.
    pub raw: Figures,
}

impl Pair {
    /// Our events a second in thousandths of the reference's.
    #[must_use]
    pub fn ratio_per_mille(&self) -> u64 {
        let ours = u128::from(self.ours.events_per_second()).saturating_mul(1_000);
        u64::try_from(ours / u128::from(self.raw.events_per_second().max(1))).unwrap_or(u64::MAX)
    }
}

/// Why a measurement ended early.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The plain file could not be written.
    #[error("the reference file: {0}")]
    Io(#[from] io::Error),
    /// The log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log refused an append.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Nothing to measure.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

/// Measures pairs of runs. `event` makes the n-th event and says its stream; it runs outside the clock.
///
/// # Errors
/// When a setting is zero or the disk refuses.
pub fn append(
    config: &AppendBench,
    event: &dyn Fn(u64) -> (StreamName, NewEvent),
) -> Result<Vec<Pair>, BenchError> {
    let settings = [
        ("batch", config.batch),
        ("events", config.events),
        ("pairs", config.pairs),
    ];
    if let Some((name, _)) = settings.iter().find(|(_, value)| *value == 0) {
        return Err(BenchError::Zero(name));
    }
    let mut pairs = Vec::with_capacity(config.pairs);
    for run in 0..=config.pairs {
        let pair = Pair {
            ours: run_ours(config, event)?,
            raw: run_raw(config, event)?,
        };
        // The first pair warms up.
        if run > 0 {
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

fn run_ours(
    config: &AppendBench,
    event: &dyn Fn(u64) -> (StreamName, NewEvent),
) -> Result<Figures, BenchError> {
    let batches = commits(config, event);
    let dir = config.dir.join("append-bench-log");
    remove_dir(&dir)?;
    let store = EmbeddedStore::open(&OpenOptions::dir(&dir)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let bytes_before = store.stats().bytes;
    let started = Instant::now();
    runtime.block_on(drive(&store, batches))?;
    let took = started.elapsed();
    let stats = store.stats();
    drop(store);
    remove_dir(&dir)?;
    Ok(Figures {
        events: stats.events,
        bytes: stats.bytes.saturating_sub(bytes_before),
        took,
    })
}

async fn drive(store: &EmbeddedStore, batches: Vec<Vec<Commit>>) -> Result<(), AppendError> {
    type Answer = BoxFuture<'static, Vec<Result<Committed, AppendError>>>;
    let mut flying: std::collections::VecDeque<Answer> = std::collections::VecDeque::new();
    for batch in batches {
        if flying.len() >= BATCHES_IN_FLIGHT
            && let Some(answer) = flying.pop_front()
        {
            check(answer.await)?;
        }
        flying.push_back(store.append(batch));
    }
    for answer in flying {
        check(answer.await)?;
    }
    Ok(())
}

fn check(answers: Vec<Result<Committed, AppendError>>) -> Result<(), AppendError> {
    answers
        .into_iter()
        .find_map(Result::err)
        .map_or(Ok(()), Err)
}

fn commits(
    config: &AppendBench,
    event: &dyn Fn(u64) -> (StreamName, NewEvent),
) -> Vec<Vec<Commit>> {
    let mut heads: FxHashMap<StreamName, u64> = FxHashMap::default();
    let mut batches = Vec::new();
    let mut batch = Vec::with_capacity(config.batch);
    for n in 0..config.events as u64 {
        let (stream, event) = event(n);
        let next = heads.entry(stream.clone()).or_insert(0);
        let expected = next
            .checked_sub(1)
            .map_or(Expected::NoStream, Expected::Exact);
        *next = next.saturating_add(1);
        batch.push(Commit {
            appends: vec![StreamAppend {
                stream,
                expected,
                events: vec![event],
            }],
        });
        if batch.len() == config.batch {
            batches.push(std::mem::replace(
                &mut batch,
                Vec::with_capacity(config.batch),
            ));
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

fn run_raw(
    config: &AppendBench,
    event: &dyn Fn(u64) -> (StreamName, NewEvent),
) -> Result<Figures, BenchError> {
    let batches = contents(config, event);
    let bytes = batches.iter().map(|b| b.len() as u64).sum();
    let path = config.dir.join("append-bench-raw");
    let file = zero_filled(&path, bytes)?;
    let started = Instant::now();
    let mut offset = 0;
    for batch in &batches {
        file.write_all_at(batch, offset)?;
        file.sync_data()?;
        offset = offset.saturating_add(batch.len() as u64);
    }
    let took = started.elapsed();
    drop(file);
    std::fs::remove_file(&path)?;
    Ok(Figures {
        events: config.events as u64,
        bytes,
        took,
    })
}

fn contents(config: &AppendBench, event: &dyn Fn(u64) -> (StreamName, NewEvent)) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    for n in 0..config.events as u64 {
        let (stream, event) = event(n);
        let parts: [&[u8]; 5] = [
            event.id.as_bytes(),
            stream.as_str().as_bytes(),
            event.kind.as_bytes(),
            &event.data,
            &event.meta,
        ];
        for part in parts {
            batch.extend_from_slice(part);
        }
        if n.saturating_add(1).is_multiple_of(config.batch as u64) {
            batches.push(std::mem::take(&mut batch));
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

fn zero_filled(path: &Path, bytes: u64) -> io::Result<File> {
    const PIECE_BYTES: u64 = 1024 * 1024;
    let zeros = vec![0u8; 1024 * 1024];
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    let mut offset = 0;
    while offset < bytes {
        file.write_all_at(&zeros, offset)?;
        offset = offset.saturating_add(PIECE_BYTES);
    }
    file.sync_all()?;
    Ok(file)
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::sync::Arc;
    use uuid::Uuid;

    #[test]
    fn both_sides_make_every_event_durable_and_leave_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let config = AppendBench {
            dir: dir.path().to_owned(),
            batch: 8,
            events: 100,
            pairs: 1,
        };
        let event = |n: u64| {
            let data = Bytes::from(format!("{{\"n\":{n}}}"));
            let event = NewEvent {
                id: Uuid::from_u128(n.into()),
                kind: Arc::from("x.v1"),
                data,
                meta: Bytes::new(),
            };
            (StreamName::new(&format!("s-{}", n % 7)).unwrap(), event)
        };
        let pairs = append(&config, &event).unwrap();
        assert_eq!(pairs.len(), 1);
        assert_eq!((pairs[0].ours.events, pairs[0].raw.events), (100, 100));
        assert!(
            pairs[0].ours.bytes > pairs[0].raw.bytes,
            "ours has frames around"
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(append(&AppendBench { batch: 0, ..config }, &event).is_err());
    }
}
