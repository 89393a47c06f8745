//! C6: an account's own deadlines, and commands that come late.

use ledger_core::account::Supply;
use ledger_core::event::SupplyReason;
use ledger_core::utility::Utility::Electricity;

use crate::story::{E, Story, W, bnd, local};

const START: &str = "2026-03-01 08:00:00";

#[test]
fn c6_deadlines_before_a_command_act_first_in_the_same_decision() {
    let mut story = Story::with_meters(START);
    story.activate(START, E);
    story.activate(START, W);
    let decided = story.send("2026-03-05 09:00:00", Story::top_up_command(E, "5"));
    let kinds = crate::story::kinds(&decided);
    let want = [
        "supply-disconnection-ordered.v1",
        "supply-disconnection-ordered.v1",
        "credit-topped-up.v1",
        "supply-reconnection-ordered.v1",
    ];
    assert_eq!(kinds, want);
    assert_eq!(decided.events[0].at, local("2026-03-04 08:00:00"));
    assert!(decided.events[0].by_deadline && !decided.events[2].by_deadline);
}

#[test]
fn c6_deadlines_stay_also_when_the_command_is_refused() {
    let mut story = Story::with_meters(START);
    story.activate(START, E);
    story.refused("2026-03-05 09:00:00", Story::top_up_command(E, "1"));
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoFirstTopUp)
    );
}

#[test]
fn c6_a_command_stamped_before_the_newest_event_counts_as_at_that_event() {
    let mut story = Story::running(START, "50", "50");
    story.read("2026-03-05 09:00:00", E, "100");
    let receipt = story.top_up("2026-03-05 08:00:00", E, "5");
    assert_eq!(receipt.at, local("2026-03-05 09:00:00"));
}

#[test]
fn c6_a_command_at_the_instant_of_a_deadline_that_acted_does_not_undo_it() {
    let mut story = Story::with_meters(START);
    story.activate(START, E);
    story.tick("2026-03-04 08:00:01");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoFirstTopUp)
    );
    story.read_received("2026-03-04 07:00:00", "2026-03-04 08:00:00", E, "1");
    assert_eq!(
        story.supply(Electricity),
        Supply::Off(SupplyReason::NoFirstTopUp)
    );
    assert_eq!(story.count("supply-disconnection-ordered.v1"), 1);
}

#[test]
fn c7_a_period_of_72_hours_is_elapsed_time_and_over_at_its_end() {
    let mut story = Story::with_meters(START);
    story.activate(START, E);
    story.top_up("2026-03-04 08:00:00", E, "5");
    story.tick("2026-03-04 08:00:01");
    assert_eq!(
        (story.supply(Electricity), story.balance(Electricity)),
        (Supply::On, bnd("5"))
    );
}
