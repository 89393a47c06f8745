//! E3, E5, E6, E8, E12, E13, E17: the months of a consumer who does not pay.

use ledger_core::account::Supply;
use ledger_core::command::{BillingCommand, Command};
use ledger_core::event::{AccountEvent, BillingEvent, ConsumptionEstimated, SupplyReason};
use ledger_core::postings::LedgerAccount;
use ledger_core::status::Status;

use crate::story::{M, Story, date, meter, money, month, q};

/// Live since January, 60 kWh read and paid in January, so that 60 is the mean.
fn regular(class: &str) -> Story {
    let mut story = Story::listed("2026-01-01 00:00:00", class);
    story.pay_with("2026-01-20 08:00:00", "60", "60");
    story
}

fn estimates(story: &Story) -> Vec<ConsumptionEstimated> {
    let of = story.log.iter().filter_map(|(event, _)| match event {
        AccountEvent::Billing(BillingEvent::ConsumptionEstimated(e)) => Some(e.clone()),
        _ => None,
    });
    of.collect()
}

#[test]
fn e3_a_month_without_payment_is_estimated_surcharged_and_noticed_at_its_close() {
    let mut story = regular("domestic");
    let kinds = story.tick("2026-03-01 00:00:00");
    assert_eq!(
        kinds,
        [
            "month-closed.v1",
            "consumption-estimated.v1",
            "surcharge-charged.v1",
            "month-closed.v1",
            "disconnection-notice-served.v1"
        ]
    );
    assert_eq!(story.status(), Status::Bltd);
    assert_eq!(story.dues(), money("61.2"));
    let notice = story.log.iter().find_map(|(event, _)| match event {
        AccountEvent::Billing(BillingEvent::DisconnectionNoticeServed(n)) => Some(n.clone()),
        _ => None,
    });
    let notice = notice.unwrap();
    assert_eq!((notice.b, notice.a), (month("2026-02"), money("61.2")));
    assert_eq!(
        (notice.by, notice.due),
        (date("2026-03-05"), date("2026-03-20"))
    );
}

#[test]
fn e3_a_reading_of_the_month_that_is_unpaid_is_billed_and_not_estimated() {
    let mut story = regular("domestic");
    story.read("2026-02-20 08:00:00", "91");
    story.tick("2026-03-01 00:00:00");
    assert!(estimates(&story).is_empty());
    assert_eq!(
        (story.status(), story.dues()),
        (Status::Bltd, money("31.62"))
    );
}

#[test]
fn e3_without_a_month_to_take_the_mean_of_nothing_is_charged_and_it_is_reported() {
    let mut story = Story::live("2026-01-10 08:00:00");
    story.tick("2026-03-01 00:00:00");
    let estimate = estimates(&story).pop().unwrap();
    assert_eq!(
        (estimate.n, estimate.q, estimate.a),
        (0, q("0"), money("0"))
    );
    assert_eq!(story.count("surcharge-charged.v1"), 0);
    assert_eq!((story.status(), story.dues()), (Status::Bltd, money("0")));
    story.pay("2026-03-02 08:00:00", "0");
    assert_eq!(story.status(), Status::Live);
}

#[test]
fn e3_the_surcharge_is_rounded_half_up_to_the_paisa() {
    let mut story = regular("domestic");
    story.read("2026-02-20 08:00:00", "92.25");
    story.tick("2026-03-01 00:00:00");
    assert_eq!(
        story.control(&LedgerAccount::Surcharge),
        money("-0.65"),
        "2% of 32.25 is 0.645"
    );
}

#[test]
fn e3_an_estimate_is_priced_as_a_month_of_its_own_and_does_not_count_in_the_mean() {
    let mut story = Story::live("2026-01-01 00:00:00");
    story.pay_with("2026-01-25 08:00:00", "190", "160");
    assert_eq!(story.control(&LedgerAccount::Rounding), money("0"));
    story.tick("2026-04-01 00:00:00");
    let all: Vec<_> = estimates(&story).iter().map(|e| (e.q, e.a, e.n)).collect();
    let own = (q("160"), money("190"), 1);
    assert_eq!(all, [own, own]);
}

#[test]
fn e1_the_month_of_becoming_live_is_exempt() {
    let mut story = Story::live("2026-01-31 23:00:00");
    story.tick("2026-02-28 23:59:59");
    assert_eq!(story.status(), Status::Live);
    story.tick("2026-03-01 00:00:00");
    assert_eq!(story.status(), Status::Bltd);
}

#[test]
fn e5_the_je_cuts_from_the_21st_with_a_reading_if_there_is_one() {
    let mut story = regular("domestic");
    story.tick("2026-03-01 00:00:00");
    let cut = |reading| BillingCommand::CutConsumer { reading };
    let early = story.refused("2026-03-20 23:59:59", cut(None));
    assert_eq!(early.code(), "TOO_EARLY");
    assert!(early.to_string().contains("2026-03-21"), "{early}");
    let mut with_reading = story.clone();
    let reading = with_reading.reading("2026-03-21 00:00:00", "120");
    let kinds = with_reading.ask("2026-03-21 00:00:00", cut(Some(reading)));
    assert_eq!(
        kinds,
        [
            "estimates-reversed.v1",
            "consumption-charged.v1",
            "consumer-disconnected.v1",
            "supply-disconnection-ordered.v1"
        ]
    );
    let kinds = story.ask("2026-03-21 00:00:00", cut(None));
    assert_eq!(
        kinds,
        [
            "consumption-estimated.v1",
            "consumer-disconnected.v1",
            "supply-disconnection-ordered.v1"
        ]
    );
    assert_eq!(story.status(), Status::Dis1);
    assert_eq!(story.supply(), Supply::Off(SupplyReason::DuesUnpaid));
}

#[test]
fn e5_whoever_is_left_is_cut_at_the_close_and_that_is_reported() {
    let mut story = regular("domestic");
    story.tick("2026-03-31 23:59:59");
    assert_eq!(story.status(), Status::Bltd);
    let kinds = story.tick("2026-04-01 00:00:00");
    assert_eq!(
        kinds,
        [
            "consumption-estimated.v1",
            "surcharge-charged.v1",
            "month-closed.v1",
            "supply-disconnection-ordered.v1"
        ]
    );
    let reported = story.log.iter().any(|(event, _)| {
        matches!(event, AccountEvent::Billing(BillingEvent::MonthClosed(e)) if e.cut && e.b == month("2026-03"))
    });
    assert!(reported);
    assert_eq!(story.status(), Status::Dis1);
}

#[test]
fn e5_a_cut_by_the_je_stays_dis1_at_that_close_and_its_surcharge_is_added_all_the_same() {
    let mut story = regular("domestic");
    let cut = BillingCommand::CutConsumer { reading: None };
    story.ask("2026-03-30 08:00:00", cut);
    assert_eq!(
        story.tick("2026-04-01 00:00:00"),
        ["surcharge-charged.v1", "month-closed.v1"]
    );
    assert_eq!(story.status(), Status::Dis1);
    story.tick("2026-05-01 00:00:00");
    assert_eq!(story.status(), Status::Dis2);
}

#[test]
fn e6_the_surcharge_is_added_for_six_unpaid_months_in_all() {
    let mut story = regular("domestic");
    story.tick("2027-01-01 00:00:00");
    assert_eq!(story.status(), Status::Pdnp);
    assert_eq!(story.count("surcharge-charged.v1"), 6);
    assert_eq!(story.control(&LedgerAccount::Surcharge), money("-7.2"));
    assert_eq!(estimates(&story).len(), 2);
}

#[test]
fn e6_a_correction_does_not_change_what_the_surcharge_is_taken_of() {
    let mut story = regular("domestic");
    story.tick("2026-04-01 00:00:00");
    let adjust = BillingCommand::Adjust {
        amount: money("-50"),
        document: crate::story::document("c-1"),
    };
    story.ask("2026-04-02 00:00:00", adjust);
    let before = story.control(&LedgerAccount::Surcharge);
    story.tick("2026-05-01 00:00:00");
    assert_eq!(
        story.control(&LedgerAccount::Surcharge) - before,
        money("-1.2")
    );
}

#[test]
fn e7_what_is_paid_while_disconnected_waits_for_the_je() {
    let mut story = regular("domestic");
    story.tick("2026-04-10 00:00:00");
    let refused = story.refused("2026-04-10 08:00:00", BillingCommand::ReconnectConsumer);
    assert_eq!(refused.code(), "DUES_UNPAID");
    let all = story.payable().to_string();
    story.pay("2026-04-28 08:00:00", &all);
    assert_eq!(story.status(), Status::Pnr1);
    assert_eq!(story.supply(), Supply::Off(SupplyReason::DuesUnpaid));
    story.tick("2026-05-01 00:00:00");
    assert_eq!(story.status(), Status::Pnr2, "it counts up at each close");
    let kinds = story.ask("2026-05-02 08:00:00", BillingCommand::ReconnectConsumer);
    assert_eq!(
        kinds,
        ["consumer-reconnected.v1", "supply-reconnection-ordered.v1"]
    );
    assert_eq!((story.status(), story.supply()), (Status::Live, Supply::On));
    story.tick("2026-06-01 00:00:00");
    assert_eq!(
        story.status(),
        Status::Live,
        "the month of becoming live is exempt"
    );
}

#[test]
fn e8_after_six_unpaid_months_it_is_final_the_dues_fixed_and_only_payments_are_taken() {
    let mut story = regular("domestic");
    story.tick("2027-01-01 00:00:00");
    let fixed = story.dues();
    story.tick("2028-06-10 00:00:00");
    assert_eq!((story.status(), story.dues()), (Status::Pdnp, fixed));
    let at = "2028-06-10 08:00:00";
    let reading = story.reading(at, "100");
    assert_eq!(
        story
            .refusal(at, Command::RecordReading(reading.clone()))
            .code(),
        "STATUS_FINAL"
    );
    assert_eq!(
        story.refusal(at, Command::RecordReading(reading)).code(),
        "STATUS_FINAL"
    );
    let adjust = BillingCommand::Adjust {
        amount: money("-1"),
        document: crate::story::document("c-1"),
    };
    assert_eq!(story.refused(at, adjust).code(), "STATUS_FINAL");
    assert_eq!(
        story.refused(at, BillingCommand::ReconnectConsumer).code(),
        "STATUS_FINAL"
    );
    story.pay("2028-06-29 08:00:00", "100");
    assert_eq!(story.status(), Status::Pdnp);
    let rest = story.payable().to_string();
    story.pay("2028-06-30 08:00:00", &rest);
    assert_eq!((story.status(), story.dues()), (Status::Deaa, money("0")));
    let kinds = story.tick("2029-01-01 00:00:00");
    assert_eq!(kinds, [""; 0], "a de-listed consumer has no months");
}

#[test]
fn e8_pnr5_is_delisted_at_its_close_without_a_fee() {
    let mut story = regular("domestic");
    story.tick("2026-08-10 00:00:00");
    assert_eq!(story.status(), Status::Dis5);
    let all = story.payable().to_string();
    story.pay("2026-08-10 08:00:00", &all);
    assert_eq!(story.tick("2026-09-01 00:00:00"), ["month-closed.v1"]);
    assert_eq!((story.status(), story.dues()), (Status::Deaa, money("0")));
    assert_eq!(story.count("obligatory-fee-charged.v1"), 0);
}

#[test]
fn e10_the_fee_is_on_the_bill_of_the_month_of_deactivation_before_the_dues_are_fixed() {
    let mut story = regular("domestic");
    story.tick("2026-08-31 00:00:00");
    let before = story.dues();
    assert_eq!(
        story.tick("2026-09-01 00:00:00"),
        ["obligatory-fee-charged.v1", "month-closed.v1"]
    );
    assert_eq!(story.dues() - before, money("500"));
    assert_eq!(story.status(), Status::Pdnp);
}

#[test]
fn e12_an_import_with_arrears_that_pays_waits_for_the_je_and_the_month_counts_as_its_first() {
    let mut story = Story::imported("2026-01-05 08:00:00");
    assert_eq!(
        story.control(&LedgerAccount::DebtOpening(
            ledger_core::utility::Utility::Electricity
        )),
        money("-100")
    );
    story.tick("2026-03-10 00:00:00");
    assert_eq!((story.status(), story.dues()), (Status::Blog, money("100")));
    story.pay("2026-03-10 08:00:00", "100");
    story.tick("2026-04-01 00:00:00");
    assert_eq!(story.status(), Status::Pnr1);
    story.tick("2026-05-01 00:00:00");
    assert_eq!(story.status(), Status::Pnr2);
}

#[test]
fn e13_a_government_reading_that_is_missing_is_a_door_lock_and_does_not_make_belated() {
    let mut story = regular("government");
    assert_eq!(
        story.tick("2026-03-01 00:00:00"),
        [
            "month-closed.v1",
            "consumption-estimated.v1",
            "month-closed.v1"
        ]
    );
    assert_eq!((story.status(), story.dues()), (Status::Live, money("60")));
    assert!(estimates(&story)[0].lock);
    story.read("2026-03-25 08:00:00", "130");
    assert_eq!(story.dues(), money("70"), "the estimate is taken back");
    story.tick("2026-04-01 00:00:00");
    assert_eq!(
        story.status(),
        Status::Bltd,
        "a reading that is not paid does"
    );
}

#[test]
fn e13_the_month_of_becoming_live_is_no_door_lock() {
    let mut story = Story::listed("2026-01-05 08:00:00", "government");
    assert_eq!(story.tick("2026-02-01 00:00:00"), ["month-closed.v1"]);
}

#[test]
fn e17_a_close_runs_once_a_month_and_catches_up_one_month_at_a_time() {
    let mut late = regular("domestic");
    let mut in_time = late.clone();
    late.tick("2026-07-10 00:00:00");
    for at in [
        "2026-02-01",
        "2026-03-01",
        "2026-04-01",
        "2026-05-01",
        "2026-06-01",
        "2026-07-01",
    ] {
        in_time.tick(&format!("{at} 00:00:00"));
        assert!(in_time.tick(&format!("{at} 00:00:01")).is_empty(), "once");
    }
    let facts = |story: &Story| {
        let billing = story
            .log
            .iter()
            .filter(|(e, _)| matches!(e, AccountEvent::Billing(_)));
        billing.map(|(e, s)| (e.clone(), s.at)).collect::<Vec<_>>()
    };
    assert_eq!(facts(&late), facts(&in_time));
    assert_eq!(late.status(), Status::Dis4);
}

#[test]
fn e17_the_close_is_due_at_local_month_end_and_the_first_is_that_of_the_opening() {
    let story = Story::live("2026-02-10 08:00:00");
    let due = story
        .account
        .next_due(&story.policy, story.account.newest_at());
    assert_eq!(due, Some(story.local("2026-03-01 00:00:00").just_before()));
}

#[test]
fn c6_a_payment_in_the_last_instant_of_a_month_still_counts_for_it() {
    let mut story = regular("domestic");
    story.tick("2026-03-01 00:00:00");
    assert_eq!(story.status(), Status::Bltd);
    let last_instant = story.local("2026-04-01 00:00:00").just_before();
    let all = story.payable().to_string();
    story.send_at(
        last_instant,
        Command::billing(Story::pay_command(&all, None)),
    );
    assert_eq!(story.status(), Status::Live);
    story.tick("2026-04-01 00:00:00");
    assert_eq!(story.status(), Status::Live);
}

#[test]
fn c8_readings_are_charged_while_supply_is_off() {
    let mut story = regular("domestic");
    story.tick("2026-04-10 00:00:00");
    assert_eq!(story.status(), Status::Dis1);
    let before = story.dues();
    story.read("2026-04-11 08:00:00", "200");
    assert_ne!(story.dues(), before);
    assert_eq!(
        story.account.meter_in_place(&meter(M)).unwrap().base.value,
        q("200")
    );
}
