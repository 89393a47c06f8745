//! P1–P5, C13, C16: joining with arrears, once-for-a-person credit, quotes to the cent, voids.

use ledger_core::command::{Command, JoinScheme, OpenAccount, Source, VoidTopUp};
use ledger_core::ids::{OpaqueRef, Reference};
use ledger_core::num::Money;
use ledger_core::utility::Utility;
use ledger_service::{Ask, CommandRequest, QuotePart, QuoteRequest, Target};

use crate::world::*;

fn opaque(text: &str) -> OpaqueRef {
    OpaqueRef::parse(text).unwrap()
}

fn open_in(id: &str, scheme: &str) -> CommandRequest {
    let open = OpenAccount {
        scheme: Some(scheme.to_owned()),
        class: "residential".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    };
    staff(
        &format!("office/open-{id}"),
        id,
        Command::OpenAccount(open),
        start(),
    )
}

fn join(id: &str, person: &str) -> CommandRequest {
    let join = JoinScheme {
        utility: Utility::Electricity,
        person: opaque(person),
        application: opaque("form-1"),
        disconnected: true,
        cannot_pay_minimum: true,
        broken_plans: 2,
        arrears: money("400"),
        arrears_from: opaque("SP-1"),
    };
    staff(
        &format!("office/join-{id}"),
        id,
        Command::JoinScheme(join),
        start(),
    )
}

fn draw(reference: &str, id: &str, number: &str) -> CommandRequest {
    let draw = Command::DrawEmergencyCredit {
        meter: meter(number),
    };
    staff(reference, id, draw, hour(2))
}

/// An account of PAYU with its meter active.
async fn joined(world: &World, id: &str, number: &str) {
    world.done(open_in(id, "payu")).await;
    world.done(join(id, &format!("person-{id}"))).await;
    world.done(install(id, number, start())).await;
    let activate = Command::ActivateMeter {
        meter: meter(number),
    };
    let reference = format!("office/activate-{id}");
    world.done(staff(&reference, id, activate, start())).await;
}

#[tokio::test]
async fn p2_two_accounts_of_one_person_get_the_initial_credit_once_also_at_the_same_time() {
    let mut world = World::new().await;
    for id in ["p1", "p2", "p3"] {
        world.done(open_in(id, "payu")).await;
    }
    let (first, second) = tokio::join!(
        world.submit(join("p1", "person-1")),
        world.submit(join("p2", "person-1"))
    );
    assert!(first.answer.refusal().is_none() && second.answer.refusal().is_none());
    let sum = world.balance("p1").await + world.balance("p2").await;
    assert_eq!(sum, money("5"));
    world.restart().await;
    world.done(join("p3", "person-1")).await;
    assert_eq!(world.balance("p3").await, Money::ZERO);
    assert_eq!(world.count("initial-credit-granted.v1").await, 1);
    assert_eq!(world.count("initial-credit-claimed.v1").await, 1);
}

#[tokio::test]
async fn p1_an_account_of_a_scheme_that_nobody_joins_refuses_joining() {
    let world = World::new().await;
    world.household("a1", "E100").await;
    assert_eq!(world.refusal(join("a1", "person-1")).await, "NOT_OFFERED");
    assert_eq!(world.refusal(open_in("a2", "atlantis")).await, "BAD_INPUT");
}

#[tokio::test]
async fn c13_a_quote_explains_arrears_emergency_credit_and_credit_to_the_cent() {
    let world = World::new().await;
    joined(&world, "p1", "E500").await;
    world
        .deliver_at(1, hour(1), vec![reading("E500", hour(1), "24")])
        .await;
    world.done(draw("office/draw-1", "p1", "E500")).await;
    world
        .deliver_at(2, hour(3), vec![reading("E500", hour(3), "30.005")])
        .await;
    let request = QuoteRequest {
        target: Target::Meter("E500".to_owned()),
        ask: Ask::TopUp {
            amount: money("10"),
            source: Source::NotTaken,
        },
        received_at: hour(4),
    };
    let quoted = world.ledger.quote(request).await.unwrap().unwrap();
    let lines: Vec<_> = quoted
        .lines
        .iter()
        .map(|line| (line.what, line.amount))
        .collect();
    // 0.20 of the credit was left; 6.005 kWh cost 1.201.
    assert_eq!(
        lines,
        [
            (QuotePart::Arrears, money("2")),
            (QuotePart::EmergencyCredit, money("1.001")),
            (QuotePart::Credit, money("6.999"))
        ]
    );
    assert_eq!(
        (quoted.withdrawn, quoted.balance),
        (money("1.999"), money("6.999"))
    );
}

#[tokio::test]
async fn c16_a_void_by_its_reference_gives_arrears_and_emergency_credit_back() {
    let mut world = World::new().await;
    joined(&world, "p1", "E500").await;
    world
        .deliver_at(1, hour(1), vec![reading("E500", hour(1), "24")])
        .await;
    world.done(draw("office/draw-1", "p1", "E500")).await;
    let mut paid = top_up("post_office/r1", "E500", "10");
    paid.received_at = hour(2);
    let receipt = world.receipt(paid).await;
    assert_eq!(
        (receipt.arrears, receipt.repaid, receipt.withdrawn),
        (money("2"), money("0"), money("3"))
    );
    world.restart().await;
    let void = CommandRequest {
        key: key("post_office/v1"),
        actor: actor("till"),
        received_at: hour(3),
        target: Target::TopUp(Reference::parse("r1").unwrap()),
        ask: Ask::Command(Command::VoidTopUp(VoidTopUp {
            reference: Reference::parse("r1").unwrap(),
        })),
    };
    world.receipt(void).await;
    let view = world.ledger.account(&account("p1")).await.unwrap().unwrap();
    assert_eq!(view.account.arrears().unwrap().left, money("400"));
    let wallet = view.account.wallet(Utility::Electricity).unwrap();
    assert_eq!(
        (wallet.balance, wallet.emergency),
        (money("3.2"), money("3"))
    );
    assert_eq!(
        world.refusal(draw("office/draw-2", "p1", "E500")).await,
        "EMERGENCY_CREDIT_DRAWN"
    );
}
