//! The gateway against a real NATS server: what crosses it arrives once, whatever stops in between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects and stops where that fails"
)]

mod ingest;
mod outages;
mod outbox;
mod schemas;
mod world;
