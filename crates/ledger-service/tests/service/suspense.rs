//! Money that was taken and cannot be applied (C13): never lost, never guessed.

use crate::world::*;
use ledger_core::answer::Answer;
use ledger_core::command::Source;
use ledger_core::event::{Event, decode};
use ledger_core::postings;
use std::collections::BTreeMap;

/// Balance of every account of the chart, from the whole log.
async fn balances(world: &World) -> BTreeMap<String, ledger_core::num::Money> {
    let mut sums = BTreeMap::new();
    for event in world.events().await {
        let decoded: Event = decode(&event.kind, &event.data).unwrap();
        let id = event.stream.as_str().strip_prefix("account-").map(account);
        for line in postings::of(&decoded, id.as_ref()) {
            *sums
                .entry(line.account.to_string())
                .or_insert(ledger_core::num::Money::ZERO) += line.amount;
        }
    }
    sums
}

fn suspended(answer: &Answer) -> &ledger_core::answer::Suspended {
    match answer {
        Answer::Suspended(suspended) => suspended,
        other => panic!("not suspended: {other:?}"),
    }
}

#[tokio::test]
async fn c13_money_for_an_unknown_meter_is_refused_when_not_taken_and_waits_when_taken() {
    let world = World::new().await;
    assert_eq!(
        world.refusal(top_up("bank/r1", "E999", "10")).await,
        "UNKNOWN_METER"
    );
    assert_eq!(world.count("payment-suspended.v1").await, 0);
    let first = world.submit(taken("bank/r2", "E999", "10")).await;
    let waiting = suspended(&first.answer);
    assert_eq!(
        (waiting.amount, waiting.refusal.code()),
        (money("10"), "UNKNOWN_METER")
    );
    assert_eq!(waiting.taken_on.to_string(), "2026-03-02");
    let again = world.submit(taken("bank/r2", "E999", "10")).await;
    assert_eq!((again.answer, again.duplicate), (first.answer, true));
    assert_eq!(world.count("payment-suspended.v1").await, 1);
    let sums = balances(&world).await;
    assert_eq!(sums.get("suspense:bank"), Some(&money("-10")));
    assert_eq!(sums.get("channel-receivable:bank"), Some(&money("10")));
}

#[tokio::test]
async fn c13_taken_money_waits_whatever_the_business_refusal() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    world.household("a2", "E200").await;
    world.household("a3", "E300").await;
    world.done(agree_debt("a1", "90", "30", "2026-03")).await;
    world.done(remove("a2", "E200", hour(1), "0")).await;
    let cases = [
        ("bank/r1", "E100", "10", "INSTALMENT_DUE"),
        ("bank/r2", "E200", "10", "METER_REMOVED"),
        ("bank/r3", "E300", "1.50", "TOP_UP_BELOW_MINIMUM"),
        ("bank/r4", "e300!", "10", "WRONG_METER_FORMAT"),
    ];
    for (reference, number, amount, why) in cases {
        let reply = world.submit(taken(reference, number, amount)).await;
        assert_eq!(suspended(&reply.answer).refusal.code(), why, "{reference}");
        let not_taken = format!("{reference}-b");
        assert_eq!(
            world.refusal(top_up(&not_taken, number, amount)).await,
            why,
            "{reference}"
        );
    }
    assert_eq!(world.count("payment-suspended.v1").await, 4);
}

#[tokio::test]
async fn c13_waiting_money_is_allocated_whole_and_once() {
    let mut world = World::new().await;
    world.submit(taken("bank/r1", "E999", "10")).await;
    world.household("a1", "E100").await;
    let allocate =
        |by: &str, amount: &str| top_up_from(by, "E100", amount, Source::Suspense(key("bank/r1")));
    assert_eq!(
        world.refusal(allocate("office/s1", "9")).await,
        "BAD_INPUT",
        "a part of it"
    );
    let unknown = top_up_from(
        "office/s2",
        "E100",
        "10",
        Source::Suspense(key("bank/none")),
    );
    assert_eq!(world.refusal(unknown).await, "NOT_IN_SUSPENSE");
    let first = world.receipt(allocate("office/s3", "10")).await;
    assert_eq!(
        (first.amount, first.channel.as_str()),
        (money("10"), "bank")
    );
    assert_eq!(
        world.receipt(allocate("office/s3", "10")).await,
        first,
        "the same answer again"
    );
    assert_eq!(
        world.refusal(allocate("office/s4", "10")).await,
        "NOT_IN_SUSPENSE",
        "a second time"
    );
    world.restart().await;
    assert_eq!(
        world.refusal(allocate("office/s5", "10")).await,
        "NOT_IN_SUSPENSE"
    );
    assert_eq!(world.balance("a1").await, money("10"));
    let sums = balances(&world).await;
    assert_eq!(sums.get("suspense:bank"), Some(&money("0")));
    assert_eq!(sums.get("channel-receivable:bank"), Some(&money("10")));
}

#[tokio::test]
async fn c13_waiting_money_is_returned_once() {
    let world = World::new().await;
    let early = world
        .ledger
        .return_suspense(return_of("office/x0", "bank/r1"))
        .await
        .unwrap();
    assert_eq!(code(&early.answer), "NOT_IN_SUSPENSE");
    world.submit(taken("bank/r1", "E999", "10")).await;
    let first = world
        .ledger
        .return_suspense(return_of("office/x1", "bank/r1"))
        .await
        .unwrap();
    assert!(
        matches!(&first.answer, Answer::Returned(returned) if returned.amount == money("10")),
        "{first:?}"
    );
    let again = world
        .ledger
        .return_suspense(return_of("office/x1", "bank/r1"))
        .await
        .unwrap();
    assert_eq!((again.answer, again.duplicate), (first.answer, true));
    let twice = world
        .ledger
        .return_suspense(return_of("office/x2", "bank/r1"))
        .await
        .unwrap();
    assert_eq!(code(&twice.answer), "NOT_IN_SUSPENSE");
    let sums = balances(&world).await;
    assert_eq!(sums.get("suspense:bank"), Some(&money("0")));
    assert_eq!(sums.get("channel-receivable:bank"), Some(&money("0")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_of_an_allocation_and_a_return_at_once_one_takes_the_money() {
    for round in 0..20 {
        let world = World::new().await;
        world.submit(taken("bank/r1", "E999", "10")).await;
        world.household("a1", "E100").await;
        let allocate = top_up_from("office/s1", "E100", "10", Source::Suspense(key("bank/r1")));
        let give_back = world
            .ledger
            .return_suspense(return_of("office/x1", "bank/r1"));
        let (allocated, returned) = tokio::join!(world.submit(allocate), give_back);
        let answers = [allocated.answer, returned.unwrap().answer];
        let refused = answers
            .iter()
            .filter(|answer| answer.refusal().is_some())
            .count();
        assert_eq!(refused, 1, "round {round}: {answers:?}");
        let sums = balances(&world).await;
        assert_eq!(
            sums.get("suspense:bank"),
            Some(&money("0")),
            "round {round}"
        );
    }
}

#[tokio::test]
async fn c13_an_allocation_that_the_account_refuses_leaves_the_money_waiting() {
    let world = World::new().await;
    world.submit(taken("bank/r1", "E999", "10")).await;
    world.household("a1", "E100").await;
    world.done(agree_debt("a1", "90", "30", "2026-03")).await;
    let allocate = |by: &str| top_up_from(by, "E100", "10", Source::Suspense(key("bank/r1")));
    assert_eq!(world.refusal(allocate("office/s1")).await, "INSTALMENT_DUE");
    world.receipt(pay_debt("bank/d1", "a1", "30")).await;
    assert_eq!(
        world.refusal(allocate("office/s1")).await,
        "INSTALMENT_DUE",
        "this attempt stays refused"
    );
    world.receipt(allocate("office/s2")).await;
}
