//! Lint `size`: a source file holds one noun and fits in a head. Functions are clippy's business.

use crate::tidy::{Finding, Verdict};
use crate::tree::Tree;

/// Files are split by noun near 500 lines; from here on they must be.
const FILE_LINES_MAX: usize = 600;
/// Tests tell stories one after the other, and a reader looks for one of them by its name.
const TEST_LINES_MAX: usize = 1_000;

/// A contract is mostly comments and is read where it is used: `.proto` does not count.
const SOURCES: [&str; 2] = [".rs", ".py"];

fn limit(path: &str) -> usize {
    if path.contains("tests/") {
        TEST_LINES_MAX
    } else {
        FILE_LINES_MAX
    }
}

pub(crate) fn check(tree: &Tree) -> Verdict {
    let mut longest: (usize, &str) = (0, "none");
    let mut findings = Vec::new();
    let sources = tree
        .files()
        .filter(|(path, _)| SOURCES.iter().any(|end| path.ends_with(end)));
    for (path, text) in sources {
        let lines = text.lines().count();
        longest = longest.max((lines, path));
        let most = limit(path);
        if lines > most {
            let what = format!("{lines} lines, at most {most}; split it by noun");
            findings.push(Finding::in_file(path, what));
        }
    }
    let (lines, path) = longest;
    Verdict {
        findings,
        looked_at: format!("the longest file has {lines} lines: {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE_LINES_MAX, check};
    use crate::tree::Tree;

    #[test]
    fn a_file_at_the_limit_passes_and_one_line_more_does_not() {
        let full = "x\n".repeat(FILE_LINES_MAX);
        assert_eq!(check(&Tree::of(&[("a.rs", &full)])).findings, []);
        let over = format!("{full}x\n");
        assert_eq!(check(&Tree::of(&[("a.rs", &over)])).findings.len(), 1);
        assert_eq!(check(&Tree::of(&[("Cargo.lock", &over)])).findings, []);
        assert_eq!(
            check(&Tree::of(&[("crates/a/tests/a.rs", &over)])).findings,
            []
        );
    }
}
