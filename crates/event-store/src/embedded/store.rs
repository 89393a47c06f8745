//! The event store over the log: the port's methods, subscriptions, opening and closing.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::sync::{oneshot, watch};

use super::core::{Parts, assemble, blank_answers, stats};
use super::disk::DiskLock;
use super::error::OpenError;
use super::options::{OpenOptions, Report, Stats};
use super::reader::LogReader;
use super::shared::{Shared, Signal};
use super::spares::Class;
use super::writer::{Request, Writer};
use crate::port::{
    AppendError, Capabilities, Commit, Committed, Direction, EventStore, Position, ReadError,
    RecordedEvent, StoreId, StreamName, Subscription,
};

/// Most events of one subscription batch.
const SUBSCRIPTION_BATCH_MAX: usize = 4_096;

/// The embedded log as an event store. Dropping it writes what is queued and waits for that.
pub struct EmbeddedStore {
    shared: Arc<Shared>,
    report: Report,
    // Before the lock: the threads end, then the next process may open.
    writer: Mutex<Option<Writer>>,
    _lock: Box<dyn DiskLock>,
}

impl std::fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedStore")
            .field("store", &self.shared.id)
            .finish_non_exhaustive()
    }
}

impl EmbeddedStore {
    /// Opens or creates the log and starts its threads. Blocks while the active segment is read.
    ///
    /// # Errors
    /// When it is locked, foreign, newer, damaged, older than a witness, or the disk refuses.
    pub fn open(options: &OpenOptions) -> Result<Self, OpenError> {
        let Parts {
            shared,
            spares,
            stager,
            output,
            sealer,
            report,
            lock,
        } = assemble(options, true)?;
        let started = Writer::start(&shared, &spares, (stager, output, sealer));
        let writer = started.map_err(|source| OpenError::Io {
            dir: options.disk.describe(),
            doing: "starting the log's threads".to_owned(),
            source,
        })?;
        Ok(Self {
            shared,
            report,
            writer: Mutex::new(Some(writer)),
            _lock: lock,
        })
    }

    /// What opening found and did.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Figures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats(&self.shared)
    }

    /// Reads without a runtime; the methods block on the disk.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }

    /// Appends the few commits that must be recorded even when the disk is full: refusals that are
    /// answers, and what stops the service in order. They may use the room kept back.
    pub fn append_reserved(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        self.submit(commits, Class::Reserved)
    }

    /// Writes what is queued and stops. Later appends are refused, reads go on. Blocks until done.
    pub fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut writer) = writer {
            writer.close();
        }
    }

    fn submit(
        &self,
        commits: Vec<Commit>,
        class: Class,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        if commits.is_empty() {
            return future::ready(Vec::new()).boxed();
        }
        let count = commits.len();
        let (answers, bytes) = blank_answers(&commits);
        let (reply, answer) = oneshot::channel();
        match self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            Some(writer) => writer.submit(Request {
                commits,
                answers,
                bytes,
                class,
                reply,
            }),
            None => {
                return future::ready(vec![
                    Err(AppendError::Stopped(
                        "the store is closed".to_owned()
                    ));
                    count
                ])
                .boxed();
            }
        }
        async move {
            match answer.await {
                Ok(reply) => reply.answers,
                // An answer that never comes means a thread of the log is gone.
                Err(_) => vec![
                    Err(AppendError::InDoubt(
                        "the log ended before it answered".to_owned()
                    ));
                    count
                ],
            }
        }
        .boxed()
    }

    /// Runs a read where blocking is allowed: on the runtime's pool, or here when there is no runtime.
    fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(LogReader) -> Result<T, ReadError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        let reader = self.reader();
        blocking(move || work(reader))
    }
}

fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> BoxFuture<'static, Result<T, ReadError>> {
    match tokio::runtime::Handle::try_current() {
        Err(_) => future::ready(work()).boxed(),
        Ok(runtime) => {
            let task = runtime.spawn_blocking(work);
            async move {
                task.await.unwrap_or_else(|e| {
                    Err(ReadError::Unavailable(format!("the read ended early: {e}")))
                })
            }
            .boxed()
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

impl EventStore for EmbeddedStore {
    fn store_id(&self) -> StoreId {
        self.shared.id
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            atomic_over_streams: true,
            shared_with_others: false,
        }
    }

    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        self.submit(commits, Class::Normal)
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        // Most streams that are asked for are keys never used before: known at once, no thread is troubled.
        if self.reader().surely_absent(stream) {
            return future::ready(Ok(Vec::new())).boxed();
        }
        let stream = stream.clone();
        self.read(move |reader| reader.read_stream(&stream, from, direction, max))
    }

    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>> {
        if self.reader().surely_absent(stream) {
            return future::ready(Ok(None)).boxed();
        }
        let stream = stream.clone();
        self.read(move |reader| reader.head(&stream))
    }

    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        self.read(move |reader| reader.read_all(after, direction, max))
    }

    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>> {
        future::ready(Ok(self.reader().tail())).boxed()
    }

    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription> {
        let signal = self.shared.signal.subscribe();
        Box::new(LogSubscription {
            reader: self.reader(),
            signal,
            next: after.map_or(0, |p| p.commit.saturating_add(1)),
        })
    }
}

struct LogSubscription {
    reader: LogReader,
    signal: watch::Receiver<Signal>,
    /// Position of the next event to give.
    next: u64,
}

impl LogSubscription {
    async fn read(&mut self) -> Result<Vec<RecordedEvent>, ReadError> {
        let reader = self.reader.clone();
        let after = LogReader::tail_of(self.next);
        let batch =
            blocking(move || reader.read_all(after, Direction::Forwards, SUBSCRIPTION_BATCH_MAX))
                .await?;
        if let Some(last) = batch.last() {
            self.next = last.position.commit.saturating_add(1);
        }
        Ok(batch)
    }
}

impl Subscription for LogSubscription {
    fn next_batch(&mut self) -> BoxFuture<'_, Result<Vec<RecordedEvent>, ReadError>> {
        async move {
            loop {
                let signal = *self.signal.borrow_and_update();
                if signal.durable > self.next {
                    return self.read().await;
                }
                if signal.closed || self.signal.changed().await.is_err() {
                    return Err(ReadError::Unavailable("the store was closed".to_owned()));
                }
            }
        }
        .boxed()
    }
}
