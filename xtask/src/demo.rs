//! `cargo xtask demo`: from a clone to a running demonstration with one command.
//!
//! Builds the binary and becomes it; what the demonstration shows is the binary's business.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::install::{self, Mode};
use crate::process::{cargo, not_started, search_path, target_folder, written_out};

const OWN_FLAG: &str = "--no-install";

/// Takes this recipe's own flag out of the arguments; what stands after `--` is not looked at.
pub(crate) fn take_own_flag(arguments: &[String]) -> (bool, Vec<String>) {
    let own = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .count();
    let (before, after) = arguments.split_at(own);
    let kept = before.iter().filter(|argument| *argument != OWN_FLAG);
    let passed: Vec<String> = kept.chain(after.iter().skip(1)).cloned().collect();
    (before.iter().any(|argument| argument == OWN_FLAG), passed)
}

/// Returns only if the demonstration could not be started: it takes this process's place.
pub(crate) fn run(root: &Path, mode: Mode, arguments: &[String]) -> Result<bool, Failure> {
    install::ensure(install::FOR_DEMO, mode)?;
    println!("demo: building the ledger (some minutes the first time, then seconds)");
    // The whole workspace's features in the tests' profile: what is built here need not be built again.
    let mut build = cargo(root, &["build", "--workspace", "--bin", "ledger"]);
    let line = written_out(&build);
    let built = build.status().map_err(|error| not_started(&line, &error))?;
    if !built.success() {
        return Err(Failure::new(
            "the ledger does not build",
            format!("read above, then: {line}"),
        ));
    }
    let binary = target_folder(root)?.join("debug").join("ledger");
    let mut ledger = Command::new(binary);
    ledger
        .arg("demo")
        .args(arguments)
        .env("PATH", search_path());
    let line = written_out(&ledger);
    println!("demo: {line}");
    Err(not_started(&line, &ledger.exec()))
}

#[cfg(test)]
mod tests {
    use super::take_own_flag;

    fn taken(arguments: &[&str]) -> (bool, Vec<String>) {
        let owned: Vec<String> = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        take_own_flag(&owned)
    }

    #[test]
    fn the_own_flag_is_taken_out_wherever_it_stands() {
        let (kept_back, passed) = taken(&["--report", "out", "--no-install", "--seed", "7"]);
        assert!(kept_back);
        assert_eq!(passed, ["--report", "out", "--seed", "7"]);
    }

    #[test]
    fn what_stands_after_two_dashes_is_passed_on_untouched() {
        let (kept_back, passed) = taken(&["--", "--no-install", "--help"]);
        assert!(!kept_back);
        assert_eq!(passed, ["--no-install", "--help"]);
    }
}
