//! Rebuild: the whole log into a fresh file beside the old one, a comparison, then a switch.
//!
//! The old file goes on serving until the switch, which is one rename; it is kept as `.previous`, one
//! step back. A rebuild that was cut short goes on where its file stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_store::{Direction, EventStore, Position, RecordedEvent};

use crate::checkpoint::Checkpoint;
use crate::digest::{differing, digests};
use crate::engine::fold_batch;
use crate::error::ReadModelError;
use crate::feed::{Batch, READ_MAX, decode_batch};
use crate::projector::Projector;
use crate::sql::{Place, check_schema, open_reader, open_writer, remove_sidecars};

/// Differing accounts that are named; more are counted.
const DIFFERING_NAMED_MAX: usize = 20;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Events folded.
    pub events: u64,
    /// Position of the newest of them.
    pub position: Option<Position>,
    /// End of the log when the rebuild began.
    pub tail: Option<Position>,
    /// Time since the rebuild began or went on.
    pub elapsed: Duration,
}

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    /// Events folded into the new file.
    pub events: u64,
    /// Position it stands at.
    pub position: Option<Position>,
    /// The position at which old and new were compared and found equal; `None` when there was nothing
    /// to compare: no old file, another schema version, another store.
    pub compared_at: Option<Position>,
    /// How long it took.
    pub elapsed: Duration,
}

/// A new file that waits for its turn.
pub(crate) struct Fresh {
    projector: Projector,
    path: PathBuf,
    compared_at: Option<Position>,
    began: Instant,
}

/// Rebuilds a file that nothing serves.
///
/// # Errors
/// When the log cannot be folded, the result differs from what is there, or a file cannot be moved;
/// what is there stays.
pub async fn rebuild(
    store: &Arc<dyn EventStore>,
    path: &Path,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<RebuildReport, ReadModelError> {
    let fresh = build(store, path, progress).await?;
    switch(fresh, path)
}

/// Folds the whole log into the file beside, and compares on the way.
pub(crate) async fn build(
    store: &Arc<dyn EventStore>,
    path: &Path,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Fresh, ReadModelError> {
    let began = Instant::now();
    let beside = with_suffix(path, ".rebuilding");
    let mut projector = open_beside(&beside, &**store).await?;
    let tail = store.tail().await?;
    let mut tell = |projector: &Projector| {
        let (events, position) = (projector.events(), projector.position());
        progress(Progress {
            events,
            position,
            tail,
            elapsed: began.elapsed(),
        });
    };
    let old = comparable(path, &**store).await;
    let mut compared_at = None;
    if let Some(old_at) = old.filter(|at| projector.position() <= Some(*at)) {
        projector = fold_to(&**store, projector, Some(old_at), &mut tell).await?;
        compared_at = compare(path, &projector, old_at)?;
    }
    let projector = fold_to(&**store, projector, tail, &mut tell).await?;
    Ok(Fresh {
        projector,
        path: beside,
        compared_at,
        began,
    })
}

/// The file beside, begun anew unless it can go on.
async fn open_beside(beside: &Path, store: &dyn EventStore) -> Result<Projector, ReadModelError> {
    let place = Place::File(beside.to_owned());
    if let Ok(projector) = Projector::open(&place, store).await {
        return Ok(projector);
    }
    remove(beside)?;
    Projector::open(&place, store).await
}

/// Position of the old file, when its rows can be compared with new ones.
async fn comparable(path: &Path, store: &dyn EventStore) -> Option<Position> {
    let checkpoint = {
        let conn = open_reader(path).ok()?;
        check_schema(&conn).ok()?;
        Checkpoint::read(&conn).ok()??
    };
    checkpoint.check(store).await.ok()?;
    checkpoint.position
}

/// Compares when the old file still stands where the new one does; a live one has moved on, and is then
/// compared by `verify` alone.
fn compare(
    path: &Path,
    fresh: &Projector,
    at: Position,
) -> Result<Option<Position>, ReadModelError> {
    let conn = open_reader(path)?;
    conn.execute_batch("BEGIN")
        .map_err(ReadModelError::sql("beginning to compare"))?;
    let stands = Checkpoint::read(&conn)?.and_then(|checkpoint| checkpoint.position);
    if stands != Some(at) || fresh.position() != Some(at) {
        return Ok(None);
    }
    let differing = differing(&digests(&conn)?, &digests(fresh.connection())?);
    if differing.is_empty() {
        return Ok(Some(at));
    }
    let named: Vec<&str> = differing
        .iter()
        .take(DIFFERING_NAMED_MAX)
        .map(|name| label(name))
        .collect();
    Err(ReadModelError::Differs {
        position: at,
        accounts: differing.len(),
        named: named.join(", "),
    })
}

/// An account, or the rows that belong to none.
pub(crate) fn label(name: &str) -> &str {
    if name.is_empty() {
        "(rows of no account)"
    } else {
        name
    }
}

/// Folds up to and including `target` and commits exactly there. Reading, decoding and folding overlap:
/// while one batch is folded the next is decoded and the one after it read.
pub(crate) async fn fold_to(
    store: &dyn EventStore,
    mut projector: Projector,
    target: Option<Position>,
    tell: &mut (dyn FnMut(&Projector) + Send),
) -> Result<Projector, ReadModelError> {
    let mut read = read_to(store, projector.position(), target).await?;
    let mut after = last_of(&read, projector.position());
    let mut decoded = Batch {
        facts: Vec::new(),
        more: true,
        stopped: None,
    };
    while !(read.is_empty() && decoded.facts.is_empty() && decoded.stopped.is_none()) {
        let events = std::mem::take(&mut read);
        let folding = tokio::task::spawn_blocking(move || fold_some(projector, decoded));
        let decoding = tokio::task::spawn_blocking(move || decode_batch(&events, true));
        let (folded, ready, next) = tokio::join!(folding, decoding, read_to(store, after, target));
        let (Ok((back, committed)), Ok(ready)) = (folded, ready) else {
            return Err(ReadModelError::Closed);
        };
        projector = back;
        if committed? {
            tell(&projector);
        }
        (decoded, read) = (ready, next?);
        after = last_of(&read, after);
    }
    let committing = tokio::task::spawn_blocking(move || {
        let committed = projector.commit();
        (projector, committed)
    });
    let (projector, committed) = committing.await.map_err(|_| ReadModelError::Closed)?;
    committed?;
    tell(&projector);
    Ok(projector)
}

/// The next events up to `target`; none once it is reached.
async fn read_to(
    store: &dyn EventStore,
    after: Option<Position>,
    target: Option<Position>,
) -> Result<Vec<RecordedEvent>, ReadModelError> {
    if after >= target {
        return Ok(Vec::new());
    }
    let mut events = store.read_all(after, Direction::Forwards, READ_MAX).await?;
    events.retain(|event| Some(event.position) <= target);
    Ok(events)
}

fn last_of(events: &[RecordedEvent], before: Option<Position>) -> Option<Position> {
    events.last().map(|event| event.position).or(before)
}

/// Folds a batch; commits when enough waits, and says whether it did.
fn fold_some(mut projector: Projector, batch: Batch) -> (Projector, Result<bool, ReadModelError>) {
    let folded = fold_batch(&mut projector, &batch)
        .and_then(|()| batch.stopped.map_or(Ok(()), |stopped| Err(stopped.into())));
    let committed = folded.and_then(|()| {
        let full = projector.is_full();
        if full {
            projector.commit().map(|()| true)
        } else {
            Ok(false)
        }
    });
    (projector, committed)
}

/// Puts the new file in the old one's place; nothing may have the old one open for writing.
pub(crate) fn switch(fresh: Fresh, path: &Path) -> Result<RebuildReport, ReadModelError> {
    let report = RebuildReport {
        events: fresh.projector.events(),
        position: fresh.projector.position(),
        compared_at: fresh.compared_at,
        elapsed: fresh.began.elapsed(),
    };
    fresh.projector.close()?;
    sync(&fresh.path)?;
    if path.exists() {
        // What the old file's log still holds goes into it, so that it is whole as `.previous`; an old
        // file too damaged for that is kept as it is.
        if let Ok(conn) = open_writer(&Place::File(path.to_owned())) {
            let emptied = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            if let Err(error) = emptied {
                tracing::warn!(%error, "the old read model could not be made whole before it was put aside");
            }
        }
        let previous = with_suffix(path, ".previous");
        remove(&previous)?;
        std::fs::hard_link(path, &previous).map_err(file(format!(
            "keeping {} as {}",
            path.display(),
            previous.display()
        )))?;
        remove_sidecars(path)?;
    }
    std::fs::rename(&fresh.path, path).map_err(file(format!(
        "putting the rebuilt file at {}",
        path.display()
    )))?;
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        sync(parent)?;
    }
    Ok(report)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), ReadModelError> {
    remove_sidecars(path)?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file(format!("removing {}", path.display()))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(path: &Path) -> Result<(), ReadModelError> {
    std::fs::File::open(path)
        .and_then(|opened| opened.sync_all())
        .map_err(file(format!("syncing {}", path.display())))
}

fn file(doing: String) -> impl FnOnce(std::io::Error) -> ReadModelError {
    move |error| ReadModelError::File {
        doing,
        reason: error.to_string(),
    }
}
