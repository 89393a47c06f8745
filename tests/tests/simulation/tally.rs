//! What happened, counted: so that a simulation in which nothing happens does not pass.

use std::collections::BTreeMap;

use ledger_core::answer::{Answer, ReadingOutcome};

use crate::machine::Said;

/// Counts by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    pub(crate) fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn count(&mut self, said: &Said) {
        for entry in &said.log {
            self.add(entry.kind);
        }
        self.add(match &said.answer {
            Answer::Reading(ReadingOutcome::Accepted { .. }) => "reading accepted",
            Answer::Reading(ReadingOutcome::Duplicate) => "reading duplicate",
            Answer::Reading(ReadingOutcome::Refused(_)) => "reading refused",
            Answer::Reading(_) => "reading kept aside",
            Answer::Receipt(_) => "receipt",
            Answer::Refused(_) => "command refused",
            _ => "command done",
        });
    }

    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (what, count) in &self.0 {
            writeln!(f, "{count:>10}  {what}")?;
        }
        Ok(())
    }
}
