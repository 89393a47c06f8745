//! The service on a store that commits one stream at a time and that others write to as well: the same
//! tests as on the embedded log's promises, and crashes between the commits of one command.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests fail the test, like the tests themselves"
)]

#[path = "../service/billing.rs"]
mod billing;
#[path = "../service/cases.rs"]
mod cases;
mod cut_short;
#[path = "../service/deadlines.rs"]
mod deadlines;
#[path = "../service/histories.rs"]
mod histories;
#[path = "../service/keys.rs"]
mod keys;
#[path = "../service/numbers.rs"]
mod numbers;
#[path = "../service/prepayment.rs"]
mod prepayment;
#[path = "../service/readings.rs"]
mod readings;
#[path = "../service/schemes.rs"]
mod schemes;
#[path = "../service/suspense.rs"]
mod suspense;
#[path = "../service/swaps.rs"]
mod swaps;
#[path = "../service/world.rs"]
mod world;

/// What the store of this binary's worlds can do.
const CAPABILITIES: event_store::Capabilities = event_store::Capabilities {
    atomic_over_streams: false,
    shared_with_others: true,
};
