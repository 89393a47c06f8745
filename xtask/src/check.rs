//! `cargo xtask check`: everything that can be said without running the code.

use std::path::Path;

use crate::failure::Failure;
use crate::process::cargo;
use crate::steps::Steps;
use crate::{deny, proto, tidy};

pub(crate) fn run(root: &Path) -> Result<bool, Failure> {
    let mut steps = Steps::default();
    // The cheap ones first: what they find is on the screen while clippy still compiles.
    steps.command("format", &mut cargo(root, &["fmt", "--all", "--check"]));
    steps.inline("tidy", "cargo xtask tidy", || tidy::run(root, None));
    steps.inline("deny", "cargo xtask deny", || deny::run(root, false));
    steps.advisory("proto", "cargo xtask proto", || proto::run(root));
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--keep-going",
        "--",
        "-D",
        "warnings",
    ];
    steps.command("clippy", &mut cargo(root, &clippy));
    let mut docs = cargo(root, &["doc", "--workspace", "--no-deps"]);
    steps.command("docs", docs.env("RUSTDOCFLAGS", "-D warnings"));
    Ok(steps.close("check"))
}
