//! The service as its entrances see it: keys, meters, suspense, readings, crashes, deadlines, and
//! random histories. One binary, so that it is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail the test, like the tests themselves"
)]

mod billing;
mod cases;
mod crash;
mod deadlines;
mod histories;
mod keys;
mod meters;
mod numbers;
mod prepayment;
mod readings;
mod schemes;
mod suspense;
mod swaps;
mod world;

/// What the store of this binary's worlds can do.
const CAPABILITIES: event_store::Capabilities = event_store::Capabilities {
    atomic_over_streams: true,
    shared_with_others: false,
};
