//! A document as PDF: the lines of its text in a fixed type on pages of A4, headings in bold.
//!
//! It uses the standard fonts that every reader has, so that a file is a few kilobytes and needs no font
//! from us; they have the characters of Windows-1252 (western European). Any other character is written as
//! its code point, `U+0BB5`, and the last page says so: nothing is left out or replaced by something that
//! reads alike. Absent on purpose: pictures, and layout of its own.

use pdf_writer::types::TextRenderingMode;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::Statement;
use super::layout::{WIDTH, text};

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
/// White at the left and right, in points.
const MARGIN: f32 = 48.0;
/// First line of a page, from the bottom.
const TOP: f32 = 786.0;
/// The line with the page's number, from the bottom.
const FOOT: f32 = 34.0;
/// Points from line to line.
const LEADING: f32 = 11.5;
/// Lines of a page.
const PAGE_LINES: usize = 62;
/// Largest size of type, in points.
const SIZE_MAX: f32 = 9.0;
/// A character of the fixed type is this share of its size wide.
const ADVANCE: f32 = 0.6;

const PLAIN: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");

/// The file's bytes.
pub(crate) fn pdf(statement: &Statement) -> Vec<u8> {
    let text = text(statement);
    let kind = if statement.is_bill {
        "Bill"
    } else {
        "Statement"
    };
    let title = format!(
        "{kind} {}, {} to {}",
        statement.account, statement.period.from, statement.period.to
    );
    of_lines(&text, &title)
}

fn of_lines(text: &str, title: &str) -> Vec<u8> {
    let mut written = Written::default();
    let mut lines: Vec<(Vec<u8>, bool)> = Vec::new();
    let source: Vec<&str> = text.lines().collect();
    for (place, line) in source.iter().enumerate() {
        // A heading is what a rule stands under.
        let is_ruled = source.get(place + 1).is_some_and(|next| is_rule(next));
        lines.push((written.line(line), is_ruled));
    }
    if written.has_others {
        let note =
            "Characters that this type does not have are written as their Unicode numbers (U+...).";
        lines.push((Vec::new(), false));
        lines.push((written.line(note), false));
    }
    let longest = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    Pages {
        size: size_for(longest.max(WIDTH)),
        title,
        pages: lines.chunks(PAGE_LINES).collect(),
    }
    .write()
}

fn is_rule(line: &str) -> bool {
    line.len() == WIDTH && (line.bytes().all(|b| b == b'-') || line.bytes().all(|b| b == b'='))
}

/// The size at which so many characters fit between the margins.
#[expect(
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    reason = "a place on paper, of a few hundred characters at most"
)]
fn size_for(characters: usize) -> f32 {
    let room = PAGE.0 - 2.0 * MARGIN;
    (room / (ADVANCE * characters.max(1) as f32)).min(SIZE_MAX)
}

/// Text in Windows-1252, and whether anything had to be written as a number.
#[derive(Debug, Default)]
struct Written {
    has_others: bool,
}

impl Written {
    fn line(&mut self, line: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(line.len());
        for character in line.chars() {
            match win_ansi(character) {
                Some(byte) => bytes.push(byte),
                None => {
                    self.has_others = true;
                    bytes.extend(format!("U+{:04X}", u32::from(character)).bytes());
                }
            }
        }
        bytes
    }
}

/// A character's code in Windows-1252; none where it has none.
fn win_ansi(character: char) -> Option<u8> {
    /// Those of 0x80 to 0x9F, in order; a space where there is none.
    const UPPER: [char; 32] = [
        '€', ' ', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', ' ', 'Ž', ' ', ' ', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', ' ', 'ž', 'Ÿ',
    ];
    let code = u32::from(character);
    match code {
        0x20..=0x7E | 0xA0..=0xFF => u8::try_from(code).ok(),
        _ => {
            let place = UPPER.iter().position(|known| *known == character)?;
            u8::try_from(0x80 + place).ok()
        }
    }
}

/// Pages to be written.
struct Pages<'a> {
    size: f32,
    title: &'a str,
    pages: Vec<&'a [(Vec<u8>, bool)]>,
}

/// The reference of a number.
fn reference(number: usize) -> Ref {
    Ref::new(i32::try_from(number).unwrap_or(i32::MAX).max(1))
}

impl Pages<'_> {
    fn write(&self) -> Vec<u8> {
        let (catalog, tree, info) = (reference(1), reference(2), reference(3));
        let (plain, bold) = (reference(4), reference(5));
        let page = |n: usize| (reference(6 + 2 * n), reference(7 + 2 * n));
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree);
        pdf.document_info(info).title(TextStr(self.title));
        let kids: Vec<Ref> = (0..self.pages.len()).map(|n| page(n).0).collect();
        let count = i32::try_from(kids.len()).unwrap_or(i32::MAX);
        pdf.pages(tree).kids(kids).count(count);
        for (n, lines) in self.pages.iter().enumerate() {
            let (id, content) = page(n);
            let mut written = pdf.page(id);
            written.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1));
            written.parent(tree).contents(content);
            let mut resources = written.resources();
            let mut fonts = resources.fonts();
            fonts.pair(PLAIN, plain).pair(BOLD, bold);
            fonts.finish();
            resources.finish();
            written.finish();
            pdf.stream(content, &self.content(n, lines));
        }
        for (id, name) in [(plain, &b"Courier"[..]), (bold, &b"Courier-Bold"[..])] {
            let mut font = pdf.type1_font(id);
            font.base_font(Name(name));
            font.encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        pdf.finish()
    }

    fn content(&self, n: usize, lines: &[(Vec<u8>, bool)]) -> Vec<u8> {
        let mut content = Content::new();
        content.begin_text();
        content.set_text_rendering_mode(TextRenderingMode::Fill);
        content.set_leading(LEADING);
        content.next_line(MARGIN, TOP);
        for (line, is_heading) in lines {
            content.set_font(if *is_heading { BOLD } else { PLAIN }, self.size);
            content.show(Str(line));
            content.next_line_using_leading();
        }
        content.end_text();
        content.begin_text();
        content.set_font(PLAIN, self.size);
        content.next_line(MARGIN, FOOT);
        let of = format!("page {} of {}", n.saturating_add(1), self.pages.len());
        let foot = Written::default().line(&format!("{}  {of}", self.title));
        content.show(Str(&foot));
        content.end_text();
        content.finish().to_vec()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The text of a PDF of ours, read back from its bytes: the strings that are shown, line by line.
    pub(in crate::statement) fn read_back(file: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut at = 0;
        while let Some(begin) = find(&file[at..], b"stream\n") {
            let begin = at + begin + b"stream\n".len();
            let end = begin + find(&file[begin..], b"\nendstream").unwrap();
            lines.extend(shown(&file[begin..end]));
            at = end + b"\nendstream".len();
        }
        lines
    }

    fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
        bytes
            .windows(wanted.len())
            .position(|window| window == wanted)
    }

    /// The operands of `Tj`: literal strings with escapes, or hexadecimal ones.
    fn shown(stream: &[u8]) -> Vec<String> {
        let (mut found, mut at) = (Vec::new(), 0);
        while at < stream.len() {
            let operand = match stream[at] {
                b'(' => literal(&stream[at + 1..]),
                b'<' => hexadecimal(&stream[at + 1..]),
                _ => {
                    at += 1;
                    continue;
                }
            };
            let (bytes, length) = operand;
            at += length + 1;
            assert!(stream[at..].trim_ascii_start().starts_with(b"Tj"));
            let text = bytes.iter().map(|byte| of_win_ansi(*byte));
            found.push(text.collect());
        }
        found
    }

    fn of_win_ansi(byte: u8) -> char {
        (0..=0xFFFF_u32)
            .filter_map(char::from_u32)
            .find(|c| win_ansi(*c) == Some(byte))
            .unwrap()
    }

    fn literal(rest: &[u8]) -> (Vec<u8>, usize) {
        let (mut bytes, mut at, mut depth) = (Vec::new(), 0, 0);
        loop {
            match rest[at] {
                b'\\' => {
                    at += 1;
                    if rest[at].is_ascii_digit() {
                        let octal = std::str::from_utf8(&rest[at..at + 3]).unwrap();
                        bytes.push(u8::from_str_radix(octal, 8).unwrap());
                        at += 2;
                    } else {
                        bytes.push(rest[at]);
                    }
                }
                b')' if depth == 0 => return (bytes, at + 1),
                byte => {
                    depth += i32::from(byte == b'(') - i32::from(byte == b')');
                    bytes.push(byte);
                }
            }
            at += 1;
        }
    }

    fn hexadecimal(rest: &[u8]) -> (Vec<u8>, usize) {
        let end = find(rest, b">").unwrap();
        let digits = std::str::from_utf8(&rest[..end]).unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        ((0..digits.len()).step_by(2).map(byte).collect(), end + 1)
    }

    #[test]
    fn k6_what_is_printed_is_read_back_word_for_word_over_several_pages() {
        let text: Vec<String> = (0..150)
            .map(|n| format!("line {n} of 12.5 m³ at (\\ €) é"))
            .collect();
        let file = of_lines(&text.join("\n"), "Bill L-1");
        assert!(file.starts_with(b"%PDF-") && file.ends_with(b"%%EOF"));
        let lines = read_back(&file);
        let feet = lines
            .iter()
            .filter(|line| line.starts_with("Bill L-1  page"))
            .count();
        assert_eq!(feet, 3);
        let body: Vec<&String> = lines
            .iter()
            .filter(|line| !line.starts_with("Bill"))
            .collect();
        assert_eq!(body, text.iter().collect::<Vec<_>>());
    }

    #[test]
    fn k6_a_character_that_the_type_does_not_have_is_told_by_its_number_and_said_to_be() {
        let lines = read_back(&of_lines("name  செல்வி", "Bill"));
        assert!(lines[0].starts_with("name  U+0B9AU+0BC6"), "{lines:?}");
        assert!(
            lines.iter().any(|line| line.contains("Unicode numbers")),
            "{lines:?}"
        );
        let plain = read_back(&of_lines("name  Çelik", "Bill"));
        assert_eq!(plain[0], "name  Çelik");
    }

    #[test]
    fn long_figures_make_the_type_smaller_and_run_over_no_margin() {
        assert!(size_for(WIDTH) <= SIZE_MAX);
        assert!(size_for(200) < size_for(WIDTH));
    }
}
