//! One call of `append`: its answers, the commits it still has to send, and how much all calls hold.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use std::sync::{Arc, Mutex, PoisonError};

use event_store::{AppendError, Commit, Committed, StreamAppend};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::options::{DOUBTS_MAX, HELD_APPENDS_MAX, HELD_BYTES_MAX};
use crate::wire::append_bytes;

/// What became of a commit.
pub(crate) type Outcome = Result<Committed, AppendError>;

/// The answers of one call, gathered.
pub(crate) struct Call {
    state: Mutex<CallState>,
}

struct CallState {
    answers: Vec<Option<Outcome>>,
    left: usize,
    done: Option<oneshot::Sender<Vec<Outcome>>>,
}

impl Call {
    /// With room for so many answers.
    pub(crate) fn new(commits: usize, done: oneshot::Sender<Vec<Outcome>>) -> Self {
        Self {
            state: Mutex::new(CallState {
                answers: vec![None; commits],
                left: commits,
                done: Some(done),
            }),
        }
    }

    /// Takes an answer; the last one ends the call.
    pub(crate) fn answer(&self, index: usize, outcome: Outcome) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place @ None) = state.answers.get_mut(index) {
            *place = Some(outcome);
            state.left -= 1;
        }
        if state.left == 0
            && let Some(done) = state.done.take()
        {
            let lost = || Err(AppendError::InDoubt("no answer was kept".to_owned()));
            let answers = std::mem::take(&mut state.answers);
            let answers = answers
                .into_iter()
                .map(|answer| answer.unwrap_or_else(lost));
            // Whoever asked may have gone away.
            drop(done.send(answers.collect()));
        }
    }
}

/// A commit of one stream to be sent, and those of the same stream and call that come after it.
pub(crate) struct Job {
    pub(crate) call: Arc<Call>,
    pub(crate) index: usize,
    pub(crate) append: StreamAppend,
    pub(crate) bytes: usize,
    pub(crate) rest: VecDeque<(usize, StreamAppend)>,
    /// When it is given up.
    pub(crate) deadline: Instant,
    /// How often it was handed to a connection.
    pub(crate) sends: u32,
}

impl Job {
    pub(crate) fn new(
        call: &Arc<Call>,
        index: usize,
        append: StreamAppend,
        deadline: Instant,
    ) -> Self {
        Self {
            call: Arc::clone(call),
            index,
            bytes: append_bytes(&append),
            append,
            rest: VecDeque::new(),
            deadline,
            sends: 0,
        }
    }
}

/// What tells this commit from others: the id of its first event.
pub(crate) fn mark(append: &StreamAppend) -> Uuid {
    append.events.first().map_or(Uuid::nil(), |event| event.id)
}

/// The jobs of one call: commits of different streams each for themselves, those of one stream in a row.
/// Every commit must be of one stream.
pub(crate) fn jobs(call: &Arc<Call>, commits: Vec<(usize, Commit)>, deadline: Instant) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::with_capacity(commits.len());
    let mut first = FxHashMap::default();
    let several = commits.len() > 1;
    for (index, commit) in commits {
        let Some(append) = commit.appends.into_iter().next() else {
            continue;
        };
        if several {
            let place = *first.entry(append.stream.clone()).or_insert(jobs.len());
            if let Some(job) = jobs.get_mut(place) {
                job.rest.push_back((index, append));
                continue;
            }
        }
        jobs.push(Job::new(call, index, append, deadline));
    }
    jobs
}

/// How much is handed over and not answered.
#[derive(Default)]
pub(crate) struct Held {
    appends: AtomicUsize,
    bytes: AtomicUsize,
}

impl Held {
    /// Takes another append of so many bytes, if there is room.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let appends = self.appends.fetch_add(1, AcqRel);
        let held = self.bytes.fetch_add(bytes, AcqRel);
        let fits = appends < HELD_APPENDS_MAX && held.saturating_add(bytes) <= HELD_BYTES_MAX;
        if !fits {
            self.release(bytes);
        }
        fits
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.appends.fetch_sub(1, AcqRel);
        self.bytes.fetch_sub(bytes, AcqRel);
    }

    pub(crate) fn appends(&self) -> usize {
        self.appends.load(Acquire)
    }
}

/// Commits last answered "in doubt". One of them that is handed over again and cannot be sent stays in
/// doubt: that this attempt wrote nothing says nothing about the one before.
#[derive(Default)]
pub(crate) struct Doubts {
    marks: Mutex<Marks>,
    /// Marks known, and one more once there were too many. Looked at first, so that a healthy store takes no
    /// lock.
    count: AtomicUsize,
}

#[derive(Default)]
struct Marks {
    known: FxHashSet<Uuid>,
    /// There were more than are remembered: then anything may be in doubt.
    overflowed: bool,
}

impl Marks {
    fn count(&self) -> usize {
        self.known.len() + usize::from(self.overflowed)
    }
}

impl Doubts {
    fn marks(&self) -> std::sync::MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, mark: Uuid) {
        let mut marks = self.marks();
        if marks.known.len() < DOUBTS_MAX {
            marks.known.insert(mark);
        } else {
            marks.overflowed = true;
        }
        self.count
            .store(marks.count(), std::sync::atomic::Ordering::Release);
    }

    /// Forgets a commit whose outcome is known.
    pub(crate) fn settle(&self, mark: Uuid) {
        if self.count.load(Acquire) > 0 {
            let mut marks = self.marks();
            marks.known.remove(&mark);
            self.count
                .store(marks.count(), std::sync::atomic::Ordering::Release);
        }
    }

    pub(crate) fn has(&self, mark: Uuid) -> bool {
        self.count.load(Acquire) > 0 && {
            let marks = self.marks();
            marks.overflowed || marks.known.contains(&mark)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event_store::{Expected, StreamName};

    fn commit(stream: &str) -> Commit {
        Commit {
            appends: vec![StreamAppend {
                stream: StreamName::new(stream).unwrap(),
                expected: Expected::Any,
                events: Vec::new(),
            }],
        }
    }

    #[test]
    fn commits_of_one_stream_form_a_row_and_others_stand_alone() {
        let (done, _) = oneshot::channel();
        let call = Arc::new(Call::new(5, done));
        let names = ["a", "b", "a", "c", "a"];
        let commits = names.iter().map(|name| commit(name)).enumerate().collect();
        let jobs = jobs(&call, commits, Instant::now());
        let rows: Vec<Vec<usize>> = jobs
            .iter()
            .map(|job| {
                let rest = job.rest.iter().map(|(index, _)| *index);
                std::iter::once(job.index).chain(rest).collect()
            })
            .collect();
        assert_eq!(rows, [vec![0, 2, 4], vec![1], vec![3]]);
    }

    #[test]
    fn a_call_ends_with_its_last_answer_in_the_order_of_its_commits() {
        let (done, mut answers) = oneshot::channel();
        let call = Call::new(2, done);
        let said = |text: &str| Err(AppendError::Stopped(text.to_owned()));
        call.answer(1, said("second"));
        call.answer(1, said("again"));
        assert!(answers.try_recv().is_err());
        call.answer(0, said("first"));
        assert_eq!(answers.try_recv().unwrap(), [said("first"), said("second")]);
    }

    #[test]
    fn no_more_is_held_than_there_is_room_for() {
        let held = Held::default();
        assert!(held.take(HELD_BYTES_MAX));
        assert!(!held.take(1));
        held.release(HELD_BYTES_MAX);
        for _ in 0..HELD_APPENDS_MAX {
            assert!(held.take(0));
        }
        assert!(!held.take(0));
        assert_eq!(held.appends(), HELD_APPENDS_MAX);
    }

    #[test]
    fn a_doubt_is_kept_until_it_is_settled_and_too_many_make_all_doubtful() {
        let doubts = Doubts::default();
        let id = Uuid::from_u128;
        doubts.add(id(1));
        assert!(doubts.has(id(1)) && !doubts.has(id(2)));
        doubts.settle(id(1));
        assert!(!doubts.has(id(1)));
        for n in 0..=DOUBTS_MAX as u128 {
            doubts.add(id(n + 10));
        }
        assert!(doubts.has(id(2)));
        for n in 0..=DOUBTS_MAX as u128 {
            doubts.settle(id(n + 10));
        }
        assert!(
            doubts.has(id(2)),
            "also when all that are known are settled"
        );
    }
}
