//! The course of the story, day by day: energy is used and read, then everyone looks at the meter.

use command_api::client::Client;
use command_api::pb;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_core::command::Reading;
use ledger_core::num::Money;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;

use super::super::counter::{instant, register, top_up};
use super::super::story::{Refusals, Stage, done};
use super::super::timeline::Message;
use super::people::{Carries, Habit, Joiner, People};
use crate::failure::Failure;
use crate::output::Console;
use crate::output::progress::Progress;

/// Calls under way at once.
const CALLS_AT_ONCE: usize = 32;
/// Readings of one message.
const MESSAGE_READINGS_MAX: usize = 100;
/// Credit below which a careful customer tops up, in cents: a day's use.
const TOPS_UP_BELOW_CENTS: i64 = 500;
/// Credit below which emergency credit may be drawn, in cents.
const LOW_CENTS: i64 = 100;

/// What was seen at the counters and meters, kept beside the ledger.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Receipts of top-ups.
    pub(super) top_ups: u64,
    /// What was paid.
    pub(super) paid: Money,
    /// What of it went to arrears, by the receipts.
    pub(super) recovered: Money,
    /// What of it repaid emergency credit, by the receipts.
    pub(super) repaid: Money,
    /// Draws of emergency credit.
    pub(super) draws: u64,
    /// Values that meters took in.
    pub(super) delivered: u64,
    /// Refusals by code.
    pub(super) refused: Refusals,
    /// Receipts whose arrears share was not the fifth, to the cent, of what is left.
    pub(super) wrong_shares: u64,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.top_ups += other.top_ups;
        self.paid += other.paid;
        self.recovered += other.recovered;
        self.repaid += other.repaid;
        self.draws += other.draws;
        self.delivered += other.delivered;
        self.wrong_shares += other.wrong_shares;
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

    /// Plays so many days.
    pub(super) async fn play(&mut self, days: i64, console: Console) -> Result<(), Failure> {
        let joining = self.people.joiners.len();
        console.note(&format!("{joining} customers with arrears join"));
        self.all_join().await?;
        let progress = Progress::begin(console, "days", "days", u64::try_from(days).unwrap_or(0));
        for day in 0..days {
            let messages = self.day_of_readings(day);
            self.stage.feed.publish(&messages).await?;
            self.stage.feed.wait_until_taken().await?;
            self.stage.read_models_follow().await?;
            let evening = self.people.day(day + 1) + Millis::minutes(2);
            self.all_act(evening).await?;
            self.stage.feed.confirm_orders(evening).await?;
            self.stage.feed.hear().await?;
            progress.add(1);
        }
        progress.end();
        Ok(())
    }

    async fn all_join(&mut self) -> Result<(), Failure> {
        let at = self.people.start;
        let office = self.stage.office.at(at);
        let last = self.people.joiners.len().saturating_sub(1);
        let (many, again) = self.people.joiners.split_at(last);
        let joined = stream::iter(many).map(|joiner| join(&office, joiner, at));
        let seen: Vec<Seen> = joined.buffer_unordered(CALLS_AT_ONCE).try_collect().await?;
        for one in seen {
            self.seen.add(one);
        }
        // The second account of a person comes after the first.
        for joiner in again {
            let seen = join(&office, joiner, at).await?;
            self.seen.add(seen);
        }
        Ok(())
    }

    /// Hourly readings of a day, of all meters.
    fn day_of_readings(&mut self, day: i64) -> Vec<Message> {
        let start = self.people.day(day);
        let mut messages = Vec::new();
        for hour in 1..=24_i64 {
            let read_at = start + Millis::hours(hour);
            let mut readings = Vec::new();
            let People {
                joiners, chance, ..
            } = &mut self.people;
            for joiner in joiners {
                joiner.use_hour(usize::try_from(hour - 1).unwrap_or(0), chance);
                readings.push(Reading {
                    meter: joiner.meter.clone(),
                    register: None,
                    read_at,
                    value: joiner.register,
                });
            }
            messages.extend(readings.chunks(MESSAGE_READINGS_MAX).map(|part| Message {
                utility: Utility::Electricity,
                received_at: read_at + Millis::minutes(1),
                readings: part.to_vec(),
                raw: None,
            }));
        }
        messages
    }

    async fn all_act(&mut self, now: Timestamp) -> Result<(), Failure> {
        let office = self.stage.office.at(now);
        let tills = &self.stage.tills;
        let tills: Vec<Client> = tills.iter().map(|till| till.at(now)).collect();
        let acted = stream::iter(self.people.joiners.iter().enumerate()).map(|(n, joiner)| {
            let till = tills.get(n % tills.len().max(1)).unwrap_or(&office).clone();
            let office = office.clone();
            async move { act(&Evening { office, till, now }, joiner).await }
        });
        let seen: Vec<Seen> = acted.buffer_unordered(CALLS_AT_ONCE).try_collect().await?;
        for one in seen {
            self.seen.add(one);
        }
        Ok(())
    }
}

/// Opens the account in the scheme, tries to pay before joining, joins, and gets a meter.
async fn join(office: &Client, joiner: &Joiner, at: Timestamp) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    let (id, meter) = (&joiner.account, joiner.meter.to_string());
    let open = pb::OpenAccountRequest {
        reference: format!("open-{id}"),
        account_id: id.clone(),
        class: "residential".to_owned(),
        scheme: super::SCHEME.to_owned(),
        ..Default::default()
    };
    done(
        "opening an account",
        office.accounts().open_account(open).await,
    )?;
    let eager = pb::JoinSchemeRequest {
        reference: format!("eager-{id}"),
        account_id: id.clone(),
        utility: pb::Utility::Electricity.into(),
        person: joiner.person.clone(),
        application: format!("form-{id}"),
        disconnected: true,
        cannot_pay_minimum: true,
        broken_plans: 1,
        arrears: joiner.arrears.to_string(),
        arrears_from: format!("conventional-{id}"),
    };
    let ready = pb::JoinSchemeRequest {
        reference: format!("join-{id}"),
        broken_plans: 2,
        ..eager.clone()
    };
    // Some come a broken plan too early.
    if joiner.habit == Habit::Stops {
        let answer = office.prepayment().join_scheme(eager).await;
        seen.refused.count("joining", answer)?;
    }
    done("joining", office.prepayment().join_scheme(ready).await)?;
    let install = pb::InstallMeterRequest {
        reference: format!("install-{meter}"),
        account_id: id.clone(),
        utility: pb::Utility::Electricity.into(),
        meter: meter.clone(),
        register: Some(register(60)),
        installed_at: Some(instant(at)),
        first_value: joiner.register.to_string(),
    };
    done(
        "installing a meter",
        office.meters().install_meter(install).await,
    )?;
    let activate = pb::ActivateMeterRequest {
        reference: format!("activate-{meter}"),
        meter,
    };
    done(
        "activating a meter",
        office.meters().activate_meter(activate).await,
    )?;
    Ok(seen)
}

/// Who is there in the evening.
struct Evening {
    office: Client,
    till: Client,
    now: Timestamp,
}

/// A customer looks at the meter, and does what the habit says.
async fn act(evening: &Evening, joiner: &Joiner) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    let by = pb::account_or_meter::By::AccountId(joiner.account.clone());
    let ask = pb::GetAccountRequest {
        account: Some(pb::AccountOrMeter { by: Some(by) }),
        at_least: String::new(),
    };
    let account = done(
        "asking an account",
        evening.office.queries().get_account(ask).await,
    )?;
    let credit = account.wallets.first().map_or("0", |w| w.credit.as_str());
    let credit = Money::parse(credit).unwrap_or(Money::ZERO);
    let prepayment = account.prepayment.unwrap_or_default();
    let lent = Money::parse(&prepayment.emergency_lent).unwrap_or(Money::ZERO);
    let left = Money::parse(&prepayment.arrears_left).unwrap_or(Money::ZERO);
    let low = credit < Money::from_cents(LOW_CENTS);
    if joiner.habit == Habit::Draws && low && lent.is_zero() {
        draw(evening, joiner, &mut seen).await?;
        return Ok(seen);
    }
    let pays = match joiner.habit {
        Habit::Careful => credit < Money::from_cents(TOPS_UP_BELOW_CENTS),
        Habit::Draws => low,
        Habit::Stops => !credit.is_positive(),
    };
    if pays {
        pay(evening, joiner, left, &mut seen).await?;
    }
    Ok(seen)
}

async fn draw(evening: &Evening, joiner: &Joiner, seen: &mut Seen) -> Result<(), Failure> {
    let draw = pb::DrawEmergencyCreditRequest {
        reference: format!("draw-{}-{}", joiner.meter, evening.now.as_millis()),
        meter: joiner.meter.to_string(),
    };
    let answer = evening
        .office
        .prepayment()
        .draw_emergency_credit(draw)
        .await;
    done("drawing emergency credit", answer)?;
    seen.draws += 1;
    Ok(())
}

/// Tops up, holds the arrears share to its own account of it, and carries the value to the meter.
async fn pay(
    evening: &Evening,
    joiner: &Joiner,
    left: Money,
    seen: &mut Seen,
) -> Result<(), Failure> {
    let reference = format!("{}-{}", joiner.meter, evening.now.as_millis());
    let (meter, amount) = (joiner.meter.to_string(), joiner.amount.to_string());
    let asked = top_up(&reference, &meter, &amount, false);
    let answer = done("topping up", evening.till.payments().top_up(asked).await)?;
    let Some(pb::top_up_response::Result::Receipt(receipt)) = answer.result else {
        return Err(Failure::damaged("DEMO_RECEIPT", "a top-up gave no receipt"));
    };
    let part = |text: &str| Money::parse(text).unwrap_or(Money::ZERO);
    let (arrears, repaid) = (part(&receipt.arrears), part(&receipt.emergency_repaid));
    // A fifth in whole cents, by integers of its own.
    let cents = joiner.amount.scaled() / Money::from_cents(1).scaled();
    let fifth = Money::from_cents(i64::try_from(cents / 5).unwrap_or(0));
    seen.wrong_shares += u64::from(arrears != fifth.min(left));
    seen.top_ups += 1;
    seen.paid += joiner.amount;
    seen.recovered += arrears;
    seen.repaid += repaid;
    let ways: &[pb::DeliveryWay] = match joiner.carries {
        Carries::Key => &[pb::DeliveryWay::Key],
        Carries::Network => &[pb::DeliveryWay::Network],
        Carries::Both => &[pb::DeliveryWay::Network, pb::DeliveryWay::Key],
    };
    for way in ways {
        let deliver = pb::DeliverCreditRequest {
            reference: format!("deliver-{}-{}", receipt.number, way.as_str_name()),
            meter: meter.clone(),
            receipt: receipt.number.clone(),
            way: (*way).into(),
            taken_in_at: Some(instant(evening.now)),
        };
        let answer = evening.office.prepayment().deliver_credit(deliver).await;
        let taken_in = seen.refused.count("taking a value in", answer)?;
        seen.delivered += u64::from(taken_in.is_some());
    }
    Ok(())
}
