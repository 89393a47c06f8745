//! Which accounts have a deadline that is due: what the clock asks (C6, C15, C19, C20).

use ledger_core::ids::AccountId;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;
use rusqlite::{Row, params};
use serde::Serialize;

use super::Snapshot;
use super::accounts::next_turn;
use crate::error::ReadModelError;
use crate::models::deadlines::DeadlineKind;
use crate::scheme_facts::SchemeFacts;
use crate::sql::Cells;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueKind {
    /// The first period is over without a top-up (U2).
    FirstTopUp,
    /// Credit is used up and the first period is over (U3, U8).
    NoCredit,
    /// A turn of the transfer, with something to take (U7).
    Transfer,
    /// A quiet time is over for which a cut waited (C15).
    Quiet,
    /// An order lapsed unconfirmed (C20).
    Order,
    /// What ends a gap has waited long enough (C19).
    Settle,
    /// A month is over (E17).
    MonthClose,
}

impl DueKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::FirstTopUp,
        Self::NoCredit,
        Self::Transfer,
        Self::Quiet,
        Self::Order,
        Self::Settle,
        Self::MonthClose,
    ];

    /// The word of it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::FirstTopUp => "first-top-up",
            Self::NoCredit => "no-credit",
            Self::Transfer => "transfer",
            Self::Quiet => "quiet",
            Self::Order => "order",
            Self::Settle => "settle",
            Self::MonthClose => "month-close",
        }
    }
}

/// An account with something due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountDue {
    /// Account.
    pub account: AccountId,
    /// Utility it is about.
    pub utility: Utility,
    /// What.
    pub kind: DueKind,
    /// Since when it is due.
    pub at: Timestamp,
}

/// A row of `deadlines` with what its judgement needs.
struct Candidate {
    account: AccountId,
    scheme: String,
    utility: Utility,
    at: Timestamp,
    seen: Option<Timestamp>,
    /// Utilities of the account's wallets above zero.
    above_zero: Option<String>,
    sent: u32,
    /// Supply is ordered on.
    on: bool,
}

const CANDIDATES: &str = "SELECT a.account, a.scheme, d.utility, d.at_ms, b.turn_seen_ms,
    (SELECT group_concat(w.utility) FROM balances w WHERE w.account_no = d.account_no
       AND (w.credit_micro > 0 OR (w.credit_micro = 0 AND w.credit_rest > 0))),
    ifnull(s.sent, 0), ifnull(s.ordered, 'on') = 'on'
  FROM deadlines d JOIN accounts a USING (account_no)
  LEFT JOIN balances b USING (account_no, utility) LEFT JOIN supply s USING (account_no, utility)
  WHERE d.kind = ?1 AND d.at_ms <= ?2 ORDER BY d.at_ms, d.account_no, d.utility";

impl Snapshot {
    /// Accounts with a deadline at or before `now`, by time; at most `limit` of them, after which the
    /// same question, asked again once these have acted, gives the next. `facts` gives a scheme's facts.
    ///
    /// The account decides for itself: a deadline named here may turn out to need nothing.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn due_before(
        &self,
        now: Timestamp,
        limit: usize,
        facts: &dyn Fn(&str) -> SchemeFacts,
    ) -> Result<Vec<AccountDue>, ReadModelError> {
        let mut due = Vec::new();
        for (stored, kind) in [
            (DeadlineKind::FirstTopUp, DueKind::FirstTopUp),
            (DeadlineKind::NoCredit, DueKind::NoCredit),
            (DeadlineKind::Transfer, DueKind::Transfer),
            (DeadlineKind::Quiet, DueKind::Quiet),
            (DeadlineKind::Order, DueKind::Order),
            (DeadlineKind::Settle, DueKind::Settle),
        ] {
            let candidates = self.all(
                CANDIDATES,
                params![stored.code(), now.as_millis()],
                candidate,
            )?;
            due.extend(
                candidates
                    .into_iter()
                    .filter_map(|c| judge(c, kind, now, facts)),
            );
        }
        due.extend(self.closes_before(now, limit, facts)?);
        due.sort_by(|a, b| {
            (a.at, &a.account, a.utility, a.kind).cmp(&(b.at, &b.account, b.utility, b.kind))
        });
        due.truncate(limit);
        Ok(due)
    }

    /// Consumers whose month is over, the longest due first; their scheme's zone tells whether it is.
    fn closes_before(
        &self,
        now: Timestamp,
        limit: usize,
        facts: &dyn Fn(&str) -> SchemeFacts,
    ) -> Result<Vec<AccountDue>, ReadModelError> {
        let rows = self.all(
            "SELECT a.account, a.scheme, c.utility, c.next_close
             FROM consumers c JOIN accounts a USING (account_no)
             WHERE c.next_close IS NOT NULL ORDER BY c.next_close, c.account_no LIMIT ?1",
            [i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                let mut cells = Cells::of(row);
                let account = cells.name(AccountId::parse)?;
                let scheme: String = cells.get()?;
                Ok((account, scheme, cells.utility()?, cells.month()?))
            },
        )?;
        let due = rows
            .into_iter()
            .filter_map(|(account, scheme, utility, month)| {
                let zone = facts(&scheme).closes_in?;
                let at = zone.start_of_month(month.next()).just_before();
                (at < now).then_some(AccountDue {
                    account,
                    utility,
                    kind: DueKind::MonthClose,
                    at,
                })
            });
        Ok(due.collect())
    }
}

fn judge(
    c: Candidate,
    kind: DueKind,
    now: Timestamp,
    facts: &dyn Fn(&str) -> SchemeFacts,
) -> Option<AccountDue> {
    let facts = facts(&c.scheme);
    let at = match kind {
        DueKind::MonthClose => return None,
        DueKind::FirstTopUp => facts.first_top_up.contains(&c.utility).then_some(c.at)?,
        DueKind::Quiet | DueKind::Settle => c.at,
        DueKind::NoCredit => facts.cut_at_zero.contains(&c.utility).then_some(c.at)?,
        DueKind::Order => {
            let waits = !c.on && facts.is_quiet(now);
            (c.sent <= facts.order_repeats_max && !waits).then_some(c.at)?
        }
        DueKind::Transfer => {
            let transfer = facts.transfer.filter(|transfer| transfer.to == c.utility)?;
            let can_pay = c
                .above_zero
                .is_some_and(|all| all.split(',').any(|u| u == transfer.from.code()));
            let turn = next_turn(c.at, c.seen, &transfer);
            (can_pay && turn <= now).then_some(turn)?
        }
    };
    Some(AccountDue {
        account: c.account,
        utility: c.utility,
        kind,
        at,
    })
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let mut cells = Cells::of(row);
    Ok(Candidate {
        account: cells.name(AccountId::parse)?,
        scheme: cells.get()?,
        utility: cells.utility()?,
        at: cells.time()?,
        seen: cells.time_opt()?,
        above_zero: cells.get()?,
        sent: cells.count32()?,
        on: cells.get()?,
    })
}
