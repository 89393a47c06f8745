//! The charge for consumption between two readings.
//!
//! Consumption is cut at local days, and in them at windows of time (C10); tariffs begin at a local
//! midnight, so days are cut finely enough for them, for months and for quarters. Each piece is charged
//! as the difference of two running totals (C11): for any way of splitting readings the sum is the same,
//! to the last digit. Every entrance that prices comes through here: the account, the bill, the quote,
//! `ledger tariff price`. Deliberately absent: where readings and credit are kept.

use super::adders::{Basis, LineKind, StandingPeriod};
use super::energy::{Told, Units};
use super::line::{ChargeLine, LineSource, Step};
use super::position::{FinishedMonths, Position};
use super::windows::Windows;
use super::{Energy, Scale, Tariff, TariffSet};
use crate::event::{DayPart, LinePart, MinimumPart};
use crate::interval::{DayShare, Spread, split};
use crate::num::{Money, Quantity};
use crate::time::{LocalDate, Month, Timestamp, Zone};
use crate::utility::Utility;

/// What all prices of a scheme depend on.
#[derive(Debug, Clone, Copy)]
pub struct PriceBook<'a> {
    /// The zone of local days and windows.
    pub zone: &'a Zone,
    /// The tariffs, each from its first day on.
    pub tariffs: &'a TariffSet,
    /// Public holidays in order of time, for windows that name them.
    pub holidays: &'a [LocalDate],
}

/// Who is charged, as far as prices depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Customer<'a> {
    /// Utility.
    pub utility: Utility,
    /// Customer class.
    pub class: &'a str,
    /// What widens blocks.
    pub scale: Scale,
}

/// A quantity used evenly from one reading to the next.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// The reading before.
    pub from: Timestamp,
    /// The reading; not before `from`.
    pub to: Timestamp,
    /// What was used, 0 or more.
    pub quantity: Quantity,
}

/// There is no tariff that suits the customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no tariff for {utility} {class} at {at}")]
pub struct NoTariff {
    /// Utility.
    pub utility: Utility,
    /// Class.
    pub class: String,
    /// First instant without one.
    pub at: Timestamp,
}

/// The priced consumption of one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// All of it: days and minimums.
    pub total: Money,
    /// The local date, where all fell on one.
    pub single: Option<LocalDate>,
    /// Shares by day with all but minimums, where it fell on several.
    pub parts: Vec<DayPart>,
    /// What was missing to the minimums of months that it completes, with levies and taxes on them.
    pub minimums: Vec<MinimumPart>,
    /// What of the total is neither energy nor minimum, by month and line.
    pub extras: Vec<LinePart>,
    /// Every amount with its line of the tariff; empty unless they were asked for.
    pub lines: Vec<ChargeLine>,
    /// Where pricing stands afterwards.
    pub position: Position,
}

/// Prices a span that follows a position; none before the first reading.
///
/// # Errors
/// When a day it reaches into has no tariff that suits the customer.
pub fn price(
    book: PriceBook<'_>,
    customer: Customer<'_>,
    position: Option<&Position>,
    span: Span,
) -> Result<Charge, NoTariff> {
    Pricer::new(book, customer, position, span, Told::NOTHING).run(span)
}

/// Prices a span as [`price`] does, and says which line of the tariff gave each amount.
///
/// # Errors
/// As [`price`].
pub fn explain(
    book: PriceBook<'_>,
    customer: Customer<'_>,
    position: Option<&Position>,
    span: Span,
) -> Result<Charge, NoTariff> {
    Pricer::new(book, customer, position, span, Told::lines()).run(span)
}

/// Prices a quantity as a whole month of its own, used evenly in it, with its standing charges and its
/// minimum: an estimate, an example. `before` are the months before it.
///
/// # Errors
/// As [`price`].
pub fn explain_month(
    book: PriceBook<'_>,
    customer: Customer<'_>,
    before: FinishedMonths,
    (month, quantity): (Month, Quantity),
) -> Result<Charge, NoTariff> {
    let mut position = Position::at(month);
    position.before = before;
    let span = Span {
        from: book.zone.start_of_month(month),
        to: book.zone.start_of_month(month.next()),
        quantity,
    };
    let pricer = Pricer::new(book, customer, Some(&position), span, Told::lines());
    pricer.run_month(span)
}

struct Pricer<'a> {
    book: PriceBook<'a>,
    customer: Customer<'a>,
    spread: Spread,
    /// Running total of the shares charged so far.
    charged_to: Quantity,
    position: Position,
    total: Money,
    minimums: Vec<MinimumPart>,
    extras: Vec<LinePart>,
    told: Told,
}

impl<'a> Pricer<'a> {
    fn new(
        book: PriceBook<'a>,
        customer: Customer<'a>,
        position: Option<&Position>,
        span: Span,
        told: Told,
    ) -> Self {
        assert!(
            !span.quantity.is_negative(),
            "consumption is not below zero"
        );
        let position = position.cloned();
        Self {
            book,
            customer,
            spread: Spread::new(span.from, span.to, span.quantity),
            charged_to: Quantity::ZERO,
            position: position.unwrap_or_else(|| Position::at(book.zone.month_of(span.from))),
            total: Money::ZERO,
            minimums: Vec::new(),
            extras: Vec::new(),
            told,
        }
    }

    fn run(mut self, span: Span) -> Result<Charge, NoTariff> {
        let (single, parts) = self.days(span)?;
        Ok(self.finish(single, parts))
    }

    fn run_month(mut self, span: Span) -> Result<Charge, NoTariff> {
        let (single, parts) = self.days(span)?;
        self.complete_minimum()?;
        Ok(self.finish(single, parts))
    }

    #[inline]
    fn days(&mut self, span: Span) -> Result<(Option<LocalDate>, Vec<DayPart>), NoTariff> {
        let mut shares = split(span.from, span.to, span.quantity, self.book.zone);
        let Some(first) = shares.next() else {
            return Ok((None, Vec::new()));
        };
        let amount = self.day(&first)?;
        let Some(second) = shares.next() else {
            return Ok((Some(first.date), Vec::new()));
        };
        let mut parts = vec![DayPart(first.date, first.quantity, amount)];
        for share in std::iter::once(second).chain(shares) {
            let amount = self.day(&share)?;
            parts.push(DayPart(share.date, share.quantity, amount));
        }
        Ok((None, parts))
    }

    fn finish(self, single: Option<LocalDate>, parts: Vec<DayPart>) -> Charge {
        Charge {
            total: self.total,
            single,
            parts,
            minimums: self.minimums,
            extras: self.extras,
            lines: self.told.into_lines(),
            position: self.position,
        }
    }

    /// Charges one day's share; all of it but minimums.
    #[inline]
    fn day(&mut self, share: &DayShare) -> Result<Money, NoTariff> {
        let is_new = self.position.day.is_none_or(|day| day < share.date);
        let new_month = is_new && self.enter(share.date)?;
        let tariff = self.tariff_on(share.date)?;
        let amount = if tariff.is_plain() {
            self.units(tariff, share)
        } else {
            self.with_lines(tariff, share, is_new, new_month)
        };
        self.total += amount;
        Ok(amount)
    }

    /// Steps into a day; a month that ends with it is completed. Whether the month is new to readings.
    fn enter(&mut self, date: LocalDate) -> Result<bool, NoTariff> {
        if self.position.month < date.month() {
            self.complete_minimum()?;
        }
        let had_begun = self.position.month == date.month() && self.position.has_begun();
        self.position.reach(date);
        Ok(!had_begun)
    }

    /// The tariff of a day: the one that holds at its first instant.
    #[inline]
    fn tariff_on(&self, date: LocalDate) -> Result<&'a Tariff, NoTariff> {
        let Customer {
            utility,
            class,
            scale,
        } = self.customer;
        let at = self.book.zone.start_of_day(date);
        let tariff = self.book.tariffs.at(utility, class, at);
        let suiting = tariff.filter(|tariff| tariff.suits(scale));
        suiting.ok_or_else(|| NoTariff {
            utility,
            class: class.to_owned(),
            at,
        })
    }

    /// Charges the day's energy and counts it.
    #[inline]
    fn units(&mut self, tariff: &Tariff, share: &DayShare) -> Money {
        let end = self.charged_to + share.quantity;
        let units = Units {
            tariff,
            position: &self.position,
            quantity: share.quantity,
        };
        let told = &mut self.told;
        let amount = match tariff.energy() {
            Energy::Flat(price) => units.at_price(*price, told),
            Energy::Blocks(blocks) => {
                units.in_blocks(blocks, tariff.times(self.customer.scale), told)
            }
            Energy::Bands(bands) => units.in_band(bands, told),
            Energy::Windows(windows) => self.in_windows(tariff, windows, share.date, end),
        };
        self.charged_to = end;
        self.position.count(share.quantity, amount);
        amount
    }

    /// Charges a day window by window, up to the running total at its end.
    fn in_windows(
        &mut self,
        tariff: &Tariff,
        windows: &Windows,
        date: LocalDate,
        end: Quantity,
    ) -> Money {
        let zone = self.book.zone;
        let (from, to) = self.spread.ends();
        let day = (
            zone.start_of_day(date).max(from),
            zone.start_of_day(date.next()).min(to),
        );
        let is_holiday = self.book.holidays.binary_search(&date).is_ok();
        let mut taken = self.charged_to;
        let mut amount = Money::ZERO;
        for (window, until) in windows.walk(zone, date, is_holiday, day) {
            let total = if until >= day.1 {
                end
            } else {
                self.spread.total_at(until)
            };
            let quantity = total - taken;
            taken = total;
            if quantity.is_zero() {
                continue;
            }
            let part = window.price * quantity;
            amount += part;
            let source = || LineSource::Energy {
                step: Step::Window {
                    name: window.name.clone(),
                },
                price: window.price,
                quantity,
            };
            self.told.tell(self.position.month, tariff, part, source);
        }
        amount
    }

    /// Charges a day under a tariff that has more than energy.
    fn with_lines(
        &mut self,
        tariff: &Tariff,
        share: &DayShare,
        new_day: bool,
        new_month: bool,
    ) -> Money {
        let bases: Vec<Money> = tariff
            .levies()
            .iter()
            .map(|levy| base_of(&self.position, &levy.on))
            .collect();
        let mut amount = Money::ZERO;
        if new_day {
            amount += self.standing(tariff, new_month);
        }
        let units_before = self.position.units;
        amount += self.units(tariff, share);
        amount += self.passed_through(tariff, units_before);
        for (levy, before) in tariff.levies().iter().zip(bases) {
            let after = base_of(&self.position, &levy.on);
            let part = levy.of(after) - levy.of(before);
            let source = || LineSource::Percentage {
                kind: levy.kind,
                name: levy.name.clone(),
                percent: levy.percent,
                base: after - before,
            };
            self.told.tell(self.position.month, tariff, part, source);
            amount += self.line(levy.kind, &levy.name, part);
        }
        amount
    }

    /// Charges what is due for a day, and for a month, that readings reach into for the first time.
    fn standing(&mut self, tariff: &Tariff, new_month: bool) -> Money {
        let mut amount = Money::ZERO;
        for standing in tariff.standing() {
            let due = match standing.per {
                StandingPeriod::Day => true,
                StandingPeriod::Month => new_month,
            };
            if !due {
                continue;
            }
            let source = || LineSource::Standing {
                name: standing.name.clone(),
                per: standing.per,
                each: standing.amount,
                periods: 1,
            };
            let month = self.position.month;
            self.told.tell(month, tariff, standing.amount, source);
            amount += self.line(LineKind::Standing, &standing.name, standing.amount);
        }
        amount
    }

    /// Charges costs passed on by the unit, rounded over the month.
    fn passed_through(&mut self, tariff: &Tariff, units_before: Quantity) -> Money {
        let units = self.position.units;
        let mut amount = Money::ZERO;
        for passed in tariff.pass_throughs() {
            let total = |units: Quantity| passed.rounding.of(passed.price * units);
            let part = total(units) - total(units_before);
            let source = || LineSource::PassThrough {
                name: passed.name.clone(),
                price: passed.price,
                quantity: units - units_before,
            };
            self.told.tell(self.position.month, tariff, part, source);
            amount += self.line(LineKind::PassThrough, &passed.name, part);
        }
        amount
    }

    /// Counts a line beside energy of the month; its amount.
    fn line(&mut self, kind: LineKind, name: &str, amount: Money) -> Money {
        if !amount.is_zero() {
            self.position.count_line(kind, name, amount);
            self.extra(kind, name, amount);
        }
        amount
    }

    fn extra(&mut self, kind: LineKind, name: &str, amount: Money) {
        let month = self.position.month;
        let mut known = self.extras.iter_mut().rev();
        match known.find(|part| part.0 == month && part.1 == kind && part.2 == name) {
            Some(part) => part.3 += amount,
            None => {
                let part = LinePart(month, kind, name.to_owned(), amount);
                self.extras.push(part);
            }
        }
    }

    /// Charges what is missing to the minimum of the position's month, with levies and taxes on it.
    fn complete_minimum(&mut self) -> Result<(), NoTariff> {
        if !self.position.has_begun() {
            return Ok(());
        }
        let month = self.position.month;
        let tariff = self.tariff_on(month.last_day())?;
        let Some(minimum) = tariff.minimum() else {
            return Ok(());
        };
        let charged = base_of(&self.position, &minimum.on);
        let missing = minimum.amount - charged;
        if !missing.is_positive() {
            return Ok(());
        }
        let source = || LineSource::Minimum {
            minimum: minimum.amount,
            charged,
        };
        self.told.tell(month, tariff, missing, source);
        let whole = missing + self.on_minimum(tariff, missing);
        self.minimums.push(MinimumPart(month, whole));
        self.total += whole;
        Ok(())
    }

    /// Levies and taxes on what was missing to a minimum.
    fn on_minimum(&mut self, tariff: &Tariff, missing: Money) -> Money {
        let mut added: Vec<(&str, Money)> = Vec::new();
        for levy in tariff.levies() {
            let more: Money = levy
                .on
                .iter()
                .map(|basis| match basis {
                    Basis::Minimum => missing,
                    Basis::Line(name) => of_name(&added, name),
                    Basis::Energy | Basis::Standing => Money::ZERO,
                })
                .sum();
            let before = base_of(&self.position, &levy.on);
            let part = levy.of(before + more) - levy.of(before);
            if part.is_zero() {
                continue;
            }
            let source = || LineSource::Percentage {
                kind: levy.kind,
                name: levy.name.clone(),
                percent: levy.percent,
                base: more,
            };
            self.told.tell(self.position.month, tariff, part, source);
            self.extra(levy.kind, &levy.name, part);
            added.push((&levy.name, part));
        }
        added.iter().map(|(_, part)| *part).sum()
    }
}

fn of_name(added: &[(&str, Money)], name: &str) -> Money {
    let lines = added.iter().filter(|(known, _)| *known == name);
    lines.map(|(_, amount)| *amount).sum()
}

/// What the stated lines have charged to the month so far; a minimum has charged nothing before the
/// month is finished.
fn base_of(position: &Position, on: &[Basis]) -> Money {
    on.iter()
        .map(|basis| match basis {
            Basis::Energy => position.charged,
            Basis::Standing => position.of_kind(LineKind::Standing),
            Basis::Minimum => Money::ZERO,
            Basis::Line(name) => position.of_name(name),
        })
        .sum()
}
