//! What a postpaid account folds: dues, months, the consumer's standing, open queries.
//!
//! The account has it from the fact that lists it as a consumer. What each fact changes is here; what
//! may be decided is in `bills`, `close`, `consumer` and `queries`. Deliberately absent: anything only
//! reports need.

use serde::{Deserialize, Serialize};

use super::Account;
use crate::dues::{DueKind, Dues};
use crate::event::{
    AccountEvent, BillPaid, BillingEvent, ConnectionStopped, ConsumerListed, ConsumptionEstimated,
    LinePart, Listing, MonthClosed, QueryAnswered, QueryRaised, Stamp,
};
use crate::num::{Money, Quantity};
use crate::status::{Standing, Status, Step};
use crate::time::{LocalDate, Month, Timestamp};
use crate::usage::Usage;
use crate::utility::Utility;

/// Queries that may be open at once: more is not a customer asking.
pub(super) const OPEN_QUERIES_MAX: usize = 32;

/// A month that was billed by the approximate method since the last reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Which month.
    pub month: Month,
    /// Its charge.
    pub amount: Money,
    /// What of it is standing, passed on, levy or tax.
    pub lines: Vec<LinePart>,
}

/// A bill made at the reading that is not paid whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBill {
    /// Last day on which it is paid in time.
    pub due: LocalDate,
    /// Its amount.
    pub amount: Money,
}

/// An open query (K6), with the reading that raised it (K3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuery {
    /// Number.
    pub n: u32,
    /// Time and value of the refused reading.
    pub reading: Option<(Timestamp, Quantity)>,
}

/// The postpaid side of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    utility: Utility,
    listing: Listing,
    standing: Option<Standing>,
    dues: Dues,
    usage: Usage,
    /// Billed by the approximate method since the last reading, oldest first.
    estimates: Vec<Estimate>,
    /// The newest consumption charge that stands, by reading or estimate (E6).
    newest_charge: Option<Money>,
    /// Start of the connection.
    since: LocalDate,
    listed_in: Month,
    closed_to: Option<Month>,
    /// Month in which the consumer became live (E1).
    live_since: Option<Month>,
    /// Newest month in which a payment counts.
    paid_in: Option<Month>,
    paid_at: Option<Timestamp>,
    deposit: Money,
    bills: u32,
    /// Bills that are not paid whole, oldest first (K4).
    open_bills: Vec<OpenBill>,
    queries: u32,
    open_queries: Vec<OpenQuery>,
}

impl Billing {
    /// A consumer as it is listed.
    #[must_use]
    pub fn listed(e: &ConsumerListed) -> Self {
        let mut dues = Dues::none();
        dues.charge(e.b, DueKind::Arrears, e.a);
        let first = e.k.first_status();
        Self {
            utility: e.u,
            listing: e.k,
            standing: first.map(Standing::begun),
            dues,
            usage: Usage::default(),
            estimates: Vec::new(),
            newest_charge: None,
            since: e.d,
            listed_in: e.b,
            closed_to: None,
            live_since: (first == Some(Status::Live)).then_some(e.b),
            paid_in: None,
            paid_at: None,
            deposit: e.dep,
            bills: 0,
            open_bills: Vec::new(),
            queries: 0,
            open_queries: Vec::new(),
        }
    }

    /// The utility that is billed.
    #[must_use]
    pub const fn utility(&self) -> Utility {
        self.utility
    }

    /// As what it is listed.
    #[must_use]
    pub const fn listing(&self) -> Listing {
        self.listing
    }

    /// Status and its months; none where the scheme has no statuses.
    #[must_use]
    pub const fn standing(&self) -> Option<Standing> {
        self.standing
    }

    /// The status, where the scheme has statuses.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.standing.map(|standing| standing.status())
    }

    /// What is owed.
    #[must_use]
    pub const fn dues(&self) -> &Dues {
        &self.dues
    }

    /// Units by month.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Estimated months since the last reading.
    #[must_use]
    pub fn estimates(&self) -> &[Estimate] {
        &self.estimates
    }

    /// The newest consumption charge that stands (E6).
    #[must_use]
    pub const fn newest_charge(&self) -> Option<Money> {
        self.newest_charge
    }

    /// Start of the connection (E10).
    #[must_use]
    pub const fn since(&self) -> LocalDate {
        self.since
    }

    /// The month that is closed next.
    #[must_use]
    pub fn next_close(&self) -> Month {
        self.closed_to.map_or(self.listed_in, Month::next)
    }

    /// Whether the consumer became live in this month (E1).
    #[must_use]
    pub fn became_live_in(&self, month: Month) -> bool {
        self.live_since == Some(month)
    }

    /// Whether a payment counts for this month.
    #[must_use]
    pub fn paid_in(&self, month: Month) -> bool {
        self.paid_in == Some(month)
    }

    /// When something was last paid.
    #[must_use]
    pub const fn paid_at(&self) -> Option<Timestamp> {
        self.paid_at
    }

    /// Security deposit held.
    #[must_use]
    pub const fn deposit(&self) -> Money {
        self.deposit
    }

    /// Bills raised so far.
    #[must_use]
    pub const fn bills(&self) -> u32 {
        self.bills
    }

    /// Queries raised so far.
    #[must_use]
    pub const fn queries(&self) -> u32 {
        self.queries
    }

    /// Open queries, oldest first.
    #[must_use]
    pub fn open_queries(&self) -> &[OpenQuery] {
        &self.open_queries
    }

    /// Bills that are not paid whole, oldest first (K4).
    #[must_use]
    pub fn open_bills(&self) -> &[OpenBill] {
        &self.open_bills
    }

    /// The last day on which the oldest unpaid bill is paid in time.
    #[must_use]
    pub fn oldest_due(&self) -> Option<LocalDate> {
        self.open_bills.first().map(|bill| bill.due)
    }

    /// Payments go to the oldest bill first, so those that the balance no longer reaches are paid.
    fn drop_paid_bills(&mut self) {
        let balance = self.dues.balance();
        let mut newer: Money = self.open_bills.iter().map(|bill| bill.amount).sum();
        self.open_bills.retain(|bill| {
            newer -= bill.amount;
            balance > newer
        });
    }

    fn step(&mut self, step: Step, month: Month) {
        if let Some(standing) = &mut self.standing {
            standing.follow(step, month);
        }
    }

    /// A cleared payment moves a status where the table has an edge for it.
    fn dues_paid(&mut self, month: Month) {
        if self
            .status()
            .is_some_and(|s| crate::status::next(s, Step::DuesPaid).is_some())
        {
            self.step(Step::DuesPaid, month);
        }
    }

    fn fold_estimate(&mut self, e: &ConsumptionEstimated) {
        self.dues.charge(e.b, DueKind::Estimate, e.a);
        self.newest_charge = Some(e.a);
        self.estimates.push(Estimate {
            month: e.b,
            amount: e.a,
            lines: e.x.clone(),
        });
    }

    fn fold_paid(&mut self, e: &BillPaid, at: Timestamp) {
        self.dues.credit(e.a);
        self.dues.round_off(e.b, e.rd);
        self.paid_at = Some(at);
        self.drop_paid_bills();
        if e.full {
            assert!(
                !self.dues.balance().is_positive(),
                "dues that are paid are not above zero"
            );
            self.paid_in = Some(e.b);
            self.dues_paid(e.b);
        }
    }

    fn fold_close(&mut self, e: &MonthClosed) {
        assert!(
            e.b == self.next_close(),
            "months are closed one at a time, each once"
        );
        self.closed_to = Some(e.b);
        if let Some(standing) = &mut self.standing {
            standing.close(e.b, e.un);
        }
    }

    fn fold_stopped(&mut self, e: &ConnectionStopped, owing: Step, paid: Step) {
        self.dues.round_off(e.b, e.rd);
        self.step(if e.owing { owing } else { paid }, e.b);
    }

    fn fold_query(&mut self, e: &QueryRaised) {
        self.queries = e.n;
        self.open_queries.push(OpenQuery {
            n: e.n,
            reading: e.r.as_ref().map(|r| (r.t, r.v)),
        });
    }

    fn fold_answer(&mut self, e: &QueryAnswered) {
        if e.done {
            self.open_queries.retain(|query| query.n != e.n);
        }
    }

    /// Folds a fact of the account: the same for the account and for every read model.
    pub fn evolve(&mut self, event: &AccountEvent, at: Timestamp) {
        if let AccountEvent::Billing(billing) = event {
            self.fold(billing, at);
        }
        if let AccountEvent::MeterInstalled(e) = event {
            self.usage.begin(e.b);
        }
        if let AccountEvent::ConsumptionCharged(e) = event
            && let Some(month) = e.b
        {
            self.dues.charge(month, DueKind::Consumption, e.a);
            self.usage.read(month, e.q);
            self.newest_charge = Some(e.a);
        }
        if let AccountEvent::ConsumptionCorrected(e) = event
            && let Some(month) = e.b
        {
            self.dues.adjust(month, e.a);
            self.usage.correct(e.us.iter().map(|part| (part.0, part.1)));
        }
    }

    fn fold(&mut self, event: &BillingEvent, at: Timestamp) {
        match event {
            BillingEvent::ConsumerListed(_) => {}
            BillingEvent::ConsumptionEstimated(e) => self.fold_estimate(e),
            BillingEvent::EstimatesReversed(e) => {
                self.dues.reverse(DueKind::Estimate, e.a);
                self.estimates.clear();
            }
            BillingEvent::SurchargeCharged(e) => self.dues.charge(e.b, DueKind::Surcharge, e.a),
            BillingEvent::ObligatoryFeeCharged(e) => {
                self.dues.charge(e.b, DueKind::ObligatoryFee, e.a);
            }
            BillingEvent::MiscellaneousBilled(e) => {
                self.dues.charge(e.b, DueKind::Miscellaneous, e.a);
            }
            BillingEvent::BillAdjusted(e) => self.dues.adjust(e.b, e.a),
            BillingEvent::BillRaised(e) => {
                self.dues.round_bill(e.b, e.rd);
                self.bills = e.n;
                self.open_bills.push(OpenBill {
                    due: e.due,
                    amount: e.a,
                });
                self.drop_paid_bills();
            }
            BillingEvent::BillPaid(e) => self.fold_paid(e, at),
            BillingEvent::SecurityDepositPaid(e) => {
                self.deposit += e.a;
                if self.status() == Some(Status::Stsd) {
                    self.step(Step::DepositPaid, e.b);
                    self.live_since = Some(e.b);
                }
            }
            BillingEvent::SecurityDepositUsed(e) => {
                self.deposit -= e.a;
                self.dues.credit(e.a);
                self.dues.round_off(e.b, e.rd);
                if e.full {
                    self.dues_paid(e.b);
                }
            }
            BillingEvent::SecurityDepositReturned(e) => self.deposit -= e.a,
            BillingEvent::CreditPaidOut(e) => {
                self.dues
                    .charge(self.listed_in, DueKind::Adjustment, e.a + e.rd);
            }
            BillingEvent::MonthClosed(e) => self.fold_close(e),
            BillingEvent::DisconnectionNoticeServed(_) => {}
            BillingEvent::ConsumerDisconnected(e) => self.step(Step::Disconnected, e.b),
            BillingEvent::ConsumerReconnected(e) => {
                self.step(Step::Reconnected, e.b);
                self.live_since = Some(e.b);
            }
            BillingEvent::ConnectionEnded(e) => {
                self.fold_stopped(e, Step::EndedOwing, Step::EndedPaid);
            }
            BillingEvent::BillStopped(e) => {
                self.fold_stopped(e, Step::StoppedOwing, Step::StoppedPaid);
            }
            BillingEvent::ConsumerReactivated(e) => self.step(Step::Reactivated, e.b),
            BillingEvent::TemporaryConnectionExtended(e) => self.step(Step::Extended, e.b),
            BillingEvent::QueryRaised(e) => self.fold_query(e),
            BillingEvent::QueryAnswered(e) => self.fold_answer(e),
        }
    }
}

impl Account {
    /// Its postpaid side; none where it is prepaid.
    #[must_use]
    pub fn billing(&self) -> Option<&Billing> {
        self.billing.as_deref()
    }

    /// The consumer's status, where its scheme has statuses.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.billing().and_then(Billing::status)
    }

    /// Folds what concerns its postpaid side.
    pub(super) fn fold_billing(&mut self, event: &AccountEvent, stamp: Stamp) {
        if let AccountEvent::Billing(BillingEvent::ConsumerListed(e)) = event {
            assert!(self.billing.is_none(), "a consumer is listed once");
            self.billing = Some(Box::new(Billing::listed(e)));
        }
        if let Some(billing) = &mut self.billing {
            billing.evolve(event, stamp.at);
        }
    }
}
