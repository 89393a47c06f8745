//! A toy domain for the tests of `transact`: accounts with an integer balance, keyed deposits and
//! withdrawals (also refused ones are remembered under their key), readings recognised by content, and
//! questions that write nothing.
//!
//! It has every shape the real domain has, and nothing of its meaning.
#![allow(dead_code, reason = "each test uses its part")]

use std::sync::Arc;

use bytes::Bytes;
use event_store::transact::{Decision, Domain, Evidence, History, Needs, PastEvent, Probe};
use event_store::{NewEvent, RecordedEvent, StreamAppend, StreamName};
use uuid::Uuid;

/// What is asked of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum What {
    /// Keyed: adds.
    Deposit(i64),
    /// Keyed: takes, or is refused for ever under this key.
    Withdraw(i64),
    /// Keyed: takes the item of this number, or is refused for ever under this key because another command
    /// has it. The item has a stream of its own.
    Adopt(u64),
    /// Recognised by content: a reading with its place in time and its cost (which may overdraw).
    Read { n: u64, cost: i64 },
    /// Writes nothing: is there so much?
    Ask(i64),
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Command {
    pub(crate) account: StreamName,
    pub(crate) key: Option<StreamName>,
    pub(crate) what: What,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Done { balance: i64 },
    Refused { balance: i64 },
    KeyConflict,
    Charged { balance: i64 },
    Duplicate,
    OtherReading,
    Late,
    Enough { balance: i64 },
    Short { balance: i64 },
}

/// One account, folded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) balance: i64,
    pub(crate) last_reading: Option<u64>,
    /// A deadline: whatever money comes next acts on it first, whoever brings it.
    pub(crate) due: Option<u64>,
}

/// The toy domain.
#[derive(Debug, Default)]
pub(crate) struct Toy;

pub(crate) fn stream(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

pub(crate) fn keyed(account: &str, key: &str, what: What) -> Command {
    Command {
        account: stream(account),
        key: Some(stream(key)),
        what,
    }
}

pub(crate) fn unkeyed(account: &str, what: What) -> Command {
    Command {
        account: stream(account),
        key: None,
        what,
    }
}

/// `kind:field|field|…` of an event.
pub(crate) fn fields(data: &Bytes) -> Vec<&str> {
    std::str::from_utf8(data).unwrap_or("").split('|').collect()
}

pub(crate) fn number(text: Option<&&str>) -> Result<i64, String> {
    text.and_then(|t| t.parse().ok())
        .ok_or_else(|| format!("not a number: {text:?}"))
}

/// The stream of an item.
pub(crate) fn item(number: u64) -> StreamName {
    stream(&format!("item-{number}"))
}

fn event(kind: &str, id: &str, data: String) -> NewEvent {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes());
    NewEvent {
        id,
        kind: Arc::from(kind),
        data: Bytes::from(data),
        meta: Bytes::new(),
    }
}

/// Content of a keyed command, as its claim names it.
pub(crate) fn content(command: &Command) -> String {
    format!("{}|{:?}", command.account, command.what)
}

/// The item that a command takes.
fn adopted(command: &Command) -> Option<StreamName> {
    match command.what {
        What::Adopt(number) => Some(item(number)),
        What::Deposit(_) | What::Withdraw(_) | What::Read { .. } | What::Ask(_) => None,
    }
}

/// Where a claim says the account's event is to be found; `None` for a claim that is an answer itself.
fn claim_place(claim: &RecordedEvent) -> Option<u64> {
    fields(&claim.data).get(2).and_then(|at| at.parse().ok())
}

impl Toy {
    fn money(
        state: &mut State,
        command: &Command,
        key: &StreamName,
        evidence: &Evidence,
    ) -> Decision<Answer> {
        let Some(claim) = evidence.newest(key) else {
            return Self::fresh(state, command, key, evidence);
        };
        let claimed = fields(&claim.data);
        let asked = content(command);
        if claimed.get(..2) != Some(&fields(&Bytes::from(asked))[..]) {
            return Decision::answer(Answer::KeyConflict);
        }
        if claim_place(claim).is_none() {
            return Decision::answer(Answer::Refused {
                balance: number(claimed.get(3)).unwrap(),
            });
        }
        match &evidence.history {
            History::Found(event) => Decision::answer(Answer::Done {
                balance: number(fields(&event.data).get(2)).unwrap(),
            }),
            // Others have written it behind the state we know; with a state that is current, the judge
            // takes this for what it is.
            History::Absent => Decision::answer(Answer::Late),
            History::NotSearched => panic!("a claim was read without the search it asks for"),
        }
    }

    fn fresh(
        state: &mut State,
        command: &Command,
        key: &StreamName,
        evidence: &Evidence,
    ) -> Decision<Answer> {
        let (kind, amount) = match command.what {
            What::Deposit(amount) => ("deposited.v1", amount),
            What::Withdraw(amount) => ("withdrawn.v1", -amount),
            What::Adopt(_) => ("adopted.v1", 0),
            What::Read { .. } | What::Ask(_) => panic!("not a keyed command"),
        };
        let item = adopted(command);
        let taken = item
            .as_ref()
            .is_some_and(|item| evidence.newest(item).is_some());
        let refused = taken || state.balance + amount < 0 && amount < 0;
        let claim = |rest: String| StreamAppend {
            stream: key.clone(),
            expected: evidence.expected(key),
            events: vec![event(
                "claimed.v1",
                &format!("{key}/claim"),
                format!("{}|{rest}", content(command)),
            )],
        };
        let balance = state.balance;
        if refused {
            let answer = Answer::Refused { balance };
            return Decision::answer(answer).with_claim(claim(format!("answered|{balance}")));
        }
        let before = state.balance;
        state.balance += amount;
        let balance = state.balance;
        let at = evidence.revision.map_or(0, |revision| revision + 1);
        let mut events = Vec::new();
        if let Some(n) = state.due.take() {
            // The same whatever comes after it.
            let id = format!("{}/due/{n}", command.account);
            events.push(event("due.v1", &id, format!("{n}|0|{before}")));
        }
        events.push(event(
            kind,
            key.as_str(),
            format!("{key}|{amount}|{balance}"),
        ));
        let mut decision = Decision::append(Answer::Done { balance }, events);
        if let Some(item) = item {
            decision = decision.with_claim(StreamAppend {
                expected: evidence.expected(&item),
                events: vec![event("taken.v1", &format!("{key}/{item}"), key.to_string())],
                stream: item,
            });
        }
        decision.with_claim(claim(at.to_string()))
    }

    fn reading(
        state: &mut State,
        command: &Command,
        n: u64,
        cost: i64,
        history: &History,
    ) -> Decision<Answer> {
        if state.last_reading.is_none_or(|last| n > last) {
            state.last_reading = Some(n);
            state.due = state.due.or(n.is_multiple_of(3).then_some(n));
            state.balance -= cost;
            let balance = state.balance;
            let id = format!("{}/{n}/{cost}", command.account);
            let event = event("read.v1", &id, format!("{n}|{}|{balance}", -cost));
            return Decision::append(Answer::Charged { balance }, vec![event]);
        }
        Decision::answer(match history {
            History::Found(event) if number(fields(&event.data).get(1)) == Ok(-cost) => {
                Answer::Duplicate
            }
            History::Found(_) => Answer::OtherReading,
            History::Absent => Answer::Late,
            History::NotSearched => panic!("an old reading was decided without a search"),
        })
    }
}

impl Domain for Toy {
    type State = State;
    type Command = Command;
    type Answer = Answer;

    fn stream(&self, command: &Command) -> StreamName {
        command.account.clone()
    }

    fn initial(&self, _: &StreamName) -> State {
        State::default()
    }

    fn evolve(&self, state: &mut State, event: PastEvent<'_>) -> Result<(), String> {
        let fields = fields(event.data);
        match event.kind.as_ref() {
            "deposited.v1" | "withdrawn.v1" => state.balance += number(fields.get(1))?,
            "read.v1" => {
                state.balance += number(fields.get(1))?;
                let n = number(fields.first())?.cast_unsigned();
                state.last_reading = Some(n);
                state.due = state.due.or(n.is_multiple_of(3).then_some(n));
            }
            "due.v1" => state.due = None,
            "adopted.v1" => {}
            other => return Err(format!("unknown kind {other}")),
        }
        Ok(())
    }

    fn needs(&self, state: &State, command: &Command, known: &Evidence) -> Needs {
        match (&command.key, command.what) {
            (Some(key), _) if !known.has_read(key) => Needs::stream(key.clone()),
            (Some(key), _) => match known.newest(key) {
                Some(claim) if fields(&claim.data).first() == Some(&command.account.as_str()) => {
                    claim_place(claim).map_or(Needs::nothing(), Needs::search_from)
                }
                Some(_) => Needs::nothing(),
                None => adopted(command).map_or(Needs::nothing(), Needs::stream),
            },
            (None, What::Read { n, .. }) if state.last_reading.is_some_and(|last| n <= last) => {
                Needs::search_from(0)
            }
            (None, _) => Needs::nothing(),
        }
    }

    fn probe(&self, command: &Command, event: &RecordedEvent) -> Probe {
        let fields = fields(&event.data);
        match (&command.key, command.what) {
            (Some(key), _) if fields.first() == Some(&key.as_str()) => Probe::Found,
            (None, What::Read { n, .. }) if &*event.kind == "read.v1" => {
                match number(fields.first()).unwrap().cast_unsigned().cmp(&n) {
                    std::cmp::Ordering::Less => Probe::Before,
                    std::cmp::Ordering::Equal => Probe::Found,
                    std::cmp::Ordering::Greater => Probe::After,
                }
            }
            (Some(_) | None, _) => Probe::Unrelated,
        }
    }

    fn decide(
        &self,
        state: &mut State,
        command: &Command,
        evidence: &Evidence,
    ) -> Decision<Answer> {
        match (&command.key, command.what) {
            (Some(key), What::Deposit(_) | What::Withdraw(_) | What::Adopt(_)) => {
                Self::money(state, command, key, evidence)
            }
            (None, What::Read { n, cost }) => {
                Self::reading(state, command, n, cost, &evidence.history)
            }
            (None, What::Ask(amount)) => {
                let balance = state.balance;
                Decision::answer(if balance < amount {
                    Answer::Short { balance }
                } else {
                    Answer::Enough { balance }
                })
            }
            (Some(_), What::Read { .. } | What::Ask(_))
            | (None, What::Deposit(_) | What::Withdraw(_) | What::Adopt(_)) => {
                panic!("money is keyed, the rest is not")
            }
        }
    }

    fn snapshot(&self, state: &State) -> Option<Vec<u8>> {
        let State {
            balance,
            last_reading,
            due,
        } = state;
        Some(format!("{balance}|{last_reading:?}|{due:?}").into_bytes())
    }

    fn restore(&self, _: &StreamName, bytes: &[u8]) -> Option<State> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut parts = text.split('|');
        let balance = parts.next()?.parse().ok()?;
        let mut number = || match parts.next()? {
            "None" => Some(None),
            some => {
                let inner = some.strip_prefix("Some(")?.strip_suffix(')')?;
                Some(Some(inner.parse().ok()?))
            }
        };
        Some(State {
            balance,
            last_reading: number()?,
            due: number()?,
        })
    }

    fn schema_hash(&self) -> [u8; 32] {
        [7; 32]
    }
}
