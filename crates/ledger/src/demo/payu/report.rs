//! What the story ends with: the arrears, the emergency credit and the books, by the ledger's own reports
//! and held to what was seen on the way.

use command_api::client::Client;
use command_api::pb;
use ledger_core::num::Money;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::course::{Course, Seen};
use crate::failure::Failure;
use crate::output::local::grouped;
use crate::output::money::with_decimals;
use crate::output::table::{Set, Table, facts};

/// The report.
pub(super) struct Report {
    seen: Seen,
    seed: u64,
    seconds: f64,
    people: u64,
    moved_in: Money,
    left: Money,
    lent: Money,
    granted: Money,
    cleared: u64,
    orders_confirmed: u64,
    notifications: u64,
    totals: pb::GetTotalsResponse,
    trial: pb::GetTrialBalanceResponse,
}

/// Asks the ledger for everything.
pub(super) async fn gather(course: Course, seconds: f64) -> Result<Report, Failure> {
    let office = &course.office;
    let totals = office
        .queries()
        .get_totals(pb::GetTotalsRequest::default())
        .await;
    let trial = office
        .queries()
        .get_trial_balance(pb::GetTrialBalanceRequest::default())
        .await;
    let mut report = Report {
        seen: course.seen.clone(),
        seed: course.people.seed,
        seconds,
        people: course.people.joiners.len() as u64,
        moved_in: Money::ZERO,
        left: Money::ZERO,
        lent: Money::ZERO,
        granted: Money::ZERO,
        cleared: 0,
        orders_confirmed: course.feed.confirmed,
        notifications: course.feed.heard,
        totals: totals.map_err(|s| asking("the totals", &s))?.into_inner(),
        trial: trial
            .map_err(|s| asking("the trial balance", &s))?
            .into_inner(),
    };
    for joiner in &course.people.joiners {
        report.add(office, &joiner.account).await?;
    }
    Ok(report)
}

impl Report {
    async fn add(&mut self, office: &Client, account: &str) -> Result<(), Failure> {
        let by = pb::account_or_meter::By::AccountId(account.to_owned());
        let ask = pb::GetAccountRequest {
            account: Some(pb::AccountOrMeter { by: Some(by) }),
            at_least: String::new(),
        };
        let answer = office.queries().get_account(ask).await;
        let joined = answer
            .map_err(|s| asking("an account", &s))?
            .into_inner()
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

    /// Arrears moved in are recovered or left, every share was a fifth to the cent, one initial credit a
    /// person, the books balance and every control account ties.
    pub(super) fn accounts_for_everything(&self) -> bool {
        let controls = self.trial.controls.iter().all(|c| c.difference == "0");
        self.moved_in == self.seen.recovered + self.left
            && self.seen.wrong_shares == 0
            && self.granted == Money::from_cents(500) * self.persons()
            && self.trial.balanced
            && controls
    }

    /// One person has two accounts.
    fn persons(&self) -> i64 {
        i64::try_from(self.people.saturating_sub(1)).unwrap_or(i64::MAX)
    }

    fn kind(&self, kind: &str) -> u64 {
        let found = self.totals.kinds.iter().find(|k| k.kind == kind);
        found.map_or(0, |k| k.count)
    }

    /// The report for people.
    pub(super) fn text(&self) -> String {
        let sections = [
            ("Joining", self.joining_text()),
            ("Arrears, S$", self.arrears_text()),
            ("Emergency credit, S$", self.emergency_text()),
            ("Credit on its way to the meters", self.delivery_text()),
            ("Supply", self.supply_text()),
            ("Refused", self.refusals_text()),
            ("Books", self.books_text()),
        ];
        let mut text = format!("\n{} accounts\n", grouped(self.totals.accounts));
        for (title, body) in sections {
            let body: Vec<String> = body.lines().map(|line| format!("  {line}")).collect();
            text.push_str(&format!("\n{title}\n{}\n", body.join("\n")));
        }
        let verdict = if self.accounts_for_everything() {
            "every cent of the arrears is accounted for"
        } else {
            "IT DOES NOT ADD UP"
        };
        text.push_str(&format!(
            "\n{verdict}; {} events in {:.1} s",
            grouped(self.totals.events),
            self.seconds
        ));
        text
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
                grouped(
                    self.seen
                        .refused
                        .get("NOTHING_TO_DELIVER")
                        .copied()
                        .unwrap_or(0),
                ),
            ),
        ])
    }

    fn supply_text(&self) -> String {
        facts(&[
            (
                "stopped at zero",
                grouped(self.kind("supply-disconnection-ordered.v1")),
            ),
            (
                "returned by itself",
                grouped(self.kind("supply-reconnection-ordered.v1")),
            ),
            ("orders confirmed", grouped(self.orders_confirmed)),
            ("notifications", grouped(self.notifications)),
        ])
    }

    fn refusals_text(&self) -> String {
        let mut table = Table::new(&[("reason", Set::Left), ("times", Set::Right)], "nothing");
        for (code, n) in &self.seen.refused {
            table.row(vec![code.clone(), grouped(*n)]);
        }
        table.text()
    }

    fn books_text(&self) -> String {
        let mut table = Table::new(
            &[
                ("control account", Set::Left),
                ("in the ledger", Set::Point),
                ("in detail", Set::Point),
                ("difference", Set::Point),
            ],
            "none",
        );
        for control in &self.trial.controls {
            table.row(vec![
                format!("{} = {}", control.ledger_account, control.made_of),
                control.in_ledger.clone(),
                control.in_detail.clone(),
                control.difference.clone(),
            ]);
        }
        let verdict = if self.trial.balanced {
            "balanced"
        } else {
            "NOT BALANCED"
        };
        format!(
            "trial balance: debit {}, credit {}: {verdict}\n{}",
            self.trial.debit,
            self.trial.credit,
            table.text()
        )
    }

    /// The report as JSON.
    pub(super) fn json(&self) -> Value {
        let kinds: Map<String, Value> = self
            .totals
            .kinds
            .iter()
            .map(|k| (k.kind.clone(), json!(k.count)))
            .collect();
        let controls: Vec<Value> = self
            .trial
            .controls
            .iter()
            .map(|c| {
                json!({"account": c.ledger_account, "in_ledger": c.in_ledger,
                       "in_detail": c.in_detail, "difference": c.difference})
            })
            .collect();
        json!({
            "scheme": super::SCHEME,
            "accounts": self.totals.accounts,
            "persons": self.persons(),
            "seed": self.seed,
            "arrears": {"moved_in": self.moved_in, "recovered": self.seen.recovered,
                        "left": self.left, "cleared": self.cleared},
            "initial_credit": self.granted,
            "emergency": {"draws": self.seen.draws, "repaid": self.seen.repaid, "lent": self.lent},
            "top_ups": {"count": self.seen.top_ups, "amount": self.seen.paid,
                        "wrong_shares": self.seen.wrong_shares},
            "delivered": self.seen.delivered,
            "refusals": self.seen.refused,
            "notifications": self.notifications,
            "trial_balance": {"debit": self.trial.debit, "credit": self.trial.credit,
                              "balanced": self.trial.balanced, "controls": controls},
            "events": kinds,
            "accounts_for_everything": self.accounts_for_everything(),
        })
    }
}

fn cents(amount: Money) -> String {
    with_decimals(&amount.to_string(), 2)
}

fn exact(text: &str) -> Result<Money, Failure> {
    Money::parse(text).map_err(|e| {
        Failure::damaged(
            "DEMO_REPORT",
            format!("the ledger answered a figure that is none: {e}"),
        )
    })
}

fn asking(what: &str, status: &Status) -> Failure {
    Failure::unavailable(
        "DEMO_GRPC",
        format!("asking {what}: {}: {}", status.code(), status.message()),
    )
}
