//! The rejects file: each line that was not taken, with its number and why, so that nothing is lost.
//!
//! CSV with the header `line,reason,text`; made with the first reject, so that a clean import leaves
//! none behind.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Collects rejects.
pub(crate) struct Rejects {
    path: PathBuf,
    out: Option<BufWriter<File>>,
    count: u64,
}

impl Rejects {
    /// Will write to `path` if there is anything to write.
    pub(crate) fn to(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            out: None,
            count: 0,
        }
    }

    /// How many there were.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Where they are.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds one.
    pub(crate) fn add(&mut self, line: u64, reason: &str, text: &str) -> Result<(), Failure> {
        self.count = self.count.saturating_add(1);
        let path = self.path.clone();
        let failed = |error: std::io::Error| Failure::file("writing rejects to", &path, &error);
        if self.out.is_none() {
            let mut out = BufWriter::new(File::create(&self.path).map_err(failed)?);
            writeln!(out, "line,reason,text").map_err(failed)?;
            self.out = Some(out);
        }
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        writeln!(out, "{line},{},{}", quoted(reason), quoted(text)).map_err(failed)
    }

    /// Makes sure that all are in the file.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        let done = out.flush().and_then(|()| out.get_ref().sync_all());
        done.map_err(|error| Failure::file("writing rejects to", &self.path, &error))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reject_keeps_its_line_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.rejects.csv");
        let mut rejects = Rejects::to(&path);
        rejects.finish().unwrap();
        assert!(!path.exists(), "a clean import leaves no file");
        rejects.add(7, "no \"meter\"", "a,b").unwrap();
        rejects.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "line,reason,text\n7,\"no \"\"meter\"\"\",\"a,b\"\n");
    }
}
