//! Lint `rules`: every rule of the domain names the tests that show it.
//!
//! `docs/rules.md` holds tables `| id | rule | test |`. A rule that is done lists its tests in
//! backticks; each of them exists, carries the rule's id in front (`u7_…`), runs and is not ignored.
//! A rule not yet done has a dash. A rule with neither fails. That the test shows what the rule says
//! is for the reader, and for the mutation run.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::source::{Function, functions_of, holds_word};
use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

const RULES: &str = "docs/rules.md";
const NOT_YET: &str = "–";

pub(crate) fn check(tree: &Tree) -> Verdict {
    let Some(text) = tree.text(RULES) else {
        let findings = vec![Finding::in_file(
            RULES,
            "missing; copy the rules with a test column",
        )];
        return Verdict {
            findings,
            looked_at: "nothing".to_owned(),
        };
    };
    let rows = rows_of(text);
    let functions = functions_of(tree.rust_sources());
    let mut findings = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut shown: usize = 0;
    for row in &rows {
        if !seen.insert(&row.id) {
            findings.push(Finding::at(
                RULES,
                row.line,
                format!("rule {} stands here a second time", row.id),
            ));
        }
        if !row.tests.is_empty() {
            shown = shown.saturating_add(1);
        }
        findings.extend(in_row(row, &functions, tree));
    }
    if rows.is_empty() {
        findings.push(Finding::in_file(
            RULES,
            "there is no table `| id | rule | test |`",
        ));
    }
    let open = rows.len().saturating_sub(shown);
    Verdict {
        findings,
        looked_at: format!("{shown} rules name their tests, {open} not yet done"),
    }
}

struct Row {
    id: String,
    /// From 1.
    line: usize,
    /// The names in backticks.
    tests: Vec<String>,
    not_yet: bool,
}

fn in_row(row: &Row, functions: &BTreeMap<&str, Vec<Function<'_>>>, tree: &Tree) -> Vec<Finding> {
    let id = &row.id;
    let found = |what: String| Finding::at(RULES, row.line, what);
    if row.tests.is_empty() {
        let what = format!("rule {id} names no test in backticks and is not marked `{NOT_YET}`");
        return if row.not_yet {
            Vec::new()
        } else {
            vec![found(what)]
        };
    }
    let prefix = format!("{}_", id.to_lowercase());
    let mut findings = Vec::new();
    for test in &row.tests {
        if !test.starts_with(&prefix) {
            findings.push(found(format!(
                "rule {id}: the name of `{test}` does not start with `{prefix}`"
            )));
        }
        match functions.get(test.as_str()) {
            None => findings.push(found(format!("rule {id}: there is no `fn {test}`"))),
            Some(places) => findings.extend(in_places(id, test, places, tree)),
        }
    }
    findings
}

/// A test runs: it is marked as one, or it belongs to a suite that calls it.
fn in_places(id: &str, test: &str, places: &[Function<'_>], tree: &Tree) -> Option<Finding> {
    let place = places.first()?;
    let at = |what: String| Finding::at(place.path, place.line, what);
    if places
        .iter()
        .any(|place| place.is_test && !place.is_ignored)
    {
        return None;
    }
    if places.iter().any(|place| place.is_ignored) {
        return Some(at(format!(
            "rule {id}: `{test}` is ignored, so it shows nothing"
        )));
    }
    let declared = format!("fn {test}");
    let uses = tree.rust_sources().flat_map(|(_, text)| text.lines());
    let called = uses
        .filter(|line| holds_word(line, test) && !line.contains(&declared))
        .count();
    (called == 0).then(|| {
        at(format!(
            "rule {id}: `{test}` is no test and nothing calls it"
        ))
    })
}

/// The rows of all tables whose first column is the id and whose last is the test.
fn rows_of(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut within = false;
    for (index, line) in text.lines().enumerate() {
        let cells = cells_of(line);
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else {
            within = false;
            continue;
        };
        if is_heading(first, last) {
            within = cells.len() > 2;
        } else if within && !is_ruler(first) {
            rows.push(Row {
                id: first.replace(['*', '`'], ""),
                line: index.saturating_add(1),
                tests: names_in_backticks(last),
                not_yet: last.starts_with(NOT_YET),
            });
        }
    }
    rows
}

fn is_heading(first: &str, last: &str) -> bool {
    let last = last.to_lowercase();
    first.eq_ignore_ascii_case("id") && (last == "test" || last == "tests")
}

fn is_ruler(cell: &str) -> bool {
    cell.chars().all(|sign| "-: ".contains(sign))
}

/// The cells of a table line; none for another line. `\|` is part of a cell.
fn cells_of(line: &str) -> Vec<String> {
    let line = line.trim().replace(r"\|", "\u{1}");
    let Some(inner) = line
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'))
    else {
        return Vec::new();
    };
    inner
        .split('|')
        .map(|cell| cell.trim().replace('\u{1}', "|"))
        .collect()
}

/// Names between backticks, the module path before them left out.
fn names_in_backticks(cell: &str) -> Vec<String> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted
        .map(|name| name.rsplit("::").next().unwrap_or(name).trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{RULES, check};
    use crate::tree::Tree;

    const TESTS: &str = "\
//! Tests.
#[test]
fn u7_a_negative_balance_is_taken() {}
#[test]
#[ignore]
fn u8_sleeps() {}
fn u9_is_only_a_function() {}
fn c4_belongs_to_a_suite() {}
fn suite() { c4_belongs_to_a_suite(); }
";

    fn findings(rows: &str) -> Vec<String> {
        let rules = format!("# Rules\n\n| ID | rule | test |\n|---|---|---|\n{rows}\n");
        let tree = Tree::of(&[(RULES, &rules), ("tests/tests/a.rs", TESTS)]);
        check(&tree)
            .findings
            .iter()
            .map(super::Finding::written_out)
            .collect()
    }

    #[test]
    fn a_rule_with_its_test_and_a_rule_not_yet_done_pass() {
        let rows = "| U7 | Taken \\| kept. | `u7_a_negative_balance_is_taken`, more |\n| U10 | Later. | – |";
        assert_eq!(findings(rows), [""; 0]);
        assert_eq!(
            findings("| C4 | Once. | `store::c4_belongs_to_a_suite` |"),
            [""; 0]
        );
    }

    #[test]
    fn a_rule_with_neither_a_test_nor_a_dash_is_found() {
        let found = findings("| U7 | Taken. | |");
        assert_eq!(found.len(), 1);
        assert!(
            found
                .iter()
                .any(|text| text.starts_with("docs/rules.md:5: rule U7 names no test")),
            "{found:?}"
        );
        assert_eq!(findings("| U7 | Taken. | a test somewhere |").len(), 1);
    }

    #[test]
    fn a_test_that_does_not_exist_or_bears_another_id_is_found() {
        let found = findings("| U1 | Taken. | `u1_nowhere`, `u7_a_negative_balance_is_taken` |");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|text| text.contains("there is no `fn u1_nowhere`"))
        );
        assert!(
            found
                .iter()
                .any(|text| text.contains("does not start with `u1_`"))
        );
    }

    #[test]
    fn a_test_that_does_not_run_is_found() {
        let found =
            findings("| U8 | Sleeps. | `u8_sleeps` |\n| U9 | Idle. | `u9_is_only_a_function` |");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|text| text.contains("`u8_sleeps` is ignored"))
        );
        assert!(found.iter().any(|text| text.contains("nothing calls it")));
    }

    #[test]
    fn a_rule_that_stands_twice_is_found() {
        assert_eq!(findings("| U1 | One. | – |\n| U1 | Again. | – |").len(), 1);
    }

    #[test]
    fn tables_of_other_things_are_left_alone() {
        let text = "| code | meaning |\n|---|---|\n| LIVE | in service |\n";
        let found = check(&Tree::of(&[(RULES, text)])).findings;
        assert_eq!(
            found.len(),
            1,
            "only that no table of rules is there: {found:?}"
        );
        assert_eq!(check(&Tree::of(&[])).findings.len(), 1);
    }
}
