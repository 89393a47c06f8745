//! U4, U5, U8, U9, C3: top-ups, notices, supply by credit.

use ledger_core::account::Supply;
use ledger_core::event::SupplyReason;
use ledger_core::rejection::Rejection;
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, accepted, bnd, q};

const START: &str = "2026-03-01 08:00:00";

#[test]
fn u4_a_top_up_is_at_least_two_dollars_and_is_credited_at_once_with_one_receipt() {
    let mut story = Story::with_meters(START);
    let refused = story.refused(START, Story::top_up_command(E, "1.99"));
    assert_eq!(refused, Rejection::TopUpBelowMinimum { minimum: bnd("2") });
    let receipt = story.top_up(START, E, "2.00");
    assert_eq!(
        (receipt.amount, receipt.balance, receipt.number.as_str()),
        (bnd("2"), bnd("2"), "A1-000001")
    );
    assert_eq!(story.count("credit-topped-up.v1"), 1);
}

#[test]
fn u4_an_unknown_meter_number_is_rejected() {
    let mut story = Story::with_meters(START);
    let refused = story.refused(START, Story::top_up_command("E99999999", "10"));
    assert_eq!(refused.code(), "UNKNOWN_METER");
}

#[test]
fn u4_a_top_up_of_a_disconnected_meter_is_accepted() {
    let mut story = Story::running(START, "5", "5");
    story.read("2026-03-06 08:00:00", E, "600");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    story.top_up("2026-03-06 09:00:00", E, "2");
    assert_eq!(
        (story.balance(Electricity), story.supply(Electricity)),
        (bnd("1"), Supply::On)
    );
}

#[test]
fn c3_a_payment_has_the_currencys_decimals_and_a_charge_keeps_all_of_its_own() {
    let mut story = Story::running(START, "10", "5");
    assert_eq!(
        story
            .refused(START, Story::top_up_command(E, "2.005"))
            .code(),
        "TOO_FINE"
    );
    assert_eq!(
        story.refused(START, Story::top_up_command(E, "-5")).code(),
        "BAD_INPUT"
    );
    let outcome = story.read("2026-03-01 09:00:00", E, "0.237");
    assert_eq!(accepted(&outcome), (q("0.237"), bnd("0.00237")));
    assert_eq!(story.balance(Electricity), bnd("9.99763"));
}

#[test]
fn u5_a_notice_goes_out_once_when_credit_falls_to_five_and_again_only_after_it_was_above() {
    let mut story = Story::running(START, "6", "20");
    story.read("2026-03-01 09:00:00", E, "99");
    assert_eq!(story.count("low-credit-noticed.v1"), 0);
    story.read("2026-03-01 10:00:00", E, "100");
    assert_eq!(
        (
            story.balance(Electricity),
            story.count("low-credit-noticed.v1")
        ),
        (bnd("5"), 1)
    );
    story.read("2026-03-01 11:00:00", E, "150");
    assert_eq!(story.count("low-credit-noticed.v1"), 1);
    story.top_up("2026-03-01 12:00:00", E, "5");
    story.read("2026-03-01 13:00:00", E, "200");
    story.read("2026-03-01 14:00:00", E, "299");
    story.read("2026-03-01 15:00:00", E, "300");
    assert_eq!(
        story.count("low-credit-noticed.v1"),
        1,
        "credit of 8 is above 5"
    );
    story.read("2026-03-02 15:00:00", E, "600");
    assert_eq!(
        (
            story.balance(Electricity),
            story.count("low-credit-noticed.v1")
        ),
        (bnd("5"), 2)
    );
}

#[test]
fn u8_electricity_at_zero_is_disconnected_after_the_first_72_hours_and_reconnected_at_once() {
    let mut story = Story::running(START, "5", "5");
    story.read("2026-03-03 08:00:00", E, "500");
    assert_eq!(
        (story.balance(Electricity), story.supply(Electricity)),
        (bnd("0"), Supply::On)
    );
    story.tick("2026-03-04 08:00:01");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    story.top_up("2026-03-04 09:00:00", E, "2");
    assert_eq!(story.supply(Electricity), Supply::On);
    assert_eq!(story.count("supply-reconnection-ordered.v1"), 1);
}

#[test]
fn u8_any_credit_that_brings_it_above_zero_reconnects() {
    let mut story = Story::running(START, "5", "5");
    story.read("2026-03-05 08:00:00", E, "500");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    let from = ledger_core::ids::OpaqueRef::parse("old-1").unwrap();
    let legacy = ledger_core::command::Command::EnterLegacyCredit {
        utility: Electricity,
        amount: bnd("1"),
        from,
    };
    story.done("2026-03-05 09:00:00", legacy);
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn u9_credit_carries_over_months() {
    let mut story = Story::running(START, "100", "5");
    story.read("2026-03-31 23:00:00", E, "100");
    story.read("2026-05-01 01:00:00", E, "100");
    assert_eq!(story.balance(Electricity), bnd("99"));
}

#[test]
fn u1_each_meter_has_its_own_credit() {
    let mut story = Story::with_meters(START);
    story.top_up(START, E, "7");
    story.top_up(START, W, "3");
    assert_eq!(
        (story.balance(Electricity), story.balance(Water)),
        (bnd("7"), bnd("3"))
    );
}
