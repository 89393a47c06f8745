//! K1 over gRPC: one by one and as a stream, and reads by any number.

use std::collections::BTreeMap;

use command_api::pb;
use command_api::pb::renumber_accounts_response::Result as Line;
use futures::{TryStreamExt, stream};

use crate::harness::{World, by_account, reason_of, top_up};

fn renumber(reference: &str, old: &str, new: &str) -> pb::RenumberAccountRequest {
    pb::RenumberAccountRequest {
        reference: reference.to_owned(),
        account_id: old.to_owned(),
        new_number: new.to_owned(),
    }
}

#[tokio::test]
async fn k1_an_account_is_read_by_every_number_it_has_or_had() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let staff = world.client("office").await;
    let paid = world.client("incomm").await.payments();
    let paid = { paid }.top_up(top_up("t-1", "E0000001", "10")).await;
    paid.unwrap();
    let done = staff
        .accounts()
        .renumber_account(renumber("n-1", &account_id, "22-1"))
        .await;
    let token = done.unwrap().into_inner().outcome.unwrap().token;
    for number in [account_id.as_str(), "22-1"] {
        let request = pb::GetAccountRequest {
            account: by_account(number),
            at_least: token.clone(),
        };
        let account = staff
            .queries()
            .get_account(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(account.account_id, account_id);
        assert_eq!(account.number, "22-1");
        assert_eq!(account.former_numbers, std::slice::from_ref(&account_id));
        let request = pb::ListReceiptsRequest {
            account_id: number.to_owned(),
            at_least: token.clone(),
            ..Default::default()
        };
        let receipts = staff.queries().list_receipts(request).await.unwrap();
        assert_eq!(receipts.into_inner().receipts.len(), 1, "{number}");
    }
    let open = pb::OpenAccountRequest {
        reference: "o-1".to_owned(),
        account_id: "22-1".to_owned(),
        class: "residential".to_owned(),
        ..Default::default()
    };
    let refused = staff.accounts().open_account(open).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NUMBER_TAKEN");
}

#[tokio::test]
async fn k1_every_line_of_a_list_of_numbers_is_answered_and_a_number_is_given_once() {
    let world = World::start().await;
    let first = world.household(1).await;
    let second = world.household(2).await;
    let line = |reference: &str, old: &str, new: &str| pb::RenumberAccountsRequest {
        reference: reference.to_owned(),
        account_id: old.to_owned(),
        new_number: new.to_owned(),
    };
    let staff = world.client("office").await;
    let lines = [
        line("n-1", &first, "22-1"),
        line("n-2", "nobody", "22-2"),
        line("n-3", &second, "a b"),
        line("n-4", &second, &first),
    ];
    let answers = staff
        .accounts()
        .renumber_accounts(stream::iter(lines))
        .await;
    let answers: Vec<pb::RenumberAccountsResponse> =
        answers.unwrap().into_inner().try_collect().await.unwrap();
    let told: BTreeMap<String, String> = answers
        .into_iter()
        .map(|answer| {
            let told = match answer.result.unwrap() {
                Line::Outcome(outcome) => outcome.account_id,
                Line::Error(error) => error.error.unwrap().code,
            };
            (answer.reference, told)
        })
        .collect();
    let told: Vec<&str> = told.values().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            &*first,
            "UNKNOWN_ACCOUNT",
            "FIELD_MALFORMED",
            "NUMBER_TAKEN"
        ]
    );
}
