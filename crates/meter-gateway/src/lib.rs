//! NATS, both ways: meter readings in, notifications and orders to meters out.
//!
//! In: JetStream messages become priced events, and only then are acknowledged; what cannot be taken
//! goes to a stream of dead letters first. Out: the log is followed, and each notification and order
//! appears exactly once in its stream, which is its own checkpoint. Nothing here keeps state that the
//! log or the streams do not have. Absent on purpose: every decision about a reading or an order, which
//! is the ledger's, and delivery to the outside world (SMS, e-mail), which is a sender's.

mod backoff;
pub mod bench;
mod config;
pub mod dead_letters;
pub mod decode;
mod error;
mod gateway;
mod ingest;
mod journal;
mod lease;
pub mod names;
mod order_acks;
mod outbox;
mod pull;
mod stats;
pub mod testkit;

pub use config::{Connection, GatewayConfig};
pub use error::GatewayError;
pub use gateway::{GatewayHandle, run};
pub use ingest::{BATCH_MESSAGES_MAX, BATCH_READINGS_MAX};
pub use pull::WINDOW_MESSAGES_MAX;
pub use stats::GatewayStats;
