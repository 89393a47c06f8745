//! Lint `adr`: decisions are numbered from 0001 without gaps, and no number is used twice.

use std::collections::BTreeMap;

use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

const FOLDER: &str = "docs/adr/";
/// What else may stand in the folder.
const NOT_A_DECISION: [&str; 1] = ["README.md"];

pub(crate) fn check(tree: &Tree) -> Verdict {
    let mut findings = Vec::new();
    let mut by_number: BTreeMap<usize, &str> = BTreeMap::new();
    for (path, text) in tree.under(FOLDER) {
        let name = path.strip_prefix(FOLDER).unwrap_or(path);
        if NOT_A_DECISION.contains(&name) {
            continue;
        }
        let Some(number) = number_of(name) else {
            findings.push(Finding::in_file(
                path,
                "a decision is called NNNN-what-was-decided.md",
            ));
            continue;
        };
        if !text.starts_with("# ") {
            findings.push(Finding::at(
                path,
                1,
                "open with a `# ` heading that says the decision",
            ));
        }
        if let Some(other) = by_number.insert(number, path) {
            findings.push(Finding::in_file(
                path,
                format!("number {number:04} is also that of {other}"),
            ));
        }
    }
    if by_number.is_empty() {
        findings.push(Finding::in_file(FOLDER, "there are no decisions"));
    }
    for (expected, (number, path)) in (1..).zip(&by_number) {
        if *number != expected {
            findings.push(Finding::in_file(
                path,
                format!("number {expected:04} is missing before it"),
            ));
            break;
        }
    }
    Verdict {
        findings,
        looked_at: format!("{} decisions", by_number.len()),
    }
}

/// `12` of `0012-some-words.md`.
fn number_of(name: &str) -> Option<usize> {
    let (digits, words) = name.strip_suffix(".md")?.split_once('-')?;
    let plain = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '-';
    let well_formed = digits.len() == 4 && !words.is_empty() && words.chars().all(plain);
    if well_formed {
        digits.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn findings(names: &[&str]) -> Vec<String> {
        let paths: Vec<String> = names
            .iter()
            .map(|name| format!("docs/adr/{name}"))
            .collect();
        let samples: Vec<(&str, &str)> = paths
            .iter()
            .map(|path| (path.as_str(), "# Decided\n"))
            .collect();
        check(&Tree::of(&samples))
            .findings
            .iter()
            .map(super::Finding::written_out)
            .collect()
    }

    #[test]
    fn numbers_without_gaps_pass() {
        assert_eq!(
            findings(&["0001-one.md", "0002-two-words.md", "README.md"]),
            [""; 0]
        );
    }

    #[test]
    fn a_gap_a_second_use_and_another_name_are_found() {
        assert!(
            findings(&["0001-a.md", "0003-b.md"])
                .iter()
                .any(|text| text.contains("0002 is missing"))
        );
        assert!(
            findings(&["0001-a.md", "0001-b.md"])
                .iter()
                .any(|text| text.contains("0001 is also"))
        );
        assert_eq!(findings(&["0001-a.md", "2-b.md"]).len(), 1);
        assert_eq!(findings(&["0002-a.md"]).len(), 1);
        assert_eq!(findings(&[]).len(), 1);
    }

    #[test]
    fn a_decision_without_a_heading_is_found() {
        let found = check(&Tree::of(&[("docs/adr/0001-a.md", "We decided.\n")])).findings;
        assert_eq!(found.len(), 1);
    }
}
