//! Deadlines that accounts have ahead of them (C6, C15, C20): what the clock asks for.
//!
//! A row is a pure function of the wallet and the supply after an event, and of what waits of a gap. It may name an account for
//! which nothing will turn out to be due; it never misses one for which something is: the account
//! decides for itself.

use ledger_core::event::AccountEvent;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::{Connection, Transaction, params};

use crate::models::balances::Wallet;
use crate::models::supply::Supply;
use crate::sheet::{Part, Sheet};
use crate::sql::{Cells, Table};

pub(crate) const TABLE: Table = Table {
    projection: "deadlines",
    version: 2,
    create: "
CREATE TABLE deadlines (
  account_no INTEGER NOT NULL, utility TEXT NOT NULL, kind TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (account_no, utility, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadlines_by_time ON deadlines (kind, at_ms);
",
    digests: &[
        "SELECT a.account, d.* FROM deadlines d JOIN accounts a USING (account_no)
         ORDER BY a.account_no, d.utility, d.kind",
    ],
};

/// What falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeadlineKind {
    /// The first top-up must have come (U2).
    FirstTopUp,
    /// Credit is used up: supply may be cut from then on (U3, U8).
    NoCredit,
    /// Turns of the transfer count from then on (U7).
    Transfer,
    /// A quiet time ends for which a cut waits (C15).
    Quiet,
    /// An unconfirmed order lapses (C20).
    Order,
    /// What ends a gap has waited long enough (C19).
    Settle,
}

impl DeadlineKind {
    const ALL: [Self; 6] = [
        Self::FirstTopUp,
        Self::NoCredit,
        Self::Transfer,
        Self::Quiet,
        Self::Order,
        Self::Settle,
    ];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::FirstTopUp => "first-top-up",
            Self::NoCredit => "no-credit",
            Self::Transfer => "transfer",
            Self::Quiet => "quiet",
            Self::Order => "order",
            Self::Settle => "settle",
        }
    }
}

/// When each kind falls due for one utility, if it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Due {
    first_top_up: Option<Timestamp>,
    no_credit: Option<Timestamp>,
    transfer: Option<Timestamp>,
    quiet: Option<Timestamp>,
    order: Option<Timestamp>,
    settle: Option<Timestamp>,
}

impl Due {
    /// What lies ahead of an open account's wallet and supply.
    fn of(wallet: &Wallet, supply: &Supply, settle: Option<Timestamp>) -> Self {
        let grace = wallet
            .grace_until
            .filter(|_| supply.meter.is_some() && !supply.off)
            // What was due then has been decided: it waits for the end of the quiet time.
            .filter(|_| supply.cut_waits_until.is_none());
        Self {
            first_top_up: grace.filter(|_| wallet.first_top_up.is_none()),
            no_credit: grace.filter(|_| !wallet.credit.is_positive()),
            transfer: wallet.turn_from.filter(|_| wallet.credit.is_negative()),
            quiet: supply.cut_waits_until,
            order: supply.until.filter(|_| supply.unconfirmed),
            settle,
        }
    }

    fn at(&self, kind: DeadlineKind) -> Option<Timestamp> {
        match kind {
            DeadlineKind::FirstTopUp => self.first_top_up,
            DeadlineKind::NoCredit => self.no_credit,
            DeadlineKind::Transfer => self.transfer,
            DeadlineKind::Quiet => self.quiet,
            DeadlineKind::Order => self.order,
            DeadlineKind::Settle => self.settle,
        }
    }

    fn set(&mut self, kind: DeadlineKind, at: Option<Timestamp>) {
        match kind {
            DeadlineKind::FirstTopUp => self.first_top_up = at,
            DeadlineKind::NoCredit => self.no_credit = at,
            DeadlineKind::Transfer => self.transfer = at,
            DeadlineKind::Quiet => self.quiet = at,
            DeadlineKind::Order => self.order = at,
            DeadlineKind::Settle => self.settle = at,
        }
    }
}

/// The deadlines of one utility: now, and as stored.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadlines {
    now: Due,
    stored: Due,
}

impl Deadlines {
    pub(crate) fn load(
        conn: &Connection,
        account_no: i64,
        utility: Utility,
    ) -> rusqlite::Result<Self> {
        let mut statement = conn.prepare_cached(
            "SELECT kind, at_ms FROM deadlines WHERE account_no = ?1 AND utility = ?2",
        )?;
        let mut rows = statement.query(params![account_no, utility.code()])?;
        let mut due = Due::default();
        while let Some(row) = rows.next()? {
            let mut cells = Cells::of(row);
            let code: String = cells.get()?;
            let at = cells.time()?;
            for kind in DeadlineKind::ALL
                .into_iter()
                .filter(|kind| kind.code() == code)
            {
                due.set(kind, Some(at));
            }
        }
        Ok(Self {
            now: due,
            stored: due,
        })
    }
}

/// What waits of a gap is known of no wallet and no supply, so its facts are folded themselves.
pub(crate) fn fold_settling(sheet: &mut Sheet, event: &AccountEvent) {
    if let AccountEvent::ReadingSettling(e) = event {
        sheet.deadlines.of_mut(e.u).now.settle = Some(e.until);
    } else if let AccountEvent::GapSettled(e) = event {
        sheet.deadlines.of_mut(e.u).now.settle = None;
    }
}

/// After every other part of the sheet: what lies ahead now.
pub(crate) fn fold(sheet: &mut Sheet) {
    let open = sheet.account.get().closed.is_none();
    let (no_wallet, no_supply) = (Wallet::default(), Supply::default());
    for utility in Utility::ALL {
        let wallet = sheet
            .wallets
            .of(utility)
            .as_ref()
            .map_or(&no_wallet, Part::get);
        let supply = sheet
            .supply
            .of(utility)
            .as_ref()
            .map_or(&no_supply, Part::get);
        let due = if open {
            Due::of(wallet, supply, sheet.deadlines.of_mut(utility).now.settle)
        } else {
            Due::default()
        };
        sheet.deadlines.of_mut(utility).now = due;
    }
}

pub(crate) fn write(tx: &Transaction<'_>, sheets: &mut [&mut Sheet]) -> rusqlite::Result<()> {
    let mut put = tx.prepare_cached("INSERT OR REPLACE INTO deadlines VALUES (?1,?2,?3,?4)")?;
    let mut remove = tx.prepare_cached(
        "DELETE FROM deadlines WHERE account_no = ?1 AND utility = ?2 AND kind = ?3",
    )?;
    for sheet in sheets {
        let no = sheet.no;
        for utility in Utility::ALL {
            let deadlines = sheet.deadlines.of_mut(utility);
            if deadlines.now == deadlines.stored {
                continue;
            }
            for kind in DeadlineKind::ALL {
                match (deadlines.stored.at(kind), deadlines.now.at(kind)) {
                    (old, new) if old == new => {}
                    (_, Some(at)) => {
                        put.execute(params![no, utility.code(), kind.code(), at.as_millis()])?;
                    }
                    (_, None) => {
                        remove.execute(params![no, utility.code(), kind.code()])?;
                    }
                }
            }
            deadlines.stored = deadlines.now;
        }
    }
    Ok(())
}
