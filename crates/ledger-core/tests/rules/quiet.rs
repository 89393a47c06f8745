//! C15: cuts that would fall in quiet hours, on a rest day or a public holiday wait.

use ledger_core::account::Supply;
use ledger_core::event::{AccountEvent, SupplyReason};
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::Timestamp;
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, bnd, local};

const START: &str = "2026-03-09 10:00:00";

/// USMS with quiet hours from five in the afternoon to eight, Sundays and public holidays.
fn quiet() -> SchemePolicy {
    let text = crate::common::scheme_text("usms");
    let quiet = "[quiet]\nhours = [{ from = \"17:00\", until = \"08:00\" }]\nrest_days = [\"sunday\"]\npublic_holidays = true\n";
    SchemePolicy::from_toml(&format!("{text}\n{quiet}")).unwrap()
}

/// Both meters active and past their first period, under quiet hours.
fn running(electricity: &str) -> Story {
    let mut story = Story::running(START, electricity, "10");
    story.policy = quiet();
    story
}

/// When supply was ordered off, and whether a deadline did it.
fn cuts(story: &Story) -> usize {
    story.count("supply-disconnection-ordered.v1")
}

fn deferred_until(story: &Story) -> Vec<Timestamp> {
    let until = |event: &AccountEvent| match event {
        AccountEvent::SupplyDisconnectionDeferred(e) => Some(e.until),
        _ => None,
    };
    story.events.iter().filter_map(until).collect()
}

#[test]
fn c15_a_cut_in_quiet_hours_waits_for_their_end_and_is_decided_anew() {
    let mut story = running("6");
    story.read("2026-03-16 18:00:00", E, "600");
    assert_eq!(story.balance(Electricity), bnd("0"));
    assert_eq!(story.supply(Electricity), Supply::On, "it waits");
    let end = local("2026-03-17 08:00:00");
    assert_eq!(deferred_until(&story), [end]);
    story.read("2026-03-16 19:00:00", E, "601");
    assert_eq!(deferred_until(&story), [end], "it is put off once");
    assert_eq!(
        story
            .account
            .next_due(&story.policy, local("2026-03-16 19:00:00")),
        Some(end)
    );
    story.tick("2026-03-17 08:00:00");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit),
        "the last minute is out: a command at its end is not held"
    );
    assert_eq!(cuts(&story), 1);
}

#[test]
fn c15_a_payment_before_the_order_goes_out_cancels_it() {
    let mut story = running("6");
    story.read("2026-03-16 18:00:00", E, "600");
    story.top_up("2026-03-17 07:59:59", E, "5");
    assert_eq!(story.count("supply-disconnection-cancelled.v1"), 1);
    story.tick("2026-03-18 12:00:00");
    assert_eq!(cuts(&story), 0);
    assert_eq!(story.supply(Electricity), Supply::On);
}

#[test]
fn c15_a_payment_that_does_not_suffice_leaves_the_cut_waiting() {
    let mut story = running("6");
    story.read("2026-03-16 18:00:00", E, "700");
    story.top_up("2026-03-16 20:00:00", E, "2");
    assert!(!story.balance(Electricity).is_positive());
    assert_eq!(story.count("supply-disconnection-cancelled.v1"), 0);
    story.tick("2026-03-18 12:00:00");
    assert_eq!(cuts(&story), 1);
}

#[test]
fn c15_a_scheme_without_quiet_time_cuts_at_once() {
    let mut story = Story::running(START, "6", "10");
    story.read("2026-03-16 18:00:00", E, "600");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoCredit)
    );
    assert!(deferred_until(&story).is_empty());
}

#[test]
fn c15_the_end_of_the_first_72_hours_on_a_rest_day_cuts_when_the_rest_is_over() {
    let mut story = Story::opened(START);
    story.policy = quiet();
    story.install("2026-03-12 10:00:00", Electricity, E, "0");
    story.install("2026-03-12 10:00:00", Water, W, "0");
    story.activate("2026-03-12 10:00:00", E);
    story.activate("2026-03-12 10:00:00", W);
    story.tick("2026-03-15 12:00:00");
    assert_eq!(cuts(&story), 0, "the 15th is a Sunday");
    let end = local("2026-03-16 08:00:00");
    assert_eq!(deferred_until(&story), [end, end], "each meter waits");
    story.top_up("2026-03-15 14:00:00", W, "2");
    story.tick("2026-03-20 12:00:00");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoFirstTopUp)
    );
    assert_eq!(story.supply(Water), Supply::On);
}

#[test]
fn c15_c6_a_clock_that_runs_late_cuts_as_of_the_end_of_quiet_time() {
    let run = |ticks: &[&str]| {
        let mut story = running("6");
        story.read("2026-03-16 18:00:00", E, "600");
        for tick in ticks {
            story.tick(tick);
        }
        story.tick("2026-03-20 12:00:00");
        let orders = story.events.iter().filter_map(|event| match event {
            AccountEvent::SupplyDisconnectionOrdered(e) => Some((e.n, e.until)),
            _ => None,
        });
        orders.collect::<Vec<_>>()
    };
    let late = run(&[]);
    assert_eq!(late, run(&["2026-03-17 08:00:01", "2026-03-18 08:00:00"]));
    assert_eq!(
        late,
        [(1, local("2026-03-18 08:00:00"))],
        "it lapses a day after the end"
    );
}

#[test]
fn c15_staffs_own_order_does_not_wait() {
    let mut story = running("20");
    let meter = crate::story::meter(E);
    story.done(
        "2026-03-15 12:00:00",
        ledger_core::command::Command::Disconnect { meter },
    );
    assert_eq!(story.supply(Electricity), Supply::Off(SupplyReason::Staff));
}

#[test]
fn c15_a_lapsed_disconnection_is_not_repeated_in_quiet_hours() {
    let mut story = running("6");
    story.read("2026-03-16 12:00:00", E, "600");
    assert_eq!(cuts(&story), 1);
    story.policy = {
        let text = crate::common::scheme_text("usms");
        let text = text.replace("expiry_hours = 24", "expiry_hours = 6");
        let quiet = "[quiet]\nhours = [{ from = \"17:00\", until = \"08:00\" }]\nrest_days = []\npublic_holidays = false\n";
        SchemePolicy::from_toml(&format!("{text}\n{quiet}")).unwrap()
    };
    story.tick("2026-03-17 18:00:00");
    assert_eq!(story.count("meter-order-repeated.v1"), 0);
    story.tick("2026-03-18 08:00:00");
    assert_eq!(story.count("meter-order-repeated.v1"), 1);
}
