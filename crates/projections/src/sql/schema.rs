//! The schema of all projections: created in a fresh file, checked in an old one.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::ReadModelError;
use crate::models;

/// A projection's tables.
pub(crate) struct Table {
    /// Name of the projection.
    pub(crate) projection: &'static str,
    /// Grows with every change of its tables or of what is folded into them.
    pub(crate) version: i64,
    /// `CREATE` statements.
    pub(crate) create: &'static str,
    /// For digests: each query gives an account (empty for none) and then the row's cells.
    pub(crate) digests: &'static [&'static str],
}

/// Every projection, in a fixed order.
pub(crate) fn tables() -> [&'static Table; 20] {
    [
        &models::accounts::TABLE,
        &models::balances::TABLE,
        &models::supply::TABLE,
        &models::deadlines::TABLE,
        &models::debts::TABLE,
        &models::prepayment::TABLE,
        &models::receipts::TABLE,
        &models::suspense::TABLE,
        &models::trial::TABLE,
        &models::consumption::TABLE,
        &models::exceptions::TABLE,
        &models::counts::TABLE,
        &models::legacy::TABLE,
        &models::workorders::TABLE,
        &models::consumers::TABLE,
        &models::revenue::TABLE,
        &models::numbers::TABLE,
        &models::applications::TABLE,
        &models::complaints::TABLE,
        &models::bills::TABLE,
    ]
}

const OWN: &str = "
CREATE TABLE IF NOT EXISTS checkpoint (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  store TEXT NOT NULL, epoch INTEGER NOT NULL,
  commit_position INTEGER, prepare_position INTEGER,
  events INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS projections (
  name TEXT PRIMARY KEY, version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Creates every table in a file that has none yet.
pub(crate) fn create_schema(conn: &mut Connection) -> Result<(), ReadModelError> {
    let made = |conn: &mut Connection| -> rusqlite::Result<()> {
        let tx = conn.transaction()?;
        tx.execute_batch(OWN)?;
        let known: i64 = tx.query_row("SELECT count(*) FROM projections", [], |row| row.get(0))?;
        if known == 0 {
            for table in tables() {
                tx.execute_batch(table.create)?;
                tx.execute(
                    "INSERT INTO projections (name, version) VALUES (?1, ?2)",
                    params![table.projection, table.version],
                )?;
            }
        }
        tx.commit()
    };
    made(conn).map_err(ReadModelError::sql("creating the tables"))
}

/// Refuses a file whose projections are of another version.
pub(crate) fn check_schema(conn: &Connection) -> Result<(), ReadModelError> {
    for table in tables() {
        let found: Option<i64> = conn
            .query_row(
                "SELECT version FROM projections WHERE name = ?1",
                [table.projection],
                |row| row.get(0),
            )
            .optional()
            .map_err(ReadModelError::sql("reading the schema versions"))?;
        if found != Some(table.version) {
            let projection = table.projection.to_owned();
            return Err(ReadModelError::OtherSchema {
                projection,
                found: found.unwrap_or(0),
                wanted: table.version,
            });
        }
    }
    Ok(())
}
