//! Event store: the port, its adapters, and the one write path `transact`.
//!
//! Knows bytes and revisions, never money.

pub mod bench;
pub mod clock;
pub mod conformance;
pub mod embedded;
pub mod limits;
pub mod memory;
pub mod port;
pub mod sim;
pub mod snapshot;
pub mod transact;

pub use clock::{Clock, ManualClock, SystemClock};
pub use memory::MemoryStore;
pub use port::*;
