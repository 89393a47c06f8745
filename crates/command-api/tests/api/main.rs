//! The API over real sockets, on a store in memory: each RPC, each kind of no, who may call what.
//!
//! One test binary, split by noun. Every test starts a server of its own on a free port.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test tells its story in one piece and stops at the step that fails"
)]

mod access;
mod billing;
mod deadlines;
mod desk;
mod errors;
mod harness;
mod numbers;
mod open_doors;
mod payments;
mod persons;
mod reads;
mod roles;
mod staff;
mod streams;
mod swaps;
