//! Rotation: everything in the keys' file sealed anew, under another master key, in one commit.

use ledger_core::ids::{ChannelId, CommandKey, OpaqueRef, Reference};
use rusqlite::{Connection, Transaction, params};

use crate::error::PersonsError;
use crate::layout::{INDEX_PLACE, put};
use crate::master::MasterId;
use crate::rows;
use crate::seal::SealKey;
use crate::store::{command_place, content_of, hashes_of, key_place};

/// What a rotation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// The master key now in force.
    pub master: MasterId,
    /// People whose data keys were sealed anew; 0 when it was in force already.
    pub persons: u64,
}

/// Rows read at once: bounds memory, costs nothing.
const PAGE_ROWS: i64 = 1_000;

pub(crate) fn run(
    connection: &mut Connection,
    old: &SealKey,
    (master, wrapping, index): (MasterId, &SealKey, &SealKey),
    done: &mut dyn FnMut(u64),
) -> Result<u64, PersonsError> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM keys.lookups", [])?;
    let mut persons = 0;
    let mut after = String::new();
    loop {
        let page = data_keys(&transaction, &after)?;
        let Some((last, _)) = page.last() else { break };
        last.as_str().clone_into(&mut after);
        for (person, sealed) in &page {
            one_person(&transaction, (old, wrapping, index), person, sealed)?;
            persons += 1;
        }
        done(persons);
    }
    commands(&transaction, old, wrapping)?;
    put(&transaction, "keys", "master", master.as_bytes())?;
    put(
        &transaction,
        "keys",
        "index",
        &wrapping.seal(INDEX_PLACE, index.bytes())?,
    )?;
    transaction.commit()?;
    Ok(persons)
}

fn data_keys(
    transaction: &Transaction<'_>,
    after: &str,
) -> Result<Vec<(OpaqueRef, Vec<u8>)>, PersonsError> {
    let mut statement = transaction.prepare_cached(
        "SELECT person, sealed FROM keys.data_keys WHERE person > ?1 ORDER BY person LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after, PAGE_ROWS], |row| {
        Ok((row.get::<_, String>(0)?, row.get(1)?))
    })?;
    rows.map(|row| {
        let (person, sealed) = row?;
        Ok((rows::reference(&person)?, sealed))
    })
    .collect()
}

fn one_person(
    transaction: &Transaction<'_>,
    (old, wrapping, index): (&SealKey, &SealKey, &SealKey),
    person: &OpaqueRef,
    sealed: &[u8],
) -> Result<(), PersonsError> {
    // The hashes first: the record is opened with the key as it is still stored.
    if let Some(row) = rows::row(transaction, person)?
        && let Some(record) = row.sealed
    {
        let content = content_of(transaction, old, person, (row.revision, &record))?;
        rows::put_lookups(transaction, person, &hashes_of(index, &content))?;
    }
    let place = key_place(person);
    let data_key = old.open(&place, sealed)?;
    rows::put_data_key(transaction, person, &wrapping.seal(&place, &data_key)?)
}

fn commands(
    transaction: &Transaction<'_>,
    old: &SealKey,
    wrapping: &SealKey,
) -> Result<(), PersonsError> {
    let mut after: i64 = 0;
    loop {
        let page = command_page(transaction, after)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.0;
        for (row, key, content) in &page {
            let place = command_place(key);
            let content = wrapping.seal(&place, &old.open(&place, content)?)?;
            transaction
                .prepare_cached("UPDATE keys.commands SET content = ?2 WHERE rowid = ?1")?
                .execute(params![row, content])?;
        }
    }
}

fn command_page(
    transaction: &Transaction<'_>,
    after: i64,
) -> Result<Vec<(i64, CommandKey, Vec<u8>)>, PersonsError> {
    let mut statement = transaction.prepare_cached(
        "SELECT rowid, channel, reference, content FROM keys.commands
         WHERE rowid > ?1 AND content IS NOT NULL ORDER BY rowid LIMIT ?2",
    )?;
    let rows = statement.query_map(params![after, PAGE_ROWS], |row| {
        let names: (String, String) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, i64>(0)?, names, row.get::<_, Vec<u8>>(3)?))
    })?;
    rows.map(|row| {
        let (row, (channel, reference), content) = row?;
        let odd = |_| PersonsError::Damaged {
            what: "a remembered command".to_owned(),
        };
        let key = CommandKey {
            channel: ChannelId::parse(&channel).map_err(odd)?,
            reference: Reference::parse(&reference).map_err(odd)?,
        };
        Ok((row, key, content))
    })
    .collect()
}
