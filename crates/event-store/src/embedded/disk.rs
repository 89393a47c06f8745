//! The disk seam: the few things the log asks of a file system, and the real one.
//!
//! One [`Disk`] is one directory. It exists so that the simulated disk, which knows what was synced, can
//! stand in for the real one, and it has only what the log needs. Caching and retries are absent: a
//! failed sync must be seen, once, by the one who asked for it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file whose lock says who has the store open.
pub(crate) const LOCK_FILE: &str = "lock";

/// A file of the log.
pub trait DiskFile: Send + Sync {
    /// Writes all bytes at an offset, growing the file when needed.
    ///
    /// # Errors
    /// What the disk says; some of the bytes may then be written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Fills the buffer from an offset.
    ///
    /// # Errors
    /// What the disk says; `UnexpectedEof` when the file ends before.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Makes content and length durable.
    ///
    /// # Errors
    /// What the disk says; the bytes since the last sync may then be lost for good.
    fn sync_data(&self) -> io::Result<()>;
    /// Length in bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Held while a store is open; dropping it lets the next one in.
pub trait DiskLock: Send + Sync {}

/// A directory.
pub trait Disk: Send + Sync + 'static {
    /// Names of the files in it.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file that exists.
    ///
    /// # Errors
    /// What the disk says; `NotFound` when it does not exist.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Makes an empty file, replacing one of that name.
    ///
    /// # Errors
    /// What the disk says.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file, replacing one of the new name.
    ///
    /// # Errors
    /// What the disk says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// What the disk says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable: files made, renamed and removed so far.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_dir(&self) -> io::Result<()>;
    /// Takes the lock, or says who has it (`WouldBlock`).
    ///
    /// # Errors
    /// What the disk says; `WouldBlock` when another holder has it.
    fn lock(&self) -> io::Result<Box<dyn DiskLock>>;
    /// What to call this directory in messages.
    fn describe(&self) -> String;
}

/// A directory of the machine.
#[derive(Debug, Clone)]
pub struct RealDisk {
    dir: PathBuf,
}

impl RealDisk {
    /// Uses a directory, making it when it does not exist.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.dir.join(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        Ok(Arc::new(RealFile(options.open(self.dir.join(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn lock(&self) -> io::Result<Box<dyn DiskLock>> {
        let path = self.dir.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                let holder = holder.trim();
                let who = if holder.is_empty() { "unknown" } else { holder };
                return Err(io::Error::new(
                    io::ErrorKind::WouldBlock,
                    format!("process {who}"),
                ));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        file.write_all(std::process::id().to_string().as_bytes())?;
        Ok(Box::new(RealLock { _file: file }))
    }

    fn describe(&self) -> String {
        self.dir.display().to_string()
    }
}

struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}

struct RealFile(File);

impl DiskFile for RealFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
