//! The rules of the domain as stories: given some commands, when one more comes, then these facts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects and stops where that fails"
)]

#[path = "../common/mod.rs"]
mod common;

mod activation;
mod any_order;
mod closing;
mod credit;
mod debt;
mod late;
mod legacy;
mod meters;
mod orders;
mod policy;
mod prepayment;
mod properties;
mod quiet;
mod readings;
mod schemes;
mod settling;
mod state;
mod story;
mod tariff;
mod time;
mod transfer;
mod workorder;
