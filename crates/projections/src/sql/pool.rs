//! A few reading connections, lent out and taken back.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::connection::open_reader;
use crate::error::ReadModelError;

/// Longest wait for a connection: queries take micro- to milliseconds, so a second means overload.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Reading connections to one file.
pub(crate) struct Pool {
    path: PathBuf,
    readers_max: usize,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    open: usize,
}

impl Pool {
    pub(crate) fn new(path: PathBuf, readers_max: usize) -> Self {
        Self {
            path,
            readers_max: readers_max.max(1),
            state: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held: it guards a list and a number.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a connection.
    pub(crate) fn lend(self: &std::sync::Arc<Self>) -> Result<Reader, ReadModelError> {
        let deadline = Instant::now() + WAIT_MAX;
        let mut state = self.state();
        loop {
            if let Some(conn) = state.idle.pop() {
                return Ok(Reader {
                    conn: Some(conn),
                    pool: std::sync::Arc::clone(self),
                });
            }
            if state.open < self.readers_max {
                state.open += 1;
                drop(state);
                return self.open();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReadModelError::Busy {
                    readers: self.readers_max,
                });
            }
            state = self
                .returned
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn open(self: &std::sync::Arc<Self>) -> Result<Reader, ReadModelError> {
        match open_reader(&self.path) {
            Ok(conn) => Ok(Reader {
                conn: Some(conn),
                pool: std::sync::Arc::clone(self),
            }),
            Err(error) => {
                self.state().open -= 1;
                self.returned.notify_one();
                Err(error)
            }
        }
    }

    /// Closes the idle connections and waits for the lent ones, a bounded time.
    pub(crate) fn drain(&self) {
        let deadline = Instant::now() + WAIT_MAX;
        let mut state = self.state();
        loop {
            let idle = std::mem::take(&mut state.idle);
            state.open = state.open.saturating_sub(idle.len());
            drop(idle);
            let left = deadline.saturating_duration_since(Instant::now());
            if state.open == 0 || left.is_zero() {
                return;
            }
            state = self
                .returned
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn take_back(&self, conn: Connection) {
        self.state().idle.push(conn);
        self.returned.notify_one();
    }
}

/// A lent connection; goes back when dropped.
pub(crate) struct Reader {
    conn: Option<Connection>,
    pool: std::sync::Arc<Pool>,
}

impl Reader {
    pub(crate) fn connection(&self) -> &Connection {
        let Some(conn) = &self.conn else {
            unreachable!("the connection is taken only when the reader is dropped")
        };
        conn
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.pool.take_back(conn);
        }
    }
}
