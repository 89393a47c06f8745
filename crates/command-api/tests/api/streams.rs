//! Bulk top-ups over one stream: answers, refusals and repeats by the sender's reference.

use std::collections::BTreeMap;
use std::time::Duration;

use command_api::pb;
use command_api::pb::top_up_stream_response::Result as Line;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request};

use crate::harness::{World, by_account, hours, instant, reason_of};

fn line(reference: &str, meter: &str, amount: &str) -> pb::TopUpStreamRequest {
    pb::TopUpStreamRequest {
        reference: reference.to_owned(),
        meter: meter.to_owned(),
        amount: amount.to_owned(),
        money: pb::MoneyState::NotTaken.into(),
        received_at: None,
    }
}

#[tokio::test]
async fn every_line_of_a_stream_is_answered_under_its_reference() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let channel = world.client("incomm").await;
    let mut lines: Vec<_> = (0..3_000)
        .map(|n| line(&format!("r-{n}"), "E0000001", "2.00"))
        .collect();
    lines.push(line("small", "E0000001", "1"));
    lines.push(line("nobody", "E9999999", "2"));
    lines.push(line("bad", "E0000001", "two"));
    let answers = channel
        .payments()
        .top_up_stream(stream::iter(lines.clone()))
        .await
        .unwrap()
        .into_inner();
    let answers: BTreeMap<String, pb::TopUpStreamResponse> = answers
        .map_ok(|a| (a.reference.clone(), a))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(answers.len(), lines.len());
    let error = |reference: &str| match answers[reference].result.clone().unwrap() {
        Line::Error(error) => (error.status, error.error.unwrap().code),
        other @ (Line::Receipt(_) | Line::Suspended(_)) => panic!("{other:?}"),
    };
    assert_eq!(
        error("small"),
        (
            i32::from(Code::FailedPrecondition),
            "TOP_UP_BELOW_MINIMUM".to_owned()
        )
    );
    assert_eq!(
        error("nobody"),
        (
            i32::from(Code::FailedPrecondition),
            "UNKNOWN_METER".to_owned()
        )
    );
    assert_eq!(
        error("bad"),
        (
            i32::from(Code::InvalidArgument),
            "FIELD_MALFORMED".to_owned()
        )
    );
    let again = channel
        .payments()
        .top_up_stream(stream::iter(lines))
        .await
        .unwrap()
        .into_inner();
    let again: Vec<pb::TopUpStreamResponse> = again.try_collect().await.unwrap();
    for answer in &again {
        let malformed = answer.reference == "bad";
        assert!(
            malformed || answer.result == answers[&answer.reference].result,
            "{answer:?}"
        );
    }
    let token = again
        .iter()
        .find(|a| !a.token.is_empty())
        .unwrap()
        .token
        .clone();
    let ask = pb::GetBalanceRequest {
        account: by_account(&account_id),
        at_least: token,
    };
    let balance = world
        .client("office")
        .await
        .queries()
        .get_balance(ask)
        .await
        .unwrap()
        .into_inner();
    assert!(
        balance.wallets.iter().any(|wallet| wallet.credit == "6000"),
        "{balance:?}"
    );
}

#[tokio::test]
async fn a_line_that_states_its_time_is_received_then() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await.at(hours(1));
    let dated = pb::TopUpStreamRequest {
        received_at: instant(hours(3)),
        ..line("r-2", "E0000001", "2")
    };
    let lines = stream::iter([line("r-1", "W0000001", "2"), dated]);
    let answers = channel
        .payments()
        .top_up_stream(lines)
        .await
        .unwrap()
        .into_inner();
    let answers: Vec<pb::TopUpStreamResponse> = answers.try_collect().await.unwrap();
    for answer in answers {
        let Some(Line::Receipt(receipt)) = answer.result else {
            panic!("{answer:?}")
        };
        let at = if answer.reference == "r-1" {
            hours(1)
        } else {
            hours(3)
        };
        assert_eq!(receipt.at, instant(at));
    }
}

#[tokio::test]
async fn what_cannot_be_taken_ends_a_stream_after_what_is_under_way() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let lines = vec![
        line("r-1", "E0000001", "2"),
        line("r-2", &"E".repeat(100_000), "2"),
    ];
    let answers = channel
        .payments()
        .top_up_stream(stream::iter(lines))
        .await
        .unwrap()
        .into_inner();
    let answers: Vec<Result<pb::TopUpStreamResponse, tonic::Status>> = answers.collect().await;
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(
        matches!(&answers[0], Ok(a) if a.reference == "r-1" && matches!(a.result, Some(Line::Receipt(_))))
    );
    let status = answers[1].as_ref().unwrap_err();
    assert_eq!(
        (status.code(), reason_of(status).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
}

#[tokio::test]
async fn a_stream_that_outlives_its_deadline_ends_with_it() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let (send, receive) = mpsc::channel(4);
    let mut request = Request::new(ReceiverStream::new(receive));
    request
        .metadata_mut()
        .insert("grpc-timeout", "400m".parse().unwrap());
    let mut answers = channel
        .payments()
        .top_up_stream(request)
        .await
        .unwrap()
        .into_inner();
    send.send(line("r-1", "E0000001", "2")).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().reference, "r-1");
    let status = answers.next().await.unwrap().unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    );
}

#[tokio::test]
async fn a_stream_that_the_server_takes_no_more_lines_of_says_so_at_its_end() {
    let mut world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let (send, receive) = mpsc::channel(4);
    let mut answers = channel
        .payments()
        .top_up_stream(ReceiverStream::new(receive))
        .await
        .unwrap()
        .into_inner();
    send.send(line("r-1", "E0000001", "2")).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().reference, "r-1");
    world.stop();
    let end = tokio::time::timeout(Duration::from_secs(5), answers.next())
        .await
        .unwrap();
    let status = end.unwrap().unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::Unavailable, "STOPPED"),
        "an end without a word would pass for the end of the sender's own lines"
    );
}
