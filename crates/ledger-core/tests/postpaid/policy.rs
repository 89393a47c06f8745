//! The values of the postpaid schemes' files that no story reaches: each is looked at where decisions read
//! it, or by what it makes of a month.
//!
//! A mutation run changes every value of every file; these tests, named after the rules that set the
//! values, notice what the stories do not.

use ledger_core::account::{Account, decide};
use ledger_core::answer::ReadingOutcome;
use ledger_core::command::{Command, Facts, OpenAccount};
use ledger_core::ids::{AccountId, Actor};
use ledger_core::num::Money;
use ledger_core::scheme::SchemePolicy;
use ledger_core::time::{Millis, Timestamp};
use ledger_core::utility::Utility::Electricity;

use crate::common::scheme;
use crate::story::{Story, money, open_of, q};

fn schemes() -> [SchemePolicy; 2] {
    [scheme("ebcm"), scheme("kplc")]
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn charge(outcome: &ReadingOutcome) -> Money {
    match outcome {
        ReadingOutcome::Accepted { amount, .. } => *amount,
        other => panic!("not accepted: {other:?}"),
    }
}

#[test]
fn c12_a_postpaid_scheme_has_its_name_its_version_its_zone_and_its_first_instant() {
    let told = schemes().map(|policy| {
        (
            policy.policy_version().to_owned(),
            policy.zone().name().to_owned(),
            policy.effective_from(),
        )
    });
    let line =
        |version: &str, zone: &str, from: &str| (version.to_owned(), zone.to_owned(), at(from));
    assert_eq!(
        told,
        [
            line("ebcm@1", "Asia/Kolkata", "2000-01-01T00:00:00+05:30"),
            line("kplc@1", "Africa/Nairobi", "2000-01-01T00:00:00+03:00"),
        ]
    );
}

#[test]
fn c3_a_postpaid_scheme_has_one_currency_and_bounds_on_what_is_typed() {
    for (policy, code, most) in [
        (scheme("ebcm"), "INR", "10000000"),
        (scheme("kplc"), "KES", "100000000"),
    ] {
        let currency = policy.currency();
        assert_eq!((currency.code.as_str(), currency.decimals), (code, 2));
        assert_eq!(policy.limits().amount_max, money(most), "{code}");
        for (units, kva, fits) in [
            (10_000, Some(100_000), true),
            (10_001, None, false),
            (1, Some(100_001), false),
        ] {
            let open = OpenAccount {
                dwelling_units: units,
                contracted_kva: kva,
                ..open_of("domestic")
            };
            assert_eq!(opens(&policy, open), fits, "{code}: {units} {kva:?}");
        }
    }
}

fn opens(policy: &SchemePolicy, open: OpenAccount) -> bool {
    let mut account = Account::new(AccountId::parse("L9").unwrap());
    let facts = Facts {
        account: account.id().clone(),
        received_at: at("2026-03-01T00:00:00Z"),
        actor: Actor::parse("test").unwrap(),
        key: None,
        delivery: 0,
        prior: None,
        course: None,
        voidable: None,
        initial_credit_claimed: false,
    };
    let decided = decide(&mut account, policy, &facts, &Command::OpenAccount(open));
    decided.answer.refusal().is_none()
}

#[test]
fn c9_a_postpaid_meter_is_judged_by_register_tolerance_and_flow() {
    for policy in schemes() {
        let (utility, readings) = (policy.utility(Electricity).unwrap(), policy.readings());
        assert_eq!(utility.unit, "kWh");
        let register = &utility.register;
        assert_eq!((register.name.as_str(), register.digits), ("1", 6));
        assert_eq!(utility.tolerance, q("0.1"));
        assert_eq!(utility.flow_max_per_hour(None), q("100"));
        assert_eq!(readings.flow_min, Millis::minutes(5));
        assert_eq!(readings.suspicion_readings, 3);
        assert_eq!(readings.suspicion_beyond(q("0.1")), q("1"));
    }
}

#[test]
fn c10_a_postpaid_meter_is_read_once_a_month_and_may_run_five_minutes_ahead() {
    for policy in schemes() {
        let interval = policy.utility(Electricity).unwrap().reading_interval();
        assert_eq!(interval, Millis::minutes(44_640));
        assert_eq!(
            policy.readings().gap_beyond(interval),
            Millis::minutes(66_960)
        );
        assert_eq!(policy.readings().future_tolerance, Millis::minutes(5));
    }
}

#[test]
fn c20_an_order_to_a_postpaid_meter_lapses_after_a_day_and_supply_follows_no_credit() {
    for policy in schemes() {
        let orders = policy.orders();
        assert_eq!((orders.expiry, orders.repeats_max), (Millis::hours(24), 3));
        assert!(!policy.utility(Electricity).unwrap().disconnect_at_zero);
    }
}

#[test]
fn u4_a_postpaid_meter_number_has_four_to_twenty_four_capitals_and_digits() {
    for policy in schemes() {
        for (text, fits) in [
            ("L10", false),
            ("L100", true),
            ("l100", false),
            ("L10006414000000000000000", true),
            ("L100064140000000000000000", false),
        ] {
            assert_eq!(policy.meter_number().accepts(text), fits, "{text}");
        }
    }
}

#[test]
fn e3_k3_a_mean_is_of_three_months_and_100_units_are_never_too_high() {
    for policy in schemes() {
        assert_eq!(policy.billing().unwrap().mean_months, 3);
    }
    let kplc = scheme("kplc");
    let rule = kplc.billing().unwrap().self_reading.clone().unwrap();
    assert_eq!(rule.units, q("100"));
}

#[test]
fn e10_fee_and_deposit_are_marked_as_decided_here() {
    let ebcm = scheme("ebcm");
    assert!(!ebcm.billing().unwrap().status.as_ref().unwrap().verified);
}

#[test]
fn c11_each_postpaid_tariff_has_its_name_first_instant_and_says_whether_its_figures_are_stated() {
    let told = |policy: &SchemePolicy| {
        let line = |t: &ledger_core::tariff::Tariff| {
            (t.name().to_owned(), t.effective_from(), t.is_verified())
        };
        let mut all: Vec<_> = policy.tariffs().iter().map(line).collect();
        all.sort();
        all
    };
    let line = |name: &str, from: &str, verified| (name.to_owned(), at(from), verified);
    let from = "2000-01-01T00:00:00+05:30";
    assert_eq!(
        told(&scheme("ebcm")),
        [
            line("electricity-commercial", from, false),
            line("electricity-domestic", from, false),
            line("electricity-government", from, false),
        ]
    );
    assert_eq!(
        told(&scheme("kplc")),
        [line("domestic-2023", "2000-01-01T00:00:00+03:00", true)]
    );
}

#[test]
fn c11_a_month_of_400_passes_every_step_of_every_class_of_lakshadweep() {
    for class in ["domestic", "commercial", "government"] {
        let mut story = Story::listed("2026-01-05 08:00:00", class);
        let outcome = story.read("2026-01-25 08:00:00", "400");
        // 100 at 1.00, 100 at 1.50, 100 at 2.80, 100 at 3.50.
        assert_eq!(charge(&outcome), money("880"), "{class}");
    }
}

fn customer() -> Story {
    let mut story = Story::of("kplc");
    let start = "2026-01-01 00:00:00";
    story.done(start, Command::OpenAccount(open_of("domestic")));
    story.install(start);
    story
}

#[test]
fn k7_each_band_has_its_price_on_all_units_and_vat_on_top() {
    for (units, charged) in [
        // 30 at 12.24 with 58.75, 31 at 16.58 with 82.24, 100 with 265.28, 101 at 20.58 with 332.57.
        ("30", "425.95"),
        ("31", "596.22"),
        ("100", "1923.28"),
        ("101", "2411.15"),
    ] {
        let outcome = customer().read("2026-01-25 08:00:00", units);
        assert_eq!(charge(&outcome), money(charged), "{units}");
    }
}

#[test]
fn k7_the_average_is_of_three_months_and_no_more() {
    let mut story = customer();
    for (month, value) in [("02", "400"), ("03", "420"), ("04", "440"), ("05", "460")] {
        story.read(&format!("2026-{month}-01 00:00:00"), value);
    }
    // February to April have 20 each; January's 400 would lift the mean above 100.
    let outcome = story.read("2026-06-01 00:00:00", "480");
    assert_eq!(charge(&outcome), money("283.97"));
}
