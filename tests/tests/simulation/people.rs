//! What people do: they move in, pay or do not, are cut and come back, exchange meters, and leave; and what
//! the office does with them. Which of it there is, the scheme's policy decides.

use ledger_core::answer::Answer;
use ledger_core::command::{
    BillingCommand, CloseTo, Command, DeliverCredit, ExchangeMeter, FinalReading, InstallMeter,
    PayDebt, Source, TopUp,
};
use ledger_core::event::RegisterSpec;
use ledger_core::ids::{ChannelId, MeterNumber, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, Millis, Timestamp};
use ledger_core::utility::Utility;

use crate::dice::Dice;
use crate::house::{Act, House, whole};
use crate::machine::{Ask, Machine};
use crate::meters::Device;
use crate::moving;
use crate::watch::Finding;

const CHANNELS: [&str; 3] = ["bank", "card", "telco"];
const OFFICE: &str = "office";

/// How these people are.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// How surely they pay when it is time, in percent.
    pub(crate) pays: i64,
    /// They look at their credit so often, in percent of days.
    looks: i64,
    /// They top up below so much, in units of the currency.
    below: i64,
    /// Millionths of a unit an hour.
    pub(crate) uses: i64,
}

impl Habits {
    pub(crate) fn roll(dice: &mut Dice) -> Self {
        Self {
            pays: dice.pick(&[100, 97, 90, 75, 50, 20, 3]),
            looks: dice.pick(&[90, 70, 40, 15]),
            below: dice.between(0, 12),
            uses: dice.between(20_000, 900_000),
        }
    }
}

/// Something that people or the office do.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    Shop,
    Deliver(DeliverCredit),
    AgreeDebt,
    PayDebt,
    Reschedule,
    PayBill,
    CutBelated,
    Reconnect,
    /// A disconnection run that began then comes to this account.
    CutInRun(Timestamp),
    AnswerQueries,
    Exchange,
    StaffCut,
    StaffReconnect,
    StopBill,
    Reactivate,
    PayDeposit,
    UseDeposit,
    Extend,
    PayOut,
    MoveOut,
}

impl House {
    fn errand(&mut self, at: Timestamp, errand: Errand) {
        self.plan(at, Act::Errand(errand));
    }

    /// An hour of the day.
    fn hour(&mut self, policy: &SchemePolicy, date: LocalDate) -> Timestamp {
        policy.zone().start_of_day(date) + Millis::minutes(self.dice.between(6 * 60, 22 * 60))
    }

    fn day_of(&mut self, date: LocalDate, from: i64, to: i64) -> LocalDate {
        let day = i32::try_from(self.dice.between(from, to)).unwrap();
        date.month().first_day().plus_days(day - 1)
    }

    /// What is planned today, and on a month's first day for the month.
    pub(crate) fn plan_errands(&mut self, policy: &SchemePolicy, date: LocalDate) {
        if policy.top_up().is_some() && self.dice.percent(self.habits.looks) {
            let at = self.hour(policy, date);
            self.errand(at, Errand::Shop);
        }
        if self.dice.percent(14) {
            let at = self.hour(policy, date);
            self.plan(at, Act::Tick);
        }
        if date.day() != 1 {
            return;
        }
        if self.dice.percent(90) {
            let at = policy.zone().start_of_day(date) + Millis::minutes(self.dice.between(1, 90));
            self.plan(at, Act::Tick);
        }
        if policy.debt().is_some() {
            self.plan_debt(policy, date);
        }
        match policy.billing() {
            Some(billing) if billing.status.is_some() => self.plan_consumer(policy, date),
            Some(_) => self.plan_customer(policy, date),
            None => self.plan_rare(policy, date, Errand::StaffCut, 5),
        }
        self.plan_rare(policy, date, Errand::Exchange, 15);
        self.plan_rare(policy, date, Errand::MoveOut, 6);
    }

    fn plan_rare(
        &mut self,
        policy: &SchemePolicy,
        date: LocalDate,
        errand: Errand,
        per_mille: i64,
    ) {
        if self.dice.per_mille(per_mille) {
            let day = self.day_of(date, 2, 28);
            let at = self.hour(policy, day);
            self.errand(at, errand);
        }
    }

    /// An agreement now and then; payments month by month, some of them missed, some in parts, some beyond.
    fn plan_debt(&mut self, policy: &SchemePolicy, date: LocalDate) {
        self.plan_rare(policy, date, Errand::AgreeDebt, 90);
        self.plan_rare(policy, date, Errand::Reschedule, 12);
        if self.dice.percent(self.habits.pays) {
            for _ in 0..self.dice.between(1, 2) {
                let day = self.day_of(date, 1, 27);
                let at = self.hour(policy, day);
                self.errand(at, Errand::PayDebt);
            }
        } else {
            self.tally.add("payment missed");
        }
    }

    /// A consumer with a status: pays in the window or not; the JE goes round after the 20th.
    fn plan_consumer(&mut self, policy: &SchemePolicy, date: LocalDate) {
        let on = |house: &mut Self, chance: i64, (from, to): (i64, i64), errand: Errand| {
            if house.dice.percent(chance) {
                let day = house.day_of(date, from, to);
                let at = house.hour(policy, day);
                house.errand(at, errand);
            }
        };
        if self.dice.percent(self.habits.pays) {
            on(self, 100, (1, 28), Errand::PayBill);
            on(self, 40, (5, 25), Errand::PayBill);
        } else {
            self.tally.add("payment missed");
        }
        on(self, 60, (15, 28), Errand::CutBelated);
        on(self, 75, (3, 28), Errand::Reconnect);
        on(self, 40, (1, 28), Errand::Reactivate);
        on(self, 40, (1, 28), Errand::PayDeposit);
        on(self, 3, (1, 28), Errand::UseDeposit);
        on(self, 2, (1, 28), Errand::StopBill);
        on(self, 10, (1, 28), Errand::Extend);
        on(self, 30, (10, 28), Errand::PayOut);
        on(self, 100, (28, 28), Errand::AnswerQueries);
    }

    /// A customer of a scheme of runs: the run of the 20th comes to the account hours or days after it
    /// began; some pay in between.
    fn plan_customer(&mut self, policy: &SchemePolicy, date: LocalDate) {
        if self.dice.percent(self.habits.pays) {
            for _ in 0..self.dice.between(1, 3) {
                let day = self.day_of(date, 1, 28);
                let at = self.hour(policy, day);
                self.errand(at, Errand::PayBill);
            }
        } else {
            self.tally.add("payment missed");
        }
        let run = date.month().first_day().plus_days(19);
        let began = policy.zone().start_of_day(run) + Millis::hours(6);
        let comes = began + Millis::minutes(self.dice.between(1, 72 * 60));
        self.errand(comes, Errand::CutInRun(began));
        if self.dice.percent(30) {
            let at = began + Millis::minutes(self.dice.between(0, 80 * 60));
            self.errand(at, Errand::PayBill);
        }
        let day = self.day_of(date, 1, 28);
        let at = self.hour(policy, day);
        self.errand(at, Errand::AnswerQueries);
    }

    /// Moves in: opens the account, has the meters installed.
    pub(crate) fn move_in(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        for command in moving::opening(self, policy, at) {
            let answer = self.command(policy, machine, at, (OFFICE, command))?;
            self.expect(answer.refusal().is_none(), "an account is opened", &answer)?;
        }
        for utility in Utility::ALL {
            if policy.utility(utility).is_some() {
                self.install(policy, machine, at + Millis::minutes(10), utility)?;
            }
        }
        for command in moving::settling(self, policy) {
            let at = at + Millis::minutes(20);
            self.command(policy, machine, at, (OFFICE, command))?;
        }
        Ok(())
    }

    fn install(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        utility: Utility,
    ) -> Result<(), Finding> {
        let (device, register) = self.device(policy, utility, at);
        let install = InstallMeter {
            utility,
            meter: device.number.clone(),
            register: Some(register),
            at,
            first_value: device.shows(device.first),
        };
        self.devices.push(device);
        let command = Command::InstallMeter(install);
        let answer = self.command(policy, machine, at, (OFFICE, command))?;
        self.expect(answer.refusal().is_none(), "a meter is installed", &answer)
    }

    /// A new meter; some registers are about to pass through zero, where readings are not self-readings.
    fn device(
        &mut self,
        policy: &SchemePolicy,
        utility: Utility,
        at: Timestamp,
    ) -> (Device, RegisterSpec) {
        let rules = policy.utility(utility).unwrap();
        let hourly = self.hourly && utility == Utility::Electricity;
        let register = RegisterSpec {
            interval_min: if hourly { 60 } else { 1_440 },
            ..RegisterSpec::default_of(rules)
        };
        let top = 10_i64.pow(u32::from(register.digits)) * 1_000_000;
        let may_roll = policy.billing().is_none_or(|b| b.self_reading.is_none());
        let first = if may_roll && self.dice.percent(10) {
            top - self.dice.between(1, 400_000) * 1_000
        } else {
            self.dice.between(0, 9_000_000) * 1_000
        };
        self.commands += 1;
        let letter = utility.code().to_uppercase();
        let number = format!("{letter}{:05}{:04}", self.index, self.commands);
        let digits = number.replace(|c: char| !c.is_ascii_digit(), "");
        let fits = policy.meter_number().accepts(&number);
        let number = MeterNumber::parse(if fits { &number } else { &digits }).unwrap();
        let uses = if utility == Utility::Water {
            self.habits.uses / 20
        } else {
            self.habits.uses
        };
        let interval = Millis::minutes(i64::from(register.interval_min));
        let device = Device::installed((utility, number), (first, top, interval), uses, at);
        (device, register)
    }

    /// Does an errand.
    pub(crate) fn run(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        errand: Errand,
    ) -> Result<(), Finding> {
        if !self.is_open() {
            return Ok(());
        }
        match errand {
            Errand::Shop => self.shop(policy, machine, at),
            Errand::PayDebt => self.pay_debt(policy, machine, at),
            Errand::PayBill => self.pay_bill(policy, machine, at),
            Errand::Exchange => self.exchange(policy, machine, at),
            Errand::MoveOut => self.move_out(policy, machine, at),
            Errand::CutInRun(began) => self.cut_in_run(policy, machine, at, began),
            Errand::AnswerQueries => self.answer_queries(policy, machine, at),
            Errand::StaffCut | Errand::StaffReconnect => {
                self.staff_order(policy, machine, at, &errand)
            }
            other => self.office(policy, machine, at, other),
        }
    }

    /// Looks at the credit, pays what is due of a debt, and tops up.
    fn shop(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        let month = policy.zone().month_of(at);
        let due = self.account.debt().map_or(Money::ZERO, |d| d.due(month));
        if due.is_positive() && self.dice.percent(self.habits.pays) {
            self.pay_debt(policy, machine, at)?;
        }
        for utility in Utility::ALL {
            let Some(meter) = self.meter_of(utility) else {
                continue;
            };
            let wallet = self.account.wallet(utility);
            let low = wallet.is_none_or(|w| w.balance < whole(self.habits.below));
            let first = wallet.is_none_or(|w| !w.first_top_up);
            if (low || first) && self.dice.percent(self.habits.pays.max(10)) {
                self.top_up(policy, machine, at, &meter)?;
            } else if low && policy.emergency().is_some() && self.dice.percent(50) {
                let draw = Command::DrawEmergencyCredit { meter };
                self.command(policy, machine, at, (OFFICE, draw))?;
            }
        }
        Ok(())
    }

    fn top_up(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        meter: &MeterNumber,
    ) -> Result<(), Finding> {
        let Some(limits) = policy.top_up() else {
            return Ok(());
        };
        let amount = limits.minimum + Money::from_cents(self.dice.between(0, 4_000));
        let amount = limits.maximum.map_or(amount, |most| amount.min(most));
        let top_up = Command::TopUp(TopUp {
            meter: meter.clone(),
            amount,
            source: Source::NotTaken,
        });
        let channel = self.dice.pick(&CHANNELS);
        let answer = self.command(policy, machine, at, (channel, top_up))?;
        let (Answer::Receipt(receipt), Some(delivery)) = (&answer, policy.delivery()) else {
            return Ok(());
        };
        for _ in 0..self.dice.between(0, 2) {
            let by = self.dice.pick(&delivery.ways);
            let then = at + Millis::minutes(self.dice.between(1, 2_000));
            let deliver = DeliverCredit {
                meter: meter.clone(),
                receipt: receipt.number.clone(),
                by,
                at: then,
            };
            self.errand(then, Errand::Deliver(deliver));
        }
        Ok(())
    }

    /// What is due, a part of it, or more; or what is left of arrears.
    fn pay_debt(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        let month = policy.zone().month_of(at);
        let Some(debt) = self.account.debt().filter(|d| d.is_open()) else {
            return Ok(());
        };
        let (due, left, instalment) = (debt.due(month), debt.balance(), debt.instalment);
        let amount = match self.dice.between(1, 10) {
            1..=6 => due,
            7 | 8 => Money::from_cents(self.dice.between(1, 2_000)),
            9 => due + instalment + instalment,
            _ => left,
        };
        let pay = Command::PayDebt(PayDebt {
            amount: amount.min(left),
            source: Source::NotTaken,
        });
        let channel = self.dice.pick(&CHANNELS);
        self.command(policy, machine, at, (channel, pay)).map(drop)
    }

    /// The meter is exchanged with its true last reading.
    fn exchange(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        let Some(of) = self.devices.iter().position(|d| !d.gone) else {
            return Ok(());
        };
        let utility = self.devices[of].utility;
        let (reading, ran) = self.devices[of].read_by_hand(at);
        let (device, register) = self.device(policy, utility, at);
        let exchange = ExchangeMeter {
            old: FinalReading {
                meter: reading.meter.clone(),
                value: reading.value,
                force: None,
            },
            new: device.number.clone(),
            register: Some(register),
            at,
            first_value: device.shows(device.first),
        };
        let command = Command::ExchangeMeter(exchange);
        let answer = self.command(policy, machine, at, (OFFICE, command))?;
        if answer.refusal().is_none() {
            self.accepted(&reading.meter, ran);
            self.devices[of].gone = true;
            self.devices.push(device);
        }
        Ok(())
    }

    fn staff_order(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        errand: &Errand,
    ) -> Result<(), Finding> {
        let Some(meter) = self.meter_of(Utility::Electricity) else {
            return Ok(());
        };
        let command = if matches!(errand, Errand::StaffCut) {
            let later = at + Millis::hours(self.dice.between(1, 200));
            self.errand(later, Errand::StaffReconnect);
            Command::Disconnect { meter }
        } else {
            Command::Reconnect { meter }
        };
        self.command(policy, machine, at, (OFFICE, command))
            .map(drop)
    }

    /// The final readings of all meters, as they truly are.
    pub(crate) fn finals(&self, at: Timestamp) -> Vec<(FinalReading, i64)> {
        let in_place = self.devices.iter().filter(|d| !d.gone);
        let last = |device: &Device| {
            let (reading, ran) = device.read_by_hand(at);
            let last = FinalReading {
                meter: reading.meter,
                value: reading.value,
                force: None,
            };
            (last, ran)
        };
        in_place.map(last).collect()
    }

    /// Leaves: the account is closed, or the connection ended; who owes cannot, and stays.
    fn move_out(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        let finals = self.finals(at);
        let keeps_status = self.account.status().is_some();
        let command = if keeps_status {
            let last = finals.first().map(|(last, _)| last.clone());
            Command::billing(BillingCommand::EndConnection { last })
        } else {
            Command::CloseAccount {
                finals: finals.iter().map(|(last, _)| last.clone()).collect(),
                to: CloseTo::PayOut(ChannelId::parse(OFFICE).unwrap()),
            }
        };
        let answer = self.command(policy, machine, at, (OFFICE, command))?;
        if answer.refusal().is_some() {
            return Ok(());
        }
        for (last, ran) in finals {
            self.accepted(&last.meter, ran);
        }
        if !keeps_status {
            self.leave(policy.zone().month_of(at));
        }
        Ok(())
    }

    pub(crate) fn tick(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        self.ask(policy, machine, at, Ask::Tick).map(drop)
    }
}

pub(crate) fn document(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}
