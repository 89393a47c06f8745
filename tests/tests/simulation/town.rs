//! The town: all houses of a scheme, day by day through the months, and what must hold after each.

use ledger_core::account::Lifecycle;
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Month};

use crate::house::House;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::tally::Tally;
use crate::watch::{Finding, Watch};

/// A finding and how to see it again.
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) house: Option<usize>,
}

/// All houses of a scheme.
pub(crate) struct Town {
    policy: SchemePolicy,
    houses: Vec<House>,
    /// Sum of the books of accounts whose people have left for good.
    left_behind: Money,
    pub(crate) tally: Tally,
}

impl Town {
    pub(crate) fn of(policy: SchemePolicy, settings: &Settings) -> Self {
        let first = settings.first_month().first_day();
        let house = |index: usize| {
            let moves_in = first.plus_days(i32::try_from(index % 40).unwrap());
            House::of(settings.seed, index, settings.is_hourly(index), moves_in)
        };
        let chosen = (0..settings.accounts).filter(|index| settings.plays(*index));
        Self {
            policy,
            houses: chosen.map(house).collect(),
            left_behind: Money::ZERO,
            tally: Tally::default(),
        }
    }

    /// Lives through all months.
    pub(crate) fn live(&mut self, machine: &mut Machine, settings: &Settings) -> Result<(), Found> {
        let mut month = settings.first_month();
        for _ in 0..settings.months {
            self.live_month(machine, month)?;
            self.check(machine, month)?;
            month = month.next();
        }
        // The clock comes once more, so that the last month is closed too.
        let at = self.policy.zone().start_of_month(month) + Millis::minutes(10);
        for house in &mut self.houses {
            let ticked = house.tick(&self.policy, machine, at);
            ticked.map_err(|finding| found(house, finding))?;
        }
        self.check(machine, month)?;
        for house in &self.houses {
            self.tally.merge(&house.tally);
        }
        if let Machine::Whole(whole) = machine {
            whole.check_all().map_err(of_all)?;
        }
        Ok(())
    }

    fn live_month(&mut self, machine: &mut Machine, month: Month) -> Result<(), Found> {
        let mut date = month.first_day();
        while date.month() == month {
            for house in &mut self.houses {
                let lived = house.live(&self.policy, machine, date);
                lived.map_err(|finding| found(house, finding))?;
            }
            date = date.next();
        }
        Ok(())
    }

    /// Everything that must hold at the end of a month. Who has left is watched no more from then on.
    fn check(&mut self, machine: &mut Machine, month: Month) -> Result<(), Found> {
        let mut sum = self.left_behind;
        for house in &self.houses {
            let checked = house.month_end(&self.policy, month);
            checked.map_err(|finding| found(house, finding))?;
            sum += house.watch.books().sum();
        }
        if !sum.is_zero() {
            let what = format!("all postings sum to {sum}");
            return Err(of_all(Finding::new("C2: the trial balance is zero", what)));
        }
        if let Machine::Whole(whole) = machine {
            let watches: Vec<&Watch> = self.houses.iter().map(|house| &house.watch).collect();
            whole.check(&watches, month).map_err(of_all)?;
        }
        for house in &mut self.houses {
            if !has_left(house) {
                continue;
            }
            if house.vacant_until.is_none() {
                house.leave(month);
            }
            self.left_behind += house.renew().books().sum();
        }
        Ok(())
    }
}

/// Closed, or ended for good and, by chance, given up.
fn has_left(house: &mut House) -> bool {
    if !house.is_open() {
        return house.account.lifecycle() == Lifecycle::Closed;
    }
    let over = house
        .account
        .status()
        .is_some_and(ledger_core::status::Status::is_over);
    let is_final = house
        .account
        .status()
        .is_some_and(ledger_core::status::Status::is_final);
    (over && house.dice.percent(60)) || (is_final && house.dice.percent(15))
}

fn found(house: &House, finding: Finding) -> Found {
    Found {
        finding,
        house: Some(house.index),
    }
}

fn of_all(finding: Finding) -> Found {
    Found {
        finding,
        house: None,
    }
}
