//! `ledger tariff price`: readings under a tariff, with no ledger running.

use std::fs;
use std::path::Path;

use crate::running::run;

const KENYA: &str = r#"zone = "Africa/Nairobi"
currency = { code = "KES", decimals = 2 }

[[tariffs]]
name = "domestic-2024"
utility = "electricity"
class = "residential"
effective_from = "2023-07-01T00:00:00+03:00"
verified = true
source = "price list of January 2024"
[tariffs.bands]
per = "month"
by = "trailing_average"
months = 3
steps = [
    { up_to = "30", price = "12.24" },
    { up_to = "100", price = "16.58" },
    { price = "20.58" },
]
[[tariffs.pass_throughs]]
name = "fuel"
price = "3.98"
rounding = { decimals = 2, mode = "half_up" }
[[tariffs.levies]]
name = "rep"
kind = "levy"
percent = "5"
on = ["energy"]
rounding = { decimals = 2, mode = "half_up" }
[[tariffs.levies]]
name = "vat"
kind = "tax"
percent = "16"
on = ["energy", "fuel"]
rounding = { decimals = 2, mode = "half_up" }
"#;

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn kenya(folder: &Path) {
    write(folder, "kenya.toml", KENYA);
    write(
        folder,
        "register.csv",
        "read_at,value\n2024-01-01 00:00:00,100\n2024-01-15 12:00:00,115.5\n2024-02-01 00:00:00,140\n\
         2024-03-01T00:00:00+03:00,148.87\n",
    );
}

const PRICE: [&str; 6] = [
    "tariff",
    "price",
    "--tariff",
    "kenya.toml",
    "--readings",
    "register.csv",
];

#[test]
fn c11_a_series_is_priced_line_by_line_and_per_month() {
    let folder = tempfile::tempdir().unwrap();
    kenya(folder.path());
    let got = run(folder.path(), &PRICE);
    assert_eq!(got.code, 0, "{got}");
    insta::assert_snapshot!(got.out);
}

#[test]
fn c11_as_json_figures_are_exact_and_sum_up() {
    let folder = tempfile::tempdir().unwrap();
    kenya(folder.path());
    let json = [&["--json"][..], &PRICE].concat();
    let got = run(folder.path(), &json);
    assert_eq!(got.code, 0, "{got}");
    let answer: serde_json::Value = serde_json::from_str(&got.out).unwrap();
    assert_eq!(answer["currency"], "KES");
    assert_eq!(answer["readings"]["quantity"], "48.87");
    assert_eq!(answer["months"][1]["energy"], "147.0646");
    let cents = |value: &serde_json::Value| {
        let text = value.as_str().unwrap();
        ledger_core::num::Money::parse(text).unwrap()
    };
    let lines = answer["lines"].as_array().unwrap().iter();
    let sum: ledger_core::num::Money = lines.map(|line| cents(&line["amount"])).sum();
    assert_eq!(sum, cents(&answer["total"]));
    let vat = answer["lines"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (vat["kind"].as_str(), vat["percent"].as_str()),
        (Some("tax"), Some("16"))
    );
}

#[test]
fn c11_intervals_with_a_gap_are_priced_and_the_gap_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "kenya.toml", KENYA);
    write(
        folder.path(),
        "half.csv",
        "interval_end,quantity\n2024-01-01 00:30:00,0.5\n2024-01-01 01:00:00,0.25\n2024-01-01 03:00:00,0.25\n",
    );
    let command = [
        "tariff",
        "price",
        "--tariff",
        "kenya.toml",
        "--readings",
        "half.csv",
    ];
    let got = run(folder.path(), &command);
    assert_eq!(got.code, 0, "{got}");
    assert!(
        got.out
            .contains("2024-01-01 00:00:00 to 2024-01-01 03:00:00"),
        "{got}"
    );
    assert!(
        got.out.contains("1 gaps, in which nothing was used"),
        "{got}"
    );
}

#[test]
fn c11_a_scheme_with_several_classes_is_told_which_one_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let shown = run(folder.path(), &["scheme", "show", "usms"]);
    write(folder.path(), "usms.toml", &shown.out);
    write(
        folder.path(),
        "e.csv",
        "read_at,value\n2026-03-01 00:00:00,0\n2026-04-01 00:00:00,26880\n",
    );
    let command = [
        "tariff",
        "price",
        "--tariff",
        "usms.toml",
        "--readings",
        "e.csv",
    ];
    let got = run(folder.path(), &command);
    assert_eq!(got.code, 2, "{got}");
    assert!(got.err.contains("TARIFF_CHOICE"), "{got}");
    assert!(
        got.err.contains("--utility electricity --class commercial"),
        "{got}"
    );
    let chosen = [
        &command[..],
        &[
            "--utility",
            "electricity",
            "--class",
            "commercial",
            "--kva",
            "140",
        ],
    ]
    .concat();
    let got = run(folder.path(), &chosen);
    assert_eq!(got.code, 0, "{got}");
    assert!(got.out.contains("1948.80"), "{got}");
    let got = run(folder.path(), &chosen[..10]);
    assert_eq!(got.code, 2, "without kVA there is no tariff: {got}");
    assert!(
        got.err.contains("NO_TARIFF") && got.err.contains("--kva"),
        "{got}"
    );
}

#[test]
fn what_is_wrong_in_tariff_or_readings_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    kenya(folder.path());
    let line_of = |part: &str| KENYA.lines().position(|line| line.contains(part)).unwrap() + 1;
    write(
        folder.path(),
        "kenya.toml",
        &KENYA.replace("[\"energy\", \"fuel\"]", "[\"energy\", \"fule\"]"),
    );
    let got = run(folder.path(), &PRICE);
    assert_eq!(got.code, 2, "{got}");
    let place = format!(
        "kenya.toml: line {}: tariffs[0].levies[1].on",
        line_of("\"fuel\"]")
    );
    assert!(got.err.contains(&place), "{got}");
    assert!(
        got.err
            .contains("\"fule\" is none of energy, standing, minimum, fuel, rep"),
        "{got}"
    );

    write(folder.path(), "kenya.toml", KENYA);
    for (text, reason) in [
        (
            "meter,value\n",
            "line 1: \"meter,value\" is no known header",
        ),
        (
            "read_at,value\n2024-01-01 00:00:00,5\n",
            "no consumption to price",
        ),
        (
            "read_at,value\n2024-01-01 00:00:00,5\n\n2024-01-02 00:00:00,4\n",
            "line 4: the register falls from 5 to 4",
        ),
        (
            "read_at,value\n2024-01-02 00:00:00,5\n2024-01-01 00:00:00,6\n",
            "line 3: its time is not after",
        ),
        (
            "read_at,value\n2024-01-02,5\n",
            "line 2: the time is malformed",
        ),
        (
            "read_at,value\n2024-01-02 00:00:00,5,x\n",
            "line 2: it has not two fields",
        ),
        (
            "interval_end,quantity\n2024-01-02 00:00:00,5\n",
            "line 2: one interval alone does not tell how long it is",
        ),
        (
            "interval_end,quantity\n2024-01-02 00:00:00,-5\n",
            "line 2: -5 is below zero",
        ),
        (
            "read_at,value\n2022-01-01 00:00:00,5\n2022-01-02 00:00:00,6\n",
            "line 3: there is no tariff for electricity residential",
        ),
    ] {
        write(folder.path(), "register.csv", text);
        let got = run(folder.path(), &PRICE);
        assert_eq!(got.code, 2, "{got}");
        assert!(got.err.contains(reason), "{reason:?} in {got}");
        assert!(got.out.is_empty(), "{got}");
    }
}
