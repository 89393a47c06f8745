//! What units cost, and which step of the tariff says so.
//!
//! Owns one price, blocks and bands, each as the difference of two running totals, and the lines that
//! are told on request. Deliberately absent: windows of time, which need the clock, and everything
//! beside energy.

use super::Tariff;
use super::bands::{BandBy, Bands, FoundBand};
use super::blocks::{BlockPeriod, Blocks};
use super::line::{ChargeLine, LineSource, Step, merge_lines};
use super::position::Position;
use crate::num::{Money, Price, Quantity};
use crate::time::Month;

/// The lines of a charge, where somebody asked for them.
#[derive(Debug, Default)]
pub(super) struct Told {
    lines: Option<Vec<ChargeLine>>,
}

impl Told {
    /// Nobody asked.
    pub(super) const NOTHING: Self = Self { lines: None };

    /// Somebody did.
    pub(super) fn lines() -> Self {
        Self {
            lines: Some(Vec::new()),
        }
    }

    /// Takes a line of a month.
    #[inline]
    pub(super) fn tell(
        &mut self,
        month: Month,
        tariff: &Tariff,
        amount: Money,
        source: impl FnOnce() -> LineSource,
    ) {
        if let Some(lines) = &mut self.lines {
            let line = ChargeLine {
                month,
                tariff: tariff.name().to_owned(),
                source: source(),
                amount,
            };
            merge_lines(lines, [line]);
        }
    }

    pub(super) fn into_lines(self) -> Vec<ChargeLine> {
        self.lines.unwrap_or_default()
    }
}

/// Units that follow those of a position, under a tariff: what one call charges.
pub(super) struct Units<'a> {
    pub(super) tariff: &'a Tariff,
    pub(super) position: &'a Position,
    pub(super) quantity: Quantity,
}

impl Units<'_> {
    /// At one price.
    #[inline]
    pub(super) fn at_price(&self, price: Price, told: &mut Told) -> Money {
        let amount = price * self.quantity;
        self.tell(told, self.quantity, price, || Step::Flat);
        amount
    }

    /// In blocks that are `times` as wide as written.
    #[inline]
    pub(super) fn in_blocks(&self, blocks: &Blocks, times: u32, told: &mut Told) -> Money {
        let before = match blocks.per() {
            BlockPeriod::Day => self.position.day_units,
            BlockPeriod::Month => self.position.units,
            BlockPeriod::Quarter => self.position.quarter_units,
        };
        let mut amount = Money::ZERO;
        for piece in blocks.pieces(times, before, self.quantity) {
            amount += piece.amount;
            self.tell(told, piece.quantity, piece.price, || Step::Block {
                number: piece.block,
                above: piece.above,
                up_to: piece.up_to,
                per: blocks.per(),
            });
        }
        amount
    }

    /// In a band: that of the average of the months before, else that of the month's own units, which
    /// re-prices the month when they pass into another.
    pub(super) fn in_band(&self, bands: &Bands, told: &mut Told) -> Money {
        let average = match bands.by() {
            BandBy::OwnMonth => None,
            BandBy::TrailingAverage { months } => self.position.before.average(months),
        };
        if let Some(average) = average {
            let band = bands.of(average);
            self.tell(told, self.quantity, band.price, || {
                step_of(&band, Some(average))
            });
            return band.price * self.quantity;
        }
        let before = self.position.units;
        let after = before + self.quantity;
        let (old, new) = (bands.of(before), bands.of(after));
        if old.band == new.band {
            self.tell(told, self.quantity, new.price, || step_of(&new, None));
        } else {
            self.tell(told, -before, old.price, || step_of(&old, None));
            self.tell(told, after, new.price, || step_of(&new, None));
        }
        bands.month(after) - bands.month(before)
    }

    #[inline]
    fn tell(&self, told: &mut Told, quantity: Quantity, price: Price, step: impl FnOnce() -> Step) {
        if quantity.is_zero() {
            return;
        }
        told.tell(self.position.month, self.tariff, price * quantity, || {
            LineSource::Energy {
                step: step(),
                price,
                quantity,
            }
        });
    }
}

fn step_of(band: &FoundBand, average: Option<Quantity>) -> Step {
    Step::Band {
        number: band.band,
        above: band.above,
        up_to: band.up_to,
        average,
    }
}
