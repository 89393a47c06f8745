//! The simulated disk: it knows what was synced, and loses, tears or reorders the rest when told to.
//!
//! `kill -9` proves little about durability, since the page cache survives it. Here every write is kept
//! apart until its file is synced, and every name until its directory is, so that a power cut can be
//! played at any operation, again and again from a seed. Syncs can be made to fail, room to run out.
//! Taking a copy is cheap: contents are shared until they change.

mod fs;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::embedded::{Disk, DiskFile, DiskLock};
use fs::Fs;

/// What becomes of bytes and names that were not synced when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerCut {
    /// All of them are gone.
    Lost,
    /// They reached the disk in order up to some point, the last write only in part.
    Torn,
    /// Some reached the disk and some did not, in any order, some only in part.
    Reordered,
}

impl PowerCut {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Lost, Self::Torn, Self::Reordered];
}

/// One step the disk was asked for, to find one's way in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Bytes written to a file.
    Write {
        /// The name it was opened by.
        name: String,
        /// Where.
        offset: u64,
        /// How many.
        bytes: usize,
    },
    /// A file synced.
    Sync(String),
    /// The directory synced.
    SyncDir,
    /// A name made, changed or removed.
    Name(String),
}

/// The state of a disk before one of its operations.
#[derive(Clone)]
pub struct Snapshot {
    fs: Fs,
    /// The operation that was about to begin.
    pub before: Operation,
    /// What the test had noted by then, by [`SimDisk::note`].
    pub noted: u64,
}

/// A directory in memory. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    fs: Fs,
    seed: u64,
    history: Option<Vec<Snapshot>>,
    noted: u64,
    /// Syncs of files still to succeed before one fails.
    syncs_before_failure: Option<u64>,
    locked: bool,
    operations: u64,
}

impl SimDisk {
    /// An empty disk without end. The seed decides every torn and reordered write.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::of(Fs::default(), seed)
    }

    fn of(fs: Fs, seed: u64) -> Self {
        let state = State {
            fs,
            seed,
            history: None,
            noted: 0,
            syncs_before_failure: None,
            locked: false,
            operations: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to keep the state before every operation.
    pub fn record(&self) {
        self.state().history = Some(Vec::new());
    }

    /// Ends recording; the states kept, and last the present one.
    #[must_use]
    pub fn recorded(&self) -> Vec<Snapshot> {
        let mut state = self.state();
        let mut history = state.history.take().unwrap_or_default();
        let end = Operation::Name("the end".to_owned());
        history.push(Snapshot {
            fs: state.fs.clone(),
            before: end,
            noted: state.noted,
        });
        history
    }

    /// Notes a number that later snapshots carry, such as how many commits were acknowledged.
    pub fn note(&self, number: u64) {
        self.state().noted = number;
    }

    /// The disk as it is found after a power cut at this moment; this one goes on.
    #[must_use]
    pub fn power_cut(&self, mode: PowerCut) -> Self {
        let state = self.state();
        Self::of(
            state.fs.after_cut(mode, state.seed),
            state.seed.wrapping_add(1),
        )
    }

    /// The disk as it is found after a power cut at a moment of a history.
    #[must_use]
    pub fn cut_at(snapshot: &Snapshot, mode: PowerCut, seed: u64) -> Self {
        Self::of(snapshot.fs.after_cut(mode, seed), seed.wrapping_add(1))
    }

    /// A copy of the disk as a process sees it, all synced; as if unmounted in order.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.state();
        Self::of(state.fs.all_synced(), state.seed)
    }

    /// Leaves room for this many bytes in all; beyond, writes that grow a file fail.
    pub fn limit_bytes(&self, bytes: Option<u64>) {
        self.state().fs.limit_bytes = bytes;
    }

    /// Bytes of all files.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().fs.used_bytes()
    }

    /// Lets this many syncs of files succeed, then one fails and what it was to sync is lost, though it
    /// is still read back: as Linux does.
    pub fn fail_sync_after(&self, syncs: u64) {
        self.state().syncs_before_failure = Some(syncs);
    }

    /// Operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The bytes of a file as a process sees them.
    #[must_use]
    pub fn bytes_of(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        state
            .fs
            .find(name)
            .map(|inode| state.fs.content(inode).to_vec())
    }

    /// Replaces the bytes of a file, synced: as decay or a careless hand would.
    pub fn overwrite(&self, name: &str, bytes: &[u8]) {
        self.state().fs.replace(name, bytes);
    }
}

impl State {
    fn begin(&mut self, operation: impl FnOnce() -> Operation) {
        self.operations = self.operations.saturating_add(1);
        if let Some(history) = &mut self.history {
            history.push(Snapshot {
                fs: self.fs.clone(),
                before: operation(),
                noted: self.noted,
            });
        }
    }
}

struct SimFile {
    disk: SimDisk,
    name: String,
    inode: u64,
}

impl DiskFile for SimFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.begin(|| Operation::Write {
            name: self.name.clone(),
            offset,
            bytes: bytes.len(),
        });
        state.fs.write(self.inode, bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let content = state.fs.content(self.inode);
        let found = content.get(start..start.saturating_add(buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.begin(|| Operation::Sync(self.name.clone()));
        if let Some(left) = state.syncs_before_failure {
            state.syncs_before_failure = left.checked_sub(1);
            if left == 0 {
                state.fs.doom(self.inode);
                return Err(io::Error::other("simulated failure of a sync"));
            }
        }
        state.fs.sync(self.inode);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().fs.content(self.inode).len() as u64)
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().fs.names())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.state().fs.find(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            name: name.to_owned(),
            inode,
        }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.begin(|| Operation::Name(format!("create {name}")));
        let inode = state.fs.create(name);
        drop(state);
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            name: name.to_owned(),
            inode,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.begin(|| Operation::Name(format!("rename {from} to {to}")));
        state.fs.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.begin(|| Operation::Name(format!("remove {name}")));
        state.fs.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        state.begin(|| Operation::SyncDir);
        state.fs.sync_names();
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn DiskLock>> {
        let mut state = self.state();
        if state.locked {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "another holder of the simulated disk",
            ));
        }
        state.locked = true;
        drop(state);
        Ok(Box::new(SimLock { disk: self.clone() }))
    }

    fn describe(&self) -> String {
        "simulated disk".to_owned()
    }
}

struct SimLock {
    disk: SimDisk,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().locked = false;
    }
}
