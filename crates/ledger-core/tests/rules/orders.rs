//! C20, U8: orders to meters, their numbers, repeats and confirmations, and staff's own orders.

use ledger_core::account::Supply;
use ledger_core::command::Command;
use ledger_core::event::{AccountEvent, SupplyReason};
use ledger_core::utility::Utility::Electricity;

use crate::story::{E, Story, bnd, local, meter};

const START: &str = "2026-03-01 08:00:00";
const EMPTY: &str = "2026-03-05 08:00:00";

/// Electricity cut at `EMPTY` for want of credit.
fn cut() -> Story {
    let mut story = Story::running(START, "5", "5");
    story.read(EMPTY, E, "500");
    story
}

fn confirm(order: u32) -> Command {
    Command::ConfirmOrder {
        meter: meter(E),
        order,
        at: local("2026-03-05 08:01:00"),
    }
}

#[test]
fn c20_supply_is_ordered_until_the_meter_confirms() {
    let mut story = cut();
    let open = story
        .account
        .wallet(Electricity)
        .unwrap()
        .open_order
        .clone()
        .unwrap();
    assert_eq!((open.n, open.on), (1, false));
    assert_eq!(
        story.done("2026-03-05 08:02:00", confirm(1)),
        ["meter-order-confirmed.v1"]
    );
    assert!(
        story
            .account
            .wallet(Electricity)
            .unwrap()
            .open_order
            .is_none()
    );
    assert!(
        story.done("2026-03-05 08:03:00", confirm(1)).is_empty(),
        "repeating it does nothing"
    );
}

#[test]
fn c20_a_newer_order_supersedes_and_a_stale_confirmation_is_refused() {
    let mut story = cut();
    story.top_up("2026-03-05 08:00:30", E, "5");
    assert_eq!(story.account.wallet(Electricity).unwrap().orders, 2);
    assert_eq!(
        story.refused("2026-03-05 08:02:00", confirm(1)).code(),
        "ORDER_SUPERSEDED"
    );
    story.done("2026-03-05 08:02:00", confirm(2));
}

#[test]
fn c20_a_lapsed_order_is_repeated_with_a_new_number_as_often_as_the_policy_says() {
    let mut story = cut();
    assert!(story.tick("2026-03-06 07:59:59").is_empty());
    assert_eq!(
        story.tick("2026-03-06 08:00:00"),
        ["meter-order-repeated.v1"]
    );
    for day in ["07", "08", "09", "10", "11"] {
        story.tick(&format!("2026-03-{day} 09:00:00"));
    }
    assert_eq!(
        story.count("meter-order-repeated.v1"),
        3,
        "repeats_max of the scheme"
    );
    assert_eq!(story.account.wallet(Electricity).unwrap().orders, 4);
}

#[test]
fn c20_a_payment_leaves_no_disconnection_behind_it() {
    let mut story = cut();
    story.top_up("2026-03-05 09:00:00", E, "5");
    story.tick("2026-03-07 09:00:00");
    let last = story.events.iter().rev().find_map(|e| match e {
        AccountEvent::MeterOrderRepeated(r) => Some(r.on),
        _ => None,
    });
    assert_eq!(last, Some(true), "what is repeated is the reconnection");
}

#[test]
fn c20_staff_cut_and_lift_their_own_order() {
    let mut story = Story::running(START, "50", "5");
    story.done(EMPTY, Command::Disconnect { meter: meter(E) });
    assert_eq!(story.supply(Electricity), Supply::Off(SupplyReason::Staff));
    story.top_up("2026-03-05 09:00:00", E, "5");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::Staff),
        "a top-up does not lift it"
    );
    assert_eq!(
        story
            .refused(EMPTY, Command::Disconnect { meter: meter(E) })
            .code(),
        "SUPPLY_ALREADY"
    );
    story.done(
        "2026-03-05 10:00:00",
        Command::Reconnect { meter: meter(E) },
    );
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn c20_staff_lift_their_own_order_also_when_credit_is_used_up_and_credit_then_decides() {
    let mut story = cut();
    story.done(
        "2026-03-05 09:00:00",
        Command::Disconnect { meter: meter(E) },
    );
    assert_eq!(story.supply(Electricity), Supply::Off(SupplyReason::Staff));
    story.done(
        "2026-03-05 10:00:00",
        Command::Reconnect { meter: meter(E) },
    );
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    story.top_up("2026-03-05 11:00:00", E, "5");
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn u8_staff_cannot_reconnect_against_the_rules_of_credit() {
    let mut story = cut();
    assert_eq!(story.balance(Electricity), bnd("0"));
    assert_eq!(
        story
            .refused(
                "2026-03-05 10:00:00",
                Command::Reconnect { meter: meter(E) }
            )
            .code(),
        "SUPPLY_NEEDS_CREDIT"
    );
}
