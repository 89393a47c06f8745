//! C19: a scheme may let a gap settle before it is priced, so that what is on its way comes in its order.

use ledger_core::answer::ReadingOutcome::{self, Conflicting, Duplicate, Quarantined, Settling};
use ledger_core::command::{Command, ExchangeMeter, FinalReading};
use ledger_core::scheme::SchemePolicy;
use ledger_core::utility::Utility::Electricity;

use crate::story::{E, Story, accepted, bnd, local, meter, q, scheme_text};

fn settling(hours: &str) -> Result<SchemePolicy, ledger_core::scheme::SchemeError> {
    let said = format!("gap_settle_hours = {hours}");
    SchemePolicy::from_toml(&scheme_text("usms").replace("gap_settle_hours = 0", &said))
}

/// Read hourly until 10:00, then at 14:00, in a scheme where a gap settles for twelve hours.
fn with_a_gap() -> Story {
    let mut story = Story::running("2026-03-05 09:00:00", "100", "10");
    story.policy = settling("12").unwrap();
    assert_eq!(
        accepted(&story.read("2026-03-05 10:00:00", E, "10")).0,
        q("10")
    );
    assert_eq!(story.read("2026-03-05 14:00:00", E, "50"), Settling);
    story
}

#[test]
fn c19_a_reading_that_ends_a_gap_waits_and_is_priced_when_its_time_is_over() {
    let mut story = with_a_gap();
    assert_eq!(story.balance(Electricity), bnd("99.9"));
    let due = local("2026-03-06 02:00:00");
    assert_eq!(
        story
            .account
            .next_due(&story.policy, story.account.newest_at()),
        Some(due)
    );
    assert_eq!(story.read("2026-03-05 14:00:00", E, "50.0"), Duplicate);
    assert_eq!(story.read("2026-03-05 14:00:00", E, "51"), Conflicting);
    // At that very instant a command still comes before it (C7).
    assert!(story.tick("2026-03-06 02:00:00").is_empty());
    assert_eq!(
        story.tick("2026-03-06 02:00:01"),
        ["consumption-charged.v1", "gap-settled.v1"]
    );
    assert_eq!(story.balance(Electricity), bnd("99.5"));
    assert_eq!(
        story.account.meter_of(Electricity).unwrap().base.value,
        q("50")
    );
    assert_eq!(story.read("2026-03-05 14:00:00", E, "50"), Duplicate);
}

#[test]
fn c19_what_comes_in_time_is_charged_in_its_order_and_ends_the_waiting() {
    let mut story = with_a_gap();
    let received = "2026-03-05 15:00:00";
    let mut late = |at: &str, value: &str| story.read_received(at, received, E, value);
    // Twelve o'clock is itself the end of a gap; eleven closes it, and then one o'clock does the rest.
    assert_eq!(late("2026-03-05 12:00:00", "12"), Settling);
    assert_eq!(
        accepted(&late("2026-03-05 11:00:00", "11")),
        (q("1"), bnd("0.01"))
    );
    assert_eq!(
        accepted(&late("2026-03-05 13:00:00", "13")),
        (q("1"), bnd("0.01"))
    );
    let kinds = [
        "consumption-charged.v1",
        "gap-settled.v1",
        "consumption-corrected.v1",
    ];
    assert_eq!(kinds.map(|kind| story.count(kind)), [5, 1, 0]);
    assert_eq!(story.balance(Electricity), bnd("99.5"));
    let meter = story.account.meter_of(Electricity).unwrap();
    assert_eq!((meter.settles_until, meter.kept.len()), (None, 0));
}

#[test]
fn c19_newer_readings_wait_with_the_first_and_are_priced_in_order() {
    let mut story = with_a_gap();
    assert_eq!(story.read("2026-03-05 15:00:00", E, "51"), Settling);
    assert_eq!(story.read("2026-03-05 20:00:00", E, "56"), Settling);
    assert_eq!(
        story.read("2026-03-05 21:00:00", E, "9000"),
        Quarantined,
        "at once"
    );
    let done = story.tick("2026-03-06 03:00:00");
    assert_eq!(
        done.iter()
            .filter(|kind| **kind == "consumption-charged.v1")
            .count(),
        3
    );
    assert_eq!(story.balance(Electricity), bnd("99.44"));
    assert_eq!(story.count("gap-settled.v1"), 1);
}

#[test]
fn c19_a_final_reading_prices_what_waits_before_it() {
    let mut story = with_a_gap();
    let at = "2026-03-05 16:00:00";
    let exchange = Command::ExchangeMeter(ExchangeMeter {
        old: FinalReading {
            meter: meter(E),
            value: q("60"),
            force: None,
        },
        new: meter("E20000002"),
        register: None,
        at: local(at),
        first_value: q("0"),
    });
    story.done(at, exchange);
    assert_eq!(story.balance(Electricity), bnd("99.4"));
    assert_eq!(
        (
            story.count("consumption-charged.v1"),
            story.count("gap-settled.v1")
        ),
        (3, 1)
    );
}

#[test]
fn c19_a_gap_settles_for_a_month_at_most_and_not_at_all_where_there_are_bills() {
    assert_eq!(
        settling("745").unwrap_err().key,
        "readings.gap_settle_hours"
    );
    assert!(settling("744").is_ok());
    let billed = scheme_text("kplc").replace("gap_settle_hours = 0", "gap_settle_hours = 1");
    let refusal = SchemePolicy::from_toml(&billed).unwrap_err();
    assert_eq!(refusal.key, "readings.gap_settle_hours");
    let unsaid = scheme_text("usms").replace("gap_settle_hours = 0\n", "");
    let mut story = Story::running("2026-03-05 09:00:00", "100", "10");
    story.policy = SchemePolicy::from_toml(&unsaid).unwrap();
    let outcome = story.read("2026-03-05 14:00:00", E, "50");
    assert!(
        matches!(outcome, ReadingOutcome::Accepted { .. }),
        "{outcome:?}"
    );
}
