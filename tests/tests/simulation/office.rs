//! Bills and what follows from them: paying in the window or outside it, cuts, reconnections, ends.

use ledger_core::command::{BillingCommand, Command, PayBill, Source};
use ledger_core::num::Money;
use ledger_core::rejection::{BillingRefusal, Rejection};
use ledger_core::scheme::{Overpayment, SchemePolicy};
use ledger_core::status::Status;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility;

use crate::house::{House, whole};
use crate::machine::Machine;
use crate::people::{Errand, document};
use crate::watch::Finding;

const OFFICE: &str = "office";

impl House {
    /// What is to be paid now, in the currency's decimals.
    fn owed(&self, policy: &SchemePolicy) -> Money {
        let dues = self
            .account
            .billing()
            .map(ledger_core::account::Billing::dues);
        dues.map_or(Money::ZERO, |d| d.payable(policy.currency().decimals))
    }

    fn bill(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        command: BillingCommand,
    ) -> Result<Option<Rejection>, Finding> {
        let command = Command::billing(command);
        let answer = self.command(policy, machine, at, (OFFICE, command))?;
        Ok(answer.refusal().cloned())
    }

    /// A live consumer asks for the bill with a reading and pays it; others pay what they owe, a part of
    /// it, or more where that is credit.
    pub(crate) fn pay_bill(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        if self.account.status() == Some(Status::Live) {
            return self.pay_current_bill(policy, machine, at);
        }
        let owed = self.owed(policy);
        let may_pay_more = policy
            .billing()
            .is_some_and(|b| b.overpayment == Overpayment::Credit);
        let amount = match self.dice.between(1, 10) {
            1..=7 => owed,
            8 | 9 => Money::from_cents(self.dice.between(1, 5_000)),
            _ if may_pay_more => owed.max(Money::ZERO) + whole(self.dice.between(1, 2_000)),
            _ => owed,
        };
        let amount = if may_pay_more {
            amount
        } else {
            amount.min(owed)
        };
        let pay = payment(amount.max(Money::ZERO), None);
        self.bill(policy, machine, at, pay).map(drop)
    }

    fn pay_current_bill(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        let Some(device) = self.devices.iter().find(|d| !d.gone) else {
            return Ok(());
        };
        let (reading, ran) = device.read_by_hand(at);
        let asked = payment(Money::from_cents(1), Some(reading.clone()));
        let refusal = self.bill(policy, machine, at, asked)?;
        let bill = match refusal {
            Some(Rejection::Billing(BillingRefusal::NotTheBill { bill })) => bill,
            Some(_) => return Ok(()),
            None => {
                self.accepted(&reading.meter, ran);
                return Ok(());
            }
        };
        let meter = reading.meter.clone();
        let refusal = self.bill(policy, machine, at, payment(bill, Some(reading)))?;
        self.expect(
            refusal.is_none(),
            "E1: the bill that was shown is the bill that is paid",
            &(bill, refusal),
        )?;
        let day = policy.zone().date_of(at).day();
        let status = policy.billing().and_then(|b| b.status.as_ref());
        let open = status.is_none_or(|s| (s.payment_from_day..=s.payment_to_day).contains(&day));
        self.expect(open, "E1: a current bill is paid on its days only", &at)?;
        self.accepted(&meter, ran);
        Ok(())
    }

    /// K4: the run began some time ago; a payment since then takes the account out of it.
    pub(crate) fn cut_in_run(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        run_began_at: Timestamp,
    ) -> Result<(), Finding> {
        self.watch.run_begins(run_began_at);
        let cut = BillingCommand::CutForDues { run_began_at };
        if let Some(Rejection::Billing(BillingRefusal::PaidSinceRun { .. })) =
            self.bill(policy, machine, at, cut)?
        {
            self.tally.add("taken out of a run by a payment");
        }
        Ok(())
    }

    /// The office answers what refused readings have raised.
    pub(crate) fn answer_queries(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
    ) -> Result<(), Finding> {
        let open = self.account.billing().map(|b| b.open_queries().to_vec());
        for query in open.unwrap_or_default() {
            let answer = BillingCommand::AnswerQuery {
                query: query.n,
                document: document("answer"),
                settled: true,
            };
            self.bill(policy, machine, at, answer)?;
        }
        Ok(())
    }

    /// What the office does with consumers, debts and old values; refused where it does not fit.
    pub(crate) fn office(
        &mut self,
        policy: &SchemePolicy,
        machine: &mut Machine,
        at: Timestamp,
        errand: Errand,
    ) -> Result<(), Finding> {
        let month = policy.zone().month_of(at);
        let later = i32::try_from(self.dice.between(0, 3)).unwrap();
        let instalment = whole(self.dice.between(2, 40));
        let until = policy.zone().date_of(at).plus_days(90);
        let missing = policy
            .billing()
            .and_then(|b| b.status.as_ref())
            .zip(self.account.billing())
            .map_or(Money::ZERO, |(status, b)| status.deposit - b.deposit());
        let source = Source::NotTaken;
        let command = match errand {
            Errand::AgreeDebt => Command::AgreeDebt {
                utility: Utility::Water,
                principal: instalment + whole(self.dice.between(0, 400)),
                instalment,
                start: month.plus(later),
            },
            Errand::Reschedule => Command::RescheduleDebt {
                instalment,
                start: month.plus(later + 1),
            },
            Errand::Deliver(deliver) => Command::DeliverCredit(deliver),
            Errand::CutBelated => Command::billing(BillingCommand::CutConsumer { reading: None }),
            Errand::Reconnect => Command::billing(BillingCommand::ReconnectConsumer),
            Errand::StopBill => Command::billing(BillingCommand::StopBill { reading: None }),
            Errand::Reactivate => Command::billing(BillingCommand::Reactivate),
            Errand::PayDeposit => Command::billing(BillingCommand::PayDeposit {
                amount: missing,
                source,
            }),
            Errand::UseDeposit => Command::billing(BillingCommand::UseDeposit),
            Errand::Extend => Command::billing(BillingCommand::ExtendTemporary { until }),
            Errand::PayOut => Command::billing(BillingCommand::PayOut {
                channel: ledger_core::ids::ChannelId::parse(OFFICE).unwrap(),
            }),
            other => panic!("{other:?} is no errand of the office"),
        };
        self.command(policy, machine, at, (OFFICE, command))
            .map(drop)
    }
}

fn payment(amount: Money, reading: Option<ledger_core::command::Reading>) -> BillingCommand {
    BillingCommand::PayBill(PayBill {
        amount,
        reading,
        protest: None,
        source: Source::NotTaken,
    })
}
