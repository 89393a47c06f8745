//! The course of the story, month by month: customers read their meters, get their bills, pay them, and the
//! disconnection runs go round.

use std::collections::BTreeMap;

use command_api::client::Client;
use command_api::pb;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_core::command::Reading;
use ledger_core::num::{Money, Quantity};
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;

use super::super::counter::instant;
use super::super::story::{Refusals, Stage, consumers, done, exact, named};
use super::super::timeline::Message;
use super::people::{Customer, Habit, MICRO, MONTHS, People};
use crate::failure::Failure;
use crate::output::Console;
use crate::output::progress::Progress;

/// Calls under way at once.
const CALLS_AT_ONCE: usize = 32;
/// Readings of one message.
const MESSAGE_READINGS_MAX: usize = 100;
/// Of what a round payment is a multiple, in cents.
const ROUND_CENTS: i64 = 50_000;
/// What a last-hour payer leaves, in cents.
const LEFT_CENTS: i64 = 100;
/// Day of a disconnection run: five days after the last day to pay.
const RUN_DAY: u32 = 20;

/// What a customer's account must be, kept beside the ledger.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Own {
    /// Bills, priced by the story itself.
    pub(super) billed: Money,
    /// How many.
    pub(super) bills: u64,
    /// Paid.
    pub(super) paid: Money,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// By account.
    pub(super) own: BTreeMap<String, Own>,
    /// Receipts.
    pub(super) receipts: u64,
    /// Wrong readings that were sent.
    pub(super) slips: u64,
    /// Queries that the office answered.
    pub(super) answered: u64,
    /// Accounts that runs came to.
    pub(super) visited: u64,
    /// Accounts that they cut.
    pub(super) cut: u64,
    /// Receipts whose balance is not that of the account kept beside the ledger.
    pub(super) differing: u64,
    /// Refusals by code.
    pub(super) refused: Refusals,
}

/// The story under way.
pub(super) struct Course {
    /// Servers and connections.
    pub(super) stage: Stage,
    /// Who takes part.
    pub(super) people: People,
    /// What was seen.
    pub(super) seen: Seen,
}

impl Course {
    /// Everyone is there.
    pub(super) fn new(stage: Stage, people: People) -> Self {
        Self {
            stage,
            people,
            seen: Seen::default(),
        }
    }

    /// Plays every month.
    pub(super) async fn play(&mut self, console: Console) -> Result<(), Failure> {
        let count = self.people.customers.len();
        console.note(&format!("{count} customers get a meter"));
        self.all_open().await?;
        let progress = Progress::begin(console, "months", "months", u64::from(MONTHS));
        for month in 1..=MONTHS {
            self.all_read(month).await?;
            self.answer_queries(month).await?;
            self.pay_in_time(month).await?;
            self.disconnection_run(month).await?;
            progress.add(1);
        }
        progress.end();
        Ok(())
    }

    async fn all_open(&mut self) -> Result<(), Failure> {
        let at = self.people.at(1, 1, 0);
        let office = self.stage.office.at(at);
        let opened = stream::iter(&self.people.customers).map(|c| open(&office, c, at));
        opened
            .buffer_unordered(CALLS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    /// At the month's end everyone sends what the register shows; some type a digit too many first.
    async fn all_read(&mut self, month: u32) -> Result<(), Failure> {
        let end = self.people.at(month + 1, 1, 0);
        let People {
            customers, chance, ..
        } = &mut self.people;
        let (mut wrong, mut right) = (Vec::new(), Vec::new());
        for customer in customers.iter_mut() {
            customer.uses(chance);
            let reading = |value: Quantity| Reading {
                meter: customer.meter.clone(),
                register: None,
                read_at: end,
                value,
            };
            if customer.slips_in == Some(month) {
                let slipped = customer.register.checked_scale(10);
                wrong.extend(slipped.map(reading));
            }
            right.push(reading(customer.register));
            let own = self.seen.own.entry(customer.account.clone()).or_default();
            own.billed += customer.bill();
            own.bills += 1;
        }
        self.seen.slips += wrong.len() as u64;
        self.send(&wrong, end + Millis::minutes(1)).await?;
        self.send(&right, end + Millis::minutes(30)).await
    }

    async fn send(&mut self, readings: &[Reading], received_at: Timestamp) -> Result<(), Failure> {
        let parts = readings.chunks(MESSAGE_READINGS_MAX).map(|part| Message {
            utility: Utility::Electricity,
            received_at,
            readings: part.to_vec(),
            raw: None,
        });
        let messages: Vec<Message> = parts.collect();
        self.stage.feed.publish(&messages).await?;
        self.stage.feed.wait_until_taken().await
    }

    /// The office answers what the refused readings have opened.
    async fn answer_queries(&mut self, month: u32) -> Result<(), Failure> {
        let office = self.stage.office.at(self.people.at(month + 1, 3, 600));
        for asking in consumers(&office, pb::ConsumerSet::Queried).await? {
            let answer = pb::AnswerQueryRequest {
                reference: format!("answer-{}-{month}", asking.account_id),
                account_id: asking.account_id,
                query: 1,
                document: "letter-a-digit-too-many".to_owned(),
                settled: true,
            };
            done(
                "answering a query",
                office.billing().answer_query(answer).await,
            )?;
            self.seen.answered += 1;
        }
        Ok(())
    }

    async fn pay_in_time(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month + 1, 10, 600);
        self.pay(at, &[Habit::InTime, Habit::RoundsUp]).await
    }

    /// Everyone of these habits pays, each at a channel of its own.
    async fn pay(&mut self, at: Timestamp, habits: &[Habit]) -> Result<(), Failure> {
        let stage = &self.stage;
        let own = &self.seen.own;
        let all = self.people.customers.iter().enumerate();
        let payers = all
            .filter(|(_, c)| habits.contains(&c.habit))
            .filter_map(|(n, c)| {
                let own = own.get(&c.account).copied().unwrap_or_default();
                let amount = wish(c.habit, own.billed - own.paid)?;
                Some((stage.till(n, at), c, amount, own))
            });
        let payers: Vec<_> = payers.collect();
        let paid = stream::iter(payers).map(|(till, customer, amount, own)| async move {
            let left = receipt(&till, customer, amount, at).await?;
            let expected = own.billed - own.paid - amount;
            Ok::<_, Failure>((customer.account.clone(), amount, left == expected))
        });
        let paid: Vec<_> = paid.buffer_unordered(CALLS_AT_ONCE).try_collect().await?;
        for (account, amount, agrees) in paid {
            self.seen.own.entry(account).or_default().paid += amount;
            self.seen.receipts += 1;
            self.seen.differing += u64::from(!agrees);
        }
        Ok(())
    }

    /// A run begins at six with everyone who is overdue; until it comes to them at eight, some pay. Whoever
    /// is cut pays in the evening, and supply returns by itself.
    async fn disconnection_run(&mut self, month: u32) -> Result<(), Failure> {
        let began = self.people.at(month + 1, RUN_DAY, 360);
        let today = format!("2026-{:02}-{RUN_DAY}", month + 1);
        let list = consumers(&self.stage.office.at(began), pb::ConsumerSet::Owing).await?;
        let overdue = list
            .into_iter()
            .filter(|c| !c.oldest_due.is_empty() && c.oldest_due < today);
        let overdue: Vec<pb::Consumer> = overdue.collect();
        self.pay(
            self.people.at(month + 1, RUN_DAY, 420),
            &[Habit::AtTheLastHour],
        )
        .await?;
        let round = self.people.at(month + 1, RUN_DAY, 480);
        let office = self.stage.office.at(round);
        for customer in overdue {
            let cut = pb::CutForDuesRequest {
                reference: format!("run-{month}-{}", customer.account_id),
                account_id: customer.account_id,
                run_began_at: Some(instant(began)),
            };
            let answer = office.billing().cut_for_dues(cut).await;
            let was_cut = self.seen.refused.count("cutting", answer)?;
            self.seen.visited += 1;
            self.seen.cut += u64::from(was_cut.is_some());
        }
        self.stage.feed.confirm_orders(round).await?;
        let evening = self.people.at(month + 1, RUN_DAY, 1_080);
        self.pay(evening, &[Habit::WhenCut]).await?;
        self.stage.feed.confirm_orders(evening).await?;
        self.stage.feed.hear().await
    }
}

/// What a customer wants to pay of what it owes; none where it has credit.
fn wish(habit: Habit, owed: Money) -> Option<Money> {
    if !owed.is_positive() {
        return None;
    }
    let cents = i64::try_from(owed.scaled() / Money::from_cents(1).scaled()).unwrap_or(0);
    let amount = match habit {
        Habit::InTime | Habit::WhenCut => cents,
        Habit::RoundsUp => (cents + ROUND_CENTS - 1) / ROUND_CENTS * ROUND_CENTS,
        Habit::AtTheLastHour => (cents - LEFT_CENTS).max(1),
    };
    Some(Money::from_cents(amount))
}

/// Pays, and gives what is left by the receipt.
async fn receipt(
    till: &Client,
    customer: &Customer,
    amount: Money,
    at: Timestamp,
) -> Result<Money, Failure> {
    let pay = pb::PayBillRequest {
        reference: format!("pay-{}-{}", customer.account, at.as_millis()),
        payee: named(&customer.account),
        amount: amount.to_string(),
        money: pb::MoneyState::NotTaken.into(),
        reading: None,
        protest: String::new(),
    };
    let answer = done("paying a bill", till.billing().pay_bill(pay).await)?;
    match answer.result {
        Some(pb::pay_bill_response::Result::Receipt(receipt)) => exact(&receipt.balance),
        Some(pb::pay_bill_response::Result::Suspended(_)) | None => Err(Failure::damaged(
            "DEMO_RECEIPT",
            "a bill payment gave no receipt",
        )),
    }
}

async fn open(office: &Client, customer: &Customer, at: Timestamp) -> Result<(), Failure> {
    let open = pb::OpenAccountRequest {
        reference: format!("open-{}", customer.account),
        account_id: customer.account.clone(),
        class: "domestic".to_owned(),
        scheme: super::SCHEME.to_owned(),
        ..Default::default()
    };
    done(
        "opening an account",
        office.accounts().open_account(open).await,
    )?;
    let install = pb::InstallMeterRequest {
        reference: format!("install-{}", customer.meter),
        account_id: customer.account.clone(),
        utility: pb::Utility::Electricity.into(),
        meter: customer.meter.to_string(),
        register: None,
        installed_at: Some(instant(at)),
        first_value: "0".to_owned(),
    };
    done(
        "installing a meter",
        office.meters().install_meter(install).await,
    )?;
    Ok(())
}

/// Whole units of a register.
pub(super) fn whole(register: Quantity) -> i64 {
    register.micro() / MICRO
}
