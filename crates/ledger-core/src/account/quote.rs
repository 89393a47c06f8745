//! What a bill would be, were it paid now: shown before it is paid, each line explained (C13, E1).
//!
//! Everything is decided on a copy, by the code that decides the payment itself, and thrown away.
//! Deliberately absent: a promise. A payment sent afterwards is decided anew.

use super::decide::{Decided, Emitted, decide, not_offered};
use super::{Account, Lifecycle, bills, pricing};
use crate::answer::{Answer, ReadingOutcome};
use crate::command::{BillingCommand, Command, Facts, PayBill, Reading, Source};
use crate::dues::DueKind;
use crate::event::{AccountEvent, BillingEvent, ConsumptionCharged};
use crate::ids::AccountId;
use crate::num::{Money, Quantity};
use crate::rejection::{BillingRefusal, Rejection};
use crate::scheme::{Overpayment, SchemePolicy};
use crate::status::Status;
use crate::tariff::{self, ChargeLine, Span};
use crate::time::Month;
use crate::utility::Utility;

/// A bill as it would be now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillQuote {
    /// Whose.
    pub account: AccountId,
    /// Utility that is billed.
    pub utility: Utility,
    /// Status before the payment, where the scheme has statuses.
    pub status: Option<Status>,
    /// What the reading measures, where one was brought that is newer than those known.
    pub units: Option<Quantity>,
    /// Every part of the bill; they sum to the amount.
    pub lines: Vec<BillLine>,
    /// To be paid, in the currency's decimals; zero or below is credit that is carried.
    pub amount: Money,
    /// Why exactly this would not be taken now; none where it would.
    pub refusal: Option<Rejection>,
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    /// Month it belongs to.
    pub month: Option<Month>,
    /// Where it is from.
    pub what: BillPart,
    /// Exact; below zero lowers the bill.
    pub amount: Money,
}

/// Where a line of a bill is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillPart {
    /// An open item of before.
    Forward(DueKind),
    /// Paid beyond the bills before.
    Credit,
    /// Consumption by the reading: the line of the tariff.
    Charge(Box<ChargeLine>),
    /// Estimates that the reading takes back (E4).
    EstimatesReversed,
    /// What else the reading changed.
    Adjustment,
    /// To the currency's smallest unit (C3).
    Rounding,
}

impl BillPart {
    /// Stable name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Forward(_) => "brought-forward",
            Self::Credit => "credit",
            Self::Charge(_) => "consumption",
            Self::EstimatesReversed => "estimates-reversed",
            Self::Adjustment => "adjustment",
            Self::Rounding => "rounding",
        }
    }
}

/// The bill of an account, with the self-reading it would be made from where one is brought.
///
/// # Errors
/// Why there is no bill: no such account, no bills in its scheme, a reading that cannot be.
pub fn quote_bill(
    account: &Account,
    policy: &SchemePolicy,
    facts: &Facts,
    reading: Option<&Reading>,
) -> Result<BillQuote, Rejection> {
    must_be_open(account)?;
    let mut now = account.clone();
    decide(&mut now, policy, facts, &Command::Tick);
    let Some(utility) = now.billing().map(super::Billing::utility) else {
        return Err(not_offered("bills"));
    };
    let mut bill = Bill::brought_forward(&now);
    if let Some(reading) = reading {
        bill.read(&mut now, policy, facts, reading)?;
    }
    let decimals = policy.currency().decimals;
    let (amount, balance) = now.billing().map_or((Money::ZERO, Money::ZERO), |b| {
        (b.dues().payable(decimals), b.dues().balance())
    });
    bill.complete(balance, amount);
    let status = now.status();
    Ok(BillQuote {
        account: now.id().clone(),
        utility,
        status,
        units: bill.units,
        lines: bill.lines,
        amount,
        refusal: why_not(now, policy, facts, amount),
    })
}

fn must_be_open(account: &Account) -> Result<(), Rejection> {
    match account.lifecycle() {
        Lifecycle::Unborn => Err(Rejection::UnknownAccount),
        Lifecycle::Open => Ok(()),
        Lifecycle::Closed => Err(Rejection::AccountClosed),
    }
}

/// Why the payment of just this amount would be refused.
fn why_not(
    mut account: Account,
    policy: &SchemePolicy,
    facts: &Facts,
    amount: Money,
) -> Option<Rejection> {
    let credit_is_carried = policy
        .billing()
        .is_some_and(|b| b.overpayment == Overpayment::Credit);
    if credit_is_carried && !amount.is_positive() {
        return None;
    }
    let pay = Command::billing(BillingCommand::PayBill(PayBill {
        amount: amount.max(Money::ZERO),
        reading: None,
        protest: None,
        source: Source::NotTaken,
    }));
    let Decided { answer, .. } = decide(&mut account, policy, facts, &pay);
    answer.refusal().cloned()
}

/// The lines while they are collected.
struct Bill {
    lines: Vec<BillLine>,
    units: Option<Quantity>,
}

impl Bill {
    fn brought_forward(account: &Account) -> Self {
        let mut bill = Self {
            lines: Vec::new(),
            units: None,
        };
        let Some(dues) = account.billing().map(super::Billing::dues) else {
            return bill;
        };
        for due in dues.open() {
            bill.add(Some(due.month), BillPart::Forward(due.kind), due.left);
        }
        bill.add(None, BillPart::Credit, dues.balance().min(Money::ZERO));
        bill
    }

    fn add(&mut self, month: Option<Month>, what: BillPart, amount: Money) {
        if !amount.is_zero() {
            self.lines.push(BillLine {
                month,
                what,
                amount,
            });
        }
    }

    /// Records the reading on the copy and explains what it charges.
    fn read(
        &mut self,
        account: &mut Account,
        policy: &SchemePolicy,
        facts: &Facts,
        reading: &Reading,
    ) -> Result<(), Rejection> {
        let before = account.clone();
        let record = Command::RecordReading(reading.clone());
        let Decided { events, answer } = decide(account, policy, facts, &record);
        let outcome = match answer {
            Answer::Reading(outcome) => outcome,
            Answer::Refused(refusal) => ReadingOutcome::Refused(refusal),
            Answer::Done { .. }
            | Answer::Receipt(_)
            | Answer::Suspended(_)
            | Answer::Returned(_)
            | Answer::Published(_)
            | Answer::Step(_) => ReadingOutcome::Duplicate,
        };
        bills::must_be_own(account, reading, outcome).map_err(|no| unopened(&before, no))?;
        for emitted in &events {
            self.explain(&before, policy, emitted);
        }
        Ok(())
    }

    fn explain(&mut self, before: &Account, policy: &SchemePolicy, emitted: &Emitted) {
        if let AccountEvent::ConsumptionCharged(e) = &emitted.event {
            self.units = Some(self.units.unwrap_or(Quantity::ZERO) + e.q);
            for line in charge_lines(before, policy.in_force_at(emitted.at), e) {
                let (month, amount) = (line.month, line.amount);
                self.add(Some(month), BillPart::Charge(Box::new(line)), amount);
            }
        }
        if let AccountEvent::Billing(BillingEvent::EstimatesReversed(e)) = &emitted.event {
            self.add(Some(e.b), BillPart::EstimatesReversed, -e.a);
        }
        if let AccountEvent::Billing(BillingEvent::BillRaised(e)) = &emitted.event {
            self.add(Some(e.b), BillPart::Rounding, e.rd);
        }
    }

    /// What is not explained line by line, and the rounding: the lines sum to the amount.
    fn complete(&mut self, balance: Money, amount: Money) {
        let told: Money = self.lines.iter().map(|line| line.amount).sum();
        self.add(None, BillPart::Adjustment, balance - told);
        self.add(None, BillPart::Rounding, amount - balance);
        let sum: Money = self.lines.iter().map(|line| line.amount).sum();
        assert!(sum == amount, "the lines of a bill sum to its amount");
    }
}

/// The lines of the tariff that made a charge; none where they do not give it to the last digit.
fn charge_lines(
    before: &Account,
    policy: &SchemePolicy,
    e: &ConsumptionCharged,
) -> Vec<ChargeLine> {
    let Some(meter) = before.meter_in_place(&e.m) else {
        return Vec::new();
    };
    let span = Span {
        from: meter.base.at,
        to: e.t,
        quantity: e.q,
    };
    let position = before.wallet(e.u).and_then(|w| w.position.as_ref());
    let customer = pricing::customer(before, e.u);
    let charge = tariff::explain(policy.price_book(), customer, position, span);
    charge
        .ok()
        .filter(|charge| charge.total == e.a)
        .map(|charge| charge.lines)
        .unwrap_or_default()
}

/// A quote opens no query, and does not say that one is open (K3).
fn unopened(before: &Account, mut refusal: Rejection) -> Rejection {
    let is_open = |n: u32| {
        before
            .billing()
            .is_some_and(|b| b.open_queries().iter().any(|open| open.n == n))
    };
    if let Rejection::Billing(
        BillingRefusal::SelfReadingBelow { query, .. }
        | BillingRefusal::SelfReadingHigh { query, .. },
    ) = &mut refusal
        && !is_open(*query)
    {
        *query = 0;
    }
    refusal
}
