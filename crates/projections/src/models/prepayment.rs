//! Who has joined a scheme with arrears, what is left of them, and what emergency credit is lent (P1–P5).

use ledger_core::event::AccountEvent;
use ledger_core::ids::OpaqueRef;
use ledger_core::num::Money;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::error::FoldError;
use crate::fact::AccountFact;
use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table, parts};

pub(crate) const TABLE: Table = Table {
    projection: "prepayment",
    version: 1,
    create: "
CREATE TABLE prepayment (
  account_no INTEGER PRIMARY KEY,
  utility TEXT NOT NULL, person TEXT NOT NULL, joined_ms INTEGER NOT NULL,
  moved_in_micro INTEGER NOT NULL, moved_in_rest INTEGER NOT NULL,
  arrears_micro INTEGER NOT NULL, arrears_rest INTEGER NOT NULL,
  granted_micro INTEGER NOT NULL, granted_rest INTEGER NOT NULL,
  lent_micro INTEGER NOT NULL, lent_rest INTEGER NOT NULL,
  drawn_ms INTEGER
) STRICT;
",
    digests: &[
        "SELECT a.account, p.* FROM prepayment p JOIN accounts a USING (account_no) ORDER BY a.account_no",
    ],
};

/// One who has joined.
#[derive(Debug, Clone)]
pub(crate) struct Prepayment {
    utility: Utility,
    person: OpaqueRef,
    joined: Timestamp,
    moved_in: Money,
    /// What is left of the arrears.
    pub(crate) arrears: Money,
    granted: Money,
    lent: Money,
    drawn: Option<Timestamp>,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "seven kinds of event concern those who have joined"
)]
pub(crate) fn fold(sheet: &mut Sheet, fact: &AccountFact) -> Result<(), FoldError> {
    match &fact.event {
        AccountEvent::SchemeJoined(e) => {
            sheet.prepayment = Some(Part::fresh(Prepayment {
                utility: e.u,
                person: e.p.clone(),
                joined: fact.at,
                moved_in: Money::ZERO,
                arrears: Money::ZERO,
                granted: Money::ZERO,
                lent: Money::ZERO,
                drawn: None,
            }));
        }
        AccountEvent::ArrearsMovedIn(e) => {
            let row = joined(sheet)?;
            row.moved_in += e.a;
            row.arrears += e.a;
        }
        AccountEvent::InitialCreditGranted(e) => joined(sheet)?.granted += e.a,
        AccountEvent::EmergencyCreditDrawn(e) => {
            let row = joined(sheet)?;
            row.lent += e.a;
            row.drawn = Some(fact.at);
        }
        AccountEvent::ArrearsPaid(e) => joined(sheet)?.arrears -= e.a,
        AccountEvent::CreditToppedUp(e) => settle(sheet, e.arr, e.rep + e.wd)?,
        AccountEvent::TopUpVoided(e) => settle(sheet, -e.arr, -(e.rep + e.wd))?,
        AccountEvent::AccountClosed(e) => {
            let arrears: Money = e.w.iter().map(|w| w.arr).sum();
            let emergency: Money = e.w.iter().map(|w| w.em).sum();
            settle(sheet, arrears, emergency)?;
        }
        _ => {}
    }
    Ok(())
}

/// Lowers the arrears and what is lent.
fn settle(sheet: &mut Sheet, arrears: Money, emergency: Money) -> Result<(), FoldError> {
    if arrears.is_zero() && emergency.is_zero() {
        return Ok(());
    }
    let row = joined(sheet)?;
    row.arrears -= arrears;
    row.lent -= emergency;
    Ok(())
}

fn joined(sheet: &mut Sheet) -> Result<&mut Prepayment, FoldError> {
    let row = sheet.prepayment.as_mut().map(Part::edit);
    row.ok_or_else(|| {
        FoldError::Contradiction(
            "arrears or emergency credit move in an account that has not joined".to_owned(),
        )
    })
}

pub(crate) fn load(conn: &Connection, account_no: i64) -> rusqlite::Result<Option<Prepayment>> {
    conn.prepare_cached(
        "SELECT utility, person, joined_ms, moved_in_micro, moved_in_rest, arrears_micro, arrears_rest,
                granted_micro, granted_rest, lent_micro, lent_rest, drawn_ms
         FROM prepayment WHERE account_no = ?1",
    )?
    .query_row([account_no], |row| {
        let mut cells = Cells::of(row);
        Ok(Prepayment {
            utility: cells.utility()?,
            person: cells.name(OpaqueRef::parse)?,
            joined: cells.time()?,
            moved_in: cells.money()?,
            arrears: cells.money()?,
            granted: cells.money()?,
            lent: cells.money()?,
            drawn: cells.time_opt()?,
        })
    })
    .optional()
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO prepayment VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    )?;
    for sheet in sheets {
        let no = sheet.no;
        let Some(row) = sheet.prepayment.as_mut().and_then(Part::take_changed) else {
            continue;
        };
        let (moved_in_micro, moved_in_rest) = parts(row.moved_in);
        let (arrears_micro, arrears_rest) = parts(row.arrears);
        let (granted_micro, granted_rest) = parts(row.granted);
        let (lent_micro, lent_rest) = parts(row.lent);
        statement.execute(params![
            no,
            row.utility.code(),
            row.person.as_str(),
            row.joined.as_millis(),
            moved_in_micro,
            moved_in_rest,
            arrears_micro,
            arrears_rest,
            granted_micro,
            granted_rest,
            lent_micro,
            lent_rest,
            row.drawn.map(Timestamp::as_millis),
        ])?;
    }
    Ok(())
}
