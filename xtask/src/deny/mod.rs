//! `cargo xtask deny`: what may come in from outside, by `deny.toml`.
//!
//! Where cargo-deny is installed it does the work. Elsewhere this module applies the same file to
//! `cargo metadata`, in a second instead of the minutes that building cargo-deny takes; a setting it
//! does not apply is refused when the file is read, so nothing is skipped in silence. Advisories are
//! absent from both: their database is not within reach of every machine that builds this.

mod audit;
mod metadata;
mod policy;
mod spdx;

use std::path::Path;

use crate::deny::metadata::Metadata;
use crate::deny::policy::Policy;
use crate::failure::Failure;
use crate::process::{cargo, find_program, not_started, output_of, written_out};

const POLICY_FILE: &str = "deny.toml";

pub(crate) fn run(root: &Path, own: bool) -> Result<bool, Failure> {
    if !own && find_program("cargo-deny").is_some() {
        let mut command = cargo(root, &["deny", "check", "licenses", "bans", "sources"]);
        let line = written_out(&command);
        println!("deny: {line}");
        let status = command
            .status()
            .map_err(|error| not_started(&line, &error))?;
        return Ok(status.success());
    }
    let text = std::fs::read_to_string(root.join(POLICY_FILE)).map_err(|error| {
        Failure::new(
            format!("{POLICY_FILE} cannot be read: {error}"),
            "restore it from the repository",
        )
    })?;
    let policy = Policy::parse(&text)?;
    let answer = output_of(&mut cargo(
        root,
        &["metadata", "--format-version", "1", "--locked"],
    ))?;
    let metadata = Metadata::parse(&answer)?;
    let report = audit::audit(&policy, &metadata);
    for note in &report.notes {
        println!("deny: {note}");
    }
    for finding in &report.findings {
        println!("deny: REFUSED {finding}");
    }
    let refused = report.findings.len();
    println!(
        "deny: {} packages, {refused} refused (built-in check)",
        metadata.packages.len()
    );
    Ok(refused == 0)
}
