//! Lines of a file, plain or gzip, numbered from 1; a line that is no text is handed on as bad, not
//! skipped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::failure::Failure;

/// Longest line: a reading takes under 200 bytes; more is another kind of file.
const LINE_BYTES_MAX: u64 = 4_096;
/// Bytes read from the file at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// First two bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Counts the bytes of a file that have been read.
#[derive(Debug, Clone, Default)]
pub(crate) struct BytesRead(Arc<AtomicU64>);

impl BytesRead {
    /// How many.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Counted {
    file: File,
    read: BytesRead,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.0.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1; the header is 1.
    pub(crate) number: u64,
    /// Without its end.
    pub(crate) text: String,
    /// Why it cannot be read as text.
    pub(crate) fault: Option<String>,
}

/// The lines of a file.
pub(crate) struct Lines {
    source: Box<dyn BufRead + Send>,
    path: PathBuf,
    read: BytesRead,
    number: u64,
    buffer: Vec<u8>,
    /// Reading failed: there are no lines any more.
    is_over: bool,
}

impl Lines {
    /// Opens a file; gzip is told by its first bytes.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::file("reading", path, &error);
        let read = BytesRead::default();
        let file = File::open(path).map_err(failed)?;
        let mut plain = BufReader::with_capacity(
            BUFFER_BYTES,
            Counted {
                file,
                read: read.clone(),
            },
        );
        let is_gzip = plain.fill_buf().map_err(failed)?.starts_with(&GZIP_MAGIC);
        let source: Box<dyn BufRead + Send> = if is_gzip {
            Box::new(BufReader::with_capacity(
                BUFFER_BYTES,
                MultiGzDecoder::new(plain),
            ))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            source,
            path: path.to_path_buf(),
            read,
            number: 0,
            buffer: Vec::new(),
            is_over: false,
        })
    }

    /// The first line, without a byte order mark.
    pub(crate) fn header(&mut self) -> Result<String, Failure> {
        let line = self.next().transpose()?;
        let text = line.map_or_else(String::new, |line| line.text);
        Ok(text.trim_start_matches('\u{feff}').trim().to_owned())
    }

    pub(crate) fn bytes_read(&self) -> BytesRead {
        self.read.clone()
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let mut limited = (&mut self.source).take(LINE_BYTES_MAX);
        Ok(limited.read_until(b'\n', &mut self.buffer)? > 0)
    }

    /// Leaves the rest of an endless line behind.
    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let (used, ended) = {
                let chunk = self.source.fill_buf()?;
                match chunk.iter().position(|byte| *byte == b'\n') {
                    Some(at) => (at.saturating_add(1), true),
                    None => (chunk.len(), chunk.is_empty()),
                }
            };
            self.source.consume(used);
            if ended {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        if !self.fill()? {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let is_whole = self.buffer.ends_with(b"\n");
        let mut fault = None;
        if !is_whole && self.buffer.len() as u64 == LINE_BYTES_MAX {
            self.skip_rest()?;
            fault = Some(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
        }
        let text = match std::str::from_utf8(&self.buffer) {
            Ok(text) => text.trim_end_matches(['\n', '\r']).to_owned(),
            Err(_) => {
                fault.get_or_insert_with(|| "the line is not UTF-8 text".to_owned());
                String::from_utf8_lossy(&self.buffer)
                    .trim_end_matches(['\n', '\r'])
                    .to_owned()
            }
        };
        Ok(Some(Line {
            number: self.number,
            text,
            fault,
        }))
    }
}

impl Iterator for Lines {
    type Item = Result<Line, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let line = loop {
            match self.line().transpose()? {
                // A line without anything holds nothing that could be lost; its number is counted.
                Ok(line) if line.fault.is_none() && line.text.trim().is_empty() => {}
                line => break line,
            }
        };
        self.is_over = line.is_err();
        Some(line.map_err(|error| {
            let what = format!("{}, after line {}: {error}", self.path.display(), self.number);
            Failure::usage("IMPORT_FILE", what)
                .advise("the file is cut off or damaged; get it again, then import it again: what was taken is recognised")
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::import::testing::file;

    fn texts(bytes: &[u8]) -> Vec<String> {
        let file = file(bytes);
        Lines::open(file.path())
            .unwrap()
            .map(|line| line.unwrap().text)
            .collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn plain_and_gzip_give_the_same_lines() {
        let plain = b"a\r\nb\n\nc";
        assert_eq!(texts(plain), ["a", "b", "c"], "a blank line is nothing");
        assert_eq!(texts(&gzip(plain)), ["a", "b", "c"]);
    }

    #[test]
    fn two_gzip_files_joined_are_read_to_the_end() {
        let mut joined = gzip(b"a\n");
        joined.extend(gzip(b"b\n"));
        assert_eq!(texts(&joined), ["a", "b"]);
    }

    #[test]
    fn a_gzip_file_that_is_cut_off_is_an_error_and_not_an_end() {
        let mut cut = gzip(b"a\nb\nc\n");
        cut.truncate(cut.len() - 9);
        let file = file(&cut);
        let last = Lines::open(file.path()).unwrap().last().unwrap();
        assert_eq!(last.unwrap_err().code(), "IMPORT_FILE");
    }

    #[test]
    fn an_endless_line_and_a_line_that_is_no_text_are_named_and_left_behind() {
        let mut bytes = vec![b'x'; 10_000];
        bytes.extend(b"\n\xff\xfe\ngood\n");
        let file = file(&bytes);
        let lines: Vec<Line> = Lines::open(file.path())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let faults: Vec<bool> = lines.iter().map(|line| line.fault.is_some()).collect();
        assert_eq!(faults, [true, true, false]);
        assert_eq!(
            lines[2],
            Line {
                number: 3,
                text: "good".to_owned(),
                fault: None
            }
        );
    }
}
