//! Idempotency for ever (C4), shown at the service's door.

use crate::world::*;
use event_store::snapshot::MemorySnapshots;
use ledger_core::answer::Answer;
use ledger_core::command::Command;
use ledger_core::time::Timestamp;
use ledger_service::{KeyStatus, LedgerConfig, Reply, Target};
use std::sync::Arc;

fn same_answer(first: &Reply, again: &Reply) {
    assert_eq!(first.answer, again.answer);
    assert!(again.duplicate, "it is told to be a repetition");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_the_same_top_up_a_hundred_times_at_once_is_one_credit_and_one_answer() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let calls = (0..100).map(|_| world.submit(top_up("bank/r1", "E100", "10")));
    let replies = futures::future::join_all(calls).await;
    let first = &replies[0].answer;
    assert!(matches!(first, Answer::Receipt(_)), "{first:?}");
    assert!(replies.iter().all(|reply| reply.answer == *first));
    assert_eq!(replies.iter().filter(|reply| !reply.duplicate).count(), 1);
    assert_eq!(world.balance("a1").await, money("10"));
    assert_eq!(world.count("credit-topped-up.v1").await, 1);
}

#[tokio::test]
async fn c4_the_answer_is_the_same_after_a_restart() {
    for snapshots in [false, true] {
        let kept = snapshots.then(|| Arc::new(MemorySnapshots::default()) as _);
        let mut world = World::with(LedgerConfig::default(), kept).await;
        world.household("a1", "E100").await;
        let first = world.submit(top_up("bank/r1", "E100", "10")).await;
        world.restart().await;
        same_answer(&first, &world.submit(top_up("bank/r1", "E100", "10")).await);
        assert_eq!(world.balance("a1").await, money("10"));
    }
}

#[tokio::test]
async fn c4_the_answer_is_the_same_after_the_account_left_the_cache() {
    let world = World::forgetful().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    let first = world.submit(top_up("bank/r1", "E100", "10")).await;
    for n in 0..20 {
        world
            .receipt(top_up(&format!("bank/other-{n}"), "E200", "10"))
            .await;
    }
    same_answer(&first, &world.submit(top_up("bank/r1", "E100", "10")).await);
    assert!(
        world.ledger.stats().loads >= 4,
        "accounts came and went: {:?}",
        world.ledger.stats()
    );
}

#[tokio::test]
async fn c4_the_answer_is_the_same_after_the_meter_moved_to_another_account() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    world.done(open("a2")).await;
    let first = world.submit(top_up("bank/r1", "E100", "10")).await;
    world.done(remove("a1", "E100", hour(2), "0")).await;
    let while_removed = world.submit(top_up("bank/r1", "E100", "10")).await;
    same_answer(&first, &while_removed);
    world.done(install("a2", "E100", hour(3))).await;
    same_answer(&first, &world.submit(top_up("bank/r1", "E100", "10")).await);
    world.restart().await;
    same_answer(&first, &world.submit(top_up("bank/r1", "E100", "10")).await);
    assert_eq!(
        world.balance("a2").await,
        money("0"),
        "the new holder got nothing"
    );
}

#[tokio::test]
async fn c4_a_refused_payment_stays_refused_although_its_reason_is_gone() {
    let mut world = World::new().await;
    world.household("a1", "E100").await;
    world.done(agree_debt("a1", "90", "30", "2026-03")).await;
    let first = world.submit(top_up("bank/r1", "E100", "10")).await;
    assert_eq!(code(&first.answer), "INSTALMENT_DUE");
    world.receipt(pay_debt("bank/d1", "a1", "30")).await;
    same_answer(&first, &world.submit(top_up("bank/r1", "E100", "10")).await);
    world.restart().await;
    same_answer(&first, &world.submit(top_up("bank/r1", "E100", "10")).await);
    assert_eq!(world.balance("a1").await, money("0"));
    world.receipt(top_up("bank/r2", "E100", "10")).await;
}

#[tokio::test]
async fn c4_a_payment_refused_because_nobody_held_the_meter_stays_refused() {
    let world = World::new().await;
    let first = world.submit(top_up("bank/r1", "E100", "10")).await;
    assert_eq!(code(&first.answer), "UNKNOWN_METER");
    world.household("a1", "E100").await;
    same_answer(&first, &world.submit(top_up("bank/r1", "E100", "10")).await);
    world.receipt(top_up("bank/r2", "E100", "10")).await;
}

#[tokio::test]
async fn c4_the_same_key_with_other_content_is_a_conflict() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.receipt(top_up("bank/r1", "E100", "10")).await;
    let events = world.store.len();
    let others = [
        ("another amount", top_up("bank/r1", "E100", "11")),
        ("another meter", top_up("bank/r1", "E200", "10")),
        ("an unknown meter", top_up("bank/r1", "E999", "10")),
        ("money taken already", taken("bank/r1", "E100", "10")),
        ("another kind of command", pay_debt("bank/r1", "a1", "10")),
    ];
    for (what, request) in others {
        assert_eq!(world.refusal(request).await, "KEY_CONFLICT", "{what}");
    }
    assert_eq!(world.store.len(), events, "a conflict leaves no trace");
    world.receipt(top_up("telco/r1", "E100", "10")).await;
}

#[tokio::test]
async fn c4_stamp_and_actor_are_not_content() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let first = world.submit(top_up("bank/r1", "E100", "10.00")).await;
    let mut again = top_up("bank/r1", "E100", "10");
    again.actor = actor("another-key-of-the-bank");
    again.received_at = hour(50);
    same_answer(&first, &world.submit(again).await);
}

#[tokio::test]
async fn c4_a_malformed_call_binds_nothing() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    assert_eq!(
        world.refusal(top_up("bank/r1", "E100", "10.001")).await,
        "TOO_FINE"
    );
    assert_eq!(
        world.refusal(top_up("bank/r1", "E999", "10.001")).await,
        "TOO_FINE"
    );
    assert_eq!(
        world.refusal(taken("bank/r1", "E999", "0")).await,
        "BAD_INPUT"
    );
    world.receipt(top_up("bank/r1", "E100", "10")).await;
}

#[tokio::test]
async fn c4_a_refusal_of_anything_but_a_payment_binds_nothing() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.done(open("a2")).await;
    let mut request = install("a2", "E100", hour(3));
    assert_eq!(world.refusal(request.clone()).await, "METER_TAKEN");
    world.done(remove("a1", "E100", hour(2), "0")).await;
    request.received_at = hour(4);
    world.done(request).await;
}

#[tokio::test]
async fn c4_a_sender_learns_what_became_of_its_command() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    assert_eq!(
        world.ledger.key_status(&key("bank/r1")).await.unwrap(),
        KeyStatus::Unknown
    );
    let first = world.submit(top_up("bank/r1", "E100", "10")).await;
    match world.ledger.key_status(&key("bank/r1")).await.unwrap() {
        KeyStatus::Answered {
            answer, decided_by, ..
        } => {
            assert_eq!(*answer, first.answer);
            assert_eq!(decided_by, "account-a1");
        }
        KeyStatus::Unknown => panic!("it was answered"),
    }
}

#[tokio::test]
async fn c4_the_ledgers_own_keys_are_not_for_senders() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    let error = world
        .try_submit(top_up("ledger/moved-a1", "E100", "10"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.retry_is_safe()),
        ("INVALID_REQUEST", false)
    );
}

#[tokio::test]
async fn c16_a_channel_voids_its_own_top_up_once_and_no_other_channels() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.receipt(top_up("bank/r1", "E100", "10")).await;
    let void = |by: &str| {
        let reference = key("bank/r1").reference;
        let command = Command::VoidTopUp(ledger_core::command::VoidTopUp {
            reference: reference.clone(),
        });
        let mut request = staff(by, "a1", command, hour(2));
        request.target = Target::TopUp(reference);
        request
    };
    assert_eq!(world.refusal(void("telco/v1")).await, "NOT_VOIDABLE");
    let receipt = world.receipt(void("bank/v1")).await;
    assert_eq!((receipt.amount, receipt.balance), (money("10"), money("0")));
    assert_eq!(world.refusal(void("bank/v2")).await, "NOT_VOIDABLE");
    let again = world.receipt(void("bank/v1")).await;
    assert_eq!(again, receipt);
}

#[tokio::test]
async fn c12_events_of_a_decision_name_their_cause_and_their_policy() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.receipt(top_up("bank/r1", "E100", "10")).await;
    world.deliver(7, vec![reading("E100", hour(2), "5")]).await;
    let meta = |kind: &str, events: &[event_store::RecordedEvent]| {
        let event = events
            .iter()
            .rev()
            .find(|event| event.kind.as_ref() == kind)
            .unwrap();
        String::from_utf8(event.meta.to_vec()).unwrap()
    };
    let events = world.events().await;
    let at = |hours| -> Timestamp { hour(hours) };
    assert_eq!(
        meta("credit-topped-up.v1", &events),
        format!(
            r#"{{"at":"{}","by":"clerk-1","$causationId":"bank/r1"}}"#,
            at(1)
        )
    );
    assert_eq!(
        meta("consumption-charged.v1", &events),
        format!(
            r#"{{"at":"{}","by":"gw-1","p":"usms@1","$causationId":"gw-1:7"}}"#,
            at(2)
        )
    );
}
