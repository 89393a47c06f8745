//! The wire protocol of KurrentDB, as its official clients speak it: messages, clients, servers.
//!
//! [`pb`] is generated from `proto/kurrent/`. Beside it stands what both sides need: ids and times
//! ([`convert`]), the names and values of headers, trailers and metadata ([`names`]), errors inside an
//! answer ([`detail`]), and the protocol's numbers ([`limits`]).
//!
//! Absent on purpose: any behaviour of a server or a client, users, projections, operations, and
//! persistent subscriptions but their empty list.

pub mod convert;
pub mod detail;
pub mod limits;
pub mod names;
pub mod pb;
