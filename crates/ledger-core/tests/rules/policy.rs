//! The values of the schemes' files that no story reaches: each is looked at where decisions read it.
//!
//! A mutation run changes every value of every file; these tests, named after the rules that set the
//! values, notice what the stories do not.

use ledger_core::account::Account;
use ledger_core::command::{Command, OpenAccount};
use ledger_core::ids::AccountId;
use ledger_core::num::Quantity;
use ledger_core::scheme::{SchemePolicy, Weekday};
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility::{self, Electricity, Water};

use crate::story::{E, Story, W, accepted, bnd, q, scheme};

const START: &str = "2026-03-01 08:00:00";

/// Every scheme whose values are stated here, with its first instant.
fn schemes() -> [(SchemePolicy, &'static str, &'static str, &'static str); 2] {
    [
        (
            scheme("usms"),
            "usms@1",
            "Asia/Brunei",
            "2000-01-01T00:00:00+08:00",
        ),
        (
            scheme("payu"),
            "payu@1",
            "Asia/Singapore",
            "2005-05-16T00:00:00+08:00",
        ),
    ]
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn c12_a_scheme_has_its_name_its_version_and_its_first_instant() {
    for (policy, version, zone, from) in schemes() {
        assert_eq!(policy.policy_version(), version);
        assert_eq!(policy.effective_from(), at(from), "{version}");
        assert_eq!(policy.zone().name(), zone, "c7: {version}");
    }
}

#[test]
fn c3_a_scheme_has_one_currency_with_its_decimals_and_bounds_on_what_is_typed() {
    for ((policy, version, ..), code) in schemes().into_iter().zip(["BND", "SGD"]) {
        let currency = policy.currency();
        assert_eq!((currency.code.as_str(), currency.decimals), (code, 2));
        let limits = policy.limits();
        assert_eq!(limits.amount_max, bnd("1000000"), "{version}");
        assert_eq!(limits.dwelling_units_max, 10_000, "{version}");
        assert_eq!(limits.contracted_kva_max, 100_000, "{version}");
    }
}

#[test]
fn c9_plausibility_is_by_register_tolerance_and_flow() {
    let register = |policy: &SchemePolicy, u: Utility| {
        let utility = policy.utility(u).unwrap();
        let register = &utility.register;
        (
            utility.unit.clone(),
            register.name.as_str().to_owned(),
            register.digits,
            utility.tolerance,
            utility.flow_max_per_hour(None),
        )
    };
    let electricity = ("kWh".to_owned(), "1".to_owned(), 6, q("0.1"), q("100"));
    let water = ("m³".to_owned(), "1".to_owned(), 6, q("0.01"), q("5"));
    assert_eq!(register(&scheme("usms"), Electricity), electricity);
    assert_eq!(register(&scheme("usms"), Water), water);
    assert_eq!(register(&scheme("payu"), Electricity), electricity);
    for (policy, version, ..) in schemes() {
        let readings = policy.readings();
        assert_eq!(readings.flow_min, Millis::minutes(5), "{version}");
        assert_eq!(readings.suspicion_readings, 3, "{version}");
        assert_eq!(readings.suspicion_beyond(q("0.1")), q("1"), "{version}");
        assert_eq!(readings.correct, Millis::hours(400 * 24), "{version}");
        assert_eq!(readings.gap_settle, Millis::ZERO, "{version}");
    }
}

#[test]
fn c8_c10_clocks_may_run_five_minutes_ahead_and_a_gap_is_one_and_a_half_intervals() {
    for (policy, version, ..) in schemes() {
        let readings = policy.readings();
        assert_eq!(readings.future_tolerance, Millis::minutes(5), "{version}");
        let electricity = policy.utility(Electricity).unwrap();
        assert_eq!(
            electricity.reading_interval(),
            Millis::hours(1),
            "{version}"
        );
        let beyond = readings.gap_beyond(electricity.reading_interval());
        assert_eq!(beyond, Millis::minutes(90), "{version}");
    }
}

#[test]
fn c20_an_order_lapses_after_a_day_and_is_repeated_three_times() {
    for (policy, version, ..) in schemes() {
        let orders = policy.orders();
        assert_eq!(
            (orders.expiry, orders.repeats_max),
            (Millis::hours(24), 3),
            "{version}"
        );
    }
}

#[test]
fn u4_a_meter_number_has_four_to_twenty_four_capitals_and_digits() {
    for (policy, version, ..) in schemes() {
        let rule = policy.meter_number();
        for (text, fits) in [
            ("E10", false),
            ("E100", true),
            ("e100", false),
            ("E10006414000000000000000", true),
            ("E100064140000000000000000", false),
        ] {
            assert_eq!(rule.accepts(text), fits, "{version}: {text}");
        }
    }
}

#[test]
fn u5_a_notice_is_due_at_five_dollars_for_water_too() {
    let policy = scheme("usms");
    for utility in Utility::ALL {
        let threshold = policy.utility(utility).unwrap().low_credit_at;
        assert_eq!(threshold, Some(bnd("5")), "{utility}");
    }
}

#[test]
fn c11_each_tariff_has_its_name_class_first_instant_and_says_whether_its_figures_are_stated() {
    let told = |name: &str| -> Vec<(String, String, Timestamp, bool)> {
        let policy = scheme(name);
        let mut all: Vec<_> = policy
            .tariffs()
            .iter()
            .map(|t| {
                (
                    t.name().to_owned(),
                    t.class().to_owned(),
                    t.effective_from(),
                    t.is_verified(),
                )
            })
            .collect();
        all.sort();
        all
    };
    let line = |name: &str, class: &str, from: &str, verified| {
        (name.to_owned(), class.to_owned(), at(from), verified)
    };
    let usms = "2000-01-01T00:00:00+08:00";
    assert_eq!(
        told("usms"),
        [
            line("electricity-commercial", "commercial", usms, true),
            line("electricity-residential", "residential", usms, true),
            line("water-commercial", "commercial", usms, false),
            line("water-domestic", "residential", usms, true),
        ]
    );
    let payu = "2005-05-16T00:00:00+08:00";
    assert_eq!(
        told("payu"),
        [line("electricity-residential", "residential", payu, false)]
    );
}

#[test]
fn c11_a_commercial_month_passes_every_block_by_contracted_kva_and_water_by_dwelling_units() {
    let mut story = Story::of_class(START, "commercial", Some(140));
    story.install(START, Electricity, E, "0");
    story.install(START, Water, W, "0");
    let charged = accepted(&story.read("2026-03-31 20:00:00", E, "40000"));
    // 1,400 at 0.20, 14,000 at 0.07, 14,000 at 0.06, 10,600 at 0.05.
    assert_eq!(charged, (q("40000"), bnd("2630")));
    let charged = accepted(&story.read("2026-03-31 20:00:00", W, "100"));
    assert_eq!(charged, (q("100"), bnd("26.0018")));
    let mut story = Story::of_class(START, "residential", None);
    story.install(START, Electricity, E, "0");
    story.install(START, Water, W, "0");
    let charged = accepted(&story.read("2026-03-31 20:00:00", E, "5000"));
    assert_eq!(charged, (Quantity::from_units(5_000), bnd("438")));
    let charged = accepted(&story.read("2026-03-31 20:00:00", W, "100"));
    assert_eq!(charged, (q("100"), bnd("26.0018")));
}

#[test]
fn c3_more_dwelling_units_or_capacity_than_the_scheme_knows_are_a_mistake_of_typing() {
    for (policy, version, ..) in schemes() {
        for (units, kva, fits) in [
            (10_000, Some(100_000), true),
            (10_001, None, false),
            (1, Some(100_001), false),
        ] {
            let open = Command::OpenAccount(OpenAccount {
                scheme: None,
                class: "residential".to_owned(),
                dwelling_units: units,
                contracted_kva: kva,
                customer: None,
            });
            let mut account = Account::new(AccountId::parse("A9").unwrap());
            let facts = crate::schemes::facts(account.id().clone());
            let decided = ledger_core::account::decide(&mut account, &policy, &facts, &open);
            assert_eq!(
                decided.answer.refusal().is_none(),
                fits,
                "{version}: {units} {kva:?}"
            );
        }
    }
}

#[test]
fn u10_the_calendar_has_fridays_sundays_and_the_public_holidays_of_the_year_by_name() {
    let policy = scheme("usms");
    let calendar = policy.calendar();
    assert_eq!(calendar.not_working, [Weekday::Friday, Weekday::Sunday]);
    let told: Vec<(String, &str, bool)> = calendar
        .holidays
        .iter()
        .map(|day| (day.date.to_string(), day.name.as_str(), day.verified))
        .collect();
    let stated = [
        ("2026-01-01", "New Year's Day", true),
        ("2026-01-17", "Israk and Mikraj", false),
        ("2026-02-17", "Chinese New Year", true),
        ("2026-02-19", "First day of Ramadan", false),
        ("2026-02-23", "National Day", true),
        ("2026-03-07", "Nuzul Al-Quran", false),
        ("2026-03-21", "Hari Raya Aidilfitri, first day", false),
        ("2026-03-22", "Hari Raya Aidilfitri, second day", false),
        ("2026-03-23", "Hari Raya Aidilfitri, third day", false),
        ("2026-05-27", "Hari Raya Aidiladha", false),
        ("2026-05-31", "Royal Brunei Armed Forces Day", true),
        (
            "2026-06-01",
            "Royal Brunei Armed Forces Day, day given for the Sunday",
            false,
        ),
        ("2026-06-17", "First day of the Hijrah year", false),
        ("2026-07-15", "Birthday of His Majesty the Sultan", true),
        ("2026-08-25", "Birthday of the Prophet", false),
        ("2026-12-25", "Christmas Day", true),
        (
            "2026-12-26",
            "Christmas Day, day given for the Friday",
            false,
        ),
    ];
    let stated = stated.map(|(date, name, verified)| (date.to_owned(), name, verified));
    assert_eq!(told, stated);
    assert!(scheme("payu").calendar().holidays.is_empty());
}
