//! The log without threads: give it a group of commits, get answers that are durable.
//!
//! The store's threads are a thin shell around the same parts; the simulation drives this directly.

use std::sync::{Arc, mpsc};

use super::disk::DiskLock;
use super::error::OpenError;
use super::open::{Opened, open, sizes};
use super::options::{OpenOptions, Report, Stats};
use super::output::{Output, Sealer};
use super::reader::LogReader;
use super::shared::Shared;
use super::spares::{Class, Spares};
use super::stage::Stager;
use crate::limits::Checker;
use crate::port::{AppendError, Commit, Committed, Position, Revisions};

/// The answer to one commit.
pub(crate) type Answer = Result<Committed, AppendError>;
/// Answers to the commits of one call.
pub(crate) type Answers = Vec<Answer>;

/// The parts of an open log, before someone drives them.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) spares: Arc<Spares>,
    pub(crate) stager: Stager,
    pub(crate) output: Output,
    pub(crate) sealer: Sealer,
    pub(crate) report: Report,
    pub(crate) lock: Box<dyn DiskLock>,
}

/// Opens a log; `threaded` when a thread will fill spares.
pub(crate) fn assemble(options: &OpenOptions, threaded: bool) -> Result<Parts, OpenError> {
    let Opened {
        shared,
        active,
        start,
        file,
        report,
        lock,
        found,
    } = open(options)?;
    let wanted = active.number.saturating_add(1);
    let spares = Arc::new(Spares::new(sizes(options), threaded, wanted, found));
    let (seal_sender, seal_receiver) = mpsc::channel();
    let common = (Arc::clone(&shared), Arc::clone(&spares));
    let stager = Stager::new(common, Arc::clone(&options.clock), active, &start);
    let output = Output::new(Arc::clone(&shared), file, seal_sender);
    let sealer = Sealer::new(Arc::clone(&shared), seal_receiver);
    Ok(Parts {
        shared,
        spares,
        stager,
        output,
        sealer,
        report,
        lock,
    })
}

/// A log driven by hand.
pub struct LogCore {
    parts: Parts,
}

impl LogCore {
    /// Opens or creates the log.
    ///
    /// # Errors
    /// When it is locked, foreign, newer, damaged, older than a witness, or the disk refuses.
    pub fn open(options: &OpenOptions) -> Result<Self, OpenError> {
        let parts = assemble(options, false)?;
        parts.spares.make(parts.shared.files.disk());
        Ok(Self { parts })
    }

    /// Writes commits as one group and gives the answers once they are durable.
    pub fn commit_group(&mut self, commits: &[Commit]) -> Vec<Result<Committed, AppendError>> {
        self.commit(commits, Class::Normal)
    }

    /// The same for the few commits that must be recorded when the disk is full.
    pub fn commit_reserved(&mut self, commits: &[Commit]) -> Vec<Result<Committed, AppendError>> {
        self.commit(commits, Class::Reserved)
    }

    fn commit(&mut self, commits: &[Commit], class: Class) -> Answers {
        // What the background would have done since the last group.
        self.parts.sealer.work();
        let (mut answers, _) = blank_answers(commits);
        let mut done = 0usize;
        while self.parts.shared.stopped().is_none() {
            let rest = (commits.get(done..), answers.get_mut(done..));
            let (Some(commits @ [_, ..]), Some(answers)) = rest else {
                break;
            };
            let offered = self.parts.stager.offer(commits, answers, class);
            done = done.saturating_add(offered.done);
            if offered.frame_full {
                self.flush();
            }
        }
        self.flush();
        if let Some(why) = self.parts.shared.stopped() {
            settle_stopped(&mut answers, done, self.parts.shared.durable(), &why);
        }
        answers
    }

    fn flush(&mut self) {
        if let Some(frame) = self.parts.stager.close() {
            // Why it failed is kept with the shared state and answered from there.
            let _ = self.parts.output.write(frame);
        }
    }

    /// Reads what is durable.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.parts.shared))
    }

    /// What opening found and did.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.parts.report
    }

    /// Figures.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats(&self.parts.shared)
    }
}

/// Figures of an open log.
pub(crate) fn stats(shared: &Shared) -> Stats {
    let segments = shared.segments();
    let durable = shared.durable();
    Stats {
        store: shared.id,
        segments: segments.len() as u64,
        events: durable,
        bytes: segments.iter().map(|s| s.durable_end()).sum(),
        tail: LogReader::tail_of(durable),
        chain_hash: shared.newest.hash(),
        stopped: shared.stopped(),
    }
}

/// Answers to be filled in: refusals of commits that break a limit, and for the others an answer with
/// room for its revisions. Beside them the bytes of payload and metadata.
pub(crate) fn blank_answers(commits: &[Commit]) -> (Answers, usize) {
    let mut bytes = 0usize;
    let mut checker = Checker::default();
    let blank = |commit| {
        let own = checker.check(commit);
        // A refused commit takes memory too while it waits for its answer.
        let held = own
            .as_ref()
            .map_or_else(|_| payload_bytes(commit), |own| *own);
        bytes = bytes.saturating_add(held);
        own.map(|_| Committed {
            position: Position::default(),
            revisions: Revisions::with_capacity(commit.appends.len()),
            recorded_at_ms: None,
        })
    };
    let answers = commits.iter().map(blank).collect();
    (answers, bytes)
}

fn payload_bytes(commit: &Commit) -> usize {
    let events = commit.appends.iter().flat_map(|a| &a.events);
    events.map(|e| e.data.len() + e.meta.len()).sum()
}

/// Corrects answers when the log stopped: of the `done` first ones, what is not durable is in doubt, and what
/// was refused on the strength of it was not written; nor was anything of the others.
pub(crate) fn settle_stopped(answers: &mut Answers, done: usize, durable: u64, why: &str) {
    for (i, answer) in answers.iter_mut().enumerate() {
        match answer {
            Ok(_) if i >= done => *answer = Err(AppendError::Stopped(why.to_owned())),
            Ok(committed) if committed.position.commit >= durable => {
                *answer = Err(AppendError::InDoubt(why.to_owned()));
            }
            Err(AppendError::WrongExpectedRevision { .. }) => {
                *answer = Err(AppendError::Stopped(why.to_owned()));
            }
            Ok(_)
            | Err(AppendError::Invalid(_) | AppendError::Stopped(_) | AppendError::InDoubt(_)) => {}
        }
    }
}
