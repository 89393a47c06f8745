//! What the story ends with: bills, payments, queries, runs and books, by the ledger's own reports and held to
//! the account that was kept on the way.

use command_api::client::Client;
use command_api::pb;
use ledger_core::num::Money;
use serde_json::{Value, json};

use super::super::story::{Books, Told, cents, consumers, done, exact, named, sections};
use super::course::{Course, Own, Seen, whole};
use super::people::{Customer, MONTHS};
use crate::failure::Failure;
use crate::output::local::grouped;
use crate::output::table::{Set, Table, facts};

/// Bills of one customer that are shown line by line.
const EXAMPLES: usize = 1;

/// The report.
pub(super) struct Report {
    seen: Seen,
    seed: u64,
    /// How long it took.
    pub(super) seconds: f64,
    people: Vec<Customer>,
    /// By account, as the ledger has it: bills, dues.
    accounts: Vec<(Own, Money)>,
    example: Vec<pb::Bill>,
    books: Books,
}

/// Asks the ledger for everything.
pub(super) async fn gather(course: &Course) -> Result<Report, Failure> {
    let office = &course.stage.office;
    let owed = consumers(office, pb::ConsumerSet::Unspecified).await?;
    let mut report = Report {
        seen: course.seen.clone(),
        seed: course.people.seed,
        seconds: 0.0,
        people: course.people.customers.clone(),
        accounts: Vec::new(),
        example: Vec::new(),
        books: Books::ask(office).await?,
    };
    for customer in &course.people.customers {
        let dues = owed.iter().find(|c| c.account_id == customer.account);
        let dues = dues.map_or(Ok(Money::ZERO), |c| exact(&c.dues))?;
        let bills = bills_of(office, &customer.account).await?;
        let mut own = Own::default();
        for bill in &bills {
            let amount = exact(&bill.amount)?;
            if bill.kind == "raised" {
                own.bills += 1;
                own.billed += amount;
            } else {
                own.paid += amount;
            }
        }
        report.accounts.push((own, dues));
        if report.example.len() < EXAMPLES {
            report.example.extend(
                bills
                    .into_iter()
                    .filter(|b| b.kind == "raised")
                    .take(EXAMPLES),
            );
        }
    }
    Ok(report)
}

async fn bills_of(office: &Client, account: &str) -> Result<Vec<pb::Bill>, Failure> {
    let ask = pb::ListBillsRequest {
        account: named(account),
        page_size: 1_000,
        ..Default::default()
    };
    Ok(done("listing bills", office.billing().list_bills(ask).await)?.bills)
}

impl Report {
    /// Customers whose bills, payments or dues are not those of the account kept beside the ledger.
    fn strays(&self) -> Vec<&str> {
        let both = self.people.iter().zip(&self.accounts);
        let strayed = both.filter(|(customer, (ledger, dues))| {
            let own = self
                .seen
                .own
                .get(&customer.account)
                .copied()
                .unwrap_or_default();
            (own.bills, own.billed, own.paid) != (ledger.bills, ledger.billed, ledger.paid)
                || *dues != own.billed - own.paid
        });
        strayed
            .map(|(customer, _)| customer.account.as_str())
            .collect()
    }

    fn sum(&self, part: fn(&Own) -> Money) -> Money {
        self.accounts.iter().map(|(own, _)| part(own)).sum()
    }

    fn owed(&self) -> Money {
        self.accounts
            .iter()
            .map(|(_, dues)| (*dues).max(Money::ZERO))
            .sum()
    }

    fn credit(&self) -> Money {
        self.accounts
            .iter()
            .map(|(_, dues)| (-*dues).max(Money::ZERO))
            .sum()
    }

    fn bills_text(&self) -> String {
        let units: i64 = self.people.iter().map(|c| whole(c.register)).sum();
        let bills: u64 = self.accounts.iter().map(|(own, _)| own.bills).sum();
        facts(&[
            ("bills made at readings", grouped(bills)),
            (
                "units",
                format!("{} kWh", grouped(u64::try_from(units).unwrap_or(0))),
            ),
            ("billed", cents(self.sum(|own| own.billed))),
            (
                "paid",
                format!(
                    "{} with {} receipts",
                    cents(self.sum(|own| own.paid)),
                    grouped(self.seen.receipts)
                ),
            ),
            ("owed now", cents(self.owed())),
            ("credit for the next bills", cents(self.credit())),
            ("customers that differ", grouped(self.strays().len() as u64)),
        ])
    }

    fn example_text(&self) -> String {
        let mut table = Table::new(
            &[
                ("month", Set::Left),
                ("line", Set::Left),
                ("", Set::Left),
                ("units", Set::Point),
                ("amount", Set::Point),
            ],
            "no bill",
        );
        for line in self.example.iter().flat_map(|bill| &bill.lines) {
            table.row(vec![
                line.month.clone(),
                line.kind.clone(),
                line.text.clone(),
                line.units.clone(),
                line.amount.clone(),
            ]);
        }
        let head = self.example.first().map_or_else(String::new, |bill| {
            format!(
                "bill {}, to be paid by {}: {}\n",
                bill.number, bill.due, bill.amount
            )
        });
        format!("{head}{}", table.text())
    }

    fn queries_text(&self) -> String {
        facts(&[
            ("readings with a digit too many", grouped(self.seen.slips)),
            (
                "refused and queried",
                grouped(self.books.kind("query-raised.v1")),
            ),
            ("answered", grouped(self.seen.answered)),
        ])
    }

    fn runs_text(&self) -> String {
        facts(&[
            ("overdue when a run began", grouped(self.seen.visited)),
            ("cut", grouped(self.seen.cut)),
            (
                "paid since, and not cut",
                grouped(self.seen.refused.of("PAID_SINCE_RUN")),
            ),
            (
                "returned by itself, paid in full",
                grouped(self.books.kind("supply-reconnection-ordered.v1")),
            ),
        ])
    }
}

impl Told for Report {
    fn text(&self) -> String {
        let parts = [
            ("Bills, KSh", self.bills_text()),
            ("One of them", self.example_text()),
            ("Queries", self.queries_text()),
            ("Disconnection runs", self.runs_text()),
            ("Refused", self.seen.refused.text()),
            ("Books", self.books.text()),
        ];
        let verdict = if self.accounts_for_everything() {
            "every bill and every shilling is accounted for"
        } else {
            "IT DOES NOT ADD UP"
        };
        format!(
            "\n{} customers, {MONTHS} months\n{}\n{verdict}; {} events in {:.1} s",
            grouped(self.books.totals.accounts),
            sections(&parts),
            grouped(self.books.totals.events),
            self.seconds
        )
    }

    fn json(&self) -> Value {
        let bills: u64 = self.accounts.iter().map(|(own, _)| own.bills).sum();
        json!({
            "scheme": super::SCHEME,
            "accounts": self.books.totals.accounts,
            "seed": self.seed,
            "bills": {"made": bills, "amount": self.sum(|own| own.billed),
                      "paid": self.sum(|own| own.paid), "receipts": self.seen.receipts,
                      "owed": self.owed(), "credit": self.credit()},
            "strays": self.strays(),
            "differing_receipts": self.seen.differing,
            "queries": {"slips": self.seen.slips, "raised": self.books.kind("query-raised.v1"),
                        "answered": self.seen.answered},
            "runs": {"overdue": self.seen.visited, "cut": self.seen.cut,
                     "paid_since": self.seen.refused.of("PAID_SINCE_RUN"),
                     "returned": self.books.kind("supply-reconnection-ordered.v1")},
            "refusals": self.seen.refused.json(),
            "trial_balance": self.books.trial_json(),
            "events": self.books.events_json(),
            "accounts_for_everything": self.accounts_for_everything(),
        })
    }

    /// Every bill, payment and due is that of the account kept beside the ledger, to the cent; every slip
    /// opened a query that was answered; a run cut nobody who had paid since it began, and whoever it cut
    /// and paid is supplied again; the books balance.
    fn accounts_for_everything(&self) -> bool {
        let seen = &self.seen;
        self.strays().is_empty()
            && seen.differing == 0
            && seen.slips == self.books.kind("query-raised.v1")
            && seen.slips == seen.answered
            && seen.visited == seen.cut + seen.refused.of("PAID_SINCE_RUN")
            && seen.cut == self.books.kind("supply-disconnection-ordered.v1")
            && seen.cut == self.books.kind("supply-reconnection-ordered.v1")
            && self.books.balance()
    }
}
