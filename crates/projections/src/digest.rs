//! Digests of all rows, an account each: two read models that agree have equal ones.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::error::ReadModelError;
use crate::sql::tables;

/// Digest of every account's rows; under the empty name that of the rows that belong to no account.
pub(crate) type Digests = BTreeMap<String, [u8; 32]>;

/// Reads every row once.
pub(crate) fn digests(conn: &Connection) -> Result<Digests, ReadModelError> {
    let mut all = Digests::new();
    for table in tables() {
        for sql in table.digests {
            add(conn, sql, &mut all)
                .map_err(ReadModelError::sql(format!("reading {}", table.projection)))?;
        }
    }
    Ok(all)
}

/// Each row is hashed together with what its account's digest was before.
fn add(conn: &Connection, sql: &str, all: &mut Digests) -> rusqlite::Result<()> {
    let mut statement = conn.prepare(sql)?;
    let width = statement.column_count();
    let mut rows = statement.query([])?;
    let mut bytes = Vec::with_capacity(256);
    while let Some(row) = rows.next()? {
        let account = row.get_ref(0)?.as_str().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(sql.as_bytes());
        for at in 1..width {
            write(&mut bytes, row.get_ref(at)?);
        }
        match all.get_mut(account) {
            Some(digest) => *digest = chain(digest, &bytes),
            None => {
                all.insert(account.to_owned(), chain(&[0; 32], &bytes));
            }
        }
    }
    Ok(())
}

fn chain(before: &[u8; 32], row: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(row);
    *hasher.finalize().as_bytes()
}

/// Kind, length and content, so that no two rows look alike.
fn write(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    let mut put = |kind: u8, content: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(content);
    };
    match value {
        ValueRef::Null => put(0, &[]),
        ValueRef::Integer(n) => put(1, &n.to_le_bytes()),
        ValueRef::Real(x) => put(2, &x.to_bits().to_le_bytes()),
        ValueRef::Text(text) => put(3, text),
        ValueRef::Blob(blob) => put(4, blob),
    }
}

/// Names whose digests differ, or that only one side has.
pub(crate) fn differing(a: &Digests, b: &Digests) -> Vec<String> {
    let mut names: Vec<String> = a
        .iter()
        .filter(|(name, digest)| b.get(*name) != Some(digest))
        .map(|(n, _)| n.clone())
        .collect();
    names.extend(b.keys().filter(|name| !a.contains_key(*name)).cloned());
    names
}
