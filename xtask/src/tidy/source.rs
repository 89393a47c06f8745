//! Reading Rust text as far as the lints need it: lines of code without comments, the part before
//! the tests, and which functions are tests. No parser: the repository is formatted by rustfmt.

use std::collections::BTreeMap;

/// How far above a function its attributes are looked for.
const ATTRIBUTE_LINES_MAX: usize = 12;

/// The code of each line with its number from 1, comments left out.
pub(crate) fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let code = line.split_once("//").map_or(line, |(code, _)| code);
        (!code.trim().is_empty()).then_some((index.saturating_add(1), code))
    })
}

/// The text up to the unit tests at the file's end.
pub(crate) fn before_tests(text: &str) -> &str {
    text.split_once("\n#[cfg(test)]")
        .map_or(text, |(before, _)| before)
}

/// One function found in the sources.
pub(crate) struct Function<'tree> {
    pub(crate) path: &'tree str,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) is_test: bool,
    pub(crate) is_ignored: bool,
}

/// All functions by name.
pub(crate) fn functions_of<'tree>(
    sources: impl Iterator<Item = (&'tree str, &'tree str)>,
) -> BTreeMap<&'tree str, Vec<Function<'tree>>> {
    let mut found: BTreeMap<&str, Vec<Function<'_>>> = BTreeMap::new();
    for (path, text) in sources {
        let lines: Vec<&str> = text.lines().collect();
        for (line, code) in code_lines(text) {
            let Some(name) = function_name(code) else {
                continue;
            };
            let (above, _) = lines.split_at(line.saturating_sub(1));
            let attributes = attributes_above(above);
            let is_test = attributes
                .iter()
                .any(|attribute| is_test_attribute(attribute));
            let is_ignored = attributes
                .iter()
                .any(|attribute| attribute.contains("ignore"));
            found.entry(name).or_default().push(Function {
                path,
                line,
                is_test,
                is_ignored,
            });
        }
    }
    found
}

/// `name` in `pub async fn name(…` or `fn name<…`.
fn function_name(code: &str) -> Option<&str> {
    let (before, after) = code.split_once("fn ")?;
    let starts_a_word = before.is_empty() || before.ends_with([' ', '(', '{', ';']);
    let end = after.find(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))?;
    let (name, rest) = after.split_at(end);
    (starts_a_word && !name.is_empty() && rest.starts_with(['(', '<'])).then_some(name)
}

/// The lines directly above that are attributes or comments, the nearest first.
fn attributes_above<'text>(above: &[&'text str]) -> Vec<&'text str> {
    let mut attributes = Vec::new();
    for line in above.iter().rev().take(ATTRIBUTE_LINES_MAX) {
        let line = line.trim();
        if line.is_empty() || line.ends_with(['}', ';', '{']) {
            break;
        }
        if !line.starts_with("//") {
            attributes.push(line);
        }
    }
    attributes
}

fn is_test_attribute(attribute: &str) -> bool {
    ["#[test]", "#[tokio::test"]
        .iter()
        .any(|mark| attribute.contains(mark))
}

/// Whether `text` holds `word` with no letter, digit or underscore beside it.
pub(crate) fn holds_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, found)| {
        let before = text
            .get(..start)
            .and_then(|before| before.chars().next_back());
        let after = text
            .get(start.saturating_add(found.len())..)
            .and_then(|after| after.chars().next());
        !before.is_some_and(is_word_sign) && !after.is_some_and(is_word_sign)
    })
}

/// Letters, digits and underscore.
pub(crate) fn is_word_sign(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

#[cfg(test)]
mod tests {
    use super::{before_tests, code_lines, functions_of, holds_word};

    #[test]
    fn tests_are_told_from_functions_and_from_ignored_tests() {
        let text = "\
/// Says something.
#[test]
fn u1_a_plain_test() {}

#[tokio::test(flavor = \"current_thread\")]
#[ignore = \"slow\"]
async fn u2_an_ignored_test() {}

pub(crate) fn u3_a_function(x: u8) {}
// fn u4_only_a_comment() {}
";
        let found = functions_of([("a.rs", text)].into_iter());
        let of = |name: &str| {
            let function = found.get(name).and_then(|all| all.first())?;
            Some((function.line, function.is_test, function.is_ignored))
        };
        assert_eq!(of("u1_a_plain_test"), Some((3, true, false)));
        assert_eq!(of("u2_an_ignored_test"), Some((7, true, true)));
        assert_eq!(of("u3_a_function"), Some((9, false, false)));
        assert_eq!(of("u4_only_a_comment"), None);
    }

    #[test]
    fn comments_are_no_code() {
        let lines: Vec<(usize, &str)> =
            code_lines("// no\nlet x = 1; // yes\n\n/// no\n").collect();
        assert_eq!(lines, [(2, "let x = 1; ")]);
    }

    #[test]
    fn unit_tests_are_cut_off() {
        assert_eq!(before_tests("a\n#[cfg(test)]\nmod tests {}"), "a");
        assert_eq!(before_tests("a"), "a");
    }

    #[test]
    fn a_word_stands_alone() {
        assert!(holds_word("call(c4_x)", "c4_x"));
        assert!(!holds_word("c4_x_and_more", "c4_x"));
        assert!(!holds_word("ac4_x", "c4_x"));
    }
}
