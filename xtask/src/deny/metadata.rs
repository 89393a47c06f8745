//! What `cargo metadata` says about every package, as far as the policy asks.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::Failure;

#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// Absent for the crates of this workspace.
    pub(crate) source: Option<String>,
    /// An SPDX expression.
    pub(crate) license: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The version requirement; `*` when none is written.
    pub(crate) req: String,
    /// Where it is, when named by path.
    pub(crate) path: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
}

impl Metadata {
    /// # Errors
    /// The bytes are not what `cargo metadata --format-version 1` writes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(bytes).map_err(|error| {
            Failure::new(
                format!("cargo metadata cannot be read: {error}"),
                "run `cargo metadata --format-version 1 --locked` by hand",
            )
        })
    }

    /// The names of the packages that bring `package` in directly.
    pub(crate) fn users_of(&self, package: &Package) -> Vec<&str> {
        let names: BTreeMap<&str, &str> = self
            .packages
            .iter()
            .map(|found| (found.id.as_str(), found.name.as_str()))
            .collect();
        let users = self
            .resolve
            .nodes
            .iter()
            .filter(|node| node.deps.iter().any(|edge| edge.pkg == package.id));
        users
            .filter_map(|node| names.get(node.id.as_str()).copied())
            .collect()
    }
}
