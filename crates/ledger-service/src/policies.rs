//! The schemes this process serves, by name.
//!
//! An account says which scheme it belongs to; money that belongs to no account goes by the first one.
//! Absent on purpose: reading files, and changing a policy while the process runs.

use std::sync::Arc;

use ledger_core::account::Account;
use ledger_core::command::Command;
use ledger_core::scheme::SchemePolicy;

/// The schemes of this process.
#[derive(Clone)]
pub struct Policies {
    all: Vec<Arc<SchemePolicy>>,
    default: Arc<SchemePolicy>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.all.iter().map(|policy| policy.name()))
            .finish()
    }
}

/// Schemes that cannot be served together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// None was given.
    #[error("no scheme is configured: name at least one")]
    None,
    /// One was given twice.
    #[error("scheme {0:?} is configured twice: name each once")]
    Twice(String),
}

impl Policies {
    /// The schemes to serve; new accounts and money without an account go by the first.
    ///
    /// # Errors
    /// When there is none, or one stands twice.
    pub fn new(all: Vec<SchemePolicy>) -> Result<Self, PolicyError> {
        let all: Vec<Arc<SchemePolicy>> = all.into_iter().map(Arc::new).collect();
        let default = all.first().cloned().ok_or(PolicyError::None)?;
        for (place, policy) in all.iter().enumerate() {
            if all
                .iter()
                .skip(place + 1)
                .any(|other| other.name() == policy.name())
            {
                return Err(PolicyError::Twice(policy.name().to_owned()));
            }
        }
        Ok(Self { all, default })
    }

    /// The scheme of new accounts, and of money without an account.
    #[must_use]
    pub fn default_policy(&self) -> &Arc<SchemePolicy> {
        &self.default
    }

    /// A scheme by name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<SchemePolicy>> {
        self.all.iter().find(|policy| policy.name() == name)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<SchemePolicy>> {
        self.all.iter()
    }

    /// The scheme that judges a command: the account's own, or the one in which it is to be opened.
    pub(crate) fn judging(&self, account: &Account, command: &Command) -> &Arc<SchemePolicy> {
        if let Command::OpenAccount(open) = command
            && account.scheme().is_empty()
            && let Some(named) = open.scheme.as_deref().and_then(|name| self.named(name))
        {
            return named;
        }
        self.of(account)
    }

    /// The scheme of an account; an account not yet opened will belong to the first.
    pub(crate) fn of(&self, account: &Account) -> &Arc<SchemePolicy> {
        let known = self.named(account.scheme());
        assert!(
            known.is_some() || account.scheme().is_empty(),
            "accounts of unknown schemes are not loaded"
        );
        known.unwrap_or(&self.default)
    }
}
