//! Lint `golden`: every event kind has a golden file, and every golden file an event kind.
//!
//! Kinds are the string literals of the form `"consumption-charged.v1"` in the core's event modules,
//! unit tests and comments left out. That a golden file decodes and encodes to itself is a test of
//! the core; that it exists is checked here, so that a new kind cannot come in without one.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::source::{before_tests, code_lines};
use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

const EVENT_MODULES: [&str; 2] = [
    "crates/ledger-core/src/event/",
    "crates/ledger-core/src/event.rs",
];
const GOLDEN_FOLDER: &str = "crates/ledger-core/tests/golden/events/";

pub(crate) fn check(tree: &Tree) -> Verdict {
    let kinds = kinds_of(tree);
    let mut findings = Vec::new();
    if kinds.is_empty() {
        let what = "no event kind (`\"consumption-charged.v1\"`) is listed in the event modules";
        findings.push(Finding::in_file("crates/ledger-core/src/event", what));
    }
    let mut with_file: BTreeSet<&str> = BTreeSet::new();
    for (path, text) in tree.under(GOLDEN_FOLDER) {
        let name = path.strip_prefix(GOLDEN_FOLDER).unwrap_or(path);
        let Some(kind) = name.strip_suffix(".json") else {
            findings.push(Finding::in_file(
                path,
                "a golden file is called <kind>.json",
            ));
            continue;
        };
        with_file.insert(kind);
        if !kinds.contains_key(kind) {
            findings.push(Finding::in_file(
                path,
                format!("`{kind}` is no event kind; kinds are never removed"),
            ));
        }
        if serde_json::from_str::<serde_json::Value>(text).is_err() {
            findings.push(Finding::in_file(path, "not JSON"));
        }
    }
    let missing = kinds.iter().filter(|(kind, _)| !with_file.contains(*kind));
    findings.extend(missing.map(|(kind, (path, line))| {
        Finding::at(
            path,
            *line,
            format!("`{kind}` has no golden file {GOLDEN_FOLDER}{kind}.json"),
        )
    }));
    let looked_at = format!(
        "{} event kinds, {} golden files",
        kinds.len(),
        with_file.len()
    );
    Verdict {
        findings,
        looked_at,
    }
}

/// Each kind with the place that names it first.
fn kinds_of(tree: &Tree) -> BTreeMap<&str, (&str, usize)> {
    let mut kinds = BTreeMap::new();
    let modules = tree
        .rust_sources()
        .filter(|(path, _)| EVENT_MODULES.iter().any(|module| path.starts_with(module)));
    for (path, text) in modules {
        for (line, code) in code_lines(before_tests(text)) {
            // Every second part of a line split at quotes stands between quotes.
            for literal in code
                .split('"')
                .skip(1)
                .step_by(2)
                .filter(|literal| is_kind(literal))
            {
                kinds.entry(literal).or_insert((path, line));
            }
        }
    }
    kinds
}

/// `kebab-case.v1`, the version without leading zeros.
fn is_kind(literal: &str) -> bool {
    let Some((name, version)) = literal.rsplit_once(".v") else {
        return false;
    };
    let words_are_plain = name.split('-').all(|word| {
        word.starts_with(|sign: char| sign.is_ascii_lowercase())
            && word
                .chars()
                .all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit())
    });
    let digits = version.chars().all(|sign| sign.is_ascii_digit());
    words_are_plain && digits && !version.is_empty() && !version.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::{check, is_kind};
    use crate::tree::Tree;

    const KINDS: &str = "\
//! Kinds, such as \"never-counted.v1\".
const KINDS: [&str; 2] = [\"credit-topped-up.v1\", \"meter-linked.v2\"];
#[cfg(test)]
mod tests { const WRONG: &str = \"no-such-event.v9\"; }
";
    const MODULE: &str = "crates/ledger-core/src/event/kind.rs";
    const FIRST: &str = "crates/ledger-core/tests/golden/events/credit-topped-up.v1.json";
    const SECOND: &str = "crates/ledger-core/tests/golden/events/meter-linked.v2.json";

    #[test]
    fn kinds_and_golden_files_that_match_pass() {
        let tree = Tree::of(&[(MODULE, KINDS), (FIRST, "{}"), (SECOND, "[{}]")]);
        assert_eq!(check(&tree).findings, []);
    }

    #[test]
    fn a_kind_without_a_golden_file_is_found_where_it_is_listed() {
        let found = check(&Tree::of(&[(MODULE, KINDS), (FIRST, "{}")])).findings;
        let texts: Vec<String> = found.iter().map(super::Finding::written_out).collect();
        assert_eq!(
            texts,
            [format!(
                "{MODULE}:2: `meter-linked.v2` has no golden file {SECOND}"
            )]
        );
    }

    #[test]
    fn a_golden_file_without_a_kind_or_without_json_is_found() {
        let stray = "crates/ledger-core/tests/golden/events/credit-removed.v1.json";
        let tree = Tree::of(&[(MODULE, KINDS), (FIRST, "{"), (SECOND, "{}"), (stray, "{}")]);
        let texts: Vec<String> = check(&tree)
            .findings
            .iter()
            .map(super::Finding::written_out)
            .collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(
            texts
                .iter()
                .any(|text| text.contains("`credit-removed.v1` is no event kind"))
        );
        assert!(
            texts
                .iter()
                .any(|text| text.ends_with("credit-topped-up.v1.json: not JSON"))
        );
    }

    #[test]
    fn a_repository_without_kinds_does_not_pass() {
        assert_eq!(check(&Tree::of(&[])).findings.len(), 1);
    }

    #[test]
    fn a_kind_is_kebab_case_with_a_version() {
        for good in ["a.v1", "readings-received.v12", "meter2-linked.v3"] {
            assert!(is_kind(good), "{good}");
        }
        for bad in [
            "a.v",
            "A.v1",
            "a.v01",
            "a_b.v1",
            "-a.v1",
            "a--b.v1",
            "ledger.v1.Account",
            "v1",
        ] {
            assert!(!is_kind(bad), "{bad}");
        }
    }
}
