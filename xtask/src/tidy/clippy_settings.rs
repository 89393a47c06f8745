//! Lint `clippy-settings`: a crate's own `clippy.toml` replaces the root one, so it repeats it.
//!
//! Without this a crate with bans of its own would lose the shared limits in silence.

use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

const ROOT: &str = "clippy.toml";
const CORE: &str = "crates/ledger-core/clippy.toml";
/// The house limits; the root file may be stricter, not laxer.
const LIMITS: [(&str, i64); 2] = [
    ("too-many-lines-threshold", 70),
    ("too-many-arguments-threshold", 5),
];

pub(crate) fn check(tree: &Tree) -> Verdict {
    let mut findings = Vec::new();
    let shared = table_of(tree, ROOT, &mut findings);
    for (name, most) in LIMITS {
        let value = shared.get(name).and_then(toml::Value::as_integer);
        if value.is_none_or(|value| value > most) {
            findings.push(Finding::in_file(
                ROOT,
                format!("`{name}` must be at most {most}"),
            ));
        }
    }
    if tree.text(CORE).is_none() {
        findings.push(Finding::in_file(
            CORE,
            "missing; it bans clocks, randomness and unordered maps",
        ));
    }
    let others: Vec<&str> = tree
        .files()
        .map(|(path, _)| path)
        .filter(|path| path.ends_with("/clippy.toml"))
        .collect();
    for path in &others {
        let own = table_of(tree, path, &mut findings);
        for (name, value) in &shared {
            if own.get(name) != Some(value) {
                let what = format!("does not repeat `{name} = {value}` of the root file");
                findings.push(Finding::in_file(path, what));
            }
        }
    }
    Verdict {
        findings,
        looked_at: format!("{} files repeat the root settings", others.len()),
    }
}

fn table_of(tree: &Tree, path: &str, findings: &mut Vec<Finding>) -> toml::Table {
    let Some(text) = tree.text(path) else {
        findings.push(Finding::in_file(path, "missing"));
        return toml::Table::new();
    };
    text.parse().unwrap_or_else(|error| {
        findings.push(Finding::in_file(path, format!("not TOML: {error}")));
        toml::Table::new()
    })
}

#[cfg(test)]
mod tests {
    use super::{CORE, ROOT, check};
    use crate::tree::Tree;

    const SHARED: &str = "too-many-lines-threshold = 70\ntoo-many-arguments-threshold = 5\n";

    #[test]
    fn a_file_that_repeats_the_root_and_adds_to_it_passes() {
        let core = format!("{SHARED}disallowed-types = []\n");
        assert_eq!(
            check(&Tree::of(&[(ROOT, SHARED), (CORE, &core)])).findings,
            []
        );
    }

    #[test]
    fn a_setting_that_is_lost_or_changed_is_found() {
        let core = "too-many-lines-threshold = 90\n";
        assert_eq!(
            check(&Tree::of(&[(ROOT, SHARED), (CORE, core)]))
                .findings
                .len(),
            2
        );
    }

    #[test]
    fn limits_above_those_of_the_house_are_found() {
        let lax = "too-many-lines-threshold = 100\ntoo-many-arguments-threshold = 5\n";
        assert_eq!(
            check(&Tree::of(&[(ROOT, lax), (CORE, lax)])).findings.len(),
            1
        );
    }

    #[test]
    fn missing_files_do_not_pass() {
        assert!(!check(&Tree::of(&[(ROOT, SHARED)])).findings.is_empty());
        assert!(!check(&Tree::of(&[])).findings.is_empty());
    }
}
