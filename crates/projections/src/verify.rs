//! Verify: folds the log afresh in memory and compares with the file, account by account.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_store::{EventStore, Position};

use crate::checkpoint::Checkpoint;
use crate::digest::{differing, digests};
use crate::error::ReadModelError;
use crate::projector::Projector;
use crate::rebuild::{fold_to, label};
use crate::sql::{Place, check_schema, open_reader};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Position at which both were compared: where the file stood.
    pub position: Option<Position>,
    /// Events folded afresh.
    pub events: u64,
    /// Accounts compared.
    pub accounts: usize,
    /// Accounts whose rows differ; `(rows of no account)` for totals. Empty when all are equal.
    pub differing: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

impl VerifyReport {
    /// Whether every row is what the log says.
    #[must_use]
    pub fn equal(&self) -> bool {
        self.differing.is_empty()
    }
}

/// Compares a read model, which may be live, with the log up to where it stands.
///
/// # Errors
/// When the file is of another store, epoch or schema version, or the log cannot be folded.
pub async fn verify(
    store: &Arc<dyn EventStore>,
    path: &Path,
) -> Result<VerifyReport, ReadModelError> {
    let began = Instant::now();
    let (checkpoint, stored) = {
        let conn = open_reader(path)?;
        conn.execute_batch("BEGIN")
            .map_err(ReadModelError::sql("beginning to verify"))?;
        check_schema(&conn)?;
        let checkpoint =
            Checkpoint::read(&conn)?.unwrap_or_else(|| Checkpoint::new(store.store_id(), None, 0));
        (checkpoint, digests(&conn)?)
    };
    checkpoint.check(&**store).await?;
    let projector = Projector::open(&Place::Memory, &**store).await?;
    let fresh = fold_to(&**store, projector, checkpoint.position, &mut |_| {}).await?;
    let computed = digests(fresh.connection())?;
    let differing = differing(&stored, &computed);
    Ok(VerifyReport {
        position: checkpoint.position,
        events: fresh.events(),
        accounts: computed.keys().filter(|name| !name.is_empty()).count(),
        differing: differing
            .iter()
            .map(|name| label(name).to_owned())
            .collect(),
        elapsed: began.elapsed(),
    })
}
