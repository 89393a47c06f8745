//! Where the values of a scheme's file stand, and what each may be changed into.
//!
//! The text is scanned, not parsed: a value is a string, a whole number or a truth value outside comments,
//! named by its table, its key and, where several stand on one line, their place.

/// Keys whose values are prose for people.
const PROSE: [&str; 1] = ["source"];

/// Words that policies choose from; a word is changed into the others of its group.
const GROUPS: [&[&str]; 18] = [
    &["disconnect", "none"],
    &["any_balance", "above_zero"],
    &["digits", "capitals_and_digits"],
    &["all", "any"],
    &["electricity", "water"],
    &["dwelling_units", "contracted_kva"],
    &["key", "network"],
    &["month", "day", "quarter"],
    &["Asia/Brunei", "Asia/Singapore", "Asia/Manila"],
    &["Asia/Kolkata", "Asia/Colombo"],
    &["Africa/Nairobi", "Africa/Addis_Ababa"],
    &["at_payment", "at_reading"],
    &["refused", "credit"],
    &["tax", "levy"],
    &["half_up", "down"],
    &["trailing_average", "own_month"],
    &["energy", "standing"],
    &[
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ],
];

/// A value and its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutable {
    /// Table and key.
    pub(super) key: String,
    /// Line, from 1.
    pub(super) line: usize,
    /// As written.
    pub(super) literal: String,
    /// What it is changed into, the first that loads counts.
    pub(super) changes: Vec<String>,
    start: usize,
}

impl Mutable {
    /// The text with the value changed.
    pub(super) fn replaced(&self, text: &str, to: &str) -> String {
        let (before, rest) = text.split_at(self.start);
        let after = rest.get(self.literal.len()..).unwrap_or_default();
        format!("{before}{to}{after}")
    }
}

/// Every value of a file.
pub(super) fn mutables(text: &str) -> Vec<Mutable> {
    let mut found = Vec::new();
    let (mut table, mut key, mut offset, mut arrays) = (String::new(), String::new(), 0, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let trimmed = line.trim();
        if let Some(header) = trimmed.strip_prefix("[[") {
            arrays += 1;
            table = format!("{}[{}]", header.trim_end_matches("]]"), arrays - 1);
        } else if trimmed.starts_with('[') && trimmed.ends_with(']') && !trimmed.contains('"') {
            let header = trimmed.trim_matches(|c| c == '[' || c == ']');
            table = match header.strip_prefix("tariffs.") {
                Some(inner) => format!("tariffs[{}].{inner}", arrays.max(1) - 1),
                None => header.to_owned(),
            };
        } else if !trimmed.starts_with('#') {
            if let Some((name, _)) = line.split_once('=').filter(|(name, _)| is_bare(name)) {
                name.trim().clone_into(&mut key);
            }
            scan(line, (offset, index + 1), (&table, &key), &mut found);
        }
        offset += line.len();
    }
    found
}

fn is_bare(name: &str) -> bool {
    let name = name.trim();
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The values of one line.
fn scan(
    line: &str,
    (offset, number): (usize, usize),
    place: (&str, &str),
    found: &mut Vec<Mutable>,
) {
    let bytes = line.as_bytes();
    let (mut at, mut word, mut inline) = (0, String::new(), String::new());
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'#' => return,
            b'"' => {
                let length = line
                    .get(at + 1..)
                    .and_then(|rest| rest.find('"'))
                    .unwrap_or(0)
                    + 2;
                let literal = line.get(at..at + length).unwrap_or_default();
                push(found, (offset + at, number), (place, &inline), literal);
                at += length;
            }
            b'=' => {
                inline = std::mem::take(&mut word);
                at += 1;
            }
            b if b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-' => {
                let length = line
                    .get(at..)
                    .and_then(|rest| {
                        rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
                    })
                    .unwrap_or(line.len() - at);
                let token = line.get(at..at + length).unwrap_or_default();
                if token == "true" || token == "false" || token.bytes().all(|b| b.is_ascii_digit())
                {
                    push(found, (offset + at, number), (place, &inline), token);
                } else {
                    token.clone_into(&mut word);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
}

fn push(
    found: &mut Vec<Mutable>,
    (start, line): (usize, usize),
    ((table, key), inline): ((&str, &str), &str),
    literal: &str,
) {
    if PROSE.contains(&key) {
        return;
    }
    let mut name = if table.is_empty() {
        key.to_owned()
    } else {
        format!("{table}.{key}")
    };
    if inline != key && !inline.is_empty() {
        name = format!("{name}.{inline}");
    }
    let twins = found
        .iter()
        .filter(|m| m.key == name || m.key.starts_with(&format!("{name}#")))
        .count();
    if twins > 0 {
        name = format!("{name}#{twins}");
    }
    found.push(Mutable {
        key: name,
        line,
        literal: literal.to_owned(),
        changes: changes(literal),
        start,
    });
}

/// What a value is changed into.
fn changes(literal: &str) -> Vec<String> {
    match literal {
        "true" => return vec!["false".to_owned()],
        "false" => return vec!["true".to_owned()],
        _ => {}
    }
    let Some(text) = literal
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        let number: u64 = literal.parse().unwrap_or(0);
        let less = number.checked_sub(1);
        return [Some(number + 1), less]
            .into_iter()
            .flatten()
            .map(|other| other.to_string())
            .collect();
    };
    let group = GROUPS.iter().find(|group| group.contains(&text));
    let changed: Vec<String> = match group {
        Some(words) => words
            .iter()
            .filter(|w| **w != text)
            .map(|w| (*w).to_owned())
            .collect(),
        None if text.contains('T') && text.contains(':') => other_digits(text, 3),
        None if text.bytes().any(|b| b.is_ascii_digit()) => last_digit(text),
        None if text.bytes().all(|b| b.is_ascii_uppercase()) => vec!["XXX".to_owned()],
        None => vec![format!("{text}x"), "x".to_owned()],
    };
    changed
        .into_iter()
        .map(|text| format!("\"{text}\""))
        .collect()
}

/// The last digit one up, else one down, else the one before it: the smallest change of an amount, a
/// date, a time of day.
fn last_digit(text: &str) -> Vec<String> {
    let places = text
        .char_indices()
        .filter(|(_, c)| c.is_ascii_digit())
        .map(|(at, _)| at);
    let places: Vec<usize> = places.collect();
    let last_two = places.into_iter().rev().take(2);
    last_two.flat_map(|at| other_digits(text, at)).collect()
}

/// The digit at a place one up and one down.
fn other_digits(text: &str, at: usize) -> Vec<String> {
    let digit = text.as_bytes().get(at).map_or(0, |b| b.wrapping_sub(b'0'));
    let others = [digit.wrapping_add(1), digit.wrapping_sub(1)];
    let (before, rest) = text.split_at(at);
    let after = rest.get(1..).unwrap_or_default();
    others
        .into_iter()
        .filter(|other| *other <= 9)
        .map(|other| format!("{before}{other}{after}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"a\" # not \"this\"\n[x]\nregister = { name = \"1\", digits = 6 }\n# y = 1\n\
                        [[tariffs]]\nsource = \"1-600\"\n[tariffs.blocks]\nsteps = [\n    { width = \"600\", price = \"0.09\" },\n    \
                        { price = \"0.10\" },\n]\nways = [\"key\", \"network\"]\n";

    #[test]
    fn every_value_but_prose_and_comments_is_found_with_its_key() {
        let keys: Vec<String> = mutables(TEXT).into_iter().map(|m| m.key).collect();
        assert_eq!(
            keys,
            [
                "name",
                "x.register.name",
                "x.register.digits",
                "tariffs[0].blocks.steps.width",
                "tariffs[0].blocks.steps.price",
                "tariffs[0].blocks.steps.price#1",
                "tariffs[0].blocks.ways",
                "tariffs[0].blocks.ways#1",
            ]
        );
    }

    #[test]
    fn a_value_is_changed_by_the_least_that_matters() {
        assert_eq!(changes("6"), ["7", "5"]);
        assert_eq!(changes("true"), ["false"]);
        assert_eq!(changes("\"5.00\"").first().unwrap(), "\"5.01\"");
        assert_eq!(changes("\"0.09\"").first().unwrap(), "\"0.08\"");
        assert_eq!(changes("\"all\""), ["\"any\""]);
        assert_eq!(changes("\"BND\""), ["\"XXX\""]);
        let value = mutables(TEXT)
            .into_iter()
            .find(|m| m.key == "x.register.digits")
            .unwrap();
        assert!(value.replaced(TEXT, "7").contains("digits = 7 }"));
    }
}
