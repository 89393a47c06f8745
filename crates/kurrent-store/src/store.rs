//! The store itself: the port over a link, an appender, readers and followers.

use std::sync::Arc;
use std::time::Duration;

use event_store::limits::check_commit;
use event_store::{
    AppendError, Capabilities, Commit, Committed, Direction, EventStore, Position, ReadError,
    RecordedEvent, StoreId, StreamName, Subscription,
};
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ConnectError;
use crate::appender::{Appender, Shared};
use crate::call::{Call, Job, Outcome, jobs, mark};
use crate::follow::Follower;
use crate::identity;
use crate::link::Link;
use crate::options::{Options, RETRY_LONGEST_MS, pause};
use crate::read::Reader;
use crate::settings::Settings;
use crate::stats::{Counters, Stats};
use crate::trouble::Trouble;
use crate::wire::{IDENTITY_STREAM, append_bytes};

/// An event store on KurrentDB. Clones share one.
#[derive(Clone)]
pub struct KurrentStore {
    inner: Arc<Inner>,
}

struct Inner {
    id: std::sync::OnceLock<StoreId>,
    link: Arc<Link>,
    reader: Reader,
    appends: mpsc::UnboundedSender<Vec<Job>>,
    shared: Shared,
    deadline: Duration,
    follow_silence: Duration,
    runtime: Handle,
    task: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for KurrentStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KurrentStore")
            .field("hosts", &self.inner.link.settings().hosts)
            .field("id", &self.inner.id.get())
            .finish_non_exhaustive()
    }
}

impl KurrentStore {
    /// Connects, and finds out or decides which store this is. Waits for a server that is not there yet as
    /// long as [`Options::connect_wait`] says. Needs a tokio runtime, which must outlive the store.
    ///
    /// # Errors
    /// When the connection string cannot be used, no server answers in time, the server denies access, or there
    /// is no ledger where one must be.
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        let settings: Settings = url.parse()?;
        let append_deadline = settings.deadline.unwrap_or(options.append_deadline);
        let read_deadline = settings.deadline.unwrap_or(options.read_deadline);
        let link = Arc::new(Link::new(settings, Arc::new(Counters::default()))?);
        let (appends, inbox) = mpsc::unbounded_channel();
        let shared = Shared::default();
        let appender = Appender::new(
            Arc::clone(&link),
            shared.clone(),
            options.in_flight_max,
            append_deadline,
            inbox,
        );
        let runtime = Handle::current();
        let store = Self {
            inner: Arc::new(Inner {
                id: std::sync::OnceLock::new(),
                reader: Reader::new(Arc::clone(&link), read_deadline),
                link,
                appends,
                shared,
                deadline: append_deadline,
                follow_silence: options.follow_silence,
                task: std::sync::Mutex::new(Some(runtime.spawn(appender.run()))),
                runtime,
            }),
        };
        let wait = options.connect_wait;
        let identified = store.identify(wait, options.must_exist).await;
        if identified.is_err() {
            store.inner.link.close();
        }
        identified.map(|()| store)
    }

    async fn identify(&self, wait: Duration, must_exist: bool) -> Result<(), ConnectError> {
        let until = Instant::now() + wait;
        let mut attempt = 0;
        loop {
            let link = &self.inner.link;
            // The link first: its trouble says more than a read's, and comes at once.
            let found = async {
                link.get().await?;
                identity::find(self, must_exist).await
            };
            let error = match tokio::time::timeout_at(until, found).await {
                Ok(Ok(id)) => {
                    self.inner.id.get_or_init(|| id);
                    return Ok(());
                }
                Ok(Err(error)) => error,
                Err(_) => ConnectError::Unreachable(self.last_error()),
            };
            attempt += 1;
            let pause = pause(attempt, RETRY_LONGEST_MS);
            if !error.may_pass() || Instant::now() + pause >= until {
                return Err(error.after(wait));
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn last_error(&self) -> String {
        let said = self.stats().last_error;
        said.unwrap_or_else(|| "no server answered".to_owned())
    }

    /// What happened since the store was connected.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let held = self.inner.shared.held.appends() as u64;
        self.inner.link.counters.snapshot(held)
    }

    /// Takes no more appends, waits a bounded time for those under way, and ends subscriptions. Reads and
    /// appends that come later say that the store was closed.
    pub async fn close(&self) {
        self.inner.link.close();
        let task = self
            .inner
            .task
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(task) = task {
            // A task that panicked has nothing more to wait for.
            drop(task.await);
        }
    }

    pub(crate) fn read_raw(
        &self,
        stream: StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, Trouble>> {
        if self.inner.link.is_closed() {
            return future::ready(Err(Trouble::Closed)).boxed();
        }
        let reader = self.inner.reader.clone();
        reader.stream(stream, from, direction, max).boxed()
    }

    /// Hands over at once, so that the future may be dropped.
    pub(crate) fn append_raw(&self, commits: Vec<Commit>) -> BoxFuture<'static, Vec<Outcome>> {
        let total = commits.len();
        if total == 0 {
            return future::ready(Vec::new()).boxed();
        }
        let (done, answers) = oneshot::channel();
        let call = Arc::new(Call::new(total, done));
        let mut taken = Vec::with_capacity(total);
        for (index, commit) in commits.into_iter().enumerate() {
            match self.admit(&commit) {
                Ok(()) => taken.push((index, commit)),
                Err(error) => call.answer(index, Err(error)),
            }
        }
        let jobs = jobs(&call, taken, Instant::now() + self.inner.deadline);
        if !jobs.is_empty()
            && let Err(mpsc::error::SendError(jobs)) = self.inner.appends.send(jobs)
        {
            for job in jobs {
                self.refuse_closed(job);
            }
        }
        drop(call);
        async move {
            let lost = || Err(AppendError::InDoubt("the store ended".to_owned()));
            answers
                .await
                .unwrap_or_else(|_| std::iter::repeat_with(lost).take(total).collect())
        }
        .boxed()
    }

    /// Checks a commit and takes room for it.
    fn admit(&self, commit: &Commit) -> Result<(), AppendError> {
        check_commit(commit)?;
        let (Some(append), None) = (commit.appends.first(), commit.appends.get(1)) else {
            return Err(AppendError::Invalid(
                "this store writes one stream a commit; split the commit by stream".to_owned(),
            ));
        };
        let refused = |why: &str| {
            if self.inner.shared.doubts.has(mark(append)) {
                AppendError::InDoubt(format!("not sent again: {why}"))
            } else {
                AppendError::Stopped(format!("not sent: {why}"))
            }
        };
        if self.inner.link.is_closed() {
            return Err(refused("the store was closed"));
        }
        if !self.inner.shared.held.take(append_bytes(append)) {
            return Err(refused("too many appends wait for the server"));
        }
        Ok(())
    }

    /// The appender has ended: nothing of this was sent.
    fn refuse_closed(&self, job: Job) {
        let rest = job.rest.into_iter();
        for (index, append) in std::iter::once((job.index, job.append)).chain(rest) {
            self.inner.shared.held.release(append_bytes(&append));
            let error = if self.inner.shared.doubts.has(mark(&append)) {
                AppendError::InDoubt("not sent again: the store was closed".to_owned())
            } else {
                AppendError::Stopped("not sent: the store was closed".to_owned())
            };
            job.call.answer(index, Err(error));
        }
    }
}

impl EventStore for KurrentStore {
    fn store_id(&self) -> StoreId {
        // `connect` hands out no store without one.
        self.inner.id.get().copied().unwrap_or(StoreId {
            id: uuid::Uuid::nil(),
            epoch: 0,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            atomic_over_streams: false,
            shared_with_others: true,
        }
    }

    fn append(
        &self,
        commits: Vec<Commit>,
    ) -> BoxFuture<'static, Vec<Result<Committed, AppendError>>> {
        let own = |commit: &Commit| {
            let mut streams = commit.appends.iter();
            streams.any(|append| append.stream.as_str() == IDENTITY_STREAM)
        };
        if commits.iter().any(own) {
            let why =
                format!("stream {IDENTITY_STREAM} says which store this is and is not appended to");
            let refused = commits
                .iter()
                .map(|_| Err(AppendError::Invalid(why.clone())));
            return future::ready(refused.collect()).boxed();
        }
        self.append_raw(commits)
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        let read = self.read_raw(stream.clone(), from, direction, max);
        async move { read.await.map_err(Trouble::into_read_error) }.boxed()
    }

    fn head(&self, stream: &StreamName) -> BoxFuture<'static, Result<Option<u64>, ReadError>> {
        let newest = self.read_raw(stream.clone(), u64::MAX, Direction::Backwards, 1);
        async move {
            let newest = newest.await.map_err(Trouble::into_read_error)?;
            Ok(newest.first().map(|event| event.revision))
        }
        .boxed()
    }

    fn read_all(
        &self,
        after: Option<Position>,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'static, Result<Vec<RecordedEvent>, ReadError>> {
        if self.inner.link.is_closed() {
            return future::ready(Err(Trouble::Closed.into_read_error())).boxed();
        }
        let reader = self.inner.reader.clone();
        async move {
            let read = reader.all(after, direction, max).await;
            read.map_err(Trouble::into_read_error)
        }
        .boxed()
    }

    fn tail(&self) -> BoxFuture<'static, Result<Option<Position>, ReadError>> {
        let newest = self.read_all(None, Direction::Backwards, 1);
        async move { Ok(newest.await?.first().map(|event| event.position)) }.boxed()
    }

    fn subscribe(&self, after: Option<Position>) -> Box<dyn Subscription> {
        let link = Arc::clone(&self.inner.link);
        Box::new(Follower::new(
            (link, self.inner.reader.clone()),
            self.inner.follow_silence,
            self.inner.runtime.clone(),
            after,
        ))
    }
}
