//! Consumption, exceptions and counts of meters' readings.

use super::*;

fn start() -> Timestamp {
    time("2026-03-01T00:00:00Z")
}

fn held(a: &AccountId, hours: i64, v: &str, why: &str) -> ReadingKept {
    let t = start() + Millis::hours(hours);
    ReadingKept {
        u: E,
        m: meter_of(a, E),
        t,
        v: qty(v),
        d: local(t),
        why: why.to_owned(),
    }
}

/// Three implausible readings that agree with each other.
async fn suspected(log: &mut Log, a: &AccountId) {
    log.open(a, start()).await;
    for (hours, v) in [(1, "9000"), (2, "9001"), (3, "9002")] {
        let at = start() + Millis::hours(hours);
        log.fact(
            a,
            at,
            AccountEvent::ReadingQuarantined(held(a, hours, v, "flow")),
        )
        .await;
    }
    let t = (1..=3).map(|h| start() + Millis::hours(h)).collect();
    let suspected = MeterExchangeSuspected {
        u: E,
        m: meter_of(a, E),
        t,
        limit: true,
    };
    log.fact(
        a,
        start() + Millis::hours(3),
        AccountEvent::MeterExchangeSuspected(suspected),
    )
    .await;
}

#[tokio::test]
async fn c9_quarantined_readings_that_agree_are_one_spell_beside_a_suspicion() {
    let (mut log, a) = (Log::new(), account("a1"));
    suspected(&mut log, &a).await;
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
    let spell = (ExceptionKind::Quarantined, 3, "flow");
    assert_eq!(
        seen,
        [
            spell,
            (ExceptionKind::SuspectedExchange, 3, "limit-or-exchange")
        ]
    );
    assert_eq!(
        (exceptions[0].first, exceptions[0].last),
        (Some(qty("9000")), Some(qty("9002")))
    );
}

#[tokio::test]
async fn c9_a_run_of_quarantined_readings_is_one_spell_until_a_reading_is_accepted() {
    let (mut log, a) = (Log::new(), account("a1"));
    suspected(&mut log, &a).await;
    let (fourth, fifth) = (start() + Millis::hours(4), start() + Millis::hours(5));
    let withdrawn = SuspicionEnded {
        u: E,
        m: meter_of(&a, E),
    };
    log.fact(&a, fourth, AccountEvent::SuspicionWithdrawn(withdrawn))
        .await;
    log.consume(&a, fourth, E, ("4", "0.04")).await;
    log.fact(
        &a,
        fifth,
        AccountEvent::ReadingQuarantined(held(&a, 5, "9003", "flow")),
    )
    .await;
    log.fact(
        &a,
        fifth,
        AccountEvent::LateReadingKept(held(&a, 2, "1", "late")),
    )
    .await;
    log.fact(
        &a,
        fifth,
        AccountEvent::ConflictingReadingKept(held(&a, 4, "5", "conflict")),
    )
    .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let all = snapshot
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
    let readings = snapshot.totals().unwrap().utilities[0].readings;
    assert_eq!((readings.accepted, readings.quarantined), (1, 4));
    assert_eq!((readings.late, readings.conflicting), (1, 1));
}

/// 36 units over a month's end, spread evenly, and the reading at the midnight between.
fn over_the_months_end(a: &AccountId) -> (ConsumptionCharged, ConsumptionCorrected) {
    let (middle, end) = (time("2026-03-31T16:00:00Z"), time("2026-04-01T04:00:00Z"));
    let spread = ConsumptionCharged {
        u: E,
        m: meter_of(a, E),
        t: end,
        v: qty("36"),
        q: qty("36"),
        a: money("2.12"),
        d: None,
        p: vec![
            DayPart(day("2026-03-31"), qty("24"), money("0.24")),
            DayPart(day("2026-04-01"), qty("12"), money("0.12")),
        ],
        mn: vec![MinimumPart(month("2026-03"), money("1.76"))],
        g: true,
        x: Vec::new(),
        b: None,
    };
    let corrected = ConsumptionCorrected {
        u: E,
        m: meter_of(a, E),
        t: middle,
        v: qty("30"),
        f: time("2026-03-30T16:00:00Z"),
        n: end,
        q: qty("30"),
        w: qty("36"),
        a: money("-0.06"),
        d: day("2026-03-31"),
        p: vec![
            DayPart(day("2026-03-31"), qty("6"), money("0.06")),
            DayPart(day("2026-04-01"), qty("-6"), money("-0.06")),
        ],
        mn: vec![MinimumPart(month("2026-03"), money("-0.06"))],
        o: Vec::new(),
        x: Vec::new(),
        g: true,
        ng: Some(day("2026-04-01")),
        fm: Vec::new(),
        us: Vec::new(),
        b: None,
    };
    (spread, corrected)
}

/// 36 units from midnight of 31 March to noon of 1 April, and a reading at the midnight between that shows
/// 30 of them, in place of 24.
#[tokio::test]
async fn c19_a_correction_moves_the_shares_of_days_and_months_and_is_told_as_late() {
    let (mut log, a) = (Log::new(), account("a1"));
    log.open(&a, time("2026-03-30T16:00:00Z")).await;
    let end = time("2026-04-01T04:00:00Z");
    let (spread, corrected) = over_the_months_end(&a);
    log.fact(&a, end, AccountEvent::ConsumptionCharged(spread))
        .await;
    let at = time("2026-04-01T05:00:00Z");
    log.fact(&a, at, AccountEvent::ConsumptionCorrected(corrected))
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
        ("2026-03-31".to_owned(), 1, 1, qty("30"), money("0.3")),
        ("2026-04-01".to_owned(), 1, 0, qty("6"), money("0.06")),
    ];
    assert_eq!(seen, expected);
    let months = snapshot
        .consumption_monthly(&meter_of(&a, E), month("2026-03"), month("2026-04"))
        .unwrap();
    let seen: Vec<_> = months
        .iter()
        .map(|m| (m.readings, m.quantity, m.charge, m.minimum))
        .collect();
    assert_eq!(
        seen,
        [
            (1, qty("30"), money("0.3"), money("1.7")),
            (1, qty("6"), money("0.06"), money("0"))
        ]
    );
    let late = snapshot
        .exceptions(&ExceptionFilter::default(), PAGE)
        .unwrap()
        .items;
    let seen: Vec<_> = late
        .iter()
        .map(|e| (e.kind.code(), e.why.as_str()))
        .collect();
    assert_eq!(seen, [("gap", "gap"), ("late", "corrected")]);
    let readings = snapshot.totals().unwrap().utilities[0].readings;
    assert_eq!((readings.accepted, readings.late), (1, 1));
}

#[tokio::test]
async fn c19_what_waits_of_a_gap_is_due_until_it_is_settled() {
    let (mut log, a) = (Log::new(), account("a1"));
    log.open(&a, start()).await;
    let (t, until) = (start() + Millis::hours(4), start() + Millis::hours(16));
    let waits = ReadingSettling {
        u: E,
        m: meter_of(&a, E),
        t,
        v: qty("4"),
        d: local(t),
        until,
    };
    log.fact(&a, t, AccountEvent::ReadingSettling(waits)).await;
    let due = async |log: &mut Log, at: Timestamp| -> Vec<DueKind> {
        let models = log.caught_up().await;
        let snapshot = models.snapshot().unwrap();
        let policy = ledger_core::scheme::SchemePolicy::builtin("usms").unwrap();
        let due = snapshot
            .due_before(at, 10, &|_| projections::SchemeFacts::of(&policy))
            .unwrap();
        due.into_iter().map(|due| due.kind).collect()
    };
    assert_eq!(due(&mut log, until - Millis(1)).await, []);
    assert_eq!(due(&mut log, until).await, [DueKind::Settle]);
    let ended = SuspicionEnded {
        u: E,
        m: meter_of(&a, E),
    };
    log.fact(&a, until, AccountEvent::GapSettled(ended)).await;
    assert_eq!(due(&mut log, until).await, []);
}

#[tokio::test]
async fn c19_a_late_reading_out_of_order_is_on_the_list_and_in_no_run() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-30T16:00:00Z");
    log.open(&a, start).await;
    let t = time("2026-04-01T04:00:00Z");
    log.consume(&a, t, E, ("4", "0.04")).await;
    let kept = held(&a, 1, "9003", "order");
    log.fact(&a, t, AccountEvent::ReadingQuarantined(kept))
        .await;
    let models = log.caught_up().await;
    let list = models
        .snapshot()
        .unwrap()
        .exceptions(&ExceptionFilter::default(), PAGE)
        .unwrap()
        .items;
    let seen: Vec<_> = list
        .iter()
        .map(|e| (e.kind.code(), e.why.as_str(), e.ended_by.as_deref()))
        .collect();
    assert_eq!(seen, [("quarantined", "order", Some("itself"))]);
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
        x: Vec::new(),
        b: None,
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
            ("1", "0.01"),
        )
        .await;
    }
    log.consume(&a, start + Millis::hours(60), E, ("1", "0.01"))
        .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let local = LocalDays {
        zone: Zone::named("Asia/Brunei").unwrap(),
        today: day("2026-03-05"),
    };
    let march = (day("2026-03-01"), day("2026-03-31"));
    let rows = snapshot
        .completeness(&meter_of(&a, E), march, &local)
        .unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|r| (r.day.to_string(), r.readings, r.expected))
        .collect();
    let expected = [
        ("2026-03-01".to_owned(), 24, 24),
        ("2026-03-02".to_owned(), 0, 24),
        ("2026-03-03".to_owned(), 1, 24),
        // A meter that has fallen silent is missing readings up to the present day.
        ("2026-03-04".to_owned(), 0, 24),
        ("2026-03-05".to_owned(), 0, 24),
    ];
    assert_eq!(seen, expected);
    let backwards = snapshot.completeness(&meter_of(&a, E), (march.1, march.0), &local);
    assert!(
        backwards
            .unwrap_err()
            .to_string()
            .contains("runs backwards"),
        "an empty answer would pass for a meter without readings"
    );
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
    log.consume(&a, start + Millis::hours(1), E, ("1", "0.01"))
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
