//! The account's number (K1): the id it was opened under, until another is given.
//!
//! The id names the account's stream and its receipts for ever. That nobody else has, or ever had, the
//! number is for the claims to say, which see all accounts; here stands only what the account itself knows.

use super::draft::Draft;
use super::{Account, Lifecycle};
use crate::application::is_execution;
use crate::event::{AccountEvent, AccountRenumbered};
use crate::ids::{AccountId, ApplicationId};
use crate::rejection::{DeskRefusal, Rejection};

impl Account {
    /// The number it goes by now.
    #[must_use]
    pub fn number(&self) -> &AccountId {
        self.number.as_ref().unwrap_or(&self.id)
    }

    /// The number is reserved for the consumer of an application (E14): only its execution opens it.
    pub fn reserve(&mut self, application: ApplicationId) {
        assert!(
            self.lifecycle() == Lifecycle::Unborn,
            "a number is reserved before its account is opened"
        );
        self.reserved = Some(application);
    }

    pub(super) fn fold_renumbered(&mut self, e: &AccountRenumbered) {
        self.number = Some(e.to.clone());
    }
}

/// Whether the account may be opened under its number: one that is reserved, by its application only.
pub(super) fn must_be_free(draft: &Draft<'_>) -> Result<(), Rejection> {
    let Some(application) = &draft.account.reserved else {
        return Ok(());
    };
    let key = draft.facts.key.as_ref();
    if key.is_some_and(|key| is_execution(key, application)) {
        return Ok(());
    }
    let number = draft.account.id().clone();
    Err(DeskRefusal::NumberTaken {
        holder: number.clone(),
        number,
    }
    .into())
}

/// Gives the account another number; the one it has already changes nothing.
pub(super) fn renumber(draft: &mut Draft<'_>, to: &AccountId) -> Result<(), Rejection> {
    let from = draft.account.number().clone();
    if from == *to {
        return Ok(());
    }
    if draft.account.id() == to {
        return Err(DeskRefusal::NumberTaken {
            number: to.clone(),
            holder: to.clone(),
        }
        .into());
    }
    draft.emit(AccountEvent::AccountRenumbered(AccountRenumbered {
        from,
        to: to.clone(),
    }));
    Ok(())
}
