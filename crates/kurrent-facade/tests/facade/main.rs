//! The facade over real sockets: with the protocol's own client stubs, on a store in memory and on an embedded
//! log, and with the official client.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says so when it fails"
)]

mod appending;
mod faults;
mod following;
mod gapped;
mod gaps;
mod official;
mod reading;
mod silent;
mod support;
mod tls;
