//! C19 with bills: a late reading changes what is owed by the next bill, and the months as they were read.

use ledger_core::answer::{Answer, ReadingOutcome};
use ledger_core::command::{Command, Reading};
use ledger_core::event::{AccountEvent, ConsumptionCorrected, MonthUnits};
use ledger_core::num::{Money, Quantity};
use ledger_core::time::Millis;
use ledger_core::utility::Utility;
use proptest::prelude::*;

use crate::story::{M, Story, meter, money, month, open_of, q};

fn late(story: &mut Story, received: &str, read: &str, value: &str) -> ReadingOutcome {
    let reading = story.reading(read, value);
    match story.send(received, Command::RecordReading(reading)).answer {
        Answer::Reading(outcome) => outcome,
        other => panic!("not a reading's answer: {other:?}"),
    }
}

fn correction(story: &Story) -> &ConsumptionCorrected {
    let of = |event: &'_ AccountEvent| matches!(event, AccountEvent::ConsumptionCorrected(_));
    match story
        .log
        .iter()
        .map(|(event, _)| event)
        .rfind(|event| of(event))
    {
        Some(AccountEvent::ConsumptionCorrected(e)) => e,
        other => panic!("no correction: {other:?}"),
    }
}

#[test]
fn c19_a_paid_bill_is_not_reopened_and_the_difference_is_in_the_next() {
    let mut story = Story::of("kplc");
    story.done(
        "2024-01-01 00:00:00",
        Command::OpenAccount(open_of("domestic")),
    );
    story.install("2024-01-01 00:00:00");
    // 62 units of January by its own band at 16.58, VAT 164.47; 58 of February by the average of 62 at
    // 16.58, VAT 153.86.
    story.read("2024-03-01 00:00:00", "120");
    assert_eq!(story.dues(), money("2307.93"));
    story.pay("2024-03-02 08:00:00", "2307.93");
    let outcome = late(
        &mut story,
        "2024-03-03 08:00:00",
        "2024-02-01 00:00:00",
        "30",
    );
    // 30 of January at 12.24, VAT 58.75; 90 of February by the average of 30 at 12.24, VAT 176.26.
    let amount = money("-604.12");
    assert_eq!(outcome, ReadingOutcome::Corrected { amount });
    assert_eq!((story.dues(), story.count("bill-raised.v1")), (amount, 1));
    let e = correction(&story);
    assert_eq!(e.b, Some(month("2024-03")));
    assert_eq!(e.fm, [q("30")], "February is still open");
    assert_eq!(
        e.us,
        [
            MonthUnits(month("2024-02"), q("-30")),
            MonthUnits(month("2024-03"), q("30"))
        ],
        "a reading at midnight is one of the month that begins"
    );
    let mean = |story: &Story| {
        story
            .billing()
            .usage()
            .mean_before(month("2024-03"), 3)
            .map(|mean| mean.units)
    };
    assert_eq!(mean(&story), Some(q("30")));
    // 30 of March by the average of 30 and 90 at 16.58, VAT 79.58.
    story.read("2024-04-01 00:00:00", "150");
    assert_eq!(story.dues(), money("-27.14"));
    assert_eq!(story.count("bill-raised.v1"), 2);
    assert_eq!(story.account, story.refolded());
}

#[test]
fn c19_a_correction_does_not_change_the_charge_that_a_surcharge_is_on() {
    let mut story = Story::live("2026-01-01 00:00:00");
    story.read("2026-02-20 08:00:00", "150");
    let base = story.billing().newest_charge();
    late(
        &mut story,
        "2026-02-21 08:00:00",
        "2026-02-01 00:00:00",
        "120",
    );
    assert_ne!(correction(&story).a, Money::ZERO);
    assert_eq!(story.billing().newest_charge(), base, "e6");
}

fn readings() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((1_i64..140_000, 0_i64..400_000_000), 2..14).prop_map(|mut steps| {
        for step in &mut steps {
            if step.1 % 3 == 0 {
                step.0 = step.0 / 1_440 * 1_440;
            }
        }
        steps.retain(|step| step.0 > 0);
        steps.sort_unstable();
        steps.dedup_by_key(|step| step.0);
        let (mut before, mut register) = (0, 0);
        let rise = |(minute, rise): (i64, i64)| {
            // Below the greatest flow of the connection, between any two of them.
            register += rise % (80_000 * (minute - before));
            before = minute;
            (minute, register)
        };
        steps.into_iter().map(rise).collect()
    })
}

/// Everything arrives at one instant, when some months are closed and estimated already.
fn played(readings: &[(i64, i64)]) -> Story {
    let mut story = Story::live("2026-01-01 00:00:00");
    let received = story.local("2026-04-15 08:00:00");
    for (minute, register) in readings {
        let reading = Reading {
            meter: meter(M),
            register: None,
            read_at: story.local("2026-01-01 00:00:00") + Millis::minutes(*minute),
            value: Quantity::from_micro(*register),
        };
        let answer = story
            .send_at(received, Command::RecordReading(reading))
            .answer;
        assert!(
            matches!(
                answer,
                Answer::Reading(ReadingOutcome::Accepted { .. } | ReadingOutcome::Corrected { .. })
            ),
            "{answer:?}"
        );
    }
    story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn c19_a_consumer_owes_the_same_in_any_order_of_arrival_and_months_are_read_alike(
        readings in readings(), seed in any::<u64>(),
    ) {
        let mut shuffled = readings.clone();
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        let (story, in_order) = (played(&shuffled), played(&readings));
        prop_assert_eq!(story.dues(), in_order.dues());
        prop_assert_eq!(story.billing().usage(), in_order.billing().usage());
        let position = |story: &Story| {
            story.account.wallet(Utility::Electricity).unwrap().position.clone()
        };
        prop_assert_eq!(position(&story), position(&in_order));
        prop_assert_eq!(&story.account, &story.refolded());
    }
}
