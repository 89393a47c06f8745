//! Readings in deliveries (C8): told once, the same when they come again, found at any age.

use crate::world::*;
use ledger_core::answer::ReadingOutcome;
use ledger_core::event::{ReadingCounts, ReadingsReceived};
use ledger_core::utility::Utility;
use ledger_service::{Delivery, ReceivedOutcome};

fn accepted(outcome: &ReadingOutcome) -> bool {
    matches!(outcome, ReadingOutcome::Accepted { .. })
}

#[tokio::test]
async fn c8_a_delivery_that_comes_again_reports_what_it_reported_and_changes_nothing() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    let first = vec![
        reading("E200", hour(1), "3"),
        reading("E100", hour(2), "2"),
        reading("E100", hour(1), "1"),
        reading("E999", hour(1), "1"),
        reading("E100", hour(2), "2.5"),
        reading("E100", hour(1), "1"),
    ];
    let outcomes = world.deliver(1, first.clone()).await;
    assert!(
        accepted(&outcomes[0]) && accepted(&outcomes[1]) && accepted(&outcomes[2]),
        "{outcomes:?}"
    );
    assert!(matches!(&outcomes[3], ReadingOutcome::Refused(r) if r.code() == "UNKNOWN_METER"));
    assert_eq!(outcomes[4], ReadingOutcome::Conflicting);
    assert_eq!(
        outcomes[5],
        ReadingOutcome::Duplicate,
        "an identical repeat inside one delivery"
    );
    let (events, balance) = (world.store.len(), world.balance("a1").await);
    assert_eq!(balance, money("-0.02"));

    let classes = |outcomes: &[ReadingOutcome]| -> Vec<_> {
        outcomes.iter().map(std::mem::discriminant).collect()
    };
    let again = world.deliver(1, first.clone()).await;
    assert_eq!(classes(&again), classes(&outcomes));
    let other = world.deliver(2, first.clone()).await;
    assert_eq!(
        other[0],
        ReadingOutcome::Duplicate,
        "the same reading in another delivery is a repeat"
    );
    assert_eq!(other[4], ReadingOutcome::Duplicate, "a known conflict too");
    world.restart().await;
    assert_eq!(classes(&world.deliver(1, first).await), classes(&outcomes));
    assert_eq!(
        (world.store.len(), world.balance("a1").await),
        (events, balance)
    );
}

#[tokio::test]
async fn c8_repeats_and_conflicts_are_recognised_at_any_age() {
    let world = World::forgetful().await;
    world.household("a1", "E100").await;
    for n in 1..=300_i64 {
        let outcomes = world
            .deliver(
                u64::try_from(n).unwrap(),
                vec![reading("E100", hour(n), &n.to_string())],
            )
            .await;
        assert!(accepted(&outcomes[0]), "{n}: {outcomes:?}");
    }
    let events = world.store.len();
    let now = hour(301);
    let outcomes = world
        .deliver_at(
            400,
            now,
            vec![
                reading("E100", hour(3), "3"),
                reading("E100", hour(150), "150"),
            ],
        )
        .await;
    assert_eq!(
        outcomes,
        [ReadingOutcome::Duplicate, ReadingOutcome::Duplicate]
    );
    assert_eq!(world.store.len(), events);
    let outcomes = world
        .deliver_at(3, now, vec![reading("E100", hour(3), "3")])
        .await;
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == ReadingOutcome::Duplicate)
            .count(),
        0,
        "a redelivery"
    );
    assert_eq!(world.store.len(), events);
    let outcomes = world
        .deliver_at(
            401,
            now,
            vec![
                reading("E100", hour(3), "4"),
                reading("E100", hour(3) + ledger_core::time::Millis(1), "3"),
            ],
        )
        .await;
    assert_eq!(
        outcomes,
        [
            ReadingOutcome::Conflicting,
            ReadingOutcome::Corrected { amount: money("0") }
        ]
    );
}

/// Every two hours, with more use from shortly before the month's end on.
fn every_two_hours(number: &str, n: i64) -> ledger_core::command::Reading {
    let value = 4 * n + 26 * (n - 350).max(0);
    reading(number, hour(2 * n), &value.to_string())
}

#[tokio::test]
async fn c19_late_readings_are_corrected_from_the_log_alone_and_known_ever_after() {
    let mut world = World::forgetful().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    let end = 365_i64;
    let is_late = |n: &i64| (n % 3 == 1 || (340..363).contains(n)) && *n < end;
    let now = hour(2 * end);
    for n in 1..=end {
        let seq = u64::try_from(n).unwrap();
        world
            .deliver_at(seq, now, vec![every_two_hours("E100", n)])
            .await;
    }
    for n in (1..=end).filter(|n| !is_late(n)) {
        let seq = 1_000 + u64::try_from(n).unwrap();
        world
            .deliver_at(seq, now, vec![every_two_hours("E200", n)])
            .await;
    }
    assert_ne!(world.balance("a2").await, world.balance("a1").await);
    for n in (1..=end).filter(is_late).rev() {
        let seq = 2_000 + u64::try_from(n).unwrap();
        let outcomes = world
            .deliver_at(seq, now, vec![every_two_hours("E200", n)])
            .await;
        assert!(
            matches!(outcomes[0], ReadingOutcome::Corrected { .. }),
            "{n}: {outcomes:?}"
        );
    }
    let stands = async |world: &World, id: &str| {
        let view = world.ledger.account(&account(id)).await.unwrap().unwrap();
        let wallet = view.account.wallet(Utility::Electricity).unwrap();
        (wallet.balance, wallet.position.clone())
    };
    let in_order = stands(&world, "a1").await;
    assert_eq!(stands(&world, "a2").await, in_order);
    world.restart().await;
    assert_eq!(stands(&world, "a2").await, in_order);
    let events = world.store.len();
    let again = vec![every_two_hours("E200", 100)];
    let redelivered = world.deliver_at(2_100, now, again.clone()).await;
    assert!(
        matches!(redelivered[0], ReadingOutcome::Corrected { .. }),
        "{redelivered:?}"
    );
    assert_eq!(
        world.deliver_at(9_000, now, again).await,
        [ReadingOutcome::Duplicate]
    );
    assert_eq!(world.store.len(), events);
}

#[tokio::test]
async fn c19_a_reading_too_old_to_correct_is_kept_and_its_instant_still_known() {
    let world = World::forgetful().await;
    world.household("a1", "E100").await;
    for n in 1..=40 {
        let seq = u64::try_from(n).unwrap();
        world.deliver(seq, vec![every_two_hours("E100", n)]).await;
    }
    let balance = world.balance("a1").await;
    let now = hour(2 * 5 + 400 * 24) + ledger_core::time::Millis(1);
    let outcomes = world
        .deliver_at(
            100,
            now,
            vec![
                reading("E100", hour(9), "18"),
                every_two_hours("E100", 5),
                reading("E100", hour(11), "22"),
            ],
        )
        .await;
    assert_eq!(
        outcomes,
        [
            ReadingOutcome::Late,
            ReadingOutcome::Duplicate,
            ReadingOutcome::Corrected { amount: money("0") }
        ]
    );
    assert_eq!(world.balance("a1").await, balance);
}

#[tokio::test]
async fn c8_a_refused_reading_and_its_repeat_in_one_delivery_are_both_refused() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let future = reading("E100", hour(10), "1");
    let outcomes = world
        .deliver_at(1, hour(1), vec![future.clone(), future])
        .await;
    for outcome in outcomes {
        assert!(
            matches!(&outcome, ReadingOutcome::Refused(r) if r.code() == "READING_FROM_FUTURE"),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn many_deliveries_in_one_call_are_answered_each_in_its_place() {
    let world = World::new().await;
    for n in 0..20 {
        world
            .household(&format!("a{n}"), &format!("E1{n:03}"))
            .await;
    }
    let delivery = |seq: u64| Delivery {
        seq,
        received_at: hour(i64::try_from(seq).unwrap()),
        readings: (0..20)
            .rev()
            .map(|n| {
                reading(
                    &format!("E1{n:03}"),
                    hour(i64::try_from(seq).unwrap()),
                    &format!("{}", seq * 2),
                )
            })
            .collect(),
    };
    let results = world
        .ledger
        .record_readings(&actor("gw-1"), (1..=50).map(delivery).collect())
        .await;
    assert_eq!(results.len(), 50);
    for result in results {
        assert!(result.unwrap().iter().all(accepted));
    }
    assert_eq!(world.count("consumption-charged.v1").await, 1_000);
}

#[tokio::test]
async fn c8_the_record_of_a_delivery_is_written_once() {
    let mut world = World::new().await;
    let gateway = actor("gw-1");
    let received = |first, last| ReadingsReceived {
        seq: (first, last),
        at: hour(1),
        n: vec![ReadingCounts {
            acc: 5,
            ..ReadingCounts::none(Utility::Water)
        }],
        bad: 0,
    };
    let append = |ledger: ledger_service::Ledger, seq: (u64, u64)| {
        let gateway = gateway.clone();
        async move {
            ledger
                .append_received(&gateway, received(seq.0, seq.1))
                .await
        }
    };
    assert_eq!(
        append(world.ledger.clone(), (1, 5)).await,
        Ok(ReceivedOutcome::Recorded)
    );
    assert_eq!(
        append(world.ledger.clone(), (1, 5)).await,
        Ok(ReceivedOutcome::RecordedBefore)
    );
    assert_eq!(
        append(world.ledger.clone(), (6, 9)).await,
        Ok(ReceivedOutcome::Recorded)
    );
    world.restart().await;
    assert_eq!(
        append(world.ledger.clone(), (2, 9)).await,
        Ok(ReceivedOutcome::RecordedBefore)
    );
    let overlap = ReceivedOutcome::Overlaps { recorded_up_to: 9 };
    assert_eq!(append(world.ledger.clone(), (8, 12)).await, Ok(overlap));
    assert_eq!(
        append(world.ledger.clone(), (3, 2))
            .await
            .unwrap_err()
            .code(),
        "INVALID_REQUEST"
    );
    assert_eq!(world.ledger.received_up_to(&gateway).await, Ok(Some(9)));
    assert_eq!(world.count("readings-received.v1").await, 2);
}

#[tokio::test]
async fn c8_a_reading_without_a_delivery_is_recorded_and_its_repeat_is_a_duplicate() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let staff = actor("clerk-1");
    let enter = || {
        world
            .ledger
            .record_reading(&staff, hour(2), reading("E100", hour(1), "1"))
    };
    let outcome = |reply: ledger_service::Reply| match reply.answer {
        ledger_core::answer::Answer::Reading(outcome) => outcome,
        other => panic!("{other:?}"),
    };
    assert!(accepted(&outcome(enter().await.unwrap())));
    assert_eq!(outcome(enter().await.unwrap()), ReadingOutcome::Duplicate);
}
