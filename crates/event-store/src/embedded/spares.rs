//! Room made ahead: the next segment, filled with zeros and synced, and the reserve for a full disk.
//!
//! Overwriting zeros that are on the disk costs half of what appending to a file costs, and needs no room
//! at the moment of the append. So a full disk is met here, in the background, and never in the middle of
//! a commit. The thread that fills belongs to the writer; without one (simulation) filling happens where
//! it is needed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::error::LogError;
use super::layout::{
    FRAME_HEADER_BYTES, RESERVE_FILE, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, TMP_ENDING,
    spare_name,
};
use super::wire::to_usize;

/// Bytes written and synced at once while filling, so that an append's sync never waits behind more.
const FILL_PIECE_BYTES: u64 = 1024 * 1024;
/// Pause between two attempts to make room on a full disk.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Longest wait for the background to fill a segment before appends are refused.
const FILL_WAIT_MAX: Duration = Duration::from_secs(120);

/// Which commits may use the reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Everything ordinary.
    Normal,
    /// The few that must be recorded even when the disk is full.
    Reserved,
}

/// A file of zeros ready to become a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) name: String,
    pub(crate) capacity: u64,
}

/// Sizes of what is made ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) segment: u64,
    /// 0 for no reserve.
    pub(crate) reserve: u64,
}

struct State {
    /// The segment number a spare is wanted for.
    wanted: u64,
    spare: Option<Spare>,
    reserve_ready: bool,
    failed: Option<String>,
    tried: Option<Instant>,
    closing: bool,
}

/// What is made ahead for one log.
pub(crate) struct Spares {
    sizes: Sizes,
    /// A thread fills; otherwise whoever asks.
    threaded: bool,
    state: Mutex<State>,
    changed: Condvar,
    /// The reserve is in use: ordinary commits wait for room. Looked at for every commit.
    on_reserve: AtomicBool,
}

impl Spares {
    /// `spare` is one found at open for segment `wanted`.
    pub(crate) fn new(
        sizes: Sizes,
        threaded: bool,
        wanted: u64,
        (spare, reserve_ready): (Option<Spare>, bool),
    ) -> Self {
        let state = State {
            wanted,
            spare,
            reserve_ready,
            failed: None,
            tried: None,
            closing: false,
        };
        Self {
            sizes,
            threaded,
            state: Mutex::new(state),
            changed: Condvar::new(),
            on_reserve: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why ordinary commits are refused for now, if they are. Asking makes the background try again.
    pub(crate) fn refusal(&self, disk: &dyn Disk) -> Option<String> {
        if !self.on_reserve.load(Ordering::Acquire) {
            return None;
        }
        if self.threaded {
            self.changed.notify_all();
        } else {
            self.make(disk);
        }
        let state = self.state();
        let why = state.failed.as_deref().unwrap_or("the reserve is in use");
        self.on_reserve.load(Ordering::Acquire).then(|| full(why))
    }

    /// Takes the file that becomes segment `number`, with room for one frame of `needed` bytes.
    pub(crate) fn take(
        &self,
        disk: &dyn Disk,
        number: u64,
        needed: u64,
        class: Class,
    ) -> Result<Spare, String> {
        let mut state = self.state();
        let asked = Instant::now();
        assert!(
            state.wanted == number,
            "the spare wanted is the next segment's"
        );
        loop {
            if let Some(spare) = state.spare.take() {
                state.wanted = number.saturating_add(1);
                self.changed.notify_all();
                if spare.capacity >= needed {
                    return Ok(spare);
                }
                drop(state);
                return enlarge(disk, &spare, needed).map_err(|e| self.lost(&e.to_string()));
            }
            if let Some(why) = state.failed.clone() {
                if class == Class::Reserved && state.reserve_ready {
                    if self.sizes.reserve < needed {
                        return Err(full("the commit is larger than the reserve"));
                    }
                    state.wanted = number.saturating_add(1);
                    state.reserve_ready = false;
                    self.on_reserve.store(true, Ordering::Release);
                    return Ok(Spare {
                        name: RESERVE_FILE.to_owned(),
                        capacity: self.sizes.reserve,
                    });
                }
                let due = state.tried.is_none_or(|t| t.elapsed() >= RETRY_AFTER);
                if self.threaded && !due {
                    return Err(full(&why));
                }
            }
            if state.closing || asked.elapsed() > FILL_WAIT_MAX {
                return Err("the next segment is not ready; try again".to_owned());
            }
            state = self.wait_or_make(disk, state, class)?;
        }
    }

    /// Waits for the background, or does its work.
    fn wait_or_make<'a>(
        &'a self,
        disk: &dyn Disk,
        mut state: MutexGuard<'a, State>,
        class: Class,
    ) -> Result<MutexGuard<'a, State>, String> {
        if self.threaded {
            state.failed = None;
            state.tried = None;
            self.changed.notify_all();
            let waited = self.changed.wait_timeout(state, RETRY_AFTER);
            return Ok(waited.unwrap_or_else(PoisonError::into_inner).0);
        }
        drop(state);
        self.make(disk);
        let state = self.state();
        match (&state.spare, &state.failed) {
            (None, Some(why)) if class == Class::Normal || !state.reserve_ready => Err(full(why)),
            _ => Ok(state),
        }
    }

    fn lost(&self, why: &str) -> String {
        let mut state = self.state();
        state.wanted = state.wanted.saturating_sub(1);
        state.failed = Some(why.to_owned());
        state.tried = Some(Instant::now());
        full(why)
    }

    /// Makes what is missing; called by the background and, without one, where it is needed.
    pub(crate) fn make(&self, disk: &dyn Disk) {
        let (wanted, need_spare) = {
            let state = self.state();
            let just_failed =
                state.failed.is_some() && state.tried.is_some_and(|t| t.elapsed() < RETRY_AFTER);
            (
                state.wanted,
                state.spare.is_none() && !(self.threaded && just_failed),
            )
        };
        if need_spare {
            let name = spare_name(wanted);
            let filled = fill(disk, &name, self.sizes.segment);
            let mut state = self.state();
            state.tried = Some(Instant::now());
            match filled {
                Ok(()) => {
                    if state.wanted == wanted {
                        state.spare = Some(Spare {
                            name,
                            capacity: self.sizes.segment,
                        });
                    } else {
                        // The reserve became that segment meanwhile; left behind, it goes at the next open.
                        let _ = disk.remove(&name);
                    }
                    state.failed = None;
                }
                Err(error) => {
                    tracing::warn!(%error, full = error.is_full(), "cannot make the next segment");
                    state.failed = Some(error.to_string());
                }
            }
            self.changed.notify_all();
        }
        self.make_reserve(disk);
    }

    fn make_reserve(&self, disk: &dyn Disk) {
        let due = {
            let state = self.state();
            self.sizes.reserve > 0
                && !state.reserve_ready
                && state.failed.is_none()
                && state.spare.is_some()
        };
        let ready = !due || fill(disk, RESERVE_FILE, self.sizes.reserve).is_ok();
        let mut state = self.state();
        if due {
            state.reserve_ready = ready;
        }
        if state.spare.is_some() && (state.reserve_ready || self.sizes.reserve == 0) {
            self.on_reserve.store(false, Ordering::Release);
        }
    }

    /// Waits until there may be something to make, or for a moment when something failed. `false` when
    /// closing.
    pub(crate) fn wait_for_work(&self) -> bool {
        let state = self.state();
        if state.closing {
            return false;
        }
        let complete = state.spare.is_some() && (state.reserve_ready || self.sizes.reserve == 0);
        if complete || state.failed.is_some() {
            let waited = self.changed.wait_timeout(state, RETRY_AFTER);
            return !waited.unwrap_or_else(PoisonError::into_inner).0.closing;
        }
        true
    }

    /// Wakes the background for other work.
    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.changed.notify_all();
    }
}

fn full(why: &str) -> String {
    format!(
        "no room for the next segment ({why}); make room on the disk, appends then go on by themselves"
    )
}

/// The capacity for a frame of `needed` bytes in a segment of its own.
fn capacity_for(needed: u64) -> u64 {
    needed
        .saturating_add((SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES) as u64)
        .next_multiple_of(4096)
        .min(SEGMENT_BYTES_MAX)
}

fn enlarge(disk: &dyn Disk, spare: &Spare, needed: u64) -> Result<Spare, LogError> {
    let capacity = capacity_for(needed);
    let name = spare.name.clone();
    fill(disk, &name, capacity)?;
    Ok(Spare { name, capacity })
}

/// Makes a synced file of zeros under its name.
pub(crate) fn fill(disk: &dyn Disk, name: &str, bytes: u64) -> Result<(), LogError> {
    let tmp = format!("{name}{TMP_ENDING}");
    let filled = fill_tmp(disk, &tmp, bytes);
    if filled.is_err() {
        // What was filled so far is given back; failing that, it is removed at the next open.
        let _ = disk.remove(&tmp);
    }
    filled?;
    disk.rename(&tmp, name)
        .map_err(LogError::io(format!("renaming {tmp} to {name}")))?;
    disk.sync_dir()
        .map_err(LogError::io("syncing the directory"))
}

fn fill_tmp(disk: &dyn Disk, tmp: &str, bytes: u64) -> Result<(), LogError> {
    let file = disk
        .create(tmp)
        .map_err(LogError::io(format!("making {tmp}")))?;
    let zeros = vec![0u8; to_usize(bytes.min(FILL_PIECE_BYTES))];
    let mut offset = 0;
    while offset < bytes {
        let piece = bytes.saturating_sub(offset).min(FILL_PIECE_BYTES);
        let piece_bytes = zeros.get(..to_usize(piece)).unwrap_or_default();
        file.write_at(piece_bytes, offset)
            .map_err(LogError::io(format!("filling {tmp}")))?;
        file.sync_data()
            .map_err(LogError::io(format!("syncing {tmp}")))?;
        offset = offset.saturating_add(piece);
    }
    Ok(())
}
