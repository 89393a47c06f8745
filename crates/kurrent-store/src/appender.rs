//! The one task that appends: many requests in flight over one call, each with its own deadline and answer.
//!
//! What it may say of a commit, and never blurs: what was certainly not sent, or refused by its own answer,
//! is a no; what the connection took and nobody answered is in doubt. Requests that never left, and those
//! with an expected revision that a server did not take since another one leads, are sent again within the
//! deadline; the server recognises them by their ids. A server that answers without serving is left, and so is
//! one from which no answer comes any more or that reads have left. Absent on purpose: sending anything in doubt again by
//! itself, which is for the caller, who may first want to look.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use event_store::{AppendError, Expected, StreamAppend};
use futures::FutureExt;
use futures::future::BoxFuture;
use kurrent_wire::pb::streams::BatchAppendResp;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, sleep};

use crate::answer::{Service, outcome, service};
use crate::call::{Doubts, Held, Job, Outcome, mark};
use crate::link::{Connection, Link};
use crate::options::{
    CLOSE_WAIT_MS, IN_FLIGHT_BYTES_MAX, MOVE_WAIT_MS, RETRY_LONGEST_MS, SENDS_MAX, TICK_MS, pause,
};
use crate::session::{Ended, Session};
use crate::stats::count;
use crate::trouble::Trouble;
use crate::wire::{append_bytes, batch_request};

/// Answers and hand-overs taken in one go before the task looks at the other side.
const TAKEN_AT_ONCE: usize = 512;

/// What the appender shares with whoever hands over.
#[derive(Clone, Default)]
pub(crate) struct Shared {
    pub(crate) held: Arc<Held>,
    pub(crate) doubts: Arc<Doubts>,
}

/// The task's state.
pub(crate) struct Appender {
    link: Arc<Link>,
    shared: Shared,
    in_flight_max: usize,
    deadline: Duration,
    inbox: mpsc::UnboundedReceiver<Vec<Job>>,
    inbox_open: bool,
    waiting: VecDeque<Job>,
    flights: FxHashMap<u64, Flight>,
    flight_bytes: usize,
    serial: u64,
    session: Option<Session>,
    opening: Option<Opening>,
    /// Sessions that failed since the last answer.
    attempt: u32,
    /// Why the last one failed.
    trouble: Option<Trouble>,
    /// When the last answer came that says that the server serves.
    heard: Instant,
    /// Until when the answers of a session that reads have left are waited for.
    move_at: Option<Instant>,
    /// Set when the store is closed: then nothing waits longer than this.
    close_at: Option<Instant>,
}

struct Flight {
    job: Job,
    place: u64,
    sent: Instant,
}

type Opening = BoxFuture<'static, Result<Arc<Connection>, Trouble>>;

/// What the task waits for.
enum Input {
    Jobs(Option<Vec<Job>>),
    Answer(Result<(u64, BatchAppendResp), Ended>),
    Opened(Result<Arc<Connection>, Trouble>),
    Closing,
    Tick,
}

impl Appender {
    pub(crate) fn new(
        link: Arc<Link>,
        shared: Shared,
        in_flight_max: usize,
        deadline: Duration,
        inbox: mpsc::UnboundedReceiver<Vec<Job>>,
    ) -> Self {
        Self {
            link,
            shared,
            in_flight_max: in_flight_max.max(1),
            deadline,
            inbox,
            inbox_open: true,
            waiting: VecDeque::new(),
            flights: FxHashMap::default(),
            flight_bytes: 0,
            serial: 0,
            session: None,
            opening: None,
            attempt: 0,
            trouble: None,
            heard: Instant::now(),
            move_at: None,
            close_at: None,
        }
    }

    /// Runs until the store is closed or gone and everything is answered.
    pub(crate) async fn run(mut self) {
        let link = Arc::clone(&self.link);
        let mut closing = link.until_closed().boxed();
        let mut tick = tokio::time::interval(Duration::from_millis(TICK_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.send_waiting();
            let busy = !self.waiting.is_empty() || !self.flights.is_empty();
            if !busy && !self.inbox_open {
                return;
            }
            let input = tokio::select! {
                jobs = self.inbox.recv(), if self.inbox_open => Input::Jobs(jobs),
                answer = next_answer(&mut self.session) => Input::Answer(answer),
                opened = opened(&mut self.opening) => Input::Opened(opened),
                () = &mut closing, if self.close_at.is_none() => Input::Closing,
                _ = tick.tick(), if busy => Input::Tick,
            };
            self.take(input);
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Jobs(Some(jobs)) => {
                self.waiting.extend(jobs);
                for _ in 0..TAKEN_AT_ONCE {
                    let Ok(jobs) = self.inbox.try_recv() else {
                        break;
                    };
                    self.waiting.extend(jobs);
                }
            }
            Input::Jobs(None) => self.inbox_open = false,
            Input::Answer(answer) => {
                self.answered(answer);
                for _ in 0..TAKEN_AT_ONCE {
                    let Some(answer) = next_answer(&mut self.session).now_or_never() else {
                        break;
                    };
                    self.answered(answer);
                }
            }
            Input::Opened(opened) => self.opened(opened),
            Input::Closing => {
                self.inbox.close();
                self.close_at = Some(Instant::now() + Duration::from_millis(CLOSE_WAIT_MS));
            }
            Input::Tick => self.expire(),
        }
    }

    /// Sends what may be sent, or sees to it that there is a session.
    fn send_waiting(&mut self) {
        let now = Instant::now();
        self.follow_reads(now);
        while self.move_at.is_none()
            && let Some(session) = &mut self.session
            && self.flights.len() < self.in_flight_max
            && let Some(mut job) = self.waiting.pop_front()
        {
            let bytes = self.flight_bytes.saturating_add(job.bytes);
            if bytes > IN_FLIGHT_BYTES_MAX && !self.flights.is_empty() {
                self.waiting.push_front(job);
                return;
            }
            let left = job.deadline.saturating_duration_since(now);
            if left.is_zero() {
                self.not_sent(job, "its time was up");
                continue;
            }
            job.sends += 1;
            self.serial += 1;
            let request = batch_request(session.correlation(self.serial), &job.append, left);
            let place = session.hand(request);
            self.flight_bytes = bytes;
            let flight = Flight {
                job,
                place,
                sent: now,
            };
            self.flights.insert(self.serial, flight);
        }
        if self.session.is_none() && self.opening.is_none() && !self.waiting.is_empty() {
            let link = Arc::clone(&self.link);
            let delay = match (self.attempt, &self.trouble) {
                (0, _) | (1, Some(Trouble::NotLeader(Some(_)))) => Duration::ZERO,
                (attempt, _) => pause(attempt, RETRY_LONGEST_MS),
            };
            let open = async move {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                link.get().await
            };
            self.opening = Some(open.boxed());
        }
    }

    /// When reads have left the session's connection, appends do too: with their answers, as far as they come
    /// within some time.
    fn follow_reads(&mut self, now: Instant) {
        let Some(session) = &self.session else {
            return;
        };
        // A store that is closed has left its connection and waits for what is under way.
        if self.link.is_closed() || self.link.current() == Some(session.connection) {
            return;
        }
        let until = *self
            .move_at
            .get_or_insert(now + Duration::from_millis(MOVE_WAIT_MS));
        if self.flights.is_empty() || until <= now {
            self.end_session(Trouble::lost("reads have left the server"), false);
        }
    }

    fn opened(&mut self, opened: Result<Arc<Connection>, Trouble>) {
        self.opening = None;
        match opened {
            Ok(connection) => {
                self.heard = Instant::now();
                self.session = Some(Session::open(&self.link, &connection));
            }
            Err(trouble) => {
                self.attempt = self.attempt.saturating_add(1);
                if !trouble.may_pass() {
                    let text = trouble.text();
                    for job in std::mem::take(&mut self.waiting) {
                        self.not_sent(job, &text);
                    }
                }
                self.trouble = Some(trouble);
            }
        }
    }

    fn answered(&mut self, answer: Result<(u64, BatchAppendResp), Ended>) {
        match answer {
            Ok((serial, answer)) => {
                let service = service(answer.result.as_ref());
                // An answer that came too late finds nobody.
                let flight = self.flights.remove(&serial);
                if let Some(why) = self.unserved(service, flight.as_ref()) {
                    self.end_session(Trouble::lost(why), false);
                }
                if let Some(Flight { job, .. }) = flight {
                    self.flight_bytes = self.flight_bytes.saturating_sub(job.bytes);
                    let doubted = job.sends > 1 || self.shared.doubts.has(mark(&job.append));
                    let outcome = outcome(&job.append, doubted, answer.result);
                    self.finish(job, outcome);
                }
            }
            Err(ended) => {
                let trouble = Trouble::from(&ended.status);
                self.end_session(trouble, ended.unopened);
            }
        }
    }

    /// Why the server is to be left after an answer to `flight`, if it is.
    fn unserved(&mut self, service: Service, flight: Option<&Flight>) -> Option<String> {
        match service {
            Service::Given => {
                self.attempt = 0;
                self.heard = Instant::now();
                None
            }
            Service::Late => flight
                .is_some_and(|flight| self.heard < flight.sent)
                .then(|| "the server times out every append".to_owned()),
            Service::Refused(said) => Some(format!("the server does not serve: {said}")),
        }
    }

    /// The session is over: what never left is sent again, what was certainly not taken too, the rest is in
    /// doubt.
    fn end_session(&mut self, trouble: Trouble, unopened: bool) {
        let Some(session) = self.session.take() else {
            return;
        };
        let last = session.close();
        self.move_at = None;
        self.attempt = self.attempt.saturating_add(1);
        self.link.leave(session.connection, &trouble);
        self.link.counters.error(&trouble.text());
        let mut flights: Vec<Flight> = self.flights.drain().map(|(_, flight)| flight).collect();
        self.flight_bytes = 0;
        flights.sort_unstable_by_key(|flight| std::cmp::Reverse(flight.place));
        for Flight { mut job, place, .. } in flights {
            if place > last {
                job.sends -= 1;
                count(&self.link.counters.resends);
                self.waiting.push_front(job);
                continue;
            }
            match &trouble {
                Trouble::NotLeader(_)
                    if job.append.expected != Expected::Any && job.sends < SENDS_MAX =>
                {
                    count(&self.link.counters.resends);
                    self.waiting.push_front(job);
                }
                // A server that refuses the whole call at its beginning has taken nothing of it.
                Trouble::Denied(_) if unopened => {
                    let text = trouble.text();
                    self.not_sent_now(job, &text);
                }
                Trouble::NotLeader(_)
                | Trouble::Denied(_)
                | Trouble::Deleted(_)
                | Trouble::Refused(_)
                | Trouble::Passing { .. }
                | Trouble::Broken(_)
                | Trouble::Closed => {
                    let text = format!("no answer came: {}", trouble.text());
                    self.finish(job, Err(AppendError::InDoubt(text)));
                }
            }
        }
        self.trouble = Some(trouble);
    }

    /// Gives up what is beyond its deadline.
    fn expire(&mut self) {
        let mut now = Instant::now();
        if self.close_at.is_some_and(|at| at <= now) {
            // Closing waits no longer: everything's time is up.
            now += self.deadline;
        }
        if self.waiting.iter().any(|job| job.deadline <= now) {
            self.expire_waiting(now);
        }
        let late: Vec<u64> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.job.deadline <= now)
            .map(|(serial, _)| *serial)
            .collect();
        let mut mute = false;
        for serial in late {
            let Some(flight) = self.flights.remove(&serial) else {
                continue;
            };
            self.flight_bytes = self.flight_bytes.saturating_sub(flight.job.bytes);
            mute |= self.heard < flight.sent;
            let text = format!("no answer within {} ms", self.deadline.as_millis());
            self.finish(flight.job, Err(AppendError::InDoubt(text)));
        }
        if mute {
            self.end_session(Trouble::lost("the server answers no appends"), false);
        }
    }

    fn expire_waiting(&mut self, now: Instant) {
        let (late, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<VecDeque<Job>, _>(|job| job.deadline <= now);
        self.waiting = waiting;
        for job in late {
            let why = self.trouble.as_ref().map_or_else(
                || "too many appends were before it".to_owned(),
                |trouble| format!("no server took it in time; at last: {}", trouble.text()),
            );
            self.not_sent(job, &why);
        }
    }

    /// A job that this time was certainly not taken.
    fn not_sent(&mut self, job: Job, why: &str) {
        let sent = job.sends > 0;
        let outcome = self.not_sent_outcome(&job.append, sent, why);
        self.finish(job, outcome);
    }

    /// The same for one that was handed over once and refused as a whole.
    fn not_sent_now(&mut self, mut job: Job, why: &str) {
        job.sends -= 1;
        self.not_sent(job, why);
    }

    fn not_sent_outcome(&self, append: &StreamAppend, sent: bool, why: &str) -> Outcome {
        if sent || self.shared.doubts.has(mark(append)) {
            let text = format!("not sent again, so an earlier attempt stays in doubt: {why}");
            return Err(AppendError::InDoubt(text));
        }
        Err(AppendError::Stopped(format!("not sent: {why}")))
    }

    /// Answers a job and goes on with its row.
    fn finish(&mut self, mut job: Job, outcome: Outcome) {
        self.note(&job.append, &outcome);
        self.shared.held.release(job.bytes);
        let rest = std::mem::take(&mut job.rest);
        let behind = match &outcome {
            Err(AppendError::InDoubt(_)) => Some(true),
            Err(AppendError::Stopped(_)) => Some(false),
            Ok(_) | Err(AppendError::WrongExpectedRevision { .. } | AppendError::Invalid(_)) => {
                None
            }
        };
        job.call.answer(job.index, outcome);
        match behind {
            None => self.next_of_row(&job, rest),
            Some(in_doubt) => {
                let why = "the commit before it in the same stream was not written for certain";
                for (index, append) in rest {
                    let outcome = self.not_sent_outcome(&append, in_doubt, why);
                    self.note(&append, &outcome);
                    self.shared.held.release(append_bytes(&append));
                    job.call.answer(index, outcome);
                }
            }
        }
    }

    fn next_of_row(&mut self, job: &Job, mut rest: VecDeque<(usize, StreamAppend)>) {
        if let Some((index, append)) = rest.pop_front() {
            let deadline = Instant::now() + self.deadline;
            let mut next = Job::new(&job.call, index, append, deadline);
            next.rest = rest;
            self.waiting.push_back(next);
        }
    }

    fn note(&self, append: &StreamAppend, outcome: &Outcome) {
        let counters = &self.link.counters;
        let doubts = &self.shared.doubts;
        match outcome {
            Ok(_) => {
                count(&counters.appends);
                doubts.settle(mark(append));
            }
            Err(AppendError::WrongExpectedRevision { .. }) => {
                count(&counters.conflicts);
                doubts.settle(mark(append));
            }
            Err(AppendError::InDoubt(text)) => {
                count(&counters.in_doubt);
                counters.error(text);
                doubts.add(mark(append));
            }
            Err(AppendError::Invalid(text) | AppendError::Stopped(text)) => {
                count(&counters.refused);
                counters.error(text);
            }
        }
    }
}

async fn next_answer(session: &mut Option<Session>) -> Result<(u64, BatchAppendResp), Ended> {
    match session {
        Some(session) => session.next().await,
        None => std::future::pending().await,
    }
}

async fn opened(opening: &mut Option<Opening>) -> Result<Arc<Connection>, Trouble> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}
