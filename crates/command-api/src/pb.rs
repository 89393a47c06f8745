//! The contract as Rust: messages, clients and servers of `ledger.v1`, generated from `proto/`.
//!
//! Nothing is written by hand here. The comments of the protos are the documentation.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::restriction
)]

tonic::include_proto!("ledger.v1");

/// The contract as an encoded `google.protobuf.FileDescriptorSet`, comments included.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("ledger_v1");
