//! The command line: which recipes there are and what each of them takes.

use clap::{Parser, Subcommand};

/// The repository's recipes; CI runs the same ones.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) recipe: Recipe,
}

#[derive(Subcommand)]
pub(crate) enum Recipe {
    /// Everything that can be said without running the code: format, clippy, docs, tidy, deny, proto.
    ///
    /// All steps run even if one fails; a failing step prints the command that runs it alone.
    Check,
    /// Set up what the tests need, then run all of them: unit, integration, end-to-end, doc tests.
    ///
    /// Arguments after `--` go to the test runner: `cargo xtask test -- u7_` runs the tests whose
    /// name contains `u7_`.
    Test {
        /// Install nothing: print the one command that would, and stop if something is missing.
        #[arg(long)]
        no_install: bool,
        /// What the test runner gets: names, or its own flags.
        #[arg(last = true, value_name = "NAME")]
        filters: Vec<String>,
    },
    /// Build the ledger and run its demonstration on real meter data.
    ///
    /// Everything but `--no-install` is passed on to `ledger demo` (`--electricity`, `--water`,
    /// `--report`, `--data`, `--seed`, `--households`, …); `cargo xtask demo -- --help` lists it.
    Demo {
        /// Install nothing: print the one command that would, and stop if something is missing.
        #[arg(long)]
        no_install: bool,
        /// Arguments of `ledger demo`.
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENT"
        )]
        arguments: Vec<String>,
    },
    /// The repository's own lints: crate arrows, file headers, golden files, rules and tests, …
    Tidy {
        /// Run one lint only.
        #[arg(long, value_name = "LINT")]
        only: Option<String>,
    },
    /// Changes each value of each scheme's file in turn and shows the rule's test that fails for it.
    ///
    /// The tests are built once; a value that no test named after a rule notices is a survivor, and the
    /// recipe fails.
    MutatePolicy {
        /// One scheme only, such as `usms`.
        #[arg(long, value_name = "NAME")]
        scheme: Option<String>,
        /// Only values whose key contains this.
        #[arg(long, value_name = "PART")]
        key: Option<String>,
    },
    /// Licences, banned crates and sources of every dependency, by `deny.toml`.
    Deny {
        /// Use the built-in check even where cargo-deny is installed.
        #[arg(long)]
        own: bool,
    },
    /// `buf lint` and `buf breaking` on the API contract, where `buf` is installed.
    Proto,
    /// Install what the tests need and nothing else.
    Setup {
        /// Also PostgreSQL, which the full test run and the benches compare against.
        #[arg(long)]
        postgresql: bool,
        /// Install nothing: print the one command that would, and stop if something is missing.
        #[arg(long)]
        no_install: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, Parser, Recipe};

    fn recipe_of(line: &[&str]) -> Recipe {
        Arguments::try_parse_from(line).unwrap().recipe
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_demo_passes_on_what_it_does_not_know() {
        let line = ["xtask", "demo", "--electricity", "a.csv.gz", "--seed", "7"];
        let Recipe::Demo {
            no_install,
            arguments,
        } = recipe_of(&line)
        else {
            panic!("not the demo");
        };
        assert!(!no_install);
        assert_eq!(arguments, ["--electricity", "a.csv.gz", "--seed", "7"]);
    }

    #[test]
    fn the_demo_keeps_its_own_flag_when_it_comes_first() {
        let Recipe::Demo {
            no_install,
            arguments,
        } = recipe_of(&["xtask", "demo", "--no-install", "--report", "out"])
        else {
            panic!("not the demo");
        };
        assert!(no_install);
        assert_eq!(arguments, ["--report", "out"]);
    }

    #[test]
    fn test_filters_stand_after_two_dashes() {
        let Recipe::Test {
            no_install,
            filters,
        } = recipe_of(&["xtask", "test", "--no-install", "--", "u7_", "-E", "all()"])
        else {
            panic!("not the tests");
        };
        assert!(no_install);
        assert_eq!(filters, ["u7_", "-E", "all()"]);
    }
}
