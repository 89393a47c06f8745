//! The schemes this process serves, by name, each with its versions over time (C12).
//!
//! An account says which scheme it belongs to; money that belongs to no account goes by the first one. A
//! version from the log is added while the process runs, and holds from its own first instant on; nothing
//! is ever taken out. Absent on purpose: reading files.

use std::sync::{Arc, PoisonError, RwLock};

use ledger_core::account::Account;
use ledger_core::command::Command;
use ledger_core::event::SchemePublished;
use ledger_core::scheme::SchemePolicy;

/// The schemes of this process. Cheap to clone; clones see each other's versions.
#[derive(Clone)]
pub struct Policies {
    /// The newest version of each, which knows those before it; the first scheme is the default.
    newest: Arc<RwLock<Vec<Arc<SchemePolicy>>>>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.all();
        f.debug_list()
            .entries(all.iter().map(|policy| policy.policy_version()))
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
        if all.is_empty() {
            return Err(PolicyError::None);
        }
        for (place, policy) in all.iter().enumerate() {
            if all
                .iter()
                .skip(place + 1)
                .any(|other| other.name() == policy.name())
            {
                return Err(PolicyError::Twice(policy.name().to_owned()));
            }
        }
        let newest = all.into_iter().map(Arc::new).collect();
        Ok(Self {
            newest: Arc::new(RwLock::new(newest)),
        })
    }

    /// The scheme of new accounts, and of money without an account.
    #[must_use]
    pub fn default_policy(&self) -> Arc<SchemePolicy> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        let first = newest.first().map(Arc::clone);
        assert!(first.is_some(), "at least one scheme is served");
        #[expect(clippy::unwrap_used, reason = "asserted above")]
        first.unwrap()
    }

    /// A scheme by name: its newest version, which knows those before it.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Arc<SchemePolicy>> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        newest
            .iter()
            .find(|policy| policy.name() == name)
            .map(Arc::clone)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<SchemePolicy>> {
        self.newest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The scheme that judges a command: the account's own, or the one in which it is to be opened.
    pub(crate) fn judging(&self, account: &Account, command: &Command) -> Arc<SchemePolicy> {
        if let Some(open) = command.opening()
            && account.scheme().is_empty()
            && let Some(named) = open.scheme.as_deref().and_then(|name| self.named(name))
        {
            return named;
        }
        self.of(account)
    }

    /// The scheme of an account; an account not yet opened will belong to the first.
    pub(crate) fn of(&self, account: &Account) -> Arc<SchemePolicy> {
        let known = self.named(account.scheme());
        assert!(
            known.is_some() || account.scheme().is_empty(),
            "accounts of unknown schemes are not loaded"
        );
        known.unwrap_or_else(|| self.default_policy())
    }

    /// Takes in the versions of a scheme that are on record, oldest first. Those that are known already
    /// change nothing; where the record and a file disagree about a version, the record counts.
    ///
    /// # Errors
    /// A text that says which version cannot be read by this program.
    pub(crate) fn adopt(&self, published: &[SchemePublished]) -> Result<(), String> {
        let Some(name) = published.first().map(|version| version.scheme.clone()) else {
            return Ok(());
        };
        let mut versions = Vec::with_capacity(published.len() + 1);
        for version in published {
            let policy = SchemePolicy::from_toml(&version.text).map_err(|error| {
                format!("version {} of scheme {name}: {error}", version.version)
            })?;
            versions.push(policy);
        }
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = newest.iter_mut().find(|policy| policy.name() == name) else {
            return Ok(());
        };
        let mut known = Some(Arc::clone(place));
        while let Some(policy) = known {
            if !versions.iter().any(|v| v.version() == policy.version()) {
                versions.push((*policy).clone());
            }
            known = policy.earlier().map(Arc::clone);
        }
        versions.sort_by_key(SchemePolicy::version);
        let mut chain: Option<Arc<SchemePolicy>> = None;
        for version in versions {
            chain = Some(Arc::new(match chain {
                Some(earlier) => version.succeeding(earlier),
                None => version,
            }));
        }
        if let Some(chain) = chain {
            *place = chain;
        }
        Ok(())
    }
}
