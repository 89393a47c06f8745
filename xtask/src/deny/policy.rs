//! `deny.toml` as far as this program applies it. Every other setting is refused.

use serde::Deserialize;

use crate::failure::Failure;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "cargo metadata already holds all features and all targets"
    )]
    graph: Graph,
    pub(crate) licenses: Licenses,
    pub(crate) bans: Bans,
    pub(crate) sources: Sources,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Graph {
    #[serde(default)]
    #[expect(dead_code, reason = "read so that it is accepted")]
    all_features: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Licenses {
    /// SPDX identifiers, with `WITH exception` where one is meant.
    pub(crate) allow: Vec<String>,
    /// Licences allowed for one crate only.
    #[serde(default)]
    pub(crate) exceptions: Vec<LicenceException>,
    /// How sure cargo-deny must be when it reads a licence text; expressions need no guess.
    #[serde(default)]
    #[expect(dead_code, reason = "only cargo-deny reads licence texts")]
    confidence_threshold: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LicenceException {
    #[serde(rename = "crate", alias = "name")]
    pub(crate) package: String,
    pub(crate) allow: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Bans {
    pub(crate) multiple_versions: Level,
    pub(crate) wildcards: Level,
    /// A crate of this workspace, named by path, needs no version.
    #[serde(default)]
    pub(crate) allow_wildcard_paths: bool,
    #[serde(default)]
    pub(crate) deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ban {
    #[serde(rename = "crate", alias = "name")]
    pub(crate) package: String,
    pub(crate) reason: String,
    /// The only crates that may bring it.
    #[serde(default)]
    pub(crate) wrappers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Sources {
    pub(crate) unknown_registry: Level,
    pub(crate) unknown_git: Level,
    #[serde(default)]
    pub(crate) allow_registry: Vec<String>,
    #[serde(default)]
    pub(crate) allow_git: Vec<String>,
}

/// What happens when something is found.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    Deny,
    Warn,
    Allow,
}

impl Policy {
    /// # Errors
    /// The text is not TOML, or holds a setting that this program does not apply.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let policy: Self = toml::from_str(text).map_err(|error| {
            Failure::new(
                format!("deny.toml: {error}"),
                "correct it; a new setting also needs its code in xtask/src/deny/policy.rs",
            )
        })?;
        match policy
            .bans
            .deny
            .iter()
            .find(|ban| ban.package.contains(['@', ':', '=']))
        {
            None => Ok(policy),
            Some(ban) => Err(Failure::new(
                format!("deny.toml: the ban of `{}` names a version", ban.package),
                "ban the whole crate; versions are not told apart here",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, Policy};

    const SMALL: &str = r#"
[licenses]
allow = ["MIT"]
[bans]
multiple-versions = "warn"
wildcards = "deny"
deny = [{ crate = "chrono", reason = "jiff" }]
[sources]
unknown-registry = "deny"
unknown-git = "deny"
"#;

    #[test]
    fn the_repository_s_own_policy_is_understood() {
        let text = include_str!("../../../deny.toml");
        let policy = Policy::parse(text).unwrap();
        assert_eq!(policy.sources.unknown_git, Level::Deny);
        assert!(
            policy
                .licenses
                .allow
                .iter()
                .any(|licence| licence == "Apache-2.0")
        );
    }

    #[test]
    fn a_setting_that_is_not_applied_is_refused() {
        assert!(Policy::parse(SMALL).is_ok());
        let with_skip = SMALL.replace("[sources]", "skip = []\n[sources]");
        let failure = Policy::parse(&with_skip).err().unwrap().to_string();
        assert!(failure.contains("skip"), "{failure}");
    }

    #[test]
    fn a_ban_of_one_version_is_refused() {
        let failure = Policy::parse(&SMALL.replace("chrono", "chrono@0.4"))
            .err()
            .unwrap();
        assert!(failure.to_string().contains("names a version"));
    }
}
