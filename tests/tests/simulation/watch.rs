//! The watch kept over one account: everything that must hold, told by its facts, its answers and the
//! rules, and not by the account's own arithmetic.

use std::collections::BTreeMap;

use ledger_core::account::Account;
use ledger_core::answer::{Answer, Receipt, ReceiptKind};
use ledger_core::event::{
    AccountEvent, BillingEvent, ClosedTo, Listing, MonthClosed, SupplyReason,
};
use ledger_core::ids::{AccountId, ChannelId, MeterNumber};
use ledger_core::num::{Money, Quantity};
use ledger_core::postings::LedgerAccount;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, Month, Timestamp};
use ledger_core::utility::Utility;

use crate::books::Books;
use crate::debts::{DebtAt, DebtBook};
use crate::machine::{Entry, Said};

/// Something that does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) what: String,
    account: Option<AccountId>,
    at: Option<Timestamp>,
}

impl Finding {
    pub(crate) fn new(check: &'static str, what: String) -> Self {
        Self {
            check,
            what,
            account: None,
            at: None,
        }
    }

    /// Of this account, as it stands now.
    pub(crate) fn of(mut self, account: &Account) -> Self {
        self.account = Some(account.id().clone());
        self.at = Some(account.newest_at());
        self
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.check, self.what)?;
        if let (Some(account), Some(at)) = (&self.account, self.at) {
            write!(f, " (account {account}, newest fact at {at})")?;
        }
        Ok(())
    }
}

/// Which months were closed (E17).
#[derive(Debug, Clone, Copy, Default)]
struct Closes {
    next: Option<Month>,
    is_temporary: bool,
}

/// What was paid, by the receipts that were given.
#[derive(Debug, Clone, Default)]
struct Paid {
    newest: Option<Timestamp>,
    /// Newest month in which everything was paid.
    full_in: Option<Month>,
    /// Utilities whose meter in place was topped up.
    topped_up: Vec<Utility>,
    by_channel: BTreeMap<ChannelId, Money>,
}

/// The watch over one account.
pub(crate) struct Watch {
    account: Account,
    books: Books,
    debt: Option<DebtBook>,
    closes: Closes,
    paid: Paid,
    /// Bills with their last day, oldest first.
    bills: Vec<(LocalDate, Money)>,
    /// Why supply was cut last.
    cut_for: BTreeMap<Utility, SupplyReason>,
    run_began_at: Option<Timestamp>,
    charged: BTreeMap<MeterNumber, Quantity>,
    /// Newest time at which something was asked, and at which it was not refused.
    asked_at: Option<Timestamp>,
    heard_at: Option<Timestamp>,
}

impl Watch {
    pub(crate) fn over(id: AccountId) -> Self {
        Self {
            account: Account::new(id),
            books: Books::default(),
            debt: None,
            closes: Closes::default(),
            paid: Paid::default(),
            bills: Vec::new(),
            cut_for: BTreeMap::new(),
            run_began_at: None,
            charged: BTreeMap::new(),
            asked_at: None,
            heard_at: None,
        }
    }

    /// The account as its stored facts alone give it.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn books(&self) -> &Books {
        &self.books
    }

    pub(crate) fn debt_at(&self, month: Month) -> Option<DebtAt> {
        self.debt.as_ref().map(|debt| debt.at(month))
    }

    pub(crate) fn run_begins(&mut self, at: Timestamp) {
        self.run_began_at = Some(at);
    }

    pub(crate) fn charged(&self, meter: &MeterNumber) -> Quantity {
        self.charged.get(meter).copied().unwrap_or_default()
    }

    /// Takes in what the ledger stored and answered.
    pub(crate) fn hear(
        &mut self,
        policy: &SchemePolicy,
        at: Timestamp,
        said: &Said,
    ) -> Result<(), Finding> {
        self.asked_at = Some(at);
        if said.answer.refusal().is_none() {
            self.heard_at = Some(at);
        }
        for entry in &said.log {
            self.take(policy, entry).map_err(|f| f.of(&self.account))?;
        }
        if let Answer::Receipt(receipt) = &said.answer {
            self.receipt(policy, receipt);
        } else {
            self.deposits_of_openings(said);
        }
        Ok(())
    }

    /// A deposit that comes with the opening is answered by the opening, not by its receipt (E14).
    fn deposits_of_openings(&mut self, said: &Said) {
        for entry in &said.log {
            if let AccountEvent::Billing(BillingEvent::SecurityDepositPaid(e)) = &entry.event {
                self.take_out(&e.pay.ch, -e.a);
            }
        }
    }

    fn take(&mut self, policy: &SchemePolicy, entry: &Entry) -> Result<(), Finding> {
        let sum: Money = entry.postings.iter().map(|line| line.amount).sum();
        must(sum.is_zero(), "C2: every fact balances", || {
            format!("{:?} is off by {sum}", entry.event)
        })?;
        self.must_keep_supply(policy, entry)?;
        self.must_close_once(entry)?;
        for line in &entry.postings {
            self.books.post(line.clone());
        }
        self.note(policy, entry);
        self.account.evolve(&entry.event, entry.stamp);
        Ok(())
    }

    /// K4, U2, U8, P8, E5: nobody is cut whose payment was recorded.
    fn must_keep_supply(&self, policy: &SchemePolicy, entry: &Entry) -> Result<(), Finding> {
        let at = entry.stamp.at;
        let (utility, why, again) = match &entry.event {
            AccountEvent::SupplyDisconnectionOrdered(e) => (e.u, e.why, false),
            AccountEvent::MeterOrderRepeated(e) if !e.on => match self.cut_for.get(&e.u) {
                Some(why) => (e.u, *why, true),
                None => return Err(Finding::new(CUT, "a cut that nobody ordered".to_owned())),
            },
            _ => return Ok(()),
        };
        let credit = self.books.credit(self.account.id(), utility);
        let topped_up = self.paid.topped_up.contains(&utility);
        match why {
            SupplyReason::NoCredit => must(!credit.is_positive(), CUT, || {
                format!("{utility} is cut at {at} with a credit of {credit}")
            }),
            SupplyReason::NoFirstTopUp => {
                let paid = topped_up && (!again || credit.is_positive());
                must(!paid, CUT, || {
                    format!("{utility} is cut at {at} although its first top-up came")
                })
            }
            SupplyReason::DuesUnpaid => self.must_owe(policy, at),
            _ => Ok(()),
        }
    }

    fn must_owe(&self, policy: &SchemePolicy, at: Timestamp) -> Result<(), Finding> {
        let (zone, decimals) = (policy.zone(), u32::from(policy.currency().decimals));
        let exact = self.books.owed(self.account.id());
        let owed = exact.round_half_up(decimals);
        let keeps_status = policy.billing().is_some_and(|b| b.status.is_some());
        if keeps_status {
            let paid = self.paid.full_in == Some(zone.month_of(at));
            let moot = paid && (!owed.is_positive() || !self.closes.is_temporary);
            return must(!moot, CUT, || {
                format!("cut at {at}, owing {owed}, in a month that was paid")
            });
        }
        must(owed.is_positive(), CUT, || {
            format!("cut at {at} for dues of {owed}")
        })?;
        let began = self.run_began_at;
        let paid_since = self.paid.newest.filter(|paid| Some(*paid) >= began);
        must(paid_since.is_none(), CUT, || {
            format!("cut at {at} in the run of {began:?}, paid at {paid_since:?}")
        })?;
        let due = self.oldest_due(exact);
        must(
            due.is_some_and(|due| due < zone.date_of(at)),
            "K4: only what is overdue is cut",
            || format!("cut at {at}; the oldest unpaid bill is due {due:?}"),
        )
    }

    /// Payments go to the oldest bill first: what is owed is the newest ones.
    fn oldest_due(&self, owed: Money) -> Option<LocalDate> {
        let (mut left, mut oldest) = (owed, None);
        for (due, amount) in self.bills.iter().rev() {
            if !left.is_positive() {
                break;
            }
            oldest = Some(*due);
            left -= *amount;
        }
        oldest
    }

    /// E17: each month of an account once, one after the other; and none unpaid that was paid.
    fn must_close_once(&self, entry: &Entry) -> Result<(), Finding> {
        let AccountEvent::Billing(BillingEvent::MonthClosed(MonthClosed { b, un, .. })) =
            &entry.event
        else {
            return Ok(());
        };
        let next = self.closes.next;
        must(
            next == Some(*b),
            "E17: each account-month is closed once",
            || format!("{b} is closed where {next:?} comes next"),
        )?;
        let paid = self.paid.full_in == Some(*b);
        must(
            !(*un && paid),
            "E3: a month that was paid is not closed unpaid",
            || format!("{b} was paid in full"),
        )
    }

    /// What the checks remember of a fact.
    fn note(&mut self, policy: &SchemePolicy, entry: &Entry) {
        let month = || policy.zone().month_of(entry.stamp.at);
        match &entry.event {
            AccountEvent::MeterInstalled(e) => self.paid.topped_up.retain(|u| *u != e.u),
            AccountEvent::CreditToppedUp(e) => self.paid.topped_up.push(e.u),
            AccountEvent::ConsumptionCharged(e) => {
                let charged = self.charged.entry(e.m.clone()).or_default();
                *charged += e.q;
            }
            AccountEvent::SupplyDisconnectionOrdered(e) => {
                self.cut_for.insert(e.u, e.why);
            }
            AccountEvent::DebtAgreed(e) => {
                self.debt = Some(DebtBook::agreed(e.a, e.inst, (e.start, month())));
            }
            AccountEvent::DebtRescheduled(e) => {
                if let Some(debt) = &mut self.debt {
                    debt.planned(e.inst, e.start, month());
                }
            }
            AccountEvent::LegacyCreditRefunded(e) => self.take_out(&e.pay.ch, e.a),
            AccountEvent::AccountClosed(e) => {
                let paid: Money = e.w.iter().map(|w| w.debt).sum();
                if let Some(debt) = self.debt.as_mut().filter(|_| paid.is_positive()) {
                    debt.paid(paid, month());
                }
                if let ClosedTo::PaidOut(pay) = &e.to {
                    self.take_out(&pay.ch, e.w.iter().map(|w| w.out).sum());
                }
            }
            AccountEvent::Billing(billing) => self.note_billing(billing),
            _ => {}
        }
    }

    fn note_billing(&mut self, event: &BillingEvent) {
        match event {
            BillingEvent::ConsumerListed(e) => {
                self.closes.next = e.k.first_status().map(|_| e.b);
                self.closes.is_temporary = e.k == Listing::Temporary;
            }
            BillingEvent::MonthClosed(e) => self.closes.next = Some(e.b.next()),
            BillingEvent::BillRaised(e) => {
                self.bills.push((e.due, e.a));
                let owed = self.books.owed(self.account.id());
                if !owed.is_positive() {
                    self.bills.clear();
                }
            }
            BillingEvent::BillPaid(e) => {
                if e.full {
                    self.paid.full_in = Some(e.b);
                }
                if !self.books.owed(self.account.id()).is_positive() {
                    self.bills.clear();
                }
            }
            BillingEvent::SecurityDepositReturned(e) => self.take_out(&e.pay.ch, e.a),
            BillingEvent::CreditPaidOut(e) => self.take_out(&e.pay.ch, e.a),
            _ => {}
        }
    }

    fn take_out(&mut self, channel: &ChannelId, amount: Money) {
        *self.paid.by_channel.entry(channel.clone()).or_default() -= amount;
    }

    /// A receipt is a payment that was recorded, whatever the facts say.
    fn receipt(&mut self, policy: &SchemePolicy, receipt: &Receipt) {
        let month = policy.zone().month_of(receipt.at);
        let taken = self.paid.by_channel.entry(receipt.channel.clone());
        *taken.or_default() += receipt.amount;
        self.paid.newest = self.paid.newest.max(Some(receipt.at));
        match receipt.kind {
            ReceiptKind::TopUp => self.paid.topped_up.push(receipt.utility),
            ReceiptKind::Debt => {
                if let Some(debt) = &mut self.debt {
                    debt.paid(receipt.amount, month);
                }
            }
            ReceiptKind::Bill if !receipt.balance.is_positive() => self.paid.full_in = Some(month),
            _ => {}
        }
    }

    /// Everything that must hold at the end of a month; `live` is the account as the ledger has it.
    pub(crate) fn month_end(
        &self,
        policy: &SchemePolicy,
        live: &Account,
        month: Month,
    ) -> Result<(), Finding> {
        self.must_fold(live)
            .and_then(|()| self.must_tie(live))
            .and_then(|()| self.must_have_taken())
            .and_then(|()| self.must_owe_by_the_rule(live, month))
            .and_then(|()| self.must_be_closed_to(policy))
            .map_err(|finding| finding.of(live))
    }

    fn must_fold(&self, live: &Account) -> Result<(), Finding> {
        must(*live == self.account, "C6: a balance is its fold", || {
            format!("has {live:?}, folds to {:?}", self.account)
        })
    }

    /// C2: the control accounts tie to their details.
    fn must_tie(&self, live: &Account) -> Result<(), Finding> {
        let id = live.id();
        let tie = |account: LedgerAccount, detail: Money| {
            let posted = self.books.of(&account);
            must(posted == detail, "C2: the control accounts tie", || {
                format!("{account} is {posted}, its details {detail}")
            })
        };
        for utility in Utility::ALL {
            let wallet = live.wallet(utility);
            let (credit, lent) =
                wallet.map_or((Money::ZERO, Money::ZERO), |w| (w.balance, w.emergency));
            tie(LedgerAccount::CustomerCredit(id.clone(), utility), -credit)?;
            tie(LedgerAccount::EmergencyLent(id.clone(), utility), lent)?;
        }
        let agreed = live
            .debt()
            .map_or(Money::ZERO, ledger_core::debt::DebtPlan::balance);
        let arrears = live.arrears().map_or(Money::ZERO, |arrears| arrears.left);
        tie(LedgerAccount::DebtReceivable(id.clone()), agreed + arrears)?;
        let billing = live.billing();
        let dues = billing.map_or(Money::ZERO, |b| b.dues().balance());
        let deposit = billing.map_or(Money::ZERO, ledger_core::account::Billing::deposit);
        tie(LedgerAccount::BillsReceivable(id.clone()), dues)?;
        tie(LedgerAccount::SecurityDeposit(id.clone()), -deposit)
    }

    /// C2, C14: each channel owes what its receipts say.
    fn must_have_taken(&self) -> Result<(), Finding> {
        let nothing = |(_, sum): &(&ChannelId, &Money)| !sum.is_zero();
        let posted = self.books.channels();
        let posted: Vec<_> = posted.iter().filter(nothing).collect();
        let receipts: Vec<_> = self.paid.by_channel.iter().filter(nothing).collect();
        must(
            posted == receipts,
            "C14: channels owe what they took",
            || format!("posted {posted:?}, by receipts {receipts:?}"),
        )
    }

    /// U12 to U15, worked out anew from what was agreed and paid.
    fn must_owe_by_the_rule(&self, live: &Account, month: Month) -> Result<(), Finding> {
        for month in [month, month.next(), month.plus(5)] {
            let told = self.debt_at(month);
            let has = live.debt().map(|debt| DebtAt {
                balance: debt.balance(),
                due: debt.due(month),
                months_left: debt.months_left(),
                period: debt.period(month),
            });
            must(has == told, "U12: months left and debt period", || {
                format!("in {month} the account has {has:?}, the rule {told:?}")
            })?;
        }
        Ok(())
    }

    /// E17: every month is closed up to the one in which the account was last heard of. What is refused
    /// on the way to it is not heard.
    fn must_be_closed_to(&self, policy: &SchemePolicy) -> Result<(), Finding> {
        let (Some(next), Some(heard), Some(asked)) =
            (self.closes.next, self.heard_at, self.asked_at)
        else {
            return Ok(());
        };
        let over = self
            .account
            .status()
            .is_some_and(ledger_core::status::Status::is_over);
        let month = |at| policy.zone().month_of(at);
        must(
            over || (month(heard)..=month(asked)).contains(&next),
            "E17: each account-month is closed once",
            || format!("heard of at {heard}; {next} is to be closed next"),
        )
    }
}

/// K4, U2, U8, P8, E5.
const CUT: &str = "K4: nobody is cut whose payment was recorded";

fn must(holds: bool, check: &'static str, what: impl FnOnce() -> String) -> Result<(), Finding> {
    if holds {
        Ok(())
    } else {
        Err(Finding::new(check, what()))
    }
}
