//! `transact`: load, decide, append, retry – once, for every entrance.
//!
//! A domain implements [`Domain`]; [`Transact`] serves it. Accounts are spread over shards by the hash
//! of their stream. A shard owns its accounts' states, decides on the speculative state, and hands all
//! that was decided to the store in one call while it decides the next. What it promises:
//!
//! * An answer means that everything it rests on is durable, also for answers that wrote nothing.
//! * A command is written at most once, whatever fails, as far as the domain recognises its own commands
//!   (by claims of keys, or by content in its history).
//! * Commands of one account are decided in the order they were handed over.
//! * A full queue answers [`Failure::Busy`] at once.
//!
//! Where the store commits one stream at a time, a decision over several is written by a plan (`plan`,
//! `walk`), with the same promises.
//!
//! The logic is `core`, which does no I/O; `shell` drives it on tokio. Absent on purpose: any
//! knowledge of what commands mean, and any second way to append.

mod answer;
mod config;
#[doc(hidden)]
pub mod core;
mod domain;
mod plan;
mod service;
mod shell;
mod walk;

pub use answer::{AccountState, Answered, Failure, Stats};
pub use config::{
    APPENDS_IN_FLIGHT_MAX, GROUP_BYTES_MAX, LOAD_PAGE_EVENTS, PAST_PAGE_EVENTS, READ_ATTEMPTS_MAX,
    RETRY_FIRST_MS, RETRY_LONGEST_MS, SEARCH_PAGE_EVENTS, SHUTDOWN_WAIT_MS, TransactConfig,
};
pub use domain::{Decision, Domain, Evidence, History, NEEDS_ROUNDS_MAX, Needs, PastEvent, Probe};
pub use plan::{BEGUN, Claimed, DROPPED, claimed, is_bookkeeping};
pub use service::Transact;
pub use walk::{Settled, newest_settled};
