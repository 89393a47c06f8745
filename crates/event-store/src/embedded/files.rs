//! A bounded set of open files: a log of thousands of segments must not use thousands of descriptors.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use super::disk::{Disk, DiskFile};
use super::error::LogError;

/// Files kept open for reading. A common limit of a process is 1,024 descriptors, sockets included.
const FILES_OPEN_MAX: usize = 256;

/// Opens files of a disk and keeps the last ones open.
pub(crate) struct Files {
    disk: Arc<dyn Disk>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: FxHashMap<String, Arc<dyn DiskFile>>,
    order: VecDeque<String>,
}

impl Files {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            open: Mutex::default(),
        }
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// The file of this name. Only for names whose file is never replaced while the store is open.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<dyn DiskFile>, LogError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.files.get(name) {
            return Ok(Arc::clone(file));
        }
        let file = self
            .disk
            .open(name)
            .map_err(LogError::io(format!("opening {name}")))?;
        while open.order.len() >= FILES_OPEN_MAX {
            let Some(oldest) = open.order.pop_front() else {
                break;
            };
            open.files.remove(&oldest);
        }
        open.order.push_back(name.to_owned());
        open.files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    /// Forgets a file that is about to be replaced.
    pub(crate) fn forget(&self, name: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.files.remove(name);
        open.order.retain(|n| n != name);
    }
}
