//! U2, U3: the first 72 hours of a meter, in which supply flows and the first top-up must come.

use ledger_core::account::Supply;
use ledger_core::event::SupplyReason;
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, bnd, local};

const START: &str = "2026-03-02 08:00:00";
const AFTER_71H: &str = "2026-03-05 07:00:00";
const AT_72H: &str = "2026-03-05 08:00:00";
const AFTER_72H: &str = "2026-03-05 08:00:01";

fn activated() -> Story {
    let mut story = Story::with_meters(START);
    story.activate(START, E);
    story.activate(START, W);
    story
}

#[test]
fn u2_a_meter_without_a_first_top_up_is_disconnected_when_72_hours_are_over() {
    let mut story = activated();
    story.top_up(AFTER_71H, W, "10");
    assert_eq!(
        story.tick(AT_72H),
        Vec::<&str>::new(),
        "a command at the very instant comes before the deadline"
    );
    assert_eq!(story.tick(AFTER_72H), ["supply-disconnection-ordered.v1"]);
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoFirstTopUp)
    );
    assert_eq!(story.supply(Water), Supply::On);
}

#[test]
fn u2_the_first_top_up_reconnects_water_at_any_balance() {
    let mut story = activated();
    story.read("2026-03-03 08:00:00", W, "100");
    story.tick(AFTER_72H);
    assert_eq!(story.supply(Water), Supply::Off(SupplyReason::NoFirstTopUp));
    story.top_up("2026-03-05 09:00:00", W, "2");
    assert!(story.balance(Water).is_negative());
    assert_eq!(story.supply(Water), Supply::On);
}

#[test]
fn u2_the_first_top_up_reconnects_electricity_only_above_zero() {
    let mut story = activated();
    story.read("2026-03-03 08:00:00", E, "500");
    story.tick(AFTER_72H);
    story.top_up("2026-03-05 09:00:00", E, "5");
    assert_eq!(
        (story.balance(Electricity), story.supply(Electricity)),
        (bnd("0"), Supply::Off(SupplyReason::NoFirstTopUp))
    );
    story.top_up("2026-03-05 09:05:00", E, "2");
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn u2_a_top_up_before_activation_counts_and_legacy_credit_does_not() {
    let mut story = Story::with_meters(START);
    story.top_up(START, E, "10");
    story.activate(START, E);
    story.activate(START, W);
    let from = ledger_core::ids::OpaqueRef::parse("old-1").unwrap();
    story.done(
        START,
        ledger_core::command::Command::EnterLegacyCredit {
            utility: Water,
            amount: bnd("50"),
            from,
        },
    );
    story.tick(AFTER_72H);
    assert_eq!(story.supply(Electricity), Supply::On);
    assert_eq!(story.supply(Water), Supply::Off(SupplyReason::NoFirstTopUp));
}

#[test]
fn u2_each_meter_has_its_72_hours_from_its_own_activation() {
    let mut story = Story::with_meters(START);
    story.activate(START, E);
    story.activate("2026-03-03 08:00:00", W);
    story.tick(AFTER_72H);
    assert_eq!(story.supply(Water), Supply::On);
    story.tick("2026-03-06 08:00:01");
    assert_eq!(story.supply(Water), Supply::Off(SupplyReason::NoFirstTopUp));
}

#[test]
fn u3_supply_flows_without_credit_and_the_first_top_up_is_netted_against_the_usage() {
    let mut story = activated();
    story.read("2026-03-03 08:00:00", E, "300");
    assert_eq!(
        (story.balance(Electricity), story.supply(Electricity)),
        (bnd("-3"), Supply::On)
    );
    story.top_up("2026-03-03 09:00:00", E, "10");
    assert_eq!(story.balance(Electricity), bnd("7"));
}

#[test]
fn u3_at_the_end_of_the_72_hours_electricity_at_zero_or_below_is_off_at_once() {
    let mut story = activated();
    story.top_up(START, E, "3");
    story.top_up(START, W, "3");
    story.read("2026-03-03 08:00:00", E, "300");
    assert_eq!(story.supply(Electricity), Supply::On);
    story.tick(AFTER_72H);
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    assert_eq!(
        story.account.newest_at(),
        local(AT_72H),
        "it counts when it was due"
    );
}
