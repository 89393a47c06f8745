//! The whole ledger on a store that speaks KurrentDB's protocol, as real processes: the store with faults on
//! demand, one or two ledgers on it, killed at any point and started again.
//!
//! The store is our own (`ledger kurrent-test-server`); nothing here was seen on a server of KurrentDB.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects and stops where that fails"
)]

mod cut_short;
mod faults;
mod logged;
mod same;
mod town;
mod two;
