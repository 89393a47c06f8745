//! The course of the story, month by month: the office connects, consumers read and pay, the JE cuts, the
//! month is closed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use command_api::pb;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_core::num::{Money, Quantity};
use ledger_core::time::Timestamp;

use super::super::story::{Refusals, Stage, consumers, done, exact, named};
use super::people::{Consumer, Habit, MONTHS, People, month_name};
use super::visit::{DEPOSIT, Visit, connect, reading};
use crate::failure::Failure;
use crate::output::Console;
use crate::output::progress::Progress;

/// Calls under way at once.
const CALLS_AT_ONCE: usize = 32;
/// How long the clock may take to close a month of everybody.
const CLOSED_WITHIN: Duration = Duration::from_secs(180);
/// Ten in the morning, in minutes.
const MORNING: i64 = 600;

/// What was seen at the counter, kept beside the ledger.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Receipts of bills.
    pub(super) receipts: u64,
    /// What they add up to.
    pub(super) paid: Money,
    /// Receipts that are another amount than the bill that was shown.
    pub(super) surprises: u64,
    /// Payments that were sent twice, and answered as before.
    pub(super) repeated: u64,
    /// Deposits taken less those returned and used.
    pub(super) deposits: Money,
    /// Supply that the JE cut.
    pub(super) cut: u64,
    /// Supply that the JE connected again.
    pub(super) connected: u64,
    /// Refusals by code.
    pub(super) refused: Refusals,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.receipts += other.receipts;
        self.paid += other.paid;
        self.surprises += other.surprises;
        self.repeated += other.repeated;
        self.deposits += other.deposits;
        self.cut += other.cut;
        self.connected += other.connected;
        self.refused.add(other.refused);
    }
}

/// The story under way.
pub(super) struct Course {
    /// Servers and connections.
    pub(super) stage: Stage,
    /// Who takes part.
    pub(super) people: People,
    /// What was seen.
    pub(super) seen: Seen,
    /// The status of each account at each month's close, as the ledger showed it.
    pub(super) paths: BTreeMap<String, Vec<String>>,
}

impl Course {
    /// Everyone is there.
    pub(super) fn new(stage: Stage, people: People) -> Self {
        Self {
            stage,
            people,
            seen: Seen::default(),
            paths: BTreeMap::new(),
        }
    }

    /// Plays every month.
    pub(super) async fn play(&mut self, console: Console) -> Result<(), Failure> {
        let count = self.people.consumers.len();
        console.note(&format!("{count} consumers are connected"));
        self.all_connect().await?;
        let progress = Progress::begin(console, "months", "months", u64::from(MONTHS));
        for month in 1..=MONTHS {
            self.reconnect(month).await?;
            self.come_back(month).await?;
            self.all_pay(month).await?;
            self.middle_of(month).await?;
            self.cut(month).await?;
            self.end_of(month).await?;
            self.close(month).await?;
            progress.add(1);
        }
        progress.end();
        Ok(())
    }

    async fn all_connect(&mut self) -> Result<(), Failure> {
        let at = self.people.at(1, 1, MORNING);
        let office = self.stage.office.at(at);
        let opened = stream::iter(&self.people.consumers).map(|c| connect(&office, c, at));
        let seen: Vec<Seen> = opened.buffer_unordered(CALLS_AT_ONCE).try_collect().await?;
        self.gather(seen);
        Ok(())
    }

    fn gather(&mut self, seen: Vec<Seen>) {
        for one in seen {
            self.seen.add(one);
        }
    }

    fn of(&self, habit: Habit) -> Vec<Consumer> {
        let all = self.people.consumers.iter();
        all.filter(|c| c.habit == habit).cloned().collect()
    }

    /// The JE connects again whoever has paid.
    async fn reconnect(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 2, MORNING);
        let office = self.stage.office.at(at);
        for due in consumers(&office, pb::ConsumerSet::DueForReconnection).await? {
            let request = pb::ReconnectConsumerRequest {
                reference: format!("connect-{}-{month}", due.account_id),
                account_id: due.account_id,
            };
            done(
                "connecting again",
                office.billing().reconnect_consumer(request).await,
            )?;
            self.seen.connected += 1;
        }
        self.meters_obey(at).await
    }

    async fn meters_obey(&mut self, at: Timestamp) -> Result<(), Failure> {
        self.stage.feed.confirm_orders(at).await?;
        self.stage.feed.hear().await
    }

    /// In July, whoever stopped the bill in May comes back with the deposit.
    async fn come_back(&mut self, month: u32) -> Result<(), Failure> {
        if month != 7 {
            return Ok(());
        }
        let at = self.people.at(month, 5, MORNING);
        for consumer in self.of(Habit::Stops) {
            let office = self.stage.office.at(at);
            let request = pb::ReactivateConsumerRequest {
                reference: format!("back-{}", consumer.account),
                account_id: consumer.account.clone(),
            };
            done(
                "reactivating",
                office.billing().reactivate_consumer(request).await,
            )?;
            let missing = exact(DEPOSIT)? - self.deposit_of(&consumer).await?;
            let till = self.stage.till(0, at);
            let pay = pb::PayDepositRequest {
                reference: format!("deposit-{}", consumer.account),
                payee: named(&consumer.account),
                amount: missing.to_string(),
                money: pb::MoneyState::NotTaken.into(),
            };
            done("paying a deposit", till.billing().pay_deposit(pay).await)?;
            self.seen.deposits += missing;
        }
        Ok(())
    }

    async fn deposit_of(&self, consumer: &Consumer) -> Result<Money, Failure> {
        exact(&self.shown(consumer).await?.deposit)
    }

    async fn shown(&self, consumer: &Consumer) -> Result<pb::Consumer, Failure> {
        let ask = pb::GetConsumerRequest {
            account: named(&consumer.account),
            at_least: String::new(),
        };
        let found = self.stage.office.billing().get_consumer(ask).await;
        let found = done("asking how a consumer stands", found)?.consumer;
        found.ok_or_else(|| Failure::damaged("DEMO_REPORT", "a consumer is not there"))
    }

    /// On the tenth, everyone who pays reads the meter, is shown the bill, and pays it.
    async fn all_pay(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 10, MORNING);
        let People {
            consumers, chance, ..
        } = &mut self.people;
        for consumer in consumers.iter_mut() {
            if consumer.habit.pays_in(month) {
                consumer.uses(chance, 1_000);
            }
        }
        let stage = &self.stage;
        let coming = self
            .people
            .consumers
            .iter()
            .enumerate()
            .filter(|(_, c)| c.habit.pays_in(month) || c.habit.clears_in(month));
        let paid = stream::iter(coming).map(|(n, consumer)| {
            let visit = Visit {
                till: stage.till(n, at),
                at,
                reference: format!("bill-{}-{month}", consumer.account),
                twice: n % 20 == 1,
            };
            async move {
                let reading = consumer.habit.pays_in(month);
                visit.pay(consumer, reading).await
            }
        });
        let seen: Vec<Seen> = paid.buffer_unordered(CALLS_AT_ONCE).try_collect().await?;
        self.gather(seen);
        Ok(())
    }

    /// What happens between the tenth and the twentieth.
    async fn middle_of(&mut self, month: u32) -> Result<(), Failure> {
        match month {
            2 => self.wrong_account(month).await,
            5 => {
                self.pay_a_part(month).await?;
                self.stop_bills(month).await
            }
            6 => {
                self.end_connections(month).await?;
                self.extend_temporary(month).await
            }
            _ => Ok(()),
        }
    }

    /// Someone names a wrong account with cash that is in the drawer already; it goes back.
    async fn wrong_account(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 12, MORNING);
        let till = self.stage.till(0, at);
        let pay = pb::PayBillRequest {
            reference: "wrong-1".to_owned(),
            payee: named("consumer-99999"),
            amount: "75".to_owned(),
            money: pb::MoneyState::Taken.into(),
            reading: None,
            protest: String::new(),
        };
        let answer = done(
            "paying for a wrong account",
            till.billing().pay_bill(pay).await,
        )?;
        let Some(pb::pay_bill_response::Result::Suspended(held)) = answer.result else {
            return Err(Failure::damaged(
                "DEMO_SUSPENSE",
                "money for nobody was applied",
            ));
        };
        let back = pb::ReturnSuspenseRequest {
            reference: "wrong-back-1".to_owned(),
            channel: held.channel,
            payment_reference: held.reference,
            document: "voucher-1".to_owned(),
        };
        let office = self.stage.office.at(at);
        done(
            "returning from suspense",
            office.suspense().return_suspense(back).await,
        )?;
        Ok(())
    }

    async fn pay_a_part(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 12, MORNING);
        for consumer in self.of(Habit::CutByJe) {
            let visit = Visit {
                till: self.stage.till(1, at),
                at,
                reference: format!("part-{}", consumer.account),
                twice: false,
            };
            let seen = visit
                .pay_amount(&consumer, (Money::from_cents(2_000), None))
                .await?;
            self.seen.add(seen);
        }
        Ok(())
    }

    async fn stop_bills(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 14, MORNING);
        let office = self.stage.office.at(at);
        for consumer in self.of(Habit::Stops) {
            let value = self.used_since(&consumer.account, 100);
            let stop = pb::StopBillRequest {
                reference: format!("stop-{}", consumer.account),
                account_id: consumer.account.clone(),
                reading: Some(reading(&consumer, at, value)),
            };
            done("stopping a bill", office.billing().stop_bill(stop).await)?;
            self.use_deposit(&consumer, at).await?;
        }
        Ok(())
    }

    /// A little more was used; the register's new value.
    fn used_since(&mut self, account: &str, thousandths: i64) -> Quantity {
        let People {
            consumers, chance, ..
        } = &mut self.people;
        let found = consumers.iter_mut().find(|c| c.account == account);
        found.map_or(Quantity::ZERO, |consumer| {
            consumer.uses(chance, thousandths);
            consumer.register
        })
    }

    /// The deposit pays what is owed after the last bill.
    async fn use_deposit(&mut self, consumer: &Consumer, at: Timestamp) -> Result<(), Failure> {
        let office = self.stage.office.at(at);
        let before = self.deposit_of(consumer).await?;
        let request = pb::UseDepositRequest {
            reference: format!("use-{}-{}", consumer.account, at.as_millis()),
            account_id: consumer.account.clone(),
        };
        done(
            "using a deposit",
            office.billing().use_deposit(request).await,
        )?;
        self.seen.deposits -= before - self.deposit_of(consumer).await?;
        Ok(())
    }

    async fn end_connections(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 15, MORNING);
        for consumer in self.of(Habit::Ends) {
            self.end(&consumer, at).await?;
            self.use_deposit(&consumer, at).await?;
            let left = self.deposit_of(&consumer).await?;
            let out = pb::PayOutConsumerRequest {
                reference: format!("out-{}", consumer.account),
                account_id: consumer.account.clone(),
                pay_out_by: "office".to_owned(),
            };
            let office = self.stage.office.at(at);
            done("paying out", office.billing().pay_out_consumer(out).await)?;
            self.seen.deposits -= left;
        }
        Ok(())
    }

    async fn end(&mut self, consumer: &Consumer, at: Timestamp) -> Result<(), Failure> {
        let value = self.used_since(&consumer.account, 100);
        let last = pb::FinalReading {
            meter: consumer.meter.to_string(),
            value: value.to_string(),
            force_reason: String::new(),
        };
        let end = pb::EndConnectionRequest {
            reference: format!("end-{}", consumer.account),
            account_id: consumer.account.clone(),
            last: Some(last),
        };
        let office = self.stage.office.at(at);
        done(
            "ending a connection",
            office.billing().end_connection(end).await,
        )?;
        Ok(())
    }

    async fn extend_temporary(&mut self, month: u32) -> Result<(), Failure> {
        let office = self.stage.office.at(self.people.at(month, 20, MORNING));
        for consumer in self.of(Habit::Temporary) {
            let extend = pb::ExtendTemporaryConnectionRequest {
                reference: format!("extend-{}", consumer.account),
                account_id: consumer.account.clone(),
                until: "2026-08-31".to_owned(),
            };
            let answer = office.billing().extend_temporary_connection(extend).await;
            done("extending", answer)?;
        }
        Ok(())
    }

    /// On the 21st the JE cuts whoever is belated still; some houses he does not reach.
    async fn cut(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 21, MORNING);
        let office = self.stage.office.at(at);
        let missed: Vec<String> = self
            .of(Habit::CutByClose)
            .into_iter()
            .map(|c| c.account)
            .collect();
        for belated in consumers(&office, pb::ConsumerSet::Belated).await? {
            if missed.contains(&belated.account_id) {
                continue;
            }
            let cut = pb::CutConsumerRequest {
                reference: format!("cut-{}-{month}", belated.account_id),
                account_id: belated.account_id,
                reading: None,
            };
            done("cutting", office.billing().cut_consumer(cut).await)?;
            self.seen.cut += 1;
        }
        self.meters_obey(at).await
    }

    /// What happens after the payment days.
    async fn end_of(&mut self, month: u32) -> Result<(), Failure> {
        match month {
            3 => self.too_late(month).await,
            5 => {
                self.pay_rest(Habit::CutByJe, self.people.at(month, 28, MORNING))
                    .await
            }
            8 => {
                let at = self.people.at(month, 25, MORNING);
                for consumer in self.of(Habit::Temporary) {
                    self.end(&consumer, at).await?;
                }
                self.pay_rest(Habit::Temporary, self.people.at(month, 27, MORNING))
                    .await
            }
            _ => Ok(()),
        }
    }

    async fn too_late(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month, 27, MORNING);
        for consumer in self.of(Habit::Forgets) {
            let pay = pb::PayBillRequest {
                reference: format!("late-{}", consumer.account),
                payee: named(&consumer.account),
                amount: "50".to_owned(),
                money: pb::MoneyState::NotTaken.into(),
                reading: None,
                protest: String::new(),
            };
            let answer = self.stage.till(2, at).billing().pay_bill(pay).await;
            self.seen.refused.count("paying too late", answer)?;
        }
        Ok(())
    }

    async fn pay_rest(&mut self, habit: Habit, at: Timestamp) -> Result<(), Failure> {
        for consumer in self.of(habit) {
            let visit = Visit {
                till: self.stage.till(1, at),
                at,
                reference: format!("rest-{}", consumer.account),
                twice: false,
            };
            let seen = visit.pay(&consumer, false).await?;
            self.seen.add(seen);
        }
        Ok(())
    }

    /// The month is over; the clock closes it for everybody, and each status is noted.
    async fn close(&mut self, month: u32) -> Result<(), Failure> {
        let at = self.people.at(month + 1, 1, 5);
        let office = self.stage.office.at(at);
        let closed = month_name(month);
        let until = Instant::now() + CLOSED_WITHIN;
        let all = loop {
            let all = consumers(&office, pb::ConsumerSet::Unspecified).await?;
            let open = |c: &pb::Consumer| !c.next_close.is_empty() && c.next_close <= closed;
            if !all.iter().any(open) {
                break all;
            }
            if Instant::now() > until {
                let what = format!("{closed} was not closed for everybody in time");
                return Err(Failure::unavailable("DEMO_STUCK", what));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        for consumer in all.into_iter().filter(|c| !c.next_close.is_empty()) {
            let path = self.paths.entry(consumer.account_id).or_default();
            path.push(consumer.status);
        }
        self.meters_obey(at).await
    }
}
