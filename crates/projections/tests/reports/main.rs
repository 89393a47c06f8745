//! Reports over histories that the core decided: who stands on which list, what is owed for how long, and
//! that every figure of money ties to the trial balance.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "../common/mod.rs"]
mod common;
mod lists;
mod money;
mod office;
mod standing;

use ledger_core::ids::*;
use ledger_core::time::Timestamp;
