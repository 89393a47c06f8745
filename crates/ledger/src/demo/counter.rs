//! The people's side of the town: staff open accounts and post debts, customers pay at three channels,
//! all over gRPC.

use std::collections::BTreeMap;
use std::sync::Arc;

use command_api::client::Client;
use command_api::pb;
use futures::{StreamExt, TryStreamExt, stream};
use ledger_core::num::Quantity;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::servers::DemoKey;
use super::town::{ExchangePlan, Habit, Household, MeterPlan};
use crate::failure::Failure;

/// Calls under way at once.
const CALLS_AT_ONCE: usize = 64;
/// Credit below which a careful household pays, in dollars.
const PAYS_BELOW: i64 = 8;
/// What it then pays.
const ELECTRICITY_TOP_UP: &str = "25";
const WATER_TOP_UP: &str = "10";
/// Days after its installation at which a forgetful household first pays: past the first 72 hours.
const FORGETS_DAYS: i64 = 5;

/// What the customers have seen at the counters.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// Receipts.
    pub(crate) receipts: u64,
    /// Payments waiting in suspense.
    pub(crate) suspended: u64,
    /// Refusals by code.
    pub(crate) refused: BTreeMap<String, u64>,
}

/// Connections of the office and of the channels.
pub(crate) struct Counter {
    office: Client,
    channels: Vec<(&'static str, Client)>,
    month_zone: ledger_core::time::Zone,
    /// What was seen.
    pub(crate) seen: Seen,
}

/// A payment a customer makes.
struct Payment {
    meter: String,
    amount: String,
    household: Arc<Household>,
    reference: String,
    channel: usize,
}

impl Counter {
    /// Connects with each key.
    pub(crate) async fn connect(
        address: &str,
        keys: &[DemoKey],
        zone: &ledger_core::time::Zone,
    ) -> Result<Self, Failure> {
        let mut office = None;
        let mut channels = Vec::new();
        for key in keys {
            let client = Client::connect(address, &key.secret).await;
            let client = client.map_err(|e| Failure::unavailable("DEMO_GRPC", e.to_string()))?;
            if key.channel == "office" {
                office = Some(client);
            } else {
                channels.push((key.channel, client));
            }
        }
        let office = office.ok_or_else(|| Failure::usage("DEMO_KEYS", "no key for the office"))?;
        Ok(Self {
            office,
            channels,
            month_zone: zone.clone(),
            seen: Seen::default(),
        })
    }

    /// The office's connection, for the report.
    pub(crate) fn office(&self) -> &Client {
        &self.office
    }

    /// Opens the accounts, installs and activates the meters; careful households pay at once.
    pub(crate) async fn set_up(&mut self, households: &[Arc<Household>]) -> Result<(), Failure> {
        let opened = stream::iter(households.iter().cloned()).map(|home| self.open(home));
        opened
            .buffer_unordered(CALLS_AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        let first = households.iter().filter(|h| h.habit != Habit::Forgetful);
        let mut payments = Vec::new();
        for (n, home) in first.enumerate() {
            for meter in &home.meters {
                payments.push((meter.installed_at, self.payment(n, home, meter, "first")));
            }
        }
        self.pay(payments).await
    }

    async fn open(&self, home: Arc<Household>) -> Result<(), Failure> {
        let Some(first) = home.meters.iter().map(|m| m.installed_at).min() else {
            return Ok(());
        };
        let office = self.office.at(first);
        let id = home.account.to_string();
        let open = pb::OpenAccountRequest {
            scheme: String::new(),
            reference: format!("open-{id}"),
            account_id: id.clone(),
            class: "residential".to_owned(),
            dwelling_units: 1,
            ..Default::default()
        };
        office
            .accounts()
            .open_account(open)
            .await
            .map_err(|s| failed("opening an account", &s))?;
        for meter in &home.meters {
            self.install(&id, meter).await?;
        }
        if let (Some((principal, instalment)), Some(meter)) = (home.debt, home.meters.last()) {
            let at = meter.installed_at + Millis::days(1);
            let agree = pb::AgreeDebtRequest {
                reference: format!("debt-{id}"),
                account_id: id.clone(),
                utility: utility(meter.utility),
                principal: principal.to_string(),
                instalment: instalment.to_string(),
                start_month: self.month_zone.month_of(at).next().to_string(),
            };
            self.office
                .at(at)
                .debt()
                .agree_debt(agree)
                .await
                .map_err(|s| failed("posting a debt", &s))?;
        }
        Ok(())
    }

    async fn install(&self, account: &str, meter: &MeterPlan) -> Result<(), Failure> {
        let office = self.office.at(meter.installed_at);
        let install = pb::InstallMeterRequest {
            reference: format!("install-{}", meter.number),
            account_id: account.to_owned(),
            utility: utility(meter.utility),
            meter: meter.number.to_string(),
            register: Some(register(meter.interval_min)),
            installed_at: Some(instant(meter.installed_at)),
            first_value: meter.first_value.to_string(),
        };
        office
            .meters()
            .install_meter(install)
            .await
            .map_err(|s| failed("installing a meter", &s))?;
        let activate = pb::ActivateMeterRequest {
            reference: format!("activate-{}", meter.number),
            meter: meter.number.to_string(),
        };
        let activated = office.meters().activate_meter(activate).await;
        activated.map_err(|s| failed("activating a meter", &s))?;
        Ok(())
    }

    /// A day or a week has passed: whoever is low or off pays, each after its habit.
    pub(crate) async fn pay_day(
        &mut self,
        households: &[Arc<Household>],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let asked = stream::iter(households.iter().cloned().enumerate())
            .map(|(n, home)| self.wishes(n, home, now));
        let wishes: Vec<Vec<Payment>> = asked.buffer_unordered(CALLS_AT_ONCE).try_collect().await?;
        let payments = wishes
            .into_iter()
            .flatten()
            .map(|payment| (now, payment))
            .collect();
        self.pay(payments).await
    }

    /// What a household wants to pay now, by its credit.
    async fn wishes(
        &self,
        n: usize,
        home: Arc<Household>,
        now: Timestamp,
    ) -> Result<Vec<Payment>, Failure> {
        let started = home.meters.iter().all(|m| m.installed_at < now);
        let remembers = home
            .meters
            .iter()
            .all(|m| m.installed_at + Millis::days(FORGETS_DAYS) < now);
        if !started || (home.habit == Habit::Forgetful && !remembers) {
            return Ok(Vec::new());
        }
        let by = pb::account_or_meter::By::AccountId(home.account.to_string());
        let ask = pb::GetBalanceRequest {
            account: Some(pb::AccountOrMeter { by: Some(by) }),
            at_least: String::new(),
        };
        let balance = self
            .office
            .queries()
            .get_balance(ask)
            .await
            .map_err(|s| failed("asking a balance", &s))?;
        let floor = if home.habit == Habit::Late {
            0
        } else {
            PAYS_BELOW
        };
        let mut wishes = Vec::new();
        for wallet in balance.into_inner().wallets {
            let meter = home
                .meters
                .iter()
                .find(|m| utility(m.utility) == wallet.utility);
            let credit = Quantity::parse(&wallet.credit)
                .ok()
                .or_else(|| whole(&wallet.credit));
            let low = credit.is_some_and(|c| c <= Quantity::from_micro(floor * 1_000_000));
            if let (Some(meter), true) = (meter, low) {
                wishes.push(self.payment(n, &home, meter, &now.as_millis().to_string()));
            }
        }
        Ok(wishes)
    }

    fn payment(&self, n: usize, home: &Arc<Household>, meter: &MeterPlan, what: &str) -> Payment {
        let amount = if meter.utility == Utility::Electricity {
            ELECTRICITY_TOP_UP
        } else {
            WATER_TOP_UP
        };
        Payment {
            meter: meter.number.to_string(),
            amount: amount.to_owned(),
            household: Arc::clone(home),
            reference: format!("{}-{what}", meter.number),
            channel: n % self.channels.len().max(1),
        }
    }

    async fn pay(&mut self, payments: Vec<(Timestamp, Payment)>) -> Result<(), Failure> {
        let paid = stream::iter(payments).map(|(at, payment)| self.pay_one(at, payment));
        let seen: Vec<Seen> = paid.buffer_unordered(CALLS_AT_ONCE).try_collect().await?;
        for one in seen {
            self.seen.receipts += one.receipts;
            self.seen.suspended += one.suspended;
            for (code, n) in one.refused {
                *self.seen.refused.entry(code).or_default() += n;
            }
        }
        Ok(())
    }

    /// Tops up; when an instalment is due, pays that first and tries again under a new reference.
    async fn pay_one(&self, at: Timestamp, payment: Payment) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let Some((_, client)) = self.channels.get(payment.channel) else {
            return Ok(seen);
        };
        let client = client.at(at);
        let mut meter = payment.meter.clone();
        for attempt in 0..3 {
            let reference = format!("{}-{attempt}", payment.reference);
            let answer = client
                .payments()
                .top_up(top_up(&reference, &meter, &payment.amount, false))
                .await;
            let refusal = match answer {
                Ok(_) => {
                    seen.receipts += 1;
                    return Ok(seen);
                }
                Err(status) => refusal(&status).ok_or_else(|| failed("topping up", &status))?,
            };
            *seen.refused.entry(refusal.clone()).or_default() += 1;
            match refusal.as_str() {
                "INSTALMENT_DUE" => {
                    let due = payment
                        .household
                        .debt
                        .map_or(0, |(_, instalment)| instalment);
                    self.pay_debt(&client, &payment, (&reference, due), &mut seen)
                        .await?;
                }
                "METER_REMOVED" => match self.successor(&payment).await? {
                    Some(new) => meter = new,
                    None => return Ok(seen),
                },
                _ => return Ok(seen),
            }
        }
        Ok(seen)
    }

    async fn pay_debt(
        &self,
        client: &Client,
        payment: &Payment,
        (reference, amount): (&str, i64),
        seen: &mut Seen,
    ) -> Result<(), Failure> {
        let by = pb::account_or_meter::By::AccountId(payment.household.account.to_string());
        let pay = pb::PayDebtRequest {
            reference: format!("{reference}-debt"),
            payee: Some(pb::AccountOrMeter { by: Some(by) }),
            amount: amount.to_string(),
            money: pb::MoneyState::NotTaken.into(),
        };
        match client.debt().pay_debt(pay).await {
            Ok(_) => seen.receipts += 1,
            Err(status) => {
                let code = refusal(&status).ok_or_else(|| failed("paying debt", &status))?;
                *seen.refused.entry(code).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The meter that has taken the place of an exchanged one.
    async fn successor(&self, payment: &Payment) -> Result<Option<String>, Failure> {
        let ask = pb::GetAccountRequest {
            account: Some(pb::AccountOrMeter {
                by: Some(pb::account_or_meter::By::AccountId(
                    payment.household.account.to_string(),
                )),
            }),
            ..Default::default()
        };
        let account = self
            .office
            .queries()
            .get_account(ask)
            .await
            .map_err(|s| failed("asking an account", &s))?;
        let account = account.into_inner();
        let old = account
            .meters
            .iter()
            .find(|m| m.meter == payment.meter)
            .map(|m| m.utility);
        let new = account
            .meters
            .iter()
            .find(|m| Some(m.utility) == old && m.removed_at.is_none());
        Ok(new.map(|m| m.meter.clone()))
    }

    /// A meter is exchanged by staff.
    pub(crate) async fn exchange(
        &self,
        plan: &ExchangePlan,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let old = pb::FinalReading {
            meter: plan.old.to_string(),
            value: plan.final_value.to_string(),
            force_reason: String::new(),
        };
        let exchange = pb::ExchangeMeterRequest {
            reference: format!("exchange-{}", plan.old),
            old: Some(old),
            new_meter: plan.new.to_string(),
            register: None,
            exchanged_at: Some(instant(plan.at)),
            first_value: "0".to_owned(),
        };
        let done = self.office.at(now).meters().exchange_meter(exchange).await;
        done.map(|_| ())
            .map_err(|s| failed("exchanging a meter", &s))
    }

    /// A customer names a wrong meter, once with cash that can be handed back and once with cash that
    /// cannot; the office finds out whom the second was meant for.
    pub(crate) async fn wrong_number(
        &mut self,
        home: &Household,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some((channel, client)) = self.channels.first() else {
            return Ok(());
        };
        let client = client.at(now);
        let refused = client
            .payments()
            .top_up(top_up("wrong-1", "E99999999", "20", false))
            .await;
        if let Some(code) = refused.err().as_ref().and_then(refusal) {
            *self.seen.refused.entry(code).or_default() += 1;
        }
        let kept = client
            .payments()
            .top_up(top_up("wrong-2", "E99999999", "20", true))
            .await;
        kept.map_err(|s| failed("paying for a wrong meter", &s))?;
        self.seen.suspended += 1;
        let Some(meter) = home.meters.first() else {
            return Ok(());
        };
        let allocate = pb::AllocateSuspenseRequest {
            reference: "found-1".to_owned(),
            channel: (*channel).to_owned(),
            payment_reference: "wrong-2".to_owned(),
            amount: "20".to_owned(),
            to: Some(pb::allocate_suspense_request::To::Meter(
                meter.number.to_string(),
            )),
        };
        let done = self
            .office
            .at(now + Millis::hours(1))
            .suspense()
            .allocate_suspense(allocate)
            .await;
        done.map_err(|s| failed("allocating from suspense", &s))?;
        self.seen.receipts += 1;
        Ok(())
    }
}

pub(super) fn top_up(reference: &str, meter: &str, amount: &str, taken: bool) -> pb::TopUpRequest {
    let money = if taken {
        pb::MoneyState::Taken
    } else {
        pb::MoneyState::NotTaken
    };
    pb::TopUpRequest {
        reference: reference.to_owned(),
        meter: meter.to_owned(),
        amount: amount.to_owned(),
        money: money.into(),
    }
}

/// The stable code of a business refusal; `None` for any other failure.
pub(super) fn refusal(status: &Status) -> Option<String> {
    if !matches!(
        status.code(),
        Code::FailedPrecondition | Code::AlreadyExists
    ) {
        return None;
    }
    status.get_details_error_info().map(|info| info.reason)
}

pub(super) fn failed(doing: &str, status: &Status) -> Failure {
    Failure::unavailable(
        "DEMO_GRPC",
        format!("{doing}: {}: {}", status.code(), status.message()),
    )
}

fn utility(utility: Utility) -> i32 {
    match utility {
        Utility::Electricity => pb::Utility::Electricity.into(),
        Utility::Water => pb::Utility::Water.into(),
    }
}

pub(super) fn register(interval_min: u32) -> pb::Register {
    pb::Register {
        id: "1".to_owned(),
        digits: 6,
        interval_minutes: interval_min,
    }
}

pub(super) fn instant(at: Timestamp) -> prost_types::Timestamp {
    let ms = at.as_millis();
    let nanos = i32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0);
    prost_types::Timestamp {
        seconds: ms / 1_000,
        nanos,
    }
}

/// The whole part of an amount that is finer than a quantity can be.
fn whole(amount: &str) -> Option<Quantity> {
    Quantity::parse(amount.split('.').next()?).ok()
}
