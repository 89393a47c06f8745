//! The fold: what one event does to every projection, in memory, and writing the changed rows.
//!
//! Nothing is written between flushes. A fold that failed is thrown away whole: what is stored is then
//! the state of the last flush, and its checkpoint says so.

use event_store::Position;
use ledger_core::event::{AccountEvent, ConsumptionCorrected, MeterExchanged, OtherMeter};
use ledger_core::ids::AccountId;
use ledger_core::postings;
use rusqlite::{Connection, Transaction};
use rustc_hash::FxHashMap;

use crate::error::FoldError;
use crate::fact::{AccountFact, Body, Fact};
use crate::models::accounts::{AccountRow, MeterRow};
use crate::models::applications::Applications;
use crate::models::bills::Bills;
use crate::models::complaints::Complaints;
use crate::models::consumers::StatusCounts;
use crate::models::consumption::Usage;
use crate::models::counts::Counts;
use crate::models::exceptions::Spells;
use crate::models::legacy::LegacyCredits;
use crate::models::numbers::Numbers;
use crate::models::receipts::Receipts;
use crate::models::revenue::Revenue;
use crate::models::suspense::Suspense;
use crate::models::trial::Trial;
use crate::models::workorders::WorkOrders;
use crate::models::{
    accounts, balances, consumers, consumption, deadlines, debts, exceptions, prepayment, supply,
};
use crate::sheet::{MeterSheet, Part, Sheet};

/// Accounts kept in memory between batches: about 1.5 KiB each, so 600 MiB at most. Colder ones are
/// read back when they are next touched.
const SHEETS_KEPT_MAX: usize = 400_000;

/// Every projection, in memory.
pub(crate) struct Fold {
    places: FxHashMap<AccountId, usize>,
    sheets: Vec<Sheet>,
    /// Places of the sheets that wait to be written.
    queue: Vec<usize>,
    newest_account: i64,
    newest_meter: i64,
    receipts: Receipts,
    bills: Bills,
    suspense: Suspense,
    legacy: LegacyCredits,
    work_orders: WorkOrders,
    numbers: Numbers,
    applications: Applications,
    complaints: Complaints,
    trial: Trial,
    counts: Counts,
    statuses: StatusCounts,
    revenue: Revenue,
    /// Events folded since the store's first.
    events: u64,
    /// Position of the newest event folded.
    position: Option<Position>,
}

impl Fold {
    /// The fold as it stands in a file.
    pub(crate) fn load(
        conn: &Connection,
        position: Option<Position>,
        events: u64,
    ) -> rusqlite::Result<Self> {
        let (newest_account, newest_meter) = accounts::newest_numbers(conn)?;
        Ok(Self {
            places: FxHashMap::default(),
            sheets: Vec::new(),
            queue: Vec::new(),
            newest_account,
            newest_meter,
            receipts: Receipts::load(conn)?,
            bills: Bills::load(conn)?,
            suspense: Suspense::default(),
            legacy: LegacyCredits::default(),
            work_orders: WorkOrders::default(),
            numbers: Numbers::default(),
            applications: Applications::default(),
            complaints: Complaints::default(),
            trial: Trial::load(conn)?,
            counts: Counts::load(conn)?,
            statuses: StatusCounts::default(),
            revenue: Revenue::default(),
            events,
            position,
        })
    }

    pub(crate) fn position(&self) -> Option<Position> {
        self.position
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// About how many rows a flush would write.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
            + self.receipts.waiting()
            + self.bills.waiting()
            + self.suspense.waiting()
            + self.legacy.waiting()
            + self.work_orders.waiting()
            + self.numbers.waiting()
            + self.applications.waiting()
            + self.complaints.waiting()
    }

    /// Folds one event. The connection is read for rows that are not in memory.
    pub(crate) fn apply(&mut self, conn: &Connection, fact: &Fact) -> Result<(), FoldError> {
        if self.position.is_some_and(|at| at >= fact.position) {
            return Err(FoldError::Contradiction(
                "the store gave an event twice or out of order".to_owned(),
            ));
        }
        self.counts.count_kind(fact.kind);
        match &fact.body {
            Body::Account(inner) => self.apply_account(conn, inner)?,
            Body::Suspense { key, at, event } => {
                let lines = postings::of(&ledger_core::event::Event::Suspense(event.clone()), None);
                self.suspense.fold(conn, key, *at, event)?;
                self.receipts.fold_suspense(conn, *at, event, &lines)?;
                self.trial.fold(&lines);
            }
            Body::Gateway(received) => self.counts.fold_received(received),
            Body::WorkOrder { id, at, event } => self.work_orders.fold(conn, id, *at, event)?,
            Body::Application { id, at, event } => {
                let all = ledger_core::event::Event::Application(event.clone());
                let lines = postings::of(&all, None);
                self.applications.fold(conn, id, *at, event)?;
                self.receipts.fold_application(conn, *at, event, &lines)?;
                self.trial.fold(&lines);
            }
            Body::Complaint { id, at, event } => self.complaints.fold(conn, id, *at, event)?,
            Body::Reserved => {}
            Body::Number { at, event } => self.numbers.fold(*at, event),
            Body::Meter
            | Body::Key
            | Body::InitialCredit
            | Body::Legacy
            | Body::Scheme
            | Body::Bookkeeping => {}
        }
        self.events += 1;
        self.position = Some(fact.position);
        Ok(())
    }

    fn apply_account(&mut self, conn: &Connection, fact: &AccountFact) -> Result<(), FoldError> {
        let place = self.place_of(conn, fact)?;
        let Some(sheet) = self.sheets.get_mut(place) else {
            return Err(FoldError::Contradiction(
                "an account has lost its place in memory".to_owned(),
            ));
        };
        if !sheet.queued {
            sheet.queued = true;
            self.queue.push(place);
        }
        let lines = postings::of_account(&fact.account, &fact.event);
        // A suspicion is ended on the old meter before an exchange brings the new one.
        exceptions::fold(sheet, fact);
        fold_life(sheet, &mut self.newest_meter, fact)?;
        balances::fold(sheet, fact, &lines);
        balances::statement::fold(sheet, fact, &lines);
        supply::fold(sheet, fact);
        debts::fold(sheet, fact)?;
        prepayment::fold(sheet, fact)?;
        // A bill lists what was owed before it was paid.
        self.bills.fold(sheet, fact);
        consumers::fold(conn, sheet, &mut self.statuses, fact)?;
        if let AccountEvent::ConsumptionCharged(e) = &fact.event {
            let meter = sheet
                .meter_mut(&e.m)
                .ok_or_else(|| unknown_meter(e.m.as_str()))?;
            meter.usage.fold(conn, meter.no, e)?;
        }
        if let AccountEvent::ConsumptionCorrected(e) = &fact.event {
            correct(conn, sheet, e)?;
        }
        deadlines::fold_settling(sheet, &fact.event);
        deadlines::fold(sheet);
        self.legacy.fold(conn, sheet.no, fact)?;
        self.receipts.fold(conn, sheet, fact, &lines)?;
        self.revenue.fold(conn, sheet, fact, &lines)?;
        self.trial.fold(&lines);
        self.counts.fold(&fact.event);
        Ok(())
    }

    fn place_of(&mut self, conn: &Connection, fact: &AccountFact) -> Result<usize, FoldError> {
        if let Some(place) = self.places.get(&fact.account) {
            return Ok(*place);
        }
        let account = &fact.account;
        let sheet = match (Sheet::load(conn, account.as_str())?, &fact.event) {
            (Some(sheet), _) => sheet,
            (None, AccountEvent::AccountOpened(e)) => {
                self.newest_account += 1;
                Sheet::opened(self.newest_account, AccountRow::opened(e, fact.at))
            }
            (None, _) => {
                return Err(FoldError::Contradiction(format!(
                    "account {account} has facts before it was opened"
                )));
            }
        };
        let place = self.sheets.len();
        self.sheets.push(sheet);
        self.places.insert(account.clone(), place);
        Ok(place)
    }

    /// Writes every changed row.
    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut waiting = pick(&mut self.sheets, &mut self.queue);
        waiting.sort_unstable_by_key(|sheet| sheet.no);
        accounts::write(tx, &mut waiting)?;
        balances::write(tx, &mut waiting)?;
        supply::write(tx, &mut waiting)?;
        deadlines::write(tx, &mut waiting)?;
        debts::write(tx, &mut waiting)?;
        prepayment::write(tx, &mut waiting)?;
        consumers::write(tx, &mut waiting)?;
        exceptions::write(tx, &mut waiting)?;
        consumption::write(tx, &mut waiting)?;
        for sheet in waiting {
            sheet.queued = false;
        }
        self.queue.clear();
        self.receipts.write(tx)?;
        self.bills.write(tx)?;
        self.suspense.write(tx)?;
        self.legacy.write(tx)?;
        self.work_orders.write(tx)?;
        self.numbers.write(tx)?;
        self.applications.write(tx)?;
        self.complaints.write(tx)?;
        self.trial.write(tx)?;
        self.statuses.write(tx)?;
        self.revenue.write(tx)?;
        self.counts.write(tx)
    }

    /// After a commit: keeps memory bounded.
    pub(crate) fn trim(&mut self) {
        if self.sheets.len() > SHEETS_KEPT_MAX {
            self.places.clear();
            self.sheets.clear();
        }
    }
}

/// The sheets at these places; leaves the places in order.
fn pick<'a>(sheets: &'a mut [Sheet], places: &mut [usize]) -> Vec<&'a mut Sheet> {
    places.sort_unstable();
    let mut picked = Vec::with_capacity(places.len());
    let (mut rest, mut passed) = (sheets, 0);
    for place in places.iter() {
        let Some((_, tail)) = rest.split_at_mut_checked(*place - passed) else {
            break;
        };
        let Some((sheet, after)) = tail.split_first_mut() else {
            break;
        };
        picked.push(sheet);
        rest = after;
        passed = *place + 1;
    }
    assert!(
        picked.len() == places.len(),
        "every queued sheet is in memory, once"
    );
    picked
}

/// What an event does to the account and its meters themselves.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "seven kinds of event change an account's or a meter's life"
)]
fn fold_life(
    sheet: &mut Sheet,
    newest_meter: &mut i64,
    fact: &AccountFact,
) -> Result<(), FoldError> {
    match &fact.event {
        AccountEvent::MeterInstalled(e) => put(sheet, newest_meter, MeterRow::installed(e)),
        AccountEvent::MeterActivated(e) => {
            let meter = sheet
                .meter_mut(&e.m)
                .ok_or_else(|| unknown_meter(e.m.as_str()))?;
            meter.row.edit().activated = Some(fact.at);
        }
        AccountEvent::MeterRemoved(e) => {
            let meter = sheet
                .meter_mut(&e.m)
                .ok_or_else(|| unknown_meter(e.m.as_str()))?;
            meter.row.edit().remove(e.t, e.v);
        }
        AccountEvent::MeterExchanged(e) => exchange(sheet, newest_meter, e)?,
        AccountEvent::PaymentResponsibleChanged(e) => {
            sheet.account.edit().customer = Some(e.p.clone());
        }
        AccountEvent::AccountClosed(_) => sheet.account.edit().closed = Some(fact.at),
        AccountEvent::AccountOpened(e) if e.account != fact.account => {
            let reason = format!(
                "account {} was opened in the stream of {}",
                e.account, fact.account
            );
            return Err(FoldError::Contradiction(reason));
        }
        _ => {}
    }
    Ok(())
}

/// Differences go to the days of whoever was there then: the meter itself, and those after it.
fn correct(
    conn: &Connection,
    sheet: &mut Sheet,
    e: &ConsumptionCorrected,
) -> Result<(), FoldError> {
    let meter = sheet
        .meter_at(&e.m, e.t)
        .ok_or_else(|| unknown_meter(e.m.as_str()))?;
    meter.usage.correct(conn, meter.no, (&e.p, &e.mn))?;
    meter.usage.take_in(conn, meter.no, e)?;
    for OtherMeter { m, t, p, mn } in &e.o {
        let other = sheet
            .meter_at(m, *t)
            .ok_or_else(|| unknown_meter(m.as_str()))?;
        other.usage.correct(conn, other.no, (p, mn))?;
    }
    Ok(())
}

fn exchange(
    sheet: &mut Sheet,
    newest_meter: &mut i64,
    e: &MeterExchanged,
) -> Result<(), FoldError> {
    let old = sheet
        .meter_mut(&e.m)
        .ok_or_else(|| unknown_meter(e.m.as_str()))?;
    old.row.edit().remove(e.t, e.v);
    let row = MeterRow::exchanged(e, Some(old.row.get()));
    put(sheet, newest_meter, row);
    Ok(())
}

fn put(sheet: &mut Sheet, newest_meter: &mut i64, row: MeterRow) {
    *newest_meter += 1;
    sheet.meters.push(MeterSheet {
        no: *newest_meter,
        row: Part::fresh(row),
        usage: Usage::default(),
        spells: Spells::default(),
    });
}

fn unknown_meter(number: &str) -> FoldError {
    FoldError::Contradiction(format!(
        "meter {number} was never installed in this account"
    ))
}
