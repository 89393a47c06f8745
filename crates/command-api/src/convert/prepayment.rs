//! Messages of people who join with arrears, as commands of the domain.

use ledger_core::command::{Command, DeliverCredit, JoinScheme};
use ledger_core::event::DeliveryWay;
use ledger_core::ids::{ChannelId, ReceiptNumber};
use ledger_service::Target;

use super::commands::{Asked, of_meter};
use super::fields::Fields;
use crate::errors::{Malformed, No};
use crate::pb;

/// Most broken instalment plans that a message may claim: more is a mistake of typing.
const BROKEN_PLANS_MAX: u32 = 1_000;

impl TryFrom<(&ChannelId, &pb::JoinSchemeRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::JoinSchemeRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let person = f.opaque("person", &m.person);
        let application = f.opaque("application", &m.application);
        let broken_plans = f.within("broken_plans", m.broken_plans, 0..=BROKEN_PLANS_MAX);
        let arrears = f.money("arrears", &m.arrears);
        let arrears_from = f.opaque("arrears_from", &m.arrears_from);
        let asked = (|| {
            let join = JoinScheme {
                utility: utility?,
                person: person?,
                application: application?,
                disconnected: m.disconnected,
                cannot_pay_minimum: m.cannot_pay_minimum,
                broken_plans: broken_plans?,
                arrears: arrears?,
                arrears_from: arrears_from?,
            };
            Some(Self::command(
                key?,
                Target::Account(account?),
                Command::JoinScheme(join),
            ))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::DrawEmergencyCreditRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::DrawEmergencyCreditRequest)) -> Result<Self, No> {
        of_meter(channel, &m.reference, &m.meter, |meter| {
            Command::DrawEmergencyCredit { meter }
        })
    }
}

impl TryFrom<(&ChannelId, &pb::DeliverCreditRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::DeliverCreditRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let meter = f.meter("meter", &m.meter);
        let receipt = receipt(&mut f, &m.receipt);
        let by = way(&mut f, m.way);
        let at = f.instant("taken_in_at", m.taken_in_at);
        let asked = (|| {
            let meter = meter?;
            let target = Target::Meter(meter.to_string());
            let deliver = DeliverCredit {
                meter,
                receipt: receipt?,
                by: by?,
                at: at?,
            };
            Some(Self::command(key?, target, Command::DeliverCredit(deliver)))
        })();
        f.finish(asked)
    }
}

fn receipt(f: &mut Fields, text: &str) -> Option<ReceiptNumber> {
    if text.is_empty() {
        f.note("receipt", Malformed::FieldMissing, "name the receipt");
        return None;
    }
    match ReceiptNumber::parse(text) {
        Ok(number) => Some(number),
        Err(error) => {
            f.note("receipt", Malformed::FieldMalformed, error.to_string());
            None
        }
    }
}

fn way(f: &mut Fields, number: i32) -> Option<DeliveryWay> {
    match pb::DeliveryWay::try_from(number) {
        Ok(pb::DeliveryWay::Key) => Some(DeliveryWay::Key),
        Ok(pb::DeliveryWay::Network) => Some(DeliveryWay::Network),
        Ok(pb::DeliveryWay::Unspecified) => {
            f.note("way", Malformed::FieldMissing, "say which way it came");
            None
        }
        Err(_) => {
            let why = format!("there is no way {number}");
            f.note("way", Malformed::FieldOutOfRange, why);
            None
        }
    }
}
