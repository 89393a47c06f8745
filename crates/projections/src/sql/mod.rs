//! The one place that knows SQLite: connections, the schema of every projection, values in cells.
//!
//! Everything above it speaks of rows and plain SQL text; a second backend replaces this module and the
//! few statements that use `ON CONFLICT`.

mod cells;
mod connection;
mod pool;
mod schema;

pub(crate) use cells::{Cells, count, parts, parts_opt};
pub(crate) use connection::{Place, open_reader, open_writer, remove_sidecars};
pub(crate) use pool::{Pool, Reader};
pub(crate) use schema::{Table, check_schema, create_schema, tables};
