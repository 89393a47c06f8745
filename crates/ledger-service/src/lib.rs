//! What every entrance of the ledger shares: from a command to a durable answer.
//!
//! A command comes in with its sender's key, is routed to an account (by the meter directory where it
//! names a meter), decided by the pure domain, and written with its claims in one commit. Entrances
//! convert and map errors, nothing else. [`Ledger`] is the door.
//!
//! Absent on purpose: read models (another crate), authentication (the API's), and any state that the
//! log does not have: the directory is a fold of the log.

pub mod api;
mod cases;
pub mod clock;
mod content;
mod directory;
mod doctor;
mod domain;
mod hearing;
mod ids;
mod meta;
mod moves;
mod numbers;
mod policies;
mod publishing;
mod quote;
mod readings;
mod registry;
mod route;
mod service;
mod snapshot_file;
mod task;
pub mod time_source;
mod unfinished;
mod workorders;

pub use api::*;
pub use cases::{CaseRequest, CaseStep};
pub use clock::{ClockConfig, DueSource, Round, run_clock};
pub use policies::{Policies, PolicyError};
pub use publishing::PublishRequest;
pub use readings::READINGS_PER_CALL_MAX;
pub use service::{Ledger, LedgerConfig, StartError};
pub use time_source::TimeSource;
pub use workorders::WorkOrderRequest;
