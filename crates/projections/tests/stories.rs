//! Stories of single accounts and channels: what the questions answer after a few facts.

mod common;

use common::*;
use ledger_core::event::*;
use ledger_core::ids::*;
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Millis;
use projections::SchemeFacts;
use projections::queries::{
    Book, DueKind, ExceptionFilter, ExceptionKind, PageOf, ReceiptFilter, SettlementKind,
    StatementRange, SuspenseState,
};

const PAGE: PageOf = PageOf::first(100);

fn usms(_scheme: &str) -> SchemeFacts {
    SchemeFacts::of(&SchemePolicy::builtin("usms").unwrap())
}

#[tokio::test]
async fn u3_the_first_top_up_is_netted_against_what_was_used() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.consume(&a, start + Millis::hours(1), E, "150", "1.50")
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
    log.consume(&a, start + Millis::hours(2), E, "300", "3")
        .await;
    log.consume(&a, start + Millis::hours(2), W, "30", "3")
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
    log.consume(&a, fell, W, "50", "5").await;
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
    log.consume(&a, first + Millis::hours(1), W, "10", "1")
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

#[tokio::test]
async fn c20_an_unconfirmed_order_is_listed_lapses_is_repeated_and_leaves_when_confirmed() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    let until = start + Millis::hours(24);
    log.open(&a, start).await;
    let order = |n, until| SupplyOrdered {
        u: E,
        m: meter_of(&a, E),
        n,
        until,
        why: SupplyReason::Staff,
    };
    log.fact(
        &a,
        start,
        AccountEvent::SupplyDisconnectionOrdered(order(1, until)),
    )
    .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.unconfirmed_orders(PAGE).unwrap().items.len(), 1);
    assert_eq!(
        snapshot
            .lapsed_orders(until.just_before(), PAGE)
            .unwrap()
            .items
            .len(),
        0
    );
    assert_eq!(
        snapshot.lapsed_orders(until, PAGE).unwrap().items[0].account,
        a
    );
    let due = snapshot.due_before(until, 10, &usms).unwrap();
    assert_eq!(due.iter().filter(|d| d.kind == DueKind::Order).count(), 1);
    drop(snapshot);
    let repeated = MeterOrderRepeated {
        u: E,
        m: meter_of(&a, E),
        n: 2,
        until: until + Millis::hours(24),
        on: false,
    };
    log.fact(&a, until, AccountEvent::MeterOrderRepeated(repeated))
        .await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.lapsed_orders(until, PAGE).unwrap().items.len(), 0);
    let open = &snapshot.unconfirmed_orders(PAGE).unwrap().items[0];
    assert_eq!(
        (
            open.supply.order,
            open.supply.sent,
            open.supply.disconnections
        ),
        (2, 2, 1)
    );
    drop(snapshot);
    let confirmed = MeterOrderConfirmed {
        u: E,
        m: meter_of(&a, E),
        n: 2,
        t: until + Millis::hours(1),
    };
    log.fact(
        &a,
        until + Millis::hours(1),
        AccountEvent::MeterOrderConfirmed(confirmed),
    )
    .await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    assert_eq!(snapshot.unconfirmed_orders(PAGE).unwrap().items.len(), 0);
    let supply = &snapshot.supply(&a).unwrap()[0];
    assert_eq!(supply.confirmed_at, Some(until + Millis::hours(1)));
    assert!(!supply.on);
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
async fn c14_a_settlement_lists_the_money_of_a_day_and_ties_to_the_postings() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    let (d1, d2) = (day("2026-03-02"), day("2026-03-05"));
    log.open(&a, start).await;
    let at = time("2026-03-02T03:00:00Z");
    let rc = log.top_up(&a, at, E, "10").await;
    let void = TopUpVoided {
        u: E,
        a: money("10"),
        rc: rc.clone(),
        pay: pay("incomm", "v1", d1),
        first: true,
    };
    log.fact(&a, at + Millis::minutes(5), AccountEvent::TopUpVoided(void))
        .await;
    for (reference, amount) in [("s1", "7"), ("s2", "8"), ("s3", "9")] {
        let suspended = PaymentSuspended {
            pay: pay("incomm", reference, d1),
            a: money(amount),
            named: "E404".to_owned(),
            why: "UNKNOWN_METER".to_owned(),
        };
        let event = Event::Suspense(SuspenseEvent::PaymentSuspended(suspended));
        log.other(&format!("suspense-incomm-{reference}"), at, event)
            .await;
    }
    let later = time("2026-03-05T03:00:00Z");
    let returned = SuspenseReturned {
        pay: pay("incomm", "s1", d2),
        a: money("7"),
        doc: OpaqueRef::parse("doc-1").unwrap(),
    };
    log.other(
        "suspense-incomm-s1",
        later,
        Event::Suspense(SuspenseEvent::SuspenseReturned(returned)),
    )
    .await;
    let by = CommandKey {
        channel: channel("office"),
        reference: Reference::parse("x").unwrap(),
    };
    let allocated = SuspenseAllocated {
        account: a.clone(),
        by,
    };
    log.other(
        "suspense-incomm-s2",
        later,
        Event::Suspense(SuspenseEvent::SuspenseAllocated(allocated)),
    )
    .await;
    let mut from_suspense = pay("incomm", "s2", d1);
    from_suspense.sus = true;
    let topped = CreditToppedUp {
        u: E,
        m: meter_of(&a, E),
        a: money("8"),
        rc: ReceiptNumber::parse("S2").unwrap(),
        pay: from_suspense,
    };
    log.fact(&a, later, AccountEvent::CreditToppedUp(topped))
        .await;

    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let first = snapshot.settlement(&channel("incomm"), d1, PAGE).unwrap();
    let lines: Vec<_> = first
        .lines
        .items
        .iter()
        .map(|l| (l.kind, l.amount))
        .collect();
    let (suspended, void) = (SettlementKind::Suspended, SettlementKind::Void);
    assert_eq!(
        lines[..2],
        [(SettlementKind::TopUp, money("10")), (void, money("-10"))]
    );
    assert_eq!(
        lines[2..],
        [
            (suspended, money("7")),
            (suspended, money("8")),
            (suspended, money("9"))
        ]
    );
    assert_eq!(
        (first.count, first.total, first.posted, first.ties),
        (5, money("24"), money("24"), true)
    );
    let second = snapshot.settlement(&channel("incomm"), d2, PAGE).unwrap();
    assert_eq!(
        (second.count, second.total, second.ties),
        (1, money("-7"), true)
    );
    assert_eq!(second.lines.items[0].kind, SettlementKind::Returned);

    let waiting = snapshot
        .suspense(Some(&channel("incomm")), Some(SuspenseState::Waiting), PAGE)
        .unwrap()
        .items;
    assert_eq!(
        waiting
            .iter()
            .map(|s| s.reference.as_str())
            .collect::<Vec<_>>(),
        ["s3"]
    );
    let all = snapshot.suspense(None, None, PAGE).unwrap().items;
    assert_eq!(
        all.iter().map(|s| s.state.code()).collect::<Vec<_>>(),
        ["returned", "allocated", "waiting"]
    );

    let of_meter = ReceiptFilter {
        meter: Some(meter_of(&a, E)),
        ..Default::default()
    };
    let receipts = snapshot.receipts(&of_meter, PAGE).unwrap().items;
    let seen: Vec<_> = receipts
        .iter()
        .map(|r| (r.amount, r.voided, r.from_suspense))
        .collect();
    let expected = [
        (money("10"), true, false),
        (money("-10"), false, false),
        (money("8"), false, true),
    ];
    assert_eq!(seen, expected, "a void has its top-up's meter");
    assert!(snapshot.trial_balance().unwrap().balanced);
    for control in snapshot.control_accounts().unwrap() {
        assert!(control.ties(), "{control:?}");
    }
}

#[tokio::test]
async fn c14_a_channel_sees_its_own_receipts_only() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.top_up(&a, start, E, "10").await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let of = |ch: &str| ReceiptFilter {
        account: Some(a.clone()),
        channel: Some(channel(ch)),
        ..Default::default()
    };
    assert_eq!(
        snapshot.receipts(&of("incomm"), PAGE).unwrap().items.len(),
        1
    );
    assert_eq!(snapshot.receipts(&of("bank"), PAGE).unwrap().items.len(), 0);
}

#[tokio::test]
async fn c9_a_run_of_quarantined_readings_is_one_spell_until_a_reading_is_accepted() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    let held = |hours: i64, v: &str, why: &str| {
        let t = start + Millis::hours(hours);
        ReadingKept {
            u: E,
            m: meter_of(&a, E),
            t,
            v: qty(v),
            d: local(t),
            why: why.to_owned(),
        }
    };
    for (hours, v) in [(1, "9000"), (2, "9001"), (3, "9002")] {
        log.fact(
            &a,
            start + Millis::hours(hours),
            AccountEvent::ReadingQuarantined(held(hours, v, "flow")),
        )
        .await;
    }
    let times = (1..=3).map(|h| start + Millis::hours(h)).collect();
    let suspected = MeterExchangeSuspected {
        u: E,
        m: meter_of(&a, E),
        t: times,
        limit: true,
    };
    log.fact(
        &a,
        start + Millis::hours(3),
        AccountEvent::MeterExchangeSuspected(suspected),
    )
    .await;
    let models = log.caught_up().await;
    let open = ExceptionFilter {
        open_only: true,
        ..Default::default()
    };
    let exceptions = models
        .snapshot()
        .unwrap()
        .exceptions(&open, PAGE)
        .unwrap()
        .items;
    let seen: Vec<_> = exceptions
        .iter()
        .map(|e| (e.kind, e.readings, e.why.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (ExceptionKind::Quarantined, 3, "flow"),
            (ExceptionKind::SuspectedExchange, 3, "limit-or-exchange")
        ]
    );
    assert_eq!(
        (exceptions[0].first, exceptions[0].last),
        (Some(qty("9000")), Some(qty("9002")))
    );

    let withdrawn = SuspicionEnded {
        u: E,
        m: meter_of(&a, E),
    };
    log.fact(
        &a,
        start + Millis::hours(4),
        AccountEvent::SuspicionWithdrawn(withdrawn),
    )
    .await;
    log.consume(&a, start + Millis::hours(4), E, "4", "0.04")
        .await;
    log.fact(
        &a,
        start + Millis::hours(5),
        AccountEvent::ReadingQuarantined(held(5, "9003", "flow")),
    )
    .await;
    log.fact(
        &a,
        start + Millis::hours(5),
        AccountEvent::LateReadingKept(held(2, "1", "late")),
    )
    .await;
    log.fact(
        &a,
        start + Millis::hours(5),
        AccountEvent::ConflictingReadingKept(held(4, "5", "conflict")),
    )
    .await;
    log.wait(&models).await;
    let all = models
        .snapshot()
        .unwrap()
        .exceptions(&ExceptionFilter::default(), PAGE)
        .unwrap()
        .items;
    let seen: Vec<_> = all
        .iter()
        .map(|e| (e.kind.code(), e.ended_by.as_deref()))
        .collect();
    let expected = [
        ("quarantined", Some("accepted-reading")),
        ("suspected-exchange", Some("withdrawn")),
        ("quarantined", None),
        ("late", Some("itself")),
        ("conflicting", Some("itself")),
    ];
    assert_eq!(seen, expected);
    let totals = models.snapshot().unwrap().totals().unwrap();
    let readings = totals.utilities[0].readings;
    assert_eq!(
        (
            readings.accepted,
            readings.quarantined,
            readings.late,
            readings.conflicting
        ),
        (1, 4, 1, 1)
    );
}

#[tokio::test]
async fn c10_a_gap_is_a_row_and_its_charge_falls_on_the_days_it_is_spread_over() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-30T16:00:00Z");
    log.open(&a, start).await;
    let t = time("2026-04-01T04:00:00Z");
    let parts = vec![
        DayPart(day("2026-03-31"), qty("24"), money("0.24")),
        DayPart(day("2026-04-01"), qty("12"), money("0.12")),
    ];
    let spread = ConsumptionCharged {
        u: E,
        m: meter_of(&a, E),
        t,
        v: qty("36"),
        q: qty("36"),
        a: money("2.36"),
        d: None,
        p: parts,
        mn: vec![MinimumPart(month("2026-03"), money("2"))],
        g: true,
    };
    log.fact(&a, t, AccountEvent::ConsumptionCharged(spread))
        .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let days = snapshot
        .consumption_daily(&meter_of(&a, E), day("2026-03-01"), day("2026-04-30"))
        .unwrap();
    let seen: Vec<_> = days
        .iter()
        .map(|d| (d.day.to_string(), d.readings, d.gaps, d.quantity, d.charge))
        .collect();
    let expected = [
        ("2026-03-31".to_owned(), 0, 0, qty("24"), money("0.24")),
        ("2026-04-01".to_owned(), 1, 1, qty("12"), money("0.12")),
    ];
    assert_eq!(seen, expected);
    let months = snapshot
        .consumption_monthly(&meter_of(&a, E), month("2026-03"), month("2026-04"))
        .unwrap();
    assert_eq!(
        (months[0].quantity, months[0].charge, months[0].minimum),
        (qty("24"), money("0.24"), money("2"))
    );
    assert_eq!((months[1].readings, months[1].charge), (1, money("0.12")));
    let gap = &snapshot
        .exceptions(&ExceptionFilter::default(), PAGE)
        .unwrap()
        .items[0];
    assert_eq!((gap.kind, gap.from, gap.to), (ExceptionKind::Gap, start, t));
    assert_eq!(
        snapshot.totals().unwrap().utilities[0].charge,
        money("2.36")
    );
}

#[tokio::test]
async fn u18_a_meters_days_say_how_complete_they_are() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-02-28T16:00:00Z");
    log.open(&a, start).await;
    for hour in 1..=24 {
        log.consume(
            &a,
            start + Millis::hours(hour).max_minute_before(),
            E,
            "1",
            "0.01",
        )
        .await;
    }
    log.consume(&a, start + Millis::hours(60), E, "1", "0.01")
        .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let rows = snapshot
        .completeness(&meter_of(&a, E), day("2026-03-01"), day("2026-03-31"))
        .unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|r| (r.day.to_string(), r.readings, r.expected))
        .collect();
    let expected = [
        ("2026-03-01".to_owned(), 24, 24),
        ("2026-03-02".to_owned(), 0, 24),
        ("2026-03-03".to_owned(), 1, 24),
    ];
    assert_eq!(seen, expected);
}

/// A minute before the hour, so that the last reading of a day still lies on it.
trait MinuteBefore {
    fn max_minute_before(self) -> Millis;
}

impl MinuteBefore for Millis {
    fn max_minute_before(self) -> Millis {
        self - Millis::minutes(1)
    }
}

#[tokio::test]
async fn a_statement_gathers_a_days_consumption_and_its_balance_runs_through() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.top_up(&a, start, E, "10").await;
    for hour in 1..=5 {
        log.consume(&a, start + Millis::hours(hour), E, "1", "0.01")
            .await;
    }
    let models = log.caught_up().await;
    log.consume(&a, start + Millis::hours(6), E, "1", "0.01")
        .await;
    log.top_up(&a, start + Millis::hours(7), E, "2").await;
    log.consume(&a, start + Millis::hours(8), E, "1", "0.01")
        .await;
    log.consume(&a, start + Millis::hours(20), E, "1", "0.01")
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
    log.consume(&a, start, W, "10", "1.105").await;
    let wallets = vec![
        ClosedWallet {
            u: E,
            a: money("10"),
            debt: Money::ZERO,
            other: money("-1.105"),
            rest: money("0.005"),
            out: money("8.89"),
        },
        ClosedWallet {
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
async fn c9_an_exchange_closes_one_meters_rows_and_opens_the_others() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    let exchanged = MeterExchanged {
        u: E,
        m: meter_of(&a, E),
        new: meter("E2"),
        reg: register(30),
        t: start + Millis::hours(5),
        v: qty("50"),
        first: qty("0"),
        forced: None,
    };
    log.fact(
        &a,
        start + Millis::hours(5),
        AccountEvent::MeterExchanged(exchanged),
    )
    .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let old = snapshot.holders_of(&meter_of(&a, E)).unwrap();
    assert_eq!(old[0].removed_at, Some(start + Millis::hours(5)));
    let new = snapshot.holders_of(&meter("E2")).unwrap();
    assert_eq!(
        (new[0].removed_at, new[0].activated_at),
        (None, Some(start))
    );
    assert_eq!(snapshot.supply(&a).unwrap()[0].meter, Some(meter("E2")));
    assert_eq!(snapshot.meters(PageOf::first(2)).unwrap().next, Some(2));
    assert_eq!(snapshot.accounts(PAGE).unwrap().items.len(), 1);
}

#[tokio::test]
async fn duplicates_and_refusals_are_counted_from_what_gateways_received() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    log.open(&a, start).await;
    log.consume(&a, start + Millis::hours(1), E, "1", "0.01")
        .await;
    let counts = ReadingCounts {
        acc: 1,
        dup: 2,
        refu: 3,
        ..ReadingCounts::none(E)
    };
    let received = ReadingsReceived {
        seq: (1, 6),
        at: start,
        n: vec![counts],
        bad: 4,
    };
    log.other("gateway-g1", start, Event::Gateway(received))
        .await;
    let models = log.caught_up().await;
    let totals = models.snapshot().unwrap().totals().unwrap();
    let readings = totals.utilities[0].readings;
    assert_eq!(
        (
            readings.accepted,
            readings.received_accepted,
            readings.duplicate,
            readings.refused
        ),
        (1, 1, 2, 3)
    );
    assert_eq!(
        (totals.deliveries, totals.undecodable, totals.accounts),
        (1, 4, 1)
    );
    let counted: u64 = totals.kinds.iter().map(|kind| kind.count).sum();
    assert_eq!((counted, totals.events), (7, 7));
}

#[tokio::test]
async fn a_page_beyond_the_limit_is_refused_with_the_limit() {
    let log = Log::new();
    let models = log.caught_up().await;
    let error = models
        .snapshot()
        .unwrap()
        .accounts(PageOf::first(1_001))
        .unwrap_err();
    assert_eq!(error.code(), "READ_MODEL_BAD_QUERY");
    assert!(error.to_string().contains("1000"), "{error}");
}
