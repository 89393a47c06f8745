//! Money in suspense (C13): waiting, allocated or returned.

use ledger_core::event::SuspenseEvent;
use ledger_core::ids::{AccountId, CommandKey, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::error::FoldError;
use crate::sheet::Part;
use crate::sql::{Cells, Table, parts};

pub(crate) const TABLE: Table = Table {
    projection: "suspense",
    version: 1,
    create: "
CREATE TABLE suspense (
  channel TEXT NOT NULL, reference TEXT NOT NULL,
  amount_micro INTEGER NOT NULL, amount_rest INTEGER NOT NULL,
  taken_on TEXT NOT NULL, suspended_ms INTEGER NOT NULL,
  named TEXT NOT NULL, why TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'allocated', 'returned')),
  settled_ms INTEGER, account TEXT, returned_on TEXT, document TEXT,
  PRIMARY KEY (channel, reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspense_waiting ON suspense (channel, suspended_ms) WHERE state = 'waiting';
",
    digests: &["SELECT '', s.* FROM suspense s ORDER BY s.channel, s.reference"],
};

/// Where money in suspense stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuspenseState {
    /// It waits for somebody to decide.
    Waiting,
    /// It was allocated to an account.
    Allocated,
    /// It was returned to the payer.
    Returned,
}

impl SuspenseState {
    /// The stored word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Allocated => "allocated",
            Self::Returned => "returned",
        }
    }

    /// The state of a stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Allocated, Self::Returned]
            .into_iter()
            .find(|state| state.code() == text)
    }
}

#[derive(Debug, Clone)]
struct Row {
    amount: Money,
    taken_on: LocalDate,
    suspended: Timestamp,
    named: String,
    why: String,
    state: SuspenseState,
    settled: Option<Timestamp>,
    account: Option<AccountId>,
    returned_on: Option<LocalDate>,
    document: Option<OpaqueRef>,
}

/// Rows that wait to be written.
#[derive(Default)]
pub(crate) struct Suspense {
    rows: FxHashMap<CommandKey, Part<Row>>,
}

impl Suspense {
    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        key: &CommandKey,
        at: Timestamp,
        event: &SuspenseEvent,
    ) -> Result<(), FoldError> {
        match event {
            SuspenseEvent::PaymentSuspended(e) => {
                let row = Row {
                    amount: e.a,
                    taken_on: e.pay.d,
                    suspended: at,
                    named: e.named.clone(),
                    why: e.why.clone(),
                    state: SuspenseState::Waiting,
                    settled: None,
                    account: None,
                    returned_on: None,
                    document: None,
                };
                self.rows.insert(key.clone(), Part::fresh(row));
            }
            SuspenseEvent::SuspenseAllocated(e) => {
                let row = self.waiting_row(conn, key)?;
                row.state = SuspenseState::Allocated;
                row.settled = Some(at);
                row.account = Some(e.account.clone());
            }
            SuspenseEvent::SuspenseReturned(e) => {
                let row = self.waiting_row(conn, key)?;
                row.state = SuspenseState::Returned;
                row.settled = Some(at);
                row.returned_on = Some(e.pay.d);
                row.document = Some(e.doc.clone());
            }
        }
        Ok(())
    }

    fn waiting_row(&mut self, conn: &Connection, key: &CommandKey) -> Result<&mut Row, FoldError> {
        if !self.rows.contains_key(key)
            && let Some(row) = load(conn, key)?
        {
            self.rows.insert(key.clone(), Part::stored(row));
        }
        let row = self
            .rows
            .get_mut(key)
            .map(Part::edit)
            .filter(|row| row.state == SuspenseState::Waiting);
        row.ok_or_else(|| {
            FoldError::Contradiction(format!("{key} leaves suspense without waiting there"))
        })
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "INSERT OR REPLACE INTO suspense VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
        )?;
        for (key, mut part) in self.rows.drain() {
            let Some(row) = part.take_changed() else {
                continue;
            };
            let (micro, rest) = parts(row.amount);
            statement.execute(params![
                key.channel.as_str(),
                key.reference.as_str(),
                micro,
                rest,
                row.taken_on.to_string(),
                row.suspended.as_millis(),
                row.named,
                row.why,
                row.state.code(),
                row.settled.map(Timestamp::as_millis),
                row.account.as_ref().map(AccountId::as_str),
                row.returned_on.map(|day| day.to_string()),
                row.document.as_ref().map(OpaqueRef::as_str),
            ])?;
        }
        Ok(())
    }
}

/// Reads a state's word.
pub(crate) fn state(cells: &mut Cells<'_, '_>) -> rusqlite::Result<SuspenseState> {
    let text: String = cells.get()?;
    SuspenseState::parse(&text).ok_or_else(|| cells.bad(Type::Text, "not a state of suspense"))
}

fn load(conn: &Connection, key: &CommandKey) -> rusqlite::Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT amount_micro, amount_rest, taken_on, suspended_ms, named, why, state, settled_ms, account,
                returned_on, document
         FROM suspense WHERE channel = ?1 AND reference = ?2",
    )?
    .query_row(params![key.channel.as_str(), key.reference.as_str()], |row| {
        let mut cells = Cells::of(row);
        Ok(Row {
            amount: cells.money()?,
            taken_on: cells.date()?,
            suspended: cells.time()?,
            named: cells.get()?,
            why: cells.get()?,
            state: state(&mut cells)?,
            settled: cells.time_opt()?,
            account: cells.name_opt(AccountId::parse)?,
            returned_on: cells.date_opt()?,
            document: cells.name_opt(OpaqueRef::parse)?,
        })
    })
    .optional()
}
