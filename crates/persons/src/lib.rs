//! Persons: names, identity numbers, telephones and e-mails, apart from the ledger (C17).
//!
//! The ledger knows a person by an opaque, random reference only. What the reference stands for lies here,
//! sealed under a data key of the person's own; the data keys lie in a second file, sealed under a master
//! key that lies in neither. To erase a person is to destroy that person's data key and data: what lies in
//! older copies of the records cannot be read any more, and every event that carries the reference stays
//! as it was written.
//!
//! [`Persons`] is the store, [`form`] what a person's data look like, [`master`] the master keys. Absent on
//! purpose: accounts, events, and any way to read personal data that leaves no line in the audit trail.

mod answers;
mod audit;
mod error;
pub mod form;
mod layout;
pub mod master;
mod reconcile;
mod rotate;
mod rows;
mod seal;
mod store;

pub use answers::{Added, By, Counts, Erased, ErasureReason, Listed, Page, Shown, State, Updated};
pub use audit::{Act, AuditLine, AuditPage};
pub use error::PersonsError;
pub use form::{Change, Content, Form, Personal, Problem, Sought};
pub use master::{MasterId, MasterKeys};
pub use reconcile::Reconciled;
pub use rotate::Rotated;
pub use store::{PAGE_MAX, Persons};
