//! `cargo xtask tidy`: the repository's own lints.
//!
//! Each lint is one file and one function from the repository's text to a verdict. A file that a
//! lint asks for and does not find is a finding, never a reason to pass. What clippy, rustfmt and
//! the compiler can say is left to them.

mod adr;
mod arrows;
mod changelog;
mod clippy_settings;
mod golden;
mod headers;
mod rules;
mod size;
mod source;
mod words;

use std::path::Path;

use crate::failure::Failure;
use crate::tree::Tree;

/// One thing found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// From 1; 0 for the file as a whole.
    line: usize,
    what: String,
}

impl Finding {
    fn in_file(path: &str, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            what: what.into(),
        }
    }

    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }

    fn written_out(&self) -> String {
        match self.line {
            0 => format!("{}: {}", self.path, self.what),
            line => format!("{}:{line}: {}", self.path, self.what),
        }
    }
}

/// What a lint says: its findings, and a sentence about what it looked at.
struct Verdict {
    findings: Vec<Finding>,
    looked_at: String,
}

struct Lint {
    name: &'static str,
    check: fn(&Tree) -> Verdict,
}

const LINTS: [Lint; 9] = [
    Lint {
        name: "arrows",
        check: arrows::check,
    },
    Lint {
        name: "headers",
        check: headers::check,
    },
    Lint {
        name: "golden",
        check: golden::check,
    },
    Lint {
        name: "rules",
        check: rules::check,
    },
    Lint {
        name: "size",
        check: size::check,
    },
    Lint {
        name: "clippy-settings",
        check: clippy_settings::check,
    },
    Lint {
        name: "words",
        check: words::check,
    },
    Lint {
        name: "adr",
        check: adr::check,
    },
    Lint {
        name: "changelog",
        check: changelog::check,
    },
];

/// Runs all lints, or the one called `only`.
///
/// # Errors
/// The repository cannot be read, or there is no lint of that name.
pub(crate) fn run(root: &Path, only: Option<&str>) -> Result<bool, Failure> {
    let chosen: Vec<&Lint> = LINTS
        .iter()
        .filter(|lint| only.is_none_or(|name| name == lint.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = LINTS.iter().map(|lint| lint.name).collect();
        let what = format!("there is no lint called `{}`", only.unwrap_or_default());
        return Err(Failure::new(
            what,
            format!("use one of {}", names.join(", ")),
        ));
    }
    let tree = Tree::read(root)?;
    let mut found: usize = 0;
    for lint in chosen {
        let verdict = (lint.check)(&tree);
        for finding in &verdict.findings {
            println!("tidy: {}: {}", lint.name, finding.written_out());
        }
        let state = if verdict.findings.is_empty() {
            "ok"
        } else {
            "FAILED"
        };
        println!("tidy: {:<15} {state:<6} {}", lint.name, verdict.looked_at);
        found = found.saturating_add(verdict.findings.len());
    }
    println!("tidy: {found} findings");
    Ok(found == 0)
}
