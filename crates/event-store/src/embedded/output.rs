//! Writing frames and making them durable, in order; and sealing segments behind them.
//!
//! Frame n+1 comes here only after frame n's sync has returned. The first error is the last write: what
//! a failed sync left behind is not known, so nothing may follow it.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::disk::DiskFile;
use super::error::LogError;
use super::index_build::{IndexHead, encode_index};
use super::index_file::IndexFile;
use super::layout::{FrameHeader, TMP_ENDING, index_name};
use super::segment::Segment;
use super::shared::Shared;
use super::stage::{Draft, Frame, NewSegment};

/// A segment whose index file is to be written.
pub(crate) struct SealJob {
    pub(crate) segment: Arc<Segment>,
    pub(crate) head: IndexHead,
}

/// The writing end of the log.
pub(crate) struct Output {
    shared: Arc<Shared>,
    file: Arc<dyn DiskFile>,
    seals: mpsc::Sender<SealJob>,
}

impl Output {
    pub(crate) fn new(
        shared: Arc<Shared>,
        file: Arc<dyn DiskFile>,
        seals: mpsc::Sender<SealJob>,
    ) -> Self {
        Self {
            shared,
            file,
            seals,
        }
    }

    /// Writes a frame, syncs it, and shows it to readers. After an error nothing more is written.
    pub(crate) fn write(&mut self, frame: Frame) -> Result<(), String> {
        if let Some(why) = self.shared.stopped() {
            return Err(why);
        }
        let Frame {
            mut switch,
            segment,
            draft,
            end,
            next_position,
        } = frame;
        if let Err(error) = self.try_write(switch.as_mut(), &segment.name, draft) {
            let why = format!("{error}; nothing more is written until the store is opened again");
            self.shared.stop(&why);
            tracing::error!(%error, "the log stops");
            return Err(why);
        }
        segment.set_durable_end(end);
        self.shared.set_durable(next_position);
        if let Some(switch) = switch {
            // Without anyone left to seal it, the segment is sealed at the next open.
            let _ = self.seals.send(SealJob {
                segment: switch.before,
                head: switch.before_head,
            });
        }
        Ok(())
    }

    fn try_write(
        &mut self,
        switch: Option<&mut NewSegment>,
        name: &str,
        draft: Draft,
    ) -> Result<(), LogError> {
        let before_hash = self.shared.newest.hash();
        if let Some(switch) = switch {
            switch.header.chain.hash = before_hash;
            switch.before_head.chain.hash = before_hash;
            self.file = self.make_segment(switch, name)?;
        }
        let Draft {
            header,
            mut bytes,
            length,
            offset,
        } = draft;
        let header = FrameHeader {
            before_hash,
            ..header
        };
        header.encode_into(self.shared.seed, &mut bytes);
        let bytes = Arc::new(bytes);
        self.shared.newest.follow(Arc::clone(&bytes), length);
        let written = self.file.write_at(&bytes, offset);
        written.map_err(|e| LogError::io(format!("writing {name} at {offset}"))(e))?;
        let synced = self.file.sync_data();
        self.shared.newest.release(bytes);
        synced.map_err(|e| LogError::io(format!("syncing {name}"))(e))
    }

    fn make_segment(&self, switch: &NewSegment, name: &str) -> Result<Arc<dyn DiskFile>, LogError> {
        let disk = self.shared.files.disk();
        let header = switch.header.encode(self.shared.seed);
        let doing = || LogError::io(format!("making {name} of {}", switch.spare));
        let file = disk.open(&switch.spare).map_err(doing())?;
        file.write_at(&header, 0).map_err(doing())?;
        file.sync_data().map_err(doing())?;
        disk.rename(&switch.spare, name).map_err(doing())?;
        disk.sync_dir().map_err(doing())?;
        Ok(file)
    }
}

/// Seals segments; jobs that fail are kept for the next time.
pub(crate) struct Sealer {
    shared: Arc<Shared>,
    jobs: Mutex<Jobs>,
}

struct Jobs {
    incoming: mpsc::Receiver<SealJob>,
    failed: Vec<SealJob>,
}

impl Sealer {
    pub(crate) fn new(shared: Arc<Shared>, incoming: mpsc::Receiver<SealJob>) -> Self {
        Self {
            shared,
            jobs: Mutex::new(Jobs {
                incoming,
                failed: Vec::new(),
            }),
        }
    }

    /// Seals what is waiting. A segment that cannot be sealed stays indexed in memory.
    pub(crate) fn work(&self) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = std::mem::take(&mut jobs.failed);
        due.extend(jobs.incoming.try_iter());
        for job in due {
            if let Err(error) = seal(&self.shared, &job) {
                tracing::warn!(%error, segment = job.segment.number, "cannot write the index; trying again later");
                jobs.failed.push(job);
            }
        }
        self.shared.forget_old();
    }
}

fn seal(shared: &Shared, job: &SealJob) -> Result<(), LogError> {
    if job.segment.index().is_some() {
        return Ok(());
    }
    let Some(memory) = job.segment.memory() else {
        return Ok(());
    };
    let bytes = encode_index(
        shared.seed,
        &job.head,
        &memory.read().unwrap_or_else(PoisonError::into_inner),
    );
    let index = write_index(&shared.files, shared.seed, job.segment.number, &bytes)?;
    job.segment.set_index(Arc::new(index));
    Ok(())
}

/// Writes an index file so that it is there wholly or not at all, and opens it.
pub(crate) fn write_index(
    files: &super::files::Files,
    seed: u32,
    number: u64,
    bytes: &[u8],
) -> Result<IndexFile, LogError> {
    let name = index_name(number);
    let tmp = format!("{name}{TMP_ENDING}");
    let disk = files.disk();
    let doing = || LogError::io(format!("writing {name}"));
    let file = disk.create(&tmp).map_err(doing())?;
    let written = file.write_at(bytes, 0).and_then(|()| file.sync_data());
    if let Err(error) = written {
        // The room is wanted elsewhere; failing that, the file is removed at the next open.
        let _ = disk.remove(&tmp);
        return Err(doing()(error));
    }
    files.forget(&name);
    disk.rename(&tmp, &name).map_err(doing())?;
    disk.sync_dir().map_err(doing())?;
    IndexFile::open(files, seed, number)
}
