//! The domain, pure: money, quantities, tariffs, scheme policy, events, accounts, debt, postings.
//!
//! No I/O, no clock, no randomness: time and ids come in with the command. Everything here can be
//! tested by calling a function with values.

pub mod account;
pub mod answer;
pub mod application;
pub mod command;
pub mod complaint;
pub mod debt;
pub mod dues;
pub mod event;
pub mod hourly;
pub mod ids;
pub mod interval;
pub mod num;
pub mod postings;
pub mod rejection;
pub mod scheme;
pub mod status;
pub mod suspense;
pub mod tariff;
pub mod time;
pub mod usage;
pub mod utility;
pub mod workorder;
