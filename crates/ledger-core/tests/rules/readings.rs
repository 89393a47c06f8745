//! C8, C9, C10: readings recognised, judged, spread.

use ledger_core::answer::ReadingOutcome::{Conflicting, Duplicate, Late, Quarantined, Refused};
use ledger_core::command::{Command, Reading};
use ledger_core::event::AccountEvent;
use ledger_core::ids::RegisterId;
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, accepted, bnd, local, meter, q};

const START: &str = "2026-03-01 08:00:00";

fn running() -> Story {
    let mut story = Story::running(START, "100", "100");
    story.read("2026-03-05 08:00:00", E, "100");
    story.read("2026-03-05 09:00:00", E, "101");
    story
}

#[test]
fn c8_an_identical_repeat_changes_nothing() {
    let mut story = running();
    let before = story.account.clone();
    assert_eq!(story.read("2026-03-05 09:00:00", E, "101.0"), Duplicate);
    assert_eq!(
        story.read_received("2026-03-05 08:00:00", "2026-03-05 10:00:00", E, "100"),
        Duplicate
    );
    assert_eq!(story.account, before);
}

#[test]
fn c8_another_value_for_the_same_instant_is_a_conflict_kept_once_and_charged_nothing() {
    let mut story = running();
    let balance = story.balance(Electricity);
    assert_eq!(story.read("2026-03-05 09:00:00", E, "102"), Conflicting);
    assert_eq!(story.read("2026-03-05 09:00:00", E, "102"), Duplicate);
    assert_eq!(story.read("2026-03-05 09:00:00", E, "103"), Conflicting);
    assert_eq!(
        (
            story.balance(Electricity),
            story.count("conflicting-reading-kept.v1")
        ),
        (balance, 2)
    );
}

#[test]
fn c8_a_late_reading_is_kept_as_history_and_charges_nothing() {
    let mut story = running();
    let balance = story.balance(Electricity);
    // Too old to correct anything (C19).
    let late =
        |s: &mut Story| s.read_received("2026-03-05 08:30:00", "2027-04-10 10:00:00", E, "100.5");
    assert_eq!(late(&mut story), Late);
    assert_eq!(late(&mut story), Duplicate);
    assert_eq!(
        (
            story.balance(Electricity),
            story.count("late-reading-kept.v1")
        ),
        (balance, 1)
    );
}

#[test]
fn c8_readings_from_the_future_or_before_installation_or_of_a_foreign_register_are_refused() {
    let mut story = running();
    let code = |outcome| match outcome {
        Refused(rejection) => rejection.code(),
        other => panic!("{other:?}"),
    };
    let ahead = story.read_received("2026-03-05 10:05:00", "2026-03-05 10:00:00", E, "102");
    accepted(&ahead);
    let future = story.read_received("2026-03-05 10:10:01", "2026-03-05 10:05:00", E, "103");
    assert_eq!(code(future), "READING_FROM_FUTURE");
    let before = story.read_received("2026-03-01 07:59:59", "2026-03-05 11:00:00", E, "0");
    assert_eq!(code(before), "READING_BEFORE_INSTALLATION");
    assert_eq!(
        code(story.read("2026-03-05 11:00:00", E, "1000000")),
        "VALUE_OFF_REGISTER"
    );
    let foreign = Reading {
        meter: meter(E),
        register: Some(RegisterId::parse("2.8.0").unwrap()),
        read_at: local("2026-03-05 11:00:00"),
        value: q("103"),
    };
    let decided = story.send("2026-03-05 11:00:00", Command::RecordReading(foreign));
    assert_eq!(decided.answer.refusal().unwrap().code(), "UNKNOWN_REGISTER");
}

#[test]
fn c8_a_refused_reading_is_judged_afresh_when_it_is_sent_again() {
    let mut story = running();
    let first = story.read_received("2026-03-05 10:10:00", "2026-03-05 10:00:00", E, "102");
    assert!(matches!(first, Refused(_)));
    accepted(&story.read_received("2026-03-05 10:10:00", "2026-03-05 10:10:00", E, "102"));
}

#[test]
fn c8_readings_are_charged_whatever_the_supply() {
    let mut story = Story::running(START, "5", "5");
    story.read("2026-03-05 08:00:00", E, "500");
    let (used, amount) = accepted(&story.read("2026-03-05 09:00:00", E, "501"));
    assert_eq!((used, amount), (q("1"), bnd("0.01")));
    assert_eq!(story.balance(Electricity), bnd("-0.01"));
}

#[test]
fn c9_a_drop_within_tolerance_is_zero_use_and_the_higher_base_is_kept() {
    let mut story = Story::running(START, "100", "100");
    story.read("2026-03-05 08:00:00", W, "1");
    assert_eq!(
        accepted(&story.read("2026-03-05 09:00:00", W, "0.99")),
        (q("0"), bnd("0"))
    );
    assert_eq!(
        accepted(&story.read("2026-03-05 10:00:00", W, "1.5")),
        (q("0.5"), bnd("0.055"))
    );
}

#[test]
fn c9_a_larger_drop_or_too_fast_a_rise_is_quarantined_and_the_next_goes_on_from_the_base() {
    let mut story = Story::running(START, "100", "100");
    story.read("2026-03-05 08:00:00", W, "1");
    assert_eq!(story.read("2026-03-05 09:00:00", W, "456.017"), Quarantined);
    assert_eq!(story.read("2026-03-05 10:00:00", W, "0.9"), Quarantined);
    assert_eq!(
        accepted(&story.read("2026-03-05 11:00:00", W, "1.2")),
        (q("0.2"), bnd("0.022"))
    );
}

#[test]
fn c9_contracted_kva_counts_as_the_greatest_flow() {
    let mut story = Story::of_class(START, "commercial", Some(10));
    story.install(START, Electricity, E, "0");
    assert_eq!(
        story.read("2026-03-01 09:00:00", E, "10.000001"),
        Quarantined
    );
    accepted(&story.read("2026-03-01 09:30:00", E, "10"));
}

#[test]
fn c10_consumption_is_cut_at_day_and_month_ends_in_proportion_of_elapsed_time() {
    let mut story = Story::running("2026-03-30 22:00:00", "100", "100");
    story.read("2026-04-01 04:00:00", E, "3");
    let Some(AccountEvent::ConsumptionCharged(event)) = story.events.last() else {
        panic!("charged")
    };
    let parts: Vec<_> = event.parts().map(|p| (p.0.to_string(), p.1)).collect();
    let want = [
        ("2026-03-30", "0.2"),
        ("2026-03-31", "2.4"),
        ("2026-04-01", "0.4"),
    ];
    assert_eq!(parts, want.map(|(d, v)| (d.to_owned(), q(v))));
    assert!(event.g, "further apart than 1.5 intervals");
}

#[test]
fn c10_a_month_end_between_two_readings_starts_the_blocks_anew() {
    let mut story = Story::running("2026-03-31 00:00:00", "1000", "100");
    story.read("2026-03-31 12:00:00", E, "600");
    let (_, amount) = accepted(&story.read("2026-04-01 12:00:00", E, "800"));
    assert_eq!(
        amount,
        bnd("9"),
        "100 in March at 0.08, 100 in April at 0.01"
    );
}

#[test]
fn c11_a_months_minimum_comes_with_the_reading_that_completes_it() {
    let mut story = Story::of_class("2026-03-10 00:00:00", "commercial", Some(140));
    story.install("2026-03-10 00:00:00", Electricity, E, "0");
    let (_, march) = accepted(&story.read("2026-04-01 00:00:00", E, "1"));
    assert_eq!(
        march,
        bnd("0.2"),
        "a reading at midnight does not reach into April"
    );
    let (_, april) = accepted(&story.read("2026-04-01 01:00:00", E, "2"));
    assert_eq!(
        april,
        bnd("2"),
        "1.80 are missing to March's minimum, 0.20 are April's own"
    );
    let (_, june) = accepted(&story.read("2026-06-01 01:00:00", E, "2"));
    assert_eq!(june, bnd("3.8"), "1.80 for April, all of May's minimum");
}

#[test]
fn c8_readings_of_a_removed_meter_after_its_end_are_refused() {
    let mut story = running();
    let last = ledger_core::command::FinalReading {
        meter: meter(E),
        value: q("102"),
        force: None,
    };
    let at = local("2026-03-05 10:00:00");
    story.done("2026-03-05 10:00:00", Command::RemoveMeter { last, at });
    let outcome = story.read("2026-03-05 11:00:00", E, "103");
    assert!(
        matches!(outcome, Refused(ref r) if r.code() == "READING_AFTER_REMOVAL"),
        "{outcome:?}"
    );
}

#[test]
fn u6_electricity_meters_report_hourly_and_water_meters_daily_unless_installed_otherwise() {
    let story = Story::with_meters(START);
    let interval = |utility| {
        story
            .account
            .meter_of(utility)
            .unwrap()
            .register
            .interval_min
    };
    assert_eq!((interval(Electricity), interval(Water)), (60, 24 * 60));
}
