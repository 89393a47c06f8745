//! A series of readings from a file: a cumulative register, or consumption by interval.
//!
//! Lines are handed on as spans, one at a time. A line that breaks the series ends it with its number:
//! prices of half a series would be believed.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use ledger_core::num::Quantity;
use ledger_core::tariff::Span;
use ledger_core::time::{Millis, Timestamp, Zone};

use super::span;
use crate::failure::Failure;
use crate::import::exact;
use crate::import::lines::Lines;
use crate::import::plain::instant;

/// First line of a register's file.
const REGISTER: &str = "read_at,value";
/// First line of a file of intervals.
const INTERVALS: &str = "interval_end,quantity";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Register,
    Intervals,
}

/// A series being read.
pub(super) struct Series {
    lines: Lines,
    path: PathBuf,
    zone: Zone,
    shape: Shape,
    /// Number of the line read last.
    line: u64,
    before: Option<(Timestamp, Quantity)>,
    /// Length of an interval, once two labels are known.
    interval: Option<Millis>,
    ready: VecDeque<Span>,
    gaps: u64,
}

impl Series {
    /// Opens a file and tells its shape by the first line.
    pub(super) fn open(path: &Path, zone: &Zone) -> Result<Self, Failure> {
        let mut lines = Lines::open(path)?;
        let header = lines.header()?;
        let shape = match header.replace([' ', '"'], "").as_str() {
            REGISTER => Shape::Register,
            INTERVALS => Shape::Intervals,
            _ => {
                let start: String = header.chars().take(60).collect();
                let what = format!("{}, line 1: {start:?} is no known header", path.display());
                return Err(Failure::usage("READINGS_FILE", what)
                    .advise(format!("begin the file with {REGISTER} or {INTERVALS}")));
            }
        };
        Ok(Self {
            lines,
            path: path.to_path_buf(),
            zone: zone.clone(),
            shape,
            line: 1,
            before: None,
            interval: None,
            ready: VecDeque::new(),
            gaps: 0,
        })
    }

    /// The next span; none at the end.
    ///
    /// # Errors
    /// A line that is none of the series, by its number.
    pub(super) fn next(&mut self) -> Result<Option<Span>, Failure> {
        loop {
            if let Some(span) = self.ready.pop_front() {
                return Ok(Some(span));
            }
            let Some(line) = self.lines.next().transpose()? else {
                return self.end();
            };
            self.line = line.number;
            if let Some(fault) = line.fault {
                return Err(self.wrong(&fault));
            }
            if line.text.trim().is_empty() {
                continue;
            }
            let (at, value) = self
                .parsed(&line.text)
                .map_err(|fault| self.wrong(&fault))?;
            match self.shape {
                Shape::Register => self
                    .register(at, value)
                    .map_err(|fault| self.wrong(&fault))?,
                Shape::Intervals => self.consumed(at, value),
            }
        }
    }

    /// The end of the file: one interval does not tell its length.
    fn end(&self) -> Result<Option<Span>, Failure> {
        let lone =
            self.shape == Shape::Intervals && self.before.is_some() && self.interval.is_none();
        if lone {
            return Err(self.wrong("one interval alone does not tell how long it is"));
        }
        Ok(None)
    }

    /// Number of the line read last.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Stretches between intervals that no line tells of.
    pub(super) const fn gaps(&self) -> u64 {
        self.gaps
    }

    fn wrong(&self, fault: &str) -> Failure {
        let what = format!("{}, line {}: {fault}", self.path.display(), self.line);
        Failure::usage("READINGS_FILE", what).advise("correct the line; nothing was priced")
    }

    fn parsed(&self, text: &str) -> Result<(Timestamp, Quantity), String> {
        let mut fields = text.split(',').map(|field| field.trim().trim_matches('"'));
        let (Some(at), Some(value), None) = (fields.next(), fields.next(), fields.next()) else {
            return Err("it has not two fields: a time and a number".to_owned());
        };
        let newest = self.before.map(|(at, _)| at);
        let at = instant(&self.zone, newest, at)?;
        let value = exact::quantity(value, 0)?;
        if value.is_negative() {
            return Err(format!("{value} is below zero"));
        }
        if newest.is_some_and(|newest| at <= newest) {
            return Err("its time is not after that of the line before".to_owned());
        }
        Ok((at, value))
    }

    fn register(&mut self, at: Timestamp, value: Quantity) -> Result<(), String> {
        if let Some((from, base)) = self.before.replace((at, value)) {
            if value < base {
                return Err(format!("the register falls from {base} to {value}"));
            }
            self.ready.push_back(span(from, at, value - base));
        }
        Ok(())
    }

    fn consumed(&mut self, at: Timestamp, quantity: Quantity) {
        let Some((before, first)) = self.before.replace((at, quantity)) else {
            return;
        };
        let Some(interval) = self.interval else {
            // The first interval is as long as the one after it.
            let length = at - before;
            self.interval = Some(length);
            self.ready.push_back(span(before - length, before, first));
            self.ready.push_back(span(before, at, quantity));
            return;
        };
        // An hour more or less at a change of clocks, a longer month: still the next interval.
        let is_gap = (at - before).get().saturating_mul(2) > interval.get().saturating_mul(3);
        let from = if is_gap { at - interval } else { before };
        if is_gap {
            self.gaps = self.gaps.saturating_add(1);
            self.ready.push_back(span(before, from, Quantity::ZERO));
        }
        self.ready.push_back(span(from, at, quantity));
    }
}
