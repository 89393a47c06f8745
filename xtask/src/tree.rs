//! The repository's text files, read once for all lints.
//!
//! A lint is a function of this tree, so that its tests give it samples instead of a disk. What is
//! built, fetched or not text is absent.

use std::collections::BTreeMap;
use std::path::Path;

use crate::failure::Failure;

/// Folders that hold nothing of ours, whatever their depth.
const FOLDERS_LEFT_OUT: [&str; 5] = [".git", "target", "node_modules", ".venv", "__pycache__"];

/// Larger files are data, not text that a person wrote.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// File texts by their path from the root, with `/` between folders.
#[derive(Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Reads every text file under `root`.
    ///
    /// # Errors
    /// A folder or file cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let mut tree = Self::default();
        let mut waiting = vec![root.to_path_buf()];
        while let Some(folder) = waiting.pop() {
            let entries =
                std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| unreadable(&folder, &error))?;
                let path = entry.path();
                let kind = entry
                    .file_type()
                    .map_err(|error| unreadable(&path, &error))?;
                let name = entry.file_name();
                if kind.is_dir() {
                    if !FOLDERS_LEFT_OUT.iter().any(|left_out| name == *left_out) {
                        waiting.push(path);
                    }
                } else if kind.is_file() {
                    tree.add(root, &path)?;
                }
            }
        }
        Ok(tree)
    }

    fn add(&mut self, root: &Path, path: &Path) -> Result<(), Failure> {
        let size = std::fs::metadata(path)
            .map_err(|error| unreadable(path, &error))?
            .len();
        let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
            return Ok(());
        };
        if size > FILE_BYTES_MAX {
            return Ok(());
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        if let Ok(text) = String::from_utf8(bytes) {
            self.files.insert(name.to_owned(), text);
        }
        Ok(())
    }

    /// A tree of the given files, for tests of lints.
    #[cfg(test)]
    pub(crate) fn of(samples: &[(&str, &str)]) -> Self {
        let files = samples
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        Self { files }
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// All files, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The Rust sources, by path.
    pub(crate) fn rust_sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// The files whose path starts with `prefix`.
    pub(crate) fn under<'tree>(
        &'tree self,
        prefix: &'tree str,
    ) -> impl Iterator<Item = (&'tree str, &'tree str)> {
        self.files()
            .filter(move |(path, _)| path.starts_with(prefix))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("{} cannot be read: {error}", path.display()),
        "check its permissions",
    )
}
