//! What a fact changes. Never refuses history; asserts what decisions guarantee.

use super::meter::{Base, KeptClass, MeterState};
use super::wallet::{OpenOrder, Supply, WaitingCut};
use super::{Account, Arrears, Joined, Lifecycle, Profile, Undelivered};
use crate::debt::DebtPlan;
use crate::event::{
    AccountClosed, AccountEvent, BillingEvent, ConsumptionCharged, ConsumptionCorrected, LinePart,
    MeterExchanged, MeterInstalled, ReadingKept, Stamp, SupplyOrdered,
};
use crate::ids::MeterNumber;
use crate::num::Money;
use crate::tariff::{FinishedMonths, Position};
use crate::time::Timestamp;

impl Account {
    /// Folds one fact into the state.
    pub fn evolve(&mut self, event: &AccountEvent, stamp: Stamp) {
        assert!(
            stamp.at >= self.newest_at,
            "an account's events never run backwards in time"
        );
        self.newest_at = stamp.at;
        if stamp.by_deadline {
            self.deadlines_done = Some(stamp.at);
        }
        self.fold(event, stamp);
        self.fold_billing(event, stamp);
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one arm a fact: the table of what each changes"
    )]
    fn fold(&mut self, event: &AccountEvent, stamp: Stamp) {
        match event {
            AccountEvent::ConsumptionCharged(e) => self.fold_consumption(e, stamp),
            AccountEvent::ConsumptionCorrected(e) => self.fold_correction(e, stamp),
            AccountEvent::ReadingSettling(e) => {
                if let Some(meter) = self.meter_at_mut(&e.m, e.t) {
                    meter.keep(e.t, e.v, KeptClass::Settling, stamp.delivery);
                    meter.settles_until = Some(e.until);
                }
            }
            AccountEvent::GapSettled(e) => {
                if let Some(meter) = self.meter_in_place_mut(&e.m) {
                    meter.settles_until = None;
                }
            }
            AccountEvent::LateReadingKept(e) => self.fold_kept(e, KeptClass::Late, stamp),
            AccountEvent::ConflictingReadingKept(e) => {
                self.fold_kept(e, KeptClass::Conflicting, stamp);
            }
            AccountEvent::ReadingQuarantined(e) => self.fold_kept(e, KeptClass::Quarantined, stamp),
            AccountEvent::MeterExchangeSuspected(e) => self.fold_suspicion(&e.m, true),
            AccountEvent::SuspicionWithdrawn(e) => self.fold_suspicion(&e.m, false),
            AccountEvent::QuarantineDiscarded(e) => {
                if let Some(meter) = self.meter_in_place_mut(&e.m) {
                    meter.discard_held();
                }
            }
            AccountEvent::CreditToppedUp(e) => {
                let wallet = self.wallet_mut(e.u);
                wallet.credit(e.net(), stamp.at, true);
                wallet.emergency -= e.rep + e.wd;
                wallet.first_top_up = true;
                self.receipts += 1;
                self.fold_recovered(e.arr);
                if e.del {
                    self.undelivered.push(Undelivered {
                        receipt: e.rc.clone(),
                        utility: e.u,
                        value: e.a - e.arr - e.rep,
                    });
                }
            }
            AccountEvent::TopUpVoided(e) => {
                let wallet = self.wallet_mut(e.u);
                wallet.debit(e.net(), stamp.at);
                wallet.emergency += e.rep + e.wd;
                wallet.first_top_up &= !e.first;
                self.fold_recovered(-e.arr);
                self.undelivered.retain(|u| u.receipt != e.rc);
                self.voided.push(e.rc.as_str().to_owned());
                self.receipts += 1;
            }
            AccountEvent::LegacyCreditEntered(e) => {
                self.wallet_mut(e.u).credit(e.a, stamp.at, false);
                self.fold_legacy_entered(e);
            }
            AccountEvent::LegacyCreditRegistered(e) => self.fold_legacy_registered(e),
            AccountEvent::LegacyCreditChoiceMade(e) => self.fold_legacy_choice(e),
            AccountEvent::LegacyCreditRefunded(e) => self.fold_legacy_refunded(e),
            AccountEvent::PaymentResponsibleChanged(e) => self.fold_responsible(e),
            AccountEvent::AccountRenumbered(e) => self.fold_renumbered(e),
            AccountEvent::CreditMovedIn(e) => {
                self.wallet_mut(e.u).credit(e.a, stamp.at, false);
                if !self.moved_in.contains(&e.from) {
                    self.moved_in.push(e.from.clone());
                }
            }
            AccountEvent::CreditTransferred(e) => {
                self.wallet_mut(e.from).debit(e.a, stamp.at);
                self.wallet_mut(e.to).credit_by_turn(e.a);
            }
            AccountEvent::LowCreditNoticed(_) => {}
            AccountEvent::DebtAgreed(e) => {
                self.debt = Some(DebtPlan::agreed(e.u, e.a, e.inst, e.start));
            }
            AccountEvent::DebtPaid(e) => {
                if let Some(debt) = &mut self.debt {
                    debt.pay(e.a, e.b);
                }
                self.receipts += 1;
            }
            AccountEvent::DebtRescheduled(e) => {
                if let Some(debt) = &mut self.debt {
                    debt.reschedule(e.inst, e.start);
                }
            }
            AccountEvent::SupplyDisconnectionOrdered(e) => self.fold_order(e, Supply::Off(e.why)),
            AccountEvent::SupplyReconnectionOrdered(e) => self.fold_order(e, Supply::On),
            AccountEvent::SupplyDisconnectionDeferred(e) => {
                self.wallet_mut(e.u).cut_waits = Some(WaitingCut {
                    until: e.until,
                    why: e.why,
                });
            }
            AccountEvent::SupplyDisconnectionCancelled(e) => {
                self.wallet_mut(e.u).cut_waits = None;
            }
            AccountEvent::AccountOpened(e) => {
                assert!(
                    self.lifecycle == Lifecycle::Unborn,
                    "an account is opened once"
                );
                self.lifecycle = Lifecycle::Open;
                self.scheme.clone_from(&e.scheme);
                self.fold_customer(e.customer.as_ref());
                self.profile = Profile {
                    class: e.class.clone(),
                    dwelling_units: e.dwelling_units,
                    contracted_kva: e.contracted_kva,
                };
            }
            AccountEvent::MeterInstalled(e) => self.fold_installed(e),
            AccountEvent::MeterActivated(e) => self.wallet_mut(e.u).grace_until = Some(e.until),
            AccountEvent::MeterRemoved(e) => {
                if let Some(meter) = self.meter_in_place_mut(&e.m) {
                    meter.removed_at = Some(e.t);
                }
                let wallet = self.wallet_mut(e.u);
                wallet.open_order = None;
                wallet.cut_waits = None;
            }
            AccountEvent::MeterExchanged(e) => self.fold_exchanged(e),
            AccountEvent::MeterOrderRepeated(e) => {
                let wallet = self.wallet_mut(e.u);
                wallet.orders = e.n;
                if let Some(order) = &mut wallet.open_order {
                    order.n = e.n;
                    order.until = e.until;
                    order.sent += 1;
                }
            }
            AccountEvent::MeterOrderConfirmed(e) => self.wallet_mut(e.u).open_order = None,
            AccountEvent::AccountClosed(e) => self.fold_closed(e),
            AccountEvent::SchemeJoined(e) => {
                self.joined = Some(Joined {
                    utility: e.u,
                    person: e.p.clone(),
                });
            }
            AccountEvent::ArrearsMovedIn(e) => self.arrears = Some(Arrears::moved_in(e.u, e.a)),
            AccountEvent::InitialCreditGranted(e) => {
                self.wallet_mut(e.u).credit(e.a, stamp.at, false);
            }
            AccountEvent::EmergencyCreditDrawn(e) => {
                let wallet = self.wallet_mut(e.u);
                wallet.credit(e.a, stamp.at, false);
                wallet.emergency += e.a;
            }
            AccountEvent::ArrearsPaid(e) => {
                self.fold_recovered(e.a);
                self.receipts += 1;
            }
            AccountEvent::CreditDelivered(e) => self.undelivered.retain(|u| u.receipt != e.rc),
            AccountEvent::Billing(e) => {
                let receipt = matches!(
                    e,
                    BillingEvent::BillPaid(_) | BillingEvent::SecurityDepositPaid(_)
                );
                self.receipts += u32::from(receipt);
            }
        }
    }

    /// Lowers the arrears; a void raises them again.
    fn fold_recovered(&mut self, amount: Money) {
        if let Some(arrears) = &mut self.arrears {
            arrears.pay(amount);
        }
    }

    fn fold_installed(&mut self, e: &MeterInstalled) {
        assert!(
            self.meter_of(e.u).is_none(),
            "an account has at most one meter of a utility"
        );
        let wallet = self.wallet_mut(e.u);
        wallet.grace_until = None;
        wallet.first_top_up = false;
        wallet.supply = Supply::On;
        wallet.open_order = None;
        wallet.cut_waits = None;
        match &mut wallet.position {
            Some(position) => position.enter(e.b),
            None => wallet.position = Some(Position::at(e.b)),
        }
        self.meters.push(MeterState::installed(
            e.u,
            e.m.clone(),
            e.reg.clone(),
            e.t,
            e.v,
        ));
    }

    fn fold_exchanged(&mut self, e: &MeterExchanged) {
        if let Some(old) = self.meter_in_place_mut(&e.m) {
            old.removed_at = Some(e.t);
            old.suspected = false;
        }
        self.meters.push(MeterState::installed(
            e.u,
            e.new.clone(),
            e.reg.clone(),
            e.t,
            e.first,
        ));
        if let Some(order) = &mut self.wallet_mut(e.u).open_order {
            order.meter = e.new.clone();
        }
    }

    fn fold_consumption(&mut self, e: &ConsumptionCharged, stamp: Stamp) {
        self.advance_month(e);
        if e.b.is_none() {
            self.wallet_mut(e.u).debit(e.a, stamp.at);
        }
        if let Some(meter) = self.meter_in_place_mut(&e.m) {
            let backflow = e.v < meter.base.value && e.q.is_zero();
            let value = if backflow { meter.base.value } else { e.v };
            let delivery = meter.take_waiting(e.t).unwrap_or(stamp.delivery);
            meter.accept(e.t, e.v, Base { at: e.t, value }, delivery);
        }
    }

    /// The meter's base stays where its newest reading left it.
    fn fold_correction(&mut self, e: &ConsumptionCorrected, stamp: Stamp) {
        let wallet = self.wallet_mut(e.u);
        if let Some(position) = &mut wallet.position {
            let before = FinishedMonths::try_from(e.fm.clone()).ok();
            position.correct(e.parts(), &e.x, before.filter(|_| !e.fm.is_empty()));
        }
        if e.b.is_none() {
            if e.a.is_negative() {
                wallet.credit(-e.a, stamp.at, false);
            } else {
                wallet.debit(e.a, stamp.at);
            }
        }
        if let Some(meter) = self.meter_at_mut(&e.m, e.t) {
            meter.keep(e.t, e.v, KeptClass::Corrected, stamp.delivery);
        }
    }

    fn meter_at_mut(&mut self, number: &MeterNumber, at: Timestamp) -> Option<&mut MeterState> {
        self.meters
            .iter_mut()
            .rev()
            .find(|m| m.number == *number && m.covers(at))
    }

    /// Where the reading leaves pricing. Lines of months that it completed do not matter any more.
    fn advance_month(&mut self, e: &ConsumptionCharged) {
        let wallet = self.wallet_mut(e.u);
        for part in e.parts() {
            let position = wallet
                .position
                .get_or_insert_with(|| Position::at(part.0.month()));
            position.reach(part.0);
            position.count(part.1, part.2);
        }
        if let Some(position) = &mut wallet.position {
            let month = position.month;
            for LinePart(_, kind, name, amount) in e.x.iter().filter(|part| part.0 == month) {
                position.charged -= *amount;
                position.count_line(*kind, name, *amount);
            }
        }
    }

    fn fold_kept(&mut self, e: &ReadingKept, class: KeptClass, stamp: Stamp) {
        if let Some(meter) = self.meter_at_mut(&e.m, e.t) {
            let waited = (class == KeptClass::Quarantined).then(|| meter.take_waiting(e.t));
            let delivery = waited.flatten();
            meter.keep(e.t, e.v, class, delivery.unwrap_or(stamp.delivery));
        }
    }

    fn fold_suspicion(&mut self, number: &MeterNumber, open: bool) {
        if let Some(meter) = self.meter_in_place_mut(number) {
            meter.suspected = open;
        }
    }

    fn fold_order(&mut self, e: &SupplyOrdered, supply: Supply) {
        let wallet = self.wallet_mut(e.u);
        assert!(
            e.n == wallet.orders + 1,
            "orders to a meter are counted without holes"
        );
        wallet.supply = supply;
        wallet.orders = e.n;
        wallet.cut_waits = None;
        let on = supply == Supply::On;
        wallet.open_order = Some(OpenOrder {
            n: e.n,
            meter: e.m.clone(),
            on,
            until: e.until,
            sent: 1,
        });
    }

    fn fold_closed(&mut self, e: &AccountClosed) {
        self.lifecycle = Lifecycle::Closed;
        for settled in &e.w {
            let wallet = self.wallet_mut(settled.u);
            wallet.balance = Money::ZERO;
            wallet.emergency = Money::ZERO;
            wallet.negative_since = None;
            wallet.turning = false;
            wallet.cut_waits = None;
        }
        let taken: Money = e.w.iter().map(|w| w.debt).sum();
        if let Some(debt) = &mut self.debt
            && taken.is_positive()
        {
            debt.pay(taken, e.b);
        }
        self.fold_recovered(e.w.iter().map(|w| w.arr).sum());
        self.undelivered.clear();
    }
}
