//! Credit of older systems and work orders as rows.

use super::*;
use ledger_core::utility::Utility;
use ledger_core::workorder::Stage;
use projections::queries::{LegacyFilter, LegacyState, WorkOrderFilter};

const OLD: &str = "old-1";

fn reference(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

fn registered(u: Utility, from: &str, due: &str) -> AccountEvent {
    let (q, a) = if u == E {
        (Some(qty("120.5")), None)
    } else {
        (None, Some(money("8.40")))
    };
    AccountEvent::LegacyCreditRegistered(LegacyCreditRegistered {
        u,
        from: reference(from),
        q,
        a,
        photo: None,
        refund: false,
        d: day("2026-03-02"),
        due: day(due),
    })
}

#[tokio::test]
async fn u11_pending_old_credit_is_overdue_from_the_local_day_after_its_term() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-02T00:00:00Z");
    log.open(&a, start).await;
    log.fact(&a, start, registered(W, OLD, "2026-09-02")).await;
    log.fact(&a, start, registered(E, OLD, "2026-03-05")).await;
    let models = log.caught_up().await;
    let rows = |today: &str, overdue_only| {
        let filter = LegacyFilter {
            state: Some(LegacyState::Pending),
            overdue_only,
            ..LegacyFilter::default()
        };
        let today = [("usms", day(today))];
        let snapshot = models.snapshot().unwrap();
        let found = snapshot.legacy_credits(&filter, &today, PAGE).unwrap();
        let rows = found.items.into_iter();
        rows.map(|row| (row.utility, row.overdue))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rows("2026-03-05", false),
        [(E, false), (W, false)],
        "by due day"
    );
    assert_eq!(rows("2026-03-06", false), [(E, true), (W, false)]);
    assert_eq!(rows("2026-03-05", true), []);
    assert_eq!(rows("2026-03-06", true), [(E, true)]);
    assert_eq!(rows("2026-09-03", true), [(E, true), (W, true)]);
}

#[tokio::test]
async fn u11_settled_old_credit_says_what_it_became_and_a_refund_is_a_line_of_the_settlement() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-02T00:00:00Z");
    log.open(&a, start).await;
    log.fact(&a, start, registered(E, OLD, "2026-03-05")).await;
    log.fact(&a, start, registered(W, OLD, "2026-09-02")).await;
    let entered = LegacyCreditEntered {
        u: E,
        a: money("9.64"),
        from: reference(OLD),
        rate: Some(ledger_core::num::Price::parse("0.08").unwrap()),
    };
    let later = start + Millis::hours(24);
    log.fact(&a, later, AccountEvent::LegacyCreditEntered(entered))
        .await;
    let choice = LegacyCreditChoiceMade {
        u: W,
        from: reference(OLD),
        refund: true,
    };
    log.fact(&a, later, AccountEvent::LegacyCreditChoiceMade(choice))
        .await;
    let refunded = LegacyCreditRefunded {
        u: W,
        a: money("8.40"),
        from: reference(OLD),
        pay: pay("office", "l-9", local(later)),
    };
    log.fact(&a, later, AccountEvent::LegacyCreditRefunded(refunded))
        .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let all = snapshot
        .legacy_credits(
            &LegacyFilter::default(),
            &[("usms", day("2027-01-01"))],
            PAGE,
        )
        .unwrap();
    let row = |u| all.items.iter().find(|row| row.utility == u).unwrap();
    assert_eq!(row(E).state, LegacyState::Credited);
    assert_eq!(row(E).settled, Some(money("9.64")));
    assert_eq!(row(E).rate.unwrap().to_string(), "0.08");
    assert_eq!((row(W).state, row(W).refund), (LegacyState::Refunded, true));
    assert!(
        all.items.iter().all(|row| !row.overdue),
        "settled is never overdue"
    );
    assert_eq!(
        snapshot.balance(&a, E).unwrap().unwrap().credit,
        money("9.64")
    );
    let settlement = snapshot
        .settlement(&channel("office"), local(later), PAGE)
        .unwrap();
    assert!(settlement.ties);
    assert_eq!(settlement.total, money("-8.40"));
    assert_eq!(settlement.lines.items[0].kind, SettlementKind::PaidOut);
    assert!(snapshot.trial_balance().unwrap().balanced);
}

#[tokio::test]
async fn u17_the_account_shows_who_is_responsible_now() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-02T00:00:00Z");
    log.open(&a, start).await;
    let changed = PaymentResponsibleChanged {
        role: ResponsibleAs::Tenant,
        p: reference("person-2"),
        docs: vec![reference("doc-1")],
    };
    log.fact(
        &a,
        start + Millis::hours(1),
        AccountEvent::PaymentResponsibleChanged(changed),
    )
    .await;
    let models = log.caught_up().await;
    let snapshot = models.snapshot().unwrap();
    let view = snapshot.account(&a, month("2026-03")).unwrap().unwrap();
    assert_eq!(view.account.customer, Some(reference("person-2")));
}

#[tokio::test]
async fn u16_a_work_orders_row_follows_its_steps_and_survives_a_restart() {
    let mut log = Log::new();
    let start = time("2026-03-02T00:00:00Z");
    let issued = WorkOrderIssued {
        account: account("a1"),
        scheme: "usms".to_owned(),
        u: E,
        before: PaidBefore::Prepaid,
        from: reference(OLD),
        old: reference("M-1"),
        to: None,
    };
    let appointed = |text: &str| InstallationAppointed {
        t: time(text),
        d: local(time(text)),
    };
    let prevented = InstallationPrevented {
        why: Obstacle::Rain,
        d: day("2026-03-03"),
    };
    let facts = [
        WorkOrderEvent::Issued(issued),
        WorkOrderEvent::Appointed(appointed("2026-03-03T01:00:00Z")),
        WorkOrderEvent::Prevented(prevented),
    ];
    for fact in facts {
        log.other("workorder-wo-1", start, Event::WorkOrder(fact))
            .await;
    }
    let models = log.caught_up().await;
    let found = |models: &projections::ReadModels| {
        let filter = WorkOrderFilter::default();
        let found = models.snapshot().unwrap().work_orders(&filter, PAGE);
        found.unwrap().items.remove(0)
    };
    let row = found(&models);
    assert_eq!((row.stage, row.prevented), (Stage::Prevented, 1));
    assert_eq!(
        (row.appointment, row.obstacle),
        (None, Some(Obstacle::Rain))
    );
    drop(models);
    let again = WorkOrderEvent::Appointed(appointed("2026-03-04T01:00:00Z"));
    log.other("workorder-wo-1", start, Event::WorkOrder(again))
        .await;
    let models = log.caught_up().await;
    let row = found(&models);
    assert_eq!((row.stage, row.prevented), (Stage::Appointed, 1));
    assert_eq!(row.appointment_day, Some(day("2026-03-04")));
}
