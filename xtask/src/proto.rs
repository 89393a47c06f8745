//! `cargo xtask proto`: the API contract's style and compatibility, by `buf`.
//!
//! `buf` is a single binary outside Debian and crates.io, so it is used where it is and its absence
//! is said aloud. What must hold everywhere (that the contract compiles, that the codes in it are
//! the ledger's) is checked by the build and by tests of `command-api`.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process::{find_program, not_started, output_of, written_out};

pub(crate) fn run(root: &Path) -> Result<bool, Failure> {
    if find_program("buf").is_none() {
        println!("proto: NOT CHECKED, `buf` is not installed; buf.yaml says what it would check");
        return Ok(true);
    }
    let against = format!(".git#{}", last_published(root));
    let lint = passes(root, &["lint"])?;
    let breaking = passes(root, &["breaking", "--against", &against])?;
    Ok(lint && breaking)
}

fn passes(root: &Path, arguments: &[&str]) -> Result<bool, Failure> {
    let mut command = Command::new("buf");
    command.current_dir(root).args(arguments);
    let line = written_out(&command);
    println!("proto: {line}");
    let status = command
        .status()
        .map_err(|error| not_started(&line, &error))?;
    Ok(status.success())
}

/// What callers rely on: the newest tag, or the last commit while nothing is tagged.
fn last_published(root: &Path) -> String {
    let mut describe = Command::new("git");
    describe
        .current_dir(root)
        .args(["tag", "--list", "--merged", "HEAD", "--sort=-creatordate"]);
    let tags = output_of(&mut describe).unwrap_or_default();
    let tags = String::from_utf8_lossy(&tags);
    match tags.lines().next() {
        Some(tag) => format!("tag={tag}"),
        None => "ref=HEAD".to_owned(),
    }
}
