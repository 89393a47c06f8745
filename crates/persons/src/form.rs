//! What a person's data look like: the form that is sent, what is wrong with it, and what is kept.
//!
//! A problem names the field and the rule, never the value: errors travel into logs. Nothing here shows
//! itself in debug output.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Longest name, characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest identity number, characters; passports and company numbers are below twenty.
const IDENTITY_CHARS_MAX: usize = 40;
/// Fewest and most digits of an international telephone number (E.164; the shortest in use has seven).
const TELEPHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Longest e-mail address and its part before the sign, bytes (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Longest label of a domain name, bytes.
const LABEL_BYTES_MAX: usize = 63;
/// Most entries of one kind: a few telephones are usual, a list of them is a mistake.
const ENTRIES_MAX: usize = 5;

/// A text about a person: wiped when it is dropped, and never shown by itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(Zeroizing<String>);

impl Personal {
    /// Takes a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for whoever may see it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(kept back)")
    }
}

/// A person's data as sent, not yet looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Name as the person writes it.
    pub name: Personal,
    /// Identity card, passport or company numbers.
    pub identity_numbers: Vec<Personal>,
    /// Telephones, international.
    pub telephones: Vec<Personal>,
    /// E-mail addresses.
    pub emails: Vec<Personal>,
}

/// What is to be changed; `None` leaves a part as it is, an empty list removes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// A new name.
    pub name: Option<Personal>,
    /// New identity numbers, all of them.
    pub identity_numbers: Option<Vec<Personal>>,
    /// New telephones, all of them.
    pub telephones: Option<Vec<Personal>>,
    /// New e-mail addresses, all of them.
    pub emails: Option<Vec<Personal>>,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// A whole telephone number.
    Telephone(Personal),
    /// A whole identity number.
    IdentityNumber(Personal),
}

/// A field that is wrong, and the rule it breaks; never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Such as `telephones[1]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub rule: String,
    /// It is empty although it must be given.
    pub is_missing: bool,
}

/// Problems in one line.
pub(crate) fn problems_text(problems: &[Problem]) -> String {
    let parts: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.field, problem.rule))
        .collect();
    parts.join("; ")
}

/// A person's data that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Name.
    pub name: Personal,
    /// Identity numbers as given, without spaces at the ends.
    pub identity_numbers: Vec<Personal>,
    /// Telephones, `+` and digits.
    pub telephones: Vec<Personal>,
    /// E-mail addresses as given.
    pub emails: Vec<Personal>,
}

impl Content {
    /// Looks at a form.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of(form: &Form) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let content = Self {
            name: one("name", &form.name, name, &mut problems),
            identity_numbers: all(
                "identity_numbers",
                &form.identity_numbers,
                identity_number,
                &mut problems,
            ),
            telephones: all("telephones", &form.telephones, telephone, &mut problems),
            emails: all("emails", &form.emails, email, &mut problems),
        };
        if problems.is_empty() {
            Ok(content)
        } else {
            Err(problems)
        }
    }

    /// The content after a change.
    ///
    /// # Errors
    /// Everything that is wrong with the change.
    pub fn changed(&self, change: &Change) -> Result<Self, Vec<Problem>> {
        fn or(new: Option<&Vec<Personal>>, old: &[Personal]) -> Vec<Personal> {
            new.map_or_else(|| old.to_vec(), Clone::clone)
        }
        Self::of(&Form {
            name: change.name.clone().unwrap_or_else(|| self.name.clone()),
            identity_numbers: or(change.identity_numbers.as_ref(), &self.identity_numbers),
            telephones: or(change.telephones.as_ref(), &self.telephones),
            emails: or(change.emails.as_ref(), &self.emails),
        })
    }

    /// What the content is found by: kind and the text that is compared.
    pub(crate) fn lookups(&self) -> Vec<(LookupKind, Personal)> {
        let telephones = self
            .telephones
            .iter()
            .map(|text| (LookupKind::Telephone, text.clone()));
        let identities = self
            .identity_numbers
            .iter()
            .map(|text| (LookupKind::IdentityNumber, compared(text)));
        telephones.chain(identities).collect()
    }

    /// As it is sealed.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let texts = |all: &[Personal]| all.iter().map(|t| t.expose().to_owned()).collect();
        let stored = Stored {
            n: self.name.expose().to_owned(),
            i: texts(&self.identity_numbers),
            t: texts(&self.telephones),
            e: texts(&self.emails),
        };
        // Strings and lists of them can always be written.
        Zeroizing::new(serde_json::to_vec(&stored).unwrap_or_default())
    }

    /// From what was sealed; `None` when it is not understood.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut stored: Stored = serde_json::from_slice(bytes).ok()?;
        let texts =
            |all: &mut Vec<String>| std::mem::take(all).into_iter().map(Personal::new).collect();
        Some(Self {
            name: Personal::new(std::mem::take(&mut stored.n)),
            identity_numbers: texts(&mut stored.i),
            telephones: texts(&mut stored.t),
            emails: texts(&mut stored.e),
        })
    }
}

/// The sealed form; a new field needs a default.
#[derive(Serialize, Deserialize)]
struct Stored {
    n: String,
    #[serde(default)]
    i: Vec<String>,
    #[serde(default)]
    t: Vec<String>,
    #[serde(default)]
    e: Vec<String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.n.zeroize();
        for text in self.i.iter_mut().chain(&mut self.t).chain(&mut self.e) {
            text.zeroize();
        }
    }
}

/// What a person can be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookupKind {
    /// Telephone, `+` and digits.
    Telephone,
    /// Identity number without its separators, capitals.
    IdentityNumber,
}

impl LookupKind {
    /// As stored.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Telephone => 1,
            Self::IdentityNumber => 2,
        }
    }
}

impl Sought {
    /// Kind and the text that is compared.
    ///
    /// # Errors
    /// When it is not well formed: then nobody has it.
    pub(crate) fn lookup(&self) -> Result<(LookupKind, Personal), Problem> {
        let problem = |field: &str, rule: Broken| Problem {
            field: field.to_owned(),
            rule: rule.text,
            is_missing: rule.is_missing,
        };
        match self {
            Self::Telephone(text) => telephone(text)
                .map(|text| (LookupKind::Telephone, text))
                .map_err(|rule| problem("telephone", rule)),
            Self::IdentityNumber(text) => identity_number(text)
                .map(|text| (LookupKind::IdentityNumber, compared(&text)))
                .map_err(|rule| problem("identity_number", rule)),
        }
    }
}

/// A rule that a text breaks.
struct Broken {
    text: String,
    is_missing: bool,
}

impl Broken {
    fn rule(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_missing: false,
        }
    }

    fn missing() -> Self {
        Self {
            text: "it must be given".to_owned(),
            is_missing: true,
        }
    }
}

type Look = fn(&Personal) -> Result<Personal, Broken>;

fn one(field: &str, text: &Personal, look: Look, problems: &mut Vec<Problem>) -> Personal {
    look(text).unwrap_or_else(|broken| {
        problems.push(Problem {
            field: field.to_owned(),
            rule: broken.text,
            is_missing: broken.is_missing,
        });
        Personal::new("")
    })
}

fn all(field: &str, texts: &[Personal], look: Look, problems: &mut Vec<Problem>) -> Vec<Personal> {
    if texts.len() > ENTRIES_MAX {
        problems.push(Problem {
            field: field.to_owned(),
            rule: format!("there are {}, at most {ENTRIES_MAX}", texts.len()),
            is_missing: false,
        });
        return Vec::new();
    }
    let mut kept: Vec<Personal> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let text = one(&format!("{field}[{index}]"), text, look, problems);
        // Given twice is given once.
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// Without spaces at the ends, one line, not empty, not too long.
fn plain(text: &Personal, chars_max: usize) -> Result<&str, Broken> {
    let text = text.expose().trim();
    if text.is_empty() {
        return Err(Broken::missing());
    }
    if text.chars().count() > chars_max {
        return Err(Broken::rule(format!(
            "it is longer than {chars_max} characters"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(Broken::rule("it has control characters such as a line end"));
    }
    Ok(text)
}

fn name(text: &Personal) -> Result<Personal, Broken> {
    let text = plain(text, NAME_CHARS_MAX)?;
    if !text.chars().any(char::is_alphabetic) {
        return Err(Broken::rule("a name has letters"));
    }
    Ok(Personal::new(text))
}

fn identity_number(text: &Personal) -> Result<Personal, Broken> {
    let text = plain(text, IDENTITY_CHARS_MAX)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || is_separator(c);
    if !text.chars().all(allowed) || !text.chars().any(|c| c.is_ascii_alphanumeric()) {
        return Err(Broken::rule(
            "it has letters and digits, with spaces, '-', '/' or '.' between them",
        ));
    }
    Ok(Personal::new(text))
}

const fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '/' | '.')
}

/// An identity number as it is compared: however it was grouped, it is the same.
fn compared(identity_number: &Personal) -> Personal {
    let text: String = identity_number
        .expose()
        .chars()
        .filter(|c| !is_separator(*c))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    Personal::new(text)
}

fn telephone(text: &Personal) -> Result<Personal, Broken> {
    let text = plain(text, 3 * EMAIL_LOCAL_BYTES_MAX)?;
    let grouping = |c: &char| !matches!(c, ' ' | '-' | '.' | '(' | ')');
    let text = Personal::new(text.chars().filter(grouping).collect::<String>());
    let Some(digits) = text.expose().strip_prefix('+') else {
        return Err(Broken::rule(
            "it begins with '+' and the country code, such as +673 223 4567",
        ));
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Broken::rule("after '+' it has digits only"));
    }
    if !TELEPHONE_DIGITS.contains(&digits.len()) {
        let (least, most) = (TELEPHONE_DIGITS.start(), TELEPHONE_DIGITS.end());
        return Err(Broken::rule(format!(
            "it has {} digits, and a telephone number has {least} to {most} (E.164)",
            digits.len()
        )));
    }
    if digits.starts_with('0') {
        return Err(Broken::rule("no country code begins with 0"));
    }
    Ok(text)
}

fn email(text: &Personal) -> Result<Personal, Broken> {
    let text = plain(text, EMAIL_BYTES_MAX)?;
    if text.len() > EMAIL_BYTES_MAX {
        return Err(Broken::rule(format!(
            "it is longer than {EMAIL_BYTES_MAX} bytes"
        )));
    }
    if text.chars().any(char::is_whitespace) {
        return Err(Broken::rule("an e-mail address has no spaces"));
    }
    let Some((local, domain)) = text.split_once('@').filter(|(_, d)| !d.contains('@')) else {
        return Err(Broken::rule(
            "an e-mail address has one '@', such as name@example.org",
        ));
    };
    let dotted = |part: &str| part.starts_with('.') || part.ends_with('.') || part.contains("..");
    if local.is_empty() || local.len() > EMAIL_LOCAL_BYTES_MAX || dotted(local) {
        return Err(Broken::rule(
            "what stands before '@' has 1 to 64 characters and no dot at its ends",
        ));
    }
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !domain.contains('.') || !domain.split('.').all(is_label) {
        return Err(Broken::rule(
            "what stands after '@' is a domain such as example.org",
        ));
    }
    Ok(Personal::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[&str]) -> Vec<Personal> {
        all.iter().map(|text| Personal::new(*text)).collect()
    }

    fn form(name: &str, identity: &[&str], telephones: &[&str], emails: &[&str]) -> Form {
        Form {
            name: Personal::new(name),
            identity_numbers: texts(identity),
            telephones: texts(telephones),
            emails: texts(emails),
        }
    }

    fn wrong(form: &Form) -> Vec<String> {
        let problems = Content::of(form).unwrap_err();
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn c17_every_field_that_is_wrong_is_named_and_its_value_never_is() {
        let bad = form(
            " ",
            &["SECRET_1"],
            &["2234567", "+673secret"],
            &["secret@", "a@b.c"],
        );
        let problems = Content::of(&bad).unwrap_err();
        let text = problems_text(&problems);
        assert_eq!(
            wrong(&bad),
            [
                "name",
                "identity_numbers[0]",
                "telephones[0]",
                "telephones[1]",
                "emails[0]"
            ]
        );
        assert!(!text.to_lowercase().contains("secret"), "{text}");
        assert!(problems[0].is_missing && !problems[1].is_missing);
    }

    #[test]
    fn c17_a_telephone_is_e164_however_it_is_grouped() {
        for good in [
            "+673 223-4567",
            "+6732234567",
            "+91 (4896) 262.345",
            "+6834002",
        ] {
            let content = Content::of(&form("A", &[], &[good], &[])).unwrap();
            let kept = content.telephones[0].expose();
            assert!(kept[1..].bytes().all(|b| b.is_ascii_digit()), "{kept}");
        }
        for bad in [
            "",
            "00673 2234567",
            "+",
            "+673",
            "+0732234567",
            "+1234567890123456",
            "+67322345b7",
        ] {
            assert_eq!(
                wrong(&form("A", &[], &[bad], &[])),
                ["telephones[0]"],
                "{bad}"
            );
        }
    }

    #[test]
    fn c17_an_email_has_the_shape_of_one() {
        for good in [
            "a@b.co",
            "aminah.b+ledger@mail.example.org",
            "ä@bücher.example",
        ] {
            assert!(Content::of(&form("A", &[], &[], &[good])).is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "", "a", "a@", "@b.co", "a@b", "a@b..co", "a@-b.co", "a@b@c.co", "a b@c.co", ".a@b.co",
            &long,
        ] {
            assert_eq!(wrong(&form("A", &[], &[], &[bad])), ["emails[0]"], "{bad}");
        }
    }

    #[test]
    fn c17_names_and_numbers_have_their_lengths_and_given_twice_is_given_once() {
        assert!(Content::of(&form(&"a".repeat(200), &[], &[], &[])).is_ok());
        assert_eq!(wrong(&form(&"a".repeat(201), &[], &[], &[])), ["name"]);
        assert_eq!(wrong(&form("a\nb", &[], &[], &[])), ["name"]);
        assert_eq!(wrong(&form("12", &[], &[], &[])), ["name"]);
        assert_eq!(wrong(&form("A", &["1"; 6], &[], &[])), ["identity_numbers"]);
        let twice = form(
            "A",
            &["01-012345", " 01-012345 "],
            &["+6732234567", "+673 2234567"],
            &[],
        );
        let content = Content::of(&twice).unwrap();
        assert_eq!(
            (content.identity_numbers.len(), content.telephones.len()),
            (1, 1)
        );
    }

    #[test]
    fn c17_an_identity_number_is_compared_without_its_separators() {
        let sought = |text: &str| {
            Sought::IdentityNumber(Personal::new(text))
                .lookup()
                .unwrap()
                .1
        };
        assert_eq!(sought("01-012345"), sought("01 012345"));
        assert_eq!(sought("ab/12.3"), sought("AB123"));
        assert_ne!(sought("01-012345"), sought("01-012346"));
    }

    #[test]
    fn c17_what_is_sealed_is_what_is_read_and_debug_output_holds_nothing() {
        let form = form("Aminah", &["01-012345"], &["+6732234567"], &["a@b.co"]);
        let content = Content::of(&form).unwrap();
        assert_eq!(
            Content::from_bytes(&content.to_bytes()),
            Some(content.clone())
        );
        let sought = Sought::Telephone(Personal::new("+6732234567"));
        let change = Change {
            name: Some(Personal::new("Aminah")),
            ..Change::default()
        };
        let shown = format!(
            "{form:?} {content:?} {sought:?} {change:?} {:?}",
            content.lookups()
        );
        for secret in ["Aminah", "012345", "2234567", "a@b"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn c17_a_change_replaces_what_it_names_and_leaves_the_rest() {
        let content = Content::of(&form("Aminah", &["1"], &["+6732234567"], &["a@b.co"])).unwrap();
        let change = Change {
            telephones: Some(texts(&["+6738123456"])),
            emails: Some(Vec::new()),
            ..Change::default()
        };
        let after = content.changed(&change).unwrap();
        assert_eq!(after.name, content.name);
        assert_eq!(after.telephones, texts(&["+6738123456"]));
        assert!(after.emails.is_empty() && after.identity_numbers.len() == 1);
    }
}
