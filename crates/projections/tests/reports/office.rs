//! An office with consumers of two postpaid schemes and households of a prepaid one: commands are decided by
//! the core, their facts written to a log, and reports asked of what was folded from it.

use std::collections::BTreeMap;

use ledger_core::account::{Account, decide};
use ledger_core::answer::Answer;
use ledger_core::command::{
    BillingCommand, Command, Facts, InstallMeter, OpenAccount, PayBill, Reading, Source,
};
use ledger_core::event::{Event, encode, kind_of};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::LocalDateTime;
use projections::queries::reports::{Answer as Report, Question, SchemeLocal, Value, named};
use projections::queries::{PageOf, Snapshot};

use crate::common::*;
use crate::*;

/// The schemes of the office.
const SCHEMES: [&str; 3] = ["ebcm", "kplc", "usms"];

pub(crate) struct Office {
    pub(crate) log: Log,
    accounts: BTreeMap<String, Account>,
    policies: BTreeMap<&'static str, SchemePolicy>,
    commands: u32,
}

impl Office {
    pub(crate) fn new() -> Self {
        let policies = SCHEMES
            .into_iter()
            .map(|name| (name, SchemePolicy::builtin(name).unwrap()))
            .collect();
        Self {
            log: Log::new(),
            accounts: BTreeMap::new(),
            policies,
            commands: 0,
        }
    }

    /// The scheme of an account: its id begins with the scheme's name.
    fn policy(&self, id: &str) -> &SchemePolicy {
        &self.policies[id.split_once('-').unwrap().0]
    }

    pub(crate) fn local(&self, id: &str, text: &str) -> Timestamp {
        let local = LocalDateTime::parse(&text.replace(' ', "T")).unwrap();
        self.policy(id).zone().local_to_utc(local, None)
    }

    pub(crate) async fn send(&mut self, id: &str, at: Timestamp, command: Command) -> Answer {
        self.commands += 1;
        let policy = self.policy(id).clone();
        let state = self
            .accounts
            .entry(id.to_owned())
            .or_insert_with(|| Account::new(account(id)));
        let facts = Facts {
            account: account(id),
            received_at: at,
            actor: Actor::parse("test").unwrap(),
            key: Some(CommandKey {
                channel: channel("counter"),
                reference: Reference::parse(&format!("r{}", self.commands)).unwrap(),
            }),
            delivery: u64::from(self.commands),
            prior: None,
            course: None,
            voidable: None,
            initial_credit_claimed: false,
        };
        let decided = decide(state, &policy, &facts, &command);
        for emitted in decided.events {
            let event = Event::Account(emitted.event);
            let data = String::from_utf8(encode(&event)).unwrap();
            let dl = if emitted.by_deadline {
                r#","dl":true"#
            } else {
                ""
            };
            let meta = format!(r#"{{"at":"{}","by":"test"{dl}}}"#, emitted.at);
            let stream = format!("account-{id}");
            self.log.raw(&stream, kind_of(&event), &data, &meta).await;
        }
        decided.answer
    }

    pub(crate) async fn done(&mut self, id: &str, at: &str, command: Command) {
        let at = self.local(id, at);
        let answer = self.send(id, at, command).await;
        assert!(answer.refusal().is_none(), "{answer:?}");
    }

    /// Opens an account, its electricity meter in place.
    pub(crate) async fn open(&mut self, id: &str, class: &str, at: &str) {
        let scheme = id.split_once('-').unwrap().0.to_owned();
        let open = OpenAccount {
            scheme: Some(scheme),
            class: class.to_owned(),
            dwelling_units: 1,
            contracted_kva: None,
            customer: None,
        };
        self.done(id, at, Command::OpenAccount(open)).await;
        let install = InstallMeter {
            utility: E,
            meter: Self::meter(id),
            register: None,
            at: self.local(id, at),
            first_value: qty("0"),
        };
        self.done(id, at, Command::InstallMeter(install)).await;
    }

    pub(crate) fn meter(id: &str) -> MeterNumber {
        let digits: String = id.chars().filter(char::is_ascii_digit).collect();
        meter(&format!("E1{digits:0>7}"))
    }

    pub(crate) fn reading(&self, id: &str, at: &str, value: &str) -> Reading {
        Reading {
            meter: Self::meter(id),
            register: None,
            read_at: self.local(id, at),
            value: qty(value),
        }
    }

    pub(crate) async fn read(&mut self, id: &str, at: &str, value: &str) {
        let reading = self.reading(id, at, value);
        self.done(id, at, Command::RecordReading(reading)).await;
    }

    pub(crate) async fn pay(&mut self, id: &str, at: &str, amount: &str) {
        self.ask(
            id,
            at,
            BillingCommand::PayBill(PayBill {
                amount: money(amount),
                reading: None,
                protest: None,
                source: Source::NotTaken,
            }),
        )
        .await;
    }

    pub(crate) async fn ask(&mut self, id: &str, at: &str, command: BillingCommand) {
        self.done(id, at, Command::billing(command)).await;
    }

    pub(crate) async fn tick(&mut self, id: &str, at: &str) {
        self.done(id, at, Command::Tick).await;
    }

    pub(crate) fn account(&self, id: &str) -> &Account {
        &self.accounts[id]
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.accounts.keys().cloned().collect()
    }

    /// A question on a local day.
    pub(crate) fn on(&self, today: &str) -> Question {
        let local = |policy: &SchemePolicy| SchemeLocal {
            name: policy.name().to_owned(),
            zone: policy.zone().clone(),
            currency: policy.currency().code.clone(),
            today: day(today),
            belated_to_day: policy
                .billing()
                .and_then(|billing| billing.status.as_ref())
                .map(|status| status.belated_to_day),
        };
        let schemes = self.policies.values().map(local).collect();
        Question::of(schemes, PageOf::first(1_000))
    }
}

/// A report's answer; everything in it ties.
pub(crate) fn ask(snapshot: &Snapshot, name: &str, question: &Question) -> Report {
    let answer = snapshot.report(named(name).unwrap(), question).unwrap();
    for tie in &answer.ties {
        assert!(tie.ties(), "{name}: {tie:?}");
    }
    answer
}

/// The cells of some columns, row by row.
pub(crate) fn cells(name: &str, answer: &Report, columns: &[&str]) -> Vec<Vec<String>> {
    let report = named(name).unwrap();
    let places: Vec<usize> = columns
        .iter()
        .map(|column| {
            let mut all = report.columns();
            all.position(|c| c.name == *column)
                .unwrap_or_else(|| panic!("{name} has no column {column}"))
        })
        .collect();
    let shown = |row: &Vec<Value>| places.iter().map(|at| row[*at].to_string()).collect();
    answer.rows.items.iter().map(shown).collect()
}
