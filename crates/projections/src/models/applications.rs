//! Applications for a connection (E14): where each stands, its number, deposit and receipt.

use ledger_core::application::Stage;
use ledger_core::event::ApplicationEvent;
use ledger_core::ids::{AccountId, ApplicationId, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;

use crate::error::FoldError;
use crate::sheet::Part;
use crate::sql::{Cells, Table, parts};

pub(crate) const TABLE: Table = Table {
    projection: "applications",
    version: 1,
    create: "
CREATE TABLE applications (
  application TEXT PRIMARY KEY,
  kind TEXT NOT NULL, scheme TEXT NOT NULL, class TEXT NOT NULL, applicant TEXT NOT NULL,
  stage TEXT NOT NULL, until TEXT, reason TEXT, document TEXT NOT NULL,
  demanded_micro INTEGER NOT NULL, demanded_rest INTEGER NOT NULL,
  held_micro INTEGER NOT NULL, held_rest INTEGER NOT NULL,
  number TEXT, receipt TEXT,
  begun_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX applications_by_stage ON applications (stage, changed_ms);
",
    digests: &["SELECT '', a.* FROM applications a ORDER BY a.application"],
};

/// An application. What is held is the deposit, from its payment until the account is open.
#[derive(Debug, Clone)]
struct Row {
    kind: String,
    scheme: String,
    class: String,
    applicant: OpaqueRef,
    stage: Stage,
    until: Option<LocalDate>,
    reason: Option<String>,
    document: OpaqueRef,
    demanded: Money,
    held: Money,
    number: Option<AccountId>,
    receipt: Option<String>,
    begun: Timestamp,
    changed: Timestamp,
}

impl Row {
    fn begun(event: &ApplicationEvent, at: Timestamp) -> Option<Self> {
        let (ApplicationEvent::Saved(form) | ApplicationEvent::Entered(form)) = event else {
            return None;
        };
        Some(Self {
            kind: kind_code(form.k).to_owned(),
            scheme: form.scheme.clone(),
            class: form.class.clone(),
            applicant: form.person.clone(),
            stage: Stage::None,
            until: form.until,
            reason: None,
            document: form.doc.clone(),
            demanded: form.adv.unwrap_or_default(),
            held: Money::ZERO,
            number: None,
            receipt: None,
            begun: at,
            changed: at,
        })
    }

    fn fold(&mut self, event: &ApplicationEvent) {
        match event {
            ApplicationEvent::Saved(form)
            | ApplicationEvent::Entered(form)
            | ApplicationEvent::Updated(form) => {
                self.class.clone_from(&form.class);
                self.applicant = form.person.clone();
                self.until = form.until;
                self.document = form.doc.clone();
                self.reason = None;
            }
            ApplicationEvent::Returned(e)
            | ApplicationEvent::Rejected(e)
            | ApplicationEvent::EstimateRedirected(e)
            | ApplicationEvent::Refused(e) => self.reason = Some(e.why.clone()),
            ApplicationEvent::Accepted(e) => self.demanded = e.adv.unwrap_or_default(),
            ApplicationEvent::EstimateSubmitted(e) => {
                self.document = e.doc.clone();
                self.reason = None;
            }
            ApplicationEvent::DemandNoteServed(e) => {
                self.document = e.doc.clone();
                self.demanded = e.dep + e.fee;
            }
            ApplicationEvent::ConnectionChargePaid(e) => {
                self.held = e.dep;
                self.number = Some(e.n.clone());
                self.receipt = Some(e.rc.to_string());
            }
            ApplicationEvent::InspectionIntimated(e) | ApplicationEvent::OrderIssued(e) => {
                self.document = e.doc.clone();
            }
            ApplicationEvent::Executed(e) => {
                self.document = e.doc.clone();
                self.held = Money::ZERO;
            }
            ApplicationEvent::Submitted(_) | ApplicationEvent::Sanctioned(_) => {}
        }
    }
}

/// The stable word of a kind of connection.
pub(crate) const fn kind_code(kind: ledger_core::application::Kind) -> &'static str {
    use ledger_core::application::Kind;
    match kind {
        Kind::General => "general",
        Kind::Temporary => "temporary",
        Kind::Accommodation => "accommodation",
    }
}

/// Rows that wait to be written.
#[derive(Default)]
pub(crate) struct Applications {
    rows: FxHashMap<ApplicationId, Part<Row>>,
}

impl Applications {
    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        id: &ApplicationId,
        at: Timestamp,
        event: &ApplicationEvent,
    ) -> Result<(), FoldError> {
        let wrong = || FoldError::Contradiction(format!("application {id} goes on without a way"));
        if !self.rows.contains_key(id) {
            let row = match load(conn, id)? {
                Some(row) => Part::stored(row),
                None => Part::fresh(Row::begun(event, at).ok_or_else(wrong)?),
            };
            self.rows.insert(id.clone(), row);
        }
        let row = self.rows.get_mut(id).map(Part::edit).ok_or_else(wrong)?;
        let (_, to) = ledger_core::application::next(row.stage, event.step()).ok_or_else(wrong)?;
        row.fold(event);
        row.stage = to;
        row.changed = at;
        Ok(())
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "INSERT OR REPLACE INTO applications
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
        )?;
        for (id, mut part) in self.rows.drain() {
            let Some(row) = part.take_changed() else {
                continue;
            };
            let (demanded_micro, demanded_rest) = parts(row.demanded);
            let (held_micro, held_rest) = parts(row.held);
            statement.execute(params![
                id.as_str(),
                row.kind,
                row.scheme,
                row.class,
                row.applicant.as_str(),
                row.stage.code(),
                row.until.map(|day| day.to_string()),
                row.reason,
                row.document.as_str(),
                demanded_micro,
                demanded_rest,
                held_micro,
                held_rest,
                row.number.as_ref().map(AccountId::as_str),
                row.receipt,
                row.begun.as_millis(),
                row.changed.as_millis(),
            ])?;
        }
        Ok(())
    }
}

/// Reads a stage's word.
pub(crate) fn stage(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Stage> {
    let text: String = cells.get()?;
    Stage::parse(&text).ok_or_else(|| cells.bad(Type::Text, "not a stage of an application"))
}

fn load(conn: &Connection, id: &ApplicationId) -> rusqlite::Result<Option<Row>> {
    conn.prepare_cached(
        "SELECT kind, scheme, class, applicant, stage, until, reason, document, demanded_micro, demanded_rest,
                held_micro, held_rest, number, receipt, begun_ms, changed_ms
         FROM applications WHERE application = ?1",
    )?
    .query_row([id.as_str()], |row| {
        let mut cells = Cells::of(row);
        Ok(Row {
            kind: cells.get()?,
            scheme: cells.get()?,
            class: cells.get()?,
            applicant: cells.name(OpaqueRef::parse)?,
            stage: stage(&mut cells)?,
            until: cells.date_opt()?,
            reason: cells.get()?,
            document: cells.name(OpaqueRef::parse)?,
            demanded: cells.money()?,
            held: cells.money()?,
            number: cells.name_opt(AccountId::parse)?,
            receipt: cells.get()?,
            begun: cells.time()?,
            changed: cells.time()?,
        })
    })
    .optional()
}
