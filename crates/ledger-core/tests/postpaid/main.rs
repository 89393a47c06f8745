//! Postpaid accounts as stories: bills and dues, months and statuses, queries and runs.

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

mod bills;
mod desk;
mod ends;
mod late;
mod machine;
mod months;
mod policy;
mod properties;
mod quotes;
mod selfread;
mod story;
mod table;
