//! Putting the two files in order when they are opened: one of them may come from an older backup.
//!
//! Both hold the tombstones, so that whoever was erased stays erased whichever file is restored. What cannot
//! be mended is counted and told: records whose key is missing (older keys), keys whose record is (older
//! records).

use rusqlite::Connection;

use crate::error::PersonsError;

/// What opening found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// People whom one file knew as erased and the other did not; they are erased in both now.
    pub erased_again: u64,
    /// Records that nobody can read: their data keys are missing.
    pub keys_missing: u64,
    /// Data keys without a record.
    pub records_missing: u64,
}

/// Erasures that only the keys' file knows, taken over into the records; then those that only the records
/// know; then everything that must not be there any more.
const IN_ORDER: [&str; 6] = [
    "INSERT INTO main.persons (person, revision, added_at, updated_at, identity_numbers, telephones, emails,
        erased_at, erased_by, erased_reason, erased_document)
     SELECT person, 1, erased_at, erased_at, 0, 0, 0, erased_at, erased_by, erased_reason, erased_document
     FROM keys.tombstones WHERE person NOT IN (SELECT person FROM main.persons)",
    "UPDATE main.persons AS p SET sealed = NULL, erased_at = t.erased_at, erased_by = t.erased_by,
        erased_reason = t.erased_reason, erased_document = t.erased_document
     FROM keys.tombstones AS t WHERE t.person = p.person AND p.sealed IS NOT NULL",
    "INSERT INTO keys.tombstones (person, erased_at, erased_by, erased_reason, erased_document)
     SELECT person, erased_at, erased_by, erased_reason, erased_document FROM main.persons
     WHERE sealed IS NULL AND person NOT IN (SELECT person FROM keys.tombstones)",
    "DELETE FROM keys.data_keys WHERE person IN (SELECT person FROM keys.tombstones)",
    "DELETE FROM keys.lookups WHERE person IN (SELECT person FROM keys.tombstones)",
    "UPDATE keys.commands SET content = NULL
     WHERE content IS NOT NULL AND person IN (SELECT person FROM keys.tombstones)",
];

const ERASED_IN_ONE: &str = "
SELECT (SELECT count(*) FROM keys.tombstones AS t LEFT JOIN main.persons AS p ON p.person = t.person
        WHERE p.person IS NULL OR p.sealed IS NOT NULL)
     + (SELECT count(*) FROM main.persons WHERE sealed IS NULL
        AND person NOT IN (SELECT person FROM keys.tombstones))";
const KEYS_MISSING: &str = "SELECT count(*) FROM main.persons
    WHERE sealed IS NOT NULL AND person NOT IN (SELECT person FROM keys.data_keys)";
const RECORDS_MISSING: &str = "SELECT count(*) FROM keys.data_keys
    WHERE person NOT IN (SELECT person FROM main.persons)";

pub(crate) fn run(connection: &mut Connection) -> Result<Reconciled, PersonsError> {
    let transaction = connection.transaction()?;
    let count = |sql: &str| {
        transaction
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map(i64::cast_unsigned)
    };
    let erased_again = count(ERASED_IN_ONE)?;
    if erased_again > 0 {
        for sql in IN_ORDER {
            transaction.execute(sql, [])?;
        }
    }
    let reconciled = Reconciled {
        erased_again,
        keys_missing: count(KEYS_MISSING)?,
        records_missing: count(RECORDS_MISSING)?,
    };
    transaction.commit()?;
    if reconciled != Reconciled::default() {
        tracing::warn!(
            erased_again,
            keys_missing = reconciled.keys_missing,
            records_missing = reconciled.records_missing,
            "persons: one of the two files comes from an older copy"
        );
    }
    Ok(reconciled)
}
