//! A house: its account, its meters, what is due to happen, and the way to the ledger.
//!
//! What its people do is in `people`, what its meters do in `meters`; both only put acts on the agenda,
//! which is worked off in the order of time.

use std::collections::BTreeMap;

use ledger_core::account::{Account, Lifecycle};
use ledger_core::answer::{Answer, ReadingOutcome};
use ledger_core::command::Command;
use ledger_core::ids::{AccountId, MeterNumber};
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, Millis, Month, Timestamp};
use ledger_core::utility::Utility;

use crate::dice::Dice;
use crate::machine::{Ask, Machine, Said};
use crate::meters::{Device, Sent};
use crate::people::{Errand, Habits};
use crate::tally::Tally;
use crate::watch::{Finding, Watch};

/// Something that is due to happen.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Read(Sent),
    /// A reading that no meter of the account can have shown.
    Foreign,
    Errand(Errand),
    /// A meter says that it has acted.
    Confirm(Utility, u32),
    Tick,
}

/// One house through the years; when its people leave, others move in.
pub(crate) struct House {
    pub(crate) index: usize,
    pub(crate) hourly: bool,
    pub(crate) dice: Dice,
    pub(crate) account: Account,
    pub(crate) watch: Watch,
    pub(crate) devices: Vec<Device>,
    pub(crate) habits: Habits,
    pub(crate) generation: u32,
    pub(crate) commands: u32,
    pub(crate) deliveries: u64,
    /// When the next people move in; none while somebody lives here.
    pub(crate) vacant_until: Option<LocalDate>,
    pub(crate) tally: Tally,
    agenda: BTreeMap<(Timestamp, u32), Act>,
    planned: u32,
    orders_seen: BTreeMap<Utility, u32>,
}

impl House {
    pub(crate) fn of(seed: u64, index: usize, hourly: bool, moves_in: LocalDate) -> Self {
        let mut dice = Dice::of(seed, index);
        let habits = Habits::roll(&mut dice);
        let id = account_id(index, 0);
        Self {
            index,
            hourly,
            dice,
            account: Account::new(id.clone()),
            watch: Watch::over(id),
            devices: Vec::new(),
            habits,
            generation: 0,
            commands: 0,
            deliveries: 0,
            vacant_until: Some(moves_in),
            tally: Tally::default(),
            agenda: BTreeMap::new(),
            planned: 0,
            orders_seen: BTreeMap::new(),
        }
    }

    pub(crate) fn plan(&mut self, at: Timestamp, act: Act) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), act);
    }

    /// One local day.
    pub(crate) fn live(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        date: LocalDate,
    ) -> Result<(), Finding> {
        let zone = policy.zone();
        let (dawn, end) = (zone.start_of_day(date), zone.start_of_day(date.next()));
        if self.vacant_until.is_some_and(|until| until <= date) {
            self.vacant_until = None;
            self.move_in(policy, machine, dawn + Millis::hours(8))?;
        }
        if self.vacant_until.is_none() {
            self.plan_meters(policy, dawn, end);
            self.plan_errands(policy, date);
        }
        self.work_off(policy, machine, end)
    }

    /// Everything on the agenda before `end`.
    pub(crate) fn work_off(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        end: Timestamp,
    ) -> Result<(), Finding> {
        while let Some(((at, _), act)) = self
            .agenda
            .first_key_value()
            .filter(|((at, _), _)| *at < end)
            .map(|(key, act)| (*key, act.clone()))
        {
            self.agenda.pop_first();
            self.act(policy, machine, at, act)?;
        }
        Ok(())
    }

    fn act(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        act: Act,
    ) -> Result<(), Finding> {
        match act {
            Act::Read(sent) => self.deliver(policy, machine, at, sent),
            Act::Foreign => self.deliver_foreign(policy, machine, at),
            Act::Errand(errand) => self.run(policy, machine, at, errand),
            Act::Confirm(utility, order) => self.confirm(policy, machine, at, (utility, order)),
            Act::Tick => self.ask(policy, machine, at, Ask::Tick).map(drop),
        }
    }

    /// A command under a key of its own.
    pub(crate) fn command(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        (channel, command): (&'static str, Command),
    ) -> Result<Answer, Finding> {
        self.commands += 1;
        let reference = format!("h{}-{}", self.index, self.commands);
        let ask = Ask::Keyed {
            channel,
            reference,
            command,
        };
        self.ask(policy, machine, at, ask).map(|said| said.answer)
    }

    /// Asks the ledger, and holds what it says to the rules.
    pub(crate) fn ask(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        ask: Ask,
    ) -> Result<Said, Finding> {
        let said = machine.ask(&mut self.account, at, ask);
        self.tally.count(&said);
        self.watch.hear(policy, at, &said)?;
        self.follow_orders(at);
        Ok(said)
    }

    /// Most meters act on an order within hours and say so; some never do.
    fn follow_orders(&mut self, at: Timestamp) {
        for wallet in self.account.wallets() {
            let Some(open) = &wallet.open_order else {
                continue;
            };
            let (utility, n) = (wallet.utility, open.n);
            if self.orders_seen.insert(utility, n) == Some(n) || !self.dice.percent(85) {
                continue;
            }
            self.planned += 1;
            let then = at + Millis::minutes(self.dice.between(1, 600));
            self.agenda
                .insert((then, self.planned), Act::Confirm(utility, n));
        }
    }

    fn confirm(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        (utility, order): (Utility, u32),
    ) -> Result<(), Finding> {
        let Some(meter) = self.meter_of(utility) else {
            return Ok(());
        };
        let command = Command::ConfirmOrder { meter, order, at };
        self.ask(policy, machine, at, Ask::Confirm(command))
            .map(drop)
    }

    /// The meter in place.
    pub(crate) fn meter_of(&self, utility: Utility) -> Option<MeterNumber> {
        self.account.meter_of(utility).map(|m| m.number.clone())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.account.lifecycle() == Lifecycle::Open
    }

    /// The people leave; the account stays as it is, and its agenda is dropped. Nobody moves in before
    /// the month is checked.
    pub(crate) fn leave(&mut self, month: Month) {
        self.agenda.clear();
        let stands_empty = i32::try_from(self.dice.between(0, 25)).unwrap();
        self.vacant_until = Some(month.next().first_day().plus_days(stands_empty));
    }

    /// Others move in: another account, other meters. The watch over the old one is handed back.
    pub(crate) fn renew(&mut self) -> Watch {
        self.generation += 1;
        self.devices.clear();
        self.orders_seen.clear();
        self.habits = Habits::roll(&mut self.dice);
        let id = account_id(self.index, self.generation);
        self.account = Account::new(id.clone());
        std::mem::replace(&mut self.watch, Watch::over(id))
    }

    /// Everything that must hold at the end of a month.
    pub(crate) fn month_end(&self, policy: &SchemePolicy, month: Month) -> Result<(), Finding> {
        self.watch.month_end(policy, &self.account, month)?;
        self.must_charge_each_unit_once()
    }

    /// C8: what is charged of a meter is what its register ran up to the newest accepted reading.
    fn must_charge_each_unit_once(&self) -> Result<(), Finding> {
        for device in &self.devices {
            let charged = self.watch.charged(&device.number).micro();
            if charged != device.accepted - device.first {
                let what = format!(
                    "meter {} ran {}, {charged} millionths are charged",
                    device.number,
                    device.accepted - device.first
                );
                return Err(Finding::new("C8: each unit is charged once", what).of(&self.account));
            }
        }
        Ok(())
    }

    pub(crate) fn expect(
        &self,
        holds: bool,
        check: &'static str,
        what: &dyn std::fmt::Debug,
    ) -> Result<(), Finding> {
        if holds {
            return Ok(());
        }
        Err(Finding::new(check, format!("{what:?}")).of(&self.account))
    }
}

fn account_id(index: usize, generation: u32) -> AccountId {
    AccountId::parse(&format!("S{index:05}-{generation}")).unwrap()
}

/// An amount in whole units of the currency.
pub(crate) fn whole(units: i64) -> Money {
    Money::from_cents(units * 100)
}

/// What became of a reading.
pub(crate) fn outcome(answer: &Answer) -> &ReadingOutcome {
    match answer {
        Answer::Reading(outcome) => outcome,
        other => panic!("not a reading's answer: {other:?}"),
    }
}
