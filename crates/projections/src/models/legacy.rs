//! Credit taken over from older systems (U10, U11): pending until it is credited or refunded, once for
//! each old account and utility.
//!
//! What is overdue depends on the day that is asked about: the row has the last day of the term.

use ledger_core::event::{
    AccountEvent, LegacyCreditChoiceMade, LegacyCreditEntered, LegacyCreditRefunded,
    LegacyCreditRegistered,
};
use ledger_core::ids::OpaqueRef;
use ledger_core::num::{Money, Price, Quantity};
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::fact::AccountFact;
use crate::sheet::Part;
use crate::sql::{Cells, Table, parts_opt};

pub(crate) const TABLE: Table = Table {
    projection: "legacy_credits",
    version: 1,
    create: "
CREATE TABLE legacy_credits (
  account_no INTEGER NOT NULL, utility TEXT NOT NULL, old_account TEXT NOT NULL,
  units_micro INTEGER, amount_micro INTEGER, amount_rest INTEGER,
  photo TEXT, refund INTEGER NOT NULL,
  registered_ms INTEGER NOT NULL, due TEXT,
  state TEXT NOT NULL CHECK (state IN ('pending', 'credited', 'refunded')),
  settled_ms INTEGER, settled_micro INTEGER, settled_rest INTEGER, rate TEXT,
  PRIMARY KEY (account_no, utility, old_account)
) STRICT, WITHOUT ROWID;
CREATE INDEX legacy_credits_pending ON legacy_credits (due) WHERE state = 'pending';
",
    digests: &[
        "SELECT a.account, l.* FROM legacy_credits l JOIN accounts a USING (account_no)
         ORDER BY a.account_no, l.utility, l.old_account",
    ],
};

/// Where credit of an old account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegacyState {
    /// Registered: its term runs.
    Pending,
    /// Credited.
    Credited,
    /// Refunded.
    Refunded,
}

impl LegacyState {
    /// The stored word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Credited => "credited",
            Self::Refunded => "refunded",
        }
    }

    /// The state of a stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Credited, Self::Refunded]
            .into_iter()
            .find(|state| state.code() == text)
    }
}

#[derive(Debug, Clone)]
struct Row {
    units: Option<Quantity>,
    amount: Option<Money>,
    photo: Option<OpaqueRef>,
    refund: bool,
    registered: Timestamp,
    due: Option<LocalDate>,
    state: LegacyState,
    settled: Option<(Timestamp, Money)>,
    rate: Option<Price>,
}

type Key = (i64, Utility, OpaqueRef);

/// Rows that wait to be written.
#[derive(Default)]
pub(crate) struct LegacyCredits {
    rows: FxHashMap<Key, Part<Row>>,
}

impl LegacyCredits {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "four kinds of event concern credit of old accounts"
    )]
    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        account_no: i64,
        fact: &AccountFact,
    ) -> rusqlite::Result<()> {
        match &fact.event {
            AccountEvent::LegacyCreditRegistered(e) => self.register(account_no, e, fact.at),
            AccountEvent::LegacyCreditChoiceMade(e) => self.choose(conn, account_no, e)?,
            AccountEvent::LegacyCreditEntered(e) => self.enter(conn, account_no, e, fact.at)?,
            AccountEvent::LegacyCreditRefunded(e) => self.refund(conn, account_no, e, fact.at)?,
            _ => {}
        }
        Ok(())
    }

    fn register(&mut self, account_no: i64, e: &LegacyCreditRegistered, at: Timestamp) {
        let row = Row {
            units: e.q,
            amount: e.a,
            photo: e.photo.clone(),
            refund: e.refund,
            registered: at,
            due: Some(e.due),
            state: LegacyState::Pending,
            settled: None,
            rate: None,
        };
        self.rows
            .insert((account_no, e.u, e.from.clone()), Part::fresh(row));
    }

    fn choose(
        &mut self,
        conn: &Connection,
        account_no: i64,
        e: &LegacyCreditChoiceMade,
    ) -> rusqlite::Result<()> {
        if let Some(row) = self.row(conn, &(account_no, e.u, e.from.clone()))? {
            row.refund = e.refund;
        }
        Ok(())
    }

    /// Credit of histories older than registration was entered at once, without a term.
    fn enter(
        &mut self,
        conn: &Connection,
        account_no: i64,
        e: &LegacyCreditEntered,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        let key = (account_no, e.u, e.from.clone());
        if let Some(row) = self.row(conn, &key)? {
            row.state = LegacyState::Credited;
            row.settled = Some((at, e.a));
            row.rate = e.rate;
            return Ok(());
        }
        let row = Row {
            units: None,
            amount: Some(e.a),
            photo: None,
            refund: false,
            registered: at,
            due: None,
            state: LegacyState::Credited,
            settled: Some((at, e.a)),
            rate: e.rate,
        };
        self.rows.insert(key, Part::fresh(row));
        Ok(())
    }

    fn refund(
        &mut self,
        conn: &Connection,
        account_no: i64,
        e: &LegacyCreditRefunded,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        if let Some(row) = self.row(conn, &(account_no, e.u, e.from.clone()))? {
            row.state = LegacyState::Refunded;
            row.settled = Some((at, e.a));
        }
        Ok(())
    }

    fn row(&mut self, conn: &Connection, key: &Key) -> rusqlite::Result<Option<&mut Row>> {
        if !self.rows.contains_key(key)
            && let Some(row) = load(conn, key)?
        {
            self.rows.insert(key.clone(), Part::stored(row));
        }
        Ok(self.rows.get_mut(key).map(Part::edit))
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "INSERT OR REPLACE INTO legacy_credits
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
        )?;
        for ((account_no, utility, from), mut part) in self.rows.drain() {
            let Some(row) = part.take_changed() else {
                continue;
            };
            let (amount_micro, amount_rest) = parts_opt(row.amount);
            let (settled_micro, settled_rest) = parts_opt(row.settled.map(|(_, amount)| amount));
            statement.execute(params![
                account_no,
                utility.code(),
                from.as_str(),
                row.units.map(Quantity::micro),
                amount_micro,
                amount_rest,
                row.photo.as_ref().map(OpaqueRef::as_str),
                row.refund,
                row.registered.as_millis(),
                row.due.map(|day| day.to_string()),
                row.state.code(),
                row.settled.map(|(at, _)| at.as_millis()),
                settled_micro,
                settled_rest,
                row.rate.map(|rate| rate.to_string()),
            ])?;
        }
        Ok(())
    }
}

/// Reads a state's word.
pub(crate) fn state(cells: &mut Cells<'_, '_>) -> rusqlite::Result<LegacyState> {
    let text: String = cells.get()?;
    LegacyState::parse(&text).ok_or_else(|| cells.bad(Type::Text, "not a state of old credit"))
}

/// Reads a price.
pub(crate) fn rate(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Option<Price>> {
    let text: Option<String> = cells.get()?;
    text.map(|text| Price::parse(&text).map_err(|e| cells.bad(Type::Text, &e.to_string())))
        .transpose()
}

fn load(conn: &Connection, (account_no, utility, from): &Key) -> rusqlite::Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT units_micro, amount_micro, amount_rest, photo, refund, registered_ms, due, state,
                settled_ms, settled_micro, settled_rest, rate
         FROM legacy_credits WHERE account_no = ?1 AND utility = ?2 AND old_account = ?3",
    )?
    .query_row(params![account_no, utility.code(), from.as_str()], |row| {
        let mut cells = Cells::of(row);
        Ok(Row {
            units: cells.get::<Option<i64>>()?.map(Quantity::from_micro),
            amount: cells.money_opt()?,
            photo: cells.name_opt(OpaqueRef::parse)?,
            refund: cells.get()?,
            registered: cells.time()?,
            due: cells.date_opt()?,
            state: state(&mut cells)?,
            settled: cells.time_opt()?.zip(cells.money_opt()?),
            rate: rate(&mut cells)?,
        })
    })
    .optional()
}
