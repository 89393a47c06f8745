//! The tariff examples of the rules, through readings as a meter sends them.

use ledger_core::num::Money;
use ledger_core::utility::Utility::{Electricity, Water};

use crate::story::{E, Story, W, accepted, bnd};

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
