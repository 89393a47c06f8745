//! One consumer at the office or at a till: connected, shown the bill, paying it.

use command_api::client::Client;
use command_api::pb;
use ledger_core::num::{Money, Quantity};
use ledger_core::time::Timestamp;

use super::super::counter::instant;
use super::super::story::{done, exact, named};
use super::course::Seen;
use super::people::{Consumer, Habit};
use crate::failure::Failure;

/// Deposit that general connections paid with their application.
pub(super) const DEPOSIT: &str = "1000";
/// Arrears of an imported consumer.
const ARREARS: &str = "240.50";

/// Opens a connection of the consumer's kind, with its meter.
pub(super) async fn connect(
    office: &Client,
    consumer: &Consumer,
    at: Timestamp,
) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    let connection = Some(pb::Connection {
        account_id: consumer.account.clone(),
        scheme: super::SCHEME.to_owned(),
        class: consumer.class().to_owned(),
        ..Default::default()
    });
    let reference = format!("open-{}", consumer.account);
    let mut billing = office.billing();
    if consumer.habit == Habit::Temporary {
        let open = pb::OpenTemporaryConnectionRequest {
            reference,
            connection,
            until: "2026-06-30".to_owned(),
        };
        done("opening", billing.open_temporary_connection(open).await)?;
    } else if consumer.habit == Habit::Imported {
        let import = pb::ImportConsumerRequest {
            reference,
            connection,
            arrears: ARREARS.to_owned(),
            since: "2018-04-01".to_owned(),
        };
        done("importing", billing.import_consumer(import).await)?;
    } else {
        let open = pb::OpenConnectionRequest {
            reference,
            connection,
            deposit: DEPOSIT.to_owned(),
        };
        done("opening", billing.open_connection(open).await)?;
        seen.deposits = exact(DEPOSIT)?;
    }
    let install = pb::InstallMeterRequest {
        reference: format!("install-{}", consumer.meter),
        account_id: consumer.account.clone(),
        utility: pb::Utility::Electricity.into(),
        meter: consumer.meter.to_string(),
        register: None,
        installed_at: Some(instant(at)),
        first_value: consumer.register.to_string(),
    };
    done(
        "installing a meter",
        office.meters().install_meter(install).await,
    )?;
    Ok(seen)
}

/// What the register shows.
pub(super) fn reading(consumer: &Consumer, at: Timestamp, value: Quantity) -> pb::SelfReading {
    pb::SelfReading {
        meter: consumer.meter.to_string(),
        read_at: Some(instant(at)),
        value: value.to_string(),
    }
}

/// A consumer at a till.
pub(super) struct Visit {
    /// Where.
    pub(super) till: Client,
    /// When.
    pub(super) at: Timestamp,
    /// Reference of the payment.
    pub(super) reference: String,
    /// The answer is lost; the till sends the same again.
    pub(super) twice: bool,
}

impl Visit {
    /// Is shown the bill, with a self-reading or without, and pays just that.
    pub(super) async fn pay(
        &self,
        consumer: &Consumer,
        with_reading: bool,
    ) -> Result<Seen, Failure> {
        let brought = with_reading.then(|| reading(consumer, self.at, consumer.register));
        let ask = pb::QuoteBillRequest {
            account: named(&consumer.account),
            reading: brought.clone(),
        };
        let bill = done("showing a bill", self.till.billing().quote_bill(ask).await)?;
        let mut lines = Money::ZERO;
        for line in &bill.lines {
            lines += exact(&line.amount)?;
        }
        let shown = exact(&bill.amount)?;
        let mut seen = self
            .pay_amount(consumer, (shown.max(Money::ZERO), brought))
            .await?;
        seen.surprises += u64::from(lines != shown || !bill.payable);
        Ok(seen)
    }

    /// Pays an amount.
    pub(super) async fn pay_amount(
        &self,
        consumer: &Consumer,
        (amount, brought): (Money, Option<pb::SelfReading>),
    ) -> Result<Seen, Failure> {
        use pb::pay_bill_response::Result as R;
        let pay = pb::PayBillRequest {
            reference: self.reference.clone(),
            payee: named(&consumer.account),
            amount: amount.to_string(),
            money: pb::MoneyState::NotTaken.into(),
            reading: brought,
            protest: String::new(),
        };
        let mut billing = self.till.billing();
        let answer = done("paying a bill", billing.pay_bill(pay.clone()).await)?;
        let Some(R::Receipt(receipt)) = &answer.result else {
            return Err(Failure::damaged(
                "DEMO_RECEIPT",
                "a bill payment gave no receipt",
            ));
        };
        let mut seen = Seen {
            receipts: 1,
            paid: amount,
            surprises: u64::from(exact(&receipt.amount)? != amount),
            ..Seen::default()
        };
        if self.twice {
            let again = done("paying a bill again", billing.pay_bill(pay).await)?;
            seen.repeated = u64::from(again.duplicate && again.result == answer.result);
            seen.surprises += u64::from(seen.repeated == 0);
        }
        Ok(seen)
    }
}
