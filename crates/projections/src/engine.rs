//! The engine: follows a store, answers queries beside it.
//!
//! One task reads and decodes, one thread folds and commits; between them stands a short bounded queue.
//! While the fold is behind, commits are rare and big. Live, what has come since the last reading is one
//! transaction: readings follow each other at [`COMMIT_EVERY_DEFAULT`], or at once while somebody waits
//! for a position.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use event_store::{EventStore, Position};
use tokio::sync::{Mutex, mpsc, watch};

use crate::error::{ReadModelError, Stopped};
use crate::feed::{Batch, Pace, Urge, WAITING_MAX, feed};
use crate::projector::Projector;
use crate::queries::Snapshot;
use crate::rebuild::{self, Progress, RebuildReport};
use crate::sql::{Place, Pool};

/// Reading connections by default: two for each core of a small machine.
const READERS_DEFAULT: usize = 4;

/// Live commits follow each other at least this much apart by default, so that under load a commit
/// carries many events: forty transactions a second cost a few per cent of a core, one for each group
/// commit of the log costs more than deciding does. Nobody sees such a lag in a report; whoever reads
/// his own write waits for it by its token and is not held up.
pub const COMMIT_EVERY_DEFAULT: Duration = Duration::from_millis(25);

/// Where the read models live and how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file, made when it is not there. Beside it stand `-wal` and `-shm`, during a rebuild
    /// `.rebuilding`, and after one `.previous`.
    pub path: PathBuf,
    /// Reading connections at most; at least 1.
    pub readers_max: usize,
    /// How long what is new may wait for more before it is folded and committed, while nobody waits for
    /// it. Zero commits whenever nothing more has come.
    pub commit_every: Duration,
}

impl Settings {
    /// The defaults for a file.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            readers_max: READERS_DEFAULT,
            commit_every: COMMIT_EVERY_DEFAULT,
        }
    }
}

/// How far the read models are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Position of the newest event that queries know of.
    pub position: Option<Position>,
    /// Events folded since the store's first.
    pub events: u64,
    /// Why they stopped, if they did.
    pub stopped: Option<ReadModelError>,
}

/// Read models that follow a store. Clones share them; the last one dropped stops them.
#[derive(Clone)]
pub struct ReadModels {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn EventStore>,
    settings: Settings,
    pool: RwLock<Arc<Pool>>,
    status: watch::Sender<Status>,
    urge: watch::Sender<Urge>,
    follower: Mutex<Option<Follower>>,
}

/// The reading task and the folding thread.
struct Follower {
    reading: tokio::task::JoinHandle<()>,
    folding: tokio::task::JoinHandle<()>,
}

/// Somebody waits for a position: until this is dropped, commits do not wait for more.
struct Waiting<'a>(&'a watch::Sender<Urge>);

impl<'a> Waiting<'a> {
    fn begin(urge: &'a watch::Sender<Urge>) -> Self {
        urge.send_modify(|urge| urge.readers += 1);
        Self(urge)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|urge| urge.readers -= 1);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // The fold ends by itself when nothing comes any more.
        self.reading.abort();
    }
}

impl ReadModels {
    /// Opens the read models and begins to follow. Returns at once; [`ReadModels::wait_for`] waits.
    ///
    /// # Errors
    /// When the file is of another store, epoch or schema version, lies beyond the store's end, or
    /// cannot be opened.
    pub async fn start(
        store: Arc<dyn EventStore>,
        settings: Settings,
    ) -> Result<Self, ReadModelError> {
        let pool = Arc::new(Pool::new(settings.path.clone(), settings.readers_max));
        let status = Status {
            position: None,
            events: 0,
            stopped: None,
        };
        let inner = Inner {
            store,
            settings,
            pool: RwLock::new(pool),
            status: watch::Sender::new(status),
            urge: watch::Sender::new(Urge::default()),
            follower: Mutex::new(None),
        };
        let models = Self {
            inner: Arc::new(inner),
        };
        let mut follower = models.inner.follower.lock().await;
        *follower = Some(models.follow().await?);
        drop(follower);
        Ok(models)
    }

    async fn follow(&self) -> Result<Follower, ReadModelError> {
        let inner = &self.inner;
        let projector =
            Projector::open(&Place::File(inner.settings.path.clone()), &*inner.store).await?;
        let status = inner.status.clone();
        publish(&status, &projector);
        let (out, batches) = mpsc::channel(WAITING_MAX);
        inner.urge.send_modify(|urge| urge.ending = false);
        let pace = Pace::new(inner.settings.commit_every, inner.urge.subscribe());
        let (store, from) = (Arc::clone(&inner.store), projector.position());
        let reading = tokio::spawn(feed(store, from, pace, out));
        let folding = tokio::task::spawn_blocking(move || {
            if let Err(error) = fold_all(projector, batches, &status) {
                tracing::error!(code = error.code(), %error, "the read models stopped");
                status.send_modify(|status| status.stopped = Some(error));
            }
        });
        Ok(Follower { reading, folding })
    }

    /// A consistent state to ask.
    ///
    /// # Errors
    /// When the read models have stopped, or no reading connection becomes free.
    pub fn snapshot(&self) -> Result<Snapshot, ReadModelError> {
        if let Some(stopped) = &self.inner.status.borrow().stopped {
            return Err(stopped.clone());
        }
        let pool = Arc::clone(
            &*self
                .inner
                .pool
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        );
        Snapshot::begin(pool.lend()?)
    }

    /// How far they are.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.status.borrow().clone()
    }

    /// Waits until queries know of everything up to `position`: the token of an append. Needs no further
    /// append to come true, and holds up no commit: while somebody waits, commits do not wait for more.
    ///
    /// # Errors
    /// When it is not reached within `deadline`, or the read models have stopped.
    pub async fn wait_for(
        &self,
        position: Position,
        deadline: Duration,
    ) -> Result<(), ReadModelError> {
        let mut status = self.inner.status.subscribe();
        let here = status.borrow_and_update().position >= Some(position);
        let _waiting = (!here).then(|| Waiting::begin(&self.inner.urge));
        let reached = status.wait_for(|s| s.stopped.is_some() || s.position >= Some(position));
        match tokio::time::timeout(deadline, reached).await {
            Ok(Ok(status)) => match (&status.stopped, status.position >= Some(position)) {
                (_, true) | (None, false) => Ok(()),
                (Some(stopped), false) => Err(stopped.clone()),
            },
            Ok(Err(_)) => Err(ReadModelError::Closed),
            Err(_) => {
                let reached = self.inner.status.borrow().position;
                Err(ReadModelError::DeadlineExceeded {
                    wanted: position,
                    reached,
                })
            }
        }
    }

    /// Rebuilds from the log into a fresh file while the old one goes on serving, compares, then
    /// switches. `progress` is told how far it is after every commit.
    ///
    /// # Errors
    /// When the log cannot be folded, both differ, or a file cannot be moved; the old one goes on.
    pub async fn rebuild(
        &self,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<RebuildReport, ReadModelError> {
        let inner = &self.inner;
        let mut follower = inner.follower.lock().await;
        let fresh = rebuild::build(&inner.store, &inner.settings.path, progress).await?;
        let stopped_at = std::time::Instant::now();
        self.stop(follower.take()).await;
        let report = {
            let mut pool = inner.pool.write().unwrap_or_else(PoisonError::into_inner);
            pool.drain();
            let switched = rebuild::switch(fresh, &inner.settings.path);
            *pool = Arc::new(Pool::new(
                inner.settings.path.clone(),
                inner.settings.readers_max,
            ));
            switched
        };
        if report.is_ok() {
            inner.status.send_modify(|status| status.stopped = None);
        }
        *follower = Some(self.follow().await?);
        tracing::info!(
            held_ms = stopped_at.elapsed().as_millis(),
            "the rebuilt read model serves"
        );
        report
    }

    /// Commits everything that is in the log now and stops following; read models that were still catching
    /// up commit what is folded. Queries go on being answered as of then.
    pub async fn close(&self) {
        let follower = self.inner.follower.lock().await.take();
        self.stop(follower).await;
    }

    async fn stop(&self, follower: Option<Follower>) {
        let Some(mut follower) = follower else { return };
        self.inner.urge.send_modify(|urge| urge.ending = true);
        for ended in [(&mut follower.reading).await, (&mut follower.folding).await] {
            if let Err(error) = ended {
                tracing::warn!(%error, "the read models did not end in order");
            }
        }
    }
}

fn publish(status: &watch::Sender<Status>, projector: &Projector) {
    status.send_modify(|status| {
        status.position = projector.position();
        status.events = projector.events();
    });
}

/// Folds until nothing comes any more.
fn fold_all(
    mut projector: Projector,
    mut batches: mpsc::Receiver<Batch>,
    status: &watch::Sender<Status>,
) -> Result<(), ReadModelError> {
    while let Some(batch) = batches.blocking_recv() {
        fold_batch(&mut projector, &batch)?;
        if let Some(stopped) = batch.stopped {
            projector.commit()?;
            publish(status, &projector);
            return Err(ReadModelError::Stopped(stopped));
        }
        let caught_up = !batch.more && batches.is_empty();
        if caught_up || projector.is_full() {
            projector.commit()?;
            publish(status, &projector);
        }
    }
    projector.commit()?;
    publish(status, &projector);
    projector.close()
}

/// Folds a batch in memory.
pub(crate) fn fold_batch(projector: &mut Projector, batch: &Batch) -> Result<(), ReadModelError> {
    for fact in &batch.facts {
        projector.apply(fact).map_err(ReadModelError::Stopped)?;
    }
    Ok(())
}

impl std::fmt::Debug for ReadModels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadModels")
            .field("path", &self.inner.settings.path)
            .field("status", &self.status())
            .finish()
    }
}

/// Why a stopped read model stopped, for those who only have the error.
impl From<Stopped> for ReadModelError {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}
