//! The ledger under simulation: the core alone, or the whole service with its read models.
//!
//! [`Core`] runs the real decisions, writes each fact as it is stored and reads it back; it is fast enough
//! for thousands of accounts. What a fault is planted in is [`Core`] too, so that the checks are checked.

use std::collections::BTreeMap;

use ledger_core::account::{Account, Course, PastFact, Recall, decide, reaches_back, recall};
use ledger_core::answer::Answer;
use ledger_core::command::{Command, Facts, PriorReading, Reading};
use ledger_core::event::{AccountEvent, Event, Stamp, decode, encode, kind_of};
use ledger_core::ids::{AccountId, Actor, ChannelId, CommandKey, MeterNumber, Reference};
use ledger_core::num::Quantity;
use ledger_core::postings::{self, Posting};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;

use crate::faults::Fault;
use crate::whole::Whole;

/// Accepted readings that are kept for each meter: more than the days that a repeat comes late.
const READINGS_KEPT: usize = 4_000;

/// Facts that are looked at together, backwards.
const FACTS_AT_ONCE: usize = 64;

/// What is asked, with its key where it has one.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Keyed {
        channel: &'static str,
        reference: String,
        command: Command,
    },
    /// A reading that came with a delivery.
    Reading(Reading, u64),
    /// A meter has acted on an order.
    Confirm(Command),
    Tick,
}

/// A fact as it was stored.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) event: AccountEvent,
    pub(crate) kind: &'static str,
    pub(crate) stamp: Stamp,
    pub(crate) postings: Vec<Posting>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) answer: Answer,
    pub(crate) log: Vec<Entry>,
}

/// The ledger under simulation.
pub(crate) enum Machine {
    Core(Box<Core>),
    Whole(Box<Whole>),
}

impl Machine {
    /// Asks, and leaves the account as the ledger has it then.
    pub(crate) fn ask(&mut self, account: &mut Account, at: Timestamp, ask: Ask) -> Said {
        match self {
            Self::Core(core) => core.ask(account, at, ask),
            Self::Whole(whole) => whole.ask(account, at, ask),
        }
    }
}

pub(crate) fn key(channel: &str, reference: &str) -> CommandKey {
    CommandKey {
        channel: ChannelId::parse(channel).unwrap(),
        reference: Reference::parse(reference).unwrap(),
    }
}

/// Decisions without a service: the account is decided in place.
pub(crate) struct Core {
    policy: SchemePolicy,
    fault: Option<Fault>,
    readings: BTreeMap<MeterNumber, Vec<(Timestamp, Quantity, u64)>>,
    /// The newest facts of each account, for readings that come late.
    past: BTreeMap<AccountId, Vec<PastFact>>,
    actor: Actor,
}

impl Core {
    pub(crate) fn of(policy: SchemePolicy, fault: Option<Fault>) -> Self {
        Self {
            policy,
            fault,
            readings: BTreeMap::new(),
            past: BTreeMap::new(),
            actor: Actor::parse("simulation").unwrap(),
        }
    }

    fn ask(&mut self, account: &mut Account, at: Timestamp, ask: Ask) -> Said {
        let (key, delivery, command) = match ask {
            Ask::Keyed {
                channel,
                reference,
                command,
            } => (Some(key(channel, &reference)), 0, command),
            Ask::Reading(reading, delivery) => (None, delivery, Command::RecordReading(reading)),
            Ask::Confirm(command) => (None, 0, command),
            Ask::Tick => (None, 0, Command::Tick),
        };
        let facts = Facts {
            account: account.id().clone(),
            received_at: at,
            actor: self.actor.clone(),
            key,
            delivery,
            prior: self.prior(account, &command, at),
            course: self.course(account, &command, at),
            voidable: None,
            initial_credit_claimed: false,
        };
        let before = self.fault.is_some().then(|| account.clone());
        let decided = decide(account, &self.policy, &facts, &command);
        let mut said = Said {
            answer: decided.answer,
            log: Vec::with_capacity(decided.events.len()),
        };
        for emitted in decided.events {
            let stamp = Stamp {
                at: emitted.at,
                by_deadline: emitted.by_deadline,
                delivery,
            };
            said.log.push(stored(account, emitted.event, stamp));
        }
        if let (Some(fault), Some(before)) = (&mut self.fault, before) {
            fault.strike(account, before, &mut said);
        }
        for entry in &said.log {
            self.remember(account.id(), entry);
        }
        said
    }

    /// An accepted reading of the same instant, looked for in the history as the service does.
    fn prior(&self, account: &Account, command: &Command, at: Timestamp) -> Option<PriorReading> {
        let Command::RecordReading(reading) = command else {
            return None;
        };
        if recall(account, &self.policy, reading, at) != Recall::Instant {
            return None;
        }
        let known = self.readings.get(&reading.meter)?;
        let found = known.binary_search_by_key(&reading.read_at, |known| known.0);
        let (_, value, delivery) = known[found.ok()?];
        Some(PriorReading { value, delivery })
    }

    /// The course of the readings that a late one lies in, as far back as it matters.
    fn course(&self, account: &Account, command: &Command, at: Timestamp) -> Option<Course> {
        let Command::RecordReading(reading) = command else {
            return None;
        };
        if recall(account, &self.policy, reading, at) != Recall::Course {
            return None;
        }
        let known = self.past.get(account.id())?;
        let mut past: Vec<PastFact> = Vec::new();
        for page in known.rchunks(FACTS_AT_ONCE) {
            past.extend(page.iter().rev().cloned());
            let events = past.iter().map(|fact| fact.event.clone());
            if reaches_back(account, &self.policy, reading, events) {
                break;
            }
        }
        let meters = account.meters().iter();
        let utility = meters.rev().find(|m| m.number == reading.meter)?.utility;
        Some(Course::of(utility, &past))
    }

    fn remember(&mut self, account: &AccountId, entry: &Entry) {
        if !self.past.contains_key(account) {
            self.past.insert(account.clone(), Vec::new());
        }
        let past = self.past.get_mut(account).unwrap();
        if past.len() >= READINGS_KEPT {
            past.drain(..READINGS_KEPT / 4);
        }
        past.push(PastFact {
            event: entry.event.clone(),
            delivery: entry.stamp.delivery,
        });
        let AccountEvent::ConsumptionCharged(charged) = &entry.event else {
            return;
        };
        if !self.readings.contains_key(&charged.m) {
            self.readings.insert(charged.m.clone(), Vec::new());
        }
        let known = self.readings.get_mut(&charged.m).unwrap();
        if known.len() >= READINGS_KEPT {
            known.drain(..READINGS_KEPT / 4);
        }
        known.push((charged.t, charged.v, entry.stamp.delivery));
    }
}

/// A fact written as it is stored, and read back.
fn stored(account: &Account, event: AccountEvent, stamp: Stamp) -> Entry {
    let event = Event::Account(event);
    let kind = kind_of(&event);
    let read = decode(kind, &encode(&event)).unwrap();
    let Event::Account(event) = read else {
        panic!("{kind} is a fact of an account")
    };
    entry(account, event, kind, stamp)
}

pub(crate) fn entry(
    account: &Account,
    event: AccountEvent,
    kind: &'static str,
    stamp: Stamp,
) -> Entry {
    let postings = postings::of_account(account.id(), &event);
    Entry {
        event,
        kind,
        stamp,
        postings,
    }
}
