//! The policy applied to the packages. Pure: a policy and metadata in, findings out.

use std::collections::BTreeMap;

use crate::deny::metadata::{Metadata, Package};
use crate::deny::policy::{Level, Policy};
use crate::deny::spdx::Expression;

/// What was found: findings fail the recipe, notes are only said.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) findings: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Report {
    fn add(&mut self, level: Level, text: String) {
        match level {
            Level::Deny => self.findings.push(text),
            Level::Warn => self.notes.push(text),
            Level::Allow => {}
        }
    }
}

pub(crate) fn audit(policy: &Policy, metadata: &Metadata) -> Report {
    let mut report = Report::default();
    for package in &metadata.packages {
        licence(policy, package, &mut report);
        ban(policy, metadata, package, &mut report);
        wildcards(policy, package, &mut report);
        source(policy, package, &mut report);
    }
    versions(policy, metadata, &mut report);
    report
}

fn named(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

fn licence(policy: &Policy, package: &Package, report: &mut Report) {
    let Some(text) = &package.license else {
        let what = format!("{}: no licence expression in its manifest", named(package));
        return report.findings.push(what);
    };
    let excepted = policy
        .licenses
        .exceptions
        .iter()
        .filter(|exception| exception.package == package.name);
    let extra: Vec<&String> = excepted.flat_map(|exception| &exception.allow).collect();
    let allowed = |name: &str| {
        policy
            .licenses
            .allow
            .iter()
            .chain(extra.iter().copied())
            .any(|allowed| allowed == name)
    };
    match Expression::parse(text) {
        Ok(expression) if expression.satisfied_by(&allowed) => {}
        Ok(_) => report.findings.push(format!(
            "{}: licence `{text}` is not allowed",
            named(package)
        )),
        Err(error) => {
            report.findings.push(format!(
                "{}: licence `{text}` cannot be read: {error}",
                named(package)
            ));
        }
    }
}

fn ban(policy: &Policy, metadata: &Metadata, package: &Package, report: &mut Report) {
    let Some(ban) = policy
        .bans
        .deny
        .iter()
        .find(|ban| ban.package == package.name)
    else {
        return;
    };
    let mut users = metadata.users_of(package);
    users.retain(|user| !ban.wrappers.iter().any(|wrapper| wrapper == user));
    if ban.wrappers.is_empty() || !users.is_empty() {
        let brought = users.join(", ");
        report.findings.push(format!(
            "{}: banned ({}); brought by {brought}",
            named(package),
            ban.reason
        ));
    }
}

/// Only our own manifests can be mended, so only they are asked.
fn wildcards(policy: &Policy, package: &Package, report: &mut Report) {
    if package.source.is_some() {
        return;
    }
    for dependency in &package.dependencies {
        let by_path = dependency.path.is_some() && policy.bans.allow_wildcard_paths;
        if dependency.req == "*" && !by_path {
            let what = format!(
                "{}: depends on any version of {}",
                named(package),
                dependency.name
            );
            report.add(policy.bans.wildcards, what);
        }
    }
}

fn source(policy: &Policy, package: &Package, report: &mut Report) {
    let Some(source) = &package.source else {
        return;
    };
    let sources = &policy.sources;
    if let Some(address) = source.strip_prefix("git+") {
        let bare = address.split(['?', '#']).next().unwrap_or(address);
        if !sources.allow_git.iter().any(|allowed| allowed == bare) {
            report.add(
                sources.unknown_git,
                format!("{}: comes from git, {bare}", named(package)),
            );
        }
        return;
    }
    let address = source.strip_prefix("registry+").unwrap_or(source);
    if !sources
        .allow_registry
        .iter()
        .any(|allowed| allowed == address)
    {
        let what = format!("{}: comes from another registry, {address}", named(package));
        report.add(sources.unknown_registry, what);
    }
}

fn versions(policy: &Policy, metadata: &Metadata, report: &mut Report) {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        by_name
            .entry(&package.name)
            .or_default()
            .push(&package.version);
    }
    for (name, mut versions) in by_name {
        versions.sort_unstable();
        versions.dedup();
        if versions.len() > 1 {
            let text = format!(
                "{name}: in {} versions ({})",
                versions.len(),
                versions.join(", ")
            );
            report.add(policy.bans.multiple_versions, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, audit};
    use crate::deny::metadata::Metadata;
    use crate::deny::policy::Policy;

    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
    const POLICY: &str = r#"
[licenses]
allow = ["MIT", "Apache-2.0"]
exceptions = [{ crate = "webpki", allow = ["ISC"] }]
[bans]
multiple-versions = "warn"
wildcards = "deny"
allow-wildcard-paths = true
deny = [
  { crate = "chrono", reason = "jiff is ours" },
  { crate = "time", wrappers = ["nats"], reason = "jiff is ours" },
]
[sources]
unknown-registry = "deny"
unknown-git = "deny"
allow-registry = ["https://github.com/rust-lang/crates.io-index"]
allow-git = ["https://example.invalid/good.git"]
"#;

    /// One package: its name, version, source and licence; `ours` depends on it.
    fn report_of(packages: &[(&str, &str, Option<&str>, Option<&str>)]) -> Report {
        let listed: Vec<serde_json::Value> = packages
            .iter()
            .map(|(name, version, source, license)| {
                serde_json::json!({ "id": format!("{name}@{version}"), "name": name, "version": version,
                    "source": source, "license": license, "dependencies": [] })
            })
            .collect();
        let edges: Vec<serde_json::Value> = packages
            .iter()
            .map(|(name, version, ..)| serde_json::json!({ "pkg": format!("{name}@{version}") }))
            .collect();
        let mut all = listed;
        all.push(
            serde_json::json!({ "id": "ours", "name": "ours", "version": "0.1.0", "source": null,
            "license": "MIT", "dependencies": [] }),
        );
        report(&serde_json::json!({ "packages": all,
            "resolve": { "nodes": [{ "id": "ours", "deps": edges }] } }))
    }

    fn report(metadata: &serde_json::Value) -> Report {
        let metadata = Metadata::parse(metadata.to_string().as_bytes()).unwrap();
        audit(&Policy::parse(POLICY).unwrap(), &metadata)
    }

    #[test]
    fn a_package_within_the_policy_passes() {
        let report = report_of(&[("good", "1.0.0", Some(REGISTRY), Some("MIT OR GPL-3.0-only"))]);
        assert!(
            report.findings.is_empty() && report.notes.is_empty(),
            "{:?}",
            report.findings
        );
    }

    #[test]
    fn a_licence_outside_the_list_is_refused() {
        let report = report_of(&[("bad", "1.0.0", Some(REGISTRY), Some("GPL-3.0-only"))]);
        assert_eq!(
            report.findings,
            ["bad 1.0.0: licence `GPL-3.0-only` is not allowed"]
        );
        let report = report_of(&[("bare", "1.0.0", Some(REGISTRY), None)]);
        assert_eq!(
            report.findings,
            ["bare 1.0.0: no licence expression in its manifest"]
        );
    }

    #[test]
    fn an_exception_holds_for_its_crate_only() {
        let packages = [
            ("webpki", "1.0.0", Some(REGISTRY), Some("ISC")),
            ("other", "1.0.0", Some(REGISTRY), Some("ISC")),
        ];
        assert_eq!(
            report_of(&packages).findings,
            ["other 1.0.0: licence `ISC` is not allowed"]
        );
    }

    #[test]
    fn a_banned_crate_is_refused_with_the_reason_and_who_brings_it() {
        let report = report_of(&[("chrono", "0.4.1", Some(REGISTRY), Some("MIT"))]);
        assert_eq!(
            report.findings,
            ["chrono 0.4.1: banned (jiff is ours); brought by ours"]
        );
    }

    #[test]
    fn a_wrapper_may_bring_what_others_may_not() {
        let package = |name: &str, id: &str| {
            serde_json::json!({ "id": id, "name": name, "version": "1.0.0", "source": REGISTRY,
                "license": "MIT", "dependencies": [] })
        };
        let mut metadata = serde_json::json!({
            "packages": [package("time", "t"), package("nats", "n"), package("other", "o")],
            "resolve": { "nodes": [{ "id": "n", "deps": [{ "pkg": "t" }] }, { "id": "o", "deps": [] }] } });
        assert!(report(&metadata).findings.is_empty());
        metadata["resolve"]["nodes"][1]["deps"] = serde_json::json!([{ "pkg": "t" }]);
        assert_eq!(
            report(&metadata).findings,
            ["time 1.0.0: banned (jiff is ours); brought by other"]
        );
    }

    #[test]
    fn only_known_sources_may_be_used() {
        let packages = [
            (
                "fork",
                "1.0.0",
                Some("git+https://example.invalid/bad.git?branch=x#abc"),
                Some("MIT"),
            ),
            (
                "known",
                "1.0.0",
                Some("git+https://example.invalid/good.git#abc"),
                Some("MIT"),
            ),
            (
                "private",
                "1.0.0",
                Some("registry+https://example.invalid/index"),
                Some("MIT"),
            ),
        ];
        let wanted = [
            "fork 1.0.0: comes from git, https://example.invalid/bad.git",
            "private 1.0.0: comes from another registry, https://example.invalid/index",
        ];
        assert_eq!(report_of(&packages).findings, wanted);
    }

    #[test]
    fn two_versions_are_noted_and_not_refused() {
        let packages = [
            ("syn", "2.0.0", Some(REGISTRY), Some("MIT")),
            ("syn", "3.0.0", Some(REGISTRY), Some("MIT")),
        ];
        let report = report_of(&packages);
        assert!(report.findings.is_empty());
        assert_eq!(report.notes, ["syn: in 2 versions (2.0.0, 3.0.0)"]);
    }

    #[test]
    fn a_dependency_of_ours_without_a_version_is_refused_unless_it_is_a_path() {
        let metadata = serde_json::json!({
            "packages": [{ "id": "ours", "name": "ours", "version": "0.1.0", "source": null,
                "license": "MIT", "dependencies": [
                    { "name": "loose", "req": "*", "path": null },
                    { "name": "core", "req": "*", "path": "crates/core" },
                    { "name": "bound", "req": "^1", "path": null }] }],
            "resolve": { "nodes": [] } });
        assert_eq!(
            report(&metadata).findings,
            ["ours 0.1.0: depends on any version of loose"]
        );
    }
}
