//! Every fault of a scheme's file, for people who write one: not only the first.
//!
//! The reader stops at its first fault. To go on past it, the faulty key is replaced by one known to be
//! right (from a scheme that is part of the program), or taken out, and the text is read again. Each line
//! remembers its number in the file, so that each fault is told where it stands.

use super::SchemeError;
use super::error::keys;
use super::policy::SchemePolicy;

/// Faults told at most: a file with more is no scheme.
const FAULTS_MAX: usize = 100;

/// A line of the text under repair, with its number in the file as given.
type Line = (usize, String);

/// Every fault of a file, in the order they were found; none when it can be used.
#[must_use]
pub fn faults(text: &str) -> Vec<SchemeError> {
    let mut found: Vec<SchemeError> = Vec::new();
    let numbered = text.lines().enumerate();
    let mut lines: Vec<Line> = numbered.map(|(n, line)| (n + 1, line.to_owned())).collect();
    while found.len() < FAULTS_MAX {
        let now: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
        let now = now.join("\n");
        let Err(mut fault) = SchemePolicy::from_toml(&now) else {
            return found;
        };
        let at = fault.line.checked_sub(1);
        if let Some((number, _)) = at.and_then(|at| lines.get(at)) {
            fault.line = *number;
        }
        let again = found
            .iter()
            .any(|f| f.key == fault.key && f.line == fault.line);
        if found.contains(&fault) {
            return found;
        }
        found.push(fault.clone());
        let mended = at.is_some_and(|at| mend(&mut lines, (&now, at), &fault, again));
        if !mended {
            return found;
        }
    }
    found
}

/// Mends one fault at a line of the text as it is now; `false` when nothing can be done about it.
fn mend(
    lines: &mut Vec<Line>,
    (text, at): (&str, usize),
    fault: &SchemeError,
    again: bool,
) -> bool {
    let number = fault.line;
    if let Some(field) = missing(&fault.message)
        && let Some(known) = known_text(&format!("{}.{field}", fault.key))
    {
        lines.insert((at + 1).min(lines.len()), (number, known));
        return true;
    }
    let known = known_text(&fault.key).filter(|_| !again);
    let end = keys(text)
        .map(|(line, _)| line - 1)
        .find(|next| *next > at)
        .unwrap_or(lines.len());
    let Some((_, first)) = lines.get_mut(at) else {
        return false;
    };
    // A header is left: without it everything after it would move to another table.
    if first.trim_start().starts_with('[') {
        return false;
    }
    *first = known.unwrap_or_default();
    for (_, line) in lines.iter_mut().take(end).skip(at + 1) {
        line.clear();
    }
    true
}

/// The key that the parser misses, if that is what it says.
fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// A key's text in a scheme of the program, on one line.
fn known_text(key: &str) -> Option<String> {
    let wanted = general(key);
    SchemePolicy::builtin_names()
        .filter_map(SchemePolicy::builtin_text)
        .find_map(|text| {
            let all: Vec<(usize, String)> = keys(text).collect();
            let at = all.iter().position(|(_, found)| general(found) == wanted)?;
            let (line, _) = all.get(at)?;
            let end = all.get(at + 1).map_or(usize::MAX, |(next, _)| next - 1);
            let value: Vec<&str> = text
                .lines()
                .skip(line - 1)
                .take(end.saturating_sub(line - 1))
                .map(str::trim)
                .filter(|line| !line.starts_with('#') && !line.is_empty())
                .collect();
            Some(value.join(" "))
        })
}

/// A key without the numbers of its tables.
fn general(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut inside = false;
    for c in key.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_file_is_told_with_its_line_and_key() {
        let text = SchemePolicy::builtin_text("usms").unwrap();
        let line_of = |part: &str| text.lines().position(|l| l.contains(part)).unwrap() + 1;
        let wrong = text
            .replacen("tolerance = \"0.01\"", "tolerance = \"-1\"", 1)
            .replacen("minimum = \"2.00\"", "minimum = \"2.001\"", 1)
            .replacen("expiry_hours = 24", "expiry_hours = 0", 1)
            .replacen("gate = true", "gait = true", 1)
            .replacen("repeats_max = 3\n", "\n", 1)
            .replacen("code = \"BND\"", "code = \"B$\"", 1);
        let mut told: Vec<(String, usize)> = faults(&wrong)
            .into_iter()
            .map(|f| (f.key, f.line))
            .collect();
        told.sort();
        for (key, line) in [
            ("currency.code", line_of("code = \"BND\"")),
            ("debt.gait", line_of("gate = true")),
            ("orders", line_of("[orders]")),
            ("orders.expiry_hours", line_of("expiry_hours = 24")),
            ("topup.minimum", line_of("minimum = \"2.00\"")),
            ("utilities.water.tolerance", line_of("tolerance = \"0.01\"")),
        ] {
            assert!(
                told.contains(&(key.to_owned(), line)),
                "{key}:{line} in {told:?}"
            );
        }
        assert_eq!(faults(text), []);
        assert!(!faults("[[[").is_empty());
    }
}
