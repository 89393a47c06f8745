//! What is wrong with a scheme's file: which key, on which line, and why.
//!
//! Owns the way from a place in the text to its key and back. Deliberately absent: a TOML parser; the
//! text was parsed already or is being refused by the parser, and only headers and keys at the start
//! of a line are looked at.

use std::fmt;

/// A scheme's file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeError {
    /// The key at fault, such as `top_up.minimum` or `tariffs[2].blocks`; empty for the whole file.
    pub key: String,
    /// Its line, counted from 1; 0 when there is none.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl SchemeError {
    /// The stable code of this refusal.
    pub const CODE: &'static str = "scheme-invalid";

    /// A scheme that is not part of the program.
    pub(super) fn unknown(name: &str, known: &[&str]) -> Self {
        let message = format!(
            "there is no built-in scheme {name:?}: there is {}",
            known.join(", ")
        );
        Self {
            key: String::new(),
            line: 0,
            message,
        }
    }

    /// The parser's refusal, with the key its place belongs to.
    pub(crate) fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let key = keys(text).take_while(|(at, _)| *at <= line).last();
        Self {
            key: key.map(|(_, key)| key).unwrap_or_default(),
            line,
            message: error.message().to_owned(),
        }
    }

    /// A refusal of a key that was parsed.
    pub(crate) fn at_key(text: &str, key: &str, message: impl Into<String>) -> Self {
        // A key that was left out is looked for where its table begins.
        let mut wanted = key;
        let line = loop {
            if let Some((line, _)) = keys(text).find(|(_, found)| found == wanted) {
                break line;
            }
            match wanted.rsplit_once('.') {
                Some((table, _)) => wanted = table,
                None => break 0,
            }
        };
        Self {
            key: key.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for SchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for SchemeError {}

/// Lines and full keys of every header and key that starts a line, in order. Elements of an array of
/// tables are counted from 0, those of an array within one anew in each.
pub(super) fn keys(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut table = String::new();
    let mut arrays = Arrays::default();
    text.lines().enumerate().filter_map(move |(index, line)| {
        let line = line.trim();
        if let Some(name) = header(line, "[[", "]]") {
            table = arrays.next(name);
            return Some((index + 1, table.clone()));
        }
        if let Some(name) = header(line, "[", "]") {
            table = arrays.numbered(name);
            return Some((index + 1, table.clone()));
        }
        let (key, _) = line.split_once('=')?;
        let key = key.trim();
        let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if key.is_empty() || !key.bytes().all(bare) {
            return None;
        }
        let full = if table.is_empty() {
            key.to_owned()
        } else {
            format!("{table}.{key}")
        };
        Some((index + 1, full))
    })
}

fn header<'a>(line: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let name = line.strip_prefix(open)?.split(close).next()?;
    Some(name.trim())
}

/// The arrays of tables that are open, the outer ones first: name as written, and the newest element.
#[derive(Default)]
struct Arrays {
    open: Vec<(String, usize)>,
}

impl Arrays {
    /// The key of an array's next element.
    fn next(&mut self, name: &str) -> String {
        let is_around = |outer: &str| {
            name.strip_prefix(outer)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        match self.open.iter().position(|(known, _)| known == name) {
            Some(at) => {
                self.open.truncate(at + 1);
                if let Some((_, element)) = self.open.last_mut() {
                    *element += 1;
                }
            }
            None => {
                self.open.retain(|(outer, _)| is_around(outer));
                self.open.push((name.to_owned(), 0));
            }
        }
        self.numbered(name)
    }

    /// A key with the numbers of the elements it lies in.
    fn numbered(&self, name: &str) -> String {
        let mut key = String::new();
        let mut written = "";
        for (array, element) in &self.open {
            let inside = name.strip_prefix(array.as_str());
            if inside.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('.')) {
                continue;
            }
            key.push_str(array.strip_prefix(written).unwrap_or(array));
            key.push_str(&format!("[{element}]"));
            written = array;
        }
        key.push_str(name.strip_prefix(written).unwrap_or(name));
        key
    }
}
