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
use super::stage::{Offered, Stager};
use crate::limits::check_commit;
use crate::port::{AppendError, Commit, Committed};

/// Answers to the commits of one call.
pub(crate) type Answers = Vec<Result<Committed, AppendError>>;

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
        let mut answers: Answers = Vec::with_capacity(commits.len());
        for commit in commits {
            answers.push(self.commit_one(commit, class));
        }
        self.flush();
        if let Some(why) = self.parts.shared.stopped() {
            settle_stopped(&mut answers, self.parts.shared.durable(), &why);
        }
        answers
    }

    fn commit_one(&mut self, commit: &Commit, class: Class) -> Result<Committed, AppendError> {
        if let Some(why) = self.parts.shared.stopped() {
            return Err(AppendError::Stopped(why));
        }
        check_commit(commit)?;
        loop {
            match self.parts.stager.offer(commit, class) {
                Offered::Judged(answer) => return answer,
                Offered::FrameFull => {
                    self.flush();
                    if let Some(why) = self.parts.shared.stopped() {
                        return Err(AppendError::Stopped(why));
                    }
                }
            }
        }
    }

    fn flush(&mut self) {
        if let Some(frame) = self.parts.stager.close() {
            // Why it failed is kept with the shared state and answered from there.
            let _ = self.parts.output.write(frame);
            self.parts.stager.settle_hash();
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
        chain_hash: shared.chain_hash(),
        stopped: shared.stopped(),
    }
}

/// Corrects answers given before the log stopped: what is not durable is in doubt, and what was refused on
/// the strength of it was not written.
pub(crate) fn settle_stopped(answers: &mut Answers, durable: u64, why: &str) {
    for answer in answers {
        match answer {
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
