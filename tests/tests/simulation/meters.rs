//! What meters do: they run, they are read on the hour or once a day, and their readings arrive in order,
//! late, twice, garbled, in a heap after an outage, or not at all.

use ledger_core::account::Supply;
use ledger_core::answer::ReadingOutcome;
use ledger_core::command::Reading;
use ledger_core::ids::{MeterNumber, RegisterId};
use ledger_core::num::Quantity;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;

use crate::house::{Act, House, outcome};
use crate::machine::{Ask, Machine};
use crate::watch::Finding;

/// A millionth of a unit is the finest; meters here show thousandths.
const THOUSANDTH: i64 = 1_000;
const UNIT: i64 = 1_000_000;

/// A meter as it hangs on the wall: what it truly ran, whatever the ledger was told.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) utility: Utility,
    pub(crate) number: MeterNumber,
    pub(crate) gone: bool,
    /// What it ran in all when it was installed, when the newest accepted reading was taken, and now.
    pub(crate) first: i64,
    pub(crate) accepted: i64,
    ran: i64,
    /// Where the register returns to zero.
    top: i64,
    interval: Millis,
    /// Units an hour, on the average.
    use_an_hour: i64,
    installed_at: Timestamp,
    read_to: Timestamp,
    /// The newest readings taken, with what it ran.
    trail: Vec<(Timestamp, i64)>,
    /// Until when it cannot be reached, and what it took meanwhile.
    offline_until: Option<Timestamp>,
    stored: Vec<Sent>,
}

/// A reading on its way.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    reading: Reading,
    ran: i64,
    /// It was accepted before: only a duplicate is right.
    repeats: bool,
    /// It shows what the meter showed.
    is_true: bool,
}

impl Device {
    pub(crate) fn installed(
        (utility, number): (Utility, MeterNumber),
        (first, top, interval): (i64, i64, Millis),
        use_an_hour: i64,
        at: Timestamp,
    ) -> Self {
        Self {
            utility,
            number,
            gone: false,
            first,
            accepted: first,
            ran: first,
            top,
            interval,
            use_an_hour,
            installed_at: at,
            read_to: at,
            trail: vec![(at, first)],
            offline_until: None,
            stored: Vec::new(),
        }
    }

    /// What its register shows.
    pub(crate) fn shows(&self, ran: i64) -> Quantity {
        Quantity::from_micro(ran % self.top)
    }

    /// What it had run at a time, by the newest reading taken before.
    pub(crate) fn ran_at(&self, at: Timestamp) -> i64 {
        let before = self.trail.iter().rev().find(|(taken, _)| *taken <= at);
        before.map_or(self.first, |(_, ran)| *ran)
    }

    fn reading(&self, at: Timestamp, ran: i64) -> Reading {
        Reading {
            meter: self.number.clone(),
            register: None,
            read_at: at,
            value: self.shows(ran),
        }
    }

    /// A reading that somebody takes by hand.
    pub(crate) fn read_by_hand(&self, at: Timestamp) -> (Reading, i64) {
        let ran = self.ran_at(at);
        (self.reading(at, ran), ran)
    }
}

impl House {
    /// The readings that the meters take today, and the ways by which they come.
    pub(crate) fn plan_meters(&mut self, policy: &SchemePolicy, dawn: Timestamp, end: Timestamp) {
        if self
            .account
            .status()
            .is_some_and(ledger_core::status::Status::is_final)
        {
            return;
        }
        for at in 0..self.devices.len() {
            if self.devices[at].gone {
                continue;
            }
            let supplied = self
                .account
                .wallet(self.devices[at].utility)
                .is_none_or(|w| w.supply == Supply::On);
            self.run_device(at, supplied, end);
            if self.dice.per_mille(4) {
                let days = self.dice.between(1, 6);
                self.devices[at].offline_until = Some(dawn + Millis::days(days));
            }
        }
        if self.dice.per_mille(10) && policy.readings().suspicion_readings > 0 {
            let at = dawn + Millis::minutes(self.dice.between(1, 1_400));
            self.plan(at, Act::Foreign);
        }
    }

    fn run_device(&mut self, at: usize, supplied: bool, end: Timestamp) {
        while self.devices[at].read_to + self.devices[at].interval < end {
            let device = &mut self.devices[at];
            let hours = device.interval.get() / 3_600_000;
            device.read_to += device.interval;
            let used = device.use_an_hour * hours * self.dice.between(20, 180) / 100;
            if supplied {
                device.ran += used / THOUSANDTH * THOUSANDTH;
            }
            let (taken, ran) = (device.read_to, device.ran);
            device.trail.push((taken, ran));
            if device.trail.len() > 64 {
                device.trail.drain(..16);
            }
            let sent = Sent {
                reading: device.reading(taken, ran),
                ran,
                repeats: false,
                is_true: true,
            };
            self.transmit(at, taken, sent);
        }
    }

    /// By which way a reading comes.
    fn transmit(&mut self, at: usize, taken: Timestamp, sent: Sent) {
        if let Some(until) = self.devices[at].offline_until {
            self.devices[at].stored.push(sent);
            if taken >= until {
                self.back_online(at, taken);
            }
            return;
        }
        let soon = taken + Millis::minutes(self.dice.between(1, 30));
        match self.dice.between(1, 1_000) {
            1..=12 => {
                let later = self.devices[at].interval + Millis::hours(self.dice.between(1, 72));
                self.plan(taken + later, Act::Read(sent));
            }
            13..=18 => {}
            19..=20 => {
                self.garble(at, soon, &sent);
                self.plan(soon + Millis::minutes(1), Act::Read(sent));
            }
            _ => self.plan(soon, Act::Read(sent)),
        }
    }

    /// A value that the meter did not show: much too high, or well below what is charged already.
    fn garble(&mut self, at: usize, when: Timestamp, sent: &Sent) {
        let device = &self.devices[at];
        let wrong = if self.dice.percent(50) {
            sent.ran + 300_000 * UNIT
        } else {
            device.accepted - 50 * UNIT
        };
        if wrong < device.first {
            return;
        }
        let read_at = sent.reading.read_at - Millis::minutes(7);
        let garbled = Sent {
            reading: device.reading(read_at, wrong),
            is_true: false,
            ..sent.clone()
        };
        if read_at > device.installed_at {
            self.plan(when, Act::Read(garbled));
        }
    }

    /// After an outage all that was stored comes at once, or the newest only.
    fn back_online(&mut self, at: usize, now: Timestamp) {
        self.devices[at].offline_until = None;
        let stored = std::mem::take(&mut self.devices[at].stored);
        let skip = if self.dice.percent(30) {
            stored.len().saturating_sub(1)
        } else {
            0
        };
        for (n, sent) in stored.into_iter().skip(skip).enumerate() {
            let after = Millis::seconds(20 + i64::try_from(n).unwrap());
            self.plan(now + after, Act::Read(sent));
        }
    }

    /// Brings a reading to the ledger.
    pub(crate) fn deliver(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        sent: Sent,
    ) -> Result<(), Finding> {
        self.deliveries += 1;
        let ask = Ask::Reading(sent.reading.clone(), self.deliveries);
        let said = self.ask(policy, machine, at, ask)?;
        let became = outcome(&said.answer).clone();
        if sent.repeats {
            let takes_none = self
                .account
                .status()
                .is_some_and(ledger_core::status::Status::is_final)
                || !self.is_open();
            let right = matches!(became, ReadingOutcome::Duplicate) || takes_none;
            let unmoved = said.log.iter().all(|entry| entry.stamp.by_deadline);
            return self.expect(
                right && unmoved,
                "C8: a repeat changes nothing",
                &(sent, became),
            );
        }
        if matches!(became, ReadingOutcome::Accepted { .. }) {
            self.expect(sent.is_true, "C9: what is implausible is kept aside", &sent)?;
            self.accepted(&sent.reading.meter, sent.ran);
            if self.dice.per_mille(12) {
                let again = Sent {
                    repeats: true,
                    ..sent
                };
                let later = Millis::minutes(self.dice.between(10, 20 * 1_440));
                self.plan(at + later, Act::Read(again));
            }
        }
        Ok(())
    }

    /// The ledger has charged up to what the meter had run.
    pub(crate) fn accepted(&mut self, number: &MeterNumber, ran: i64) {
        if let Some(device) = self.devices.iter_mut().find(|d| d.number == *number) {
            device.accepted = device.accepted.max(ran);
        }
    }

    /// A reading of nobody's meter, of before its installation, of the future, off its register.
    pub(crate) fn deliver_foreign(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        let Some(device) = self.devices.iter().find(|d| !d.gone) else {
            return Ok(());
        };
        let (mut reading, _) = device.read_by_hand(at);
        match self.dice.between(1, 5) {
            1 => reading.meter = MeterNumber::parse("99999999").unwrap(),
            2 => reading.read_at = device.installed_at - Millis::hours(2),
            3 => reading.read_at = at + policy.readings().future_tolerance + Millis::minutes(1),
            4 => reading.value = Quantity::from_micro(device.top),
            _ => reading.register = Some(RegisterId::parse("9.9").unwrap()),
        }
        self.deliveries += 1;
        let ask = Ask::Reading(reading.clone(), self.deliveries);
        let said = self.ask(policy, machine, at, ask)?;
        self.tally.add("reading foreign");
        let refused = matches!(outcome(&said.answer), ReadingOutcome::Refused(_));
        let unmoved = said.log.iter().all(|entry| entry.stamp.by_deadline);
        let what = (reading, said.answer);
        self.expect(refused && unmoved, "C8: what cannot be is refused", &what)
    }
}
