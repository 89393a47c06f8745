//! The working copy of one decision: emits facts, folds them at once, and lets supply and notices follow.

use super::decide::Emitted;
use super::{Account, supply};
use crate::command::Facts;
use crate::event::{AccountEvent, BillingEvent, LowCreditNoticed, Stamp};
use crate::ids::ReceiptNumber;
use crate::num::Money;
use crate::scheme::SchemePolicy;
use crate::time::{LocalDate, Month, Timestamp};
use crate::utility::Utility;

/// One decision under way.
pub(super) struct Draft<'a> {
    pub(super) account: &'a mut Account,
    /// The version in force at `at`.
    pub(super) policy: &'a SchemePolicy,
    versions: &'a SchemePolicy,
    pub(super) facts: &'a Facts,
    /// When what is being decided counts.
    pub(super) at: Timestamp,
    by_deadline: bool,
    credit_before: [Option<Money>; 2],
    pub(super) emitted: Vec<Emitted>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        account: &'a mut Account,
        policy: &'a SchemePolicy,
        facts: &'a Facts,
    ) -> Self {
        let at = facts.received_at.max(account.newest_at());
        let mut draft = Self {
            account,
            policy,
            versions: policy,
            facts,
            at,
            by_deadline: false,
            credit_before: [None; 2],
            emitted: Vec::new(),
        };
        draft.begin_step(at, false);
        draft
    }

    /// Starts a deadline or the command itself: what follows counts at `at`.
    pub(super) fn begin_step(&mut self, at: Timestamp, by_deadline: bool) {
        self.at = at;
        self.policy = self.versions.in_force_at(at);
        self.by_deadline = by_deadline;
        self.credit_before = Utility::ALL.map(|u| self.account.wallet(u).map(|w| w.balance));
    }

    /// Records a fact and folds it.
    pub(super) fn emit(&mut self, event: AccountEvent) {
        let stamp = Stamp {
            at: self.at,
            by_deadline: self.by_deadline,
            delivery: self.facts.delivery,
        };
        self.account.evolve(&event, stamp);
        self.emitted.push(Emitted {
            event,
            at: self.at,
            by_deadline: self.by_deadline,
        });
    }

    pub(super) fn emit_billing(&mut self, event: BillingEvent) {
        self.emit(AccountEvent::Billing(event));
    }

    /// After the facts of a step: supply follows credit (U2, U8), notices go out (U5).
    pub(super) fn end_step(&mut self) {
        for (utility, before) in Utility::ALL.into_iter().zip(self.credit_before) {
            self.notice_low_credit(utility, before);
            supply::follow_credit(self, utility);
        }
    }

    fn notice_low_credit(&mut self, utility: Utility, before: Option<Money>) {
        let Some(threshold) = self.policy.utility(utility).and_then(|u| u.low_credit_at) else {
            return;
        };
        let Some(now) = self.account.wallet(utility).map(|w| w.balance) else {
            return;
        };
        let passed = before.is_some_and(|b| b > threshold) && now <= threshold;
        if passed && self.account.lifecycle() == super::Lifecycle::Open {
            self.emit(AccountEvent::LowCreditNoticed(LowCreditNoticed {
                u: utility,
                a: now,
            }));
        }
    }

    /// Whether a period that ends at `due` is over: a command at that very instant still comes before it.
    pub(super) fn is_over(&self, due: Timestamp) -> bool {
        self.at > due
            || (self.at == due
                && (self.by_deadline
                    || self.account.deadlines_done.is_some_and(|done| done >= due)))
    }

    /// Local date of this step.
    pub(super) fn today(&self) -> LocalDate {
        self.policy.zone().date_of(self.at)
    }

    /// Local month of this step.
    pub(super) fn this_month(&self) -> Month {
        self.policy.zone().month_of(self.at)
    }

    /// The account's next receipt number: the account and a count, unique in the ledger.
    pub(super) fn next_receipt(&self) -> ReceiptNumber {
        let text = format!("{}-{:06}", self.account.id(), self.account.receipts + 1);
        let number = ReceiptNumber::parse(&text);
        assert!(
            number.is_ok(),
            "an account id and a count make a receipt number"
        );
        #[expect(clippy::unwrap_used, reason = "asserted above")]
        number.unwrap()
    }
}
