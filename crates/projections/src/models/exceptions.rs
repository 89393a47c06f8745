//! What was out of the ordinary with a meter's readings (C8–C10): conflicts, late readings, gaps, spells
//! of quarantined readings, suspected exchanges.
//!
//! A run of quarantined readings is one spell. A spell or a suspicion is open until an accepted reading,
//! an exchange or a decision of staff ends it; the others are points in time.

use ledger_core::event::{AccountEvent, ConsumptionCorrected, ReadingKept};
use ledger_core::num::Quantity;
use ledger_core::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;

use crate::fact::AccountFact;
use crate::sheet::{MeterSheet, Part, Sheet};
use crate::sql::{Cells, Table, count};

pub(crate) const TABLE: Table = Table {
    projection: "exceptions",
    version: 1,
    create: "
CREATE TABLE exceptions (
  meter_no INTEGER NOT NULL, n INTEGER NOT NULL,
  kind TEXT NOT NULL, why TEXT NOT NULL,
  from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
  readings INTEGER NOT NULL,
  first_micro INTEGER, last_micro INTEGER,
  recorded_ms INTEGER NOT NULL,
  ended_ms INTEGER, ended_by TEXT,
  PRIMARY KEY (meter_no, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX exceptions_open ON exceptions (kind) WHERE ended_ms IS NULL;
",
    digests: &[
        "SELECT a.account, e.* FROM exceptions e JOIN meters m USING (meter_no)
         JOIN accounts a USING (account_no) ORDER BY e.meter_no, e.n",
    ],
};

/// What was out of the ordinary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionKind {
    /// A second value for an instant.
    Conflicting,
    /// Older than the newest.
    Late,
    /// Further apart than the meter should report; the charge is spread.
    Gap,
    /// A run of implausible readings.
    Quarantined,
    /// Quarantined readings agree: the meter may have been exchanged.
    SuspectedExchange,
}

impl ExceptionKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Conflicting,
        Self::Late,
        Self::Gap,
        Self::Quarantined,
        Self::SuspectedExchange,
    ];

    /// The stored word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Conflicting => "conflicting",
            Self::Late => "late",
            Self::Gap => "gap",
            Self::Quarantined => "quarantined",
            Self::SuspectedExchange => "suspected-exchange",
        }
    }

    /// The kind of a stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == text)
    }
}

/// Reads a kind's word.
pub(crate) fn kind(cells: &mut Cells<'_, '_>) -> rusqlite::Result<ExceptionKind> {
    let text: String = cells.get()?;
    ExceptionKind::parse(&text).ok_or_else(|| cells.bad(Type::Text, "not a kind of exception"))
}

#[derive(Debug, Clone)]
struct Row {
    n: i64,
    kind: ExceptionKind,
    why: String,
    from: Timestamp,
    to: Timestamp,
    readings: u64,
    first: Option<Quantity>,
    last: Option<Quantity>,
    recorded: Timestamp,
    ended: Option<(Timestamp, String)>,
}

impl Row {
    fn of_reading(kind: ExceptionKind, e: &ReadingKept, recorded: Timestamp) -> Self {
        Self {
            n: 0,
            kind,
            why: e.why.clone(),
            from: e.t,
            to: e.t,
            readings: 1,
            first: Some(e.v),
            last: Some(e.v),
            recorded,
            ended: None,
        }
    }
}

/// The exceptions of a meter that may still change, and those that wait to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spells {
    newest: i64,
    spell: Option<Part<Row>>,
    suspicion: Option<Part<Row>>,
    waiting: Vec<Row>,
}

impl Spells {
    pub(crate) fn load(conn: &Connection, meter_no: i64) -> rusqlite::Result<Self> {
        let newest = conn
            .prepare_cached("SELECT ifnull(max(n), 0) FROM exceptions WHERE meter_no = ?1")?
            .query_row([meter_no], |row| row.get(0))?;
        Ok(Self {
            newest,
            spell: load_open(conn, meter_no, ExceptionKind::Quarantined)?,
            suspicion: load_open(conn, meter_no, ExceptionKind::SuspectedExchange)?,
            waiting: Vec::new(),
        })
    }

    fn number(&mut self, mut row: Row) -> Row {
        self.newest += 1;
        row.n = self.newest;
        row
    }

    /// A point in time: it ends as it comes.
    fn point(&mut self, mut row: Row) {
        row.ended = Some((row.recorded, "itself".to_owned()));
        let row = self.number(row);
        self.waiting.push(row);
    }

    fn hold(&mut self, e: &ReadingKept, at: Timestamp) {
        match &mut self.spell {
            Some(part) => {
                let row = part.edit();
                row.from = row.from.min(e.t);
                row.to = row.to.max(e.t);
                row.last = Some(e.v);
                row.readings += 1;
            }
            None => {
                let row = self.number(Row::of_reading(ExceptionKind::Quarantined, e, at));
                self.spell = Some(Part::fresh(row));
            }
        }
    }

    fn suspect(&mut self, times: &[Timestamp], limit: bool, at: Timestamp) {
        if let Some(part) = &mut self.suspicion {
            let row = part.edit();
            row.to = row.to.max(times.iter().max().copied().unwrap_or(at));
            row.readings = times.len() as u64;
            return;
        }
        let (from, to) = (
            times.iter().min().copied().unwrap_or(at),
            times.iter().max().copied().unwrap_or(at),
        );
        let row = Row {
            n: 0,
            kind: ExceptionKind::SuspectedExchange,
            why: if limit {
                "limit-or-exchange"
            } else {
                "exchange"
            }
            .to_owned(),
            from,
            to,
            readings: times.len() as u64,
            first: None,
            last: None,
            recorded: at,
            ended: None,
        };
        let row = self.number(row);
        self.suspicion = Some(Part::fresh(row));
    }

    fn end_spell(&mut self, at: Timestamp, by: &str) {
        if let Some(mut part) = self.spell.take() {
            part.edit().ended = Some((at, by.to_owned()));
            self.waiting.push(part.get().clone());
        }
    }

    fn end_suspicion(&mut self, at: Timestamp, by: &str) {
        if let Some(mut part) = self.suspicion.take() {
            part.edit().ended = Some((at, by.to_owned()));
            self.waiting.push(part.get().clone());
        }
    }
}

/// Before the meter's usage takes the reading in: a gap began at the reading before.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events say nothing of readings"
)]
pub(crate) fn fold(sheet: &mut Sheet, fact: &AccountFact) {
    let at = fact.at;
    match &fact.event {
        AccountEvent::ConsumptionCharged(e) => {
            let Some(meter) = sheet.meter_mut(&e.m) else {
                return;
            };
            meter.spells.end_spell(at, "accepted-reading");
            if e.g {
                meter.spells.point(gap(meter, e.t, e.v, at));
            }
        }
        AccountEvent::LateReadingKept(e) => keep(sheet, e, ExceptionKind::Late, at),
        AccountEvent::ConflictingReadingKept(e) => keep(sheet, e, ExceptionKind::Conflicting, at),
        AccountEvent::ConsumptionCorrected(e) => correct(sheet, e, at),
        // Not of a run of implausible readings, but one among accepted ones (C19).
        AccountEvent::ReadingQuarantined(e) if e.why == "order" => {
            keep(sheet, e, ExceptionKind::Quarantined, at);
        }
        AccountEvent::ReadingQuarantined(e) => {
            if let Some(meter) = sheet.meter_mut(&e.m) {
                meter.spells.hold(e, at);
            }
        }
        AccountEvent::MeterExchangeSuspected(e) => {
            if let Some(meter) = sheet.meter_mut(&e.m) {
                meter.spells.suspect(&e.t, e.limit, at);
            }
        }
        AccountEvent::SuspicionWithdrawn(e) => {
            if let Some(meter) = sheet.meter_mut(&e.m) {
                meter.spells.end_suspicion(at, "withdrawn");
            }
        }
        AccountEvent::QuarantineDiscarded(e) => end_both(sheet.meter_mut(&e.m), at, "discarded"),
        AccountEvent::MeterExchanged(e) => end_both(sheet.meter_mut(&e.m), at, "exchanged"),
        AccountEvent::MeterRemoved(e) => end_both(sheet.meter_mut(&e.m), at, "removed"),
        _ => {}
    }
}

fn gap(meter: &MeterSheet, to: Timestamp, value: Quantity, recorded: Timestamp) -> Row {
    Row {
        n: 0,
        kind: ExceptionKind::Gap,
        why: "gap".to_owned(),
        from: meter.usage.newest().unwrap_or(meter.row.get().installed),
        to,
        readings: 1,
        first: None,
        last: Some(value),
        recorded,
        ended: None,
    }
}

/// A late or conflicting reading belongs to whoever held the number when it was read (C5).
fn keep(sheet: &mut Sheet, e: &ReadingKept, kind: ExceptionKind, at: Timestamp) {
    if let Some(meter) = sheet.meter_at(&e.m, e.t) {
        meter.spells.point(Row::of_reading(kind, e, at));
    } else if let Some(meter) = sheet.meter_mut(&e.m) {
        meter.spells.point(Row::of_reading(kind, e, at));
    }
}

/// A late reading that corrected what was charged is reported beside those that are only kept.
fn correct(sheet: &mut Sheet, e: &ConsumptionCorrected, at: Timestamp) {
    let kept = ReadingKept {
        u: e.u,
        m: e.m.clone(),
        t: e.t,
        v: e.v,
        d: e.d,
        why: "corrected".to_owned(),
    };
    keep(sheet, &kept, ExceptionKind::Late, at);
}

fn end_both(meter: Option<&mut MeterSheet>, at: Timestamp, by: &str) {
    if let Some(meter) = meter {
        meter.spells.end_spell(at, by);
        meter.spells.end_suspicion(at, by);
    }
}

fn load_open(
    conn: &Connection,
    meter_no: i64,
    of: ExceptionKind,
) -> rusqlite::Result<Option<Part<Row>>> {
    conn.prepare_cached(
        "SELECT n, kind, why, from_ms, to_ms, readings, first_micro, last_micro, recorded_ms
         FROM exceptions WHERE meter_no = ?1 AND kind = ?2 AND ended_ms IS NULL ORDER BY n DESC LIMIT 1",
    )?
    .query_row(params![meter_no, of.code()], |row| {
        let mut cells = Cells::of(row);
        Ok(Part::stored(Row {
            n: cells.get()?,
            kind: kind(&mut cells)?,
            why: cells.get()?,
            from: cells.time()?,
            to: cells.time()?,
            readings: cells.count()?,
            first: cells.get::<Option<i64>>()?.map(Quantity::from_micro),
            last: cells.get::<Option<i64>>()?.map(Quantity::from_micro),
            recorded: cells.time()?,
            ended: None,
        }))
    })
    .optional()
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO exceptions VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    )?;
    for sheet in sheets {
        for meter in &mut sheet.meters {
            let no = meter.no;
            let spells = &mut meter.spells;
            let open = [&mut spells.spell, &mut spells.suspicion]
                .into_iter()
                .flatten();
            let changed: Vec<Row> = open
                .filter_map(|part| part.take_changed().cloned())
                .collect();
            for row in spells.waiting.drain(..).chain(changed) {
                statement.execute(params![
                    no,
                    row.n,
                    row.kind.code(),
                    row.why,
                    row.from.as_millis(),
                    row.to.as_millis(),
                    count(row.readings),
                    row.first.map(Quantity::micro),
                    row.last.map(Quantity::micro),
                    row.recorded.as_millis(),
                    row.ended.as_ref().map(|(at, _)| at.as_millis()),
                    row.ended.as_ref().map(|(_, by)| by.as_str()),
                ])?;
            }
        }
    }
    Ok(())
}
