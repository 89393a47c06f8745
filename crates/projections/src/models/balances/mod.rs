//! Credit of each wallet: what it is, since when it is below zero, what its deadlines hang on; and the
//! statement, whose running balance is this credit.

pub(crate) mod statement;

use ledger_core::event::AccountEvent;
use ledger_core::num::Money;
use ledger_core::postings::{LedgerAccount, Posting};
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::fact::AccountFact;
use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table, count, parts, parts_opt};

pub(crate) const TABLE: Table = Table {
    projection: "balances",
    version: 1,
    create: "
CREATE TABLE balances (
  account_no INTEGER NOT NULL, utility TEXT NOT NULL,
  credit_micro INTEGER NOT NULL, credit_rest INTEGER NOT NULL,
  negative_since_ms INTEGER, turn_from_ms INTEGER, turn_seen_ms INTEGER,
  low_noticed_ms INTEGER, low_noticed_micro INTEGER, low_noticed_rest INTEGER,
  activated_ms INTEGER, grace_until_ms INTEGER, first_top_up_ms INTEGER, newest_top_up_ms INTEGER,
  top_ups INTEGER NOT NULL,
  PRIMARY KEY (account_no, utility)
) STRICT, WITHOUT ROWID;
CREATE TABLE statement_lines (
  account_no INTEGER NOT NULL, book TEXT NOT NULL, line INTEGER NOT NULL,
  at_ms INTEGER NOT NULL, day TEXT, kind TEXT NOT NULL,
  amount_micro INTEGER NOT NULL, amount_rest INTEGER NOT NULL,
  balance_micro INTEGER NOT NULL, balance_rest INTEGER NOT NULL,
  readings INTEGER NOT NULL, receipt TEXT,
  PRIMARY KEY (account_no, book, line)
) STRICT, WITHOUT ROWID;
",
    digests: &[
        "SELECT a.account, b.* FROM balances b JOIN accounts a USING (account_no) ORDER BY a.account_no, b.utility",
        "SELECT a.account, s.* FROM statement_lines s JOIN accounts a USING (account_no)
         ORDER BY a.account_no, s.book, s.line",
    ],
};

/// The credit of one utility.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wallet {
    /// Credit; below zero is owed.
    pub(crate) credit: Money,
    /// Since when it is below zero without a break.
    negative_since: Option<Timestamp>,
    /// From when turns of the transfer count (U7); stays while turns go on.
    pub(crate) turn_from: Option<Timestamp>,
    /// Turns up to and including this instant have acted, whether or not anything could be taken.
    pub(crate) turn_seen: Option<Timestamp>,
    low_noticed: Option<(Timestamp, Money)>,
    activated: Option<Timestamp>,
    pub(crate) grace_until: Option<Timestamp>,
    pub(crate) first_top_up: Option<Timestamp>,
    newest_top_up: Option<Timestamp>,
    top_ups: u64,
    /// The newest top-up was the meter's first; asked for right after it, never stored.
    pub(crate) newest_was_first: bool,
}

impl Wallet {
    fn change(&mut self, amount: Money, fact: &AccountFact, utility: Utility) {
        self.credit += amount;
        let negative = self.credit.is_negative();
        self.negative_since = negative.then(|| self.negative_since.unwrap_or(fact.at));
        if amount.is_negative() {
            self.turn_from = self.turn_from.or(negative.then_some(fact.at));
            return;
        }
        let by_turn = matches!(&fact.event, AccountEvent::CreditTransferred(e) if e.to == utility);
        let top_up = matches!(&fact.event, AccountEvent::CreditToppedUp(_));
        // A transfer's own credit lets the turns go on; a top-up always ends them, other credit when it
        // reaches zero (U7).
        if !by_turn && (top_up || !negative) {
            self.turn_from = negative.then_some(fact.at);
        }
    }

    /// Every deadline before the event's time has acted (C6); one at its very instant has only when the
    /// event was a deadline's.
    fn see_turns(&mut self, fact: &AccountFact) {
        let seen = if fact.by_deadline {
            fact.at
        } else {
            fact.at.just_before()
        };
        self.turn_seen = self
            .turn_from
            .map(|_| self.turn_seen.map_or(seen, |old| old.max(seen)));
    }
}

pub(crate) fn fold(sheet: &mut Sheet, fact: &AccountFact, postings: &[Posting]) {
    for posting in postings {
        if let LedgerAccount::CustomerCredit(_, utility) = &posting.account {
            sheet
                .wallet_mut(*utility)
                .edit()
                .change(-posting.amount, fact, *utility);
        }
    }
    fold_life(sheet, fact);
    for utility in Utility::ALL {
        let turning = |part: &&mut Part<Wallet>| {
            part.get().turn_from.is_some() || part.get().turn_seen.is_some()
        };
        if let Some(part) = sheet.wallets.of_mut(utility).as_mut().filter(turning) {
            part.edit().see_turns(fact);
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "credit follows postings; these few events change what hangs on it"
)]
fn fold_life(sheet: &mut Sheet, fact: &AccountFact) {
    match &fact.event {
        AccountEvent::MeterInstalled(e) => {
            let wallet = sheet.wallet_mut(e.u).edit();
            wallet.activated = None;
            wallet.grace_until = None;
            wallet.first_top_up = None;
        }
        AccountEvent::MeterActivated(e) => {
            let wallet = sheet.wallet_mut(e.u).edit();
            wallet.activated = Some(fact.at);
            wallet.grace_until = Some(e.until);
        }
        AccountEvent::CreditToppedUp(e) => {
            let wallet = sheet.wallet_mut(e.u).edit();
            wallet.newest_was_first = wallet.first_top_up.is_none();
            wallet.first_top_up = wallet.first_top_up.or(Some(fact.at));
            wallet.newest_top_up = Some(fact.at);
            wallet.top_ups += 1;
        }
        AccountEvent::TopUpVoided(e) if e.first => sheet.wallet_mut(e.u).edit().first_top_up = None,
        AccountEvent::LowCreditNoticed(e) => {
            sheet.wallet_mut(e.u).edit().low_noticed = Some((fact.at, e.a));
        }
        AccountEvent::AccountClosed(_) => {
            for utility in Utility::ALL {
                if let Some(part) = sheet.wallets.of_mut(utility) {
                    let wallet = part.edit();
                    wallet.negative_since = None;
                    wallet.turn_from = None;
                }
            }
        }
        _ => {}
    }
}

pub(crate) fn load(
    conn: &Connection,
    account_no: i64,
    utility: Utility,
) -> rusqlite::Result<Option<Wallet>> {
    conn.prepare_cached(
        "SELECT credit_micro, credit_rest, negative_since_ms, turn_from_ms, turn_seen_ms, low_noticed_ms,
                low_noticed_micro, low_noticed_rest, activated_ms, grace_until_ms, first_top_up_ms,
                newest_top_up_ms, top_ups
         FROM balances WHERE account_no = ?1 AND utility = ?2",
    )?
    .query_row(params![account_no, utility.code()], |row| {
        let mut cells = Cells::of(row);
        Ok(Wallet {
            credit: cells.money()?,
            negative_since: cells.time_opt()?,
            turn_from: cells.time_opt()?,
            turn_seen: cells.time_opt()?,
            low_noticed: cells.time_opt()?.zip(cells.money_opt()?),
            activated: cells.time_opt()?,
            grace_until: cells.time_opt()?,
            first_top_up: cells.time_opt()?,
            newest_top_up: cells.time_opt()?,
            top_ups: cells.count()?,
            newest_was_first: false,
        })
    })
    .optional()
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT OR REPLACE INTO balances VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
    )?;
    for sheet in &mut *sheets {
        let no = sheet.no;
        for utility in Utility::ALL {
            let Some(part) = sheet.wallets.of_mut(utility) else {
                continue;
            };
            let Some(row) = part.take_changed() else {
                continue;
            };
            let (micro, rest) = parts(row.credit);
            let (low_micro, low_rest) = parts_opt(row.low_noticed.map(|(_, credit)| credit));
            statement.execute(params![
                no,
                utility.code(),
                micro,
                rest,
                row.negative_since.map(Timestamp::as_millis),
                row.turn_from.map(Timestamp::as_millis),
                row.turn_seen.map(Timestamp::as_millis),
                row.low_noticed.map(|(at, _)| at.as_millis()),
                low_micro,
                low_rest,
                row.activated.map(Timestamp::as_millis),
                row.grace_until.map(Timestamp::as_millis),
                row.first_top_up.map(Timestamp::as_millis),
                row.newest_top_up.map(Timestamp::as_millis),
                count(row.top_ups),
            ])?;
        }
    }
    statement::write(tx, sheets)
}
