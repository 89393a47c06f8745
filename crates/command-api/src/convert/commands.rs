//! Messages that ask for something, as commands of the domain.
//!
//! One `TryFrom` a message, from the message and the channel whose reference it carries. What is wrong
//! with a message is told field by field. Whether it may be done is decided elsewhere.

use ledger_core::command::{
    CloseTo, Command, ExchangeMeter, FinalReading, InstallMeter, OpenAccount, Resolution,
};
use ledger_core::event::RegisterSpec;
use ledger_core::ids::{ChannelId, CommandKey, MeterNumber};
use ledger_core::time::Timestamp;
use ledger_service::{Ask, Target};

use super::fields::Fields;
use super::questions::if_given;
use crate::errors::{Malformed, No};
use crate::pb;

/// Most dwelling units behind one water meter.
const DWELLING_UNITS_MAX: u32 = 10_000;
/// Greatest contracted capacity, kVA: a thousand megawatts.
const CONTRACTED_KVA_MAX: u32 = 1_000_000;
/// Most digits of a register: an `i64` of millionths holds twelve whole digits.
const REGISTER_DIGITS_MAX: u32 = 12;
/// Longest interval between readings, minutes: a month of 31 days.
const INTERVAL_MINUTES_MAX: u32 = 44_640;
/// Most final readings of one closing: an account has two meters; the rest is room.
const FINAL_READINGS_MAX: usize = 8;

/// A command with the key of its sender and the one it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The sender's key.
    pub key: CommandKey,
    /// For whom.
    pub target: Target,
    /// What.
    pub ask: Ask,
}

impl Asked {
    pub(super) fn command(key: CommandKey, target: Target, command: Command) -> Self {
        Self {
            key,
            target,
            ask: Ask::Command(command),
        }
    }
}

impl TryFrom<(&ChannelId, &pb::OpenAccountRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::OpenAccountRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let open = opening(
            &mut f,
            "",
            &Opening {
                scheme: &m.scheme,
                class: &m.class,
                dwelling_units: m.dwelling_units,
                contracted_kva: m.contracted_kva,
                customer: &m.customer,
            },
        );
        let asked = (|| {
            Some(Self::command(
                key?,
                Target::Account(account?),
                Command::OpenAccount(open?),
            ))
        })();
        f.finish(asked)
    }
}

/// What an account is opened with, as sent.
pub(super) struct Opening<'a> {
    pub(super) scheme: &'a str,
    pub(super) class: &'a str,
    pub(super) dwelling_units: u32,
    pub(super) contracted_kva: Option<u32>,
    pub(super) customer: &'a str,
}

/// Class and scales; `path` is what their fields' names begin with.
pub(super) fn opening(f: &mut Fields, path: &str, m: &Opening<'_>) -> Option<OpenAccount> {
    let named = |field: &str| format!("{path}{field}");
    let class = f.text_given(&named("class"), m.class);
    let dwelling_units = f.within(
        &named("dwelling_units"),
        m.dwelling_units.max(1),
        1..=DWELLING_UNITS_MAX,
    );
    let contracted_kva = m
        .contracted_kva
        .and_then(|kva| f.within(&named("contracted_kva"), kva, 1..=CONTRACTED_KVA_MAX));
    let customer = if_given(m.customer, |text| f.opaque(&named("customer"), text));
    let scheme = f.text(&named("scheme"), m.scheme);
    Some(OpenAccount {
        scheme,
        class: class?,
        dwelling_units: dwelling_units?,
        contracted_kva,
        customer,
    })
}

impl TryFrom<(&ChannelId, &pb::CloseAccountRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::CloseAccountRequest)) -> Result<Self, No> {
        use pb::close_account_request::CreditTo;
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        if m.final_readings.len() > FINAL_READINGS_MAX {
            let why = format!("at most {FINAL_READINGS_MAX}");
            f.note("final_readings", Malformed::FieldOutOfRange, why);
        }
        let readings = m.final_readings.iter().take(FINAL_READINGS_MAX).enumerate();
        let finals: Vec<FinalReading> = readings
            .filter_map(|(i, r)| final_reading(&mut f, &format!("final_readings[{i}]"), Some(r)))
            .collect();
        let to = match f.part("credit_to", m.credit_to.as_ref()) {
            None => None,
            Some(CreditTo::PayOutBy(by)) => f.channel("pay_out_by", by).map(CloseTo::PayOut),
            Some(CreditTo::MoveToAccountId(id)) => {
                f.account("move_to_account_id", id).map(CloseTo::Move)
            }
        };
        let asked = (|| {
            let close = Command::CloseAccount { finals, to: to? };
            Some(Self::command(key?, Target::Account(account?), close))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::EnterLegacyCreditRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::EnterLegacyCreditRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let amount = f.money("amount", &m.amount);
        let from = f.opaque("from", &m.from);
        let asked = (|| {
            let enter = Command::EnterLegacyCredit {
                utility: utility?,
                amount: amount?,
                from: from?,
            };
            Some(Self::command(key?, Target::Account(account?), enter))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::InstallMeterRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::InstallMeterRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let meter = f.meter("meter", &m.meter);
        let register = m.register.as_ref().and_then(|r| register(&mut f, r));
        let at = f.instant("installed_at", m.installed_at);
        let first_value = f.quantity("first_value", &m.first_value);
        let asked = (|| {
            let (utility, meter, at, first_value) = (utility?, meter?, at?, first_value?);
            let install = InstallMeter {
                utility,
                meter,
                register,
                at,
                first_value,
            };
            Some(Self::command(
                key?,
                Target::Account(account?),
                Command::InstallMeter(install),
            ))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::ExchangeMeterRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ExchangeMeterRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let old = final_reading(&mut f, "old", m.old.as_ref());
        let new = f.meter("new_meter", &m.new_meter);
        let register = m.register.as_ref().and_then(|r| register(&mut f, r));
        let at = f.instant("exchanged_at", m.exchanged_at);
        let first_value = f.quantity("first_value", &m.first_value);
        let asked = (|| {
            let old = old?;
            let target = Target::Meter(old.meter.to_string());
            let exchange = ExchangeMeter {
                old,
                new: new?,
                register,
                at: at?,
                first_value: first_value?,
            };
            Some(Self::command(
                key?,
                target,
                Command::ExchangeMeter(exchange),
            ))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::RemoveMeterRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RemoveMeterRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let last = final_reading(&mut f, "last", m.last.as_ref());
        let at = f.instant("removed_at", m.removed_at);
        let asked = (|| {
            let last = last?;
            let target = Target::Meter(last.meter.to_string());
            Some(Self::command(
                key?,
                target,
                Command::RemoveMeter { last, at: at? },
            ))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::ResolveMeterRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ResolveMeterRequest)) -> Result<Self, No> {
        use pb::resolve_meter_request::How;
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let meter = f.meter("meter", &m.meter);
        let how = match f.part("how", m.how.as_ref()) {
            None => None,
            Some(How::Discard(pb::DiscardResolution {})) => Some(Resolution::Discard),
            Some(How::Exchange(x)) => exchange_resolution(&mut f, x),
        };
        let asked = (|| {
            let meter = meter?;
            let target = Target::Meter(meter.to_string());
            Some(Self::command(
                key?,
                target,
                Command::ResolveMeter { meter, how: how? },
            ))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::ActivateMeterRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ActivateMeterRequest)) -> Result<Self, No> {
        of_meter(channel, &m.reference, &m.meter, |meter| {
            Command::ActivateMeter { meter }
        })
    }
}

impl TryFrom<(&ChannelId, &pb::DisconnectRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::DisconnectRequest)) -> Result<Self, No> {
        of_meter(channel, &m.reference, &m.meter, |meter| {
            Command::Disconnect { meter }
        })
    }
}

impl TryFrom<(&ChannelId, &pb::ReconnectRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ReconnectRequest)) -> Result<Self, No> {
        of_meter(channel, &m.reference, &m.meter, |meter| {
            Command::Reconnect { meter }
        })
    }
}

/// A meter's confirmation of an order: meter and order name it, so it has no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedConfirmation {
    /// The meter.
    pub meter: MeterNumber,
    /// Which order.
    pub order: u32,
    /// When the meter acted.
    pub at: Timestamp,
}

impl TryFrom<&pb::ConfirmOrderRequest> for AskedConfirmation {
    type Error = No;

    fn try_from(m: &pb::ConfirmOrderRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let meter = f.meter("meter", &m.meter);
        let order = f.within("order", m.order, 1..=u32::MAX);
        let at = f.instant("acted_at", m.acted_at);
        let asked = (|| {
            Some(Self {
                meter: meter?,
                order: order?,
                at: at?,
            })
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::AgreeDebtRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::AgreeDebtRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let principal = f.money("principal", &m.principal);
        let instalment = f.money("instalment", &m.instalment);
        let start = f.month("start_month", &m.start_month);
        let asked = (|| {
            let (utility, principal, instalment, start) =
                (utility?, principal?, instalment?, start?);
            let agree = Command::AgreeDebt {
                utility,
                principal,
                instalment,
                start,
            };
            Some(Self::command(key?, Target::Account(account?), agree))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::RescheduleDebtRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RescheduleDebtRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let instalment = f.money("instalment", &m.instalment);
        let start = f.month("start_month", &m.start_month);
        let asked = (|| {
            let reschedule = Command::RescheduleDebt {
                instalment: instalment?,
                start: start?,
            };
            Some(Self::command(key?, Target::Account(account?), reschedule))
        })();
        f.finish(asked)
    }
}

pub(super) fn of_meter(
    channel: &ChannelId,
    reference: &str,
    meter: &str,
    command: fn(MeterNumber) -> Command,
) -> Result<Asked, No> {
    let mut f = Fields::new();
    let key = f.key(channel, reference);
    let meter = f.meter("meter", meter);
    let asked = (|| {
        let meter = meter?;
        let target = Target::Meter(meter.to_string());
        Some(Asked::command(key?, target, command(meter)))
    })();
    f.finish(asked)
}

pub(super) fn final_reading(
    f: &mut Fields,
    field: &str,
    reading: Option<&pb::FinalReading>,
) -> Option<FinalReading> {
    let reading = f.part(field, reading)?;
    let meter = f.meter(&format!("{field}.meter"), &reading.meter);
    let value = f.quantity(&format!("{field}.value"), &reading.value);
    let force = f.text(&format!("{field}.force_reason"), &reading.force_reason);
    Some(FinalReading {
        meter: meter?,
        value: value?,
        force,
    })
}

fn exchange_resolution(f: &mut Fields, x: &pb::ExchangeResolution) -> Option<Resolution> {
    let final_value = f.quantity("exchange.final_value", &x.final_value);
    let first_value = f.quantity("exchange.first_value", &x.first_value);
    let at = f.instant("exchange.exchanged_at", x.exchanged_at);
    let force = f.text("exchange.force_reason", &x.force_reason);
    Some(Resolution::Exchange {
        final_value: final_value?,
        first_value: first_value?,
        at: at?,
        force,
    })
}

pub(super) fn register(f: &mut Fields, r: &pb::Register) -> Option<RegisterSpec> {
    let register = f.register("register.id", &r.id);
    let digits = f.within("register.digits", r.digits, 1..=REGISTER_DIGITS_MAX);
    let interval_min = f.within(
        "register.interval_minutes",
        r.interval_minutes,
        1..=INTERVAL_MINUTES_MAX,
    );
    let digits = digits.and_then(|digits| u8::try_from(digits).ok());
    Some(RegisterSpec {
        register: register?,
        digits: digits?,
        interval_min: interval_min?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_message_names_every_field_it_lacks() {
        let no = Asked::try_from((
            &ChannelId::parse("bank").unwrap(),
            &pb::InstallMeterRequest::default(),
        ))
        .unwrap_err();
        let No::Malformed(violations) = no else {
            panic!("{no:?}")
        };
        let fields: Vec<&str> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "reference",
                "account_id",
                "utility",
                "meter",
                "installed_at",
                "first_value"
            ]
        );
    }
}
