//! The statements: rows in and out of the two files, by name.

use ledger_core::ids::{Actor, CommandKey, OpaqueRef};
use ledger_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::answers::{Counts, ErasureReason, Listed, Page, State};
use crate::error::PersonsError;
use crate::store::Hashed;

/// What is left of an erased person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tombstone {
    pub(crate) at: Timestamp,
    pub(crate) by: Actor,
    pub(crate) reason: ErasureReason,
    pub(crate) document: Option<OpaqueRef>,
}

/// A row of the records.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) revision: u64,
    pub(crate) added_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) counts: Counts,
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) tombstone: Option<Tombstone>,
}

/// A stored value that this program could not have written.
fn odd(what: &str) -> PersonsError {
    PersonsError::Damaged {
        what: what.to_owned(),
    }
}

/// An instant from its stored form.
pub(crate) fn instant(ms: i64) -> Result<Timestamp, PersonsError> {
    Timestamp::checked_from_millis(ms).ok_or_else(|| odd("a time"))
}

/// A reference from its stored form.
pub(crate) fn reference(text: &str) -> Result<OpaqueRef, PersonsError> {
    OpaqueRef::parse(text).map_err(|_| odd("a reference"))
}

type StoredTombstone = (Option<i64>, Option<String>, Option<String>, Option<String>);

fn tombstone_of(stored: StoredTombstone) -> Result<Option<Tombstone>, PersonsError> {
    let (Some(at), Some(by), Some(reason), document) = stored else {
        return Ok(None);
    };
    Ok(Some(Tombstone {
        at: instant(at)?,
        by: Actor::parse(&by).map_err(|_| odd("an actor"))?,
        reason: ErasureReason::parse(&reason).ok_or_else(|| odd("a reason"))?,
        document: document.as_deref().map(reference).transpose()?,
    }))
}

/// A person's row.
pub(crate) fn row(
    connection: &Connection,
    person: &OpaqueRef,
) -> Result<Option<Row>, PersonsError> {
    let mut statement = connection.prepare_cached(
        "SELECT revision, added_at, updated_at, identity_numbers, telephones, emails, sealed,
                erased_at, erased_by, erased_reason, erased_document
         FROM main.persons WHERE person = ?1",
    )?;
    let found = statement
        .query_row(params![person.as_str()], |row| {
            let counts = Counts {
                identity_numbers: row.get(3)?,
                telephones: row.get(4)?,
                emails: row.get(5)?,
            };
            let times: (i64, i64) = (row.get(1)?, row.get(2)?);
            let tombstone: StoredTombstone = (row.get(7)?, row.get(8)?, row.get(9)?, row.get(10)?);
            let revision: i64 = row.get(0)?;
            let sealed: Option<Vec<u8>> = row.get(6)?;
            Ok((revision, times, counts, sealed, tombstone))
        })
        .optional()?;
    let Some((revision, times, counts, sealed, tombstone)) = found else {
        return Ok(None);
    };
    Ok(Some(Row {
        revision: revision.cast_unsigned(),
        added_at: instant(times.0)?,
        updated_at: instant(times.1)?,
        counts,
        sealed,
        tombstone: tombstone_of(tombstone)?,
    }))
}

/// Adds a person's row.
pub(crate) fn insert(
    connection: &Connection,
    person: &OpaqueRef,
    at: Timestamp,
    (counts, sealed): (Counts, &[u8]),
) -> Result<(), PersonsError> {
    connection.prepare_cached(
        "INSERT INTO main.persons (person, revision, added_at, updated_at, identity_numbers, telephones, emails, sealed)
         VALUES (?1, 1, ?2, ?2, ?3, ?4, ?5, ?6)",
    )?.execute(params![
        person.as_str(),
        at.as_millis(),
        counts.identity_numbers,
        counts.telephones,
        counts.emails,
        sealed
    ])?;
    Ok(())
}

/// Replaces a person's sealed record.
pub(crate) fn update(
    connection: &Connection,
    person: &OpaqueRef,
    (revision, at): (u64, Timestamp),
    (counts, sealed): (Counts, &[u8]),
) -> Result<(), PersonsError> {
    connection
        .prepare_cached(
            "UPDATE main.persons SET revision = ?2, updated_at = ?3, identity_numbers = ?4,
                telephones = ?5, emails = ?6, sealed = ?7 WHERE person = ?1",
        )?
        .execute(params![
            person.as_str(),
            revision.cast_signed(),
            at.as_millis(),
            counts.identity_numbers,
            counts.telephones,
            counts.emails,
            sealed
        ])?;
    Ok(())
}

/// Destroys data, data key, hashes and remembered content; leaves a tombstone in both files.
pub(crate) fn erase(
    connection: &Connection,
    person: &OpaqueRef,
    tombstone: &Tombstone,
) -> Result<(), PersonsError> {
    let document = tombstone.document.as_ref().map(OpaqueRef::as_str);
    let values = params![
        person.as_str(),
        tombstone.at.as_millis(),
        tombstone.by.as_str(),
        tombstone.reason.as_str(),
        document
    ];
    connection.execute(
        "UPDATE main.persons SET sealed = NULL, erased_at = ?2, erased_by = ?3, erased_reason = ?4,
            erased_document = ?5 WHERE person = ?1",
        values,
    )?;
    connection.execute(
        "INSERT OR IGNORE INTO keys.tombstones (person, erased_at, erased_by, erased_reason, erased_document)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        values,
    )?;
    for sql in [
        "DELETE FROM keys.data_keys WHERE person = ?1",
        "DELETE FROM keys.lookups WHERE person = ?1",
        "UPDATE keys.commands SET content = NULL WHERE person = ?1",
    ] {
        connection.execute(sql, params![person.as_str()])?;
    }
    Ok(())
}

/// A page of the list.
pub(crate) fn list(
    connection: &Connection,
    after: Option<&OpaqueRef>,
    limit: usize,
) -> Result<Page, PersonsError> {
    let mut statement = connection.prepare_cached(
        "SELECT person, added_at, updated_at, erased_at, erased_reason
         FROM main.persons WHERE person > ?1 ORDER BY person LIMIT ?2",
    )?;
    let asked = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let rows = statement.query_map(params![after.map_or("", OpaqueRef::as_str), asked], |row| {
        let erased: (Option<i64>, Option<String>) = (row.get(3)?, row.get(4)?);
        let times: (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, String>(0)?, times, erased))
    })?;
    let mut items = Vec::new();
    for row in rows {
        let (person, times, erased) = row?;
        let state = match erased {
            (Some(at), Some(reason)) => State::Erased {
                at: instant(at)?,
                reason: ErasureReason::parse(&reason).ok_or_else(|| odd("a reason"))?,
            },
            (Some(_) | None, _) => State::Kept,
        };
        items.push(Listed {
            person: reference(&person)?,
            added_at: instant(times.0)?,
            updated_at: instant(times.1)?,
            state,
        });
    }
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Page { items, more })
}

/// The sealed data key of a person.
pub(crate) fn data_key(
    connection: &Connection,
    person: &OpaqueRef,
) -> Result<Option<Vec<u8>>, PersonsError> {
    Ok(connection
        .prepare_cached("SELECT sealed FROM keys.data_keys WHERE person = ?1")?
        .query_row(params![person.as_str()], |row| row.get(0))
        .optional()?)
}

/// Keeps a sealed data key in the place of the one before.
pub(crate) fn put_data_key(
    connection: &Connection,
    person: &OpaqueRef,
    sealed: &[u8],
) -> Result<(), PersonsError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO keys.data_keys (person, sealed) VALUES (?1, ?2)")?
        .execute(params![person.as_str(), sealed])?;
    Ok(())
}

/// Keeps what a person is found by, instead of what it was before.
pub(crate) fn put_lookups(
    connection: &Connection,
    person: &OpaqueRef,
    hashes: &[Hashed],
) -> Result<(), PersonsError> {
    connection
        .prepare_cached("DELETE FROM keys.lookups WHERE person = ?1")?
        .execute(params![person.as_str()])?;
    // Two spellings of one identity number are one hash.
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO keys.lookups (kind, hash, person) VALUES (?1, ?2, ?3)",
    )?;
    for (kind, hash) in hashes {
        insert.execute(params![kind.number(), hash, person.as_str()])?;
    }
    Ok(())
}

/// Who is found by a hash.
pub(crate) fn find(
    connection: &Connection,
    (kind, hash): &Hashed,
    limit: usize,
) -> Result<Vec<OpaqueRef>, PersonsError> {
    let mut statement = connection.prepare_cached(
        "SELECT person FROM keys.lookups WHERE kind = ?1 AND hash = ?2 ORDER BY person LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![kind.number(), hash, limit], |row| {
        row.get::<_, String>(0)
    })?;
    rows.map(|row| reference(&row?)).collect()
}

/// Keeps what a command came to.
pub(crate) fn put_command(
    connection: &Connection,
    key: &CommandKey,
    person: &OpaqueRef,
    content: &[u8],
) -> Result<(), PersonsError> {
    connection.execute(
        "INSERT INTO keys.commands (channel, reference, person, content) VALUES (?1, ?2, ?3, ?4)",
        params![
            key.channel.as_str(),
            key.reference.as_str(),
            person.as_str(),
            content
        ],
    )?;
    Ok(())
}

/// Whom a command added, when its content is the `same`; `None` when there was no such command.
pub(crate) fn command(
    connection: &Connection,
    key: &CommandKey,
    same: impl FnOnce(&[u8]) -> Result<bool, PersonsError>,
) -> Result<Option<OpaqueRef>, PersonsError> {
    let found = connection
        .query_row(
            "SELECT person, content FROM keys.commands WHERE channel = ?1 AND reference = ?2",
            params![key.channel.as_str(), key.reference.as_str()],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)),
        )
        .optional()?;
    let Some((person, content)) = found else {
        return Ok(None);
    };
    let person = reference(&person)?;
    match content {
        Some(content) if same(&content)? => Ok(Some(person)),
        Some(_) => Err(PersonsError::KeyConflict),
        None => Err(erased_error(connection, person)?),
    }
}

fn erased_error(connection: &Connection, person: OpaqueRef) -> Result<PersonsError, PersonsError> {
    let tombstone = row(connection, &person)?.and_then(|row| row.tombstone);
    Ok(match tombstone {
        Some(tombstone) => PersonsError::Erased {
            person,
            at: tombstone.at,
            reason: tombstone.reason,
        },
        None => PersonsError::Unknown(person),
    })
}
