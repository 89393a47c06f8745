//! Accounts, meters, credit, statements.

use ledger_core::ids::{AccountId, MeterNumber, OpaqueRef};
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Millis, Month, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::types::Type;
use rusqlite::{Row, params};
use serde::Serialize;

use super::{DebtView, NumberView, Page, PageOf, PrepaymentView, Snapshot, SupplyView, page_of};
use crate::error::ReadModelError;
use crate::models::balances::statement;
use crate::scheme_facts::Transfer;
use crate::sql::Cells;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Its id.
    pub account: AccountId,
    /// Scheme by name.
    pub scheme: String,
    /// Customer class.
    pub class: String,
    /// Dwelling units, at least 1.
    pub dwelling_units: u32,
    /// Contracted kVA, where there is a contract.
    pub contracted_kva: Option<u32>,
    /// Opaque reference of the customer.
    pub customer: Option<OpaqueRef>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
}

/// A meter's time in an account. A number that came back, or whose register was exchanged, has several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeterView {
    /// Number.
    pub meter: MeterNumber,
    /// Account that holds or held it.
    pub account: AccountId,
    /// Utility.
    pub utility: Utility,
    /// Minutes between its readings.
    pub interval_min: u32,
    /// When it was installed.
    pub installed_at: Timestamp,
    /// When it was activated.
    pub activated_at: Option<Timestamp>,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
}

/// The newest low-credit notice of a wallet (U5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LowNotice {
    /// When it was given.
    pub at: Timestamp,
    /// Credit at that moment.
    pub credit: Money,
}

/// The credit of one utility.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WalletView {
    /// Utility.
    pub utility: Utility,
    /// Credit; below zero is owed.
    pub credit: Money,
    /// Since when it is below zero without a break.
    pub negative_since: Option<Timestamp>,
    /// From when the turns of the transfer count, while they do (U7).
    pub turn_from: Option<Timestamp>,
    /// Turns up to and including this instant have acted.
    pub turn_seen: Option<Timestamp>,
    /// Newest low-credit notice.
    pub low_notice: Option<LowNotice>,
    /// When its meter was activated.
    pub activated_at: Option<Timestamp>,
    /// End of the first period (U2).
    pub grace_until: Option<Timestamp>,
    /// The meter's first top-up.
    pub first_top_up_at: Option<Timestamp>,
    /// The newest top-up.
    pub newest_top_up_at: Option<Timestamp>,
    /// Top-ups, voided ones included.
    pub top_ups: u64,
}

impl WalletView {
    /// When the transfer has its next turn (U7); `None` unless the credit is below zero.
    #[must_use]
    pub fn next_turn(&self, transfer: &Transfer) -> Option<Timestamp> {
        let from = self.turn_from.filter(|_| self.credit.is_negative())?;
        Some(next_turn(from, self.turn_seen, transfer))
    }
}

/// The first turn after what has been seen.
pub(super) fn next_turn(
    from: Timestamp,
    seen: Option<Timestamp>,
    transfer: &Transfer,
) -> Timestamp {
    let first = from + transfer.after;
    let every = transfer.every.get().max(1);
    match seen {
        Some(seen) if seen >= first => {
            let passed = (seen - first).get() / every;
            first + Millis(every * (passed + 1))
        }
        Some(_) | None => first,
    }
}

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountOverview {
    /// The account.
    pub account: AccountView,
    /// Its wallets.
    pub wallets: Vec<WalletView>,
    /// Supply of each utility.
    pub supply: Vec<SupplyView>,
    /// Its meters, removed ones too, oldest first.
    pub meters: Vec<MeterView>,
    /// Its newest debt agreement.
    pub debt: Option<DebtView>,
    /// Who has joined with arrears, in a scheme that people join.
    pub prepayment: Option<PrepaymentView>,
    /// Numbers it was given after its first, oldest first (K1).
    pub numbers: Vec<NumberView>,
}

/// What a statement keeps accounts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Book {
    /// Electricity credit.
    Electricity,
    /// Water credit.
    Water,
    /// The debt: above zero is owed.
    Debt,
    /// Bills and dues: above zero is owed.
    Bills,
}

impl Book {
    /// The book of a utility's credit.
    #[must_use]
    pub const fn of(utility: Utility) -> Self {
        match utility {
            Utility::Electricity => Self::Electricity,
            Utility::Water => Self::Water,
        }
    }

    const fn stored(self) -> statement::Book {
        match self {
            Self::Electricity => statement::Book::Wallet(Utility::Electricity),
            Self::Water => statement::Book::Wallet(Utility::Water),
            Self::Debt => statement::Book::Debt,
            Self::Bills => statement::Book::Bills,
        }
    }
}

/// A line of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementLine {
    /// Which book.
    pub book: Book,
    /// Number in its book, from 1 without holes.
    pub line: i64,
    /// When it counts; of a day's consumption, the newest.
    pub at: Timestamp,
    /// Local day, where the fact carries one.
    pub day: Option<LocalDate>,
    /// `consumption`, `top-up`, `void`, `legacy-credit`, `transfer-in`, `transfer-out`,
    /// `credit-moved-in`, `debt-agreed`, `debt-payment`, `arrears-moved-in`, `arrears-share`,
    /// `arrears-payment`, `initial-credit`, `emergency-credit`, `closing`.
    pub kind: String,
    /// Change of the book.
    pub amount: Money,
    /// The book after it: the balance of the line before plus the amount.
    pub balance: Money,
    /// Readings gathered in a line of consumption.
    pub readings: u64,
    /// Receipt.
    pub receipt: Option<String>,
}

/// Which lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatementRange {
    /// One book; all of them when absent.
    pub book: Option<Book>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub to: Option<Timestamp>,
}

const WALLETS: &str = "SELECT utility, credit_micro, credit_rest, negative_since_ms, turn_from_ms, turn_seen_ms,
  low_noticed_ms, low_noticed_micro, low_noticed_rest, activated_ms, grace_until_ms, first_top_up_ms,
  newest_top_up_ms, top_ups
  FROM balances JOIN accounts USING (account_no) WHERE account = ?1 ORDER BY utility";

const METERS: &str =
    "SELECT meter_no, meter, account, utility, interval_min, installed_ms, activated_ms, removed_ms
  FROM meters JOIN accounts USING (account_no)";

const ACCOUNTS: &str =
    "SELECT account_no, account, scheme, class, dwelling_units, contracted_kva, customer,
  opened_ms, closed_ms FROM accounts";

impl Snapshot {
    /// The wallets of an account; none for an account that does not exist.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn balances(&self, account: &AccountId) -> Result<Vec<WalletView>, ReadModelError> {
        self.all(WALLETS, [account.as_str()], wallet)
    }

    /// The wallet of one utility.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn balance(
        &self,
        account: &AccountId,
        utility: Utility,
    ) -> Result<Option<WalletView>, ReadModelError> {
        Ok(self
            .balances(account)?
            .into_iter()
            .find(|wallet| wallet.utility == utility))
    }

    /// Everything about an account at a glance; what is due of its debt is as of `month`, the scheme's
    /// local month now.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn account(
        &self,
        account: &AccountId,
        month: Month,
    ) -> Result<Option<AccountOverview>, ReadModelError> {
        let sql = format!("{ACCOUNTS} WHERE account = ?1");
        let Some((no, view)) = self.one(&sql, [account.as_str()], account_view)? else {
            return Ok(None);
        };
        let meters = self.all(
            &format!("{METERS} WHERE account_no = ?1 ORDER BY meter_no"),
            [no],
            meter,
        )?;
        Ok(Some(AccountOverview {
            account: view,
            wallets: self.balances(account)?,
            supply: self.supply(account)?,
            meters: meters.into_iter().map(|(_, meter)| meter).collect(),
            debt: self.debt(account, month)?,
            prepayment: self.prepayment(account)?,
            numbers: self.numbers_of(account)?,
        }))
    }

    /// Accounts in the order in which they were opened.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn accounts(&self, page: PageOf) -> Result<Page<AccountView>, ReadModelError> {
        let page = page.checked()?;
        let sql = format!("{ACCOUNTS} WHERE account_no > ?1 ORDER BY account_no LIMIT ?2");
        Ok(page_of(
            self.all(
                &sql,
                params![page.after.unwrap_or(0), page.limit + 1],
                account_view,
            )?,
            page,
        ))
    }

    /// Meters in the order in which they were installed.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn meters(&self, page: PageOf) -> Result<Page<MeterView>, ReadModelError> {
        let page = page.checked()?;
        let sql = format!("{METERS} WHERE meter_no > ?1 ORDER BY meter_no LIMIT ?2");
        Ok(page_of(
            self.all(
                &sql,
                params![page.after.unwrap_or(0), page.limit + 1],
                meter,
            )?,
            page,
        ))
    }

    /// Every account that holds or held a meter number, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn holders_of(&self, number: &MeterNumber) -> Result<Vec<MeterView>, ReadModelError> {
        let sql = format!("{METERS} WHERE meter = ?1 ORDER BY meter_no DESC");
        Ok(self
            .all(&sql, [number.as_str()], meter)?
            .into_iter()
            .map(|(_, meter)| meter)
            .collect())
    }

    /// Lines of an account's statement by time, book and line. A page's cursor counts lines.
    ///
    /// # Errors
    /// When the limit is out of range or the database refuses.
    pub fn statement(
        &self,
        account: &AccountId,
        range: StatementRange,
        page: PageOf,
    ) -> Result<Page<StatementLine>, ReadModelError> {
        let page = page.checked()?;
        let Some(no) = self.number_of(account)? else {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        };
        let skip = page.after.unwrap_or(0).max(0);
        let rows = self.all(
            "SELECT book, line, at_ms, day, kind, amount_micro, amount_rest, balance_micro, balance_rest,
                    readings, receipt
             FROM statement_lines
             WHERE account_no = ?1 AND (?2 IS NULL OR book = ?2)
               AND at_ms >= ifnull(?3, at_ms) AND (?4 IS NULL OR at_ms < ?4)
             ORDER BY at_ms, book, line LIMIT ?5 OFFSET ?6",
            params![
                no,
                range.book.map(|book| book.stored().code()),
                range.from.map(Timestamp::as_millis),
                range.to.map(Timestamp::as_millis),
                page.limit + 1,
                skip
            ],
            statement_line,
        )?;
        Ok(page_of((skip + 1..).zip(rows).collect(), page))
    }
}

fn account_view(row: &Row<'_>) -> rusqlite::Result<(i64, AccountView)> {
    let mut cells = Cells::of(row);
    let no = cells.get()?;
    let view = AccountView {
        account: cells.name(AccountId::parse)?,
        scheme: cells.get()?,
        class: cells.get()?,
        dwelling_units: cells.get()?,
        contracted_kva: cells.get()?,
        customer: cells.name_opt(OpaqueRef::parse)?,
        opened_at: cells.time()?,
        closed_at: cells.time_opt()?,
    };
    Ok((no, view))
}

fn meter(row: &Row<'_>) -> rusqlite::Result<(i64, MeterView)> {
    let mut cells = Cells::of(row);
    let no = cells.get()?;
    let view = MeterView {
        meter: cells.name(MeterNumber::parse)?,
        account: cells.name(AccountId::parse)?,
        utility: cells.utility()?,
        interval_min: cells.get()?,
        installed_at: cells.time()?,
        activated_at: cells.time_opt()?,
        removed_at: cells.time_opt()?,
    };
    Ok((no, view))
}

fn wallet(row: &Row<'_>) -> rusqlite::Result<WalletView> {
    let mut cells = Cells::of(row);
    Ok(WalletView {
        utility: cells.utility()?,
        credit: cells.money()?,
        negative_since: cells.time_opt()?,
        turn_from: cells.time_opt()?,
        turn_seen: cells.time_opt()?,
        low_notice: cells
            .time_opt()?
            .zip(cells.money_opt()?)
            .map(|(at, credit)| LowNotice { at, credit }),
        activated_at: cells.time_opt()?,
        grace_until: cells.time_opt()?,
        first_top_up_at: cells.time_opt()?,
        newest_top_up_at: cells.time_opt()?,
        top_ups: cells.count()?,
    })
}

fn statement_line(row: &Row<'_>) -> rusqlite::Result<StatementLine> {
    let mut cells = Cells::of(row);
    let code: String = cells.get()?;
    let book = match statement::Book::parse(&code) {
        Some(statement::Book::Wallet(utility)) => Book::of(utility),
        Some(statement::Book::Debt) => Book::Debt,
        Some(statement::Book::Bills) => Book::Bills,
        None => return Err(cells.bad(Type::Text, "not a book")),
    };
    Ok(StatementLine {
        book,
        line: cells.get()?,
        at: cells.time()?,
        day: cells.date_opt()?,
        kind: cells.get()?,
        amount: cells.money()?,
        balance: cells.money()?,
        readings: cells.count()?,
        receipt: cells.get()?,
    })
}
