//! Writes random histories that some decisions could have made.

use super::*;

/// One step: which account, what to try, how much, minutes since the step before.
pub(super) type Step = (u8, u8, u32, u16);

/// Turns steps into facts that some decision could have made; a step that cannot be made is left out.
pub(super) struct Author {
    pub(super) log: Log,
    pub(super) now: Timestamp,
    suspended: Vec<(String, u32)>,
    top_ups: Vec<(AccountId, Utility, ReceiptNumber, Money)>,
    pub(super) newest_deadline: std::collections::BTreeMap<AccountId, Timestamp>,
}

impl Author {
    pub(super) fn new() -> Self {
        Self {
            log: Log::new(),
            now: time("2026-01-30T10:00:00Z"),
            suspended: Vec::new(),
            top_ups: Vec::new(),
            newest_deadline: std::collections::BTreeMap::new(),
        }
    }

    fn state(&self, id: &AccountId) -> &Account {
        &self.log.accounts[id]
    }

    pub(super) async fn step(&mut self, (who, what, amount, minutes): Step) {
        self.now += Millis::minutes(i64::from(minutes));
        let id = account(&format!("a{who}"));
        if !self.log.accounts.contains_key(&id) {
            self.log.open(&id, self.now).await;
        }
        if self.state(&id).lifecycle() != Lifecycle::Open {
            return;
        }
        let u = if amount.is_multiple_of(2) { E } else { W };
        match what {
            0..=5 => self.consume(&id, u, amount, what == 0).await,
            6..=8 => self.top_up(&id, u, amount).await,
            9 => self.transfer(&id).await,
            10..=12 => self.debt(&id, what, amount).await,
            13..=16 => self.supply(&id, u, what).await,
            17..=19 => self.reading_kept(&id, u, what, amount).await,
            20 => self.void().await,
            21 => self.suspense(&id, amount).await,
            22 => self.exchange(&id, u, amount).await,
            _ => self.rare(&id, u, amount).await,
        }
    }

    async fn fact(&mut self, id: &AccountId, event: AccountEvent) {
        self.log.fact(id, self.now, event).await;
    }

    fn number(&self, id: &AccountId, u: Utility) -> MeterNumber {
        self.state(id).meter_of(u).unwrap().number.clone()
    }

    async fn consume(&mut self, id: &AccountId, u: Utility, amount: u32, gap: bool) {
        let a = money(&format!(
            "{}.{:014}",
            amount / 100_000,
            u64::from(amount) * 7_919
        ));
        let q = qty(&format!("{}.{:06}", amount % 50, amount));
        let today = local(self.now);
        let mut event = ConsumptionCharged {
            u,
            m: self.number(id, u),
            t: self.now,
            v: q,
            q,
            a,
            d: Some(today),
            p: Vec::new(),
            mn: Vec::new(),
            g: gap,
            x: Vec::new(),
            b: None,
        };
        if gap {
            let (first, rest) = (
                Money::from_scaled(a.scaled() / 3),
                a.scaled() - a.scaled() / 3,
            );
            event.d = None;
            event.p = vec![
                DayPart(today.prev(), ledger_core::num::Quantity::ZERO, first),
                DayPart(today, q, Money::from_scaled(rest)),
            ];
        } else if amount.is_multiple_of(11) && a > money("0.5") {
            event.mn = vec![MinimumPart(today.month().prev(), money("0.5"))];
        }
        self.fact(id, AccountEvent::ConsumptionCharged(event)).await;
    }

    async fn top_up(&mut self, id: &AccountId, u: Utility, amount: u32) {
        let a = Money::from_cents(i64::from(amount));
        let rc = self.log.top_up(id, self.now, u, &a.to_string()).await;
        self.top_ups.push((id.clone(), u, rc, a));
    }

    async fn transfer(&mut self, id: &AccountId) {
        let (from, to) = (self.balance(id, E), self.balance(id, W));
        if !from.is_positive() || !to.is_negative() {
            return;
        }
        let event = AccountEvent::CreditTransferred(CreditTransferred {
            from: E,
            to: W,
            a: from.min(-to),
        });
        self.newest_deadline.insert(id.clone(), self.now);
        self.log.by_deadline(id, self.now, event).await;
    }

    fn balance(&self, id: &AccountId, u: Utility) -> Money {
        self.state(id).wallet(u).map_or(Money::ZERO, |w| w.balance)
    }

    async fn debt(&mut self, id: &AccountId, what: u8, amount: u32) {
        let (a, b) = (
            Money::from_cents(i64::from(amount)),
            local(self.now).month(),
        );
        let open = self
            .state(id)
            .debt()
            .filter(|d| d.is_open())
            .map(DebtPlan::balance);
        let event = match (what, open) {
            (10, None) => AccountEvent::DebtAgreed(DebtAgreed {
                u: W,
                a,
                inst: money("0.01").min(a),
                start: b.next(),
            }),
            (11, Some(left)) => {
                let rc = ReceiptNumber::parse(&format!("D{}", self.log.written)).unwrap();
                let pay = pay("bank", &format!("d-{}", self.log.written), local(self.now));
                AccountEvent::DebtPaid(DebtPaid {
                    u: W,
                    a: a.min(left),
                    b,
                    rc,
                    pay,
                })
            }
            (12, Some(left)) => AccountEvent::DebtRescheduled(DebtRescheduled {
                inst: a.min(left),
                start: b.next(),
                b,
            }),
            _ => return,
        };
        self.fact(id, event).await;
    }

    async fn supply(&mut self, id: &AccountId, u: Utility, what: u8) {
        let m = self.number(id, u);
        let wallet = self.state(id).wallet(u).unwrap();
        let (n, open, on) = (
            wallet.orders,
            wallet.open_order.clone(),
            wallet.supply == Supply::On,
        );
        let until = self.now + Millis::hours(24);
        let ordered = |why| SupplyOrdered {
            u,
            m: m.clone(),
            n: n + 1,
            until,
            why,
        };
        let event = match (what, open) {
            (13 | 14, _) if on => {
                AccountEvent::SupplyDisconnectionOrdered(ordered(SupplyReason::NoCredit))
            }
            (13 | 14, _) => {
                AccountEvent::SupplyReconnectionOrdered(ordered(SupplyReason::CreditRestored))
            }
            (15, Some(_)) => AccountEvent::MeterOrderConfirmed(MeterOrderConfirmed {
                u,
                m,
                n,
                t: self.now,
            }),
            (16, Some(_)) => AccountEvent::MeterOrderRepeated(MeterOrderRepeated {
                u,
                m,
                n: n + 1,
                until,
                on,
            }),
            _ => return,
        };
        self.fact(id, event).await;
    }

    async fn reading_kept(&mut self, id: &AccountId, u: Utility, what: u8, amount: u32) {
        let m = self.number(id, u);
        let kept = ReadingKept {
            u,
            m: m.clone(),
            t: self.now,
            v: qty("9"),
            d: local(self.now),
            why: "flow".to_owned(),
        };
        let event = match (what, amount % 4) {
            (17, _) => AccountEvent::ReadingQuarantined(kept),
            (18, _) => AccountEvent::ConflictingReadingKept(kept),
            (_, 0) if amount.is_multiple_of(3) || !self.is_charged(id, u) => {
                AccountEvent::LateReadingKept(kept)
            }
            (_, 0) => self.corrected(id, u, amount),
            (_, 1) => AccountEvent::MeterExchangeSuspected(MeterExchangeSuspected {
                u,
                m,
                t: vec![self.now],
                limit: false,
            }),
            (_, 2) => AccountEvent::SuspicionWithdrawn(SuspicionEnded { u, m }),
            _ => AccountEvent::QuarantineDiscarded(SuspicionEnded { u, m }),
        };
        self.fact(id, event).await;
    }

    /// Whether a reading of the meter was charged: only then can one be late.
    fn is_charged(&self, id: &AccountId, u: Utility) -> bool {
        let meter = self.state(id).meter_of(u).unwrap();
        meter.base.at > meter.installed_at
    }

    /// A little is moved from the day of the newest reading to one before, and from minimum to energy.
    fn corrected(&self, id: &AccountId, u: Utility, amount: u32) -> AccountEvent {
        let newest = self.state(id).meter_of(u).unwrap().base.at;
        let today = local(newest);
        let earlier = today.plus_days(-i32::try_from(amount % 40).unwrap_or(0));
        let moved = qty(&format!("0.{:06}", amount % 1_000));
        AccountEvent::ConsumptionCorrected(ConsumptionCorrected {
            u,
            m: self.number(id, u),
            t: newest - Millis::minutes(1),
            v: qty("9"),
            f: newest - Millis::minutes(2),
            n: newest,
            q: moved,
            w: moved,
            a: money("-0.03"),
            d: earlier,
            p: vec![
                DayPart(earlier, moved, money("0.02")),
                DayPart(today, -moved, money("-0.01")),
            ],
            mn: vec![MinimumPart(earlier.month(), money("-0.04"))],
            o: Vec::new(),
            x: Vec::new(),
            g: amount.is_multiple_of(5),
            ng: amount.is_multiple_of(7).then_some(today),
            fm: Vec::new(),
            us: Vec::new(),
            b: None,
        })
    }

    async fn void(&mut self) {
        let Some((id, u, rc, a)) = self.top_ups.pop() else {
            return;
        };
        if self.state(&id).lifecycle() != Lifecycle::Open {
            return;
        }
        let pay = pay(
            "incomm",
            &format!("v-{}", self.log.written),
            local(self.now),
        );
        let event = AccountEvent::TopUpVoided(TopUpVoided {
            arr: Money::ZERO,
            rep: Money::ZERO,
            wd: Money::ZERO,
            u,
            a,
            rc,
            pay,
            first: false,
        });
        self.fact(&id, event).await;
    }

    async fn suspense(&mut self, id: &AccountId, amount: u32) {
        let today = local(self.now);
        if amount.is_multiple_of(2) || self.suspended.is_empty() {
            let reference = format!("s-{}", self.log.written);
            let a = Money::from_cents(i64::from(amount));
            let pay = pay("incomm", &reference, today);
            let event = PaymentSuspended {
                pay,
                a,
                named: "E1".to_owned(),
                why: "UNKNOWN_METER".to_owned(),
            };
            let event = Event::Suspense(SuspenseEvent::PaymentSuspended(event));
            self.log
                .other(&format!("suspense-incomm-{reference}"), self.now, event)
                .await;
            self.suspended.push((reference, amount));
            return;
        }
        let Some((reference, amount)) = self.suspended.pop() else {
            return;
        };
        let (a, stream) = (
            Money::from_cents(i64::from(amount)),
            format!("suspense-incomm-{reference}"),
        );
        let mut pay = pay("incomm", &reference, today);
        if amount.is_multiple_of(3) {
            let doc = OpaqueRef::parse("doc").unwrap();
            let event = SuspenseEvent::SuspenseReturned(SuspenseReturned { pay, a, doc });
            self.log
                .other(&stream, self.now, Event::Suspense(event))
                .await;
            return;
        }
        let by = CommandKey {
            channel: channel("office"),
            reference: Reference::parse(&reference).unwrap(),
        };
        let event = SuspenseAllocated {
            account: id.clone(),
            by,
        };
        self.log
            .other(
                &stream,
                self.now,
                Event::Suspense(SuspenseEvent::SuspenseAllocated(event)),
            )
            .await;
        pay.sus = true;
        let rc = ReceiptNumber::parse(&format!("S{}", self.log.written)).unwrap();
        let event = CreditToppedUp {
            arr: Money::ZERO,
            rep: Money::ZERO,
            wd: Money::ZERO,
            del: false,
            u: E,
            m: self.number(id, E),
            a,
            rc,
            pay,
        };
        self.fact(id, AccountEvent::CreditToppedUp(event)).await;
    }

    async fn exchange(&mut self, id: &AccountId, u: Utility, amount: u32) {
        let m = self.number(id, u);
        let new = if amount.is_multiple_of(3) {
            m.clone()
        } else {
            meter(&format!("X{}", self.log.written))
        };
        let (v, first) = (qty("5"), qty("0"));
        let event = MeterExchanged {
            u,
            m,
            new,
            reg: register(60),
            t: self.now,
            v,
            first,
            forced: None,
        };
        self.fact(id, AccountEvent::MeterExchanged(event)).await;
    }

    async fn rare(&mut self, id: &AccountId, u: Utility, amount: u32) {
        let a = Money::from_cents(i64::from(amount));
        let from = OpaqueRef::parse("old-1").unwrap();
        match amount % 12 {
            0..=4 => {
                self.fact(
                    id,
                    AccountEvent::LegacyCreditEntered(LegacyCreditEntered {
                        u,
                        a,
                        from,
                        rate: None,
                    }),
                )
                .await;
            }
            5..=8 => {
                let moved = CreditMovedIn {
                    u,
                    a,
                    from: account("gone"),
                };
                self.fact(id, AccountEvent::CreditMovedIn(moved)).await;
            }
            9 => {
                let m = self.number(id, u);
                let removed = MeterRemoved {
                    u,
                    m,
                    t: self.now,
                    v: qty("7"),
                };
                self.fact(id, AccountEvent::MeterRemoved(removed)).await;
                self.log.install(id, u, self.now).await;
            }
            10 => {
                let low = LowCreditNoticed {
                    u,
                    a: self.balance(id, u),
                };
                self.fact(id, AccountEvent::LowCreditNoticed(low)).await;
            }
            _ => self.close(id).await,
        }
    }

    async fn close(&mut self, id: &AccountId) {
        let left = self.state(id).debt().map_or(Money::ZERO, DebtPlan::balance);
        let settled = Utility::ALL.map(|u| {
            let a = self.balance(id, u);
            let debt = if u == E {
                left.min(a).max(Money::ZERO)
            } else {
                Money::ZERO
            };
            ClosedWallet {
                arr: Money::ZERO,
                em: Money::ZERO,
                u,
                a,
                debt,
                other: Money::ZERO,
                rest: Money::ZERO,
                out: a - debt,
            }
        });
        let pay = pay(
            "office",
            &format!("c-{}", self.log.written),
            local(self.now),
        );
        let closed = AccountClosed {
            w: settled.to_vec(),
            b: local(self.now).month(),
            to: ClosedTo::PaidOut(pay),
        };
        self.fact(id, AccountEvent::AccountClosed(closed)).await;
    }
}
