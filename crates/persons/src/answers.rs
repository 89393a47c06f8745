//! What the store is told and what it answers: who acts, reasons, counts, results. Only [`Shown`] holds
//! personal data.

use ledger_core::ids::{Actor, OpaqueRef};
use ledger_core::time::Timestamp;

use crate::form::Content;

/// Who does it, and when.
#[derive(Debug, Clone)]
pub struct By {
    /// Who, by a key's name or an opaque staff id.
    pub actor: Actor,
    /// When, UTC.
    pub at: Timestamp,
}

/// Why a person is erased. A closed list: a free text would be a place for what is being erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureReason {
    /// The person asked for it.
    Request,
    /// The period for which it may be kept is over.
    Retention,
    /// It was entered by mistake.
    Mistake,
    /// An authority ordered it.
    Order,
}

impl ErasureReason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Request, Self::Retention, Self::Mistake, Self::Order];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
            Self::Mistake => "mistake",
            Self::Order => "order",
        }
    }

    /// By its name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}

/// How many entries of each kind a record has, or had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Identity numbers.
    pub identity_numbers: u32,
    /// Telephones.
    pub telephones: u32,
    /// E-mail addresses.
    pub emails: u32,
}

/// A person was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The opaque reference.
    pub person: OpaqueRef,
    /// The same command had been answered before.
    pub duplicate: bool,
    /// Other people with one of these identity numbers: perhaps the same person, entered twice.
    pub same_identity: Vec<OpaqueRef>,
}

/// A person's record as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Who.
    pub person: OpaqueRef,
    /// The data.
    pub content: Content,
    /// Counts up with every change, from 1.
    pub revision: u64,
    /// When added, UTC.
    pub added_at: Timestamp,
    /// When last changed, UTC.
    pub updated_at: Timestamp,
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Updated {
    /// The revision now.
    pub revision: u64,
    /// `false`: everything was so already.
    pub changed: bool,
}

/// What was erased, when and why; the same for ever, however often it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Who.
    pub person: OpaqueRef,
    /// When, UTC.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// Why.
    pub reason: ErasureReason,
    /// Document of the decision.
    pub document: Option<OpaqueRef>,
    /// What the record had beside the name; all of it is gone, and so is its key.
    pub counts: Counts,
    /// It had been erased before; nothing was done now.
    pub again: bool,
}

/// Whether a record is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is.
    Kept,
    /// It was erased.
    Erased {
        /// When, UTC.
        at: Timestamp,
        /// Why.
        reason: ErasureReason,
    },
}

/// A line of a list: nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Who.
    pub person: OpaqueRef,
    /// When added, UTC.
    pub added_at: Timestamp,
    /// When last changed, UTC.
    pub updated_at: Timestamp,
    /// Whether it is there.
    pub state: State,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In the order of the references.
    pub items: Vec<Listed>,
    /// There is more after the last of them.
    pub more: bool,
}
