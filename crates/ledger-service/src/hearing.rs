//! Hearing what other processes have written, where the store is shared with others: whose a meter or a number
//! is, which credit is on its way, and which versions of schemes are on record.
//!
//! Accounts need none of it: their own streams are looked at when they decide. Where nobody else writes, nothing
//! happens here.

use std::sync::atomic::Ordering;

use event_store::{Position, ReadError};

use crate::api::ServiceError;
use crate::publishing;
use crate::service::{Ledger, StartError};

impl Ledger {
    /// Hears what others have written up to now, where others write too: whose a meter or a number is, and by
    /// which rules it goes, must not be answered from what was.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn hear(&self) -> Result<(), ServiceError> {
        let heard = self.0.registry.refresh(&*self.0.store).await;
        heard.map_err(StartError::from)?;
        let published = self.0.registry.published();
        if self.0.adopted.load(Ordering::SeqCst) < published {
            publishing::load(&*self.0.store, self.policies()).await?;
            self.0.adopted.fetch_max(published, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The same up to a position, for whoever was told of it by another process.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn hear_up_to(&self, position: Position) -> Result<(), ServiceError> {
        if self.0.registry.has_seen(position) {
            return Ok(());
        }
        self.hear().await
    }
}

impl From<StartError> for ServiceError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Read(ReadError::Unavailable(why)) => Self::Unavailable(why),
            StartError::Read(ReadError::Damaged(_)) | StartError::Damaged(_) => {
                Self::Damaged(error.to_string())
            }
        }
    }
}
