//! The threads around the log: one stages, one writes and syncs, one makes room and seals.
//!
//! The first two work side by side: while a frame is synced, everything that arrives is judged and encoded
//! into the next one, which is handed over when the disk is free. So a sync is shared by all who waited
//! for it, and nobody waits for a sync they do not need.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::core::{Answers, settle_stopped};
use super::output::{Output, Sealer};
use super::shared::Shared;
use super::spares::{Class, Spares};
use super::stage::{Frame, Stager};
use crate::port::{AppendError, Commit};

/// Bytes of payload waiting to be staged; a caller that comes on top of them is told at once.
const QUEUE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Commits waiting to be staged, likewise.
const QUEUE_COMMITS_MAX: usize = 1_000_000;
/// A frame this large gains little from waiting for more: it is closed ahead, so that the disk does not
/// wait for the hand-over.
const CLOSE_AHEAD_BYTES: usize = 16 * 1024;

/// A frame this large is handed over even in the middle of a call: it still lies in the processor's cache,
/// and its sync is a small part of its cost.
const PIECE_BYTES: usize = 512 * 1024;

/// One call of `append`.
pub(crate) struct Request {
    pub(crate) commits: Vec<Commit>,
    /// One for each commit, to be filled in; see `blank_answers`.
    pub(crate) answers: Answers,
    /// Bytes of payload and metadata.
    pub(crate) bytes: usize,
    pub(crate) class: Class,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// The answers, and the commits to be let go of by the caller: freeing them here would hold up the disk.
pub(crate) struct Reply {
    pub(crate) answers: Answers,
    _commits: Vec<Commit>,
}

impl Reply {
    fn new(answers: Answers, commits: Vec<Commit>) -> Self {
        Self {
            answers,
            _commits: commits,
        }
    }
}

/// A call whose last commit is in a frame (or was refused).
struct Ticket {
    answers: Answers,
    reply: oneshot::Sender<Reply>,
    commits: Vec<Commit>,
}

/// What is handed to the writing thread.
struct Handed {
    frame: Option<Frame>,
    tickets: Vec<Ticket>,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    commits: usize,
    handed: Option<Handed>,
    writing: bool,
    closing: bool,
    staging_done: bool,
    stager: Asleep,
    output_asleep: bool,
}

/// What the staging thread waits for. Waking a thread costs as much as staging some dozens of events, so it
/// is only woken for what it can use.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Asleep {
    /// It does not wait.
    #[default]
    No,
    /// For calls.
    ForCalls,
    /// For calls, or to hand a small frame over when the disk is free.
    ForDisk,
    /// For the place of the next frame, and for calls if it is not full.
    ForPlace,
}

impl State {
    /// Whether the staging thread is to be woken because a frame left its place.
    fn place_wakes(&mut self) -> bool {
        let wakes = self.handed.is_none() && self.stager == Asleep::ForPlace;
        self.wake_stager(wakes)
    }

    /// Whether the staging thread is to be woken because the disk is free.
    fn disk_wakes(&mut self) -> bool {
        let free = self.handed.is_none() && !self.writing;
        let wakes = free && matches!(self.stager, Asleep::ForDisk | Asleep::ForPlace);
        self.wake_stager(wakes)
    }

    fn wake_stager(&mut self, wakes: bool) -> bool {
        if wakes {
            self.stager = Asleep::No;
        }
        wakes
    }
}

struct Desk {
    shared: Arc<Shared>,
    state: Mutex<State>,
    for_stager: Condvar,
    for_output: Condvar,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running threads of a log.
pub(crate) struct Writer {
    desk: Arc<Desk>,
    spares: Arc<Spares>,
    threads: Vec<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        shared: &Arc<Shared>,
        spares: &Arc<Spares>,
        (stager, output, sealer): (Stager, Output, Sealer),
    ) -> std::io::Result<Self> {
        let desk = Arc::new(Desk {
            shared: Arc::clone(shared),
            state: Mutex::default(),
            for_stager: Condvar::new(),
            for_output: Condvar::new(),
        });
        let mut writer = Self {
            desk: Arc::clone(&desk),
            spares: Arc::clone(spares),
            threads: Vec::new(),
        };
        let background_spares = Arc::clone(spares);
        let background_shared = Arc::clone(shared);
        let wake = Arc::clone(spares);
        let staging_desk = Arc::clone(&desk);
        writer.spawn("log-stage", move || {
            Staging::new(staging_desk, stager).run();
        })?;
        writer.spawn("log-write", move || write_frames(&desk, output, &wake))?;
        writer.spawn("log-room", move || {
            while background_spares.wait_for_work() {
                background_spares.make(background_shared.files.disk());
                sealer.work();
            }
            sealer.work();
        })?;
        Ok(writer)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.threads.push(
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(work)?,
        );
        Ok(())
    }

    /// Queues a call. When the queue is full the caller is told at once.
    pub(crate) fn submit(&self, request: Request) {
        let bytes = request.bytes;
        let mut state = self.desk.state();
        let full = state.bytes.saturating_add(bytes) > QUEUE_BYTES_MAX
            || state.commits.saturating_add(request.commits.len()) > QUEUE_COMMITS_MAX;
        if full && !state.requests.is_empty() {
            drop(state);
            let why = "the queue of appends is full; send it again in a moment";
            // Whoever dropped the future does not want the answer.
            let answers = vec![Err(AppendError::Stopped(why.to_owned())); request.commits.len()];
            let _ = request.reply.send(Reply::new(answers, request.commits));
            return;
        }
        state.bytes = state.bytes.saturating_add(bytes);
        state.commits = state.commits.saturating_add(request.commits.len());
        state.requests.push_back(request);
        let asleep = state.stager != Asleep::No;
        let wakes = state.wake_stager(asleep);
        drop(state);
        if wakes {
            self.desk.for_stager.notify_one();
        }
    }

    /// Writes what is queued and ends the threads.
    pub(crate) fn close(&mut self) {
        self.desk.state().closing = true;
        self.desk.for_stager.notify_all();
        let mut threads = std::mem::take(&mut self.threads).into_iter();
        for thread in threads.by_ref().take(2) {
            let _ = thread.join();
        }
        self.spares.close();
        for thread in threads {
            let _ = thread.join();
        }
        self.desk.shared.close();
    }
}

/// What the staging thread should do next.
enum Next {
    Stage,
    Exit,
}

/// The staging thread.
struct Staging {
    desk: Arc<Desk>,
    stager: Stager,
    queue: VecDeque<Request>,
    /// How many commits of the call being staged are done.
    done: usize,
    /// Calls that are answered when the open frame is durable.
    tickets: Vec<Ticket>,
}

impl Staging {
    fn new(desk: Arc<Desk>, stager: Stager) -> Self {
        Self {
            desk,
            stager,
            queue: VecDeque::new(),
            done: 0,
            tickets: Vec::new(),
        }
    }

    fn run(mut self) {
        loop {
            match self.wait() {
                Next::Exit => break,
                Next::Stage => {}
            }
            if let Some(why) = self.desk.shared.stopped() {
                self.refuse_all(&why);
                continue;
            }
            while self.stage_queue() == Full::Yes {
                self.hand_over();
                if let Some(why) = self.desk.shared.stopped() {
                    self.refuse_all(&why);
                }
            }
            self.offer_over();
        }
        self.desk.state().staging_done = true;
        self.desk.for_output.notify_all();
    }

    fn has_open(&self) -> bool {
        self.stager.open_bytes() > 0 || !self.tickets.is_empty()
    }

    /// Waits for calls, or until the open frame can be handed over.
    fn wait(&mut self) -> Next {
        let open = self.has_open();
        let large = self.stager.open_bytes() >= CLOSE_AHEAD_BYTES;
        let mut idle = false;
        let mut state = self.desk.state();
        loop {
            state.stager = Asleep::No;
            if !state.requests.is_empty() {
                self.queue.append(&mut state.requests);
                state.bytes = 0;
                state.commits = 0;
                return Next::Stage;
            }
            let place = state.handed.is_none();
            if place && open && (large || !state.writing) {
                return Next::Stage;
            }
            if place && !open && !state.writing && state.closing {
                return Next::Exit;
            }
            if !idle {
                idle = true;
                drop(state);
                self.desk.shared.newest.hash();
                state = self.desk.state();
                continue;
            }
            state.stager = match (open, large) {
                (true, true) => Asleep::ForPlace,
                (true, false) => Asleep::ForDisk,
                (false, _) if state.closing => Asleep::ForDisk,
                (false, _) => Asleep::ForCalls,
            };
            state = self
                .desk
                .for_stager
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Stages queued calls until none is left or the frame is full.
    fn stage_queue(&mut self) -> Full {
        while let Some(mut request) = self.queue.pop_front() {
            if self.stage_request(&mut request) == Full::Yes {
                self.queue.push_front(request);
                return Full::Yes;
            }
            self.done = 0;
            let Request {
                commits,
                answers,
                reply,
                ..
            } = request;
            self.tickets.push(Ticket {
                answers,
                reply,
                commits,
            });
            if self.stager.open_bytes() >= CLOSE_AHEAD_BYTES {
                self.offer_over();
            }
        }
        Full::No
    }

    /// Stages what is left of a call until the frame is full. A large call goes to the disk in pieces, so
    /// that writing the first overlaps encoding the next.
    fn stage_request(&mut self, request: &mut Request) -> Full {
        let Request {
            commits,
            answers,
            class,
            ..
        } = request;
        loop {
            let rest = (commits.get(self.done..), answers.get_mut(self.done..));
            let (Some(commits @ [_, ..]), Some(answers)) = rest else {
                return Full::No;
            };
            let offered = self.stager.offer(commits, answers, *class);
            self.done = self.done.saturating_add(offered.done);
            if offered.frame_full {
                return Full::Yes;
            }
            if self.stager.open_bytes() >= PIECE_BYTES {
                self.offer_over();
            }
        }
    }

    /// Hands the open frame over if the disk is free, or if it is large and none is waiting.
    fn offer_over(&mut self) {
        if !self.has_open() {
            return;
        }
        let large = self.stager.open_bytes() >= CLOSE_AHEAD_BYTES;
        let state = self.desk.state();
        let take = state.handed.is_none() && (!state.writing || large);
        drop(state);
        if take {
            self.hand();
        }
    }

    /// Hands the open frame over, waiting until there is room for it.
    fn hand_over(&mut self) {
        let mut state = self.desk.state();
        while state.handed.is_some() && self.desk.shared.stopped().is_none() {
            state.stager = Asleep::ForPlace;
            state = self
                .desk
                .for_stager
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.stager = Asleep::No;
        let take = state.handed.is_none();
        drop(state);
        if take {
            self.hand();
        }
    }

    /// Only this thread fills the place, so it is still free when it was seen free.
    fn hand(&mut self) {
        let frame = self.stager.close();
        let handed = Handed {
            frame,
            tickets: std::mem::take(&mut self.tickets),
        };
        let mut state = self.desk.state();
        let before = state.handed.replace(handed);
        let wakes = std::mem::take(&mut state.output_asleep);
        drop(state);
        assert!(before.is_none(), "one frame at a time is handed over");
        if wakes {
            self.desk.for_output.notify_one();
        }
    }

    /// Answers everything with "stopped", or "in doubt" for what was handed over before.
    fn refuse_all(&mut self, why: &str) {
        let durable = self.desk.shared.durable();
        for mut ticket in self.tickets.drain(..) {
            settle_stopped(&mut ticket.answers, usize::MAX, durable, why);
            // Whoever dropped the future does not want the answer.
            let _ = ticket
                .reply
                .send(Reply::new(ticket.answers, ticket.commits));
        }
        for mut request in self.queue.drain(..) {
            settle_stopped(
                &mut request.answers,
                std::mem::take(&mut self.done),
                durable,
                why,
            );
            let _ = request
                .reply
                .send(Reply::new(request.answers, request.commits));
        }
        // What is open will never be written; closing it forgets it.
        drop(self.stager.close());
    }
}

#[derive(PartialEq, Eq)]
enum Full {
    Yes,
    No,
}

/// The writing thread.
fn write_frames(desk: &Desk, mut output: Output, spares: &Spares) {
    let mut next = None;
    while let Some(handed) = next.take().or_else(|| wait_for_frame(desk)) {
        let new_segment = handed.frame.as_ref().is_some_and(|f| f.switch.is_some());
        let written = handed.frame.map_or(Ok(()), |frame| output.write(frame));
        let stopped = written.err().or_else(|| desk.shared.stopped());
        let mut state = desk.state();
        next = state.handed.take();
        state.writing = next.is_some();
        let wakes = state.disk_wakes() || state.place_wakes();
        drop(state);
        if wakes {
            desk.for_stager.notify_one();
        }
        if new_segment {
            spares.wake();
        }
        for mut ticket in handed.tickets {
            if let Some(why) = &stopped {
                settle_stopped(&mut ticket.answers, usize::MAX, desk.shared.durable(), why);
            }
            let _ = ticket
                .reply
                .send(Reply::new(ticket.answers, ticket.commits));
        }
    }
}

/// The next frame; `None` when there will be none.
fn wait_for_frame(desk: &Desk) -> Option<Handed> {
    let mut state = desk.state();
    loop {
        state.output_asleep = false;
        if let Some(handed) = state.handed.take() {
            state.writing = true;
            // The place is free again: the next frame may be closed ahead.
            let wakes = state.place_wakes();
            drop(state);
            if wakes {
                desk.for_stager.notify_one();
            }
            return Some(handed);
        }
        if state.staging_done {
            return None;
        }
        state.output_asleep = true;
        state = desk
            .for_output
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
    }
}
