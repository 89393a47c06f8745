//! A complaint (E16): recorded, acted on in several steps, rectified.
//!
//! Where it stands, what may come next and who may do it is one table ([`EDGES`]). What is said of a person
//! is kept with the document it names (C17). Deliberately absent: who of the line staff is sent where.

use serde::{Deserialize, Serialize};

use crate::application::Officer;
use crate::event::{ComplaintActed, ComplaintEvent, ComplaintRecorded};
use crate::ids::{AccountId, OpaqueRef};
use crate::rejection::{DeskRefusal, Rejection};
use crate::time::{LocalDate, Timestamp};

/// Longest text of an action, in characters.
const WHAT_CHARS_MAX: usize = 200;

/// What a complaint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComplaintKind {
    /// Supply is off or bad.
    Supply,
    /// The meter.
    Meter,
    /// A bill or a payment.
    Bill,
    /// Anything else.
    Other,
}

impl ComplaintKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Supply, Self::Meter, Self::Bill, Self::Other];

    /// Its stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Supply => "supply",
            Self::Meter => "meter",
            Self::Bill => "bill",
            Self::Other => "other",
        }
    }

    /// The kind of a stable word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == text)
    }
}

/// Where a complaint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ComplaintStage {
    /// No event yet.
    None,
    /// Recorded; nothing was done yet.
    Recorded,
    /// Something was done.
    UnderWay,
    /// Rectified: done.
    Rectified,
}

impl ComplaintStage {
    /// Every stage, in order.
    pub const ALL: [Self; 4] = [Self::None, Self::Recorded, Self::UnderWay, Self::Rectified];

    /// Its stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::Recorded => "recorded",
            Self::UnderWay => "under-way",
            Self::Rectified => "rectified",
        }
    }

    /// The stage of a stable word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.code() == text)
    }
}

/// What is done with a complaint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComplaintStep {
    /// It is recorded.
    Record,
    /// Something is done about it.
    Act,
    /// It is rectified.
    Rectify,
}

impl ComplaintStep {
    /// Every step, in order.
    pub const ALL: [Self; 3] = [Self::Record, Self::Act, Self::Rectify];

    /// Its word, for people.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Record => "recorded",
            Self::Act => "acted on",
            Self::Rectify => "rectified",
        }
    }
}

const COUNTER_OR_CELL: &[Officer] = &[Officer::Bcc, Officer::Ccc];
const CELL: &[Officer] = &[Officer::Ccc];

/// From where, by which step, by whom, to where: the whole life of a complaint, and no other way.
pub const EDGES: &[(ComplaintStage, ComplaintStep, &[Officer], ComplaintStage)] = &[
    (
        ComplaintStage::None,
        ComplaintStep::Record,
        COUNTER_OR_CELL,
        ComplaintStage::Recorded,
    ),
    (
        ComplaintStage::Recorded,
        ComplaintStep::Act,
        CELL,
        ComplaintStage::UnderWay,
    ),
    (
        ComplaintStage::UnderWay,
        ComplaintStep::Act,
        CELL,
        ComplaintStage::UnderWay,
    ),
    (
        ComplaintStage::Recorded,
        ComplaintStep::Rectify,
        CELL,
        ComplaintStage::Rectified,
    ),
    (
        ComplaintStage::UnderWay,
        ComplaintStep::Rectify,
        CELL,
        ComplaintStage::Rectified,
    ),
];

/// By whom, and where a step leads; none where the table has no such edge.
#[must_use]
pub fn next(
    from: ComplaintStage,
    step: ComplaintStep,
) -> Option<(&'static [Officer], ComplaintStage)> {
    let edge = EDGES
        .iter()
        .find(|(stage, by, _, _)| *stage == from && *by == step);
    edge.map(|(_, _, officers, to)| (*officers, *to))
}

/// What can be asked of a complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComplaintCommand {
    /// Records it.
    Record {
        /// What it is about.
        kind: ComplaintKind,
        /// Whose it is, where that is known.
        account: Option<AccountId>,
        /// The letter or the note of the call.
        document: OpaqueRef,
    },
    /// Records something that was done about it.
    Act {
        /// What; no names.
        what: String,
    },
    /// Records that it is rectified.
    Rectify {
        /// How; no names.
        what: String,
    },
}

impl ComplaintCommand {
    /// The step it is.
    #[must_use]
    pub const fn step(&self) -> ComplaintStep {
        match self {
            Self::Record { .. } => ComplaintStep::Record,
            Self::Act { .. } => ComplaintStep::Act,
            Self::Rectify { .. } => ComplaintStep::Rectify,
        }
    }
}

/// The folded state of a complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    stage: ComplaintStage,
    newest_at: Timestamp,
}

impl Default for Complaint {
    fn default() -> Self {
        Self {
            stage: ComplaintStage::None,
            newest_at: Timestamp::MIN,
        }
    }
}

impl Complaint {
    /// Where it stands.
    #[must_use]
    pub const fn stage(&self) -> ComplaintStage {
        self.stage
    }

    /// Time of its newest event.
    #[must_use]
    pub const fn newest_at(&self) -> Timestamp {
        self.newest_at
    }

    /// Folds one fact; never refuses history.
    pub fn evolve(&mut self, event: &ComplaintEvent, at: Timestamp) {
        assert!(
            at >= self.newest_at,
            "a complaint's events never run backwards in time"
        );
        self.newest_at = at;
        let to = next(self.stage, event.step());
        assert!(to.is_some(), "a complaint takes only the ways of its table");
        self.stage = to.map_or(self.stage, |(_, to)| to);
    }
}

/// Decides a step on its local day.
///
/// # Errors
/// The refusal: the step does not come next, is another officer's, or its input is wrong.
pub fn decide(
    complaint: &Complaint,
    by: &[Officer],
    today: LocalDate,
    command: &ComplaintCommand,
) -> Result<ComplaintEvent, Rejection> {
    must_come_next(complaint.stage, by, command.step())?;
    Ok(match command {
        ComplaintCommand::Record {
            kind,
            account,
            document,
        } => ComplaintEvent::Recorded(ComplaintRecorded {
            k: *kind,
            account: account.clone(),
            doc: document.clone(),
            d: today,
        }),
        ComplaintCommand::Act { what } => ComplaintEvent::ActedOn(acted(what, today)?),
        ComplaintCommand::Rectify { what } => ComplaintEvent::Rectified(acted(what, today)?),
    })
}

fn must_come_next(
    stage: ComplaintStage,
    by: &[Officer],
    step: ComplaintStep,
) -> Result<(), Rejection> {
    let refusal = match next(stage, step) {
        Some((officers, _)) if officers.iter().any(|one| by.contains(one)) => return Ok(()),
        Some((officers, _)) => {
            let words: Vec<&str> = officers.iter().map(|one| one.code()).collect();
            DeskRefusal::WrongOfficer {
                step: step.code().to_owned(),
                officer: words.join(" or "),
            }
        }
        None if stage == ComplaintStage::None => DeskRefusal::UnknownComplaint,
        None if step == ComplaintStep::Record => DeskRefusal::ComplaintExists,
        None => DeskRefusal::ComplaintRectified,
    };
    Err(refusal.into())
}

fn acted(what: &str, d: LocalDate) -> Result<ComplaintActed, Rejection> {
    let what = what.trim();
    if what.is_empty() || what.chars().count() > WHAT_CHARS_MAX {
        return Err(Rejection::BadInput {
            field: "what".to_owned(),
            reason: format!("1 to {WHAT_CHARS_MAX} characters, without names"),
        });
    }
    Ok(ComplaintActed {
        why: what.to_owned(),
        d,
    })
}
