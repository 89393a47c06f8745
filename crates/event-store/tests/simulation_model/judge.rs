//! The judge: folds what is durable by himself and holds every answer against it.
//!
//! An invariant that does not hold ends the run with its sentence.

use std::collections::{BTreeMap, HashMap, HashSet};

use event_store::transact::{AccountState, Answered, BEGUN, DROPPED};
use event_store::{Commit, RecordedEvent, StreamName};

use super::store::Model;
use crate::toy::{Answer, Command, State, What, content, fields, number};

/// A sentence that does not hold, and where.
pub(crate) type Broken = String;

pub(crate) const BALANCE_IS_FOLD: &str = "an account's balance is the fold of its events";
pub(crate) const NEVER_OVERDRAWN: &str = "a withdrawal never overdraws an account";
pub(crate) const KEY_ONCE: &str = "a key has moved money at most once, over all accounts";
pub(crate) const READING_ONCE: &str =
    "a reading is charged at most once, and readings are charged in order";
pub(crate) const WHOLE_OR_NOTHING: &str =
    "a claim and its events are durable together or not at all";
pub(crate) const DURABLE_FIRST: &str = "nothing is answered before it is durable";
pub(crate) const SAME_ANSWER: &str =
    "the same key with the same content has the same answer for ever";
pub(crate) const CONFLICT_IS_REAL: &str =
    "a key conflict is answered only when the key was used for something else";
pub(crate) const FRESH: &str = "an answer speaks of a state that was durable while it was asked";
pub(crate) const READING_KNOWN: &str = "an old reading is recognised exactly when it was charged";
pub(crate) const TOKEN_COVERS: &str =
    "the token covers what the answer speaks of and lies within the log";
pub(crate) const CONFLICT_WRITES_NOTHING: &str =
    "a command that was told 'conflict' is not written unless it is asked again";
pub(crate) const ITEM_ONCE: &str =
    "an item is taken by one command, and by one that was carried out";
pub(crate) const ALL_COMPLETE: &str = "at the end every claim is complete";

#[derive(Default)]
pub(crate) struct Judge {
    accounts: BTreeMap<StreamName, Account>,
    /// Money moved or refused in an account's own stream, by key.
    moved: HashMap<String, (StreamName, String, u64)>,
    answers: HashMap<(StreamName, String), Answer>,
    /// Items and who took them.
    taken: HashMap<StreamName, String>,
    /// Commands whose only client was told `Conflict` and went away.
    given_up: HashSet<String>,
    clock: u64,
}

/// What a command is recognised by in the log.
fn mark(command: &Command) -> String {
    match (&command.key, command.what) {
        (Some(key), _) => format!("{key}|{}", content(command)),
        (None, What::Read { n, cost }) => format!("{}|{n}|{}", command.account, -cost),
        (None, _) => String::new(),
    }
}

/// The marks an event may carry.
fn marks(event: &RecordedEvent) -> String {
    let parts = fields(&event.data);
    match (&*event.kind, parts.as_slice()) {
        ("claimed.v1", [account, what, ..]) => format!("{}|{account}|{what}", event.stream),
        ("read.v1", [n, amount, ..]) => format!("{}|{n}|{amount}", event.stream),
        _ => String::new(),
    }
}

#[derive(Default)]
struct Account {
    state: State,
    revision: Option<u64>,
    /// Balance since a moment of the judge's clock.
    balances: Vec<(u64, i64)>,
}

fn holds(fact: bool, sentence: &str, about: impl FnOnce() -> String) -> Result<(), Broken> {
    if fact {
        Ok(())
    } else {
        Err(format!("{sentence}: {}", about()))
    }
}

impl Judge {
    /// The present moment: grows with every durable commit.
    pub(crate) fn now(&self) -> u64 {
        self.clock
    }

    /// A client asks: what was given up before may be written after all.
    pub(crate) fn asked(&mut self, command: &Command) {
        self.given_up.remove(&mark(command));
    }

    /// The only client of a command was told `Conflict` and goes away.
    pub(crate) fn given_up(&mut self, model: &Model, command: &Command) -> Result<(), Broken> {
        let mark = mark(command);
        let written = model
            .log
            .iter()
            .any(|event| !mark.is_empty() && marks(event) == mark);
        holds(!written, CONFLICT_WRITES_NOTHING, || format!("{command:?}"))?;
        if !mark.is_empty() {
            self.given_up.insert(mark);
        }
        Ok(())
    }

    /// A commit has become durable.
    pub(crate) fn committed(
        &mut self,
        commit: &Commit,
        written: &[RecordedEvent],
        atomic: bool,
    ) -> Result<(), Broken> {
        self.clock += 1;
        for event in written {
            holds(
                !self.given_up.contains(&marks(event)),
                CONFLICT_WRITES_NOTHING,
                || format!("{event:?}"),
            )?;
        }
        for event in written {
            match &*event.kind {
                "claimed.v1" => {}
                "taken.v1" => self.item_event(event)?,
                BEGUN | DROPPED => {
                    self.accounts
                        .entry(event.stream.clone())
                        .or_default()
                        .revision = Some(event.revision);
                }
                _ => self.account_event(event)?,
            }
        }
        for claim in written
            .iter()
            .filter(|event| &*event.kind == "claimed.v1" && atomic)
        {
            let own = written
                .iter()
                .any(|event| fields(&event.data).first() == Some(&claim.stream.as_str()));
            let answered = fields(&claim.data).get(2) == Some(&"answered");
            holds(own != answered, WHOLE_OR_NOTHING, || format!("{commit:?}"))?;
        }
        for event in written
            .iter()
            .filter(|event| &*event.kind == "deposited.v1" && atomic)
        {
            let claim = written
                .iter()
                .any(|claim| fields(&event.data).first() == Some(&claim.stream.as_str()));
            holds(claim, WHOLE_OR_NOTHING, || format!("{commit:?}"))?;
        }
        Ok(())
    }

    fn item_event(&mut self, event: &RecordedEvent) -> Result<(), Broken> {
        let key = String::from_utf8_lossy(&event.data).into_owned();
        let before = self.taken.insert(event.stream.clone(), key);
        holds(before.is_none(), ITEM_ONCE, || {
            format!("{event:?} after {before:?}")
        })
    }

    fn account_event(&mut self, event: &RecordedEvent) -> Result<(), Broken> {
        let parts = fields(&event.data);
        let (amount, balance) = (number(parts.get(1))?, number(parts.get(2))?);
        let account = self.accounts.entry(event.stream.clone()).or_default();
        account.revision = Some(event.revision);
        match &*event.kind {
            "read.v1" => {
                let n = number(parts.first())?.cast_unsigned();
                let later = account.state.last_reading.is_none_or(|last| last < n);
                holds(later, READING_ONCE, || format!("{event:?}"))?;
                account.state.last_reading = Some(n);
                account.state.due = account.state.due.or(n.is_multiple_of(3).then_some(n));
                account.state.balance += amount;
            }
            "due.v1" => account.state.due = None,
            _ => account.state.balance += amount,
        }
        holds(account.state.balance == balance, BALANCE_IS_FOLD, || {
            format!("{event:?} but the fold has {}", account.state.balance)
        })?;
        let overdrawn = &*event.kind == "withdrawn.v1" && balance < 0;
        holds(!overdrawn, NEVER_OVERDRAWN, || format!("{event:?}"))?;
        account.balances.push((self.clock, balance));
        if !matches!(&*event.kind, "read.v1" | "due.v1") {
            let key = (*parts.first().unwrap_or(&"")).to_owned();
            let place = (event.stream.clone(), event.kind.to_string(), event.revision);
            let before = self.moved.insert(key, place);
            holds(before.is_none(), KEY_ONCE, || {
                format!("{event:?} after {before:?}")
            })?;
        }
        Ok(())
    }

    /// A command was answered.
    pub(crate) fn answered(
        &mut self,
        model: &Model,
        asked_at: u64,
        command: &Command,
        answered: &Answered<Answer>,
    ) -> Result<(), Broken> {
        let about = || format!("{command:?} got {answered:?}");
        let token = answered.token.map_or(0, |token| token.commit + 1);
        holds(token <= model.log.len() as u64, TOKEN_COVERS, about)?;
        match (&command.key, command.what) {
            (Some(_), _) => self.keyed(model, asked_at, command, answered),
            (None, What::Read { n, cost }) => Self::reading(model, command, n, cost, answered),
            (None, What::Ask(amount)) => match answered.answer {
                Answer::Enough { balance } => {
                    holds(balance >= amount, FRESH, about)?;
                    self.fresh(asked_at, command, balance)
                }
                Answer::Short { balance } => {
                    holds(balance < amount, FRESH, about)?;
                    self.fresh(asked_at, command, balance)
                }
                _ => Err(about()),
            },
            (None, What::Deposit(_) | What::Withdraw(_) | What::Adopt(_)) => Err(about()),
        }
    }

    fn keyed(
        &mut self,
        model: &Model,
        asked_at: u64,
        command: &Command,
        answered: &Answered<Answer>,
    ) -> Result<(), Broken> {
        let about = || format!("{command:?} got {answered:?}");
        let Some(key) = &command.key else {
            return Err(about());
        };
        let claim = model.events(key).next_back();
        let claim = claim.ok_or_else(|| format!("{DURABLE_FIRST}: no claim, but {}", about()))?;
        let text = content(command);
        let ours = fields(&claim.data)[..2].join("|") == text;
        if answered.answer == Answer::KeyConflict {
            return holds(!ours, CONFLICT_IS_REAL, about);
        }
        holds(ours, SAME_ANSWER, about)?;
        let token = answered.token.map_or(0, |token| token.commit + 1);
        holds(token > claim.position.commit, TOKEN_COVERS, about)?;
        let own = model
            .events(&command.account)
            .find(|event| fields(&event.data).first() == Some(&key.as_str()));
        if let Some(own) = own {
            holds(token > own.position.commit, TOKEN_COVERS, about)?;
        }
        let stood = own.map(|event| number(fields(&event.data).get(2)));
        match answered.answer {
            Answer::Done { balance } => {
                holds(stood == Some(Ok(balance)), DURABLE_FIRST, || {
                    format!("{} but {own:?} stands", about())
                })?;
            }
            Answer::Refused { balance } => {
                let said = stood.unwrap_or_else(|| number(fields(&claim.data).get(3)));
                holds(said == Ok(balance), DURABLE_FIRST, || {
                    format!("{} but {claim:?} stands", about())
                })?;
                holds(own.is_none(), SAME_ANSWER, about)?;
                if answered.appended {
                    self.fresh(asked_at, command, balance)?;
                }
            }
            _ => return Err(about()),
        }
        let before = self
            .answers
            .entry((key.clone(), text))
            .or_insert_with(|| answered.answer.clone());
        holds(*before == answered.answer, SAME_ANSWER, || {
            format!("{} after {before:?}", about())
        })
    }

    /// The balance was the durable one at some moment between the question and now.
    fn fresh(&self, asked_at: u64, command: &Command, balance: i64) -> Result<(), Broken> {
        let balances = self
            .accounts
            .get(&command.account)
            .map_or(&[][..], |account| &account.balances);
        let since = balances
            .iter()
            .rev()
            .find(|(since, _)| *since <= asked_at)
            .map_or(0, |(_, balance)| *balance);
        let held = since == balance
            || balances
                .iter()
                .any(|(at, held)| *at > asked_at && *held == balance);
        holds(held, FRESH, || {
            format!(
                "{command:?} was answered on balance {balance}, asked at {asked_at}, {balances:?}"
            )
        })
    }

    fn reading(
        model: &Model,
        command: &Command,
        n: u64,
        cost: i64,
        answered: &Answered<Answer>,
    ) -> Result<(), Broken> {
        let about = || format!("{command:?} got {answered:?}");
        let same = |event: &&RecordedEvent| {
            &*event.kind == "read.v1" && number(fields(&event.data).first()) == Ok(n.cast_signed())
        };
        let stands = model.events(&command.account).find(same);
        let charged = stands.and_then(|event| number(fields(&event.data).get(1)).ok());
        if let Some(event) = stands {
            let token = answered.token.map_or(0, |token| token.commit + 1);
            holds(token > event.position.commit, TOKEN_COVERS, about)?;
        }
        match answered.answer {
            Answer::Charged { .. } => holds(charged == Some(-cost), DURABLE_FIRST, about),
            Answer::Duplicate => holds(charged == Some(-cost), READING_KNOWN, about),
            Answer::OtherReading => holds(
                charged.is_some_and(|charged| charged != -cost),
                READING_KNOWN,
                about,
            ),
            Answer::Late => holds(charged.is_none(), READING_KNOWN, about),
            _ => Err(about()),
        }
    }

    /// An account's state was told at the end, when nothing else was going on.
    pub(crate) fn told(
        &self,
        stream: &StreamName,
        told: &AccountState<State>,
    ) -> Result<(), Broken> {
        let account = self.accounts.get(stream);
        let state = account
            .map(|account| account.state.clone())
            .unwrap_or_default();
        let revision = account.and_then(|account| account.revision);
        holds(
            told.state == state && told.revision == revision,
            BALANCE_IS_FOLD,
            || format!("{stream}: told {told:?}, folded {state:?} at {revision:?}"),
        )
    }

    /// Nothing is under way any more and every command was repeated until it was answered.
    pub(crate) fn ended(&self, model: &Model) -> Result<(), Broken> {
        for (item, key) in &self.taken {
            let adopted = self.moved.get(key);
            let adopted = adopted.is_some_and(|(_, kind, _)| kind == "adopted.v1");
            holds(adopted, ITEM_ONCE, || format!("{item} of {key}"))?;
        }
        let adopted = self
            .moved
            .values()
            .filter(|(_, kind, _)| kind == "adopted.v1")
            .count();
        holds(adopted == self.taken.len(), ITEM_ONCE, || {
            format!("{adopted} adopted, {} taken", self.taken.len())
        })?;
        for claim in model
            .log
            .iter()
            .filter(|event| &*event.kind == "claimed.v1")
        {
            let newest = model.head(&claim.stream) == Some(claim.revision);
            if !newest {
                continue;
            }
            let complete = fields(&claim.data).get(2) == Some(&"answered")
                || self.moved.contains_key(claim.stream.as_str());
            holds(complete, ALL_COMPLETE, || format!("{claim:?}"))?;
        }
        Ok(())
    }
}
