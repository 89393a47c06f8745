//! Lint `arrows`: which crate may know which.
//!
//! The table below is the one of `ARCHITECTURE.md`. It holds for every kind of dependency, tests
//! included: a test that needs a crate further out belongs to `tests/`. The core's outside
//! dependencies are listed too, because it does no input or output and knows no clock.

use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

struct Crate {
    name: &'static str,
    may_use: &'static [&'static str],
}

const EVERY_LIBRARY: &[&str] = &[
    "ledger-core",
    "event-store",
    "ledger-service",
    "projections",
    "command-api",
    "meter-gateway",
    "persons",
    "kurrent-wire",
    "kurrent-store",
    "kurrent-facade",
];

const TABLE: [Crate; 13] = [
    Crate {
        name: "ledger-core",
        may_use: &[],
    },
    Crate {
        name: "event-store",
        may_use: &[],
    },
    Crate {
        name: "ledger-service",
        may_use: &["ledger-core", "event-store"],
    },
    Crate {
        name: "projections",
        may_use: &["ledger-core", "event-store"],
    },
    Crate {
        name: "persons",
        may_use: &["ledger-core"],
    },
    Crate {
        name: "command-api",
        may_use: &[
            "ledger-core",
            "event-store",
            "ledger-service",
            "projections",
            "persons",
        ],
    },
    Crate {
        name: "meter-gateway",
        may_use: &["ledger-core", "event-store", "ledger-service"],
    },
    Crate {
        name: "kurrent-wire",
        may_use: &[],
    },
    Crate {
        // The facade is what its tests talk to.
        name: "kurrent-store",
        may_use: &["event-store", "kurrent-wire", "kurrent-facade"],
    },
    Crate {
        name: "kurrent-facade",
        may_use: &["event-store", "kurrent-wire"],
    },
    Crate {
        name: "ledger",
        may_use: EVERY_LIBRARY,
    },
    Crate {
        name: "ledger-tests",
        may_use: EVERY_LIBRARY,
    },
    Crate {
        name: "xtask",
        may_use: &[],
    },
];

/// What the core may bring from outside: data formats and calendar arithmetic, nothing that waits,
/// listens, stores or draws lots. Development dependencies are free.
const CORE_FROM_OUTSIDE: [&str; 6] = ["jiff", "serde", "serde_json", "thiserror", "toml", "uuid"];

pub(crate) fn check(tree: &Tree) -> Verdict {
    let manifests: Vec<(&str, &str)> = tree
        .files()
        .filter(|(path, _)| path.ends_with("/Cargo.toml"))
        .collect();
    let mut findings: Vec<Finding> = manifests
        .iter()
        .flat_map(|(path, text)| in_manifest(path, text))
        .collect();
    if manifests.is_empty() {
        findings.push(Finding::in_file(
            "Cargo.toml",
            "the workspace has no crates",
        ));
    }
    Verdict {
        findings,
        looked_at: format!("{} crates against the table of arrows", manifests.len()),
    }
}

fn in_manifest(path: &str, text: &str) -> Vec<Finding> {
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::in_file(path, format!("not TOML: {error}"))],
    };
    let name = manifest
        .get("package")
        .and_then(|package| package.get("name")?.as_str());
    let Some(name) = name else {
        return vec![Finding::in_file(path, "the package has no name")];
    };
    let Some(row) = TABLE.iter().find(|row| row.name == name) else {
        let what =
            format!("crate `{name}` has no row in the table of arrows; decide what it may use");
        return vec![Finding::in_file(path, what)];
    };
    let mut findings = Vec::new();
    for (section, used) in dependencies_of(&manifest) {
        let line = line_of(text, &used);
        if is_ours(&used) && !row.may_use.contains(&used.as_str()) {
            let may = if row.may_use.is_empty() {
                "nothing of ours".to_owned()
            } else {
                row.may_use.join(", ")
            };
            findings.push(Finding::at(
                path,
                line,
                format!("`{name}` may not use `{used}`; it may use {may}"),
            ));
        }
        let outside_core =
            name == "ledger-core" && section != "dev-dependencies" && !is_ours(&used);
        if outside_core && !CORE_FROM_OUTSIDE.contains(&used.as_str()) {
            let what = format!("the core may not use `{used}`: no I/O, no clock, no runtime");
            findings.push(Finding::at(path, line, what));
        }
    }
    findings
}

fn is_ours(name: &str) -> bool {
    TABLE.iter().any(|row| row.name == name)
}

/// Section and package of every dependency, those for one target included.
fn dependencies_of(manifest: &toml::Table) -> Vec<(&'static str, String)> {
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets
        .into_iter()
        .flat_map(|targets| targets.values())
        .filter_map(toml::Value::as_table)
        .chain(std::iter::once(manifest));
    let mut found = Vec::new();
    for table in tables {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let listed = table.get(section).and_then(toml::Value::as_table);
            for (key, value) in listed.into_iter().flatten() {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                found.push((section, renamed.unwrap_or(key).to_owned()));
            }
        }
    }
    found
}

fn line_of(text: &str, package: &str) -> usize {
    let names = |line: &str| {
        line.strip_prefix(package)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            || line.contains(&format!("\"{package}\""))
    };
    text.lines()
        .position(names)
        .map_or(0, |index| index.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let found = check(&Tree::of(&[(path, text)])).findings;
        found.iter().map(super::Finding::written_out).collect()
    }

    #[test]
    fn an_arrow_of_the_table_passes() {
        let text = "[package]\nname = \"ledger-service\"\n[dependencies]\nledger-core.workspace = true\ntokio = \"1\"\n";
        assert!(findings("crates/ledger-service/Cargo.toml", text).is_empty());
    }

    #[test]
    fn an_arrow_that_points_outwards_is_found_with_its_line() {
        let text =
            "[package]\nname = \"event-store\"\n[dependencies]\nledger-core.workspace = true\n";
        assert_eq!(
            findings("crates/event-store/Cargo.toml", text),
            [
                "crates/event-store/Cargo.toml:4: `event-store` may not use `ledger-core`; it may use nothing of ours"
            ]
        );
    }

    #[test]
    fn tests_builds_targets_and_new_names_are_no_way_around() {
        for text in [
            "[dev-dependencies]\nledger = { path = \"../ledger\" }\n",
            "[build-dependencies]\nledger.workspace = true\n",
            "[target.'cfg(unix)'.dependencies]\nledger.workspace = true\n",
            "[dependencies]\nother = { package = \"ledger\", path = \"../ledger\" }\n",
        ] {
            let text = format!("[package]\nname = \"projections\"\n{text}");
            let found = findings("crates/projections/Cargo.toml", &text);
            assert_eq!(found.len(), 1, "{text}\n{found:?}");
        }
    }

    #[test]
    fn the_core_brings_no_runtime_but_its_tests_may() {
        let head = "[package]\nname = \"ledger-core\"\n";
        let path = "crates/ledger-core/Cargo.toml";
        let found = findings(
            path,
            &format!("{head}[dependencies]\ntokio.workspace = true\n"),
        );
        assert_eq!(
            found,
            [
                "crates/ledger-core/Cargo.toml:4: the core may not use `tokio`: no I/O, no clock, no runtime"
            ]
        );
        assert!(
            findings(
                path,
                &format!("{head}[dev-dependencies]\nproptest.workspace = true\n")
            )
            .is_empty()
        );
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        let found = findings(
            "crates/helpers/Cargo.toml",
            "[package]\nname = \"helpers\"\n",
        );
        assert!(
            found
                .iter()
                .any(|line| line.contains("no row in the table")),
            "{found:?}"
        );
        assert!(!check(&Tree::of(&[])).findings.is_empty());
    }
}
