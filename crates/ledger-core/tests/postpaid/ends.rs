//! E9, E10, E11, E14, C16: a connection ends, stops, comes back; temporary connections.

use ledger_core::account::Supply;
use ledger_core::command::{BillingCommand, Command, Source};
use ledger_core::event::SupplyReason;
use ledger_core::postings::LedgerAccount;
use ledger_core::status::Status;

use crate::story::{Story, date, last, money, open_of};

fn end(value: Option<&str>) -> BillingCommand {
    BillingCommand::EndConnection {
        last: value.and_then(last),
    }
}

fn deposit(amount: &str) -> BillingCommand {
    BillingCommand::PayDeposit {
        amount: money(amount),
        source: Source::NotTaken,
    }
}

#[test]
fn e9_a_live_consumer_that_ends_within_three_years_owes_the_final_bill_and_the_fee() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let refused = story.refused("2026-01-20 08:00:00", end(None));
    assert_eq!(refused.code(), "FINAL_READING_MISSING");
    let kinds = story.ask("2026-01-20 08:00:00", end(Some("15")));
    assert_eq!(
        kinds,
        [
            "consumption-charged.v1",
            "obligatory-fee-charged.v1",
            "connection-ended.v1",
            "supply-disconnection-ordered.v1"
        ]
    );
    assert_eq!((story.status(), story.dues()), (Status::Pdor, money("515")));
    assert_eq!(story.supply(), Supply::Off(SupplyReason::OnRequest));
    story.tick("2026-06-01 00:00:00");
    assert_eq!(
        (story.status(), story.dues()),
        (Status::Pdor, money("515")),
        "nothing accrues"
    );
    story.pay("2026-06-28 08:00:00", "515");
    assert_eq!(story.status(), Status::Dear);
    let again = story.refused("2026-06-28 08:00:01", BillingCommand::ReconnectConsumer);
    assert_eq!(again.code(), "STATUS_FINAL");
}

#[test]
fn e9_one_that_owes_nothing_is_delisted_at_once() {
    let mut story = Story::imported("2026-01-05 08:00:00");
    story.pay("2026-01-06 08:00:00", "100");
    story.ask("2026-01-07 08:00:00", BillingCommand::ReconnectConsumer);
    story.ask("2026-01-08 08:00:00", end(Some("0.004")));
    assert_eq!(
        (story.status(), story.dues()),
        (Status::Dear, money("0")),
        "a fraction of a paisa is rounded off"
    );
}

#[test]
fn e9_a_paid_but_unconnected_consumer_may_come_to_owe_the_fee() {
    let mut story = Story::live("2026-01-01 00:00:00");
    story.pay_with("2026-01-20 08:00:00", "60", "60");
    story.tick("2026-04-10 00:00:00");
    let all = story.payable().to_string();
    story.pay("2026-04-10 08:00:00", &all);
    assert_eq!(story.status(), Status::Pnr1);
    story.ask("2026-04-11 08:00:00", end(None));
    assert_eq!((story.status(), story.dues()), (Status::Pdor, money("500")));
}

#[test]
fn e10_no_fee_from_the_third_anniversary_on() {
    for (at, fee) in [("2029-01-04 08:00:00", 1), ("2029-01-05 00:00:00", 0)] {
        let mut story = Story::of("ebcm");
        let import = BillingCommand::Import {
            open: open_of("domestic"),
            arrears: money("1"),
            since: date("2026-01-05"),
        };
        story.done("2026-01-05 08:00:00", Command::billing(import));
        story.pay("2028-12-20 08:00:00", "1");
        story.ask("2028-12-20 09:00:00", BillingCommand::ReconnectConsumer);
        story.ask(at, end(None));
        assert_eq!(
            story.count("obligatory-fee-charged.v1"),
            fee,
            "{at}: a reconnection does not restart it"
        );
    }
}

#[test]
fn e11_a_stop_bill_is_paid_reactivated_and_live_again_with_the_deposit() {
    let mut story = Story::live("2026-01-05 08:00:00");
    let reading = story.reading("2026-01-20 08:00:00", "15");
    let stop = BillingCommand::StopBill {
        reading: Some(reading),
    };
    story.ask("2026-01-20 08:00:00", stop);
    assert_eq!((story.status(), story.dues()), (Status::Stbl, money("15")));
    assert_eq!(story.supply(), Supply::Off(SupplyReason::OnRequest));
    story.tick("2026-03-01 00:00:00");
    assert_eq!((story.status(), story.dues()), (Status::Stbl, money("15")));
    assert_eq!(
        story
            .refused("2026-03-02 08:00:00", BillingCommand::Reactivate)
            .code(),
        "STATUS_FORBIDS"
    );
    story.pay("2026-03-28 08:00:00", "15");
    assert_eq!(story.status(), Status::Stbp);
    story.ask("2026-03-29 08:00:00", BillingCommand::Reactivate);
    assert_eq!(
        (story.status(), story.supply()),
        (Status::Stsd, Supply::Off(SupplyReason::OnRequest))
    );
    story.paid("2026-04-02 08:00:00", deposit("1000"));
    assert_eq!((story.status(), story.supply()), (Status::Live, Supply::On));
    story.tick("2026-05-01 00:00:00");
    assert_eq!(
        story.status(),
        Status::Live,
        "the month of becoming live is exempt"
    );
}

#[test]
fn e11_a_stop_bill_with_nothing_owed_is_paid_at_once_and_a_deposit_held_is_not_paid_twice() {
    let mut story = Story::of("ebcm");
    let open = BillingCommand::OpenTemporary {
        open: open_of("domestic"),
        until: date("2026-02-01"),
        deposit: ledger_core::command::OpeningDeposit::None,
    };
    assert!(
        story
            .send("2026-01-05 08:00:00", Command::billing(open))
            .answer
            .refusal()
            .is_none()
    );

    let mut story = Story::live("2026-01-05 08:00:00");
    story.paid("2026-01-06 08:00:00", deposit("1000"));
    story.ask(
        "2026-01-20 08:00:00",
        BillingCommand::StopBill { reading: None },
    );
    assert_eq!(story.status(), Status::Stbp);
    story.ask("2026-01-21 08:00:00", BillingCommand::Reactivate);
    assert_eq!(
        story.refused("2026-01-22 08:00:00", deposit("1000")).code(),
        "NOT_THE_DEPOSIT"
    );
    story.paid("2026-01-22 08:00:00", deposit("0"));
    assert_eq!(story.status(), Status::Live);
}

#[test]
fn e14_a_temporary_connection_is_billed_by_readings_and_paid_without_one() {
    let mut story = Story::temporary("2026-01-05 08:00:00", "2026-03-31");
    story.read("2026-01-20 08:00:00", "15");
    let kinds = story.tick("2026-02-22 00:00:00");
    assert_eq!(kinds, ["month-closed.v1"], "no estimate and no surcharge");
    assert_eq!((story.status(), story.dues()), (Status::New, money("15")));
    story.pay("2026-02-28 08:00:00", "5");
    let extend = |until: &str| BillingCommand::ExtendTemporary { until: date(until) };
    assert_eq!(
        story
            .refused("2026-02-28 09:00:00", extend("2026-02-28"))
            .code(),
        "BAD_INPUT"
    );
    story.ask("2026-02-28 09:00:00", extend("2026-05-31"));
    assert_eq!(story.status(), Status::Extn);
    story.ask(
        "2026-03-21 09:00:00",
        BillingCommand::CutConsumer { reading: None },
    );
    assert_eq!((story.status(), story.dues()), (Status::Disp, money("10")));
    story.pay("2026-03-28 08:00:00", "10");
    assert_eq!(story.status(), Status::Disc);
}

#[test]
fn e10_a_temporary_connection_ends_without_a_fee() {
    let mut story = Story::temporary("2026-01-05 08:00:00", "2026-03-31");
    story.ask("2026-01-20 08:00:00", end(Some("15")));
    assert_eq!((story.status(), story.dues()), (Status::Disp, money("15")));
    let mut paid = Story::temporary("2026-01-05 08:00:00", "2026-03-31");
    paid.ask("2026-01-20 08:00:00", end(Some("0")));
    assert_eq!(paid.status(), Status::Disc);
}

#[test]
fn e14_a_temporary_connection_that_owes_nothing_is_not_cut() {
    let mut story = Story::temporary("2026-01-05 08:00:00", "2026-03-31");
    let cut = BillingCommand::CutConsumer { reading: None };
    assert_eq!(
        story.refused("2026-01-22 08:00:00", cut).code(),
        "NOTHING_OWED"
    );
}

#[test]
fn e14_a_deposit_that_comes_with_the_opening_is_a_payment_with_its_receipt() {
    let mut story = Story::of("ebcm");
    let open = BillingCommand::OpenConnection {
        open: open_of("domestic"),
        deposit: ledger_core::command::OpeningDeposit::Taken(money("1000")),
    };
    assert_eq!(
        story.ask("2026-01-05 08:00:00", open),
        [
            "account-opened.v1",
            "consumer-listed.v1",
            "security-deposit-paid.v1"
        ]
    );
    let channel = ledger_core::ids::ChannelId::parse("counter").unwrap();
    let taken = story.control(&LedgerAccount::ChannelReceivable(channel));
    assert_eq!((taken, story.billing().deposit()), (money("1000"), taken));
    assert_eq!(
        story.refused("2026-01-06 08:00:00", deposit("1000")).code(),
        "NOTHING_OWED"
    );
}

#[test]
fn c16_credit_and_deposit_of_an_ended_consumer_go_back_once() {
    let mut story = Story::live("2026-01-05 08:00:00");
    story.paid("2026-01-06 08:00:00", deposit("1000"));
    let adjust = BillingCommand::Adjust {
        amount: money("-600"),
        document: crate::story::document("c-1"),
    };
    story.ask("2026-01-07 08:00:00", adjust);
    story.ask("2026-01-08 08:00:00", end(Some("2.5")));
    assert_eq!(
        (story.status(), story.dues()),
        (Status::Dear, money("-97.5"))
    );
    let out = BillingCommand::PayOut {
        channel: ledger_core::ids::ChannelId::parse("office").unwrap(),
    };
    assert_eq!(
        story.ask("2026-01-09 08:00:00", out.clone()),
        ["credit-paid-out.v1", "security-deposit-returned.v1"]
    );
    assert_eq!(
        (story.dues(), story.billing().deposit()),
        (money("0"), money("0"))
    );
    assert_eq!(
        story.refused("2026-01-10 08:00:00", out).code(),
        "NOTHING_OWED"
    );
}

#[test]
fn c20_a_cut_that_the_meter_has_not_confirmed_is_not_repeated_once_all_is_paid() {
    let mut story = Story::live("2026-01-05 08:00:00");
    story.read("2026-02-10 08:00:00", "20");
    story.meters_confirm = false;
    story.tick("2026-04-01 08:00:00");
    assert_eq!(story.status(), Status::Dis1);
    let owed = story.payable().to_string();
    story.pay("2026-04-02 07:00:00", &owed);
    assert_eq!(story.status(), Status::Pnr1);
    story.tick("2026-04-05 08:00:00");
    assert_eq!(story.count("meter-order-repeated.v1"), 0);
}
