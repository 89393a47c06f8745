//! Payloads of a complaint's facts, in `complaint-<id>` (E16).

use serde::{Deserialize, Serialize};

use crate::complaint::{ComplaintKind, ComplaintStep};
use crate::ids::{AccountId, OpaqueRef};
use crate::time::LocalDate;

/// A fact of a complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComplaintEvent {
    /// It was recorded.
    Recorded(ComplaintRecorded),
    /// Something was done about it.
    ActedOn(ComplaintActed),
    /// It was rectified.
    Rectified(ComplaintActed),
}

impl ComplaintEvent {
    /// The step it records.
    #[must_use]
    pub const fn step(&self) -> ComplaintStep {
        match self {
            Self::Recorded(_) => ComplaintStep::Record,
            Self::ActedOn(_) => ComplaintStep::Act,
            Self::Rectified(_) => ComplaintStep::Rectify,
        }
    }
}

/// `complaint-recorded.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplaintRecorded {
    /// What it is about.
    pub k: ComplaintKind,
    /// Whose it is, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The letter or the note of the call.
    pub doc: OpaqueRef,
    /// Local date: the day of the register.
    pub d: LocalDate,
}

/// `complaint-acted-on.v1`, `complaint-rectified.v1`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplaintActed {
    /// What was done; no names.
    pub why: String,
    /// Local date.
    pub d: LocalDate,
}
