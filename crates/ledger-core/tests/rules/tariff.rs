//! The tariff examples of the rules, through readings as a meter sends them.

use std::collections::BTreeMap;

use ledger_core::num::Money;
use ledger_core::postings;
use ledger_core::scheme::SchemePolicy;
use ledger_core::tariff::{self, Customer, Scale, Span};
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, accepted, bnd, local, q};

/// A month's charge when the units come in `ticks` equal readings.
fn month_of(class: &str, kva: Option<u32>, meter: &str, units: i64, ticks: i64) -> Money {
    let mut story = Story::of_class("2026-03-01 00:00:00", class, kva);
    let utility = if meter == E { Electricity } else { Water };
    story.install("2026-03-01 00:00:00", utility, meter, "0");
    let mut total = Money::ZERO;
    for tick in 1..=ticks {
        let day = 1 + tick * 29 / ticks;
        let value = ledger_core::num::Quantity::from_micro(units * tick / ticks);
        let outcome = story.read(
            &format!("2026-03-{day:02} 23:{:02}:00", tick % 60),
            meter,
            &value.to_string(),
        );
        total += accepted(&outcome).1;
    }
    total
}

#[test]
fn c11_the_residential_examples_come_out_exactly() {
    let table = [
        ("600", "6"),
        ("601", "6.08"),
        ("2000", "118"),
        ("4000", "318"),
        ("5000", "438"),
        ("600.5", "6.04"),
    ];
    for (units, bill) in table {
        let units = ledger_core::num::Quantity::parse(units).unwrap().micro();
        for ticks in [1, 7, 29] {
            assert_eq!(
                month_of("residential", None, E, units, ticks),
                bnd(bill),
                "{units} in {ticks} readings"
            );
        }
    }
}

#[test]
fn c11_the_commercial_example_scales_with_contracted_kva() {
    assert_eq!(
        month_of("commercial", Some(140), E, 26_880_000_000, 29),
        bnd("1948.8")
    );
}

#[test]
fn c11_the_water_example_scales_with_dwelling_units() {
    assert_eq!(
        month_of("residential", None, W, 54_540_000, 1),
        bnd("5.9994")
    );
    assert_eq!(
        month_of("residential", None, W, 55_540_000, 29),
        bnd("6.4394")
    );
}

/// The Brunei scheme with standing charges, a levy and a tax on residential electricity.
fn with_lines() -> SchemePolicy {
    let text = crate::common::scheme_text("usms");
    let end = "    { price = \"0.12\" },\n]\n";
    assert_eq!(text.matches(end).count(), 1);
    let lines = "[[tariffs.standing]]\nname = \"supply\"\nper = \"day\"\namount = \"0.50\"\n\
                 [[tariffs.levies]]\nname = \"fund\"\nkind = \"levy\"\npercent = \"5\"\non = [\"energy\"]\n\
                 rounding = { decimals = 2, mode = \"half_up\" }\n\
                 [[tariffs.levies]]\nname = \"vat\"\nkind = \"tax\"\npercent = \"10\"\non = [\"energy\", \"standing\", \"fund\"]\n\
                 [tariffs.minimum]\nper = \"month\"\namount = \"9.00\"\n";
    SchemePolicy::from_toml(&text.replace(end, &format!("{end}{lines}"))).unwrap()
}

#[test]
fn c11_an_account_is_charged_what_the_engine_charges_and_replays_to_the_same_position() {
    let mut story = Story::opened("2026-03-01 00:00:00");
    story.policy = with_lines();
    story.install("2026-03-01 00:00:00", Electricity, E, "0");
    let list = [
        ("2026-03-01 07:00:00", "40"),
        ("2026-03-01 08:00:00", "41"),
        ("2026-03-12 20:00:00", "500"),
        ("2026-04-01 00:00:00", "700"),
        ("2026-05-03 12:00:00", "750"),
        ("2026-05-03 13:00:00", "751"),
    ];
    let mut position = story.account.wallet(Electricity).unwrap().position.clone();
    let mut before = ("2026-03-01 00:00:00", "0");
    for (read_at, value) in list {
        let span = Span {
            from: local(before.0),
            to: local(read_at),
            quantity: q(value) - q(before.1),
        };
        let customer = Customer {
            utility: Electricity,
            class: "residential",
            scale: Scale::ONE_DWELLING,
        };
        let charge =
            tariff::explain(story.policy.price_book(), customer, position.as_ref(), span).unwrap();
        let outcome = story.read(read_at, E, value);
        assert_eq!(accepted(&outcome).1, charge.total);
        position = Some(charge.position);
        let folded = &story.account.wallet(Electricity).unwrap().position;
        assert_eq!(folded, &position, "after {read_at}");
        before = (read_at, value);
    }
}

#[test]
fn c2_levies_and_taxes_are_owed_to_others_and_the_rest_of_a_charge_is_revenue() {
    let mut story = Story::opened("2026-03-01 00:00:00");
    story.policy = with_lines();
    story.install("2026-03-01 00:00:00", Electricity, E, "0");
    story.read("2026-03-01 12:00:00", E, "100");
    story.read("2026-04-01 12:00:00", E, "100");
    let mut books = BTreeMap::new();
    for event in &story.events {
        for posting in postings::of_account(story.account.id(), event) {
            let line: &mut Money = books.entry(posting.account.to_string()).or_default();
            *line += posting.amount;
        }
    }
    let told: Vec<_> = books
        .iter()
        .map(|(account, sum)| (account.as_str(), sum.to_string()))
        .collect();
    // Energy 1.00, fund 0.05, 32 days at 0.50, vat 10% of 17.05, and 8.00 to the minimum.
    assert_eq!(
        told,
        [
            ("customer-credit:A1:electricity", "26.755".to_owned()),
            ("levy-payable:fund", "-0.05".to_owned()),
            ("revenue:electricity", "-25".to_owned()),
            ("tax-payable:vat", "-1.705".to_owned()),
        ]
    );
}
