//! A folder for what a measurement writes; it is removed at the end, also after an error.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The folder.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder of our own inside `dir`, or inside the system's folder for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn inside(dir: Option<&Path>) -> Result<Self, Failure> {
        let parent = dir.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let path = parent.join(format!("ledger-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::file("making folder", &path, &error))?;
        // Servers are told this path, and they run elsewhere.
        let path = path
            .canonicalize()
            .map_err(|error| Failure::file("making folder", &path, &error))?;
        Ok(Self(path))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A folder inside it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::file("making folder", &path, &error))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for temporary files, under our name.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn nothing_is_left_behind() {
        let outer = tempfile::tempdir().unwrap();
        let scratch = Scratch::inside(Some(outer.path())).unwrap();
        std::fs::write(scratch.folder("log").unwrap().join("x"), "y").unwrap();
        drop(scratch);
        assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 0);
    }
}
