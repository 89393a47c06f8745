//! Those who have joined with arrears: what is left, what is lent, and that the control accounts tie.

use ledger_core::event::{
    ArrearsMovedIn, ArrearsPaid, EmergencyCreditDrawn, InitialCreditGranted, SchemeJoined,
};

use super::*;

fn opaque(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

fn topped_up(id: &AccountId, at: Timestamp, parts: [&str; 4]) -> CreditToppedUp {
    let [a, arr, rep, wd] = parts.map(money);
    CreditToppedUp {
        u: E,
        m: meter_of(id, E),
        a,
        rc: ReceiptNumber::parse("P-1").unwrap(),
        pay: pay("post_office", "t-1", local(at)),
        arr,
        rep,
        wd,
        del: true,
    }
}

async fn joined(log: &mut Log, id: &AccountId, at: Timestamp) {
    log.open(id, at).await;
    let (u, p) = (E, opaque("person-1"));
    for event in [
        AccountEvent::SchemeJoined(SchemeJoined {
            u,
            p: p.clone(),
            app: opaque("form-1"),
            cut: true,
            broken: 2,
        }),
        AccountEvent::ArrearsMovedIn(ArrearsMovedIn {
            u,
            a: money("40"),
            from: opaque("SP-1"),
        }),
        AccountEvent::InitialCreditGranted(InitialCreditGranted {
            u,
            a: money("5"),
            p,
        }),
    ] {
        log.fact(id, at, event).await;
    }
}

#[tokio::test]
async fn p4_p5_arrears_and_emergency_credit_are_rows_and_their_control_accounts_tie() {
    let (mut log, a) = (Log::new(), account("a1"));
    let start = time("2026-03-01T00:00:00Z");
    let hour = |n: i64| start + Millis::hours(n);
    joined(&mut log, &a, start).await;
    log.consume(&a, hour(1), E, ("21", "4.20")).await;
    let drawn = EmergencyCreditDrawn {
        u: E,
        a: money("3"),
    };
    log.fact(&a, hour(2), AccountEvent::EmergencyCreditDrawn(drawn))
        .await;
    log.consume(&a, hour(3), E, ("31", "2.00237")).await;
    let models = log.caught_up().await;
    let view = models.snapshot().unwrap().prepayment(&a).unwrap().unwrap();
    assert_eq!(
        (view.arrears_left, view.emergency_lent, view.initial_credit),
        (money("40"), money("3"), money("5"))
    );
    assert_eq!(view.emergency_drawn_at, Some(hour(2)));
    let event = topped_up(&a, hour(4), ["10", "2", "1.20237", "1.79763"]);
    log.fact(&a, hour(4), AccountEvent::CreditToppedUp(event))
        .await;
    let paid = ArrearsPaid {
        u: E,
        a: money("8"),
        rc: ReceiptNumber::parse("P-2").unwrap(),
        pay: pay("post_office", "t-2", local(hour(5))),
    };
    log.fact(&a, hour(5), AccountEvent::ArrearsPaid(paid)).await;
    log.wait(&models).await;
    let snapshot = models.snapshot().unwrap();
    let view = snapshot.prepayment(&a).unwrap().unwrap();
    assert_eq!(
        (
            view.arrears_moved_in,
            view.arrears_left,
            view.emergency_lent
        ),
        (money("40"), money("30"), money("0"))
    );
    let credit = snapshot.balance(&a, E).unwrap().unwrap().credit;
    assert_eq!(credit, money("6.79763"));
    assert!(snapshot.trial_balance().unwrap().balanced);
    for control in snapshot.control_accounts().unwrap() {
        assert!(control.ties(), "{control:?}");
    }
    let receipts = snapshot.receipts(&ReceiptFilter::default(), PAGE).unwrap();
    let split: Vec<_> = receipts
        .items
        .iter()
        .map(|r| {
            (
                r.arrears,
                r.emergency_repaid,
                r.emergency_withdrawn,
                r.balance,
            )
        })
        .collect();
    assert_eq!(
        split,
        [
            (money("2"), money("1.20237"), money("1.79763"), credit),
            (money("0"), money("0"), money("0"), money("30"))
        ]
    );
}
