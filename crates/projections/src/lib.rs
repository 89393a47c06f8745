//! Read models: what the log says, folded into SQL rows that people query with what they have.
//!
//! A projection is a pure fold from events to rows. The log is the ground truth; everything here can be
//! thrown away and rebuilt, and the rebuilt rows are the live rows to the last digit. [`ReadModels`]
//! follows a store and answers queries beside it; [`rebuild`] starts anew into a fresh file and
//! switches; [`verify`] folds the log afresh and compares.
//!
//! Deliberately absent: appends of any kind, policy (rows are facts alone; what a scheme decides comes
//! in with the question as [`SchemeFacts`]), and an account's raw history, which is read from the store.

mod checkpoint;
mod digest;
mod engine;
mod error;
mod fact;
mod feed;
mod fold;
mod models;
mod projector;
pub mod queries;
mod rebuild;
mod scheme_facts;
mod sheet;
mod sql;
mod verify;

pub use checkpoint::stored_position;
pub use engine::{COMMIT_EVERY_DEFAULT, ReadModels, Settings, Status};
pub use error::{ReadModelError, Stopped};
pub use queries::{Snapshot, look};
pub use rebuild::{Progress, RebuildReport, rebuild};
pub use scheme_facts::{Quiet, SchemeFacts, Transfer};
pub use verify::{VerifyReport, verify};
