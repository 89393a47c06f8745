//! Receipts, and the daily settlement of each channel (C14).
//!
//! A receipt is what a payer holds: a top-up, a debt payment, a void. A settlement line is money that a
//! channel took or gave back on a local day. They differ where suspense is involved: the money is
//! listed on the day it was taken, and the receipt of its allocation is no line.

use ledger_core::event::{
    AccountEvent, ApplicationEvent, BillingEvent, ClosedTo, Payment, SuspenseEvent,
};
use ledger_core::ids::{ChannelId, MeterNumber, Reference};
use ledger_core::num::Money;
use ledger_core::postings::{LedgerAccount, Posting};
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;

use crate::fact::AccountFact;
use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table, count, parts};

pub(crate) const TABLE: Table = Table {
    projection: "receipts",
    version: 2,
    create: "
CREATE TABLE receipts (
  receipt_id INTEGER PRIMARY KEY,
  receipt TEXT NOT NULL, kind TEXT NOT NULL,
  account_no INTEGER NOT NULL, utility TEXT NOT NULL, meter TEXT,
  amount_micro INTEGER NOT NULL, amount_rest INTEGER NOT NULL,
  balance_micro INTEGER NOT NULL, balance_rest INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, channel TEXT NOT NULL, reference TEXT NOT NULL, day TEXT NOT NULL,
  first INTEGER NOT NULL, from_suspense INTEGER NOT NULL, voided INTEGER NOT NULL,
  arrears_micro INTEGER NOT NULL, arrears_rest INTEGER NOT NULL,
  repaid_micro INTEGER NOT NULL, repaid_rest INTEGER NOT NULL,
  withdrawn_micro INTEGER NOT NULL, withdrawn_rest INTEGER NOT NULL
) STRICT;
CREATE INDEX receipts_by_number ON receipts (receipt);
CREATE INDEX receipts_by_account ON receipts (account_no, receipt_id);
CREATE INDEX receipts_by_reference ON receipts (channel, reference);
CREATE TABLE settlement_lines (
  line_id INTEGER PRIMARY KEY,
  channel TEXT NOT NULL, day TEXT NOT NULL, kind TEXT NOT NULL,
  reference TEXT NOT NULL, receipt TEXT, account_no INTEGER,
  amount_micro INTEGER NOT NULL, amount_rest INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX settlement_lines_by_day ON settlement_lines (channel, day, line_id);
CREATE TABLE settlement_days (
  channel TEXT NOT NULL, day TEXT NOT NULL,
  lines INTEGER NOT NULL,
  amount_micro INTEGER NOT NULL, amount_rest INTEGER NOT NULL,
  posted_micro INTEGER NOT NULL, posted_rest INTEGER NOT NULL,
  PRIMARY KEY (channel, day)
) STRICT, WITHOUT ROWID;
",
    digests: &[
        "SELECT a.account, r.* FROM receipts r JOIN accounts a USING (account_no) ORDER BY r.receipt_id",
        "SELECT '', s.* FROM settlement_lines s ORDER BY s.line_id",
        "SELECT '', d.* FROM settlement_days d ORDER BY d.channel, d.day",
    ],
};

/// Days kept in memory between batches; a year of days for a few dozen channels.
const DAYS_KEPT_MAX: usize = 16_384;

/// What is known of a receipt when it is folded.
struct ReceiptRow {
    id: i64,
    receipt: String,
    kind: &'static str,
    account_no: i64,
    utility: Utility,
    meter: Option<MeterNumber>,
    amount: Money,
    balance: Money,
    at: Timestamp,
    pay: Payment,
    first: bool,
    /// To arrears, repaid and withdrawn emergency credit.
    split: [Money; 3],
}

struct SettlementLine {
    id: i64,
    channel: ChannelId,
    day: LocalDate,
    kind: &'static str,
    reference: Reference,
    receipt: Option<String>,
    account_no: Option<i64>,
    amount: Money,
    at: Timestamp,
}

#[derive(Debug, Clone, Copy, Default)]
struct Day {
    lines: u64,
    amount: Money,
    posted: Money,
}

/// Receipts and lines that wait to be written, and the days they belong to.
pub(crate) struct Receipts {
    newest_receipt: i64,
    newest_line: i64,
    receipts: Vec<ReceiptRow>,
    lines: Vec<SettlementLine>,
    days: FxHashMap<(ChannelId, LocalDate), Part<Day>>,
}

impl Receipts {
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let newest = conn.query_row(
            "SELECT (SELECT ifnull(max(receipt_id), 0) FROM receipts), (SELECT ifnull(max(line_id), 0) FROM settlement_lines)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(Self {
            newest_receipt: newest.0,
            newest_line: newest.1,
            receipts: Vec::new(),
            lines: Vec::new(),
            days: FxHashMap::default(),
        })
    }

    /// After the sheet's balances are those after the event.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "five kinds of event move a channel's money"
    )]
    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        sheet: &Sheet,
        fact: &AccountFact,
        postings: &[Posting],
    ) -> rusqlite::Result<()> {
        let (kind, pay, utility, amount) = match &fact.event {
            AccountEvent::CreditToppedUp(e) => ("top-up", &e.pay, e.u, e.a),
            AccountEvent::TopUpVoided(e) => ("void", &e.pay, e.u, -e.a),
            AccountEvent::DebtPaid(e) => ("debt", &e.pay, e.u, e.a),
            AccountEvent::ArrearsPaid(e) => ("arrears", &e.pay, e.u, e.a),
            AccountEvent::Billing(BillingEvent::BillPaid(e)) => ("bill", &e.pay, e.u, e.a),
            AccountEvent::Billing(BillingEvent::SecurityDepositPaid(e)) => {
                ("deposit", &e.pay, e.u, e.a)
            }
            AccountEvent::Billing(BillingEvent::CreditPaidOut(e)) => {
                let line = self.line(&e.pay, "paid-out", -e.a, fact.at);
                return self.paid_out(conn, sheet, line, postings);
            }
            AccountEvent::Billing(BillingEvent::SecurityDepositReturned(e)) => {
                let line = self.line(&e.pay, "paid-out", -e.a, fact.at);
                return self.paid_out(conn, sheet, line, postings);
            }
            AccountEvent::AccountClosed(e) => {
                let ClosedTo::PaidOut(pay) = &e.to else {
                    return Ok(());
                };
                let out: Money = e.w.iter().map(|wallet| wallet.out).sum();
                let line = self.line(pay, "paid-out", -out, fact.at);
                return self.paid_out(conn, sheet, line, postings);
            }
            AccountEvent::LegacyCreditRefunded(e) => {
                let line = self.line(&e.pay, "paid-out", -e.a, fact.at);
                return self.paid_out(conn, sheet, line, postings);
            }
            _ => return Ok(()),
        };
        let wallet = sheet.wallets.of(utility).as_ref().map(Part::get);
        let balance = match &fact.event {
            AccountEvent::DebtPaid(_) => sheet.debt.as_ref().map(|debt| debt.get().balance()),
            AccountEvent::ArrearsPaid(_) => {
                let joined = sheet.prepayment.as_ref().map(Part::get);
                joined.map(|joined| joined.arrears)
            }
            AccountEvent::Billing(_) => sheet.consumer.as_ref().map(|c| c.get().owed()),
            _ => wallet.map(|wallet| wallet.credit),
        };
        let (receipt, meter, had_been_first) = named(&fact.event);
        let first =
            had_been_first || (kind == "top-up" && wallet.is_some_and(|w| w.newest_was_first));
        self.newest_receipt += 1;
        self.receipts.push(ReceiptRow {
            id: self.newest_receipt,
            receipt: receipt.clone(),
            kind,
            account_no: sheet.no,
            utility,
            meter,
            amount,
            balance: balance.unwrap_or(Money::ZERO),
            at: fact.at,
            pay: pay.clone(),
            first,
            split: split_of(&fact.event),
        });
        if pay.sus {
            return Ok(());
        }
        let mut line = self.line(pay, kind, amount, fact.at);
        line.account_no = Some(sheet.no);
        line.receipt = Some(receipt);
        self.settle(conn, line, postings)
    }

    fn paid_out(
        &mut self,
        conn: &Connection,
        sheet: &Sheet,
        mut line: SettlementLine,
        postings: &[Posting],
    ) -> rusqlite::Result<()> {
        line.account_no = Some(sheet.no);
        self.settle(conn, line, postings)
    }

    /// Money of suspense is settled on the day it was taken, and on the day it was returned.
    pub(crate) fn fold_suspense(
        &mut self,
        conn: &Connection,
        at: Timestamp,
        event: &SuspenseEvent,
        postings: &[Posting],
    ) -> rusqlite::Result<()> {
        let line = match event {
            SuspenseEvent::PaymentSuspended(e) => self.line(&e.pay, "suspended", e.a, at),
            SuspenseEvent::SuspenseReturned(e) => self.line(&e.pay, "returned", -e.a, at),
            SuspenseEvent::SuspenseAllocated(_) => return Ok(()),
        };
        self.settle(conn, line, postings)
    }

    /// What is paid for a connection is a line before there is an account; its receipt stands with the
    /// application.
    pub(crate) fn fold_application(
        &mut self,
        conn: &Connection,
        at: Timestamp,
        event: &ApplicationEvent,
        postings: &[Posting],
    ) -> rusqlite::Result<()> {
        let ApplicationEvent::ConnectionChargePaid(paid) = event else {
            return Ok(());
        };
        let mut line = self.line(&paid.pay, "deposit", paid.a, at);
        line.receipt = Some(paid.rc.to_string());
        self.settle(conn, line, postings)
    }

    fn line(
        &self,
        pay: &Payment,
        kind: &'static str,
        amount: Money,
        at: Timestamp,
    ) -> SettlementLine {
        SettlementLine {
            id: self.newest_line + 1,
            channel: pay.ch.clone(),
            day: pay.d,
            kind,
            reference: pay.rf.clone(),
            receipt: None,
            account_no: None,
            amount,
            at,
        }
    }

    fn settle(
        &mut self,
        conn: &Connection,
        line: SettlementLine,
        postings: &[Posting],
    ) -> rusqlite::Result<()> {
        let posted = postings
            .iter()
            .filter(
                |p| matches!(&p.account, LedgerAccount::ChannelReceivable(c) if *c == line.channel),
            )
            .map(|p| p.amount)
            .sum::<Money>();
        let key = (line.channel.clone(), line.day);
        if !self.days.contains_key(&key) {
            let stored = load_day(conn, &key)?;
            self.days
                .insert(key.clone(), Part::stored(stored.unwrap_or_default()));
        }
        if let Some(day) = self.days.get_mut(&key) {
            let day = day.edit();
            day.lines += 1;
            day.amount += line.amount;
            day.posted += posted;
        }
        self.newest_line = line.id;
        self.lines.push(line);
        Ok(())
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.receipts.len() + self.lines.len()
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.write_receipts(tx)?;
        let mut statement = tx.prepare_cached(
            "INSERT INTO settlement_lines VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
        )?;
        for line in self.lines.drain(..) {
            let (micro, rest) = parts(line.amount);
            statement.execute(params![
                line.id,
                line.channel.as_str(),
                line.day.to_string(),
                line.kind,
                line.reference.as_str(),
                line.receipt,
                line.account_no,
                micro,
                rest,
                line.at.as_millis(),
            ])?;
        }
        let mut statement = tx.prepare_cached(
            "INSERT OR REPLACE INTO settlement_days VALUES (?1,?2,?3,?4,?5,?6,?7)",
        )?;
        for ((channel, day), part) in &mut self.days {
            let Some(row) = part.take_changed() else {
                continue;
            };
            let (amount_micro, amount_rest) = parts(row.amount);
            let (posted_micro, posted_rest) = parts(row.posted);
            let (channel, day) = (channel.as_str(), day.to_string());
            let lines = count(row.lines);
            statement.execute(params![
                channel,
                day,
                lines,
                amount_micro,
                amount_rest,
                posted_micro,
                posted_rest
            ])?;
        }
        if self.days.len() > DAYS_KEPT_MAX {
            self.days.clear();
        }
        Ok(())
    }

    /// A void has its top-up's meter, and marks the top-up.
    fn write_receipts(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut insert = tx.prepare_cached(
            "INSERT INTO receipts VALUES (?1,?2,?3,?4,?5,
               ifnull(?6, (SELECT meter FROM receipts WHERE receipt = ?2 AND kind = 'top-up')),
               ?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,0,?17,?18,?19,?20,?21,?22)",
        )?;
        let mut void = tx.prepare_cached(
            "UPDATE receipts SET voided = 1 WHERE receipt = ?1 AND kind = 'top-up'",
        )?;
        for row in self.receipts.drain(..) {
            let (amount_micro, amount_rest) = parts(row.amount);
            let (balance_micro, balance_rest) = parts(row.balance);
            let [arrears, repaid, withdrawn] = row.split;
            let (arrears_micro, arrears_rest) = parts(arrears);
            let (repaid_micro, repaid_rest) = parts(repaid);
            let (withdrawn_micro, withdrawn_rest) = parts(withdrawn);
            insert.execute(params![
                row.id,
                row.receipt,
                row.kind,
                row.account_no,
                row.utility.code(),
                row.meter.as_ref().map(MeterNumber::as_str),
                amount_micro,
                amount_rest,
                balance_micro,
                balance_rest,
                row.at.as_millis(),
                row.pay.ch.as_str(),
                row.pay.rf.as_str(),
                row.pay.d.to_string(),
                row.first,
                row.pay.sus,
                arrears_micro,
                arrears_rest,
                repaid_micro,
                repaid_rest,
                withdrawn_micro,
                withdrawn_rest,
            ])?;
            if row.kind == "void" {
                void.execute([&row.receipt])?;
            }
        }
        Ok(())
    }
}

/// What of a top-up, or of its void, was no new credit.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events are not split"
)]
fn split_of(event: &AccountEvent) -> [Money; 3] {
    match event {
        AccountEvent::CreditToppedUp(e) => [e.arr, e.rep, e.wd],
        AccountEvent::TopUpVoided(e) => [-e.arr, -e.rep, -e.wd],
        _ => [Money::ZERO; 3],
    }
}

/// Receipt number, meter, and whether a voided top-up had been the wallet's first.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events have no receipt"
)]
fn named(event: &AccountEvent) -> (String, Option<MeterNumber>, bool) {
    match event {
        AccountEvent::CreditToppedUp(e) => (e.rc.to_string(), Some(e.m.clone()), false),
        AccountEvent::TopUpVoided(e) => (e.rc.to_string(), None, e.first),
        AccountEvent::DebtPaid(e) => (e.rc.to_string(), None, false),
        AccountEvent::ArrearsPaid(e) => (e.rc.to_string(), None, false),
        AccountEvent::Billing(BillingEvent::BillPaid(e)) => (e.rc.to_string(), None, false),
        AccountEvent::Billing(BillingEvent::SecurityDepositPaid(e)) => {
            (e.rc.to_string(), None, false)
        }
        _ => (String::new(), None, false),
    }
}

fn load_day(conn: &Connection, key: &(ChannelId, LocalDate)) -> rusqlite::Result<Option<Day>> {
    conn.prepare_cached(
        "SELECT lines, amount_micro, amount_rest, posted_micro, posted_rest
         FROM settlement_days WHERE channel = ?1 AND day = ?2",
    )?
    .query_row(params![key.0.as_str(), key.1.to_string()], |row| {
        let mut cells = Cells::of(row);
        Ok(Day {
            lines: cells.count()?,
            amount: cells.money()?,
            posted: cells.money()?,
        })
    })
    .optional()
}
