//! The gateway against a real NATS server: what crosses it arrives once, whatever stops in between.

mod ingest;
mod outages;
mod outbox;
mod world;
