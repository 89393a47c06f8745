//! Supply of each utility of an account: what was ordered, whether the meter confirmed it (C20).

use ledger_core::event::{AccountEvent, SupplyOrdered, SupplyReason};
use ledger_core::ids::MeterNumber;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::fact::AccountFact;
use crate::sheet::Sheet;
use crate::sql::{Cells, Table, count};

pub(crate) const TABLE: Table = Table {
    projection: "supply",
    version: 2,
    create: "
CREATE TABLE supply (
  account_no INTEGER NOT NULL, utility TEXT NOT NULL,
  meter TEXT,
  ordered TEXT NOT NULL CHECK (ordered IN ('on', 'off')),
  order_no INTEGER NOT NULL, reason TEXT, ordered_ms INTEGER, until_ms INTEGER,
  unconfirmed INTEGER NOT NULL, sent INTEGER NOT NULL, confirmed_ms INTEGER,
  disconnections INTEGER NOT NULL, reconnections INTEGER NOT NULL,
  cut_waits_ms INTEGER,
  PRIMARY KEY (account_no, utility)
) STRICT, WITHOUT ROWID;
",
    digests: &[
        "SELECT a.account, s.* FROM supply s JOIN accounts a USING (account_no) ORDER BY a.account_no, s.utility",
    ],
};

/// Supply of one utility.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supply {
    /// Meter in place.
    pub(crate) meter: Option<MeterNumber>,
    /// Ordered off.
    pub(crate) off: bool,
    order_no: u32,
    reason: Option<SupplyReason>,
    ordered_at: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    /// The newest order waits for the meter.
    pub(crate) unconfirmed: bool,
    sent: u32,
    confirmed_at: Option<Timestamp>,
    disconnections: u64,
    reconnections: u64,
    /// End of the quiet time for which a cut waits (C15).
    pub(crate) cut_waits_until: Option<Timestamp>,
}

impl Supply {
    fn order(&mut self, e: &SupplyOrdered, at: Timestamp, off: bool) {
        self.off = off;
        self.order_no = e.n;
        self.reason = Some(e.why);
        self.ordered_at = Some(at);
        self.until = Some(e.until);
        self.unconfirmed = true;
        self.sent = 1;
        self.confirmed_at = None;
        self.cut_waits_until = None;
        if off {
            self.disconnections += 1;
        } else {
            self.reconnections += 1;
        }
    }

    /// A meter was put in place: supply flows, no order is open.
    fn put_in_place(&mut self, meter: &MeterNumber) {
        self.meter = Some(meter.clone());
        self.off = false;
        self.unconfirmed = false;
        self.until = None;
        self.cut_waits_until = None;
    }
}

/// The stable word of a reason.
pub(crate) const fn reason_code(reason: SupplyReason) -> &'static str {
    match reason {
        SupplyReason::NoFirstTopUp => "no-first-top-up",
        SupplyReason::NoCredit => "no-credit",
        SupplyReason::FirstTopUp => "first-top-up",
        SupplyReason::CreditRestored => "credit-restored",
        SupplyReason::Staff => "staff",
        SupplyReason::DuesUnpaid => "dues-unpaid",
        SupplyReason::DuesPaid => "dues-paid",
        SupplyReason::OnRequest => "on-request",
    }
}

pub(crate) fn parse_reason(text: &str) -> Option<SupplyReason> {
    [
        SupplyReason::NoFirstTopUp,
        SupplyReason::NoCredit,
        SupplyReason::FirstTopUp,
        SupplyReason::CreditRestored,
        SupplyReason::Staff,
        SupplyReason::DuesUnpaid,
        SupplyReason::DuesPaid,
        SupplyReason::OnRequest,
    ]
    .into_iter()
    .find(|reason| reason_code(*reason) == text)
}

pub(crate) fn fold(sheet: &mut Sheet, fact: &AccountFact) {
    match &fact.event {
        AccountEvent::MeterInstalled(e) => sheet.supply_mut(e.u).edit().put_in_place(&e.m),
        AccountEvent::MeterExchanged(e) => sheet.supply_mut(e.u).edit().meter = Some(e.new.clone()),
        AccountEvent::MeterRemoved(e) => {
            let supply = sheet.supply_mut(e.u).edit();
            supply.meter = None;
            supply.cut_waits_until = None;
            supply.unconfirmed = false;
            supply.until = None;
        }
        AccountEvent::SupplyDisconnectionOrdered(e) => {
            sheet.supply_mut(e.u).edit().order(e, fact.at, true);
        }
        AccountEvent::SupplyReconnectionOrdered(e) => {
            sheet.supply_mut(e.u).edit().order(e, fact.at, false);
        }
        AccountEvent::MeterOrderRepeated(e) => {
            let supply = sheet.supply_mut(e.u).edit();
            supply.order_no = e.n;
            supply.until = Some(e.until);
            supply.sent += 1;
        }
        AccountEvent::MeterOrderConfirmed(e) => {
            let supply = sheet.supply_mut(e.u).edit();
            supply.unconfirmed = false;
            supply.until = None;
            supply.confirmed_at = Some(e.t);
        }
        AccountEvent::SupplyDisconnectionDeferred(e) => {
            sheet.supply_mut(e.u).edit().cut_waits_until = Some(e.until);
        }
        AccountEvent::SupplyDisconnectionCancelled(e) => {
            sheet.supply_mut(e.u).edit().cut_waits_until = None;
        }
        AccountEvent::AccountClosed(_)
        | AccountEvent::AccountOpened(_)
        | AccountEvent::MeterActivated(_)
        | AccountEvent::ConsumptionCharged(_)
        | AccountEvent::ConsumptionCorrected(_)
        | AccountEvent::ReadingSettling(_)
        | AccountEvent::GapSettled(_)
        | AccountEvent::LateReadingKept(_)
        | AccountEvent::ConflictingReadingKept(_)
        | AccountEvent::ReadingQuarantined(_)
        | AccountEvent::MeterExchangeSuspected(_)
        | AccountEvent::SuspicionWithdrawn(_)
        | AccountEvent::QuarantineDiscarded(_)
        | AccountEvent::CreditToppedUp(_)
        | AccountEvent::TopUpVoided(_)
        | AccountEvent::LegacyCreditRegistered(_)
        | AccountEvent::LegacyCreditChoiceMade(_)
        | AccountEvent::LegacyCreditRefunded(_)
        | AccountEvent::PaymentResponsibleChanged(_)
        | AccountEvent::AccountRenumbered(_)
        | AccountEvent::LegacyCreditEntered(_)
        | AccountEvent::CreditTransferred(_)
        | AccountEvent::CreditMovedIn(_)
        | AccountEvent::LowCreditNoticed(_)
        | AccountEvent::DebtAgreed(_)
        | AccountEvent::DebtPaid(_)
        | AccountEvent::DebtRescheduled(_)
        | AccountEvent::SchemeJoined(_)
        | AccountEvent::ArrearsMovedIn(_)
        | AccountEvent::InitialCreditGranted(_)
        | AccountEvent::EmergencyCreditDrawn(_)
        | AccountEvent::ArrearsPaid(_)
        | AccountEvent::CreditDelivered(_)
        | AccountEvent::Billing(_) => {}
    }
}

pub(crate) fn load(
    conn: &Connection,
    account_no: i64,
    utility: Utility,
) -> rusqlite::Result<Option<Supply>> {
    conn.prepare_cached(
        "SELECT meter, ordered, order_no, reason, ordered_ms, until_ms, unconfirmed, sent, confirmed_ms,
                disconnections, reconnections, cut_waits_ms
         FROM supply WHERE account_no = ?1 AND utility = ?2",
    )?
    .query_row(params![account_no, utility.code()], |row| {
        let mut cells = Cells::of(row);
        Ok(Supply {
            meter: cells.name_opt(MeterNumber::parse)?,
            off: cells.get::<String>()? == "off",
            order_no: cells.count32()?,
            reason: reason(&mut cells)?,
            ordered_at: cells.time_opt()?,
            until: cells.time_opt()?,
            unconfirmed: cells.get()?,
            sent: cells.count32()?,
            confirmed_at: cells.time_opt()?,
            disconnections: cells.count()?,
            reconnections: cells.count()?,
            cut_waits_until: cells.time_opt()?,
        })
    })
    .optional()
}

/// Reads a reason's word.
pub(crate) fn reason(cells: &mut Cells<'_, '_>) -> rusqlite::Result<Option<SupplyReason>> {
    let text: Option<String> = cells.get()?;
    text.map(|text| {
        parse_reason(&text).ok_or_else(|| cells.bad(Type::Text, "not a reason of supply"))
    })
    .transpose()
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO supply VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    )?;
    for sheet in sheets {
        let no = sheet.no;
        for utility in Utility::ALL {
            let Some(part) = sheet.supply.of_mut(utility) else {
                continue;
            };
            let Some(row) = part.take_changed() else {
                continue;
            };
            statement.execute(params![
                no,
                utility.code(),
                row.meter.as_ref().map(MeterNumber::as_str),
                if row.off { "off" } else { "on" },
                row.order_no,
                row.reason.map(reason_code),
                row.ordered_at.map(Timestamp::as_millis),
                row.until.map(Timestamp::as_millis),
                row.unconfirmed,
                row.sent,
                row.confirmed_at.map(Timestamp::as_millis),
                count(row.disconnections),
                count(row.reconnections),
                row.cut_waits_until.map(Timestamp::as_millis),
            ])?;
        }
    }
    Ok(())
}
