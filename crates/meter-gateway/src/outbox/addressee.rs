//! To whom a notification goes, and by what (U4, C17, C18): the opaque reference of whoever is responsible
//! for the account's payments, and the media that the account's scheme names for this kind.
//!
//! Owns no telephone numbers and no addresses: the sender to the outside has those, under the reference.
//! Looked up when the message is made, so that it goes to who is responsible now.

use ledger_core::ids::AccountId;
use ledger_core::scheme::{Medium, NotificationPolicy};
use ledger_service::{Ledger, ServiceError};

/// What a notification says of its addressee.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Addressee {
    /// Record of the person; none where nobody was named.
    pub(super) person: Option<String>,
    /// By what, for each kind.
    pub(super) media: NotificationPolicy,
}

impl Addressee {
    /// Of an account's stream; nobody where there is no such account.
    pub(super) async fn of(ledger: &Ledger, stream: &str) -> Result<Self, ServiceError> {
        let id = stream.strip_prefix("account-").map(AccountId::parse);
        let Some(Ok(id)) = id else {
            return Ok(Self::default());
        };
        let Some(view) = ledger.account(&id).await? else {
            return Ok(Self::default());
        };
        let policy = ledger.policies().named(view.account.scheme());
        let person = view.account.responsible();
        Ok(Self {
            person: person.map(|responsible| responsible.person.to_string()),
            media: policy
                .map(|policy| policy.notifications().clone())
                .unwrap_or_default(),
        })
    }

    /// By what a notification of this kind is sent.
    pub(super) fn media(&self, kind: &str) -> &[Medium] {
        match kind {
            "receipt" => &self.media.receipt,
            "low-credit" => &self.media.low_credit,
            "debt-agreed" | "debt-rescheduled" => &self.media.debt,
            "disconnected" | "reconnected" => &self.media.supply,
            "account-closed" => &self.media.closing,
            "renumbered" => &self.media.renumbering,
            _ => &[],
        }
    }
}
