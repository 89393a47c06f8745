//! Malformed calls, and the time of receipt that a caller may not state.

use command_api::pb;
use tonic::{Code, Request};
use tonic_types::StatusExt;

use crate::harness::{Setup, World, hours, info_of, reason_of, top_up};

#[tokio::test]
async fn a_malformed_call_names_every_wrong_field_and_is_not_remembered() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let wrong = pb::TopUpRequest {
        amount: "5,00".to_owned(),
        money: 9,
        ..top_up("r-1", "", "")
    };
    let status = channel.payments().top_up(wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let details = status.get_error_details();
    let fields: Vec<&str> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|v| v.field.as_str())
        .collect();
    assert_eq!(fields, ["meter", "amount", "money"]);
    assert_eq!(info_of(&status).reason, "FIELD_MISSING");
    let right = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap()
        .into_inner();
    assert!(!right.duplicate, "the malformed call left nothing behind");
}

#[tokio::test]
async fn u4_a_number_of_the_wrong_form_is_refused_by_the_scheme() {
    let world = World::start().await;
    let channel = world.client("incomm").await;
    let status = channel
        .payments()
        .top_up(top_up("r-1", "e-1", "5.00"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::FailedPrecondition, "WRONG_METER_FORMAT")
    );
    assert!(
        info_of(&status).metadata["cash"].starts_with("hand the cash back"),
        "{status:?}"
    );
}

#[tokio::test]
async fn c6_a_caller_dates_nothing_where_the_clock_is_the_machines() {
    let world = World::with(Setup {
        simulated: false,
        ..Setup::default()
    })
    .await;
    let channel = world.client("incomm").await.at(hours(1));
    let status = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::InvalidArgument, "RECEIVED_AT_NOT_TAKEN")
    );
}

#[tokio::test]
async fn c6_a_stated_time_is_the_time_of_receipt_where_time_is_simulated() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await.at(hours(5));
    let paid = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        crate::harness::receipt_of(&paid).at,
        crate::harness::instant(hours(5))
    );
    let mut request = Request::new(top_up("r-2", "E0000001", "5.00"));
    request
        .metadata_mut()
        .insert("ledger-received-at", "yesterday".parse().unwrap());
    request.metadata_mut().insert(
        "authorization",
        format!("Bearer {}", world.key("incomm")).parse().unwrap(),
    );
    let mut plain = pb::payment_service_client::PaymentServiceClient::new(channel.channel());
    let status = plain.top_up(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::InvalidArgument, "FIELD_MALFORMED")
    );
}

#[tokio::test]
async fn a_message_that_is_too_large_is_turned_away_by_size() {
    let world = World::start().await;
    let channel = world.client("incomm").await;
    let status = channel
        .payments()
        .top_up(top_up("r-1", &"E".repeat(100_000), "5.00"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
}

#[tokio::test]
async fn a_token_of_another_making_is_malformed() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let ask = pb::GetTotalsRequest {
        at_least: "7".to_owned(),
    };
    let status = world
        .client("reports")
        .await
        .queries()
        .get_totals(ask)
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::InvalidArgument, "FIELD_MALFORMED")
    );
    let ask = pb::ListReceiptsRequest {
        page_size: 1_001,
        ..Default::default()
    };
    let status = staff.queries().list_receipts(ask).await.unwrap_err();
    assert_eq!(reason_of(&status), "FIELD_OUT_OF_RANGE");
}
