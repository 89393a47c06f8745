//! Turns `proto/kurrent/*.proto` into Rust, without `protoc`.
//!
//! Payloads become shared bytes, so that they are not copied between the socket and a store.

use std::error::Error;

/// Where the protocol lies, seen from this crate.
const PROTO_ROOT: &str = "../../proto/kurrent";
/// Its services; what they import comes along.
const FILES: [&str; 4] = [
    "streams.proto",
    "server_features.proto",
    "gossip.proto",
    "persistent_subscriptions.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO_ROOT}");
    let mut compiler = protox::Compiler::new([PROTO_ROOT])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
