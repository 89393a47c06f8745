//! What holds for every kind of tariff: splitting readings changes nothing, more use never costs less,
//! each cent is explained.

use proptest::prelude::*;

use super::tests::{HOUSE, at, book, tariff};
use super::*;
use crate::event::LinePart;
use crate::num::{Money, Quantity};
use crate::time::{LocalDate, Millis};

/// Tariffs of every kind, each with a successor of another kind from 1 April 2024 on.
fn any_book() -> impl Strategy<Value = TariffBook> {
    const ENERGY: [&str; 6] = [
        "[tariffs.flat]\nprice = \"0.2719\"",
        "[tariffs.blocks]\nper = \"day\"\nscaled_by = \"dwelling_units\"\nsteps = [{ width = \"4.48\", price = \"0.32813\" }, { price = \"0.24263\" }]",
        "[tariffs.blocks]\nper = \"month\"\nscaled_by = \"contracted_kva\"\nsteps = [{ width = \"10\", price = \"0.2\" }, { width = \"7.5\", price = \"0.07\" }, { price = \"0.06\" }]",
        "[tariffs.blocks]\nper = \"quarter\"\nsteps = [{ width = \"125.5\", price = \"0.3214\" }, { price = \"0.2904\" }]",
        "[tariffs.bands]\nper = \"month\"\nby = \"own_month\"\nsteps = [{ up_to = \"30\", price = \"12.24\" }, { up_to = \"100\", price = \"16.58\" }, { price = \"20.58\" }]",
        "[tariffs.time_of_use]\nseasons = { winter = [\"11-01..03-15\"] }\nwindows = [{ name = \"feast\", price = \"0.05\", days = [\"holiday\"] }, { name = \"peak\", price = \"0.51\", days = [\"weekday\"], hours = [\"14:00-20:00\"] }, { name = \"cold\", price = \"0.4\", season = \"winter\", hours = [\"22:00-06:30\"] }, { name = \"rest\", price = \"0.1234\" }]",
    ];
    const BESIDE: [&str; 3] = [
        "",
        "[[tariffs.standing]]\nname = \"supply\"\nper = \"day\"\namount = \"1.1253\"\n[tariffs.minimum]\nper = \"month\"\namount = \"40\"\n",
        "[[tariffs.standing]]\nname = \"meter\"\nper = \"month\"\namount = \"9.99\"\n\
         [[tariffs.pass_throughs]]\nname = \"fuel\"\nprice = \"0.0398\"\nrounding = { decimals = 2, mode = \"half_up\" }\n\
         [[tariffs.levies]]\nname = \"fund\"\nkind = \"levy\"\npercent = \"5\"\non = [\"energy\", \"fuel\"]\nrounding = { decimals = 2, mode = \"down\" }\n\
         [[tariffs.levies]]\nname = \"vat\"\nkind = \"tax\"\npercent = \"16.125\"\non = [\"energy\", \"standing\", \"minimum\", \"fuel\", \"fund\"]\n\
         [tariffs.minimum]\nper = \"month\"\namount = \"60\"\non = [\"energy\", \"fuel\"]\n",
    ];
    let choice = (0..ENERGY.len(), 0..BESIDE.len());
    (choice.clone(), choice).prop_map(|(first, second)| {
        let keys =
            |(energy, beside): (usize, usize)| format!("{}\n{}", ENERGY[energy], BESIDE[beside]);
        book(&[
            tariff("first", "2020-01-01T00:00:00+01:00", &keys(first)),
            tariff("second", "2024-04-01T00:00:00+02:00", &keys(second)),
        ])
    })
}

fn run(book: &TariffBook, points: &[(i64, i64)]) -> (Money, Vec<LinePart>, Option<Position>) {
    let start = at("2024-03-29T09:00:00");
    let mut position: Option<Position> = None;
    let (mut total, mut extras) = (Money::ZERO, Vec::<LinePart>::new());
    let pairs = points.iter().zip(points.iter().skip(1));
    for (before, after) in pairs {
        let span = Span {
            from: start + Millis::minutes(before.0),
            to: start + Millis::minutes(after.0),
            quantity: Quantity::from_micro(after.1 - before.1),
        };
        let charge = price(book.price_book(), HOUSE, position.as_ref(), span).unwrap();
        let days: Money = charge.parts.iter().map(|part| part.2).sum();
        let minimums: Money = charge.minimums.iter().map(|part| part.1).sum();
        if charge.single.is_none() {
            assert_eq!(days + minimums, charge.total);
        }
        total += charge.total;
        for part in charge.extras {
            match extras
                .iter_mut()
                .find(|p| p.0 == part.0 && p.1 == part.1 && p.2 == part.2)
            {
                Some(known) => known.3 += part.3,
                None => extras.push(part),
            }
        }
        position = Some(charge.position);
    }
    extras.retain(|part| !part.3.is_zero());
    extras.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
    (total, extras, position)
}

/// A line through the year in which every minute uses the same, so that any reading on it is even.
const MICRO_A_MINUTE: i64 = 7_130;

fn on_the_line(minutes: &[i64]) -> Vec<(i64, i64)> {
    minutes
        .iter()
        .map(|minute| (*minute, minute * MICRO_A_MINUTE))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    /// From before the start of daylight saving, over a change of tariff, months and a quarter.
    #[test]
    fn c11_many_small_readings_cost_what_one_large_one_does(
        book in any_book(),
        inside in proptest::collection::btree_set(1_i64..100_000, 0..40),
    ) {
        let ends = [0, 100_000];
        let mut all: Vec<i64> = inside.into_iter().chain(ends).collect();
        all.sort_unstable();
        let whole = run(&book, &on_the_line(&ends));
        let split = run(&book, &on_the_line(&all));
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn c11_more_use_never_costs_less(
        book in any_book(),
        less in 0_i64..2_000_000_000,
        more in 0_i64..2_000_000_000,
        minutes in 1_i64..120_000,
    ) {
        let bill = |micro| run(&book, &[(0, 0), (minutes, micro)]).0;
        // Units cost more; but what a month lacks to its minimum is charged after its end, so that the
        // month is taken whole.
        prop_assert!(bill(less) <= bill(less + more));
    }

    #[test]
    fn c10_a_day_of_23_or_25_hours_costs_what_its_hours_do(
        book in any_book(),
        march in any::<bool>(),
        micro in 0_i64..100_000_000,
    ) {
        let (from, to) = if march {
            ("2024-03-31T00:00:00", "2024-04-01T00:00:00")
        } else {
            ("2024-10-27T00:00:00", "2024-10-28T00:00:00")
        };
        let (from, to) = (at(from), at(to));
        let hours = (to - from).get() / 3_600_000;
        prop_assert_eq!(hours, if march { 23 } else { 25 });
        let quantity = Quantity::from_micro(micro * hours);
        let whole = price(book.price_book(), HOUSE, None, Span { from, to, quantity }).unwrap();
        prop_assert_eq!(whole.single, Some(LocalDate::parse(if march { "2024-03-31" } else { "2024-10-27" }).unwrap()));
        let mut position = None;
        let mut sum = Money::ZERO;
        for hour in 0..hours {
            let span = Span {
                from: from + Millis::hours(hour),
                to: from + Millis::hours(hour + 1),
                quantity: Quantity::from_micro(micro),
            };
            let charge = price(book.price_book(), HOUSE, position.as_ref(), span).unwrap();
            sum += charge.total;
            position = Some(charge.position);
        }
        prop_assert_eq!(sum, whole.total);
    }

    #[test]
    fn c11_each_cent_is_explained(
        book in any_book(),
        points in proptest::collection::vec((1_i64..20_000, 0_i64..80_000_000), 1..12),
    ) {
        let start = at("2024-02-20T13:45:00");
        let mut position: Option<Position> = None;
        let mut from = start;
        for (minutes, micro) in points {
            let span = Span { from, to: from + Millis::minutes(minutes), quantity: Quantity::from_micro(micro) };
            let charge = explain(book.price_book(), HOUSE, position.as_ref(), span).unwrap();
            let lines: Money = charge.lines.iter().map(|line| line.amount).sum();
            prop_assert_eq!(lines, charge.total);
            let energy: Quantity = charge
                .lines
                .iter()
                .filter(|line| matches!(line.source, LineSource::Energy { .. }))
                .filter_map(ChargeLine::quantity)
                .sum();
            prop_assert_eq!(energy, span.quantity);
            from = span.to;
            position = Some(charge.position);
        }
    }
}
