//! Bills as they were shown: made at a reading, paid, or served as a notice, with their lines (E1, E3, K2).
//!
//! A bill made at the reading lists what the reading charged; one made at the payment lists the items that
//! it paid; a notice lists what was open. The lines of a bill sum to its amount. What is left of a bill is
//! asked, not stored.

use ledger_core::dues::{Due, Dues};
use ledger_core::event::{
    AccountEvent, BillPaid, BillRaised, BillingEvent, ConsumptionCharged, DisconnectionNoticeServed,
};
use ledger_core::num::{Money, Quantity};
use ledger_core::tariff::LineKind;
use ledger_core::time::{LocalDate, Month, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::fact::AccountFact;
use crate::sheet::Sheet;
use crate::sql::{Cells, Table, parts};

pub(crate) const TABLE: Table = Table {
    projection: "bills",
    version: 1,
    create: "
CREATE TABLE bills (
  bill_id INTEGER PRIMARY KEY,
  account_no INTEGER NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL,
  month TEXT NOT NULL, at_ms INTEGER NOT NULL, due TEXT,
  amount_micro INTEGER NOT NULL, amount_rest INTEGER NOT NULL,
  receipt TEXT, lines TEXT NOT NULL
) STRICT;
CREATE INDEX bills_by_account ON bills (account_no, bill_id);
",
    digests: &[
        "SELECT a.account, b.* FROM bills b JOIN accounts a USING (account_no) ORDER BY b.bill_id",
    ],
};

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillLineView {
    /// Month it belongs to.
    pub month: Month,
    /// A kind of due (`consumption`, `surcharge`, …), or of what a reading charged: `energy` (with what was
    /// missing to a minimum), `standing`, `pass-through`, `levy`, `tax`; or `credit`, `rounding`.
    pub kind: String,
    /// Its name in the tariff, where it has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Units, where it is for units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Quantity>,
    /// Exact.
    pub amount: Money,
}

impl BillLineView {
    fn of(month: Month, kind: &str, amount: Money) -> Self {
        Self {
            month,
            kind: kind.to_owned(),
            name: String::new(),
            units: None,
            amount,
        }
    }
}

struct Bill {
    id: i64,
    account_no: i64,
    kind: &'static str,
    n: u32,
    month: Month,
    at: Timestamp,
    due: Option<LocalDate>,
    amount: Money,
    receipt: Option<String>,
    lines: Vec<BillLineView>,
}

/// Bills that wait to be written.
pub(crate) struct Bills {
    newest: i64,
    waiting: Vec<Bill>,
}

impl Bills {
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let newest = conn.query_row("SELECT ifnull(max(bill_id), 0) FROM bills", [], |r| {
            r.get(0)
        })?;
        Ok(Self {
            newest,
            waiting: Vec::new(),
        })
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Before the consumer's dues change by the event.
    pub(crate) fn fold(&mut self, sheet: &mut Sheet, fact: &AccountFact) {
        let account_no = sheet.no;
        let Some(consumer) = &mut sheet.consumer else {
            return;
        };
        if let AccountEvent::ConsumptionCharged(e) = &fact.event {
            consumer.edit().charged = charged(e);
            return;
        }
        let AccountEvent::Billing(event) = &fact.event else {
            return;
        };
        let bill = if let BillingEvent::BillRaised(e) = event {
            raised(e, std::mem::take(&mut consumer.edit().charged))
        } else if let BillingEvent::BillPaid(e) = event {
            paid(e, consumer.get().billing.dues())
        } else if let BillingEvent::DisconnectionNoticeServed(e) = event {
            notice(e, consumer.get().billing.dues().open())
        } else {
            return;
        };
        self.newest += 1;
        self.waiting.push(Bill {
            id: self.newest,
            account_no,
            at: fact.at,
            ..bill
        });
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut put =
            tx.prepare_cached("INSERT INTO bills VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")?;
        for bill in self.waiting.drain(..) {
            let (micro, rest) = parts(bill.amount);
            put.execute(params![
                bill.id,
                bill.account_no,
                bill.kind,
                bill.n,
                bill.month.to_string(),
                bill.at.as_millis(),
                bill.due.map(|due| due.to_string()),
                micro,
                rest,
                bill.receipt,
                text_of(&bill.lines)?,
            ])?;
        }
        Ok(())
    }
}

/// Lines as they are stored.
pub(crate) fn text_of(lines: &[BillLineView]) -> rusqlite::Result<String> {
    serde_json::to_string(lines).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// Reads stored lines.
pub(crate) fn lines(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Vec<BillLineView>> {
    let text: String = cells.get()?;
    serde_json::from_str(&text).map_err(|e| cells.bad(Type::Text, &e.to_string()))
}

/// What a reading charged, as lines: energy first, then what came beside it.
fn charged(e: &ConsumptionCharged) -> Vec<BillLineView> {
    let Some(month) = e.b else {
        return Vec::new();
    };
    let beside: Money = e.x.iter().map(|part| part.3).sum();
    // Where it was used: a reading at midnight belongs to the day before.
    let used_in = e.parts().last().map_or(month, |part| part.0.month());
    let mut lines = vec![BillLineView {
        units: Some(e.q),
        ..BillLineView::of(used_in, "energy", e.a - beside)
    }];
    for part in &e.x {
        lines.push(BillLineView {
            name: part.2.clone(),
            ..BillLineView::of(part.0, word_of(part.1), part.3)
        });
    }
    lines
}

const fn word_of(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Standing => "standing",
        LineKind::PassThrough => "pass-through",
        LineKind::Levy => "levy",
        LineKind::Tax => "tax",
    }
}

fn empty(kind: &'static str, month: Month, amount: Money) -> Bill {
    Bill {
        id: 0,
        account_no: 0,
        kind,
        n: 0,
        month,
        at: Timestamp::MIN,
        due: None,
        amount,
        receipt: None,
        lines: Vec::new(),
    }
}

fn raised(e: &BillRaised, charged: Vec<BillLineView>) -> Bill {
    let mut lines = charged;
    if !e.rd.is_zero() {
        lines.push(BillLineView::of(e.b, "rounding", e.rd));
    }
    Bill {
        n: e.n,
        due: Some(e.due),
        lines,
        ..empty("raised", e.b, e.a)
    }
}

/// The items that a payment paid, oldest first; what is beyond them is credit.
fn paid(e: &BillPaid, dues: &Dues) -> Bill {
    let mut left = e.a + e.rd;
    let mut lines = Vec::new();
    for due in dues.open() {
        let part = due.left.min(left);
        if part.is_positive() {
            lines.push(BillLineView::of(due.month, due.kind.as_str(), part));
            left -= part;
        }
    }
    if !left.is_zero() {
        lines.push(BillLineView::of(e.b, "credit", left));
    }
    if !e.rd.is_zero() {
        lines.push(BillLineView::of(e.b, "rounding", -e.rd));
    }
    Bill {
        receipt: Some(e.rc.to_string()),
        lines,
        ..empty("paid", e.b, e.a)
    }
}

fn notice(e: &DisconnectionNoticeServed, open: &[Due]) -> Bill {
    let mut lines: Vec<BillLineView> = open
        .iter()
        .map(|due| BillLineView::of(due.month, due.kind.as_str(), due.left))
        .collect();
    let rounded = e.a - open.iter().map(|due| due.left).sum::<Money>();
    if !rounded.is_zero() {
        lines.push(BillLineView::of(e.b, "rounding", rounded));
    }
    Bill {
        due: Some(e.due),
        lines,
        ..empty("notice", e.b, e.a)
    }
}
