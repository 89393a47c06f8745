//! What the story ends with: statuses by month, the paths that were taken, the money and the books, by the
//! ledger's own reports and held to what was seen on the way.

use std::collections::{BTreeMap, BTreeSet};

use command_api::client::Client;
use command_api::pb;
use ledger_core::num::Money;
use serde_json::{Value, json};

use super::super::story::{Books, Told, cents, consumers, done, exact, named, sections};
use super::course::{Course, Seen};
use super::people::{Consumer, Habit, MONTHS, month_name};
use crate::cli::consumer::counts_text;
use crate::failure::Failure;
use crate::output::local::grouped;
use crate::output::table::{Set, Table, facts};

/// The report.
pub(super) struct Report {
    seen: Seen,
    seed: u64,
    /// How long it took.
    pub(super) seconds: f64,
    people: Vec<Consumer>,
    paths: BTreeMap<String, Vec<String>>,
    now: Vec<pb::Consumer>,
    recovery: Vec<pb::Consumer>,
    counts: Vec<pb::StatusCount>,
    bills: u64,
    billed: Money,
    books: Books,
}

/// Asks the ledger for everything.
pub(super) async fn gather(course: &Course) -> Result<Report, Failure> {
    let office = &course.stage.office;
    let ask = pb::CountConsumersRequest {
        from_month: month_name(1),
        to_month: month_name(MONTHS),
        at_least: String::new(),
    };
    let counts = done("counting", office.billing().count_consumers(ask).await)?;
    let mut report = Report {
        seen: course.seen.clone(),
        seed: course.people.seed,
        seconds: 0.0,
        people: course.people.consumers.clone(),
        paths: course.paths.clone(),
        now: consumers(office, pb::ConsumerSet::Unspecified).await?,
        recovery: consumers(office, pb::ConsumerSet::Recovery).await?,
        counts: counts.counts,
        bills: 0,
        billed: Money::ZERO,
        books: Books::ask(office).await?,
    };
    for consumer in &course.people.consumers {
        report.add_bills(office, &consumer.account).await?;
    }
    Ok(report)
}

impl Report {
    /// The bills of an account that were paid.
    async fn add_bills(&mut self, office: &Client, account: &str) -> Result<(), Failure> {
        let ask = pb::ListBillsRequest {
            account: named(account),
            page_size: 1_000,
            ..Default::default()
        };
        let listed = done("listing bills", office.billing().list_bills(ask).await)?;
        for bill in listed.bills.iter().filter(|bill| bill.kind == "paid") {
            self.bills += 1;
            self.billed += exact(&bill.amount)?;
        }
        Ok(())
    }

    /// Accounts that did not take the path of their habit.
    fn strays(&self) -> Vec<&str> {
        let strayed = self.people.iter().filter(|c| {
            let expected = c.habit.path();
            let path = self.paths.get(&c.account).map_or(&[][..], Vec::as_slice);
            let ended = self.now.iter().find(|now| now.account_id == c.account);
            path != expected || ended.is_none_or(|now| now.status != c.habit.last_status())
        });
        strayed.map(|c| c.account.as_str()).collect()
    }

    /// Counts by month and status, from the paths that the habits must take.
    fn expected_counts(&self) -> BTreeMap<(String, &'static str), u64> {
        let mut counts = BTreeMap::new();
        for consumer in &self.people {
            for (month, status) in (1..).zip(consumer.habit.path()) {
                *counts.entry((month_name(month), *status)).or_default() += 1;
            }
        }
        counts
    }

    fn counts_agree(&self) -> bool {
        let expected = self.expected_counts();
        let told = self.counts.iter().map(|c| {
            let of = expected.get(&(c.month.clone(), c.status.as_str()));
            of == Some(&c.consumers)
        });
        self.counts.len() == expected.len() && told.into_iter().all(|agrees| agrees)
    }

    fn sum(of: &[pb::Consumer], figure: fn(&pb::Consumer) -> &str) -> Money {
        of.iter().filter_map(|c| Money::parse(figure(c)).ok()).sum()
    }

    fn deposits(&self) -> Money {
        Self::sum(&self.now, |c| &c.deposit)
    }

    fn money_text(&self) -> String {
        facts(&[
            (
                "bills paid",
                format!(
                    "{} of {} together",
                    grouped(self.seen.receipts),
                    cents(self.seen.paid)
                ),
            ),
            (
                "in the ledger",
                format!("{} of {} together", grouped(self.bills), cents(self.billed)),
            ),
            ("bills that were not as shown", grouped(self.seen.surprises)),
            ("answers lost, asked again", grouped(self.seen.repeated)),
            ("owed now", cents(Self::sum(&self.now, |c| &c.dues))),
            (
                "for recovery",
                format!(
                    "{} of {} consumers",
                    cents(Self::sum(&self.recovery, |c| &c.dues)),
                    grouped(self.recovery.len() as u64)
                ),
            ),
            (
                "deposits held",
                format!(
                    "{} (counted: {})",
                    cents(self.deposits()),
                    cents(self.seen.deposits)
                ),
            ),
        ])
    }

    fn months_text(&self) -> String {
        facts(&[
            ("months closed", grouped(self.books.kind("month-closed.v1"))),
            (
                "billed by the approximate method",
                grouped(self.books.kind("consumption-estimated.v1")),
            ),
            (
                "taken back by a reading",
                grouped(self.books.kind("estimates-reversed.v1")),
            ),
            (
                "surcharges",
                grouped(self.books.kind("surcharge-charged.v1")),
            ),
            (
                "disconnection notices",
                grouped(self.books.kind("disconnection-notice-served.v1")),
            ),
            ("cut by the JE", grouped(self.seen.cut)),
            ("connected again by the JE", grouped(self.seen.connected)),
            (
                "waited in suspense and went back",
                grouped(self.books.kind("suspense-returned.v1")),
            ),
        ])
    }

    /// One consumer of each habit, month by month.
    fn paths_text(&self) -> String {
        let months: Vec<String> = (1..=MONTHS).map(month_name).collect();
        let mut heads = vec![("consumer", Set::Left), ("what it does", Set::Left)];
        heads.extend(months.iter().map(|m| (m.get(5..).unwrap_or(m), Set::Left)));
        heads.push(("now", Set::Left));
        let mut table = Table::new(&heads, "nobody");
        let mut shown: BTreeSet<Habit> = BTreeSet::new();
        for consumer in &self.people {
            if !shown.insert(consumer.habit) {
                continue;
            }
            let path = self.paths.get(&consumer.account);
            let mut row = vec![consumer.account.clone(), consumer.habit.name().to_owned()];
            row.extend((0..months.len()).map(|n| {
                let status = path.and_then(|path| path.get(n));
                status.cloned().unwrap_or_default()
            }));
            let now = self.now.iter().find(|c| c.account_id == consumer.account);
            row.push(now.map(|c| c.status.clone()).unwrap_or_default());
            table.row(row);
        }
        table.text()
    }
}

impl Told for Report {
    fn text(&self) -> String {
        let parts = [
            (
                "Consumers by status at each month's close",
                counts_text(&self.counts),
            ),
            ("Paths", self.paths_text()),
            ("Months", self.months_text()),
            ("Money, Rs", self.money_text()),
            ("Refused", self.seen.refused.text()),
            ("Books", self.books.text()),
        ];
        let strays = self.strays();
        let verdict = if self.accounts_for_everything() {
            "every bill, every status and every rupee is accounted for".to_owned()
        } else if strays.is_empty() {
            "IT DOES NOT ADD UP".to_owned()
        } else {
            format!("NOT ON THEIR PATHS: {}", strays.join(", "))
        };
        format!(
            "\n{} consumers, {MONTHS} months\n{}\n{verdict}; {} events in {:.1} s",
            grouped(self.books.totals.accounts),
            sections(&parts),
            grouped(self.books.totals.events),
            self.seconds
        )
    }

    fn json(&self) -> Value {
        let counts: Vec<Value> = self
            .counts
            .iter()
            .map(|c| json!({"month": c.month, "status": c.status, "consumers": c.consumers}))
            .collect();
        json!({
            "scheme": super::SCHEME,
            "accounts": self.books.totals.accounts,
            "seed": self.seed,
            "counts": counts,
            "paths": self.paths,
            "strays": self.strays(),
            "bills": {"paid": self.seen.receipts, "amount": self.seen.paid, "in_ledger": self.bills,
                      "in_ledger_amount": self.billed, "surprises": self.seen.surprises,
                      "repeated": self.seen.repeated},
            "owed": Self::sum(&self.now, |c| &c.dues),
            "recovery": {"consumers": self.recovery.len(),
                         "amount": Self::sum(&self.recovery, |c| &c.dues)},
            "deposits": {"held": self.deposits(), "counted": self.seen.deposits},
            "cut": self.seen.cut,
            "connected": self.seen.connected,
            "refusals": self.seen.refused.json(),
            "trial_balance": self.books.trial_json(),
            "events": self.books.events_json(),
            "accounts_for_everything": self.accounts_for_everything(),
        })
    }

    /// Every account took its path, the counts by month and status are those of the paths, every bill was
    /// paid as it was shown and stands in the ledger, deposits are as counted, and the books balance.
    fn accounts_for_everything(&self) -> bool {
        self.strays().is_empty()
            && self.counts_agree()
            && self.seen.surprises == 0
            && (self.bills, self.billed) == (self.seen.receipts, self.seen.paid)
            && self.deposits() == self.seen.deposits
            && self.books.balance()
    }
}
