//! Lint `words`: what must not stand in the repository.
//!
//! Paths of one machine, notes about work left undone, and floats in the core, where money and
//! quantities live. The words are put together here, so that this file does not find itself.

use crate::tidy::source::{code_lines, holds_word, is_word_sign};
use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

/// The home and work folders of single machines; a path from a clone's root is relative.
const MACHINE_PATHS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/fa", "rm/"),
];
const MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const MACROS: [&str; 2] = [concat!("todo", "!("), concat!("unimplemented", "!(")];
const FLOATS: [&str; 2] = ["f32", "f64"];

/// Written by cargo, not by us.
const LEFT_OUT: [&str; 1] = ["Cargo.lock"];
const CORE_SOURCES: &str = "crates/ledger-core/src/";

pub(crate) fn check(tree: &Tree) -> Verdict {
    let mut findings = Vec::new();
    let mut count: usize = 0;
    for (path, text) in tree.files().filter(|(path, _)| !LEFT_OUT.contains(path)) {
        count = count.saturating_add(1);
        for (index, line) in text.lines().enumerate() {
            let number = index.saturating_add(1);
            findings.extend(in_line(line).map(|what| Finding::at(path, number, what)));
        }
        if path.starts_with(CORE_SOURCES) {
            findings.extend(floats_in(path, text));
        }
    }
    Verdict {
        findings,
        looked_at: format!("{count} text files"),
    }
}

fn in_line(line: &str) -> Option<String> {
    let path = MACHINE_PATHS.iter().find(|path| starts_a_path(line, path));
    let mark = MARKS.iter().find(|mark| holds_word(line, mark));
    let unfinished = MACROS.iter().find(|name| line.contains(*name));
    if let Some(path) = path {
        return Some(format!(
            "`{path}` is a path of one machine; write it from the clone's root"
        ));
    }
    let word = mark.or(unfinished)?;
    Some(format!(
        "`{word}`: finish it, or write down the rule or ADR that leaves it out"
    ))
}

/// The folder stands at the root of a path, not in the middle of one (`a/work/b`, `../work/`).
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line
            .get(..start)
            .and_then(|before| before.chars().next_back());
        !before.is_some_and(|sign| is_word_sign(sign) || ".-}*~".contains(sign))
    })
}

fn floats_in<'tree>(path: &'tree str, text: &'tree str) -> impl Iterator<Item = Finding> + 'tree {
    code_lines(text).filter_map(move |(line, code)| {
        let mut words = code.split(|sign: char| !is_word_sign(sign));
        let float = words.find(|word| is_float(word))?;
        Some(Finding::at(
            path,
            line,
            format!("`{float}`: the core knows no floats; money and quantities are exact"),
        ))
    })
}

/// `f64`, `as_f64`, `1_f64`, `1f64`; not `0x1f64`, not `buf64`.
fn is_float(word: &str) -> bool {
    let Some(before) = FLOATS.iter().find_map(|float| word.strip_suffix(float)) else {
        return false;
    };
    !word.starts_with("0x") && !before.ends_with(|sign: char| sign.is_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::{check, is_float};
    use crate::tree::Tree;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).findings.len()
    }

    #[test]
    fn paths_of_one_machine_are_found_and_relative_ones_are_not() {
        assert_eq!(count("a.md", concat!("see /ro", "ot/x")), 1);
        assert_eq!(count("a.rs", concat!("\"/wo", "rk/main\"")), 1);
        assert_eq!(
            count(
                "a.md",
                concat!("../wo", "rk/x and a/wo", "rk/x and $HOME}/ro", "ot/")
            ),
            0
        );
    }

    #[test]
    fn notes_about_unfinished_work_are_found() {
        assert_eq!(count("a.rs", concat!("// TO", "DO: later")), 1);
        assert_eq!(count("a.py", concat!("# FIX", "ME")), 1);
        assert_eq!(count("a.rs", concat!("todo", "!()")), 1);
        assert_eq!(
            count("a.rs", concat!("// MAS", "TO", "DON is another word")),
            0
        );
        assert_eq!(count("Cargo.toml", "todo = \"warn\""), 0);
    }

    #[test]
    fn floats_are_found_in_the_core_and_nowhere_else() {
        let text = "fn share() -> f64 { 1.0 }\n";
        assert_eq!(count("crates/ledger-core/src/money.rs", text), 1);
        assert_eq!(count("crates/ledger/src/bench.rs", text), 0);
        assert_eq!(
            count("crates/ledger-core/src/money.rs", "// never an f64\n"),
            0
        );
    }

    #[test]
    fn a_float_is_known_by_its_name() {
        for float in ["f32", "f64", "as_f64", "1_f64", "1f64"] {
            assert!(is_float(float), "{float}");
        }
        for other in ["buf64", "0x1f64", "f640", "u64"] {
            assert!(!is_float(other), "{other}");
        }
    }
}
