//! Crashes and lost answers: what was begun is finished once, or was never begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::world::*;
use event_store::Commit;
use event_store::memory::Fault;
use ledger_core::answer::Answer;
use ledger_core::command::{CloseTo, Source};
use ledger_service::Finding;

fn touches(commit: &Commit, prefix: &str) -> bool {
    commit
        .appends
        .iter()
        .any(|append| append.stream.as_str().starts_with(prefix))
}

/// From now on commits that touch a stream with this prefix meet the fault, so many times.
fn fail(world: &World, prefix: &'static str, fault: Fault, times: usize) {
    let left = AtomicUsize::new(times);
    world.store.set_fault_hook(Some(Arc::new(move |commit| {
        let hit = touches(commit, prefix)
            && left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                .is_ok();
        if hit { fault.clone() } else { Fault::None }
    })));
}

#[tokio::test]
async fn c4_a_lost_answer_of_the_store_neither_doubles_nor_loses_a_payment() {
    for fault in [Fault::InDoubtBeforeCommit, Fault::InDoubtAfterCommit] {
        let world = World::new().await;
        world.household("a1", "E100").await;
        fail(&world, "account-a1", fault.clone(), 3);
        let receipt = world.receipt(top_up("bank/r1", "E100", "10")).await;
        assert_eq!(receipt.balance, money("10"), "{fault:?}");
        assert_eq!(
            world.receipt(top_up("bank/r1", "E100", "10")).await,
            receipt
        );
        assert_eq!(world.count("credit-topped-up.v1").await, 1, "{fault:?}");
        assert_eq!(
            world.count("command-answered.v1").await,
            3,
            "two of staff, one payment"
        );
    }
}

#[tokio::test]
async fn c4_a_payment_cut_short_by_a_crash_is_done_once_when_it_comes_again() {
    for fault in [Fault::Stopped("the disk is full".to_owned()), Fault::None] {
        let mut world = World::new().await;
        world.household("a1", "E100").await;
        let stopped = fault != Fault::None;
        fail(&world, "account-a1", fault, 1);
        let first = world.try_submit(top_up("bank/r1", "E100", "10")).await;
        if stopped {
            let error = first.unwrap_err();
            assert_eq!((error.code(), error.retry_is_safe()), ("STOPPED", true));
        }
        // The answer did not reach the sender in either case.
        world.store.set_fault_hook(None);
        world.start_again().await;
        world.receipt(top_up("bank/r1", "E100", "10")).await;
        assert_eq!(world.balance("a1").await, money("10"));
        assert_eq!(world.count("credit-topped-up.v1").await, 1);
    }
}

#[tokio::test]
async fn c5_a_claim_cut_short_by_a_crash_leaves_the_number_free() {
    let mut world = World::new().await;
    world.done(open("a1")).await;
    world.done(open("a2")).await;
    fail(&world, "meter-", Fault::Stopped("power cut".to_owned()), 1);
    assert!(
        world
            .try_submit(install("a1", "E100", start()))
            .await
            .is_err()
    );
    world.store.set_fault_hook(None);
    world.start_again().await;
    assert_eq!(world.ledger.meter_holder(&meter("E100")), None);
    world.done(install("a2", "E100", start())).await;
    assert_eq!(
        world.refusal(install("a1", "E100", start())).await,
        "METER_TAKEN"
    );
    assert!(world.ledger.doctor().await.unwrap().is_empty());
}

#[tokio::test]
async fn c13_money_in_suspense_survives_a_crash_whole_or_not_at_all() {
    for prefix in ["suspense-", "key-bank"] {
        let mut world = World::new().await;
        fail(&world, prefix, Fault::Stopped("power cut".to_owned()), 1);
        assert!(
            world
                .try_submit(taken("bank/r1", "E999", "10"))
                .await
                .is_err()
        );
        assert!(
            world.store.is_empty(),
            "neither the money nor its key is there alone"
        );
        world.store.set_fault_hook(None);
        world.start_again().await;
        let reply = world.submit(taken("bank/r1", "E999", "10")).await;
        assert!(matches!(reply.answer, Answer::Suspended(_)));
        // Again between the suspension and its allocation.
        world.household("a1", "E100").await;
        fail(
            &world,
            "suspense-",
            Fault::Stopped("power cut".to_owned()),
            1,
        );
        let allocate = || top_up_from("office/s1", "E100", "10", Source::Suspense(key("bank/r1")));
        assert!(world.try_submit(allocate()).await.is_err());
        world.store.set_fault_hook(None);
        world.start_again().await;
        assert_eq!(world.balance("a1").await, money("0"));
        world.receipt(allocate()).await;
        assert_eq!(world.balance("a1").await, money("10"));
        assert_eq!(world.count("suspense-allocated.v1").await, 1);
    }
}

#[tokio::test]
async fn c16_credit_of_a_closed_account_arrives_once_also_when_a_crash_comes_between() {
    let dir = tempfile::tempdir().unwrap();
    for file in [None, Some(dir.path().join("directory"))] {
        let config = ledger_service::LedgerConfig {
            directory_file: file,
            ..ledger_service::LedgerConfig::default()
        };
        let mut world = World::with(config, None).await;
        world.household("a1", "E100").await;
        world.household("a2", "E200").await;
        world.receipt(top_up("bank/r1", "E100", "10")).await;
        fail(
            &world,
            "account-a2",
            Fault::Stopped("power cut".to_owned()),
            usize::MAX,
        );
        let close = || {
            close(
                "a1",
                vec![last("E100", "100")],
                CloseTo::Move(account("a2")),
                hour(2),
            )
        };
        world.done(close()).await;
        let in_transit = Finding::CreditInTransit {
            from: account("a1"),
            to: account("a2"),
            credit: vec![(ledger_core::utility::Utility::Electricity, money("9"))],
        };
        assert_eq!(
            world.ledger.doctor().await.unwrap(),
            std::slice::from_ref(&in_transit)
        );
        world.store.set_fault_hook(None);
        world.restart().await;
        assert_eq!(
            world.balance("a2").await,
            money("9"),
            "the sweep at the start has finished it"
        );
        assert!(world.ledger.doctor().await.unwrap().is_empty());
        assert_eq!(world.ledger.sweep().await, 0, "nothing is left to do");
        world.done(close()).await;
        world.restart().await;
        assert_eq!(world.balance("a2").await, money("9"));
        assert_eq!(world.count("credit-moved-in.v1").await, 1);
        assert!(world.ledger.doctor().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn c16_credit_moves_at_once_to_an_open_account_of_the_scheme_only() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.done(open("a3")).await;
    world.receipt(top_up("bank/r1", "E100", "10")).await;
    let close_to = |reference: &str, to: &str| {
        let mut request = close(
            "a1",
            vec![last("E100", "0")],
            CloseTo::Move(account(to)),
            hour(2),
        );
        request.key = key(reference);
        request
    };
    assert_eq!(
        world.refusal(close_to("office/c1", "nobody")).await,
        "UNKNOWN_ACCOUNT"
    );
    assert_eq!(
        world.refusal(close_to("office/c2", "a3")).await,
        "BAD_INPUT",
        "it has no electricity meter"
    );
    world.done(close_to("office/c3", "a2")).await;
    assert_eq!(world.balance("a2").await, money("10"));
    assert_eq!(
        world.refusal(top_up("bank/r2", "E100", "10")).await,
        "METER_REMOVED"
    );
}
