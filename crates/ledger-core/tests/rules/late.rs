//! C19: a late reading between its neighbours corrects what was charged across it.
//!
//! Figures are worked out by hand beside each story; that any order of arrival comes out alike is in
//! `any_order`.

use ledger_core::account::Supply;
use ledger_core::answer::ReadingOutcome::{
    self, Conflicting, Corrected, Duplicate, Late, Quarantined,
};
use ledger_core::command::{CloseTo, Command, ExchangeMeter, FinalReading, Reading};
use ledger_core::event::{AccountEvent, ConsumptionCorrected};
use ledger_core::ids::ChannelId;
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, accepted, bnd, local, meter, q, scheme, scheme_text};

/// The newest correction.
fn correction(story: &Story) -> &ConsumptionCorrected {
    let corrected =
        |event: &'_ AccountEvent| matches!(event, AccountEvent::ConsumptionCorrected(_));
    match story.events.iter().rfind(|event| corrected(event)) {
        Some(AccountEvent::ConsumptionCorrected(e)) => e,
        other => panic!("no correction: {other:?}"),
    }
}

fn days(e: &ConsumptionCorrected) -> Vec<(String, String, String)> {
    e.p.iter()
        .map(|part| (part.0.to_string(), part.1.to_string(), part.2.to_string()))
        .collect()
}

fn told(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let own = |text: &str| text.to_owned();
    list.iter()
        .map(|(d, units, money)| (own(d), own(units), own(money)))
        .collect()
}

fn corrected(amount: &str) -> ReadingOutcome {
    Corrected {
        amount: bnd(amount),
    }
}

/// Credit of 100, read at the install and at noon of 31 March, noon of 1 April and at the month's end.
fn over_the_months_end(last: &str) -> Story {
    let mut story = Story::running("2026-03-31 00:00:00", "100", "10");
    assert_eq!(
        accepted(&story.read("2026-03-31 12:00:00", E, "600")).1,
        bnd("6")
    );
    // 100 units of March at 0.08, 100 of April at 0.01.
    assert_eq!(
        accepted(&story.read("2026-04-01 12:00:00", E, "800")).1,
        bnd("9")
    );
    story.read("2026-04-20 12:00:00", E, last);
    story
}

#[test]
fn c19_a_late_reading_that_lies_evenly_changes_no_money_and_is_a_reading_ever_after() {
    let mut story = Story::running("2026-03-01 08:00:00", "100", "100");
    story.read("2026-03-05 09:00:00", E, "100");
    story.read("2026-03-05 11:00:00", E, "102");
    let balance = story.balance(Electricity);
    let received = "2026-03-06 08:00:00";
    assert_eq!(
        story.read_received("2026-03-05 10:00:00", received, E, "101.5"),
        corrected("0")
    );
    assert_eq!(story.balance(Electricity), balance);
    let e = correction(&story);
    assert_eq!(
        (e.q, e.w),
        (q("1.5"), q("2")),
        "all of it stays, spread anew"
    );
    assert_eq!(
        (e.f, e.n),
        (local("2026-03-05 09:00:00"), local("2026-03-05 11:00:00"))
    );
    assert_eq!(
        story.read_received("2026-03-05 10:00:00", received, E, "101.50"),
        Duplicate
    );
    assert_eq!(
        story.read_received("2026-03-05 10:00:00", received, E, "101.4"),
        Conflicting
    );
    // The next late one lies between this one and the newest.
    assert_eq!(
        story.read_received("2026-03-05 10:30:00", received, E, "101.3"),
        Quarantined
    );
    assert_eq!(
        story.read_received("2026-03-05 10:30:00", received, E, "101.6"),
        Conflicting
    );
    assert_eq!(
        story.read_received("2026-03-05 10:40:00", received, E, "101.6"),
        corrected("0")
    );
    assert_eq!(correction(&story).f, local("2026-03-05 10:00:00"));
}

#[test]
fn c19_units_move_over_a_months_end_and_the_difference_is_given_back() {
    let mut story = over_the_months_end("1200");
    // Charged: 6 + 9 + 400 units of April at 0.01.
    assert_eq!(story.balance(Electricity), bnd("81"));
    let outcome = story.read_received("2026-04-01 00:00:00", "2026-04-21 08:00:00", E, "620");
    // Of the 200 units 20 are March's (1.60) and 180 April's (1.80), where 9.00 was charged.
    assert_eq!(outcome, corrected("-5.6"));
    assert_eq!(story.balance(Electricity), bnd("86.6"));
    assert_eq!(
        days(correction(&story)),
        told(&[("2026-03-31", "-80", "-6.4"), ("2026-04-01", "80", "0.8")])
    );
    let wallet = story.account.wallet(Electricity).unwrap();
    assert_eq!(
        wallet.position.as_ref().unwrap().units,
        q("580"),
        "of April"
    );
}

#[test]
fn c19_what_was_priced_later_in_the_same_month_is_corrected_too() {
    let mut story = over_the_months_end("1500");
    // Charged: 6 + 9 + 500 units of April at 0.01 and 200 at 0.08.
    assert_eq!(story.balance(Electricity), bnd("64"));
    let outcome = story.read_received("2026-04-01 00:00:00", "2026-04-21 08:00:00", E, "690");
    // 90 of March at 0.08, 110 of April at 0.01: 8.30. Then 490 at 0.01 and 210 at 0.08: 21.70, where
    // 21.00 was charged: 0.70 less and 0.70 more.
    assert_eq!(outcome, corrected("0"));
    let e = correction(&story);
    assert_eq!(
        (e.p[0].clone(), e.p[1].clone()),
        (
            ledger_core::event::DayPart("2026-03-31".parse().unwrap(), q("-10"), bnd("-0.8")),
            ledger_core::event::DayPart("2026-04-01".parse().unwrap(), q("10"), bnd("0.1"))
        )
    );
    let later: Money = e.p.iter().skip(2).map(|part| part.2).sum();
    assert_eq!(later, bnd("0.7"), "on days whose units are as they were");
    assert!(e.p.iter().skip(2).all(|part| part.1.is_zero()));
}

/// Brunei's scheme with another price of residential electricity.
fn priced(tariff: &str) -> SchemePolicy {
    let text = SchemePolicy::builtin_text("usms").unwrap();
    let (start, end) = ("[tariffs.blocks]", "    { price = \"0.12\" },\n]\n");
    let from = text.find(start).unwrap();
    let to = text.find(end).unwrap() + end.len();
    SchemePolicy::from_toml(&format!("{}{tariff}{}", &text[..from], &text[to..])).unwrap()
}

const WINDOWS: &str = "[tariffs.time_of_use]\nwindows = [\n\
    { name = \"peak\", price = \"0.40\", hours = [\"08:00-20:00\"] },\n\
    { name = \"rest\", price = \"0.10\" },\n]\n";

#[test]
fn c19_units_move_between_windows_of_time_at_the_prices_of_that_time() {
    let mut story = Story::under(priced(WINDOWS), "2026-03-05 08:00:00", "residential");
    story.install("2026-03-05 08:00:00", Electricity, E, "0");
    // 24 units evenly over a day: 12 at 0.40 and 12 at 0.10.
    assert_eq!(
        accepted(&story.read("2026-03-06 08:00:00", E, "24")).1,
        bnd("6")
    );
    // 20 of them until 20:00: 8.00 and 0.40.
    let outcome = story.read_received("2026-03-05 20:00:00", "2026-03-06 09:00:00", E, "20");
    assert_eq!(outcome, corrected("2.4"));
    // All 24 until 22:00: 4 more at 0.10 as before.
    let outcome = story.read_received("2026-03-05 22:00:00", "2026-03-06 09:30:00", E, "24");
    assert_eq!(outcome, corrected("0"));
    assert_eq!(story.balance(Electricity), bnd("-8.4"));
}

const BANDS: &str = "[tariffs.bands]\nper = \"month\"\nby = \"own_month\"\nsteps = [\n\
    { up_to = \"100\", price = \"0.10\" },\n    { price = \"0.20\" },\n]\n\
    [[tariffs.levies]]\nname = \"vat\"\nkind = \"tax\"\npercent = \"10\"\non = [\"energy\"]\n\
    rounding = { decimals = 2, mode = \"half_up\" }\n";

#[test]
fn c19_a_month_that_leaves_its_band_is_priced_anew_with_the_tax_on_it() {
    let mut story = Story::under(priced(BANDS), "2026-03-31 00:00:00", "residential");
    story.install("2026-03-31 00:00:00", Electricity, E, "0");
    // 220 units, 110 on each side of the month's end: each month in the upper band, 22.00 and tax 2.20.
    assert_eq!(
        accepted(&story.read("2026-04-02 00:00:00", E, "220")).1,
        bnd("48.4")
    );
    let outcome = story.read_received("2026-04-01 00:00:00", "2026-04-02 08:00:00", E, "90");
    // March: 90 at 0.10 and 0.90; April: 130 at 0.20 and 2.60. 38.50 where 48.40 was charged.
    assert_eq!(outcome, corrected("-9.9"));
    let e = correction(&story);
    let lines: Vec<_> =
        e.x.iter()
            .map(|line| (line.0.to_string(), line.3))
            .collect();
    assert_eq!(
        lines,
        [
            ("2026-03".to_owned(), bnd("-1.3")),
            ("2026-04".to_owned(), bnd("0.4"))
        ]
    );
}

#[test]
fn c19_a_months_minimum_is_corrected_with_its_units() {
    let mut story = Story::of_class("2026-03-31 00:00:00", "commercial", Some(140));
    story.install("2026-03-31 00:00:00", Electricity, E, "0");
    // 10 units in each month at 0.20: 2.00 and 2.00, so March's minimum of 2.00 is reached.
    assert_eq!(
        accepted(&story.read("2026-04-02 00:00:00", E, "20")).1,
        bnd("4")
    );
    let outcome = story.read_received("2026-04-01 00:00:00", "2026-04-02 08:00:00", E, "4");
    // March: 4 units, 0.80 and 1.20 to the minimum; April: 16 units, 3.20.
    assert_eq!(outcome, corrected("1.2"));
    let e = correction(&story);
    assert_eq!(
        e.mn,
        [ledger_core::event::MinimumPart(
            "2026-03".parse().unwrap(),
            bnd("1.2")
        )]
    );
}

#[test]
fn c19_a_tariff_change_between_the_neighbours_is_priced_by_each_sides_own() {
    let text = scheme_text("usms");
    let name = "[[tariffs]]\nname = \"electricity-commercial\"";
    let next = format!(
        "[[tariffs]]\nname = \"next\"\nutility = \"electricity\"\nclass = \"residential\"\n\
         effective_from = \"2026-03-15T00:00:00+08:00\"\nverified = false\nsource = \"test\"\n\
         flat = {{ price = \"0.05\" }}\n\n{name}"
    );
    let policy = SchemePolicy::from_toml(&text.replacen(name, &next, 1)).unwrap();
    let mut story = Story::under(policy, "2026-03-14 00:00:00", "residential");
    story.install("2026-03-14 00:00:00", Electricity, E, "0");
    // 10 a day: 0.10 and 0.50.
    assert_eq!(
        accepted(&story.read("2026-03-16 00:00:00", E, "20")).1,
        bnd("0.6")
    );
    let outcome = story.read_received("2026-03-15 00:00:00", "2026-03-16 08:00:00", E, "18");
    // 18 at 0.01 and 2 at 0.05.
    assert_eq!(outcome, corrected("-0.32"));
}

#[test]
fn c19_a_late_reading_that_does_not_lie_between_is_quarantined_and_charges_nothing() {
    let mut story = over_the_months_end("1200");
    let balance = story.balance(Electricity);
    let received = "2026-04-21 08:00:00";
    assert_eq!(
        story.read_received("2026-04-01 02:00:00", received, E, "800.000001"),
        Quarantined
    );
    assert_eq!(
        story.read_received("2026-04-01 01:00:00", received, E, "599.899999"),
        Quarantined
    );
    assert_eq!(
        (
            story.balance(Electricity),
            story.count("reading-quarantined.v1")
        ),
        (balance, 2)
    );
    assert_eq!(story.count("meter-exchange-suspected.v1"), 0);
    // A drop of the tolerance is zero use: all 200 units are April's, 2.00 where 9.00 was charged.
    assert_eq!(
        story.read_received("2026-04-01 00:00:00", received, E, "599.9"),
        corrected("-7")
    );
    assert_eq!(correction(&story).q, q("0"));
    // A rise of any speed lies between, from the higher base.
    assert_eq!(
        story.read_received("2026-04-01 00:00:01", received, E, "800"),
        corrected("0")
    );
    assert_eq!(correction(&story).q, q("200"));
}

#[test]
fn c19_a_register_that_passed_zero_between_the_neighbours_may_stand_on_either_side() {
    let mut story = Story::running("2026-03-01 00:00:00", "100", "10");
    story.read("2026-03-01 00:05:00", W, "0");
    let install = "2026-03-02 00:00:00";
    let exchange = Command::ExchangeMeter(ExchangeMeter {
        old: FinalReading {
            meter: meter(E),
            value: q("0"),
            force: None,
        },
        new: meter("E20000002"),
        register: None,
        at: local(install),
        first_value: q("999990"),
    });
    story.done(install, exchange);
    story.read("2026-03-03 00:00:00", "E20000002", "20");
    let received = "2026-03-03 08:00:00";
    let mut late = |at: &str, value: &str| story.read_received(at, received, "E20000002", value);
    assert_eq!(late("2026-03-02 06:00:00", "999995"), corrected("0"));
    assert_eq!(late("2026-03-02 18:00:00", "5"), corrected("0"));
    assert_eq!(late("2026-03-02 12:00:00", "0"), corrected("0"));
    assert_eq!(late("2026-03-02 20:00:00", "999999"), Quarantined);
    assert_eq!(correction(&story).q, q("5"));
}

#[test]
fn c19_a_reading_corrects_for_400_days_and_is_only_kept_after_that() {
    let mut story = over_the_months_end("1200");
    let read_at = local("2026-04-01 00:00:00");
    let mut late = |at: Timestamp, received_at: Timestamp| {
        let reading = Reading {
            meter: meter(E),
            register: None,
            read_at: at,
            value: q("620"),
        };
        let decided = story.send_at(received_at, Command::RecordReading(reading));
        decided
            .events
            .first()
            .map(|e| std::mem::discriminant(&e.event))
            .map(|_| decided.answer)
    };
    let term = Millis::hours(400 * 24);
    let too_old = late(read_at - Millis(1), read_at + term);
    assert_eq!(too_old, Some(ledger_core::answer::Answer::Reading(Late)));
    let in_time = late(read_at, read_at + term);
    assert_eq!(
        in_time,
        Some(ledger_core::answer::Answer::Reading(corrected("-5.6")))
    );
    for name in SchemePolicy::builtin_names() {
        let readings = scheme(name);
        let readings = readings.readings();
        assert_eq!(
            (readings.correct, readings.gap_settle),
            (term, Millis::ZERO),
            "{name}"
        );
    }
}

#[test]
fn c19_a_scheme_may_correct_for_another_time_or_never() {
    let policy = |days: &str| {
        let text =
            scheme_text("usms").replace("correct_days = 400", &format!("correct_days = {days}"));
        SchemePolicy::from_toml(&text)
    };
    assert_eq!(policy("3651").unwrap_err().key, "readings.correct_days");
    let mut story = over_the_months_end("1200");
    story.policy = policy("0").unwrap();
    let outcome = story.read_received("2026-04-01 00:00:00", "2026-04-21 08:00:00", E, "620");
    assert_eq!(outcome, Late);
    assert_eq!(story.count("late-reading-kept.v1"), 1);
    let unsaid = scheme_text("usms").replace("correct_days = 400\n", "");
    let unsaid = SchemePolicy::from_toml(&unsaid).unwrap();
    assert_eq!(
        unsaid.readings().correct,
        Millis::hours(400 * 24),
        "a version from before there was the key"
    );
}

#[test]
fn c19_supply_and_notices_follow_the_corrected_credit_from_then_on() {
    let mut story = Story::running("2026-03-05 08:00:00", "8", "5");
    story.policy = priced(WINDOWS);
    story.read("2026-03-06 08:00:00", E, "24");
    let third = "2026-03-08 08:00:00";
    story.tick(third);
    assert_eq!(story.balance(Electricity), bnd("2"));
    assert_eq!(story.supply(Electricity), Supply::On);
    // 2.40 more: used up, and cut.
    story.tick("2026-03-09 08:00:00");
    let late = story.read_received("2026-03-05 20:00:00", "2026-03-09 09:00:00", E, "20");
    assert_eq!(late, corrected("2.4"));
    assert_eq!(story.balance(Electricity), bnd("-0.4"));
    assert!(matches!(story.supply(Electricity), Supply::Off(_)));
    // One in the night moves nothing from window to window, and cuts nothing twice.
    let again = story.read_received("2026-03-06 00:00:00", "2026-03-09 10:00:00", E, "21");
    assert_eq!(again, corrected("0"));
    assert!(matches!(story.supply(Electricity), Supply::Off(_)));
}

#[test]
fn c19_credit_given_back_brings_supply_back_by_itself() {
    let mut story = Story::running("2026-03-05 20:00:00", "5", "5");
    story.policy = priced(WINDOWS);
    // 24 units over a day from 20:00: 6.00 of 5.00.
    story.read("2026-03-06 20:00:00", E, "24");
    story.tick("2026-03-09 08:00:00");
    assert!(
        matches!(story.supply(Electricity), Supply::Off(_)),
        "after the first 72 hours"
    );
    // 20 of them at night: 2.00 and 4 at 0.40.
    let late = story.read_received("2026-03-06 08:00:00", "2026-03-09 09:00:00", E, "20");
    assert_eq!(late, corrected("-2.4"));
    assert_eq!(story.supply(Electricity), Supply::On);
    assert_eq!(story.count("supply-reconnection-ordered.v1"), 1);
}

#[test]
fn c19_a_late_reading_of_an_exchanged_meter_corrects_its_days_and_those_of_the_one_after() {
    let mut story = Story::running("2026-03-31 12:00:00", "100", "10");
    let at = "2026-04-01 12:00:00";
    let exchange = Command::ExchangeMeter(ExchangeMeter {
        old: FinalReading {
            meter: meter(E),
            value: q("1200"),
            force: None,
        },
        new: meter("E20000002"),
        register: None,
        at: local(at),
        first_value: q("0"),
    });
    // 600 on each side of the month's end, all at 0.01.
    story.done(at, exchange);
    assert_eq!(story.balance(Electricity), bnd("88"));
    // 100 of April at 0.08.
    story.read("2026-04-02 00:00:00", "E20000002", "100");
    assert_eq!(story.balance(Electricity), bnd("80"));
    let late = story.read_received("2026-04-01 00:00:00", "2026-04-03 00:00:00", E, "650");
    // March: 50 more, at 0.08: 4.00 more. April: 550 at 0.01 is 0.50 less; then 50 at 0.01 and 50 at 0.08,
    // 4.50 where 8.00 was charged.
    assert_eq!(late, corrected("0"));
    let e = correction(&story);
    assert_eq!(
        days(e),
        told(&[("2026-03-31", "50", "4"), ("2026-04-01", "-50", "-0.5")])
    );
    assert_eq!(e.o.len(), 1);
    assert_eq!(e.o[0].m, meter("E20000002"));
    let after: Vec<_> = e.o[0]
        .p
        .iter()
        .map(|part| (part.0.to_string(), part.1, part.2))
        .collect();
    assert_eq!(after, [("2026-04-01".to_owned(), q("0"), bnd("-3.5"))]);
    assert_eq!(story.balance(Electricity), bnd("80"));
}

#[test]
fn c19_a_closed_account_is_settled_for_good() {
    let mut story = over_the_months_end("1200");
    let last = |number: &str, value: &str| FinalReading {
        meter: meter(number),
        value: q(value),
        force: None,
    };
    let close = Command::CloseAccount {
        finals: vec![last(E, "1200"), last(W, "0")],
        to: CloseTo::PayOut(ChannelId::parse("incomm").unwrap()),
    };
    story.done("2026-04-20 13:00:00", close);
    let late = story.read_received("2026-04-01 00:00:00", "2026-04-21 08:00:00", E, "620");
    assert_eq!(late, Late);
    assert_eq!(story.balance(Electricity), Money::ZERO);
    assert_eq!(story.balance(Water), Money::ZERO);
}

#[test]
fn c19_a_gap_that_a_late_reading_closes_is_none_any_more() {
    let mut story = Story::running("2026-03-05 08:00:00", "100", "10");
    story.read("2026-03-05 11:00:00", E, "3");
    let received = "2026-03-05 12:00:00";
    story.read_received("2026-03-05 09:30:00", received, E, "1");
    let e = correction(&story);
    assert!(!e.g, "an hour and a half is no gap");
    assert_eq!(
        e.ng.map(|date| date.to_string()).as_deref(),
        Some("2026-03-05")
    );
    story.read("2026-03-05 16:00:00", E, "8");
    story.read_received("2026-03-05 13:00:00", received, E, "5");
    let e = correction(&story);
    assert!(e.g && e.ng.is_none(), "both sides are gaps");
}
