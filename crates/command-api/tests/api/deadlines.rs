//! Deadlines, room, and going down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use command_api::{Limits, pb};
use event_store::memory::Fault;
use tonic::{Code, Request};

use crate::harness::{Setup, World, by_account, info_of, reason_of, receipt_of, top_up};

/// Makes every append of a world hang in doubt until the flag is cleared.
fn hang(world: &World) -> Arc<AtomicBool> {
    let hanging = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&hanging);
    world.store.set_fault_hook(Some(Arc::new(move |_| {
        if seen.load(Ordering::SeqCst) {
            Fault::InDoubtBeforeCommit
        } else {
            Fault::None
        }
    })));
    hanging
}

#[tokio::test]
async fn a_deadline_that_passes_says_how_to_ask_for_the_outcome() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let hanging = hang(&world);
    let mut request = Request::new(top_up("r-1", "E0000001", "5.00"));
    // The header alone: the client itself waits longer than the server.
    request
        .metadata_mut()
        .insert("grpc-timeout", "300m".parse().unwrap());
    let status = channel.payments().top_up(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    );
    assert!(
        status.message().contains("FindCommand"),
        "{}",
        status.message()
    );
    assert!(info_of(&status).metadata["cash"].starts_with("keep the cash"));
    let ask = || pb::FindCommandRequest {
        reference: "r-1".to_owned(),
        channel: String::new(),
    };
    let found = channel
        .payments()
        .find_command(ask())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.state(), pb::CommandState::Unknown);
    hanging.store(false, Ordering::SeqCst);
    let again = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap()
        .into_inner();
    assert!(again.duplicate, "the first one was carried out meanwhile");
    assert_eq!(receipt_of(&again).balance, "5");
    let found = channel
        .payments()
        .find_command(ask())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.state(), pb::CommandState::Answered);
}

#[tokio::test]
async fn a_read_that_waits_for_what_never_comes_says_so_before_the_deadline() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let staff = world.client("office").await;
    let mut request = Request::new(pb::GetBalanceRequest {
        account: by_account(&account_id),
        at_least: "pffffff".to_owned(),
    });
    request
        .metadata_mut()
        .insert("grpc-timeout", "200m".parse().unwrap());
    let status = staff.queries().get_balance(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::Unavailable, "READ_MODEL_BEHIND")
    );
}

#[tokio::test]
async fn a_deadline_that_cannot_be_read_is_malformed() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let mut request = Request::new(pb::ErrorCatalogueRequest {});
    request
        .metadata_mut()
        .insert("grpc-timeout", "soon".parse().unwrap());
    let status = staff.queries().error_catalogue(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::InvalidArgument, "FIELD_MALFORMED")
    );
}

#[tokio::test]
async fn a_full_server_turns_a_call_away_at_once() {
    let limits = Limits {
        calls_max: 1,
        ..Limits::default()
    };
    let world = World::with(Setup {
        limits,
        ..Setup::default()
    })
    .await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let hanging = hang(&world);
    let stuck = channel.clone();
    let stuck = tokio::spawn(async move {
        stuck
            .payments()
            .top_up(top_up("r-1", "E0000001", "5.00"))
            .await
    });
    while world.ledger.stats().waiting == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ask = pb::QuoteTopUpRequest {
        meter: "E0000001".to_owned(),
        amount: "5".to_owned(),
    };
    let status = channel.payments().quote_top_up(ask).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::ResourceExhausted, "TOO_MANY_CALLS")
    );
    hanging.store(false, Ordering::SeqCst);
    stuck.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_goes_down_answers_what_is_under_way_and_takes_no_more() {
    let mut world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let hanging = hang(&world);
    let under_way = channel.clone();
    let under_way = tokio::spawn(async move {
        under_way
            .payments()
            .top_up(top_up("r-1", "E0000001", "5.00"))
            .await
    });
    while world.ledger.stats().waiting == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    hanging.store(false, Ordering::SeqCst);
    let answered = under_way.await.unwrap().unwrap().into_inner();
    assert_eq!(receipt_of(&answered).balance, "5");
    world.serving.await.unwrap().unwrap();
    assert!(
        channel
            .payments()
            .top_up(top_up("r-2", "E0000001", "5.00"))
            .await
            .is_err()
    );
}
