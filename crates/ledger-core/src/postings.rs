//! Double-entry postings, derived from events by a function frozen per event version (C2).
//!
//! An amount above zero is a debit, below zero a credit. Per event they sum to zero; nothing is stored,
//! so nothing can drift.

use std::fmt;

use crate::event::{
    AccountClosed, AccountEvent, ApplicationEvent, BillingEvent, ClosedTo, ConnectionChargePaid,
    ConsumptionCharged, Event, LinePart, Payment, SuspenseEvent,
};
use crate::ids::{AccountId, ChannelId};
use crate::num::Money;
use crate::tariff::LineKind;
use crate::utility::Utility;

/// An account of the chart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerAccount {
    /// Asset: money that a channel has taken and not yet settled.
    ChannelReceivable(ChannelId),
    /// Liability: prepaid credit of a wallet.
    CustomerCredit(AccountId, Utility),
    /// Asset: what a customer owes by agreement.
    DebtReceivable(AccountId),
    /// Asset: what a postpaid customer owes by bills; below zero is paid beyond them.
    BillsReceivable(AccountId),
    /// Liability: a customer's security deposit.
    SecurityDeposit(AccountId),
    /// Income.
    Revenue(Utility),
    /// Liability: a tax taken for the state, by its name in the tariff.
    TaxPayable(String),
    /// Liability: a levy taken for an authority or a fund, by its name in the tariff.
    LevyPayable(String),
    /// Income: surcharges for belated payment.
    Surcharge,
    /// Income: fees and miscellaneous bills.
    Fees,
    /// Contra: legacy credit taken over from the utility's department.
    LegacyClearing(Utility),
    /// Contra: debts taken over from the utility's department.
    DebtOpening(Utility),
    /// Liability: payments that could not be applied.
    Suspense(ChannelId),
    /// Liability: credit on its way from a closed account to another.
    CreditInTransit,
    /// Fractions below the currency's smallest unit.
    Rounding,
    /// Asset: emergency credit lent to an account's wallet (P5).
    EmergencyLent(AccountId, Utility),
    /// Contra: credit that the utility granted to begin with (P2).
    InitialCreditGranted(Utility),
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChannelReceivable(channel) => write!(f, "channel-receivable:{channel}"),
            Self::CustomerCredit(account, utility) => {
                write!(f, "customer-credit:{account}:{utility}")
            }
            Self::DebtReceivable(account) => write!(f, "debt-receivable:{account}"),
            Self::BillsReceivable(account) => write!(f, "bills-receivable:{account}"),
            Self::SecurityDeposit(account) => write!(f, "security-deposit:{account}"),
            Self::Surcharge => f.write_str("surcharge"),
            Self::Fees => f.write_str("fees"),
            Self::Revenue(utility) => write!(f, "revenue:{utility}"),
            Self::TaxPayable(name) => write!(f, "tax-payable:{name}"),
            Self::LevyPayable(name) => write!(f, "levy-payable:{name}"),
            Self::LegacyClearing(utility) => write!(f, "legacy-clearing:{utility}"),
            Self::DebtOpening(utility) => write!(f, "debt-opening:{utility}"),
            Self::Suspense(channel) => write!(f, "suspense:{channel}"),
            Self::CreditInTransit => f.write_str("credit-in-transit"),
            Self::Rounding => f.write_str("rounding"),
            Self::EmergencyLent(account, utility) => {
                write!(f, "emergency-credit-lent:{account}:{utility}")
            }
            Self::InitialCreditGranted(utility) => write!(f, "initial-credit-granted:{utility}"),
        }
    }
}

/// One line of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Which account of the chart.
    pub account: LedgerAccount,
    /// Debit above zero, credit below.
    pub amount: Money,
}

/// The postings of an event in an account's stream.
#[must_use]
#[expect(
    clippy::too_many_lines,
    reason = "one arm a fact: the table of what each posts"
)]
pub fn of_account(account: &AccountId, event: &AccountEvent) -> Vec<Posting> {
    let credit = |u: Utility| LedgerAccount::CustomerCredit(account.clone(), u);
    let debt = || LedgerAccount::DebtReceivable(account.clone());
    match event {
        AccountEvent::ConsumptionCharged(e) => consumption(account, e),
        AccountEvent::ConsumptionCorrected(e) => {
            let from = charged_to(account, e.u, e.b.is_some());
            charge_of(from, LedgerAccount::Revenue(e.u), e.a, &e.x)
        }
        AccountEvent::Billing(inner) => of_billing(account, inner),
        AccountEvent::CreditToppedUp(e) => split(
            account,
            (e.u, &e.pay),
            &Parts {
                paid: e.a,
                net: e.net(),
                arrears: e.arr,
                emergency: e.rep + e.wd,
            },
        ),
        AccountEvent::TopUpVoided(e) => split(
            account,
            (e.u, &e.pay),
            &Parts {
                paid: -e.a,
                net: -e.net(),
                arrears: -e.arr,
                emergency: -(e.rep + e.wd),
            },
        ),
        AccountEvent::ArrearsMovedIn(e) => pair(debt(), LedgerAccount::DebtOpening(e.u), e.a),
        AccountEvent::ArrearsPaid(e) => pair(taken_from(&e.pay), debt(), e.a),
        AccountEvent::InitialCreditGranted(e) => {
            pair(LedgerAccount::InitialCreditGranted(e.u), credit(e.u), e.a)
        }
        AccountEvent::EmergencyCreditDrawn(e) => pair(
            LedgerAccount::EmergencyLent(account.clone(), e.u),
            credit(e.u),
            e.a,
        ),
        AccountEvent::LegacyCreditEntered(e) => {
            pair(LedgerAccount::LegacyClearing(e.u), credit(e.u), e.a)
        }
        AccountEvent::LegacyCreditRefunded(e) => {
            pair(LedgerAccount::LegacyClearing(e.u), channel(&e.pay), e.a)
        }
        AccountEvent::CreditTransferred(e) => pair(credit(e.from), credit(e.to), e.a),
        AccountEvent::CreditMovedIn(e) => pair(LedgerAccount::CreditInTransit, credit(e.u), e.a),
        AccountEvent::DebtAgreed(e) => pair(debt(), LedgerAccount::DebtOpening(e.u), e.a),
        AccountEvent::DebtPaid(e) => pair(taken_from(&e.pay), debt(), e.a),
        AccountEvent::AccountClosed(e) => closing(account, e),
        AccountEvent::AccountOpened(_)
        | AccountEvent::MeterInstalled(_)
        | AccountEvent::MeterActivated(_)
        | AccountEvent::MeterRemoved(_)
        | AccountEvent::MeterExchanged(_)
        | AccountEvent::ReadingSettling(_)
        | AccountEvent::GapSettled(_)
        | AccountEvent::LateReadingKept(_)
        | AccountEvent::ConflictingReadingKept(_)
        | AccountEvent::ReadingQuarantined(_)
        | AccountEvent::MeterExchangeSuspected(_)
        | AccountEvent::SuspicionWithdrawn(_)
        | AccountEvent::QuarantineDiscarded(_)
        | AccountEvent::LegacyCreditRegistered(_)
        | AccountEvent::LegacyCreditChoiceMade(_)
        | AccountEvent::PaymentResponsibleChanged(_)
        | AccountEvent::AccountRenumbered(_)
        | AccountEvent::LowCreditNoticed(_)
        | AccountEvent::DebtRescheduled(_)
        | AccountEvent::SupplyDisconnectionOrdered(_)
        | AccountEvent::SupplyReconnectionOrdered(_)
        | AccountEvent::SupplyDisconnectionDeferred(_)
        | AccountEvent::SupplyDisconnectionCancelled(_)
        | AccountEvent::MeterOrderRepeated(_)
        | AccountEvent::MeterOrderConfirmed(_)
        | AccountEvent::SchemeJoined(_)
        | AccountEvent::CreditDelivered(_) => Vec::new(),
    }
}

/// Prepaid consumption lowers the credit, postpaid consumption is owed.
fn consumption(account: &AccountId, e: &ConsumptionCharged) -> Vec<Posting> {
    let from = charged_to(account, e.u, e.b.is_some());
    charge_of(from, LedgerAccount::Revenue(e.u), e.a, &e.x)
}

fn charged_to(account: &AccountId, utility: Utility, is_owed: bool) -> LedgerAccount {
    if is_owed {
        LedgerAccount::BillsReceivable(account.clone())
    } else {
        LedgerAccount::CustomerCredit(account.clone(), utility)
    }
}

/// The postings of a postpaid account's events.
fn of_billing(account: &AccountId, event: &BillingEvent) -> Vec<Posting> {
    let owed = || LedgerAccount::BillsReceivable(account.clone());
    let deposit = || LedgerAccount::SecurityDeposit(account.clone());
    match event {
        BillingEvent::ConsumerListed(e) => pair(owed(), LedgerAccount::DebtOpening(e.u), e.a),
        BillingEvent::ConsumptionEstimated(e) => {
            charge_of(owed(), LedgerAccount::Revenue(e.u), e.a, &e.x)
        }
        BillingEvent::EstimatesReversed(e) => {
            let back = |line: &LinePart| LinePart(line.0, line.1, line.2.clone(), -line.3);
            let lines: Vec<LinePart> = e.x.iter().map(back).collect();
            charge_of(owed(), LedgerAccount::Revenue(e.u), -e.a, &lines)
        }
        BillingEvent::SurchargeCharged(e) => pair(owed(), LedgerAccount::Surcharge, e.a),
        BillingEvent::ObligatoryFeeCharged(e) => pair(owed(), LedgerAccount::Fees, e.a),
        BillingEvent::MiscellaneousBilled(e) => pair(owed(), LedgerAccount::Fees, e.a),
        BillingEvent::BillAdjusted(e) => pair(owed(), LedgerAccount::Revenue(e.u), e.a),
        BillingEvent::BillRaised(e) => pair(owed(), LedgerAccount::Rounding, e.rd),
        BillingEvent::BillPaid(e) => with_rounding(taken_from(&e.pay), owed(), e.a, e.rd),
        BillingEvent::SecurityDepositPaid(e) => pair(taken_from(&e.pay), deposit(), e.a),
        BillingEvent::SecurityDepositUsed(e) => with_rounding(deposit(), owed(), e.a, e.rd),
        BillingEvent::SecurityDepositReturned(e) => pair(deposit(), channel(&e.pay), e.a),
        BillingEvent::CreditPaidOut(e) => with_rounding(channel(&e.pay), owed(), -e.a, -e.rd),
        BillingEvent::ConnectionEnded(e) | BillingEvent::BillStopped(e) => {
            pair(LedgerAccount::Rounding, owed(), e.rd)
        }
        BillingEvent::MonthClosed(_)
        | BillingEvent::DisconnectionNoticeServed(_)
        | BillingEvent::ConsumerDisconnected(_)
        | BillingEvent::ConsumerReconnected(_)
        | BillingEvent::ConsumerReactivated(_)
        | BillingEvent::TemporaryConnectionExtended(_)
        | BillingEvent::QueryRaised(_)
        | BillingEvent::QueryAnswered(_) => Vec::new(),
    }
}

/// `paid` from one account and `rounded` from rounding, both to another.
fn with_rounding(
    from: LedgerAccount,
    to: LedgerAccount,
    paid: Money,
    rounded: Money,
) -> Vec<Posting> {
    let mut lines = pair(from, to.clone(), paid);
    lines.extend(pair(LedgerAccount::Rounding, to, rounded));
    lines
}

/// The postings of any event; `account` is the stream's account where it is an account's stream.
///
/// # Panics
/// When an account's event comes without its account: a bug of the caller.
#[must_use]
pub fn of(event: &Event, account: Option<&AccountId>) -> Vec<Posting> {
    match event {
        Event::Account(inner) => {
            let Some(account) = account else {
                assert!(
                    account.is_some(),
                    "an account's event comes with its account"
                );
                return Vec::new();
            };
            of_account(account, inner)
        }
        Event::Suspense(SuspenseEvent::PaymentSuspended(e)) => pair(
            channel(&e.pay),
            LedgerAccount::Suspense(e.pay.ch.clone()),
            e.a,
        ),
        Event::Suspense(SuspenseEvent::SuspenseReturned(e)) => pair(
            LedgerAccount::Suspense(e.pay.ch.clone()),
            channel(&e.pay),
            e.a,
        ),
        Event::Application(ApplicationEvent::ConnectionChargePaid(e)) => connection_charge(e),
        Event::Suspense(SuspenseEvent::SuspenseAllocated(_))
        | Event::Meter(_)
        | Event::Key(_)
        | Event::Gateway(_)
        | Event::InitialCredit(_)
        | Event::Scheme(_)
        | Event::Legacy(_)
        | Event::WorkOrder(_)
        | Event::Reserved(_)
        | Event::Application(_)
        | Event::Complaint(_)
        | Event::Number(_) => Vec::new(),
    }
}

/// What was paid for a connection: the consumer's deposit, and connection charges beyond it (E14).
fn connection_charge(e: &ConnectionChargePaid) -> Vec<Posting> {
    let mut lines = vec![
        Posting {
            account: taken_from(&e.pay),
            amount: e.a,
        },
        Posting {
            account: LedgerAccount::SecurityDeposit(e.n.clone()),
            amount: -e.dep,
        },
    ];
    let charges = e.a - e.dep;
    if !charges.is_zero() {
        lines.push(Posting {
            account: LedgerAccount::Fees,
            amount: -charges,
        });
    }
    lines
}

/// The parts of a top-up, all negated for its void.
struct Parts {
    /// Taken by the channel.
    paid: Money,
    /// Change of the wallet's credit.
    net: Money,
    /// To the arrears.
    arrears: Money,
    /// Emergency credit repaid and withdrawn.
    emergency: Money,
}

/// A top-up or its void: the channel against credit, arrears and emergency credit.
fn split(account: &AccountId, (u, pay): (Utility, &Payment), parts: &Parts) -> Vec<Posting> {
    let mut lines = vec![
        Posting {
            account: taken_from(pay),
            amount: parts.paid,
        },
        Posting {
            account: LedgerAccount::CustomerCredit(account.clone(), u),
            amount: -parts.net,
        },
    ];
    if !parts.arrears.is_zero() {
        lines.push(Posting {
            account: LedgerAccount::DebtReceivable(account.clone()),
            amount: -parts.arrears,
        });
    }
    if !parts.emergency.is_zero() {
        lines.push(Posting {
            account: LedgerAccount::EmergencyLent(account.clone(), u),
            amount: -parts.emergency,
        });
    }
    lines
}

fn pair(debit: LedgerAccount, credit: LedgerAccount, amount: Money) -> Vec<Posting> {
    if amount.is_zero() {
        return Vec::new();
    }
    vec![
        Posting {
            account: debit,
            amount,
        },
        Posting {
            account: credit,
            amount: -amount,
        },
    ]
}

/// A charge: levies and taxes in it are owed to others, the rest is revenue.
fn charge_of(
    debit: LedgerAccount,
    revenue: LedgerAccount,
    amount: Money,
    lines: &[LinePart],
) -> Vec<Posting> {
    if lines.is_empty() {
        return pair(debit, revenue, amount);
    }
    let mut owed = Vec::new();
    for LinePart(_, kind, name, part) in lines {
        let payable = match kind {
            LineKind::Tax => LedgerAccount::TaxPayable(name.clone()),
            LineKind::Levy => LedgerAccount::LevyPayable(name.clone()),
            LineKind::Standing | LineKind::PassThrough => continue,
        };
        add(&mut owed, payable, -*part);
    }
    let own = amount + owed.iter().map(|line| line.amount).sum();
    let line = |account, amount| Posting { account, amount };
    let mut postings = vec![line(debit, amount), line(revenue, -own)];
    postings.append(&mut owed);
    postings.retain(|posting| !posting.amount.is_zero());
    postings
}

/// Adds to an account's line; months of one line are one.
fn add(postings: &mut Vec<Posting>, account: LedgerAccount, amount: Money) {
    match postings.iter_mut().find(|known| known.account == account) {
        Some(known) => known.amount += amount,
        None => postings.push(Posting { account, amount }),
    }
}

fn channel(payment: &Payment) -> LedgerAccount {
    LedgerAccount::ChannelReceivable(payment.ch.clone())
}

/// The channel that holds the money, or suspense when it was allocated from there.
fn taken_from(payment: &Payment) -> LedgerAccount {
    if payment.sus {
        LedgerAccount::Suspense(payment.ch.clone())
    } else {
        channel(payment)
    }
}

/// Each wallet gives up its whole balance: to the debt, to the other wallet, to rounding, to the payer.
fn closing(account: &AccountId, event: &AccountClosed) -> Vec<Posting> {
    let mut lines = Vec::new();
    for wallet in &event.w {
        let credit = LedgerAccount::CustomerCredit(account.clone(), wallet.u);
        lines.push(Posting {
            account: credit,
            amount: wallet.a,
        });
        lines.push(Posting {
            account: LedgerAccount::DebtReceivable(account.clone()),
            amount: -(wallet.debt + wallet.arr),
        });
        lines.push(Posting {
            account: LedgerAccount::EmergencyLent(account.clone(), wallet.u),
            amount: -wallet.em,
        });
        lines.push(Posting {
            account: LedgerAccount::Rounding,
            amount: -wallet.rest,
        });
        let out = match &event.to {
            ClosedTo::PaidOut(payment) => channel(payment),
            ClosedTo::Moved(_) => LedgerAccount::CreditInTransit,
        };
        lines.push(Posting {
            account: out,
            amount: -wallet.out,
        });
    }
    lines.retain(|line| !line.amount.is_zero());
    let sum: Money = lines.iter().map(|line| line.amount).sum();
    assert!(sum.is_zero(), "an account's closing balances");
    lines
}
