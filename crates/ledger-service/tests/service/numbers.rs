//! K1 over several streams: an account's numbers all find it, and a number is given once for ever.

use crate::world::*;
use ledger_core::answer::Answer;
use ledger_core::command::{CloseTo, Command, Source};
use ledger_core::num::Money;
use ledger_service::{Ask, CommandRequest, LedgerConfig, Target};

fn renumber(name: &str, old: &str, new: &str) -> CommandRequest {
    let to = account(new);
    staff(name, old, Command::Renumber { to }, hour(1))
}

fn pay(name: &str, number: &str, amount: &str) -> CommandRequest {
    CommandRequest {
        key: key(name),
        actor: actor("till-1"),
        received_at: hour(2),
        target: Target::Account(account(number)),
        ask: Ask::PayDebt {
            amount: money(amount),
            source: Source::NotTaken,
        },
    }
}

async fn debt_left(world: &World, number: &str) -> Money {
    let view = world.ledger.account(&account(number)).await.unwrap();
    view.unwrap().account.debt().unwrap().balance()
}

#[tokio::test]
async fn k1_every_number_an_account_had_finds_it_and_payments_to_the_old_one_count() {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig {
        directory_file: Some(folder.path().join("directory")),
        ..LedgerConfig::default()
    };
    let mut world = World::with(config, None).await;
    world.household("a-1", "E100").await;
    world.done(renumber("office/n-1", "a-1", "22-1")).await;
    world.done(renumber("office/n-2", "22-1", "23-1")).await;
    world.done(agree_debt("22-1", "100", "10", "2026-03")).await;
    for (n, number) in ["a-1", "22-1", "23-1"].into_iter().enumerate() {
        let receipt = world
            .receipt(pay(&format!("bank/p-{n}"), number, "5"))
            .await;
        assert_eq!(receipt.account, account("a-1"), "{number}");
    }
    let again = world.submit(pay("bank/p-0", "a-1", "5")).await;
    assert!(again.duplicate, "the payment to the old number is known");
    for way in ["restarted with the file", "restarted from the log"] {
        world.restart().await;
        for number in ["a-1", "22-1", "23-1"] {
            assert_eq!(debt_left(&world, number).await, money("85"), "{way}");
        }
        std::fs::remove_file(folder.path().join("directory")).unwrap();
    }
    let view = world.ledger.account(&account("22-1")).await.unwrap();
    assert_eq!(view.unwrap().account.number(), &account("23-1"));
    assert_eq!(world.count("account-renumbered.v1").await, 2);
    assert_eq!(world.count("account-number-given.v1").await, 2);
}

#[tokio::test]
async fn k1_a_number_is_given_once_whoever_has_or_had_it() {
    let world = World::new().await;
    world.household("a-1", "E100").await;
    world.household("a-2", "E200").await;
    world.done(renumber("office/n-1", "a-1", "22-1")).await;
    world.done(renumber("office/n-2", "a-1", "23-1")).await;
    world.done(renumber("office/n-3", "a-1", "23-1")).await;
    assert_eq!(
        world.count("account-renumbered.v1").await,
        2,
        "the third changed nothing"
    );
    for (name, old, new) in [
        ("office/t-1", "a-2", "22-1"),
        ("office/t-2", "a-2", "23-1"),
        ("office/t-3", "a-2", "a-1"),
        ("office/t-4", "a-1", "a-1"),
        ("office/t-5", "a-1", "22-1"),
    ] {
        assert_eq!(
            world.refusal(renumber(name, old, new)).await,
            "NUMBER_TAKEN",
            "{name}"
        );
    }
    assert_eq!(world.refusal(open("22-1")).await, "NUMBER_TAKEN");
    assert_eq!(
        world
            .refusal(renumber("office/u-1", "nobody", "24-1"))
            .await,
        "UNKNOWN_ACCOUNT"
    );
    world.done(renumber("office/v-1", "a-2", "24-1")).await;
}

#[tokio::test]
async fn k1_of_many_who_are_given_the_same_number_at_once_one_gets_it() {
    let world = World::new().await;
    for n in 0..8 {
        world.done(open(&format!("a-{n}"))).await;
    }
    let asked = (0..8).map(|n| {
        let request = renumber(&format!("office/n-{n}"), &format!("a-{n}"), "22-1");
        world.ledger.submit(request)
    });
    // One of them would open an account under the number.
    let opening = world.ledger.submit(open("22-1"));
    let (answers, opened) = futures::join!(futures::future::join_all(asked), opening);
    let mut winners = usize::from(matches!(opened.unwrap().answer, Answer::Done { .. }));
    for answer in answers {
        match answer.unwrap().answer {
            Answer::Done { .. } => winners += 1,
            other => assert_eq!(code(&other), "NUMBER_TAKEN"),
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn k1_credit_of_a_closed_account_moves_to_an_account_named_by_a_later_number() {
    let world = World::new().await;
    world.household("a-1", "E100").await;
    world.household("a-2", "E200").await;
    world.done(renumber("office/n-1", "a-2", "22-2")).await;
    world.receipt(top_up("bank/t-1", "E100", "10")).await;
    let close = Command::CloseAccount {
        finals: vec![last("E100", "0")],
        to: CloseTo::Move(account("22-2")),
    };
    world.done(staff("office/c-1", "a-1", close, hour(3))).await;
    assert_eq!(world.balance("a-2").await, money("10"));
    assert_eq!(
        world.refusal(renumber("office/n-2", "a-1", "22-1")).await,
        "ACCOUNT_CLOSED"
    );
}
