//! Messages to postpaid accounts, as commands of the domain.
//!
//! A payee's meter is passed on as typed, as everywhere with payments. Whether a bill can be paid is
//! decided elsewhere.

use ledger_core::command::{
    BillingCommand, Command, OpenAccount, OpeningDeposit, PayBill, Reading,
};
use ledger_core::event::MiscellaneousKind;
use ledger_core::ids::{AccountId, ChannelId, CommandKey};
use ledger_core::num::Money;
use ledger_service::{Ask, Target};

use super::commands::{Asked, Opening, final_reading, opening};
use super::fields::Fields;
use super::payments::{source, target};
use super::questions::if_given;
use crate::errors::{Malformed, No};
use crate::pb;

/// A reading that is brought along, if there is one; of the register that is charged.
pub(super) fn self_reading(
    f: &mut Fields,
    field: &str,
    reading: Option<&pb::SelfReading>,
) -> Option<Reading> {
    let reading = reading?;
    let meter = f.meter(&format!("{field}.meter"), &reading.meter);
    let read_at = f.instant(&format!("{field}.read_at"), reading.read_at);
    let value = f.quantity(&format!("{field}.value"), &reading.value);
    Some(Reading {
        meter: meter?,
        register: None,
        read_at: read_at?,
        value: value?,
    })
}

fn connection(
    f: &mut Fields,
    connection: Option<&pb::Connection>,
) -> Option<(AccountId, OpenAccount)> {
    let c = f.part("connection", connection)?;
    let account = f.account("connection.account_id", &c.account_id);
    let open = opening(
        f,
        "connection.",
        &Opening {
            scheme: &c.scheme,
            class: &c.class,
            dwelling_units: c.dwelling_units,
            contracted_kva: c.contracted_kva,
            customer: &c.customer,
        },
    );
    account.zip(open)
}

fn asked(
    f: Fields,
    key: Option<CommandKey>,
    to: Option<(AccountId, BillingCommand)>,
) -> Result<Asked, No> {
    let asked = key.zip(to).map(|(key, (account, command))| {
        Asked::command(key, Target::Account(account), Command::billing(command))
    });
    f.finish(asked)
}

impl TryFrom<(&ChannelId, &pb::OpenConnectionRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::OpenConnectionRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let opened = connection(&mut f, m.connection.as_ref());
        let deposit = if_given(&m.deposit, |text| f.money_or_zero("deposit", text));
        let to = opened.map(|(account, open)| {
            let deposit = OpeningDeposit::taken(deposit.unwrap_or_default());
            (account, BillingCommand::OpenConnection { open, deposit })
        });
        asked(f, key, to)
    }
}

impl TryFrom<(&ChannelId, &pb::OpenTemporaryConnectionRequest)> for Asked {
    type Error = No;

    fn try_from(
        (channel, m): (&ChannelId, &pb::OpenTemporaryConnectionRequest),
    ) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let opened = connection(&mut f, m.connection.as_ref());
        let until = f.date("until", &m.until);
        let to = opened.zip(until).map(|((account, open), until)| {
            let deposit = OpeningDeposit::None;
            let open = BillingCommand::OpenTemporary {
                open,
                until,
                deposit,
            };
            (account, open)
        });
        asked(f, key, to)
    }
}

impl TryFrom<(&ChannelId, &pb::ImportConsumerRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::ImportConsumerRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let opened = connection(&mut f, m.connection.as_ref());
        let arrears = f.money("arrears", &m.arrears);
        let since = f.date("since", &m.since);
        let to = (|| {
            let (account, open) = opened?;
            let import = BillingCommand::Import {
                open,
                arrears: arrears?,
                since: since?,
            };
            Some((account, import))
        })();
        asked(f, key, to)
    }
}

impl TryFrom<(&ChannelId, &pb::PayBillRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::PayBillRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let target = target(&mut f, "payee", m.payee.as_ref());
        let amount = f.money_or_zero("amount", &m.amount);
        let source = source(&mut f, m.money);
        let reading = self_reading(&mut f, "reading", m.reading.as_ref());
        let protest = if_given(&m.protest, |text| f.opaque("protest", text));
        let asked = (|| {
            let pay = PayBill {
                amount: amount?,
                reading,
                protest,
                source: source?,
            };
            Some(Self {
                key: key?,
                target: target?,
                ask: Ask::PayBill(pay),
            })
        })();
        f.finish(asked)
    }
}

impl TryFrom<(&ChannelId, &pb::PayDepositRequest)> for Asked {
    type Error = No;

    fn try_from((channel, m): (&ChannelId, &pb::PayDepositRequest)) -> Result<Self, No> {
        let mut f = Fields::new();
        let key = f.key(channel, &m.reference);
        let target = target(&mut f, "payee", m.payee.as_ref());
        let amount = f.money_or_zero("amount", &m.amount);
        let source = source(&mut f, m.money);
        let asked = (|| {
            let ask = Ask::PayDeposit {
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

/// One conversion a message that names an account: the command that the block reads.
macro_rules! to_account {
    ($($message:ident => |$f:ident, $m:ident| $command:expr;)+) => {$(
        impl TryFrom<(&ChannelId, &pb::$message)> for Asked {
            type Error = No;

            fn try_from((channel, $m): (&ChannelId, &pb::$message)) -> Result<Self, No> {
                let mut fields = Fields::new();
                let $f = &mut fields;
                let key = $f.key(channel, &$m.reference);
                let account = $f.account("account_id", &$m.account_id);
                let command: Option<BillingCommand> = $command;
                asked(fields, key, account.zip(command))
            }
        }
    )+};
}

to_account! {
    UseDepositRequest => |_f, m| Some(BillingCommand::UseDeposit);
    PayOutConsumerRequest => |f, m| {
        f.channel("pay_out_by", &m.pay_out_by).map(|channel| BillingCommand::PayOut { channel })
    };
    PostMiscellaneousBillRequest => |f, m| miscellaneous(f, m);
    AdjustBillRequest => |f, m| adjust(f, m);
    CutConsumerRequest => |f, m| Some(BillingCommand::CutConsumer {
        reading: self_reading(f, "reading", m.reading.as_ref()),
    });
    CutForDuesRequest => |f, m| {
        let began = f.instant("run_began_at", m.run_began_at);
        began.map(|run_began_at| BillingCommand::CutForDues { run_began_at })
    };
    ReconnectConsumerRequest => |_f, m| Some(BillingCommand::ReconnectConsumer);
    EndConnectionRequest => |f, m| Some(BillingCommand::EndConnection {
        last: m.last.as_ref().and_then(|last| final_reading(f, "last", Some(last))),
    });
    StopBillRequest => |f, m| Some(BillingCommand::StopBill {
        reading: self_reading(f, "reading", m.reading.as_ref()),
    });
    ReactivateConsumerRequest => |_f, m| Some(BillingCommand::Reactivate);
    ExtendTemporaryConnectionRequest => |f, m| {
        f.date("until", &m.until).map(|until| BillingCommand::ExtendTemporary { until })
    };
    RaiseQueryRequest => |f, m| {
        f.opaque("document", &m.document).map(|document| BillingCommand::RaiseQuery { document })
    };
    AnswerQueryRequest => |f, m| {
        let query = f.within("query", m.query, 1..=u32::MAX);
        let document = f.opaque("document", &m.document);
        query.zip(document).map(|(query, document)| BillingCommand::AnswerQuery {
            query,
            document,
            settled: m.settled,
        })
    };
}

fn miscellaneous(f: &mut Fields, m: &pb::PostMiscellaneousBillRequest) -> Option<BillingCommand> {
    use pb::MiscellaneousKind as K;
    let kind = match K::try_from(m.kind) {
        Ok(K::MeterRent) => Some(MiscellaneousKind::MeterRent),
        Ok(K::Testing) => Some(MiscellaneousKind::Testing),
        Ok(K::Work) => Some(MiscellaneousKind::Work),
        Ok(K::Other) => Some(MiscellaneousKind::Other),
        Ok(K::Unspecified) => {
            f.note("kind", Malformed::FieldMissing, "say what it is for");
            None
        }
        Err(_) => {
            let why = format!("there is no kind {}", m.kind);
            f.note("kind", Malformed::FieldOutOfRange, why);
            None
        }
    };
    let amount = f.money("amount", &m.amount);
    let document = f.opaque("document", &m.document);
    Some(BillingCommand::PostMiscellaneous {
        kind: kind?,
        amount: amount?,
        document: document?,
    })
}

fn adjust(f: &mut Fields, m: &pb::AdjustBillRequest) -> Option<BillingCommand> {
    let amount = f.money_signed("amount", &m.amount);
    if amount.is_some_and(Money::is_zero) {
        let why = "it must be above or below zero";
        f.note("amount", Malformed::FieldOutOfRange, why);
    }
    let document = f.opaque("document", &m.document);
    Some(BillingCommand::Adjust {
        amount: amount?,
        document: document?,
    })
}

/// A bill that is asked about before it is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedBillQuote {
    /// Account or meter.
    pub target: Target,
    /// The self-reading it would be made from.
    pub reading: Option<Reading>,
}

impl TryFrom<&pb::QuoteBillRequest> for AskedBillQuote {
    type Error = No;

    fn try_from(m: &pb::QuoteBillRequest) -> Result<Self, No> {
        let mut f = Fields::new();
        let target = target(&mut f, "account", m.account.as_ref());
        let reading = self_reading(&mut f, "reading", m.reading.as_ref());
        f.finish(target.map(|target| Self { target, reading }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(no: No) -> Vec<String> {
        let No::Malformed(violations) = no else {
            panic!("{no:?}")
        };
        violations.into_iter().map(|v| v.field).collect()
    }

    #[test]
    fn a_reading_brought_along_names_each_field_it_lacks_and_none_is_dropped() {
        let channel = ChannelId::parse("bank").unwrap();
        let m = pb::CutConsumerRequest {
            reference: "r".to_owned(),
            account_id: "L1".to_owned(),
            reading: Some(pb::SelfReading::default()),
        };
        let no = Asked::try_from((&channel, &m)).unwrap_err();
        assert_eq!(
            wrong(no),
            ["reading.meter", "reading.read_at", "reading.value"]
        );
    }

    #[test]
    fn e2_an_adjustment_of_nothing_is_refused_and_one_below_zero_is_taken() {
        let channel = ChannelId::parse("bank").unwrap();
        let m = |amount: &str| pb::AdjustBillRequest {
            reference: "r".to_owned(),
            account_id: "L1".to_owned(),
            amount: amount.to_owned(),
            document: "complaint-1".to_owned(),
        };
        let no = Asked::try_from((&channel, &m("0.00"))).unwrap_err();
        assert_eq!(wrong(no), ["amount"]);
        assert!(Asked::try_from((&channel, &m("-30"))).is_ok());
    }
}
