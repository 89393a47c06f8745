//! Stories about the core of `transact`, told without tasks or clocks: every step of the store is taken
//! by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::type_complexity,
    reason = "tests fail by panicking, and their helpers stand outside the test functions"
)]

mod snapshots;
#[path = "../transact_toy/mod.rs"]
mod toy;

use std::sync::Arc;

use bytes::Bytes;
use event_store::snapshot::{Snapshot, SnapshotAt};
use event_store::transact::core::{Core, Effect, Outcome, Request, StoreFacts, Work};
use event_store::transact::{
    Answered, Decision, Domain, Evidence, Failure, NEEDS_ROUNDS_MAX, Needs, PAST_PAGE_EVENTS,
    PastEvent, Probe, TransactConfig,
};
use event_store::{
    AppendError, COMMIT_BYTES_MAX, Capabilities, Commit, Committed, Direction, Expected, NewEvent,
    Position, ReadError, RecordedEvent, StoreId, StreamName,
};
use toy::{Answer, Command, Toy, What, keyed, stream, unkeyed};
use uuid::Uuid;

const STORE: StoreId = StoreId {
    id: Uuid::from_u128(5),
    epoch: 2,
};

const ALONE: Capabilities = Capabilities {
    atomic_over_streams: true,
    shared_with_others: false,
};
const SHARED: Capabilities = Capabilities {
    atomic_over_streams: true,
    shared_with_others: true,
};
const SEPARATE: Capabilities = Capabilities {
    atomic_over_streams: false,
    shared_with_others: true,
};

/// A core and what it has asked for and answered so far.
struct Stage<D: Domain = Toy> {
    core: Core<D>,
    asked: Vec<(u64, Request)>,
    answers: Vec<(u64, Result<Answered<D::Answer>, Failure>)>,
    saved: Vec<Snapshot>,
}

impl<D: Domain> Stage<D> {
    fn with(
        domain: D,
        capabilities: Capabilities,
        snapshots: bool,
        config: TransactConfig,
    ) -> Self {
        let facts = StoreFacts {
            id: STORE,
            capabilities,
            snapshots,
        };
        let core = Core::new(Arc::new(domain), facts, config);
        Self {
            core,
            asked: Vec::new(),
            answers: Vec::new(),
            saved: Vec::new(),
        }
    }

    fn submit(&mut self, ticket: u64, command: D::Command, account: &StreamName) {
        self.core
            .submit(ticket, account.clone(), Work::Command(command));
        self.collect();
    }

    fn collect(&mut self) {
        self.core.flush();
        for effect in self.core.take_effects() {
            match effect {
                Effect::Io { op, request } => self.asked.push((op, request)),
                Effect::Answer { ticket, result } => self.answers.push((ticket, result)),
                Effect::State { .. } => {}
                Effect::Save(snapshot) => self.saved.push(*snapshot),
            }
        }
    }

    /// The oldest thing asked for.
    fn next(&mut self) -> (u64, Request) {
        assert!(!self.asked.is_empty(), "the core asked for something");
        self.asked.remove(0)
    }

    fn give(&mut self, op: u64, outcome: Outcome) {
        self.core.complete(op, outcome);
        self.collect();
    }

    fn next_append(&mut self) -> (u64, Vec<Commit>) {
        match self.next() {
            (op, Request::Append(commits)) => (op, commits),
            other => panic!("expected an append, got {other:?}"),
        }
    }

    fn next_read(&mut self, of: &str) -> u64 {
        match self.next() {
            (op, Request::ReadStream { stream, .. }) if stream.as_str() == of => op,
            other => panic!("expected a read of {of}, got {other:?}"),
        }
    }

    fn give_events(&mut self, of: &str, events: Vec<RecordedEvent>) {
        let op = self.next_read(of);
        self.give(op, Outcome::Events(Ok(events)));
    }

    fn answers(&self) -> Vec<(u64, D::Answer)> {
        let given = |(ticket, result): &(u64, Result<Answered<D::Answer>, Failure>)| {
            (*ticket, result.as_ref().unwrap().answer.clone())
        };
        self.answers.iter().map(given).collect()
    }
}

fn toy(capabilities: Capabilities) -> Stage {
    Stage::with(Toy, capabilities, false, TransactConfig::default())
}

impl Stage<Toy> {
    fn ask(&mut self, ticket: u64, command: Command) {
        let account = command.account.clone();
        self.submit(ticket, command, &account);
    }

    /// Loads an empty account by asking it something.
    fn open(&mut self, account: &str) {
        self.ask(1_000, unkeyed(account, What::Ask(0)));
        self.give_events(account, vec![]);
        if let Some((op, Request::Head(_))) = self.asked.first().cloned() {
            self.asked.remove(0);
            self.give(op, Outcome::Head(Ok(None)));
        }
        self.answers.clear();
    }
}

fn written(commits: &[Commit], at: u64) -> Outcome {
    let one = |(i, commit): (usize, &Commit)| {
        let position = Position {
            commit: at + i as u64,
            prepare: at + i as u64,
        };
        Ok(Committed {
            position,
            revisions: commit.appends.iter().map(|_| 0).collect(),
            recorded_at_ms: None,
        })
    };
    Outcome::Appended(commits.iter().enumerate().map(one).collect())
}

fn moved(commit: &Commit) -> AppendError {
    let first = &commit.appends[0];
    AppendError::WrongExpectedRevision {
        stream: first.stream.clone(),
        expected: first.expected,
        actual: Some(7),
    }
}

fn doubt() -> AppendError {
    AppendError::InDoubt("the line was cut".to_owned())
}

fn recorded(of: &str, revision: u64, event: &NewEvent) -> RecordedEvent {
    RecordedEvent {
        stream: stream(of),
        revision,
        position: Position {
            commit: 40 + revision,
            prepare: 40 + revision,
        },
        id: event.id,
        kind: event.kind.clone(),
        data: event.data.clone(),
        meta: event.meta.clone(),
        recorded_at_ms: 0,
    }
}

fn past(of: &str, revision: u64, kind: &str, data: &str) -> RecordedEvent {
    let id = Uuid::from_u128(u128::from(revision) + 100);
    let data = Bytes::from(data.to_owned());
    recorded(
        of,
        revision,
        &NewEvent {
            id,
            kind: Arc::from(kind),
            data,
            meta: Bytes::new(),
        },
    )
}

fn read(n: u64) -> Command {
    unkeyed("account-1", What::Read { n, cost: 1 })
}

#[test]
fn the_next_batch_is_decided_while_the_last_is_on_its_way() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    stage.ask(1, read(1));
    stage.ask(2, read(2));
    stage.ask(3, read(3));
    stage.ask(4, read(4));
    let (first, one) = stage.next_append();
    let (_, two) = stage.next_append();
    assert!(
        stage.asked.is_empty(),
        "no more than two calls are under way"
    );
    assert_eq!(one[0].appends[0].expected, Expected::NoStream);
    assert_eq!(
        two[0].appends[0].expected,
        Expected::Exact(0),
        "decided on the speculative state"
    );
    stage.give(first, written(&one, 10));
    let (_, rest) = stage.next_append();
    assert_eq!(rest.len(), 2, "what was decided meanwhile goes in one call");
    assert_eq!(stage.answers(), [(1, Answer::Charged { balance: -1 })]);
}

#[test]
fn an_answer_that_writes_nothing_waits_for_the_commit_it_was_decided_on() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    stage.ask(1, read(1));
    stage.ask(2, unkeyed("account-1", What::Ask(0)));
    let (op, commits) = stage.next_append();
    assert!(stage.answers.is_empty());
    stage.give(op, written(&commits, 10));
    assert_eq!(
        stage.answers(),
        [
            (1, Answer::Charged { balance: -1 }),
            (2, Answer::Short { balance: -1 })
        ]
    );
    let token = stage.answers[1].1.as_ref().unwrap().token;
    assert_eq!(
        token,
        Some(Position {
            commit: 10,
            prepare: 10
        }),
        "and names that commit"
    );
}

#[test]
fn a_failed_append_voids_everything_decided_on_it() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    stage.ask(1, read(1));
    stage.ask(2, unkeyed("account-1", What::Ask(0)));
    let (op, commits) = stage.next_append();
    stage.give(op, Outcome::Appended(vec![Err(moved(&commits[0]))]));
    assert!(stage.answers.is_empty());
    stage.give_events(
        "account-1",
        vec![past("account-1", 0, "deposited.v1", "key-9|10|10")],
    );
    let (op, commits) = stage.next_append();
    assert_eq!(commits[0].appends[0].expected, Expected::Exact(0));
    stage.give(op, written(&commits, 41));
    assert_eq!(
        stage.answers(),
        [
            (1, Answer::Charged { balance: 9 }),
            (2, Answer::Enough { balance: 9 })
        ]
    );
}

#[test]
fn a_command_overtaken_too_often_is_told_conflict() {
    let config = TransactConfig {
        attempts_max: 2,
        ..TransactConfig::default()
    };
    let mut stage = Stage::with(Toy, SHARED, false, config);
    stage.open("account-1");
    stage.ask(1, read(1));
    for _ in 0..2 {
        let (op, commits) = stage.next_append();
        stage.give(op, Outcome::Appended(vec![Err(moved(&commits[0]))]));
        if stage.answers.is_empty() {
            stage.give_events("account-1", vec![]);
        }
    }
    let (_, result) = &stage.answers[0];
    assert_eq!(
        *result,
        Err(Failure::Conflict {
            stream: "account-1".to_owned(),
            attempts: 2
        })
    );
    assert!(result.as_ref().unwrap_err().retry_is_safe());
}

#[test]
fn a_commit_in_doubt_is_sent_again_unchanged_while_other_accounts_go_on() {
    let mut stage = toy(SHARED);
    stage.open("account-1");
    stage.open("account-2");
    stage.ask(1, read(1));
    let (op, commits) = stage.next_append();
    stage.give(op, Outcome::Appended(vec![Err(doubt())]));
    stage.ask(2, read(2));
    let (resend, again) = stage.next_append();
    assert_eq!(
        again, commits,
        "identical: same ids, same expected revision"
    );
    stage.ask(3, unkeyed("account-2", What::Read { n: 1, cost: 2 }));
    let (op, other) = stage.next_append();
    assert_eq!(other[0].appends[0].stream, stream("account-2"));
    stage.give(op, written(&other, 20));
    assert_eq!(stage.answers(), [(3, Answer::Charged { balance: -2 })]);
    stage.give(resend, Outcome::Appended(vec![Err(doubt())]));
    let (pause, Request::Delay { ms }) = stage.next() else {
        panic!("a pause before the next try")
    };
    assert!(ms > 0);
    stage.give(pause, Outcome::Elapsed);
    let (op, again) = stage.next_append();
    assert_eq!(again, commits);
    stage.give(op, written(&again, 30));
    assert_eq!(stage.answers()[1], (1, Answer::Charged { balance: -1 }));
}

#[test]
fn a_commit_in_doubt_that_meets_its_own_events_is_answered_as_written() {
    let mut stage = toy(SHARED);
    stage.open("account-1");
    stage.ask(1, keyed("account-1", "key-1", What::Deposit(5)));
    stage.give_events("key-1", vec![]);
    let (op, commits) = stage.next_append();
    let appends = commits[0].appends.clone();
    assert_eq!(appends.len(), 2, "claim and account in one commit");
    stage.give(op, Outcome::Appended(vec![Err(doubt())]));
    let (op, _) = stage.next_append();
    let error = AppendError::WrongExpectedRevision {
        stream: stream("key-1"),
        expected: Expected::NoStream,
        actual: Some(0),
    };
    stage.give(op, Outcome::Appended(vec![Err(error.clone())]));
    // A read that shows nothing proves nothing, and what the append was refused for may be gone.
    stage.give_events("key-1", vec![]);
    let (pause, Request::Delay { .. }) = stage.next() else {
        panic!("a pause before the next try")
    };
    stage.give(pause, Outcome::Elapsed);
    let (op, again) = stage.next_append();
    assert_eq!(again[0].appends, appends);
    stage.give(op, Outcome::Appended(vec![Err(error)]));
    stage.give_events("key-1", vec![recorded("key-1", 0, &appends[0].events[0])]);
    assert!(
        stage.answers.is_empty(),
        "the account's stream gives the position"
    );
    stage.give_events(
        "account-1",
        vec![recorded("account-1", 0, &appends[1].events[0])],
    );
    assert_eq!(stage.answers(), [(1, Answer::Done { balance: 5 })]);
    assert_eq!(
        stage.answers[0].1.as_ref().unwrap().token,
        Some(Position {
            commit: 40,
            prepare: 40
        })
    );
}

#[test]
fn a_commit_in_doubt_that_meets_foreign_events_is_decided_again() {
    let mut stage = toy(SHARED);
    stage.open("account-1");
    stage.ask(1, read(1));
    let (op, commits) = stage.next_append();
    stage.give(op, Outcome::Appended(vec![Err(doubt())]));
    let (op, _) = stage.next_append();
    stage.give(op, Outcome::Appended(vec![Err(moved(&commits[0]))]));
    let foreign = past("account-1", 0, "deposited.v1", "key-9|10|10");
    stage.give_events("account-1", vec![foreign.clone()]);
    stage.give_events("account-1", vec![foreign]);
    let (op, commits) = stage.next_append();
    assert_eq!(commits[0].appends[0].expected, Expected::Exact(0));
    stage.give(op, written(&commits, 50));
    assert_eq!(stage.answers(), [(1, Answer::Charged { balance: 9 })]);
}

#[test]
fn the_same_key_from_a_crowd_gives_one_append_and_equal_answers() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    for ticket in 0..100 {
        stage.ask(ticket, keyed("account-1", "key-1", What::Deposit(5)));
    }
    stage.give_events("key-1", vec![]);
    let (op, commits) = stage.next_append();
    assert!(
        stage.asked.is_empty(),
        "the others wait for the claim in flight"
    );
    stage.give(op, written(&commits, 10));
    let claim = recorded("key-1", 0, &commits[0].appends[0].events[0]);
    let own = recorded("account-1", 0, &commits[0].appends[1].events[0]);
    while !stage.asked.is_empty() {
        match stage.next() {
            (op, Request::ReadStream { stream, .. }) => {
                let event = if stream.as_str() == "key-1" {
                    &claim
                } else {
                    &own
                };
                stage.give(op, Outcome::Events(Ok(vec![event.clone()])));
            }
            other => panic!("nothing but reads is left to do: {other:?}"),
        }
    }
    assert_eq!(stage.answers.len(), 100);
    assert!(
        stage
            .answers()
            .iter()
            .all(|(_, answer)| *answer == Answer::Done { balance: 5 })
    );
    let appended = stage
        .answers
        .iter()
        .filter(|(_, result)| result.as_ref().unwrap().appended)
        .count();
    assert_eq!(appended, 1);
}

#[test]
fn a_key_claimed_by_another_account_in_flight_is_waited_for() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    stage.open("account-2");
    stage.ask(1, keyed("account-1", "key-1", What::Deposit(5)));
    stage.give_events("key-1", vec![]);
    let (op, commits) = stage.next_append();
    stage.ask(2, keyed("account-2", "key-1", What::Deposit(5)));
    assert!(
        stage.asked.is_empty(),
        "not even read while the claim is in flight"
    );
    stage.give(op, written(&commits, 10));
    stage.give_events(
        "key-1",
        vec![recorded("key-1", 0, &commits[0].appends[0].events[0])],
    );
    assert_eq!(
        stage.answers(),
        [(1, Answer::Done { balance: 5 }), (2, Answer::KeyConflict)]
    );
}

#[test]
fn history_is_searched_only_when_everything_of_the_account_is_durable() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    stage.ask(1, read(1));
    stage.ask(2, read(1));
    let (op, commits) = stage.next_append();
    assert!(stage.asked.is_empty(), "no search yet");
    stage.give(op, written(&commits, 10));
    stage.give_events(
        "account-1",
        vec![recorded("account-1", 0, &commits[0].appends[0].events[0])],
    );
    assert_eq!(stage.answers()[1], (2, Answer::Duplicate));
}

#[test]
fn a_refusal_is_claimed_only_after_what_it_was_decided_on_is_durable() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    stage.ask(1, read(1));
    stage.ask(2, keyed("account-1", "key-1", What::Withdraw(5)));
    let (op, commits) = stage.next_append();
    stage.give_events("key-1", vec![]);
    assert!(stage.asked.is_empty(), "the claim is held back");
    stage.give(op, written(&commits, 10));
    let (op, claim) = stage.next_append();
    assert_eq!(claim[0].appends[0].stream, stream("key-1"));
    stage.give(op, written(&claim, 11));
    assert_eq!(stage.answers()[1], (2, Answer::Refused { balance: -1 }));
}

#[test]
fn on_a_shared_store_an_answer_without_append_is_checked_against_the_head() {
    let mut stage = toy(SHARED);
    stage.open("account-1");
    stage.ask(1, unkeyed("account-1", What::Ask(3)));
    let (op, Request::Head(_)) = stage.next() else {
        panic!("the head is read first")
    };
    stage.give(op, Outcome::Head(Ok(Some(0))));
    assert!(stage.answers.is_empty(), "others have written");
    stage.give_events(
        "account-1",
        vec![past("account-1", 0, "deposited.v1", "key-9|10|10")],
    );
    let (op, Request::Head(_)) = stage.next() else {
        panic!("the head is read again")
    };
    stage.give(op, Outcome::Head(Ok(Some(0))));
    assert_eq!(stage.answers(), [(1, Answer::Enough { balance: 10 })]);
}

#[test]
fn without_atomic_commits_the_claim_goes_first_and_a_repetition_finishes_it() {
    let mut stage = toy(SEPARATE);
    stage.open("account-1");
    stage.ask(1, keyed("account-1", "key-1", What::Deposit(5)));
    stage.give_events("key-1", vec![]);
    let (_, claim) = stage.next_append();
    assert_eq!(claim.len(), 1);
    assert_eq!(claim[0].appends[0].stream, stream("key-1"));
    assert!(
        stage.asked.is_empty(),
        "the account's events wait for the claim"
    );
    // The process dies here; another one gets the same command.
    let claim = recorded("key-1", 0, &claim[0].appends[0].events[0]);
    let mut stage = toy(SEPARATE);
    stage.open("account-1");
    stage.ask(2, keyed("account-1", "key-1", What::Deposit(5)));
    stage.give_events("key-1", vec![claim.clone()]);
    // What the claim names is looked for first, and then written as it was to be.
    stage.give_events("account-1", vec![]);
    let (op, own) = stage.next_append();
    assert_eq!(own[0].appends.len(), 1);
    assert_eq!(own[0].appends[0].stream, stream("account-1"));
    let own_event = recorded("account-1", 0, &own[0].appends[0].events[0]);
    stage.give(op, written(&own, 12));
    // The state in memory lacks it, so the account is folded anew before anything is answered.
    let (op, head) = stage.next();
    assert!(matches!(head, Request::Head(_)), "{head:?}");
    stage.give(op, Outcome::Head(Ok(Some(0))));
    assert!(stage.answers().is_empty());
    stage.give_events("account-1", vec![own_event.clone()]);
    stage.give_events("key-1", vec![claim]);
    for _ in ["the last step of the plan", "the search for the answer"] {
        stage.give_events("account-1", vec![own_event.clone()]);
    }
    let (op, _) = stage.next();
    stage.give(op, Outcome::Head(Ok(Some(0))));
    assert_eq!(stage.answers(), [(2, Answer::Done { balance: 5 })]);
}

#[test]
fn damaged_history_makes_the_account_refuse_everything_with_a_clear_error() {
    let mut stage = toy(ALONE);
    stage.ask(1, read(1));
    stage.give_events(
        "account-1",
        vec![past("account-1", 0, "nonsense.v1", "a|b|c")],
    );
    stage.ask(2, read(2));
    assert_eq!(stage.answers.len(), 2);
    for (_, result) in &stage.answers {
        let failure = result.as_ref().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "account refused: account-1 revision 0 (nonsense.v1): unknown kind nonsense.v1"
        );
        assert!(!failure.retry_is_safe());
    }
}

#[test]
fn a_gap_in_a_stream_is_damage() {
    let mut stage = toy(ALONE);
    stage.ask(1, read(1));
    stage.give_events(
        "account-1",
        vec![past("account-1", 1, "deposited.v1", "key-1|1|1")],
    );
    assert!(
        matches!(&stage.answers[0].1, Err(Failure::Damaged(text)) if text.contains("revision 1 where 0 should be"))
    );
}

#[test]
fn an_unreachable_store_is_tried_a_few_times_and_then_told() {
    let mut stage = toy(ALONE);
    stage.ask(1, read(1));
    let mut pauses = Vec::new();
    while stage.answers.is_empty() {
        let (op, request) = stage.next();
        let outcome = match request {
            Request::ReadStream { .. } => {
                Outcome::Events(Err(ReadError::Unavailable("no route".to_owned())))
            }
            Request::Delay { ms } => {
                pauses.push(ms);
                Outcome::Elapsed
            }
            other => panic!("unexpected {other:?}"),
        };
        stage.give(op, outcome);
    }
    assert_eq!(pauses, [10, 20, 40, 80]);
    assert_eq!(
        stage.answers[0].1,
        Err(Failure::Unavailable("no route".to_owned()))
    );
    stage.ask(2, read(1));
    stage.give_events("account-1", vec![]);
    let (op, commits) = stage.next_append();
    stage.give(op, written(&commits, 10));
    assert_eq!(
        stage.answers[1].1.as_ref().unwrap().answer,
        Answer::Charged { balance: -1 }
    );
}

#[test]
fn a_server_that_takes_no_append_now_may_take_the_next() {
    for (capabilities, stopped) in [(ALONE, true), (SHARED, false)] {
        let mut stage = toy(capabilities);
        stage.open("account-1");
        stage.ask(1, unkeyed("account-1", What::Read { n: 1, cost: 0 }));
        let (op, _) = stage.next_append();
        let error = AppendError::Stopped("not sent: its time was up".to_owned());
        stage.give(op, Outcome::Appended(vec![Err(error)]));
        match &stage.answers[0].1 {
            Err(Failure::Stopped(_)) => assert!(stopped),
            Err(Failure::Unavailable(_)) => assert!(!stopped),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_store_that_stopped_fails_the_command_and_the_next_is_decided_on_what_is_durable() {
    let mut stage = toy(ALONE);
    stage.open("account-1");
    stage.ask(1, read(1));
    let (op, _) = stage.next_append();
    stage.give(
        op,
        Outcome::Appended(vec![Err(AppendError::Stopped("disk full".to_owned()))]),
    );
    assert_eq!(
        stage.answers[0].1,
        Err(Failure::Stopped("disk full".to_owned()))
    );
    stage.ask(2, unkeyed("account-1", What::Ask(0)));
    stage.give_events("account-1", vec![]);
    assert_eq!(
        stage.answers[1].1.as_ref().unwrap().answer,
        Answer::Enough { balance: 0 }
    );
}

#[test]
fn the_least_recently_used_idle_account_makes_room() {
    let config = TransactConfig {
        accounts_max: 2,
        ..TransactConfig::default()
    };
    let mut stage = Stage::with(Toy, ALONE, false, config);
    for account in ["account-1", "account-2", "account-3", "account-4"] {
        stage.open(account);
    }
    assert_eq!(stage.core.stats().accounts, 2);
    stage.ask(1, unkeyed("account-1", What::Ask(0)));
    stage.give_events(
        "account-1",
        vec![past("account-1", 0, "deposited.v1", "key-1|4|4")],
    );
    assert_eq!(stage.answers(), [(1, Answer::Enough { balance: 4 })]);
}

#[test]
fn reads_under_way_are_bounded() {
    let config = TransactConfig {
        reads_max: 3,
        ..TransactConfig::default()
    };
    let mut stage = Stage::with(Toy, ALONE, false, config);
    for n in 0..10 {
        stage.ask(n, unkeyed(&format!("account-{n}"), What::Ask(0)));
    }
    assert_eq!(stage.asked.len(), 3);
    while let Some((op, _)) = stage.asked.pop() {
        stage.give(op, Outcome::Events(Ok(vec![])));
        assert!(stage.asked.len() <= 3);
    }
    assert_eq!(stage.answers.len(), 10);
}

/// A domain that misbehaves as told.
struct Odd;

impl Domain for Odd {
    type State = u64;
    type Command = &'static str;
    type Answer = u64;

    fn stream(&self, _: &Self::Command) -> StreamName {
        stream("account-1")
    }
    fn initial(&self, _: &StreamName) -> u64 {
        0
    }
    fn evolve(&self, state: &mut u64, _: PastEvent<'_>) -> Result<(), String> {
        *state += 1;
        Ok(())
    }
    fn needs(&self, _: &u64, command: &Self::Command, known: &Evidence) -> Needs {
        let asked = (0..1_000)
            .map(|i| stream(&format!("key-{i}")))
            .find(|key| !known.has_read(key));
        if *command == "insatiable" {
            Needs::stream(asked.unwrap())
        } else if *command == "whole past" {
            Needs::older()
        } else {
            Needs::nothing()
        }
    }
    fn probe(&self, _: &Self::Command, _: &RecordedEvent) -> Probe {
        Probe::Unrelated
    }
    fn decide(&self, state: &mut u64, command: &Self::Command, known: &Evidence) -> Decision<u64> {
        if *command == "whole past" {
            assert!(known.past().is_sorted_by(|a, b| a.revision > b.revision));
            return Decision::answer(known.past().len() as u64);
        }
        let event = |bytes: usize| NewEvent {
            id: Uuid::from_u128(1),
            kind: Arc::from("odd.v1"),
            data: Bytes::from(vec![b' '; bytes]),
            meta: Bytes::new(),
        };
        let claim = |stream: StreamName, expected| event_store::StreamAppend {
            stream,
            expected,
            events: vec![event(1)],
        };
        *state += 1;
        match *command {
            "huge" => Decision::append(*state, vec![event(COMMIT_BYTES_MAX / 3); 4]),
            "own stream claimed" => {
                Decision::answer(*state).with_claim(claim(stream("account-1"), Expected::NoStream))
            }
            "any" => Decision::answer(*state).with_claim(claim(stream("key-1"), Expected::Any)),
            _ => Decision::append(*state, vec![event(1)]),
        }
    }
    fn snapshot(&self, _: &u64) -> Option<Vec<u8>> {
        None
    }
    fn restore(&self, _: &StreamName, _: &[u8]) -> Option<u64> {
        None
    }
    fn schema_hash(&self) -> [u8; 32] {
        [0; 32]
    }
}

#[test]
fn a_decision_that_cannot_be_written_is_refused_and_leaves_no_trace_in_the_state() {
    for (command, text) in [
        ("huge", "at most 1048576 fit into one commit"),
        ("own stream claimed", "stream account-1 is written twice"),
        (
            "any",
            "the claim of key-1 needs an event and an expected revision",
        ),
    ] {
        let mut stage = Stage::with(Odd, ALONE, false, TransactConfig::default());
        let account = stream("account-1");
        stage.submit(1, command, &account);
        stage.give_events("account-1", vec![]);
        let failure = stage.answers[0].1.clone().unwrap_err();
        assert!(failure.to_string().contains(text), "{failure}");
        assert!(matches!(failure, Failure::Invalid(_)) && !failure.retry_is_safe());
        stage.submit(2, "fine", &account);
        stage.give_events("account-1", vec![]);
        let (op, commits) = stage.next_append();
        stage.give(op, written(&commits, 1));
        assert_eq!(
            stage.answers[1].1.as_ref().unwrap().answer,
            1,
            "decided on a state folded anew"
        );
    }
}

#[test]
fn a_domain_that_never_knows_enough_is_told_so() {
    let mut stage = Stage::with(Odd, ALONE, false, TransactConfig::default());
    stage.submit(1, "insatiable", &stream("account-1"));
    stage.give_events("account-1", vec![]);
    for i in 0..NEEDS_ROUNDS_MAX {
        stage.give_events(&format!("key-{i}"), vec![]);
    }
    assert!(
        matches!(&stage.answers[0].1, Err(Failure::Invalid(text)) if text.contains("more evidence"))
    );
}

#[test]
fn the_past_is_read_backwards_page_by_page_once_it_is_durable() {
    let mut stage = Stage::with(Odd, ALONE, false, TransactConfig::default());
    let events = |revisions: &mut dyn Iterator<Item = u64>| -> Vec<RecordedEvent> {
        revisions
            .map(|n| past("account-1", n, "odd.v1", ""))
            .collect()
    };
    stage.submit(1, "fine", &stream("account-1"));
    stage.give_events("account-1", events(&mut (0..400)));
    stage.submit(2, "whole past", &stream("account-1"));
    let (op, commits) = stage.next_append();
    assert!(
        stage.asked.is_empty(),
        "what is being written is waited for"
    );
    stage.give(op, written(&commits, 1_000));
    for (from, to) in [(400, 145), (144, 0)] {
        let (op, request) = stage.next();
        let Request::ReadStream {
            from: asked,
            max,
            direction,
            ..
        } = request
        else {
            panic!("expected a read, got {request:?}");
        };
        assert_eq!(
            (asked, max, direction),
            (from, PAST_PAGE_EVENTS, Direction::Backwards)
        );
        let page = events(&mut (to..=from).rev());
        stage.give(op, Outcome::Events(Ok(page)));
    }
    assert_eq!(stage.answers()[1], (2, 401));
}

#[test]
fn a_past_that_is_not_as_it_was_read_before_fails_the_command_alone() {
    let mut stage = Stage::with(Odd, ALONE, false, TransactConfig::default());
    stage.submit(1, "whole past", &stream("account-1"));
    stage.give_events("account-1", vec![past("account-1", 0, "odd.v1", "")]);
    stage.give_events("account-1", vec![]);
    assert!(matches!(
        &stage.answers[0].1,
        Err(Failure::Unavailable(text)) if text.contains("other events")
    ));
    assert!(stage.core.idle());
}

#[test]
fn a_batch_is_bounded_in_commits() {
    let config = TransactConfig {
        batch_max: 2,
        ..TransactConfig::default()
    };
    let mut stage = Stage::with(Toy, ALONE, false, config);
    stage.open("account-1");
    for n in 1..=10 {
        stage.ask(n, read(n));
    }
    assert!(!stage.core.hungry(), "a full batch takes nothing more");
    let mut sizes = Vec::new();
    while !stage.asked.is_empty() {
        let (op, commits) = stage.next_append();
        sizes.push(commits.len());
        stage.give(op, written(&commits, 1));
    }
    assert_eq!(stage.answers.len(), 10);
    assert!(sizes.iter().all(|size| *size <= 2), "{sizes:?}");
    assert!(stage.core.idle() && stage.core.hungry());
}
