//! Faults that are planted in a ledger, to show that the checks find them.
//!
//! Each strikes once, at its fiftieth occasion, so that it stands in the middle of an ordinary history.

use ledger_core::account::{Account, Supply};
use ledger_core::answer::{Answer, ReceiptKind};
use ledger_core::event::{
    AccountEvent, BillingEvent, Event, Stamp, SupplyOrdered, SupplyReason, kind_of,
};
use ledger_core::num::Money;
use ledger_core::time::Millis;

use crate::machine::{Entry, Said, entry};

/// Occasions that are let by.
const OCCASION: u32 = 50;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// Supply is cut right after a payment that keeps it on.
    OrderedOffAfterAPayment,
    /// A month of an account is closed a second time.
    MonthClosedTwice,
    /// One leg of a posting is a cent off.
    PostingOffByACent,
    /// Both legs are: balanced, and beside what the account says.
    BothLegsOffByACent,
    /// A payment is answered with its receipt and never recorded.
    PaymentForgotten,
    /// An instalment counts for the month after.
    InstalmentInAnotherMonth,
    /// The account is changed and no fact says so.
    ChangedWithoutAFact,
    /// What was used is charged twice.
    UnitsChargedTwice,
}

/// A planted fault.
pub(crate) struct Fault {
    wrong: Wrong,
    occasions: u32,
}

impl Fault {
    pub(crate) fn of(wrong: Wrong) -> Self {
        Self {
            wrong,
            occasions: 0,
        }
    }

    /// Spoils what was decided, where it is this fault's turn.
    pub(crate) fn strike(&mut self, account: &mut Account, before: Account, said: &mut Said) {
        let is_occasion = match self.wrong {
            Wrong::OrderedOffAfterAPayment => is_paid_up(account, &said.answer),
            Wrong::PaymentForgotten => is_payment(&said.answer),
            Wrong::MonthClosedTwice => said.log.iter().any(closes),
            Wrong::PostingOffByACent | Wrong::BothLegsOffByACent => {
                said.log.iter().any(|e| e.postings.len() >= 2)
            }
            Wrong::InstalmentInAnotherMonth => said.log.iter().any(pays_debt),
            Wrong::ChangedWithoutAFact => account.billing().is_none() && is_payment(&said.answer),
            Wrong::UnitsChargedTwice => said.log.iter().any(charges),
        };
        self.occasions += u32::from(is_occasion);
        if !is_occasion || self.occasions != OCCASION {
            return;
        }
        self.spoil(account, before, said);
    }

    fn spoil(&self, account: &mut Account, before: Account, said: &mut Said) {
        let cent = Money::from_cents(1);
        match self.wrong {
            Wrong::OrderedOffAfterAPayment => {
                let cut = cut(account);
                account.evolve(&cut.event, cut.stamp);
                said.log.push(cut);
            }
            Wrong::MonthClosedTwice => {
                let again = said.log.iter().find(|e| closes(e)).cloned();
                said.log.extend(again);
            }
            Wrong::PostingOffByACent => {
                let of = said.log.iter_mut().find(|e| e.postings.len() >= 2).unwrap();
                of.postings[0].amount += cent;
            }
            Wrong::BothLegsOffByACent => {
                let of = said.log.iter_mut().find(|e| e.postings.len() >= 2).unwrap();
                of.postings[0].amount += cent;
                of.postings[1].amount -= cent;
            }
            Wrong::PaymentForgotten => {
                said.log.retain(|e| e.stamp.by_deadline);
                *account = refolded(before, &said.log);
            }
            Wrong::InstalmentInAnotherMonth => {
                for entry in &mut said.log {
                    if let AccountEvent::DebtPaid(paid) = &mut entry.event {
                        paid.b = paid.b.next();
                    }
                }
                *account = refolded(before, &said.log);
            }
            Wrong::ChangedWithoutAFact => {
                let paid = |e: &&Entry| matches!(e.event, AccountEvent::CreditToppedUp(_));
                let paid = said.log.iter().find(paid).unwrap();
                let (event, stamp) = (paid.event.clone(), account_stamp(account, paid.stamp));
                account.evolve(&event, stamp);
            }
            Wrong::UnitsChargedTwice => {
                for entry in &mut said.log {
                    if let AccountEvent::ConsumptionCharged(charged) = &mut entry.event {
                        charged.q = charged.q + charged.q;
                    }
                }
                *account = refolded(before, &said.log);
            }
        }
    }
}

/// The same, at the account's newest instant.
fn account_stamp(account: &Account, stamp: Stamp) -> Stamp {
    Stamp {
        at: account.newest_at(),
        ..stamp
    }
}

fn refolded(before: Account, log: &[Entry]) -> Account {
    let mut account = before;
    for entry in log {
        account.evolve(&entry.event, entry.stamp);
    }
    account
}

fn is_payment(answer: &Answer) -> bool {
    matches!(answer, Answer::Receipt(r) if matches!(r.kind, ReceiptKind::TopUp | ReceiptKind::Bill) && !r.amount.is_zero())
}

/// A payment after which nobody may be cut: credit above zero, or nothing owed.
fn is_paid_up(account: &Account, answer: &Answer) -> bool {
    let Answer::Receipt(receipt) = answer else {
        return false;
    };
    let paid_up = match receipt.kind {
        ReceiptKind::TopUp => receipt.balance.is_positive(),
        ReceiptKind::Bill => !receipt.balance.is_positive(),
        _ => false,
    };
    let on = account
        .wallet(receipt.utility)
        .is_some_and(|w| w.supply == Supply::On);
    paid_up && on && account.meter_of(receipt.utility).is_some()
}

fn closes(entry: &Entry) -> bool {
    matches!(
        entry.event,
        AccountEvent::Billing(BillingEvent::MonthClosed(_))
    )
}

fn pays_debt(entry: &Entry) -> bool {
    matches!(entry.event, AccountEvent::DebtPaid(_))
}

fn charges(entry: &Entry) -> bool {
    matches!(&entry.event, AccountEvent::ConsumptionCharged(e) if !e.q.is_zero())
}

fn cut(account: &Account) -> Entry {
    let wallet = account
        .wallets()
        .iter()
        .find(|w| w.supply == Supply::On && account.meter_of(w.utility).is_some())
        .unwrap();
    let at = account.newest_at();
    let why = if account.billing().is_some() {
        SupplyReason::DuesUnpaid
    } else {
        SupplyReason::NoCredit
    };
    let ordered = SupplyOrdered {
        u: wallet.utility,
        m: account.meter_of(wallet.utility).unwrap().number.clone(),
        n: wallet.orders + 1,
        until: at + Millis::hours(24),
        why,
    };
    let event = AccountEvent::SupplyDisconnectionOrdered(ordered);
    let kind = kind_of(&Event::Account(event.clone()));
    let stamp = Stamp {
        at,
        by_deadline: false,
        delivery: 0,
    };
    entry(account, event, kind, stamp)
}
