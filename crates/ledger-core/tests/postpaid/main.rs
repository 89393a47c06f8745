//! Postpaid accounts as stories: bills and dues, months and statuses, queries and runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects and stops where that fails"
)]

mod bills;
mod ends;
mod late;
mod machine;
mod months;
mod properties;
mod selfread;
mod story;
