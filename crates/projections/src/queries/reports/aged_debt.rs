//! What is owed, by how long it has been due: postpaid dues, instalments of debts, arrears (E, U12–U15, P4).
//!
//! A due of a month is due from the end of that month; an instalment from the first day of its month, the
//! oldest unpaid ones first; arrears that moved in from the day they did. What is not due yet stands apart,
//! and so does credit: the row's figures sum to the balance.

use ledger_core::debt::DebtPlan;
use ledger_core::dues::Due;
use ledger_core::ids::AccountId;
use ledger_core::num::Money;
use ledger_core::time::{LocalDate, Timestamp};
use ledger_core::utility::Utility;
use rusqlite::{Row, params};

use super::super::{Snapshot, page_of};
use super::tie::Tie;
use super::value::{Column, Kind, Value, column};
use super::{Answer, Question, Report, Takes, add_total};
use crate::error::ReadModelError;
use crate::models::trial::{BILLS_RECEIVABLE, DEBT_RECEIVABLE};
use crate::models::{consumers, debts};
use crate::sql::Cells;

pub(super) const REPORT: Report = Report {
    name: "aged-debt",
    about: "What is owed by how many days it has been due as of a date: dues, debt instalments and arrears.",
    takes: &[Takes::AsOf, Takes::Scheme, Takes::Utility],
    columns: &[&COLUMNS],
    run,
};

const COLUMNS: [Column; 13] = [
    column("account", Kind::Text, "account"),
    column("scheme", Kind::Text, "scheme by name"),
    column("utility", Kind::Text, "utility whose department is owed"),
    column(
        "kind",
        Kind::Text,
        "dues (postpaid), debt (by agreement) or arrears",
    ),
    column("as_of", Kind::Date, "the day the ages are as of"),
    column("not_due", Kind::Money, "owed, but not due yet"),
    column("days_0_30", Kind::Money, "due for 0 to 30 days"),
    column("days_31_60", Kind::Money, "due for 31 to 60 days"),
    column("days_61_90", Kind::Money, "due for 61 to 90 days"),
    column("over_90", Kind::Money, "due for more than 90 days"),
    column(
        "credit",
        Kind::Money,
        "paid beyond what is owed, zero or below",
    ),
    column("balance", Kind::Money, "the sum of the row"),
    column(
        "oldest_due",
        Kind::Date,
        "since when the oldest of it has been due",
    ),
];

/// What an account owes of one kind.
struct Owed {
    no: i64,
    account: AccountId,
    scheme: String,
    utility: Utility,
    of: Of,
}

enum Of {
    Dues(Vec<Due>, Money),
    Debt(DebtPlan),
    Arrears(Money, Timestamp),
}

/// One amount by age.
#[derive(Default)]
struct Aged {
    /// Not due, 0–30, 31–60, 61–90, over 90.
    buckets: [Money; 5],
    credit: Money,
    oldest: Option<LocalDate>,
}

impl Aged {
    fn not_due(amount: Money) -> Self {
        let mut aged = Self::default();
        let [not_due, ..] = &mut aged.buckets;
        *not_due = amount;
        aged
    }

    fn put(&mut self, amount: Money, since: LocalDate, as_of: LocalDate) {
        let [not_due, days_30, days_60, days_90, over] = &mut self.buckets;
        let bucket = match as_of.days_since(since) {
            ..0 => not_due,
            0..=30 => days_30,
            31..=60 => days_60,
            61..=90 => days_90,
            _ => over,
        };
        *bucket += amount;
        if since <= as_of {
            self.oldest = Some(self.oldest.map_or(since, |oldest| oldest.min(since)));
        }
    }

    fn balance(&self) -> Money {
        self.buckets.iter().copied().sum::<Money>() + self.credit
    }
}

impl Of {
    const fn word(&self) -> &'static str {
        match self {
            Self::Dues(..) => "dues",
            Self::Debt(_) => "debt",
            Self::Arrears(..) => "arrears",
        }
    }

    fn balance(&self) -> Money {
        match self {
            Self::Dues(_, balance) => *balance,
            Self::Debt(plan) => plan.balance(),
            Self::Arrears(left, _) => *left,
        }
    }

    const fn ledger_account(&self) -> &'static str {
        match self {
            Self::Dues(..) => BILLS_RECEIVABLE,
            Self::Debt(_) | Self::Arrears(..) => DEBT_RECEIVABLE,
        }
    }

    fn aged(&self, as_of: LocalDate, question: &Question, scheme: &str) -> Aged {
        let mut aged = Aged::default();
        match self {
            Self::Dues(open, balance) => {
                for due in open {
                    aged.put(due.left, due.month.next().first_day(), as_of);
                }
                aged.credit = *balance - aged.balance();
            }
            Self::Debt(plan) => {
                let mut left = plan.due(as_of.month());
                aged = Aged::not_due(plan.balance() - left);
                let mut month = as_of.month();
                while left.is_positive() {
                    let part = left.min(plan.instalment);
                    aged.put(part, month.first_day(), as_of);
                    left -= part;
                    month = month.prev();
                }
            }
            Self::Arrears(left, since) => {
                let since = question.zone(scheme).map(|zone| zone.date_of(*since));
                aged.put(*left, since.unwrap_or(as_of), as_of);
            }
        }
        aged
    }
}

/// Everything that may be owed, by kind; a row with nothing is left out. `{filter}` is the question's.
const SOURCES: [(i64, &str, Read); 3] = [
    (
        0,
        "SELECT t.account_no, a.account, a.scheme, t.utility, t.state FROM consumers t
           JOIN accounts a USING (account_no)
         WHERE (t.dues_micro <> 0 OR t.dues_rest <> 0)",
        of_dues,
    ),
    (
        1,
        "SELECT t.account_no, a.account, a.scheme, t.utility, t.plan FROM debts t
           JOIN accounts a USING (account_no)
         WHERE (t.balance_micro <> 0 OR t.balance_rest <> 0)",
        of_debt,
    ),
    (
        2,
        "SELECT t.account_no, a.account, a.scheme, t.utility, t.arrears_micro, t.arrears_rest, t.joined_ms
           FROM prepayment t JOIN accounts a USING (account_no)
         WHERE (t.arrears_micro <> 0 OR t.arrears_rest <> 0)",
        of_arrears,
    ),
];

/// A cursor is a source and an account in it.
const SOURCE: i64 = 1 << 48;

/// Rows asked for in one statement.
const CHUNK_ROWS: usize = 1_000;

fn run(snapshot: &Snapshot, question: &Question) -> Result<Answer, ReadModelError> {
    question.must_not_look_back()?;
    let enough = usize::try_from(question.page.limit).unwrap_or(usize::MAX);
    let cursor = question.page.after.unwrap_or(0).max(0);
    let (mut rows, mut totals) = (Vec::new(), Vec::new());
    let mut shown = [
        (BILLS_RECEIVABLE, Money::ZERO),
        (DEBT_RECEIVABLE, Money::ZERO),
    ];
    for (source, sql, read) in SOURCES {
        if source < cursor / SOURCE {
            continue;
        }
        let mut after = if source == cursor / SOURCE {
            cursor % SOURCE
        } else {
            0
        };
        loop {
            let chunk = chunk(snapshot, question, sql, (after, read))?;
            let is_last = chunk.len() < CHUNK_ROWS;
            after = chunk.last().map_or(after, |owed| owed.no);
            for owed in chunk {
                let (values, aged) = row(&owed, question);
                if question.is_first() {
                    sum(&mut totals, &question.currency(&owed.scheme), &aged);
                    for (name, amount) in &mut shown {
                        if *name == owed.of.ledger_account() {
                            *amount += aged.balance();
                        }
                    }
                }
                if rows.len() <= enough {
                    rows.push((source * SOURCE + owed.no, values));
                }
            }
            if is_last || (rows.len() > enough && !question.is_first()) {
                break;
            }
        }
    }
    let mut answer = Answer::rows(page_of(rows, question.page));
    if question.is_first() {
        answer.totals = totals;
        for (name, in_report) in shown {
            answer.ties.push(tie(snapshot, question, name, in_report)?);
        }
    }
    Ok(answer)
}

type Read = fn(&Row<'_>) -> rusqlite::Result<Owed>;

fn chunk(
    snapshot: &Snapshot,
    question: &Question,
    sql: &str,
    (after, read): (i64, Read),
) -> Result<Vec<Owed>, ReadModelError> {
    let sql = format!(
        "{sql} AND t.account_no > ?1 AND (?2 IS NULL OR a.scheme = ?2) AND (?3 IS NULL OR t.utility = ?3)
         ORDER BY t.account_no LIMIT ?4"
    );
    let most = i64::try_from(CHUNK_ROWS).unwrap_or(i64::MAX);
    let bounds = params![after, question.scheme, question.utility_code(), most];
    snapshot.all(&sql, bounds, read)
}

fn row(owed: &Owed, question: &Question) -> (Vec<Value>, Aged) {
    let as_of = question.date(&owed.scheme);
    let aged = match as_of {
        Some(date) => owed.of.aged(date, question, &owed.scheme),
        // A scheme that is not served any more has no today: nothing of it is told to be overdue.
        None => Aged::not_due(owed.of.balance()),
    };
    let mut values = vec![
        Value::text(&owed.account),
        Value::text(&owed.scheme),
        Value::text(owed.utility),
        Value::text(owed.of.word()),
        Value::date(as_of),
    ];
    values.extend(aged.buckets.map(Value::Money));
    values.extend([
        Value::Money(aged.credit),
        Value::Money(aged.balance()),
        Value::date(aged.oldest),
    ]);
    (values, aged)
}

fn sum(totals: &mut Vec<super::Total>, currency: &str, aged: &Aged) {
    let names = [
        "not_due",
        "days_0_30",
        "days_31_60",
        "days_61_90",
        "over_90",
    ];
    for (name, amount) in names.into_iter().zip(aged.buckets) {
        add_total(totals, name, currency, amount);
    }
    add_total(totals, "credit", currency, aged.credit);
    add_total(totals, "balance", currency, aged.balance());
}

/// What the question leaves out is summed from the stored balances, not from ages.
fn tie(
    snapshot: &Snapshot,
    question: &Question,
    name: &str,
    in_report: Money,
) -> Result<Tie, ReadModelError> {
    let tables: &[(&str, &str)] = if name == BILLS_RECEIVABLE {
        &[("consumers", "dues")]
    } else {
        &[("debts", "balance"), ("prepayment", "arrears")]
    };
    let mut elsewhere = Money::ZERO;
    for (table, amount) in tables {
        let sql = format!(
            "SELECT ifnull(sum(t.{amount}_micro), 0), ifnull(sum(t.{amount}_rest), 0)
             FROM {table} t JOIN accounts a USING (account_no)
             WHERE NOT ((?1 IS NULL OR a.scheme = ?1) AND (?2 IS NULL OR t.utility = ?2))"
        );
        elsewhere += snapshot.money_of(&sql, params![question.scheme, question.utility_code()])?;
    }
    Ok(Tie {
        ledger_account: name.to_owned(),
        in_report,
        elsewhere,
        in_ledger: snapshot.debit_of(name)?,
    })
}

fn owed(
    row: &Row<'_>,
    of: impl FnOnce(&mut Cells<'_, '_>) -> rusqlite::Result<Of>,
) -> rusqlite::Result<Owed> {
    let mut cells = Cells::of(row);
    Ok(Owed {
        no: cells.get()?,
        account: cells.name(AccountId::parse)?,
        scheme: cells.get()?,
        utility: cells.utility()?,
        of: of(&mut cells)?,
    })
}

fn of_dues(row: &Row<'_>) -> rusqlite::Result<Owed> {
    owed(row, |cells| {
        let billing = consumers::state(cells)?;
        let dues = billing.dues();
        Ok(Of::Dues(dues.open().to_vec(), dues.balance()))
    })
}

fn of_debt(row: &Row<'_>) -> rusqlite::Result<Owed> {
    owed(row, |cells| Ok(Of::Debt(debts::plan(cells)?)))
}

fn of_arrears(row: &Row<'_>) -> rusqlite::Result<Owed> {
    owed(row, |cells| Ok(Of::Arrears(cells.money()?, cells.time()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> LocalDate {
        LocalDate::parse(text).unwrap()
    }

    #[test]
    fn e5_a_due_ages_from_the_day_it_is_due_and_each_boundary_falls_on_its_side() {
        let as_of = day("2026-06-30");
        let mut aged = Aged::default();
        for (amount, since) in [
            ("1", "2026-07-01"),
            ("2", "2026-06-30"),
            ("4", "2026-05-31"),
            ("8", "2026-05-30"),
            ("16", "2026-05-01"),
            ("32", "2026-04-30"),
            ("64", "2026-04-01"),
            ("128", "2026-03-31"),
        ] {
            aged.put(Money::parse(amount).unwrap(), day(since), as_of);
        }
        let shown = aged.buckets.map(|amount| amount.to_string());
        assert_eq!(shown, ["1", "6", "24", "96", "128"]);
        assert_eq!(aged.oldest, Some(day("2026-03-31")));
    }

    #[test]
    fn u14_unpaid_instalments_age_each_from_the_first_day_of_its_month() {
        let money = |text: &str| Money::parse(text).unwrap();
        let start = day("2026-03-01").month();
        let mut plan = DebtPlan::agreed(Utility::Water, money("100"), money("25"), start);
        plan.pay(money("10"), start);
        let question = Question::of(Vec::new(), super::super::PageOf::first(1));
        let aged = Of::Debt(plan).aged(day("2026-05-10"), &question, "usms");
        let shown = aged.buckets.map(|amount| amount.to_string());
        assert_eq!(
            shown,
            ["25", "25", "25", "15", "0"],
            "May's since the 1st, April's for 39 days, what is left of March's for 70"
        );
        assert_eq!(aged.balance(), money("90"));
    }
}
