//! C5, C9, U1: meters installed, exchanged, removed, resolved.

use ledger_core::answer::ReadingOutcome;
use ledger_core::command::{Command, ExchangeMeter, FinalReading, InstallMeter, Resolution};
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, accepted, bnd, local, meter, q};

const START: &str = "2026-03-01 08:00:00";
const NEW: &str = "E20000002";

fn exchange(final_value: &str, first: &str, at: &str, force: Option<&str>) -> Command {
    Command::ExchangeMeter(ExchangeMeter {
        old: FinalReading {
            meter: meter(E),
            value: q(final_value),
            force: force.map(str::to_owned),
        },
        new: meter(NEW),
        register: None,
        at: local(at),
        first_value: q(first),
    })
}

#[test]
fn c11_a_tariff_by_contracted_kva_says_what_the_account_lacks() {
    let mut story = Story::of_class("2026-03-01 00:00:00", "commercial", None);
    let install = Command::InstallMeter(InstallMeter {
        utility: Electricity,
        meter: meter(E),
        register: None,
        at: local("2026-03-01 00:00:00"),
        first_value: q("0"),
    });
    let refusal = story.refused("2026-03-01 00:00:00", install);
    assert_eq!(refusal.code(), "NO_TARIFF");
    assert!(refusal.to_string().contains("contracted_kva"), "{refusal}");
}

#[test]
fn u1_an_account_has_at_most_one_meter_of_each_utility() {
    let mut story = Story::with_meters(START);
    let second = InstallMeter {
        utility: Water,
        meter: meter("W20000002"),
        register: None,
        at: local(START),
        first_value: q("0"),
    };
    assert_eq!(
        story.refused(START, Command::InstallMeter(second)).code(),
        "UTILITY_HAS_METER"
    );
}

#[test]
fn c9_an_exchange_closes_the_old_register_and_touches_neither_credit_nor_blocks_nor_72_hours() {
    let mut story = Story::running(START, "50", "5");
    story.read("2026-03-05 08:00:00", E, "500");
    let grace = story.account.wallet(Electricity).unwrap().grace_until;
    story.done(
        "2026-03-05 09:00:00",
        exchange("590", "7", "2026-03-05 09:00:00", None),
    );
    assert_eq!(story.balance(Electricity), bnd("44.1"));
    let outcome = story.read("2026-03-05 10:00:00", NEW, "27");
    assert_eq!(
        accepted(&outcome),
        (q("20"), bnd("0.9")),
        "the tenth unit above 590 leaves the first block"
    );
    assert_eq!(
        story.account.wallet(Electricity).unwrap().grace_until,
        grace
    );
    assert_eq!(
        story
            .refused("2026-03-05 11:00:00", Story::top_up_command(E, "5"))
            .code(),
        "METER_REMOVED"
    );
}

#[test]
fn c9_a_final_reading_must_be_plausible_or_forced_with_a_reason() {
    let mut story = Story::running(START, "50", "5");
    story.read("2026-03-05 08:00:00", E, "500");
    let at = "2026-03-05 09:00:00";
    assert_eq!(
        story.refused(at, exchange("400", "0", at, None)).code(),
        "IMPLAUSIBLE_READING"
    );
    assert_eq!(
        story
            .refused(at, exchange("400", "0", at, Some(" ")))
            .code(),
        "IMPLAUSIBLE_READING"
    );
    story.done(
        at,
        exchange("400", "0", at, Some("display was misread before")),
    );
    assert_eq!(
        story.balance(Electricity),
        bnd("45"),
        "a forced drop charges nothing"
    );
}

#[test]
fn c5_a_late_reading_belongs_to_the_meter_that_was_there_when_it_was_read() {
    let mut story = Story::running(START, "50", "5");
    story.read("2026-03-05 08:00:00", E, "500");
    story.done(
        "2026-03-05 09:00:00",
        exchange("510", "0", "2026-03-05 09:00:00", None),
    );
    let late = story.read_received("2026-03-05 08:30:00", "2026-03-06 08:00:00", E, "505");
    assert!(matches!(late, ReadingOutcome::Corrected { .. }), "{late:?}");
    let after = story.read_received("2026-03-05 10:00:00", "2026-03-06 08:00:00", E, "520");
    assert!(matches!(after, ReadingOutcome::Refused(_)), "{after:?}");
}

/// Three readings of a foreign register, an hour apart.
fn suspected() -> Story {
    let mut story = Story::running(START, "50", "50");
    story.read("2026-03-05 08:00:00", E, "500");
    for (hour, value) in [("09", "3"), ("10", "4"), ("11", "5")] {
        assert_eq!(
            story.read(&format!("2026-03-05 {hour}:00:00"), E, value),
            ReadingOutcome::Quarantined
        );
    }
    story
}

#[test]
fn c9_three_agreeing_quarantined_readings_raise_a_suspicion_once() {
    let mut story = suspected();
    assert_eq!(story.count("meter-exchange-suspected.v1"), 1);
    story.read("2026-03-05 12:00:00", E, "6");
    assert_eq!(story.count("meter-exchange-suspected.v1"), 1);
}

#[test]
fn c9_the_old_register_going_on_withdraws_the_suspicion() {
    let mut story = suspected();
    accepted(&story.read("2026-03-05 12:00:00", E, "510"));
    assert_eq!(story.count("suspicion-withdrawn.v1"), 1);
}

#[test]
fn c9_resolved_as_an_exchange_what_was_held_is_charged_once_from_the_first_value() {
    let mut story = suspected();
    let resolve = Command::ResolveMeter {
        meter: meter(E),
        how: Resolution::Exchange {
            final_value: q("505"),
            first_value: q("0"),
            at: local("2026-03-05 08:30:00"),
            force: None,
        },
    };
    let kinds = story.done("2026-03-05 13:00:00", resolve.clone());
    let charged = kinds
        .iter()
        .filter(|k| **k == "consumption-charged.v1")
        .count();
    assert_eq!(charged, 4, "the final reading and the three held ones");
    assert_eq!(story.balance(Electricity), bnd("50") - bnd("5.10"));
    assert_eq!(
        story.read("2026-03-05 11:00:00", E, "5"),
        ReadingOutcome::Duplicate
    );
    assert_eq!(
        story.refused("2026-03-05 14:00:00", resolve).code(),
        "NOTHING_QUARANTINED"
    );
}

#[test]
fn c9_discarded_readings_are_charged_nothing_and_their_repeats_are_duplicates() {
    let mut story = suspected();
    story.done(
        "2026-03-05 13:00:00",
        Command::ResolveMeter {
            meter: meter(E),
            how: Resolution::Discard,
        },
    );
    assert_eq!(
        story.read("2026-03-05 10:00:00", E, "4"),
        ReadingOutcome::Duplicate
    );
    accepted(&story.read("2026-03-05 14:00:00", E, "510"));
    assert_eq!(story.balance(Electricity), bnd("44.9"));
}

#[test]
fn c9_three_agreeing_rises_are_reported_as_limit_or_exchange() {
    let mut story = Story::running(START, "50", "50");
    for (hour, value) in [("09", "5000"), ("10", "5010"), ("11", "5020")] {
        assert_eq!(
            story.read(&format!("2026-03-01 {hour}:00:00"), E, value),
            ReadingOutcome::Quarantined
        );
    }
    let limit = story.events.iter().any(|e| {
        matches!(e, ledger_core::event::AccountEvent::MeterExchangeSuspected(s) if s.limit && s.t.len() == 3)
    });
    assert!(limit);
}

#[test]
fn c9_a_drop_of_less_than_ten_tolerances_takes_no_part_in_a_suspicion() {
    let mut story = Story::running(START, "50", "50");
    story.read("2026-03-05 08:00:00", E, "500");
    for (hour, value) in [
        ("09", "499.5"),
        ("10", "499.5"),
        ("11", "499.5"),
        ("12", "499.5"),
    ] {
        assert_eq!(
            story.read(&format!("2026-03-05 {hour}:00:00"), E, value),
            ReadingOutcome::Quarantined
        );
    }
    assert_eq!(story.count("meter-exchange-suspected.v1"), 0);
}
