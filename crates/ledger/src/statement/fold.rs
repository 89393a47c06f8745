//! From stored events to a document: the account's fold at both ends of the period, and what moved its books
//! in between.

use ledger_core::account::Account;
use ledger_core::event::{AccountEvent, BillingEvent};
use ledger_core::ids::AccountId;
use ledger_core::num::{Money, Quantity};
use ledger_core::postings::{LedgerAccount, of_account};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{LocalDate, Timestamp, Zone};
use ledger_core::utility::Utility;

use super::{
    Agreement, Book, Charges, Kept, MeterRead, Movement, OpenItem, Statement, Stored, ToPay, words,
};

/// Local dates, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: LocalDate,
    pub(crate) to: LocalDate,
}

impl Period {
    /// First instant in it, and first after it.
    fn bounds(self, zone: &Zone) -> (Timestamp, Timestamp) {
        (
            zone.start_of_day(self.from),
            zone.start_of_day(self.to.next()),
        )
    }
}

/// Folds a document.
pub(crate) fn statement(
    account: &AccountId,
    stored: &[Stored],
    policy: SchemePolicy,
    (period, is_bill): (Period, bool),
) -> Statement {
    let mut folding = Folding::new(account, policy, period);
    let (_, end) = period.bounds(folding.policy.zone());
    let within: Vec<&Stored> = stored.iter().take_while(|one| one.stamp.at < end).collect();
    for one in &within {
        folding.apply(one);
    }
    folding.finish(within.len() as u64, is_bill)
}

struct Folding {
    account: Account,
    policy: SchemePolicy,
    period: Period,
    begin: Timestamp,
    books: Vec<Kept>,
    meters: Vec<MeterRead>,
    charges: Charges,
    customer: Option<ledger_core::ids::OpaqueRef>,
    due: Option<LocalDate>,
}

/// What a posting does to a book: on credit what comes in is above zero, on the others what is owed.
fn book_of(account: &LedgerAccount, amount: Money) -> Option<(Book, Money)> {
    match account {
        LedgerAccount::CustomerCredit(_, utility) => Some((Book::Credit(*utility), -amount)),
        LedgerAccount::BillsReceivable(_) => Some((Book::Dues, amount)),
        LedgerAccount::DebtReceivable(_) => Some((Book::Debt, amount)),
        LedgerAccount::SecurityDeposit(_) => Some((Book::Deposit, -amount)),
        LedgerAccount::ChannelReceivable(_)
        | LedgerAccount::Revenue(_)
        | LedgerAccount::TaxPayable(_)
        | LedgerAccount::LevyPayable(_)
        | LedgerAccount::Surcharge
        | LedgerAccount::Fees
        | LedgerAccount::LegacyClearing(_)
        | LedgerAccount::DebtOpening(_)
        | LedgerAccount::Suspense(_)
        | LedgerAccount::CreditInTransit
        | LedgerAccount::Rounding
        | LedgerAccount::EmergencyLent(..)
        | LedgerAccount::InitialCreditGranted(_) => None,
    }
}

impl Folding {
    fn new(account: &AccountId, policy: SchemePolicy, period: Period) -> Self {
        let (begin, _) = period.bounds(policy.zone());
        Self {
            account: Account::new(account.clone()),
            policy,
            period,
            begin,
            books: Vec::new(),
            meters: Vec::new(),
            charges: Charges::default(),
            customer: None,
            due: None,
        }
    }

    fn apply(&mut self, one: &Stored) {
        let is_within = one.stamp.at >= self.begin;
        for posting in of_account(self.account.id(), &one.event) {
            if let Some((book, amount)) = book_of(&posting.account, posting.amount) {
                self.post(one, book, amount, is_within);
            }
        }
        if is_within {
            self.charge(one);
        }
        self.know(&one.event);
        self.account.evolve(&one.event, one.stamp);
    }

    fn post(&mut self, one: &Stored, book: Book, amount: Money, is_within: bool) {
        let kept = match self.books.iter_mut().find(|kept| kept.book == book) {
            Some(kept) => kept,
            None => {
                let at = self.books.partition_point(|kept| kept.book < book);
                let fresh = Kept {
                    book,
                    forward: Money::ZERO,
                    movements: Vec::new(),
                    carried: Money::ZERO,
                };
                self.books.insert(at, fresh);
                let Some(kept) = self.books.get_mut(at) else {
                    return;
                };
                kept
            }
        };
        kept.carried += amount;
        if !is_within {
            kept.forward = kept.carried;
            return;
        }
        let date = self.policy.zone().date_of(one.stamp.at);
        let is_reading = matches!(one.event, AccountEvent::ConsumptionCharged(_));
        // Readings with nothing in between are one line a month: an hourly meter would fill a page a day.
        let newest = kept.movements.last_mut();
        let same = newest
            .filter(|last| is_reading && last.readings > 0 && last.date.month() == date.month());
        if let Some(last) = same {
            last.date = date;
            last.amount += amount;
            last.balance = kept.carried;
            last.readings = last.readings.saturating_add(1);
            return;
        }
        kept.movements.push(Movement {
            date,
            what: words::what(&one.event, book, amount),
            receipt: words::receipt(&one.event),
            amount,
            balance: kept.carried,
            readings: u64::from(is_reading),
        });
    }

    /// Charges of the period, and the meters that measured them; the account is still without the event.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "five kinds of event charge consumption or move a meter"
    )]
    fn charge(&mut self, one: &Stored) {
        match &one.event {
            AccountEvent::ConsumptionCharged(e) => {
                self.charges
                    .add(&self.policy, &self.account, (one.stamp.at, e));
                let base = self.account.meter_in_place(&e.m).map(|meter| meter.base);
                let Some(base) = base else { return };
                let newest = self
                    .meters
                    .iter_mut()
                    .rev()
                    .find(|m| m.meter == e.m && m.to.0 == base.at);
                match newest {
                    Some(meter) => {
                        meter.to = (e.t, e.v);
                        meter.used += e.q;
                        meter.readings = meter.readings.saturating_add(1);
                    }
                    None => self.meters.push(MeterRead {
                        utility: e.u,
                        meter: e.m.clone(),
                        from: (base.at, base.value),
                        to: (e.t, e.v),
                        used: e.q,
                        readings: 1,
                    }),
                }
            }
            AccountEvent::ConsumptionCorrected(e) => {
                for (month, amount, lines) in e.by_month() {
                    let line = (month, "correction by a late reading");
                    self.charges.add_apart(e.u, line, (amount, &lines));
                }
            }
            AccountEvent::Billing(BillingEvent::ConsumptionEstimated(e)) => {
                let line = (e.b, "estimate");
                self.charges.add_apart(e.u, line, (e.a, &e.x));
            }
            AccountEvent::Billing(BillingEvent::EstimatesReversed(e)) => {
                let mut back = e.x.clone();
                for line in &mut back {
                    line.3 = -line.3;
                }
                let line = (e.b, "estimates taken back");
                self.charges.add_apart(e.u, line, (-e.a, &back));
            }
            _ => {}
        }
    }

    /// What the account does not fold: who is responsible, and by when a bill is paid.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "five kinds of event name a person or a last day"
    )]
    fn know(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::AccountOpened(e) => self.customer.clone_from(&e.customer),
            AccountEvent::PaymentResponsibleChanged(e) => self.customer = Some(e.p.clone()),
            AccountEvent::Billing(BillingEvent::BillRaised(e)) => self.due = Some(e.due),
            AccountEvent::Billing(BillingEvent::DisconnectionNoticeServed(e)) => {
                self.due = Some(e.due);
            }
            AccountEvent::Billing(BillingEvent::BillPaid(e)) if e.full => self.due = None,
            _ => {}
        }
    }

    fn finish(mut self, events: u64, is_bill: bool) -> Statement {
        // Meters in place that nobody read in the period stand on the paper too.
        for utility in Utility::ALL {
            if let Some(meter) = self.account.meter_of(utility)
                && !self.meters.iter().any(|read| read.meter == meter.number)
            {
                let base = (meter.base.at, meter.base.value);
                self.meters.push(MeterRead {
                    utility,
                    meter: meter.number.clone(),
                    from: base,
                    to: base,
                    used: Quantity::ZERO,
                    readings: 0,
                });
            }
        }
        let month = self.period.to.month();
        let agreement = self.account.debt().map(|plan| Agreement {
            plan: plan.clone(),
            month,
        });
        let to_pay = self.to_pay();
        Statement {
            is_bill,
            account: self.account.id().clone(),
            class: self.account.profile().class.clone(),
            customer: self.customer,
            name: None,
            policy: self.policy,
            period: self.period,
            events,
            meters: self.meters,
            books: self.books,
            charges: self.charges,
            agreement,
            to_pay,
        }
    }

    fn to_pay(&self) -> Option<ToPay> {
        let billing = self.account.billing()?;
        let dues = billing.dues();
        let open = dues.open().iter().map(|due| OpenItem {
            month: due.month,
            what: due.kind.as_str(),
            left: due.left,
        });
        Some(ToPay {
            status: billing.status().map(ledger_core::status::Status::meaning),
            open: open.collect(),
            payable: dues.payable(self.policy.currency().decimals),
            due: self.due.filter(|_| dues.balance().is_positive()),
        })
    }
}
