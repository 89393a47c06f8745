//! Top-ups, quotes, voids, suspense, and what became of a command.

use command_api::pb;
use tonic::Code;

use crate::harness::{Setup, World, info_of, reason_of, receipt_of, top_up};

#[tokio::test]
async fn u4_a_top_up_is_credited_and_a_retry_gets_the_same_answer() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let first = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap()
        .into_inner();
    let receipt = receipt_of(&first).clone();
    assert_eq!(
        (
            receipt.amount.as_str(),
            receipt.balance.as_str(),
            receipt.first
        ),
        ("5", "5", true)
    );
    assert_eq!(
        (receipt.channel.as_str(), receipt.reference.as_str()),
        ("incomm", "r-1")
    );
    assert!(!first.duplicate && !first.token.is_empty());
    let again = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.0"))
        .await
        .unwrap()
        .into_inner();
    assert!(again.duplicate);
    assert_eq!(again.result, first.result);
    let found = find(&world, "incomm", "r-1", "").await.unwrap();
    assert_eq!(found.state(), pb::CommandState::Answered);
    assert_eq!(
        found.answer,
        Some(pb::find_command_response::Answer::Receipt(receipt))
    );
}

#[tokio::test]
async fn c4_another_content_under_the_same_reference_is_a_conflict() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap();
    for other in [
        top_up("r-1", "E0000001", "6.00"),
        top_up("r-1", "W0000001", "5.00"),
    ] {
        let status = channel.payments().top_up(other).await.unwrap_err();
        assert_eq!(
            (status.code(), reason_of(&status).as_str()),
            (Code::AlreadyExists, "KEY_CONFLICT")
        );
        let metadata = info_of(&status).metadata;
        assert_eq!(metadata["retry_is_safe"], "false");
        assert!(
            metadata["cash"].contains("ask FindCommand"),
            "the reference may have paid for this cash: {metadata:?}"
        );
    }
    let bank = world.client("bank").await;
    let same_name = bank
        .payments()
        .top_up(top_up("r-1", "E0000001", "6.00"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        receipt_of(&same_name).balance,
        "11",
        "a reference is unique in its channel only"
    );
}

#[tokio::test]
async fn c4_a_refused_payment_binds_its_reference_for_ever() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let first = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "1.99"))
        .await
        .unwrap_err();
    assert_eq!(
        (first.code(), reason_of(&first).as_str()),
        (Code::FailedPrecondition, "TOP_UP_BELOW_MINIMUM")
    );
    assert_eq!(info_of(&first).metadata["minimum"], "2");
    assert_eq!(info_of(&first).metadata["reference"], "r-1");
    let again = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "1.99"))
        .await
        .unwrap_err();
    assert_eq!(again.message(), first.message());
    assert_eq!(info_of(&again).metadata, info_of(&first).metadata);
    let found = find(&world, "incomm", "r-1", "").await.unwrap();
    let Some(pb::find_command_response::Answer::Refusal(refusal)) = found.answer else {
        panic!("{found:?}")
    };
    assert_eq!(refusal.code, "TOP_UP_BELOW_MINIMUM");
}

#[tokio::test]
async fn c13_a_top_up_is_validated_and_quoted_before_money_is_taken() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let channel = world.client("incomm").await;
    let meter = "E0000001".to_owned();
    let amount = "10".to_owned();
    let ask = pb::ValidateTopUpRequest {
        meter: meter.clone(),
        amount: amount.clone(),
    };
    let valid = channel
        .payments()
        .validate_top_up(ask)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (valid.account_id, valid.utility),
        (account_id, pb::Utility::Electricity.into())
    );
    let ask = pb::QuoteTopUpRequest {
        meter,
        amount: amount.clone(),
    };
    let quote = channel
        .payments()
        .quote_top_up(ask)
        .await
        .unwrap()
        .into_inner();
    let lines: Vec<(&str, &str)> = quote
        .lines
        .iter()
        .map(|l| (l.part.as_str(), l.amount.as_str()))
        .collect();
    assert_eq!(lines, [("credit", "10")]);
    assert_eq!(quote.balance_after, "10");
    let unknown = pb::QuoteTopUpRequest {
        meter: "E9999999".to_owned(),
        amount,
    };
    let status = channel.payments().quote_top_up(unknown).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::FailedPrecondition, "UNKNOWN_METER")
    );
}

#[tokio::test]
async fn c13_money_already_taken_waits_in_suspense_until_it_is_allocated_or_returned() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    for reference in ["lost-1", "lost-2"] {
        let mut taken = top_up(reference, "E9999999", "5.00");
        taken.set_money(pb::MoneyState::Taken);
        let answer = channel.payments().top_up(taken).await.unwrap().into_inner();
        let Some(pb::top_up_response::Result::Suspended(suspended)) = answer.result else {
            panic!("{answer:?}")
        };
        assert_eq!(
            (suspended.reference.as_str(), suspended.taken_on.as_str()),
            (reference, "2025-11-03")
        );
        let refusal = suspended.refusal.unwrap();
        assert_eq!(refusal.code, "UNKNOWN_METER");
        assert!(
            refusal.cash.starts_with("keep the cash"),
            "handed back, it would be paid twice: {}",
            refusal.cash
        );
    }
    let staff = world.client("office").await;
    let allocate = pb::AllocateSuspenseRequest {
        reference: "alloc-1".to_owned(),
        channel: "incomm".to_owned(),
        payment_reference: "lost-1".to_owned(),
        amount: "5.00".to_owned(),
        to: Some(pb::allocate_suspense_request::To::Meter(
            "E0000001".to_owned(),
        )),
    };
    let unpaired = [
        ("4.00", "E0000001", "BAD_INPUT"),
        ("5.00", "E8", "WRONG_METER_FORMAT"),
    ];
    for (amount, meter, code) in unpaired {
        let wrong = pb::AllocateSuspenseRequest {
            reference: format!("slip-{amount}"),
            amount: amount.to_owned(),
            to: Some(pb::allocate_suspense_request::To::Meter(meter.to_owned())),
            ..allocate.clone()
        };
        let status = staff.suspense().allocate_suspense(wrong).await.unwrap_err();
        assert_eq!(reason_of(&status), code);
        assert!(
            info_of(&status).metadata["cash"].contains("the money stays in suspense"),
            "{status:?}"
        );
    }
    let allocated = staff
        .suspense()
        .allocate_suspense(allocate.clone())
        .await
        .unwrap()
        .into_inner();
    let receipt = allocated.receipt.as_ref().unwrap();
    assert_eq!(
        (receipt.channel.as_str(), receipt.balance.as_str()),
        ("incomm", "5")
    );
    let again = staff
        .suspense()
        .allocate_suspense(allocate)
        .await
        .unwrap()
        .into_inner();
    assert!(again.duplicate);
    assert_eq!(again.receipt, allocated.receipt);
    let give_back = pb::ReturnSuspenseRequest {
        reference: "return-2".to_owned(),
        channel: "incomm".to_owned(),
        payment_reference: "lost-2".to_owned(),
        document: "voucher-17".to_owned(),
    };
    let returned = staff
        .suspense()
        .return_suspense(give_back.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(returned.returned.as_ref().unwrap().amount, "5");
    let again = staff
        .suspense()
        .return_suspense(give_back)
        .await
        .unwrap()
        .into_inner();
    assert!(again.duplicate);
    assert_eq!(again.returned, returned.returned);
    let list = pb::ListSuspenseRequest {
        at_least: returned.token,
        ..Default::default()
    };
    let listed = channel
        .suspense()
        .list_suspense(list)
        .await
        .unwrap()
        .into_inner();
    let states: Vec<(&str, pb::SuspenseState)> = listed
        .entries
        .iter()
        .map(|e| (e.reference.as_str(), e.state()))
        .collect();
    assert_eq!(
        states,
        [
            ("lost-1", pb::SuspenseState::Allocated),
            ("lost-2", pb::SuspenseState::Returned)
        ]
    );
}

#[tokio::test]
async fn c16_a_channel_voids_its_own_unspent_top_up_within_the_window() {
    let world = World::with(Setup {
        void_window: true,
        ..Setup::default()
    })
    .await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap();
    let void = |reference: &str| pb::VoidTopUpRequest {
        reference: reference.to_owned(),
        top_up_reference: "r-1".to_owned(),
    };
    let bank = world.client("bank").await;
    let status = bank.payments().void_top_up(void("v-0")).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::FailedPrecondition, "NOT_VOIDABLE")
    );
    assert_eq!(info_of(&status).metadata["named_reference"], "r-1");
    let voided = channel
        .payments()
        .void_top_up(void("v-1"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        voided.receipt.as_ref().unwrap().kind(),
        pb::ReceiptKind::Void
    );
    let again = channel
        .payments()
        .void_top_up(void("v-1"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.receipt, voided.receipt);
    let status = channel
        .payments()
        .void_top_up(void("v-2"))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&status), "NOT_VOIDABLE");
}

#[tokio::test]
async fn c14_a_channel_finds_its_own_commands_and_staff_finds_any() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap();
    let of_bank = find(&world, "bank", "r-1", "").await.unwrap();
    assert_eq!(
        of_bank.state(),
        pb::CommandState::Unknown,
        "the bank never sent it"
    );
    let status = find(&world, "bank", "r-1", "incomm").await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::PermissionDenied, "OTHER_CHANNEL")
    );
    let of_staff = find(&world, "office", "r-1", "incomm").await.unwrap();
    assert_eq!(of_staff.state(), pb::CommandState::Answered);
}

async fn find(
    world: &World,
    key: &str,
    reference: &str,
    channel: &str,
) -> Result<pb::FindCommandResponse, tonic::Status> {
    let ask = pb::FindCommandRequest {
        reference: reference.to_owned(),
        channel: channel.to_owned(),
    };
    Ok(world
        .client(key)
        .await
        .payments()
        .find_command(ask)
        .await?
        .into_inner())
}
