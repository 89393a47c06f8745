//! Files and names of the simulated disk: what is on it for certain, what is on its way, and what a power
//! cut makes of that.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::PowerCut;

/// The unit that a disk writes wholly or not at all.
const SECTOR_BYTES: u64 = 512;

/// A write that is not synced.
#[derive(Clone)]
struct Pending {
    offset: u64,
    bytes: Arc<Vec<u8>>,
}

#[derive(Clone, Default)]
struct File {
    /// What a process sees.
    content: Arc<Vec<u8>>,
    /// What survives for certain.
    durable: Arc<Vec<u8>>,
    pending: Vec<Pending>,
    /// Lost in a failed sync: seen, but never written any more.
    doomed: bool,
}

/// A change of a name that is not synced.
#[derive(Clone)]
enum NameChange {
    Set(String, u64),
    Remove(String),
    /// Both at once: a rename is never seen halfway.
    Move(String, String, u64),
}

/// The whole disk.
#[derive(Clone, Default)]
pub(super) struct Fs {
    files: Arc<BTreeMap<u64, File>>,
    names: Arc<BTreeMap<String, u64>>,
    durable_names: Arc<BTreeMap<String, u64>>,
    pending_names: Vec<NameChange>,
    next_inode: u64,
    pub(super) limit_bytes: Option<u64>,
}

/// A small generator of numbers; the same seed gives the same numbers everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

fn put(content: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(start..end) {
        place.copy_from_slice(bytes);
    }
}

impl Fs {
    pub(super) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn content(&self, inode: u64) -> &[u8] {
        self.files
            .get(&inode)
            .map_or(&[][..], |f| f.content.as_slice())
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.names
            .values()
            .map(|inode| self.content(*inode).len() as u64)
            .sum()
    }

    fn file_mut(&mut self, inode: u64) -> &mut File {
        Arc::make_mut(&mut self.files).entry(inode).or_default()
    }

    pub(super) fn write(&mut self, inode: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let grown = offset
            .saturating_add(bytes.len() as u64)
            .saturating_sub(self.content(inode).len() as u64);
        if self
            .limit_bytes
            .is_some_and(|limit| self.used_bytes().saturating_add(grown) > limit && grown > 0)
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = self.file_mut(inode);
        put(Arc::make_mut(&mut file.content), offset, bytes);
        file.pending.push(Pending {
            offset,
            bytes: Arc::new(bytes.to_vec()),
        });
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: u64) {
        let file = self.file_mut(inode);
        let pending = std::mem::take(&mut file.pending);
        if file.doomed {
            // What a failed sync lost stays lost; only what was written since reaches the disk.
            let durable = Arc::make_mut(&mut file.durable);
            for write in pending {
                put(durable, write.offset, &write.bytes);
            }
        } else {
            file.durable = Arc::clone(&file.content);
        }
    }

    /// A sync that failed: its writes are seen and will not be written.
    pub(super) fn doom(&mut self, inode: u64) {
        let file = self.file_mut(inode);
        file.doomed = true;
        file.pending.clear();
    }

    pub(super) fn create(&mut self, name: &str) -> u64 {
        let inode = self.next_inode;
        self.next_inode = inode.saturating_add(1);
        self.file_mut(inode);
        Arc::make_mut(&mut self.names).insert(name.to_owned(), inode);
        self.pending_names
            .push(NameChange::Set(name.to_owned(), inode));
        inode
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let names = Arc::make_mut(&mut self.names);
        let inode = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        names.insert(to.to_owned(), inode);
        self.pending_names
            .push(NameChange::Move(from.to_owned(), to.to_owned(), inode));
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        Arc::make_mut(&mut self.names)
            .remove(name)
            .ok_or(io::ErrorKind::NotFound)?;
        self.pending_names.push(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    pub(super) fn sync_names(&mut self) {
        self.durable_names = Arc::clone(&self.names);
        self.pending_names.clear();
        let names = Arc::clone(&self.names);
        if self.files.len() > names.len() {
            Arc::make_mut(&mut self.files).retain(|inode, _| names.values().any(|i| i == inode));
        }
    }

    pub(super) fn replace(&mut self, name: &str, bytes: &[u8]) {
        let inode = self.find(name).unwrap_or_else(|| self.create(name));
        let content = Arc::new(bytes.to_vec());
        *self.file_mut(inode) = File {
            durable: Arc::clone(&content),
            content,
            ..File::default()
        };
        self.sync_names();
    }

    pub(super) fn all_synced(&self) -> Self {
        let mut fs = self.clone();
        for file in Arc::make_mut(&mut fs.files).values_mut() {
            *file = File {
                durable: Arc::clone(&file.content),
                content: Arc::clone(&file.content),
                ..File::default()
            };
        }
        fs.sync_names();
        fs
    }

    /// The disk after a power cut.
    pub(super) fn after_cut(&self, mode: PowerCut, seed: u64) -> Self {
        let mut draw = Draw(seed);
        let mut names = self.durable_names.as_ref().clone();
        for change in survivors(&self.pending_names, mode, &mut draw) {
            match change {
                NameChange::Set(name, inode) => {
                    names.insert(name.clone(), *inode);
                }
                NameChange::Remove(name) => {
                    names.remove(name);
                }
                NameChange::Move(from, to, inode) => {
                    names.remove(from);
                    names.insert(to.clone(), *inode);
                }
            }
        }
        let mut files = BTreeMap::new();
        for inode in names.values() {
            let content = self
                .files
                .get(inode)
                .map(|file| file.after_cut(mode, &mut draw))
                .unwrap_or_default();
            files.insert(
                *inode,
                File {
                    durable: Arc::clone(&content),
                    content,
                    ..File::default()
                },
            );
        }
        let names = Arc::new(names);
        Self {
            files: Arc::new(files),
            names: Arc::clone(&names),
            durable_names: names,
            pending_names: Vec::new(),
            next_inode: self.next_inode,
            limit_bytes: self.limit_bytes,
        }
    }
}

/// Which of several steps in order took place.
fn survivors<'a, T>(steps: &'a [T], mode: PowerCut, draw: &mut Draw) -> Vec<&'a T> {
    match mode {
        PowerCut::Lost => Vec::new(),
        PowerCut::Torn => {
            let count = draw.below((steps.len() as u64).saturating_add(1));
            steps
                .iter()
                .take(usize::try_from(count).unwrap_or_default())
                .collect()
        }
        PowerCut::Reordered => steps.iter().filter(|_| draw.below(2) == 0).collect(),
    }
}

impl File {
    fn after_cut(&self, mode: PowerCut, draw: &mut Draw) -> Arc<Vec<u8>> {
        if self.pending.is_empty() || mode == PowerCut::Lost {
            return Arc::clone(&self.durable);
        }
        let mut content = self.durable.as_ref().clone();
        match mode {
            PowerCut::Lost => {}
            PowerCut::Torn => {
                let whole =
                    usize::try_from(draw.below(self.pending.len() as u64)).unwrap_or_default();
                for write in self.pending.iter().take(whole) {
                    put(&mut content, write.offset, &write.bytes);
                }
                if let Some(last) = self.pending.get(whole) {
                    let kept = draw.below((last.bytes.len() as u64).saturating_add(1));
                    let kept = usize::try_from(kept).unwrap_or_default();
                    put(
                        &mut content,
                        last.offset,
                        last.bytes.get(..kept).unwrap_or_default(),
                    );
                }
            }
            PowerCut::Reordered => {
                for write in &self.pending {
                    put_sectors(&mut content, write, draw);
                }
            }
        }
        Arc::new(content)
    }
}

/// Each sector of a write reaches the disk or does not.
fn put_sectors(content: &mut Vec<u8>, write: &Pending, draw: &mut Draw) {
    let end = write.offset.saturating_add(write.bytes.len() as u64);
    let mut at = write.offset;
    while at < end {
        let next = (at / SECTOR_BYTES)
            .saturating_add(1)
            .saturating_mul(SECTOR_BYTES)
            .min(end);
        if draw.below(2) == 0 {
            let from = usize::try_from(at.saturating_sub(write.offset)).unwrap_or_default();
            let to = usize::try_from(next.saturating_sub(write.offset)).unwrap_or_default();
            put(content, at, write.bytes.get(from..to).unwrap_or_default());
        }
        at = next;
    }
}
