//! Finding the newest event of a stream that counts, on a store that commits one stream at a time.
//!
//! A claim counts when its plan is carried out; one whose plan is not finished is finished on the way, one
//! that is void is passed over. The end of an account under a lock is looked at once its plan is settled.
//! This is a machine without I/O: it asks, is told, and asks again. `core` drives it for commands,
//! [`newest_settled`] for everybody else.

use crate::port::{
    AppendError, Commit, Committed, Direction, EventStore, Position, ReadError, RecordedEvent,
    StreamAppend, StreamName,
};
use crate::transact::config::{READ_ATTEMPTS_MAX, retry_delay_ms};
use crate::transact::core::{Outcome, Request};
use crate::transact::plan::{BEGUN, DROPPED, Plan, Standing, compare, first_revision, locked_by};

/// What a stream says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The newest event that counts.
    pub newest: Option<RecordedEvent>,
    /// The newest revision, whether it counts or not: where the next append must stand.
    pub head: Option<u64>,
    /// Newest position known of what the event and its plan wrote.
    pub rest: Option<Position>,
}

/// What the machine wants.
#[derive(Debug)]
pub(crate) enum Next {
    /// This done, and its outcome told.
    Ask(Request),
    /// The same once more, after a pause.
    Again,
    /// Nothing: it knows.
    Found(Settled),
    /// Nothing: what is stored cannot be understood.
    Damaged(String),
    /// Nothing: the store does not take what is missing.
    Refused(String),
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Walk {
    stream: StreamName,
    head: Option<u64>,
    rest: Option<Position>,
    doing: Doing,
    /// A lock is settled, and nothing else is to be found.
    lock_only: bool,
}

#[derive(Debug)]
enum Doing {
    /// Reads the newest event at or before a revision.
    Newest(u64),
    /// Reads the claim that holds the lock.
    Claim(StreamName, u64),
    /// Finishes the plan of a claim: of the one found, or, without one, of the lock's.
    Finish(Finish, Option<Box<RecordedEvent>>),
}

impl Walk {
    /// Looks for the newest event of a stream that counts.
    pub(crate) const fn newest(stream: StreamName) -> Self {
        Self {
            stream,
            head: None,
            rest: None,
            doing: Doing::Newest(u64::MAX),
            lock_only: false,
        }
    }

    /// Settles the plan that an account is locked for.
    ///
    /// # Errors
    /// When the lock cannot be understood.
    pub(crate) fn lock(begun: &RecordedEvent) -> Result<Self, String> {
        let (claim, revision) = locked_by(begun)?;
        Ok(Self {
            stream: begun.stream.clone(),
            head: Some(begun.revision),
            rest: None,
            doing: Doing::Claim(claim, revision),
            lock_only: true,
        })
    }

    /// The stream that was looked at.
    pub(crate) fn into_stream(self) -> StreamName {
        self.stream
    }

    /// What is to be done now.
    pub(crate) fn request(&self) -> Request {
        match &self.doing {
            Doing::Newest(from) => read(&self.stream, *from, Direction::Backwards, 1),
            Doing::Claim(claim, revision) => read(claim, *revision, Direction::Forwards, 1),
            Doing::Finish(finish, _) => finish.request(),
        }
    }

    /// Takes the outcome of what was asked. Reads that failed are not told.
    pub(crate) fn take(&mut self, outcome: Outcome) -> Next {
        match outcome {
            Outcome::Events(Ok(events)) => self.take_events(events),
            Outcome::Appended(results) => {
                let result = results.into_iter().next();
                let lost = || Err(AppendError::InDoubt("no answer came".to_owned()));
                match &mut self.doing {
                    Doing::Finish(finish, _) => {
                        let step = finish.appended(result.unwrap_or_else(lost));
                        self.stepped(step)
                    }
                    Doing::Newest(_) | Doing::Claim(..) => Next::Again,
                }
            }
            Outcome::Events(Err(_))
            | Outcome::Snapshot(_)
            | Outcome::Head(_)
            | Outcome::Elapsed => Next::Again,
        }
    }

    fn take_events(&mut self, events: Vec<RecordedEvent>) -> Next {
        match &mut self.doing {
            Doing::Newest(_) => self.look_at(events.into_iter().next()),
            Doing::Claim(claim, revision) => {
                let found = events.into_iter().next();
                let Some(event) = found.filter(|event| event.revision == *revision) else {
                    return Next::Damaged(format!(
                        "{} is locked for {claim} revision {revision}, which is not there",
                        self.stream
                    ));
                };
                match Plan::of(&event) {
                    Ok(Some(plan)) => self.finish(plan, None),
                    Ok(None) => Next::Damaged(format!(
                        "{} is locked for {claim} revision {revision}, which has no plan",
                        self.stream
                    )),
                    Err(reason) => Next::Damaged(reason),
                }
            }
            Doing::Finish(finish, _) => {
                let step = finish.read(&events);
                self.stepped(step)
            }
        }
    }

    fn look_at(&mut self, event: Option<RecordedEvent>) -> Next {
        let Some(event) = event else {
            return self.found(None);
        };
        self.head = self.head.or(Some(event.revision));
        self.rest = self.rest.or(Some(event.position));
        match &*event.kind {
            DROPPED => return self.before(event.revision.checked_sub(1)),
            BEGUN => {
                return match locked_by(&event) {
                    Ok((claim, revision)) => self.go(Doing::Claim(claim, revision)),
                    Err(reason) => Next::Damaged(reason),
                };
            }
            _ => {}
        }
        match Plan::of(&event) {
            Ok(None) => self.found(Some(event)),
            Ok(Some(plan)) => self.finish(plan, Some(Box::new(event))),
            Err(reason) => Next::Damaged(reason),
        }
    }

    /// Goes on with what stands before a revision.
    fn before(&mut self, revision: Option<u64>) -> Next {
        match revision.and_then(|revision| revision.checked_sub(1)) {
            Some(from) => self.go(Doing::Newest(from)),
            None => self.found(None),
        }
    }

    fn finish(&mut self, plan: Plan, claim: Option<Box<RecordedEvent>>) -> Next {
        self.go(Doing::Finish(Finish::new(plan), claim))
    }

    fn stepped(&mut self, step: Step) -> Next {
        match step {
            Step::On => Next::Ask(self.request()),
            Step::Again => Next::Again,
            Step::Refused(reason) => Next::Refused(reason),
            Step::Settled(standing) => self.settled(standing),
        }
    }

    fn settled(&mut self, outcome: Ending) -> Next {
        let doing = std::mem::replace(&mut self.doing, Doing::Newest(u64::MAX));
        match (doing, outcome) {
            (Doing::Finish(_, Some(claim)), Ending::Done(position)) => {
                self.rest = self.rest.max(Some(position));
                self.found(Some(*claim))
            }
            // Whoever wrote it saw that nothing before it counts.
            (Doing::Finish(_, Some(_)), Ending::Void) => self.found(None),
            _ if self.lock_only => self.found(None),
            // The account goes on behind the lock.
            _ => {
                self.head = None;
                self.rest = None;
                self.go(Doing::Newest(u64::MAX))
            }
        }
    }

    fn go(&mut self, doing: Doing) -> Next {
        self.doing = doing;
        Next::Ask(self.request())
    }

    fn found(&self, newest: Option<RecordedEvent>) -> Next {
        Next::Found(Settled {
            newest,
            head: self.head,
            rest: self.rest,
        })
    }
}

/// How a plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Everything is written; the position of its last event.
    Done(Position),
    /// Others took the place of a step.
    Void,
}

/// What a plan's finisher wants next.
#[derive(Debug)]
enum Step {
    On,
    Again,
    Refused(String),
    Settled(Ending),
}

/// Carries out what is missing of a plan. Steps are written in order by everyone, so the last one tells
/// at one look whether all are there.
#[derive(Debug)]
struct Finish {
    plan: Plan,
    at: At,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// Looks whether the last step stands.
    Last,
    /// Looks whether a step stands; `refused` when the store has said that its place is taken.
    Look { step: usize, refused: bool },
    /// Writes a step.
    Write(usize),
    /// Ends the lock of a void plan.
    Unlock,
}

impl Finish {
    const fn new(plan: Plan) -> Self {
        Self { plan, at: At::Last }
    }

    fn step(&self, step: usize) -> Option<&StreamAppend> {
        self.plan.steps.get(step)
    }

    const fn last(&self) -> usize {
        self.plan.steps.len().saturating_sub(1)
    }

    fn request(&self) -> Request {
        let step = match self.at {
            At::Last => self.step(self.last()),
            At::Look { step, .. } => self.step(step),
            At::Write(step) => return write(self.step(step).cloned()),
            At::Unlock => return write(self.plan.unlock()),
        };
        let Some(StreamAppend {
            stream,
            expected,
            events,
        }) = step
        else {
            unreachable!("a plan is looked at step by step");
        };
        let from = first_revision(*expected);
        read(stream, from, Direction::Forwards, events.len())
    }

    fn read(&mut self, found: &[RecordedEvent]) -> Step {
        let (step, refused) = match self.at {
            At::Last => (self.last(), false),
            At::Look { step, refused } => (step, refused),
            At::Write(_) | At::Unlock => return Step::Again,
        };
        let looked_at_last = matches!(self.at, At::Last);
        let ours = self.step(step).map_or(&[][..], |step| &step.events);
        match (compare(ours, found), found.last()) {
            (Standing::Ours, Some(newest)) if step == self.last() => {
                Step::Settled(Ending::Done(newest.position))
            }
            _ if looked_at_last && step > 0 => self.go(At::Look {
                step: 0,
                refused: false,
            }),
            (Standing::Ours, _) => self.go(At::Look {
                step: step + 1,
                refused: false,
            }),
            // The store knows of something that this read does not show: it proves nothing.
            (Standing::Unknown, _) if refused => Step::Again,
            (Standing::Unknown, _) => self.go(At::Write(step)),
            (Standing::Others, _) => self.void(step),
        }
    }

    fn appended(&mut self, result: Result<Committed, AppendError>) -> Step {
        match (self.at, result) {
            (_, Err(AppendError::InDoubt(_))) | (At::Last | At::Look { .. }, _) => Step::Again,
            (_, Err(AppendError::Stopped(reason) | AppendError::Invalid(reason))) => {
                Step::Refused(reason)
            }
            (At::Write(step), Ok(committed)) if step == self.last() => {
                Step::Settled(Ending::Done(committed.position))
            }
            (At::Write(step), Ok(_)) => self.go(At::Write(step + 1)),
            (At::Write(step), Err(AppendError::WrongExpectedRevision { .. })) => {
                self.go(At::Look {
                    step,
                    refused: true,
                })
            }
            // Whoever ended the lock first did the same.
            (At::Unlock, Ok(_) | Err(AppendError::WrongExpectedRevision { .. })) => {
                Step::Settled(Ending::Void)
            }
        }
    }

    /// A step cannot be written any more. Only a lock that stands is left to be ended.
    fn void(&mut self, step: usize) -> Step {
        if self.plan.lock().is_some_and(|lock| lock < step) {
            self.go(At::Unlock)
        } else {
            Step::Settled(Ending::Void)
        }
    }

    const fn go(&mut self, at: At) -> Step {
        self.at = at;
        Step::On
    }
}

fn read(stream: &StreamName, from: u64, direction: Direction, max: usize) -> Request {
    Request::ReadStream {
        stream: stream.clone(),
        from,
        direction,
        max,
    }
}

fn write(append: Option<StreamAppend>) -> Request {
    let appends = append.into_iter().collect();
    Request::Append(vec![Commit { appends }])
}

/// The newest event of a stream that counts, on any store: a claim whose decision is not wholly written
/// yet is finished first. A retry is safe after an error.
///
/// # Errors
/// When the store cannot be read or written now, or what is stored cannot be understood.
pub async fn newest_settled(
    store: &dyn EventStore,
    stream: &StreamName,
) -> Result<Settled, ReadError> {
    let mut walk = Walk::newest(stream.clone());
    let mut request = walk.request();
    let mut tries = 1;
    loop {
        let outcome = match request.clone() {
            Request::Append(commits) => Outcome::Appended(store.append(commits).await),
            Request::ReadStream {
                stream,
                from,
                direction,
                max,
            } => Outcome::Events(Ok(store.read_stream(&stream, from, direction, max).await?)),
            Request::LoadSnapshot(_) | Request::Head(_) | Request::Delay { .. } => Outcome::Elapsed,
        };
        match walk.take(outcome) {
            Next::Ask(next) => {
                request = next;
                tries = 1;
            }
            Next::Again if tries < READ_ATTEMPTS_MAX => {
                let ms = retry_delay_ms(tries);
                tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                tries += 1;
            }
            Next::Again => {
                return Err(ReadError::Unavailable(format!(
                    "what became of the newest command of {stream} is not known yet"
                )));
            }
            Next::Found(found) => return Ok(found),
            Next::Damaged(reason) => return Err(ReadError::Damaged(reason)),
            Next::Refused(reason) => return Err(ReadError::Unavailable(reason)),
        }
    }
}
