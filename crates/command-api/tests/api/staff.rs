//! Accounts, meters, debt and supply, as staff act on them.

use command_api::pb;
use tonic::Code;

use crate::harness::{
    World, by_account, by_meter, hours, info_of, instant, reason_of, receipt_of, top_up,
};

fn last(meter: &str, value: &str) -> Option<pb::FinalReading> {
    Some(pb::FinalReading {
        meter: meter.to_owned(),
        value: value.to_owned(),
        force_reason: String::new(),
    })
}

#[tokio::test]
async fn c5_a_meter_is_installed_exchanged_and_removed() {
    let world = World::start().await;
    world.household(1).await;
    world.household(2).await;
    let staff = world.client("office").await.at(hours(24));
    let exchange = pb::ExchangeMeterRequest {
        reference: "x-1".to_owned(),
        old: last("E0000001", "110"),
        new_meter: "E0000011".to_owned(),
        register: Some(pb::Register {
            id: "1".to_owned(),
            digits: 6,
            interval_minutes: 60,
        }),
        exchanged_at: instant(hours(24)),
        first_value: "0".to_owned(),
    };
    let outcome = staff
        .meters()
        .exchange_meter(exchange.clone())
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap();
    assert_eq!(
        (outcome.account_id.as_str(), outcome.duplicate),
        ("A1", false)
    );
    let again = staff
        .meters()
        .exchange_meter(exchange)
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap();
    assert!(again.duplicate);
    let install = pb::InstallMeterRequest {
        reference: "i-9".to_owned(),
        account_id: "A2".to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: "E0000011".to_owned(),
        register: None,
        installed_at: instant(hours(24)),
        first_value: "0".to_owned(),
    };
    let status = staff.meters().install_meter(install).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        ["METER_TAKEN", "UTILITY_HAS_METER"].contains(&reason_of(&status).as_str()),
        "{status:?}"
    );
    let remove = pb::RemoveMeterRequest {
        reference: "rm-1".to_owned(),
        last: last("E0000011", "5"),
        removed_at: instant(hours(25)),
    };
    let token = staff
        .at(hours(25))
        .meters()
        .remove_meter(remove)
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap()
        .token;
    let ask = pb::ListMeterHoldersRequest {
        meter: "E0000011".to_owned(),
        at_least: token,
    };
    let holders = staff
        .queries()
        .list_meter_holders(ask)
        .await
        .unwrap()
        .into_inner()
        .holders;
    assert_eq!(holders.len(), 1);
    assert_eq!(holders[0].removed_at, instant(hours(25)));
    let resolve = pb::ResolveMeterRequest {
        reference: "rs-1".to_owned(),
        meter: "W0000001".to_owned(),
        how: Some(pb::resolve_meter_request::How::Discard(
            pb::DiscardResolution {},
        )),
    };
    let status = staff.meters().resolve_meter(resolve).await.unwrap_err();
    assert_eq!(reason_of(&status), "NOTHING_QUARANTINED");
}

#[tokio::test]
async fn u13_a_debt_due_shuts_the_gate_until_it_is_paid() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let staff = world.client("office").await;
    let agree = pb::AgreeDebtRequest {
        reference: "d-1".to_owned(),
        account_id: account_id.clone(),
        utility: pb::Utility::Water.into(),
        principal: "100".to_owned(),
        instalment: "25.00".to_owned(),
        start_month: "2025-11".to_owned(),
    };
    staff.debt().agree_debt(agree).await.unwrap();
    let channel = world.client("incomm").await;
    let status = channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::FailedPrecondition, "INSTALMENT_DUE")
    );
    assert_eq!(info_of(&status).metadata["due"], "25");
    let pay = pb::PayDebtRequest {
        reference: "p-1".to_owned(),
        payee: by_meter("W0000001"),
        amount: "25".to_owned(),
        money: pb::MoneyState::NotTaken.into(),
    };
    let paid = channel.debt().pay_debt(pay).await.unwrap().into_inner();
    let Some(pb::pay_debt_response::Result::Receipt(receipt)) = paid.result else {
        panic!("{paid:?}")
    };
    assert_eq!(
        (receipt.kind(), receipt.balance.as_str()),
        (pb::ReceiptKind::Debt, "75")
    );
    let opened = channel
        .payments()
        .top_up(top_up("r-2", "E0000001", "5.00"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(receipt_of(&opened).balance, "5");
    let reschedule = pb::RescheduleDebtRequest {
        reference: "rs-1".to_owned(),
        account_id: account_id.clone(),
        instalment: "15".to_owned(),
        start_month: "2025-12".to_owned(),
    };
    let token = staff
        .debt()
        .reschedule_debt(reschedule)
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap()
        .token;
    let ask = pb::GetDebtRequest {
        account: by_account(&account_id),
        at_least: token,
    };
    let debt = staff
        .debt()
        .get_debt(ask)
        .await
        .unwrap()
        .into_inner()
        .debt
        .unwrap();
    assert_eq!(
        (debt.balance.as_str(), debt.due.as_str(), debt.months_left),
        ("75", "0", 5)
    );
    assert_eq!(
        (debt.month.as_str(), debt.plan_start_month.as_str()),
        ("2025-11", "2025-12")
    );
}

#[tokio::test]
async fn c20_supply_is_ordered_until_the_meter_confirms() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let channel = world.client("incomm").await;
    channel
        .payments()
        .top_up(top_up("r-1", "E0000001", "5.00"))
        .await
        .unwrap();
    let staff = world.client("office").await;
    let meter = "E0000001".to_owned();
    let off = pb::DisconnectRequest {
        reference: "off-1".to_owned(),
        meter: meter.clone(),
    };
    let token = staff
        .supply()
        .disconnect(off)
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap()
        .token;
    let list = pb::ListUnconfirmedOrdersRequest {
        at_least: token,
        ..Default::default()
    };
    let waiting = staff
        .supply()
        .list_unconfirmed_orders(list)
        .await
        .unwrap()
        .into_inner()
        .orders;
    let order = waiting
        .iter()
        .find(|o| o.supply.as_ref().unwrap().meter == meter)
        .unwrap()
        .supply
        .clone()
        .unwrap();
    assert_eq!((order.on, order.reason.as_str()), (false, "staff"));
    let confirm = |order: u32| pb::ConfirmOrderRequest {
        meter: meter.clone(),
        order,
        acted_at: instant(hours(0)),
    };
    staff
        .supply()
        .confirm_order(confirm(order.order))
        .await
        .unwrap();
    let on = pb::ReconnectRequest {
        reference: "on-1".to_owned(),
        meter: meter.clone(),
    };
    let token = staff
        .supply()
        .reconnect(on)
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap()
        .token;
    let status = staff
        .supply()
        .confirm_order(confirm(order.order))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&status), "ORDER_SUPERSEDED");
    let ask = pb::GetSupplyRequest {
        account: by_account(&account_id),
        at_least: token,
    };
    let supplies = staff
        .supply()
        .get_supply(ask)
        .await
        .unwrap()
        .into_inner()
        .supplies;
    let electricity = supplies
        .iter()
        .find(|s| s.utility() == pb::Utility::Electricity)
        .unwrap();
    assert!(electricity.on && electricity.unconfirmed);
    assert_eq!(
        (electricity.disconnections, electricity.reconnections),
        (1, 1)
    );
}

#[tokio::test]
async fn c16_an_account_is_closed_once_and_its_credit_paid_out() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let staff = world.client("office").await;
    let enter = pb::EnterLegacyCreditRequest {
        reference: "lc-1".to_owned(),
        account_id: account_id.clone(),
        utility: pb::Utility::Water.into(),
        amount: "7.50".to_owned(),
        from: "old-account-3".to_owned(),
    };
    staff.accounts().enter_legacy_credit(enter).await.unwrap();
    let close = pb::CloseAccountRequest {
        reference: "close-1".to_owned(),
        account_id: account_id.clone(),
        final_readings: [last("E0000001", "100"), last("W0000001", "100")]
            .into_iter()
            .flatten()
            .collect(),
        credit_to: Some(pb::close_account_request::CreditTo::PayOutBy(
            "incomm".to_owned(),
        )),
    };
    let later = staff.at(hours(2));
    let closed = later
        .accounts()
        .close_account(close.clone())
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap();
    let again = later
        .accounts()
        .close_account(close)
        .await
        .unwrap()
        .into_inner()
        .outcome
        .unwrap();
    assert!(again.duplicate);
    assert_eq!(again.account_id, closed.account_id);
    let ask = pb::GetAccountRequest {
        account: by_account(&account_id),
        at_least: closed.token.clone(),
    };
    let account = staff.queries().get_account(ask).await.unwrap().into_inner();
    assert!(account.closed_at.is_some());
    assert!(
        account.wallets.iter().all(|wallet| wallet.credit == "0"),
        "{:?}",
        account.wallets
    );
    let day = pb::GetSettlementRequest {
        channel: "incomm".to_owned(),
        date: "2025-11-03".to_owned(),
        at_least: closed.token,
        ..Default::default()
    };
    let settlement = staff
        .queries()
        .get_settlement(day)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((settlement.total.as_str(), settlement.ties), ("-7.5", true));
}
