//! Reading files: from lines to readings, nothing lost, nothing guessed.
//!
//! [`Rows`] gives each line as a reading or as a [`BadLine`] with its number and reason; a meter's
//! readings come in the order of the file. Shapes: [`sgsc`], [`daiad`], [`plain`]. Absent on purpose:
//! judgement. Whether a reading is plausible, late or a repeat is decided by the account it belongs to.

pub(crate) mod daiad;
pub(crate) mod exact;
pub(crate) mod lines;
pub(crate) mod plain;
pub(crate) mod rejects;
pub(crate) mod sgsc;

use std::path::Path;

use clap::ValueEnum;
use ledger_core::command::Reading;
use ledger_core::time::Zone;
use ledger_core::utility::Utility;

use crate::failure::Failure;
use crate::import::lines::{Line, Lines};

/// The shape of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Told by the header line.
    Auto,
    /// `customer_id,local_time,kwh`: consumption of half-hours, made into a register.
    Sgsc,
    /// `user key;datetime;meter reading;diff`: water registers in litres.
    Daiad,
    /// `meter,register,read_at,value`.
    Csv,
}

/// A line that is a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Number of the line, from 1.
    pub(crate) line: u64,
    /// The line as it stands in the file.
    pub(crate) text: String,
    /// What the meter measures.
    pub(crate) utility: Utility,
    /// The reading.
    pub(crate) reading: Reading,
}

/// A line that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// Number of the line, from 1.
    pub(crate) line: u64,
    /// The line as it stands in the file, cut where it is endless.
    pub(crate) text: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// What a line turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A reading.
    Row(Row),
    /// Something else.
    Bad(BadLine),
}

enum Shape {
    Sgsc(sgsc::Registers),
    Daiad(daiad::Registers),
    Plain(plain::Columns),
}

/// The lines of a file as readings.
pub(crate) struct Rows {
    lines: Lines,
    shape: Shape,
}

impl Rows {
    /// Opens a file, plain or gzip. Times without an offset are local in `zone`; `utility` is what a
    /// plain file's meters measure.
    ///
    /// # Errors
    /// When the file cannot be read, or its header is not that of the format.
    pub(crate) fn open(
        path: &Path,
        format: Format,
        zone: &Zone,
        utility: Option<Utility>,
    ) -> Result<Self, Failure> {
        let mut lines = Lines::open(path)?;
        let header = lines.header()?;
        let shape = shape_of(path, &header, format, zone, utility)?;
        Ok(Self { lines, shape })
    }

    /// A counter of the file's bytes read so far, as stored (compressed ones where it is compressed).
    pub(crate) fn bytes_read(&self) -> lines::BytesRead {
        self.lines.bytes_read()
    }

    fn entry(&mut self, line: Line) -> Entry {
        let Line {
            number,
            text,
            fault,
        } = line;
        let read = match fault {
            Some(reason) => Err(reason),
            None => match &mut self.shape {
                Shape::Sgsc(shape) => shape.read(&text).map(|r| (r, Utility::Electricity)),
                Shape::Daiad(shape) => shape.read(&text).map(|r| (r, Utility::Water)),
                Shape::Plain(shape) => shape.read(&text),
            },
        };
        match read {
            Ok((reading, utility)) => Entry::Row(Row {
                line: number,
                text,
                utility,
                reading,
            }),
            Err(reason) => Entry::Bad(BadLine {
                line: number,
                text,
                reason,
            }),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Entry, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        Some(line.map(|line| self.entry(line)))
    }
}

fn shape_of(
    path: &Path,
    header: &str,
    format: Format,
    zone: &Zone,
    utility: Option<Utility>,
) -> Result<Shape, Failure> {
    let told = match header {
        sgsc::HEADER => Some(Format::Sgsc),
        daiad::HEADER => Some(Format::Daiad),
        plain::HEADER => Some(Format::Csv),
        _ => None,
    };
    let Some(told) = told.filter(|told| format == Format::Auto || format == *told) else {
        return Err(wrong_header(path, header, format));
    };
    Ok(match told {
        Format::Sgsc => Shape::Sgsc(sgsc::Registers::new(zone.clone())),
        Format::Daiad => Shape::Daiad(daiad::Registers::new(zone.clone())),
        Format::Auto | Format::Csv => {
            let Some(utility) = utility else {
                return Err(no_utility(path));
            };
            Shape::Plain(plain::Columns::new(zone.clone(), utility))
        }
    })
}

fn no_utility(path: &Path) -> Failure {
    let what = format!("{} does not say what its meters measure", path.display());
    Failure::usage("IMPORT_UTILITY", what)
        .advise("say it with --utility electricity or --utility water")
}

fn wrong_header(path: &Path, header: &str, format: Format) -> Failure {
    let wanted = match format {
        Format::Auto => format!(
            "{:?}, {:?} or {:?}",
            sgsc::HEADER,
            daiad::HEADER,
            plain::HEADER
        ),
        Format::Sgsc => format!("{:?}", sgsc::HEADER),
        Format::Daiad => format!("{:?}", daiad::HEADER),
        Format::Csv => format!("{:?}", plain::HEADER),
    };
    let shown: String = header.chars().take(120).collect();
    Failure::usage(
        "IMPORT_HEADER",
        format!("{}, line 1: the header is {shown:?}", path.display()),
    )
    .advise(format!("give a file whose first line is {wanted}"))
}

#[cfg(test)]
pub(crate) mod testing {
    //! What the tests of the shapes share: a file from text, and its entries as short text.

    use std::io::Write;

    use super::*;

    pub(crate) fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    pub(crate) fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    pub(crate) fn shown(entries: impl Iterator<Item = Result<Entry, Failure>>) -> Vec<String> {
        entries
            .map(|entry| match entry.unwrap() {
                Entry::Row(row) => {
                    let reading = row.reading;
                    let register = reading.register.map_or("-".to_owned(), |r| r.to_string());
                    format!(
                        "{} {} {register} {} {}",
                        row.line, reading.meter, reading.read_at, reading.value
                    )
                }
                Entry::Bad(bad) => format!("{} bad: {}", bad.line, bad.reason),
            })
            .collect()
    }

    pub(crate) fn entries(text: &str, zone_name: &str) -> Vec<String> {
        let file = file(text.as_bytes());
        shown(
            Rows::open(
                file.path(),
                Format::Auto,
                &zone(zone_name),
                Some(Utility::Water),
            )
            .unwrap(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{file, zone};
    use super::*;

    #[test]
    fn a_file_of_another_shape_is_refused_by_its_header() {
        let file = file(b"time;value\n");
        let failure = Rows::open(file.path(), Format::Auto, &zone("Asia/Brunei"), None)
            .err()
            .unwrap();
        assert_eq!(failure.code(), "IMPORT_HEADER");
        assert!(
            failure.text().contains("meter,register,read_at,value"),
            "{}",
            failure.text()
        );
    }

    #[test]
    fn a_plain_file_does_not_say_what_its_meters_measure_so_the_caller_does() {
        let file = file(b"meter,register,read_at,value\n");
        let opened = Rows::open(file.path(), Format::Auto, &zone("Asia/Brunei"), None);
        assert_eq!(opened.err().unwrap().code(), "IMPORT_UTILITY");
    }

    #[test]
    fn a_stated_format_must_be_the_files() {
        let file = file(b"meter,register,read_at,value\n");
        let zone = zone("Asia/Brunei");
        assert!(Rows::open(file.path(), Format::Sgsc, &zone, None).is_err());
        assert!(Rows::open(file.path(), Format::Csv, &zone, Some(Utility::Water)).is_ok());
    }
}
