//! Shows any event store to official KurrentDB clients, over their own protocol.
//!
//! People who know KurrentDB read and follow the history with what they have: streams and all of them, both
//! ways, filtered, by subscription. [`serve`] runs it; [`Config`] bounds it; an [`Authorize`] says who may
//! read. It refuses appends unless told otherwise on a loopback address, where it stands in for a server in
//! tests; [`Faults`] then show on demand what networks and elections do.
//!
//! | file | owns |
//! |---|---|
//! | `server`, `connection`, `tls` | sockets, limits, restarts |
//! | `small`, `streams` | the services |
//! | `read/` | reads by count, subscriptions, filters, the one follower they share |
//! | `append/` | the desk all appends pass, ids seen before, both ways to append |
//! | `trailers` | errors as clients parse them |
//! | `faults` | what goes wrong on demand |
//!
//! What the store does not keep cannot be shown: an event's content type is JSON exactly when its payload is
//! a JSON text. Absent on purpose: deletes, links and indexes that a server would project, metadata streams,
//! persistent subscriptions (their list is empty), users, and appends over several streams.

mod append;
mod auth;
mod config;
mod connection;
mod faults;
mod read;
mod server;
mod small;
mod streams;
mod tls;
mod trailers;

pub use auth::{AllowAll, Authorize, Credentials, Denied, Grant};
pub use config::{Advertised, Appends, Config, Limits};
pub use faults::{BadFaults, FaultPlan, Faults, Rate, Strikes};
pub use server::{ServeError, serve};
pub use tls::{BadIdentity, Identity};
