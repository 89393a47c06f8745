//! Postpaid accounts over a real socket: bills shown and paid, the office's acts, lists, suspense.

use command_api::{Client, pb};
use ledger_core::time::Timestamp;

use crate::harness::{World, by_account, by_meter, info_of, instant, reason_of};

/// A local time of Lakshadweep; the world begins on 3 November 2025.
fn local(text: &str) -> Timestamp {
    Timestamp::parse(&format!("{text}:00+05:30")).unwrap()
}

fn connection(account_id: &str, scheme: &str, class: &str) -> Option<pb::Connection> {
    Some(pb::Connection {
        account_id: account_id.to_owned(),
        scheme: scheme.to_owned(),
        class: class.to_owned(),
        ..Default::default()
    })
}

async fn install(staff: &Client, account_id: &str, meter: &str, at: Timestamp) {
    let install = pb::InstallMeterRequest {
        reference: format!("install-{meter}"),
        account_id: account_id.to_owned(),
        utility: pb::Utility::Electricity.into(),
        meter: meter.to_owned(),
        register: None,
        installed_at: instant(at),
        first_value: "0".to_owned(),
    };
    staff.at(at).meters().install_meter(install).await.unwrap();
}

/// A live consumer `L1` of eBCM with meter `L0001`, its register at zero on 3 November.
async fn consumer(world: &World) -> Client {
    let staff = world.client("office").await;
    let at = local("2025-11-03T08:00");
    let open = pb::OpenConnectionRequest {
        reference: "open-L1".to_owned(),
        connection: connection("L1", "ebcm", "domestic"),
        deposit: "1000.00".to_owned(),
    };
    staff.at(at).billing().open_connection(open).await.unwrap();
    install(&staff, "L1", "L0001", at).await;
    staff
}

fn reading(at: Timestamp, value: &str) -> Option<pb::SelfReading> {
    Some(pb::SelfReading {
        meter: "L0001".to_owned(),
        read_at: instant(at),
        value: value.to_owned(),
    })
}

fn pay(reference: &str, amount: &str, read: Option<pb::SelfReading>) -> pb::PayBillRequest {
    pb::PayBillRequest {
        reference: reference.to_owned(),
        payee: by_account("L1"),
        amount: amount.to_owned(),
        money: pb::MoneyState::NotTaken.into(),
        reading: read,
        protest: String::new(),
    }
}

fn receipt(answer: pb::PayBillResponse) -> pb::Receipt {
    match answer.result.unwrap() {
        pb::pay_bill_response::Result::Receipt(receipt) => receipt,
        pb::pay_bill_response::Result::Suspended(suspended) => panic!("suspended: {suspended:?}"),
    }
}

async fn shown(staff: &Client, at_least: &str) -> pb::Consumer {
    let ask = pb::GetConsumerRequest {
        account: by_account("L1"),
        at_least: at_least.to_owned(),
    };
    let answer = staff.billing().get_consumer(ask).await.unwrap();
    answer.into_inner().consumer.unwrap()
}

#[tokio::test]
async fn e1_a_bill_is_shown_then_paid_and_listed_with_its_lines() {
    let world = World::start().await;
    let staff = consumer(&world).await;
    let at = local("2025-11-20T10:00");
    let bank = world.client("bank").await.at(at);
    let ask = pb::QuoteBillRequest {
        account: by_meter("L0001"),
        reading: reading(at, "150.237"),
    };
    let quote = bank.billing().quote_bill(ask).await.unwrap().into_inner();
    let lines: Vec<(&str, &str, &str)> = quote
        .lines
        .iter()
        .map(|l| (l.text.as_str(), l.price.as_str(), l.amount.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            ("block 1, above 0 to 100", "1", "100"),
            ("block 2, above 100 to 200", "1.5", "75.3555"),
            ("", "", "0.0045"),
        ]
    );
    assert_eq!((quote.amount.as_str(), quote.payable), ("175.36", true));
    assert_eq!(
        (quote.status.as_str(), quote.units.as_str()),
        ("LIVE", "150.237")
    );
    let wrong = bank
        .billing()
        .pay_bill(pay("p-1", "175.35", reading(at, "150.237")))
        .await;
    let wrong = wrong.unwrap_err();
    assert_eq!(reason_of(&wrong), "NOT_THE_BILL");
    assert_eq!(info_of(&wrong).metadata["bill"], "175.36");
    let paid = pay("p-2", "175.36", reading(at, "150.237"));
    let first = bank
        .billing()
        .pay_bill(paid.clone())
        .await
        .unwrap()
        .into_inner();
    let (token, again) = (
        first.token.clone(),
        bank.billing().pay_bill(paid).await.unwrap(),
    );
    assert!(again.get_ref().duplicate);
    let first = receipt(first);
    assert_eq!(
        (first.kind(), first.balance.as_str()),
        (pb::ReceiptKind::Bill, "0")
    );
    assert_eq!(receipt(again.into_inner()), first);
    let consumer = shown(&staff, &token).await;
    assert_eq!(
        (
            consumer.status.as_str(),
            consumer.dues.as_str(),
            consumer.next_close.as_str()
        ),
        ("LIVE", "0", "2025-11")
    );
    assert_eq!(
        (consumer.deposit.as_str(), consumer.connected_on.as_str()),
        ("1000", "2025-11-03")
    );
    let ask = pb::ListBillsRequest {
        account: by_account("L1"),
        at_least: token,
        ..Default::default()
    };
    let bills = staff
        .billing()
        .list_bills(ask)
        .await
        .unwrap()
        .into_inner()
        .bills;
    assert_eq!(
        (bills.len(), bills[0].receipt.as_str()),
        (1, first.number.as_str())
    );
    let lines: Vec<(&str, &str)> = bills[0]
        .lines
        .iter()
        .map(|l| (l.kind.as_str(), l.amount.as_str()))
        .collect();
    assert_eq!(lines, [("consumption", "175.3555"), ("rounding", "0.0045")]);
}

#[tokio::test]
async fn e5_e7_a_belated_consumer_is_listed_cut_pays_in_parts_and_is_connected_by_the_office() {
    let world = World::start().await;
    let staff = consumer(&world).await;
    let bank = world.client("bank").await;
    let november = local("2025-11-20T10:00");
    let paid = pay("p-1", "80", reading(november, "80"));
    bank.at(november).billing().pay_bill(paid).await.unwrap();
    // December stays unpaid; its close acts with the first command of January.
    let january = staff.at(local("2026-01-10T10:00"));
    let cut = |reference: &str| pb::CutConsumerRequest {
        reference: reference.to_owned(),
        account_id: "L1".to_owned(),
        reading: None,
    };
    let early = january
        .billing()
        .cut_consumer(cut("cut-1"))
        .await
        .unwrap_err();
    assert_eq!(
        (
            reason_of(&early).as_str(),
            info_of(&early).metadata["from"].as_str()
        ),
        ("TOO_EARLY", "2026-01-21")
    );
    let listed = pb::ListConsumersRequest {
        set: pb::ConsumerSet::Belated.into(),
        ..Default::default()
    };
    let rows = staff
        .billing()
        .list_consumers(listed)
        .await
        .unwrap()
        .into_inner()
        .consumers;
    assert_eq!((rows.len(), rows[0].status.as_str()), (1, "BLTD"));
    let items: Vec<(&str, &str)> = rows[0]
        .open_items
        .iter()
        .map(|item| (item.month.as_str(), item.kind.as_str()))
        .collect();
    assert_eq!(items, [("2025-12", "estimate"), ("2025-12", "surcharge")]);
    let late = staff.at(local("2026-01-21T10:00"));
    let done = late
        .billing()
        .cut_consumer(cut("cut-2"))
        .await
        .unwrap()
        .into_inner();
    let token = done.outcome.unwrap().token;
    let consumer = shown(&staff, &token).await;
    assert_eq!(consumer.status, "DIS1");
    let connect = pb::ReconnectConsumerRequest {
        reference: "on-1".to_owned(),
        account_id: "L1".to_owned(),
    };
    let owing = late
        .billing()
        .reconnect_consumer(connect.clone())
        .await
        .unwrap_err();
    assert_eq!(reason_of(&owing), "DUES_UNPAID");
    let owed = info_of(&owing).metadata["owed"].clone();
    let counter = bank.at(local("2026-01-28T10:00"));
    receipt(
        counter
            .billing()
            .pay_bill(pay("p-2", "20", None))
            .await
            .unwrap()
            .into_inner(),
    );
    let rest = ledger_core::num::Money::parse(&owed).unwrap()
        - ledger_core::num::Money::parse("20").unwrap();
    let answer = counter
        .billing()
        .pay_bill(pay("p-3", &rest.to_string(), None))
        .await
        .unwrap()
        .into_inner();
    let token = answer.token.clone();
    assert_eq!(receipt(answer).balance, "0");
    assert_eq!(shown(&staff, &token).await.status, "PNR1");
    let connect = pb::ReconnectConsumerRequest {
        reference: "on-2".to_owned(),
        ..connect
    };
    let office = staff.at(local("2026-01-29T10:00"));
    let done = office
        .billing()
        .reconnect_consumer(connect)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        shown(&staff, &done.outcome.unwrap().token).await.status,
        "LIVE"
    );
    let counts = pb::CountConsumersRequest {
        from_month: "2025-11".to_owned(),
        to_month: "2025-12".to_owned(),
        ..Default::default()
    };
    let counts = staff
        .billing()
        .count_consumers(counts)
        .await
        .unwrap()
        .into_inner()
        .counts;
    let told: Vec<(&str, &str, u64)> = counts
        .iter()
        .map(|c| (c.month.as_str(), c.status.as_str(), c.consumers))
        .collect();
    assert_eq!(told, [("2025-11", "LIVE", 1), ("2025-12", "BLTD", 1)]);
    let list = pb::ListBillsRequest {
        account: by_account("L1"),
        ..Default::default()
    };
    let bills = staff
        .billing()
        .list_bills(list)
        .await
        .unwrap()
        .into_inner()
        .bills;
    let kinds: Vec<&str> = bills.iter().map(|bill| bill.kind.as_str()).collect();
    assert_eq!(kinds, ["paid", "paid", "notice", "paid"]);
    assert_eq!(bills[2].due, "2026-01-20");
}

#[tokio::test]
async fn k2_k4_a_bill_made_at_the_reading_is_paid_in_part_and_a_run_cuts_who_stays_overdue() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let at = local("2025-11-03T08:00");
    let open = pb::OpenAccountRequest {
        reference: "open-K1".to_owned(),
        account_id: "K1".to_owned(),
        class: "domestic".to_owned(),
        scheme: "kplc".to_owned(),
        ..Default::default()
    };
    staff.at(at).accounts().open_account(open).await.unwrap();
    install(&staff, "K1", "L0001", at).await;
    let read_at = local("2025-11-30T08:00");
    let mut with_reading = pay("p-1", "100", reading(read_at, "20"));
    with_reading.payee = by_account("K1");
    let mobile = world.client("incomm").await;
    let paid = mobile
        .at(read_at)
        .billing()
        .pay_bill(with_reading)
        .await
        .unwrap()
        .into_inner();
    let token = paid.token.clone();
    assert_eq!(receipt(paid).balance, "183.97");
    let list = pb::ListBillsRequest {
        account: by_account("K1"),
        at_least: token,
        ..Default::default()
    };
    let bills = staff
        .billing()
        .list_bills(list)
        .await
        .unwrap()
        .into_inner()
        .bills;
    let raised = bills.iter().find(|bill| bill.kind == "raised").unwrap();
    assert_eq!((raised.number, raised.due.as_str()), (1, "2025-12-14"));
    assert_eq!(
        (raised.amount.as_str(), raised.left.as_str()),
        ("283.97", "183.97")
    );
    let lines: Vec<(&str, &str, &str)> = raised
        .lines
        .iter()
        .map(|l| (l.kind.as_str(), l.units.as_str(), l.amount.as_str()))
        .collect();
    assert_eq!(lines, [("energy", "20", "244.8"), ("tax", "", "39.17")]);
    let began = local("2025-12-15T06:00");
    let cut = |reference: &str, began: Timestamp| pb::CutForDuesRequest {
        reference: reference.to_owned(),
        account_id: "K1".to_owned(),
        run_began_at: instant(began),
    };
    let now = local("2025-12-15T07:00");
    let mut part = pay("p-2", "1", None);
    part.payee = by_account("K1");
    mobile.at(now).billing().pay_bill(part).await.unwrap();
    let later = staff.at(local("2025-12-15T08:00"));
    let spared = later
        .billing()
        .cut_for_dues(cut("run-1", began))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&spared), "PAID_SINCE_RUN");
    later
        .billing()
        .cut_for_dues(cut("run-2", local("2025-12-15T07:30")))
        .await
        .unwrap();
}

#[tokio::test]
async fn k5_a_bill_is_paid_through_any_registered_channel_and_each_settles_its_own() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let at = local("2025-11-03T08:00");
    let open = pb::OpenAccountRequest {
        reference: "open-K1".to_owned(),
        account_id: "K1".to_owned(),
        class: "domestic".to_owned(),
        scheme: "kplc".to_owned(),
        ..Default::default()
    };
    staff.at(at).accounts().open_account(open).await.unwrap();
    install(&staff, "K1", "L0001", at).await;
    let now = local("2025-11-30T12:00");
    let mut token = String::new();
    for (channel, amount) in [("incomm", "100.50"), ("bank", "83.47")] {
        let mut part = pay("p-1", amount, reading(now, "20"));
        part.payee = by_account("K1");
        let till = world.client(channel).await.at(now);
        let answer = till.billing().pay_bill(part).await.unwrap().into_inner();
        token.clone_from(&answer.token);
        assert_eq!(receipt(answer).channel, channel);
    }
    for (channel, total) in [("incomm", "100.5"), ("bank", "83.47")] {
        let ask = pb::GetSettlementRequest {
            channel: channel.to_owned(),
            date: "2025-11-30".to_owned(),
            at_least: token.clone(),
            ..Default::default()
        };
        let till = world.client(channel).await;
        let own = till
            .queries()
            .get_settlement(ask)
            .await
            .unwrap()
            .into_inner();
        assert_eq!((own.total.as_str(), own.ties), (total, true), "{channel}");
    }
}

#[tokio::test]
async fn k3_k6_an_implausible_reading_opens_a_query_that_staff_answer() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let at = local("2025-11-03T08:00");
    let open = pb::OpenAccountRequest {
        reference: "open-K1".to_owned(),
        account_id: "K1".to_owned(),
        class: "domestic".to_owned(),
        scheme: "kplc".to_owned(),
        ..Default::default()
    };
    staff.at(at).accounts().open_account(open).await.unwrap();
    install(&staff, "K1", "L0001", at).await;
    let bank = world.client("bank").await;
    let mut first = pay("p-1", "283.97", reading(local("2025-11-30T08:00"), "20"));
    first.payee = by_account("K1");
    bank.at(local("2025-11-30T08:00"))
        .billing()
        .pay_bill(first)
        .await
        .unwrap();
    let later = local("2025-12-20T08:00");
    let mut below = pay("p-2", "50", reading(later, "19"));
    below.payee = by_account("K1");
    let refused = bank.at(later).billing().pay_bill(below).await.unwrap_err();
    assert_eq!(reason_of(&refused), "SELF_READING_BELOW");
    assert_eq!(info_of(&refused).metadata["query"], "1");
    let listed = pb::ListConsumersRequest {
        set: pb::ConsumerSet::Queried.into(),
        ..Default::default()
    };
    let rows = staff
        .billing()
        .list_consumers(listed.clone())
        .await
        .unwrap()
        .into_inner()
        .consumers;
    assert_eq!((rows.len(), rows[0].open_queries), (1, 1));
    let answer = pb::AnswerQueryRequest {
        reference: "q-1".to_owned(),
        account_id: "K1".to_owned(),
        query: 1,
        document: "letter-1".to_owned(),
        settled: true,
    };
    let done = staff
        .at(later)
        .billing()
        .answer_query(answer)
        .await
        .unwrap()
        .into_inner();
    let listed = pb::ListConsumersRequest {
        at_least: done.outcome.unwrap().token,
        ..listed
    };
    let rows = staff
        .billing()
        .list_consumers(listed)
        .await
        .unwrap()
        .into_inner()
        .consumers;
    assert!(rows.is_empty());
}

#[tokio::test]
async fn c13_bill_money_in_suspense_is_allocated_to_the_bill_or_returned() {
    let world = World::start().await;
    let staff = consumer(&world).await;
    let at = local("2025-11-20T10:00");
    let bank = world.client("bank").await.at(at);
    for reference in ["lost-1", "lost-2"] {
        let mut taken = pay(reference, "80", None);
        taken.set_money(pb::MoneyState::Taken);
        let answer = bank.billing().pay_bill(taken).await.unwrap().into_inner();
        let Some(pb::pay_bill_response::Result::Suspended(held)) = answer.result else {
            panic!("{answer:?}")
        };
        let refusal = held.refusal.unwrap();
        assert_eq!(refusal.code, "READING_OF_MONTH_MISSING");
        assert!(
            refusal.cash.starts_with("keep the cash"),
            "{}",
            refusal.cash
        );
    }
    let allocate = |reference: &str, read| pb::AllocateSuspenseRequest {
        reference: reference.to_owned(),
        channel: "bank".to_owned(),
        payment_reference: "lost-1".to_owned(),
        amount: "80".to_owned(),
        to: Some(pb::allocate_suspense_request::To::Bill(pb::BillOf {
            account_id: "L1".to_owned(),
            reading: read,
        })),
    };
    let office = staff.at(at);
    let unread = office
        .suspense()
        .allocate_suspense(allocate("a-1", None))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&unread), "READING_OF_MONTH_MISSING");
    assert!(info_of(&unread).metadata["cash"].contains("stays in suspense"));
    let read = allocate("a-2", reading(at, "80"));
    let done = office
        .suspense()
        .allocate_suspense(read)
        .await
        .unwrap()
        .into_inner();
    let receipt = done.receipt.unwrap();
    assert_eq!(
        (receipt.kind(), receipt.reference.as_str()),
        (pb::ReceiptKind::Bill, "lost-1")
    );
    let back = pb::ReturnSuspenseRequest {
        reference: "r-2".to_owned(),
        channel: "bank".to_owned(),
        payment_reference: "lost-2".to_owned(),
        document: "voucher-1".to_owned(),
    };
    let back = office
        .suspense()
        .return_suspense(back)
        .await
        .unwrap()
        .into_inner();
    let settlement = pb::GetSettlementRequest {
        channel: "bank".to_owned(),
        date: "2025-11-20".to_owned(),
        at_least: back.token,
        ..Default::default()
    };
    let settlement = office
        .queries()
        .get_settlement(settlement)
        .await
        .unwrap()
        .into_inner();
    assert_eq!((settlement.total.as_str(), settlement.ties), ("80", true));
    let ask = pb::AllocateSuspenseRequest {
        to: Some(pb::allocate_suspense_request::To::DepositOfAccountId(
            "L1".to_owned(),
        )),
        ..allocate("a-3", None)
    };
    let gone = office.suspense().allocate_suspense(ask).await.unwrap_err();
    assert_eq!(reason_of(&gone), "NOTHING_OWED", "the deposit is held");
}

#[tokio::test]
async fn e9_e11_e14_e18_the_office_posts_stops_reactivates_extends_and_ends() {
    let world = World::start().await;
    let staff = consumer(&world).await;
    let id = || "L1".to_owned();
    let at = local("2025-11-20T10:00");
    let office = staff.at(at);
    let rent = pb::PostMiscellaneousBillRequest {
        reference: "m-1".to_owned(),
        account_id: id(),
        kind: pb::MiscellaneousKind::MeterRent.into(),
        amount: "10".to_owned(),
        document: "rent-1".to_owned(),
    };
    office
        .billing()
        .post_miscellaneous_bill(rent)
        .await
        .unwrap();
    let less = pb::AdjustBillRequest {
        reference: "m-2".to_owned(),
        account_id: id(),
        amount: "-4".to_owned(),
        document: "complaint-1".to_owned(),
    };
    office.billing().adjust_bill(less).await.unwrap();
    let stop = pb::StopBillRequest {
        reference: "s-1".to_owned(),
        account_id: id(),
        reading: reading(at, "30"),
    };
    office.billing().stop_bill(stop).await.unwrap();
    let used = pb::UseDepositRequest {
        reference: "d-1".to_owned(),
        account_id: id(),
    };
    let done = office
        .billing()
        .use_deposit(used)
        .await
        .unwrap()
        .into_inner();
    let consumer = shown(&staff, &done.outcome.unwrap().token).await;
    assert_eq!(
        (consumer.status.as_str(), consumer.deposit.as_str()),
        ("STBP", "964")
    );
    let back = pb::ReactivateConsumerRequest {
        reference: "s-2".to_owned(),
        account_id: id(),
    };
    office.billing().reactivate_consumer(back).await.unwrap();
    let bank = world.client("bank").await.at(at);
    let deposit = |reference: &str, amount: &str| pb::PayDepositRequest {
        reference: reference.to_owned(),
        payee: by_account("L1"),
        amount: amount.to_owned(),
        money: pb::MoneyState::NotTaken.into(),
    };
    let whole = bank
        .billing()
        .pay_deposit(deposit("d-2", "1000"))
        .await
        .unwrap_err();
    assert_eq!(info_of(&whole).metadata["deposit"], "36");
    bank.billing()
        .pay_deposit(deposit("d-3", "36"))
        .await
        .unwrap();
    let end = |last: bool| pb::EndConnectionRequest {
        reference: format!("e-{}", u8::from(last)),
        account_id: id(),
        last: last.then(|| pb::FinalReading {
            meter: "L0001".to_owned(),
            value: "31".to_owned(),
            force_reason: String::new(),
        }),
    };
    let tomorrow = staff.at(local("2025-11-21T10:00"));
    let unread = tomorrow
        .billing()
        .end_connection(end(false))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&unread), "FINAL_READING_MISSING");
    tomorrow.billing().end_connection(end(true)).await.unwrap();
    let used = pb::UseDepositRequest {
        reference: "d-4".to_owned(),
        account_id: id(),
    };
    tomorrow.billing().use_deposit(used).await.unwrap();
    let out = pb::PayOutConsumerRequest {
        reference: "d-5".to_owned(),
        account_id: id(),
        pay_out_by: "bank".to_owned(),
    };
    let done = tomorrow
        .billing()
        .pay_out_consumer(out)
        .await
        .unwrap()
        .into_inner();
    let consumer = shown(&staff, &done.outcome.unwrap().token).await;
    assert_eq!(
        (
            consumer.status.as_str(),
            consumer.deposit.as_str(),
            consumer.dues.as_str()
        ),
        ("DEAR", "0", "0")
    );
}

#[tokio::test]
async fn e12_e14_an_import_and_a_temporary_connection_are_opened_and_listed_by_status() {
    let world = World::start().await;
    let staff = world.client("office").await;
    let at = local("2025-11-03T08:00");
    let office = staff.at(at);
    let import = pb::ImportConsumerRequest {
        reference: "i-1".to_owned(),
        connection: connection("L7", "ebcm", "domestic"),
        arrears: "240.50".to_owned(),
        since: "2018-01-01".to_owned(),
    };
    office.billing().import_consumer(import).await.unwrap();
    let temporary = pb::OpenTemporaryConnectionRequest {
        reference: "t-1".to_owned(),
        connection: connection("L8", "ebcm", "commercial"),
        until: "2025-12-31".to_owned(),
    };
    office
        .billing()
        .open_temporary_connection(temporary)
        .await
        .unwrap();
    let extend = |reference: &str| pb::ExtendTemporaryConnectionRequest {
        reference: reference.to_owned(),
        account_id: "L8".to_owned(),
        until: "2026-01-31".to_owned(),
    };
    let done = office
        .billing()
        .extend_temporary_connection(extend("x-1"))
        .await
        .unwrap()
        .into_inner();
    let twice = office
        .billing()
        .extend_temporary_connection(extend("x-2"))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&twice), "STATUS_FORBIDS");
    let token = done.outcome.unwrap().token;
    let of = |status: &str, set: pb::ConsumerSet| pb::ListConsumersRequest {
        set: set.into(),
        status: status.to_owned(),
        at_least: token.clone(),
        ..Default::default()
    };
    let all = pb::ConsumerSet::Unspecified;
    for (status, id, dues) in [("BLOG", "L7", "240.5"), ("EXTN", "L8", "0")] {
        let rows = staff
            .billing()
            .list_consumers(of(status, all))
            .await
            .unwrap()
            .into_inner()
            .consumers;
        assert_eq!(
            (
                rows.len(),
                rows[0].account_id.as_str(),
                rows[0].dues.as_str()
            ),
            (1, id, dues)
        );
    }
    let owing = staff
        .billing()
        .list_consumers(of("", pb::ConsumerSet::Owing))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(owing.consumers.len(), 1);
    for bad in [of("XXXX", all), of("LIVE", pb::ConsumerSet::Belated)] {
        let no = staff.billing().list_consumers(bad).await.unwrap_err();
        assert_eq!(reason_of(&no), "FIELD_OUT_OF_RANGE");
    }
}

#[tokio::test]
async fn e15_billing_calls_without_the_role_are_refused() {
    let world = World::start().await;
    consumer(&world).await;
    let channel = world.client("bank").await;
    let adjust = pb::AdjustBillRequest {
        reference: "m-1".to_owned(),
        account_id: "L1".to_owned(),
        amount: "-4".to_owned(),
        document: "complaint-1".to_owned(),
    };
    let refused = channel.billing().adjust_bill(adjust).await.unwrap_err();
    assert_eq!(reason_of(&refused), "ROLE_MISSING");
    let analyst = world.client("reports").await;
    let refused = analyst
        .billing()
        .pay_bill(pay("p-1", "1", None))
        .await
        .unwrap_err();
    assert_eq!(reason_of(&refused), "ROLE_MISSING");
    let ask = pb::GetConsumerRequest {
        account: by_account("nobody"),
        at_least: String::new(),
    };
    let missing = analyst.billing().get_consumer(ask).await.unwrap_err();
    assert_eq!(reason_of(&missing), "NOT_FOUND");
}
