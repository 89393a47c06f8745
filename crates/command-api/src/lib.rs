//! The gRPC edge: `ledger.v1`, authentication, conversion, errors.
//!
//! A call passes the [`gate`] (key, role, room, deadline), is converted ([`convert`]), asked of the
//! ledger or a read model, and converted back. Nothing of the trade is decided here. [`serve`] runs it,
//! [`client`] reaches it, [`catalogue`] publishes its errors.
//!
//! Absent on purpose: TLS (a proxy's), state of any kind, and appends.

pub mod access;
pub mod catalogue;
pub mod client;
pub mod convert;
pub mod errors;
pub mod gate;
pub mod keys;
pub mod pb;
pub mod person_errors;
mod rehearsal;
mod server;
mod services;

pub use client::{Client, ClientError};
pub use rehearsal::Rehearsal;
pub use server::{Limits, Parts, ServeError, ServerConfig, serve};
