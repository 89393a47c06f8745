//! Credit of older systems, responsibility for payments, and swaps, as staff see them over gRPC.

use command_api::pb;

use crate::harness::{World, by_account, hours, instant, reason_of};

fn register(reference: &str, account_id: &str, old: &str) -> pb::RegisterLegacyCreditRequest {
    use pb::register_legacy_credit_request::Balance;
    pb::RegisterLegacyCreditRequest {
        reference: reference.to_owned(),
        account_id: account_id.to_owned(),
        utility: pb::Utility::Water.into(),
        old_account: old.to_owned(),
        balance: Some(Balance::Amount("8.40".to_owned())),
        photo: String::new(),
        refund: true,
    }
}

async fn listed(
    world: &World,
    at: i64,
    request: pb::ListLegacyCreditsRequest,
) -> Vec<pb::LegacyCredit> {
    let reader = world.client("reports").await.at(hours(at));
    let answer = reader.legacy().list_legacy_credits(request).await;
    answer.unwrap().into_inner().credits
}

#[tokio::test]
async fn u11_old_credit_is_pending_then_overdue_until_it_is_refunded_and_settled_with_the_channel()
{
    let world = World::start().await;
    let account_id = world.household(1).await;
    let staff = world.client("office").await;
    let answer = staff
        .legacy()
        .register_legacy_credit(register("l-1", &account_id, "old-1"))
        .await;
    let token = answer.unwrap().into_inner().outcome.unwrap().token;
    let pending = pb::ListLegacyCreditsRequest {
        state: "pending".to_owned(),
        at_least: token,
        ..Default::default()
    };
    let rows = listed(&world, 1, pending.clone()).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].due.as_str(), rows[0].overdue),
        ("2026-05-03", false)
    );
    assert_eq!((rows[0].amount.as_str(), rows[0].refund), ("8.4", true));
    let overdue = pb::ListLegacyCreditsRequest {
        overdue_only: true,
        ..pending.clone()
    };
    assert!(listed(&world, 24 * 181, overdue.clone()).await.is_empty());
    assert_eq!(
        listed(&world, 24 * 182, overdue).await.len(),
        1,
        "overdue from the local day after the term"
    );
    let refund = pb::RefundLegacyCreditRequest {
        reference: "l-2".to_owned(),
        account_id: account_id.clone(),
        utility: pb::Utility::Water.into(),
        old_account: "old-1".to_owned(),
        pay_out_by: "bank".to_owned(),
    };
    let staff = staff.at(hours(2));
    let answer = staff.legacy().refund_legacy_credit(refund.clone()).await;
    let token = answer.unwrap().into_inner().outcome.unwrap().token;
    let settlement = pb::GetSettlementRequest {
        channel: "bank".to_owned(),
        date: "2025-11-03".to_owned(),
        at_least: token.clone(),
        ..Default::default()
    };
    let settlement = staff.queries().get_settlement(settlement).await.unwrap();
    let settlement = settlement.into_inner();
    assert!(settlement.ties);
    assert_eq!(settlement.total, "-8.4");
    let all = pb::ListLegacyCreditsRequest {
        at_least: token,
        ..Default::default()
    };
    let rows = listed(&world, 3, all).await;
    assert_eq!(
        (rows[0].state.as_str(), rows[0].settled.as_str()),
        ("refunded", "8.4")
    );
    let again = pb::RefundLegacyCreditRequest {
        reference: "l-3".to_owned(),
        ..refund
    };
    let status = staff
        .legacy()
        .refund_legacy_credit(again)
        .await
        .unwrap_err();
    assert_eq!(reason_of(&status), "LEGACY_CREDIT_SETTLED");
}

#[tokio::test]
async fn u17_the_person_responsible_is_changed_by_staff_and_shown_by_reference() {
    let world = World::start().await;
    let account_id = world.household(1).await;
    let staff = world.client("office").await;
    let change = pb::ChangePaymentResponsibleRequest {
        reference: "p-1".to_owned(),
        account_id: account_id.clone(),
        role: pb::ResponsibleAs::Tenant.into(),
        person: "person-8".to_owned(),
        documents: vec!["ic-front".to_owned(), "ic-back".to_owned()],
    };
    let channel = world.client("incomm").await;
    let refused = channel
        .accounts()
        .change_payment_responsible(change.clone())
        .await;
    assert_eq!(reason_of(&refused.unwrap_err()), "ROLE_MISSING");
    let answer = staff.accounts().change_payment_responsible(change).await;
    let token = answer.unwrap().into_inner().outcome.unwrap().token;
    let ask = pb::GetAccountRequest {
        account: by_account(&account_id),
        at_least: token,
    };
    let account = staff.queries().get_account(ask).await.unwrap().into_inner();
    assert_eq!(account.customer, "person-8");
}

#[tokio::test]
async fn u16_a_swap_goes_from_issue_to_goods_return_over_the_wire() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let open = pb::OpenAccountRequest {
        reference: "open-9".to_owned(),
        account_id: "A9".to_owned(),
        class: "residential".to_owned(),
        dwelling_units: 1,
        ..Default::default()
    };
    staff.accounts().open_account(open).await.unwrap();
    let order = || "WO-1".to_owned();
    let issue = pb::IssueWorkOrderRequest {
        reference: "w-1".to_owned(),
        work_order: order(),
        account_id: "A9".to_owned(),
        utility: pb::Utility::Electricity.into(),
        paid_before: pb::PaidBefore::Postpaid.into(),
        old_account: "old-9".to_owned(),
        old_meter: "M-9".to_owned(),
        installer: String::new(),
    };
    let mut orders = staff.work_orders();
    orders.issue_work_order(issue).await.unwrap();
    let appoint = |at| pb::AppointInstallationRequest {
        reference: format!("w-2-{at}"),
        work_order: order(),
        at: instant(hours(at)),
    };
    // The world begins on a Monday at eight: 144 hours later is a Sunday.
    let sunday = orders.appoint_installation(appoint(144)).await.unwrap_err();
    assert_eq!(reason_of(&sunday), "NO_INSTALLATION_DAY");
    orders.appoint_installation(appoint(24)).await.unwrap();
    let late = staff.at(hours(1));
    let moved = pb::MoveAppointmentRequest {
        reference: "w-3".to_owned(),
        work_order: order(),
        at: instant(hours(48)),
    };
    let short = late
        .work_orders()
        .move_appointment(moved)
        .await
        .unwrap_err();
    assert_eq!(reason_of(&short), "NOTICE_TOO_SHORT");
    let there = staff.at(hours(24));
    let mut orders = there.work_orders();
    let read = pb::ReadOldMeterRequest {
        reference: "w-4".to_owned(),
        work_order: order(),
        read_at: instant(hours(24)),
        value: "48211.4".to_owned(),
        credit: None,
        photo: "photo-9".to_owned(),
    };
    orders.read_old_meter(read).await.unwrap();
    let install = pb::InstallNewMeterRequest {
        reference: "w-5".to_owned(),
        work_order: order(),
        meter: "E0000009".to_owned(),
        register: None,
        installed_at: instant(hours(24)),
        first_value: "0".to_owned(),
    };
    orders.install_new_meter(install).await.unwrap();
    let activate = pb::ActivateNewMeterRequest {
        reference: "w-6".to_owned(),
        work_order: order(),
    };
    orders.activate_new_meter(activate).await.unwrap();
    let settle = pb::SettleOldAccountRequest {
        reference: "w-7".to_owned(),
        work_order: order(),
        final_bill: "bill-9".to_owned(),
        refund: false,
        debt: None,
    };
    orders.settle_old_account(settle).await.unwrap();
    let back = pb::ReturnOldMeterRequest {
        reference: "w-8".to_owned(),
        work_order: order(),
        document: "grf-1".to_owned(),
    };
    let answer = orders.return_old_meter(back).await.unwrap().into_inner();
    let list = pb::ListWorkOrdersRequest {
        account_id: "A9".to_owned(),
        at_least: answer.outcome.unwrap().token,
        ..Default::default()
    };
    let rows = orders.list_work_orders(list).await.unwrap().into_inner();
    let row = &rows.work_orders[0];
    assert_eq!(
        (row.stage.as_str(), row.meter.as_str()),
        ("returned", "E0000009")
    );
    assert_eq!(row.appointment_day, "2025-11-04");
}
