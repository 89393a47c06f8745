//! What is due in all, for people who look after the clock: by kind, how many, since when, what comes next
//! (C6).

use ledger_core::time::{Month, Timestamp};
use rusqlite::params;
use serde::Serialize;

use super::Snapshot;
use super::deadlines::DueKind;
use crate::error::ReadModelError;
use crate::scheme_facts::SchemeFacts;
use crate::sql::Cells;

/// What is due of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DueSummary {
    /// Kind.
    pub kind: DueKind,
    /// Accounts and utilities with it due; one that has several months to close counts each.
    pub due: u64,
    /// Since when the oldest of them is due.
    pub oldest: Option<Timestamp>,
    /// When the next falls due.
    pub next: Option<Timestamp>,
}

impl DueSummary {
    const fn of(kind: DueKind) -> Self {
        Self {
            kind,
            due: 0,
            oldest: None,
            next: None,
        }
    }

    fn add(&mut self, at: Timestamp, times: u64) {
        self.due = self.due.saturating_add(times);
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
    }

    fn ahead(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

impl Snapshot {
    /// Everything due before `now` and what comes next, by kind, kinds without either left out. `facts`
    /// gives a scheme's facts.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn due_summary(
        &self,
        now: Timestamp,
        facts: &dyn Fn(&str) -> SchemeFacts,
    ) -> Result<Vec<DueSummary>, ReadModelError> {
        let mut all: Vec<DueSummary> = DueKind::ALL.into_iter().map(DueSummary::of).collect();
        for one in self.due_before(now, usize::MAX, facts)? {
            if one.kind == DueKind::MonthClose {
                continue;
            }
            if let Some(summary) = all.iter_mut().find(|summary| summary.kind == one.kind) {
                summary.add(one.at, u64::from(one.at < now));
            }
        }
        let ahead = self.all(
            "SELECT kind, min(at_ms) FROM deadlines WHERE at_ms >= ?1 GROUP BY kind",
            [now.as_millis()],
            |row| {
                let mut cells = Cells::of(row);
                Ok((cells.get::<String>()?, cells.time()?))
            },
        )?;
        for (code, at) in ahead {
            if let Some(summary) = all.iter_mut().find(|summary| summary.kind.code() == code) {
                summary.ahead(at);
            }
        }
        if let Some(closes) = all.iter_mut().find(|s| s.kind == DueKind::MonthClose) {
            self.add_closes(now, facts, closes)?;
        }
        all.retain(|summary| summary.due > 0 || summary.next.is_some());
        Ok(all)
    }

    /// Months to close: those of all consumers of a scheme that are as far fall due together.
    fn add_closes(
        &self,
        now: Timestamp,
        facts: &dyn Fn(&str) -> SchemeFacts,
        closes: &mut DueSummary,
    ) -> Result<(), ReadModelError> {
        let groups = self.all(
            "SELECT a.scheme, c.next_close, count(*) FROM consumers c JOIN accounts a USING (account_no)
             WHERE c.next_close IS NOT NULL GROUP BY a.scheme, c.next_close",
            params![],
            |row| {
                let mut cells = Cells::of(row);
                Ok((cells.get::<String>()?, cells.month()?, cells.count()?))
            },
        )?;
        for (scheme, first, consumers) in groups {
            let Some(zone) = facts(&scheme).closes_in else {
                continue;
            };
            let end = |month: Month| zone.start_of_month(month.next()).just_before();
            let mut month = first;
            while end(month) < now {
                closes.add(end(month), consumers);
                month = month.next();
            }
            closes.ahead(end(month));
        }
        Ok(())
    }
}
