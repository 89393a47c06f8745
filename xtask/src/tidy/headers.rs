//! Lint `headers`: every Rust file opens with `//!`, which says what it owns and why.

use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

/// Shorter than this, a whole header says nothing (`//! Tests of money.` says nothing).
const HEADER_CHARS_MIN: usize = 30;

pub(crate) fn check(tree: &Tree) -> Verdict {
    let mut count: usize = 0;
    let mut findings = Vec::new();
    for (path, text) in tree.rust_sources() {
        count = count.saturating_add(1);
        findings.extend(in_file(path, text));
    }
    if count == 0 {
        findings.push(Finding::in_file("crates", "there are no Rust files"));
    }
    Verdict {
        findings,
        looked_at: format!("{count} Rust files open with `//!`"),
    }
}

fn in_file(path: &str, text: &str) -> Option<Finding> {
    if !text.starts_with("//!") {
        let what = "open the file with `//!`: what it owns, why, what is absent";
        return Some(Finding::at(path, 1, what));
    }
    let header = text.lines().map_while(|line| line.strip_prefix("//!"));
    let length: usize = header.map(|line| line.trim().chars().count()).sum();
    (length < HEADER_CHARS_MIN).then(|| {
        Finding::at(
            path,
            1,
            "the header says nothing; say what the file owns and why",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn count(text: &str) -> usize {
        check(&Tree::of(&[("crates/a/src/lib.rs", text)]))
            .findings
            .len()
    }

    #[test]
    fn a_file_that_opens_with_its_header_passes() {
        assert_eq!(
            count("//! Money: exact amounts and their one written form.\n"),
            0
        );
    }

    #[test]
    fn a_file_without_a_header_or_with_an_empty_one_is_found() {
        assert_eq!(
            count("use std::fmt;\n//! Too late to be a header of this file.\n"),
            1
        );
        assert_eq!(
            count("\n//! After an empty line, which is not the first.\n"),
            1
        );
        assert_eq!(
            count("//! Tests.\nfn main() {} // a comment is no header\n"),
            1
        );
        assert_eq!(count(""), 1);
    }

    #[test]
    fn a_repository_without_sources_does_not_pass() {
        assert_eq!(check(&Tree::of(&[])).findings.len(), 1);
    }
}
