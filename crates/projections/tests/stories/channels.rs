//! Receipts, settlement and suspense of channels, and pages.

use super::*;

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
