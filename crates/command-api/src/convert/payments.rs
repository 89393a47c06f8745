//! Payments, quotes and suspense: messages about money, as commands of the domain.
//!
//! A payment's meter is passed on as the payer typed it: the scheme judges it, and its refusal says what
//! a good one is. Amounts are above zero here; limits and decimals are the scheme's too.

use ledger_core::command::{Command, PayBill, Source, VoidTopUp};
use ledger_core::ids::{AccountId, ChannelId, CommandKey, OpaqueRef};
use ledger_core::num::Money;
use ledger_service::{Ask, Target};

use super::billing::self_reading;
use super::commands::Asked;
use super::fields::Fields;
use crate::errors::{Malformed, No};
use crate::pb;

impl TryFrom<(&ChannelId, &pb::TopUpRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::TopUpRequest)) -> Result<Self, No> {
        top_up(channel, &m.reference, (&m.meter, &m.amount), m.money)
    }
}

impl TryFrom<(&ChannelId, &pb::TopUpStreamRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::TopUpStreamRequest)) -> Result<Self, No> {
        top_up(channel, &m.reference, (&m.meter, &m.amount), m.money)
    }
}

impl TryFrom<(&ChannelId, &pb::VoidTopUpRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::VoidTopUpRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let reference = f.reference("top_up_reference", &m.top_up_reference);
        let asked = (|| {
            let reference = reference?;
            let target = Target::TopUp(reference.clone());
            Some(Self::command(
                key?,
                target,
                Command::VoidTopUp(VoidTopUp { reference }),
            ))
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::PayDebtRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::PayDebtRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let target = target(&mut f, "payee", m.payee.as_ref());
        let amount = f.money("amount", &m.amount);
        let source = source(&mut f, m.money);
        let asked = (|| {
            let ask = Ask::PayDebt {
                amount: amount?,
                source: source?,
            };
            Some(Self {
                key: key?,
                target: target?,
                ask,
            })
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::AllocateSuspenseRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::AllocateSuspenseRequest)) -> Result<Self, No> {
        use pb::allocate_suspense_request::To;
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let item = suspense_item(&mut f, &m.channel, &m.payment_reference);
        let amount = f.money("amount", &m.amount);
        let asked = match f.part("to", m.to.as_ref()) {
            None => None,
            Some(To::Meter(meter)) => {
                let meter = f.meter_text("meter", meter);
                (|| {
                    let ask = Ask::TopUp {
                        amount: amount?,
                        source: Source::Suspense(item?),
                    };
                    Some(Self {
                        key: key?,
                        target: Target::Meter(meter?),
                        ask,
                    })
                })()
            }
            Some(To::DebtOfAccountId(id)) => {
                let account = f.account("debt_of_account_id", id);
                (|| {
                    let (amount, source) = (amount?, Source::Suspense(item?));
                    of_account(key?, account?, Ask::PayDebt { amount, source })
                })()
            }
            Some(To::DepositOfAccountId(id)) => {
                let account = f.account("deposit_of_account_id", id);
                (|| {
                    let (amount, source) = (amount?, Source::Suspense(item?));
                    of_account(key?, account?, Ask::PayDeposit { amount, source })
                })()
            }
            Some(To::Bill(bill)) => {
                let account = f.account("bill.account_id", &bill.account_id);
                let reading = self_reading(&mut f, "bill.reading", bill.reading.as_ref());
                (|| {
                    let pay = PayBill {
                        amount: amount?,
                        reading,
                        protest: None,
                        source: Source::Suspense(item?),
                    };
                    of_account(key?, account?, Ask::PayBill(pay))
                })()
            }
        };
        f.finish(asked)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the last step of a chain of fields, each of which may be missing"
)]
fn of_account(key: CommandKey, account: AccountId, ask: Ask) -> Option<Asked> {
    Some(Asked {
        key,
        target: Target::Account(account),
        ask,
    })
}

/// A return from suspense: the sender's key, the payment's own, the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedReturn {
    /// The sender's key.
    pub key: CommandKey,
    /// The payment's own channel and reference.
    pub item: CommandKey,
    /// Document of the return.
    pub document: OpaqueRef,
}

impl TryFrom<(&ChannelId, &pb::ReturnSuspenseRequest)> for AskedReturn {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ReturnSuspenseRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let item = suspense_item(&mut f, &m.channel, &m.payment_reference);
        let document = f.opaque("document", &m.document);
        let asked = (|| {
            Some(Self {
                key: key?,
                item: item?,
                document: document?,
            })
        })();
        f.finish(asked)
    }
}

/// A top-up that is asked about before money is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedQuote {
    /// Meter named by the payer.
    pub meter: String,
    /// Amount.
    pub amount: Money,
}

impl TryFrom<&pb::ValidateTopUpRequest> for AskedQuote {
    type Error = No;

    fn try_from(m: &pb::ValidateTopUpRequest) -> Result<Self, No> {
        quote(&m.meter, &m.amount)
    }
}

impl TryFrom<&pb::QuoteTopUpRequest> for AskedQuote {
    type Error = No;

    fn try_from(m: &pb::QuoteTopUpRequest) -> Result<Self, No> {
        quote(&m.meter, &m.amount)
    }
}

fn quote(meter: &str, amount: &str) -> Result<AskedQuote, No> {
    let mut f = Fields::new();
    let meter = f.meter_text("meter", meter);
    let amount = f.money("amount", amount);
    let asked = (|| {
        Some(AskedQuote {
            meter: meter?,
            amount: amount?,
        })
    })();
    f.finish(asked)
}

fn top_up(
    channel: &ChannelId,
    reference: &str,
    paid: (&str, &str),
    money: i32,
) -> Result<Asked, No> {
    let mut f = Fields::new();
    let key = f.key(channel, reference);
    let meter = f.meter_text("meter", paid.0);
    let amount = f.money("amount", paid.1);
    let source = source(&mut f, money);
    let asked = (|| {
        let ask = Ask::TopUp {
            amount: amount?,
            source: source?,
        };
        Some(Asked {
            key: key?,
            target: Target::Meter(meter?),
            ask,
        })
    })();
    f.finish(asked)
}

/// An account by its id or a meter it holds.
pub(super) fn target(
    f: &mut Fields,
    field: &str,
    name: Option<&pb::AccountOrMeter>,
) -> Option<Target> {
    use pb::account_or_meter::By;
    let name = f.part(field, name)?;
    match f.part(field, name.by.as_ref())? {
        By::AccountId(id) => f
            .account(&format!("{field}.account_id"), id)
            .map(Target::Account),
        By::Meter(meter) => f
            .meter_text(&format!("{field}.meter"), meter)
            .map(Target::Meter),
    }
}

pub(super) fn source(f: &mut Fields, number: i32) -> Option<Source> {
    match pb::MoneyState::try_from(number) {
        Ok(pb::MoneyState::NotTaken) => Some(Source::NotTaken),
        Ok(pb::MoneyState::Taken) => Some(Source::Taken),
        Ok(pb::MoneyState::Unspecified) => {
            f.note(
                "money",
                Malformed::FieldMissing,
                "say whether the money has been taken already",
            );
            None
        }
        Err(_) => {
            f.note(
                "money",
                Malformed::FieldOutOfRange,
                format!("there is no state {number}"),
            );
            None
        }
    }
}

fn suspense_item(f: &mut Fields, channel: &str, reference: &str) -> Option<CommandKey> {
    let channel = f.channel("channel", channel);
    let reference = f.reference("payment_reference", reference);
    Some(CommandKey {
        channel: channel?,
        reference: reference?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> ChannelId {
        ChannelId::parse("bank").unwrap()
    }

    #[test]
    fn c13_a_payment_must_say_whether_the_money_was_taken() {
        let mut m = pb::TopUpRequest {
            reference: "r".to_owned(),
            meter: "E1".to_owned(),
            amount: "5.00".to_owned(),
            money: 0,
        };
        let no = Asked::try_from((&channel(), &m)).unwrap_err();
        assert!(
            matches!(&no, No::Malformed(v) if v.len() == 1 && v[0].field == "money"),
            "{no:?}"
        );
        m.set_money(pb::MoneyState::Taken);
        let asked = Asked::try_from((&channel(), &m)).unwrap();
        assert_eq!(
            asked.ask,
            Ask::TopUp {
                amount: Money::parse("5").unwrap(),
                source: Source::Taken
            }
        );
    }

    #[test]
    fn u4_a_meter_number_of_the_wrong_form_is_left_to_the_scheme_to_refuse() {
        let asked = AskedQuote::try_from(&pb::QuoteTopUpRequest {
            meter: "e 1".to_owned(),
            amount: "5".to_owned(),
        });
        assert_eq!(asked.unwrap().meter, "e 1");
    }
}
