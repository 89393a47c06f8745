//! `cargo xtask test`: sets up, builds, runs every test, and closes with the counts.
//!
//! Uses nextest where it is installed and `cargo test` where it is not: the same tests run, only
//! without nextest's time limits and test groups. Tests that need servers or Python start them
//! themselves; this recipe only makes sure that they can.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::failure::Failure;
use crate::install::{self, Mode};
use crate::process::{cargo, find_program, not_started, succeeds, target_folder, written_out};
use crate::steps::seconds;

/// What became of the tests of one run.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// One run of a test runner: whether it ended well, and its counts if it came so far.
struct Run {
    succeeded: bool,
    counts: Option<Counts>,
}

/// Tells the end-to-end tests which binary to start; without it they build it themselves.
const BINARY: &str = "LEDGER_BIN";

/// Runs all tests, or those that `filters` select.
///
/// # Errors
/// The machine lacks something that may not be installed, or a program could not be started.
pub(crate) fn run(root: &Path, mode: Mode, filters: &[String]) -> Result<bool, Failure> {
    let start = Instant::now();
    install::ensure(install::FOR_TESTS, mode)?;
    let tests = run_tests(root, filters)?;
    let docs = run_doc_tests(root, filters)?;
    let took = seconds(start.elapsed());
    println!();
    println!(
        "test: {}; doc tests: {}; {took} s",
        described(&tests),
        described(&docs)
    );
    let ran = [&tests, &docs].into_iter().any(|run| !run.ran_nothing());
    if !ran {
        println!("test: FAILED, no test has that name: {}", filters.join(" "));
    }
    Ok(tests.succeeded && docs.succeeded && ran)
}

fn run_tests(root: &Path, filters: &[String]) -> Result<Run, Failure> {
    if find_program("cargo-nextest").is_some()
        || succeeds(&mut cargo(root, &["nextest", "--version"]))
    {
        return run_nextest(root, filters);
    }
    println!("test: cargo-nextest is not installed; `cargo test` runs the same tests");
    let mut words = vec![
        "test",
        "--workspace",
        "--no-fail-fast",
        "--lib",
        "--bins",
        "--tests",
        "--",
    ];
    words.extend(filters.iter().map(String::as_str));
    counted(cargo(root, &words).env(BINARY, built_binary(root)?))
}

/// The binary that the end-to-end tests start: the test runner builds it before it runs any of them.
fn built_binary(root: &Path) -> Result<PathBuf, Failure> {
    Ok(target_folder(root)?.join("debug").join("ledger"))
}

fn run_nextest(root: &Path, filters: &[String]) -> Result<Run, Failure> {
    let report = target_folder(root)?.join("nextest/default/junit.xml");
    // A report of an earlier run must not be counted if this one does not come so far.
    if report.exists() {
        std::fs::remove_file(&report).map_err(|error| {
            Failure::new(
                format!("{} cannot be removed: {error}", report.display()),
                "remove it by hand",
            )
        })?;
    }
    // A name may select doc tests only; that nothing at all ran is judged at the end.
    let mut words = vec!["nextest", "run", "--workspace", "--no-tests", "pass"];
    words.extend(filters.iter().map(String::as_str));
    let succeeded = passes(cargo(root, &words).env(BINARY, built_binary(root)?))?;
    let counts = std::fs::read_to_string(&report)
        .ok()
        .and_then(|text| counts_of_junit(&text));
    Ok(Run { succeeded, counts })
}

/// Doc tests know names only; with flags of the test runner among the filters they are left out.
fn run_doc_tests(root: &Path, filters: &[String]) -> Result<Run, Failure> {
    if filters.iter().any(|filter| filter.starts_with('-')) {
        println!("test: doc tests left out, because the filters hold flags of the test runner");
        return Ok(Run {
            succeeded: true,
            counts: Some(Counts::default()),
        });
    }
    let mut words = vec!["test", "--workspace", "--doc", "--no-fail-fast", "--"];
    words.extend(filters.iter().map(String::as_str));
    counted(&mut cargo(root, &words))
}

fn passes(command: &mut Command) -> Result<bool, Failure> {
    let line = written_out(command);
    println!("test: {line}");
    command
        .status()
        .map(|status| status.success())
        .map_err(|error| not_started(&line, &error))
}

/// Runs `cargo test`, passing its output on line by line and adding up its results.
fn counted(command: &mut Command) -> Result<Run, Failure> {
    let line = written_out(command);
    println!("test: {line}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| not_started(&line, &error))?;
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            if let Some(found) = counts_of_line(&line) {
                counts = counts.plus(found);
            }
        }
    }
    let status = child.wait().map_err(|error| not_started(&line, &error))?;
    Ok(Run {
        succeeded: status.success(),
        counts: Some(counts),
    })
}

impl Run {
    /// A name with a slip of the pen must not look like success.
    fn ran_nothing(&self) -> bool {
        self.counts
            .is_some_and(|counts| counts.passed == 0 && counts.failed == 0)
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed.saturating_add(other.passed),
            failed: self.failed.saturating_add(other.failed),
            ignored: self.ignored.saturating_add(other.ignored),
        }
    }
}

/// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
fn counts_of_line(line: &str) -> Option<Counts> {
    let results = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let number_of = |label: &str| {
        results
            .split("; ")
            .find_map(|part| part.strip_suffix(label)?.trim().parse().ok())
    };
    Some(Counts {
        passed: number_of("passed")?,
        failed: number_of("failed")?,
        ignored: number_of("ignored")?,
    })
}

/// Reads the counts from the root element of nextest's report.
fn counts_of_junit(text: &str) -> Option<Counts> {
    let element = text.split_once("<testsuites ")?.1.split_once('>')?.0;
    let number_of = |name: &str| -> Option<u64> {
        let value = element.split_once(&format!("{name}=\""))?.1;
        value.split_once('"')?.0.parse().ok()
    };
    let failed = number_of("failures")?.saturating_add(number_of("errors")?);
    Some(Counts {
        passed: number_of("tests")?.saturating_sub(failed),
        failed,
        ignored: 0,
    })
}

fn described(run: &Run) -> String {
    let Some(counts) = run.counts else {
        return "did not come to run".to_owned();
    };
    let Counts {
        passed,
        failed,
        ignored,
    } = counts;
    let mut text = format!("{passed} passed, {failed} failed");
    if ignored > 0 {
        text.push_str(&format!(", {ignored} ignored"));
    }
    if !run.succeeded && failed == 0 {
        text.push_str(", and the runner failed (read above)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Counts, Run, counts_of_junit, counts_of_line, described};

    #[test]
    fn the_counts_of_cargo_test_are_read_from_its_result_lines() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.00s";
        assert_eq!(
            counts_of_line(line),
            Some(Counts {
                passed: 12,
                failed: 3,
                ignored: 1
            })
        );
        assert_eq!(counts_of_line("test one::two ... ok"), None);
    }

    #[test]
    fn the_counts_of_nextest_are_read_from_its_report() {
        let report = r#"<?xml version="1.0"?>
<testsuites name="nextest-run" tests="40" skipped="4" failures="2" errors="1" uuid="x" time="0.5">
<testsuite name="a" tests="7" failures="0" errors="0"/></testsuites>"#;
        assert_eq!(
            counts_of_junit(report),
            Some(Counts {
                passed: 37,
                failed: 3,
                ignored: 0
            })
        );
        assert_eq!(counts_of_junit("<testsuites>"), None);
    }

    #[test]
    fn a_run_of_no_tests_is_noticed() {
        let of = |counts| Run {
            succeeded: true,
            counts,
        };
        assert!(of(Some(Counts::default())).ran_nothing());
        assert!(
            !of(Some(Counts {
                passed: 1,
                ..Counts::default()
            }))
            .ran_nothing()
        );
        assert!(!of(None).ran_nothing());
    }

    #[test]
    fn a_run_that_broke_without_a_failed_test_does_not_look_like_success() {
        let broken = Run {
            succeeded: false,
            counts: Some(Counts {
                passed: 3,
                ..Counts::default()
            }),
        };
        assert!(described(&broken).contains("the runner failed"));
        assert_eq!(
            described(&Run {
                succeeded: false,
                counts: None
            }),
            "did not come to run"
        );
    }
}
