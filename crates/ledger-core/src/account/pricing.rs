//! From a consumption between two readings to its charge: cut at days and months (C10), priced by the
//! tariff of its time from the month's place in the blocks (C11), with the minimum of finished months.

use super::{Account, MonthPosition};
use crate::event::{DayPart, MinimumPart};
use crate::interval::{DayShare, Spread, split};
use crate::num::{Money, Quantity};
use crate::rejection::Rejection;
use crate::scheme::SchemePolicy;
use crate::tariff::{Scale, Tariff};
use crate::time::{LocalDate, Month, Timestamp};
use crate::utility::Utility;

/// The priced consumption of one reading.
pub(super) struct Charge {
    pub(super) total: Money,
    /// The local date, where all fell on one.
    pub(super) single: Option<LocalDate>,
    /// Shares by day, where it fell on several.
    pub(super) parts: Vec<DayPart>,
    pub(super) minimums: Vec<MinimumPart>,
}

/// Prices `quantity`, used evenly from `from` to `to`.
pub(super) fn price(
    account: &Account,
    policy: &SchemePolicy,
    utility: Utility,
    span: (Timestamp, Timestamp),
    quantity: Quantity,
) -> Result<Charge, Rejection> {
    let mut pricer = Pricer::new(
        account,
        policy,
        utility,
        Spread::new(span.0, span.1, quantity),
    );
    let mut shares = split(span.0, span.1, quantity, policy.zone());
    let Some(first) = shares.next() else {
        return Ok(pricer.finish(None, Vec::new()));
    };
    let amount = pricer.charge(&first)?;
    let Some(second) = shares.next() else {
        return Ok(pricer.finish(Some(first.date), Vec::new()));
    };
    let mut parts = vec![DayPart(first.date, first.quantity, amount)];
    for share in std::iter::once(second).chain(shares) {
        let amount = pricer.charge(&share)?;
        parts.push(DayPart(share.date, share.quantity, amount));
    }
    Ok(pricer.finish(None, parts))
}

struct Pricer<'a> {
    account: &'a Account,
    policy: &'a SchemePolicy,
    utility: Utility,
    spread: Spread,
    /// Running total of the shares charged so far.
    charged_to: Quantity,
    position: Option<MonthPosition>,
    total: Money,
    minimums: Vec<MinimumPart>,
}

impl<'a> Pricer<'a> {
    fn new(
        account: &'a Account,
        policy: &'a SchemePolicy,
        utility: Utility,
        spread: Spread,
    ) -> Self {
        let position = account.wallet(utility).and_then(|w| w.position.clone());
        let (total, charged_to) = (Money::ZERO, Quantity::ZERO);
        Self {
            account,
            policy,
            utility,
            spread,
            charged_to,
            position,
            total,
            minimums: Vec::new(),
        }
    }

    fn charge(&mut self, share: &DayShare) -> Result<Money, Rejection> {
        self.enter(share.date.month())?;
        let (class, end) = (
            &self.account.profile().class,
            self.charged_to + share.quantity,
        );
        let zone = self.policy.zone();
        let (mut from, to) = (
            zone.start_of_day(share.date),
            zone.start_of_day(share.date.next()),
        );
        let mut amount = Money::ZERO;
        for change in self.policy.tariff_changes(self.utility, class, from, to) {
            let until = self.spread.total_at(change).max(self.charged_to).min(end);
            amount += self.charge_at(from, until)?;
            from = change;
        }
        amount += self.charge_at(from, end)?;
        Ok(amount)
    }

    /// Charges up to a running total by the tariff of an instant.
    fn charge_at(&mut self, at: Timestamp, until: Quantity) -> Result<Money, Rejection> {
        let quantity = until - self.charged_to;
        self.charged_to = until;
        let tariff = tariff(self.account, self.policy, self.utility, at)?;
        let Some(position) = &mut self.position else {
            return Ok(Money::ZERO);
        };
        let amount = tariff.charge(scale(self.account), position.units, quantity);
        position.units += quantity;
        position.charged += amount;
        self.total += amount;
        Ok(amount)
    }

    /// Steps into `month`; the month before it is finished and its minimum completed.
    fn enter(&mut self, month: Month) -> Result<(), Rejection> {
        if let Some(position) = self.position.clone() {
            if position.month == month {
                return Ok(());
            }
            self.complete_minimum(&position)?;
        }
        self.position = Some(MonthPosition {
            month,
            units: Quantity::ZERO,
            charged: Money::ZERO,
        });
        Ok(())
    }

    fn complete_minimum(&mut self, position: &MonthPosition) -> Result<(), Rejection> {
        let tariff = self.tariff(position.month.last_day())?;
        let missing = tariff.shortfall(position.charged);
        if missing.is_positive() {
            self.minimums.push(MinimumPart(position.month, missing));
            self.total += missing;
        }
        Ok(())
    }

    fn tariff(&self, date: LocalDate) -> Result<&'a Tariff, Rejection> {
        let at = self.policy.zone().start_of_day(date);
        tariff(self.account, self.policy, self.utility, at)
    }

    fn finish(self, single: Option<LocalDate>, parts: Vec<DayPart>) -> Charge {
        Charge {
            total: self.total,
            single,
            parts,
            minimums: self.minimums,
        }
    }
}

/// The tariff of an account's utility at an instant.
pub(super) fn tariff<'p>(
    account: &Account,
    policy: &'p SchemePolicy,
    utility: Utility,
    at: Timestamp,
) -> Result<&'p Tariff, Rejection> {
    let class = &account.profile().class;
    let tariff = policy
        .tariff_for(utility, class, at)
        .filter(|t| t.suits(scale(account)));
    tariff.ok_or_else(|| Rejection::NoTariff {
        what: format!("{utility} {class} at {at}"),
    })
}

/// By what block widths scale.
pub(super) fn scale(account: &Account) -> Scale {
    let profile = account.profile();
    Scale {
        dwelling_units: profile.dwelling_units,
        contracted_kva: profile.contracted_kva,
    }
}
