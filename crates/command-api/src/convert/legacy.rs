//! Messages about credit of older systems and who is responsible for payments: in and out.

use ledger_core::command::{ChangeResponsible, Command, CreditLegacy, LegacyValue, RegisterLegacy};
use ledger_core::event::ResponsibleAs;
use ledger_core::ids::ChannelId;
use ledger_core::num::Price;
use ledger_core::scheme::LegacyBalance;
use ledger_service::Target;
use projections::queries::{LegacyFilter, LegacyState, LegacyView, PageOf};

use super::answers::{to_instant, to_utility};
use super::commands::Asked;
use super::fields::Fields;
use super::questions::{if_given, page};
use crate::errors::{Malformed, No};
use crate::pb;

impl TryFrom<(&ChannelId, &pb::RegisterLegacyCreditRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RegisterLegacyCreditRequest)) -> Result<Self, No> {
        use pb::register_legacy_credit_request::Balance;
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let from = f.opaque("old_account", &m.old_account);
        let balance = match f.part("balance", m.balance.as_ref()) {
            None => None,
            Some(Balance::Units(units)) => f.quantity("units", units).map(LegacyBalance::Units),
            Some(Balance::Amount(amount)) => f.money("amount", amount).map(LegacyBalance::Amount),
        };
        let photo = if_given(&m.photo, |text| f.opaque("photo", text));
        let asked = (|| {
            let register = RegisterLegacy {
                utility: utility?,
                from: from?,
                balance: balance?,
                photo,
                refund: m.refund,
            };
            let target = Target::Account(account?);
            Some(Self::command(
                key?,
                target,
                Command::RegisterLegacyCredit(register),
            ))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::ChooseLegacyCreditRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ChooseLegacyCreditRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let from = f.opaque("old_account", &m.old_account);
        let asked = (|| {
            let choose = Command::ChooseLegacyCredit {
                utility: utility?,
                from: from?,
                refund: m.refund,
            };
            Some(Self::command(key?, Target::Account(account?), choose))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::CreditLegacyCreditRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::CreditLegacyCreditRequest)) -> Result<Self, No> {
        use pb::credit_legacy_credit_request::Value;
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let from = f.opaque("old_account", &m.old_account);
        let value = match &m.value {
            None => Some(LegacyValue::AsRegistered),
            Some(Value::Rate(rate)) => rate_of(&mut f, rate).map(LegacyValue::Rate),
            Some(Value::Amount(amount)) => f.money("amount", amount).map(LegacyValue::Amount),
        };
        let asked = (|| {
            let credit = CreditLegacy {
                utility: utility?,
                from: from?,
                value: value?,
            };
            let target = Target::Account(account?);
            Some(Self::command(
                key?,
                target,
                Command::CreditLegacyCredit(credit),
            ))
        })();
        f.finish(asked)
    }
}

fn rate_of(f: &mut Fields, text: &str) -> Option<Price> {
    match Price::parse(text) {
        Ok(rate) if rate > Price::ZERO => Some(rate),
        Ok(_) => {
            f.note("rate", Malformed::FieldOutOfRange, "it must be above zero");
            None
        }
        Err(error) => {
            f.note("rate", Malformed::FieldMalformed, error.to_string());
            None
        }
    }
}

impl TryFrom<(&ChannelId, &pb::RefundLegacyCreditRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::RefundLegacyCreditRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let utility = f.utility("utility", m.utility);
        let from = f.opaque("old_account", &m.old_account);
        let by = f.channel("pay_out_by", &m.pay_out_by);
        let asked = (|| {
            let refund = Command::RefundLegacyCredit {
                utility: utility?,
                from: from?,
                by: by?,
            };
            Some(Self::command(key?, Target::Account(account?), refund))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::ChangePaymentResponsibleRequest)> for Asked {
    type Error = No;

    fn try_from(
        (channel, m): (&ChannelId, &pb::ChangePaymentResponsibleRequest),
    ) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let account = f.account("account_id", &m.account_id);
        let role = match pb::ResponsibleAs::try_from(m.role) {
            Ok(pb::ResponsibleAs::Owner) => Some(ResponsibleAs::Owner),
            Ok(pb::ResponsibleAs::Tenant) => Some(ResponsibleAs::Tenant),
            Ok(pb::ResponsibleAs::Unspecified) | Err(_) => {
                f.note("role", Malformed::FieldMissing, "owner or tenant");
                None
            }
        };
        let person = f.opaque("person", &m.person);
        let named: Vec<_> = m
            .documents
            .iter()
            .enumerate()
            .map(|(i, text)| f.opaque(&format!("documents[{i}]"), text))
            .collect();
        let asked = (|| {
            let change = ChangeResponsible {
                role: role?,
                person: person?,
                documents: named.into_iter().collect::<Option<Vec<_>>>()?,
            };
            Some(Self::command(
                key?,
                Target::Account(account?),
                Command::ChangeResponsible(change),
            ))
        })();
        f.finish(asked)
    }
}

/// A question for credit of old accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyQuestion {
    /// Which.
    pub filter: LegacyFilter,
    /// Which page.
    pub page: PageOf,
}

impl TryFrom<&pb::ListLegacyCreditsRequest> for LegacyQuestion {
    type Error = No;

    fn try_from(m: &pb::ListLegacyCreditsRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let state = LegacyState::parse(&m.state);
        if state.is_none() && !m.state.is_empty() {
            f.note(
                "state",
                Malformed::FieldOutOfRange,
                "it is one of pending, credited, refunded",
            );
        }
        let utility = if m.utility == i32::from(pb::Utility::Unspecified) {
            None
        } else {
            f.utility("utility", m.utility)
        };
        let filter = LegacyFilter {
            account: if_given(&m.account_id, |text| f.account("account_id", text)),
            utility,
            state,
            overdue_only: m.overdue_only,
        };
        let page = page(&mut f, m.page_size, &m.page_token);
        f.finish(page.map(|page| Self { filter, page }))
    }
}

impl From<LegacyView> for pb::LegacyCredit {
    fn from(v: LegacyView) -> Self {
        fn text<T: ToString>(value: Option<T>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        Self {
            account_id: v.account.to_string(),
            class: v.class,
            utility: to_utility(v.utility).into(),
            old_account: v.old_account.to_string(),
            units: text(v.units),
            amount: text(v.amount),
            photo: text(v.photo),
            refund: v.refund,
            registered_at: Some(to_instant(v.registered_at)),
            due: text(v.due),
            state: v.state.code().to_owned(),
            overdue: v.overdue,
            settled_at: v.settled_at.map(to_instant),
            settled: text(v.settled),
            rate: text(v.rate),
        }
    }
}
