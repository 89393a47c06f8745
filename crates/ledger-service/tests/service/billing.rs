//! C13 for bills and deposits: money already taken waits in suspense, is allocated or returned; and each
//! account is opened in the scheme it names.

use crate::world::*;
use ledger_core::answer::{Answer, ReceiptKind};
use ledger_core::command::{BillingCommand, Command, OpenAccount, PayBill, Reading, Source};
use ledger_core::ids::OpaqueRef;
use ledger_core::time::{LocalDate, Millis};
use ledger_service::{Ask, BillQuoteRequest, CommandRequest, Target};

/// An open connection of eBCM with a meter, its register at zero; it is 2 March 2026, 07:30 there.
async fn consumer(world: &World, id: &str, number: &str) {
    let open = OpenAccount {
        scheme: Some("ebcm".to_owned()),
        class: "domestic".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    };
    let deposit = ledger_core::command::OpeningDeposit::taken(money("1000"));
    let open = Command::billing(BillingCommand::OpenConnection { open, deposit });
    world
        .done(staff(&format!("office/open-{id}"), id, open, start()))
        .await;
    world.done(install(id, number, start())).await;
}

fn days(n: i64) -> ledger_core::time::Timestamp {
    start() + Millis::days(n)
}

fn pay_bill(
    reference: &str,
    target: Target,
    (amount, read): (&str, Option<Reading>),
    source: Source,
) -> CommandRequest {
    let at = read.as_ref().map_or(days(9), |reading| reading.read_at);
    CommandRequest {
        key: key(reference),
        actor: actor("clerk-1"),
        received_at: at,
        target,
        ask: Ask::PayBill(PayBill {
            amount: money(amount),
            reading: read,
            protest: None,
            source,
        }),
    }
}

fn of(id: &str) -> Target {
    Target::Account(account(id))
}

fn suspended(answer: &Answer) -> &ledger_core::answer::Suspended {
    match answer {
        Answer::Suspended(suspended) => suspended,
        other => panic!("not suspended: {other:?}"),
    }
}

#[tokio::test]
async fn e14_a_connection_is_opened_in_the_scheme_it_names_and_its_bill_shown_then_paid() {
    let world = World::new().await;
    consumer(&world, "c1", "L100").await;
    let read = reading("L100", days(9), "80");
    let asked = BillQuoteRequest {
        target: Target::Meter("L100".to_owned()),
        reading: Some(read.clone()),
        received_at: days(9),
    };
    let shown = world.ledger.quote_bill(asked).await.unwrap().unwrap();
    assert_eq!((shown.amount, shown.refusal), (money("80"), None));
    assert_eq!(
        world.count("consumption-charged.v1").await,
        0,
        "nothing is recorded"
    );
    let pay = pay_bill("bank/p1", of("c1"), ("80", Some(read)), Source::NotTaken);
    let receipt = world.receipt(pay.clone()).await;
    assert_eq!(
        (receipt.kind, receipt.balance),
        (ReceiptKind::Bill, money("0"))
    );
    let again = world.submit(pay).await;
    assert_eq!(
        (again.answer, again.duplicate),
        (Answer::Receipt(receipt), true)
    );
}

#[tokio::test]
async fn c13_a_bill_payment_that_cannot_be_applied_waits_when_taken_and_is_refused_when_not() {
    let world = World::new().await;
    consumer(&world, "c1", "L100").await;
    let read = |day: i64| Some(reading("L100", days(day), "80"));
    let cases = [
        ("p1", of("c1"), ("79", read(9)), "NOT_THE_BILL"),
        ("p2", of("c1"), ("80", None), "READING_OF_MONTH_MISSING"),
        // 29 March there: after the payment window.
        ("p3", of("c1"), ("80", read(27)), "OUTSIDE_PAYMENT_WINDOW"),
        ("p4", of("nobody"), ("80", None), "UNKNOWN_ACCOUNT"),
        (
            "p5",
            Target::Meter("L999".to_owned()),
            ("80", None),
            "UNKNOWN_METER",
        ),
    ];
    for (n, target, paid, why) in cases {
        let not = pay_bill(
            &format!("bank/{n}-n"),
            target.clone(),
            paid.clone(),
            Source::NotTaken,
        );
        assert_eq!(world.refusal(not).await, why);
        let taken = pay_bill(&format!("bank/{n}"), target, paid, Source::Taken);
        let reply = world.submit(taken).await;
        let waiting = suspended(&reply.answer);
        assert_eq!(waiting.refusal.code(), why, "{n}");
    }
    assert_eq!(world.count("payment-suspended.v1").await, 5);
    assert_eq!(world.count("bill-paid.v1").await, 0);
}

#[tokio::test]
async fn c13_a_bill_payment_of_zero_or_too_fine_is_never_suspended() {
    let world = World::new().await;
    consumer(&world, "c1", "L100").await;
    for (n, target, amount, why) in [
        ("z1", of("c1"), "0", "READING_OF_MONTH_MISSING"),
        ("z2", of("nobody"), "0", "UNKNOWN_ACCOUNT"),
        ("z3", Target::Meter("L999".to_owned()), "0", "UNKNOWN_METER"),
        ("z4", of("nobody"), "1.005", "TOO_FINE"),
    ] {
        let pay = pay_bill(&format!("bank/{n}"), target, (amount, None), Source::Taken);
        assert_eq!(world.refusal(pay).await, why, "{n}");
    }
    assert_eq!(world.count("payment-suspended.v1").await, 0);
}

#[tokio::test]
async fn c13_money_for_a_bill_is_allocated_from_suspense_once_with_the_reading_it_needs() {
    let mut world = World::new().await;
    consumer(&world, "c1", "L100").await;
    let taken = pay_bill("bank/p1", of("c1"), ("80", None), Source::Taken);
    suspended(&world.submit(taken).await.answer);
    let allocate = |by: &str, amount: &str| {
        let read = Some(reading("L100", days(10), "80"));
        pay_bill(
            by,
            of("c1"),
            (amount, read),
            Source::Suspense(key("bank/p1")),
        )
    };
    assert_eq!(
        world.refusal(allocate("office/a1", "79")).await,
        "NOT_THE_BILL"
    );
    let first = world.receipt(allocate("office/a2", "80")).await;
    assert_eq!(
        (
            first.channel.as_str(),
            first.reference.as_str(),
            first.balance
        ),
        ("bank", "p1", money("0"))
    );
    assert_eq!(world.receipt(allocate("office/a2", "80")).await, first);
    world.restart().await;
    // The item is looked at last: a bill of zero would be another amount.
    let again = pay_bill(
        "office/a3",
        of("c1"),
        ("80", None),
        Source::Suspense(key("bank/p1")),
    );
    assert_eq!(world.refusal(again).await, "NOT_THE_BILL");
    let back = return_of("office/x1", "bank/p1");
    let back = world.ledger.return_suspense(back).await.unwrap();
    assert_eq!(code(&back.answer), "NOT_IN_SUSPENSE");
}

#[tokio::test]
async fn c13_a_deposit_that_was_taken_waits_and_is_returned_or_allocated() {
    let world = World::new().await;
    consumer(&world, "c1", "L100").await;
    let deposit = |reference: &str, amount: &str, source: Source| CommandRequest {
        key: key(reference),
        actor: actor("clerk-1"),
        received_at: days(3),
        target: of("c1"),
        ask: Ask::PayDeposit {
            amount: money(amount),
            source,
        },
    };
    // The deposit was paid with the application.
    for reference in ["bank/d1", "bank/d2"] {
        let reply = world
            .submit(deposit(reference, "1000", Source::Taken))
            .await;
        assert_eq!(suspended(&reply.answer).refusal.code(), "NOTHING_OWED");
    }
    let back = return_of("office/x1", "bank/d1");
    let back = world.ledger.return_suspense(back).await.unwrap();
    assert!(matches!(back.answer, Answer::Returned(_)), "{back:?}");
    // A second connection lacks its deposit: the money was meant for that one.
    let open = Command::OpenAccount(OpenAccount {
        scheme: Some("ebcm".to_owned()),
        class: "domestic".to_owned(),
        dwelling_units: 1,
        contracted_kva: None,
        customer: None,
    });
    world
        .done(staff("office/open-c2", "c2", open, start()))
        .await;
    let allocate = CommandRequest {
        target: of("c2"),
        ..deposit("office/a1", "1000", Source::Suspense(key("bank/d2")))
    };
    let receipt = world.receipt(allocate).await;
    assert_eq!(
        (receipt.kind, receipt.account.as_str()),
        (ReceiptKind::Deposit, "c2")
    );
}

#[tokio::test]
async fn c13_bill_payments_come_through_their_own_door_only() {
    let world = World::new().await;
    consumer(&world, "c1", "L100").await;
    let pay = BillingCommand::PayDeposit {
        amount: money("1000"),
        source: Source::NotTaken,
    };
    let by_command = staff("office/p1", "c1", Command::billing(pay), start());
    assert!(world.try_submit(by_command).await.is_err());
    let until = LocalDate::parse("2026-06-30").unwrap();
    let open = BillingCommand::OpenTemporary {
        open: OpenAccount {
            scheme: Some("ebcm".to_owned()),
            class: "domestic".to_owned(),
            dwelling_units: 1,
            contracted_kva: None,
            customer: Some(OpaqueRef::parse("person-1").unwrap()),
        },
        until,
        deposit: ledger_core::command::OpeningDeposit::None,
    };
    let mut by_meter = staff("office/o1", "c9", Command::billing(open), start());
    by_meter.target = Target::Meter("L100".to_owned());
    assert!(
        world.try_submit(by_meter).await.is_err(),
        "an account is opened by its id"
    );
}
