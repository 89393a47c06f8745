//! Event store: the port, its adapters, and the one write path `transact`.
//!
//! Knows bytes and revisions, never money.

pub mod port;

pub use port::*;
