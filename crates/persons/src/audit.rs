//! The audit trail: who did or looked at what, whose, and when; never a value.

use ledger_core::ids::{Actor, OpaqueRef};
use ledger_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::answers::By;
use crate::error::PersonsError;
use crate::rows::{instant, reference};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A person was added.
    Add,
    /// A person's data were asked for.
    Show,
    /// A person's data were changed.
    Update,
    /// A person was erased.
    Erase,
    /// Someone was sought by a telephone.
    FindTelephone,
    /// Someone was sought by an identity number.
    FindIdentityNumber,
}

impl Act {
    const ALL: [Self; 6] = [
        Self::Add,
        Self::Show,
        Self::Update,
        Self::Erase,
        Self::FindTelephone,
        Self::FindIdentityNumber,
    ];

    /// As stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Show => "show",
            Self::Update => "update",
            Self::Erase => "erase",
            Self::FindTelephone => "find-telephone",
            Self::FindIdentityNumber => "find-identity-number",
        }
    }

    /// Writes a line, in the caller's transaction.
    pub(crate) fn note(
        self,
        connection: &Connection,
        by: &By,
        person: Option<&OpaqueRef>,
        found: u32,
    ) -> Result<(), PersonsError> {
        connection
            .prepare_cached(
                "INSERT INTO main.audit (at, actor, act, person, found) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                by.at.as_millis(),
                by.actor.as_str(),
                self.as_str(),
                person.map(OpaqueRef::as_str),
                found
            ])?;
        Ok(())
    }

    /// Tells the process's own log too, for whoever collects it elsewhere.
    pub(crate) fn trace(self, by: &By, person: Option<&OpaqueRef>, found: u32) {
        let person = person.map_or("-", OpaqueRef::as_str);
        tracing::info!(act = self.as_str(), actor = %by.actor, person, found, "persons: audit");
    }
}

/// A line of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Number, from 1, rising.
    pub seq: u64,
    /// When, UTC.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub act: Act,
    /// Whose; `None` for a search, and for a reference that nobody has.
    pub person: Option<OpaqueRef>,
    /// How many people were found, shown or touched.
    pub found: u32,
}

/// A page of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Oldest first.
    pub lines: Vec<AuditLine>,
    /// There is more after the last of them.
    pub more: bool,
}

pub(crate) fn page(
    connection: &Connection,
    person: Option<&OpaqueRef>,
    after: u64,
    limit: usize,
) -> Result<AuditPage, PersonsError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at, actor, act, person, found FROM main.audit
         WHERE seq > ?1 AND (?2 IS NULL OR person = ?2) ORDER BY seq LIMIT ?3",
    )?;
    let asked = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_map(
        params![after, person.map(OpaqueRef::as_str), asked],
        |row| {
            let texts: (String, String, Option<String>) = (row.get(2)?, row.get(3)?, row.get(4)?);
            let numbers: (i64, i64, u32) = (row.get(0)?, row.get(1)?, row.get(5)?);
            Ok((numbers, texts))
        },
    )?;
    let odd = |what: &str| PersonsError::Damaged {
        what: format!("{what} of the audit trail"),
    };
    let mut lines = Vec::new();
    for row in rows {
        let ((seq, at, found), (actor, act, person)) = row?;
        let named = Act::ALL.into_iter().find(|known| known.as_str() == act);
        lines.push(AuditLine {
            seq: seq.cast_unsigned(),
            at: instant(at)?,
            actor: Actor::parse(&actor).map_err(|_| odd("an actor"))?,
            act: named.ok_or_else(|| odd("an act"))?,
            person: person.as_deref().map(reference).transpose()?,
            found,
        });
    }
    let more = lines.len() > limit;
    lines.truncate(limit);
    Ok(AuditPage { lines, more })
}
