//! Income, and what is taken for others, by scheme, month, utility, account of the chart and line (C2).
//!
//! Consumption counts in the months in which it was used, everything else in the month it was billed in.
//! Each row knows how many events posted it.

use std::collections::hash_map::Entry;

use ledger_core::event::{
    AccountEvent, BillingEvent, ConsumptionCharged, ConsumptionCorrected, LinePart,
};
use ledger_core::num::Money;
use ledger_core::postings::{LedgerAccount, Posting};
use ledger_core::tariff::LineKind;
use ledger_core::time::Month;
use ledger_core::utility::Utility;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use rustc_hash::FxHashMap;

use crate::error::FoldError;
use crate::fact::AccountFact;
use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table, count, parts};

pub(crate) const TABLE: Table = Table {
    projection: "revenue",
    version: 1,
    create: "
CREATE TABLE revenue_monthly (
  scheme TEXT NOT NULL, month TEXT NOT NULL, utility TEXT NOT NULL,
  ledger_account TEXT NOT NULL, line TEXT NOT NULL,
  amount_micro INTEGER NOT NULL, amount_rest INTEGER NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (scheme, month, utility, ledger_account, line)
) STRICT, WITHOUT ROWID;
",
    digests: &[
        "SELECT '', r.* FROM revenue_monthly r ORDER BY r.scheme, r.month, r.utility, r.ledger_account, r.line",
    ],
};

/// Rows kept in memory between batches: years of months of a few schemes.
const ROWS_KEPT_MAX: usize = 16_384;

/// An account of the chart. Nearly all of the log posts to revenue, whose name needs no text of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Account {
    Revenue,
    Other(String),
}

impl Account {
    fn of(account: &LedgerAccount) -> Self {
        match line_by(account) {
            Some("adjustment") => Self::Revenue,
            Some(_) | None => Self::Other(account.to_string()),
        }
    }

    fn name(&self, utility: Utility) -> String {
        match self {
            Self::Revenue => LedgerAccount::Revenue(utility).to_string(),
            Self::Other(name) => name.clone(),
        }
    }
}

/// One sum: credits less debits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Place in [`Revenue::schemes`].
    scheme: usize,
    month: Month,
    utility: Utility,
    account: Account,
    line: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    amount: Money,
    events: u64,
}

/// Sums that are in memory.
#[derive(Default)]
pub(crate) struct Revenue {
    schemes: Vec<String>,
    rows: FxHashMap<Key, Part<Option<Sum>>>,
}

/// A share of an event's posting: month, utility, account of the chart, line, amount.
type Share = (Month, Utility, Account, &'static str, Money);

impl Revenue {
    pub(crate) fn fold(
        &mut self,
        conn: &Connection,
        sheet: &Sheet,
        fact: &AccountFact,
        postings: &[Posting],
    ) -> Result<(), FoldError> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "consumption counts in its months, everything else where it is billed"
        )]
        let shares = match &fact.event {
            AccountEvent::ConsumptionCharged(e) => consumption(e),
            AccountEvent::ConsumptionCorrected(e) => corrected(e),
            other => billed(sheet, other, postings)?,
        };
        if shares.is_empty() {
            return Ok(());
        }
        let scheme = self.place_of(sheet.account.get().scheme());
        for (month, utility, account, line, amount) in shares {
            let key = Key {
                scheme,
                month,
                utility,
                account,
                line,
            };
            self.add(conn, key, amount)?;
        }
        Ok(())
    }

    fn place_of(&mut self, scheme: &str) -> usize {
        let known = self.schemes.iter().position(|known| known == scheme);
        known.unwrap_or_else(|| {
            self.schemes.push(scheme.to_owned());
            self.schemes.len() - 1
        })
    }

    fn name_of(schemes: &[String], key: &Key) -> String {
        schemes.get(key.scheme).cloned().unwrap_or_default()
    }

    fn add(&mut self, conn: &Connection, key: Key, amount: Money) -> rusqlite::Result<()> {
        let part = match self.rows.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let scheme = Self::name_of(&self.schemes, unknown.key());
                let stored = load(conn, &scheme, unknown.key())?;
                unknown.insert(Part::stored(stored))
            }
        };
        let sum = part.edit().get_or_insert(Sum {
            amount: Money::ZERO,
            events: 0,
        });
        sum.amount += amount;
        sum.events += 1;
        Ok(())
    }

    pub(crate) fn write(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut put = tx.prepare_cached(
            "INSERT OR REPLACE INTO revenue_monthly VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
        )?;
        for (key, part) in &mut self.rows {
            let Some(Some(sum)) = part.take_changed() else {
                continue;
            };
            let (micro, rest) = parts(sum.amount);
            put.execute(params![
                Self::name_of(&self.schemes, key),
                key.month.to_string(),
                key.utility.code(),
                key.account.name(key.utility),
                key.line,
                micro,
                rest,
                count(sum.events),
            ])?;
        }
        if self.rows.len() > ROWS_KEPT_MAX {
            self.rows.clear();
        }
        Ok(())
    }
}

fn load(conn: &Connection, scheme: &str, key: &Key) -> rusqlite::Result<Option<Sum>> {
    conn.prepare_cached(
        "SELECT amount_micro, amount_rest, events FROM revenue_monthly
         WHERE scheme = ?1 AND month = ?2 AND utility = ?3 AND ledger_account = ?4 AND line = ?5",
    )?
    .query_row(
        params![
            scheme,
            key.month.to_string(),
            key.utility.code(),
            key.account.name(key.utility),
            key.line
        ],
        |row| {
            let mut cells = Cells::of(row);
            Ok(Sum {
                amount: cells.money()?,
                events: cells.count()?,
            })
        },
    )
    .optional()
}

/// The account and word of a line that is neither energy nor minimum.
fn line_of(kind: LineKind, name: &str) -> (Account, &'static str) {
    let other = |account: LedgerAccount| Account::Other(account.to_string());
    match kind {
        LineKind::Tax => (other(LedgerAccount::TaxPayable(name.to_owned())), "tax"),
        LineKind::Levy => (other(LedgerAccount::LevyPayable(name.to_owned())), "levy"),
        LineKind::Standing => (Account::Revenue, "standing"),
        LineKind::PassThrough => (Account::Revenue, "pass-through"),
    }
}

fn put(shares: &mut Vec<Share>, share: Share) {
    let same = |known: &&mut Share| {
        known.0 == share.0 && known.1 == share.1 && known.2 == share.2 && known.3 == share.3
    };
    match shares.iter_mut().find(same) {
        Some(known) => known.4 += share.4,
        None => shares.push(share),
    }
}

/// Adds a month's amount, its lines apart from what is left: energy, with what was missing to minimums.
fn put_lines(
    shares: &mut Vec<Share>,
    utility: Utility,
    month: Month,
    (amount, lines): (Money, &[LinePart]),
) {
    let mut energy = amount;
    for LinePart(_, kind, name, part) in lines {
        let (account, line) = line_of(*kind, name);
        put(shares, (month, utility, account, line, *part));
        energy -= *part;
    }
    if !energy.is_zero() {
        put(shares, (month, utility, Account::Revenue, "energy", energy));
    }
}

/// A charge by the months in which it was used.
fn consumption(e: &ConsumptionCharged) -> Vec<Share> {
    if let Some(day) = e.d.filter(|_| e.x.is_empty() && e.mn.is_empty()) {
        let share = (day.month(), e.u, Account::Revenue, "energy", e.a);
        return if e.a.is_zero() {
            Vec::new()
        } else {
            vec![share]
        };
    }
    let mut months: Vec<(Month, Money)> = Vec::new();
    let parts = e.parts().map(|part| (part.0.month(), part.2));
    let minimums = e.mn.iter().map(|part| (part.0, part.1));
    let lines = e.x.iter().map(|line| (line.0, Money::ZERO));
    for (month, amount) in parts.chain(minimums).chain(lines) {
        match months.iter_mut().find(|(known, _)| *known == month) {
            Some((_, sum)) => *sum += amount,
            None => months.push((month, amount)),
        }
    }
    let mut shares = Vec::new();
    for (month, amount) in months {
        let of_month: Vec<LinePart> = e.x.iter().filter(|line| line.0 == month).cloned().collect();
        put_lines(&mut shares, e.u, month, (amount, &of_month));
    }
    shares.retain(|share| !share.4.is_zero());
    shares
}

/// A correction by the months in which what it spreads anew was used.
fn corrected(e: &ConsumptionCorrected) -> Vec<Share> {
    let mut shares = Vec::new();
    for (month, amount, lines) in e.by_month() {
        put_lines(&mut shares, e.u, month, (amount, &lines));
    }
    shares.retain(|share| !share.4.is_zero());
    shares
}

/// What every other event posts to income or for others.
fn billed(
    sheet: &Sheet,
    event: &AccountEvent,
    postings: &[Posting],
) -> Result<Vec<Share>, FoldError> {
    if !postings
        .iter()
        .any(|posting| line_by(&posting.account).is_some())
    {
        return Ok(Vec::new());
    }
    let utility = sheet
        .consumer
        .as_ref()
        .map(|part| part.get().billing.utility());
    let mut shares = Vec::new();
    if let AccountEvent::Billing(BillingEvent::ConsumptionEstimated(e)) = event {
        put_lines(&mut shares, e.u, e.b, (e.a, &e.x));
        return Ok(shares);
    }
    if let AccountEvent::Billing(BillingEvent::EstimatesReversed(e)) = event {
        put_lines(&mut shares, e.u, e.b, (e.a, &e.x));
        for share in &mut shares {
            share.4 = -share.4;
        }
        return Ok(shares);
    }
    if let AccountEvent::AccountClosed(e) = event {
        for wallet in e.w.iter().filter(|wallet| !wallet.rest.is_zero()) {
            let account = Account::of(&LedgerAccount::Rounding);
            put(
                &mut shares,
                (e.b, wallet.u, account, "rounding", wallet.rest),
            );
        }
        return Ok(shares);
    }
    let Some((month, utility)) = month_of(event).zip(utility) else {
        let reason = "income is posted without a month or a utility".to_owned();
        return Err(FoldError::Contradiction(reason));
    };
    for posting in postings {
        if let Some(line) = line_by(&posting.account) {
            let account = Account::of(&posting.account);
            put(
                &mut shares,
                (month, utility, account, line, -posting.amount),
            );
        }
    }
    Ok(shares)
}

/// The month in which what an event posts is billed; none where it posts nothing to income.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other events post nothing to income: one that did would stop the fold"
)]
fn month_of(event: &AccountEvent) -> Option<Month> {
    let AccountEvent::Billing(event) = event else {
        return None;
    };
    match event {
        BillingEvent::SurchargeCharged(e) => Some(e.b),
        BillingEvent::ObligatoryFeeCharged(e) => Some(e.b),
        BillingEvent::MiscellaneousBilled(e) => Some(e.b),
        BillingEvent::BillAdjusted(e) => Some(e.b),
        BillingEvent::BillRaised(e) => Some(e.b),
        BillingEvent::BillPaid(e) => Some(e.b),
        BillingEvent::SecurityDepositUsed(e) => Some(e.b),
        BillingEvent::CreditPaidOut(e) => Some(e.pay.d.month()),
        BillingEvent::ConnectionEnded(e) | BillingEvent::BillStopped(e) => Some(e.b),
        _ => None,
    }
}

/// The line of what is posted outside consumption; none for accounts that are no income and nobody else's.
fn line_by(account: &LedgerAccount) -> Option<&'static str> {
    match account {
        LedgerAccount::Revenue(_) => Some("adjustment"),
        LedgerAccount::TaxPayable(_) => Some("tax"),
        LedgerAccount::LevyPayable(_) => Some("levy"),
        LedgerAccount::Surcharge => Some("surcharge"),
        LedgerAccount::Fees => Some("fee"),
        LedgerAccount::Rounding => Some("rounding"),
        LedgerAccount::ChannelReceivable(_)
        | LedgerAccount::CustomerCredit(..)
        | LedgerAccount::DebtReceivable(_)
        | LedgerAccount::BillsReceivable(_)
        | LedgerAccount::SecurityDeposit(_)
        | LedgerAccount::LegacyClearing(_)
        | LedgerAccount::DebtOpening(_)
        | LedgerAccount::Suspense(_)
        | LedgerAccount::CreditInTransit
        | LedgerAccount::EmergencyLent(..)
        | LedgerAccount::InitialCreditGranted(_) => None,
    }
}
