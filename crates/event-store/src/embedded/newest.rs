//! The newest frame: its hash, and the buffers that frames are encoded into.
//!
//! The next frame carries the hash, so it must be known before that is written, and no sooner. It is computed
//! by whoever has time for it first: the staging thread while the disk works, when it has nothing to stage;
//! otherwise the writing thread, so that staging goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::layout::FRAME_BYTES_TARGET;

/// Buffers kept for reuse: one being staged, one waiting, one being written.
const BUFFERS_KEPT: usize = 3;
/// Larger buffers are given back instead of kept.
const BUFFER_BYTES_KEPT: usize = 2 * FRAME_BYTES_TARGET;

#[derive(Default)]
struct State {
    /// Of the newest frame when `unhashed` is none, otherwise of the one before.
    hash: [u8; 32],
    unhashed: Option<(Arc<Vec<u8>>, usize)>,
}

/// See the module's text.
#[derive(Default)]
pub(crate) struct Newest {
    state: Mutex<State>,
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Newest {
    /// Starts from the hash of the last frame of an opened log.
    pub(crate) fn begin(&self, hash: [u8; 32]) {
        *self.state() = State {
            hash,
            unhashed: None,
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hash of the newest frame; computed here if nobody did, or waited for when somebody is at it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut state = self.state();
        if let Some((frame, bytes)) = state.unhashed.take() {
            let hashed = frame.get(..bytes).unwrap_or_default();
            state.hash = *blake3::hash(hashed).as_bytes();
            self.release(frame);
        }
        state.hash
    }

    /// The next frame, complete with the hash of the one before in its header; its first `bytes` are hashed.
    pub(crate) fn follow(&self, frame: Arc<Vec<u8>>, bytes: usize) {
        let before = self.state().unhashed.replace((frame, bytes));
        assert!(
            before.is_none(),
            "a frame carries the hash of the one before"
        );
    }

    /// Lets go of a frame; the last to do so gives the buffer back.
    pub(crate) fn release(&self, frame: Arc<Vec<u8>>) {
        let Some(buffer) = Arc::into_inner(frame) else {
            return;
        };
        let mut buffers = self.buffers();
        if buffers.len() < BUFFERS_KEPT && buffer.capacity() <= BUFFER_BYTES_KEPT {
            buffers.push(buffer);
        }
    }

    /// An empty buffer for a frame.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        let mut buffer = self.buffers().pop().unwrap_or_default();
        buffer.clear();
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_newest_frame_whoever_asks_and_its_buffer_comes_back() {
        let newest = Newest::default();
        newest.begin([7; 32]);
        assert_eq!(newest.hash(), [7; 32]);
        let frame = Arc::new(b"frame, padding".to_vec());
        newest.follow(Arc::clone(&frame), 5);
        let wanted = *blake3::hash(b"frame").as_bytes();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(newest.hash(), wanted));
            }
        });
        assert_eq!(newest.buffer().capacity(), 0, "the frame is still in use");
        newest.release(frame);
        let again = newest.buffer();
        assert!(again.is_empty() && again.capacity() >= 14, "used again");
    }
}
