//! Receipts, and the settlement of a channel for a local day (C14).

use ledger_core::answer::ReceiptKind;
use ledger_core::ids::{AccountId, ChannelId, MeterNumber, ReceiptNumber, Reference};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{Page, PageOf, Snapshot, page_of};
use crate::error::ReadModelError;
use crate::sql::Cells;

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiptView {
    /// Its number. A void carries the number of the top-up it undoes.
    pub receipt: ReceiptNumber,
    /// What it is for.
    pub kind: ReceiptKind,
    /// Account.
    pub account: AccountId,
    /// Utility of the wallet or of the debt.
    pub utility: Utility,
    /// Meter named by the payer, for a top-up and its void.
    pub meter: Option<MeterNumber>,
    /// Amount; below zero for a void.
    pub amount: Money,
    /// Credit of the wallet, or debt left, after it.
    pub balance: Money,
    /// When it counts.
    pub at: Timestamp,
    /// Who took the money.
    pub channel: ChannelId,
    /// Its reference.
    pub reference: Reference,
    /// Local day on which the money was taken.
    pub day: LocalDate,
    /// A top-up that was the meter's first, or the void of one.
    pub first: bool,
    /// Allocated from suspense.
    pub from_suspense: bool,
    /// A top-up that was voided since.
    pub voided: bool,
    /// What of the amount went to arrears (P4).
    pub arrears: Money,
    /// What of the amount repaid emergency credit, exactly (P5).
    pub emergency_repaid: Money,
    /// Unused emergency credit that was withdrawn besides, exactly (P5).
    pub emergency_withdrawn: Money,
}

/// Whose receipts; all given fields must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiptFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Taken by this channel: a channel sees its own only.
    pub channel: Option<ChannelId>,
    /// Under this reference.
    pub reference: Option<Reference>,
    /// For this meter.
    pub meter: Option<MeterNumber>,
    /// With this number.
    pub receipt: Option<ReceiptNumber>,
}

/// What a line of a settlement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettlementKind {
    /// A top-up.
    TopUp,
    /// A debt payment.
    Debt,
    /// A payment on arrears alone.
    Arrears,
    /// Money taken that went to suspense.
    Suspended,
    /// Money of suspense given back: below zero.
    Returned,
    /// A top-up taken back: below zero.
    Void,
    /// Credit or deposit of an ended account, or credit of an older system, paid out: below zero.
    PaidOut,
    /// A bill or dues paid.
    Bill,
    /// A security deposit paid.
    Deposit,
}

impl SettlementKind {
    /// The stored word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TopUp => "top-up",
            Self::Debt => "debt",
            Self::Arrears => "arrears",
            Self::Suspended => "suspended",
            Self::Returned => "returned",
            Self::Void => "void",
            Self::PaidOut => "paid-out",
            Self::Bill => "bill",
            Self::Deposit => "deposit",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::TopUp,
            Self::Debt,
            Self::Arrears,
            Self::Suspended,
            Self::Returned,
            Self::Void,
            Self::PaidOut,
            Self::Bill,
            Self::Deposit,
        ]
        .into_iter()
        .find(|kind| kind.code() == text)
    }
}

/// A line of a settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettlementLine {
    /// What it is for.
    pub kind: SettlementKind,
    /// The channel's reference.
    pub reference: Reference,
    /// Receipt, where there is one.
    pub receipt: Option<ReceiptNumber>,
    /// Account, where the money reached one.
    pub account: Option<AccountId>,
    /// What the channel owes for it.
    pub amount: Money,
    /// When it counts.
    pub at: Timestamp,
}

/// The settlement of a channel for a local day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settlement {
    /// Channel.
    pub channel: ChannelId,
    /// Local day of the scheme.
    pub day: LocalDate,
    /// How many lines.
    pub count: u64,
    /// Sum of the lines: what the channel owes for the day.
    pub total: Money,
    /// Sum of the ledger's postings to the channel's receivable for the day.
    pub posted: Money,
    /// Both are equal, as they must be.
    pub ties: bool,
    /// The lines of this page, in the order of the log.
    pub lines: Page<SettlementLine>,
}

const RECEIPTS: &str =
    "SELECT r.receipt_id, r.receipt, r.kind, a.account, r.utility, r.meter, r.amount_micro,
  r.amount_rest, r.balance_micro, r.balance_rest, r.at_ms, r.channel, r.reference, r.day, r.first,
  r.from_suspense, r.voided, r.arrears_micro, r.arrears_rest,
  r.repaid_micro, r.repaid_rest, r.withdrawn_micro, r.withdrawn_rest
  FROM receipts r JOIN accounts a USING (account_no)";

impl Snapshot {
    /// Receipts in the order of the log.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn receipts(
        &self,
        filter: &ReceiptFilter,
        page: PageOf,
    ) -> Result<Page<ReceiptView>, ReadModelError> {
        let page = page.checked()?;
        // The conditions are fixed texts, so that each combination of filters finds its own index.
        let mut sql = format!("{RECEIPTS} WHERE r.receipt_id > ?1");
        for (given, condition) in [
            (filter.account.is_some(), " AND a.account = ?3"),
            (filter.channel.is_some(), " AND r.channel = ?4"),
            (filter.reference.is_some(), " AND r.reference = ?5"),
            // A meter's receipts are among those of the accounts that hold or held it: an index of its
            // own would be one more page to change for every top-up.
            (
                filter.meter.is_some(),
                " AND r.meter = ?6 AND r.account_no IN (SELECT account_no FROM meters WHERE meter = ?6)",
            ),
            (filter.receipt.is_some(), " AND r.receipt = ?7"),
        ] {
            if given {
                sql.push_str(condition);
            }
        }
        // Every number is bound, so an unused one is named where it changes nothing.
        sql.push_str(
            " AND ifnull(?3, ifnull(?4, ifnull(?5, ifnull(?6, ifnull(?7, ''))))) IS NOT NULL",
        );
        sql.push_str(" ORDER BY r.receipt_id LIMIT ?2");
        let rows = self.all(
            &sql,
            params![
                page.after.unwrap_or(0),
                page.limit + 1,
                filter.account.as_ref().map(AccountId::as_str),
                filter.channel.as_ref().map(ChannelId::as_str),
                filter.reference.as_ref().map(Reference::as_str),
                filter.meter.as_ref().map(MeterNumber::as_str),
                filter.receipt.as_ref().map(ReceiptNumber::as_str),
            ],
            receipt,
        )?;
        Ok(page_of(rows, page))
    }

    /// What a channel owes for a local day, line by line.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn settlement(
        &self,
        channel: &ChannelId,
        day: LocalDate,
        page: PageOf,
    ) -> Result<Settlement, ReadModelError> {
        let page = page.checked()?;
        let date = day.to_string();
        let totals = self.one(
            "SELECT lines, posted_micro, posted_rest,
                    (SELECT ifnull(sum(amount_micro), 0) FROM settlement_lines l
                     WHERE l.channel = d.channel AND l.day = d.day),
                    (SELECT ifnull(sum(amount_rest), 0) FROM settlement_lines l
                     WHERE l.channel = d.channel AND l.day = d.day)
             FROM settlement_days d WHERE channel = ?1 AND day = ?2",
            params![channel.as_str(), date],
            |row| {
                let mut cells = Cells::of(row);
                Ok((cells.count()?, cells.money()?, cells.money()?))
            },
        )?;
        let (count, posted, total) = totals.unwrap_or((0, Money::ZERO, Money::ZERO));
        let rows = self.all(
            "SELECT l.line_id, l.kind, l.reference, l.receipt, a.account, l.amount_micro, l.amount_rest, l.at_ms
             FROM settlement_lines l LEFT JOIN accounts a USING (account_no)
             WHERE l.channel = ?1 AND l.day = ?2 AND l.line_id > ?3 ORDER BY l.line_id LIMIT ?4",
            params![channel.as_str(), date, page.after.unwrap_or(0), page.limit + 1],
            line,
        )?;
        let lines = page_of(rows, page);
        Ok(Settlement {
            channel: channel.clone(),
            day,
            count,
            total,
            posted,
            ties: total == posted,
            lines,
        })
    }
}

fn receipt(row: &Row<'_>) -> rusqlite::Result<(i64, ReceiptView)> {
    let mut cells = Cells::of(row);
    let id = cells.get()?;
    let view = ReceiptView {
        receipt: cells.name(ReceiptNumber::parse)?,
        kind: receipt_kind(&mut cells)?,
        account: cells.name(AccountId::parse)?,
        utility: cells.utility()?,
        meter: cells.name_opt(MeterNumber::parse)?,
        amount: cells.money()?,
        balance: cells.money()?,
        at: cells.time()?,
        channel: cells.name(ChannelId::parse)?,
        reference: cells.name(Reference::parse)?,
        day: cells.date()?,
        first: cells.get()?,
        from_suspense: cells.get()?,
        voided: cells.get()?,
        arrears: cells.money()?,
        emergency_repaid: cells.money()?,
        emergency_withdrawn: cells.money()?,
    };
    Ok((id, view))
}

fn receipt_kind(cells: &mut Cells<'_, '_>) -> rusqlite::Result<ReceiptKind> {
    let text: String = cells.get()?;
    match text.as_str() {
        "top-up" => Ok(ReceiptKind::TopUp),
        "debt" => Ok(ReceiptKind::Debt),
        "void" => Ok(ReceiptKind::Void),
        "arrears" => Ok(ReceiptKind::Arrears),
        "bill" => Ok(ReceiptKind::Bill),
        "deposit" => Ok(ReceiptKind::Deposit),
        _ => Err(cells.bad(Type::Text, "not a kind of receipt")),
    }
}

fn line(row: &Row<'_>) -> rusqlite::Result<(i64, SettlementLine)> {
    let mut cells = Cells::of(row);
    let id = cells.get()?;
    let word: String = cells.get()?;
    let kind = SettlementKind::parse(&word)
        .ok_or_else(|| cells.bad(Type::Text, "not a kind of settlement line"))?;
    let line = SettlementLine {
        kind,
        reference: cells.name(Reference::parse)?,
        receipt: cells.name_opt(ReceiptNumber::parse)?,
        account: cells.name_opt(AccountId::parse)?,
        amount: cells.money()?,
        at: cells.time()?,
    };
    Ok((id, line))
}
