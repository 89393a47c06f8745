//! Credit, supply, debt, statements and deadlines of one account.

use super::*;

#[tokio::test]
async fn u3_the_first_top_up_is_netted_against_what_was_used() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.consume(&a, start + Millis::hours(1), E, ("150", "1.50"))
        .await;
    let models = log.caught_up().await;
    let used = models.snapshot().unwrap().balance(&a, E).unwrap().unwrap();
    assert_eq!(used.credit, money("-1.50"));
    assert_eq!(used.negative_since, Some(start + Millis::hours(1)));
    let receipt = log.top_up(&a, start + Millis::hours(2), E, "10").await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    let wallet = snapshot.balance(&a, E).unwrap().unwrap();
    assert_eq!(
        (wallet.credit, wallet.negative_since),
        (money("8.50"), None)
    );
    assert_eq!(wallet.first_top_up_at, Some(start + Millis::hours(2)));
    let filter = ReceiptFilter {
        receipt: Some(receipt),
        ..ReceiptFilter::default()
    };
    let receipts = snapshot.receipts(&filter, PAGE).unwrap().items;
    assert_eq!(receipts.len(), 1);
    assert!(receipts[0].first);
    assert_eq!(receipts[0].balance, money("8.50"));
}

#[tokio::test]
async fn u2_a_meter_without_a_top_up_is_due_when_its_72_hours_are_over_and_not_once_it_is_off() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    let end = start + Millis::hours(72);
    log.open(&a, start).await;
    log.top_up(&a, start + Millis::hours(1), E, "10").await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(
        snapshot.due_before(end.just_before(), 10, &usms).unwrap(),
        []
    );
    let due = snapshot.due_before(end, 10, &usms).unwrap();
    assert_eq!(due.len(), 1, "{due:?}");
    assert_eq!(
        (due[0].utility, due[0].kind, due[0].at),
        (W, DueKind::FirstTopUp, end)
    );
    drop(snapshot);
    let off = SupplyOrdered {
        u: W,
        m: meter_of(&a, W),
        n: 1,
        until: end + Millis::hours(24),
        why: SupplyReason::NoFirstTopUp,
    };
    log.by_deadline(&a, end, AccountEvent::SupplyDisconnectionOrdered(off))
        .await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(
        snapshot
            .due_before(end + Millis::hours(1), 10, &usms)
            .unwrap(),
        []
    );
    let supply = snapshot.supply(&a).unwrap();
    let water = supply.iter().find(|s| s.utility == W).unwrap();
    assert!(!water.on && water.unconfirmed);
    assert_eq!(water.reason, Some(SupplyReason::NoFirstTopUp));
}

#[tokio::test]
async fn u3_credit_used_up_is_due_at_the_end_of_the_72_hours() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.top_up(&a, start + Millis::hours(1), E, "2").await;
    log.top_up(&a, start + Millis::hours(1), W, "2").await;
    log.consume(&a, start + Millis::hours(2), E, ("300", "3"))
        .await;
    log.consume(&a, start + Millis::hours(2), W, ("30", "3"))
        .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let due = snapshot
        .due_before(start + Millis::hours(72), 10, &usms)
        .unwrap();
    let kinds: Vec<_> = due.iter().map(|d| (d.utility, d.kind)).collect();
    assert_eq!(
        kinds,
        [(E, DueKind::NoCredit)],
        "water is not cut at zero, and has no electricity credit to take"
    );
}

#[tokio::test]
async fn u7_turns_fall_every_48_hours_while_there_is_something_to_take() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.top_up(&a, start, E, "10").await;
    log.top_up(&a, start, W, "2").await;
    let fell = start + Millis::hours(100);
    log.consume(&a, fell, W, ("50", "5")).await;
    let models = log.caught_up().await;
    let first = fell + Millis::hours(48);
    let turns = |models: &projections::ReadModels, now| {
        let due = models
            .snapshot()
            .unwrap()
            .due_before(now, 10, &usms)
            .unwrap();
        due.into_iter()
            .filter(|d| d.kind == DueKind::Transfer)
            .map(|d| d.at)
            .collect::<Vec<_>>()
    };
    assert_eq!(turns(&models, first.just_before()), []);
    assert_eq!(turns(&models, first), [first]);
    let moved = CreditTransferred {
        from: E,
        to: W,
        a: money("3"),
    };
    log.by_deadline(&a, first, AccountEvent::CreditTransferred(moved))
        .await;
    log.consume(&a, first + Millis::hours(1), W, ("10", "1"))
        .await;
    log.wait(&models).await;
    assert_eq!(
        turns(&models, first + Millis::hours(48)),
        [first + Millis::hours(48)],
        "turns count from the first"
    );
    let wallet = models.snapshot().unwrap().balance(&a, W).unwrap().unwrap();
    assert_eq!(
        wallet.negative_since,
        Some(first + Millis::hours(1)),
        "the break ends, the turns go on"
    );
    log.top_up(&a, first + Millis::hours(2), W, "2").await;
    log.wait(&models).await;
    assert_eq!(
        turns(&models, first + Millis::hours(500)),
        [],
        "a water top-up ends the turns"
    );
}

/// An order of staff that lapses after a day.
async fn ordered_off(log: &mut Log, a: &AccountId) -> Timestamp {
    let start = time("2026-03-01T00:00:00Z");
    let until = start + Millis::hours(24);
    log.open(a, start).await;
    let off = SupplyOrdered {
        u: E,
        m: meter_of(a, E),
        n: 1,
        until,
        why: SupplyReason::Staff,
    };
    log.fact(a, start, AccountEvent::SupplyDisconnectionOrdered(off))
        .await;
    until
}

#[tokio::test]
async fn c20_an_unconfirmed_order_is_listed_and_due_when_it_lapses() {
    let (mut log, a) = (Log::new(), account("a1"));
    let until = ordered_off(&mut log, &a).await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.unconfirmed_orders(PAGE).unwrap().items.len(), 1);
    assert_eq!(
        snapshot
            .lapsed_orders(until.just_before(), PAGE)
            .unwrap()
            .items,
        []
    );
    assert_eq!(
        snapshot.lapsed_orders(until, PAGE).unwrap().items[0].account,
        a
    );
    let due = snapshot.due_before(until, 10, &usms).unwrap();
    assert_eq!(due.iter().filter(|d| d.kind == DueKind::Order).count(), 1);
}

#[tokio::test]
async fn c20_an_unconfirmed_order_is_listed_lapses_is_repeated_and_leaves_when_confirmed() {
    let (mut log, a) = (Log::new(), account("a1"));
    let until = ordered_off(&mut log, &a).await;
    let (m, again) = (meter_of(&a, E), until + Millis::hours(24));
    let repeated = MeterOrderRepeated {
        u: E,
        m: m.clone(),
        n: 2,
        until: again,
        on: false,
    };
    log.fact(&a, until, AccountEvent::MeterOrderRepeated(repeated))
        .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.lapsed_orders(until, PAGE).unwrap().items, []);
    let supply = snapshot.unconfirmed_orders(PAGE).unwrap().items[0]
        .supply
        .clone();
    assert_eq!(
        (supply.order, supply.sent, supply.disconnections),
        (2, 2, 1)
    );
    drop(snapshot);
    let acted = until + Millis::hours(1);
    let confirmed = MeterOrderConfirmed {
        u: E,
        m,
        n: 2,
        t: acted,
    };
    log.fact(&a, acted, AccountEvent::MeterOrderConfirmed(confirmed))
        .await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.unconfirmed_orders(PAGE).unwrap().items, []);
    let supply = &snapshot.supply(&a).unwrap()[0];
    assert_eq!((supply.confirmed_at, supply.on), (Some(acted), false));
}

#[tokio::test]
async fn u13_u14_what_is_due_follows_from_the_month_that_is_asked_about() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    let agreed = DebtAgreed {
        u: W,
        a: money("100"),
        inst: money("30"),
        start: month("2026-04"),
    };
    log.fact(&a, start, AccountEvent::DebtAgreed(agreed)).await;
    let pay = pay("bank", "d1", day("2026-04-03"));
    let rc = ReceiptNumber::parse("D1").unwrap();
    let paid = DebtPaid {
        u: W,
        a: money("40"),
        b: month("2026-04"),
        rc,
        pay,
    };
    log.fact(
        &a,
        time("2026-04-03T00:00:00Z"),
        AccountEvent::DebtPaid(paid),
    )
    .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let april = snapshot.debt(&a, month("2026-04")).unwrap().unwrap();
    assert_eq!(
        (april.balance, april.paid, april.due),
        (money("60"), money("40"), Money::ZERO)
    );
    assert_eq!(april.months_left, 2);
    let june = snapshot
        .account(&a, month("2026-06"))
        .unwrap()
        .unwrap()
        .debt
        .unwrap();
    assert_eq!(
        june.due,
        money("60"),
        "two are due, never more than the balance"
    );
    let lines = snapshot
        .statement(
            &a,
            StatementRange {
                book: Some(Book::Debt),
                ..Default::default()
            },
            PAGE,
        )
        .unwrap();
    let lines: Vec<_> = lines
        .items
        .iter()
        .map(|l| (l.kind.as_str(), l.amount, l.balance))
        .collect();
    assert_eq!(
        lines,
        [
            ("debt-agreed", money("100"), money("100")),
            ("debt-payment", money("-40"), money("60"))
        ]
    );
}

#[tokio::test]
async fn a_statement_gathers_a_days_consumption_and_its_balance_runs_through() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.top_up(&a, start, E, "10").await;
    for hour in 1..=5 {
        log.consume(&a, start + Millis::hours(hour), E, ("1", "0.01"))
            .await;
    }
    let models = log.caught_up().await;
    log.consume(&a, start + Millis::hours(6), E, ("1", "0.01"))
        .await;
    log.top_up(&a, start + Millis::hours(7), E, "2").await;
    log.consume(&a, start + Millis::hours(8), E, ("1", "0.01"))
        .await;
    log.consume(&a, start + Millis::hours(20), E, ("1", "0.01"))
        .await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    let lines = snapshot
        .statement(&a, StatementRange::default(), PAGE)
        .unwrap()
        .items;
    let seen: Vec<_> = lines
        .iter()
        .map(|l| (l.kind.as_str(), l.readings, l.amount, l.balance))
        .collect();
    let expected = [
        ("top-up", 0, money("10"), money("10")),
        ("consumption", 6, money("-0.06"), money("9.94")),
        ("top-up", 0, money("2"), money("11.94")),
        ("consumption", 1, money("-0.01"), money("11.93")),
        ("consumption", 1, money("-0.01"), money("11.92")),
    ];
    assert_eq!(seen, expected);
    let two = snapshot
        .statement(&a, StatementRange::default(), PageOf::first(2))
        .unwrap();
    assert_eq!((two.items.len(), two.next), (2, Some(2)));
    let rest = snapshot
        .statement(
            &a,
            StatementRange::default(),
            PageOf {
                after: two.next,
                limit: 10,
            },
        )
        .unwrap();
    assert_eq!((rest.items.len(), rest.next), (3, None));
    let later = StatementRange {
        from: Some(start + Millis::hours(7)),
        ..Default::default()
    };
    assert_eq!(snapshot.statement(&a, later, PAGE).unwrap().items.len(), 3);
}

#[tokio::test]
async fn c16_a_closed_account_has_nothing_left_and_no_deadline() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.top_up(&a, start, E, "10").await;
    log.consume(&a, start, W, ("10", "1.105")).await;
    let wallets = vec![
        ClosedWallet {
            arr: Money::ZERO,
            em: Money::ZERO,
            u: E,
            a: money("10"),
            debt: Money::ZERO,
            other: money("-1.105"),
            rest: money("0.005"),
            out: money("8.89"),
        },
        ClosedWallet {
            arr: Money::ZERO,
            em: Money::ZERO,
            u: W,
            a: money("-1.105"),
            debt: Money::ZERO,
            other: money("1.105"),
            rest: Money::ZERO,
            out: Money::ZERO,
        },
    ];
    let closed = AccountClosed {
        w: wallets,
        b: month("2026-03"),
        to: ClosedTo::PaidOut(pay("office", "c1", day("2026-03-02"))),
    };
    log.fact(
        &a,
        start + Millis::hours(1),
        AccountEvent::AccountClosed(closed),
    )
    .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    for wallet in snapshot.balances(&a).unwrap() {
        assert!(
            wallet.credit.is_zero() && wallet.negative_since.is_none(),
            "{wallet:?}"
        );
    }
    assert_eq!(
        snapshot
            .due_before(start + Millis::days(400), 10, &usms)
            .unwrap(),
        []
    );
    let day = snapshot
        .settlement(&channel("office"), day("2026-03-02"), PAGE)
        .unwrap();
    assert_eq!(
        (day.lines.items[0].kind, day.total, day.ties),
        (SettlementKind::PaidOut, money("-8.89"), true)
    );
    let overview = snapshot.account(&a, month("2026-03")).unwrap().unwrap();
    assert_eq!(overview.account.closed_at, Some(start + Millis::hours(1)));
}

#[tokio::test]
async fn c15_the_clock_is_told_the_end_of_quiet_time_and_nothing_before_it() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    let (end, quiet_end) = (start + Millis::hours(72), start + Millis::hours(80));
    log.open(&a, start).await;
    log.top_up(&a, start, W, "10").await;
    let waits = SupplyDisconnectionDeferred {
        u: E,
        m: meter_of(&a, E),
        until: quiet_end,
        why: SupplyReason::NoFirstTopUp,
    };
    log.by_deadline(&a, end, AccountEvent::SupplyDisconnectionDeferred(waits))
        .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let before = snapshot.due_before(quiet_end.just_before(), 10, &usms);
    assert_eq!(before.unwrap(), []);
    let due = snapshot.due_before(quiet_end, 10, &usms).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].utility, due[0].kind), (E, DueKind::Quiet));
    let supply = snapshot.supply(&a).unwrap();
    let electricity = supply.iter().find(|s| s.utility == E).unwrap();
    assert!(electricity.on && electricity.cut_waits_until == Some(quiet_end));
    drop(snapshot);
    let cancelled = SupplyDisconnectionCancelled {
        u: E,
        m: meter_of(&a, E),
    };
    log.top_up(&a, end + Millis::hours(1), E, "10").await;
    log.fact(
        &a,
        end + Millis::hours(1),
        AccountEvent::SupplyDisconnectionCancelled(cancelled),
    )
    .await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.due_before(quiet_end, 10, &usms).unwrap(), []);
}
