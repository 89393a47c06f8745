//! What every kind of tariff charges, told in examples.

use super::*;
use crate::event::{LinePart, MinimumPart};
use crate::num::{Money, Quantity};
use crate::time::{Month, Zone};

pub(super) const HEAD: &str = r#"zone = "Europe/Berlin"
currency = { code = "EUR", decimals = 2 }
holidays = ["2024-10-03", "2024-12-25", "2025-01-01"]
"#;

/// A tariff from a local midnight of Berlin on, with these keys.
pub(super) fn tariff(name: &str, from: &str, keys: &str) -> String {
    format!(
        "[[tariffs]]\nname = \"{name}\"\nutility = \"electricity\"\nclass = \"residential\"\n\
         effective_from = \"{from}\"\nverified = false\nsource = \"test\"\n{keys}\n"
    )
}

pub(super) fn book(tariffs: &[String]) -> TariffBook {
    let text = format!("{HEAD}{}", tariffs.concat());
    TariffBook::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn always(keys: &str) -> TariffBook {
    book(&[tariff("t", "2020-01-01T00:00:00+01:00", keys)])
}

pub(super) fn at(text: &str) -> Timestamp {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let local = crate::time::LocalDateTime::parse(text).unwrap();
    zone.local_to_utc(local, None)
}

pub(super) fn q(text: &str) -> Quantity {
    Quantity::parse(text).unwrap()
}

pub(super) fn eur(text: &str) -> Money {
    Money::parse(text).unwrap()
}

fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

pub(super) const HOUSE: Customer<'static> = Customer {
    utility: Utility::Electricity,
    class: "residential",
    scale: Scale {
        dwelling_units: 2,
        contracted_kva: Some(10),
    },
};

/// Prices readings one after the other: register values at local times, the first is the base.
fn readings(book: &TariffBook, list: &[(&str, &str)]) -> Vec<Charge> {
    let mut position: Option<Position> = None;
    let pairs = list.iter().zip(list.iter().skip(1));
    pairs
        .map(|(before, after)| {
            let span = Span {
                from: at(before.0),
                to: at(after.0),
                quantity: q(after.1) - q(before.1),
            };
            let charge = explain(book.price_book(), HOUSE, position.as_ref(), span).unwrap();
            let plain = price(book.price_book(), HOUSE, position.as_ref(), span).unwrap();
            assert_eq!((plain.total, &plain.extras), (charge.total, &charge.extras));
            let lines: Money = charge.lines.iter().map(|line| line.amount).sum();
            assert_eq!(lines, charge.total, "each cent is explained");
            position = Some(charge.position.clone());
            charge
        })
        .collect()
}

fn totals(charges: &[Charge]) -> Vec<Money> {
    charges.iter().map(|charge| charge.total).collect()
}

fn told(charges: &[Charge]) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for charge in charges {
        merge_lines(&mut lines, charge.lines.iter().cloned());
    }
    let told = lines.iter();
    told.map(|line| (line.source.to_string(), line.amount.to_string()))
        .collect()
}

fn lines(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(source, amount)| ((*source).to_owned(), (*amount).to_owned()))
        .collect()
}

fn usms(class: &str, utility: Utility, scale: Scale, units: &str) -> Charge {
    let policy = crate::scheme::SchemePolicy::builtin("usms").unwrap();
    let customer = Customer {
        utility,
        class,
        scale,
    };
    let span = Span {
        from: Timestamp::parse("2012-02-01T00:00:00+08:00").unwrap(),
        to: Timestamp::parse("2012-02-29T00:00:00+08:00").unwrap(),
        quantity: q(units),
    };
    explain(policy.price_book(), customer, None, span).unwrap()
}

#[test]
fn c11_electricity_residential_costs_what_the_rules_state() {
    for (units, bill) in [
        ("0", "0"),
        ("0.237", "0.00237"),
        ("600", "6.00"),
        ("600.5", "6.04"),
        ("601", "6.08"),
        ("2000", "118.00"),
        ("4000", "318.00"),
        ("5000", "438.00"),
    ] {
        let charge = usms(
            "residential",
            Utility::Electricity,
            Scale::ONE_DWELLING,
            units,
        );
        assert_eq!(charge.total, eur(bill), "{units} kWh");
    }
}

#[test]
fn c11_blocks_scale_by_contracted_kva_and_by_dwelling_units() {
    let scale = Scale {
        dwelling_units: 3,
        contracted_kva: Some(140),
    };
    let electricity = usms("commercial", Utility::Electricity, scale, "26880");
    assert_eq!(electricity.total, eur("1948.80"));
    let water = |scale, units| usms("residential", Utility::Water, scale, units).total;
    assert_eq!(water(Scale::ONE_DWELLING, "54.54"), eur("5.9994"));
    assert_eq!(water(Scale::ONE_DWELLING, "55.54"), eur("6.4394"));
    assert_eq!(water(scale, "163.62"), eur("17.9982"));
    let policy = crate::scheme::SchemePolicy::builtin("usms").unwrap();
    let commercial = policy.tariff_for(Utility::Electricity, "commercial", Timestamp::MAX);
    let commercial = commercial.unwrap();
    assert!(commercial.suits(scale));
    for without in [None, Some(0)] {
        let scale = Scale {
            dwelling_units: 1,
            contracted_kva: without,
        };
        assert!(!commercial.suits(scale), "there is nothing to scale by");
    }
}

#[test]
fn c11_commercial_water_takes_the_domestic_steps_and_says_it_is_not_verified() {
    let policy = crate::scheme::SchemePolicy::builtin("usms").unwrap();
    let tariff = |class| {
        policy
            .tariff_for(Utility::Water, class, Timestamp::MAX)
            .unwrap()
    };
    assert_eq!(
        tariff("commercial").energy(),
        tariff("residential").energy()
    );
    assert!(!tariff("commercial").is_verified() && tariff("residential").is_verified());
}

#[test]
fn c11_a_quantity_across_blocks_is_explained_block_by_block() {
    let book = always(
        "[tariffs.blocks]\nper = \"month\"\nsteps = [{ width = \"600\", price = \"0.01\" }, \
         { width = \"1400\", price = \"0.08\" }, { price = \"0.1\" }]",
    );
    let charges = readings(
        &book,
        &[
            ("2024-05-01T00:00:00", "0"),
            ("2024-05-02T00:00:00", "599"),
            ("2024-05-03T00:00:00", "2001"),
            ("2024-05-04T00:00:00", "2001"),
        ],
    );
    assert_eq!(totals(&charges), [eur("5.99"), eur("112.11"), Money::ZERO]);
    assert_eq!(
        told(&charges[1..2]),
        lines(&[
            ("block 1, above 0 to 600", "0.01"),
            ("block 2, above 600 to 2000", "112"),
            ("block 3, above 2000", "0.1")
        ])
    );
}

#[test]
fn c11_blocks_are_counted_per_day_per_month_or_per_quarter() {
    let of = |per: &str| {
        let book = always(&format!(
            "[tariffs.blocks]\nper = \"{per}\"\nsteps = [{{ width = \"10\", price = \"1\" }}, {{ price = \"2\" }}]"
        ));
        // Twelve a day on the last day of March, the first two of April, and one in July.
        let charges = readings(
            &book,
            &[
                ("2024-03-31T00:00:00", "0"),
                ("2024-04-01T00:00:00", "12"),
                ("2024-04-02T00:00:00", "24"),
                ("2024-04-03T00:00:00", "36"),
                ("2024-06-30T00:00:00", "36"),
                ("2024-07-01T00:00:00", "48"),
            ],
        );
        totals(&charges)
            .iter()
            .map(Money::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("day"), ["14", "14", "14", "0", "14"]);
    assert_eq!(of("month"), ["14", "14", "24", "0", "14"]);
    assert_eq!(of("quarter"), ["14", "14", "24", "0", "24"]);
}

const OWN: &str = "[tariffs.bands]\nper = \"month\"\nby = \"own_month\"\nsteps = [\
    { up_to = \"30\", price = \"12.24\" }, { up_to = \"100\", price = \"16.58\" }, { price = \"20.58\" }]";

#[test]
fn c11_passing_a_whole_volume_band_re_prices_the_months_units() {
    let charges = readings(
        &always(OWN),
        &[
            ("2024-05-01T00:00:00", "0"),
            ("2024-05-10T00:00:00", "30"),
            ("2024-05-20T00:00:00", "40"),
            ("2024-05-30T00:00:00", "41"),
        ],
    );
    assert_eq!(totals(&charges), [eur("367.2"), eur("296"), eur("16.58")]);
    assert_eq!(
        told(&charges[1..2]),
        lines(&[
            ("band 1, above 0 to 30", "-367.2"),
            ("band 2, above 30 to 100", "663.2")
        ])
    );
    assert_eq!(
        told(&charges),
        lines(&[("band 2, above 30 to 100", "679.78")])
    );
}

#[test]
fn k7_the_band_follows_the_trailing_average_and_a_first_month_counts_by_its_own_volume() {
    let book = always(&OWN.replace("\"own_month\"", "\"trailing_average\"\nmonths = 3"));
    let charges = readings(
        &book,
        &[
            ("2024-01-01T00:00:00", "0"),
            ("2024-01-20T00:00:00", "20"),
            ("2024-02-01T00:00:00", "40"),
            ("2024-03-01T00:00:00", "61"),
            ("2024-04-01T00:00:00", "90"),
            ("2024-05-01T00:00:00", "90"),
            ("2024-06-01T00:00:00", "290"),
        ],
    );
    // January 40 by itself: band 2. February by 40; March by 30.5; April by 30; May by 16.666.
    assert_eq!(
        totals(&charges),
        [
            eur("244.8"),
            eur("16.58") * 40 - eur("244.8"),
            eur("16.58") * 21,
            eur("16.58") * 29,
            Money::ZERO,
            eur("12.24") * 200
        ]
    );
    assert_eq!(
        told(&charges[5..]),
        lines(&[("band 1, above 0 to 30, average 16.666", "2448")])
    );
}

#[test]
fn k7_the_bill_of_january_2024_comes_out_to_the_cent() {
    let cents = "rounding = { decimals = 2, mode = \"half_up\" }";
    let own = OWN.replace("{ up_to = \"30\", price = \"12.24\" }, ", "");
    let book = always(&format!(
        "{own}\n[[tariffs.pass_throughs]]\nname = \"fuel\"\nprice = \"3.981\"\n{cents}\n\
         [[tariffs.levies]]\nname = \"vat\"\nkind = \"tax\"\npercent = \"16\"\non = [\"energy\", \"fuel\"]\n{cents}\n\
         [[tariffs.levies]]\nname = \"rep\"\nkind = \"levy\"\npercent = \"5\"\non = [\"energy\"]\n{cents}"
    ));
    let list = [
        ("2024-01-01T00:00:00", "0"),
        ("2024-01-11T07:30:00", "3.1"),
        ("2024-01-20T10:00:00", "8.001"),
        ("2024-02-01T00:00:00", "8.87"),
    ];
    let want = lines(&[
        ("band 1, above 0 to 100", "147.0646"),
        ("fuel", "35.31"),
        ("vat 16% of 182.3746", "29.18"),
        ("rep 5% of 147.0646", "7.35"),
    ]);
    assert_eq!(told(&readings(&book, &[list[0], list[3]])), want);
    assert_eq!(told(&readings(&book, &list)), want);
}

#[test]
fn c11_a_standing_charge_is_due_whole_for_every_day_and_month_that_readings_reach_into() {
    let book = always(
        "[tariffs.flat]\nprice = \"1\"\n[[tariffs.standing]]\nname = \"supply\"\nper = \"day\"\namount = \"0.5\"\n\
         [[tariffs.standing]]\nname = \"meter\"\nper = \"month\"\namount = \"7\"",
    );
    let charges = readings(
        &book,
        &[
            ("2024-05-30T12:00:00", "0"),
            ("2024-05-30T18:00:00", "0"),
            ("2024-05-30T20:00:00", "1"),
            ("2024-06-01T00:00:00", "1"),
            ("2024-06-01T01:00:00", "1"),
            ("2024-08-01T00:00:00", "1"),
        ],
    );
    assert_eq!(
        totals(&charges),
        [eur("7.5"), eur("1"), eur("0.5"), eur("7.5"), eur("37")]
    );
    let whole = LinePart(
        month("2024-07"),
        LineKind::Standing,
        "supply".to_owned(),
        eur("15.5"),
    );
    assert!(
        charges[4].extras.contains(&whole),
        "{:?}",
        charges[4].extras
    );
    assert_eq!(
        told(&charges[3..4]),
        lines(&[("supply per day", "0.5"), ("meter per month", "7")])
    );
}

#[test]
fn c11_windows_price_by_local_time_weekday_holiday_and_season() {
    let book = always(
        "[tariffs.time_of_use]\nseasons = { winter = [\"10-01..03-31\"] }\nwindows = [\
         { name = \"holiday\", price = \"0.5\", days = [\"holiday\"] },\
         { name = \"peak\", price = \"4\", days = [\"weekday\"], season = \"winter\", hours = [\"17:00-20:00\"] },\
         { name = \"day\", price = \"2\", days = [\"weekday\"], hours = [\"07:00-22:00\"] },\
         { name = \"rest\", price = \"1\" }]",
    );
    let day = |from: &str, to: &str| told(&readings(&book, &[(from, "0"), (to, "24")]));
    // A Wednesday in winter, one in summer, a holiday on a Thursday, a Saturday.
    assert_eq!(
        day("2024-10-02T00:00:00", "2024-10-03T00:00:00"),
        lines(&[("rest", "9"), ("day", "24"), ("peak", "12")])
    );
    assert_eq!(
        day("2024-05-08T00:00:00", "2024-05-09T00:00:00"),
        lines(&[("rest", "9"), ("day", "30")])
    );
    assert_eq!(
        day("2024-10-03T00:00:00", "2024-10-04T00:00:00"),
        lines(&[("holiday", "12")])
    );
    assert_eq!(
        day("2024-10-05T00:00:00", "2024-10-06T00:00:00"),
        lines(&[("rest", "24")])
    );
    // The end of daylight saving is a Sunday of 25 hours; one over both midnights weighs elapsed time.
    let charges = readings(
        &book,
        &[("2024-10-25T22:00:00", "0"), ("2024-10-28T07:00:00", "58")],
    );
    assert_eq!(told(&charges), lines(&[("rest", "58")]));
}

#[test]
fn c11_a_months_minimum_is_completed_by_the_reading_that_ends_it_with_the_tax_on_it() {
    let book = always(
        "[tariffs.flat]\nprice = \"1\"\n[tariffs.minimum]\nper = \"month\"\namount = \"10\"\n\
         [[tariffs.levies]]\nname = \"fund\"\nkind = \"levy\"\npercent = \"5\"\non = [\"energy\"]\n\
         [[tariffs.levies]]\nname = \"vat\"\nkind = \"tax\"\npercent = \"20\"\non = [\"energy\", \"minimum\", \"fund\"]",
    );
    let charges = readings(
        &book,
        &[
            ("2024-05-01T00:00:00", "0"),
            ("2024-06-01T00:00:00", "4"),
            ("2024-06-02T00:00:00", "4"),
            ("2024-07-02T00:00:00", "304"),
        ],
    );
    assert_eq!(totals(&charges)[..2], [eur("5.04"), eur("7.2")]);
    assert_eq!(
        charges[1].minimums,
        [MinimumPart(month("2024-05"), eur("7.2"))]
    );
    assert_eq!(charges[2].minimums, []);
    assert_eq!(
        told(&charges[..2]),
        lines(&[
            ("energy", "4"),
            ("to the minimum 10 from 4", "6"),
            ("fund 5% of 4", "0.2"),
            ("vat 20% of 10.2", "2.04")
        ])
    );
}

#[test]
fn c11_a_tariff_change_splits_at_its_midnight_and_keeps_the_months_block_position() {
    let blocks = |price: &str| {
        format!(
            "[tariffs.blocks]\nper = \"month\"\nsteps = [{{ width = \"10\", price = \"{price}\" }}, {{ price = \"9\" }}]"
        )
    };
    let book = book(&[
        tariff("old", "2020-01-01T00:00:00+01:00", &blocks("1")),
        tariff("new", "2024-05-16T00:00:00+02:00", &blocks("2")),
    ]);
    let charges = readings(
        &book,
        &[("2024-05-14T00:00:00", "0"), ("2024-05-18T00:00:00", "16")],
    );
    assert_eq!(totals(&charges), [eur("66")]);
    let by_tariff: Vec<_> = charges[0]
        .lines
        .iter()
        .map(|line| (line.tariff.as_str(), line.amount.to_string()))
        .collect();
    assert_eq!(
        by_tariff,
        [
            ("old", "8".to_owned()),
            ("new", "4".to_owned()),
            ("new", "54".to_owned())
        ]
    );
}

#[test]
fn e3_an_estimate_is_priced_as_a_month_of_its_own() {
    let book = always(
        "[tariffs.blocks]\nper = \"month\"\nsteps = [{ width = \"100\", price = \"1\" }, { price = \"2\" }]\n\
         [tariffs.minimum]\nper = \"month\"\namount = \"30\"\n\
         [[tariffs.standing]]\nname = \"meter\"\nper = \"month\"\namount = \"7\"",
    );
    let bill = |units| {
        let month = (month("2024-05"), q(units));
        explain_month(book.price_book(), HOUSE, FinishedMonths::default(), month).unwrap()
    };
    assert_eq!(bill("120").total, eur("147"));
    assert_eq!(bill("0").total, eur("37"));
    assert_eq!(bill("0").minimums.len(), 1);
}

#[test]
fn c11_without_a_tariff_for_the_day_the_class_or_the_scale_nothing_is_priced() {
    let book = book(&[tariff(
        "t",
        "2024-05-16T00:00:00+02:00",
        "[tariffs.blocks]\nper = \"month\"\nscaled_by = \"contracted_kva\"\nsteps = [{ price = \"1\" }]",
    )]);
    let span = |from: &str| Span {
        from: at(from),
        to: at("2024-05-18T00:00:00"),
        quantity: q("1"),
    };
    let priced = |customer, from| price(book.price_book(), customer, None, span(from));
    assert!(priced(HOUSE, "2024-05-16T00:00:00").is_ok());
    let refusal = priced(HOUSE, "2024-05-15T23:00:00").unwrap_err();
    assert_eq!(refusal.at, at("2024-05-15T00:00:00"));
    let other = Customer {
        class: "commercial",
        ..HOUSE
    };
    assert!(priced(other, "2024-05-17T00:00:00").is_err());
    let without = Customer {
        scale: Scale::ONE_DWELLING,
        ..HOUSE
    };
    assert!(priced(without, "2024-05-17T00:00:00").is_err());
}
