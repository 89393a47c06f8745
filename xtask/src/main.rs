//! `cargo xtask`: the recipes that people and CI run alike.
//!
//! Owns the order of the recipes and what a failing one says. Kept small on purpose (four
//! dependencies, no network code, no async), because it is built before anything else is. What a
//! recipe checks is the business of its own module; what the ledger does is none of its business.

mod check;
mod cli;
mod demo;
mod deny;
mod failure;
mod install;
mod mutate;
mod process;
mod proto;
mod steps;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Arguments, Recipe};
use crate::failure::Failure;

fn main() -> ExitCode {
    match run(Arguments::parse().recipe) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one recipe; `Ok(false)` means that it ran to its end and found something.
fn run(recipe: Recipe) -> Result<bool, Failure> {
    let root = process::repository_root()?;
    match recipe {
        Recipe::Check => check::run(&root),
        Recipe::Test {
            no_install,
            filters,
        } => test::run(&root, install::Mode::from_flag(no_install), &filters),
        Recipe::Demo {
            no_install,
            arguments,
        } => {
            let (kept_back, arguments) = demo::take_own_flag(&arguments);
            demo::run(
                &root,
                install::Mode::from_flag(no_install || kept_back),
                &arguments,
            )
        }
        Recipe::Tidy { only } => tidy::run(&root, only.as_deref()),
        Recipe::MutatePolicy { scheme, key } => {
            mutate::run(&root, scheme.as_deref(), key.as_deref())
        }
        Recipe::Deny { own } => deny::run(&root, own),
        Recipe::Proto => proto::run(&root),
        Recipe::Setup {
            postgresql,
            no_install,
        } => {
            let needs = if postgresql {
                install::WITH_POSTGRESQL
            } else {
                install::FOR_TESTS
            };
            install::ensure(needs, install::Mode::from_flag(no_install)).map(|()| true)
        }
    }
}
