//! Receipts, settlement and suspense of channels, and pages.

use super::*;

/// Money taken on the second: a top-up and its void, and three payments for an unknown meter.
async fn taken(log: &mut Log, a: &AccountId) {
    let (at, on) = (time("2026-03-02T03:00:00Z"), day("2026-03-02"));
    log.open(a, time("2026-03-01T00:00:00Z")).await;
    let rc = log.top_up(a, at, E, "10").await;
    let pay_back = pay("incomm", "v1", on);
    let void = TopUpVoided {
        arr: Money::ZERO,
        rep: Money::ZERO,
        wd: Money::ZERO,
        u: E,
        a: money("10"),
        rc,
        pay: pay_back,
        first: true,
    };
    log.fact(a, at + Millis::minutes(5), AccountEvent::TopUpVoided(void))
        .await;
    for (reference, amount) in [("s1", "7"), ("s2", "8"), ("s3", "9")] {
        let (pay, a) = (pay("incomm", reference, on), money(amount));
        let (named, why) = ("E404".to_owned(), "UNKNOWN_METER".to_owned());
        suspense(
            log,
            reference,
            at,
            SuspenseEvent::PaymentSuspended(PaymentSuspended { pay, a, named, why }),
        )
        .await;
    }
}

/// On the fifth the first payment is returned and the second allocated.
async fn settled(log: &mut Log, a: &AccountId) {
    let at = time("2026-03-05T03:00:00Z");
    let doc = OpaqueRef::parse("doc-1").unwrap();
    let returned = SuspenseReturned {
        pay: pay("incomm", "s1", day("2026-03-05")),
        a: money("7"),
        doc,
    };
    suspense(log, "s1", at, SuspenseEvent::SuspenseReturned(returned)).await;
    let by = CommandKey {
        channel: channel("office"),
        reference: Reference::parse("x").unwrap(),
    };
    let allocated = SuspenseAllocated {
        account: a.clone(),
        by,
    };
    suspense(log, "s2", at, SuspenseEvent::SuspenseAllocated(allocated)).await;
    let mut pay = pay("incomm", "s2", day("2026-03-02"));
    pay.sus = true;
    let rc = ReceiptNumber::parse("S2").unwrap();
    let topped = CreditToppedUp {
        arr: Money::ZERO,
        rep: Money::ZERO,
        wd: Money::ZERO,
        del: false,
        u: E,
        m: meter_of(a, E),
        a: money("8"),
        rc,
        pay,
    };
    log.fact(a, at, AccountEvent::CreditToppedUp(topped)).await;
}

async fn suspense(log: &mut Log, reference: &str, at: Timestamp, event: SuspenseEvent) {
    log.other(
        &format!("suspense-incomm-{reference}"),
        at,
        Event::Suspense(event),
    )
    .await;
}

#[tokio::test]
async fn c14_a_settlement_lists_the_money_of_a_day_and_ties_to_the_postings() {
    let (mut log, a) = (Log::new(), account("a1"));
    taken(&mut log, &a).await;
    settled(&mut log, &a).await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let first = snapshot
        .settlement(&channel("incomm"), day("2026-03-02"), PAGE)
        .unwrap();
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
    assert_eq!((first.count, first.total), (5, money("24")));
    assert_eq!((first.posted, first.ties), (money("24"), true));
    let second = snapshot
        .settlement(&channel("incomm"), day("2026-03-05"), PAGE)
        .unwrap();
    assert_eq!(
        (second.count, second.total, second.ties),
        (1, money("-7"), true)
    );
    assert_eq!(second.lines.items[0].kind, SettlementKind::Returned);
    assert!(snapshot.trial_balance().unwrap().balanced);
    for control in snapshot.control_accounts().unwrap() {
        assert!(control.ties(), "{control:?}");
    }
}

#[tokio::test]
async fn c13_money_in_suspense_is_listed_until_it_is_allocated_or_returned() {
    let (mut log, a) = (Log::new(), account("a1"));
    taken(&mut log, &a).await;
    let models = log.caught_up().await;
    let waiting = |models: &projections::ReadModels| {
        let (incomm, state) = (channel("incomm"), SuspenseState::Waiting);
        let page = models
            .snapshot()
            .unwrap()
            .suspense(Some(&incomm), Some(state), PAGE)
            .unwrap();
        page.items
            .into_iter()
            .map(|s| s.reference.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(waiting(&models), ["s1", "s2", "s3"]);
    settled(&mut log, &a).await;
    log.wait(&models).await;
    assert_eq!(waiting(&models), ["s3"]);
    let all = models
        .snapshot()
        .unwrap()
        .suspense(None, None, PAGE)
        .unwrap()
        .items;
    let states: Vec<_> = all.iter().map(|s| s.state.code()).collect();
    assert_eq!(states, ["returned", "allocated", "waiting"]);
}

#[tokio::test]
async fn c16_a_void_has_its_top_ups_meter_and_marks_it() {
    let (mut log, a) = (Log::new(), account("a1"));
    taken(&mut log, &a).await;
    settled(&mut log, &a).await;
    let models = log.caught_up().await;
    let of_meter = ReceiptFilter {
        meter: Some(meter_of(&a, E)),
        ..Default::default()
    };
    let receipts = models
        .snapshot()
        .unwrap()
        .receipts(&of_meter, PAGE)
        .unwrap()
        .items;
    let seen: Vec<_> = receipts
        .iter()
        .map(|r| (r.amount, r.voided, r.from_suspense))
        .collect();
    let expected = [
        (money("10"), true, false),
        (money("-10"), false, false),
        (money("8"), false, true),
    ];
    assert_eq!(seen, expected);
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
