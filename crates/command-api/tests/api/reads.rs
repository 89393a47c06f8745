//! The reads: one consistent state, one's own writes in it, and a channel kept to what is its own.

use command_api::pb;
use futures::TryStreamExt;
use ledger_core::command::Reading;
use ledger_core::ids::{Actor, MeterNumber};
use ledger_core::num::Quantity;
use ledger_service::Delivery;
use tonic::Code;

use crate::harness::{World, by_account, by_meter, hours, instant, reason_of, top_up};

async fn read_meter(world: &World, seq: u64, meter: &str, hour: i64, value: &str) {
    let reading = Reading {
        meter: MeterNumber::parse(meter).unwrap(),
        register: None,
        read_at: hours(hour),
        value: Quantity::parse(value).unwrap(),
    };
    let delivery = Delivery {
        seq,
        received_at: hours(hour),
        readings: vec![reading],
    };
    let outcomes = world
        .ledger
        .record_readings(&Actor::parse("gw1").unwrap(), vec![delivery])
        .await;
    outcomes
        .into_iter()
        .for_each(|outcome| drop(outcome.unwrap()));
}

#[tokio::test]
async fn a_caller_reads_its_own_write_by_its_token() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let channel = world.client("incomm").await;
    let staff = world.client("office").await;
    for n in 1..=20 {
        let paid = channel
            .payments()
            .top_up(top_up(&format!("r-{n}"), "E0000001", "2.00"))
            .await
            .unwrap();
        let ask = pb::GetBalanceRequest {
            account: by_meter("E0000001"),
            at_least: paid.into_inner().token,
        };
        let balance = staff.queries().get_balance(ask).await.unwrap().into_inner();
        assert_eq!(balance.account_id, account_id);
        let wallet = balance
            .wallets
            .iter()
            .find(|w| w.utility() == pb::Utility::Electricity)
            .unwrap();
        assert_eq!(
            (wallet.credit.as_str(), wallet.top_ups),
            ((2 * n).to_string().as_str(), n)
        );
    }
}

#[tokio::test]
async fn c14_a_channel_sees_its_own_receipts_and_settlement_only() {
    let world = World::start().await;
    world.household(1).await;
    let (incomm, bank) = (world.client("incomm").await, world.client("bank").await);
    incomm
        .payments()
        .top_up(top_up("i-1", "E0000001", "5.00"))
        .await
        .unwrap();
    let token = bank
        .payments()
        .top_up(top_up("b-1", "E0000001", "7.00"))
        .await
        .unwrap()
        .into_inner()
        .token;
    let ask = pb::ListReceiptsRequest {
        at_least: token.clone(),
        ..Default::default()
    };
    let seen = incomm
        .queries()
        .list_receipts(ask.clone())
        .await
        .unwrap()
        .into_inner()
        .receipts;
    let references: Vec<String> = seen
        .into_iter()
        .map(|r| r.receipt.unwrap().reference)
        .collect();
    assert_eq!(references, ["i-1"]);
    let by_number = pb::ListReceiptsRequest {
        reference: "b-1".to_owned(),
        ..ask.clone()
    };
    assert_eq!(
        incomm
            .queries()
            .list_receipts(by_number)
            .await
            .unwrap()
            .into_inner()
            .receipts
            .len(),
        0
    );
    let others = pb::ListReceiptsRequest {
        channel: "bank".to_owned(),
        ..ask.clone()
    };
    let status = incomm.queries().list_receipts(others).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::PermissionDenied, "OTHER_CHANNEL")
    );
    let staff = world.client("office").await;
    assert_eq!(
        staff
            .queries()
            .list_receipts(ask)
            .await
            .unwrap()
            .into_inner()
            .receipts
            .len(),
        2
    );
    let day = |channel: &str| pb::GetSettlementRequest {
        channel: channel.to_owned(),
        date: "2025-11-03".to_owned(),
        at_least: token.clone(),
        ..Default::default()
    };
    let own = incomm
        .queries()
        .get_settlement(day(""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (own.total.as_str(), own.posted.as_str(), own.ties, own.count),
        ("5", "5", true, 1)
    );
    assert_eq!(own.lines[0].reference, "i-1");
    let status = incomm
        .queries()
        .get_settlement(day("bank"))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&status), "OTHER_CHANNEL");
    let slip = staff.queries().get_settlement(day("incom")).await;
    assert_eq!(
        slip.unwrap_err().code(),
        Code::NotFound,
        "a slip of the pen is not a day without takings"
    );
    let status = incomm
        .suspense()
        .list_suspense(suspense_of("bank"))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&status), "OTHER_CHANNEL");
}

fn suspense_of(channel: &str) -> pb::ListSuspenseRequest {
    pb::ListSuspenseRequest {
        channel: channel.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn statement_and_receipts_come_in_pages_without_gaps() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let channel = world.client("incomm").await;
    let mut token = String::new();
    for n in 1..=7 {
        let paid = channel
            .payments()
            .top_up(top_up(&format!("r-{n}"), "E0000001", "2.00"))
            .await
            .unwrap();
        token = paid.into_inner().token;
    }
    let staff = world.client("office").await;
    let (mut balances, mut page_token) = (Vec::new(), String::new());
    loop {
        let ask = pb::GetStatementRequest {
            account: by_account(&account_id),
            book: pb::Book::Electricity.into(),
            page_size: 3,
            page_token,
            at_least: token.clone(),
            ..Default::default()
        };
        let page = staff
            .queries()
            .get_statement(ask)
            .await
            .unwrap()
            .into_inner();
        balances.extend(page.lines.into_iter().map(|line| line.balance));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(balances, ["2", "4", "6", "8", "10", "12", "14"]);
}

#[tokio::test]
async fn u18_consumption_is_told_by_day_and_month() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap();
    for (seq, value) in [(1, "101.5"), (2, "103"), (3, "103.25")] {
        read_meter(&world, seq, "E0000001", i64::try_from(seq).unwrap(), value).await;
    }
    let analyst = world.client("reports").await;
    let totals = loop {
        let totals = analyst
            .queries()
            .get_totals(pb::GetTotalsRequest::default())
            .await
            .unwrap()
            .into_inner();
        if totals.utilities.iter().any(|u| u.readings_accepted == 3) {
            break totals;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(totals.accounts, 1);
    let meter = "E0000001".to_owned();
    let (from_date, to_date) = ("2025-11-01".to_owned(), "2025-11-30".to_owned());
    let ask = pb::GetDailyConsumptionRequest {
        meter: meter.clone(),
        from_date: from_date.clone(),
        to_date: to_date.clone(),
        at_least: totals.token.clone(),
    };
    let days = analyst
        .queries()
        .get_daily_consumption(ask)
        .await
        .unwrap()
        .into_inner()
        .days;
    assert_eq!(days.len(), 1);
    assert_eq!(
        (days[0].date.as_str(), days[0].quantity.as_str()),
        ("2025-11-03", "3.25")
    );
    assert_eq!((days[0].charge.as_str(), days[0].readings), ("0.0325", 3));
    let ask = pb::GetMonthlyConsumptionRequest {
        meter: meter.clone(),
        from_month: "2025-11".to_owned(),
        to_month: "2025-11".to_owned(),
        at_least: String::new(),
    };
    let months = analyst
        .queries()
        .get_monthly_consumption(ask)
        .await
        .unwrap()
        .into_inner()
        .months;
    assert_eq!((months.len(), months[0].quantity.as_str()), (1, "3.25"));
    let stranger = pb::GetMonthlyConsumptionRequest {
        meter: "E9999999".to_owned(),
        from_month: "2025-11".to_owned(),
        to_month: "2025-11".to_owned(),
        at_least: String::new(),
    };
    let status = analyst
        .queries()
        .get_monthly_consumption(stranger)
        .await
        .unwrap_err();
    assert_eq!(reason_of(&status), "NOT_FOUND");
    let ask = pb::GetCompletenessRequest {
        meter,
        from_date,
        to_date,
        at_least: String::new(),
    };
    let complete = analyst
        .queries()
        .get_completeness(ask)
        .await
        .unwrap()
        .into_inner()
        .days;
    assert!(
        complete.iter().any(|d| d.readings == 3 && d.expected == 24),
        "{complete:?}"
    );
}

#[tokio::test]
async fn c9_a_quarantined_reading_is_on_the_list_of_exceptions() {
    let world = World::start().await;
    world.household(1).await;
    read_meter(&world, 1, "E0000001", 1, "9000").await;
    let operator = world.client("runner").await;
    let ask = pb::ListExceptionsRequest {
        kind: "quarantined".to_owned(),
        meter: "E0000001".to_owned(),
        open_only: true,
        ..Default::default()
    };
    let found = loop {
        let page = operator
            .queries()
            .list_exceptions(ask.clone())
            .await
            .unwrap()
            .into_inner();
        if let Some(found) = page.exceptions.into_iter().next() {
            break found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(
        (found.why.as_str(), found.last_value.as_str()),
        ("flow", "9000")
    );
    assert_eq!(found.from, instant(hours(1)));
}

#[tokio::test]
async fn c1_the_history_of_an_account_is_its_events_as_stored() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let channel = world.client("incomm").await;
    for n in 0..300 {
        channel
            .payments()
            .top_up(top_up(&format!("r-{n}"), "E0000001", "2.00"))
            .await
            .unwrap();
    }
    let operator = world.client("runner").await;
    let ask = pb::ReadHistoryRequest {
        account: by_account(&account_id),
        from_revision: 0,
        limit: 0,
    };
    let events = operator
        .queries()
        .read_history(ask.clone())
        .await
        .unwrap()
        .into_inner();
    let events: Vec<pb::ReadHistoryResponse> = events.try_collect().await.unwrap();
    assert!(
        events.len() >= 305,
        "more than one page of {}",
        events.len()
    );
    assert_eq!(events[0].kind, "account-opened.v1");
    for (revision, event) in (0..).zip(&events) {
        assert_eq!(event.revision, revision);
        let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
        let meta: serde_json::Value = serde_json::from_str(&event.metadata).unwrap();
        assert!(data.is_object() && meta["at"].is_string(), "{event:?}");
    }
    assert!(
        events
            .windows(2)
            .all(|pair| pair[0].position < pair[1].position)
    );
    let ask = pb::ReadHistoryRequest {
        from_revision: 4,
        limit: 2,
        ..ask
    };
    let two = operator
        .queries()
        .read_history(ask)
        .await
        .unwrap()
        .into_inner();
    let two: Vec<u64> = two
        .map_ok(|event| event.revision)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(two, [4, 5]);
}

#[tokio::test]
async fn c2_the_trial_balance_is_zero_and_the_control_accounts_tie() {
    let world = World::start().await;
    world.household(1).await;
    let channel = world.client("incomm").await;
    let token = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap()
        .into_inner()
        .token;
    let operator = world.client("runner").await;
    let ask = pb::GetTrialBalanceRequest { at_least: token };
    let trial = operator
        .queries()
        .get_trial_balance(ask)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (trial.debit.as_str(), trial.credit.as_str(), trial.balanced),
        ("5", "5", true)
    );
    assert!(
        !trial.controls.is_empty()
            && trial
                .controls
                .iter()
                .all(|control| control.difference == "0")
    );
}

#[tokio::test]
async fn a_read_of_what_does_not_exist_is_not_found() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let mut queries = staff.queries();
    let account = || by_account("nobody");
    let balance = queries.get_balance(pb::GetBalanceRequest {
        account: account(),
        at_least: String::new(),
    });
    assert_eq!(balance.await.unwrap_err().code(), Code::NotFound);
    let balance = pb::GetBalanceRequest {
        account: by_meter("E0000001"),
        at_least: String::new(),
    };
    assert_eq!(
        queries.get_balance(balance).await.unwrap_err().code(),
        Code::NotFound
    );
    let statement = pb::GetStatementRequest {
        account: account(),
        ..Default::default()
    };
    assert_eq!(
        queries.get_statement(statement).await.unwrap_err().code(),
        Code::NotFound
    );
    let history = pb::ReadHistoryRequest {
        account: account(),
        ..Default::default()
    };
    let status = queries.read_history(history).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::NotFound, "NOT_FOUND")
    );
}

#[tokio::test]
async fn the_catalogue_of_errors_is_the_committed_page() {
    let world = World::start().await;
    let channel = world.client("incomm").await;
    let catalogue = channel
        .queries()
        .error_catalogue(pb::ErrorCatalogueRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(catalogue.entries, command_api::catalogue::entries());
}

#[tokio::test]
async fn k5_receipts_and_settlements_say_how_the_channels_money_came_in() {
    let world = World::start().await;
    world.household(1).await;
    for (channel, kind) in [("bank", "mobile-money"), ("incomm", "")] {
        let client = world.client(channel).await;
        let paid = client
            .payments()
            .top_up(top_up("r-1", "E0000001", "5"))
            .await;
        let token = paid.unwrap().into_inner().token;
        let request = pb::GetSettlementRequest {
            date: "2025-11-03".to_owned(),
            at_least: token.clone(),
            ..Default::default()
        };
        let settlement = client.queries().get_settlement(request).await.unwrap();
        assert_eq!(settlement.into_inner().channel_kind, kind);
        let request = pb::ListReceiptsRequest {
            at_least: token,
            ..Default::default()
        };
        let receipts = client.queries().list_receipts(request).await.unwrap();
        assert_eq!(receipts.into_inner().receipts[0].channel_kind, kind);
    }
}

#[tokio::test]
async fn an_account_that_was_just_opened_is_found_without_a_token() {
    let world = World::start().await;
    let staff = world.client("office").await;
    for n in 1..=20 {
        let account_id = world.household(n).await;
        let ask = pb::GetAccountRequest {
            account: Some(pb::AccountOrMeter {
                by: Some(pb::account_or_meter::By::AccountId(account_id)),
            }),
            ..Default::default()
        };
        staff.queries().get_account(ask).await.unwrap();
    }
}
