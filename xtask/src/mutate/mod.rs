//! `cargo xtask mutate-policy`: changes each value of each scheme's file in turn and shows which test,
//! named after a rule, fails for it.
//!
//! The rule tests read a scheme's text at run time (`LEDGER_SCHEME_<NAME>` names a file that stands for
//! the built-in one), so they are built once and no mutant needs the compiler. A value whose every change
//! the loader refuses cannot be broken by itself and is shown as refused. Values that are prose
//! (`source`) are left alone. Of the programs, the one that noticed the mutant before goes first.

mod values;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use self::values::{Mutable, mutables};
use crate::failure::Failure;
use crate::process::{cargo, not_started, target_folder, written_out};

/// The core's tests that are named after rules: prepaid and common rules first, then the postpaid ones.
const PROGRAMS: [&str; 2] = ["rules", "postpaid"];
/// The test, of the first program, that tells whether a mutant is a scheme at all.
const LOADS: &str = "schemes::the_scheme_that_is_handed_in_loads";
/// Random histories and the exploration of the status machine show what always holds, not what a value
/// is; they would take the longest.
const SKIPPED: [&str; 6] = [
    "properties::",
    "over_random",
    "c8_shuffling",
    "any_order::",
    "e1_e9_every_edge",
    "the_drawing",
];

/// What became of one value's mutants.
enum Fate {
    /// This test failed for it.
    Killed { to: String, test: String },
    /// No test failed.
    Survived { to: String },
    /// The loader refuses every change.
    Refused,
}

/// Runs it; `Ok(false)` when a mutant survived.
pub(crate) fn run(root: &Path, only: Option<&str>, key: Option<&str>) -> Result<bool, Failure> {
    let tests = build(root)?;
    let place = target_folder(root)?.join("mutants");
    fs::create_dir_all(&place).map_err(|e| bad_file(&place, &e))?;
    let mut survivors = 0_usize;
    let mut by_scheme: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for file in scheme_files(root)? {
        let name = file
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default();
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let text = fs::read_to_string(&file).map_err(|e| bad_file(&file, &e))?;
        let mut bench = Bench {
            tests: &tests,
            mutant: place.join(format!("{name}.toml")),
            variable: format!("LEDGER_SCHEME_{}", name.to_uppercase()),
            noticed: 0,
        };
        bench.must_pass(&text)?;
        for value in mutables(&text) {
            if key.is_some_and(|part| !value.key.contains(part)) {
                continue;
            }
            let fate = bench.fate(&text, &value)?;
            let counts = by_scheme.entry(name.to_owned()).or_default();
            counts.0 += 1;
            if matches!(fate, Fate::Survived { .. }) {
                counts.1 += 1;
                survivors += 1;
            }
            println!("{}", line(name, &value, &fate));
        }
    }
    for (name, (all, survived)) in &by_scheme {
        println!("mutate-policy: {name}: {all} values, {survived} survivors");
    }
    Ok(survivors == 0)
}

fn line(scheme: &str, value: &Mutable, fate: &Fate) -> String {
    let at = format!("{scheme}:{}", value.line);
    let (to, what) = match fate {
        Fate::Killed { to, test } => (to.as_str(), test.as_str()),
        Fate::Survived { to } => (to.as_str(), "SURVIVED"),
        Fate::Refused => ("–", "refused by the loader"),
    };
    format!(
        "{at:<10} {:<44} {:<26} {to:<26} {what}",
        value.key, value.literal
    )
}

/// Builds the rule tests; the paths of their programs, in the order of [`PROGRAMS`].
fn build(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut arguments = vec!["test", "--workspace", "--no-run"];
    arguments.extend(["--message-format", "json-render-diagnostics"]);
    arguments.extend(PROGRAMS.iter().flat_map(|name| ["--test", name]));
    let mut build = cargo(root, &arguments);
    let shown = written_out(&build);
    let built = build.output().map_err(|e| not_started(&shown, &e))?;
    let told = String::from_utf8_lossy(&built.stdout);
    let messages: Vec<Value> = told
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let program = |name: &&str| {
        let mut built = messages
            .iter()
            .filter(|m| m.pointer("/target/name").and_then(Value::as_str) == Some(name));
        built.find_map(|m| m.get("executable")?.as_str().map(PathBuf::from))
    };
    let programs: Vec<PathBuf> = PROGRAMS.iter().filter_map(program).collect();
    if built.status.success() && programs.len() == PROGRAMS.len() {
        return Ok(programs);
    }
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    Err(Failure::new(
        "the rule tests do not build",
        format!("{said}\nthen: {shown}"),
    ))
}

fn scheme_files(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = root.join("schemes");
    let entries = fs::read_dir(&folder).map_err(|e| bad_file(&folder, &e))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    Ok(files)
}

fn bad_file(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()), "look at the file")
}

/// One scheme under test.
struct Bench<'a> {
    tests: &'a [PathBuf],
    mutant: PathBuf,
    variable: String,
    /// Place of the program that noticed the mutant before this one.
    noticed: usize,
}

impl Bench<'_> {
    /// The file as it is passes, or no failure would mean anything.
    fn must_pass(&self, text: &str) -> Result<(), Failure> {
        for (program, name) in self.tests.iter().zip(PROGRAMS) {
            let output = self.run(program, text, &[])?;
            if !output.status.success() {
                return Err(Failure::new(
                    format!(
                        "the rule tests fail without a mutant: {:?}",
                        failed(&output)
                    ),
                    format!("cargo test --workspace --test {name}"),
                ));
            }
        }
        Ok(())
    }

    fn fate(&mut self, text: &str, value: &Mutable) -> Result<Fate, Failure> {
        let Some(loader) = self.tests.first() else {
            return Ok(Fate::Refused);
        };
        for to in &value.changes {
            let mutant = value.replaced(text, to);
            let loads = self.run(loader, &mutant, &["--exact", LOADS])?;
            if !loads.status.success() {
                continue;
            }
            let to = to.clone();
            return Ok(match self.killer(&mutant)? {
                Some(test) => Fate::Killed { to, test },
                None => Fate::Survived { to },
            });
        }
        Ok(Fate::Refused)
    }

    /// The first test, named after a rule, that fails for a mutant.
    fn killer(&mut self, mutant: &str) -> Result<Option<String>, Failure> {
        let first = self.noticed;
        let others = (0..self.tests.len()).filter(|at| *at != first);
        for at in std::iter::once(first).chain(others) {
            let Some(program) = self.tests.get(at) else {
                continue;
            };
            let output = self.run(program, mutant, &[])?;
            if let Some(test) = failed(&output).into_iter().find(|name| is_rule(name)) {
                self.noticed = at;
                return Ok(Some(test));
            }
        }
        Ok(None)
    }

    fn run(&self, program: &Path, text: &str, arguments: &[&str]) -> Result<Output, Failure> {
        fs::write(&self.mutant, text).map_err(|e| bad_file(&self.mutant, &e))?;
        let mut command = Command::new(program);
        command.args(arguments).env(&self.variable, &self.mutant);
        for skipped in SKIPPED {
            command.args(["--skip", skipped]);
        }
        let shown = written_out(&command);
        command.output().map_err(|e| not_started(&shown, &e))
    }
}

/// Names of the tests that failed, without their modules.
fn failed(output: &Output) -> Vec<String> {
    let told = String::from_utf8_lossy(&output.stdout);
    let mut names: Vec<String> = told
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"))
        .map(|name| name.rsplit("::").next().unwrap_or(name).to_owned())
        .collect();
    names.sort();
    names
}

/// Whether a test is named after a rule: `u7_…`, `c16_…`.
fn is_rule(name: &str) -> bool {
    let digits = name.trim_start_matches(['c', 'u', 'p', 'k', 'e']);
    let number: String = digits.chars().take_while(char::is_ascii_digit).collect();
    digits.len() + 1 == name.len()
        && !number.is_empty()
        && digits
            .strip_prefix(number.as_str())
            .is_some_and(|rest| rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::is_rule;

    #[test]
    fn only_a_test_named_after_a_rule_counts() {
        assert!(is_rule("u7_a_negative_balance") && is_rule("c16_a_void"));
        for other in ["a_key_that_is_missing", "p_", "u_7", "uu7_x", "7_x", "c16"] {
            assert!(!is_rule(other), "{other}");
        }
    }
}
