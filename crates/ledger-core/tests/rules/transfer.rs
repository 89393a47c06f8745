//! U7: electricity credit pays a negative water balance, in turns of 48 hours.

use ledger_core::account::Supply;
use ledger_core::event::{AccountEvent, SupplyReason};
use ledger_core::num::Money;
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, bnd, local};

const START: &str = "2026-03-01 00:00:00";

/// Water goes below zero by `used` m³ × 0.11 − 2.00 at noon of 5 March.
fn negative_water(electricity: &str, register: &str) -> Story {
    let mut story = Story::running(START, electricity, "2");
    story.read("2026-03-05 12:00:00", W, register);
    story
}

fn transfers(story: &Story) -> Vec<Money> {
    let amount = |e: &AccountEvent| match e {
        AccountEvent::CreditTransferred(t) => Some(t.a),
        _ => None,
    };
    story.events.iter().filter_map(amount).collect()
}

#[test]
fn u7_a_negative_water_balance_is_taken_from_electricity_after_48_hours() {
    let mut story = negative_water("20", "20");
    assert_eq!(
        (story.balance(Water), story.supply(Water)),
        (bnd("-0.2"), Supply::On)
    );
    story.tick("2026-03-07 12:00:00");
    assert!(
        transfers(&story).is_empty(),
        "a command at the very instant comes before the turn"
    );
    story.tick("2026-03-07 12:00:01");
    assert_eq!(transfers(&story), [bnd("0.2")]);
    assert_eq!(
        (story.balance(Water), story.balance(Electricity)),
        (bnd("0"), bnd("19.8"))
    );
    assert_eq!(
        story.account.newest_at(),
        local("2026-03-07 12:00:00"),
        "it counts when it was due"
    );
}

#[test]
fn u7_it_takes_as_far_as_electricity_credit_goes_and_never_below_zero() {
    let mut story = Story::running(START, "2", "2");
    story.read("2026-03-05 12:00:00", W, "50");
    story.tick("2026-03-08 00:00:00");
    assert_eq!(transfers(&story), [bnd("2")]);
    assert_eq!(
        (story.balance(Water), story.balance(Electricity)),
        (bnd("-1.5"), bnd("0"))
    );
}

#[test]
fn u7_a_transfer_that_empties_electricity_disconnects_and_notices_as_usage_would() {
    let mut story = Story::running(START, "6", "2");
    story.read("2026-03-05 12:00:00", W, "54");
    story.read("2026-03-06 12:00:00", W, "154");
    story.tick("2026-03-08 00:00:00");
    assert_eq!(story.balance(Electricity), bnd("0"));
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    assert_eq!(story.count("low-credit-noticed.v1"), 1);
}

#[test]
fn u7_turns_go_on_every_48_hours_from_the_first_until_water_is_topped_up() {
    let mut story = negative_water("20", "20");
    story.tick("2026-03-07 13:00:00");
    story.read("2026-03-09 06:00:00", W, "21");
    story.tick("2026-03-09 11:00:00");
    assert_eq!(transfers(&story).len(), 1);
    story.tick("2026-03-09 13:00:00");
    assert_eq!(
        transfers(&story),
        [bnd("0.2"), bnd("0.11")],
        "the second turn does not wait 48 hours from the reading"
    );
    story.top_up("2026-03-09 14:00:00", W, "2");
    story.read("2026-03-10 06:00:00", W, "41");
    story.tick("2026-03-12 05:59:59");
    assert_eq!(
        transfers(&story).len(),
        2,
        "after a top-up 48 hours start anew"
    );
    story.tick("2026-03-12 06:00:01");
    assert_eq!(transfers(&story).len(), 3);
}

#[test]
fn u7_with_nothing_to_take_there_is_no_event_and_later_credit_is_taken_at_the_next_turn() {
    let mut story = negative_water("2", "20");
    story.read("2026-03-05 13:00:00", E, "200");
    assert_eq!(story.balance(Electricity), bnd("0"));
    story.tick("2026-03-08 12:00:00");
    assert!(transfers(&story).is_empty());
    story.top_up("2026-03-08 13:00:00", E, "10");
    story.tick("2026-03-09 11:59:59");
    assert!(transfers(&story).is_empty());
    story.tick("2026-03-09 12:00:01");
    assert_eq!(transfers(&story), [bnd("0.2")]);
}

#[test]
fn u7_a_top_up_that_leaves_water_negative_starts_48_hours_anew() {
    let mut story = Story::running(START, "20", "2");
    story.read("2026-03-05 12:00:00", W, "54");
    story.top_up("2026-03-06 12:00:00", W, "2");
    assert!(story.balance(Water).is_negative());
    story.tick("2026-03-08 11:00:00");
    assert!(transfers(&story).is_empty());
    story.tick("2026-03-08 12:00:01");
    assert_eq!(transfers(&story), [bnd("1.94")]);
}

#[test]
fn u7_it_runs_in_the_first_72_hours_too() {
    let mut story = Story::with_meters(START);
    story.activate(START, E);
    story.activate(START, W);
    story.top_up(START, E, "10");
    story.read("2026-03-01 06:00:00", W, "10");
    story.tick("2026-03-03 06:00:01");
    assert_eq!(transfers(&story), [bnd("1.1")]);
}

#[test]
fn c6_a_clock_that_runs_days_late_gives_the_same_turns() {
    let run = |ticks: &[&str]| {
        let mut story = negative_water("20", "20");
        for tick in ticks {
            story.tick(tick);
        }
        story.read("2026-03-20 00:00:00", W, "30");
        (
            story.balance(Water),
            story.balance(Electricity),
            transfers(&story),
        )
    };
    assert_eq!(
        run(&[]),
        run(&[
            "2026-03-06 00:00:00",
            "2026-03-07 12:00:01",
            "2026-03-09 12:00:01",
            "2026-03-15 00:00:00"
        ])
    );
}
