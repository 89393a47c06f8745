//! The account's number (K1): the id it was opened under, until another is given.
//!
//! The id names the account's stream and its receipts for ever. That nobody else has, or ever had, the
//! number is for the claims to say, which see all accounts; here stands only what the account itself knows.

use super::Account;
use super::draft::Draft;
use crate::event::{AccountEvent, AccountRenumbered};
use crate::ids::AccountId;
use crate::rejection::{DeskRefusal, Rejection};

impl Account {
    /// The number it goes by now.
    #[must_use]
    pub fn number(&self) -> &AccountId {
        self.number.as_ref().unwrap_or(&self.id)
    }

    pub(super) fn fold_renumbered(&mut self, e: &AccountRenumbered) {
        self.number = Some(e.to.clone());
    }
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
