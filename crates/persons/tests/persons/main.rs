//! The store of persons as its users meet it: what it keeps, what it refuses, what an erasure leaves, what
//! lies in its files and in their older copies.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

mod backups;
mod desk;
mod histories;
mod stories;
