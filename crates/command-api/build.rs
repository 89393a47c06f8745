//! Turns `proto/ledger/v1/*.proto` into Rust and into a descriptor set.
//!
//! It exists so that nobody needs `protoc`: the protos are compiled by a Rust compiler. The descriptor
//! set is embedded in the server, which hands it out by reflection.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Messages with personal data: `src/pb.rs` gives them a debug output that holds none.
const NOT_SHOWN: [&str; 4] = [
    ".ledger.v1.PersonData",
    ".ledger.v1.PersonTexts",
    ".ledger.v1.UpdatePersonRequest",
    ".ledger.v1.FindPersonsRequest",
];
/// Where the contract lies, seen from this crate.
const PROTO_ROOT: &str = "../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={PROTO_ROOT}");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let mut compiler = protox::Compiler::new([PROTO_ROOT])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(contract(&Path::new(PROTO_ROOT).join("ledger/v1"))?)?;
    fs::write(
        out.join("ledger_v1.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .skip_debug(NOT_SHOWN)
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

fn contract(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
