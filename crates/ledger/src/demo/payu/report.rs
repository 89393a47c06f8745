//! What the story ends with: the arrears, the emergency credit and the books, by the ledger's own reports
//! and held to what was seen on the way.

use command_api::client::Client;
use command_api::pb;
use ledger_core::num::Money;
use serde_json::{Value, json};

use super::super::story::{Books, Told, cents, done, exact, named, sections};
use super::course::{Course, Seen};
use crate::failure::Failure;
use crate::output::local::grouped;
use crate::output::table::facts;

/// The report.
pub(super) struct Report {
    seen: Seen,
    seed: u64,
    /// How long it took.
    pub(super) seconds: f64,
    people: u64,
    moved_in: Money,
    left: Money,
    lent: Money,
    granted: Money,
    cleared: u64,
    orders_confirmed: u64,
    notifications: u64,
    books: Books,
}

/// Asks the ledger for everything.
pub(super) async fn gather(course: &Course) -> Result<Report, Failure> {
    let office = &course.stage.office;
    let mut report = Report {
        seen: course.seen.clone(),
        seed: course.people.seed,
        seconds: 0.0,
        people: course.people.joiners.len() as u64,
        moved_in: Money::ZERO,
        left: Money::ZERO,
        lent: Money::ZERO,
        granted: Money::ZERO,
        cleared: 0,
        orders_confirmed: course.stage.feed.confirmed,
        notifications: course.stage.feed.heard,
        books: Books::ask(office).await?,
    };
    for joiner in &course.people.joiners {
        report.add(office, &joiner.account).await?;
    }
    Ok(report)
}

impl Report {
    async fn add(&mut self, office: &Client, account: &str) -> Result<(), Failure> {
        let ask = pb::GetAccountRequest {
            account: named(account),
            at_least: String::new(),
        };
        let answer = office.queries().get_account(ask).await;
        let joined = done("asking an account", answer)?
            .prepayment
            .ok_or_else(|| Failure::damaged("DEMO_REPORT", format!("{account} has not joined")))?;
        let left = exact(&joined.arrears_left)?;
        self.moved_in += exact(&joined.arrears_moved_in)?;
        self.left += left;
        self.lent += exact(&joined.emergency_lent)?;
        self.granted += exact(&joined.initial_credit)?;
        self.cleared += u64::from(left.is_zero());
        Ok(())
    }

    /// One person has two accounts.
    fn persons(&self) -> i64 {
        i64::try_from(self.people.saturating_sub(1)).unwrap_or(i64::MAX)
    }

    fn joining_text(&self) -> String {
        facts(&[
            ("joined", grouped(self.people)),
            (
                "initial credit",
                format!(
                    "{} for {} persons; one joined twice",
                    cents(self.granted),
                    self.persons()
                ),
            ),
        ])
    }

    fn arrears_text(&self) -> String {
        facts(&[
            ("moved in", cents(self.moved_in)),
            ("recovered from top-ups", cents(self.seen.recovered)),
            ("left", cents(self.left)),
            ("accounts free of arrears", grouped(self.cleared)),
            (
                "top-ups",
                format!(
                    "{} of {} together",
                    grouped(self.seen.top_ups),
                    cents(self.seen.paid)
                ),
            ),
            (
                "shares that are not a fifth to the cent",
                grouped(self.seen.wrong_shares),
            ),
        ])
    }

    fn emergency_text(&self) -> String {
        facts(&[
            ("draws", grouped(self.seen.draws)),
            (
                "repaid, shown in cents",
                cents(self.seen.repaid.round_half_up(2)),
            ),
            ("lent now", cents(self.lent)),
        ])
    }

    fn delivery_text(&self) -> String {
        facts(&[
            ("values taken in", grouped(self.seen.delivered)),
            (
                "second ways refused",
                grouped(self.seen.refused.of("NOTHING_TO_DELIVER")),
            ),
        ])
    }

    fn supply_text(&self) -> String {
        facts(&[
            (
                "stopped at zero",
                grouped(self.books.kind("supply-disconnection-ordered.v1")),
            ),
            (
                "returned by itself",
                grouped(self.books.kind("supply-reconnection-ordered.v1")),
            ),
            ("orders confirmed", grouped(self.orders_confirmed)),
            ("notifications", grouped(self.notifications)),
        ])
    }
}

impl Told for Report {
    fn text(&self) -> String {
        let parts = [
            ("Joining", self.joining_text()),
            ("Arrears, S$", self.arrears_text()),
            ("Emergency credit, S$", self.emergency_text()),
            ("Credit on its way to the meters", self.delivery_text()),
            ("Supply", self.supply_text()),
            ("Refused", self.seen.refused.text()),
            ("Books", self.books.text()),
        ];
        let verdict = if self.accounts_for_everything() {
            "every cent of the arrears is accounted for"
        } else {
            "IT DOES NOT ADD UP"
        };
        format!(
            "\n{} accounts\n{}\n{verdict}; {} events in {:.1} s",
            grouped(self.books.totals.accounts),
            sections(&parts),
            grouped(self.books.totals.events),
            self.seconds
        )
    }

    fn json(&self) -> Value {
        json!({
            "scheme": super::SCHEME,
            "accounts": self.books.totals.accounts,
            "persons": self.persons(),
            "seed": self.seed,
            "arrears": {"moved_in": self.moved_in, "recovered": self.seen.recovered,
                        "left": self.left, "cleared": self.cleared},
            "initial_credit": self.granted,
            "emergency": {"draws": self.seen.draws, "repaid": self.seen.repaid, "lent": self.lent},
            "top_ups": {"count": self.seen.top_ups, "amount": self.seen.paid,
                        "wrong_shares": self.seen.wrong_shares},
            "delivered": self.seen.delivered,
            "refusals": self.seen.refused.json(),
            "notifications": self.notifications,
            "trial_balance": self.books.trial_json(),
            "events": self.books.events_json(),
            "accounts_for_everything": self.accounts_for_everything(),
        })
    }

    /// Arrears moved in are recovered or left, every share was a fifth to the cent, one initial credit a
    /// person, the books balance and every control account ties.
    fn accounts_for_everything(&self) -> bool {
        self.moved_in == self.seen.recovered + self.left
            && self.seen.wrong_shares == 0
            && self.granted == Money::from_cents(500) * self.persons()
            && self.books.balance()
    }
}
